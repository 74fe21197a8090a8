"""`tell` of an inventory: for all pairs or for one, by reference alone, and never repeated."""

from __future__ import annotations

import pytest

from orchestrator.config import parse_inventory
from orchestrator.errors import DocumentError
from orchestrator.model.org import Apprise, Channel, CommandKey, EnvironmentKey, FileKey, Occasion, Webhook

from .texts import INVENTORY

TELL = """\
tell:
  on_call:
    webhook: {url: {env: HOOK_URL}, secret: {file: secret.txt}}
    on: [stopped, approval, drill]
  chat:
    apprise: {command: [op, read, chat]}
"""
HOOK = Webhook(EnvironmentKey("HOOK_URL"), FileKey("/etc/hamr/secret.txt"))
ON_CALL = Channel("on_call", HOOK, frozenset({Occasion.STOPPED, Occasion.APPROVAL, Occasion.DRILL}))
CHAT = Channel("chat", Apprise(CommandKey(("op", "read", "chat"))), frozenset(Occasion))


def own(text: str) -> str:
    """The inventory with this in its first pair."""
    head, pair, rest = INVENTORY.partition("  payments:\n")
    assert pair
    return f"{TELL}{head}{pair}    {text}\n{rest}"


def test_what_stands_at_the_top_is_for_every_pair_and_files_are_meant_from_the_inventory_s_folder() -> None:
    pairs = parse_inventory(TELL + INVENTORY, "/etc/hamr/pairs.yaml").pairs
    assert {pair.tell for pair in pairs} == {(ON_CALL, CHAT)}


def test_what_a_pair_says_itself_counts_and_an_empty_one_tells_nobody() -> None:
    assert parse_inventory(own("tell: {}"), "/etc/hamr/pairs.yaml").pairs[0].tell == ()
    (other,) = (
        parse_inventory(own("tell: {mine: {apprise: {env: MINE}, on: [done]}}"), "p.yaml").pairs[0].tell
    )
    assert other == Channel("mine", Apprise(EnvironmentKey("MINE")), frozenset({Occasion.DONE}))


def test_law_17_the_variables_of_addresses_are_hidden_from_programs_as_those_of_keys_are() -> None:
    for pair in parse_inventory(TELL + INVENTORY, "p.yaml").pairs:
        assert "HOOK_URL" in pair.own_keys
        assert "HOOK_URL" in pair.all_keys


def test_without_any_nobody_is_told() -> None:
    assert all(pair.tell == () for pair in parse_inventory(INVENTORY, "p.yaml").pairs)


CANARY = "https://hooks.example.com/T0/cAnArYcAnArY"


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (f'webhook: {{url: "{CANARY}", secret: {{env: S}}}}', "a key must not stand in this file"),
        (f'webhook: {{url: {{env: U}}, secret: "{CANARY}"}}', "a key must not stand in this file"),
        (f'webhook: "{CANARY}"', "a key must not stand in this file"),
        (f'webhok: "{CANARY}"', 'did you mean "webhook"?'),
        (f'apprise: "{CANARY}"', "a key must not stand in this file"),
        (f'apprise: {{env: "{CANARY}"}}', "expected the name of an environment variable"),
        (f'apprise: {{url: "{CANARY}"}}', "(what stands here is not shown"),
        ("webhook: {url: {env: U}}", '"secret" is missing in tell.x.webhook'),
        ("on: [done]", "say how they are told"),
        ("{webhook: {url: {env: U}, secret: {env: S}}, apprise: {env: A}}", "a channel has one way"),
        ("{apprise: {env: A}, on: []}", "at least one is wanted"),
        ("{apprise: {env: A}, on: [stoped]}", 'did you mean "stopped"?'),
        ("{apprise: {env: A, timeout: 3s}}", "only a command takes time"),
    ],
)
def test_law_17_what_is_wrong_is_told_and_no_address_is(channel: str, words: str) -> None:
    inner = channel if channel.startswith("{") else f"{{{channel}}}"
    with pytest.raises(DocumentError) as caught:
        parse_inventory(f"tell: {{x: {inner}}}\n{INVENTORY}", "p.yaml")
    assert words in str(caught.value)
    assert "cAnArY" not in str(caught.value)

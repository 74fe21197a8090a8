"""Which pairs are meant, and in which waves: what nobody has is an error, and every pair moves once."""

from __future__ import annotations

import re

import pytest

from orchestrator.config import parse_inventory
from orchestrator.errors import DocumentError, UsageError
from orchestrator.fleet.selection import Selection, in_waves, select, waves_named
from orchestrator.model.org import Inventory, Wave

PAIRS = {
    "pay-1": "{tier: gold, region: eu1}",
    "pay-2": "{tier: gold, region: us5}",
    "web-1": "{tier: silver, region: eu1}",
    "db-1": "{}",
}

ORG = "{{name: O, uuid: {uuid}, site: {site}, api_key: {{env: A}}, app_key: {{env: B}}}}"


def inventory(top: str = "", pairs: dict[str, str] | None = None) -> Inventory:
    lines = ["schema: 1", *([top] if top else []), "pairs:"]
    for number, (name, labels) in enumerate((PAIRS if pairs is None else pairs).items()):
        lines += [f"  {name}:", f"    labels: {labels}"]
        for role, (site, digit) in {"primary": ("us1", 1), "secondary": ("eu1", 2)}.items():
            uuid = f"{digit}{number:07d}-0000-4000-8000-000000000000"
            lines.append(f"    {role}: {ORG.format(uuid=uuid, site=site)}")
    return parse_inventory("\n".join([*lines, ""]), "pairs.yaml")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (Selection(everything=True), ["pay-1", "pay-2", "web-1", "db-1"]),
        (Selection(("db-1", "pay-1")), ["pay-1", "db-1"]),
        (Selection(("pay-*",)), ["pay-1", "pay-2"]),
        (Selection((), ("tier=gold",)), ["pay-1", "pay-2"]),
        (Selection((), ("tier=gold,region=eu1",)), ["pay-1"]),
        (Selection((), ("tier=silver", "region=us5")), ["pay-2", "web-1"]),
        (Selection(("*-1",), ("tier=*",)), ["pay-1", "web-1"]),
    ],
)
def test_the_pairs_that_are_meant_in_the_order_of_the_inventory(asked: Selection, meant: list[str]) -> None:
    assert [pair.name for pair in select(inventory(), asked)] == meant


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Selection(), "It is not said which pairs are meant"),
        (Selection(("pay-1",), (), True), "--all is every pair: leave it out"),
        (Selection(("pay1",)), 'There is no pair "pay1" in pairs.yaml; did you mean "pay-1"? Its pairs: pay-1, pay-2, web-1, db-1.'),
        (Selection(("mail-*",)), "No pair of pairs.yaml is called like 'mail-*'. There are: pay-1, pay-2, web-1 and db-1."),
        (Selection((), ("teir=gold",)), "no pair has the label 'teir'; did you mean \"tier\"?"),
        (Selection((), ("tier=bronze",)), "no pair's tier is 'bronze'. There are: gold and silver."),
        (Selection((), ("tier",)), "--select 'tier': a label and its value are wanted"),
        (Selection((), ("tier=silver,region=us5",)), "--select tier=silver,region=us5: no pair of pairs.yaml is all of that."),
    ],
)  # fmt: skip
def test_what_nobody_has_is_an_error(asked: Selection, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        select(inventory(), asked)


def test_where_no_pair_has_labels_it_says_so() -> None:
    with pytest.raises(UsageError, match="No pair has labels"):
        select(inventory(pairs={"a": "{}"}), Selection((), ("tier=gold",)))


def sizes(text: str, pairs: int) -> list[int]:
    return [len(wave) for wave in in_waves([*map(str, range(pairs))], waves_named(text))]


@pytest.mark.parametrize(
    ("text", "pairs", "found"),
    [
        ("1,10%,rest", 50, [1, 5, 44]),
        ("1,10%,rest", 11, [1, 2, 8]),
        ("1,10%,rest", 2, [1, 1]),
        ("1,10%,rest", 1, [1]),
        ("rest", 3, [3]),
        ("100%", 7, [7]),
        ("50%,50%", 3, [2, 1]),
        ("5", 3, [3]),
        ("1, 2, rest", 4, [1, 2, 1]),
    ],
)
def test_a_share_is_rounded_up_and_a_wave_of_nobody_is_none(text: str, pairs: int, found: list[int]) -> None:
    assert sizes(text, pairs) == found


def test_every_pair_moves_in_one_wave_in_the_order_that_was_given() -> None:
    names = [*map(str, range(37))]
    assert [name for wave in in_waves(names, waves_named("3,10%,rest")) for name in wave] == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "a wave is a number of pairs (1 or more)"),
        ("110%", "110% is no share of the pairs: 1% to 100%"),
        ("0%", "0% is no share of the pairs"),
        ("rest,5", "it can only be the last wave"),
        ("1,,rest", "a wave is a number of pairs"),
        ("-1", "a wave is a number of pairs"),
        ("1,10%", "These waves take 11 of 100 pairs (1,10%): end them with rest"),
    ],
)
def test_a_wave_that_cannot_be_is_an_error(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        sizes(text, 100)


def test_an_inventory_says_labels_and_waves() -> None:
    found = inventory("waves: [1, 10%, rest]")
    assert found.waves == (Wave(pairs=1), Wave(percent=10), Wave())
    assert found.pairs[0].labels == {"tier": "gold", "region": "eu1"}


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("waves: [0, rest]", "pairs.yaml:2:9: a wave is a number of pairs (1 or more), a share (1% to 100%) or rest"),
        ("waves: [110%]", "pairs.yaml:2:9: 110% is no share of the pairs"),
        ("waves: [rest, 1]", "it can only be the last wave"),
        ("waves: []", "this is empty, and at least one is wanted"),
    ],
)  # fmt: skip
def test_waves_that_cannot_be_are_told_with_their_place(top: str, said: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(said)):
        inventory(top)


@pytest.mark.parametrize("labels", ["{tier: 1}", "{tier: 'a,b'}", "[gold]"])
def test_a_label_is_a_name_and_its_value_is_one(labels: str) -> None:
    with pytest.raises(DocumentError, match=r"pairs.yaml:4:\d+: "):
        inventory(pairs={"a": labels})

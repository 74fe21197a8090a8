"""The inventory: what is read, and what is refused at which place."""

from __future__ import annotations

import os
import pwd
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.config import find_inventory, load_inventory, parse_inventory
from orchestrator.config.inventory import pair_named
from orchestrator.config.starter import starter_inventory
from orchestrator.errors import DocumentError, UsageError
from orchestrator.model.org import CommandKey, EnvironmentKey, FileKey, Mirrors, Org, Wire
from orchestrator.model.status import Role
from tests.steps import typed

from .texts import INVENTORY, said_of_inventory

PRIMARY_SITE = "      site: us1\n"


def with_primary(lines: str) -> str:
    return INVENTORY.replace(PRIMARY_SITE, lines, 1)


def primary_of(text: str) -> Org:
    return parse_inventory(text, "f").pairs[0][Role.PRIMARY]


def test_a_pair_is_read_whole() -> None:
    inventory = parse_inventory(INVENTORY, "f")
    assert inventory.path == "f"
    (pair,) = inventory.pairs
    assert (pair.name, pair.mirrors, pair.drill) == ("payments", Mirrors.AUTO, False)
    assert pair[Role.PRIMARY] == Org(
        role=Role.PRIMARY,
        name="Payments",
        uuid="550e8400-e29b-41d4-a716-446655440000",
        base_url="https://api.datadoghq.com",
        datacenter="us1",
        wire=Wire.AUTO,
        api_key=EnvironmentKey("A_KEY"),
        app_key=EnvironmentKey("B_KEY"),
    )
    assert pair[Role.SECONDARY].base_url == "https://api.datadoghq.eu"
    assert pair[Role.SECONDARY].datacenter == "eu1"


@pytest.mark.parametrize(
    ("written", "meant"), [("true", Mirrors.YES), ("false", Mirrors.NO), ("auto", Mirrors.AUTO)]
)
def test_mirrors_is_true_false_or_auto(written: str, meant: Mirrors) -> None:
    text = INVENTORY.replace("payments:\n", f"payments:\n    mirrors: {written}\n    drill: true\n")
    (pair,) = parse_inventory(text, "f").pairs
    assert (pair.mirrors, pair.drill) == (meant, True)


def test_a_pair_may_name_pages_of_its_own() -> None:
    text = INVENTORY.replace(
        "payments:\n", "payments:\n    pages: {outside: https://Checks.example.com/eu1}\n"
    )
    (pair,) = parse_inventory(text, "f").pairs
    assert dict(pair.pages) == {"outside": "https://checks.example.com/eu1"}


@pytest.mark.parametrize(
    ("line", "events"), [("", True), ("    events: true\n", True), ("    events: false\n", False)]
)
def test_events_are_posted_unless_the_pair_says_no(line: str, events: bool) -> None:
    (pair,) = parse_inventory(INVENTORY.replace("payments:\n", f"payments:\n{line}"), "f").pairs
    assert pair.events is events


def test_events_is_true_or_false() -> None:
    text = INVENTORY.replace("payments:\n", "payments:\n    events: sometimes\n")
    assert said_of_inventory(text) == ['4:13: expected true or false, found the text "sometimes"']


@pytest.mark.parametrize(
    ("site", "base"),
    [
        ("us1", "https://api.datadoghq.com"),
        ("app.datadoghq.com", "https://api.datadoghq.com"),
        ("US3.datadoghq.com", "https://api.us3.datadoghq.com"),
        ("ap1", "https://api.ap1.datadoghq.com"),
        ("us1-fed", "https://api.ddog-gov.com"),
    ],
)
def test_a_site_is_named_as_people_name_it(site: str, base: str) -> None:
    assert primary_of(with_primary(f"      site: {site}\n")).base_url == base


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:9101", "http://127.0.0.1:9101"),
        ("http://localhost:80/", "http://localhost:80"),
        ("http://[::1]:9101", "http://[::1]:9101"),
        ("https://Proxy.Example.COM", "https://proxy.example.com"),
    ],
)
def test_a_url_stands_for_any_other_address(url: str, base: str) -> None:
    org = primary_of(with_primary(f"      url: {url}\n      datacenter: us5.prod.dog\n      wire: pascal\n"))
    assert (org.base_url, org.datacenter, org.wire) == (base, "us5", Wire.PASCAL)


def test_keys_are_found_in_the_environment_in_files_and_by_commands(tmp_path: Path) -> None:
    text = INVENTORY.replace("{env: A_KEY}", "{file: keys/api}").replace("{env: B_KEY}", "{file: /etc/app}")
    text = text.replace("{env: C_KEY}", "{command: [op, read, 'op://x/y']}")
    path = tmp_path / "pairs.yaml"
    path.write_text(text)
    (pair,) = load_inventory(path).pairs
    assert pair[Role.PRIMARY].api_key == FileKey(f"{tmp_path}/keys/api")
    assert pair[Role.PRIMARY].app_key == FileKey("/etc/app")
    assert pair[Role.SECONDARY].api_key == CommandKey(("op", "read", "op://x/y"))


def test_a_key_file_may_be_meant_from_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    assert primary_of(INVENTORY.replace("{env: A_KEY}", "{file: ~/k}")).api_key == FileKey("/home/ops/k")
    monkeypatch.setenv("HOME", "")
    whose = FileKey(f"{pwd.getpwuid(os.getuid()).pw_dir}/k")
    assert primary_of(INVENTORY.replace("{env: A_KEY}", "{file: ~/k}")).api_key == whose


def test_a_relative_key_file_is_stored_absolute_when_the_inventory_is_named_relatively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "pairs.yaml").write_text(INVENTORY.replace("{env: A_KEY}", "{file: ../k}"))
    monkeypatch.chdir(tmp_path)
    assert load_inventory(Path("ops/pairs.yaml")).pairs[0][Role.PRIMARY].api_key == FileKey(f"{tmp_path}/k")


def test_what_stands_below_a_misspelt_key_is_judged_as_what_was_meant() -> None:
    text = INVENTORY.replace("primary:", "primry:").replace("site: us1", "sitte: us9")
    assert said_of_inventory(text) == [
        '4:5: "primry" is not a known key in pairs.payments; did you mean "primary"?',
        '7:7: "sitte" is not a known key in pairs.payments.primry; did you mean "site"?',
        '7:14: "us9" is not a Datadog site (us1, us3, us5, eu1, ap1, ap2, uk1, us1-fed or us2-fed); did you mean "us5"?',
    ]


def test_uuids_are_compared_in_lower_case() -> None:
    assert (
        primary_of(INVENTORY.replace("550e8400", "550E8400")).uuid == "550e8400-e29b-41d4-a716-446655440000"
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("      site: us2\n", '7:13: "us2" is not a Datadog site (us1, us3, us5, eu1, ap1, ap2, uk1, us1-fed or us2-fed); did you mean'),
        ("      site: datadoghq.con\n", '7:13: "datadoghq.con" is not a Datadog site (us1, us3, us5, eu1, ap1, ap2, uk1, us1-fed or us2-fed); did you mean "datadoghq.com"?'),
        ("      site: https://app.datadoghq.com/\n", "7:13: a site is a name such as eu1 or datadoghq.eu; for an address write url: instead of site:"),
        ("      site: us1\n      datacenter: eu1\n", "8:19: the site us1 is in the datacenter us1: correct one of them"),
        ("      site: us1\n      url: https://x.example\n", "8:7: an org has a site or a url, not both: leave one out"),
        ("", '4:5: "site" is missing in pairs.payments.primary'),
        ("      url: https://x.example\n", '4:5: "datacenter" is missing in pairs.payments.primary: with url: it has to be said'),
        ("      url: http://x.example\n      datacenter: us1\n", "7:12: plain http would send the keys in clear"),
        ("      url: http://127.evil.example\n      datacenter: us1\n", "7:12: plain http would send the keys in clear"),
        ("      url: https://x.example/api\n      datacenter: us1\n", "7:12: a URL must not carry a path, query or fragment"),
        ("      url: https://x.example?a=b\n      datacenter: us1\n", "7:12: a URL must not carry a path, query or fragment"),
        ("      url: https://u:pass@x.example\n      datacenter: us1\n", "7:12: a URL must not carry a name or password"),
        ("      url: ftp://x.example\n      datacenter: us1\n", "7:12: this is not a usable URL"),
        ("      url: https://\n      datacenter: us1\n", "7:12: this is not a usable URL"),
        ("      url: https://x.example:99999\n      datacenter: us1\n", "7:12: this is not a usable URL"),
        ("      url: https://[::1\n      datacenter: us1\n", "7:12: this is not a usable URL"),
        ("      url: https://-x-/\n      datacenter: us1\n", "7:12: the host of this URL is not a usable name"),
        ('      url: "https://x.example\\\\@y"\n      datacenter: us1\n', "7:12: this is not a usable URL"),
        ("      site: us1\n      wire: camel\n", '8:13: "camel" is not a casing (auto, snake or pascal)'),
        ("      site: us1\n      sitte: us1\n", '8:7: "sitte" is not a known key in pairs.payments.primary; did you mean "site"?'),
        ("      site:\n", '7:7: "site" has no value: give it a value, or leave it out'),
        ("      site: 5\n", "7:13: expected text, found the number 5: put it in quotes"),
        ("      site: eu1\n", "13:13: both orgs are in eu1: a pair fails over between two regions"),
    ],
)  # fmt: skip
def test_an_org_that_cannot_be_right_is_refused_at_its_place(lines: str, expected: str) -> None:
    said = said_of_inventory(with_primary(lines))
    assert len(said) == 1
    assert said[0].startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("schema: 1", "schema: 2", "1:9: this file says schema 2, and this version of hamr reads schema 1 alone"),
        ("schema: 1", "schema: true", "1:9: expected the number 1, found true"),
        ("schema: 1\n", "", '1:1: "schema" is missing: version of this format: 1'),
        ("payments:", "pay ments:", '3:3: "pay ments" cannot be a name: letters, digits, dots, hyphens and underscores'),
        ("payments:", "-p:", '3:3: "-p" cannot be a name'),
        ("payments:\n", "payments:\n    mirrors: yes\n", '4:14: expected true, false or auto, found the text "yes"'),
        ("payments:\n", "payments:\n    pages: {outside: ftp://x.example}\n", "4:22: this is not a usable URL: write the address of a page, such as https://status.datadoghq.eu/api/v2/components.json"),
        ("payments:\n", "payments:\n    drill: maybe\n", '4:12: expected true or false, found the text "maybe"'),
        ("550e8400-", "550e8400", '6:13: expected an org\'s uuid, such as 550e8400-e29b-41d4-a716-446655440000, found the text "550e8400e29b'),
        ("660e8400", "550E8400", "12:13: both orgs of this pair have the same uuid: each has its own"),
        ("      uuid: 550e8400-e29b-41d4-a716-446655440000\n", "", '4:5: "uuid" is missing in pairs.payments.primary: the org\'s own uuid'),
        ("      name: Payments\n", '      name: " "\n', "5:13: expected text, found an empty one"),
        ("      name: Payments\n", "      name: NO\n", None),
        ("{env: A_KEY}", "{env: A_KEY, file: x}", "8:7: a key has one source, and here are 2"),
        ("{env: A_KEY}", "{}", "8:7: say where the key is found"),
        ("{env: A_KEY}", "{command: op read}", "8:26: a key must not stand in this file"),
        ("{env: A_KEY}", "{command: []}", "8:26: expected {env: NAME}, {file: PATH} or {command: [PROGRAM, …]}"),
        ("{env: A_KEY}", "{command: [head, -n, 1]}", "8:37: expected text in a command's list: put numbers, true and false in quotes"),
        ("{env: A_KEY}", "{command: [op, 0123456789abcdef0123456789ABCDEF]}", "8:31: this looks like a Datadog key: a key never stands in this file, a command's arguments included (what stands here is not shown)"),
        ("{env: A_KEY}", "{command: [sh, -c, 'echo 0123456789abcdef0123456789abcdef01234567']}", "8:35: this looks like a Datadog key"),
        ("{env: A_KEY}", "{command: [get, --key=0123456789abcdef0123456789abcdef]}", "8:32: this looks like a Datadog key"),
        ("{env: A_KEY}", "{command: [get, ddapp_0123456789abcdefghij]}", "8:32: this looks like a Datadog key"),
        ("{env: A_KEY}", "{command: [get, 'https://vault.example/keys/0123456789abcdef0123456789abcdef/1']}", None),
        ("{env: A_KEY}", "{command: [op, read], timeout: 2m}", None),
        ("{env: A_KEY}", "{command: [op, read], timeout: 1h}", "8:47: 1h is out of bounds: between 1s and 10m"),
        ("{env: A_KEY}", "{env: A_KEY, timeout: 2m}", "8:29: only a command takes time: leave timeout out, or give the key by a command"),
        ("{env: A_KEY}", "{timeout: 2m}", "8:7: say where the key is found"),
        ("      site: us1\n", "      site: us1\n      ca: [a]\n", "8:11: expected the path of a file with certificates (PEM), found a list"),
        ("      app_key: {env: B_KEY}\n", "", '4:5: "app_key" is missing in pairs.payments.primary'),
    ],
)  # fmt: skip
def test_an_inventory_that_cannot_be_right_is_refused_at_its_place(
    old: str, new: str, expected: str | None
) -> None:
    assert old in INVENTORY
    said = said_of_inventory(INVENTORY.replace(old, new, 1))
    assert [line[: len(expected or "")] for line in said] == ([] if expected is None else [expected])


def test_pairs_on_loopback_may_name_one_datacenter() -> None:
    text = INVENTORY.replace(
        "site: us1", "{url: http://127.0.0.1:1, datacenter: us1}"[1:-1].replace(", ", "\n      ")
    )
    assert (
        said_of_inventory(text.replace("site: eu1", "url: http://127.0.0.1:2\n      datacenter: us1")) == []
    )


def test_an_org_belongs_to_one_pair() -> None:
    second = INVENTORY.partition("pairs:\n")[2].replace("payments:", "orders:")
    assert said_of_inventory(INVENTORY + second) == [
        "19:13: this org stands in pairs.payments.primary already: an org belongs to one pair",
        "25:13: this org stands in pairs.payments.secondary already: an org belongs to one pair",
    ]


def test_two_pairs_of_one_name_are_refused() -> None:
    (only,) = said_of_inventory(INVENTORY + INVENTORY.partition("pairs:\n")[2])
    assert only == '16:3: the key "payments" stands twice here; the first is on line 3'


def test_an_inventory_without_pairs_is_refused() -> None:
    assert said_of_inventory("schema: 1\npairs: {}\n") == ["2:8: this is empty, and at least one is wanted"]
    assert said_of_inventory("schema: 1\npairs: [a]\n") == [
        "2:8: expected a mapping (name: value), found a list"
    ]
    assert said_of_inventory("schema: 1\npairs: x\n") == ["2:8: expected a mapping (name: value), found text"]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = INVENTORY.replace("schema: 1", "schema: 3").replace("site: us1", "site: us9")
    text = (
        text.replace("{env: C_KEY}", "abc")
        .replace("name: Payments standby", "nam: x")
        .replace("660e", "550e")
    )
    places = [line.split(" ")[0] for line in said_of_inventory(text)]
    assert places == ["1:9:", "7:13:", "11:7:", "12:13:", "14:16:"]


def test_the_error_carries_its_problems_and_nothing_was_sent() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_inventory(INVENTORY.replace("us1", "us9"), "ops/pairs.yaml")
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith('ops/pairs.yaml:7:13: "us9" is not a Datadog site')
    assert caught.value.sent == "Nothing was sent."


def test_the_starter_inventory_is_right_as_it_is() -> None:
    (pair,) = parse_inventory(starter_inventory(), "pairs.yaml").pairs
    assert pair.name == "payments"
    assert pair[Role.PRIMARY].api_key == EnvironmentKey("PAYMENTS_PRIMARY_API_KEY")


TWO_PAIRS = (
    INVENTORY
    + """\
  orders:
    primary:
      name: Orders
      uuid: 770e8400-e29b-41d4-a716-446655440000
      site: us1
      api_key: {env: A_KEY}
      app_key: {env: E_KEY}
    secondary:
      name: Orders standby
      uuid: 880e8400-e29b-41d4-a716-446655440000
      site: eu1
      api_key: {file: f}
      app_key: {env: G_KEY}
"""
)


def test_law_17_each_pair_knows_which_variables_hold_keys_of_the_others() -> None:
    """So that a hook of one pair is not handed the keys of all."""
    payments, orders = parse_inventory(TWO_PAIRS, "f").pairs
    assert payments.own_keys == {"A_KEY", "B_KEY", "C_KEY", "D_KEY"}
    assert orders.own_keys == {"A_KEY", "E_KEY", "G_KEY"}
    assert payments.all_keys == orders.all_keys == {"A_KEY", "B_KEY", "C_KEY", "D_KEY", "E_KEY", "G_KEY"}


def test_a_key_command_may_be_given_more_time() -> None:
    text = INVENTORY.replace("{env: A_KEY}", "{command: [op, read], timeout: 1m30s}")
    assert primary_of(text).api_key == CommandKey(("op", "read"), timedelta(seconds=90))
    bare = INVENTORY.replace("{env: A_KEY}", "{command: [op, read]}")
    assert primary_of(bare).api_key == CommandKey(("op", "read"), timedelta(seconds=10))


def test_an_org_may_name_certificates_from_the_inventorys_folder(tmp_path: Path) -> None:
    ca = Path(__file__).parents[1] / "datadog" / "tls" / "ca.pem"
    (tmp_path / "ca.pem").write_bytes(ca.read_bytes())
    (tmp_path / "pairs.yaml").write_text(with_primary("      site: us1\n      ca: ./ca.pem\n"))
    (pair,) = load_inventory(tmp_path / "pairs.yaml").pairs
    assert (pair[Role.PRIMARY].ca, pair[Role.SECONDARY].ca) == (str(tmp_path / "ca.pem"), None)


# -- where it is looked for, and a pair by its name ----------------------------------------------------------


def test_the_option_goes_before_the_variable_and_that_before_the_folder(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml", "pairs.yaml"):
        (tmp_path / name).write_text(INVENTORY)
    environ = {"HAMR_PAIRS": str(tmp_path / "b.yaml")}
    assert find_inventory("a.yaml", environ, tmp_path) == tmp_path / "a.yaml"
    assert find_inventory(None, environ, tmp_path) == tmp_path / "b.yaml"
    assert find_inventory(None, {}, tmp_path) == tmp_path / "pairs.yaml"
    assert find_inventory(None, {"HAMR_PAIRS": ""}, tmp_path) == tmp_path / "pairs.yaml"


def test_without_any_inventory_the_way_to_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_inventory(None, {}, tmp_path)
    assert "`hamr init` writes one to start from" in caught.value.message
    assert typed(caught.value.next_steps)[0] == "hamr init"


@pytest.mark.parametrize(
    ("option", "variable", "by"), [("x.yaml", "", "--pairs"), (None, "x.yaml", "HAMR_PAIRS")]
)
def test_a_named_inventory_that_is_not_there_is_not_replaced_by_another(
    tmp_path: Path, option: str | None, variable: str, by: str
) -> None:
    (tmp_path / "pairs.yaml").write_text(INVENTORY)
    with pytest.raises(UsageError) as caught:
        find_inventory(option, {"HAMR_PAIRS": variable}, tmp_path)
    assert caught.value.message == f"There is no inventory at {tmp_path / 'x.yaml'} (named by {by})."


def test_a_pair_is_found_by_its_name() -> None:
    assert pair_named(parse_inventory(INVENTORY, "f"), "payments").name == "payments"


def test_an_unknown_pair_is_answered_with_the_near_one_and_the_list() -> None:
    second = INVENTORY.partition("pairs:\n")[2].replace("payments:", "orders:").replace("0e8400", "1e8400")
    inventory = parse_inventory(INVENTORY + second, "ops/pairs.yaml")
    with pytest.raises(UsageError) as caught:
        pair_named(inventory, "payment")
    assert caught.value.message == (
        'There is no pair "payment" in ops/pairs.yaml; did you mean "payments"? Its pairs: payments, orders.'
    )
    assert typed(caught.value.next_steps) == ("hamr status payments",)
    with pytest.raises(UsageError) as caught:
        pair_named(inventory, "zzz")
    assert caught.value.message == 'There is no pair "zzz" in ops/pairs.yaml. Its pairs: payments, orders.'
    assert caught.value.next_steps == ()


def test_of_thousands_of_pairs_twenty_are_named_where_another_one_was_meant() -> None:
    inventory = parse_inventory(INVENTORY, "pairs.yaml")
    (pair,) = inventory.pairs
    many = replace(inventory, pairs=tuple(replace(pair, name=f"pair-{number}") for number in range(4000)))
    with pytest.raises(UsageError) as caught:
        pair_named(many, "zzz")
    assert caught.value.message.endswith("pair-18, pair-19, and 3980 more.")

"""No bytes from a file cause an unhandled exception, much work, or a message that repeats a key (law 17)."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.config import check_file, parse_inventory, parse_playbook
from orchestrator.errors import DocumentError
from orchestrator.model.plain import JSON

from .texts import AROUND, INVENTORY, PLAYBOOK, said_of_inventory, said_of_playbook

# Words that stand in our files, and what YAML takes for special, drawn more often than chance would.
PIECES = st.sampled_from(
    [
        "schema", "pairs", "primary", "site", "url", "http://", "[::1", "uuid", "api_key", "env", "transitions", "from", "to",
        "stops", "guards", "quiet", "window", "zone", "all", "not", "probes", "metric", "monitor", "http", "run", "probe", "above", "one_of", "before", "manual", "PASSIVE", "ABSENT", "1", "010", "0x", "5m", "1e999",
        ": ", "- ", "{", "}", "[", "]", ",", "\n", "\n  ", "\n    ", "&a ", "*a", "!!", "<<: ", "? ", "|\n", ">", "'", '"',
        "---\n", "...\n", "%YAML 1.2\n", "#", "\t", "\\", "\0", "\ud800", "\u2028", "\ufeff", "~", "@", "`",
    ]
)  # fmt: skip
TEXTS = st.text(max_size=80) | st.lists(PIECES, max_size=40).map("".join)
VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["PASSIVE", "us1", "5m", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["from", "env", "quiet", "all"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_inventory, parse_playbook):
        with suppress(DocumentError):
            parse(text, "f")


@given(content=st.binary(max_size=120) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    for problem in check_file(path).problems:
        assert problem.message


@pytest.mark.parametrize("text", [INVENTORY, PLAYBOOK, AROUND])
@given(data=st.data())
def test_a_right_file_with_something_overwritten_is_read_or_refused(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    changed = text[:start] + data.draw(TEXTS) + text[end:]
    with suppress(DocumentError):
        (parse_inventory if text is INVENTORY else parse_playbook)(changed, "f")


@given(st.sampled_from(["site: us1", "{env: A_KEY}", "payments:\n", "schema: 1"]), VALUES)
def test_any_value_in_any_place_of_an_inventory_is_read_or_refused(place: str, value: JSON) -> None:
    key = place.partition(":")[0] + ": " if not place.startswith("{") else ""
    with suppress(DocumentError):
        parse_inventory(INVENTORY.replace(place.strip(), f"{key}{flow(value)}", 1), "f")


@given(
    st.sampled_from(
        ["[calm]", "{for: 5m}", "quiet: {for: 5m}", "[PASSIVE, ACTIVE]", "name: home", "schema: 1"]
    ),
    VALUES,
)
def test_any_value_in_any_place_of_a_playbook_is_read_or_refused(place: str, value: JSON) -> None:
    key = place.partition(":")[0] + ": " if not place.startswith(("{", "[")) else ""
    with suppress(DocumentError):
        parse_playbook(PLAYBOOK.replace(place, f"{key}{flow(value)}", 1), "f")


@given(
    st.sampled_from(
        [
            'metric: {org: secondary, query: "sum:agents{*}"}', "{org: primary, id: 42}", '"https://status.example.com/a.json"', "/status/indicator",
            "[./bin/moved, payments]", "probe: {name: agents, above: 0}", "{name: intake, one_of: [OK, Warn]}", "[OK, Warn]", "{name: moved}", "10m", "ask",
            "30s", "safe", "skip", "Press it.", "name: press", "42",
        ]
    ),
    VALUES,
)  # fmt: skip
def test_any_value_in_any_place_around_a_transition_is_read_or_refused(place: str, value: JSON) -> None:
    assert place in AROUND
    key = place.partition(":")[0] + ": " if place.startswith(("metric:", "probe:", "name:")) else ""
    with suppress(DocumentError):
        parse_playbook(AROUND.replace(place, f"{key}{flow(value)}", 1), "f")


def flow(value: JSON) -> str:
    """A value in YAML's flow style, written without the code under test."""
    match value:
        case None:
            return "~"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
        case list():
            return "[" + ", ".join(flow(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"


# -- how much work -------------------------------------------------------------------------------------------

ORG = "    {role}:\n      name: N\n      uuid: {number:08x}-{half}-41d4-a716-446655440000\n      site: {site}\n      api_key: {{env: A}}\n      app_key: {{env: B}}\n"


def inventory_of(pairs: int) -> str:
    lines = ["schema: 1\npairs:\n"]
    for number in range(pairs):
        lines.append(f"  p{number}:\n    mirrors: auto\n")
        lines.append(ORG.format(role="primary", number=number, half="1111", site="us1"))
        lines.append(ORG.format(role="secondary", number=number, half="2222", site="eu1"))
    return "".join(lines)


def playbook_of(guards: int) -> str:
    named = [f"  guard_{number}:\n    quiet: {{for: 5m}}\n    why: Because.\n" for number in range(guards)]
    used = [f"      - guard_{number}\n" for number in range(guards)]
    transitions = "transitions:\n  - name: out\n    from: PASSIVE\n    to: ACTIVE\n    guards:\n"
    return "schema: 1\nname: big\nguards:\n" + "".join(named) + transitions + "".join(used)


def calls_of(work: Callable[[], object]) -> int:
    """Python and C functions that were called."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    ("make", "said", "per_line"), [(inventory_of, said_of_inventory, 14), (playbook_of, said_of_playbook, 4)]
)
def test_twice_the_file_is_twice_the_work(
    make: Callable[[int], str], said: Callable[[str], list[str]], per_line: int
) -> None:
    small, large = make(2000 // per_line // 2), make(2000 // per_line)
    assert said(large) == []
    assert large.count("\n") > 1900
    calls = calls_of(lambda: said(large))
    assert calls < 2.2 * calls_of(lambda: said(small))
    assert calls < 100 * large.count("\n")


def test_a_file_of_nothing_but_problems_is_no_slower_than_a_few_right_ones() -> None:
    right, wrong = playbook_of(250), playbook_of(250).replace("- guard_", "- gourd_")
    found: list[str] = []
    # Looking for what was meant is the dear part: it compares with a bounded number of names, for a bounded number of problems.
    assert calls_of(lambda: found.extend(said_of_playbook(wrong))) < 60 * calls_of(
        lambda: said_of_playbook(right)
    )
    assert len(found) > 200


# Whatever an operator puts where a key's reference belongs


CANARY = "c4n4ry5c4n4ry5c4n4ry5c4n4ry5c4n4"
PLACES = [
    "CANARY", '"CANARY"', "'CANARY'", "!CANARY x", "!!str CANARY", "&CANARY x", "*CANARY", "[CANARY]", "{CANARY}",
    "{CANARY: x}", "{key: CANARY}", "{CANARY: , CANARY: }", "{env: CANARY-}", "{env: [CANARY]}", "{env: {CANARY: 1}}",
    "{file: [CANARY]}", '{file: "CANARY\\0"}', "{command: CANARY}", "{command: {CANARY: 1}}", "{command: [[CANARY]]}",
    '{command: ["CANARY\\0"]}', "{env: A, CANARY: x}", "{file: CANARY, env: CANARY}", "{env: CANARY, env: CANARY}",
    "\n        CANARY", "\n        <<: CANARY", "\n      CANARY", "\n        - CANARY", "|\n        CANARY", "CANARY: x", "'CANARY", "{CANARY",
]  # fmt: skip


def everything_said(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse_inventory(text, "pairs.yaml")
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    shown = "".join(traceback.format_exception(error))
    return "\n".join([str(error), repr(error), repr(error.problems), repr(vars(error)), shown])


@pytest.mark.parametrize("written", PLACES)
def test_law_17_an_inline_key_is_refused_and_not_repeated(written: str) -> None:
    for field in ("api_key: {env: A_KEY}", "app_key: {env: D_KEY}"):
        name = field.partition(":")[0]
        text = INVENTORY.replace(field, f"{name}: {written.replace('CANARY', CANARY)}")
        assert CANARY not in everything_said(text)


@pytest.mark.parametrize("written", PLACES)
def test_law_17_nor_is_one_below_a_misspelt_key(written: str) -> None:
    text = INVENTORY.replace("api_key: {env: A_KEY}", f"api_kye: {written.replace('CANARY', CANARY)}")
    assert CANARY not in everything_said(text)


@pytest.mark.parametrize(
    "name",
    [
        "{env: 0123456789abcdef0123456789abcdef}",
        "{env: abcdef0123456789abcdef0123456789}",
        "{file: abcdef0123456789abcdef0123456789}",
    ],
)
def test_law_17_what_looks_like_a_key_is_no_name_of_a_variable_or_file(name: str) -> None:
    said = everything_said(INVENTORY.replace("{env: A_KEY}", name))
    assert "pairs.yaml:8:" in said
    assert "0123456789abcdef0123456789" not in said


@pytest.mark.parametrize(
    "field", ["site: us1", "name: Payments\n", "uuid: 550e8400-e29b-41d4-a716-446655440000", "schema: 1"]
)
def test_law_17_a_key_that_went_to_another_field_is_not_repeated_either(field: str) -> None:
    key = "0123456789abcdef0123456789abcdef"
    for wrong in (
        f"{field.partition(':')[0]}: [{key}]",
        f"{key}: x",
        f"{field.partition(':')[0]}: '{key}'\n      wire: {key}",
    ):
        text = INVENTORY.replace(field.strip(), wrong, 1)
        assert key not in "\n".join(said_of_inventory(text))


def test_law_17_a_password_in_a_url_is_not_repeated() -> None:
    text = INVENTORY.replace(
        "site: us1", f"url: https://me:{CANARY}@x.example/{CANARY}\n      datacenter: us1"
    )
    assert CANARY not in everything_said(text)


@given(st.integers(min_value=10**8) | st.integers(min_value=10**8).map(lambda number: f"0{number}"))
def test_law_17_a_key_of_digits_is_refused_and_not_repeated(value: int | str) -> None:
    assert str(value) not in everything_said(INVENTORY.replace("{env: A_KEY}", f"{value}"))


def test_law_17_the_refusal_says_what_to_write_instead() -> None:
    said = everything_said(INVENTORY.replace("{env: A_KEY}", CANARY))
    assert "pairs.yaml:8:16: a key must not stand in this file: say where it is found, {env: NAME}" in said

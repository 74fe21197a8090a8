"""Durations as people write them, and the line that a message shows below itself."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from orchestrator.config import duration, parse_inventory, parse_playbook
from orchestrator.config.document import excerpt
from orchestrator.config.messages import written
from orchestrator.errors import DocumentError
from orchestrator.report.errors import problem_lines
from tests.report.scenes import lines

from .texts import INVENTORY


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("5m", 300),
        ("4h", 14400),
        ("2d", 172800),
        ("250ms", 0.25),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1m30s500ms", 90.5),
        ("0s", 0),
    ],
)
def test_a_number_and_a_unit_is_a_duration(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("60", 'needs a unit (ms, s, m, h, d); did you mean "60s"?'),
        ("1h 30m", 'did you mean "1h30m"?'),
        ("5M", 'did you mean "5m"?'),
        ("5 min", "is not a duration"),
        ("-5m", "is not a duration"),
        ("30m1h", "the largest first"),
        ("1h1h", "each unit once"),
        ("", "is not a duration"),
        ("400d", "longer than a year"),
        ("999999999d", "longer than a year"),
    ],
)
def test_anything_else_is_refused_in_words(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        duration(text)


@pytest.mark.parametrize("text", ["60ms", "1m30s", "4h", "1d", "0s", "1m"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert written(duration(text)) == text


def shown(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        parse_inventory(text, "pairs.yaml")
    return lines(problem_lines(caught.value.problems))


def test_a_mistake_shows_its_line_with_a_mark_below_it() -> None:
    assert shown(INVENTORY.replace("site: us1", "sitee: us1"))[-2:] == ["    sitee: us1", "    ^"]
    assert shown(INVENTORY.replace("site: us1", "site: us77"))[-2:] == ["    site: us77", "          ^"]


def test_several_mistakes_at_one_place_show_the_line_once() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_playbook("schema: 1\nname: x\nstops: [PASSIVE]\ntransitions:\n  - {name: a}\n", "x.yaml")
    page = lines(problem_lines(caught.value.problems))
    assert sum("is missing" in text for text in page) == 2
    assert sum(text.strip() == "- {name: a}" for text in page) == 1


def test_a_tab_is_shown_as_what_it_is() -> None:
    assert excerpt("guards:\n\ta: 1\n", (2, 1)) == "→a: 1"


def test_a_line_that_is_wider_than_the_page_is_shown_around_the_mark() -> None:
    wide = f"transitions: [{'x, ' * 60}TRANSITON]\n"
    with pytest.raises(DocumentError) as caught:
        parse_playbook(f"schema: 1\nname: x\n{wide}", "x.yaml")
    assert all(len(text) <= 100 for text in lines(problem_lines(caught.value.problems)))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("primary:\n  api_key:\n    s3cr3t-of-mine\n", (3, 5)),
        ("primary:\n  api_kye: 's3cr3t-of-mine\n", (2, 12)),
        ("primary: {app_key: s3cr3t-of-mine}\n", (1, 20)),
        ("app_key: 'x\ns3cr3t-of-mine\n", (2, 1)),
        ("DD_API_KEY=s3cr3t-of-mine\n", (1, 1)),
        ("password: s3cr3t-of-mine\n", (1, 1)),
        ("x: 0123456789abcdef0123456789abcdef\n", (1, 4)),
        ("api_key: |\n" + "  filler\n" * 2500 + "  s3cr3t-of-mine\n", (2502, 3)),
        ("x" * 500 + "\n", (1, 1)),
        ("x: 1\n", (7, 1)),
        ("x: 1\n", (0, 0)),
    ],
)
def test_law_17_a_line_that_may_hold_a_key_is_not_shown(text: str, place: tuple[int, int]) -> None:
    assert excerpt(text, place) == ""


def test_law_17_of_an_address_only_its_name_is_shown() -> None:
    assert excerpt("  url: https://me:s3cr3t@x.example  # y\n", (1, 8)) == "  url: …"


def test_law_17_a_comment_is_not_shown() -> None:
    assert excerpt("  site: us77  # s3cr3t\n", (1, 9)) == "  site: us77"

"""docs/reference/scenarios.md and docs/howto/rehearse.md: what they say of scenarios is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.config.scenario import (
    ComesBack,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    RegionSettings,
    ScenarioStep,
    SomebodyWrites,
    Waits,
)
from orchestrator.config.scenarios import ScenarioFile, parse_scenario, shipped_scenarios
from orchestrator.config.schema import Noun, keys_in, keys_of
from orchestrator.report.drill import closed_facts, drill_json, drills_facts
from tests.report.test_drill import RESULT

from .rehearsals import Room, missed

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "scenarios.md").read_text("utf-8")


def keys(noun: type[Noun]) -> set[str]:
    return {*keys_in(keys_of(noun))}


def table(title: str) -> set[str]:
    """The keys in the first column of a section's tables."""
    section = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0] if title else PAGE.split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([a-z_]+)", cell)}


@pytest.mark.parametrize(
    ("title", "noun"),
    [
        ("", ScenarioFile),
        ("The regions", RegionSettings),
        ("Waits", Waits),
        ("Steps", ScenarioStep),
        ("Expectations", Expect),
    ],
)
def test_every_key_is_on_the_page_and_no_other(title: str, noun: type[Noun]) -> None:
    headers = {"simulator", "waits", "expect"} if title in ("The regions", "Waits", "Expectations") else set()
    assert table(title) - headers == keys(noun) - headers


@pytest.mark.parametrize(
    ("kind", "noun"),
    [
        ("run", DoRun),
        ("resume", DoResume),
        ("adopt", DoAdopt),
        ("dark", GoesDark),
        ("back", ComesBack),
        ("somebody_writes", SomebodyWrites),
    ],
)
def test_what_a_kind_of_step_has_to_set_is_on_the_page(kind: str, noun: type[Noun]) -> None:
    found = re.search(rf"^\| `{kind}: \{{([^}}]*)\}}` \|", PAGE, re.MULTILINE)
    assert found is not None
    assert set(found[1].split(", ")) == keys(noun)


def test_the_example_is_green(room: Room) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert missed(room.play(parse_scenario(example, "scenarios.md"))) == []


def test_every_scenario_that_ships_is_named() -> None:
    text = (DOCS / "howto" / "rehearse.md").read_text("utf-8")
    assert [name for name in shipped_scenarios() if not re.search(rf"\b{name}\b", text)] == []


def test_every_key_of_the_documents_is_on_the_page_and_no_other() -> None:
    page = (DOCS / "reference" / "json.md").read_text("utf-8")
    _, closed = closed_facts("d", "sim", phase="", words="", notes="", runs=())
    _, several = drills_facts({"mine": RESULT}, "")
    for document in (drill_json(RESULT, ""), several, closed):
        section = page.split(f"## `{document['schema']}`\n", 1)[1].split("\n## ", 1)[0]
        cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
        named = {key for cell in cells for key in re.findall(r"`([a-z_]+)`", cell)}
        assert named == set(document) - {"schema"}

"""The scenarios that ship with hamr: each is green, and fails when what it rehearses breaks; and the pages about scenarios say what is so."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.config import load_playbook
from orchestrator.config.faults import Throttle
from orchestrator.config.scenario import (
    ComesBack,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    RegionSettings,
    Returning,
    Scenario,
    ScenarioStep,
    SomebodyWrites,
    Waits,
)
from orchestrator.config.scenarios import ScenarioFile, load_scenario, parse_scenario, shipped_scenarios
from orchestrator.config.schema import Noun, keys_in, keys_of
from orchestrator.drill.stand_ins import FakeHost, ProcessStore
from orchestrator.engine import check
from orchestrator.errors import ExitCode
from orchestrator.model.journal import Whereabouts
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Change
from orchestrator.model.situation import Comparison
from orchestrator.report.drill import closed_facts, drill_json, drills_facts
from orchestrator.situation.compare import compare
from tests.playbooks import changed
from tests.report.test_drill import RESULT

from .rehearsals import Room, missed

Broken = tuple[Scenario, Playbook]
Breaking = Callable[[pytest.MonkeyPatch, Scenario, Playbook], Broken]

NAMES = (
    "answer-lost",
    "happy-way",
    "old-status-returns",
    "primary-region-dark",
    "process-dies",
    "rate-limited",
    "secondary-ill-too",
    "slow-mirror",
    "somebody-else-writes",
    "two-people",
    "write-lost",
)


def test_these_ship() -> None:
    assert tuple(shipped_scenarios()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_green(name: str, room: Room) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.summary
    result = room.play(scenario)
    assert missed(result) == []
    assert result.exit_code is ExitCode.DONE
    assert result.closed


def _backwards(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    transitions = tuple(
        replace(transition, writes=transition.writes[::-1]) for transition in playbook.transitions
    )
    return scenario, replace(playbook, transitions=transitions)


def _home_though_owing(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    monkeypatch.setattr("orchestrator.operations.run.refuse_owing", lambda *_: None)
    return scenario, playbook


def _sends_again(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    """Reads show the write only when nobody looks for it any more."""
    confirm = replace(scenario.waits.confirm, within=timedelta(milliseconds=60))
    waits = replace(scenario.waits, confirm=confirm)
    regions = replace(scenario.regions, read_lag=timedelta(milliseconds=200))
    return replace(scenario, waits=waits, regions=regions), playbook


def _never_sends_again(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    return scenario, replace(playbook, resend=0)


def _locks_nobody_out(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    plain = ProcessStore.append_all
    monkeypatch.setattr("orchestrator.operations.run.refuse_held", lambda *_, **__: None)
    monkeypatch.setattr(ProcessStore, "take_lock", lambda *_: None)
    monkeypatch.setattr(ProcessStore, "append_all", lambda self, entries, **_: plain(self, entries))
    return scenario, playbook


def _asks_no_guard(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    return scenario, changed(playbook, guards=())


def _keeps_what_it_had(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    return replace(scenario, regions=replace(scenario.regions, returning=Returning.KEEP)), playbook


def _sees_no_stranger(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    def blind(*args: object, **options: object) -> Comparison:
        found = compare(*args, **options)  # type: ignore[arg-type]
        return Comparison(Change.OURS, attempt=1) if found.change is Change.FOREIGN else found

    monkeypatch.setattr(check, "compare", blind)
    return scenario, playbook


def _does_not_wait(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    faults = tuple(replace(fault, kind=Throttle(reset=0)) for fault in scenario.faults)
    return replace(scenario, faults=faults), playbook


def _writes_both(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    return replace(scenario, regions=replace(scenario.regions, mirrors=Mirrors.NO)), playbook


def _holds_on_to_locks(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, playbook: Playbook) -> Broken:
    monkeypatch.setattr(FakeHost, "whereabouts", lambda *_: Whereabouts.UNCERTAIN)
    return scenario, playbook


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("name", "breaks", "says"),
    [
        ("happy-way", _backwards, "out: writes taken: secondary FAILOVER"),
        ("primary-region-dark", _home_though_owing, "home too early: says 'still owed ACTIVE'"),
        ("answer-lost", _sends_again, "out: writes taken: secondary FAILOVER"),
        ("write-lost", _never_sends_again, "out: exit code 0"),
        ("two-people", _locks_nobody_out, "the second: exit code 5"),
        ("secondary-ill-too", _asks_no_guard, "refused by secondary_takes_telemetry"),
        ("old-status-returns", _keeps_what_it_had, "phase lagging(secondary)"),
        ("somebody-else-writes", _sees_no_stranger, "out: exit code 4"),
        ("rate-limited", _does_not_wait, "out: takes at least 1 s"),
        ("slow-mirror", _writes_both, "out: no writes to the primary"),
        ("process-dies", _holds_on_to_locks, "taken up again: exit code 0"),
    ],
)
def test_each_fails_where_its_behaviour_is_broken(
    name: str, breaks: Breaking, says: str, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario(name)
    scenario, playbook = breaks(monkeypatch, scenario, load_playbook(scenario.playbook))
    result = room.play(scenario, playbook=playbook)
    assert any(says in each.name for each in missed(result)), missed(result)
    assert result.exit_code is ExitCode.DRILL_MISSED


# docs/reference/scenarios.md and docs/howto/rehearse.md


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

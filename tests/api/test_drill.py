"""Drills from Python: on the simulator, and live on a pair that may be drilled."""

from __future__ import annotations

from pathlib import Path

import pytest

import orchestrator
from orchestrator import Both, OpenPair, Refused, Role, SimulatedRegions, Status, UsageError
from orchestrator.model.events import Event, TransitionMade

pytestmark = pytest.mark.anyio

PASSIVE = Both(Status.PASSIVE, Status.PASSIVE)


async def test_a_scenario_is_played_scored_and_journalled(tmp_path: Path) -> None:
    heard: list[str] = []

    def listener(event: Event) -> None:
        heard.append(event.kind)

    journal = tmp_path / "journal.db"
    drill = await orchestrator.rehearse(
        "answer-lost", journal=journal, operator="alice@laptop", listener=listener
    )
    assert drill.score.passed
    assert drill.closed
    assert (drill.score.scenario, drill.score.playbook) == ("answer-lost", "regional-failover")
    assert "run.finished" in heard
    assert {transition.by for transition in orchestrator.open_journal(journal).runs()} == {"alice"}


async def test_without_a_journal_it_stands_beside_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAMR_JOURNAL", str(tmp_path / "journal.db"))
    drill = await orchestrator.rehearse(operator="alice@laptop")
    assert drill.score.passed
    assert orchestrator.open_journal().runs() == ()
    assert len(orchestrator.open_journal(tmp_path / "journal-drills.db").runs()) == 2


async def test_a_scenario_that_misses_is_a_result_and_no_error(tmp_path: Path, playbook: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "schema: 1\nname: wrong\nsummary: Expects what does not happen.\n"
        "steps: [{name: out, run: {to: ACTIVE}, expect: {exit: 3}}]\n"
    )
    drill = await orchestrator.rehearse("wrong.yaml", playbook=playbook, journal=tmp_path / "journal.db")
    assert not drill.score.passed
    assert drill.exit_code is orchestrator.ExitCode.DRILL_MISSED
    assert drill.score.playbook == "quick"


async def test_what_does_not_exist_leaves_no_journal(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="answer-lost"):
        await orchestrator.rehearse("answer-losst", journal=tmp_path / "journal.db")
    with pytest.raises(UsageError, match="letters, digits"):
        await orchestrator.rehearse(journal=tmp_path / "journal.db", operator="a b")
    assert not (tmp_path / "journal.db").exists()


async def test_a_live_drill_goes_out_and_comes_home(pair: OpenPair, regions: SimulatedRegions) -> None:
    drill = await pair.drill("ACTIVE", notes="monthly")
    assert drill.closed
    assert [leg.goal for leg in drill.score.legs] == [Status.ACTIVE, Status.PASSIVE]
    assert drill.score.simulated is False
    assert regions.statuses == PASSIVE
    with pytest.raises(UsageError, match="no open drill"):
        await pair.close_drill()


async def test_a_pair_that_is_not_marked_is_not_drilled(
    pair: OpenPair, regions: SimulatedRegions, playbook: Path, tmp_path: Path
) -> None:
    regions.pairs.write_text(regions.pairs.read_text().replace("drill: true", "drill: false"))
    live = orchestrator.open_pair(
        "sim", pairs=regions.pairs, playbook=playbook, journal=tmp_path / "journal.db"
    )
    with pytest.raises(Refused, match="drill: true"):
        await live.drill()
    assert regions.requests == ()


async def test_a_drill_that_stayed_open_is_closed_from_home_by_the_playbook_that_it_began_with(
    pair: OpenPair, regions: SimulatedRegions, tmp_path: Path
) -> None:
    def dark_on_arrival(event: Event) -> None:
        if isinstance(event, TransitionMade) and event.transition == "activate":
            regions.set_dark(Role.PRIMARY)

    drill = await pair.drill("ACTIVE", listener=dark_on_arrival)
    assert not drill.closed
    assert drill.why_open
    standing = await pair.status()
    assert standing.open_drill is not None
    assert standing.open_drill.drill == drill.score.drill
    regions.set_dark(Role.PRIMARY, dark=False)
    with pytest.raises(Refused, match="is in drill"):
        await pair.run("PASSIVE")
    journal = tmp_path / "journal.db"
    other = orchestrator.open_pair("sim", pairs=regions.pairs, playbook="onboarding", journal=journal)
    failback = await other.close_drill("the region came back")
    assert failback.at_home
    assert regions.statuses == PASSIVE
    assert (await pair.status()).open_drill is None

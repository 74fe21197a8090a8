"""Which pairs workers have still to bring, as the journal says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.fleet.crew import Hint, OpenFleets, QueuedJob, Sweep, read_fleet, sweep
from orchestrator.journal import JournalStore
from orchestrator.model.events import (
    Event,
    FleetFinished,
    FleetPairEnded,
    FleetResumed,
    FleetStarted,
    FleetStopAsked,
    FleetStopped,
    FleetWaveBegan,
    encode,
)
from orchestrator.model.journal import Entry
from orchestrator.model.result import PairOutcome
from orchestrator.model.run import Mode
from orchestrator.model.status import Status

A, B = Hint("f1", "a"), Hint("f1", "b")


def test_a_pair_without_a_job_is_told_of_again_and_one_with_a_job_is_not() -> None:
    assert sweep([A, B], [QueuedJob(7, A, doing=False)]) == Sweep(missing=(B,))


def test_a_job_that_is_being_done_is_a_job() -> None:
    assert sweep([A], [QueuedJob(7, A, doing=True, worker=1)]) == Sweep()


def test_the_job_of_a_worker_that_is_not_heard_of_goes_and_its_pair_is_told_of_again() -> None:
    silent = QueuedJob(7, A, doing=True, worker=1, heard=False)
    forgotten = QueuedJob(8, B, doing=True, worker=None)
    assert sweep([A, B], [silent, forgotten]) == Sweep((7, 8), (A, B))


def test_a_job_that_its_own_worker_is_not_at_goes() -> None:
    assert sweep([A], [QueuedJob(7, A, doing=True, worker=1)], {7}) == Sweep((7,), (A,))


def test_the_same_pair_of_another_fleet_run_is_another_job() -> None:
    assert sweep([A], [QueuedJob(7, Hint("f2", "a"), doing=False)]) == Sweep(missing=(A,))


def test_a_lost_duty_goes_and_is_not_told_of_again() -> None:
    assert sweep([], [QueuedJob(7, None, doing=True, worker=1, heard=False)]) == Sweep((7,))


def test_jobs_that_nobody_wants_any_more_are_left_to_find_nothing_to_do() -> None:
    assert sweep([], [QueuedJob(7, A, doing=False), QueuedJob(8, B, doing=True, worker=1)]) == Sweep()


FLEET = "20261122-031502-k3f9"


def started(version: str = __version__, stop_after: int | None = None) -> FleetStarted:
    waves = (("a",), ("b", "c"))
    return FleetStarted(
        Status.ACTIVE, Mode.PLANNED, "", "", None, {}, waves, 8, stop_after, "quick", "", "", version, ""
    )


def ended(pair: str, code: int = 0) -> FleetPairEnded:
    return FleetPairEnded(PairOutcome(pair, f"run-{pair}", code, "so it ended"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    with JournalStore.open(tmp_path / "j.db", durable=False, now=lambda: datetime.now(UTC)) as opened:
        yield opened


def say(store: JournalStore, *events: Event) -> None:
    for event in events:
        pair = event.outcome.pair if isinstance(event, FleetPairEnded) else ""
        data = encode(event)
        store.append(Entry(FLEET, pair, event.kind, "alice", "laptop", data))


def wanted(fleets: OpenFleets) -> list[str]:
    fleets.look()
    assert all(hint == Hint(FLEET, hint.pair) for hint in fleets.wanted())
    return [hint.pair for hint in fleets.wanted()]


def test_the_pairs_of_the_wave_that_began_for_workers_and_have_not_ended(store: JournalStore) -> None:
    fleets = OpenFleets(store)
    say(store, started())
    assert wanted(fleets) == []
    say(store, FleetWaveBegan(1, workers=True))
    assert wanted(fleets) == ["a"]
    say(store, ended("a"), FleetWaveBegan(2, workers=True), ended("c"))
    assert wanted(fleets) == ["b"]
    assert wanted(OpenFleets(store)) == ["b"]
    say(store, ended("b"), FleetFinished(0, 3))
    assert wanted(fleets) == []
    assert fleets.view(FLEET) is None


def test_a_wave_that_its_own_process_brings_is_no_affair_of_workers(store: JournalStore) -> None:
    say(store, started(), FleetWaveBegan(1))
    fleets = OpenFleets(store)
    assert wanted(fleets) == []
    assert fleets.why_not(FLEET) == "no wave of it is for workers now"


def test_who_takes_it_up_by_himself_takes_it_from_the_workers(store: JournalStore) -> None:
    fleets = OpenFleets(store)
    say(store, started(), FleetWaveBegan(1, workers=True))
    assert wanted(fleets) == ["a"]
    say(store, FleetResumed())
    assert wanted(fleets) == []
    say(store, FleetWaveBegan(1, workers=True))
    assert wanted(fleets) == ["a"]


def test_nothing_new_begins_once_somebody_wants_it_to_stop_or_too_many_did_not_arrive(
    store: JournalStore,
) -> None:
    fleets = OpenFleets(store)
    say(store, started(stop_after=1), FleetWaveBegan(2, workers=True), ended("b", 3))
    assert wanted(fleets) == []
    assert fleets.why_not(FLEET) == "1 of its wave did not arrive"
    say(store, FleetStopAsked("dinner"))
    assert wanted(fleets) == []
    assert fleets.why_not(FLEET) == "alice@laptop asked for it: dinner"
    say(store, FleetStopped("alice@laptop asked for it: dinner"))
    assert wanted(fleets) == []
    assert fleets.why_not(FLEET) == "it is through, or was stopped"
    say(store, FleetResumed(), FleetWaveBegan(2, workers=True))
    assert wanted(fleets) == ["b", "c"]


def test_what_another_version_planned_is_left_to_that_versions_workers(store: JournalStore) -> None:
    fleets = OpenFleets(store)
    say(store, started(version="9.9.9"), FleetWaveBegan(1, workers=True))
    assert wanted(fleets) == []
    assert [view.fleet for view in fleets.of_other_versions()] == [FLEET]
    assert fleets.why_not(FLEET) == f"hamr 9.9.9 planned it, and this is {__version__}"


def test_of_a_wave_that_workers_bring_nobody_says_that_a_pair_was_not_begun(store: JournalStore) -> None:
    for workers, told in ((True, True), (False, False)):
        say(store, started(), FleetWaveBegan(1, workers=workers), FleetStopped("it was interrupted"))
        view = read_fleet(store, FLEET)
        assert view is not None
        assert view.untold("a") is told
        assert view.untold("b") is False

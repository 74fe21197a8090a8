"""Each look is kept in the journal, which proves that it can be written: and where it cannot, doctor says so, soon."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.doctor import examine, keeper
from orchestrator.doctor.answers import JournalFound
from orchestrator.errors import JournalBusy, JournalDamaged, JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.journal.history import History, event_of
from orchestrator.model.events import DoctorChecked
from orchestrator.model.journal import Entry
from orchestrator.model.readiness import Level, Readiness
from orchestrator.model.status import Role
from orchestrator.operations.sources import Sources
from tests.e2e.pairs import simulated
from tests.steps import typed

from .scenes import CRITICAL, OK, WARNING, answers, checks

pytestmark = pytest.mark.anyio

P = Role.PRIMARY


def looks_in(store: object) -> list[tuple[str, DoctorChecked]]:
    assert isinstance(store, JournalStore)
    found = [(record.pair, event_of(record)) for record in store.records(kinds=(DoctorChecked.kind,))]
    return [(pair, event) for pair, event in found if isinstance(event, DoctorChecked)]


def level_of(readiness: Readiness, name: str) -> tuple[Level | None, Level | None]:
    check = next(check for check in readiness.checks if check.name == name)
    return check.planned, check.emergency


async def test_a_look_at_each_pair_is_kept_with_what_was_not_well(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        second = dataclasses.replace(bench.session, pair=replace(bench.session.pair, name="other"))
        bench.sim.set_dark(P, True)
        keep = keeper(Sources(journal=bench.session.store.place))
        first, _ = await examine([bench.session, second], keep=keep)
        kept = looks_in(bench.session.store)
    assert [pair for pair, _ in kept] == ["sim", "other"]
    look = kept[0][1]
    assert (look.planned, look.emergency) == (first.planned, first.emergency) == (CRITICAL, OK)
    assert look.not_well["primary HAMR record"] is CRITICAL
    assert "writable" not in look.not_well
    assert look.asked == len(first.checks)
    assert look.round_trips.primary is None
    assert look.version == __version__
    assert look.playbook_sha256 == bench.session.playbook.digest
    assert level_of(first, "writable") == (OK, OK)


async def test_nothing_is_added_to_a_journal_that_cannot_be_believed(tmp_path: Path) -> None:
    kept: list[Sequence[Entry]] = []
    async with simulated(tmp_path) as bench:
        await examine([bench.session], keep=kept.append, unopened=JournalDamaged("it is no journal"))
    assert kept == []


async def test_a_journal_that_is_busy_holds_doctor_up_for_two_seconds_at_most(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        place = bench.session.store.place
        (before,) = await examine([bench.session])
        busy = sqlite3.connect(place, isolation_level=None)
        busy.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        (readiness,) = await examine([bench.session], keep=keeper(Sources(journal=place)))
        took = time.monotonic() - began
        busy.close()
        assert looks_in(bench.session.store) == []
    assert level_of(readiness, "writable") == (WARNING, WARNING)
    assert took - before.seconds < 8


def test_a_journal_that_cannot_be_written_is_critical_and_another_one_is_the_way_out() -> None:
    check = checks(
        answers(
            journal=JournalFound(
                "/j",
                exists=True,
                unkept=JournalUnavailable("The journal /j is full."),
                history=History("payments"),
            )
        )
    )["writable"]
    assert check.sentence == "The journal /j is full. What cannot be journalled is not sent."
    assert (check.planned, check.emergency) == (CRITICAL, CRITICAL)
    assert typed(check.next_steps) == ("hamr doctor payments --journal NEW_FILE",)


def test_an_emergency_goes_on_without_a_teams_journal_that_cannot_be_written() -> None:
    place = "postgresql://alice@db/ops"
    error = JournalUnavailable(f"The journal {place} may not be used by that role.")
    found = JournalFound(place, exists=True, unkept=error, history=History("payments"))
    check = checks(answers(journal=found))["writable"]
    assert (check.planned, check.emergency) == (CRITICAL, WARNING)
    assert "an emergency goes on in a journal on this machine" in check.sentence


def test_a_busy_journal_is_a_warning() -> None:
    found = JournalFound(
        "/j", exists=True, unkept=JournalBusy("The journal /j is busy."), history=History("p")
    )
    check = checks(answers(journal=found))["writable"]
    assert (check.planned, check.emergency) == (WARNING, WARNING)
    assert check.sentence.startswith("The journal /j is busy. This look was not kept.")
    assert typed(check.next_steps) == ("hamr doctor payments",)

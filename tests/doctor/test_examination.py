"""A look at simulated regions, over real sockets: what is asked, how long it takes, and that nothing is written but what is kept of it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.doctor import examination, examine, keeper
from orchestrator.doctor.answers import JournalFound
from orchestrator.errors import JournalBusy, JournalDamaged, JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.journal.history import History, event_of
from orchestrator.model.events import DoctorChecked, DrillStarted, MirrorFound
from orchestrator.model.guard import Compared, Guard, Metric, Monitor, Probe
from orchestrator.model.journal import Entry
from orchestrator.model.playbook import Playbook, Timeouts
from orchestrator.model.readiness import Check, Level, Readiness
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.sources import Sources
from orchestrator.simulator import SimulatorConfig
from tests.e2e.pairs import Bench, quick_playbook, simulated
from tests.journal.conftest import tamper
from tests.playbooks import changed
from tests.steps import step, typed

from .scenes import CRITICAL, OK, WARNING, answers, checks

pytestmark = pytest.mark.anyio

P, S = Role.PRIMARY, Role.SECONDARY


def found(readiness: Readiness, name: str, role: Role | None = None) -> Check:
    return next(check for check in readiness.checks if (check.name, check.role) == (name, role))


async def one(bench: Bench) -> Readiness:
    (readiness,) = await examine([bench.session])
    return readiness


def with_probes(*probes: Probe) -> Playbook:
    """The playbook with a guard for each of these probes, all of them on the transition declare."""
    base = quick_playbook()
    guards = {f"{probe.name}_asked": Guard(f"{probe.name}_asked", Compared(probe.name)) for probe in probes}
    return replace(
        changed(base, "declare", guards=(*guards,)),
        guards={**base.guards, **guards},
        probes={probe.name: probe for probe in probes},
    )


async def test_law_02_doctor_sends_nothing_but_gets_and_appends_nothing(tmp_path: Path) -> None:
    book = with_probes(Probe("agents", Metric(S, "sum:a{*}")), Probe("alarm", Monitor(S, 7)))
    async with simulated(tmp_path, playbook=book) as bench:
        bench.session.append("", MirrorFound(mirrors=False, seconds=3.0))
        before = bench.session.store.head()
        readiness = await one(bench)
        asked = {(request.method, request.path.partition("?")[0]) for request in bench.sim.requests}
        assert bench.session.store.head() == before
        assert bench.session.store.holder("sim") is None
    assert asked == {
        ("GET", "/api/v2/hamr"),
        ("GET", "/api/v2/validate"),
        ("GET", "/api/v2/validate_keys"),
        ("GET", "/api/v1/query"),
        ("GET", "/api/v1/monitor/7"),
    }
    assert found(readiness, "keys accepted", S).planned is Level.OK


async def test_a_dead_region_does_not_hold_doctor_up_beyond_its_own_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nagios gives a plugin ten seconds: probes of a silent region get no more time than the region itself."""
    monkeypatch.setattr(examination, "WITHIN", 0.2)
    probes = (Probe("agents", Metric(P, "sum:a{*}")), Probe("alarm", Monitor(P, 7)))
    async with simulated(tmp_path, playbook=with_probes(*probes)) as bench:
        bench.sim.set_dark(P, True, silent=True)
        began = time.monotonic()
        readiness = await one(bench)
        assert time.monotonic() - began < 3  # ten seconds are what a probe is given otherwise
    assert found(readiness, "probe agents").planned is Level.UNKNOWN


async def test_all_questions_are_asked_at_the_same_time(tmp_path: Path) -> None:
    """Nobody is answered before the last question is there: asked one after another, none ever would be."""
    probes = (Probe("agents", Metric(S, "sum:a{*}")), Probe("alarm", Monitor(P, 7)))
    everybody = asyncio.Barrier(3 * 2 + len(probes))

    asked: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) <= everybody.parties:  # what did not answer is asked again, alone
            await everybody.wait()
        return httpx.Response(503)

    async with simulated(tmp_path, playbook=with_probes(*probes)) as bench:
        transports: Both[httpx.AsyncBaseTransport] = Both(
            httpx.MockTransport(answer), httpx.MockTransport(answer)
        )
        session = replace(bench.session, transports=transports)
        async with asyncio.timeout(5):
            (readiness,) = await examine([session])
    assert found(readiness, "HAMR record", P).sentence.startswith(
        "Simulated Primary (primary) gave no usable answer (HTTP 503)"
    )


async def test_law_09_a_silent_region_ends_in_bounded_time_and_leaves_the_emergency_ready(
    tmp_path: Path,
) -> None:
    book = replace(quick_playbook(), timeouts=Timeouts(read=timedelta(milliseconds=200)))
    async with simulated(tmp_path, playbook=book) as bench:
        bench.sim.set_dark(P, True, silent=True)
        began = time.monotonic()
        readiness = await one(bench)
        assert time.monotonic() - began < 20
    assert (readiness.planned, readiness.emergency, readiness.level) == (
        Level.CRITICAL,
        Level.OK,
        Level.CRITICAL,
    )
    assert found(readiness, "HAMR record", P).planned is Level.CRITICAL
    assert readiness.round_trips.primary is None
    assert readiness.round_trips.secondary is not None


async def test_keys_that_an_org_refuses_are_told_apart_from_keys_that_are_missing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        (tmp_path / "pairs-keys" / "secondary-app-key").write_text("an-application-key-that-nobody-knows")
        (tmp_path / "pairs-keys" / "primary-api-key").unlink()
        readiness = await one(bench)
    assert found(readiness, "application key", S).planned is Level.OK
    assert found(readiness, "keys accepted", S).emergency is Level.CRITICAL
    assert found(readiness, "API key", P).planned is Level.CRITICAL
    assert "an-application-key-that-nobody-knows" not in repr(readiness)


async def test_a_clock_that_is_off_is_found(tmp_path: Path) -> None:
    async with simulated(tmp_path, SimulatorConfig(skew=Both(0.0, 30.0))) as bench:
        readiness = await one(bench)
    assert found(readiness, "clock", P).planned is Level.OK
    assert found(readiness, "clock", S).planned is Level.WARNING
    assert "s behind that of Simulated Secondary (secondary)" in found(readiness, "clock", S).sentence


async def test_what_a_run_found_out_about_mirroring_is_told(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        bench.session.append("R1", MirrorFound(mirrors=False, seconds=3.0))
        bench.session.append("R2", MirrorFound(mirrors=True, seconds=0.1))
        bench.session.append("D1", DrillStarted(Status.ACTIVE, Status.PASSIVE))
        readiness = await one(bench)
    assert "run R2 found that it mirrors" in found(readiness, "mirrors").sentence
    assert found(readiness, "drills").planned is Level.CRITICAL


async def test_a_journal_that_was_changed_is_critical_and_the_orgs_are_asked_all_the_same(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        bench.session.append("R1", MirrorFound(mirrors=False, seconds=3.0))
        tamper(tmp_path / "journal.db", "UPDATE records SET by = 'mallory' WHERE seq = 1")
        readiness = await one(bench)
    assert found(readiness, "journal").emergency is Level.CRITICAL
    assert found(readiness, "phase").planned is Level.OK


async def test_a_journal_that_cannot_be_opened_is_critical_and_the_orgs_are_asked_all_the_same(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        place = tmp_path / "elsewhere.db"
        with JournalStore.nothing(place, now=bench.session.clock.now) as store:
            session = replace(bench.session, store=store)
            (readiness,) = await examine([session], unopened=JournalDamaged("it is no journal"))
    assert found(readiness, "journal").sentence.startswith("It is no journal.")
    assert found(readiness, "phase").planned is Level.OK
    assert not place.exists()


async def test_several_pairs_are_looked_at_at_once_and_their_journal_is_verified_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[int] = []
    verify = JournalStore.verify_newest

    def counted(store: JournalStore, count: int) -> object:
        verified.append(count)
        return verify(store, count)

    monkeypatch.setattr(JournalStore, "verify_newest", counted)
    async with simulated(tmp_path) as bench:
        second = replace(bench.session, pair=replace(bench.session.pair, name="other"))
        both = await examine([bench.session, second])
    assert [(each.pair, each.level) for each in both] == [("sim", Level.OK), ("other", Level.OK)]
    assert verified == [5000]


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
        second = replace(bench.session, pair=replace(bench.session.pair, name="other"))
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


def test_a_teams_journal_that_cannot_be_reached_is_looked_for_again() -> None:
    place = "postgresql://alice@db/ops"
    error = JournalUnavailable(f"The journal {place} can't be reached.", next_steps=(step("hamr status p"),))
    check = checks(answers(journal=JournalFound(place, exists=True, problem=error)))["journal"]
    assert (check.planned, check.emergency) == (CRITICAL, WARNING)
    assert [(each.command, each.why) for each in check.next_steps] == [
        ("hamr doctor payments", "look again, once it can be reached")
    ]


def test_a_busy_journal_is_a_warning() -> None:
    found = JournalFound(
        "/j", exists=True, unkept=JournalBusy("The journal /j is busy."), history=History("p")
    )
    check = checks(answers(journal=found))["writable"]
    assert (check.planned, check.emergency) == (WARNING, WARNING)
    assert check.sentence.startswith("The journal /j is busy. This look was not kept.")
    assert typed(check.next_steps) == ("hamr doctor payments",)

"""Law 9 for a team's journal: its server may stand in the dead region, and an emergency does not wait for it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import ExitCode, JournalUnavailable
from orchestrator.journal import Address, JournalStore, ThisHost
from orchestrator.journal.address import parse_address
from orchestrator.journal.history import History
from orchestrator.journal.merge import merge
from orchestrator.model.events import Event, JournalMoved, RunResumed, TransitionMade
from orchestrator.model.journal import Verified
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode, Operator, RunRequest
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.run import adopt, resume, start
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_status
from tests.cli.lab import Lab
from tests.journal.conftest import tamper
from tests.postgres import Cluster
from tests.steps import next_of

from .machines import Machine, read_until
from .pairs import Bench, exits, simulated

pytestmark = pytest.mark.anyio

EMERGENCY = RunRequest("sim", Status.ACTIVE, Mode.EMERGENCY, "us1 is down")


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def on_a_team(folder: Path, team: Address) -> AsyncIterator[tuple[Bench, Session]]:
    async with simulated(folder) as bench:
        held = bench.session
        store = JournalStore.open(team, now=now, patience=2.0)
        refuge = folder / "emergency.db"
        # Both regions answer here, however busy this machine is.
        playbook = replace(held.playbook, emergency_deadline=timedelta(seconds=20))
        session = Session(held.pair, playbook, Operator("alice", "laptop"), store, os.environ, refuge=refuge)
        yield bench, session
        session.store.close()
        store.close()


class Meanwhile:
    """Somebody who watches, and does something once the first transition is made."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens
        self.seen: list[Event] = []

    def tell(self, event: Event) -> None:
        first = not any(isinstance(each, TransitionMade) for each in self.seen)
        self.seen.append(event)
        if first and isinstance(event, TransitionMade):
            self._happens()


class Stopping(Meanwhile):
    """Somebody who interrupts a run as soon as it goes on in this machine's own journal."""

    def __init__(self, happens: Callable[[], None], controls: RunControl) -> None:
        super().__init__(happens)
        self._controls = controls

    def tell(self, event: Event) -> None:
        super().tell(event)
        if isinstance(event, JournalMoved):
            self._controls.interrupt(ExitCode.INTERRUPTED)


class Leaving(Stopping):
    """The same, of a run that was taken up again: as soon as it has the pair."""

    def tell(self, event: Event) -> None:
        if isinstance(event, RunResumed):
            self._happens()
        super().tell(event)


def history_of(team: Address, bench: Bench) -> History:
    with JournalStore.open(team, create=False, now=now) as store:
        assert isinstance(store.verify(), Verified)
        return Session(
            bench.session.pair, bench.session.playbook, Operator("bob", "desk"), store, os.environ
        ).history()


def brought_in(team: Address, file: Path) -> tuple[int, int]:
    with JournalStore.open(file, create=False, now=now) as other, JournalStore.open(team, now=now) as store:
        done = merge(store, other, Operator("bob", "desk"), ThisHost())
    return done.added, done.known


async def stopped_emergency(session: Session) -> RunResult:
    """One that was interrupted once its first transition was made."""
    controls = RunControl()
    controls.watchers = (Meanwhile(lambda: controls.interrupt(ExitCode.INTERRUPTED)),)
    return exits(await start(session, EMERGENCY, controls=controls), ExitCode.INTERRUPTED)


async def finished_in_its_own_journal(session: Session, run: str, file: Path) -> None:
    with JournalStore.open(file, now=now) as store:
        again = Session(session.pair, session.playbook, session.operator, store, os.environ)
        exits(await resume(again, again.history().runs[run]), ExitCode.DONE)


@pytest.mark.parametrize("how", ["dies", "swallows", "loses"])
async def test_law_09_an_emergency_goes_on_where_the_server_is_gone_or_lost_records_between_two_intents(
    tmp_path: Path, server: Cluster, team: Address, how: str
) -> None:
    def happens() -> None:
        match how:
            case "dies":
                server.end(signal.SIGQUIT)
            case "swallows":
                server.freeze()
            case _:
                tamper(team, "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)")

    async with on_a_team(tmp_path, team) as (bench, session):
        watcher = Meanwhile(happens)
        began = time.monotonic()
        result = await start(session, EMERGENCY, controls=RunControl(watchers=(watcher,)))
        took = time.monotonic() - began
        assert result.exit_code is ExitCode.DONE, result.ending
        assert took < 15, "it waits for a journal no longer than two seconds"
        assert bench.posts().count("secondary 4 applied") == 1
        moved = [event for event in watcher.seen if isinstance(event, JournalMoved)]
        assert [event.left for event in moved] == [str(team)]
        assert result.ending.next_steps[0].command == f"hamr journal merge {tmp_path / 'emergency.db'}"
        if how == "dies":
            server.start()
        elif how == "swallows":
            server.thaw()
        before = history_of(team, bench).runs[result.run]
        assert before.open, "the team's journal ends where it was left"
        added, known = brought_in(team, tmp_path / "emergency.db")
        assert added > 0
        assert known > 0, "the run's beginning stands in both"
        assert brought_in(team, tmp_path / "emergency.db") == (0, 0)
        after = history_of(team, bench).runs[result.run]
        assert not after.open
        assert after.unknown == {}
        assert after.finished is not None
        assert after.finished.exit_code == 0


async def test_law_09_resume_of_an_emergency_leaves_a_journal_whose_server_dies_before_its_first_reads(
    tmp_path: Path, server: Cluster, team: Address
) -> None:
    """Where this machine's own journal knows the run, it goes on there; where not, a new emergency does without it."""
    async with on_a_team(tmp_path, team) as (bench, session):
        stopped = await stopped_emergency(session)
        left = session.history().runs[stopped.run]
        server.end(signal.SIGQUIT)
        with pytest.raises(JournalUnavailable, match=f"knows nothing of run {stopped.run}") as caught:
            await resume(session, left)
        anew = "hamr run sim --to ACTIVE --emergency --reason TEXT"
        assert caught.value.next_steps[0].command == anew
        assert bench.posts().count("secondary 4 applied") == 0


async def test_law_09_resume_goes_on_in_its_own_journal_with_what_that_one_knows(
    tmp_path: Path, server: Cluster, team: Address
) -> None:
    async with on_a_team(tmp_path, team) as (_, session):
        controls = RunControl()
        controls.watchers = (Stopping(lambda: server.end(signal.SIGQUIT), controls),)
        result = exits(await start(session, EMERGENCY, controls=controls), ExitCode.INTERRUPTED)
        server.start()
        with JournalStore.open(team, now=now, patience=2.0) as store:
            again = Session(
                session.pair, session.playbook, session.operator, store, os.environ, refuge=session.refuge
            )
            left = again.history().runs[result.run]
            server.end(signal.SIGQUIT)
            resumed = await resume(again, left)
            again.store.close()
            assert resumed.exit_code is ExitCode.DONE, resumed.ending
            assert again.store.place == str(tmp_path / "emergency.db")


async def test_law_09_a_resumed_emergency_takes_the_run_along_when_it_leaves_the_teams_journal(
    tmp_path: Path, server: Cluster, team: Address
) -> None:
    async with on_a_team(tmp_path, team) as (bench, session):
        stopped = await stopped_emergency(session)
        controls = RunControl()
        leaving = Leaving(lambda: server.end(signal.SIGQUIT), controls)
        controls.watchers = (leaving,)
        left = await resume(session, session.history().runs[stopped.run], controls=controls)
        assert left.exit_code is ExitCode.INTERRUPTED, left.ending
        await finished_in_its_own_journal(session, stopped.run, tmp_path / "emergency.db")
        server.start()
        assert brought_in(team, tmp_path / "emergency.db")[1] > 0
        assert not history_of(team, bench).runs[stopped.run].open
        assert bench.posts().count("secondary 4 applied") == 1


@pytest.mark.parametrize("how", ["stopped", "swallows"])
def test_law_09_an_emergency_goes_on_at_once_and_planned_runs_are_refused_by_name(
    served: Lab, server: Cluster, team: Address, how: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = team.conninfo
        if how == "swallows":
            url = f"postgresql://alice:canary-secret@127.0.0.1:{silent.getsockname()[1]}/ops"
        else:
            server.end()
        alice = Machine("alice", served, url)
        began = time.monotonic()
        code, text = alice.type("run", "sim", "--to", "ACTIVE", "--yes")
        refused_in = time.monotonic() - began
        assert code == 1, text
        assert "can't be reached" in text
        assert "Nothing was sent." in text
        assert refused_in < 15
        code, text = alice.type(
            "run", "sim", "--to", "ACTIVE", "--yes", "--emergency", "--reason", "us1 is down"
        )
        assert code == 0, text
        said = " ".join(text.split())
        assert "NEITHER ITS LOCK NOR ITS HISTORY IS SEEN" in said
        (file,) = alice.local_journals
        assert f"hamr journal merge {file}" in said
        text = alice.told("status", "sim", code=0)
        assert "canary-secret" not in said + text
        typed = ("run", "sim", "--to", "PASSIVE", "--journal", url)
        text = alice.told(*typed, code=2)
        assert "canary-secret" not in text, "what was typed is said again without the password"
        text = alice.told(*typed, "--yes", code=1)
        assert "canary-secret" not in text
        shown = alice.json("status", "sim")
        assert (shown["journal"], shown["journal_left"]) == (str(file), str(parse_address(url, "--journal")))
        if how == "stopped":
            server.start()
            merge = f"hamr journal merge {file}"
            assert alice.json("status", "sim")["next"][0]["command"] == merge
            refused = alice.json("run", "sim", "--to", "PASSIVE", "--yes")
            assert (refused["exit_code"], refused["next"][0]["command"]) == (3, merge)
            assert merge in " ".join(alice.type("status", "sim")[1].split())
            told = alice.told("journal", "merge", str(file), code=0)
            assert "hamr status sim" in told.split("Next")[1]
            assert [run["end"] for run in alice.json("runs")["runs"]] == ["refused", "done"]
            assert alice.type("audit", "verify")[0] == 0
            assert not file.exists()
            assert len(alice.local_journals) == 1, "set aside, not deleted"


@pytest.mark.parametrize(
    "typed", ["resume sim --yes", "resume 20261122-031502-k3f9 --yes", "fleet resume --yes", "fleet report"]
)
def test_law_20_what_a_journal_that_cannot_be_reached_may_hold_is_not_said_to_be_nowhere(
    served: Lab, server: Cluster, team: Address, typed: str
) -> None:
    server.end()
    refused = Machine("alice", served, team.conninfo).json(*typed.split())
    assert refused["exit_code"] == 1, "it is no mistake of who typed it"
    assert "can't be reached" in refused["message"]
    assert refused["sent"] == "Nothing was sent."
    assert next_of(refused) == [f"hamr {typed} --json"], "nothing else knows of it"


def test_law_07_an_emergency_that_was_killed_in_its_own_journal_is_taken_up_there(
    served: Lab, server: Cluster, team: Address
) -> None:
    server.end()
    alice = Machine("alice", served, team.conninfo)
    reason = ("--yes", "--emergency", "--reason", "us1 is down")
    with alice.start("run", "sim", "--to", "ACTIVE", *reason) as process:
        read_until(process, "is told FAILOVER (attempt 1)")
        process.kill()
        process.wait()
    code, text = alice.type("resume", "--yes")
    assert code in (0, 8), text
    assert "journal merge" in text
    server.start()
    (file,) = alice.local_journals
    alice.told("journal", "merge", str(file), code=0)
    assert [run["end"] for run in alice.json("runs")["runs"]] == ["done"]
    assert alice.json("status", "sim")["phase"] == "agreed(ACTIVE)"


async def test_law_09_what_an_emergency_owes_is_known_after_the_merge(
    tmp_path: Path, server: Cluster, team: Address
) -> None:
    async with on_a_team(tmp_path, team) as (bench, session):
        bench.sim.set_dark(Role.PRIMARY, True)
        server.end()
        result = exits(await start(session, EMERGENCY), ExitCode.OWING)
        server.start()
        assert history_of(team, bench).owed is None
        brought_in(team, tmp_path / "emergency.db")
        owed = history_of(team, bench).owed
        assert owed is not None
        assert (owed.role, owed.status, owed.run) == (Role.PRIMARY, Status.ACTIVE, result.run)


async def test_law_09_what_a_merge_brings_in_happened_before_what_others_did_since(
    tmp_path: Path, server: Cluster, team: Address
) -> None:
    async with on_a_team(tmp_path, team) as (bench, session):
        bench.sim.set_dark(Role.PRIMARY, True)
        server.end()
        await start(session, EMERGENCY)
        server.start()
        bench.sim.set_dark(Role.PRIMARY, False)
        with JournalStore.open(team, now=now) as store:
            bob = Session(session.pair, session.playbook, Operator("bob", "desk"), store, os.environ)
            alone = {"alone": "alice is done"}
            adopted = await adopt(bob, Role.SECONDARY, "the secondary is right", overrides=alone)
            home = await start(bob, RunRequest("sim", Status.PASSIVE, overrides=alone))
            assert (adopted.exit_code, home.exit_code) == (0, 0), home.ending
            brought_in(team, tmp_path / "emergency.db")
            phase = (await read_status(bob)).phase
            assert (phase.name, phase.status) == (PhaseName.AGREED, Status.PASSIVE), phase.sentence
            assert bob.history().owed is None, "the primary was told since"

"""Machines, a pair and two regions, and lives of the program on them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random

from msgspec import Struct, field

from orchestrator.errors import HamrError, JournalUnavailable
from orchestrator.journal import InlineCalls, JournalStore
from orchestrator.journal.postgres import PostgresDatabase
from orchestrator.journal.sqlite_file import BUSY_SECONDS
from orchestrator.journal.tables import refuse_other_layouts
from orchestrator.model.journal import Holder, Whereabouts
from orchestrator.model.org import EnvironmentKey, Mirrors, Org, Pair, Wire
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.model.reading import HamrRecord
from orchestrator.model.result import RunResult
from orchestrator.model.run import Operator
from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.session import EMERGENCY_BUSY_SECONDS
from orchestrator.proof.keyboard import Crashed, Died, Outcome, Raised, Returned
from orchestrator.proof.virtual_time import BEGINNING, Turn
from orchestrator.simulator import Regions, SimulatorConfig
from tests.fake_postgres import ADDRESS

from .attacks import NONE, Attacks
from .beside import Beside, Doomed, PlayedProber, PlayedPrograms, PlayedSession, asker
from .draw import Life
from .killable import Process, ProcessClock, ProcessLoop, own_context, world_context
from .ledger import Dated, Ledger
from .tape import Tape
from .team import PlayedCalls, TeamJournal
from .wire import Doom, RegionTransport

PAIR = "sim"

FIRST_PID = 100


def pair_of(config: SimulatorConfig, mirrors: Mirrors, wrong_uuid: Role | None = None) -> Pair:
    """The simulated pair as the inventory has it."""

    def org(role: Role) -> Org:
        found = config.orgs[role]
        return Org(
            role=role,
            name=found.name,
            uuid="99999999-9999-4999-8999-999999999999" if role is wrong_uuid else found.uuid,
            base_url=f"http://{role}.example",
            datacenter=found.datacenter,
            wire=Wire.AUTO,
            api_key=EnvironmentKey(f"{role}_API"),
            app_key=EnvironmentKey(f"{role}_APP"),
        )

    # Nobody is told: events go out beside the run, and an incident counts every request of one.
    return Pair(PAIR, Both(org(Role.PRIMARY), org(Role.SECONDARY)), mirrors, drill=True, events=False)


class Machine(Struct, eq=False):
    """A computer with a journal; several processes of it may live at once."""

    name: str
    """Of its journal: two machines may share one."""
    store: JournalStore
    host: str = ""
    """Of the computer, where that is another name."""
    dated: Dated = field(default_factory=Dated)
    living: dict[int, Process] = field(default_factory=dict)
    team: TeamJournal | None = None
    """Where the journal is a team's."""
    others: dict[str, Machine] = {}
    """Other computers with the same journal."""

    def elsewhere(self, host: str = "bastion") -> Machine:
        """Another computer with the same journal."""
        if host not in self.others:
            self.others[host] = Machine(self.name, self.store, host, self.dated, team=self.team)
        return self.others[host]


class PlayedHost(Struct, frozen=True):
    """The machine as one process of it sees it: `orchestrator.model.protocols.Host`."""

    machine: Machine
    pid: int

    @property
    def name(self) -> str:
        return self.machine.host or self.machine.name

    def this_process(self) -> tuple[int, str]:
        return self.pid, f"{self.name}-{self.pid}"

    def whereabouts(self, holder: Holder) -> Whereabouts:
        if holder.host != self.name:
            return Whereabouts.ELSEWHERE
        return Whereabouts.RUNS if holder.pid in self.machine.living else Whereabouts.GONE


class Present(Struct, eq=False):
    """What a person has at hand in one life of the program."""

    session: PlayedSession
    controls: RunControl
    process: Process
    clock: ProcessClock
    calls: PlayedCalls | None = None
    """Of a team's journal."""
    database: PostgresDatabase | None = None
    """The same, as this process alone has it."""


class Scene(Struct, eq=False):
    """Everything that an incident plays on."""

    loop: ProcessLoop
    regions: Regions
    tape: Tape
    pair: Pair
    seed: int
    playbook: Playbook
    beside: Beside
    pids: int = FIRST_PID
    lives: list[tuple[Process, Outcome]] = field(default_factory=list)
    attacks: Attacks = NONE
    posts: int = 0
    """How many writes of the record have left, whoever sent them."""
    stranger: Callable[[Role, Status], None] = lambda *_: None
    """Somebody else writes."""
    between_lives: Callable[[int, Machine], None] = lambda *_: None
    """What happens between the lives of the program; is told the number of the next one."""
    truths: dict[str, Both[tuple[float, HamrRecord | None]]] = field(default_factory=dict)
    """What the orgs really showed when a process ended, by its name: since when, and what."""
    looks: list[tuple[Process, PairStatus]] = field(default_factory=list)
    """What `hamr status` said."""
    hastens: bool = False
    """Whether an emergency may be on: whoever takes a run up, or looks, does not wait for a team's journal then."""
    waited: dict[Process, float] = {}
    """Seconds for which each process of an emergency waited for a team's journal that failed it."""
    patience: float = 3600.0
    """Virtual seconds that a life may last."""

    async def live(
        self,
        machine: Machine,
        operator: str,
        life: Life,
        act: Callable[[Present], Awaitable[RunResult]],
        *,
        what: str,
    ) -> Outcome:
        """One life of the program on a machine: from its start until it ends or is killed."""
        self.pids += 1
        pid = self.pids
        self.between_lives(pid - FIRST_PID, machine)
        process = Process(
            f"{operator}#{pid}",
            self.loop,
            life.crash_at_step,
            life.freeze_at_step,
            life.freeze_for,
            life.freezes_alone,
        )
        process.on_freeze = lambda: self.tape.happened(
            "freeze", f"{process.name} for {life.freeze_for} s", process
        )
        looks = what.removeprefix("hamr ").startswith(("resume", "status"))
        hastens = "emergency" in what or (self.hastens and looks)
        present = self._present(machine, operator, life, process, pid, hastens=hastens)
        machine.living[pid] = process
        self.tape.happened("life", f"{process.name} on {machine.name}: {what}", process)
        troubles = self._troubles(life, present)
        task = self.loop.create_task(_acting(act, present, hastens=hastens), context=own_context(process))
        task.add_done_callback(lambda _: process.ended.set(), context=world_context())
        try:
            await asyncio.wait_for(process.ended.wait(), self.patience)
        finally:
            for trouble in troubles:
                trouble.cancel()
        outcome = await self._end_of(process, task)
        self.truths[process.name] = Both(self._truth(Role.PRIMARY), self._truth(Role.SECONDARY))
        del machine.living[pid]
        if present.database is not None:
            present.database.close()  # the server hears of it, however it ended
            present.session.store.close()
            if hastens and present.calls is not None:
                self.waited[process] = present.calls.waited
        self.lives.append((process, outcome))
        self.tape.happened("end", f"{process.name}: {_in_words(outcome)}", process)
        return outcome

    def _truth(self, role: Role) -> tuple[float, HamrRecord | None]:
        since, record = self.regions._state._history[role][-1]
        return since - BEGINNING, record

    def slow(self, role: Role, *, posts: bool) -> float:
        """How long a new connection takes: `wire.Connecting`."""
        drawn = self.attacks.slow
        if drawn is None or self.beside.over or (not posts and not drawn.reads_too):
            return 0.0
        if posts and self.posts + 1 != drawn.post:
            return 0.0
        if posts and drawn.stranger is not None:
            self.loop.call_later(
                drawn.seconds / 2, self.stranger, role, drawn.stranger, context=world_context()
            )
        return drawn.seconds

    async def _end_of(self, process: Process, task: asyncio.Task[RunResult]) -> Outcome:
        if not process.dead:
            process.finished = True
        left = [each for each in process.tasks if not each.done()]
        for each in left:
            each.cancel()
        if left:
            _, pending = await asyncio.wait(left, timeout=60.0)
            if pending:
                return Crashed(f"{pending} would not end")
        if process.dead:
            if not task.cancelled():
                task.exception()
            return Died(process.why)
        error = task.exception()
        match error:
            case None:
                return Returned(task.result())
            case HamrError():
                return Raised(error)
            case _:
                return Crashed(repr(error))

    def _present(
        self, machine: Machine, operator: str, life: Life, process: Process, pid: int, *, hastens: bool
    ) -> Present:
        clock = ProcessClock(self.loop, process)
        wall = self.attacks.wall
        clock.wall_offset = wall[(pid - FIRST_PID - 1) % len(wall)]
        if self.attacks.capitals:
            operator = operator.capitalize()
        host = machine.host or machine.name
        requests = Doom(life.request_before, life.request_after, life.request_answered)
        operations = Doom(life.journal_before, life.journal_after)
        orgs = self.regions.config.orgs
        environ = {
            f"{role}_{which}": key
            for role in Role
            for which, key in (("API", orgs[role].api_key), ("APP", orgs[role].app_key))
        }

        def way(role: Role) -> RegionTransport:
            return RegionTransport(
                self.regions, role, process, self.tape, requests, clock, lambda: _journal_of(session), self
            )

        def dating() -> None:
            machine.dated.clock = clock

        if self.beside.drawn.gauges:
            clock.on_wake = lambda seconds: self.tape.woke(process, seconds)
        doom = Doomed(life.hook_begun, life.hook_done, life.asked)
        calls: PlayedCalls | None = None
        database: PostgresDatabase | None = None
        store, team = machine.store, machine.team
        if team is not None:
            team.note_unanswered()
            calls = PlayedCalls(process, team.team.takes)
            database = team.server.database(spend=calls.spend)
            store = JournalStore(database, machine.dated.now)

        noted: set[str] | None = None if team is None else set()

        def kept(inner: Store, name: str, team: TeamJournal | None = None) -> Ledger:
            return Ledger(inner, process, self.tape, operations, name, life.disk_full_at, dating, noted, team)

        session = PlayedSession(
            pair=self.pair,
            playbook=self.playbook,
            operator=Operator(operator, host.capitalize() if self.attacks.capitals else host),
            store=kept(store, machine.name, team),
            within=lambda inner: kept(inner, f"{host} alone"),
            refuge=team.refuge(host) if team is not None and hastens else None,
            environ=environ,
            clock=clock,
            dice=Random(f"{self.seed}/{pid}"),  # noqa: S311 - replayable
            transports=Both(way(Role.PRIMARY), way(Role.SECONDARY)),
            host=PlayedHost(machine, pid),
            calls=calls or InlineCalls(),
            told=partial(self.tape.told, process),
            played_prober=PlayedProber(self.beside, process, clock),
            played_programs=PlayedPrograms(self.beside, process, clock, doom),
        )
        controls = RunControl(asker=asker(self.beside, process, doom))
        return Present(session, controls, process, clock, calls, database)

    def _troubles(self, life: Life, present: Present) -> list[Turn]:
        """What a clock or a person does to the process, in time."""
        from orchestrator.errors import ExitCode

        world = world_context()
        handles: list[Turn] = []
        if life.wall_jump:

            def jump() -> None:
                present.clock.wall_offset += life.wall_jump
                self.tape.happened("wall", f"set by {life.wall_jump:+} s", present.process)

            handles.append(self.loop.call_later(life.wall_jump_at, jump, context=world))
        for number in range(life.interrupts):

            def interrupt() -> None:
                self.tape.happened("interrupt", present.process.name, present.process)
                own_context(present.process).run(present.controls.interrupt, ExitCode.INTERRUPTED)

            handles.append(self.loop.call_later(life.interrupt_at + number * 0.7, interrupt, context=world))
        return handles


def _journal_of(session: PlayedSession) -> str:
    assert isinstance(session.store, Ledger)
    return session.store.journal


async def _acting(
    act: Callable[[Present], Awaitable[RunResult]], present: Present, *, hastens: bool
) -> RunResult:
    session, database = present.session, present.database
    if database is not None:
        session.store.wait_at_most(EMERGENCY_BUSY_SECONDS if hastens else BUSY_SECONDS)
        try:
            await session.calls(lambda: database.read(lambda made: refuse_other_layouts(made, ADDRESS)))
        except JournalUnavailable as error:
            if not hastens:
                raise
            session.move_journal(error)  # as `Sources.store_for` does
    return await act(present)


def _in_words(outcome: Outcome) -> str:
    match outcome:
        case Returned(result=result):
            return f"exit {int(result.exit_code)} {result.ending.end.value}: {result.ending.message} [{result.phase}]"
        case Raised(error=error):
            return f"exit {int(error.exit_code)} {type(error).__name__}: {error.message}"
        case Died(why=why):
            return f"killed {why}"
        case Crashed(why=why):
            return f"CRASHED: {why}"

"""Plays one incident from its beginning to its end."""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing.util import Finalize
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.journal import JournalStore
from orchestrator.model.journal import Record, Verification
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import Mode
from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Both, Role, Status
from orchestrator.proof.keyboard import Died, Outcome, Raised, Returned
from orchestrator.proof.virtual_time import (
    EPOCH,
    Deadlock,
    Endless,
    Turn,
    VirtualClock,
    run_to_the_end,
)
from orchestrator.simulator import Regions
from orchestrator.system.log import configure

from .around import Surroundings, Visit, Visitor
from .beside import Beside
from .draw import Dark, Foreign, Incident, Life, Story
from .killable import Process, ProcessLoop, world_context
from .ledger import Dated
from .operators import (
    EMERGENCY,
    RESUME,
    agree,
    break_the_lock,
    bring_in,
    close,
    drills,
    glance,
    line_of,
    run,
    types,
)
from .playbooks import playbook
from .scene import Machine, Scene, pair_of
from .tape import Appended, Note, Tape, kind_of
from .team import TeamJournal
from .typist import Typed, type_on
from .world import World, patient

TRIES = 8
"""How many commands people need at most to close an incident after the faults are over."""


class Played(Struct):
    """An incident that is over, and all that the witnesses say."""

    incident: Incident
    tape: Tape
    regions: Regions
    scene: Scene
    machines: list[Machine]
    closed: bool = False
    commands: list[str] = field(default_factory=list)
    standing: PairStatus | None = None
    records: dict[str, list[Record]] = field(default_factory=dict)
    verified: dict[str, Verification] = field(default_factory=dict)
    bytes: bytes = b""
    stuck: str = ""
    typed: list[Typed] = field(default_factory=list)
    """What whoever closed it typed, where that was what they read and nothing else."""
    agreeing: list[asyncio.Task[None]] = field(default_factory=list)
    """Who agrees to something just now."""
    faults_over: int = 0
    """The tape's number from which on nothing goes wrong any more."""

    @property
    def goal(self) -> Status:
        """Where it is to end."""
        return Status.PASSIVE if self.incident.attacks.turns else self.incident.goal

    @property
    def lives(self) -> list[tuple[Process, Outcome]]:
        """All lives of the program, in the order of their ends."""
        return self.scene.lives

    @property
    def final(self) -> Both[HamrRecord | None]:
        """What the orgs show in the end."""
        return Both(self.regions.record(Role.PRIMARY), self.regions.record(Role.SECONDARY))


@cache
def _shelf() -> Path:
    """A folder in memory where there is one: the journals are thrown away."""
    memory = Path("/dev/shm")
    root = memory if memory.is_dir() else None
    shelf = Path(tempfile.mkdtemp(prefix="hamr-incidents-", dir=root))
    # At the end of this process: a pool's workers end without what atexit was told.
    Finalize(None, shutil.rmtree, args=(shelf,), kwargs={"ignore_errors": True}, exitpriority=0)
    return shelf


@cache
def _blank() -> Path:
    """An empty journal, laid out once, and copied for each machine."""
    place = _shelf() / "blank.db"
    JournalStore.open(place, durable=False, now=lambda: EPOCH).close()
    return place


@contextmanager
def _journals(loop: ProcessLoop, names: list[str], incident: Incident, tape: Tape) -> Iterator[list[Machine]]:
    folder = Path(tempfile.mkdtemp(dir=_shelf()))
    clock = VirtualClock(loop)
    machines = []
    try:
        for name in names:
            place = folder / f"{name}.db"
            shutil.copy(_blank(), place)
            dated = Dated(clock)
            store = JournalStore.open(place, durable=False, now=dated.now)
            machines.append(Machine(name, store, dated=dated))
        if incident.team is not None:
            team = TeamJournal(names[0], incident.team, folder, loop, tape)
            team.end_sessions()
            first = machines[0]
            first.store.close()
            first.team, first.store = team, JournalStore(team.server.database(), first.dated.now)
        yield machines
    finally:
        for machine in machines:
            machine.store.close()
        shutil.rmtree(folder)


def play(incident: Incident) -> Played:
    """Play it. Never raises for what the program does: that is what the invariants look at."""
    loop = ProcessLoop()
    log = io.StringIO()
    configure("json", "error", log)
    names = ["laptop", "bastion"] if incident.story is Story.OTHER_JOURNAL else ["laptop"]
    tape = Tape(loop)
    with _journals(loop, names, incident, tape) as machines:
        regions = Regions(incident.config, VirtualClock(loop), incident.faults)
        pair = pair_of(incident.config, incident.mirrors, incident.wrong_uuid)
        around = incident.around or Surroundings()
        beside = Beside(loop, regions, tape, around)
        scene = Scene(
            loop,
            regions,
            tape,
            pair,
            incident.seed,
            patient(around.put_into(playbook(incident.playbook)), incident.attacks),
            beside,
            attacks=incident.attacks,
            hastens=incident.hastens,
        )
        played = Played(incident, tape, regions, scene, machines)
        World(played).take_part()
        try:
            run_to_the_end(loop, _play(played))
        except (Deadlock, Endless, TimeoutError) as error:
            played.stuck = f"{type(error).__name__} {error}"
        if machines[0].team is not None:
            machines[0].team.note_unanswered()
        for machine in machines:
            _keep(played, machine.name, machine.store)
        for name, file in machines[0].team.refuges() if machines[0].team is not None else ():
            with JournalStore.open(file, create=False, now=lambda: EPOCH) as store:
                _keep(played, name, store)
        played.bytes += log.getvalue().encode()
    return played


def _keep(played: Played, name: str, store: JournalStore) -> None:
    """What a journal holds in the end."""
    team = played.machines[0].team
    played.records.setdefault(name, []).extend(store.records())
    played.verified[store.place] = store.verify()
    own = team is not None and name == played.machines[0].name
    place = team.server.path if team is not None and own else Path(store.place)
    played.bytes += place.read_bytes()
    ahead = Path(f"{place}-wal")
    played.bytes += ahead.read_bytes() if ahead.exists() else b""


async def _play(played: Played) -> None:
    incident, scene, machine = played.incident, played.scene, played.machines[0]
    disturbances = _disturb(played)
    begun = asyncio.Event()
    if not incident.attacks.second_after_post:
        begun.set()
    scene.tape.listeners.append(lambda _: begun.set() if _time_for_second(scene) else None)
    scene.tape.listeners.append(partial(_asked_to_agree, played, machine))
    tasks = [asyncio.create_task(_first(played, machine))]
    if incident.story is not Story.ALONE:
        tasks.append(asyncio.create_task(_second(played, _next(played, played.machines[-1]), begun)))
    if machine.team is not None and machine.team.team.rescued_at is not None:
        tasks.append(asyncio.create_task(_rescue(played, machine)))
    if incident.meanwhile is not None:
        tasks.append(asyncio.create_task(_calls(played, machine, incident.meanwhile)))
    visit = asyncio.create_task(_visit(played, machine))
    for task in tasks:
        await task
        begun.set()
    await _visits(played, machine)
    if incident.attacks.turns:
        await _turn(played, machine)
    scene.beside.first_question.set()
    await visit
    for handle in disturbances:
        handle.cancel()
    await _over(played)
    await bring_in(scene, machine)
    if incident.attacks.typed:
        played.closed, played.typed, played.standing = await type_on(scene, machine, played.goal, tries=TRIES)
        played.commands = [typed.line for typed in played.typed]
    else:
        played.closed, played.commands, played.standing = await close(
            scene, machine, played.goal, tries=TRIES
        )
    await asyncio.sleep(120.0)  # whatever was late arrives now at the latest


async def _first(played: Played, machine: Machine) -> None:
    incident, scene = played.incident, played.scene
    lives = incident.lives
    if incident.adopts is not None:
        what = f"adopt {incident.adopts}"
        outcome = await scene.live(machine, "alice", lives[0], types(line_of(what, incident.goal)), what=what)
    elif incident.drills:
        outcome = await scene.live(machine, "alice", lives[0], drills(incident.goal), what="drill")
    else:
        outcome = await run(scene, machine, "alice", lives[0], incident.goal, mode=incident.mode)
    for number, life in enumerate(lives[1:3], 1):
        if not (incident.resumes and _worth_resuming(outcome)):
            return
        await asyncio.sleep((2.0, 20.0, 0.1)[(incident.seed + number) % 3])
        switches = incident.switches and number == 1
        line, what = (f"{RESUME} {EMERGENCY}", "resume --emergency") if switches else (RESUME, "resume")
        await bring_in(scene, machine)
        outcome = await scene.live(_next(played, machine), f"bob{number}", life, types(line), what=what)


def _next(played: Played, machine: Machine) -> Machine:
    """Where whoever comes next sits."""
    team = played.incident.team
    return machine.elsewhere() if team is not None and team.elsewhere else machine


async def _rescue(played: Played, machine: Machine) -> None:
    """Somebody at another computer takes the run up, whether or not its process is gone."""
    assert played.incident.team is not None
    await asyncio.sleep(played.incident.team.rescued_at or 0.0)
    await played.scene.live(machine.elsewhere(), "frank", Life(), types(RESUME), what="resume")


def _worth_resuming(outcome: Outcome) -> bool:
    match outcome:
        case Died():
            return True
        case Returned(result=result):
            return result.resumable
        case Raised():
            return False
        case _:
            return False


async def _second(played: Played, machine: Machine, begun: asyncio.Event) -> None:
    incident, attacks = played.incident, played.incident.attacks
    await begun.wait()
    await asyncio.sleep(attacks.second_delay if attacks.second_after_post else incident.second_at)
    goal = attacks.second_goal or incident.goal
    mode = incident.mode if attacks.second_goal is None else Mode.PLANNED
    await run(played.scene, machine, "carol", replace(incident.lives[3], interrupts=0), goal, mode=mode)


def _asked_to_agree(played: Played, machine: Machine, note: Note) -> None:
    """Once nothing goes wrong any more, whoever is asked is at their desk."""
    if played.incident.agrees_after is None or kind_of(note) != "approval.asked":
        return
    assert isinstance(note, Appended)
    after, run = played.incident.agrees_after, note.record.run
    loop = played.scene.loop

    def come() -> None:
        agreeing = agree(played.scene, machine.elsewhere("desk"), run)
        played.agreeing.append(loop.create_task(agreeing, context=world_context()))

    loop.call_later(min(after, 0.5) if played.faults_over else after, come, context=world_context())


def _time_for_second(scene: Scene) -> bool:
    wanted = scene.attacks.second_after_post
    return bool(wanted) and scene.posts >= wanted


async def _visits(played: Played, machine: Machine) -> None:
    """Somebody looks, or runs again, some time after the first commands are through."""
    scene, visits = played.scene, played.incident.attacks.visits
    if visits.looks_at is not None:
        await asyncio.sleep(max(0.0, visits.looks_at - scene.tape.now))
        await glance(scene, machine)
    if visits.runs_at is not None:
        await asyncio.sleep(max(0.0, visits.runs_at - scene.tape.now))
        await run(scene, machine, "erin", Life(), played.incident.goal, mode=Mode.PLANNED)


async def _turn(played: Played, machine: Machine) -> None:
    """The primary's region is back, and the secondary's dies: somebody goes home by an emergency."""
    scene = played.scene
    played.regions.set_dark(Role.PRIMARY, False)
    played.regions.set_dark(Role.SECONDARY, True)
    played.tape.happened("dark", str(Role.SECONDARY))
    await bring_in(scene, machine)
    await asyncio.sleep(5.0)
    await run(scene, machine, "erin", Life(), played.goal, mode=Mode.EMERGENCY)


async def _visit(played: Played, machine: Machine) -> None:
    """Somebody else, from another computer with the same journal, comes while a person is asked something."""
    incident, scene = played.incident, played.scene
    await scene.beside.first_question.wait()
    visitor = incident.around.visitor if incident.around is not None else None
    if visitor is None or not scene.beside.questions:
        return
    await _calls(played, machine, visitor)


async def _calls(played: Played, machine: Machine, visitor: Visitor) -> None:
    """After that time, somebody else at another computer does what they came for."""
    incident, scene = played.incident, played.scene
    await asyncio.sleep(visitor.after)
    elsewhere = machine.elsewhere()
    if visitor.does in (Visit.UNLOCK, Visit.EMERGENCY):
        broken = await break_the_lock(scene, elsewhere)
        played.tape.happened("unlock", "a lock is broken" if broken else "there is no lock to break")
    if visitor.does is Visit.RESUME:
        await scene.live(elsewhere, "dave", Life(), types(RESUME), what="resume")
        return
    mode = Mode.EMERGENCY if visitor.does is Visit.EMERGENCY else incident.mode
    await run(scene, elsewhere, "dave", Life(), incident.goal, mode=mode)


def _disturb(played: Played) -> list[Turn]:
    """The world's own timers: foreign writers and darkness."""
    world, loop = world_context(), played.scene.loop
    handles = [
        loop.call_later(foreign.at, _write, played, foreign, context=world)
        for foreign in played.incident.foreign
    ]
    for dark in played.incident.dark:
        handles.append(loop.call_later(dark.at, _darken, played, dark, True, context=world))
        handles.append(loop.call_later(dark.at + dark.seconds, _darken, played, dark, False, context=world))
    return handles


def _write(played: Played, foreign: Foreign) -> None:
    regions, role = played.regions, foreign.role
    if not foreign.relinks:
        regions.foreign_write(role, foreign.status, foreign.name)
        played.tape.happened("foreign", f"{foreign.name} writes {foreign.status} to the {role}")
        return
    record = regions.record(role)
    if record is not None:
        regions._state._put(
            role, replace(record, target_uuid="0" * 8, modified_by=foreign.name), regions._now()
        )
        played.tape.happened("relinked", f"{foreign.name} links the {role} to another org")


def _darken(played: Played, dark: Dark, on: bool) -> None:
    played.regions.set_dark(dark.role, on, silent=dark.silent, answers=dark.answers)
    played.tape.happened("dark" if on else "light", str(dark.role))


async def _over(played: Played) -> None:
    """The faults end; what is under way may still arrive."""
    regions = played.regions
    regions.faults.clear()
    played.scene.beside.over = True
    if played.machines[0].team is not None:
        played.machines[0].team.over = True
    for role in Role:
        if regions.darkness(role) is not None:
            regions.set_dark(role, False)
    _relink(played)
    if played.incident.settles:
        await asyncio.sleep(70.0)
    played.faults_over = played.tape.next
    played.tape.happened("over", "nothing goes wrong any more")


def _relink(played: Played) -> None:
    """Whoever linked a record to another org puts that right."""
    regions = played.regions
    for role in Role:
        record = regions.record(role)
        peer = regions.config.orgs[role.other].uuid
        if record is not None and record.target_uuid != peer:
            regions._state._put(
                role, replace(record, target_uuid=peer, modified_by="ops.lead@example.com"), regions._now()
            )
            played.tape.happened("foreign", f"the {role} is linked to its peer again")

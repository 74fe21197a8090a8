"""One command from its beginning to its end, or to its death: the real engine, in memory, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from msgspec import Struct, field

from orchestrator.datadog.transport import Transport
from orchestrator.errors import HamrError
from orchestrator.journal import InlineCalls
from orchestrator.model.events import Event as Told
from orchestrator.model.events import Remembered, TransitionIntended, WriteIntended
from orchestrator.model.guard import Measured, Probe, ProbeReading, Unmeasured
from orchestrator.model.hook import Program, ProgramEnded, Question, Reply, When
from orchestrator.model.journal import Entry, Holder, Whereabouts
from orchestrator.model.plain import plain
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import BrokenLaw, Event, Law, Moment, What
from orchestrator.model.protocols import Prober, Programs
from orchestrator.model.reading import (
    Absent,
    Accepted,
    Answer,
    Denied,
    Draft,
    Exchange,
    HamrRecord,
    Identity,
    Lost,
    NotSent,
    Present,
    Reading,
    Rejected,
    Request,
    Sight,
    Throttled,
    Unreachable,
    Unreadable,
)
from orchestrator.model.result import RunResult
from orchestrator.model.run import Operator
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.session import KeyedWorld, Session
from orchestrator.situation.guard_kinds import depends_on, probes_of

from . import laws
from .choices import Chooser
from .keyboard import type_line
from .scene import Scene
from .store import MemoryStore
from .virtual_time import BEGINNING, Deadlock, Endless, ProcessDied, VirtualClock, VirtualLoop, run_to_the_end

ANSWER_SECONDS = 0.02
"""How long an org takes for an answer."""

LOOKS_THAT_FAIL = 2
"""Of several looks at an org in a row, between which nothing is written, so many can go wrong."""

NEARLY = 0.9
"""How much of the time that a guard may be waited for is gone when it passes later."""

PATIENCE = 24 * 3600.0
"""Virtual seconds that a command may last."""

_READS = (Event.MISSING, Event.DENIED, Event.UNREADABLE, Event.SILENT, Event.DARK, Event.DARK_LONG)
_WRITES = (
    Event.TAKEN_UNANSWERED,
    Event.NOT_TAKEN_UNANSWERED,
    Event.LATE,
    Event.VERY_LATE,
    Event.ACCEPTED_LATE,
    Event.NOT_SENT,
    Event.REFUSED,
    Event.REFUSED_TAKEN,
    Event.THROTTLED,
    Event.DIED_TAKEN,
    Event.DIED_LATE,
)
_GUARDS = (Event.FAILED, Event.UNMEASURED, Event.NEVER_PASSED)
_PEOPLE = (Event.SAID_NO, Event.NOBODY_ANSWERED)


class Returned(Struct, frozen=True):
    """It ended with a result."""

    result: RunResult


class Raised(Struct, frozen=True):
    """It ended with an error that says why nothing was done."""

    error: HamrError


class Died(Struct, frozen=True):
    """Its process died."""


class Crashed(Struct, frozen=True):
    """Something came out of it that no person should ever see, or nothing ever."""

    why: str


Outcome = Returned | Raised | Died | Crashed


class Life(Struct, eq=False):
    """One process, on a scene of its own."""

    scene: Scene
    playbook: Playbook
    assumed: Mapping[str, Measured]
    chooser: Chooser
    loop: VirtualLoop
    clock: VirtualClock
    met: Callable[[Life], None]
    """Is asked at each intent whether an equal state was met before."""
    dead: bool = False
    looks: dict[Role, int] = field(default_factory=dict)
    """At each org since anything was last written."""
    warned: dict[tuple[str, Role], HamrRecord] = field(default_factory=dict)
    """A stranger's record that was shown to it, and that the journal does not know of yet."""
    sent: list[Draft] = field(default_factory=list)
    served: dict[Role, HamrRecord | None] = field(default_factory=dict)
    """What this process was shown last of each org."""
    highest: dict[Role, int] = field(default_factory=dict)
    """The newest record that this process was shown of each org, counted from the first."""
    holds_back: dict[str, float] = field(default_factory=dict)
    """Probes that do not say what is wanted, until when."""
    unmeasured: bool = False
    """Whether probes that hold back have no data, rather than a bad answer."""
    wrote: bool = False
    run: str = ""
    controls: RunControl = field(default_factory=RunControl)
    broken: list[BrokenLaw] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    # -- what everything of it asks ------------------------------------------------------------------------------

    def alive(self) -> None:
        """Go on, where it lives.

        Raises:
            ProcessDied: it does not.
        """
        if self.dead:
            raise ProcessDied

    def die(self) -> None:
        """It is gone.

        Raises:
            ProcessDied: always.
        """
        self.dead = True
        raise ProcessDied

    def tell(self, what: What, **facts: Any) -> None:
        """Add to the story."""
        self.moments.append(Moment(self.loop.time() - BEGINNING, what, **facts))

    def choose(
        self, what: What, options: Sequence[tuple[Event, Any]], **facts: Any
    ) -> tuple[Event, Any] | None:
        """What goes otherwise here; told where something does."""
        found = self.chooser.choose(options)
        if found is not None:
            self.scene.faults = (*self.scene.faults, found[0])
            self.scene.since_fault = 0
            self.tell(what, event=found[0], **facts)
        return found

    def breaks(self, law: Law, why: str) -> None:
        """Take note of a law that broke."""
        self.broken.append(BrokenLaw(law, why))

    def catch_up(self) -> None:
        """Let arrive what is due."""
        self.moments.extend(self.scene.orgs.catch_up(self.loop.time()))

    def is_dark(self, role: Role) -> bool:
        """Whether that org's region does not answer."""
        return role in self.scene.orgs.dark

    # -- the orgs ------------------------------------------------------------------------------------------------

    def around_commit(self, entries: Sequence[Entry], commit: Callable[[], None]) -> None:
        """One transaction of the journal: the process may die before it or after it."""
        subject = entries[-1].kind
        options = ((Event.DIED_BEFORE, None), (Event.DIED_AFTER, None))
        found = self.choose(What.COMMIT, options, subject=subject)
        if found is not None and found[0] is Event.DIED_BEFORE:
            self.die()
        laws.before_commit(self, entries)
        commit()
        laws.after_commit(self, entries)
        if found is not None:
            self.die()
        if any(entry.kind in (TransitionIntended.kind, WriteIntended.kind) for entry in entries):
            self.looks.clear()
            self.met(self)

    def is_true(self, role: Role) -> Sight:
        """What an org holds."""
        record = self.scene.orgs.record(role)
        status = None if record is None else Status.of(record.status)
        return Absent() if record is None or status is None else Present(record, status)

    async def answered_read(self, role: Role, within: float | None) -> Sight:
        """What a GET of an org says."""
        self.alive()
        await self.clock.sleep(ANSWER_SECONDS)
        self.alive()
        self.catch_up()
        count = self.looks[role] = self.looks.get(role, 0) + 1
        found = None
        if not self.is_dark(role) and count <= LOOKS_THAT_FAIL:
            found = self.choose(What.READ, self._ways_to_read(role), role=role)
        if found is not None and found[0] in (Event.DARK, Event.DARK_LONG):
            self.scene.orgs.dark[role] = self.scene.number + (found[0] is Event.DARK_LONG)
        if self.is_dark(role):
            await self.clock.sleep(
                within if within is not None else self.playbook.timeouts.read.total_seconds()
            )
            self.alive()
            return Unreachable("no answer in time")
        match None if found is None else found[0]:
            case Event.LAGGED:
                record = self.scene.orgs.shown[role][-2]
                laws.shown(self, role, record, len(self.scene.orgs.shown[role]) - 2)
                return Absent() if record is None else Present(record, Status(record.status))
            case Event.MISSING:
                return Absent()
            case Event.DENIED:
                return Denied("403 Forbidden")
            case Event.UNREADABLE:
                return Unreadable("a page of HTML")
            case Event.SILENT:
                return Unreachable("503 Service Unavailable")
            case _:
                laws.shown(self, role, self.scene.orgs.record(role), len(self.scene.orgs.shown[role]) - 1)
                return self.is_true(role)

    def _ways_to_read(self, role: Role) -> list[tuple[Event, None]]:
        ways: list[tuple[Event, None]] = [(event, None) for event in _READS]
        if len(self.scene.orgs.shown[role]) > 1:
            ways.insert(0, (Event.LAGGED, None))
        return ways

    async def answered_write(self, draft: Draft, within: float | None) -> Answer:
        """What a POST to an org comes to."""
        self.alive()
        await self.clock.sleep(ANSWER_SECONDS)
        self.alive()
        self.catch_up()
        self.looks.clear()
        self._stranger_may_write(draft)
        laws.before_write(self, draft)
        self.wrote = True
        if self.is_dark(draft.role):
            limit = self.playbook.timeouts.total.total_seconds()
            await self.clock.sleep(within if within is not None else limit)
            self.alive()
            laws.after_write(self, draft, answered=False)
            return Lost(Exchange(), "no answer in time")
        facts = {"role": draft.role, "status": draft.status}
        found = self.choose(What.WROTE, [(event, None) for event in _WRITES], **facts)
        if found is None:
            self.tell(What.WROTE, **facts)
        answer = await self._fate(draft, None if found is None else found[0])
        laws.after_write(self, draft, answered=isinstance(answer, Accepted) and answer.record is not None)
        self._stranger_may_write(draft)
        return answer

    async def _fate(self, draft: Draft, event: Event | None) -> Answer:  # noqa: C901 - a case for each
        orgs, now, within = self.scene.orgs, self.loop.time(), self.playbook.confirm.within.total_seconds()
        match event:
            case Event.TAKEN_UNANSWERED:
                orgs.take(draft, now)
                return Lost(Exchange(), "connection reset")
            case Event.NOT_TAKEN_UNANSWERED:
                return Lost(Exchange(), "no answer in time")
            case Event.LATE:
                orgs.take_later(draft, now, within / 2)
                return Lost(Exchange(), "no answer in time")
            case Event.VERY_LATE:
                orgs.take_later(draft, now, within * 1.5)
                return Lost(Exchange(), "no answer in time")
            case Event.ACCEPTED_LATE:
                orgs.take_later(draft, now, within / 2)
                return Accepted(Exchange(), None)
            case Event.NOT_SENT:
                return NotSent(Exchange(), "connection refused")
            case Event.REFUSED:
                return Rejected(Exchange(), "400 Bad Request")
            case Event.REFUSED_TAKEN:
                orgs.take(draft, now)
                return Rejected(Exchange(), "400 Bad Request")
            case Event.THROTTLED:
                return Throttled(Exchange(), 2.0)
            case Event.DIED_TAKEN:
                orgs.take(draft, now)
                laws.after_write(self, draft, answered=False)
                self.die()
            case Event.DIED_LATE:
                orgs.take_later(draft, now, within / 2)
                laws.after_write(self, draft, answered=False)
                self.die()
        return Accepted(Exchange(server_date=self.clock.now()), orgs.take(draft, now))

    def _stranger_may_write(self, draft: Draft) -> None:
        """Somebody else writes: what we write, what is there, or what the pair is to leave, to either org."""
        orgs = self.scene.orgs
        if self.scene.meddled:
            return
        options = []
        for role in Role:
            there = orgs.status(role)
            statuses = dict.fromkeys((draft.status, there, self.scene.route.start))
            options += [
                (Event.STRANGER, (role, status)) for status in statuses if status not in (None, Status.ABSENT)
            ]
        found = self.chooser.choose(options)
        if found is not None:
            role, status = found[1]
            self.scene.faults = (*self.scene.faults, Event.STRANGER)
            self.scene.since_fault = 0
            self.tell(What.STRANGER, role=role, status=status, event=Event.STRANGER)
            orgs.take_strangers(role, status, self.loop.time())

    # -- what stands around --------------------------------------------------------------------------------------

    async def measured(self, probe: Probe, within: float | None) -> Measured | Unmeasured:
        """What a probe says."""
        self.alive()
        await self.clock.sleep(ANSWER_SECONDS)
        self.alive()
        org = depends_on(probe, self.scene.orgs.pair)
        if org is not None and self.is_dark(org):
            await self.clock.sleep(probe.kind.timeout.total_seconds() if within is None else within)
            self.alive()
            return Unmeasured("no answer in time")
        name, now = probe.name, self.loop.time()
        if name not in self.holds_back and name not in self.scene.bad_probes:
            wait = self._longest_wait(name)
            events = _GUARDS if wait == 0 else (*_GUARDS, Event.PASSED_LATER)
            found = self.choose(What.GUARD, [(event, None) for event in events], subject=name)
            self.holds_back[name] = now
            match None if found is None else found[0]:
                case Event.FAILED | Event.UNMEASURED as event:
                    self.holds_back[name] = now + PATIENCE
                    self.unmeasured = event is Event.UNMEASURED
                case Event.PASSED_LATER:
                    self.holds_back[name] = now + wait
                case Event.NEVER_PASSED:
                    self.scene.bad_probes |= {name}
        if name in self.scene.bad_probes or self.holds_back[name] > now:
            return (
                Unmeasured("no data", no_data=True)
                if self.unmeasured
                else Measured(_not(self.assumed[name]), good=False)
            )
        return self.assumed[name]

    def _longest_wait(self, probe: str) -> float:
        """Nearly as long as the guards over a probe may be waited for."""
        guards = self.playbook.guards
        waits = [
            guard.within.total_seconds()
            for guard in guards.values()
            if guard.within is not None and probe in probes_of((guard.name,), self.playbook)
        ]
        return max(waits, default=0.0) * NEARLY

    async def ran(self, hook: str, when: str, limit: float) -> ProgramEnded:
        """How a hook's program ends."""
        self.alive()
        await self.clock.sleep(min(1.0, limit))
        self.alive()
        if hook in self.scene.bad_hooks:
            return ProgramEnded(1, "", 1.0)
        options = [(Event.HOOK_FAILED, None), (Event.HOOK_DIED, None)]
        if when == When.BEFORE.value:  # what comes after a transition is owed until it ends well
            options.append((Event.HOOK_NEVER_ENDED_WELL, None))
        found = self.choose(What.HOOK, options, subject=hook)
        if found is None:
            return ProgramEnded(0, "", 1.0)
        if found[0] is Event.HOOK_DIED:
            self.die()
        if found[0] is Event.HOOK_NEVER_ENDED_WELL:
            self.scene.bad_hooks |= {hook}
        return ProgramEnded(1, "", 1.0)

    async def replied(self, question: Question) -> Reply | None:
        """What somebody answers."""
        self.alive()
        await self.clock.sleep(2.0)
        self.alive()
        found = self.choose(What.PERSON, [(event, None) for event in _PEOPLE], subject=question.subject)
        if found is None:
            return Reply(True, "looked")
        return Reply(False) if found[0] is Event.SAID_NO else None


def _not(sight: Measured) -> float | str | bool | None:
    match sight.value:
        case bool():
            return not sight.value
        case float() | int():
            return -1.0
        case _:
            return None


class LivingWorld(Struct):
    """`orchestrator.model.protocols.World` of one process."""

    life: Life

    async def require_keys(self) -> None:
        """They are there."""
        self.life.alive()

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        """GET one org's record."""
        del anew
        clock = self.life.clock
        began = clock.monotonic()
        sight = await self.life.answered_read(role, within)
        date = None if isinstance(sight, Unreachable) else clock.now()
        return Reading(role, sight, clock.now(), began, Exchange(server_date=date))

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        """Whose keys they are."""
        self.life.alive()
        if self.life.is_dark(role):
            await self.life.clock.sleep(within or self.life.playbook.timeouts.read.total_seconds())
            self.life.alive()
            return Identity(role, None, "no answer in time")
        return Identity(role, self.life.scene.orgs.pair[role].uuid)

    def describe(self, draft: Draft) -> Request:
        """The request, without its body: no two of a proof differ in that."""
        return Request("POST", f"{self.life.scene.orgs.pair[draft.role].base_url}/api/v2/hamr", None)

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        """POST one draft."""
        del leave_by
        return await self.life.answered_write(draft, within)


class LivingProber(Struct):
    """`orchestrator.model.protocols.Prober` of one process."""

    life: Life

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """Read one probe."""
        sight = await self.life.measured(probe, within)
        clock = self.life.clock
        return ProbeReading(probe.name, sight, clock.now(), clock.monotonic(), ANSWER_SECONDS)


class LivingPrograms(Struct):
    """`orchestrator.model.protocols.Programs` of one process."""

    life: Life

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Run a hook's program."""
        return await self.life.ran(about["HAMR_HOOK"], about["HAMR_WHEN"], program.timeout.total_seconds())


class LivingHost(Struct, frozen=True):
    """One machine; of its processes the newest lives."""

    pid: int
    name: str = "laptop"

    def this_process(self) -> tuple[int, str]:
        """Which one this is."""
        return self.pid, f"boot-{self.pid}"

    def whereabouts(self, holder: Holder) -> Whereabouts:
        """What can be told of a holder."""
        return Whereabouts.RUNS if holder.pid == self.pid else Whereabouts.GONE

    def provably_dead(self, holder: Holder) -> bool:
        """Whether it is another one."""
        return holder.pid != self.pid


@dataclass(slots=True)
class LivingSession(Session):
    """A session whose orgs, probes and programs are those of a life."""

    life: Life | None = None

    def entry(self, run: str, event: Told) -> Entry:
        """An event as it goes into the journal: as it is, and in plain form where a law looks at it."""
        looked_at = event.kind in laws.LOOKED_AT
        data = Remembered(event, plain(event) if looked_at else {})  # type: ignore[arg-type] # a noun's plain form
        operator = self.operator
        return Entry(run, self.pair.name, event.kind, operator.name, operator.host, data, self.clock.now())

    def connections(self) -> Both[Transport]:
        """None are needed: nothing leaves this process."""
        return cast("Both[Transport]", Both(None, None))

    def world(self, over: Both[Transport] | None = None) -> AbstractAsyncContextManager[KeyedWorld]:
        """Both orgs."""
        del over
        assert self.life is not None  # noqa: S101 - `session_of` sets it
        return nullcontext(LivingWorld(self.life))

    def prober(self, over: Both[Transport] | None = None) -> AbstractAsyncContextManager[Prober]:
        """The playbook's probes."""
        del over
        assert self.life is not None  # noqa: S101 - as above
        return nullcontext(LivingProber(self.life))

    def programs(self) -> Programs:
        """Its hooks' programs."""
        assert self.life is not None  # noqa: S101 - as above
        return LivingPrograms(self.life)


def session_of(life: Life) -> LivingSession:
    """What the commands of a life are given."""
    scene = life.scene
    return LivingSession(
        pair=scene.orgs.pair,
        playbook=life.playbook,
        operator=Operator("alice", "laptop"),
        store=MemoryStore(scene.kept, life.clock.now, life.alive, life.around_commit),
        environ={},
        clock=life.clock,
        dice=Random(scene.number),  # noqa: S311 - replayable
        host=LivingHost(scene.number),
        calls=InlineCalls(),
        verified=True,
        life=life,
    )


def live(life: Life) -> Outcome:
    """Type what the scene has next, and follow it to its end."""
    scene = life.scene
    scene.number += 1
    scene.since_fault += 1
    scene.scripts = (*scene.scripts, life.chooser.script)
    life.tell(What.TYPED, subject=scene.step.command)
    life.controls.asker = life.replied
    outcome = _outcome(life, scene.step.command)
    scene.time = life.loop.time()
    _lights(life)
    laws.at_the_end(life, outcome)
    scene.story = (*scene.story, *life.moments)
    life.moments.clear()
    return outcome


def _outcome(life: Life, line: str) -> Outcome:
    session = session_of(life)
    try:
        return Returned(run_to_the_end(life.loop, type_line(line, session, life.controls)))
    except ProcessDied:
        return Died()
    except HamrError as error:
        return Raised(error)
    except (Deadlock, Endless) as stuck:
        return Crashed(f"{type(stuck).__name__.lower()} {stuck}")
    except Exception as error:  # noqa: BLE001 - whatever it is, that is what the proof is after
        return Crashed(f"{type(error).__name__}: {error}")


def _lights(life: Life) -> None:
    """Regions come back, as they were."""
    orgs = life.scene.orgs
    for role, until in [*orgs.dark.items()]:
        if life.scene.number >= until:
            del orgs.dark[role]
            life.tell(What.BACK, role=role)

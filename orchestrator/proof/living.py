"""One command, from its beginning to its end: the real engine, over orgs, probes and programs that are those of a life."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random
from typing import cast

from msgspec import Struct

from orchestrator.datadog.transport import Transport
from orchestrator.errors import HamrError
from orchestrator.journal import InlineCalls
from orchestrator.journal.history import History
from orchestrator.model.events import Event as Told
from orchestrator.model.events import Remembered
from orchestrator.model.guard import Measured, Probe, ProbeReading
from orchestrator.model.journal import Entry, Holder, Whereabouts
from orchestrator.model.plain import plain
from orchestrator.model.playbook import Playbook, Program, ProgramEnded
from orchestrator.model.proof import What
from orchestrator.model.protocols import Prober, Programs
from orchestrator.model.reading import Answer, Draft, Exchange, Identity, Reading, Request, Sight, Unreachable
from orchestrator.model.run import Operator, Pace
from orchestrator.model.status import Both, Role
from orchestrator.operations.session import KeyedWorld, Session

from . import laws
from .ends import Ended, Met, ends
from .keyboard import Crashed, Died, Outcome, Raised, Returned, type_line
from .life import ANSWER_SECONDS, Life
from .scene import Chooser, Scene
from .store import MemoryStore
from .virtual_time import Deadlock, Endless, ProcessDied, VirtualClock, VirtualLoop, run_to_the_end

SELDOM = Pace(looks=10, slowest=math.inf, longest_nap=math.inf)
"""No more happens between two of these looks than between others, and nobody wants a run of a proof to stop."""


class FailedReading(Reading, frozen=True, kw_only=True):
    """A look that showed nothing to go by; whoever asks for more than that is told, and each other way in which it may fail told apart.

    Whether it differs from another such look decides whether it is journalled, and nobody learns from that.
    """

    life: Life

    @property  # type: ignore[misc] # in a field's place: whoever asks is noticed
    def sight(self) -> Sight:
        """How it failed."""
        self.life.tell_apart()
        return _sight_of(self)

    @property
    def record(self) -> None:
        """There is none."""

    @property
    def status(self) -> None:
        """It is not known."""

    @property
    def reason(self) -> str:
        """Nobody goes by that."""
        return "it shows nothing to go by"

    @property
    def keyless(self) -> bool:
        """It was asked."""
        return False

    def differs_from(self, before: Reading) -> bool:
        """As of any other reading."""
        return before.record is not None or type(_sight_of(before)) is not type(_sight_of(self))


def _sight_of(reading: Reading) -> Sight:
    return cast("Sight", vars(Reading)["sight"].__get__(reading))


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
        if any(each.role is role for each in self.life.failed):
            return FailedReading(role, sight, clock.now(), began, Exchange(server_date=date), life=self.life)
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

    life: Life = field(kw_only=True)

    def entry(self, run: str, event: Told) -> Entry:
        """An event as it goes into the journal: as it is, and in plain form where a law looks at it."""
        looked_at = event.kind in laws.LOOKED_AT
        data = Remembered(event, plain(event) if looked_at else {})  # type: ignore[arg-type] # a noun's plain form
        operator = self.operator
        return Entry(run, self.pair.name, event.kind, operator.name, operator.host, data, self.clock.now())

    def history(self) -> History:
        """What the journal says of this pair: read once, where several lives begin with the same."""
        self.life.alive()
        return self.life.scene.kept.history(self.pair)

    history_by_name = history  # no other pair is in its journal

    def connections(self) -> Both[Transport]:
        """None are needed: nothing leaves this process."""
        return cast("Both[Transport]", Both(None, None))

    def world(self, over: Both[Transport] | None = None) -> AbstractAsyncContextManager[KeyedWorld]:
        """Both orgs."""
        del over
        return nullcontext(LivingWorld(self.life))

    def prober(self, over: Both[Transport] | None = None) -> AbstractAsyncContextManager[Prober]:
        """The playbook's probes."""
        del over
        return nullcontext(LivingProber(self.life))

    def programs(self) -> Programs:
        """Its hooks' programs."""
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
        pace=SELDOM,
        verified=True,
        life=life,
    )


class Lives(Struct):
    """Of one route: what is the same in every process."""

    playbook: Playbook
    assumed: Mapping[str, Measured]
    patience: float
    """Seconds after which nothing that happened matters any more by its age."""
    met: Callable[[Life, Sequence[Entry]], bool]

    def begin(self, scene: Scene, chooser: Chooser) -> Life:
        """A process on a scene."""
        loop = VirtualLoop(processes=False)
        loop.virtual = scene.time
        return Life(scene, self.playbook, self.assumed, chooser, loop, VirtualClock(loop), self.met)


def live(life: Life) -> Iterator[Ended]:
    """Type what the scene has next, and follow it to its end; and to the ends that it might have come to on its way."""
    scene = life.scene
    scene.number += 1
    scene.since_fault += 1
    scene.scripts = (*scene.scripts, life.chooser.script)
    life.tell(What.TYPED, subject=scene.step.command)
    life.controls.asker = life.replied
    outcome = _outcome(life, scene.step.command)
    if isinstance(outcome, Met):
        yield Ended(scene, outcome, life.chooser, life.broken)
    else:
        yield from ends(life, outcome)
    yield from life.ended


def _outcome(life: Life, line: str) -> Outcome | Met:
    session = session_of(life)
    try:
        return Returned(run_to_the_end(life.loop, type_line(line, session, life.controls)))
    except ProcessDied:
        return Met() if life.was_met else Died()
    except HamrError as error:
        return Raised(error)
    except (Deadlock, Endless) as stuck:
        return Crashed(f"{type(stuck).__name__.lower()} {stuck}")
    except Exception as error:  # noqa: BLE001 - whatever it is, that is what the proof is after
        return Crashed(f"{type(error).__name__}: {error}")

"""One command, from its beginning to its end: the real engine, over orgs, probes and programs that are those of a life; and what is typed next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from random import Random
from typing import cast

from msgspec import Struct

from orchestrator.datadog.transport import Transport
from orchestrator.errors import HamrError
from orchestrator.journal import InlineCalls
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.events import Event as Told
from orchestrator.model.events import Remembered
from orchestrator.model.guard import Measured
from orchestrator.model.journal import Entry, Holder, Whereabouts
from orchestrator.model.next_step import each_once
from orchestrator.model.plain import plain
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import BrokenLaw, Event, Law, Moment, What
from orchestrator.model.protocols import Prober, Programs
from orchestrator.model.reading import Answer, Draft, Exchange, Identity, Reading, Request, Sight, Unreachable
from orchestrator.model.run import Operator, Pace
from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Both, Role
from orchestrator.operations.session import KeyedWorld, Session
from orchestrator.operations.status import read_pair, standing_of
from orchestrator.situation.link import BOTH_ROLES

from . import laws
from .around import LivingProber, LivingPrograms, replied
from .keyboard import LOOKS, Crashed, Died, Outcome, Raised, Returned, closed, type_line, verb_of
from .life import Life
from .scene import Chooser, Ended, Met, Scene, ends
from .store import MemoryStore
from .virtual_time import BEGINNING, Deadlock, Endless, ProcessDied, VirtualClock, VirtualLoop, run_to_the_end

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
            await self.life.takes(within or self.life.playbook.timeouts.read.total_seconds())
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


class LivingHost(Struct, frozen=True):
    """One machine; of its processes the newest lives."""

    pid: int
    name: str = "laptop"

    def this_process(self) -> tuple[int, str]:
        """Which one this is."""
        return self.pid, f"boot-{self.pid}"

    def whereabouts(self, holder: Holder) -> Whereabouts:
        """What can be told of a holder: of the newest, whoever looks can't tell whether it lives."""
        return Whereabouts.UNCERTAIN if holder.pid == self.pid else Whereabouts.GONE


class LivingSession(Session, eq=False, kw_only=True):
    """A session whose orgs, probes and programs are those of a life."""

    life: Life

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
        loop = VirtualLoop()
        loop.virtual = scene.time
        return Life(scene, self.playbook, chooser, loop, VirtualClock(loop), self.assumed, self.met)


def live(life: Life) -> Iterator[Ended]:
    """Type what the scene has next, and follow it to its end; and to the ends that it might have come to on its way."""
    scene = life.scene
    scene.number += 1
    scene.since_fault += 1
    scene.scripts = (*scene.scripts, life.chooser.script)
    life.tell(What.TYPED, subject=scene.step.command)
    life.controls.asker = partial(replied, life)
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


COMMANDS = 8
"""How many commands may be needed at most after the last fault."""

READING_SECONDS = 5.0
"""How long somebody reads what a command said before they type the next one."""

WAITING_SECONDS = 20.0
"""How long somebody waits who was told to look again."""

LOOKS_IN_A_ROW = 6

LOOKS_IN_THE_DARK = 3
"""How often somebody looks at a region that is dark until it is back."""


def follow(lives: Lives, ended: Ended) -> Scene | BrokenLaw | None:
    """The same scene with what is typed next; None where there is nothing left to do; or the law that broke."""
    return _Following(lives, ended, ended.scene).decide()


def heard(ended: Ended) -> None:
    """Add to a story how its last command says that it ended."""
    scene = ended.scene
    if ended.words:
        scene.story = (*scene.story, Moment(scene.time - BEGINNING, What.ENDED, ended.words))


class _Following(Struct):
    lives: Lives
    ended: Ended
    scene: Scene

    def decide(self) -> Scene | BrokenLaw | None:  # noqa: C901 - what a person does next, told whole
        """The scene with the next step; None where there is nothing left to do; or the law that broke."""
        scene = self.scene
        if isinstance(self.ended.outcome, Died):  # what became of that command was never seen
            scene.tried = scene.tried[:-1]
        line, label = "", ""
        heard(self.ended)
        steps = told = self.ended.says
        looks = 0
        standing: PairStatus | None = None
        while not line:
            acting = [step.command for step in steps if step.verb not in (*LOOKS, "plan")]
            if acting and verb_of(steps[0].command) not in LOOKS:
                line = self._pick(acting, label)
                break
            if looks == LOOKS_IN_A_ROW:
                return BrokenLaw(Law.LEADS_ON, f"hamr status says to look again, {looks} times in a row")
            scene.time += WAITING_SECONDS if looks else READING_SECONDS
            if looks == LOOKS_IN_THE_DARK:  # a region comes back to those who wait
                scene.orgs.dark.clear()
            standing = self._look()
            looks += 1
            if self._is_over(standing):
                return None
            label = standing.phase.label
            steps = tuple(step for step in standing.next_steps if step.verb)
            if looks > 1:  # somebody who has looked, and is told to look, takes the next one
                steps = tuple(step for step in steps if step.verb not in LOOKS) or steps
            steps = each_once((*steps, *(step for step in told if step.verb not in LOOKS)))
            if all(step.verb in (*LOOKS, "plan") for step in steps) and not (
                steps and steps[0].verb in LOOKS
            ):
                line = next_step.run(scene.orgs.pair.name, scene.goal).command
        if scene.since_fault >= COMMANDS:
            where = "" if standing is None else f"; it stands at {standing.phase.label}"
            if isinstance(self.ended.outcome, Returned):
                where = f"; the pair stands at {self.ended.outcome.result.phase}"
            return BrokenLaw(
                Law.LEADS_ON, f"{COMMANDS} commands after the last fault, there is more to type{where}"
            )
        scene.time += READING_SECONDS
        self._type(line, label)
        return scene

    def _pick(self, acting: Sequence[str], label: str) -> str:
        """The first that was not typed yet where things stand as they do; else the one that was typed longest ago."""
        typed = {line: number for number, (line, at) in enumerate(self.scene.tried) if at == label}
        return min(acting, key=lambda line: typed.get(line, -1))

    def _type(self, line: str, label: str) -> None:
        """Type it; or do something else, which somebody might."""
        scene, pair = self.scene, self.scene.orgs.pair.name
        if isinstance(self.ended.outcome, Died) or scene.number == 1:
            again, back = next_step.run(pair, scene.route.goal), next_step.run(pair, scene.route.start)
            options = [(Event.RAN_AGAIN, again)] if again.command != line else []
            if scene.route.start in self.lives.playbook.stops and back.command != line:
                options.append((Event.WENT_BACK, back))
            option = self.ended.chooser.choose([event for event, _ in options])
            if option is not None:
                event, scene.step = options[option]
                scene.goes_otherwise(event)
                scene.story = (*scene.story, Moment(scene.time - BEGINNING, What.LEFT, line, event=event))
                scene.goal = scene.route.start if event is Event.WENT_BACK else scene.route.goal
                return
        if (line, label) in scene.tried:
            # All was tried: what is left is to wait for what only time can change.
            scene.time += self.lives.patience
        scene.tried = (*scene.tried, (line, label))
        scene.step = next_step.shell(line, "")

    def _look(self) -> PairStatus:
        """Hamr status, by somebody whom nothing happens to."""
        scene = self.scene
        life = self.lives.begin(scene, Chooser(open=False))
        session = session_of(life)

        async def look() -> PairStatus:
            history = session.history()
            readings, identities = await read_pair(session, LivingWorld(life), BOTH_ROLES, history.floors)
            return standing_of(session, history, readings, identities)

        standing = run_to_the_end(life.loop, look())
        scene.time = life.loop.time()
        scene.story = (*scene.story, *life.moments)
        return standing

    def _is_over(self, standing: PairStatus) -> bool:
        """Whether the pair is at peace where somebody wanted it, at home, or wherever somebody else has put it."""
        scene = self.scene
        places = {scene.goal, scene.route.goal, scene.route.start}
        stops = self.lives.playbook.stops
        # Where nothing leads back, any stop is a place to rest.
        if scene.meddled or scene.route.start not in stops:
            places |= set(stops)
        return any(closed(standing, place) for place in places)

"""The search: from each state between two commands through every way in which the next one can go, and each equal state once.

A state between two commands is all that outlives a process: the journal, both orgs, what is on its way, and what is typed
next. From it each command is run again for each combination of events, up to so many; where a run of it comes to a
transition or a write in a state from which another one went on with as many events left, what comes after it is explored
from there alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.engine.engine import Engine
from orchestrator.errors import ExitCode
from orchestrator.journal.checkpoint import read_history
from orchestrator.journal.history import RunHistory, events_of
from orchestrator.model import next_step
from orchestrator.model.guard import Http, Measured, Outcome, Window
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import (
    BrokenLaw,
    Counterexample,
    Event,
    Explored,
    Law,
    Moment,
    Route,
    RouteProof,
    Script,
    What,
)
from orchestrator.model.situation import Standing
from orchestrator.model.status import Status
from orchestrator.operations.status import BOTH_NEEDED, read_pair, standing_of
from orchestrator.situation.assumed import assumed_values
from orchestrator.situation.guard_kinds import window
from orchestrator.situation.state import RunState, replay

from . import laws
from .canonical import Canon, ages_that_matter
from .choices import Chooser
from .keyboard import DONE, LOOKS, closed, verb_of
from .life import Died, Life, LivingWorld, Raised, Returned, live, session_of
from .life import Outcome as LifeEnd
from .orgs import beginning, proven_pair
from .scene import Scene
from .store import MemoryStore
from .virtual_time import BEGINNING, EPOCH, VirtualClock, VirtualLoop, run_to_the_end

COMMANDS = 8
"""How many commands may be needed at most after the last fault."""

READING_SECONDS = 5.0
"""How long somebody reads what a command said before they type the next one."""

WAITING_SECONDS = 20.0
"""How long somebody waits who was told to look again."""

TRIES_HOME = 3

LOOKS_IN_A_ROW = 6

LOOKS_IN_THE_DARK = 3
"""How often somebody looks at a region that is dark until it is back."""

_DEPARTURES = (Event.RAN_AGAIN, Event.WENT_BACK)


def routes_of(playbook: Playbook) -> tuple[Route, ...]:
    """Every way between two stops, planned and, where its first transition names a survivor, emergency."""
    sources = {transition.source for transition in playbook.transitions}
    targets = {transition.target for transition in playbook.transitions}
    starts = [status for status in Status if status in playbook.stops or status in sources - targets]
    found: list[Route] = []
    for start in starts:
        for goal in playbook.stops:
            way = playbook.route(start, goal)
            if not way:
                continue
            found += [Route(start, goal), Route(start, goal, mirrors=True)]
            survivor = way[0].survivor
            if survivor is not None:
                found += [Route(start, goal, survivor), Route(start, goal, survivor, mirrors=True)]
    return tuple(found)


class _State(Struct):
    """A scene, and what may still go wrong from there."""

    scene: Scene
    faults_left: int


class Search(Struct):
    """Of one route."""

    playbook: Playbook
    route: Route
    faults: int
    ends_at: float
    """When its budget ends, on this process's own monotonic clock."""
    assumed: Mapping[str, Measured] = field(default_factory=dict)
    ages: tuple[float, ...] = ()
    seen: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)
    """(faults left, commands since the last one) with which each state was gone on from."""
    explored: Explored = Explored()
    found: dict[Law, Counterexample] = field(default_factory=dict)
    waiting: list[deque[tuple[_State, Script]]] = field(default_factory=list)
    """By how many faults there were: a story with fewer is told first."""

    def __post_init__(self) -> None:
        self.assumed = assumed_values(self.playbook)
        self.ages = ages_that_matter(self.playbook)
        self.playbook = _polling_seldom(self.playbook)
        self.waiting = [deque() for _ in range(self.faults + 1)]

    def run(self) -> RouteProof:
        """Explore it, until nothing is left or the budget ends; with the fewest faults first."""
        began = time.monotonic()
        self.waiting[0].append((_State(self.first(), self.faults), ()))
        for level in self.waiting:
            while level and time.monotonic() < self.ends_at:
                self._go_on(*level.popleft())
            if self.found:
                break
        left = 0 if self.found else sum(map(len, self.waiting))
        explored = replace(self.explored, states=len(self.seen), left=left, seconds=time.monotonic() - began)
        return RouteProof(self.route, explored, tuple(self.found.values()))

    def first(self) -> Scene:
        """Where the route begins."""
        pages = tuple(
            probe.kind.page for probe in self.playbook.probes.values() if isinstance(probe.kind, Http)
        )
        route = self.route
        pair = proven_pair(pages, route)
        step = next_step.run(pair.name, route.goal)
        orgs = beginning(pair, route.start, self.playbook)
        if route.emergency is not None:
            step = step.as_emergency()
            orgs.dark[route.emergency.other] = 1
        return Scene(route, orgs, step, route.goal, time=BEGINNING + opens(self.playbook))

    def _go_on(self, state: _State, script: Script) -> None:
        """Run one command by one script, and put what follows from it in the line."""
        chooser = Chooser(script, state.faults_left - len(script))
        scene = state.scene.copy()
        follows = self.follow(scene, chooser)
        self.explored = replace(self.explored, interleavings=self.explored.interleavings + 1)
        for branch in chooser.branches():
            self.waiting[self.faults - state.faults_left + len(branch)].append((state, branch))
        if isinstance(follows, BrokenLaw):
            self._note(scene, follows)
        elif follows is not None:
            left = self.faults - len(scene.faults)
            if self._is_new(self._digest(scene), left, scene.since_fault):
                self.waiting[len(scene.faults)].append((_State(scene, left), ()))

    def follow(self, scene: Scene, chooser: Chooser) -> Scene | BrokenLaw | None:
        """Run what a scene has next, in place: the same scene with what is typed then, or the law that broke.

        None where the story is over, and all is well.
        """
        life = self.life_of(scene, chooser)
        outcome = live(life)
        if life.broken:
            return life.broken[0]
        follows = _Following(self, scene, chooser, outcome).decide()
        if follows is None and scene.number == 1 and not scene.faults:
            return self._and_home(scene)
        return follows

    def _and_home(self, scene: Scene) -> BrokenLaw | None:
        """Straight home, after a run that went well: tried until nothing but time stands in the way no more."""
        home, pair = scene.route.start, scene.orgs.pair.name
        if home not in self.playbook.objectives or not self.playbook.route(scene.route.goal, home):
            return None
        began, scene.step = scene.time, next_step.run(pair, home)
        for _ in range(TRIES_HOME):
            outcome = live(self.life_of(scene, Chooser()))
            _Following(self, scene, Chooser(), outcome).said()
            if isinstance(outcome, Returned) and outcome.result.ending.end.reached:
                break
            scene.time += self.ages[-1]
        return laws.home_in_time(self.playbook, home, scene.time - began)

    def _note(self, scene: Scene, broken: BrokenLaw) -> None:
        story = Counterexample(self.route, broken, scene.faults, scene.story, scene.scripts)
        known = self.found.get(broken.law)
        if known is None or (len(story.faults), len(story.story)) < (len(known.faults), len(known.story)):
            self.found[broken.law] = story

    # -- states that are the same ----------------------------------------------------------------------------------

    def _is_new(self, digest: bytes, left: int, commands: int) -> bool:
        """Whether nobody went on from there with as many faults left, and as few commands used."""
        known = self.seen.setdefault(digest, [])
        if any(other >= left and used <= commands for other, used in known):
            return False
        known.append((left, commands))
        return True

    def _digest(self, scene: Scene) -> bytes:
        now = EPOCH + timedelta(seconds=scene.time - BEGINNING)
        canon = Canon(now, self.ages)
        history = read_history(MemoryStore(scene.kept, lambda: now), scene.orgs.pair)
        open_run = history.open_run
        return canon.digest(
            "between",
            self._around(scene),
            scene.step.command,
            scene.goal,
            scene.tried,
            scene.kept.holder is not None,
            [
                (
                    run.open,
                    run.mode,
                    run.transition,
                    run.start,
                    run.started.goal if run.started else None,
                    run.unknown,
                    run.unseen,
                    run.hooks_owed,
                    run.asking,
                    run.finished.ending.change if run.finished is not None else None,
                    run.finished is None,
                )
                for run in history.runs.values()
                if run.open or run.unknown or run.unseen
            ],
            history.owed,
            history.floors,
            history.cooling_down(self.playbook.cool_down, now) is not None,
            None if open_run is None else self._recalled(scene, open_run),
        )

    def _recalled(self, scene: Scene, run: RunHistory) -> RunState:
        """What a resume would know of the open run."""
        events = (event for event, _ in events_of(each for each in scene.kept.records if each.run == run.run))
        return replay(run.run, events, run.floors, mirrors=scene.orgs.pair.mirrors.known)

    def _around(self, scene: Scene) -> tuple[object, ...]:
        """What is not the program's."""
        orgs = scene.orgs
        return (
            {role: records[-2:] for role, records in orgs.shown.items()},
            [(round(each.at - scene.time), each.role, each.record, each.is_copy) for each in orgs.coming],
            {role: until - scene.number for role, until in orgs.dark.items()},
            scene.bad_hooks,
            scene.bad_probes,
            scene.meddled,
            scene.went_dark,
            scene.came_late,
            scene.watch.warned,
            scene.watch.bases,
            scene.watch.begun,
            scene.watch.unanswered,
            scene.watch.owed,
        )

    def _met(self, life: Life) -> None:
        """At an intent: where a state is met again, nothing more is explored from here."""
        chooser, engine = life.chooser, life.controls.engine
        if (
            not chooser.open
            or not chooser.off_script
            or chooser.faults_left == 0
            or not isinstance(engine, Engine)
        ):
            return
        run = engine.run
        canon = Canon(life.clock.now(), self.ages)
        life.scene.time = life.loop.time()
        digest = canon.digest(
            "within",
            self._around(life.scene),
            life.scene.step.command,
            life.scene.goal,
            life.scene.tried,
            run.state,
            run.owed,
            run.needed,
            run.half_done,
            run.taken_as_is,
            [(each.role, type(each.sight).__name__, each.record) for each in engine.reader.last or ()],
            sorted(engine.probing.under_way),
            [name for name, until in life.holds_back.items() if until > life.loop.time()],
        )
        if not self._is_new(digest, chooser.faults_left, life.scene.since_fault):
            chooser.open = False

    def life_of(self, scene: Scene, chooser: Chooser) -> Life:
        """A process on a scene."""
        loop = _at(scene.time)
        return Life(scene, self.playbook, self.assumed, chooser, loop, VirtualClock(loop), self._met)


def opens(playbook: Playbook) -> float:
    """Seconds after EPOCH at which all windows of a playbook are open, for the first time; 0 where they never are."""
    windows = [guard.kind for guard in playbook.guards.values() if isinstance(guard.kind, Window)]
    for hours in range(24 * 366):
        at = EPOCH + timedelta(hours=hours)
        if all(window(each, at).outcome is Outcome.PASS for each in windows):
            return hours * 3600.0
    return 0.0


def _at(moment: float) -> VirtualLoop:
    loop = VirtualLoop()
    loop.virtual = moment
    return loop


def _polling_seldom(playbook: Playbook) -> Playbook:
    """The same with fewer looks in a confirm time: no more happens between two of them than between others."""
    confirm = playbook.confirm
    return replace(playbook, confirm=replace(confirm, every=max(confirm.every, confirm.within / 5)))


class _Following(Struct):
    """What whoever typed a command types next, by what it said, or by what they see when they look."""

    search: Search
    scene: Scene
    chooser: Chooser
    outcome: LifeEnd

    def decide(self) -> Scene | BrokenLaw | None:  # noqa: C901 - what a person does next, told whole
        """The scene with the next step; None where there is nothing left to do; or the law that broke."""
        scene = self.scene
        if isinstance(self.outcome, Died):  # what became of that command was never seen
            scene.tried = scene.tried[:-1]
        line, label = "", ""
        steps = said = self.said()
        looks = 0
        standing: Standing | None = None
        while not line:
            if steps and verb_of(steps[0].command) not in LOOKS:
                line = self._pick(steps, label)
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
            steps = each_once((*steps, *(step for step in said if step.verb not in LOOKS)))
            if all(step.verb in (*LOOKS, "plan") for step in steps) and not (
                steps and steps[0].verb in LOOKS
            ):
                line = next_step.run(scene.orgs.pair.name, scene.goal).command
        if scene.since_fault >= COMMANDS:
            where = "" if standing is None else f"; it stands at {standing.phase.label}"
            if isinstance(self.outcome, Returned):
                where = f"; the pair stands at {self.outcome.result.phase}"
            return BrokenLaw(
                Law.LEADS_ON, f"{COMMANDS} commands after the last fault, there is more to type{where}"
            )
        scene.time += READING_SECONDS
        self._type(line, label)
        return scene

    def said(self) -> tuple[NextStep, ...]:
        """What the end of the command says to type; nothing where it went well, or nobody was there to say it."""
        match self.outcome:
            case Returned(result=result) if result.exit_code not in (ExitCode.DONE, ExitCode.OWING):
                self._ended(f"exit {int(result.exit_code)}: {result.ending.message}")
                return tuple(step for step in result.ending.next_steps if step.verb)
            case Returned(result=result):
                self._ended(f"exit {int(result.exit_code)}: {result.ending.message}")
                return ()
            case Raised(error=error):
                self._ended(f"exit {int(error.exit_code)}: {error.message}")
                return () if error.message == DONE else tuple(step for step in error.next_steps if step.verb)
            case _:
                return ()

    def _ended(self, words: str) -> None:
        moment = Moment(self.scene.time - BEGINNING, What.ENDED, words)
        self.scene.story = (*self.scene.story, moment)

    def _pick(self, steps: tuple[NextStep, ...], label: str) -> str:
        """The first that was not typed yet where things stand as they do; else the one that was typed longest ago."""
        acting = [step.command for step in steps if step.verb not in (*LOOKS, "plan")]
        typed = {line: number for number, (line, at) in enumerate(self.scene.tried) if at == label}
        return min(acting, key=lambda line: typed.get(line, -1))

    def _type(self, line: str, label: str) -> None:
        """Type it; or do something else, which somebody might."""
        scene, pair = self.scene, self.scene.orgs.pair.name
        if isinstance(self.outcome, Died) or scene.number == 1:
            again, back = next_step.run(pair, scene.route.goal), next_step.run(pair, scene.route.start)
            options = [(Event.RAN_AGAIN, again)]
            if scene.route.start in self.search.playbook.stops:
                options.append((Event.WENT_BACK, back))
            found = self.chooser.choose([each for each in options if each[1].command != line])
            if found is not None:
                scene.faults, scene.since_fault = (*scene.faults, found[0]), 0
                scene.story = (*scene.story, Moment(scene.time - BEGINNING, What.LEFT, line, event=found[0]))
                scene.step = found[1]
                scene.goal = scene.route.start if found[0] is Event.WENT_BACK else scene.route.goal
                return
        if (
            line,
            label,
        ) in scene.tried:  # all was tried: what is left is to wait for what only time can change
            scene.time += self.search.ages[-1]
        scene.tried = (*scene.tried, (line, label))
        scene.step = next_step.shell(line)

    def _look(self) -> Standing:
        """Hamr status, by somebody whom nothing happens to."""
        scene = self.scene
        life = self.search.life_of(scene, Chooser())
        session = session_of(life)

        async def look() -> Standing:
            history = session.history()
            readings, identities = await read_pair(session, LivingWorld(life), BOTH_NEEDED, history.floors)
            return standing_of(session, history, readings, identities)

        standing = run_to_the_end(life.loop, look())
        scene.time = life.loop.time()
        scene.story = (*scene.story, *life.moments)
        return standing

    def _is_over(self, standing: Standing) -> bool:
        """Whether the pair is at peace where somebody wanted it, at home, or wherever somebody else has put it."""
        scene = self.scene
        places = {scene.goal, scene.route.goal, scene.route.start}
        if scene.meddled:
            places |= set(self.search.playbook.stops)
        return any(closed(standing, place) for place in places)


def prove_route(playbook: Playbook, route: Route, faults: int, seconds: float) -> RouteProof:
    """Explore one route to so many faults, in so many seconds at most."""
    return Search(playbook, route, faults, time.monotonic() + seconds).run()


def replay_story(playbook: Playbook, route: Route, scripts: tuple[Script, ...]) -> BrokenLaw | None:
    """Play one story again, without looking for others; the law that breaks in it, or None."""
    search = Search(playbook, route, 0, 0.0)
    scene: Scene | None = search.first()
    remaining = list(scripts)
    while scene is not None:
        chooser = Chooser(remaining.pop(0) if remaining else ())
        follows = search.follow(scene, chooser)
        if isinstance(follows, BrokenLaw):
            return follows
        scene = follows
    return None

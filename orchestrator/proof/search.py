"""The search: from each state between two commands through every way in which the next one can go, and each equal state once.

A state between two commands is all that outlives a process: the journal, both orgs, what is on its way, and what is typed
next. From it each command is run again for each combination of events, up to so many; where a run of it comes to a
transition, a write or an end in a state from which another one went on, of which at least as much was asked, it is given
up, and what comes after is explored from there alone. What it would leave if it died on its way is taken from it as it goes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.journal.history import event_of
from orchestrator.model import next_step
from orchestrator.model.events import Event
from orchestrator.model.guard import Http, Outcome, Window
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import (
    BrokenLaw,
    Counterexample,
    Explored,
    Law,
    Moment,
    Route,
    RouteProof,
    Script,
)
from orchestrator.model.status import Status
from orchestrator.situation.guard_kinds import assumed_values, window

from . import laws
from .canonical import holding_up, patience
from .keyboard import Returned
from .living import Lives, follow, heard, live
from .orgs import beginning, proven_pair
from .scene import Chooser, Ended, Met, Scene
from .states import States
from .virtual_time import BEGINNING, EPOCH

TOLD_EVERY = 50
"""Interleavings between two times at which it is told how far it is."""


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


class _Typed(Struct, frozen=True):
    """A command that is run by one script, from a scene on."""

    scene: Scene
    faults_left: int
    script: Script = ()
    since: int = 0
    """The point up to which it is the same as another, which was explored."""


class _Ended(Struct, frozen=True):
    """What became of it, or of one that shares what came before with it."""

    typed: _Typed
    ended: Ended


class Search:
    """Of one route."""

    def __init__(
        self,
        playbook: Playbook,
        route: Route,
        faults: int,
        seconds: float,
        *,
        passing: Callable[[Explored], None] = lambda _: None,
        states: type[States] = States,
    ) -> None:
        """Explore a route to so many faults, in so many seconds from now at most.

        `passing` is told now and then how far it is; `states` says which states are the same.
        """
        self.passing = passing
        self.playbook, self.route, self.faults = playbook, route, faults
        self.ends_at = time.monotonic() + seconds
        self.states = states(playbook)
        self.lives = Lives(
            _polling_seldom(playbook), assumed_values(playbook), patience(playbook), self.states.were_met
        )
        self.interleavings = 0
        self.found: dict[Law, Counterexample] = {}
        # By how many faults there were: a story with fewer is told first.
        self.waiting: list[deque[_Typed | _Ended]] = [deque() for _ in range(faults + 1)]

    def run(self) -> RouteProof:
        """Explore it, until nothing is left or the budget ends; with the fewest faults first."""
        began = time.monotonic()
        self.waiting[0].append(_Typed(self.first(), self.faults))
        for level in self.waiting:
            while level and time.monotonic() < self.ends_at:
                match level.popleft():
                    case _Typed() as typed:
                        self._run(typed)
                    case _Ended(typed=typed, ended=ended):
                        self._go_on(typed, ended)
                if self.interleavings % TOLD_EVERY == 0:
                    self.passing(self._explored(began))
            if self.found:
                break
        explored = self._explored(began)
        if self.found:
            explored = replace(explored, left=0)
        self.passing(explored)
        return RouteProof(self.route, explored, tuple(self.found.values()))

    def _explored(self, began: float) -> Explored:
        left = sum(map(len, self.waiting))
        return Explored(self.interleavings, self.states.gone_on_from, left, time.monotonic() - began)

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

    def _run(self, typed: _Typed) -> None:
        """Run one command by one script, and put in the line whatever else it might have come to."""
        chooser = Chooser(typed.script, typed.faults_left - len(typed.script), since=typed.since)
        ended, *others = live(self.lives.begin(typed.scene.copy(), chooser))
        for other in others:
            self.waiting[len(other.scene.faults)].append(_Ended(typed, other))
        for script, since in chooser.apart:
            self._begin(typed, (script,), since)
        self._go_on(typed, ended)

    def _go_on(self, typed: _Typed, ended: Ended) -> None:
        """Put in the line what follows from an end."""
        self.interleavings += 1
        follows = self.follow(ended)
        self._begin(typed, ended.chooser.branches())
        if isinstance(follows, BrokenLaw):
            self._note(ended.scene, follows)
        elif follows is not None:
            left = self.faults - len(follows.faults)
            if self.states.goes_on_new(follows, left):
                self.waiting[len(follows.faults)].append(_Typed(follows, left))

    def _begin(self, typed: _Typed, scripts: Iterable[Script], since: int = 0) -> None:
        for script in scripts:
            level = self.faults - typed.faults_left + len(script)
            self.waiting[level].append(replace(typed, script=script, since=since))

    def follow(self, ended: Ended) -> Scene | BrokenLaw | None:
        """The same scene with what is typed next, or the law that broke.

        None where the story is over and all is well, or another one goes on from there.
        """
        if ended.broken:
            return ended.broken[0]
        if isinstance(ended.outcome, Met) or self.states.has_ended_so(ended):
            return None
        follows = follow(self.lives, ended)
        if follows is None and ended.scene.number == 1 and not ended.scene.faults:
            return self._and_home(ended.scene)
        return follows

    def play(self, scene: Scene, script: Script) -> Scene | BrokenLaw | None:
        """What follows from one command by one script, in place, without looking for others."""
        return self.follow(next(live(self.lives.begin(scene, Chooser(script, open=False)))))

    def _and_home(self, scene: Scene) -> BrokenLaw | None:
        """Straight home, after a run that went well: tried until nothing but time stands in the way no more."""
        home, pair = scene.route.start, scene.orgs.pair.name
        if home not in self.playbook.objectives or not self.playbook.route(scene.route.goal, home):
            return None
        began, scene.step = scene.time, next_step.run(pair, home)
        long = self.lives.patience
        for waited in (*holding_up(self.playbook), long, 2 * long, 3 * long):
            ended = next(live(self.lives.begin(scene, Chooser(open=False))))
            heard(ended)
            if isinstance(ended.outcome, Returned) and ended.outcome.result.ending.end.reached:
                break
            scene.time = max(scene.time, began + waited)
        late = next(laws.home_in_time(self.playbook, home, scene.time - began), None)
        return None if late is None else BrokenLaw(Law.IN_TIME, late)

    def _note(self, scene: Scene, broken: BrokenLaw) -> None:
        story = Counterexample(self.route, broken, scene.faults, scene.story, scene.scripts)
        known = self.found.get(broken.law)
        if known is None or (len(story.faults), len(story.story)) < (len(known.faults), len(known.story)):
            self.found[broken.law] = story


def opens(playbook: Playbook) -> float:
    """Seconds after EPOCH at which all windows of a playbook are open, for the first time; 0 where they never are."""
    windows = [guard.kind for guard in playbook.guards.values() if isinstance(guard.kind, Window)]
    for hours in range(24 * 366):
        at = EPOCH + timedelta(hours=hours)
        if all(window(each, at).outcome is Outcome.PASS for each in windows):
            return hours * 3600.0
    return 0.0


def _polling_seldom(playbook: Playbook) -> Playbook:
    """The same with fewer looks in a confirm time: no more happens between two of them than between others."""
    confirm = playbook.confirm
    return replace(playbook, confirm=replace(confirm, every=max(confirm.every, confirm.within / 5)))


class Journalled(Struct, frozen=True):
    """One record of a story."""

    at: float
    """Seconds since the story began."""
    kind: str
    event: Event | None


class Retold(Struct, frozen=True):
    """A story that was played again, with all that its processes have journalled."""

    broken: BrokenLaw | None
    """The law that breaks in it."""
    story: Sequence[Moment]
    records: Sequence[Journalled]
    goal: Status
    """Where whoever typed last wanted the pair."""


def retell(playbook: Playbook, route: Route, scripts: Sequence[Script]) -> Retold:
    """Play one story again, without looking for others: of each of its commands, what went otherwise in it."""
    search = Search(playbook, route, 0, 0.0)
    scene, remaining = search.first(), list(scripts)
    follows: Scene | BrokenLaw | None = scene
    while isinstance(follows, Scene):
        scene = follows
        follows = search.play(scene, remaining.pop(0) if remaining else ())
    records = [
        Journalled((moment(record.at) - EPOCH).total_seconds(), record.kind, event_of(record))
        for record in scene.kept.records
    ]
    return Retold(follows, scene.story, records, scene.goal)

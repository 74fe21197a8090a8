"""Where a story stands between two commands, and how it goes on: whatever may go one way or another, a script chooses; and how a command ends, and what it leaves."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from copy import copy
from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import astuple, replace

from orchestrator.model.next_step import NextStep
from orchestrator.model.proof import BrokenLaw, Event, Moment, Route, Script, What
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role, Status

from . import laws
from .keyboard import Outcome, Raised, Returned, next_steps
from .orgs import Orgs
from .store import Kept
from .virtual_time import BEGINNING

if TYPE_CHECKING:
    from .life import Life, Twin

ENDS = frozenset({Event.DIED_BEFORE, Event.DIED_AFTER, Event.DIED_TAKEN, Event.DIED_LATE, Event.HOOK_DIED})
"""With these a life is over: what it leaves is taken from one that lives on, and no other is begun for it."""

SAME_AT_FIRST: dict[Event, tuple[Event, ...]] = {
    Event.DARK: (Event.DARK_LONG,),
    Event.NOT_TAKEN_UNANSWERED: (Event.VERY_LATE, Event.LATE),
    Event.UNREADABLE: (Event.DENIED, Event.SILENT, Event.MISSING, Event.LAGGED),
}
"""What stands for others until something tells them apart, and for which: for those no life is begun before that.

A region is dark for this command and for the next; a write that was not answered comes later, or never; a look at an org shows
nothing to go by, in whichever way.
"""


class Chooser(Struct):
    """Answers by a script, and notes at which points it could have gone otherwise."""

    script: Script = ()
    faults_left: int = 0
    """How many more may be chosen than the script has."""
    open: bool = True
    """Whether what comes after is to be explored from here; False where an equal state was met before."""
    asked: int = 0
    alternatives: list[tuple[int, int]] = field(default_factory=list)
    """(point, option) of everything that another life is begun for: what goes otherwise after the script's last point."""
    chosen: list[Event] = field(default_factory=list)
    since: int = 0
    """The point up to which it is the same as another life, which was explored."""
    apart: list[tuple[Script, int]] = field(default_factory=list)
    """The scripts of what it stood for until something told them apart, each with the point where that was."""
    options: Sequence[Event] = ()
    """What might have gone otherwise at the point that was asked for last."""
    branches_here: bool = False
    """Whether that is to be explored."""
    _wanted: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wanted = dict(self.script)

    @property
    def off_script(self) -> bool:
        """Whether everything that the script wanted has happened, and what comes after is to be explored."""
        return self.open and len(self.chosen) == len(self.script)

    @property
    def at_issue(self) -> bool:
        """Whether it makes a difference what may go otherwise at the point that is asked for next."""
        return self.asked in self._wanted or (
            self.faults_left > 0 and self.off_script and self.asked >= self.since
        )

    def choose(self, otherwise: Sequence[Event], stood_for: Container[Event] = ()) -> int | None:
        """Which of these happens at this point, or None where it goes well; for what is stood for no life is begun."""
        point, self.options = self.asked, otherwise
        self.branches_here = self.at_issue and point not in self._wanted
        self.asked += 1
        wanted = self._wanted.get(point)
        if wanted is not None:
            self.chosen.append(otherwise[wanted])
        elif self.branches_here:
            self.alternatives += [
                (point, option)
                for option, event in enumerate(otherwise)
                if event not in ENDS and event not in stood_for
            ]
        return wanted

    def instead(self, place: int, option: int) -> Script:
        """Its script, with another option at one of its points."""
        point, _ = self.script[place]
        return (*self.script[:place], (point, option), *self.script[place + 1 :])

    def tell_apart(self, place: int, option: int) -> None:
        """Now something would be otherwise, were it for that: from here on that has a life of its own.

        While it follows its script nothing needs to be done: a life of which the script is a part of this one's was told so, too.
        """
        if self.off_script and self.asked >= self.since:
            self.apart.append((self.instead(place, option), self.asked))

    def and_then(self, event: Event) -> Chooser:
        """Of the same life, had that happened at the point that was asked for last."""
        script = (*self.script, (self.asked - 1, self.options.index(event)))
        return Chooser(script, self.faults_left - 1, asked=self.asked, chosen=[*self.chosen, event])

    def otherwise(self, instead: Iterable[tuple[int, int, Event]]) -> Chooser:
        """Of the same life, had other events been chosen at these of its points."""
        script, chosen = [*self.script], [*self.chosen]
        for place, option, event in instead:
            script[place], chosen[place] = (script[place][0], option), event
        return Chooser(tuple(script), self.faults_left, asked=self.asked, chosen=chosen)

    def branches(self) -> Iterator[Script]:
        """The scripts that go on from this one by one event more."""
        for alternative in self.alternatives:
            yield (*self.script, alternative)


class Watch(Struct):
    """What the laws have taken note of."""

    bases: dict[tuple[str, Role], HamrRecord | None] = field(default_factory=dict)
    """What each run was shown last of an org before it intended anything: that is what it began with."""
    begun: frozenset[str] = frozenset()
    """The runs that have intended something."""
    warned: dict[tuple[str, Role], HamrRecord] = field(default_factory=dict)
    """A stranger's record that a run was shown, and did not begin with."""
    floors: dict[Role, HamrRecord] = field(default_factory=dict)
    """The newest record of each org that the journal holds a reading of."""
    unanswered: dict[str, frozenset[Status]] = field(default_factory=dict)
    """What each run has sent without being told by which name an org keeps it: that may be there under any."""
    owed: tuple[Role, Status] | None = None

    def copy(self) -> Watch:
        """The same, to go on from in another way."""
        return Watch(*map(copy, astuple(self)))


class Scene(Struct):
    """A story, up to the command that is typed next: all that outlives a process, and nothing else does."""

    route: Route
    orgs: Orgs
    step: NextStep
    """What is typed next."""
    goal: Status
    """Where whoever types it wants the pair; they may have thought better of it."""
    kept: Kept = field(default_factory=Kept)
    watch: Watch = field(default_factory=Watch)
    time: float = BEGINNING
    number: int = 0
    """How many commands were typed."""
    since_fault: int = 0
    """How many of them since the last fault."""
    tried: tuple[tuple[str, str], ...] = ()
    """(command, phase) of what was typed since something went wrong, was written or ended well: it changed nothing."""
    faults: tuple[Event, ...] = ()
    story: tuple[Moment, ...] = ()
    bad_hooks: frozenset[str] = frozenset()
    """Hooks that end badly as often as they are run."""
    bad_probes: frozenset[str] = frozenset()
    """Probes that never say what is wanted."""
    scripts: tuple[Script, ...] = ()
    """Of each command that was typed."""

    def copy(self) -> Scene:
        """The same, to go on from in another way."""
        other = copy(self)
        other.orgs, other.kept, other.watch = self.orgs.copy(), self.kept.copy(), self.watch.copy()
        return other

    def goes_otherwise(self, event: Event) -> None:
        """Something goes wrong: whatever did not help until now may have failed by that."""
        self.faults, self.since_fault, self.tried = (*self.faults, event), 0, ()

    @property
    def meddled(self) -> bool:
        """Whether somebody else has written."""
        return Event.STRANGER in self.faults

    @property
    def went_dark(self) -> bool:
        """Whether a region was ever dark."""
        dark = {Event.DARK, Event.DARK_LONG}
        return self.route.emergency is not None or not dark.isdisjoint(self.faults)

    @property
    def came_late(self) -> bool:
        """Whether a write was on its way for long."""
        late = {Event.LATE, Event.VERY_LATE, Event.ACCEPTED_LATE, Event.DIED_LATE}
        return not late.isdisjoint(self.faults)


class Met(Struct, frozen=True):
    """It came into a state from which another one goes on: what comes after is explored from there."""


class Ended(Struct, frozen=True):
    """A life that is over: what it leaves, how it ended, and what was chosen in it."""

    scene: Scene
    outcome: Outcome | Met
    chooser: Chooser
    broken: list[BrokenLaw]

    @property
    def words(self) -> str:
        """How the command says that it ended; "" where nobody was there to say it."""
        match self.outcome:
            case Returned(result=result):
                return f"exit {int(result.exit_code)}: {result.ending.message}"
            case Raised(error=error):
                return f"exit {int(error.exit_code)}: {error.message}"
            case _:
                return ""

    @property
    def says(self) -> tuple[NextStep, ...]:
        """What it says to type; nothing where it went well."""
        steps = () if isinstance(self.outcome, Met) else next_steps(self.outcome)
        return tuple(step for step in steps if step.verb)


def ends(life: Life, outcome: Outcome) -> Iterator[Ended]:
    """What a life leaves; and what it would, had a region stayed dark for longer: until it is over nothing tells them apart."""
    scene, broken = life.scene, life.broken
    scene.time = life.loop.time()
    laws.at_the_end(life, outcome)
    life.tell_apart()
    if isinstance(outcome, Returned) and outcome.is_good:
        scene.tried = ()
    others = (
        []
        if broken or not life.chooser.off_script
        else [_instead(life, some) for some in _together(life.twins)]
    )
    scene.story = (*scene.story, *life.moments)
    _lights(scene)
    yield Ended(scene, outcome, life.chooser, broken)
    for other, chooser in others:
        yield Ended(other, outcome, chooser, broken)


def _together(twins: Sequence[Twin]) -> Iterator[tuple[Twin, ...]]:
    """Each of them alone, and those of several events together."""
    for count in range(1, len(twins) + 1):
        for some in combinations(twins, count):
            if len({twin.place for twin in some}) == count:
                yield some


def _instead(life: Life, twins: Sequence[Twin]) -> tuple[Scene, Chooser]:
    """What the life leaves, had these events been what it stood for, too."""
    scene, chooser = (
        life.scene.copy(),
        life.chooser.otherwise((each.place, each.option, each.event) for each in twins),
    )
    before = scene.faults[: len(scene.faults) - len(chooser.chosen)]
    scene.faults = (*before, *chooser.chosen)
    scene.scripts = (*scene.scripts[:-1], chooser.script)
    told = iter(chooser.chosen)
    for moment in life.moments:
        event = None if moment.event is None else next(told)
        if event is Event.DARK_LONG and moment.role is not None:
            scene.orgs.dark[moment.role] = scene.number + 1
        scene.story = (*scene.story, replace(moment, event=event))
    scene.orgs.coming += [twin.coming for twin in twins if twin.coming is not None]
    _lights(scene)
    return scene, chooser


def _lights(scene: Scene) -> None:
    """Regions come back, as they were."""
    for role, until in [*scene.orgs.dark.items()]:
        if scene.number >= until:
            del scene.orgs.dark[role]
            scene.story = (*scene.story, Moment(scene.time - BEGINNING, What.BACK, role=role))

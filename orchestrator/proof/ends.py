"""How a command ends, and what it leaves: for those that come after it, and for the laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.next_step import NextStep
from orchestrator.model.proof import BrokenLaw, Event, Moment, What

from . import laws
from .keyboard import Outcome, Raised, Returned, next_steps
from .scene import Chooser, Scene
from .virtual_time import BEGINNING

if TYPE_CHECKING:
    from .life import Life, Twin


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

"""Choices: every point at which the world may do one thing or another asks here, and a script answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TypeVar

from msgspec import Struct, field

from orchestrator.model.proof import Event, Script

T = TypeVar("T")

ENDS = frozenset({Event.DIED_BEFORE, Event.DIED_AFTER, Event.DIED_TAKEN, Event.DIED_LATE, Event.HOOK_DIED})
"""With these a life is over: what it leaves is taken from one that lives on, and no other is begun for it."""

OUTLASTS = {Event.DARK: Event.DARK_LONG}
"""What is the same as another event until the command is over, and what it is the same as."""


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
    _wanted: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wanted = dict(self.script)

    @property
    def off_script(self) -> bool:
        """Whether everything that the script wanted has happened, and what comes after is to be explored."""
        return self.open and len(self.chosen) == len(self.script)

    @property
    def branches_here(self) -> bool:
        """Whether what goes otherwise now is to be explored."""
        return self.faults_left > 0 and self.off_script

    def choose(self, otherwise: Sequence[tuple[Event, T]]) -> tuple[Event, T] | None:
        """What goes otherwise at this point, or None where it goes well."""
        point = self.asked
        self.asked += 1
        wanted = self._wanted.get(point)
        if wanted is not None:
            found = otherwise[wanted]
            self.chosen.append(found[0])
            return found
        if self.branches_here:
            followed = (*ENDS, *OUTLASTS.values())
            self.alternatives += [
                (point, option) for option, (event, _) in enumerate(otherwise) if event not in followed
            ]
        return None

    def and_then(self, option: int, event: Event) -> Chooser:
        """Of the same life, had that happened at the point that was asked for last."""
        script = (*self.script, (self.asked - 1, option))
        return Chooser(script, self.faults_left - 1, asked=self.asked, chosen=[*self.chosen, event])

    def outlasted(self) -> Iterator[Chooser]:
        """Of lives that are the same until they are over, and leave something that outlasts them."""
        places = [number for number, event in enumerate(self.chosen) if event in OUTLASTS and self.off_script]
        for count in range(1, len(places) + 1):
            for some in combinations(places, count):
                script, chosen = [*self.script], [*self.chosen]
                for number in some:
                    point, option = script[number]
                    script[number], chosen[number] = (point, option + 1), OUTLASTS[chosen[number]]
                yield Chooser(tuple(script), self.faults_left, asked=self.asked, chosen=chosen)

    def branches(self) -> Iterator[Script]:
        """The scripts that go on from this one by one event more."""
        for alternative in self.alternatives:
            yield (*self.script, alternative)

"""Choices: every point at which the world may do one thing or another asks here, and a script answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec import Struct, field

from orchestrator.model.proof import Event, Script

T = TypeVar("T")


class Chooser(Struct):
    """Answers by a script, and notes at which points it could have gone otherwise."""

    script: Script = ()
    faults_left: int = 0
    """How many more may be chosen than the script has."""
    open: bool = True
    """Whether what comes after is to be explored from here; False where an equal state was met before."""
    asked: int = 0
    alternatives: list[tuple[int, int]] = field(default_factory=list)
    """(point, options) of every point after the script's last one, as long as it was open."""
    chosen: list[Event] = field(default_factory=list)
    _wanted: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wanted = dict(self.script)

    @property
    def off_script(self) -> bool:
        """Whether everything that the script wanted has happened."""
        return len(self.chosen) == len(self.script)

    def choose(self, otherwise: Sequence[tuple[Event, T]]) -> tuple[Event, T] | None:
        """What goes otherwise at this point, or None where it goes well."""
        point = self.asked
        self.asked += 1
        wanted = self._wanted.get(point)
        if wanted is not None:
            found = otherwise[wanted]
            self.chosen.append(found[0])
            return found
        if self.open and self.faults_left > 0 and self.off_script and otherwise:
            self.alternatives.append((point, len(otherwise)))
        return None

    def branches(self) -> Iterator[Script]:
        """The scripts that go on from this one by one event more."""
        for point, options in self.alternatives:
            for option in range(options):
                yield (*self.script, (point, option))

"""What goes wrong at a time, in place of at a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .fault_kinds import RegionDark
from .faults import Fault, Faults


class Timetable:
    """When each fault that has its own time is due; follows the script when that is changed.

    Args:
        faults: the script in force.
        monotonic: the clock that only goes forward, in seconds; a fault's time counts from when it was added.
    """

    def __init__(self, faults: Faults, monotonic: Callable[[], float]) -> None:
        self._faults = faults
        self._monotonic = monotonic
        self._entries: list[tuple[float, Fault]] = []
        faults.on_change(self._follow)
        self._follow()

    def due(self, monotonic: float) -> Iterator[tuple[float, Fault]]:
        """Take out, in the order of their times, the faults whose time has come, each with that time."""
        while self._entries and self._entries[0][0] <= monotonic:
            due, fault = self._entries.pop(0)
            self._faults.struck(fault)
            yield due, fault

    def darkening(self) -> tuple[tuple[float, Fault], ...]:
        """The faults that will make a region go dark, each with its time."""
        return tuple((due, fault) for due, fault in self._entries if isinstance(fault.kind, RegionDark))

    def _follow(self) -> None:
        timed = [fault for fault in self._faults.pending() if fault.after is not None]
        kept = [(due, fault) for due, fault in self._entries if any(fault is each for each in timed)]
        now = self._monotonic()
        added = [
            (now + (fault.after or 0.0), fault)
            for fault in timed
            if not any(fault is each for _, each in kept)
        ]
        self._entries = sorted([*kept, *added], key=lambda entry: entry[0])

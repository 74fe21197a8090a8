"""What both orgs' metrics and monitors show, and since when. No I/O, no clock: a function of what was set and of times."""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from orchestrator.config.faults import MetricValue, metric_value, monitor_state
from orchestrator.model.status import Both, Role

V = TypeVar("V")

_ALWAYS = float("-inf")


class _Usual(enum.Enum):
    """Nobody has set this metric at that time."""

    USUAL = "usual"


USUAL: Final = _Usual.USUAL
"""Nobody has set this metric at that time: it shows what the traffic makes of it."""

Shown = MetricValue | _Usual


class Timeline(Generic[V]):
    """One thing's values, and since when each holds, in seconds of the monotonic clock."""

    def __init__(self, first: V) -> None:
        self._values: list[tuple[float, V]] = [(_ALWAYS, first)]

    def at(self, monotonic: float) -> V:
        """The value at that time."""
        return self._values[bisect_right(self._values, monotonic, key=lambda each: each[0]) - 1][1]

    def put(self, value: V, since: float, until: float | None) -> None:
        """The value holds from `since` on: for good, or until a time at which things are as they would have been."""
        after = [] if until is None else [(until, self.at(until))]
        later = [] if until is None else [each for each in self._values if each[0] > until]
        self._values = [*(each for each in self._values if each[0] < since), (since, value), *after, *later]


class Telemetry:
    """The metrics and monitors of one pair. What is set at the start holds for all that was before, too.

    Raises:
        ValueError: a metric's value or a monitor's state is none.
    """

    def __init__(
        self, metrics: Both[Mapping[str, MetricValue]], monitors: Both[Mapping[int, str | None]], start: float
    ) -> None:
        self._start = start
        self._metrics: Both[dict[str, Timeline[Shown]]] = Both({}, {})
        self._monitors: Both[dict[int, Timeline[str | None]]] = Both({}, {})
        for role in Role:
            for query, value in metrics[role].items():
                self.set_metric(role, query, value, start)
            for number, state in monitors[role].items():
                self.set_monitor(role, number, state, start)

    def metric(self, role: Role, query: str, monotonic: float) -> Shown:
        """What the org's query shows at that time; USUAL where nobody has set it."""
        timeline = self._metrics[role].get(query)
        return USUAL if timeline is None else timeline.at(monotonic)

    def monitor(self, role: Role, number: int, monotonic: float) -> str | None:
        """The state of the org's monitor at that time: OK where nobody has set it, None where there is none."""
        timeline = self._monitors[role].get(number)
        return "OK" if timeline is None else timeline.at(monotonic)

    def monitors(self, role: Role, monotonic: float) -> Mapping[int, str]:
        """The org's monitors that somebody has set and that are there at that time, by their ids."""
        states = {number: line.at(monotonic) for number, line in sorted(self._monitors[role].items())}
        return {number: state for number, state in states.items() if state is not None}

    def set_metric(
        self, role: Role, query: str, value: MetricValue, since: float, seconds: float | None = None
    ) -> None:
        """From `since` on the org's query shows this, for so many seconds or (None) for good."""
        checked = metric_value(value)
        self._put(self._metrics[role].setdefault(query, Timeline(USUAL)), checked, since, seconds)

    def set_monitor(
        self, role: Role, number: int, state: str | None, since: float, seconds: float | None = None
    ) -> None:
        """From `since` on the org's monitor is in this state (None: there is no such monitor)."""
        checked = monitor_state(state)
        self._put(self._monitors[role].setdefault(number, Timeline("OK")), checked, since, seconds)

    def _put(self, timeline: Timeline[V], value: V, since: float, seconds: float | None) -> None:
        until = None if seconds is None else since + seconds
        timeline.put(value, _ALWAYS if since <= self._start else since, until)

"""The faults in force: which requests they strike and when, and a draw of them from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

from orchestrator.config import faults
from orchestrator.model.plain import JSON
from orchestrator.model.status import Role, Status


class Faults:
    """The script in force. Deterministic: each fault counts the requests that match it, and nothing else matters."""

    def __init__(self, script: Iterable[faults.Fault] = ()) -> None:
        self._seen: list[tuple[faults.Fault, int]] = [(fault, 0) for fault in script]
        self._listeners: list[Callable[[], None]] = []

    def add(self, *more: faults.Fault) -> None:
        """Put more faults in force; each counts from now on."""
        self._seen += [(fault, 0) for fault in more]
        self._changed()

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self._seen = []
        self._changed()

    def pending(self) -> tuple[faults.Fault, ...]:
        """The faults that can still strike."""
        return tuple(
            fault for fault, seen in self._seen if fault.times is None or seen + 1 < fault.at + fault.times
        )

    def match(self, role: Role, method: str, path: str) -> tuple[faults.Fault, ...]:
        """Count one request, and give the faults that strike it, in the order in which they were added."""
        struck = self.due(role, method, path)
        self._seen = [(fault, seen + fault.concerns(role, method, path)) for fault, seen in self._seen]
        return struck

    def due(self, role: Role, method: str, path: str) -> tuple[faults.Fault, ...]:
        """The faults that would strike such a request just now. Nothing is counted."""
        return tuple(
            fault
            for fault, seen in self._seen
            if fault.concerns(role, method, path) and fault.strikes(seen + 1)
        )

    def refusing(self, role: Role) -> faults.Fault | None:
        """The fault that refuses the next connection to this org, whatever is asked; None where there is none.

        On real sockets a request over an open connection cannot be refused, so its listener is closed ahead of it. One for another path has to see the request first, as one for a method has.
        """
        for fault, seen in self._seen:
            if (
                isinstance(fault.kind, faults.ConnectionRefused)
                and fault.method is None
                and fault.path in (None, faults.RECORD_PATH)
                and fault.role in (None, role)
                and fault.strikes(seen + 1)
            ):
                return fault
        return None

    def spend(self, fault: faults.Fault) -> None:
        """Count one request for a fault that struck before the request could be seen."""
        self.struck(fault)
        self._changed()

    def struck(self, fault: faults.Fault) -> None:
        """Count once more for a fault that struck without a request."""
        self._seen = [(each, seen + 1 if each is fault else seen) for each, seen in self._seen]

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this whenever the script changed other than by a request."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


class Timetable:
    """When each fault that has its own time is due, counted from when it was added; follows the script when that is changed."""

    def __init__(self, script: Faults, monotonic: Callable[[], float]) -> None:
        self._faults = script
        self._monotonic = monotonic
        self._entries: list[tuple[float, faults.Fault]] = []
        script.on_change(self._follow)
        self._follow()

    def due(self, monotonic: float) -> Iterator[tuple[float, faults.Fault]]:
        """Take out, in the order of their times, the faults whose time has come, each with that time."""
        while self._entries and self._entries[0][0] <= monotonic:
            due, fault = self._entries.pop(0)
            self._faults.struck(fault)
            yield due, fault

    def darkening(self) -> tuple[tuple[float, faults.Fault], ...]:
        """The faults that will make a region go dark, each with its time."""
        return tuple(
            (due, fault) for due, fault in self._entries if isinstance(fault.kind, faults.RegionDark)
        )

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


# -- faults drawn from a seed ----------------------------------------------------------------------------------

_WRONG: tuple[JSON, ...] = (None, "<html></html>", {"data": []}, {"data": {"id": "x"}})

_DRAWN: tuple[Callable[[Random], faults.FaultKind], ...] = (
    lambda _: faults.ConnectionRefused(),
    lambda random: faults.Slow(round(random.uniform(0.1, 20.0), 1)),
    lambda random: faults.Drip(round(random.uniform(0.01, 0.5), 2)),
    lambda random: faults.Silence(applied=random.random() < 0.5),  # noqa: PLR2004 - as often as not
    lambda _: faults.AnswerLost(),
    lambda random: faults.AppliedLate(round(random.uniform(0.1, 30.0), 1)),
    lambda _: faults.ConnectionReset(),
    lambda random: faults.ClientError(random.choice((400, 401, 403, 404))),
    lambda random: faults.Throttle(reset=random.randint(1, 10)),
    lambda random: faults.ServerError(random.choice((500, 502, 503, 504)), applied=random.random() < 0.5),  # noqa: PLR2004 - as above
    lambda _: faults.TruncatedBody(),
    lambda random: faults.WrongBody(random.choice(_WRONG)),
    lambda random: faults.StaleRead(random.choice((None, 1.0, 5.0))),
    lambda random: faults.ForeignWriter(
        random.choice((Status.PASSIVE, Status.FAILOVER, Status.ACTIVE, Status.RECOVERY)),
        after=random.random() < 0.5,  # noqa: PLR2004 - as above
    ),
    lambda random: faults.RegionDark(round(random.uniform(1.0, 60.0), 1), silent=random.random() < 0.5),  # noqa: PLR2004 - as above
)


def random_faults(seed: int, *, count: int = 3, within: int = 8) -> tuple[faults.Fault, ...]:
    """Faults of any kind, the same for the same seed; each begins within so many matching requests."""
    random = Random(seed)  # noqa: S311 - a replayable draw is the point
    return tuple(
        faults.Fault(
            random.choice(_DRAWN)(random),
            at=random.randint(1, within),
            role=random.choice((Role.PRIMARY, Role.SECONDARY)),
            method=random.choice(("GET", "POST", None)),
            times=random.choice((1, 1, 1, 2, 3)),
        )
        for _ in range(count)
    )

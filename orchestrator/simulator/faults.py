"""Faults: what goes wrong, at which request or when, and the matcher that counts the requests.

All of it is plain data, so that a script can be written down, drawn from a seed, or read from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from orchestrator.model.status import Role

from .fault_kinds import ConnectionRefused, FaultKind, ForeignWriter, MetricShows, MonitorShows, WorldFault

HAMR_PATH = "/api/v2/hamr"


class Fault(Struct, frozen=True):
    """What happens to which requests: those from the `at`th matching one on, `times` of them."""

    kind: FaultKind
    at: int = 1
    """Counts from 1, among the requests that match, since the fault was added."""
    role: Role | None = None
    """None: either org."""
    method: str | None = None
    """GET or POST; None: either."""
    times: int | None = 1
    """None: for ever."""
    path: str | None = HAMR_PATH
    """None: any path."""
    after: float | None = None
    """Not at a request, but so many seconds after it was added; `at`, `times`, `method` and `path` then mean nothing."""

    def __post_init__(self) -> None:
        if self.after is not None and (self.after < 0 or not isinstance(self.kind, WorldFault)):
            raise ValueError("only what needs no request can have a time of its own, and none in the past")
        if self.after is not None and self.struck_role is None:
            raise ValueError("a fault with a time of its own has to say which org it is about")
        if self.at < 1 or (self.times is not None and self.times < 1):
            raise ValueError("a fault's `at` and `times` count from 1")

    def concerns(self, role: Role, method: str, path: str) -> bool:
        """Whether such a request counts for this fault."""
        return (
            self.after is None
            and self.role in (None, role)
            and self.method in (None, method.upper())
            and self.path in (None, path)
        )

    @property
    def struck_role(self) -> Role | None:
        """The org that is struck; None: the one that is asked."""
        match self.kind:
            case (
                ForeignWriter(role=Role() as role)
                | MetricShows(role=Role() as role)
                | MonitorShows(role=Role() as role)
            ):
                return role
            case _:
                return self.role

    def strikes(self, number: int) -> bool:
        """Whether it hits the matching request with that number."""
        return self.at <= number and (self.times is None or number < self.at + self.times)


class Faults:
    """The script in force. Deterministic: each fault counts the requests that match it, and nothing else matters."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._seen: list[tuple[Fault, int]] = [(fault, 0) for fault in faults]
        self._listeners: list[Callable[[], None]] = []

    def add(self, *faults: Fault) -> None:
        """Put more faults in force; each counts from now on."""
        self._seen += [(fault, 0) for fault in faults]
        self._changed()

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self._seen = []
        self._changed()

    def pending(self) -> tuple[Fault, ...]:
        """The faults that can still strike."""
        return tuple(
            fault for fault, seen in self._seen if fault.times is None or seen + 1 < fault.at + fault.times
        )

    def match(self, role: Role, method: str, path: str) -> tuple[Fault, ...]:
        """Count one request, and give the faults that strike it, in the order in which they were added."""
        struck = self.due(role, method, path)
        self._seen = [(fault, seen + fault.concerns(role, method, path)) for fault, seen in self._seen]
        return struck

    def due(self, role: Role, method: str, path: str) -> tuple[Fault, ...]:
        """The faults that would strike such a request just now. Nothing is counted."""
        return tuple(
            fault
            for fault, seen in self._seen
            if fault.concerns(role, method, path) and fault.strikes(seen + 1)
        )

    def refusing(self, role: Role) -> Fault | None:
        """The fault that refuses the next connection to this org, whatever is asked; None where there is none.

        One for another path has to see the request first, as one for a method has.
        """
        for fault, seen in self._seen:
            if (
                isinstance(fault.kind, ConnectionRefused)
                and fault.method is None
                and fault.path in (None, HAMR_PATH)
                and fault.role in (None, role)
                and fault.strikes(seen + 1)
            ):
                return fault
        return None

    def spend(self, fault: Fault) -> None:
        """Count one request for a fault that struck before the request could be seen."""
        self.struck(fault)
        self._changed()

    def struck(self, fault: Fault) -> None:
        """Count once more for a fault that struck without a request."""
        self._seen = [(each, seen + 1 if each is fault else seen) for each, seen in self._seen]

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this whenever the script changed other than by a request."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

"""The fleet runs that workers bring on, as the journal has them, and the jobs that tell of their pairs: a worker that was killed leaves its job behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from orchestrator import __version__
from orchestrator.model.events import FleetFinished, FleetStopped
from orchestrator.model.fleet import KINDS, FleetView
from orchestrator.model.protocols import Store

from .crew import catch_up, read_fleet


class Hint(Struct, frozen=True, order=True):
    """What a job says: bring this pair of this fleet run to its goal."""

    fleet: str
    pair: str


class QueuedJob(Struct, frozen=True):
    """A job as it stands in the queue."""

    id: int
    hint: Hint | None
    """None for what a schedule wants: its time comes again."""
    doing: bool
    """Whether a worker has taken it."""
    worker: int | None = None
    """Which; None where that one is no longer known."""
    heard: bool = True
    """Whether that worker was heard of lately."""


class Sweep(Struct, frozen=True):
    """What is to be mended."""

    lost: tuple[int, ...] = ()
    """Jobs that nobody does any more, though somebody had taken them: each keeps its pair's other jobs waiting."""
    missing: tuple[Hint, ...] = ()
    """What is to be done, and has no job."""


def sweep(wanted: Collection[Hint], jobs: Iterable[QueuedJob], dropped: Collection[int] = ()) -> Sweep:
    """Find what is to be mended.

    Args:
        wanted: the pairs that fleet runs have still to bring to their goals, in the order in which they are to be.
        jobs: all that there are.
        dropped: jobs that this very worker has taken, and is not at.
    """
    lost: list[int] = []
    there: set[Hint] = set()
    for job in jobs:
        if job.doing and (job.worker is None or not job.heard or job.id in dropped):
            lost.append(job.id)
        elif job.hint is not None:
            there.add(job.hint)
    return Sweep(tuple(lost), tuple(hint for hint in wanted if hint not in there))


_ENDS = (FleetStopped.kind, FleetFinished.kind)


class OpenFleets:
    """All fleet runs that were neither stopped nor finished; `look` reads what is new.

    Args:
        store: the journal.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, FleetView | None] = {}
        self._upto = 0
        self._why_not: dict[str, str] = {}

    def look(self) -> None:
        """Take note of what was journalled since.

        Raises:
            JournalUnavailable: it cannot be read.
            JournalDamaged: as above.
        """
        for record in self._store.records(pair="", kinds=KINDS, after=self._upto):
            if record.kind in _ENDS:
                self._open.pop(record.run, None)
            else:
                self._open.setdefault(record.run, None)
            self._upto = record.seq
        for fleet, view in self._open.items():
            if view is None:
                self._open[fleet] = read_fleet(self._store, fleet)
            else:
                catch_up(self._store, view)
        self._why_not = {view.fleet: _why_not(view) for view in self._views()}

    def view(self, fleet: str) -> FleetView | None:
        """One of them."""
        return self._open.get(fleet)

    def why_not(self, fleet: str) -> str:
        """Why workers begin nothing new of it, and let rest what is under way; "" while they go on."""
        return self._why_not.get(fleet, "it is through, or was stopped")

    def wanted(self) -> list[Hint]:
        """The pairs that workers have still to bring to their goals."""
        return [
            Hint(view.fleet, pair)
            for view in self._views()
            if not self._why_not[view.fleet]
            for pair in view.waiting(view.for_workers)
        ]

    def of_other_versions(self) -> Iterator[FleetView]:
        """Those of whose jobs another version of this program has to take care."""
        return (view for view in self._views() if view.for_workers and view.started.version != __version__)

    def _views(self) -> Iterator[FleetView]:
        return (view for view in self._open.values() if view is not None)


def _why_not(view: FleetView) -> str:
    started, wave = view.started, view.for_workers
    if view.stop_asked:
        return view.stop_asked
    if not wave:
        return "no wave of it is for workers now"
    if started.version != __version__:
        return f"hamr {started.version} planned it, and this is {__version__}"
    failed = view.failed(wave)
    if started.stop_after is not None and failed >= started.stop_after:
        return f"{failed} of its wave did not arrive"
    return ""

"""The fleet runs that workers bring on, kept up to date by what was journalled, by whomever."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator import __version__
from orchestrator.model.events import FleetFinished, FleetStopped
from orchestrator.model.fleet import KINDS, FleetView
from orchestrator.model.protocols import Store

from .crew import catch_up, read_fleet
from .sweep import Hint

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

"""Who listens to a run from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from orchestrator.model.events import Event
from orchestrator.model.protocols import Watcher

Listener = Callable[[Event], None]
"""Is told each event of a run as it happens, an intent a moment before it is durable. What it raises is logged, and the run goes on."""


class _Told(Struct, frozen=True):
    """A listener as a watcher of a run."""

    listener: Listener

    def tell(self, event: Event) -> None:
        self.listener(event)


def watchers(listener: Listener | None) -> Sequence[Watcher]:
    """Those who are told what a run does."""
    return () if listener is None else (_Told(listener),)

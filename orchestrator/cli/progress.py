"""What a person follows while a run is under way: a line for each thing that happened, and one for what it waits for."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.model.events import Event, ReadingsTaken, Waiting
from orchestrator.model.org import Pair
from orchestrator.report.run import progress_line

from .console import Stream


class Progress:
    """An Observer that prints. Where its stream takes nothing any more, it is silent.

    Args:
        stream: where to; what is waited for is shown on a terminal in a line that passes, elsewhere once.
        pair: for the orgs' names.
        monotonic: seconds on a clock that only goes forward.
    """

    def __init__(self, stream: Stream, pair: Pair, monotonic: Callable[[], float]) -> None:
        self._stream = stream
        self._pair = pair
        self._monotonic = monotonic
        self._began = monotonic()
        self._waiting = ""
        """What was last said to be waited for."""

    def tell(self, event: Event) -> None:
        """Print a line for an event that is worth one."""
        spans = progress_line(event, self._pair, self._monotonic() - self._began)
        if spans is not None and isinstance(event, Waiting) and self._stream.is_terminal:
            self._stream.passing(spans)
        elif isinstance(event, Waiting):
            if spans is not None and event.what != self._waiting:
                self._stream.page((spans,))
            self._waiting = event.what
        elif spans is not None:
            self._stream.page((spans,))
            self._waiting = ""
        elif not isinstance(event, ReadingsTaken):
            self._waiting = ""

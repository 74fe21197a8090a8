"""The runs that are under way in this process, and asking them to stop, from whatever thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from orchestrator.errors import ExitCode
from orchestrator.operations.active_run import RunControl


class UnderWay:
    """The runs of one opened pair that have not ended yet: one at most, while the pair's lock is held."""

    def __init__(self) -> None:
        self._runs: list[tuple[asyncio.AbstractEventLoop, RunControl]] = []

    @contextmanager
    def controls(self) -> Iterator[RunControl]:
        """The controls of a run, for as long as it lasts."""
        run = (asyncio.get_running_loop(), RunControl())
        self._runs.append(run)
        try:
            yield run[1]
        finally:
            self._runs.remove(run)

    def stop(self) -> bool:
        """Ask each to stop before its next write, and the second time to give up waiting; whether there was one."""
        asked = False
        for loop, controls in tuple(self._runs):
            if loop is _loop_of_this_thread():
                controls.interrupt(ExitCode.INTERRUPTED)
                asked = True
                continue
            with suppress(RuntimeError):  # its loop has closed: it is under way no longer
                loop.call_soon_threadsafe(controls.interrupt, ExitCode.INTERRUPTED)
                asked = True
        return asked


def _loop_of_this_thread() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

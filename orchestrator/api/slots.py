"""How many runs go on at once in this process; those beyond wait in a queue, whatever loops and threads they are in."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

MOST_AT_ONCE = 32
"""Planned runs: each keeps a journal open, and connections to two orgs. An emergency waits for nobody."""


class Slots:
    """So many at a time, and the others in the order in which they came."""

    def __init__(self, free: int = MOST_AT_ONCE) -> None:
        self._free = free
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._mutex = threading.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a slot, and keep it until the block ends."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._mutex:
            if self._free:
                self._free -= 1
                turn.set_result(None)
            else:
                self._waiting.append(turn)
        try:
            await turn
        except BaseException:  # cancelled, or given up without that
            self._leave(turn)
            raise
        try:
            yield
        finally:
            self._pass_on()

    def _leave(self, turn: asyncio.Future[None]) -> None:
        with self._mutex:
            queued = turn in self._waiting
            if queued:
                self._waiting.remove(turn)
        if not queued:  # it was its turn already
            self._pass_on()

    def _pass_on(self) -> None:
        with self._mutex:
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.get_loop().is_running():
                    continue
                with suppress(RuntimeError):  # its loop has closed, and nobody waits any more
                    turn.get_loop().call_soon_threadsafe(_give, turn)
                    return
            self._free += 1


def _give(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


PLANNED = Slots()
"""Of this process."""

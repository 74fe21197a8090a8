"""Questions in the middle of a run: put on stderr, answered on stdin, broken off by Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from orchestrator.model.person import Asks, Question, Reply

from .console import Console

if TYPE_CHECKING:
    from orchestrator.running import Controls

_LOOK_EVERY = 0.1
"""Seconds between two looks whether somebody wants the run to stop."""

_HOW = {
    Asks.MANUAL: "Type done when it is done, or no: ",
    Asks.AGAIN: "Type yes to run it again, or no: ",
    Asks.UNKNOWN: "Type your reason to go on (the journal keeps it), or no: ",
}

_YES = {Asks.MANUAL: frozenset({"done", "yes", "y"}), Asks.AGAIN: frozenset({"yes", "y"})}
_NO = frozenset({"no", "n"})


class Terminal:
    """Asks whoever sits at the terminal. The pair's lock is not held meanwhile.

    Args:
        console: where the question is put.
        controls: whether somebody wants the run to stop.
    """

    def __init__(self, console: Console, controls: Controls) -> None:
        self._console = console
        self._controls = controls

    async def __call__(self, question: Question) -> Reply | None:
        """The reply; None where Ctrl-C or the end of the input came first."""
        self._console.aside.end()
        self._console.err.text(f"\n{question.text}\nThe pair's lock is let go while this question stands.\n")
        while True:
            self._console.err.text(_HOW[question.asks])
            typed = await self._line()
            if typed is None:
                self._console.err.text("\n")
                return None
            reply = understood(question.asks, typed.strip())
            if reply is not None:
                return reply
            self._console.err.text(f"{typed.strip()[:60]!r} was not understood. ")

    async def _line(self) -> str | None:
        """One line from stdin; None at its end, or once the run is to stop."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), ready.set)
        try:
            while not ready.is_set():
                if self._controls.asked:
                    return None
                try:
                    await asyncio.wait_for(ready.wait(), _LOOK_EVERY)
                except TimeoutError:
                    continue
        finally:
            loop.remove_reader(sys.stdin.fileno())
        # A terminal hands out whole lines, so this does not wait.
        typed = sys.stdin.readline()
        return typed or None


def understood(asks: Asks, typed: str) -> Reply | None:
    """What was answered; None where it is neither a yes nor a no."""
    if typed.lower() in _NO:
        return Reply(yes=False)
    if asks is Asks.UNKNOWN:
        # A bare yes is no reason.
        return Reply(yes=True, words=typed) if typed and typed.lower() not in {"yes", "y"} else None
    return Reply(yes=True) if typed.lower() in _YES[asks] else None

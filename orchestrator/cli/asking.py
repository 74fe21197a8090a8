"""Questions in the middle of a run: put on stderr, answered on stdin, broken off by Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
import termios
from typing import TYPE_CHECKING

from orchestrator.errors import ExitCode
from orchestrator.model.hook import Asks, Question, Reply

from .console import Console

if TYPE_CHECKING:
    from orchestrator.operations.running import Controls

_LOOK_EVERY = 0.1
"""Seconds between two looks whether somebody wants the run to stop."""

_HOW = {
    Asks.MANUAL: "Type done when it is done, or no: ",
    Asks.AGAIN: "Type yes to run it again, or no: ",
    Asks.UNKNOWN: "Type your reason to go on (the journal keeps it), or no: ",
}

_YES = {Asks.MANUAL: frozenset({"done", "yes", "y"}), Asks.AGAIN: frozenset({"yes", "y"})}
_NO = frozenset({"no", "n", "nope", "never", "stop", "abort", "cancel", "quit", "exit", "q"})
"""What people type who want to get out: none of it is a reason to go on."""

_NO_REASON = frozenset({"y", "yes", "yep", "ok", "okay", "sure", "go", "go on", "continue", "done", "none"})
"""A bare yes."""


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
        """The reply; None where Ctrl-C came first, or the input's end, or a question that could not be shown.

        The last two stop the run, too: nobody has answered then, and nobody may be there any more. That is no reason
        to write on.
        """
        self._console.aside.end()
        _forget_typed_ahead()
        self._console.err.text(f"\n{question.text}\nThe pair's lock is let go while this question stands.\n")
        while True:
            self._console.err.text(_HOW[question.asks])
            if self._console.err.closed:  # nobody was asked, so nobody has answered
                self._controls.interrupt(ExitCode.INTERRUPTED)
                return None
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
        if not typed:
            self._controls.interrupt(ExitCode.INTERRUPTED)
            return None
        return typed


def _forget_typed_ahead() -> None:
    """Drop what was typed before the question stood there: it answers something else."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def understood(asks: Asks, typed: str) -> Reply | None:
    """What was answered; None where it is neither a yes nor a no."""
    said = typed.lower().strip(" .!")
    if said in _NO:
        return Reply(yes=False)
    if asks is not Asks.UNKNOWN:
        return Reply(yes=True) if said in _YES[asks] else None
    # An arrow key, a bare yes and "no, wait" are no reasons to go on.
    unclear = said in _NO_REASON or not typed.isprintable() or said.split()[:1] in (["no"], ["no,"])
    return Reply(yes=True, words=typed) if said and not unclear else None

"""A run at this terminal: how it goes is shown, its questions are asked, and a signal stops it safely."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.errors import ExitCode
from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.journal import Record
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Asks, Question, Reply
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.operations.holding import RunControl
from orchestrator.report.layout import line, paragraph
from orchestrator.report.run import progress_page, result_json, result_page

from .console import Console, Stream, forget_typed
from .invocation import Invocation
from .signals import supervised

if TYPE_CHECKING:  # loaded on a terminal only
    from .frames import RunFrame

T = TypeVar("T")

FIRST = (
    "Stopping before the next write; a write that was sent is still waited for. "
    "Again, to give up waiting: what is in flight then counts as unknown."
)
SECOND = "Giving up waiting. What is in flight is journalled as unknown."

_LOOK_EVERY = 0.1
"""Seconds between two looks whether somebody wants it to stop, while a question stands."""

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


class RunCommand:
    """What run, apply, resume, adopt and the drills have in common, from the answer at the prompt to the result; `asks` on the way.

    With a pair, a person is shown what happens to it, `before` being the records of a run that is taken up again.
    """

    def __init__(
        self,
        invocation: Invocation,
        pair: Pair | None = None,
        before: Iterable[Record] = (),
        *,
        asks: bool = False,
    ) -> None:
        self._invocation = invocation
        self._console = invocation.console
        self._frames: list[RunFrame] = []
        watchers = () if pair is None else self.watchers(pair, before)
        self.controls = RunControl(asker=self._ask if asks else None, watchers=watchers)

    def watchers(self, pair: Pair, before: Iterable[Record] = ()) -> tuple[Watcher, ...]:
        """Show a person what happens to the pair; `before` are the records of a run that is taken up again."""
        stream = self._console.aside
        lines = Progress(stream, pair)
        if not stream.redraws:
            return (lines,)
        from orchestrator.report.run_fold import run_of

        from .frames import RunFrame

        records = [*before]
        frame = RunFrame(stream, pair, run_of(records) if records else None)
        self._frames.append(frame)
        return frame, lines

    def run(self, work: Coroutine[Any, Any, RunResult]) -> ExitCode:
        """Do it, show what came of it, and give the run's exit code; an error means that nothing was intended."""
        self.controls.on_result = self._show
        return self.supervise(work).exit_code

    def supervise(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it, whatever comes of it."""
        self._console.follow(lambda: self.controls.run)
        try:
            return supervised(work, self._interrupt, self._frames)
        finally:
            self._console.aside.end()

    async def _ask(self, question: Question) -> Reply | None:
        with self._console.aside.holding():
            return await ask_here(self._console, self.controls, question)

    def _show(self, result: RunResult) -> None:
        """As soon as it is known: people do not wait for what is still being posted about the run."""
        self._invocation.outcome = result.exit_code
        self._console.aside.end()
        self._console.facts((line(), *result_page(result)), result_json(result))

    def _interrupt(self, code: ExitCode) -> bool:
        """Before a run has its lock there is nothing to bring to an end."""
        if self.controls.engine is None:
            return False
        if code is ExitCode.CLOSED_TERMINAL and self.controls.asked:
            # A question saw the end of its input first, or Ctrl-C came before: no second one.
            self.controls.code = code
            return True
        self.controls.interrupt(code)
        say_stopping(self._console, self.controls.asked)
        return True


def say_stopping(console: Console, asked: int, first: str = FIRST) -> None:
    """What a signal does: the first one, and the second; any more change nothing."""
    if asked <= 2:  # noqa: PLR2004 - as above
        console.aside.end()
        console.note(first if asked == 1 else SECOND, "warn")


class Progress:
    """A watcher that prints a run line by line; what is waited for once, and only where there is no frame to show it."""

    def __init__(self, stream: Stream, pair: Pair) -> None:
        self._stream = stream
        self._pair = pair
        self._began = time.monotonic()
        self._waiting = ""
        """What was last said to be waited for."""
        self._for_guards = False
        """Whether it waits for guards, of which each change is told as such."""
        self._for_its_time = False
        """Whether it has waited up to now: what it takes is counted from when it begins."""

    def tell(self, event: Event) -> None:
        """Print a line for an event that is worth one."""
        if isinstance(event, events.RunStarted) and self._for_its_time:
            self._began = time.monotonic()
        self._for_its_time = isinstance(event, events.Waiting)
        if isinstance(event, events.WaitBegan | events.WaitEnded):
            self._for_guards = isinstance(event, events.WaitBegan)
        if isinstance(event, events.Waiting | events.WaitContinued) and self._stream.redraws:
            return
        page = progress_page(event, self._pair, time.monotonic() - self._began)
        if isinstance(event, events.Waiting):
            if event.what != self._waiting and not self._for_guards:
                self._stream.page(page)
            self._waiting = event.what
            return
        if page:
            self._stream.page(page)
            self._waiting = ""


async def ask_here(console: Console, controls: RunControl, question: Question) -> Reply | None:
    """Ask whoever sits at the terminal, until they answer or want the run to stop. The pair's lock is not held meanwhile.

    None where Ctrl-C came first, or the input's end, or the question could not be shown. The last two stop the run, too:
    nobody has answered then, and nobody may be there any more. That is no reason to write on.
    """
    forget_typed()
    text = f"{question.text} The pair's lock is let go while this question stands."
    with console.err.fitting():
        console.err.page((line(), *paragraph(text)))
    while True:
        with console.err.asking(_HOW[question.asks]):
            if console.err.closed:  # nobody was asked, so nobody has answered
                controls.interrupt(ExitCode.INTERRUPTED)
                return None
            typed = await typed_line(lambda: bool(controls.asked))
        if typed == "" and not controls.asked:  # that of a closed terminal ends as well
            controls.interrupt(ExitCode.INTERRUPTED)
        if not typed:
            console.err.text("\n")
            return None
        reply = understood(question.asks, typed.strip())
        if reply is not None:
            return reply
        unclear = "is no reason" if question.asks is Asks.UNKNOWN else "was not understood"
        console.err.text(f"{typed.strip()[:60]!r} {unclear}. ")


async def typed_line(stops: Callable[[], bool]) -> str | None:
    """One line from stdin; "" at its end, None once `stops` says that nobody waits for it any more."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        while not ready.is_set():
            if stops():
                return None
            with suppress(TimeoutError):
                await asyncio.wait_for(ready.wait(), _LOOK_EVERY)
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()  # a terminal hands out whole lines, so this does not wait


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

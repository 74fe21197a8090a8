"""Where everything is printed, and where a person is asked to go on; the one importer of rich.

Pages are in colour on a terminal, and plain lines in a pipe.

Every text passes the redactor on its way out (law 17). A stream that cannot be written to is written to no more, and
the other one says so, once: neither a full disk nor a reader that went away may stop a run, or change its exit code
(law 19).
"""

from __future__ import annotations

import errno
import io
import os
import shlex
import shutil
import sys
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import IO, TYPE_CHECKING, Literal, TextIO

from orchestrator.errors import Interrupted, Refused
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON
from orchestrator.report.documents import compact, document, to_json
from orchestrator.report.layout import Line, Page, Span, fit, line, line_text, plain_text, within
from orchestrator.system.redaction import Redactor

from .outlets import PATIENCE, Output

if TYPE_CHECKING:  # loaded on a terminal only
    from rich.console import Console as Terminal
    from rich.live import Live
    from rich.text import Text

STYLES: Mapping[str, str] = {
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "dim": "dim",
    "bold": "bold",
    "heading": "bold",
    "org": "cyan",
    "status": "bold",
    "command": "bold cyan",
}
"""How a meaning looks; the words say it, too."""

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO})
"""Nobody reads it any more: a closed pipe, a closed terminal. Whoever went away has what they wanted."""

_TROUBLES: Mapping[int, str] = {
    errno.EPIPE: "its reader went away",
    errno.EIO: "its terminal is gone",
    errno.ENXIO: "its terminal is gone",
    errno.EBADF: "it is closed",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EAGAIN: "its reader takes nothing any more",
}
"""What is wrong with a stream, in words."""

_SIZE = (80, 24)
"""Columns and rows of a terminal that does not tell."""

_OVERHANG = 2
"""Rows of a terminal that what is redrawn in place leaves free: the prompt's, and one for a line that came in between."""


class Stream:
    """One way out, stdout or stderr, without keys and with every command completed; `lost` is called once, when it cannot be written to."""

    def __init__(
        self,
        file: TextIO,
        redactor: Redactor,
        complete: Callable[[str], str] = str,
        lost: Callable[[Stream], None] = lambda _: None,
    ) -> None:
        if isinstance(file, io.TextIOWrapper):  # a terminal that cannot show → gets \u2192, not a crash
            file.reconfigure(errors="backslashreplace")
        self._file = file
        self._outlet = file.outlet if isinstance(file, Output) else None
        self._redactor = redactor
        self._complete = complete
        self._lost = lost
        self.trouble = 0
        """The errno of what is wrong with it; 0 while nothing is."""
        self._terminal: Terminal | None = None
        self._live: Live | None = None
        """What is redrawn in place, and stands on the screen just now."""
        self._drawn: tuple[int, ...] = ()
        """How many cells each of its lines takes."""
        self._held = False
        """Whether nothing is drawn in place for now: somebody is asked something."""

    @property
    def closed(self) -> bool:
        """Whether it cannot be written to any more; what is left is dropped."""
        return self.trouble != 0

    @property
    def trouble_words(self) -> str:
        """What is wrong with it, as the end of a sentence."""
        return _TROUBLES.get(self.trouble) or os.strerror(self.trouble).lower()

    @property
    def is_terminal(self) -> bool:
        """Whether a person sits at the other end."""
        try:
            return self._file.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        except ValueError:  # closed
            return False

    @property
    def redraws(self) -> bool:
        """Whether lines are drawn in place there: on a terminal that holds nothing up, unless NO_COLOR asks for plain ones."""
        blocks = self._outlet is not None and not self._outlet.never_blocks
        return self.is_terminal and not blocks and not os.environ.get("NO_COLOR")

    def hurry(self) -> None:
        """Wait no longer for room than a run can."""
        if self._outlet is not None:
            self._outlet.patience = PATIENCE

    def page(self, page: Page) -> None:
        """Write a page: styled and folded to the width on a terminal, plain and as it is otherwise."""
        cleaned = tuple(self._clean(self._completed(spans)) for spans in page)
        if not self.is_terminal:
            self.text(plain_text(cleaned))
            return
        with self._watched():
            self._follow_resizing()
            with self._rich() as terminal:  # all of it, and what is redrawn below it, in one go
                for spans in cleaned:
                    for folded in self._folded(spans):
                        terminal.print(folded, soft_wrap=True)

    def text(self, text: str) -> None:
        """Write a text as it is, without keys."""
        with self._watched():
            self._end_passing()
            self._file.write(self._redactor.clean(text))
            self._file.flush()

    def passing(self, page: Page) -> None:
        """Show lines in place: the next ones replace them, and what is printed meanwhile stands above them.

        Nothing where they are not drawn in place, while the terminal takes nothing, and while a question stands.
        """
        outlet = self._outlet
        if self._held or not self.redraws:
            return
        if outlet is not None and not outlet.has_room(0.0):  # what is drawn anew in a moment waits for nobody
            return
        with self._watched(), nullcontext() if outlet is None else outlet.briefly():
            self._follow_resizing()
            rows = [text for spans in page for text in self._folded(self._showable(self._clean(spans)))]
            most = max(self._rich().height - _OVERHANG, 1)
            if len(rows) > most:
                left_out = f"… {len(rows) - most + 1} lines more: a taller terminal shows them"
                rows = [*rows[: most - 1], *self._folded(self._showable(line(left_out, "dim")))[:1]]
            if self._live is None:
                self._live = _live(self._rich())
            self._live.update(_together(rows), refresh=True)
            self._drawn = tuple(min(text.cell_len, self.columns) for text in rows)
            self._file.flush()

    @contextmanager
    def asking(self, question: str) -> Iterator[None]:
        """Show a question until the block ends: again, too, after Ctrl-Z and fg, which leave other things on the screen."""
        from .signals import going_on

        def again() -> None:
            # Past the file, which may be in the middle of a write. Where it can't be shown any more, nor can it be answered.
            with suppress(OSError):
                os.write(self._file.fileno(), question.encode())

        with going_on(again):
            self.text(question)
            yield

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Draw nothing in place until the block ends."""
        self.end()
        self._held = True
        try:
            yield
        finally:
            self._held = False

    @property
    def columns(self) -> int:
        """How wide the terminal is now."""
        return self._rich().width

    def fitting(self) -> AbstractContextManager[None]:
        """Make the pages of a block no wider than this terminal, where another stream's width goes otherwise."""
        return within(self.columns) if self.is_terminal else nullcontext()

    @contextmanager
    def binary(self) -> Iterator[IO[bytes]]:
        """The bytes below the text, to be written to."""
        with self._watched():
            self._file.flush()
            yield getattr(self._file, "buffer", io.BytesIO())
            self._file.flush()

    def end(self) -> None:
        """Take away what was drawn in place."""
        with self._watched():
            self._end_passing()

    def _end_passing(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            self._follow_resizing()
            live.stop()
            self._drawn = ()
            self._file.flush()

    def _follow_resizing(self) -> None:
        """A terminal that became narrower has folded what stands on it: go up by as many rows as that made."""
        width = max(self._rich().width, 1) if self._drawn else 1
        folded = sum(max(0, -(-drawn // width) - 1) for drawn in self._drawn)
        if folded:
            from rich.control import Control
            from rich.segment import ControlType

            up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)) * folded
            self._rich().control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *up))
            self._drawn = ()

    def _showable(self, spans: Line) -> Line:
        """The line as its encoding will show it: an arrow that is written out takes more cells."""
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        shown = (span.text.encode(encoding, "backslashreplace").decode(encoding) for span in spans)
        return tuple(Span(text, span.style) for text, span in zip(shown, spans, strict=True))

    def _folded(self, spans: Line) -> Sequence[Text]:
        """The line, folded at spaces where the terminal is narrow; a command is left whole, to be copied."""
        text = _styled(spans)
        text.rstrip()
        width = self._rich().width
        if text.cell_len <= width or any(span.style == "command" for span in spans):
            return [text]
        margin = min(_hanging(spans), width // 2)
        first = text.wrap(self._rich(), width)[0]
        rest = text[len(first.plain) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        others = rest.wrap(self._rich(), width - margin) if rest.plain else ()
        for part in (first, *others):
            part.rstrip()
        for part in others:
            part.pad_left(margin)
        return [first, *others]

    def _rich(self) -> Terminal:
        from rich.console import ConsoleDimensions

        if self._terminal is None:
            from rich.console import Console as RichConsole

            colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
            self._terminal = RichConsole(
                file=self._file, color_system=colours, highlight=False, markup=False, emoji=False
            )
        self._terminal.size = ConsoleDimensions(*shutil.get_terminal_size(self._own_size()))
        return self._terminal

    def _own_size(self) -> tuple[int, int]:
        """Columns and rows of its terminal, where stdout is another or none."""
        try:
            own = os.get_terminal_size(self._file.fileno())
        except (OSError, ValueError):  # closed, or no descriptor
            return _SIZE
        return own.columns or _SIZE[0], own.lines or _SIZE[1]

    def _completed(self, spans: Line) -> Line:
        return tuple(
            Span(self._complete(span.text), span.style) if span.style == "command" else span for span in spans
        )

    def _clean(self, spans: Line) -> Line:
        """The line without keys, also without one that is spread over several spans."""
        whole = line_text(spans)
        cleaned = self._redactor.clean(whole)
        if cleaned == whole:
            return spans
        one_by_one = tuple(Span(self._redactor.clean(span.text), span.style) for span in spans)
        return one_by_one if line_text(one_by_one) == cleaned else line(cleaned)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Once it cannot be written to, the rest is dropped; a reader who only stalls may come back."""
        if self.closed and self.trouble != errno.EAGAIN:
            self._file = io.StringIO()
        try:
            yield
        except OSError as error:
            self._note(error.errno or errno.EIO)
        except ValueError:
            if not self._file.closed:
                raise
            self._note(errno.EBADF)
        if self._outlet is not None:
            self._note(self._outlet.trouble)

    def _note(self, trouble: int) -> None:
        self.trouble = trouble
        if trouble:  # said once
            lost, self._lost = self._lost, lambda _: None
            lost(self)


class Console:
    """stdout for what was asked for, stderr for everything else; with `json`, stdout carries one document, and pages go to stderr."""

    def __init__(self, redactor: Redactor, *, json: bool, complete: Callable[[str], str] = str) -> None:
        self._redactor = redactor
        self._complete = complete
        self.json = json
        self.running: Callable[[], str] | None = None
        """The id of the run that is under way, where there is one; empty while it has none yet."""
        self.out = Stream(sys.stdout, redactor, complete, self._say_lost)
        self.err = Stream(sys.stderr, redactor, complete, self._say_lost)
        if isinstance(sys.stderr, Output):  # the log writes there, too
            sys.stderr.before_writing = self.out.end
        if self.out.is_terminal:
            fit(shutil.get_terminal_size().columns)

    def follow(self, running: Callable[[], str]) -> None:
        """A run is under way, whose id `running` gives, "" while it has none: a reader who takes nothing (Ctrl-S, a pager) holds it up no longer."""
        self.running = running
        for stream in (self.out, self.err):
            stream.hurry()

    @property
    def aside(self) -> Stream:
        """Where a person follows what happens: stdout, unless a program reads that."""
        return self.err if self.json else self.out

    def facts(self, page: Page, document: Mapping[str, JSON]) -> None:
        """What was asked for: as a page, or as JSON where that is wanted."""
        if self.json:
            self.document(document)
        else:
            self.out.page(page)

    def say(self, said: str, schema: str, **fields: object) -> None:
        """That something was done: in a sentence, or as a document of these fields."""
        self.facts((line(said),), document(schema, fields))

    def document(self, document: Mapping[str, JSON]) -> None:
        """A JSON document, on stdout."""
        self.out.text(to_json(self._finished(document)))

    def fact_line(self, document: Mapping[str, JSON]) -> None:
        """One JSON document on one line, for a stream of them."""
        self.out.text(compact(self._finished(document)) + "\n")

    def _completed_step(self, step: Mapping[str, JSON]) -> dict[str, JSON]:
        """A next step with the options that were typed, where its verb takes them."""
        command = self._complete(str(step["command"]))
        if not step["verb"]:
            return {**step, "command": command}
        before = 1 + len(str(step["verb"]).split()) + bool(step["subject"])
        return {**step, "command": command, "options": [*shlex.split(command)[before:]]}

    def _finished(self, document: Mapping[str, JSON]) -> dict[str, JSON]:
        """The document with the commands under `next` completed, and without keys."""
        finished: dict[str, JSON] = self._redactor.clean_value(self._with_commands(document))
        return finished

    def _with_commands(self, document: Mapping[str, JSON]) -> dict[str, JSON]:
        """The document with its commands completed, and those of each pair's document in it."""
        completed: dict[str, JSON] = {
            key: [complete(item) if isinstance(item, dict) else item for item in items]
            for key, complete in (("next", self._completed_step), ("pairs", self._with_commands))
            if isinstance(items := document.get(key), list)
        }
        return {**document, **completed}

    def _say_lost(self, stream: Stream) -> None:
        """Say on the other stream that this one shows nothing any more, unless its reader chose to go."""
        other, name = (self.out, "stderr") if stream is self.err else (self.err, "stdout")
        if other.closed or (other is self.out and self.json) or stream.trouble in _GONE:
            return
        words = [f"What goes to {name} could not be shown: {stream.trouble_words}."]
        if self.running is not None:
            show = f"show {run}" if (run := self.running()) else "runs"
            words.append(f"That changes nothing of the run; hamr {show} shows it.")
        other.page(tuple(line(part, "warn") for part in words))

    def note(self, text: str, style: str = "dim") -> None:
        """A remark, on stderr."""
        self.err.page(tuple(line(part, style) for part in text.split("\n")))

    def confirm(self, pair: str, promise: str = "") -> None:
        """Say what is about to happen, and ask for the pair's name: Refused where something else was typed. Nothing is locked meanwhile."""
        question, wants = f"Type the pair's name ({pair}) to go on: ", f"the pair is called {pair}"
        self.agree(pair, question, wants, promise=promise, next_steps=(next_step.status(pair),))

    def agree(
        self,
        wanted: str,
        question: str,
        wants: str,
        *,
        promise: str = "",
        next_steps: Sequence[NextStep] = (),
    ) -> None:
        """Ask for words that nobody types by accident; `wants` says which, as the end of a sentence.

        Refused where something else was typed, or the question could not be shown; Interrupted by Ctrl-C.
        """
        if promise:
            self.aside.page((line(promise, "bold"),))
        forget_typed()
        try:
            with self.err.asking(f"\n{question}"):
                if self.err.closed:
                    unseen = f"The question could not be shown ({self.err.trouble_words})"
                    raise Refused(f"{unseen}, so nobody has agreed to anything.", next_steps=next_steps)
                typed = sys.stdin.readline()
        except KeyboardInterrupt as error:
            from .signals import code_of

            self.err.text("\n")
            said = "Interrupted at the question."
            raise Interrupted(said, code=code_of(error), sent="Nothing was sent.") from None
        if typed.strip() == wanted:
            return
        if not typed.endswith("\n"):
            self.err.text("\n")
        said = f"{typed.strip()[:60]!r} was typed" if typed.strip() else "Nothing was typed"
        raise Refused(f"{said}, and {wants}.", next_steps=next_steps)


def _hanging(spans: Line) -> int:
    """How far in a folded line goes on: under what stands beside its label or its time, else two cells further in."""
    label, *others = spans
    if others and label.style == "dim" and label.text.endswith("  "):
        return len(label.text)
    text = line_text(spans)
    return len(text) - len(text.lstrip()) + 2


def forget_typed() -> None:
    """What was typed before a question stands there answers something else."""
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def can_ask() -> bool:
    """Whether there is a terminal to put a question on, and to answer it."""
    try:
        return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    except (OSError, ValueError):  # closed
        return False


def _live(terminal: Terminal) -> Live:
    """What is redrawn in place on a terminal. Its cursor stays to be seen: nobody brings it back for a process that was killed."""
    from rich.live import Live

    live = Live(
        console=terminal, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    live.start()
    terminal.show_cursor(show=True)
    return live


def _together(rows: Sequence[Text]) -> Text:
    from rich.text import Text

    joined = Text("\n").join(rows)
    joined.no_wrap, joined.overflow = True, "crop"
    return joined


def _styled(spans: Line) -> Text:
    from rich.text import Text

    return Text.assemble(*((span.text, STYLES.get(span.style, "")) for span in spans))

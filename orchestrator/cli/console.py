"""Where everything is printed: pages in colour on a terminal, plain lines in a pipe. The one importer of rich.

Every text passes the redactor on its way out (law 17). A reader that went away (`| head`) and a terminal that was
closed are written to no more, without a word: neither may stop a run.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, TextIO

from orchestrator.errors import PreparationError
from orchestrator.model.plain import JSON
from orchestrator.redaction import Redactor
from orchestrator.report.json_text import compact, to_json
from orchestrator.report.styled import Line, Page, Span, line, plain_text

if TYPE_CHECKING:  # loaded on a terminal only
    from rich.console import Console as Terminal
    from rich.text import Text

STYLES: Mapping[str, str] = MappingProxyType(
    {
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
)
"""How a meaning looks; the words say it, too."""

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO})
"""Nobody reads it any more: a closed pipe, a closed terminal."""

_CLEAR_LINE = "\r\x1b[2K"
_CLEAR_SCREEN = "\x1b[H\x1b[2J"


def _as_it_is(command: str) -> str:
    return command


class Stream:
    """One way out, stdout or stderr."""

    def __init__(self, file: TextIO, redactor: Redactor, complete: Callable[[str], str] = _as_it_is) -> None:
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(
                errors="backslashreplace"
            )  # a terminal that cannot show → gets \u2192, not a crash
        self._file = file
        self._redactor = redactor
        self._complete = complete
        self._closed = False
        self._terminal: Terminal | None = None
        self._passing = False
        """Whether the cursor stands behind a passing line, which the next one replaces."""

    @property
    def closed(self) -> bool:
        """Whether nobody reads it any more."""
        return self._closed

    @property
    def is_terminal(self) -> bool:
        """Whether a person sits at the other end."""
        try:
            return self._file.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        except ValueError:  # closed
            return False

    def page(self, page: Page) -> None:
        """Write a page: styled and folded to the width on a terminal, plain and as it is otherwise."""
        cleaned = tuple(self._clean(self._completed(spans)) for spans in page)
        if not self.is_terminal:
            self.text(plain_text(cleaned))
            return
        with self._watched():
            self._end_passing()
            for spans in cleaned:
                for folded in self._folded(spans):
                    self._rich().print(folded, soft_wrap=True)

    def text(self, text: str) -> None:
        """Write a text as it is, without keys."""
        with self._watched():
            self._end_passing()
            self._file.write(self._redactor.clean(text))
            self._file.flush()

    def passing(self, spans: Line) -> None:
        """Write a line that the next one replaces, cut to the terminal's width. Nothing where there is no terminal."""
        if not self.is_terminal:
            return
        with self._watched():
            self._end_passing()
            shown = _styled(self._clean(spans))
            shown.truncate(max(self._rich().width - 1, 1), overflow="ellipsis")
            self._rich().print(shown, end="", soft_wrap=True)
            self._file.flush()
            self._passing = True

    def clear(self) -> None:
        """Begin at the top again, on a terminal."""
        if self.is_terminal:
            self.text(_CLEAR_SCREEN)

    def binary(self) -> IO[bytes]:
        """The bytes below the text.

        Raises:
            OSError: from writing to it; a reader that went away is one, too.
        """
        self._file.flush()
        return self._file.buffer

    def end(self) -> None:
        """Take away a passing line that is left."""
        with self._watched():
            self._end_passing()

    def _end_passing(self) -> None:
        if self._passing:
            self._passing = False
            self._file.write(_CLEAR_LINE)
            self._file.flush()

    def _folded(self, spans: Line) -> Iterable[Text]:
        """The line, folded at spaces where the terminal is narrow; a command is left whole, to be copied."""
        text = _styled(spans)
        text.rstrip()
        width = self._rich().width
        if text.cell_len <= width or any(span.style == "command" for span in spans):
            return [text]
        margin = min(len(text.plain) - len(text.plain.lstrip()) + 2, width // 2)
        first = text.wrap(self._rich(), width)[0]
        rest = text[len(first.plain) :]
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        folded = [first, *rest.wrap(self._rich(), width - margin)] if rest.plain else [first]
        for part in folded:
            part.rstrip()
        for part in folded[1:]:
            part.pad_left(margin)
        return folded

    def _rich(self) -> Terminal:
        if self._terminal is None:
            from rich.console import Console as RichConsole

            self._terminal = RichConsole(file=self._file, highlight=False, markup=False, emoji=False)
        return self._terminal

    def _completed(self, spans: Line) -> Line:
        """The line with its commands completed."""
        return tuple(
            Span(self._complete(span.text), span.style) if span.style == "command" else span for span in spans
        )

    def _clean(self, spans: Line) -> Line:
        """The line without keys, also without one that is spread over several spans."""
        whole = "".join(span.text for span in spans)
        cleaned = self._redactor.clean(whole)
        if cleaned == whole:
            return spans
        one_by_one = tuple(Span(self._redactor.clean(span.text), span.style) for span in spans)
        return one_by_one if "".join(span.text for span in one_by_one) == cleaned else line(cleaned)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Once nobody reads it, the rest is dropped.

        Raises:
            PreparationError: it cannot be written for another reason, a full disk for one.
        """
        if self._closed:
            self._file = _nowhere()
        try:
            yield
        except OSError as error:
            if error.errno not in _GONE:
                words = (error.strerror or str(error)).lower()
                raise PreparationError(
                    f"The output cannot be written: {words}.",
                    sent="What was sent, if anything, stands in the journal: hamr runs",
                ) from error
            self._closed = True


def _nowhere() -> TextIO:
    return io.StringIO()


class Console:
    """stdout for what was asked for, stderr for everything else.

    Args:
        redactor: takes the keys out.
        json: stdout carries one JSON document; pages and progress go to stderr then.
        complete: what every command that is printed passes through.
    """

    def __init__(self, redactor: Redactor, *, json: bool, complete: Callable[[str], str] = _as_it_is) -> None:
        self._redactor = redactor
        self._complete = complete
        self.json = json
        self.out = Stream(sys.stdout, redactor, complete)
        self.err = Stream(sys.stderr, redactor, complete)

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

    def document(self, document: Mapping[str, JSON]) -> None:
        """A JSON document, on stdout."""
        self.out.text(to_json(self._redactor.clean_value(self._completed(document))))

    def _completed(self, document: Mapping[str, JSON]) -> dict[str, JSON]:
        """The document with the commands under `next` completed."""
        steps = document.get("next")
        if not isinstance(steps, list):
            return dict(document)
        return {
            **document,
            "next": [self._complete(step) if isinstance(step, str) else step for step in steps],
        }

    def fact_line(self, document: Mapping[str, JSON]) -> None:
        """One JSON document on one line, for a stream of them."""
        self.out.text(compact(self._redactor.clean_value(self._completed(document))) + "\n")

    def note(self, text: str, style: str = "dim") -> None:
        """A remark, on stderr."""
        self.err.page(tuple(line(part, style) for part in text.split("\n")))


def _styled(spans: Line) -> Text:
    from rich.text import Text

    return Text.assemble(*((span.text, STYLES.get(span.style, "")) for span in spans))

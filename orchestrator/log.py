"""Logs for people and machines, with every known key taken out of them (law 17).

To stderr: aligned text on a terminal, one JSON object a line otherwise. The facts of a run are in the journal;
a log that cannot be written never stops one.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TextIO, cast
from urllib.parse import quote, quote_plus

from .lean_import import left_out
from .model.secret import Secret

REDACTED = "[redacted]"

SHORTEST_SECRET = 4
"""Shorter texts are not replaced: they would turn every message to mush. The key ring refuses such keys."""

_SHORTEST_FRAGMENT = 8
"""A piece of base64 shorter than this could stand for anything."""


class Redactor:
    """Knows every key that was fetched, and takes them out of texts and values.

    Besides the key itself it knows the forms in which one travels: URL-encoded, as inside a JSON or Python
    string, and base64, alone or within a longer text.
    """

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: Secret) -> None:
        """Learn a key. Texts shorter than SHORTEST_SECRET are passed over."""
        text = secret.reveal()
        if len(text) < SHORTEST_SECRET:
            return
        known = len(self._forms)
        self._forms |= _forms(text)
        if len(self._forms) != known:
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def clean(self, text: str) -> str:
        """The text with each known key replaced by "[redacted]"."""
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

    def clean_value(self, value: Any) -> Any:
        """The same shape, with every text in it cleaned, the names of mappings included.

        What is neither a container nor a plain JSON value is kept where its `repr` is clean, else replaced by
        that `repr`, cleaned.
        """
        match value:
            case str():
                return self.clean(value)
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {self.clean_value(key): self.clean_value(item) for key, item in value.items()}
            case list():
                return [self.clean_value(item) for item in value]
            case tuple():
                return tuple(self.clean_value(item) for item in value)
        shown = repr(value)
        cleaned = self.clean(shown)
        return value if cleaned == shown else cleaned

    def __repr__(self) -> str:
        return "Redactor(…)"


def _forms(text: str) -> set[str]:
    data = text.encode("utf-8", "surrogatepass")
    forms = {
        text,
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
    }
    for lead in range(
        3
    ):  # base64 has three alignments; the letters at the seams belong to the neighbours too
        encoded = base64.b64encode(b"\0" * lead + data).decode("ascii").rstrip("=")
        whole_letters = (lead + len(data)) * 8 // 6
        piece = encoded[-(-lead * 8 // 6) : whole_letters]
        if len(piece) >= _SHORTEST_FRAGMENT:
            forms |= {piece, piece.translate(str.maketrans("+/", "-_"))}
    return forms


class Logger(Protocol):
    """What a caller may do with a logger: an event in plain words, and its facts by name."""

    def debug(self, event: str, **facts: object) -> object:
        """For somebody who debugs hamr itself."""

    def info(self, event: str, **facts: object) -> object:
        """Something happened as it should."""

    def warning(self, event: str, **facts: object) -> object:
        """Something that a person should know of."""

    def error(self, event: str, **facts: object) -> object:
        """Something went wrong."""

    def exception(self, event: str, **facts: object) -> object:
        """Something went wrong, with the traceback of the exception that is being handled."""


class _Sink:
    """A stream whose trouble stays its own: a closed terminal or a full disk never stops a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class _Redacting:
    """The end of the chain of processors: values are cleaned before they are rendered, and the text after."""

    def __init__(self, redactor: Redactor, render: Any) -> None:
        self._redactor = redactor
        self._render = render

    def __call__(self, logger: Any, name: str, event: Any) -> str:
        return self._redactor.clean(str(self._render(logger, name, self._redactor.clean_value(dict(event)))))


Form = Literal["auto", "console", "json"]

_configured = False


def configure(
    form: Form = "auto",
    level: str = "warning",
    stream: TextIO | None = None,
    redactor: Redactor | None = None,
) -> None:
    """Send all logs, other libraries' warnings included, to one stream in one form. May be called again.

    Args:
        form: "auto" is console on a terminal and JSON otherwise.
        level: the least that is shown: debug, info, warning, error.
        stream: stderr where None.
        redactor: knows the keys; the one of the key ring.

    Raises:
        ValueError: no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"no log level is called {level!r}: debug, info, warning or error")
    structlog = _structlog()
    stream = sys.stderr if stream is None else stream
    terminal = _is_terminal(stream)
    console = form == "console" or (form == "auto" and terminal)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    render: Any
    if console:
        colors = terminal and not os.environ.get("NO_COLOR")
        render = structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
        )
    else:
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
    redacting = _Redacting(Redactor() if redactor is None else redactor, render)
    sink = cast("TextIO", _Sink(stream))
    structlog.configure(
        processors=[*shared, redacting],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sink),
        cache_logger_on_first_use=False,
    )
    _configure_other_libraries(structlog, shared, redacting, sink, number)
    global _configured  # noqa: PLW0603 - structlog's configuration is the process's own; this says that it is ours
    _configured = True


def _structlog() -> Any:
    # rich is loaded for tracebacks that show local variables, and those hold keys: never wanted here.
    with left_out("structlog", "rich"):
        import structlog  # noqa: PLC0415 - most commands never log, and need not load it
    return structlog


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


_HANDLER_NAME = "hamr"


def _configure_other_libraries(
    structlog: Any, shared: Sequence[Any], redacting: _Redacting, sink: TextIO, level: int
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redacting],
    )
    handler = logging.StreamHandler(sink)
    handler.set_name(_HANDLER_NAME)
    handler.setFormatter(formatter)
    handler.setLevel(max(level, logging.WARNING))
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == _HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    for name in ("httpx", "httpcore"):  # at DEBUG these log every header of an answer
        logging.getLogger(name).setLevel(logging.WARNING)


def logger() -> Logger:
    """The logger; configures itself with the defaults where nobody has."""
    if not _configured:
        configure()
    return cast("Logger", _structlog().get_logger())


class Bound:
    """Facts that every event carries from now on; as a context manager, until its end."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        self._tokens: Mapping[str, Any] = _structlog().contextvars.bind_contextvars(**facts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _structlog().contextvars.reset_contextvars(**self._tokens)


def bind(**facts: object) -> Bound:
    """Bind facts to every event of this task and those that it starts: `bind(run=…, pair=…)`."""
    return Bound(facts)

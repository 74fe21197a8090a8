"""Logs for people and machines, with every known key taken out of them (law 17).

To stderr: aligned text on a terminal, one JSON object a line otherwise. The facts of a run are in the journal;
a log that cannot be written never stops one.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Protocol, Self, TextIO, cast

from msgspec import Struct

from .lean_import import left_out
from .redaction import Redactor


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


class _Settings(Struct, frozen=True):
    """Where logs go, as `configure` was told."""

    number: int
    """The least level that is shown, as the standard library counts."""
    console: bool
    colors: bool
    sink: _Sink
    redactor: Redactor

    def redacting(self) -> _Redacting:
        """What renders an event, at the end of the chain."""
        structlog = _structlog()
        if not self.console:
            return _Redacting(self.redactor, structlog.processors.JSONRenderer(ensure_ascii=False))
        return _Redacting(
            self.redactor,
            structlog.dev.ConsoleRenderer(
                colors=self.colors, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
            ),
        )


_settings: _Settings | None = None
_applied: _Settings | None = None
"""What structlog was set up with: it is loaded when the first event is shown, and most commands show none."""


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
    stream = stream or sys.stderr or io.StringIO()  # a process without stderr has None: nobody hears it
    terminal = _is_terminal(stream)
    global _settings  # noqa: PLW0603 - logs are the process's own, as structlog's and logging's settings are
    _settings = _Settings(
        number,
        console=form == "console" or (form == "auto" and terminal),
        colors=terminal and not os.environ.get("NO_COLOR"),
        sink=_Sink(stream),
        redactor=Redactor() if redactor is None else redactor,
    )
    _hear_other_libraries(_settings)


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


def _processors() -> list[Any]:
    """What every event goes through before it is rendered."""
    structlog = _structlog()
    return [
        _merge_bound,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


_HANDLER_NAME = "hamr"


class _Formatter(logging.Formatter):
    """Renders other libraries' events as ours are; made when there is one."""

    def __init__(self, settings: _Settings) -> None:
        super().__init__()
        self._settings = settings

    @cached_property
    def _rendering(self) -> logging.Formatter:
        structlog = _structlog()
        rendering: logging.Formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_processors(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                self._settings.redacting(),
            ],
        )
        return rendering

    def format(self, record: logging.LogRecord) -> str:
        return self._rendering.format(record)


def _hear_other_libraries(settings: _Settings) -> None:
    handler = logging.StreamHandler(cast("TextIO", settings.sink))
    handler.set_name(_HANDLER_NAME)
    handler.setFormatter(_Formatter(settings))
    handler.setLevel(max(settings.number, logging.WARNING))
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == _HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    for name in ("httpx", "httpcore"):  # at DEBUG these log every header of an answer
        logging.getLogger(name).setLevel(logging.WARNING)


class _Log:
    """The logger of this process: structlog's, once an event is to be shown."""

    __slots__ = ("_settings",)

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings

    def debug(self, event: str, **facts: object) -> None:
        if self._settings.number <= logging.DEBUG:
            self._shown().debug(event, **facts)

    def info(self, event: str, **facts: object) -> None:
        if self._settings.number <= logging.INFO:
            self._shown().info(event, **facts)

    def warning(self, event: str, **facts: object) -> None:
        if self._settings.number <= logging.WARNING:
            self._shown().warning(event, **facts)

    def error(self, event: str, **facts: object) -> None:
        if self._settings.number <= logging.ERROR:
            self._shown().error(event, **facts)

    def exception(self, event: str, **facts: object) -> None:
        if self._settings.number <= logging.ERROR:
            self._shown().exception(event, **facts)

    def _shown(self) -> Any:
        structlog, settings = _structlog(), self._settings
        global _applied  # noqa: PLW0603 - structlog's configuration is the process's own; this says that it is ours
        if _applied is not settings:
            structlog.configure(
                processors=[*_processors(), settings.redacting()],
                wrapper_class=structlog.make_filtering_bound_logger(settings.number),
                logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", settings.sink)),
                cache_logger_on_first_use=False,
            )
            _applied = settings
        return structlog.get_logger()


class _Passed:
    """Events of a hamr inside another program, handed to that program's own logging, under the name "hamr"."""

    def __init__(self) -> None:
        self.redactor = Redactor()
        self._logger = logging.getLogger("hamr")

    def debug(self, event: str, **facts: object) -> None:
        self._pass(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: object) -> None:
        self._pass(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self._pass(logging.WARNING, event, facts)

    def error(self, event: str, **facts: object) -> None:
        self._pass(logging.ERROR, event, facts)

    def exception(self, event: str, **facts: object) -> None:
        # The traceback goes in as text, from which keys can be taken out.
        self._pass(logging.ERROR, event, {**facts, "traceback": traceback.format_exc()})

    def _pass(self, level: int, event: str, facts: Mapping[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            said = " ".join(f"{name}={value}" for name, value in {**_bound.get(), **facts}.items())
            self._logger.log(level, "%s", self.redactor.clean(f"{event} {said}".rstrip()))


_passed: _Passed | None = None
"""What logs where hamr is embedded."""


def embed() -> Redactor:
    """Leave the log to the program that hamr is embedded in, unless `configure` was called before.

    Returns:
        What takes the keys out of every event: the key rings of this process have to make theirs known to it.
    """
    global _passed  # noqa: PLW0603 - logs are the process's own
    if _settings is not None:
        return _settings.redactor
    if _passed is None:
        _passed = _Passed()
    return _passed.redactor


def logger() -> Logger:
    """The logger; configures itself with the defaults where nobody has, and nobody embedded it."""
    if _settings is None and _passed is not None:
        return _passed
    if _settings is None:
        configure()
    return _Log(cast("_Settings", _settings))


_bound: ContextVar[Mapping[str, object]] = ContextVar("bound", default=MappingProxyType({}))


def _merge_bound(_logger: Any, _name: str, event: Any) -> Any:
    return {**event, **{name: fact for name, fact in _bound.get().items() if name not in event}}


class Bound:
    """Facts that every event carries from now on; as a context manager, until its end."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        self._before = _bound.set({**_bound.get(), **facts})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _bound.reset(self._before)


def bind(**facts: object) -> Bound:
    """Bind facts to every event of this task and those that it starts: `bind(run=…, pair=…)`."""
    return Bound(facts)

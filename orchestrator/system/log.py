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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal, TextIO

from msgspec import Struct

from .lean_import import left_out
from .redaction import Redactor

Form = Literal["auto", "console", "json"]

_bound: ContextVar[Mapping[str, object]] = ContextVar("bound", default=MappingProxyType({}))


@contextmanager
def bind(**facts: object) -> Iterator[None]:
    """Facts that every event of this task, and of those that it starts, carries until the end: run, pair."""
    before = _bound.set({**_bound.get(), **facts})
    try:
        yield
    finally:
        _bound.reset(before)


class _Settings(Struct, frozen=True):
    """Where logs go, as `configure` was told."""

    number: int
    """The least level that is shown, as the standard library counts."""
    console: bool
    colors: bool
    stream: TextIO
    redactor: Redactor

    def show(self, level: int, facts: Mapping[str, object]) -> None:
        """Write one event; values are cleaned before they are rendered, and the text after."""
        # Loaded when the first event is shown, and most commands show none; rich is loaded for tracebacks that show
        # local variables, and those hold keys: never wanted here.
        with left_out("structlog", "rich"):
            import structlog  # noqa: PLC0415 - as above
        event: Any = {**facts, **{name: fact for name, fact in _bound.get().items() if name not in facts}}
        name = logging.getLevelName(level).lower()
        for process in (
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
        ):
            event = process(None, name, event)
        render: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
        if self.console:
            plain = structlog.dev.plain_traceback
            render = structlog.dev.ConsoleRenderer(
                colors=self.colors, exception_formatter=plain, sort_keys=False
            )
        text = self.redactor.clean(str(render(None, name, self.redactor.clean_value(dict(event)))))
        with suppress(OSError, ValueError):  # a closed terminal or a full disk never stops a run
            self.stream.write(f"{text}\n")
            self.stream.flush()


_settings: _Settings | None = None
_embedded: Redactor | None = None
"""What takes keys out of events where hamr is embedded, and nobody called `configure`."""


def configure(
    form: Form = "auto",
    level: str = "warning",
    stream: TextIO | None = None,
    redactor: Redactor | None = None,
) -> None:
    """Send all logs, other libraries' warnings included, to one stream (stderr) in one form. May be called again.

    The form "auto" is console on a terminal and JSON otherwise; `level` is the least that is shown: debug, info, warning or error,
    else a ValueError; `redactor` is the key ring's.
    """
    global _settings  # noqa: PLW0603 - logs are the process's own, as logging's settings are
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"no log level is called {level!r}: debug, info, warning or error")
    stream = stream or sys.stderr or io.StringIO()  # a process without stderr has None: nobody hears it
    terminal = False
    with suppress(ValueError):  # closed
        terminal = stream.isatty()
    _settings = _Settings(
        number,
        console=form == "console" or (form == "auto" and terminal),
        colors=terminal and not os.environ.get("NO_COLOR"),
        stream=stream,
        redactor=redactor or Redactor(),
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _OtherLibraries)]:
        root.removeHandler(old)
    root.addHandler(_OtherLibraries(_settings))
    for name in ("httpx", "httpcore"):  # at DEBUG these log every header of an answer
        logging.getLogger(name).setLevel(logging.WARNING)


class _OtherLibraries(logging.Handler):
    """Shows other libraries' events as ours are, from warnings on."""

    def __init__(self, settings: _Settings) -> None:
        super().__init__(max(settings.number, logging.WARNING))
        self._settings = settings

    def emit(self, record: logging.LogRecord) -> None:
        try:
            facts = {"event": record.getMessage(), "exc_info": record.exc_info, "stack": record.stack_info}
            self._settings.show(record.levelno, {name: fact for name, fact in facts.items() if fact})
        except Exception:  # noqa: BLE001 - what cannot be rendered is the library's mistake, and no reason to stop
            self.handleError(record)


def embed() -> Redactor:
    """Leave the log to the program that hamr is embedded in, unless `configure` was called before; what takes keys out of events.

    The key rings of this process have to make theirs known to it.
    """
    global _embedded  # noqa: PLW0603 - logs are the process's own
    if _settings is not None:
        return _settings.redactor
    _embedded = _embedded or Redactor()
    return _embedded


class Logger:
    """Takes an event in plain words, and its facts by name."""

    def debug(self, event: str, **facts: object) -> None:
        """For somebody who debugs hamr itself."""
        _log(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: object) -> None:
        """Something happened as it should."""
        _log(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Something that a person should know of."""
        _log(logging.WARNING, event, facts)

    def error(self, event: str, **facts: object) -> None:
        """Something went wrong."""
        _log(logging.ERROR, event, facts)

    def exception(self, event: str, **facts: object) -> None:
        """Something went wrong, with the traceback of the exception that is being handled."""
        _log(logging.ERROR, event, {**facts, "exc_info": True})


def logger() -> Logger:
    """The logger; it configures itself with the defaults where nobody has, and nobody embedded it."""
    return Logger()


def _log(level: int, event: str, facts: Mapping[str, object]) -> None:
    if _settings is None and _embedded is not None:
        _pass_on(level, event, dict(facts), _embedded)
        return
    if _settings is None:
        configure()
    if _settings is not None and level >= _settings.number:
        _settings.show(level, {**facts, "event": event})


def _pass_on(level: int, event: str, facts: dict[str, object], redactor: Redactor) -> None:
    """Hand an event to the logging of the program that hamr is embedded in, under the name "hamr"."""
    surrounding = logging.getLogger("hamr")
    if not surrounding.isEnabledFor(level):
        return
    if facts.pop("exc_info", None):  # as text, from which keys can be taken out
        facts["traceback"] = traceback.format_exc()
    said = " ".join(f"{name}={value}" for name, value in {**_bound.get(), **facts}.items())
    surrounding.log(level, "%s", redactor.clean(f"{event} {said}".rstrip()))

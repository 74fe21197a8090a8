"""A look at a pair from the command line: on a terminal, an org's silence is shown while it lasts."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from orchestrator.operations.session import Session

from .console import Console
from .signals import supervised

T = TypeVar("T")


def showing_silence(console: Console, session: Session, work: Coroutine[Any, Any, T]) -> T:
    """Do what only looks at a pair, and show on a terminal who is silent meanwhile.

    Raises:
        Interrupted: a signal came.
    """
    stream = console.aside
    if not stream.redraws:
        return supervised(work)
    from .frames import Silence, beside

    silence = Silence(stream, session.pair)
    session.watcher = silence
    try:
        return supervised(beside(work, (silence,)))
    finally:
        session.watcher = None
        stream.end()

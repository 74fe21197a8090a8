"""The sync door: the same calls, for programs without an event loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from orchestrator.errors import UsageError

from .pair import OpenPair

P = ParamSpec("P")
T = TypeVar("T")


def _waiting(
    call: Callable[Concatenate[OpenPair, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[WaitingPair, P], T]:
    """A call of OpenPair that returns when it is done."""

    @functools.wraps(call)
    def wait(self: WaitingPair, /, *args: P.args, **kwargs: P.kwargs) -> T:
        _refuse_running_loop(call.__name__)
        return asyncio.run(call(self.pair, *args, **kwargs))

    return wait


def _refuse_running_loop(name: str) -> None:
    """Say what to write instead, before anything is begun.

    Raises:
        UsageError: this thread has an event loop that runs.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        f"sync.{name}() was called where an event loop runs already, and would block it: write `await pair.{name}(…)`"
    )


class WaitingPair:
    """An OpenPair whose calls wait until they are done; `pair` is the OpenPair itself."""

    def __init__(self, pair: OpenPair) -> None:
        self.pair = pair

    def __repr__(self) -> str:
        return f"{self.pair!r}.sync"

    status = _waiting(OpenPair.status)
    plan = _waiting(OpenPair.plan)
    run = _waiting(OpenPair.run)
    run_plan = _waiting(OpenPair.run_plan)
    resume = _waiting(OpenPair.resume)
    drill = _waiting(OpenPair.drill)
    close_drill = _waiting(OpenPair.close_drill)

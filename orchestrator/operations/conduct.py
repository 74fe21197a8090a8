"""The engine at work for a run: with heartbeats, stopped by a person or by an error, and journalled to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from orchestrator.engine.engine import Engine
from orchestrator.errors import HamrError
from orchestrator.model.journal import Head
from orchestrator.model.result import RunResult
from orchestrator.model.run import Ending
from orchestrator.system.log import bind, logger

from .finish import finish, given_up, stopped_by, stopped_by_bug
from .running import Running

HEARTBEAT_SECONDS = 5.0


async def conduct(running: Running, engine: Engine, act: Callable[[], Awaitable[Ending]]) -> RunResult:
    """Let the engine act, with heartbeats; journal how it ended, and let go of the lock.

    Raises:
        HamrError: the journal or the lock failed before anything was intended.
    """
    running.engine = engine
    controls = running.controls
    controls.engine = engine
    if controls.asked:
        controls.engine.ask_to_stop("stopped before the first write, as asked")
    with bind(run=running.memory.run, pair=running.session.pair.name):
        heart = asyncio.create_task(_beat(running, engine))
        controls.task = asyncio.create_task(_acting(act))
        try:
            ending = await controls.task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            ending = given_up(running)
        except HamrError as error:
            ending = stopped_by(running, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must end in the journal
            # After the first intent a bug must not look like "nothing was sent".
            logger().exception("the run stopped on a bug")
            ending = stopped_by_bug(running, error)
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
        result = await finish(running, ending)
        await running.session.calls(running.lock.release)
        result = replace(result, head=await _head(running, result))
        if controls.on_result is not None:
            controls.on_result(result)
        return result


async def _head(running: Running, result: RunResult) -> Head:
    """The journal's head after the lock was let go: only what was posted about the run may still be noted."""
    try:
        return await running.session.calls(running.session.store.head)
    except HamrError:
        return result.head


async def _acting(act: Callable[[], Awaitable[Ending]]) -> Ending:
    return await act()


async def _beat(running: Running, engine: Engine) -> None:
    observer = running.observer
    while True:
        with suppress(TimeoutError):
            # Real time: another process reads the heartbeat. (`wait_for` can lose a cancellation on Python 3.11.)
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await observer.pressing.wait()
        try:
            await observer.commit()
            held = await running.session.calls(running.lock.beat)
        except HamrError as error:
            # The next intent meets the same trouble, and stops the run before anything is sent.
            logger().warning("a heartbeat could not be journalled", error=error.message)
            continue
        if not held:
            running.lock_lost = True
            engine.ask_to_stop(
                "the lock was broken by somebody else (hamr unlock); stopped before the next write"
            )

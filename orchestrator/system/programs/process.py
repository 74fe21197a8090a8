"""One program as a process group of its own: started without a shell, bounded in time, and ended with all that it started."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from msgspec import Struct

from .capture import Capture

GRACE = 2.0
"""Seconds between asking a process group to end (SIGTERM) and ending it (SIGKILL)."""

_LOOK_EVERY = 0.02
_KILLED_WITHIN = 1.0
"""Seconds after which a process that not even SIGKILL ends (it may be another user's) is given up."""

_LAST_WORDS = 0.2
"""Seconds that a pipe is still read after its program ended, where something else holds its other end."""


_AT_ONCE = 64 * 1024


class NotStarted(Exception):
    """A program that could not be started, with the reason."""

    def __init__(self, program: str, error: OSError | ValueError) -> None:
        words = error.strerror if isinstance(error, OSError) else None
        super().__init__(f"{program} could not be started ({words or type(error).__name__})")


class Running(Struct, frozen=True):
    """A program that was started."""

    process: Process
    stdout: Pipe
    stderr: Pipe
    """The same as stdout, where both are taken together."""

    async def printed(self) -> None:
        """Wait until nobody holds its outputs any more."""
        await self.stdout.ended.wait()
        await self.stderr.ended.wait()


async def run_to_end(
    argv: Sequence[str],
    environ: Mapping[str, str],
    output: Capture,
    errors: Capture | None = None,
    *,
    within: float,
    grace: float = GRACE,
) -> int | None:
    """Run a program; its exit code, negative for a signal, or None where its time was up and it was ended.

    What it leaves running when it ends by itself is left alone, and not waited for.

    Args:
        argv: the program and its arguments.
        environ: its whole environment.
        output: takes its stdout; its stderr too, where there are no `errors`.
        errors: takes its stderr.
        within: seconds that it may take.
        grace: seconds that its process group has to end by itself when its time is up.

    Raises:
        NotStarted: it could not be started.
    """
    async with running(argv, environ, output, errors, grace=grace) as program:
        code: int | None = None
        try:
            async with asyncio.timeout(within):
                code = await program.process.wait()
        except TimeoutError:
            await end_group(program.process, grace)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await program.printed()
        return code


@asynccontextmanager
async def running(
    argv: Sequence[str],
    environ: Mapping[str, str],
    output: Capture,
    errors: Capture | None = None,
    *,
    grace: float = GRACE,
) -> AsyncIterator[Running]:
    """Start a program, and end its process group should anything go wrong in the body, cancellation included.

    Raises:
        NotStarted: it could not be started.
    """
    pipes: list[Pipe] = []
    try:
        try:
            pipes.extend(Pipe(capture) for capture in (output, errors) if capture is not None)
            process = await _started(argv, environ, pipes[0].writing, pipes[-1].writing)
        except (OSError, ValueError) as error:
            raise NotStarted(argv[0], error) from None
        for pipe in pipes:
            pipe.close_writing()
        try:
            yield Running(process, pipes[0], pipes[-1])
        except BaseException:
            await end_group(process, grace)
            raise
    finally:
        for pipe in pipes:
            pipe.close()


async def end_group(process: Process, grace: float) -> None:
    """End a process and all of its group: asked first, made to after `grace` seconds, and at once if cancelled."""
    group = process.pid  # it leads a session of its own
    try:
        if _signal(group, signal.SIGTERM):
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    while _signal(group, 0):  # noqa: ASYNC110 - nothing tells us when a process group is gone
                        await asyncio.sleep(_LOOK_EVERY)
    finally:
        _signal(group, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_KILLED_WITHIN):
            await process.wait()


async def _started(argv: Sequence[str], environ: Mapping[str, str], stdout: int, stderr: int) -> Process:
    # A session of its own: it cannot stop at a prompt that nobody sees, does not hear the Ctrl-C that is meant for
    # us, and can be ended with all that it started. Shielded, since cancelling this very call would end its leader
    # alone.
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=stdout, stderr=stderr, env=dict(environ), start_new_session=True
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_kill_started)  # whatever becomes of the waiting here
        await asyncio.wait([starting])
        if starting.exception() is None:
            await end_group(starting.result(), 0)
        raise


def _kill_started(starting: asyncio.Future[Process]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        _signal(starting.result().pid, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; whether there is one that heard it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # gone, or another user's by now
        return False
    return True


class Pipe:
    """A pipe that a program prints into. Our end can be closed whoever still holds the other."""

    def __init__(self, into: Capture) -> None:
        self._into = into
        self._reading, self.writing = os.pipe()
        self._open = {self._reading, self.writing}
        self.ended = asyncio.Event()
        """Set when nobody holds the other end any more."""
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._reading, _AT_ONCE)
        except BlockingIOError:
            return
        if data:
            self._into.add(data)
        else:
            self._close(self._reading)
            self.ended.set()

    def close_writing(self) -> None:
        """Close the end that the program was given, on our side."""
        self._close(self.writing)

    def close(self) -> None:
        """Close both ends, on our side."""
        self._close(self.writing)
        self._close(self._reading)

    def _close(self, descriptor: int) -> None:
        """Close an end, once: its number may be somebody else's afterwards."""
        if descriptor not in self._open:
            return
        self._open.remove(descriptor)
        if descriptor == self._reading:
            asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

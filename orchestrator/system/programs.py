"""Running programs: hooks, probes and commands that print keys; never through a shell, never with a key of ours, and never without an end."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from msgspec import Struct

from orchestrator.model.playbook import Program, ProgramEnded
from orchestrator.model.protocols import Clock
from orchestrator.model.words import span

from .redaction import Redactor

KEPT_BYTES = 32 * 1024
"""How much is kept of the beginning, and as much of the end."""

_ESCAPES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))"
"""Colours, cursor moves and titles: what a program writes for a terminal alone."""

_INVISIBLE = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"


class Capture:
    """Takes whatever a program prints, and keeps so many bytes of the first and as many of the last of it."""

    def __init__(self, keep: int = KEPT_BYTES) -> None:
        self._keep = keep
        self._first = bytearray()
        self._last = bytearray()
        self.total = 0
        """Bytes that were printed."""

    def add(self, data: bytes) -> None:
        """Take what was printed next."""
        self.total += len(data)
        room = self._keep - len(self._first)
        self._first += data[:room]
        self._last += data[room:]
        if len(self._last) > 2 * self._keep:  # not at every few bytes
            del self._last[: len(self._last) - self._keep]

    @property
    def beginning(self) -> bytes:
        """The first bytes, as they came."""
        return bytes(self._first)

    def text(self, redactor: Redactor) -> str:
        """All that is kept, as text without keys and control characters, with a line for what was left out."""
        last = bytes(self._last[max(0, len(self._last) - self._keep) :])
        left_out = self.total - len(self._first) - len(last)
        if not left_out:
            return _readable(self.beginning + last, redactor)
        # Half a key may stand at either side of the gap, where nobody would know it: that much is cut off, too.
        seam = redactor.longest - 1 if redactor.longest else 0
        before, after = _readable(self.beginning, redactor), _readable(last, redactor)
        before, after = before[: max(0, len(before) - seam)], after[seam:]
        return f"{before}\n… {left_out + 2 * seam:,} bytes left out …\n{after}"

    def last_line(self, redactor: Redactor) -> str:
        """The last line that says anything; "" where there is none."""
        lines = (line.strip() for line in reversed(self.text(redactor).splitlines()))
        return next(filter(None, lines), "")


def _readable(data: bytes, redactor: Redactor) -> str:
    # Keys are looked for when nothing invisible stands in the middle of one any more.
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return redactor.clean(re.sub(_INVISIBLE, "", re.sub(_ESCAPES, "", text)))


DATADOG_VARIABLES: frozenset[str] = frozenset(
    {"DD_API_KEY", "DD_APP_KEY", "DD_APPLICATION_KEY", "DATADOG_API_KEY", "DATADOG_APP_KEY"}
)
"""Where Datadog's own tools look for keys; ours stay away from there."""


def environment_without_keys(
    environ: Mapping[str, str], redactor: Redactor, hidden: Iterable[str] = ()
) -> dict[str, str]:
    """The environment that a program may see: without the variables that are named, Datadog's own, and any that holds a fetched key (law 17)."""
    left_out = DATADOG_VARIABLES.union(hidden)
    return {
        name: value
        for name, value in environ.items()
        if name not in left_out and redactor.clean(value) == value
    }


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Where a program is that could be started, None where there is none: in PATH, or from the working directory where its name has a slash."""
    return shutil.which(name, path=os.pathsep.join(os.get_exec_path(dict(environ))))


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


async def run_to_end(
    argv: Sequence[str],
    environ: Mapping[str, str],
    output: Capture,
    errors: Capture | None = None,
    *,
    within: float,
    grace: float = GRACE,
    given: bytes = b"",
) -> int | None:
    """Run a program; its exit code, negative for a signal, or None where its time was up and it was ended; a NotStarted where it could not be started.

    What it leaves running when it ends by itself is left alone, and not waited for. Should anything go wrong meanwhile,
    cancellation included, its process group is ended.

    `environ` is its whole environment. `output` takes its stdout, and its stderr where there are no `errors`. It has `within` seconds,
    and when they are over its process group has `grace` to end by itself. `given` is what it reads from its stdin: few enough bytes
    for a pipe to hold them (64 KiB).
    """
    pipes: list[Pipe] = []
    try:
        try:
            pipes.extend(Pipe(capture) for capture in (output, errors) if capture is not None)
            with _holding(given) as stdin:
                process = await _started(argv, environ, pipes[0].writing, pipes[-1].writing, stdin)
        except (OSError, ValueError) as error:
            raise NotStarted(argv[0], error) from None
        for pipe in pipes:
            pipe.close_writing()
        try:
            return await _ended(process, pipes, within, grace)
        except BaseException:
            await _end_group(process, grace)
            raise
    finally:
        for pipe in pipes:
            pipe.close()


async def _ended(process: Process, pipes: Sequence[Pipe], within: float, grace: float) -> int | None:
    code: int | None = None
    try:
        async with asyncio.timeout(within):
            code = await process.wait()
    except TimeoutError:
        await _end_group(process, grace)
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS):
            for pipe in pipes:
                await pipe.ended.wait()
    return code


async def _end_group(process: Process, grace: float) -> None:
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


@contextmanager
def _holding(given: bytes) -> Iterator[int]:
    """A pipe's reading end that holds these bytes and then ends; nothing at all where there are none."""
    if not given:
        yield DEVNULL
        return
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with os.fdopen(writing, "wb", buffering=0) as whole:
            whole.write(given)
        yield reading
    finally:
        os.close(reading)


async def _started(
    argv: Sequence[str], environ: Mapping[str, str], stdout: int, stderr: int, stdin: int
) -> Process:
    # A session of its own: it cannot stop at a prompt that nobody sees, does not hear the Ctrl-C that is meant for
    # us, and can be ended with all that it started. Shielded, since cancelling this very call would end its leader
    # alone.
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv, stdin=stdin, stdout=stdout, stderr=stderr, env=dict(environ), start_new_session=True
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_kill_started)  # whatever becomes of the waiting here
        await asyncio.wait([starting])
        if starting.exception() is None:
            await _end_group(starting.result(), 0)
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


class LocalPrograms(Struct, frozen=True, eq=False):
    """Runs programs on this machine, as model.protocols.Programs asks for it."""

    environ: Mapping[str, str]
    """Ours; programs are given it without keys."""
    redactor: Redactor
    """Cleans what they print."""
    clock: Clock
    hidden: frozenset[str] = frozenset()
    """Environment variables that hold keys."""
    grace: float = GRACE
    """Seconds that a program has to end by itself when its time is up."""

    def __repr__(self) -> str:
        return "LocalPrograms(…)"

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Run a program, as model.protocols.Programs says; what it leaves running in the background when it ends by itself goes on."""
        environ = environment_without_keys(self.environ, self.redactor, self.hidden) | dict(about)
        output, began = Capture(), self.clock.monotonic()
        failure = ""
        code: int | None = None
        try:
            code = await run_to_end(
                program.run, environ, output, within=program.timeout.total_seconds(), grace=self.grace
            )
        except NotStarted as problem:
            failure = self.redactor.clean(str(problem))
        else:
            if code is None:
                failure = f"{self.redactor.clean(program.run[0])} did not end within {span(program.timeout)}, and was stopped"
        return ProgramEnded(code, output.text(self.redactor), self.clock.monotonic() - began, failure)

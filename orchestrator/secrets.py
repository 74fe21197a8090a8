"""Keys, fetched from where the inventory says they are: an environment variable, a file or a command.

A key is fetched when it is first needed, kept for the life of the process, and made known to the redactor before
anybody sees it. No message here ever holds a key, nor anything else that a file or a command held.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
from collections.abc import Mapping
from typing import assert_never

from .errors import KeyUnavailable
from .model.secret import CommandKey, EnvironmentKey, FileKey, KeyReference, Secret
from .programs.capture import Capture
from .programs.process import NotStarted, running
from .redaction import SHORTEST_SECRET, Redactor

COMMAND_SECONDS = 10.0
"""How long a command may take to print a key."""

MOST_BYTES = 64 * 1024
"""A longer file or output is no key."""

_BLANK = 0x20
_LAST_PRINTABLE = 0x7E

_WHICH: Mapping[str, str] = {"api": "API key", "app": "application key"}


class _Unusable(Exception):
    """Why a reference leads to no key, as the end of a sentence, without the key."""


class KeyRing:
    """Fetches keys by reference, each once.

    Args:
        environ: the environment variables; commands are run with them too.
        redactor: learns every key.
        command_seconds: how long a command may take.
    """

    def __init__(
        self, environ: Mapping[str, str], redactor: Redactor, *, command_seconds: float = COMMAND_SECONDS
    ) -> None:
        self._environ = dict(environ)
        self._redactor = redactor
        self._command_seconds = command_seconds
        self._keys: dict[KeyReference, Secret] = {}
        self._fetching: dict[KeyReference, asyncio.Task[Secret]] = {}

    def __repr__(self) -> str:
        return "KeyRing(…)"

    async def resolve(self, reference: KeyReference, *, org: str, which: str) -> Secret:
        """The key that a reference leads to.

        Who waits may give up: the fetching goes on, and its key is there for the next one who asks. A failure is
        not kept, so that a person can mend it while the program waits.

        Args:
            reference: where it is.
            org: whose key, as a person names the org.
            which: "api" or "app", or words of the caller's own.

        Raises:
            KeyUnavailable: there is no usable key; says where it was looked for and what to do, never the value.
        """
        if reference in self._keys:
            return self._keys[reference]
        task = self._fetching.get(reference)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._fetch(reference))
            self._fetching[reference] = task
            task.add_done_callback(lambda done: self._finish(reference, done))
        try:
            return await asyncio.shield(task)
        except _Unusable as problem:
            name = _WHICH.get(which, which)
            raise KeyUnavailable(
                f"The {name} of {org} cannot be used: {problem}.", org=org, next_steps=_next_steps(reference)
            ) from None

    def _finish(self, reference: KeyReference, done: asyncio.Task[Secret]) -> None:
        if self._fetching.get(reference) is done:
            del self._fetching[reference]
        # Looked at here, so that nothing is logged about a failure that every waiter has given up on.
        if not done.cancelled():
            done.exception()

    async def _fetch(self, reference: KeyReference) -> Secret:
        match reference:
            case EnvironmentKey(variable):
                raw = self._from_environment(variable)
            case FileKey(path):
                raw = _from_file(path)
            case CommandKey(argv):
                raw = await self._from_command(argv)
            case _:
                assert_never(reference)
        secret = Secret(_checked(raw, reference))
        self._redactor.add(secret)
        self._keys[reference] = secret
        return secret

    def _from_environment(self, variable: str) -> bytes:
        text = self._environ.get(variable)
        if text is None:
            raise _Unusable(f"environment variable {variable} is not set")
        return text.encode("utf-8", "surrogateescape")

    async def _from_command(self, argv: tuple[str, ...]) -> bytes:
        name = f"command {argv[0]}"
        output, code = Capture(MOST_BYTES), None
        try:
            # What it prints on stderr is dropped, since a program may print there what it was given.
            async with running(argv, self._environ, output, Capture(0), grace=0) as program:
                async with asyncio.timeout(self._command_seconds):
                    await program.stdout.ended.wait()
                    code = await program.process.wait()
        except NotStarted as problem:
            raise _Unusable(f"command {problem}") from None
        except TimeoutError:
            pass  # said below, where what it printed is known
        if output.total > MOST_BYTES:
            raise _Unusable(f"{name} printed more than {MOST_BYTES // 1024} KiB, which is no key")
        if code is None:
            raise _Unusable(f"{name} printed no key within {self._command_seconds:g} seconds")
        if code != 0:
            how = f"failed with exit code {code}" if code > 0 else f"was killed by signal {-code}"
            raise _Unusable(f"{name} {how} (what it printed is not shown, since it may hold a key)")
        return output.beginning


def _from_file(path: str) -> bytes:
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK
        )  # not waiting for a writer, should it be a pipe
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _Unusable(f"{path} is not a regular file")
            return os.read(descriptor, MOST_BYTES + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise _Unusable(f"file {path} cannot be read ({reason})") from None


def _checked(raw: bytes, reference: KeyReference) -> str:
    """The key's text: no blanks around it, and nothing in it that a header cannot carry."""
    if len(raw) > MOST_BYTES:
        raise _Unusable(f"{reference} holds more than {MOST_BYTES // 1024} KiB, which is no key")
    key = raw.strip(b" \t\r\n")
    if not key:
        raise _Unusable(f"{reference} is empty")
    if b"\n" in key or b"\r" in key:
        raise _Unusable(f"{reference} holds more than one line")
    if not key.isascii():
        raise _Unusable(f"{reference} holds characters that are not ASCII")
    if any(byte <= _BLANK or byte > _LAST_PRINTABLE for byte in key):
        raise _Unusable(f"{reference} holds a blank or a control character within the key")
    if len(key) < SHORTEST_SECRET:
        raise _Unusable(f"{reference} holds fewer than {SHORTEST_SECRET} characters, which is no key")
    return key.decode("ascii")


def _next_steps(reference: KeyReference) -> tuple[str, ...]:
    match reference:
        case EnvironmentKey(variable):
            return (f"read -rs {variable} && export {variable}   # then paste the key and press Enter",)
        case FileKey(path):
            return (f"ls -l {shlex.quote(path)}",)
        case CommandKey(argv):
            return (f"run {argv[0]} by hand, as the inventory gives it, and see what it says",)

"""Keys, fetched from where the inventory says they are: an environment variable, a file or a command.

A key is fetched when it is first needed, kept until an org denies it, and made known to the redactor before anybody
sees it. No message here ever holds a key, nor anything else that a file or a command held.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never

from orchestrator.errors import KeyUnavailable
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.org import CommandKey, EnvironmentKey, FileKey, KeyReference, Secret
from orchestrator.model.words import one_reason

from .programs import Capture, NotStarted, run_to_end
from .redaction import SHORTEST_SECRET, Redactor

REFETCH_AFTER = 30.0
"""Seconds after which a key's command that was run again is run once more, where the org goes on denying what it prints: it may ask a person."""

MOST_BYTES = 64 * 1024
"""A longer file or output is no key."""

_QUOTES = "\"'\u2018\u2019\u201c\u201d\u00ab\u00bb"

_BLANK = 0x20
_LAST_PRINTABLE = 0x7E

KEY_NAMES: Mapping[str, str] = {"api": "API key", "app": "application key"}
"""What a person calls the keys of an org."""


class _Unusable(Exception):
    """Why a reference leads to no key, as the end of a sentence, without the key."""


def together(problems: Sequence[KeyUnavailable]) -> KeyUnavailable:
    """Several keys that cannot be had as one problem: an environment that was not loaded is one, whatever it held."""
    if len(problems) == 1:
        return problems[0]
    orgs = {problem.org for problem in problems}
    org = problems[0].org if len(orgs) == 1 else None
    reason = one_reason(problem.reason for problem in problems)
    return KeyUnavailable(
        f"{len(problems)} keys{f' of {org}' if org else ''} cannot be used: {reason}.",
        reason=reason,
        org=org,
        next_steps=each_once(step for problem in problems for step in problem.next_steps),
    )


class KeyRing:
    """Fetches keys by reference, each once, and once more where an org denied it: then a command's once in `refetch_after` seconds.

    Commands are run with the environment variables, too; the redactor learns every key.
    """

    def __init__(
        self, environ: Mapping[str, str], redactor: Redactor, *, refetch_after: float = REFETCH_AFTER
    ) -> None:
        self._environ = environ
        self._redactor = redactor
        self._refetch_after = refetch_after
        self._keys: dict[KeyReference, Secret] = {}
        self._distrusted: set[KeyReference] = set()
        self._fetched_again_at: dict[KeyReference, float] = {}
        self._fetching: dict[KeyReference, asyncio.Task[Secret]] = {}

    def __repr__(self) -> str:
        return "KeyRing(…)"

    async def resolve(self, reference: KeyReference, *, org: str, which: str) -> Secret:
        """The key that a reference leads to; a KeyUnavailable says where it was looked for and what to do, never the value.

        Who waits may give up: the fetching goes on, and its key is there for the next one who asks. A failure is not kept, so that
        a person can mend it while the program waits. `which` is "api" or "app" of that org, or words of the caller's own.
        """
        known = self._keys.get(reference)
        if known is not None and reference not in self._distrusted:
            return known
        task = self._fetching.get(reference)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._fetch(reference))
            self._fetching[reference] = task
            task.add_done_callback(lambda done: self._finish(reference, done))
        try:
            return await asyncio.shield(task)
        except _Unusable as problem:
            if known is not None:
                return known  # it was denied, but no other is to be had; it may be a right that is missing
            name = KEY_NAMES.get(which, which)
            raise KeyUnavailable(
                f"The {name} of {org} cannot be used: {problem}.",
                reason=str(problem),
                org=org,
                next_steps=_next_steps(reference),
            ) from None

    def distrust(self, reference: KeyReference) -> None:
        """Have a key fetched anew when it is next needed: an org denied it, and it may have been rotated meanwhile.

        A variable of our environment cannot change. A command that was run again for that is not
        run once more within `refetch_after` seconds.
        """
        match reference:
            case EnvironmentKey():
                return
            case CommandKey():
                last = self._fetched_again_at.get(reference)
                if last is not None and asyncio.get_running_loop().time() - last < self._refetch_after:
                    return
            case FileKey():
                pass
            case _:
                assert_never(reference)
        self._distrusted.add(reference)

    def _finish(self, reference: KeyReference, done: asyncio.Task[Secret]) -> None:
        if self._fetching.get(reference) is done:
            del self._fetching[reference]
            self._distrusted.discard(reference)  # whatever came of it: there is no better one
        # Looked at here, so that nothing is logged about a failure that every waiter has given up on.
        if not done.cancelled():
            done.exception()

    async def _fetch(self, reference: KeyReference) -> Secret:
        if reference in self._keys:
            self._fetched_again_at[reference] = asyncio.get_running_loop().time()
        match reference:
            case EnvironmentKey(variable):
                raw = self._from_environment(variable)
            case FileKey(path):
                raw = _from_file(path)
            case CommandKey(argv, timeout):
                raw = await self._from_command(argv, timeout.total_seconds())
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

    async def _from_command(self, argv: tuple[str, ...], within: float) -> bytes:
        name = f"command {argv[0]}"
        output = Capture(MOST_BYTES)
        try:
            # What it prints on stderr is dropped, since a program may print there what it was given. What it leaves
            # running (an agent that stays unlocked) may hold its output open: the key is there when it has ended.
            code = await run_to_end(argv, self._environ, output, Capture(0), within=within, grace=0)
        except NotStarted as problem:
            raise _Unusable(f"command {problem}") from None
        if output.total > MOST_BYTES:
            raise _Unusable(f"{name} printed more than {MOST_BYTES // 1024} KiB, which is no key")
        if code is None:
            raise _Unusable(
                f"{name} did not end within {within:g} seconds (give it more with timeout: beside command:)"
            )
        if code != 0:
            how = f"failed with exit code {code}" if code > 0 else f"was killed by signal {-code}"
            raise _Unusable(f"{name} {how} (what it printed is not shown, since it may hold a key)")
        return output.beginning


def _from_file(path: str) -> bytes:
    try:
        # Not waiting for a writer, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
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
    """The key's text: no blanks around it, and nothing in it that is of no key."""
    if len(raw) > MOST_BYTES:
        raise _Unusable(f"{reference} holds more than {MOST_BYTES // 1024} KiB, which is no key")
    key = raw.strip(b" \t\r\n").decode("utf-8", "surrogateescape")
    if not key:
        raise _Unusable(f"{reference} is empty")
    if "\n" in key or "\r" in key:
        raise _Unusable(f"{reference} holds more than one line")
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        raise _Unusable(
            f"{reference} holds quotation marks around the key or at its end, which are no part of it: take them away "
            "(docker run --env-file keeps them, a shell does not)"
        )
    for position, character in enumerate(key, start=1):
        if not _BLANK < ord(character) <= _LAST_PRINTABLE:
            raise _Unusable(
                f"{reference} holds {_named(character)} as character {position} of {len(key)}, which is in no key: "
                "take it away"
            )
    if len(key) < SHORTEST_SECRET:
        raise _Unusable(f"{reference} holds fewer than {SHORTEST_SECRET} characters, which is no key")
    return key


def _named(character: str) -> str:
    """What kind of character it is: those that nobody sees by name, others by kind alone, since they may be the key's."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - how Python carries a byte that is no UTF-8
        return "a byte that is no UTF-8"
    if not character.isprintable() or character.isspace():
        name = unicodedata.name(character, "a control character").lower()
        return f"{'a blank' if character == ' ' else name} (U+{code:04X})"
    return "a character that is not ASCII"


def _next_steps(reference: KeyReference) -> tuple[NextStep, ...]:
    match reference:
        case EnvironmentKey(variable):
            line = f"read -rs {variable} && export {variable}"
            return (next_step.shell(line, "then paste the key and press Enter"),)
        case FileKey(path) if Path(path).is_file() and os.access(path, os.R_OK):
            line = f"${{EDITOR:-vi}} {shlex.quote(path)}"
            return (next_step.shell(line, "leave the key in it, on one line, and nothing else"),)
        case FileKey(path):
            return (next_step.shell(f"ls -l {shlex.quote(path)}", "see who may read it"),)
        case CommandKey(argv):
            why = "run it by hand, as the inventory gives it, and see what it says"
            return (next_step.shell(argv[0], why),)

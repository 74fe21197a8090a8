"""A person at a pseudo-terminal: waits for words, types, presses Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests import processes

from .lab import Lab

_CODES = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def shown_by(seen: str) -> list[str]:
    """What stands on a terminal and in its scrollback after all that: rows, the empty ones at the end left out."""
    rows, row, column = [""], 0, 0
    for number, code, move, text in _CODES.findall(seen):
        if text:
            rows[row] = rows[row][:column].ljust(column) + text + rows[row][column + len(text) :]
            column += len(text)
        elif move == "\r":
            column = 0
        elif move == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif code == "A":
            row = max(0, row - int(number or 1))
        elif code == "K":
            assert number == "2"
            rows[row] = ""
        else:
            assert code in "mhl", (number, code)  # colours, the cursor
    while rows and not rows[-1].strip():
        rows.pop()
    return [each.rstrip() for each in rows]


PATIENCE = 20.0
"""Seconds until a test gives up waiting for words."""


@dataclass
class Person:
    """One command at a terminal of 40 rows and 100 columns."""

    lab: Lab
    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""
    _keyboard: int = -1
    _process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self._keyboard = ours
        self._process = processes.hamr(
            self.arguments,
            env={**os.environ, **self.lab.env, "TERM": "xterm", "COLUMNS": "100", **self.env},
            cwd=self.lab.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._keyboard >= 0:
            os.close(self._keyboard)

    def wait_for(self, words: str) -> None:
        """Read until the words are on the screen."""
        while words not in self.seen:
            assert self._read(), f"{words!r} never came:\n{self.seen}"

    def more(self) -> None:
        """Read what comes next."""
        assert self._read(), f"nothing more came:\n{self.seen}"

    def glance(self) -> None:
        """Read what comes at once, where anything does."""
        self._read(0.2)

    def type(self, text: str) -> None:
        """Press keys; Ctrl-C is the character 3."""
        os.write(self._keyboard, text.encode())

    def answer(self, words: str, text: str) -> None:
        """Press keys once the words are on the screen."""
        self.wait_for(words)
        self.type(text)

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal."""
        os.close(self._keyboard)
        self._keyboard = -1

    def end(self) -> int:
        """Read the rest, and give the exit code."""
        while self._keyboard >= 0 and self._read():
            pass
        return self._process.wait(PATIENCE)

    def _read(self, patience: float = PATIENCE) -> bool:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            ready, _, _ = select.select([self._keyboard], [], [], 0.05)
            if not ready:
                continue
            try:
                data = os.read(self._keyboard, 65536)
            except OSError:  # Linux says EIO where everybody has left
                return False
            self.seen += data.decode("utf-8", "replace")
            return bool(data)
        return False


def ended(lab: Lab, arguments: tuple[str, ...], env: Mapping[str, str] | None = None, *, code: int) -> Person:
    """One command at which nobody types, to its end and this exit code."""
    with Person(lab, arguments, env or {}) as person:
        assert person.end() == code, person.seen
    return person

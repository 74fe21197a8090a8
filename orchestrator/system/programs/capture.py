"""What a program prints, kept within bounds: the first of it, the last of it, and how much lay between."""

from __future__ import annotations

import re

from orchestrator.system.redaction import Redactor

KEPT_BYTES = 32 * 1024
"""How much is kept of the beginning, and as much of the end."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
"""Colours, cursor moves and titles: what a program writes for a terminal alone."""

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")


class Capture:
    """Takes whatever a program prints, and keeps the first and the last of it.

    Args:
        keep: bytes that are kept of each.
    """

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
    return redactor.clean(_INVISIBLE.sub("", _ESCAPES.sub("", text)))

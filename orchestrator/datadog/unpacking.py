"""Bodies as they came, or unpacked: some edges compress whatever was asked. Never more than so many bytes of either."""

from __future__ import annotations

import re
import zlib

from msgspec import Struct

_AS_IT_IS = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_LONGEST_NAME = 40


class CannotUnpack(Struct, frozen=True):
    """A body that is not read at all, with the reason in words."""

    reason: str


class Unpacker:
    """Takes a body piece by piece.

    Args:
        largest: bytes that it may have, unpacked.
        packed: whether it is gzip or deflate.
    """

    def __init__(self, largest: int, *, packed: bool) -> None:
        self._largest = largest
        self._unpacking = zlib.decompressobj(_GZIP_OR_ZLIB) if packed else None
        self._body = bytearray()
        self._came = 0
        self.problem = ""
        """Why it is of no use, in words; nothing is taken after that."""

    @property
    def body(self) -> bytes:
        """What is there of it, at most its largest size."""
        return bytes(self._body[: self._largest])

    def add(self, data: bytes) -> None:
        """Take what came next."""
        self._came += len(data)
        self._body += data if self._unpacking is None else self._unpacked(data)
        if max(len(self._body), self._came) > self._largest:
            self.problem = self.problem or f"the answer is larger than {self._largest // 1024} KiB"

    def _unpacked(self, data: bytes) -> bytes:
        unpacking = self._unpacking
        if unpacking is None or unpacking.eof:
            return b""
        room = self._largest + 1 - len(self._body)
        first = self._came == len(data)
        try:
            return unpacking.decompress(data, room)
        except zlib.error:
            if not first:
                return self._broken()
        # "deflate" without its wrapping, as some servers send it.
        self._unpacking = unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return unpacking.decompress(data, room)
        except zlib.error:
            return self._broken()

    def _broken(self) -> bytes:
        self.problem = "the answer is said to be compressed, and cannot be unpacked"
        return b""

    def end(self) -> None:
        """Nothing more comes."""
        if self._unpacking is not None and self._came and not self._unpacking.eof and not self.problem:
            self.problem = "the answer is compressed, and its end is missing"


def unpacker_for(encoding: str, largest: int) -> Unpacker | CannotUnpack:
    """What reads a body of that Content-Encoding, up to so many bytes."""
    names = [name for part in encoding.lower().split(",") if (name := part.strip()) not in _AS_IT_IS]
    if not names:
        return Unpacker(largest, packed=False)
    if len(names) == 1 and names[0] in _PACKED:
        return Unpacker(largest, packed=True)
    shown = re.sub(r"[^a-z0-9 -]", "?", " and ".join(names))[:_LONGEST_NAME]
    return CannotUnpack(f"the answer is compressed ({shown}), which was not asked for")

"""The hash chain: the canonical JSON (RFC 8785) that a record's hash covers, whether records follow on each other, and export."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import IO, cast

import msgspec
import rfc8785
from msgspec import UNSET, Raw, Struct, field
from msgspec.structs import asdict, astuple, replace

from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.journal import GENESIS, Broken, Head, Verification, Verified
from orchestrator.model.plain import JSON
from orchestrator.model.protocols import Store

SAFE_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8785, section 3.2.2.3)."""

DEEPEST = 100
"""How many levels of lists and objects a record's data may have."""

TOO_DEEP = "(nested too deeply to be kept)"

_MOST_DECIMAL_BITS = 14_000
"""Python refuses to write longer numbers than this in decimal digits."""

_DOUBTFUL = re.compile(r"[:,\[-](?:\d{16}|[\d.]+(?:[eE]|\.0(?!\d)))")
"""A number that not everybody writes or keeps alike, and what stands before it."""


def storable(value: object, *, _level: int = 0) -> JSON:
    r"""The same value, with whatever canonical JSON cannot hold written as text.

    A whole number beyond 2^53-1 becomes its digits, NaN and the infinities their names, a lone surrogate its
    escape (`\ud800` as six characters), and what lies more than 100 levels deep a remark that it was left out.

    Raises:
        TypeError: the value is none of None, bool, int, float, str, list, tuple, mapping.
    """
    match value:
        case None | bool():
            return value
        case str():
            return storable_text(value)
        case int():
            if abs(value) <= SAFE_INTEGER:
                return int(value)
            return str(value) if value.bit_length() < _MOST_DECIMAL_BITS else hex(value)
        case float():
            return float(value) if math.isfinite(value) else json.dumps(value)
        case _ if _level >= DEEPEST and isinstance(value, Mapping | list | tuple):
            return TOO_DEEP
        case Mapping():
            return {storable_text(str(key)): storable(item, _level=_level + 1) for key, item in value.items()}
        case list() | tuple():
            return [storable(item, _level=_level + 1) for item in value]
    raise TypeError(f"{type(value).__name__} cannot stand in a journal record")


def storable_text(value: str) -> str:
    r"""The same text, with lone surrogates (as from a host name in another encoding) escaped as `\udc80`."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


def canonical(value: object) -> bytes:
    """RFC 8785 canonical JSON of a value that is storable; a ValueError where it has none."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # its type has no Mapping of JSON; it refuses what it can't write
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_json(text: str) -> JSON:
    """The value of a JSON text, numbers as RFC 8785 sees them; a ValueError where it is none. `canonical(read_json(t)) == t` for a canonical t."""
    try:
        return cast("JSON", _READER.decode(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_canonical(text: str) -> bool:
    """Whether a JSON text is exactly its own canonical form.

    Most texts, of ASCII and without odd numbers, are settled by writing sorted what was read, many times as fast as by
    RFC 8785 to the letter.
    """
    try:
        data = text.encode("utf-8")
        sure = text.isascii() and _DOUBTFUL.search(f":{text}") is None
        written = _write_sorted(msgspec.json.decode(data)) if sure else b""
        return written == data or canonical(read_json(text)) == data
    except (ValueError, RecursionError):
        return False


def _whole_number(token: str) -> int | float:
    number = int(token)
    return number if abs(number) <= SAFE_INTEGER else float(number)


def _finite_number(token: str) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise ValueError(f"{token} is beyond what a JSON number can be")
    return number


def _no_constant(token: str) -> None:
    raise ValueError(f"{token} is not JSON")


_READER = json.JSONDecoder(parse_int=_whole_number, parse_float=_finite_number, parse_constant=_no_constant)
_write = msgspec.json.Encoder().encode
_write_sorted = msgspec.json.Encoder(order="sorted").encode


_ANCHOR = r"(?P<seq>\d{1,18}):(?P<hash>[0-9a-f]{64})"


class Link(Struct, frozen=True):
    """A record as it is stored, in the order of canonical JSON: its data still the JSON text that was written."""

    at: str
    by: str
    data: str
    hash: str
    host: str
    kind: str
    pair: str
    prev: str
    run: str
    seq: int

    def digest(self) -> str:
        """SHA-256 in hexadecimal over the canonical JSON of all other fields, around the data's own text; a UnicodeEncodeError where one is no text."""
        return hashlib.sha256(_write(replace(self, data=Raw(self.data), hash=UNSET))).hexdigest()


class Walk(Struct):
    """One pass over a chain: takes link after link, remembers no more than the last one."""

    good: int = 0
    head: str = field(default=GENESIS)
    forms: bool = True
    """Whether it also looks at whether the data has the one form in which anybody who hashes it anew would write it."""

    def take(self, link: Link) -> Broken | None:
        """None where the link is the next one and is whole; else what is wrong with it."""
        expected = self.good + 1
        if link.seq > expected:
            return self.broken(f"it is missing: the next record that is there is {link.seq}")
        if link.seq < expected:
            return self.broken(f"a record numbered {link.seq} stands where {expected} was expected")
        fault = fault_of(link, forms=self.forms)
        if fault is None and link.prev != self.head:
            before = f"record {self.good}'s" if self.good else "64 zeros"
            fault = (
                f"it does not follow on what stands before it: its prev is {link.prev[:16]}…, not {before}"
                f"{f' hash {self.head[:16]}…' if self.good else ''}; a record was replaced, inserted or moved"
            )
        if fault is not None:
            return self.broken(fault)
        self.good, self.head = expected, link.hash
        return None

    def broken(self, reason: str) -> Broken:
        """The next record is wrong, for that reason."""
        return Broken(self.good + 1, reason, self.good)

    def verified(self) -> Verified:
        """All that was taken holds."""
        return Verified(self.good, Head(self.good, self.head))


_KINDS = (*(str,) * 9, int)


def is_text(link: Link) -> bool:
    """Whether its fields are of the types that they were written with: SQLite keeps any."""
    return tuple(map(type, astuple(link))) == _KINDS


def fault_of(link: Link, *, forms: bool) -> str | None:
    """What is wrong with a record by itself, in words: its fields, its hash, with `forms` the form of its data, too."""
    if not is_text(link):
        return "one of its fields is not text"
    try:
        actual = link.digest()
    except UnicodeEncodeError:
        return "one of its fields is not valid Unicode"
    if actual != link.hash:
        begins = [f"{each[:16]}…" for each in (actual, link.hash)]
        mine, its = begins if begins[0] != begins[1] else (actual, link.hash)
        return f"its content hashes to {mine}, but it carries {its}: it was changed after it was written"
    if forms and not (link.data.startswith("{") and is_canonical(link.data)):
        return "its data is not an object in canonical JSON"
    return None


def parse_anchor(text: str) -> Head:
    """The head that `hamr audit head` printed, SEQ:HASH; a UsageError where the text is none."""
    found = re.fullmatch(_ANCHOR, text.strip())
    if found is None:
        raise UsageError(
            f"{text[:100]!r} is not a journal head: SEQ:HASH is wanted, a number and 64 hexadecimal digits"
            " as `hamr audit head` prints them.",
            next_steps=[next_step.head()],
        )
    return Head(int(found["seq"]), found["hash"])


def check_anchor(store: Store, anchor: Head) -> Verification:
    """Whether the whole chain holds, and still has the head that was copied elsewhere: it was neither cut nor written anew up to there."""
    verification = store.verify()
    if isinstance(verification, Broken):
        return verification
    if anchor.seq == 0:
        return _same_head(anchor, GENESIS, verification)
    if anchor.seq > verification.records:
        return Broken(
            verification.records + 1,
            f"the journal ends at record {verification.records}, but it once had {anchor.seq}: its end was removed,"
            " or the head that was kept is another journal's",
            verification.records,
        )
    record = next(store.records(after=anchor.seq - 1))
    return _same_head(anchor, record.hash, verification)


def _same_head(anchor: Head, actual: str, verification: Verified) -> Verification:
    if anchor.hash == actual:
        return verification
    return Broken(
        anchor.seq,
        f"it once had the hash {anchor.hash[:16]}…, and now it has {actual[:16]}…:"
        " it, or a record before it, was changed and the chain written anew, or the head that was kept is another"
        " journal's",
        max(anchor.seq - 1, 0),
    )


def export(store: Store, out: IO[bytes]) -> int:
    """Write all records, each with its ten fields as RFC 8785 canonical JSON and a line feed; how many there were."""
    count = 0
    for record in store.records():
        out.write(canonical(asdict(record)) + b"\n")
        count += 1
    return count

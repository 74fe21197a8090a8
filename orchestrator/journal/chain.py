"""The hash chain: what a record's hash covers, and whether the next record follows on the one before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as quoted

from msgspec import Struct, field
from msgspec.structs import astuple

from orchestrator.errors import UsageError
from orchestrator.model.journal import GENESIS, Broken, Head, Record, Verification, Verified
from orchestrator.model.protocols import Store

from .canonical import canonical, is_canonical

HASHED_FIELDS = ("seq", "at", "run", "pair", "kind", "by", "host", "data", "prev")

_ANCHOR = re.compile(r"(?P<seq>\d{1,18}):(?P<hash>[0-9a-f]{64})")


class Link(Struct, frozen=True):
    """A record as it is stored: its data still the JSON text that was written."""

    seq: int
    at: str
    run: str
    pair: str
    kind: str
    by: str
    host: str
    prev: str
    hash: str
    data: str

    def digest(self) -> str:
        """SHA-256, in hexadecimal, over `hashed_bytes`; the same as `record_hash` of the record.

        Raises:
            UnicodeEncodeError: a field is not valid Unicode.
        """
        return hashlib.sha256(self.hashed_bytes()).hexdigest()

    def hashed_bytes(self) -> bytes:
        """The canonical JSON of all fields but the hash, built around the data's own text.

        Raises:
            UnicodeEncodeError: a field is not valid Unicode.
        """
        return (
            f'{{"at":{quoted(self.at)},"by":{quoted(self.by)},"data":{self.data},"host":{quoted(self.host)}'
            f',"kind":{quoted(self.kind)},"pair":{quoted(self.pair)},"prev":{quoted(self.prev)}'
            f',"run":{quoted(self.run)},"seq":{self.seq}}}'
        ).encode()


def record_hash(fields: Mapping[str, object]) -> str:
    """SHA-256, in hexadecimal, over the RFC 8785 canonical JSON of a record's fields other than `hash`.

    Raises:
        KeyError: a field is missing.
        ValueError: a field has no canonical form.
    """
    return hashlib.sha256(canonical({name: fields[name] for name in HASHED_FIELDS})).hexdigest()


class Walk(Struct):
    """One pass over a chain: takes link after link, remembers no more than the last one."""

    good: int = 0
    head: str = field(default=GENESIS)
    forms: bool = True
    """Whether it also looks at whether the data has the one form in which anybody who hashes it anew would write it."""

    def take(self, link: Link) -> Broken | None:
        """None where the link is the next one and is whole; else what is wrong with it."""
        expected = self.good + 1
        if link.seq != expected:
            return self.broken(_misnumbered(expected, link.seq))
        fault = _fault(link, forms=self.forms)
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


def walk(links: Iterable[Link]) -> Verification:
    """Whether these links, from the first on, are one whole chain."""
    progress = Walk()
    for link in links:
        broken = progress.take(link)
        if broken is not None:
            return broken
    return progress.verified()


def _misnumbered(expected: int, found: int) -> str:
    if found > expected:
        return f"it is missing: the next record that is there is {found}"
    return f"a record numbered {found} stands where {expected} was expected"


_KINDS = (int, *(str,) * 9)


def _fault(link: Link, *, forms: bool) -> str | None:
    if tuple(map(type, astuple(link))) != _KINDS:
        return "one of its fields is not text"
    try:
        actual = link.digest()
    except UnicodeEncodeError:
        return "one of its fields is not valid Unicode"
    if actual != link.hash:
        return (
            f"its content hashes to {actual[:16]}…, but it carries {link.hash[:16]}…:"
            " it was changed after it was written"
        )
    if forms and not (link.data.startswith("{") and is_canonical(link.data)):
        return "its data is not an object in canonical JSON"
    return None


def parse_anchor(text: str) -> Head:
    """The head that `hamr audit head` printed, SEQ:HASH.

    Raises:
        UsageError: it is not of that form.
    """
    found = _ANCHOR.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"{text[:100]!r} is not a journal head: SEQ:HASH is wanted, a number and 64 hexadecimal digits"
            " as `hamr audit head` prints them.",
            next_steps=["hamr audit head"],
        )
    return Head(int(found["seq"]), found["hash"])


def check_anchor(store: Store, anchor: Head) -> Verification:
    """Whether the whole chain holds, and still contains the head that was copied elsewhere.

    This is what shows a tail that was cut off, or a chain that was written anew, up to the anchor.
    """
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


def fields_of(record: Record) -> dict[str, object]:
    """A record as a mapping of its ten fields."""
    return {name: getattr(record, name) for name in (*HASHED_FIELDS, "hash")}

"""The journal as text: one canonical JSON object a line, which any language can check."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from orchestrator.model.journal import Verification
from orchestrator.model.protocols import Store

from .canonical import canonical, is_canonical, read_json
from .chain import HASHED_FIELDS, Link, Walk, fields_of

_FIELDS = {*HASHED_FIELDS, "hash"}


def export(store: Store, out: IO[bytes]) -> int:
    """Write all records, each with its ten fields as RFC 8785 canonical JSON and a line feed; how many there were."""
    count = 0
    for record in store.records():
        out.write(canonical(fields_of(record)) + b"\n")
        count += 1
    return count


def verify_export(lines: Iterable[bytes]) -> Verification:
    """Whether these exported lines, from the first on, are one whole chain; reads each line once."""
    walk = Walk()
    for line in lines:
        link = _link(line.removesuffix(b"\n"))
        broken = walk.broken(link) if isinstance(link, str) else walk.take(link)
        if broken is not None:
            return broken
    return walk.verified()


def _link(line: bytes) -> Link | str:
    """The record of a line, or what is wrong with the line."""
    try:
        text = line.decode("utf-8")
        fields = read_json(text)
    except ValueError:
        return "its line is not JSON"
    if not isinstance(fields, dict) or set(fields) != _FIELDS:
        return "its line is not an object with the ten fields of a record"
    texts = (value for name, value in fields.items() if name not in ("seq", "data"))
    if type(fields["seq"]) is not int or not all(isinstance(value, str) for value in texts):
        return "its line has a field of the wrong kind"
    if not is_canonical(text):
        return "its line is not canonical JSON"
    # In a canonical line the keys are sorted, so the data stands before the last "hash" that is a key.
    begin = len(canonical({"at": fields["at"], "by": fields["by"]}).decode("utf-8")[:-1] + ',"data":')
    fields["data"] = text[begin : text.rindex(',"hash":"')]
    return Link(**fields)  # type: ignore[arg-type]  # their kinds were just looked at

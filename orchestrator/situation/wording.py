"""How orgs, readings and times are said to a person: one way for every sentence of this package."""

from __future__ import annotations

from typing import assert_never

from orchestrator.model.org import Org
from orchestrator.model.reading import (
    Absent,
    Denied,
    Hampered,
    HamrRecord,
    Present,
    Reading,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import Stamp
from orchestrator.model.words import utc

LONGEST = 120
"""Characters of a text from outside that are shown; more than that is no name and no reason."""

LONGEST_REASON = 400
"""Characters of why a key of ours could not be had: the variable or the file to mend stands at the end of it."""


def printable(text: str, longest: int = LONGEST) -> str:
    """A text from a server without control characters (they could rewrite a terminal's lines), cut at a sane length."""
    clean = text
    if not text.isprintable():
        clean = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def author(modified_by: str) -> str:
    """Who a `modified_by` names: a run of ours by its operator and id, anyone else as the server says it."""
    stamp = Stamp.parse(modified_by)
    if stamp is not None:
        return f"{printable(stamp.operator)}@{printable(stamp.host)} in run {stamp.run}"
    return printable(modified_by) or "somebody whom the record does not name"


def changed(record: HamrRecord) -> str:
    """When and by whom a record was changed last: changed 2026-05-28 16:34:21 UTC by alice@example.com."""
    when = "at a time the record does not tell" if record.modified_at is None else utc(record.modified_at)
    return f"changed {when} by {author(record.modified_by)}"


def did_not_answer(reading: Reading) -> str:
    """That an org was not seen: silent, or with an answer that tells nothing, such as a 429 or a 503."""
    return "did not answer" if reading.exchange.http_status is None else "gave no usable answer"


def says(org: Org, reading: Reading) -> str:
    """What one org said, as the first half of a sentence."""
    match reading.sight:
        case Present(record=record, status=status):
            return f"{org} shows {status} ({changed(record)})"
        case Unrecognised(record=record):
            return f"{org} shows status {record.status}, which this version does not know ({changed(record)})"
        case Absent():
            return f"{org} has no HAMR record (404)"
        case Hampered(reason=reason, trouble=Trouble.MIDDLEBOX):
            return f"{org} was not seen ({printable(reason, LONGEST_REASON)})"
        case Hampered(reason=reason):
            return f"{org} was not asked ({printable(reason, LONGEST_REASON)})"
        case Denied(reason=reason):
            return f"{org} denied our keys ({printable(reason)})"
        case Unreachable(reason=reason):
            return f"{org} {did_not_answer(reading)} ({printable(reason)})"
        case Unreadable(reason=reason):
            return f"{org} answered with something that is not a HAMR record ({printable(reason)})"
        case _ as never:
            assert_never(never)

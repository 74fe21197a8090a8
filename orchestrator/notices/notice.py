"""One Datadog event before it is sent, and the body that it becomes."""

from __future__ import annotations

import enum
from datetime import datetime

from msgspec import Struct

from orchestrator.model.journal import Head
from orchestrator.model.plain import JSON
from orchestrator.model.status import Role
from orchestrator.system.redaction import Redactor

LONGEST_TEXT = 4_000
"""Characters that an event's text may have [doc]."""

LONGEST_TITLE = 100
"""Characters; ours, so that a title fits a line."""

LONGEST_KEY = 100
"""Characters that an aggregation key may have [doc]."""

LONGEST_TAG = 200
"""Characters of a tag that Datadog keeps."""

LONGEST_JOURNAL = 200
"""Characters; ours, so that a deep folder does not push the anchor out."""


class Alert(enum.Enum):
    """How Datadog marks an event."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    SUCCESS = "success"


class Notice(Struct, frozen=True):
    """What one org is told. The journal's head is added when it is posted."""

    role: Role
    """The org that is told."""
    title: str
    text: str
    tags: tuple[str, ...]
    alert: Alert
    run: str
    journal: str
    """Which journal the head is of: where it is, and on which machine."""


def body_of(notice: Notice, at: datetime, head: Head | None, redactor: Redactor) -> dict[str, JSON]:
    """The event as it goes over the wire, within Datadog's bounds and without keys.

    Args:
        notice: what is told.
        at: when it happened; Datadog shows events in that order, whichever arrives first.
        head: the journal's head now; None where it could not be read.
        redactor: knows the keys.
    """
    foot = f"\n\n{_foot(notice, head, redactor)}"
    return {
        "title": _within(redactor.clean(notice.title), LONGEST_TITLE),
        "text": _within(redactor.clean(notice.text), LONGEST_TEXT - len(foot)) + foot,
        "tags": [_within(redactor.clean(tag), LONGEST_TAG) for tag in notice.tags],
        "alert_type": notice.alert.value,
        "aggregation_key": notice.run[:LONGEST_KEY],
        "date_happened": int(at.timestamp()),
    }


def _foot(notice: Notice, head: Head | None, redactor: Redactor) -> str:
    """Where to see more, and the anchor: it stands at the end, and is never cut off."""
    journal = _within(redactor.clean(notice.journal), LONGEST_JOURNAL)
    more = f"See more, with the journal {journal}: hamr show {notice.run}"
    if head is None:
        return f"{more}\nThe journal's head could not be read, so this event is no anchor."
    return (
        f"{more}\n"
        f"Journal head: {head}\n"
        f"Check that the journal still holds it: hamr audit verify --anchor {head}"
    )


def _within(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"

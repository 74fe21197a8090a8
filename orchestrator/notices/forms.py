"""The forms of a notice: a Datadog event, a message for people, and the JSON of a webhook. Bounded, and without keys. Pure."""

from __future__ import annotations

from datetime import datetime

from orchestrator.model import next_step
from orchestrator.model.journal import Head
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON
from orchestrator.report.documents import document, fields_fact
from orchestrator.system.redaction import Redactor

from .notice import Notice, paragraphs, who

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

LONGEST_FOOT = 1_500
"""Characters; ours, so that a deep folder or a long reason leaves room for what happened."""


def event_body(notice: Notice, at: datetime, head: Head | None, redactor: Redactor) -> dict[str, JSON]:
    """The event as it goes over the wire, within Datadog's bounds and without keys.

    `at` is when it happened: Datadog shows events in that order, whichever arrives first. `head` is the journal's now,
    or None where it could not be read.
    """
    foot = f"\n\n{_foot(notice, head, redactor)}"
    return {
        "title": message_title(notice, redactor),
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


def _next(notice: Notice) -> NextStep | None:
    """The one thing to type; None for a test, after which there is none."""
    if notice.test:
        return None
    return notice.next_steps[0] if notice.next_steps else next_step.watch(notice.about.pair.name)


def _look(notice: Notice) -> tuple[NextStep, ...]:
    """Where to see more."""
    shown = (next_step.show(notice.run),) if notice.run else ()
    return (*shown, next_step.status(notice.about.pair.name))


def message_text(notice: Notice, head: Head | None, redactor: Redactor) -> str:
    """What people read below the title: what happened, of which run, what to type next, and where to look."""
    step = _next(notice)
    told = [] if step is None else [f"Next: {step}", *([f"  {step.why}"] if step.why else [])]
    foot = [*told, *(f"Look: {each}" for each in _look(notice)), f"Journal: {notice.journal}"]
    foot += [] if head is None else [f"Journal head: {head}"]
    end = redactor.clean("\n".join(foot))[:LONGEST_FOOT]
    text = redactor.clean(paragraphs(notice.words, who(notice.about)))
    return paragraphs(_within(text, LONGEST_TEXT - len(end)), end)


def message_title(notice: Notice, redactor: Redactor) -> str:
    """The line above it."""
    return _within(redactor.clean(notice.title), LONGEST_TITLE)


def notice_json(
    notice: Notice, delivery: str, at: datetime, head: Head | None, redactor: Redactor
) -> dict[str, JSON]:
    """The same as a document: hamr/notice/1.

    `delivery` is the same where it is sent a second time, and where it comes to another channel.
    """
    about = ("drill", "goal", "status=stands", "mode", "operator", "reason", "ref")
    fields = {
        "id": delivery,
        "at": at,
        **fields_fact(notice, "on=occasion", "test", "pair=about.pair.name", "run"),
        **fields_fact(notice.about, *about),
        "operator": str(notice.about.operator),
        "severity": notice.alert,
        "title": message_title(notice, redactor),
        "text": message_text(notice, head, redactor),
        "next": _next(notice),
        "look": _look(notice),
        "journal": notice.journal,
        "head": None if head is None else str(head),
    }
    cleaned = redactor.clean_value(document("hamr/notice/1", fields))
    assert isinstance(cleaned, dict)  # noqa: S101 - the same shape
    return cleaned

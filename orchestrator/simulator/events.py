"""Events that clients post to an org, as `POST /api/v1/events` takes them [doc]."""

from __future__ import annotations

import json
from datetime import datetime

from msgspec import Struct

from orchestrator.model.plain import JSON

from .wire import MAXIMUM_BODY, WireError

LONGEST_TEXT = 4000
"""Characters of an event's text [doc]."""
LONGEST_KEY = 100
"""Characters of an aggregation key [doc]."""
ALERT_TYPES: tuple[str, ...] = ("info", "warning", "error", "success")


class PostedEvent(Struct, frozen=True):
    """One event that an org has."""

    number: int
    """Counts from 1 in each org; the event's id."""
    at: datetime
    """When it was taken, UTC."""
    title: str
    text: str
    tags: tuple[str, ...] = ()
    alert_type: str = "info"
    aggregation_key: str | None = None


def read_event(body: bytes, number: int, at: datetime) -> PostedEvent | WireError:
    """An event's body, or what it is refused with.

    Args:
        body: as it came in.
        number: the number that it gets.
        at: now.
    """
    if len(body) > MAXIMUM_BODY:
        return WireError(400, f"the body is longer than {MAXIMUM_BODY} bytes")
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return WireError(400, "the body is not JSON")
    if not isinstance(event, dict):
        return WireError(400, "an object is required")
    for key in ("title", "text"):
        if not isinstance(event.get(key), str) or not event[key]:
            return WireError(400, f"{key} is required, as a text")
    if not _fits(event["text"], LONGEST_TEXT):
        return WireError(400, f"text is longer than {LONGEST_TEXT} characters")
    tags = event.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return WireError(400, "tags must be a list of texts")
    alert_type = event.get("alert_type", "info")
    if alert_type not in ALERT_TYPES:
        return WireError(400, f"alert_type must be one of {', '.join(ALERT_TYPES)}")
    aggregation_key = event.get("aggregation_key")
    if aggregation_key is not None and not _fits(aggregation_key, LONGEST_KEY):
        return WireError(400, f"aggregation_key must be a text of at most {LONGEST_KEY} characters")
    return PostedEvent(number, at, event["title"], event["text"], tuple(tags), alert_type, aggregation_key)


def _fits(value: JSON, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most

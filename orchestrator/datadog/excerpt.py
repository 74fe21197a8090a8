"""What a server said, shortened to a few plain words that can be shown, logged and journalled."""

from __future__ import annotations

import json
import re
from typing import cast

from orchestrator.model.plain import JSON
from orchestrator.system.redaction import Redactor

LONGEST = 300
"""Characters."""

_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffd]+"
)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,400})", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(r"\s{0,100}<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
_MOST_ERRORS = 5


def parse_json(body: bytes) -> JSON:
    """The JSON value of a body.

    Raises:
        ValueError: it is not JSON, or uses NaN or Infinity, or is nested beyond all measure.
    """
    try:
        return cast("JSON", json.loads(body, parse_constant=_no_constant))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def is_api_error(body: bytes) -> bool:
    """Whether a body has the API's own error form: {"errors": […]}, of texts or of objects."""
    return _errors(body) is not None


def _errors(body: bytes) -> list[JSON] | None:
    try:
        value = parse_json(body)
    except ValueError:
        return None
    errors = value.get("errors") if isinstance(value, dict) else None
    return errors if isinstance(errors, list) else None


def excerpt(body: bytes, redactor: Redactor) -> str:
    """What a body says, in at most LONGEST characters of one line, without keys; "" for an empty one.

    Both error forms give their own words (title, detail and where it points), an HTML page its title, anything else
    its beginning.
    """
    errors = _errors(body)
    if errors is not None:
        words = "; ".join(filter(None, (_error_words(error) for error in errors[:_MOST_ERRORS])))
        return one_line(words or "an empty list of errors", redactor)
    text = body.decode("utf-8", "replace")
    if _LOOKS_LIKE_HTML.match(text):
        title = _TITLE.search(text)
        page = title[1].strip() if title else ""
        return one_line(f"an HTML page: {page}" if page else "an HTML page", redactor)
    return one_line(text, redactor)


def _error_words(error: JSON) -> str:
    match error:
        case str():
            return error
        case dict():
            said = [said for key in ("title", "detail") if isinstance(said := error.get(key), str) and said]
            source = error.get("source")
            pairs = source.items() if isinstance(source, dict) else ()
            where = [f"{key} {value}" for key, value in pairs if isinstance(value, str) and value]
            return ": ".join(said) + (f" ({', '.join(where)})" if where else "")
        case _:
            return ""


def one_line(text: str, redactor: Redactor) -> str:
    """A text as one short line without control characters and keys."""
    # Cleaned before it is cut, so that no half of a key is left, and after the invisible characters are out, since
    # one may stand in the middle of a key.
    visible = redactor.clean(_INVISIBLE.sub("", " ".join(text.split())))
    return visible if len(visible) <= LONGEST else visible[: LONGEST - 1] + "…"

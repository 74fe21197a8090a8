"""JSON documents: what every `--json` prints, each with its schema and version first."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from orchestrator.model.plain import JSON

_CANDIDATE = re.compile(r"[^\n\x20-\x7e]")


def document(schema: str, fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """A document with its schema as the first key.

    Args:
        schema: name and version: hamr/plan/1. The number goes up when a key is renamed, removed or changes its
            meaning; a new key leaves it as it is.
        fields: the rest, in the order in which it is printed.
    """
    return {"schema": schema, **fields}


def to_json(document: Mapping[str, JSON]) -> str:
    r"""The text of a document: indented, keys in the document's own order, ended by a newline.

    Characters that are not printable are written as \uXXXX, so that the text is safe to show on a terminal.

    Raises:
        TypeError: the document holds something that is no JSON (a Secret, for one).
        ValueError: it holds NaN or an infinity, which JSON does not have.
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
    return _CANDIDATE.sub(_written_out, text) + "\n"


def compact(value: JSON) -> str:
    """A value on one line without spaces, safe to show on a terminal: the same value as goes over the wire."""
    return _CANDIDATE.sub(_written_out, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _written_out(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))

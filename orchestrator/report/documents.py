"""JSON documents: what every `--json` prints, each with its schema and version first, and the nouns that they share."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from orchestrator.model.guard import Verdict
from orchestrator.model.plain import JSON, plain
from orchestrator.model.reading import HamrRecord, Present, Reading
from orchestrator.model.result import StepTime
from orchestrator.model.run import Attempt, Objective
from orchestrator.model.situation import Stranger
from orchestrator.model.status import Both, Status

_KEYS = {"role": "org", "source": "from", "target": "to"}
"""Fields whose keys are other words: `from` is none that Python lets a field have."""

_CANDIDATE = re.compile(r"[^\n\x20-\x7e]")


def document(schema: str, fields: Mapping[str, object]) -> dict[str, JSON]:
    """A document with its schema as the first key.

    Args:
        schema: name and version: hamr/plan/1. The number goes up when a key is renamed, removed or changes its
            meaning; a new key leaves it as it is.
        fields: the rest, in the order in which it is printed; nouns in it become what `json_form` makes of them.

    Raises:
        TypeError: they hold something that has no JSON form (a Secret, for one).
    """
    return {"schema": schema, **{key: json_form(field) for key, field in fields.items()}}


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


def json_form(value: object) -> JSON:
    """A value as documents show it: enums by the words that a person types for them, times as the journal has them.

    Raises:
        TypeError: it holds something that has no JSON form (a Secret, for one).
    """
    match value:
        case Status():
            return value.name
        case enum.Enum():
            return json_form(value.value)
        case Both():
            return {role.value: json_form(side) for role, side in value.items()}
        case Mapping():
            return {str(json_form(key)): json_form(item) for key, item in value.items()}
        case Struct():
            return json_form(noun_fact(value))
        case str():
            return value
        case Iterable():
            return [json_form(item) for item in value]
        case _:
            return plain(value)


def noun_fact(noun: Struct) -> Mapping[str, object]:
    """A noun by the keys of its fields, or in a form of its own."""
    match noun:
        case HamrRecord():
            return record_fact(noun)
        case Reading():
            return reading_fact(noun)
        case Verdict():
            return verdict_fact(noun)
        case Attempt():
            return attempt_fact(noun)
        case Objective():
            return objective_fact(noun)
        case StepTime():
            return {
                "transition": noun.transition,
                "from": noun.source,
                "to": noun.target,
                "seconds": seconds(noun.seconds),
                "api_seconds": seconds(noun.api),
                "world_seconds": seconds(noun.world),
                "people_seconds": seconds(noun.people),
                "own_seconds": seconds(noun.machine),
            }
        case Stranger():
            ago = None if noun.seconds is None else seconds(noun.seconds)
            return {"org": noun.role, "run": noun.run, "by": noun.who, "seconds_ago": ago}
    fields = {name: getattr(noun, name) for name in noun.__struct_fields__}
    return {
        _KEYS.get(name, name): seconds(each) if name == "seconds" else each for name, each in fields.items()
    }


def seconds(value: float) -> float:
    """Seconds, to the millisecond."""
    return round(value, 3)


def record_fact(record: HamrRecord) -> dict[str, object]:
    """A HAMR record, whichever casing it came in."""
    status = Status.of(record.status)
    return {
        "org_uuid": record.org_uuid,
        "status": record.status if status is None else status,
        "is_primary": record.is_primary,
        "modified_by": record.modified_by,
        "modified_at": record.modified_at,
        "target_uuid": record.target_uuid,
        "target_name": record.target_name,
        "target_datacenter": record.target_datacenter,
        "datacenter": record.datacenter,
    }


def reading_fact(reading: Reading) -> dict[str, object]:
    """What one GET of one org said; `status` is null where no known status was seen."""
    sight, exchange = reading.sight, reading.exchange
    return {
        "said": "record" if isinstance(sight, Present) else type(sight).__name__.lower(),
        "status": reading.status,
        "reason": getattr(sight, "reason", None),
        "record": reading.record,
        "at": reading.at,
        "round_trip_seconds": seconds(exchange.seconds),
        "http_status": exchange.http_status,
        "server_date": exchange.server_date,
        "request_id": exchange.request_id,
    }


def verdict_fact(verdict: Verdict) -> dict[str, JSON]:
    """A guard's verdict."""
    return {
        "guard": verdict.guard,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "why": verdict.why,
        "predicted": verdict.predicted,
        "judged_again": verdict.judged_again,
        "blind": None if verdict.blind is None else verdict.blind.value,
        "overridable": verdict.overridable,
    }


def attempt_fact(attempt: Attempt) -> dict[str, JSON]:
    """One POST to one org, as intended."""
    return {
        "attempt": attempt.number,
        "org": attempt.role.value,
        "status": attempt.status.name,
        "stamp": attempt.stamp,
        "transition": attempt.transition,
        "purpose": attempt.purpose,
    }


def objective_fact(objective: Objective) -> dict[str, JSON]:
    """A recovery time objective, and how the run did."""
    return {
        "status": objective.status.name,
        "wanted_seconds": objective.wanted.total_seconds(),
        "took_seconds": seconds(objective.took.total_seconds()),
        "met": objective.met,
    }

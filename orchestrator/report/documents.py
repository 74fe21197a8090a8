"""JSON documents: what every `--json` prints, each with its schema and version first, and the nouns that they share."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from orchestrator.model.events import Certificate
from orchestrator.model.guard import Verdict
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON, plain
from orchestrator.model.plan import PlannedWrite
from orchestrator.model.playbook import Hook, Manual, Program
from orchestrator.model.reading import HamrRecord, Present, Reading
from orchestrator.model.result import StepTime
from orchestrator.model.run import Objective
from orchestrator.model.situation import OpenRun, Owed, Stranger
from orchestrator.model.status import Both, Status

_KEYS = {
    "role": "org",
    "source": "from",
    "target": "to",
    "number": "attempt",
    "allowed": "allowed_seconds",
    "missing": "missing_hooks",
    "stopped_by": "stopped_by_hooks",
}
"""Fields whose keys are other words: `from` is none that Python lets a field have, and a unit stands in the key."""

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


def noun_fact(noun: Struct) -> Mapping[str, object]:  # noqa: C901 - one case per noun
    """A noun by the keys of its fields, or in a form of its own."""
    match noun:
        case HamrRecord():
            status = Status.of(noun.status)
            known = fields_fact(noun, but=("wire", "extra"))
            return {**known, "status": noun.status if status is None else status}
        case Reading():
            return _reading_fact(noun)
        case Verdict():
            return {**fields_fact(noun), "overridable": noun.overridable}
        case Hook(what=what):
            return {
                "name": noun.name,
                "manual": what.text if isinstance(what, Manual) else None,
                "run": what.run if isinstance(what, Program) else None,
                "timeout_seconds": what.timeout if isinstance(what, Program) else None,
                "again": noun.again,
                "emergency": noun.emergency,
            }
        case PlannedWrite():
            return {
                "org": noun.role,
                "name": noun.org,
                "status": noun.status,
                "request": noun.request,
                "expected": noun.expected,
                "stands_after": noun.stands,
                "condition": noun.condition,
            }
        case Owed():
            return fields_fact(noun, but=("stopped_for",))
        case OpenRun():
            return fields_fact(noun, but=("stopped_for", "unknown", "ended"))
        case Objective():
            return {
                "status": noun.status,
                "wanted_seconds": noun.wanted,
                "took_seconds": seconds(noun.took.total_seconds()),
                "met": noun.met,
            }
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
        case NextStep():
            return {"command": noun.command, **fields_fact(noun)}
        case Stranger():
            return {
                "org": noun.role,
                "run": noun.run,
                "by": noun.who,
                "seconds_ago": seconds(noun.seconds),
            }
    return fields_fact(noun)


def fields_fact(noun: Struct, *names: str, but: Collection[str] = ()) -> dict[str, object]:
    """Fields and properties of a noun by their keys: those that are named, or its fields in its own order, but for some."""
    chosen = names or [name for name in noun.__struct_fields__ if name not in but]
    fields = {name: getattr(noun, name) for name in chosen}
    return {
        _KEYS.get(name, name): seconds(each) if name == "seconds" else each for name, each in fields.items()
    }


def known_fact(noun: Struct | None, **otherwise: object) -> dict[str, object]:
    """The same of a noun that may not be there: the named ones, each with what stands for it otherwise."""
    return otherwise if noun is None else fields_fact(noun, *otherwise)


def proof_fact(certificate: Certificate, sha256: str, version: str) -> dict[str, object]:
    """A certificate, and what is another since: of the playbook and the hamr that are asked about."""
    return {
        "at": certificate.at,
        **fields_fact(certificate.proven, "faults", "routes"),
        "sha256": certificate.proven.playbook_sha256,
        "changed": certificate.changed_since(sha256, version),
    }


def seconds(value: float | None) -> float | None:
    """Seconds, to the millisecond."""
    return None if value is None else round(value, 3)


def _reading_fact(reading: Reading) -> dict[str, object]:
    """`status` is null where no known status was seen."""
    sight, exchange = reading.sight, reading.exchange
    return {
        "said": "record" if isinstance(sight, Present) else type(sight).__name__.lower(),
        "status": reading.status,
        "reason": reading.reason,
        "record": reading.record,
        "at": reading.at,
        "round_trip_seconds": seconds(exchange.seconds),
        "http_status": exchange.http_status,
        "server_date": exchange.server_date,
        "request_id": exchange.request_id,
    }

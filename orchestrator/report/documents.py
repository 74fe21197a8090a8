"""JSON documents: what every `--json` prints, each with its schema and version first, and the nouns that they share."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from operator import attrgetter

from msgspec import Struct

from orchestrator.model.events import Certificate
from orchestrator.model.guard import Verdict
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON, plain
from orchestrator.model.plan import PlannedWrite
from orchestrator.model.playbook import Hook, Manual, Program
from orchestrator.model.reading import HamrRecord, Present, Reading
from orchestrator.model.result import StepTime
from orchestrator.model.run import Attempt, Objective
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
    """A document with its schema as the first key, the rest in this order; nouns become what `json_form` makes of them.

    The number of a schema (hamr/plan/1) goes up when a key is renamed, removed or changes its meaning; a new key leaves it
    as it is. A TypeError for what has no JSON form (a Secret, for one).
    """
    return {"schema": schema, **{key: json_form(field) for key, field in fields.items()}}


def to_json(document: Mapping[str, JSON]) -> str:
    r"""The text of a document: indented, keys in the document's own order, ended by a newline.

    Characters that are not printable are written as \uXXXX, so that the text is safe to show on a terminal. A TypeError
    for what is no JSON (a Secret, for one), a ValueError for NaN or an infinity, which JSON does not have.
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
    return _CANDIDATE.sub(_written_out, text) + "\n"


def compact(value: JSON) -> str:
    """A value on one line without spaces, safe to show on a terminal: the same value as goes over the wire."""
    return _CANDIDATE.sub(_written_out, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _written_out(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def json_form(value: object) -> JSON:
    """A value as documents show it: enums by the words that a person types for them, times as the journal has them; a TypeError for a Secret."""
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


def attempts_fact(found: Iterable[tuple[str, Attempt]]) -> list[dict[str, object]]:
    """Attempts, each with its run."""
    return [{"run": run, **noun_fact(attempt)} for run, attempt in found]


def noun_fact(noun: Struct) -> Mapping[str, object]:  # noqa: C901 - one case per noun
    """A noun by the keys of its fields, or in a form of its own."""
    match noun:
        case HamrRecord():
            status = Status.of(noun.status)
            known = fields_fact(noun, but=("wire", "extra"))
            return {**known, "status": noun.status if status is None else status}
        case Reading():
            said = "record" if isinstance(noun.sight, Present) else type(noun.sight).__name__.lower()
            seen = ("status", "reason", "record", "at", "round_trip_seconds=exchange.seconds")
            answer = fields_fact(noun.exchange, "http_status", "server_date", "request_id")
            return {"said": said, **fields_fact(noun, *seen), **answer}
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
            return fields_fact(
                noun, "role", "name=org", "status", "request", "expected", "stands_after=stands", "condition"
            )
        case Owed():
            return fields_fact(noun, but=("stopped_for",))
        case OpenRun():
            return fields_fact(noun, but=("stopped_for", "unknown", "ended"))
        case Objective():
            return fields_fact(noun, "status", "wanted_seconds=wanted", "took_seconds=took", "met")
        case StepTime():
            parts = ("api_seconds=api", "world_seconds=world", "people_seconds=people", "own_seconds=machine")
            return fields_fact(noun, "transition", "source", "target", "seconds", *parts)
        case NextStep():
            return {"command": noun.command, **fields_fact(noun)}
        case Stranger():
            return fields_fact(noun, "role", "run", "by=who", "seconds_ago=seconds")
    return fields_fact(noun)


def fields_fact(noun: object, *names: str, but: Collection[str] = ()) -> dict[str, object]:
    """Fields and properties of a noun by their keys: those that are named, or its fields in its own order, but for some.

    A name is a field's, or key=field where the key is another word; a field of a field stands behind a dot. Under a key
    that says seconds stands a number of them, to the millisecond.
    """
    fields: dict[str, object] = {}
    for name in names or [each for each in getattr(noun, "__struct_fields__", ()) if each not in but]:
        key, _, field = name.partition("=")
        value = attrgetter(field or key)(noun)
        in_seconds = key.endswith("seconds") and isinstance(value, float | timedelta)
        fields[_KEYS.get(key, key)] = seconds(value) if in_seconds else value
    return fields


def known_fact(noun: Struct | None, *names: str, **otherwise: object) -> dict[str, object]:
    """The same of a noun that may not be there: the named ones, else null; each of `otherwise` with what stands for it."""
    if noun is not None:
        return fields_fact(noun, *names, *otherwise)
    return {**dict.fromkeys(name.partition("=")[0] for name in names), **otherwise}


def proof_fact(certificate: Certificate | None, sha256: str, version: str) -> dict[str, object] | None:
    """A certificate, and what is another since: of the playbook and the hamr that are asked about; null where there is none."""
    return (
        None
        if certificate is None
        else {
            **fields_fact(certificate, "at", "faults=proven.faults", "routes=proven.routes"),
            "sha256": certificate.proven.playbook_sha256,
            "changed": certificate.changed_since(sha256, version),
        }
    )


def seconds(value: float | timedelta | None) -> float | None:
    """Seconds, to the millisecond."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return None if value is None else round(value, 3)

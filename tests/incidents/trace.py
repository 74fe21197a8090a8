"""An incident as a person reads it: one line for each thing that happened, in order."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import fields

from orchestrator.model.guard import Measured
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role, Status

from .around import Surroundings
from .attacks import NONE
from .draw import Incident
from .incident import Played
from .tape import Answered, Appended, Asked, Gauged, Happened, HookRan, Note, Questioned

QUIET = frozenset({"lock.taken", "lock.released", "situation.read"})
"""Record kinds that a trace passes over: the requests around them say it."""


def trace(played: Played) -> Iterator[str]:
    """The whole incident."""
    incident = played.incident
    yield f"incident {incident.seed}: {incident.story.value}; goal {incident.goal}, {incident.mode.value}"
    told = "wire mirror returning status renames_author strict advances advances_after whole_seconds read_lag latency skew"
    yield "  " + ", ".join(f"{name} {getattr(incident.config, name)}" for name in told.split())
    yield f"  inventory: mirrors {incident.mirrors.value}, wrong uuid: {incident.wrong_uuid}; playbook {incident.playbook}"
    for fault in incident.faults:
        yield f"  {fault}"
    yield from _attacked(incident)
    yield from (f"  {each}" for each in (incident.team, incident.meanwhile) if each is not None)
    around = incident.around or Surroundings()
    for drawn in (*around.gauges, *around.guards, *around.asks, *around.deeds):
        yield f"  {drawn}"
    if incident.around is not None:
        yield f"  people {[(each.yes, each.after) for each in around.people]}, {around.visitor}, cool_down {around.cool_down}"
    for planned in (*incident.foreign, *incident.dark, *(life for life in incident.lives)):
        yield f"  {planned}"
    for note in played.tape.notes:
        words = _words(note)
        if words:
            yield f"{note.number:5d} {note.at:9.3f} {words}"
    yield f"closed: {played.closed} by {played.commands}"
    if played.stuck:
        yield f"STUCK: {played.stuck}"
    if played.standing is not None:
        yield f"{played.standing.phase.label}: {played.standing.phase.sentence}"
    for role in Role:
        yield f"the {role} shows {shown(played.final[role])}"


def _attacked(incident: Incident) -> Iterator[str]:
    attacks = incident.attacks
    if attacks.kind is None:
        return
    yield f"  attacked: {attacks.kind.value}"
    for each in fields(attacks):
        drawn = getattr(attacks, each.name)
        if each.name != "kind" and drawn != getattr(NONE, each.name):
            yield f"    {each.name} {drawn}"
    server = ("authors", "no_times", "edge_page")
    yield "    " + ", ".join(f"{name} {getattr(incident.config, name)}" for name in server)


def shown(record: HamrRecord | None) -> str:
    """A record in few words."""
    if record is None:
        return "nothing"
    return f"{Status.of(record.status)} by {record.modified_by} at {record.modified_at and record.modified_at.strftime('%H:%M:%S.%f')}"


def _words(note: Note) -> str:
    match note:
        case Happened(what=what, words=words):
            return f"*** {what}: {words}"
        case Asked() if note.posts:
            return f"{note.process.name} --> {note.role} POST {note.status} as {note.stamp}"
        case Asked() if note.reads:
            return f"{note.process.name} --> {note.role} GET"
        case Asked():
            return ""
        case Answered(asked=asked) if asked.posts or asked.reads:
            return (
                f"{asked.process.name} <-- {asked.role} {asked.method} {note.words} (asked at {asked.at:.3f})"
            )
        case Appended(record=record) if record.kind not in QUIET:
            return f"{note.process.name} journals {record.seq} {record.kind} {_facts(record.data)}"
        case Gauged(sight=sight):
            shows = sight.value if isinstance(sight, Measured) else sight.reason
            return f"{note.process.name} reads {note.probe}: {shows} (asked at {note.asked:.3f})"
        case HookRan():
            return f"    {note.process.name}'s hook {'/'.join(note.key[1:])} {note.what}"
        case Questioned():
            done = "has dealt with" if note.answered else "is asked"
            return f"    a person at {note.process.name} {done}: {note.question.text}"
        case _:
            return ""


def _facts(data: object) -> str:
    if not isinstance(data, dict):
        return ""
    left_out = {
        "playbook_text",
        "playbook_sha256",
        "request",
        "orgs",
        "urls",
        "version",
        "verdicts",
        "record",
        "expected",
        "readings",
    }
    parts = []
    for key, value in data.items():
        if key in left_out:
            continue
        if key == "attempt" and isinstance(value, dict):
            parts.append(
                f"attempt {value['number']} {value['status']} to {value['role']} ({value['purpose']})"
            )
        elif key == "answer" and isinstance(value, dict):
            parts.append(f"{value['is']} {value.get('reason', '')}")
        elif key == "ending" and isinstance(value, dict):
            parts.append(f"{value['end']}: {value['message']}")
        else:
            parts.append(f"{key}={value}")
    return " ".join(parts)[:300]

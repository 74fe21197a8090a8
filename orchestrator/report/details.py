"""What the journal's timeline says below an event's line: verdicts, requests and answers."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model.events import (
    ChangeSeen,
    Event,
    GuardsJudged,
    RunFinished,
    RunResumed,
    RunStarted,
    SituationRead,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
)
from orchestrator.model.reading import Exchange, HamrRecord, Reading
from orchestrator.model.status import Role, Status
from orchestrator.model.words import author, span, utc

from .documents import compact
from .layout import Line, Page, Span, paragraph, shortened
from .told_around import around_details
from .verdicts import verdict_lines


def details(event: Event, *, indent: int) -> Page:
    """The lines below an event's headline; none where it says it all."""
    match event:
        case RunStarted():
            return _lines(_start(event), indent)
        case RunResumed(reason=reason, overrides=overrides):
            words = [f"reason: {reason}"] if reason else []
            return _lines([*words, *_overrides(overrides)], indent)
        case SituationRead(readings=readings):
            return tuple(
                spans
                for role, reading in readings.items()
                if reading is not None
                for spans in paragraph(_reading(role, reading), "dim", indent=indent, hanging=2)
            )
        case GuardsJudged(verdicts=verdicts):
            return tuple(spans for verdict in verdicts for spans in verdict_lines(verdict, indent=indent))
        case WriteIntended(attempt=attempt, request=request):
            lines: list[Line] = [
                (Span(" " * indent), Span(f"{request.method} {request.url}", "command")),
                (Span(" " * indent), Span(compact(request.body), "command")),
            ]
            return (*lines, *_lines([f"stamp {attempt.stamp}"], indent))
        case WriteAnswered(answer=answer):
            return _lines(_exchange(answer.exchange), indent)
        case WriteConfirmed(record=record):
            return _lines([_record(record)], indent)
        case ChangeSeen(record=record, expected=expected):
            seen = [] if record is None else [f"seen: {_record(record)}"]
            last = [] if expected is None else [f"last seen before: {_record(expected)}"]
            return _lines([*seen, *last], indent)
        case RunFinished():
            return _lines(_finish(event), indent)
        case _:
            return _lines(around_details(event), indent)


def _lines(texts: list[str], indent: int) -> Page:
    return tuple(
        spans for text in texts for spans in paragraph(shortened(text, 600), "dim", indent=indent, hanging=2)
    )


def _start(event: RunStarted) -> list[str]:
    since = f"since {utc(event.since)}" if event.since is not None else ""
    facts = [
        f"playbook {event.playbook} (SHA-256 {event.playbook_sha256[:12]}…), version {event.version}",
        *([f"reason: {event.reason}"] if event.reason else []),
        *([f"ref: {event.ref}"] if event.ref else []),
        *([since] if since else []),
        *([f"applies plan {event.plan}"] if event.plan else []),
    ]
    return [*facts, *_overrides(event.overrides)]


def _overrides(overrides: Mapping[str, str]) -> list[str]:
    return [f"override {guard}: {reason}" for guard, reason in overrides.items()]


def _reading(role: Role, reading: Reading) -> str:
    exchange = reading.exchange
    facts = "; ".join(_exchange(exchange))
    if reading.record is not None:
        return shortened(f"{role}: {_record(reading.record)}; {facts}", 600)
    return shortened(f"{role}: {facts}", 600)


def _record(record: HamrRecord) -> str:
    status = Status.of(record.status)
    at = "at a time that the record does not tell" if record.modified_at is None else utc(record.modified_at)
    return f"{record.status if status is None else status}, changed {at} by {author(record.modified_by)}"


def _exchange(exchange: Exchange) -> list[str]:
    facts = [
        *([f"HTTP {exchange.http_status}"] if exchange.http_status is not None else []),
        f"answered in {span(exchange.seconds)}",
        *([f"server's clock {utc(exchange.server_date)}"] if exchange.server_date is not None else []),
        *([f"request id {exchange.request_id}"] if exchange.request_id else []),
    ]
    said = [f"said: {exchange.excerpt}"] if exchange.excerpt else []
    return [", ".join(facts), *said]


def _finish(event: RunFinished) -> list[str]:
    where = [f"the pair stands {event.phase}"] if event.phase else []
    objectives = [
        f"objective {objective.status}: {'met' if objective.met else 'MISSED'}, {span(objective.took)} of "
        f"{span(objective.wanted)}"
        for objective in event.objectives
    ]
    return [*where, f"took {span(event.seconds)}", *objectives]

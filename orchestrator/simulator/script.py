"""Faults from a script that was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from orchestrator.model.scenario import ScriptedFault

from .fault_kinds import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    ConnectionReset,
    Drip,
    FaultKind,
    ForeignWriter,
    MetricShows,
    MonitorShows,
    Redirect,
    RegionDark,
    ReplicaBehind,
    ServerError,
    Silence,
    Slow,
    StaleRead,
    Throttle,
    TruncatedBody,
    WrongBody,
)
from .faults import Fault


def faults_of(script: Iterable[ScriptedFault]) -> tuple[Fault, ...]:
    """The simulator's faults for those of a script."""
    return tuple(
        Fault(
            MAKERS[each.kind](each.settings),
            at=each.at,
            role=each.org,
            method=each.method,
            times=each.times,
            path=each.path,
            after=_seconds(each.after),
        )
        for each in script
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _refused(settings: Mapping[str, Any]) -> FaultKind:
    span = _seconds(settings["for"])
    return ConnectionRefused() if span is None else ConnectionRefused(span)


MAKERS: Mapping[str, Callable[[Mapping[str, Any]], FaultKind]] = {
    "connection_refused": _refused,
    "connection_reset": lambda _: ConnectionReset(),
    "slow": lambda settings: Slow(settings["by"].total_seconds()),
    "drip": lambda settings: Drip(settings["every"].total_seconds()),
    "silence": lambda settings: Silence(applied=settings["applied"]),
    "answer_lost": lambda _: AnswerLost(),
    "applied_late": lambda settings: AppliedLate(settings["after"].total_seconds(), settings["status"]),
    "client_error": lambda settings: ClientError(
        settings["status"], settings["detail"] or "", applied=settings["applied"]
    ),
    "redirect": lambda settings: Redirect(settings["status"], applied=settings["applied"]),
    "throttle": lambda settings: Throttle(
        settings["reset"], settings["retry_after"], applied=settings["applied"]
    ),
    "server_error": lambda settings: ServerError(settings["status"], applied=settings["applied"]),
    "truncated_body": lambda _: TruncatedBody(),
    "wrong_body": lambda settings: WrongBody(settings["body"], settings["content_type"]),
    "stale_read": lambda settings: StaleRead(_seconds(settings["by"])),
    "replica_behind": lambda settings: ReplicaBehind(settings["changes"], _seconds(settings["for"])),
    "foreign_writer": lambda settings: ForeignWriter(
        settings["status"], settings["modified_by"], settings["org"], after=settings["after"]
    ),
    "metric": lambda settings: MetricShows(
        settings["query"], settings["value"], _seconds(settings["for"]), settings["org"]
    ),
    "monitor": lambda settings: MonitorShows(
        settings["id"], settings["state"], _seconds(settings["for"]), settings["org"]
    ),
    "region_dark": lambda settings: RegionDark(
        _seconds(settings["for"]), silent=settings["silent"], answers=settings["answers"]
    ),
}
"""A script's kinds, and what the simulator has for each; a test holds that they are all there."""

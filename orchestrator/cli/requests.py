"""A run's flags → what the run is asked for: its reasons, what it overrides, when the incident began, and its time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from msgspec import Struct

from orchestrator.config import duration
from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Status
from orchestrator.model.words import utc
from orchestrator.operations.preflight import says_why, status_named

_CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?"
_AGO = r"(?i)(.*?)(?:\s+ago)?"
_AHEAD = r"(?i)(?:in\s+)?(.*)"

LONGEST_BY_CLOCK = timedelta(hours=12)
"""A time of day that would mean longer ago than this is more likely meant in another time zone."""

FORMS = "HH:MM in UTC, a duration such as 12m, or 2026-11-22T03:15:00Z"


class RunFlags(Struct, frozen=True, kw_only=True):
    """What says on a command line what is asked of a run, as it was typed."""

    to: str
    emergency: bool
    reason: str
    overrides: Sequence[str]
    ref: str
    since: str | None

    def request(self, pair: str, now: datetime, expect: Status | None = None) -> RunRequest:
        """The request that they make; a UsageError where a flag cannot be right, as by every function here."""
        return RunRequest(
            pair=pair,
            goal=status_named(self.to),
            mode=Mode.EMERGENCY if self.emergency else Mode.PLANNED,
            reason=self.reason,
            overrides=overrides_from(self.overrides),
            ref=self.ref,
            since=None if self.since is None else since_named(self.since, now),
            expect=expect,
        )


def overrides_from(texts: Sequence[str]) -> dict[str, str]:
    """GUARD=REASON, several times → the reasons by guard, each named once."""
    overrides: dict[str, str] = {}
    for text in texts:
        guard, equals, reason = text.partition("=")
        guard = guard.strip()
        if not equals or not guard:
            wanted = "a guard and a reason are wanted, with an equals sign between them"
            step = next_step.shell(f"--override {guard or 'GUARD'}='REASON'", "name the guard, and say why")
            raise UsageError(f"--override {text[:100]!r}: {wanted}.", next_steps=(step,))
        if guard in overrides:
            raise UsageError(f"--override {guard} stands there twice; one reason is enough.")
        overrides[guard] = reason.strip()
    return overrides


def require_text(flag: str, text: str) -> None:
    """A UsageError for a reason that is empty, or the very word that stands for a reason in a command as we print it."""
    if not says_why(text):
        said = f"{flag} {text.strip()} says nothing" if text.strip() else f"{flag} is empty"
        raise UsageError(f"{said}: it is what the audit journal will say.")


def since_named(text: str, now: datetime) -> datetime:
    """The moment that a text names, in UTC, which has passed; a time of day is the latest one that has."""
    named = _named("--since", text)
    match named:
        case time():
            return _time_of_day(text, named, now)
        case timedelta():
            return now - named
    if named > now:
        raise UsageError(f"--since {text}: that is in the future ({utc(named)}, and it is {utc(now)}).")
    return named


def at_named(text: str, now: datetime) -> datetime:
    """The moment ahead that a text names, in UTC; a time of day is the next one."""
    from orchestrator.operations.scheduled import LONGEST_AHEAD

    named = _named("--at", text)
    match named:
        case time():
            moment = datetime.combine(now.date(), named, UTC)
            moment += timedelta(days=moment <= now)
        case timedelta():
            moment = now + named
        case datetime():
            moment = named
    if moment <= now:
        raise UsageError(f"--at {text}: that is in the past ({utc(moment)}, and it is {utc(now)}).")
    if moment - now > LONGEST_AHEAD:
        raise UsageError(f"--at {text}: that is more than {LONGEST_AHEAD.days} days ahead ({utc(moment)}).")
    return moment


def expected(text: str | None, *, emergency: bool, at: str | None) -> Status | None:
    """Where the pair has to stand when a planned move begins; an emergency waits for nothing, and goes by what it finds."""
    if emergency and (at is not None or text is not None):
        flag = "--at" if at is not None else "--expect"
        raise UsageError(f"{flag} is for planned moves: leave it out, or --emergency.")
    return None if text is None else status_named(text)


def _named(flag: str, text: str) -> time | timedelta | datetime:
    """A time of day in UTC, a span of time, or a moment in UTC."""
    stripped = text.strip()
    clock = re.fullmatch(_CLOCK, stripped)
    if clock is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        return time(hour, minute, second)
    if stripped[-1:].isalpha() and not stripped.endswith(("Z", "z")):
        found = re.fullmatch(_AGO if flag == "--since" else _AHEAD, stripped)
        try:
            return duration("" if found is None else found[1].replace(" ", ""))
        except (ValueError, OverflowError) as error:
            raise UsageError(f"{flag} {text[:100]!r} is no time: write {FORMS}. ({error})") from None
    try:
        moment = datetime.fromisoformat(stripped.upper())
        if moment.tzinfo is None:
            words = f"{flag} {text}: the time zone is missing; write Z for UTC, or +02:00 and the like."
            raise UsageError(words, next_steps=(next_step.shell(f"{flag} {moment.isoformat()}Z", "in UTC"),))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{flag} {text[:100]!r} is no time: write {FORMS}.") from None


def _time_of_day(text: str, wanted: time, now: datetime) -> datetime:
    moment = datetime.combine(now.date(), wanted, UTC)
    moment -= timedelta(days=moment > now)
    if now - moment > LONGEST_BY_CLOCK:
        raise UsageError(
            f"--since {text}: times of day are UTC, and it is {now:%H:%M} UTC; {text} UTC was {(now - moment) // timedelta(hours=1)} "
            "hours ago. Write the date too, if that is meant.",
            next_steps=(
                next_step.shell(f"--since {moment:%Y-%m-%dT%H:%M:%SZ}", "that time, with its date"),
                next_step.shell("--since 12m", "twelve minutes ago"),
            ),
        )
    return moment

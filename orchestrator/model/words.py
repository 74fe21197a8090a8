"""How times, counts and authors are said to a person, and how a request is typed again."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from .guard import Verdict
from .journal import Holder
from .plain import timestamp
from .result import Score
from .run import End, Mode, Objective, RunRequest, Stamp
from .situation import Stranger
from .status import Status

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

CLOCKS_DIFFER = 1.0
"""Seconds by which another machine's clock may be ahead before it is worth a word."""

END_WORDS = {
    End.DONE: "done",
    End.REFUSED: "refused",
    End.MOVED: "stopped: somebody else wrote",
    End.INCOMPLETE: "incomplete",
    End.UNKNOWN: "outcome unknown",
    End.OWING: "done, but owing",
    End.FAILED: "failed",
    End.INTERRUPTED: "interrupted",
}
"""How a run ended, in a word or two."""


def no_journal(place: str) -> str:
    """That nothing was ever journalled here: not the same as that nothing ever happened (law 20)."""
    return (
        f"there is no journal here yet ({place}): what is owed or unknown, and who holds the lock, is not known on "
        "this machine"
    )


def utc(at: datetime) -> str:
    """A time as people compare it across regions: 2026-05-28 16:34:21 UTC."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds") + " UTC"


def span(length: timedelta | float) -> str:
    """A span in its two largest units, a float being seconds: 250 ms, 2.5 s, 42 s, 5 min, 1 h 20 min, 3 d.

    What is left over counts down: a span is never said longer than it was.
    """
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if not math.isfinite(seconds):
        return f"{seconds} s"
    whole = float(math.floor(seconds))
    if 0 < seconds < 1:
        return f"{math.floor(seconds * 1000)} ms"
    if whole < 10:  # noqa: PLR2004 - one digit before the point, one after
        return f"{math.floor(seconds * 10) / 10:g} s"
    if whole < MINUTE:
        return f"{whole:.0f} s"
    large, name, small, rest = MINUTE, "min", 1.0, "s"
    if whole >= DAY:
        large, name, small, rest = DAY, "d", HOUR, "h"
    elif whole >= HOUR:
        large, name, small, rest = HOUR, "h", MINUTE, "min"
    minor = (whole % large) // small
    return f"{whole // large:.0f} {name}" + (f" {minor:.0f} {rest}" if minor else "")


def ago(length: timedelta | float) -> str:
    """How long ago, a float being seconds: 5 min ago, just now."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 1:
        return "just now"
    return f"{span(float(math.floor(seconds)) if math.isfinite(seconds) else seconds)} ago"


def age(at: datetime, now: datetime) -> str:
    """How long ago a time was: 5 min ago, just now; or that its clock is ahead of ours."""
    seconds = (now - at).total_seconds()
    return f"{span(-seconds)} ahead of our clock" if seconds < -CLOCKS_DIFFER else ago(seconds)


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 write, 2 writes."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def move(start: Status | None, goal: Status) -> str:
    """From where to where: PASSIVE → ACTIVE; to ACTIVE where it stood there, or nobody knows where it stood."""
    return f"to {goal}" if start is None or start is goal else f"{start} → {goal}"


def took_of(objective: Objective) -> str:
    """How long it took to a status, and how long it might have: 6 min 12 s, of 15 min allowed."""
    return f"{span(objective.took)}, of {span(objective.wanted)} allowed"


def expectations_held(score: Score) -> str:
    """How a drill did: 1 of 2 expectations held."""
    held = sum(each.held for each in score.expectations)
    return f"{held} of {counted(len(score.expectations), 'expectation')} held"


def why_waived(verdict: Verdict) -> str:
    """Why a guard did not stop an emergency."""
    return "blind in this emergency" if verdict.blind is not None else "asked in planned runs alone"


def author(modified_by: str) -> str:
    """Who a `modified_by` names: a run by its operator and id, anyone else as the server says it.

    Control characters are left as they are: whoever shows it makes it safe.
    """
    stamp = Stamp.parse(modified_by)
    if stamp is not None:
        return f"{stamp.operator}@{stamp.host} in run {stamp.run}"
    return modified_by or "not named"


def value_words(value: float | str | bool) -> str:
    """A probe's value as a person reads it: true, 12, 0.25, Alert."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.10g}"


DEFAULT_PLAYBOOK = "regional-failover"
"""The playbook that a command takes when none is named."""

ANY_REASON = "REASON"
"""Stands where the person has to write a reason."""


def override_flag(guard: str, reason: str = ANY_REASON) -> str:
    """The flag that overrides a guard: --override settled=REASON."""
    return f"--override {shlex.quote(f'{guard}={reason}')}"


def request_command(
    verb: str, request: RunRequest, playbook: str = DEFAULT_PLAYBOOK, more: Sequence[str] = ()
) -> str:
    """The command line that asks for the same again.

    The verb is run or plan; the playbook is named where it is not the default; `more` are flags to add.
    """
    words = [f"hamr {verb} {shlex.quote(request.pair)} --to {request.goal}"]
    if playbook != DEFAULT_PLAYBOOK:
        words.append(f"--playbook {shlex.quote(playbook)}")
    if request.mode is Mode.EMERGENCY:
        words.append("--emergency")
    if request.reason or request.mode is Mode.EMERGENCY:
        words.append(f"--reason {shlex.quote(request.reason or ANY_REASON)}")
    words += [override_flag(guard, reason) for guard, reason in request.overrides.items()]
    if request.ref:
        words.append(f"--ref {shlex.quote(request.ref)}")
    if request.since is not None:
        words.append(f"--since {timestamp(request.since)}")
    return " ".join([*words, *more])


def unlock_command(pair: str, holder: Holder) -> str:
    """Break a lock, by its id and with a reason."""
    return f"hamr unlock {shlex.quote(pair)} --lock-id {holder.lock} --reason TEXT"


def close_command(drill: str) -> str:
    """Close a drill that was left open."""
    return f"hamr drill close {drill} --notes TEXT"


def after_unlocking(steps: Sequence[str], pair: str, holder: Holder) -> tuple[str, ...]:
    """What to type next where a holder died in the middle of its run: no new run has the lock before it is broken.

    What takes the lock over by itself (resume, adopt, an emergency) stays as it is.
    """
    new = next((at for at, step in enumerate(steps) if _begins_anew(step)), len(steps))
    unlock = (unlock_command(pair, holder),) if new < len(steps) else ()
    return (*steps[:new], *unlock, *steps[new:])


def _begins_anew(step: str) -> bool:
    """Whether a command line begins a new run that is no emergency."""
    return step.startswith("hamr run ") and " --emergency" not in step


def after_asking(steps: Sequence[str], pair: str, found: Sequence[Stranger]) -> tuple[str, ...]:
    """What to type next while somebody else may be at work: watch first, and go over them by name alone.

    Where nobody is, the steps are left as they are.
    """
    if not found:
        return tuple(steps)
    others = _by_name("alone", steps, "hamr run ", "hamr resume ")
    return tuple(dict.fromkeys((f"hamr status {shlex.quote(pair)} --watch", *others)))


def after_unknown(steps: Sequence[str]) -> tuple[str, ...]:
    """What to type next while nobody knows what became of a write: a new run has to accept that by name."""
    return _by_name("unknown", steps, "hamr run ")


def _by_name(guard: str, steps: Sequence[str], *verbs: str) -> tuple[str, ...]:
    """The steps, those of these verbs with the flag that overrides a guard."""
    return tuple(
        f"{step} {override_flag(guard)}"
        if step.startswith(verbs) and f"--override {guard}=" not in step
        else step
        for step in steps
    )

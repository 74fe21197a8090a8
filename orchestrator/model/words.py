"""How times, counts, authors, orgs and readings are said to a person."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_never

from .events import Certificate
from .guard import Verdict
from .journal import Holder, Whereabouts, Witness
from .org import Org
from .plain import UNREADABLE
from .reading import (
    Absent,
    Denied,
    Hampered,
    HamrRecord,
    Present,
    Reading,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from .result import Score
from .run import End, Mode, Objective, Stamp
from .situation import UnderWay
from .status import Status

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

DOING = {
    "run.started": "beginning",
    "run.resumed": "beginning",
    "wait.began": "waiting for guards",
    "wait.continued": "waiting for guards",
    "approval.asked": "waiting for somebody else's agreement",
    "person.asked": "waiting for an answer at its terminal",
    "transition.intended": "about to write",
    "hook.intended": "running a hook",
    "write.intended": "writing",
    "write.answered": "reading back",
    "write.unknown": "reading back",
    "write.confirmed": "reading back",
    "write.throttled": "waiting, as it was told to",
    "transition.made": "between two transitions",
}
"""What a run is at, by what it journalled last."""

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


NO_APPRISE = "Apprise is not installed here: pip install 'hamr-orchestrator[notify]'"


def no_journal(place: str) -> str:
    """That no run was ever journalled here: not the same as that nothing ever happened (law 20)."""
    return (
        f"there is no journal of a run here yet ({place}): what is owed or unknown, and who holds the lock, is not known on "
        "this machine"
    )


def utc(at: datetime) -> str:
    """A time as people compare it across regions: 2026-05-28 16:34:21 UTC."""
    return (
        "a time that cannot be read"
        if at == UNREADABLE
        else at.astimezone(UTC).isoformat(" ", "seconds").removesuffix("+00:00") + " UTC"
    )


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
    if at == UNREADABLE:
        return f"at {utc(at)}"
    seconds = (now - at).total_seconds()
    return f"{span(-seconds)} ahead of our clock" if seconds < -CLOCKS_DIFFER else ago(seconds)


def listed(names: Sequence[str], conjunction: str = "and") -> str:
    """Names in words: a, b and c."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"


def one_reason(reasons: Iterable[str]) -> str:
    """Why several keys cannot be had, as one clause: variables that are not set, and files that are missing, by name."""
    alike: dict[tuple[str, str], dict[str, None]] = {}
    for reason in reasons:
        found = re.fullmatch(_OF_SEVERAL, reason)
        kind, names, fault = found.groups() if found else ("", "", reason)
        of_kind = alike.setdefault((kind, fault.replace("are ", "is ", 1) if kind else fault), {})
        of_kind.update(dict.fromkeys(re.split(", | and ", names)))
    return "; ".join(_of_all(kind, tuple(names), fault) for (kind, fault), names in alike.items())


_OF_SEVERAL = r"(environment variable|file)s? (.+?) ((?:is|are) not set|cannot be read \(.*\))"


def _of_all(kind: str, names: Sequence[str], fault: str) -> str:
    if len(names) == 1:
        return " ".join(filter(None, (kind, names[0], fault)))
    return f"{kind}s {listed(names)} {fault.replace('is ', 'are ', 1)}"


def doing(run: UnderWay) -> str:
    """What somebody is at who holds a pair: running this since …, to ACTIVE, transition declare, reading back."""
    goal = "" if run.goal is None else f", to {run.goal}"
    where = f", transition {run.transition}" if run.transition else ""
    at = f", {DOING[run.last]}" if run.last in DOING else ""
    since = f"since {utc(run.holder.taken_at)}"
    return f"running this {since}{goal} (run {run.holder.run}){where}{at}"


def leave_it(holder: Holder, where: Whereabouts, now: datetime, witness: Witness = Witness.NONE) -> str:
    """What to do beside a holder that is not known to be gone."""
    if where is Whereabouts.RUNS:
        return "Leave it"
    seen = "" if witness is Witness.NONE else f"; {witness.value}"
    return f"Leave it, unless it is gone: {where.value}{seen}, and its last heartbeat was {age(holder.beat_at, now)}"


def capital(text: str) -> str:
    """A text with a capital at its beginning, as a sentence has one."""
    return text[:1].upper() + text[1:]


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 write, 2 writes."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def in_mode(mode: Mode) -> str:
    """What stands behind a goal that is gone to in an emergency."""
    return ", in emergency mode" if mode is Mode.EMERGENCY else ""


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


LONGEST = 120
"""Characters of a text from outside that are shown; more than that is no name and no reason."""

LONGEST_REASON = 400
"""Characters of why a key of ours could not be had: the variable or the file to mend stands at the end of it."""


def printable(text: str, longest: int = LONGEST) -> str:
    """A text from a server without control characters (they could rewrite a terminal's lines), cut at a sane length."""
    clean = text
    if not text.isprintable():
        clean = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def author(modified_by: str) -> str:
    """Who a `modified_by` names: a run by its operator and id, anyone else as the server says it; as `printable` shows it."""
    stamp = Stamp.parse(modified_by)
    if stamp is not None:
        return f"{printable(stamp.operator)}@{printable(stamp.host)} in run {stamp.run}"
    return printable(modified_by) or "somebody whom the record does not name"


def changed(record: HamrRecord) -> str:
    """When and by whom a record was changed last: changed 2026-05-28 16:34:21 UTC by alice@example.com."""
    when = "at a time the record does not tell" if record.modified_at is None else utc(record.modified_at)
    return f"changed {when} by {author(record.modified_by)}"


def did_not_answer(reading: Reading) -> str:
    """That an org was not seen: silent, or with an answer that tells nothing, such as a 429 or a 503."""
    return "did not answer" if reading.exchange.http_status is None else "gave no usable answer"


def says(org: Org, reading: Reading) -> str:
    """What one org said, as the first half of a sentence."""
    match reading.sight:
        case Present(record=record, status=status):
            return f"{org} shows {status} ({changed(record)})"
        case Unrecognised(record=record):
            return f"{org} shows status {record.status}, which this version does not know ({changed(record)})"
        case Absent():
            return f"{org} has no HAMR record (404)"
        case Hampered(reason=reason, trouble=Trouble.MIDDLEBOX):
            return f"{org} was not seen ({printable(reason, LONGEST_REASON)})"
        case Hampered(reason=reason):
            return f"{org} was not asked ({printable(reason, LONGEST_REASON)})"
        case Denied(reason=reason):
            return f"{org} denied our keys ({printable(reason)})"
        case Unreachable(reason=reason):
            return f"{org} {did_not_answer(reading)} ({printable(reason)})"
        case Unreadable(reason=reason):
            return f"{org} answered with something that is not a HAMR record ({printable(reason)})"
        case _ as never:
            assert_never(never)


def value_words(value: float | str | bool) -> str:
    """A probe's value as a person reads it: true, 12, 0.25, Alert."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.10g}"


def proof_words(certificate: Certificate, sha256: str, version: str) -> str:
    """Whether a playbook of that digest is proven, to that version of hamr: proven to 2 faults on 2026-11-22."""
    upto = f"proven to {counted(certificate.proven.faults, 'fault')} on {certificate.at:%Y-%m-%d}"
    changed = certificate.changed_since(sha256, version)
    return f"was {upto}; {changed} was changed since" if changed else upto

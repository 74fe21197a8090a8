"""Law 3: how a record that was read differs from what was last seen of it.

The server has no version number and cannot refuse a stale writer, so telling our own writes from anyone
else's rests on three things alone: the stamp in `modified_by`, the time in `modified_at`, and what was
seen before. Pure: facts in, one `Comparison` out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timedelta

from orchestrator.model.change import Change
from orchestrator.model.floor import Floor, floor_of, under_floor
from orchestrator.model.org import Pair
from orchestrator.model.plain import timestamp
from orchestrator.model.reading import HamrRecord, Reading
from orchestrator.model.run import Attempt, Stamp, the_one_that_came
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Role, Status

from .state import RunState, Sent

_SECOND = timedelta(seconds=1)

_BEGAN = len("20261122-031502")
"""A run's id begins with when it was started; what follows is drawn, and says nothing."""


def same_link(pair: Pair, role: Role, record: HamrRecord) -> bool:
    """Whether a record still belongs to this org, names its peer, and plays its role."""
    return (
        record.org_uuid.lower() == pair[role].uuid.lower()
        and record.target_uuid.lower() == pair[role.other].uuid.lower()
        and record.is_primary is (role is Role.PRIMARY)
    )


def compare(pair: Pair, reading: Reading, known: RunState) -> Comparison:
    """Name the difference between a reading and what was last seen of that org.

    The checks go from what needs no explanation to what has none; the order matters.
    """
    role = reading.role
    if reading.status is None and reading.record is None:
        return Comparison(Change.UNSEEN, _unseen_reason(pair, reading))
    record = reading.record
    expected = known.expected.get(role)
    if record is None:
        return _compare_absent(pair, role, expected, known)
    if not same_link(pair, role, record):
        return Comparison(
            Change.MISLINKED,
            f"{pair[role]}: its record is now of org {record.org_uuid}, target {record.target_uuid}, "
            f"is_primary {record.is_primary}; that is not the link of pair {pair.name}",
        )
    floor = under_floor(known.floors, pair[role].uuid, reading)
    if floor is not None:
        return _compare_below(pair, role, record, floor, known)
    if role not in known.expected:
        return Comparison(Change.SAME, "first seen")
    if expected is not None and record.same_version(expected):
        return Comparison(Change.SAME)
    sent = _signed(record, known)
    if sent is not None and _before_a_stranger(sent, known):
        return Comparison(
            Change.STALE,
            f"{pair[role]} shows {describe(record)}, which was sent before somebody else's change was seen: "
            "two regions' clocks do not tell which of them came last",
        )
    return _compare_changed(pair, role, record, known)


def _compare_absent(pair: Pair, role: Role, expected: HamrRecord | None, known: RunState) -> Comparison:
    floor = floor_of(known.floors, pair[role].uuid)
    seen = expected if floor is None else floor.record
    if seen is None:
        return Comparison(Change.SAME)
    return Comparison(
        Change.STALE, f"{pair[role]} answers 404, though this journal has seen {describe(seen)}"
    )


def _compare_below(pair: Pair, role: Role, record: HamrRecord, floor: Floor, known: RunState) -> Comparison:
    """A record that is older than what was seen, whoever wrote either: never the present one, unless a mirror brought it."""
    here = (*known.earlier.get(role, ()), *floor.before, known.expected.get(role))
    seen_here = any(old is not None and record.same_version(old) for old in here)
    if seen_here or floor.foreign:  # somebody else has written since, whatever it is
        return _seen_before(pair, role, record, floor, known, again=seen_here)
    expected = known.expected.get(role)
    # By the clock of a region that is ahead.
    ahead = expected is not None and floor.record.same_version(expected)
    for recognise in (_by_copy, _reverted) if ahead else (_reverted,):
        found = recognise(pair, role, record, known)
        if found is not None:
            return found
    sent = _signed(record, known)
    if sent is not None and not sent.confirmed and sent == latest_sent(role, known):
        return Comparison(Change.OURS, describe(record), sent.attempt.number)  # not in effect by it: law 4
    if _by_another_clock(role, record, known):
        return _foreign(pair, role, record)
    return _stale(pair, role, record, floor)


def _before_a_stranger(sent: Sent, known: RunState) -> bool:
    """Whether a write of an earlier process, where it shows up, may be what a stranger has written over since."""
    earlier = sent.attempt.number <= known.recalled
    return earlier and sent.overtaken and not sent.confirmed and known.mirrors is not False


def _by_another_clock(role: Role, record: HamrRecord, known: RunState) -> bool:
    """Whether somebody else wrote it since this run began, though its time is older than our last one's.

    Where a mirror copies records, their times are from two regions' clocks, which may differ.
    """
    began = next(
        (old for old in (*known.earlier.get(role, ()), known.expected.get(role)) if old is not None), None
    )
    if not known.mirrors or began is None or known.is_ours(record.modified_by):
        return False
    given_up = any(attempt.signed(record.modified_by) for attempt in known.given_up)
    return not given_up and record.modified_at is not None and _by_time(record, operator.gt, began)


def _seen_before(
    pair: Pair, role: Role, record: HamrRecord, floor: Floor, known: RunState, *, again: bool = True
) -> Comparison:
    same_time = record.modified_at is not None and record.modified_at == floor.record.modified_at
    another = not again or record.modified_by != floor.record.modified_by
    if same_time and another and not known.is_ours(record.modified_by):
        # Whole seconds are no order: it may as well have been written since.
        return _foreign(pair, role, record)
    return _stale(pair, role, record, floor)


def _stale(pair: Pair, role: Role, record: HamrRecord, floor: Floor) -> Comparison:
    return Comparison(
        Change.STALE,
        f"{pair[role]} shows {describe(record)}, which is older than what this journal has seen of it "
        f"({describe(floor.record)})",
    )


def _foreign(pair: Pair, role: Role, record: HamrRecord) -> Comparison:
    return Comparison(Change.FOREIGN, f"{pair[role]} was changed by somebody else: {describe(record)}")


def _compare_changed(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison:
    floor = floor_of(known.floors, pair[role].uuid) or Floor(record)
    if any(old is not None and record.same_version(old) for old in known.earlier.get(role, ())):
        return _seen_before(pair, role, record, floor, known)
    # Without a mirror, a copy is what a server made look alike that keeps neither names nor times.
    alike = (_by_name, _by_copy) if known.mirrors is False else (_by_copy, _by_name)
    for recognise in (_by_stamp, *alike, _by_the_peers_name, _unproven, _reverted, _given_up):
        found = recognise(pair, role, record, known)
        if found is not None:
            return found
    return _foreign(pair, role, record)


def latest_sent(role: Role, known: RunState) -> Sent | None:
    """The attempt whose status this org should show: the newest one to it, or to either org unless they are known not to mirror."""
    fitting = [
        sent
        for sent in known.sent
        if not sent.refused and (known.mirrors is not False or sent.attempt.role is role)
    ]
    return fitting[-1] if fitting else None


def _signed(record: HamrRecord, known: RunState) -> Sent | None:
    """The attempt whose stamp a record carries; where a server cut the stamp short, the newest that it can be."""
    signed = [sent for sent in known.sent if sent.attempt.signed(record.modified_by)]
    fitting = [sent for sent in signed if sent.attempt.status == record.status]
    found = fitting or signed
    return found[-1] if found else None


def _by_stamp(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison | None:
    sent = _signed(record, known)
    if sent is None:
        return None
    attempt = sent.attempt
    if record.status != attempt.status:
        return Comparison(
            Change.FOREIGN,
            f"{pair[role]} carries the stamp of our attempt {attempt.number}, which sent {attempt.status}, "
            f"but shows status {record.status}: somebody else wrote it",
        )
    latest = latest_sent(role, known)
    due = latest.attempt if latest is not None else attempt
    own = attempt.role is role
    if attempt.number >= due.number or attempt.status == due.status:
        if own and sent.refused:
            return _taken_though_refused(pair, record, attempt)
        return Comparison(Change.OURS if own else Change.ECHO, describe(record), attempt.number)
    unseen = (each.attempt for each in known.sent if not each.confirmed)
    came = the_one_that_came(unseen, role, record) or attempt
    return Comparison(
        Change.LATE,
        f"{pair[role]}: our attempt {came.number} ({came.status}) took effect late, over {due.status}",
        came.number,
    )


def _by_copy(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison | None:
    others = known.confirmed.get(role.other, ())
    copied = next((index for index, old in enumerate(others) if record.same_version(old)), None)
    if copied is None:
        return None
    latest = latest_sent(role, known)
    if copied == len(others) - 1 or (latest is not None and record.status == latest.attempt.status):
        return Comparison(Change.ECHO, f"{pair[role]} shows a copy of what {pair[role.other]} was told")
    return Comparison(
        Change.LATE,
        f"{pair[role]} shows a copy of what {pair[role.other]} was told earlier ({describe(record)}); it arrived late",
    )


def _by_name(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison | None:
    """A server that replaces modified_by: our writes carry the name that it gives us."""
    latest = latest_sent(role, known)
    if record.modified_by not in known.learned() - known.strangers or latest is None:
        return None
    if record.status == latest.attempt.status:
        return Comparison(
            Change.OURS if latest.attempt.role is role else Change.ECHO,
            describe(record),
            latest.attempt.number,
        )
    open_before = _open_before(role, record.status, known)
    if open_before is not None:
        attempt = open_before.attempt
        if open_before.refused and attempt.role is role and attempt.number > latest.attempt.number:
            return _taken_though_refused(pair, record, attempt)
        return Comparison(
            Change.LATE,
            f"{pair[role]}: our attempt {attempt.number} ({attempt.status}) took effect late, "
            f"over {latest.attempt.status}",
            attempt.number,
        )
    return None


def _by_the_peers_name(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison | None:
    """A mirror that was taken for none, since it was silent: it brings a write that was lost, by the name that the other org gives us."""
    ours = [{old.modified_by for old in known.confirmed.get(each, ())} for each in (role, role.other)]
    here, there = ours
    lost = latest_sent(role.other, known)
    if (
        lost is None
        or lost.confirmed
        or record.status != lost.attempt.status
        or record.modified_by not in there - here - known.strangers
        or not here
    ):
        return None
    reason = f"{pair[role]} shows what {pair[role.other]} was sent: {describe(record)}"
    return Comparison(Change.ECHO, reason, lost.attempt.number)


def _taken_though_refused(pair: Pair, record: HamrRecord, attempt: Attempt) -> Comparison:
    org = pair[attempt.role]
    reason = (
        f"{org} answered that it did not take our attempt {attempt.number}, and shows it: {describe(record)}"
    )
    return Comparison(Change.REFUSED, reason, attempt.number)


def _open_before(role: Role, status: int, known: RunState) -> Sent | None:
    """The newest attempt of a status that no reading has shown, and that may come to an org yet: by its mirror, too."""
    fitting = [
        sent
        for sent in known.sent
        if (sent.attempt.role is role or known.mirrors)
        and not sent.confirmed
        and sent.attempt.status == status
    ]
    return fitting[-1] if fitting else None


def _unproven(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison | None:
    """Our status under a name that is nobody's stamp, while an answer of ours is outstanding.

    Not where this org has told by which name it calls us: then another name is somebody else's. Nor for whoever made
    a foreign change earlier in this run, nor once anybody has made one since the attempt. Once one was seen, an earlier
    one of the same status may follow it, under the same name.
    """
    latest, before = latest_sent(role, known), known.expected.get(role)
    same_author = before is not None and before.modified_by == record.modified_by
    confirmed = known.confirmed.get(role, ())
    taken = before is not None and same_author and any(before.same_version(ours) for ours in confirmed)
    if latest is not None and latest.confirmed and taken:
        latest = _open_before(role, record.status, known)
    if (
        latest is None
        or latest.confirmed
        or latest.refused
        or latest.overtaken
        or known.keeps_stamps
        or any(sent.attempt.role is role and sent.answered_with is not None for sent in known.sent)
        or record.status != latest.attempt.status
        or record.modified_by in known.strangers
        or Stamp.parse(record.modified_by) is not None
        or not _by_time(record, operator.ge if same_author else operator.gt, before)
    ):
        return None
    return Comparison(
        Change.UNPROVEN,
        f"{pair[role]} shows {latest.attempt.status} as we sent it, under the name {record.modified_by!r}: "
        "in effect, author unproven",
        latest.attempt.number,
    )


def _reverted(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison | None:
    """A mirror that healed an old record over a new one."""
    if not known.mirrors:
        return None
    stamp = Stamp.parse(record.modified_by)
    expected = known.expected.get(role)
    # A stamp's run may be of the same second as this one, on another machine, or may still be going on there.
    from_before = (
        stamp is not None
        and stamp.run[:_BEGAN] < known.run[:_BEGAN]
        and _by_time(record, operator.lt, expected)
    )
    if _since(record, known.began):
        return None
    peers = (*known.earlier.get(role.other, ()), known.expected.get(role.other))
    older = older_than_ours(record, known) and _by_time(record, operator.le, expected)
    copied = older and any(old is not None and record.same_version(old) for old in peers)
    if not (from_before or copied):
        return None
    return Comparison(
        Change.REVERTED,
        f"{pair[role]} went back to a record from before this run: {describe(record)}; "
        "the mirror healed old over new",
    )


def _given_up(pair: Pair, role: Role, record: HamrRecord, known: RunState) -> Comparison | None:
    """A write of an earlier run that was given up, and came after all."""
    attempt = next((each for each in known.given_up if each.fits(record)), None)
    latest = latest_sent(role, known)
    if attempt is None:
        return None
    stamp = Stamp.parse(attempt.stamp)
    run = "an earlier run" if stamp is None else f"run {stamp.run}"
    what = f"{pair[role]}: attempt {attempt.number} of {run} ({attempt.status}), which had been given up, took effect late"
    if latest is None:
        return Comparison(Change.FOREIGN, what)
    over = latest.attempt.status
    change = Change.ECHO if over is attempt.status else Change.LATE
    return Comparison(change, f"{what}, over {over}")


def older_than_ours(record: HamrRecord, known: RunState) -> bool:
    """Whether a record is from before the first write of this run that was seen, by the servers' own times."""
    ours = [seen.modified_at for records in known.confirmed.values() for seen in records]
    times = [at for at in ours if at is not None]
    return not times or record.modified_at is None or record.modified_at <= min(times)


def _since(record: HamrRecord, began: datetime | None) -> bool:
    """Whether it was written after that moment, which has whole seconds."""
    return began is not None and record.modified_at is not None and record.modified_at >= began + _SECOND


def not_older(record: HamrRecord, before: HamrRecord | None) -> bool:
    """Whether a record's modified_at is not older than another's (true where either has none)."""
    return _by_time(record, operator.ge, before)


def _by_time(
    record: HamrRecord, holds: Callable[[datetime, datetime], bool], before: HamrRecord | None
) -> bool:
    """Whether that holds of their modified_at, true where either has none: whole seconds are no order."""
    if before is None or before.modified_at is None or record.modified_at is None:
        return True
    return holds(record.modified_at, before.modified_at)


def describe(record: HamrRecord) -> str:
    """Status, author and time of a record, for a sentence."""
    status = Status.of(record.status)
    name = f"unrecognised status {record.status}" if status is None else str(status)
    when = "at an unknown time" if record.modified_at is None else f"at {timestamp(record.modified_at)}"
    return f"{name} by {record.modified_by or 'nobody'} {when}"


def _unseen_reason(pair: Pair, reading: Reading) -> str:
    reason = getattr(reading.sight, "reason", "")
    return f"{pair[reading.role]} did not answer with a record" + (f": {reason}" if reason else "")

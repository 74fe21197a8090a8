"""Law 3: how a record that was read differs from what was last seen of it.

The server has no version number and cannot refuse a stale writer, so telling our own writes from anyone
else's rests on three things alone: the stamp in `modified_by`, the time in `modified_at`, and what was
seen before. Pure: facts in, one `Comparison` out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.model.floor import Floor, floor_of, under_floor
from orchestrator.model.org import Org, Pair
from orchestrator.model.reading import Change, HamrRecord, Reading
from orchestrator.model.run import Attempt, Stamp, the_one_that_came
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Role, Status
from orchestrator.model.words import author, utc

from .link import same_link
from .state import RunState, Sent

_SECOND = timedelta(seconds=1)

_BEGAN = len("20261122-031502")
"""A run's id begins with when it was started; what follows is drawn, and says nothing."""


def compare(pair: Pair, reading: Reading, known: RunState) -> Comparison:
    """Name the difference between a reading and what was last seen of that org.

    The checks go from what needs no explanation to what has none; the order matters.
    """
    role, record = reading.role, reading.record
    if reading.status is None and record is None:
        reason = reading.reason or ""
        because = f": {reason}" if reason else ""
        return Comparison(Change.UNSEEN, f"{pair[role]} did not answer with a record{because}")
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
    if floor is None and role not in known.expected:
        return Comparison(Change.SAME, "first seen")
    if floor is None and expected is not None and record.same_version(expected):
        return Comparison(Change.SAME)
    shown = _Shown(pair, role, record, known, expected, latest_sent(role, known), describe(record))
    return shown.changed() if floor is None else shown.below(floor)


def _compare_absent(pair: Pair, role: Role, expected: HamrRecord | None, known: RunState) -> Comparison:
    floor = floor_of(known.floors, pair[role].uuid)
    seen = expected if floor is None else floor.record
    if seen is None:
        return Comparison(Change.SAME)
    return Comparison(
        Change.STALE, f"{pair[role]} answers 404, though this journal has seen {describe(seen)}"
    )


def latest_sent(role: Role, known: RunState) -> Sent | None:
    """The attempt whose status this org should show: the newest one to it, or to either org unless they are known not to mirror."""
    return _newest(
        sent
        for sent in known.sent
        if not sent.refused and (known.mirrors is not False or sent.attempt.role is role)
    )


def _newest(sent: Iterable[Sent]) -> Sent | None:
    return next(reversed([*sent]), None)


class _Shown(Struct, frozen=True):
    """A record that an org shows, and what is known of it. Each `by_…` says what it is, or None where that does not explain it."""

    pair: Pair
    role: Role
    record: HamrRecord
    known: RunState
    expected: HamrRecord | None
    latest: Sent | None
    words: str

    def below(self, floor: Floor) -> Comparison:
        """Older than what was seen, whoever wrote either: never the present one, unless a mirror brought it."""
        seen_here = self.is_among((*self.earlier(), *floor.before, self.expected))
        if not floor.foreign and (answer := self.by_answer()) is not None:
            return answer
        if seen_here or floor.foreign:  # somebody else has written since, whatever it is
            return self.seen_before(floor, again=seen_here)
        # By the clock of a region that is ahead; where both or neither were written to this org, one clock has dated both.
        copies, sent = self.known.confirmed.get(self.role.other, []), self.by(self.record)
        from_there = self.known.mirrors is not False if sent is None else sent.attempt.role is not self.role
        ahead = (
            from_there
            and self.expected is not None
            and floor.record.same_version(self.expected)
            and (
                not any(self.expected.same_version(old) for old in copies)
                if (before := self.by(self.expected)) is None
                else before.attempt.role is self.role
            )
        )
        found = (self.by_copy() if ahead else None) or self.by_reversion()
        if found is not None:
            return found
        overtaken = not self.known.is_ours(floor.record.modified_by) and not (
            self.expected is not None and floor.record.same_version(self.expected)
        )
        if sent is not None and not sent.confirmed and sent == self.latest and not overtaken:
            return Comparison(Change.OURS, self.words, sent.attempt.number)  # not in effect by it: law 4
        return self.foreign() if self.is_by_another_clock() else self.stale(floor)

    def changed(self) -> Comparison:
        """Not what was last seen, and not older than it."""
        known, sent = self.known, self.by(self.record)
        if sent is not None and self.is_before_a_stranger(sent):
            return Comparison(
                Change.STALE,
                f"{self.org} shows {self.words}, which was sent before somebody else's change was seen: "
                "two regions' clocks do not tell which of them came last",
            )
        if self.is_among(self.earlier()):
            floor = floor_of(known.floors, self.pair[self.role].uuid) or Floor(self.record)
            return self.seen_before(floor, again=True)
        # Without a mirror, a copy is what a server made look alike that keeps neither names nor times.
        alike = (self.by_name, self.by_copy) if known.mirrors is False else (self.by_copy, self.by_name)
        last = (self.by_the_peers_name, self.by_our_status, self.by_reversion, self.by_one_given_up)
        for recognise in (self.by_stamp, *alike, *last):
            found = recognise()
            if found is not None:
                return found
        return Comparison(Change.SAME) if known.is_brought(self.role, self.record) else self.foreign()

    @property
    def org(self) -> Org:
        return self.pair[self.role]

    def earlier(self) -> list[HamrRecord | None]:
        return self.known.earlier.get(self.role, [])

    def is_among(self, records: Iterable[HamrRecord | None]) -> bool:
        return any(old is not None and self.record.same_version(old) for old in records)

    def by(self, record: HamrRecord) -> Sent | None:
        """The attempt that a record is; where a server cut the stamp short, the newest that it can be."""
        found = self.known.attempts_of(record)
        fitting = (sent for sent in found if sent.attempt.status == record.status)
        return _newest(fitting) or _newest(found)

    def open_before(self) -> Sent | None:
        """The newest attempt of its status that no reading has shown, and that may come yet: by its mirror, too."""
        return _newest(
            sent
            for sent in self.known.sent
            if (sent.attempt.role is self.role or self.known.mirrors)
            and not sent.confirmed
            and sent.attempt.status == self.record.status
        )

    def is_before_a_stranger(self, sent: Sent) -> bool:
        """Whether a write of an earlier process, where it shows up, may be what a stranger has written over since."""
        earlier = sent.attempt.number <= self.known.recalled
        return earlier and sent.overtaken and not sent.confirmed and self.known.mirrors is not False

    def is_by_another_clock(self) -> bool:
        """Whether somebody else wrote it since this run began, though its time is older than our last one's.

        Where a mirror copies records, their times are from two regions' clocks, which may differ.
        """
        known, record = self.known, self.record
        began = next((old for old in (*self.earlier(), self.expected) if old is not None), None)
        if not known.mirrors or began is None or known.is_ours(record.modified_by):
            return False
        given_up = any(attempt.signed(record.modified_by) for attempt in known.given_up)
        return not given_up and _by_time(record, operator.gt, began)

    def seen_before(self, floor: Floor, *, again: bool) -> Comparison:
        record = self.record
        same_time = record.modified_at is not None and record.modified_at == floor.record.modified_at
        # A stamp is used once: the very record that was seen with one is no new write of anybody's.
        signed = Stamp.parse(record.modified_by) is not None
        another = not again or not (signed or record.modified_by == floor.record.modified_by)
        if same_time and another and not self.known.is_ours(record.modified_by):
            # Whole seconds are no order: it may as well have been written since.
            return self.foreign()
        return self.stale(floor)

    def stale(self, floor: Floor) -> Comparison:
        by_its_time = _by_time(self.record, operator.le, floor.record)
        since = (
            "is older than what this journal has seen of it"
            if by_its_time
            else "this journal saw before what it saw there last"
        )
        newer = describe_newer(floor.record, self.record)
        return Comparison(Change.STALE, f"{self.org} shows {self.words}, which {since} ({newer})")

    def foreign(self) -> Comparison:
        stamp, how = Stamp.parse(self.record.modified_by), "was changed by somebody else"
        if stamp is not None and stamp.run == self.known.run and stamp.attempt:
            nothing = f"carries attempt {stamp.attempt} of this very run, of which its journal knows nothing"
            how = f"{nothing}: it lost records, or somebody else repeats the stamp"
        return Comparison(Change.FOREIGN, f"{self.org} {how}: {self.words}")

    def late(self, attempt: Attempt, over: Attempt) -> Comparison:
        return Comparison(
            Change.LATE,
            f"{self.org}: our attempt {attempt.number} ({attempt.status}) took effect late, over {over.status}",
            attempt.number,
        )

    def refused(self, attempt: Attempt) -> Comparison:
        reason = f"{self.org} answered that it did not take our attempt {attempt.number}, and shows it: {self.words}"
        return Comparison(Change.REFUSED, reason, attempt.number)

    def by_stamp(self) -> Comparison | None:
        sent = self.by(self.record)
        if sent is None:
            return None
        attempt = sent.attempt
        if self.record.status != attempt.status:
            return Comparison(
                Change.FOREIGN,
                f"{self.org} carries the stamp of our attempt {attempt.number}, which sent {attempt.status}, "
                f"but shows status {self.record.status}: somebody else wrote it",
            )
        due = self.latest.attempt if self.latest is not None else attempt
        own = attempt.role is self.role
        if attempt.number >= due.number or attempt.status == due.status:
            if own and sent.refused:
                return self.refused(attempt)
            return Comparison(Change.OURS if own else Change.ECHO, self.words, attempt.number)
        unseen = (each.attempt for each in self.known.sent if not each.confirmed)
        return self.late(the_one_that_came(unseen, self.role, self.record) or attempt, due)

    def by_answer(self) -> Comparison | None:
        """A server with neither names nor times: each time that the pair comes round, it shows what it did before; our own 2xx tells."""
        latest, record = self.latest, self.record
        if latest is None or latest.answered is None or latest.overtaken or record.modified_at is not None:
            return None
        if Stamp.parse(record.modified_by) is not None or not record.same_version(latest.answered):
            return None
        change = Change.OURS if latest.attempt.role is self.role else Change.ECHO
        return Comparison(change, self.words, latest.attempt.number)

    def by_copy(self) -> Comparison | None:
        peer, latest = self.pair[self.role.other], self.latest
        others = self.known.confirmed.get(self.role.other, [])
        copied = next((index for index, old in enumerate(others) if self.record.same_version(old)), None)
        if copied is None:
            return None
        if copied == len(others) - 1 or (latest is not None and self.record.status == latest.attempt.status):
            return Comparison(Change.ECHO, f"{self.org} shows a copy of what {peer} was told")
        return Comparison(
            Change.LATE,
            f"{self.org} shows a copy of what {peer} was told earlier ({self.words}); it arrived late",
        )

    def by_name(self) -> Comparison | None:
        """A server that replaces modified_by: our writes carry the name that it gives us."""
        known, latest = self.known, self.latest
        if self.record.modified_by not in known.learned() - known.strangers or latest is None:
            return None
        due = latest.attempt
        if self.record.status == due.status:
            own = due.role is self.role
            return Comparison(Change.OURS if own else Change.ECHO, self.words, due.number)
        before = self.open_before()
        if before is None:
            return None
        attempt = before.attempt
        if before.refused and attempt.role is self.role and attempt.number > due.number:
            return self.refused(attempt)
        return self.late(attempt, due)

    def by_the_peers_name(self) -> Comparison | None:
        """A mirror that was taken for none, since it was silent: it brings a write that was lost, by the name that the other org gives us."""
        known, record, other = self.known, self.record, self.role.other
        here, there = (
            {old.modified_by for old in known.confirmed.get(each, [])} for each in (self.role, other)
        )
        lost = latest_sent(other, known)
        if (
            lost is None
            or lost.confirmed
            or record.status != lost.attempt.status
            or record.modified_by not in there - here - known.strangers
            or not here
        ):
            return None
        reason = f"{self.org} shows what {self.pair[other]} was sent: {self.words}"
        return Comparison(Change.ECHO, reason, lost.attempt.number)

    def by_our_status(self) -> Comparison | None:
        """Our status under a name that is nobody's stamp, while an answer of ours is outstanding.

        Not where this org has told by which name it calls us: then another name is somebody else's. Nor for whoever made
        a foreign change earlier in this run, nor once anybody has made one since the attempt. Once one was seen, an earlier
        one of the same status may follow it, under the same name.
        """
        known, record, latest, before = self.known, self.record, self.latest, self.expected
        same_author = before is not None and before.modified_by == record.modified_by
        if latest is not None and latest.confirmed and same_author and known.wrote(self.role, before):
            latest = self.open_before()
        if (
            latest is None
            or latest.confirmed
            or latest.refused
            or latest.overtaken
            or known.keeps_stamps
            or known.told_names(self.role)
            or record.status != latest.attempt.status
            or record.modified_by in known.strangers
            or Stamp.parse(record.modified_by) is not None
            or not _by_time(record, operator.ge if same_author else operator.gt, before)
        ):
            return None
        return Comparison(
            Change.UNPROVEN,
            f"{self.org} shows {latest.attempt.status} as we sent it, under the name {record.modified_by!r}: "
            "in effect, author unproven",
            latest.attempt.number,
        )

    def by_reversion(self) -> Comparison | None:
        """A mirror that healed an old record over a new one."""
        known, record, other = self.known, self.record, self.role.other
        # Where there was no record, none went back to an older one, unless a person has said that there was none.
        was_there = self.expected is not None or self.role in known.reverted
        if not known.mirrors or not was_there or _since(record, known.began):
            return None
        stamp = Stamp.parse(record.modified_by)
        # A stamp's run may be of the same second as this one, on another machine, or may still be going on there.
        from_before = (
            stamp is not None
            and stamp.run[:_BEGAN] < known.run[:_BEGAN]
            and _by_time(record, operator.lt, self.expected)
        )
        older = older_than_ours(record, known) and _by_time(record, operator.le, self.expected)
        copied = older and self.is_among((*known.earlier.get(other, []), known.expected.get(other)))
        if not (from_before or copied):
            return None
        return Comparison(
            Change.REVERTED,
            f"{self.org} went back to a record from before this run: {self.words}; "
            "the mirror healed old over new",
        )

    def by_one_given_up(self) -> Comparison | None:
        """A write of an earlier run that was given up, and came after all."""
        attempt = next((each for each in self.known.given_up if each.fits(self.record)), None)
        if attempt is None:
            return None
        stamp = Stamp.parse(attempt.stamp)
        run = "an earlier run" if stamp is None else f"run {stamp.run}"
        what = f"{self.org}: attempt {attempt.number} of {run} ({attempt.status}), which had been given up, took effect late"
        if self.latest is None:
            return Comparison(Change.FOREIGN, what)
        over = self.latest.attempt.status
        change = Change.ECHO if over is attempt.status else Change.LATE
        return Comparison(change, f"{what}, over {over}")


def older_than_ours(record: HamrRecord, known: RunState) -> bool:
    """Whether a record is from before the first write of this run that was seen, by the servers' own times."""
    ours = [seen.modified_at for records in known.confirmed.values() for seen in records]
    times = [at for at in ours if at is not None]
    return not times or record.modified_at is None or record.modified_at < min(times)


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
    when = "at an unknown time" if record.modified_at is None else f"at {utc(record.modified_at)}"
    return f"{name} by {author(record.modified_by)} {when}"


def describe_newer(newer: HamrRecord, shown: HamrRecord | None) -> str:
    """The same of a record that is newer than the one that is shown, where the seconds do not tell that."""
    words, at = describe(newer), newer.modified_at
    if shown is None or shown.modified_at is None or at is None or shown.modified_at >= at:
        return words
    return f"{words}, a moment later" if utc(shown.modified_at) == utc(at) else words

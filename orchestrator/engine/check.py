"""Law 3 at work: what a look says, compared with what was last seen, and what is taken note of or stopped for."""

from __future__ import annotations

import enum

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.events import ChangeSeen, WriteConfirmed
from orchestrator.model.floor import Floors, floor_of
from orchestrator.model.playbook import Advances
from orchestrator.model.reading import NOT_OURS, Accepted, Change, Hampered, Lost, Reading
from orchestrator.model.run import Attempt, End, Mode, Stamp
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import author
from orchestrator.situation.compare import compare, describe, latest_sent, not_older, older_than_ours

from .context import Deadline, RunContext, Stopped, stopped
from .reader import PairReader

IN_EFFECT = frozenset({Change.OURS, Change.REFUSED, Change.ECHO, Change.UNPROVEN})
"""Changes by which a write is seen to have worked."""


class Unsettled(Struct, frozen=True):
    """An org that has to be read again before anything can be said."""

    role: Role
    change: Change
    reason: str


class Checker(Struct):
    """Compares each look with the run's state."""

    run: RunContext
    reader: PairReader

    def compare(self, reading: Reading) -> Comparison:
        """One org's reading, compared with what was last seen of it, the moves of a server included."""
        found = compare(self.run.pair, reading, self.run.state)
        if found.change is Change.FOREIGN and self._server_moved(reading):
            return Comparison(
                Change.SERVER, f"the server moved {self.run.pair[reading.role]} to {reading.status}"
            )
        return found

    def require_untouched(self, role: Role, status: Status) -> None:
        """An org that was dark all the time was never seen, so nothing tells its changes but their time.

        What somebody did there after the emergency had begun to write is not written over unasked.
        """
        reason = self.changed_unseen(role, status)
        if reason:
            raise self.ask_to_adopt(reason, role, role.other)

    def changed_unseen(self, role: Role, status: Status) -> str:
        """How somebody else has changed such an org, in words, which is told; "" where nobody has, or it shows the status."""
        pair, state, readings = self.run.pair, self.run.state, self.reader.readings
        record, other = readings[role].record, readings[role.other].record
        if record is None or record.status == status:
            return ""
        # Where the run wrote nothing, it went by what the other org had been told already.
        wrote = any(state.confirmed.values())
        before = older_than_ours(record, state) if wrote or other is None else not_older(other, record)
        if before:
            return ""
        stamp = Stamp.parse(record.modified_by)
        known = stamp is not None and stamp.run in self.run.known_runs
        if state.wrote(role, record) or state.is_ours(record.modified_by) or known:
            return ""
        reason = f"{pair[role]} was changed by somebody else while it was not seen: {describe(record)}"
        self.run.tell(ChangeSeen(role, Change.FOREIGN, reason, record, None))
        return reason

    def ask_to_adopt(self, reason: str, org: Role, truth: Role) -> Stopped:
        """What is raised where a person has to say which org is right."""
        pair = self.run.pair
        steps = (next_step.status(pair.name), next_step.adopt(pair.name, truth))
        return stopped(End.MOVED, reason, org=org, next_steps=steps, change=Change.FOREIGN)

    def _server_moved(self, reading: Reading) -> bool:
        """Whether the server made the move of a transition that says `advances: server`.

        It may leave the author as it was, or put a name of its own there; another run's stamp is another run's write. Once
        somebody else has changed the org, a move is none under their name, nor under one that was not there, nor from a write of before.
        """
        if reading.record is None:
            return False
        state, role = self.run.state, reading.role
        before = state.expected.get(role)
        if before is not None and reading.record.same_version(before):
            return False  # what was seen before is shown again, and no move of anybody's
        author = reading.record.modified_by
        stamp = Stamp.parse(author)
        kept = before is not None and before.modified_by == author
        anothers = stamp is not None and stamp.run != state.run
        if author in state.strangers or (not kept and (anothers or role in state.meddled)):
            return False
        froms = {Status.of(before.status) if before is not None else None}
        latest = latest_sent(role, state)
        if latest is not None and not latest.overtaken:
            froms.add(latest.attempt.status)
        return any(
            transition.advances is Advances.SERVER
            and reading.status is transition.target
            and transition.source in froms
            for transition in self.run.playbook.transitions
        )

    def _moved_on_from(self, role: Role, status: Status | None) -> int | None:
        """The attempt that nobody saw in effect, and must have been, since the server went on from its status."""
        for sent in reversed(self.run.state.sent):
            if sent.attempt.role is role and not sent.confirmed:
                moved = self.run.playbook.server_moves(sent.attempt.status) - {sent.attempt.status}
                return sent.attempt.number if status in moved else None
        return None

    def compare_both(
        self, readings: Both[Reading], *, stop_for: frozenset[Change] = NOT_OURS
    ) -> Both[Comparison]:
        """Both orgs' readings, compared; stops for a foreign, reverted or mislinked record, after it was journalled."""
        found = Both(self.compare(readings.primary), self.compare(readings.secondary))
        for role, comparison in found.items():
            if comparison.change in stop_for and role not in self.run.state.dead:
                raise self.stop_for(comparison, readings[role])
        return found

    def require_premise(self) -> None:
        """Of a new run: stop where an org does not stand where it is expected, or has changed since a person was shown it."""
        premise, pair = self.run.premise, self.run.pair
        if premise is None:
            return
        readings = self.reader.readings
        for role, now in readings.items():
            if premise.expect not in (None, now.status):
                shows = f"was not seen there: {now.reason}" if now.status is None else f"shows {now.status}"
                reason = f"the pair was expected at {premise.expect}, and {pair[role]} {shows}"
                raise stopped(End.MOVED, reason, next_steps=(next_step.status(pair.name),))
        for then in premise.shown or ():
            now = readings[then.role]
            if self.run.state.is_under_floor(now):
                continue  # what lags is named for that
            change = _change(then, now, premise.since)
            if change is not None:
                raise stopped(End.MOVED, f"{pair[then.role]} {change}", next_steps=(premise.again,))

    def stop_for_others(self, seen: Floors) -> None:
        """Of a new run: stop where somebody else wrote after what its journal had `seen`; late writes of its own runs are nobody else's."""
        run, pair = self.run, self.run.pair
        known = {role: floor for role in Role if (floor := floor_of(seen, pair[role].uuid)) is not None}
        names = {floor.record.modified_by for floor in known.values() if floor.ours}
        for role, floor in known.items():
            record = self.reader.readings[role].record
            if record is None or floor.is_above(record):
                continue
            stamp, again = Stamp.parse(record.modified_by), record.same_version(floor.record)
            ours = again or record.modified_by in names or (stamp is not None and stamp.run in run.known_runs)
            if ours and not floor.foreign:
                continue
            reason = f"{pair[role]} was changed by somebody else: {describe(record)}"
            if not again:
                run.tell(ChangeSeen(role, Change.FOREIGN, reason, record, floor.record))
            steps = (next_step.status(pair.name),)
            raise stopped(End.MOVED, reason, org=role, next_steps=steps, change=Change.FOREIGN)

    def stop_for(self, found: Comparison, reading: Reading) -> Stopped:
        """Journal a change that is not ours, and stop for it."""
        self._tell_of(found, reading)
        return stopped(End.MOVED, found.reason, org=reading.role, change=found.change)

    def take_in(self, readings: Both[Reading]) -> Unsettled | None:
        """Compare a look, take note of what is in order, and name the first org that must be read again."""
        return self.accept(readings, self.compare_both(readings))

    def accept(self, readings: Both[Reading], found: Both[Comparison]) -> Unsettled | None:
        """Take note of changes that are in order; name the first org that must be read again, and why."""
        again: Unsettled | None = None
        for role, comparison in found.items():
            if role in self.run.state.dead or comparison.change is Change.SAME:
                continue
            if comparison.change is Change.UNSEEN and self.reader.may_be_given_up(role):
                self.reader.give_up(comparison.reason)
            elif self._in_order(comparison, readings[role]):
                self.take_note(comparison, readings[role])
            else:
                again = again or Unsettled(role, comparison.change, self.why_again(role, comparison))
        return again

    def _in_order(self, found: Comparison, reading: Reading) -> bool:
        match found.change:
            case Change.ECHO | Change.LATE | Change.SERVER:
                return True
            case Change.OURS | Change.REFUSED | Change.UNPROVEN:
                return self.is_newer(reading)
            case _:
                return False

    def is_newer(self, reading: Reading) -> bool:
        """Law 4: a write is in effect only where its modified_at is not older than what was there before.

        A stamp is proof enough, whatever a region's clock says: none is used twice, so it was not there before.
        """
        role, record = reading.role, reading.record
        if record is None:
            return False
        own = (each.attempt for each in self.run.state.sent if each.attempt.role is role)
        if any(attempt.signed(record.modified_by) for attempt in own):
            return True
        return not_older(record, self.run.state.expected.get(role))

    def why_again(self, role: Role, comparison: Comparison) -> str:
        """Why an org that shows this is not taken at its word."""
        if comparison.change in IN_EFFECT:
            return (
                f"{self.run.pair[role]} shows our status with a time older than before: {comparison.reason}"
            )
        return comparison.reason

    def take_note(self, found: Comparison, reading: Reading) -> None:
        """Tell of a change that is in order: a write of ours that turned up is confirmed by it.

        So is one from which the server has moved on already.
        """
        role, record, status, attempt = reading.role, reading.record, reading.status, found.attempt
        confirms = found.change in (Change.OURS, Change.REFUSED, Change.UNPROVEN)
        if found.change is Change.SERVER:
            attempt = self._moved_on_from(role, status)
            confirms = attempt is not None
        if confirms and record is not None and status is not None:
            self.run.tell(WriteConfirmed(role, status, record, found.change, attempt))
        else:
            self._tell_of(found, reading)

    def _tell_of(self, found: Comparison, reading: Reading) -> None:
        role = reading.role
        before = self.run.state.expected.get(role)
        self.run.tell(ChangeSeen(role, found.change, found.reason, reading.record, before))

    def settle_unproven(self) -> None:
        """A record under another name was taken for ours after a lost answer; by now the server has shown how it names us.

        Where it keeps our stamps, or this org names us otherwise, that record was somebody else's, and the run stops. Once
        that was said, and the record is written over, a resumed run goes on.
        """
        state = self.run.state
        for role, taken in state.unproven.items():
            record, names = taken.record, state.told_names(role)
            if state.keeps_stamps:
                shows = "this server keeps our stamps"
            elif names and record.modified_by.casefold() not in {name.casefold() for name in names}:
                shows = f"this org shows our writes as by {' or '.join(sorted(names)) or 'nobody'}"
            else:
                continue
            shown = self.reader.readings[role].record
            told = record.modified_by in state.strangers
            if role in state.dead or (told and (shown is None or not shown.same_version(record))):
                continue
            reason = (
                f"{self.run.pair[role]} was taken for written by us ({describe(record)}), since an answer was lost; "
                f"{shows}, so somebody else wrote that"
            )
            self.run.tell(ChangeSeen(role, Change.FOREIGN, reason, record, record))
            raise stopped(End.MOVED, reason, org=role, change=Change.FOREIGN)

    def limit_late(self, reason: str) -> None:
        """Law 3: a late write of our own is put right once; the second one stops the run."""
        if len(self.run.state.late) > 1:
            raise stopped(
                End.MOVED,
                f"{reason}; it is the second late write of this run, so it is left as it is",
                change=Change.LATE,
            )

    def not_as_expected(self, unsettled: Unsettled) -> Stopped:
        """The stop for an org that could not be read as it has to be, in time."""
        role, reason = unsettled.role, unsettled.reason
        if unsettled.change is Change.STALE:
            return stopped(
                End.MOVED, f"{reason}: its reads lag, or it was put back", org=role, change=Change.STALE
            )
        if unsettled.change is Change.UNSEEN:
            sight = self.reader.readings[role].sight
            alone = self.run.state.mode is Mode.EMERGENCY
            needs = "an emergency needs its survivor" if alone else "a planned run needs both orgs"
            reason = f"{reason}; {sight.remedy if isinstance(sight, Hampered) else needs}"
        return stopped(self.run.refusal, reason, org=role)


class Seen(enum.Enum):
    """What reading back says of a write."""

    YES = "yes"
    NO = "no"
    SET_BACK = "set back by a late write of ours"


class WriteConfirmation(Struct):
    """Reads one write back until the org shows it, or the time is up."""

    run: RunContext
    reader: PairReader
    checker: Checker
    stranger: Stopped | None = None
    """The stop for somebody else's write on the other org, seen while the last write was looked for."""

    async def wait_for(self, attempt: Attempt, answer: Accepted | Lost, began: float) -> Seen:
        """Read both orgs until the written one shows the attempt, sent when `began` (monotonic), or the confirm time is up.

        What somebody else did to the other org meanwhile does not cut that short: first it has to be known what became
        of this write. `note_peer` stops for it.
        """
        role, self.stranger = attempt.role, None
        within = self.reader.deadline(role) or self.run.playbook.confirm.within.total_seconds()
        deadline = Deadline(within, self.run.clock)
        while True:
            readings = await self.reader.read_both("after write", journal=False)
            # The written org first: what its mirror carries over is told from a stranger's by what it shows.
            seen = self._settled(attempt, readings, began)
            self._watch_peer(role.other, readings)
            if seen is not Seen.NO:
                return seen
            hopeless = isinstance(answer, Lost) and self.reader.may_be_given_up(role)
            if deadline.over or hopeless or role in self.run.state.dead:
                return Seen.NO
            await self.run.wait_for(f"{self.run.pair[role]} to show {attempt.status}", deadline, role)

    def _settled(self, attempt: Attempt, readings: Both[Reading], began: float) -> Seen:
        """Whether the written org shows this attempt; tells so where it does."""
        role = attempt.role
        reading = readings[role]
        found = self.checker.compare(reading)
        if found.change in NOT_OURS and role not in self.run.state.dead:
            raise self.checker.stop_for(found, reading)
        if found.change is Change.LATE:
            self.checker.take_note(found, reading)
            self.checker.limit_late(found.reason)
            return Seen.SET_BACK
        record, status = reading.record, reading.status
        if record is None or status is None or status not in self.run.playbook.server_moves(attempt.status):
            return Seen.NO
        if found.change not in IN_EFFECT and found.change is not Change.SERVER:
            return Seen.NO
        if not self.checker.is_newer(reading):
            return Seen.NO
        seconds = self.run.clock.monotonic() - began
        number = found.attempt if found.attempt is not None else attempt.number
        self.run.tell(WriteConfirmed(role, status, record, found.change, number, seconds))
        return Seen.YES

    def _watch_peer(self, other: Role, readings: Both[Reading]) -> None:
        found = self.checker.compare(readings[other])
        if self.stranger is None and found.change in NOT_OURS and other not in self.run.state.dead:
            self.stranger = self.checker.stop_for(found, readings[other])

    def note_peer(self, attempt: Attempt) -> None:
        """What the looks for a write said of the other org: an echo is noted, somebody else's write stops the run."""
        if self.stranger is not None:
            raise self.stranger
        readings, other = self.reader.readings, attempt.role.other
        found = self.checker.compare(readings[other])
        if other not in self.run.state.dead and found.change in IN_EFFECT:
            self.checker.take_note(found, readings[other])


def _change(then: Reading, now: Reading, since: str) -> str | None:
    """How an org has changed since a moment, in words; None where it has not."""
    if then.record is not None and now.record is not None:
        changed = not now.record.same_version(then.record)
        return f"was changed since {since}, by {author(now.record.modified_by)}" if changed else None
    was, is_ = (type(reading.sight).__name__.lower() for reading in (then, now))
    return None if was == is_ else f"answered {was} when {since}, and {is_} now"

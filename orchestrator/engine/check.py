"""Law 3 at work: what a look says, compared with what was last seen, and what is taken note of or stopped for."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from orchestrator.model.events import ChangeSeen, Event, WriteConfirmed
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Advances, Playbook
from orchestrator.model.reading import Change, Reading
from orchestrator.model.run import End, Stamp
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.compare import compare, describe, latest_sent, not_older

from .look import Eyes
from .memory import Memory
from .stop import Stopped, stopped

IN_EFFECT = frozenset({Change.OURS, Change.REFUSED, Change.ECHO, Change.UNPROVEN})
"""Changes by which a write is seen to have worked."""

NOT_OURS = frozenset({Change.FOREIGN, Change.REVERTED, Change.MISLINKED})
"""Changes that stop a run: never write over them."""


class Unsettled(Struct, frozen=True):
    """An org that has to be read again before anything can be said."""

    role: Role
    change: Change
    reason: str


class Checker(Struct):
    """Compares each look with the run's memory."""

    pair: Pair
    playbook: Playbook
    eyes: Eyes
    memory: Memory
    tell: Callable[[Event], None]

    def compare(self, reading: Reading) -> Comparison:
        """One org's reading, compared with what was last seen of it, the moves of a server included."""
        found = compare(self.pair, reading, self.memory.known())
        if found.change is Change.FOREIGN and self._server_moved(reading):
            return Comparison(
                Change.SERVER, f"the server moved {self.pair[reading.role]} to {reading.status}"
            )
        return found

    def _server_moved(self, reading: Reading) -> bool:
        """Whether the server made the move of a transition that says `advances: server`.

        It may leave the author as it was, or put a name of its own there; another run's stamp is another run's write. Once
        somebody else has changed the org, a move is none under their name, nor under one that was not there, nor from a write of before.
        """
        if reading.record is None:
            return False
        before = self.memory.expected.get(reading.role)
        author = reading.record.modified_by
        stamp = Stamp.parse(author)
        kept = before is not None and before.modified_by == author
        anothers = stamp is not None and stamp.run != self.memory.run
        if author in self.memory.strangers or (
            not kept and (anothers or reading.role in self.memory.meddled)
        ):
            return False
        froms = {Status.of(before.status) if before is not None else None}
        latest = latest_sent(reading.role, self.memory.known())
        if latest is not None and not latest.overtaken:
            froms.add(latest.attempt.status)
        return any(
            transition.advances is Advances.SERVER
            and reading.status is transition.target
            and transition.source in froms
            for transition in self.playbook.transitions
        )

    def _moved_on_from(self, role: Role, status: Status | None) -> int | None:
        """The attempt that nobody saw in effect, and must have been, since the server went on from its status."""
        for sent in reversed(self.memory.sent):
            if sent.attempt.role is role and not sent.confirmed:
                moved = self.playbook.server_moves(sent.attempt.status) - {sent.attempt.status}
                return sent.attempt.number if status in moved else None
        return None

    def compare_both(
        self, readings: Both[Reading], *, stop_for: frozenset[Change] = NOT_OURS
    ) -> Both[Comparison]:
        """Both orgs' readings, compared.

        Raises:
            Stopped: a foreign, reverted or mislinked record, after it was journalled.
        """
        found = Both(self.compare(readings.primary), self.compare(readings.secondary))
        for role, comparison in found.items():
            if comparison.change in stop_for and role not in self.memory.dead:
                raise self.stop_for(role, comparison, readings[role])
        return found

    def stop_for(self, role: Role, comparison: Comparison, reading: Reading) -> Stopped:
        """Journal a change that is not ours, and stop for it."""
        self.tell(self.seen(role, comparison, reading))
        return stopped(End.MOVED, comparison.reason, org=role, change=comparison.change)

    def take_in(self, readings: Both[Reading], *, stop_for: frozenset[Change] = NOT_OURS) -> Unsettled | None:
        """Compare a look, take note of what is in order, and name the first org that must be read again.

        Raises:
            Stopped: somebody else wrote.
        """
        return self.accept(readings, self.compare_both(readings, stop_for=stop_for))

    def accept(self, readings: Both[Reading], found: Both[Comparison]) -> Unsettled | None:
        """Take note of changes that are in order; name the first org that must be read again, and why."""
        again: Unsettled | None = None
        for role, comparison in found.items():
            if role in self.memory.dead or comparison.change is Change.SAME:
                continue
            if comparison.change is Change.UNSEEN and self.eyes.may_be_given_up(role):
                self.eyes.give_up(comparison.reason)
            elif self._in_order(role, comparison, readings[role]):
                self.take_note(role, comparison, readings[role])
            else:
                again = again or Unsettled(role, comparison.change, self.why_again(role, comparison))
        return again

    def _in_order(self, role: Role, comparison: Comparison, reading: Reading) -> bool:
        match comparison.change:
            case Change.ECHO | Change.LATE | Change.SERVER:
                return True
            case Change.OURS | Change.REFUSED | Change.UNPROVEN:
                return self.is_newer(role, reading, comparison)
            case _:
                return False

    def is_newer(self, role: Role, reading: Reading, found: Comparison) -> bool:
        """Law 4: a write is in effect only where its modified_at is not older than what was there before.

        A stamp is proof enough, whatever a region's clock says: none is used twice, so it was not there before.
        """
        record = reading.record
        if record is None:
            return False
        sent = (each.attempt for each in self.memory.sent if each.attempt.number == found.attempt)
        if any(attempt.role is role and attempt.signed(record.modified_by) for attempt in sent):
            return True
        return not_older(record, self.memory.expected.get(role))

    def why_again(self, role: Role, comparison: Comparison) -> str:
        """Why an org that shows this is not taken at its word."""
        if comparison.change in IN_EFFECT:
            return f"{self.pair[role]} shows our status with a time older than before: {comparison.reason}"
        return comparison.reason

    def take_note(self, role: Role, comparison: Comparison, reading: Reading) -> None:
        """Tell of a change that is in order: a write of ours that turned up is confirmed by it.

        So is one from which the server has moved on already.
        """
        record, status, attempt = reading.record, reading.status, comparison.attempt
        confirms = comparison.change in (Change.OURS, Change.REFUSED, Change.UNPROVEN)
        if comparison.change is Change.SERVER:
            attempt = self._moved_on_from(role, status)
            confirms = attempt is not None
        if confirms and record is not None and status is not None:
            self.tell(WriteConfirmed(role, status, record, comparison.change, attempt))
        else:
            self.tell(self.seen(role, comparison, reading))

    def seen(self, role: Role, comparison: Comparison, reading: Reading) -> ChangeSeen:
        """The event that says how a record was not as last seen."""
        return ChangeSeen(
            role, comparison.change, comparison.reason, reading.record, self.memory.expected.get(role)
        )

    def settle_unproven(self) -> None:
        """A record under another name was taken for ours after a lost answer; by now the server has shown how it names us.

        Once that was said, and the record is written over, a resumed run goes on.

        Raises:
            Stopped: it keeps our stamps, so that record was somebody else's.
        """
        if not self.memory.known().keeps_stamps:
            return
        for role, record in self.memory.unproven.items():
            shown = self.eyes.last_look()[role].record
            told = record.modified_by in self.memory.strangers
            if role in self.memory.dead or (told and (shown is None or not shown.same_version(record))):
                continue
            reason = (
                f"{self.pair[role]} was taken for written by us ({describe(record)}), since an answer was lost; "
                "this server keeps our stamps, so somebody else wrote that"
            )
            self.tell(ChangeSeen(role, Change.FOREIGN, reason, record, record))
            raise stopped(End.MOVED, reason, org=role, change=Change.FOREIGN)

    def limit_late(self, reason: str) -> None:
        """Law 3: a late write of our own is put right once.

        Raises:
            Stopped: this is the second one.
        """
        if len(self.memory.late) > 1:
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
        end = End.INCOMPLETE if self.memory.intended else End.REFUSED
        if unsettled.change is Change.UNSEEN:
            reason = f"{reason}; a planned run needs both orgs"
        return stopped(end, reason, org=role)

"""Beginning where an earlier process stopped: what is read is settled with what the journal last saw (law 7)."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.events import ChangeSeen, Waiting, WriteUnknown
from orchestrator.model.floor import floor_of
from orchestrator.model.playbook import Transition
from orchestrator.model.reading import NOT_OURS, Change, HamrRecord, Reading
from orchestrator.model.run import Attempt, End, Stamp
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Both, Role

from .check import IN_EFFECT, Checker
from .context import RunContext, stopped
from .reader import PairReader
from .writer import Writer

_OLD = frozenset({Change.STALE, Change.REVERTED})

_STOPS_AT_ONCE = NOT_OURS - _OLD


class Reconciler(Struct):
    """Law 3 from the first look on: what the journal last saw is what is expected."""

    run: RunContext
    reader: PairReader
    checker: Checker
    writer: Writer

    async def reconcile(self, *, restoring: bool = False) -> frozenset[Role]:
        """Read until nothing is in flight any more and no org shows an old record, or the confirm time is up.

        A write that was in flight when the run stopped may still take effect, so it is looked for until the
        confirm time since its intent is up. An old record that stays stops the run, unless it is `restoring`:
        about to write our newer status once more, over what a mirror brought back.

        Returns the orgs that stand reverted.
        """
        run = self.run
        deadline, began = run.confirm_deadline(), run.clock.monotonic()
        flown = self._flown()
        while True:
            readings = self.reader.readings
            self._take_in_flight(readings)
            found = self.checker.compare_both(readings, stop_for=_STOPS_AT_ONCE)
            self.checker.accept(readings, found)
            old, flying = self._old(found), self._awaited()
            if old:
                org, what, left = old[0], f"another answer ({found[old[0]].reason})", deadline.left
            elif flying is not None:
                org, left = flying.role, flown - (run.clock.monotonic() - began)
                what = f"{run.pair[org]} to show {flying.status}, sent before the run stopped"
            else:
                break
            if left <= 0:
                break
            run.tell(Waiting(what, left, org))
            run.may_go_on()
            await self._read_on()
        for role in old:
            self._take(role, found[role], readings[role], restoring=restoring)
        await self.writer.repair()
        self._give_up_what_nobody_saw()
        return frozenset(run.state.reverted)

    async def outwait_lag(self) -> None:
        """Of a new run: read until no org shows less than what the journal has seen of it, or the confirm time is up."""
        run, reader = self.run, self.reader
        deadline = run.confirm_deadline()
        while old := [
            role
            for role, reading in reader.readings.items()
            if role not in run.state.dead and run.state.is_under_floor(reading)
        ]:
            reading = reader.readings[old[0]]
            found = self.checker.compare(reading)
            if deadline.over:
                self._take(old[0], found, reading, restoring=False)
                continue
            run.may_go_on()
            run.tell(Waiting(f"another answer ({found.reason})", deadline.left, old[0]))
            await self._read_on()

    async def _read_on(self) -> None:
        await self.run.pause()
        await self.reader.read_both("confirm", journal=False, once=False)

    def _give_up_what_nobody_saw(self) -> None:
        """Say of a write of an earlier process, which no reading has shown in all its time, that nobody knows of it."""
        attempt, state = self._awaited(), self.run.state
        if attempt is not None and attempt not in state.unknown:
            reason = "its process died, and no reading has shown it within the confirm time"
            self.run.tell(WriteUnknown(attempt, reason))

    def _old(self, found: Both[Comparison]) -> list[Role]:
        """The orgs that show an old record: a write of ours, too, where its time leaves it below what was seen there."""
        state, readings = self.run.state, self.reader.readings
        return [
            role
            for role in Role
            if role not in state.dead and (found[role].change in _OLD or state.is_under_floor(readings[role]))
        ]

    def _awaited(self) -> Attempt | None:
        """The write of an earlier process that nobody has seen yet, but for one to the org that an emergency does without."""
        attempt = self.run.state.outstanding()
        return None if attempt is None or self.reader.may_be_given_up(attempt.role) else attempt

    def _take_in_flight(self, readings: Both[Reading]) -> None:
        """The written org first: what its mirror carries over is told from a stranger's by what it shows."""
        sent = self.run.state.outstanding()
        if sent is None:
            return
        reading = readings[sent.role]
        found = self.checker.compare(reading)
        if found.change in IN_EFFECT and self.checker.is_newer(reading):
            self.checker.take_note(found, reading)

    def _flown(self) -> float:
        """Seconds for which that write may still be on its way.

        Counted by the org's own clock, from when it was intended: two machines' clocks may be days apart. Where the org
        does not tell the time, the whole confirm time is waited.
        """
        attempt = self._awaited()
        within = self.run.playbook.confirm.within.total_seconds()
        if attempt is None:
            return 0.0
        now = self.reader.readings[attempt.role].exchange.server_date
        then = self.run.state.intent_dates.get(attempt.number)
        # Date has whole seconds: less by one, so that nothing is called over too soon.
        gone = 0.0 if now is None or then is None else (now - then).total_seconds() - 1
        return within - max(0.0, gone)

    def _take(self, role: Role, comparison: Comparison, reading: Reading, *, restoring: bool) -> None:
        run, state = self.run, self.run.state
        floor = floor_of(state.floors, run.pair[role].uuid)
        newest = state.expected.get(role) if floor is None else floor.record
        ours = (floor is not None and floor.ours) or (newest is not None and self._ours(newest))
        healed = restoring and ours and self._copied(role, reading)
        old = self.checker.why_again(role, comparison)
        if not (run.old_is_true or healed):
            if comparison.change is Change.STALE and not state.is_under_floor(reading):
                # Not older than what was seen: it may as well have been written over somebody else's, as a person can tell.
                raise stopped(End.MOVED, f"{old}, and it stays so", org=role, change=Change.FOREIGN)
            raise stopped(
                End.MOVED if state.intended else End.REFUSED,
                change=comparison.change if comparison.change in _OLD else Change.STALE,
                message=f"{old}, and it stays so: its reads lag, or it was put back (reverted). If it was put "
                "back, --override reverted=REASON goes on from it",
                org=role,
                next_steps=(next_step.watch(run.pair.name), run.command.overriding("reverted")),
            )
        reason = f"{old}; it stays so, and the run goes on from it"
        run.tell(ChangeSeen(role, Change.REVERTED, reason, reading.record, newest, accepted=True))
        if run.old_is_true and comparison.change in IN_EFFECT:
            self.checker.take_note(comparison, reading)  # so our write is in effect

    def _copied(self, role: Role, reading: Reading) -> bool:
        """Whether both orgs show the very same record: that is a mirror's doing, where replicas that lag differ."""
        record, other = reading.record, self.reader.readings[role.other].record
        return record is not None and other is not None and record.same_version(other)

    def _ours(self, record: HamrRecord) -> bool:
        """Whether a run of hamr wrote it: what a stranger wrote is never taken for healed away."""
        author = record.modified_by
        return Stamp.parse(author) is not None or self.run.state.is_ours(author)

    def half_made(self) -> Transition | None:
        """The transition that the journal says was under way, where one org shows its target by a write of ours and the other its source.

        The orgs' clocks may differ, so the times of their records can't always tell; the journal can.
        """
        state, readings, transition = self.run.state, self.reader.readings, self.run.under_way
        if transition is None:
            return None
        arrived = self.run.playbook.server_moves(transition.target)
        done = [role for role in Role if readings[role].status in arrived]
        if len(done) != 1 or readings[done[0].other].status is not transition.source:
            return None
        wrote = state.wrote(done[0], readings[done[0]].record)
        # A server that puts no times may move on to a record as it was seen before: a person has said that it is the present one.
        said = done[0] in state.reverted and state.told(done[0]) is transition.target
        return transition if wrote or said else None

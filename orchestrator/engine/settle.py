"""Beginning where an earlier process stopped: what is read is settled with what the journal last saw (law 7)."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.events import ChangeSeen, Waiting, WriteUnknown
from orchestrator.model.floor import floor_of
from orchestrator.model.playbook import Transition
from orchestrator.model.reading import Change, HamrRecord, Reading
from orchestrator.model.run import Attempt, End, Stamp
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import override_flag
from orchestrator.situation import commands

from .check import IN_EFFECT, NOT_OURS
from .stop import stopped
from .writer import Writer

_OLD = frozenset({Change.STALE, Change.REVERTED})

_STOPS_AT_ONCE = NOT_OURS - _OLD


class Settling(Struct):
    """Law 3 from the first look on: what the journal last saw is what is expected."""

    writer: Writer
    command: str
    """What this run was begun or taken up with: with the override, it goes on from an old record."""
    old_is_true: bool = False
    """Whether a person said so (`--override reverted=REASON`)."""

    async def settle(self, *, restoring: bool = False) -> frozenset[Role]:
        """Read until nothing is in flight any more and no org shows an old record, or the confirm time is up.

        A write that was in flight when the run stopped may still take effect, so it is looked for until the
        confirm time since its intent is up.

        Args:
            restoring: our newer status is about to be written once more over an old record that stays, to an org that
                was left out of an emergency, or by its mirror. Otherwise an old record that stays stops the run.

        Returns:
            The orgs that stand reverted, by this process or by an earlier one that died right then.

        Raises:
            Stopped: somebody else wrote, or an org keeps showing an old record.
        """
        writer = self.writer
        patience, began = writer.waits.patience(), writer.clock.monotonic()
        flown = self._flown()
        while True:
            readings = writer.eyes.last_look()
            found = writer.checker.compare_both(readings, stop_for=_STOPS_AT_ONCE)
            writer.checker.accept(readings, found)
            old = self._old(found)
            if old:
                left = patience.left
            else:
                left = flown - (writer.clock.monotonic() - began) if self._in_flight() else 0.0
            if left <= 0:
                break
            self._say(found, old, left)
            writer.may_go_on()
            await writer.waits.pause()
            await writer.eyes.look("confirm", journal=False, once=False)
        for role in old:
            self._take(role, found[role], readings[role], restoring=restoring)
        await writer.repair()
        self._give_up_what_nobody_saw()
        return frozenset(writer.memory.reverted)

    async def outwait_lag(self) -> None:
        """Of a new run: read until no org shows less than what the journal has seen of it, or the confirm time is up.

        Raises:
            Stopped: an org keeps showing an old record, and nobody said that this is the truth.
        """
        writer, memory = self.writer, self.writer.memory
        patience = writer.waits.patience()
        while old := [
            role
            for role, reading in writer.eyes.last_look().items()
            if role not in memory.dead and memory.is_under_floor(reading)
        ]:
            reading = writer.eyes.last_look()[old[0]]
            found = writer.checker.compare(reading)
            if patience.over:
                self._take(old[0], found, reading, restoring=False)
                continue
            writer.may_go_on()
            writer.tell(Waiting(f"another answer ({found.reason})", patience.left, old[0]))
            await writer.waits.pause()
            await writer.eyes.look("confirm", journal=False, once=False)

    def _give_up_what_nobody_saw(self) -> None:
        """Say of a write of an earlier process, which no reading has shown in all its time, that nobody knows of it."""
        attempt, memory = self._in_flight(), self.writer.memory
        if attempt is not None and attempt not in memory.unknown:
            reason = "its process died, and no reading has shown it within the confirm time"
            self.writer.tell(WriteUnknown(attempt, reason))

    def _old(self, found: Both[Comparison]) -> list[Role]:
        """The orgs that show an old record: a write of ours, too, where its time leaves it below what was seen there."""
        memory, readings = self.writer.memory, self.writer.eyes.last_look()
        return [
            role
            for role in Role
            if role not in memory.dead
            and (found[role].change in _OLD or memory.is_under_floor(readings[role]))
        ]

    def _in_flight(self) -> Attempt | None:
        """The write of an earlier process that nobody has seen yet."""
        memory = self.writer.memory
        outstanding = memory.outstanding()
        if outstanding is None or outstanding.role in memory.dead or outstanding.number > memory.recalled:
            return None
        return outstanding

    def _flown(self) -> float:
        """Seconds for which that write may still be on its way.

        Counted by the org's own clock, from when it was intended: two machines' clocks may be days apart. Where the org
        does not tell the time, the whole confirm time is waited.
        """
        memory, attempt = self.writer.memory, self._in_flight()
        within = self.writer.playbook.confirm.within.total_seconds()
        if attempt is None:
            return 0.0
        now = self.writer.eyes.last_look()[attempt.role].exchange.server_date
        then = memory.intent_dates.get(attempt.number)
        # Date has whole seconds: less by one, so that nothing is called over too soon.
        gone = 0.0 if now is None or then is None else (now - then).total_seconds() - 1
        return within - max(0.0, gone)

    def _say(self, found: Both[Comparison], old: list[Role], left: float) -> None:
        outstanding = self.writer.memory.outstanding()
        if old:
            waiting = Waiting(f"another answer ({found[old[0]].reason})", left, old[0])
        elif outstanding is not None:
            who = self.writer.pair[outstanding.role]
            waiting = Waiting(
                f"{who} to show {outstanding.status}, sent before the run stopped", left, outstanding.role
            )
        else:
            return
        self.writer.tell(waiting)

    def _take(self, role: Role, comparison: Comparison, reading: Reading, *, restoring: bool) -> None:
        memory, pair = self.writer.memory, self.writer.pair
        floor = floor_of(memory.floors, pair[role].uuid)
        newest = memory.expected.get(role) if floor is None else floor.record
        ours = (floor is not None and floor.ours) or (newest is not None and self._ours(newest))
        healed = restoring and ours and self._copied(role, reading)
        old = self.writer.checker.why_again(role, comparison)
        if not (self.old_is_true or healed):
            end = End.MOVED if memory.intended else End.REFUSED
            raise stopped(
                end,
                change=comparison.change if comparison.change in _OLD else Change.STALE,
                message=f"{old}, and it stays so: its reads lag, or it was put back (reverted). If it was put "
                "back, --override reverted=REASON goes on from it",
                org=role,
                next_steps=(
                    commands.watch(pair),
                    f"{self.command} {override_flag('reverted')}",
                ),
            )
        reason = f"{old}; it stays so, and the run goes on from it"
        self.writer.tell(ChangeSeen(role, Change.REVERTED, reason, reading.record, newest, accepted=True))
        if self.old_is_true and comparison.change in IN_EFFECT:
            self.writer.checker.take_note(role, comparison, reading)  # so our write is in effect

    def _copied(self, role: Role, reading: Reading) -> bool:
        """Whether both orgs show the very same record: that is a mirror's doing, where replicas that lag differ."""
        record, other = reading.record, self.writer.eyes.last_look()[role.other].record
        return record is not None and other is not None and record.same_version(other)

    def _ours(self, record: HamrRecord) -> bool:
        """Whether a run of hamr wrote it: what a stranger wrote is never taken for healed away."""
        author = record.modified_by
        return Stamp.parse(author) is not None or self.writer.memory.known().is_ours(author)

    def half_made(self) -> Transition | None:
        """The transition that the journal says was under way, where one org shows its target by a write of ours and the other its source.

        The orgs' clocks may differ, so the times of their records can't always tell; the journal can.
        """
        memory, readings = self.writer.memory, self.writer.eyes.last_look()
        transition = (
            self.writer.playbook.transition(memory.transition.transition)
            if memory.transition is not None
            else None
        )
        if transition is None:
            return None
        arrived = self.writer.playbook.server_moves(transition.target)
        done = [role for role in Role if readings[role].status in arrived]
        if len(done) != 1 or readings[done[0].other].status is not transition.source:
            return None
        told = memory.wrote(done[0], readings[done[0]].record)
        # A server that puts no times may move on to a record as it was seen before: a person has said that it is the present one.
        said = done[0] in memory.reverted and self.told(done[0]) is transition.target
        return transition if told or said else None

    def told(self, role: Role) -> Status | None:
        """The status that an org was last seen to have from this run, or None."""
        confirmed = self.writer.memory.confirmed[role]
        return Status.of(confirmed[-1].status) if confirmed else None

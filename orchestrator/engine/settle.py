"""Beginning where an earlier process stopped: what is read is settled with what the journal last saw (law 7)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.model.events import Waiting
from orchestrator.model.playbook import Row
from orchestrator.model.reading import Reading
from orchestrator.model.run import End
from orchestrator.model.situation import Change, Comparison
from orchestrator.model.status import Both, Role, Status

from .check import NOT_OURS
from .stop import stopped
from .writer import Writer

_OLD = frozenset({Change.STALE, Change.REVERTED})


@dataclass(slots=True)
class Settling:
    """Law 3 from the first look on: what the journal last saw is what is expected."""

    writer: Writer

    async def settle(self, *, take_reverted: bool) -> frozenset[Role]:
        """Read until nothing is in flight any more and no org shows an old record, or the confirm time is up.

        A write that was in flight when the run stopped may still take effect, so it is looked for until the
        confirm time since its intent is up.

        Args:
            take_reverted: go on from an old record that stays: a mirror healed it over a newer one, and somebody
                resumed this run knowing that. Otherwise it stops the run.

        Returns:
            The orgs that stand reverted, by this process or by an earlier one that died right then.

        Raises:
            Stopped: somebody else wrote, or an org keeps showing an old record.
        """
        writer = self.writer
        patience = writer.waits.patience()
        stop_for = NOT_OURS - {Change.REVERTED} if take_reverted else NOT_OURS
        while True:
            readings = writer.eyes.last_look()
            found = writer.checker.compare_both(readings, stop_for=stop_for)
            writer.checker.accept(readings, found)
            old = self._old(found)
            left = patience.left if old else min(patience.left, self._in_flight())
            if left <= 0:
                break
            self._say(found, old, left)
            writer.may_go_on()
            await writer.waits.pause()
            await writer.eyes.look("confirm", journal=False)
        for role in old:
            self._take(role, found[role], readings[role], take_reverted=take_reverted)
        await writer.repair()
        return frozenset(writer.memory.reverted)

    def _old(self, found: Both[Comparison]) -> list[Role]:
        dead = self.writer.memory.dead
        return [role for role in Role if found[role].change in _OLD and role not in dead]

    def _in_flight(self) -> float:
        """Seconds for which a write that nobody has seen yet is still waited for."""
        memory = self.writer.memory
        outstanding, intended_at = memory.outstanding(), memory.last_intent_at
        if outstanding is None or intended_at is None or outstanding.role in memory.dead:
            return 0.0
        within = self.writer.playbook.confirm.within
        return (intended_at + within - self.writer.clock.now()).total_seconds()

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

    def _take(self, role: Role, comparison: Comparison, reading: Reading, *, take_reverted: bool) -> None:
        if not take_reverted or reading.record is None:
            raise stopped(End.MOVED, f"{comparison.reason}, and it stays so", org=role)
        reverted = Comparison(
            Change.REVERTED, f"{comparison.reason}; it stays so, and the run goes on from it"
        )
        self.writer.tell(replace(self.writer.checker.seen(role, reverted, reading), accepted=True))

    def half_made(self) -> Row | None:
        """The row that the journal says was under way, where one org shows its target by a write of ours and the other its source.

        The orgs' clocks may differ, so the times of their records can't always tell; the journal can.
        """
        memory, readings = self.writer.memory, self.writer.eyes.last_look()
        row = self.writer.playbook.row(memory.row.row) if memory.row is not None else None
        if row is None:
            return None
        arrived = self.writer.playbook.server_moves(row.target)
        done = [role for role in Role if readings[role].status in arrived]
        if len(done) != 1 or readings[done[0].other].status is not row.source:
            return None
        return row if memory.wrote(done[0], readings[done[0]].record) else None

    def told(self, role: Role) -> Status | None:
        """The status that an org was last seen to have from this run, or None."""
        confirmed = self.writer.memory.confirmed[role]
        return Status.of(confirmed[-1].status) if confirmed else None

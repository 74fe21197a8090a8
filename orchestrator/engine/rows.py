"""One row, exactly: its guards, its coordinated writes, and waiting until both orgs show its target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.model.events import (
    Event,
    GuardOverridden,
    GuardsJudged,
    GuardWaived,
    MirrorFound,
    OwedSettled,
    RowIntended,
    RowMade,
    RowRefused,
    Waiting,
    WriteOwed,
)
from orchestrator.model.guard import Verdict
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Advances, Row
from orchestrator.model.reading import Reading
from orchestrator.model.run import End, Mode
from orchestrator.model.situation import Change
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.guards import judge_row
from orchestrator.situation.invariants import prefix_trouble

from .gate import Decision, Gate
from .look import Eyes
from .memory import Memory
from .stop import Stopped, stopped
from .writer import Writer

MIRROR_POLL = 0.25
"""Seconds between two looks while finding out whether a pair mirrors."""


@dataclass(slots=True)
class Rows:
    """Makes rows; the machine says which."""

    writer: Writer
    eyes: Eyes
    memory: Memory
    gate: Gate
    tell: Callable[[Event], None]
    half_done: str = ""
    """The row that was entered with a write of it already in effect."""
    taken_as_is: set[Role] = field(default_factory=set)
    """Orgs that stood at the half-done row's target when the run began."""
    decisions: list[tuple[Row, Decision]] = field(default_factory=list)
    """What became of each row's guards, in order."""
    began: float = 0.0
    written: int = 0

    async def admit(self, row: Row) -> bool:
        """The machine's one condition: every guard is judged, and every verdict is kept."""
        if not self.eyes.fresh_enough():
            await self.eyes.look("row")
        self.writer.compare_both(self._last())
        situation = self.eyes.situation()
        verdicts = judge_row(row, self.writer.playbook, situation)
        half_done = row.name == self.half_done
        self.tell(GuardsJudged(row.name, verdicts, binding=not half_done))
        decision = self.gate.decide(
            verdicts, half_done=half_done, mode=self.memory.mode, survivor=self.eyes.survivor
        )
        self.decisions.append((row, decision))
        for verdict, reason in decision.overridden:
            self.tell(GuardOverridden(row.name, verdict, reason))
        for verdict in decision.waived:
            self.tell(GuardWaived(row.name, verdict))
        if not decision.go:
            self.tell(RowRefused(row.name, tuple(verdict.guard for verdict in decision.refused_by)))
        return decision.go

    def refused_by(self) -> tuple[Verdict, ...]:
        """The verdicts that refused the last row that was judged."""
        return self.decisions[-1][1].refused_by if self.decisions else ()

    def intend(self, row: Row) -> None:
        """Before the state changes: the intent, durably."""
        self.began, self.written = self.writer.clock.monotonic(), self.memory.attempts
        self.writer.may_go_on()
        self.tell(RowIntended(row.name, row.source, row.target))

    async def make(self, row: Row) -> None:
        """The coordinated writes, and waiting until the row is done."""
        if row.advances is Advances.SERVER:
            await self._until_both(row)
        elif self.memory.mode is Mode.EMERGENCY and row.survivor is not None:
            await self._with_survivor(row, row.survivor)
        else:
            await self._with_both(row)

    def arrive(self, row: Row) -> None:
        """After the state changed: the arrival."""
        seconds = self.writer.clock.monotonic() - self.began
        self.tell(RowMade(row.name, row.source, row.target, seconds, self.memory.attempts - self.written))
        self.half_done, self.taken_as_is = "", set()

    async def _with_both(self, row: Row) -> None:
        for role in row.writes:
            if self._is_there(role, row.target) or (self.memory.mirrors and self._one_is_there(row)):
                continue
            self._check_prefix(row, role)
            await self.writer.write(role, row.target, row=row.name)
            await self._find_mirror(role)
        await self._until_both(row)

    def _one_is_there(self, row: Row) -> bool:
        """On a pair that mirrors one write is enough: writing the other side too can set the first one back."""
        return any(self._is_there(role, row.target) for role in Role)

    async def _with_survivor(self, row: Row, survivor: Role) -> None:
        other = survivor.other
        if not self._is_there(survivor, row.target):
            self._check_prefix(row, survivor)
            await self.writer.write(survivor, row.target, row=row.name)
        if other not in self.memory.dead:
            await self._try_other(row, other)
        if other in self.memory.dead:
            self.tell(WriteOwed(other, row.target, f"not seen in this emergency; it is owed {row.target}"))
        elif other in self.memory.owed:
            self.tell(OwedSettled(other, row.target, "void"))

    async def _try_other(self, row: Row, other: Role) -> None:
        """The other org of an emergency, while it lives: one try under its short deadline, never stopping the run."""
        try:
            if not self._is_there(other, row.target):
                if self.memory.mirrors:
                    await self._until_both(row)
                else:
                    await self.writer.write(other, row.target, row=row.name)
                    await self._until_both(row)
        except Stopped as stop:
            if stop.ending.end not in (End.INCOMPLETE, End.REFUSED, End.UNKNOWN):
                raise
            self.eyes.give_up(stop.ending.message)

    def _check_prefix(self, row: Row, role: Role) -> None:
        """Law 11, at every write."""
        readings = self._last()
        unseen = role.other if self.memory.mode is Mode.EMERGENCY else None
        trouble = prefix_trouble(
            self.writer.pair,
            self.writer.playbook,
            row,
            Both(readings.primary.status, readings.secondary.status),
            role,
            unseen=unseen,
        )
        if trouble is not None:
            raise stopped(End.INCOMPLETE if self.memory.intended else End.REFUSED, trouble, org=role)

    def _is_there(self, role: Role, status: Status) -> bool:
        """Whether an org shows a status, by a write of ours, an echo, or from before a half-done row was entered."""
        reading = self._last()[role]
        if reading.status is not status:
            return False
        return role in self.taken_as_is or self.memory.wrote(role, reading.record)

    async def _find_mirror(self, role: Role) -> None:
        """After the first confirmed write of a pair that says `mirrors: auto`: wait once for an echo."""
        if self.memory.mirrors is not None or self.writer.pair.mirrors is not Mirrors.AUTO:
            return
        clock, other = self.writer.clock, role.other
        began = clock.monotonic()
        wait = self.writer.playbook.mirror_wait.total_seconds()
        while True:
            reading = self._last()[other]
            if reading.record is not None and self.memory.wrote(other, reading.record):
                self.tell(MirrorFound(True, clock.monotonic() - began))
                return
            left = wait - (clock.monotonic() - began)
            if left <= 0:
                self.tell(MirrorFound(False, clock.monotonic() - began))
                return
            self.tell(Waiting(f"an echo in {self.writer.pair[other]} (does this pair mirror?)", left, other))
            await clock.sleep(min(MIRROR_POLL, left))
            found = self.writer.compare_both(await self.eyes.look("mirror", journal=False))
            self.writer.accept(self._last(), found)

    async def _until_both(self, row: Row) -> None:
        """A row is done when both orgs show its target."""
        clock = self.writer.clock
        limit = self.writer.playbook.confirm.within.total_seconds()
        if self.memory.mode is Mode.EMERGENCY:
            limit = min(limit, self.writer.playbook.emergency_deadline.total_seconds())
        began = clock.monotonic()
        arrived = self.writer.playbook.server_moves(row.target)
        while True:
            missing = [role for role in Role if self._last()[role].status not in arrived]
            if not missing:
                return
            left = limit - (clock.monotonic() - began)
            if left <= 0:
                raise self._never_arrived(row, missing[0])
            self.writer.may_go_on()
            who = " and ".join(str(self.writer.pair[role]) for role in missing)
            self.tell(Waiting(f"{who} to show {row.target}", left, missing[0]))
            await self.writer.pause()
            found = self.writer.compare_both(await self.eyes.look("confirm", journal=False))
            self.writer.accept(self._last(), found)
            if any(comparison.change is Change.LATE for comparison in found):
                raise stopped(End.INCOMPLETE, "a late write of ours set an org back; resume puts it right")

    def _never_arrived(self, row: Row, role: Role) -> Stopped:
        shows = self._last()[role].status
        org = self.writer.pair[role]
        within = self.writer.playbook.confirm.within.total_seconds()
        if row.advances is Advances.SERVER:
            hint = f"row {row.name} waits for the server to make this move"
        elif self.memory.mirrors:
            hint = "the inventory or this run found that this pair mirrors, so it was not written itself"
        else:
            hint = f"row {row.name} writes {', '.join(str(role) for role in row.writes)} alone"
        return stopped(
            End.INCOMPLETE,
            f"{org} did not come to {row.target} within {within:g} s; it shows {shows or 'nothing'} ({hint})",
            org=role,
        )

    def _last(self) -> Both[Reading]:
        readings = self.eyes.last
        if readings is None:
            raise RuntimeError("a row needs a look first")
        return readings

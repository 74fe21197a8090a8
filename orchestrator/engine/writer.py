"""The write protocol (laws 3 to 6): check, intend, send once, and believe only what is read back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct, field

from orchestrator.model.events import Event, NameLearned, Waiting, WriteAnswered, WriteIntended, WriteUnknown
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock, World
from orchestrator.model.reading import Accepted, Answer, Change, Exchange, Lost, NotSent, Rejected
from orchestrator.model.run import Attempt, End, Operator, Stamp
from orchestrator.model.situation import SEND_WITHIN
from orchestrator.model.status import Role, Status

from .check import Checker
from .draft import draft
from .look import Eyes
from .memory import Memory
from .readback import ReadBack, Seen
from .stop import Stopped, stopped
from .waits import Waits

STALLS = 3
"""How often the time between check and request may be too long before a write is given up."""


class _Flight(Struct):
    """One write on its way, with the attempts of it that may have reached the server and were not seen."""

    role: Role
    status: Status
    transition: str
    purpose: str
    safe: Callable[[], None]
    attempts: list[tuple[Attempt, Answer | None]] = field(default_factory=list)

    @property
    def newest(self) -> tuple[Attempt, Answer | None] | None:
        return self.attempts[-1] if self.attempts else None


class Writer(Struct):
    """Writes one org at a time, and never on an old look."""

    pair: Pair
    playbook: Playbook
    world: World
    clock: Clock
    eyes: Eyes
    checker: Checker
    memory: Memory
    operator: Operator
    waits: Waits
    readback: ReadBack
    tell: Callable[[Event], None]
    intend: Callable[[Event], Awaitable[None]]
    """Journals an intent, durably, and learns of it; only then is anything sent on it (law 6)."""
    may_go_on: Callable[[], None]
    """Raises Stopped where a person has asked the run to stop; called before each write."""
    beside: Callable[[], None] = lambda: None
    """Called once a request has been answered: what is begun then goes on beside the reading back."""

    async def write(
        self,
        role: Role,
        status: Status,
        *,
        transition: str = "",
        purpose: str = "transition",
        safe: Callable[[], None] = lambda: None,
    ) -> None:
        """Bring one org to a status, and return when a reading shows it.

        Args:
            role: the org.
            status: what to set.
            transition: the transition that it belongs to, or "".
            purpose: transition, repair, deliver or adopt, as `Attempt` has it.
            safe: raises Stopped where the pair must not be left as it would stand (law 11); asked on the very look
                that the write is sent on.

        Raises:
            Stopped: foreign write, refused, not reachable, or unknown, as its ending says.
        """
        flight = _Flight(role, status, transition, purpose, safe)
        try:
            await self._write(flight)
        except Stopped as stop:
            if flight.newest is None or _says_enough(stop, flight.newest[1]):
                raise
            raise self._unknown(flight, also=stop.ending.message) from stop
        except asyncio.CancelledError:
            if flight.newest is not None:
                self.tell(WriteUnknown(flight.newest[0], "interrupted before a reading showed it"))
            raise

    async def _write(self, flight: _Flight) -> None:
        role, status = flight.role, flight.status
        patience = self.waits.patience()
        repairing = flight.purpose == "repair"
        resends = stalls = 0
        while not await self.check(role, status, repairing=repairing):
            self.may_go_on()
            flight.safe()
            attempt, answer, began = await self._send(flight)
            match answer:
                case None:
                    stalls = self._count_stall(stalls, role)
                case Accepted() | Lost():
                    self.beside()
                    seen = await self.readback.wait_for(attempt, answer, began)
                    if seen is Seen.YES:
                        flight.attempts.clear()
                    self.readback.note_peer(attempt)
                    if seen is Seen.YES:
                        self.checker.settle_unproven()
                        return
                    if seen is Seen.NO:
                        self._may_resend(attempt, flight, resends)
                        resends += 1
                    flight.purpose = "resend" if seen is Seen.NO else "repair"
                    patience = self.waits.patience()  # reading back has used up the old one
                case Rejected() if await self._taken_all_the_same(attempt):
                    pass  # the check finds it there
                case _:
                    await self.waits.not_taken(role, status, answer, patience)

    async def _taken_all_the_same(self, attempt: Attempt) -> bool:
        """Whether an org shows what it has just said that it does not take (law 5).

        Raises:
            Stopped: somebody else wrote.
        """
        before = self.memory.expected.get(attempt.role)
        readings = await self.eyes.look("after write")
        self.checker.take_in(readings)
        record = readings[attempt.role].record
        if record is None or (before is not None and record.same_version(before)):
            return False
        # A stamp that the server cuts short may be that of an earlier attempt.
        return record.status == attempt.status and attempt.signed(record.modified_by)

    def _count_stall(self, stalls: int, role: Role) -> int:
        if stalls + 1 >= STALLS:
            raise stopped(
                End.INCOMPLETE,
                f"from asking the orgs to sending a request to {self.pair[role]} more than "
                f"{SEND_WITHIN.total_seconds():g} s went by, {STALLS} times: is the way to an org slow, or the journal's disk?",
                org=role,
            )
        self.eyes.distrust()
        return stalls + 1

    def _may_resend(self, attempt: Attempt, flight: _Flight, resends: int) -> None:
        if self.eyes.may_be_given_up(attempt.role):
            who = self.pair[attempt.role]
            raise stopped(End.INCOMPLETE, f"{who} did not show {attempt.status} in time", org=attempt.role)
        if resends >= self.playbook.resend:
            raise self._unknown(flight)

    async def check(self, role: Role, status: Status, *, repairing: bool = False) -> bool:
        """Law 3, before a write: everything is as last seen, on a fresh look.

        Returns:
            True where the org turns out to show the status already, by a write of ours or an echo of one, or one to
            which the server went on from it.

        Raises:
            Stopped: somebody else wrote, or an org could not be read in time.
        """
        patience = self.waits.patience()
        while True:
            readings = self.eyes.last
            if readings is None or not self.eyes.fresh_enough():
                readings = await self.eyes.look("before write")
            unsettled = self.checker.take_in(readings)
            if unsettled is None and self.eyes.grown_old(role):
                readings = await self.eyes.look_again(role)
                unsettled = self.checker.take_in(readings)
            self.checker.settle_unproven()
            if not repairing and await self.repair():
                continue
            if unsettled is None:
                seen = readings[role]
                there = seen.status in self.playbook.server_moves(status)
                return there and self.memory.wrote(role, seen.record)
            if patience.over:
                raise self.checker.not_as_expected(unsettled)
            self.may_go_on()
            self.tell(Waiting(f"another answer ({unsettled.reason})", patience.left, unsettled.role))
            await self.waits.pause()
            self.eyes.distrust()

    async def repair(self) -> bool:
        """Put right, once, what a late write of ours set back; whether anything was.

        Raises:
            Stopped: it is the second time, or the org could not be put right.
        """
        before = frozenset(self.memory.set_back)
        for role in sorted(self.memory.set_back - self.memory.dead, key=str):
            self.checker.limit_late(f"{self.pair[role]} was set back by a late write of ours")
            status = Status.of(self.memory.confirmed[role][-1].status)
            if status is None:
                continue
            self.eyes.distrust()
            transition = self.memory.transition.transition if self.memory.transition else ""
            await self.write(role, status, transition=transition, purpose="repair")
        # A check looks again only after this: what stays as it was is no reason to.
        return not before <= self.memory.set_back

    async def _send(self, flight: _Flight) -> tuple[Attempt, Answer | None, float]:
        """Intent, then the request; an answer of None is one that was not sent, since the check had grown old."""
        role, status = flight.role, flight.status
        number = self.memory.attempts + 1
        stamp = str(self.operator.stamp(self.memory.run, number))
        attempt = Attempt(number, role, status, stamp, flight.transition, flight.purpose)
        # The very record that the check has just found in order: what was read before may have had another link.
        base = self.eyes.last_look()[role].record
        record = draft(self.pair, role, base, status, stamp)
        checked = (self.clock.now(), self.clock.monotonic())
        leave_by, date = self.eyes.leave_by(role), self.eyes.last_look()[role].exchange.server_date
        try:
            await self.intend(WriteIntended(attempt, self.world.describe(record), base, date))
        except asyncio.CancelledError:
            self.tell(WriteAnswered(attempt, NotSent(Exchange(), "interrupted before it was sent")))
            raise
        began = self.clock.monotonic()
        suspended = self.eyes.age() == float("inf")
        if self._since(checked) > SEND_WITHIN.total_seconds() or began > leave_by or suspended:
            reason = f"{self.pair[role]} was asked too long ago by now; everything is read again first"
            self.tell(WriteAnswered(attempt, NotSent(Exchange(), reason)))
            return attempt, None, began
        flight.attempts.append((attempt, None))
        answer = await self.world.write(record, within=self.eyes.deadline(role), leave_by=leave_by)
        too_late = isinstance(answer, NotSent) and self.clock.monotonic() >= leave_by
        if isinstance(answer, Accepted | Lost):
            flight.attempts[-1] = (attempt, answer)
        else:
            flight.attempts.pop()
        self.tell(WriteAnswered(attempt, answer))
        self._learn(attempt, answer)
        return attempt, None if too_late else answer, began

    def _since(self, checked: tuple[datetime, float]) -> float:
        """Seconds since then: the larger of what both clocks say (law 18)."""
        return max((self.clock.now() - checked[0]).total_seconds(), self.clock.monotonic() - checked[1])

    def _learn(self, attempt: Attempt, answer: Answer) -> None:
        """How this server names us: only from a 2xx whose body shows the status that was sent (law 3)."""
        if not isinstance(answer, Accepted) or answer.record is None:
            return
        name = answer.record.modified_by
        shows_it = answer.record.status == attempt.status
        known = self.memory.our_names() | self.memory.strangers
        if shows_it and name not in known and Stamp.parse(name) is None:
            self.tell(NameLearned(name, attempt.role))

    def _unknown(self, flight: _Flight, *, also: str = "") -> Stopped:
        """The end of a write that may be in effect, or may yet come to be."""
        attempt, answer = flight.attempts[-1]
        how = "was sent"
        if isinstance(answer, Accepted):
            how = "was accepted (2xx)"
        elif isinstance(answer, Lost):
            how = f"got no answer ({answer.reason})"
        within = self.playbook.confirm.within.total_seconds()
        rest = also or f"{within:g} s of reading did not show it"
        reason = (
            f"the POST of {attempt.status} to {self.pair[attempt.role]} {how}, and then: {rest}. "
            "Nobody knows whether it took effect or still will"
        )
        self.tell(WriteUnknown(attempt, reason))
        return stopped(End.UNKNOWN, reason, org=attempt.role)


def _says_enough(stop: Stopped, answer: Answer | None) -> bool:
    """Whether a stop already says what became of the write: unknown, or accepted and then written over by somebody."""
    moved = stop.ending.end is End.MOVED and stop.ending.change is not Change.STALE
    return stop.ending.end is End.UNKNOWN or (moved and isinstance(answer, Accepted))

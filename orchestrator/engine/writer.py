"""The write protocol (laws 3 to 6): check, intend, send once, and believe only what is read back."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from orchestrator.model.events import (
    ChangeSeen,
    Event,
    NameLearned,
    Waiting,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
    WriteThrottled,
    WriteUnknown,
)
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Advances, Playbook
from orchestrator.model.protocols import Clock, World
from orchestrator.model.reading import Accepted, Answer, Lost, NotSent, Reading, Rejected, Throttled
from orchestrator.model.run import Attempt, End, Operator, Stamp
from orchestrator.model.situation import Change, Comparison
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.compare import compare, describe, not_older

from .draft import draft
from .look import Eyes
from .memory import Memory
from .stop import Stopped, stopped

IN_EFFECT = frozenset({Change.OURS, Change.ECHO, Change.UNPROVEN})
"""Changes by which a write is seen to have worked."""

NOT_OURS = frozenset({Change.FOREIGN, Change.REVERTED, Change.MISLINKED})
"""Changes that stop a run: never write over them."""


@dataclass(slots=True)
class Writer:
    """Writes one org at a time, and never on an old look."""

    pair: Pair
    playbook: Playbook
    world: World
    clock: Clock
    eyes: Eyes
    memory: Memory
    operator: Operator
    tell: Callable[[Event], None]
    jitter: Callable[[], float]
    """A number from 0 to 1, new at each call."""
    may_go_on: Callable[[], None]
    """Raises Stopped where a person has asked the run to stop; called before each write."""

    async def write(self, role: Role, status: Status, *, row: str, purpose: str = "row") -> None:
        """Bring one org to a status, and return when a reading shows it.

        Raises:
            Stopped: foreign write, refused, not reachable, or unknown, as its ending says.
        """
        patience = _Patience(self.playbook.confirm.within.total_seconds(), self.clock)
        resends = 0
        outstanding: tuple[Attempt, Answer] | None = None
        while True:
            try:
                if await self.check(role, status):
                    return
            except Stopped as stop:
                if outstanding is None or role in self.memory.dead:
                    raise
                raise self._unknown(*outstanding, also=stop.ending.message) from stop
            self.may_go_on()
            attempt, answer, began = await self._send(role, status, row, purpose)
            if isinstance(answer, Accepted | Lost):
                outstanding = (attempt, answer)
                seen = await self._read_back(attempt, answer, began)
                if seen is _Seen.YES:
                    return
                if seen is _Seen.NO:
                    self._may_resend(attempt, answer, resends)
                    resends += 1
                purpose = "resend" if seen is _Seen.NO else "repair"
            else:
                await self._not_taken(role, status, answer, patience)

    def _may_resend(self, attempt: Attempt, answer: Answer, resends: int) -> None:
        if self._may_be_given_up(attempt.role):
            who = self.pair[attempt.role]
            raise stopped(End.INCOMPLETE, f"{who} did not show {attempt.status} in time", org=attempt.role)
        if resends >= self.playbook.resend:
            raise self._unknown(attempt, answer)

    async def _not_taken(
        self, role: Role, status: Status, answer: NotSent | Throttled | Rejected, patience: _Patience
    ) -> None:
        """The server did not take it: wait and try again where that can help."""
        match answer:
            case NotSent(reason=reason):
                await self._wait_to_resend(patience, role, reason)
            case Throttled(retry_after=seconds):
                await self._wait_as_told(patience, role, seconds)
            case Rejected(reason=reason):
                raise stopped(End.INCOMPLETE, f"{self.pair[role]} refused {status}: {reason}", org=role)
            case _:
                assert_never(answer)

    async def check(self, role: Role, status: Status) -> bool:
        """Law 3, before a write: everything is as last seen, on a fresh look.

        Returns:
            True where the org turns out to show the status already, by a write of ours or an echo of one.

        Raises:
            Stopped: somebody else wrote, or an org could not be read in time.
        """
        patience = _Patience(self.playbook.confirm.within.total_seconds(), self.clock)
        while True:
            readings = self.eyes.last
            if readings is None or not self.eyes.fresh_enough():
                readings = await self.eyes.look("before write")
            found = self.compare_both(readings)
            waiting_for = self.accept(readings, found)
            late = [r for r, comparison in found.items() if comparison.change is Change.LATE]
            if late:
                self._limit_late(found[late[0]])
                if late != [role]:
                    await self._repair(late, role)
                    continue
            if not waiting_for:
                seen = readings[role]
                return seen.status is status and self.memory.wrote(role, seen.record)
            org, reason = waiting_for
            if patience.over:
                raise self._not_as_expected(org, found[org].change, reason)
            self.may_go_on()
            self.tell(Waiting(reason, patience.left, org))
            await self.pause()
            self.eyes.distrust()

    def compare_both(self, readings: Both[Reading]) -> Both[Comparison]:
        """Each org's reading, compared with what was last seen of it.

        Raises:
            Stopped: a foreign, reverted or mislinked record, after it was journalled.
        """
        found = Both(self._compare(readings.primary), self._compare(readings.secondary))
        for role, comparison in found.items():
            if comparison.change in NOT_OURS and role not in self.memory.dead:
                self.tell(self._seen(role, comparison, readings[role]))
                raise stopped(End.MOVED, comparison.reason, org=role)
        return found

    def _compare(self, reading: Reading) -> Comparison:
        found = compare(self.pair, reading, self.memory.known())
        if found.change is Change.FOREIGN and self._server_moved(reading):
            return Comparison(
                Change.SERVER, f"the server moved {self.pair[reading.role]} to {reading.status}"
            )
        return found

    def _server_moved(self, reading: Reading) -> bool:
        """Whether the server made the move of a row that says `advances: server`."""
        before = self.memory.expected.get(reading.role)
        sent = [sent.attempt.status for sent in self.memory.sent if sent.attempt.role is reading.role][-1:]
        froms = {Status.of(before.status)} if before is not None else set()
        return any(
            row.advances is Advances.SERVER and reading.status is row.target and row.source in {*froms, *sent}
            for row in self.playbook.rows
        )

    def accept(self, readings: Both[Reading], found: Both[Comparison]) -> tuple[Role, str] | None:
        """Take note of changes that are in order; name the first org that must be read again, and why."""
        again: tuple[Role, str] | None = None
        for role, comparison in found.items():
            if role in self.memory.dead:
                continue
            match comparison.change:
                case Change.SAME:
                    pass
                case Change.OURS | Change.ECHO | Change.UNPROVEN | Change.LATE | Change.SERVER:
                    self._take_note(role, comparison, readings[role])
                case Change.UNSEEN if self._may_be_given_up(role):
                    self.eyes.give_up(comparison.reason)
                case _:
                    again = again or (role, comparison.reason)
        return again

    def _may_be_given_up(self, role: Role) -> bool:
        return self.eyes.deadline(role) is not None

    def _take_note(self, role: Role, comparison: Comparison, reading: Reading) -> None:
        """Tell of a change that is in order: a write of ours that turned up is confirmed by it."""
        record, status = reading.record, reading.status
        if comparison.change in (Change.OURS, Change.UNPROVEN) and record is not None and status is not None:
            self.tell(WriteConfirmed(role, status, record, comparison.change, comparison.attempt))
        else:
            self.tell(self._seen(role, comparison, reading))

    def _seen(self, role: Role, comparison: Comparison, reading: Reading) -> ChangeSeen:
        return ChangeSeen(
            role, comparison.change, comparison.reason, reading.record, self.memory.expected.get(role)
        )

    def _limit_late(self, comparison: Comparison) -> None:
        if self.memory.late_repairs > 1:
            raise stopped(
                End.MOVED,
                f"{comparison.reason}; it is the second late write of this run, so it is left as it is",
            )

    async def _repair(self, late: list[Role], about_to_write: Role) -> None:
        """Put the status right, once, where a late write of ours set it back."""
        for role in late:
            if role is about_to_write:
                continue
            due = self.memory.confirmed[role][-1:]
            status = Status.of(due[0].status) if due else None
            if status is None:
                raise stopped(End.MOVED, f"{self.pair[role]} was set back by a late write of ours", org=role)
            self.eyes.distrust()
            await self.write(
                role, status, row=self.memory.row.row if self.memory.row else "", purpose="repair"
            )

    async def _send(
        self, role: Role, status: Status, row: str, purpose: str
    ) -> tuple[Attempt, Answer, float]:
        number = self.memory.attempts + 1
        stamp = str(self.operator.stamp(self.memory.run, number))
        attempt = Attempt(number, role, status, stamp, row, purpose)
        base = self.memory.expected.get(role)
        record = draft(self.pair, role, base, status, stamp)
        self.tell(WriteIntended(attempt, self.world.describe(record), base))
        began = self.clock.monotonic()
        try:
            answer = await self.world.write(record, within=self.eyes.deadline(role))
        except asyncio.CancelledError:
            self.tell(WriteUnknown(attempt, "interrupted while the request was in flight"))
            raise
        self.tell(WriteAnswered(attempt, answer))
        self._learn(attempt, answer)
        return attempt, answer, began

    def _learn(self, attempt: Attempt, answer: Answer) -> None:
        """How this server names us: only from a 2xx whose body shows the status that was sent (law 3)."""
        if not isinstance(answer, Accepted) or answer.record is None:
            return
        name = answer.record.modified_by
        shows_it = answer.record.status == attempt.status
        if shows_it and name and name not in self.memory.our_names() and Stamp.parse(name) is None:
            self.tell(NameLearned(name, attempt.role))

    async def _read_back(self, attempt: Attempt, answer: Answer, began: float) -> _Seen:
        """Read both orgs until the written one shows it, or the confirm time is up.

        Raises:
            Stopped: somebody else wrote.
        """
        try:
            return await self._poll(attempt, answer, began)
        except asyncio.CancelledError:
            self.tell(WriteUnknown(attempt, "interrupted while it was being read back"))
            raise

    async def _poll(self, attempt: Attempt, answer: Answer, began: float) -> _Seen:
        role = attempt.role
        patience = _Patience(
            self.eyes.deadline(role) or self.playbook.confirm.within.total_seconds(), self.clock
        )
        while True:
            readings = await self.eyes.look("after write", journal=False)
            seen = self._settled(attempt, answer, readings, began)
            if seen is _Seen.YES:
                self._note_peer(role, readings)
            if seen is not _Seen.NO:
                return seen
            hopeless = isinstance(answer, Lost) and self._may_be_given_up(role)
            if patience.over or hopeless or role in self.memory.dead:
                return _Seen.NO
            self.tell(Waiting(f"{self.pair[role]} to show {attempt.status}", patience.left, role))
            await self.pause()

    def _settled(self, attempt: Attempt, answer: Answer, readings: Both[Reading], began: float) -> _Seen:
        """Whether the written org shows this attempt; tells so where it does."""
        role = attempt.role
        reading = readings[role]
        found = self._compare(reading)
        if found.change in NOT_OURS and role not in self.memory.dead:
            self.tell(self._seen(role, found, reading))
            if isinstance(answer, Lost):
                raise self._unknown(attempt, answer, also=found.reason)
            raise stopped(End.MOVED, found.reason, org=role)
        if found.change is Change.LATE:
            self.tell(self._seen(role, found, reading))
            self._limit_late(found)
            return _Seen.SET_BACK
        record = reading.record
        status = reading.status
        if record is None or status is None or status not in self.playbook.server_moves(attempt.status):
            return _Seen.NO
        if found.change not in IN_EFFECT and found.change is not Change.SERVER:
            return _Seen.NO
        if not not_older(record, self.memory.expected.get(role)):
            return _Seen.NO
        seconds = self.clock.monotonic() - began
        number = found.attempt if found.attempt is not None else attempt.number
        self.tell(WriteConfirmed(role, status, record, found.change, number, seconds))
        return _Seen.YES

    def _note_peer(self, role: Role, readings: Both[Reading]) -> None:
        """What the same look says of the other org: an echo is taken note of, a foreign write stops."""
        found = self.compare_both(readings)
        other = role.other
        if other not in self.memory.dead and found[other].change in IN_EFFECT:
            self._take_note(other, found[other], readings[other])

    def _unknown(self, attempt: Attempt, answer: Answer, *, also: str = "") -> Stopped:
        how = (
            "was accepted (2xx)"
            if isinstance(answer, Accepted)
            else f"got no answer ({answer.reason})"
            if isinstance(answer, Lost)
            else "was sent"
        )
        within = self.playbook.confirm.within.total_seconds()
        rest = also or f"{within:g} s of reading did not show it"
        reason = (
            f"the POST of {attempt.status} to {self.pair[attempt.role]} {how}, and then: {rest}. "
            "Nobody knows whether it took effect or still will"
        )
        self.tell(WriteUnknown(attempt, reason))
        return stopped(End.UNKNOWN, reason, org=attempt.role)

    def _not_as_expected(self, role: Role, change: Change, reason: str) -> Stopped:
        if change is Change.STALE:
            expected = self.memory.expected.get(role)
            was = describe(expected) if expected is not None else "no record"
            return stopped(End.MOVED, f"{reason}, though it was last seen as {was}", org=role)
        end = End.INCOMPLETE if self.memory.intended else End.REFUSED
        return stopped(end, f"{reason}; a planned run needs both orgs", org=role)

    async def _wait_to_resend(self, patience: _Patience, role: Role, reason: str) -> None:
        if patience.over or self._may_be_given_up(role):
            raise stopped(End.INCOMPLETE, f"{self.pair[role]} could not be reached: {reason}", org=role)
        self.tell(Waiting(f"a connection to {self.pair[role]} ({reason})", patience.left, role))
        await self.pause()
        self.eyes.distrust()

    async def _wait_as_told(self, patience: _Patience, role: Role, seconds: float | None) -> None:
        wait = self.playbook.confirm.every.total_seconds() if seconds is None else max(seconds, 0.05)
        if wait > patience.left or self._may_be_given_up(role):
            raise stopped(
                End.INCOMPLETE,
                f"{self.pair[role]} asks to wait {wait:g} s before the next request (429), longer than this "
                "playbook's confirm time allows",
                org=role,
            )
        self.tell(WriteThrottled(role, wait))
        await self.clock.sleep(wait)
        self.eyes.distrust()

    async def pause(self) -> None:
        """Between two looks: as the playbook says, with up to a tenth of jitter."""
        every = self.playbook.confirm.every.total_seconds()
        await self.clock.sleep(every * (0.95 + 0.1 * self.jitter()))


class _Seen(enum.Enum):
    """What reading back says of a write."""

    YES = "yes"
    NO = "no"
    SET_BACK = "set back by a late write of ours"


class _Patience:
    """A span of time that runs out on the Clock."""

    __slots__ = ("_clock", "_until")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until it is over."""
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has run out."""
        return self.left <= 0

"""The write protocol (laws 3 to 6): check, intend, send once, and believe only what is read back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import assert_never

from msgspec import Struct, field

from orchestrator.model import events, next_step
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Transition
from orchestrator.model.reading import (
    Accepted,
    Answer,
    Change,
    Exchange,
    HamrRecord,
    Lost,
    NotSent,
    Rejected,
    Throttled,
)
from orchestrator.model.run import Attempt, End, Mode, Stamp
from orchestrator.model.situation import SEND_WITHIN
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import span
from orchestrator.situation.answered import prefix_trouble
from orchestrator.situation.link import draft

from .check import Checker, Seen, Unsettled, WriteConfirmation
from .context import Deadline, RunContext, Stopped, stopped
from .probing import Probing
from .reader import PairReader

STALLS = 3
"""How often the time between check and request may be too long before a write is given up."""

MIRROR_POLL = 0.25
"""Seconds between two looks while finding out whether a pair mirrors."""


class _Flight(Struct):
    """One write on its way, with the attempts of it that may have reached the server."""

    role: Role
    status: Status
    transition: str
    purpose: str
    explained_by: Transition | None
    attempts: list[tuple[Attempt, Answer | None]] = field(default_factory=list)


class Writer(Struct):
    """Writes one org at a time, and never on an old look."""

    run: RunContext
    reader: PairReader
    checker: Checker
    confirmation: WriteConfirmation
    probing: Probing

    async def write(
        self,
        role: Role,
        status: Status,
        *,
        transition: str = "",
        purpose: str = "transition",
        explained_by: Transition | None = None,
    ) -> None:
        """Bring one org to a status, and return when a reading shows it.

        It belongs to a `transition`, or to none (""); `purpose` is as `Attempt` has it; the transition of `explained_by` has to explain how
        the pair would stand after this write (law 11).
        """
        flight = _Flight(role, status, transition, purpose, explained_by)
        try:
            await self._write(flight)
        except Stopped as stop:
            if not self._is_open(flight) or _says_enough(stop, flight.attempts[-1][1]):
                raise
            raise self._unknown(flight, also=stop.ending.message) from stop
        except asyncio.CancelledError:
            if self._is_open(flight):
                self.run.tell(events.WriteUnknown(flight.attempts[-1][0], events.WRITE_INTERRUPTED))
            raise

    async def _write(self, flight: _Flight) -> None:
        role, status = flight.role, flight.status
        deadline: Deadline | None = None
        repairing = flight.purpose == "repair"
        resends = stalls = 0
        while not await self.check(role, status, repairing=repairing):
            self.run.may_go_on()
            if role in self.run.state.dead:
                reason = f"{self.run.pair[role]} was found dead before it was written"
                raise stopped(End.INCOMPLETE, reason, org=role)
            if flight.explained_by is not None:
                self._check_prefix(flight.explained_by, role)
            attempt, answer, began = await self._send(flight)
            match answer:
                case None:
                    stalls = self._count_stall(stalls, role)
                case Accepted() | Lost():
                    self.probing.start_ahead()
                    seen = await self.confirmation.wait_for(attempt, answer, began)
                    self.confirmation.note_peer(attempt)
                    if seen is Seen.YES:
                        self.checker.settle_unproven()
                        return
                    if seen is Seen.NO:
                        self._may_resend(attempt, flight, resends)
                        resends += 1
                    flight.purpose = "resend" if seen is Seen.NO else "repair"
                    deadline = None
                case Rejected() if await self._taken_all_the_same(role, status):
                    pass  # the check finds it there
                case _:
                    deadline = deadline or self.run.confirm_deadline()
                    await self._not_taken(role, status, answer, deadline)

    async def _taken_all_the_same(self, role: Role, status: Status) -> bool:
        """Whether an org shows what it has just said that it does not take, or an earlier attempt at it (law 5)."""
        self.checker.take_in(await self.reader.read_both("after write"))
        return self._is_there(role, status)

    def _is_there(self, role: Role, status: Status) -> bool:
        """Whether an org shows a status by a write of ours or an echo of one, or one to which the server went on from it."""
        seen = self.reader.readings[role]
        there = seen.status in self.run.playbook.server_moves(status)
        return there and self.run.state.wrote(role, seen.record)

    def _is_open(self, flight: _Flight) -> bool:
        """Whether it may be in effect, or may yet come to be, and no reading has shown it."""
        numbers = {attempt.number for attempt, _ in flight.attempts}
        seen = {sent.attempt.number for sent in self.run.state.sent if sent.confirmed}
        return bool(numbers) and not numbers & seen

    def _check_prefix(self, transition: Transition, role: Role) -> None:
        """Law 11, on the very look that a write is sent on: were the run to die after it, a command would lead on."""
        run, readings = self.run, self.reader.readings
        unseen = role.other if run.state.mode is Mode.EMERGENCY else None
        shown = Both(readings.primary.status, readings.secondary.status)
        trouble = prefix_trouble(run.pair, run.playbook, transition, shown, role, unseen=unseen)
        if trouble is not None:
            raise stopped(run.refusal, trouble, org=role)

    def _count_stall(self, stalls: int, role: Role) -> int:
        if stalls + 1 >= STALLS:
            raise stopped(
                End.INCOMPLETE,
                f"from asking the orgs to sending a request to {self.run.pair[role]} more than "
                f"{SEND_WITHIN.total_seconds():g} s went by, {STALLS} times: is the way to an org slow, or the journal's disk?",
                org=role,
            )
        self.reader.distrust()
        return stalls + 1

    def _may_resend(self, attempt: Attempt, flight: _Flight, resends: int) -> None:
        if self.reader.may_be_given_up(attempt.role):
            who = self.run.pair[attempt.role]
            raise stopped(End.INCOMPLETE, f"{who} did not show {attempt.status} in time", org=attempt.role)
        if resends >= self.run.playbook.resend:
            raise self._unknown(flight)

    async def check(self, role: Role, status: Status, *, repairing: bool = False) -> bool:
        """Law 3, before a write: everything is as last seen, on a fresh look.

        True where the status turns out to be there already.
        """
        deadline, asked_again = self.run.confirm_deadline(), False
        while True:
            if not self.reader.fresh_enough():
                await self.reader.read_both("before write")
            unsettled = self.checker.take_in(self.reader.readings)
            self.checker.settle_unproven()
            if not repairing and await self.repair():
                continue
            if unsettled is None:
                return self._is_there(role, status)
            # Not from one look alone, which a suspension may have outlasted (law 21).
            if deadline.over and asked_again:
                raise self.checker.not_as_expected(unsettled)
            asked_again = True
            self.run.may_go_on()
            await self.run.wait_for(f"another answer ({unsettled.reason})", deadline, unsettled.role)
            self.reader.distrust()

    async def repair(self) -> bool:
        """Put right, once, what a late write of ours set back; whether anything was.

        The org that was told last comes first: where the pair mirrors, its copy puts the other one right, too.
        """
        run, state = self.run, self.run.state
        before, first = frozenset(state.set_back), self._told_last()
        for role in (first, first.other):
            if role not in self._to_repair():
                continue
            truth = self._told_last() if state.mirrors and state.mode is Mode.PLANNED else role
            status = state.told(truth)
            if status is None:
                continue
            if not all(state.wrote(role, told) for told in state.confirmed[truth][-1:]):
                # Its copy is on its way, also where the process died that sent it; writing here might set the other one back.
                await self._wait(status, (role,), run.playbook.confirm.within.total_seconds(), repairing=True)
                if role not in state.set_back:
                    continue
            self.checker.limit_late(f"{run.pair[role]} was set back by a late write of ours")
            self.reader.distrust()
            transition = state.transition.transition if state.transition else ""
            await self.write(role, status, transition=transition, purpose="repair")
            if role.other in self._to_repair():
                await self.find_mirror(role)
        # A check looks again only after this: what stays as it was is no reason to.
        return not before <= state.set_back

    def _to_repair(self) -> set[Role]:
        """The orgs that were set back, but for the one that an emergency does without: that is told again with the transition."""
        return {role for role in self.run.state.set_back if not self.reader.may_be_given_up(role)}

    def _told_last(self) -> Role:
        """The org with the newest of our attempts that a reading has shown."""
        seen = (sent.attempt.role for sent in reversed(self.run.state.sent) if sent.confirmed)
        return next(seen, Role.PRIMARY)

    async def _send(self, flight: _Flight) -> tuple[Attempt, Answer | None, float]:
        """Intent, then the request; an answer of None is one that was not sent, since the check had grown old."""
        run, reader, role = self.run, self.reader, flight.role
        number = run.state.attempts + 1
        stamp = str(run.operator.stamp(run.state.run, number))
        attempt = Attempt(number, role, flight.status, stamp, flight.transition, flight.purpose)
        # The very record that the check has just found in order: what was read before may have had another link.
        seen = reader.readings[role]
        record = draft(run.pair, role, seen.record, flight.status, stamp)
        checked, leave_by = run.moment(), reader.leave_by(role)
        intent = events.WriteIntended(
            attempt, run.world.describe(record), seen.record, seen.exchange.server_date
        )
        try:
            await run.intend(intent)
        except asyncio.CancelledError:
            run.tell(events.WriteAnswered(attempt, NotSent(Exchange(), "interrupted before it was sent")))
            raise
        began = run.clock.monotonic()
        suspended = reader.age() == float("inf")
        # The larger of what both clocks say (law 18).
        if max(run.elapsed(checked)) > SEND_WITHIN.total_seconds() or began > leave_by or suspended:
            reason = f"{run.pair[role]} was asked too long ago by now; everything is read again first"
            run.tell(events.WriteAnswered(attempt, NotSent(Exchange(), reason)))
            return attempt, None, began
        flight.attempts.append((attempt, None))
        answer = await run.world.write(record, within=reader.deadline(role), leave_by=leave_by)
        wall, monotonic = run.elapsed(checked)
        too_late = isinstance(answer, NotSent) and max(wall, monotonic) >= leave_by - checked[1]
        if isinstance(answer, Accepted | Lost):
            flight.attempts[-1] = (attempt, answer)
        else:
            flight.attempts.pop()
        run.tell(events.WriteAnswered(attempt, answer))
        self._learn(attempt, answer)
        return attempt, None if too_late else answer, began

    def _learn(self, attempt: Attempt, answer: Answer) -> None:
        """How this server names us: only from a 2xx whose body shows the status that was sent (law 3)."""
        if not isinstance(answer, Accepted) or answer.record is None:
            return
        name, state = answer.record.modified_by, self.run.state
        known = state.our_names() | state.strangers
        if name in state.told_names(attempt.role) - known and Stamp.parse(name) is None:
            self.run.tell(events.NameLearned(name, attempt.role))

    def _unknown(self, flight: _Flight, *, also: str = "") -> Stopped:
        """The end of a write that may be in effect, or may yet come to be."""
        attempt, answer = flight.attempts[-1]
        how = "was sent"
        if isinstance(answer, Accepted):
            how = "was accepted (2xx)"
        elif isinstance(answer, Lost):
            how = "was answered" if answer.answered else "got no answer"
            how += f" ({answer.reason})"
        within = self.run.playbook.confirm.within.total_seconds()
        rest = also or f"{within:g} s of reading did not show it"
        reason = (
            f"the POST of {attempt.status} to {self.run.pair[attempt.role]} {how}, and then: {rest}. "
            "Nobody knows whether it took effect or still will"
        )
        self.run.tell(events.WriteUnknown(attempt, reason))
        return stopped(End.UNKNOWN, reason, org=attempt.role)

    async def _not_taken(
        self, role: Role, status: Status, answer: NotSent | Throttled | Rejected, deadline: Deadline
    ) -> None:
        """After a server did not take a write: wait where trying again can help, and in time."""
        org, given_up = self.run.pair[role], self.reader.may_be_given_up(role)
        match answer:
            case NotSent(reason=reason):
                if deadline.over or given_up:
                    raise stopped(End.INCOMPLETE, f"{org} could not be reached: {reason}", org=role)
                await self.run.wait_for(f"a connection to {org} ({reason})", deadline, role)
            case Throttled(retry_after=seconds):
                every = self.run.playbook.confirm.every.total_seconds()
                wait = every if seconds is None else max(seconds, 0.05)
                if wait > deadline.left or given_up:
                    raise stopped(
                        End.INCOMPLETE,
                        f"{org} asks to wait {span(wait)} before the next request (429), longer than this "
                        "playbook's confirm time allows",
                        org=role,
                        next_steps=(
                            next_step.resume(self.run.state.run).so_that(
                                f"go on, in {span(wait)} at the soonest"
                            ),
                        ),
                    )
                self.run.tell(events.WriteThrottled(role, wait))
                await self.run.clock.sleep(wait)
            case Rejected(renewed=True) if not (deadline.over or given_up):
                pass  # it was not taken, and those that it is sent with next are others
            case Rejected(reason=reason):
                raise stopped(End.INCOMPLETE, f"{org} refused {status}: {reason}", org=role)
            case _:
                assert_never(answer)
        self.reader.distrust()

    async def wait_until_converged(
        self,
        target: Status,
        *,
        roles: Iterable[Role] = tuple(Role),
        hint: str = "",
        within: float | None = None,
    ) -> None:
        """Return when these orgs, but one that an emergency gives up, show a status or one to which the server goes on from it.

        Stops after so many seconds, the playbook's confirm time where None; `hint` is why it may not come, for the message.
        """
        within = self.run.playbook.confirm.within.total_seconds() if within is None else within
        missing = await self._wait(target, roles, within)
        if missing is not None:
            raise self._never(missing, target, within, hint)

    async def _wait(
        self, target: Status, roles: Iterable[Role], within: float, *, repairing: bool = False
    ) -> Role | None:
        """The first org that did not come to show a status in that many seconds; None as soon as all do."""
        run, reader = self.run, self.reader
        deadline = Deadline(within, run.clock)
        arrived = run.playbook.server_moves(target)
        while True:
            readings = reader.readings
            missing = [
                role
                for role in roles
                if role not in run.state.dead
                and (readings[role].status not in arrived or run.state.is_under_floor(readings[role]))
            ]
            if not missing or deadline.over:
                return missing[0] if missing else None
            run.may_go_on()
            who = " and ".join(str(run.pair[role]) for role in missing)
            await self.run.wait_for(f"{who} to show {target}", deadline, missing[0])
            self.checker.take_in(await reader.read_both("confirm", journal=False))
            if not repairing:
                await self.repair()

    def _never(self, role: Role, target: Status, within: float, hint: str) -> Stopped:
        reading = self.reader.readings[role]
        if self.run.state.is_under_floor(reading):
            found = self.checker.compare(reading)
            return self.checker.not_as_expected(Unsettled(role, found.change, found.reason))
        shows = reading.status or "nothing"
        because = f" ({hint})" if hint else ""
        return stopped(
            End.INCOMPLETE,
            f"{self.run.pair[role]} did not come to {target} within {within:g} s; it shows {shows}{because}",
            org=role,
        )

    async def find_mirror(self, role: Role, *, within: float | None = None) -> None:
        """After the first confirmed write, to `role`, of a pair that says `mirrors: auto`: wait once for an echo of it.

        As long as the playbook's `mirror_wait`, or `within` seconds where that is less. Where none was seen, since reads lagged,
        the copy of a later write tells it all the same.
        """
        run, other = self.run, role.other
        if run.pair.mirrors is not Mirrors.AUTO or run.state.mirrors:
            return
        if run.state.mirrors is not None:
            if run.state.shows_mirror:
                run.tell(events.MirrorFound(True, 0.0))
            return
        began = run.clock.monotonic()
        wait = run.playbook.mirror_wait.total_seconds()
        deadline = Deadline(wait if within is None else min(wait, within), run.clock)
        over = deadline.over
        ours = run.state.confirmed[role][-1:]
        if any(self._shows_no_mirror(other, each) for each in ours):
            return
        # A region that was dark since has passed nothing on, and of an earlier process's time nobody knows.
        here = (sent for sent in run.state.sent if sent.attempt.number > run.state.recalled)
        seen_since = any(sent.confirmed and sent.attempt.role is role for sent in here)
        while True:
            shown = self.reader.readings[other].record
            # The other org's own write of an earlier life is no echo: an echo is an exact copy, or has the other one's stamp.
            copied = shown is not None and any(shown.same_version(each) for each in ours)
            echoed = copied or run.state.shows_mirror
            seen_since = seen_since and all(reading.answered for reading in self.reader.readings)
            if echoed or (over and seen_since):
                run.tell(events.MirrorFound(echoed, run.clock.monotonic() - began))
                return
            # Nobody could see whether it has an echo; or nothing tells that it was ever written to one org alone.
            if over or (not ours and run.state.is_brought(other, shown)):
                return
            run.tell(
                events.Waiting(f"an echo in {run.pair[other]} (does this pair mirror?)", deadline.left, other)
            )
            await run.clock.sleep(min(MIRROR_POLL, deadline.left))
            # A look that began in time and took long says nothing of what is there by now: it is no proof of "none".
            over = deadline.over
            self.checker.take_in(await self.reader.read_both("mirror", journal=False))

    def _shows_no_mirror(self, role: Role, record: HamrRecord) -> bool:
        """Whether an org would look just so without one: it showed the like before, or was told it by a server without names, or without times that cuts them short."""
        state = self.run.state
        was, told = state.base.get(role), (sent.attempt for sent in state.sent)
        told_too = any(each.role is role and each.status == record.status for each in told)
        by = {sent.attempt.role for sent in state.attempts_of(record)}
        anybodys = not by or (record.modified_at is None and role in by)
        return (was is not None and was.same_version(record)) or (told_too and anybodys)


def _says_enough(stop: Stopped, answer: Answer | None) -> bool:
    """Whether a stop already says what became of the write: unknown, or accepted and then written over by somebody."""
    moved = stop.ending.end is End.MOVED and stop.ending.change is not Change.STALE
    return stop.ending.end is End.UNKNOWN or (moved and isinstance(answer, Accepted))

"""Looking at both orgs at once, and knowing how old a look is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct, field

from orchestrator.model.events import ClockDistrusted, Event, OrgGivenUp, ReadingsTaken, SituationRead
from orchestrator.model.guard import ProbeReading
from orchestrator.model.org import Pair
from orchestrator.model.protocols import Clock, World
from orchestrator.model.reading import Identity, Reading, Unreachable
from orchestrator.model.run import Mode
from orchestrator.model.situation import SEND_WITHIN, Situation
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.link import Linked, link_of

from .memory import Memory

CLOCKS_AGREE_WITHIN = 2.0
"""Seconds by which wall and monotonic clock may differ over one step before the readings are distrusted (law 18)."""

ASK_AGAIN_FOR = 4.0
"""Seconds, from the first answer that was none, in which an org is asked again before that is believed (law 21)."""

ASK_AGAIN_AFTER = (0.25, 0.5, 0.9)
"""Seconds between one try and the next; the last one goes on."""


async def ask_twice(
    ask: Callable[[bool, float | None], Awaitable[Reading]], clock: Clock, *, within: float | None = None
) -> Reading:
    """One org's reading, where a single bad answer is no verdict: asked again for a while, on new connections (law 21).

    Args:
        ask: reads the org once: on a new connection or not, within so many seconds.
        clock: what is waited on.
        within: seconds for all tries together, where the org may not be waited for: then it is asked again once. None
            for ASK_AGAIN_FOR after the first answer.
    """
    deadline = None if within is None else clock.monotonic() + within
    reading = await ask(False, within)
    until = deadline if deadline is not None else clock.monotonic() + ASK_AGAIN_FOR
    tries = 0
    while isinstance(reading.sight, Unreachable):
        pause = ASK_AGAIN_AFTER[min(tries, len(ASK_AGAIN_AFTER) - 1)]
        left = until - clock.monotonic() - pause
        if left <= 0 or (deadline is not None and tries > 0):
            break
        await clock.sleep(pause)
        reading = await ask(True, None if deadline is None else left)
        tries += 1
    return reading


class Eyes(Struct):
    """Takes readings for a run; remembers the last look."""

    pair: Pair
    world: World
    clock: Clock
    memory: Memory
    tell: Callable[[Event], None]
    emergency_deadline: timedelta
    known_runs: frozenset[str] = frozenset()
    survivor: Role | None = None
    may_survive: frozenset[Role] = frozenset()
    """Before the way of an emergency is known: the orgs that it may need."""
    identities: Both[Identity] | None = None
    last: Both[Reading] | None = None
    looked_at: tuple[datetime, float] | None = None
    """When the last look began, by both clocks."""
    asked_at: dict[Role, float] = field(default_factory=dict)
    """When each org was asked for its last reading, by the monotonic clock."""

    async def look(self, purpose: str, *, journal: bool = True, once: bool = True) -> Both[Reading]:
        """Read both orgs in parallel; an emergency's dead org is left out, and its other org has a short deadline.

        Args:
            purpose: what the look is for, as `SituationRead` lists it.
            journal: False while polling: then the look is journalled only where it shows something new.
            once: False where something is concluded from this very look: then an org that does not answer is asked
                again, for a while (law 21). Whoever polls looks again anyway.
        """
        began = (self.clock.now(), self.clock.monotonic())
        first = self.identities is None
        reading = asyncio.gather(self._read(Role.PRIMARY, once), self._read(Role.SECONDARY, once))
        if self.identities is None:
            readings_taken, identities = await asyncio.gather(reading, self._identify_both())
            self.identities = identities
        else:
            readings_taken = await reading
        readings = Both(*readings_taken)
        news = first or self.last is None or any(_differs(self.last[role], readings[role]) for role in Role)
        taken: Both[Reading | None] = Both(
            None if Role.PRIMARY in self.memory.dead else readings.primary,
            None if Role.SECONDARY in self.memory.dead else readings.secondary,
        )
        self.last, self.looked_at = readings, began
        if journal or news:
            self.tell(SituationRead(purpose, taken, self.identities if first else None))
        else:
            self.tell(ReadingsTaken(taken))
        self._give_up_on_the_unseen(readings)
        return readings

    async def _read(self, role: Role, once: bool) -> Reading:
        if role in self.memory.dead:
            if self.last is not None:
                return self.last[role]
            return Reading(
                role, Unreachable("found dead earlier in this run"), self.clock.now(), self.clock.monotonic()
            )
        within = self.deadline(role)
        if once:
            return await self._ask(role, anew=False, within=within)
        return await ask_twice(partial(self._ask, role), self.clock, within=within)

    async def _ask(self, role: Role, anew: bool, within: float | None) -> Reading:
        self.asked_at[role] = self.clock.monotonic()
        return await self.world.read(role, within=within, anew=anew)

    async def _identify_both(self) -> Both[Identity]:
        return Both(*await asyncio.gather(self._identify(Role.PRIMARY), self._identify(Role.SECONDARY)))

    async def _identify(self, role: Role) -> Identity:
        if role in self.memory.dead:
            return Identity(role, None, "found dead earlier in this run")
        return await self.world.identify(role, within=self.deadline(role))

    def deadline(self, role: Role) -> float | None:
        """Seconds that an exchange with this org may take; None for the usual time-outs."""
        needed = self.may_survive if self.survivor is None else {self.survivor}
        if self.memory.mode is Mode.EMERGENCY and role not in needed:
            return self.emergency_deadline.total_seconds()
        return None

    def may_be_given_up(self, role: Role) -> bool:
        """Whether this is the org that an emergency does without, if need be."""
        return self.deadline(role) is not None

    def last_look(self) -> Both[Reading]:
        """The readings of the last look.

        Raises:
            RuntimeError: nothing was read yet.
        """
        if self.last is None:
            raise RuntimeError("nothing was read yet")
        return self.last

    def _give_up_on_the_unseen(self, readings: Both[Reading]) -> None:
        """In an emergency, whatever is not a good record counts as not seen, and stays out of the run (law 9).

        A 404 beside a survivor that has a record is none either, nor is one that is older than what was seen.
        """
        if self.memory.mode is not Mode.EMERGENCY or self.survivor is None:
            return
        other = self.survivor.other
        if other in self.memory.dead:
            return
        reading = readings[other]
        record = reading.record
        link = link_of(self.pair, reading, self.identities[other]) if self.identities is not None else None
        absent_too = record is not None or readings[self.survivor].status is Status.ABSENT
        old = record is not None and self.memory.is_under_floor(reading)
        if reading.answered and absent_too and isinstance(link, Linked) and not old:
            return
        reason = getattr(reading.sight, "reason", "") or getattr(link, "reason", "")
        why = "its record is older than what was seen of it" if old else "it has no record (404)"
        self.tell(OrgGivenUp(other, reason or why))

    def give_up(self, reason: str) -> None:
        """Leave the other org of an emergency out of the rest of the run."""
        if self.survivor is not None and self.survivor.other not in self.memory.dead:
            self.tell(OrgGivenUp(self.survivor.other, reason))

    def age(self) -> float:
        """Seconds since the last look began: the larger of what both clocks say (law 18)."""
        if self.looked_at is None:
            return float("inf")
        wall = (self.clock.now() - self.looked_at[0]).total_seconds()
        monotonic = self.clock.monotonic() - self.looked_at[1]
        if abs(wall - monotonic) > CLOCKS_AGREE_WITHIN:
            self.tell(
                ClockDistrusted(wall, monotonic, "the clocks disagree: a suspension, or the time was set")
            )
            return float("inf")
        return monotonic

    def met_silence(self) -> bool:
        """Whether an org that is part of the run did not answer the last look: looking at once again tells no more."""
        return any(
            isinstance(reading.sight, Unreachable) and role not in self.memory.dead
            for role, reading in self.last_look().items()
        )

    def fresh_enough(self) -> bool:
        """Whether a write may be sent on the last look (law 6)."""
        return self.age() <= SEND_WITHIN.total_seconds()

    def leave_by(self, role: Role) -> float:
        """On the monotonic clock, the time by which a request to an org must leave that is sent on its last reading (law 6)."""
        return self.asked_at.get(role, self.clock.monotonic()) + SEND_WITHIN.total_seconds()

    def grown_old(self, role: Role) -> bool:
        """Whether one org was asked so long ago, while the other one took its time, that it has to be read again (law 6)."""
        return role not in self.memory.dead and self.clock.monotonic() > self.leave_by(role)

    async def look_again(self, role: Role) -> Both[Reading]:
        """Read one org alone, right after a look that took too long for what it said of this one."""
        readings = self.last_look().with_(role, await self._read(role, once=True))
        self.last = readings
        seen: Both[Reading | None] = Both(None, None)
        self.tell(SituationRead("before write", seen.with_(role, readings[role])))
        return readings

    def distrust(self) -> None:
        """Forget when the last look was: the next write reads everything again."""
        self.looked_at = None

    def situation(self, probes: Sequence[ProbeReading] = ()) -> Situation:
        """What guards may look at: the last look, what the probes said, and the run's own facts.

        Raises:
            RuntimeError: nothing was read yet.
        """
        if self.last is None or self.identities is None:
            raise RuntimeError("a situation needs a look first")
        return Situation(
            pair=self.pair,
            readings=self.last,
            identities=self.identities,
            at=self.clock.now(),
            monotonic=self.clock.monotonic(),
            mode=self.memory.mode,
            survivor=self.survivor if self.memory.mode is Mode.EMERGENCY else None,
            run=self.memory.run,
            our_names=self.memory.our_names(),
            known_runs=self.known_runs,
            predicted=any(reading.predicted for reading in self.last),
            probes={reading.probe: reading for reading in probes},
        )


def _differs(before: Reading, now: Reading) -> bool:
    """Whether a reading says something else than the one before it, apart from when."""
    if before.record is not None and now.record is not None:
        return not now.record.same_version(before.record)
    return type(before.sight) is not type(now.sight)

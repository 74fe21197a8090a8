"""Looking at both orgs at once, and knowing how old a look is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from msgspec import Struct, field

from orchestrator.model import events
from orchestrator.model.guard import ProbeReading
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import Identity, Reading, Unreachable
from orchestrator.model.run import Approval, Mode
from orchestrator.model.situation import SEND_WITHIN, Phase, Situation
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.commands import View
from orchestrator.situation.link import BOTH_ROLES, Link, Linked, as_seen, judge_link, link_of
from orchestrator.situation.phase import phase_of

from .context import RunContext

T = TypeVar("T")

CLOCKS_AGREE_WITHIN = 2.0
"""Seconds by which wall and monotonic clock may differ over one step before the readings are distrusted (law 18)."""

_FOUND_DEAD = "found dead earlier in this run"

ASK_AGAIN_FOR = 4.0
"""Seconds, from the first answer that was none, in which an org is asked again before that is believed (law 21)."""

ASK_AGAIN_AFTER = (0.25, 0.5, 0.9)
"""Seconds between one try and the next; the last one goes on."""


OUTLASTED = 60.0
"""Seconds that no answer takes which is waited for: a suspension came between, and it says nothing of the org (law 18)."""


async def ask_twice(
    ask: Callable[[bool, float | None], Awaitable[Reading]], clock: Clock, *, within: float | None = None
) -> Reading:
    """One org's reading, where a single bad answer is no verdict: asked again for a while, on new connections (law 21).

    `ask` takes whether on a new connection, and within how many seconds. `within` is for all tries together, where the org
    may not be waited for: then it is asked again once. None is for ASK_AGAIN_FOR after the first answer.
    """
    deadline = None if within is None else clock.monotonic() + within
    reading = await ask(False, within)
    until = deadline if deadline is not None else clock.monotonic() + ASK_AGAIN_FOR
    tries, suspended = 0, False
    while reading.may_pass:
        pause = ASK_AGAIN_AFTER[min(tries, len(ASK_AGAIN_AFTER) - 1)]
        left = until - clock.monotonic() - pause
        if left <= 0 or (deadline is not None and tries > 0):
            break
        await clock.sleep(pause)
        asked = clock.monotonic()
        reading = await ask(True, None if deadline is None else left)
        tries += 1
        if deadline is None and not suspended and clock.monotonic() - asked > OUTLASTED:
            suspended, until = True, clock.monotonic() + ASK_AGAIN_FOR
    return reading


async def unbroken(look: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """What a look says; taken again, once, where a suspension came in between: what it says may be long past (law 18)."""
    at, monotonic = clock.now(), clock.monotonic()
    taken = await look()
    slept = (clock.now() - at).total_seconds() - (clock.monotonic() - monotonic)
    return await look() if abs(slept) > CLOCKS_AGREE_WITHIN else taken


async def look_for_survivor(
    look: Callable[[frozenset[Role]], Awaitable[T]],
    playbook: Playbook,
    goal: Status,
    *,
    shown: Callable[[T], Both[Reading]],
    last: Callable[[Role], Status | None],
) -> T:
    """The first look of an emergency, which waits for no other org than the one that is enough for it (law 9).

    `look` takes the orgs that it is to wait for, `last` tells what an org was last seen at. Where it may be either, both get
    the short deadline first; they are waited for where that leaves open what can be done.
    """
    needed = playbook.survivors_towards(goal)
    if needed == BOTH_ROLES:
        taken = await look(frozenset())
        statuses = [(reading.role, reading.status) for reading in shown(taken) if reading.status is not None]
        enough = any(playbook.is_enough(role, status, goal, last(role.other)) for role, status in statuses)
        if enough or len(statuses) == len(Role):
            return taken
    return await look(needed)


class PairReader(Struct):
    """Takes readings for a run; remembers the last ones."""

    run: RunContext
    identities: Both[Identity] | None = None
    last: Both[Reading] | None = None
    before: Both[Reading] | None = None
    """The readings before the last ones."""
    read_at: tuple[datetime, float] | None = None
    """When the last look began, by both clocks."""
    asked_at: dict[Role, float] = field(default_factory=dict)
    """When each org was asked for its last reading, by the monotonic clock."""

    async def begin(self, goal: Status) -> None:
        """The first look of a run to this goal."""
        run = self.run

        async def look(needed: frozenset[Role]) -> Both[Reading]:
            run.needed, self.identities = needed, None
            return await self.read_both("start", once=False)

        async def begin() -> Both[Reading]:
            if run.state.mode is Mode.PLANNED:
                return await self.read_both("start", once=False)
            return await look_for_survivor(
                look, run.playbook, goal, shown=lambda readings: readings, last=run.last_seen
            )

        await unbroken(begin, run.clock)
        if run.state.mode is Mode.EMERGENCY:
            run.needed = run.playbook.survivors_towards(goal)

    async def read_both(self, purpose: str, *, journal: bool = True, once: bool = True) -> Both[Reading]:
        """Read both orgs in parallel; an emergency's dead org is left out, and its other org has a short deadline.

        `purpose` is as `SituationRead` lists it. Without `journal`, while polling, the look is journalled only where it shows something
        new. `once` is False where something is concluded from this very look: then silence is asked again (law 21).
        """
        began = self.run.moment()
        first = self.identities is None
        reads = self._read(Role.PRIMARY, once), self._read(Role.SECONDARY, once)
        if self.identities is None:
            asked = self._identify(Role.PRIMARY), self._identify(Role.SECONDARY)
            primary, secondary, *whose = await asyncio.gather(*reads, *asked)
            self.identities = Both(*whose)
        else:
            primary, secondary = await asyncio.gather(*reads)
        whose_keys = self.identities
        mine = (
            each if whose_keys[each.role].uuid else as_seen(self.run.pair, each, whose_keys[each.role])
            for each in (primary, secondary)
        )
        readings, before = Both(*mine), self.last
        news = first or before is None or any(readings[role].differs_from(before[role]) for role in Role)
        dead = self.run.state.dead
        taken: Both[Reading | None] = Both(*(None if each.role in dead else each for each in readings))
        self.before, self.last, self.read_at = before, readings, began
        if journal or news:
            self.run.tell(events.SituationRead(purpose, taken, self.identities if first else None))
        else:
            self.run.tell(events.ReadingsTaken(taken))
        self.leave_out_the_unseen()
        return readings

    async def _read(self, role: Role, once: bool) -> Reading:
        if role in self.run.state.dead:
            if self.last is not None:
                return self.last[role]
            return Reading(role, Unreachable(_FOUND_DEAD), *self.run.moment())
        within = self.deadline(role)
        if once:
            return await self._ask(role, anew=False, within=within)
        return await ask_twice(partial(self._ask, role), self.run.clock, within=within)

    async def _ask(self, role: Role, anew: bool, within: float | None) -> Reading:
        self.asked_at[role] = self.run.clock.monotonic()
        silence = self.run.playbook.timeouts.silence.total_seconds()
        self.run.tell(events.OrgAsked(role, silence if within is None else within))
        reading = await self.run.world.read(role, within=within, anew=anew)
        if self.last is None:  # a run's first look was begun before it was wanted here
            self.asked_at[role] = min(self.asked_at[role], reading.monotonic)
        self.run.tell(events.OrgAnswered(reading))
        return reading

    async def _identify(self, role: Role) -> Identity:
        if role in self.run.state.dead:
            return Identity(role, None, _FOUND_DEAD)
        return await self.run.world.identify(role, within=self.deadline(role))

    def deadline(self, role: Role) -> float | None:
        """Seconds that an exchange with this org may take; None for the usual time-outs."""
        if self.run.state.mode is Mode.EMERGENCY and role not in self.run.needed:
            return self.run.playbook.emergency_deadline.total_seconds()
        return None

    def may_be_given_up(self, role: Role) -> bool:
        """Whether this is the org that an emergency does without, if need be."""
        return self.deadline(role) is not None

    @property
    def readings(self) -> Both[Reading]:
        """The last readings; RuntimeError before the first."""
        if self.last is None:
            raise RuntimeError("nothing was read yet")
        return self.last

    @property
    def seen(self) -> tuple[Both[Reading], Both[Identity]]:
        """The last readings, and whose keys we hold; RuntimeError before the first."""
        if self.identities is None:
            raise RuntimeError("nothing was read yet")
        return self.readings, self.identities

    def link(self, judge: frozenset[Role] = BOTH_ROLES) -> Link:
        """Whether those orgs are who the inventory says, by the last look."""
        return judge_link(self.run.pair, *self.seen, judge=judge)

    def phase(self, goal: Status | None = None) -> Phase:
        """Where the pair stands by the last look."""
        run, state = self.run, self.run.state
        readings, identities = self.seen
        view = View(
            run.pair, readings, run.playbook, run.owed_now(), run.open_run, goal, given_up=state.given_up
        )
        return phase_of(view, identities, state.floors)

    def leave_out_the_unseen(self) -> None:
        """In an emergency whose survivor is known, whatever is not a good record counts as not seen, and stays out of the run (law 9).

        A 404 beside a survivor that has a record is none either, nor is one that is older than what was seen.
        """
        run, survivor = self.run, self.run.survivor
        if survivor is None:
            return
        other = survivor.other
        if other in run.state.dead:
            return
        readings = self.readings
        reading, record = readings[other], readings[other].record
        link = link_of(run.pair, reading, self.identities[other]) if self.identities is not None else None
        absent_too = record is not None or readings[survivor].status is Status.ABSENT
        old = record is not None and run.state.is_under_floor(reading)
        if reading.answered and absent_too and isinstance(link, Linked) and not old:
            return
        reason = reading.reason or getattr(link, "reason", "")
        why = "its record is older than what was seen of it" if old else "it has no record (404)"
        run.tell(events.OrgGivenUp(other, reason or why))

    def give_up(self, reason: str) -> None:
        """Leave the other org of an emergency out of the rest of the run."""
        survivor = self.run.survivor
        if survivor is not None and survivor.other not in self.run.state.dead:
            self.run.tell(events.OrgGivenUp(survivor.other, reason))

    def age(self) -> float:
        """Seconds since the last look began; without end where the clocks disagree on it (law 18)."""
        if self.read_at is None:
            return float("inf")
        wall, monotonic = self.run.elapsed(self.read_at)
        if abs(wall - monotonic) > CLOCKS_AGREE_WITHIN:
            self.run.tell(
                events.ClockDistrusted(
                    wall, monotonic, "the clocks disagree: a suspension, or the time was set"
                )
            )
            return float("inf")
        return monotonic

    def silent(self) -> frozenset[Role]:
        """The orgs that did not answer the last look, nor the one before: one reading is no verdict (law 21)."""
        looks = (self.before, self.last)
        return frozenset(
            role
            for role in Role
            if all(look is not None and isinstance(look[role].sight, Unreachable) for look in looks)
        )

    def met_silence(self) -> bool:
        """Whether an org that is part of the run did not answer the last look: looking at once again tells no more."""
        return any(
            isinstance(reading.sight, Unreachable) and role not in self.run.state.dead
            for role, reading in self.readings.items()
        )

    def fresh_enough(self) -> bool:
        """Whether a write may be sent on the last look (law 6)."""
        return self.age() <= SEND_WITHIN.total_seconds()

    def leave_by(self, role: Role) -> float:
        """On the monotonic clock, the time by which a request to an org must leave that is sent on the last look (law 6).

        An emergency waits for no other org: what the one that is written said counts alone.
        """
        alone = self.run.survivor is not None
        asked = (self.asked_at.get(each) for each in Role if each is role or not alone)
        began = min((at for at in asked if at is not None), default=self.run.clock.monotonic())
        return began + SEND_WITHIN.total_seconds()

    def distrust(self) -> None:
        """Forget when the last look was: the next write reads everything again."""
        self.read_at = None

    def situation(
        self,
        probes: Sequence[ProbeReading] = (),
        approvals: tuple[Approval, ...] = (),
        *,
        waiting: bool = False,
    ) -> Situation:
        """What guards may look at: the last look, what the probes said, and the run's own facts."""
        run, (readings, identities) = self.run, self.seen
        return Situation(
            pair=run.pair,
            readings=readings,
            identities=identities,
            at=run.clock.now(),
            monotonic=run.clock.monotonic(),
            mode=run.state.mode,
            survivor=run.survivor,
            run=run.state.run,
            our_names=run.state.our_names(),
            known_runs=run.known_runs,
            earlier=run.state.seen_before(),
            predicted=any(reading.predicted for reading in readings),
            probes={reading.probe: reading for reading in probes},
            operator=run.operator.name,
            approvals=approvals,
            waiting=waiting,
        )

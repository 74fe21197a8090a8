"""The life of a process: what each thing that it asks comes to, and where something may go otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.engine.engine import Engine
from orchestrator.model.events import INTENTS, TransitionIntended, WriteIntended
from orchestrator.model.guard import Measured
from orchestrator.model.journal import Entry
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import BrokenLaw, Event, Law, Moment, What
from orchestrator.model.reading import (
    Absent,
    Accepted,
    Answer,
    Change,
    Denied,
    Draft,
    Exchange,
    HamrRecord,
    Lost,
    NotSent,
    Present,
    Reading,
    Rejected,
    Sight,
    Throttled,
    Unreachable,
    Unreadable,
)
from orchestrator.model.run import Mode
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl

from . import laws
from .keyboard import Died
from .orgs import ANSWER_SECONDS, Coming, is_strangers
from .scene import SAME_AT_FIRST, Chooser, Ended, Scene, ends
from .virtual_time import BEGINNING, ProcessDied, VirtualClock, VirtualLoop

LOOKS_THAT_FAIL = 2
"""Of several looks at an org in a row, between which nothing is written, so many can go wrong."""

_READS = (Event.MISSING, Event.DENIED, Event.UNREADABLE, Event.SILENT, Event.DARK, Event.DARK_LONG)
_WRITES = (
    Event.TAKEN_UNANSWERED,
    Event.NOT_TAKEN_UNANSWERED,
    Event.LATE,
    Event.VERY_LATE,
    Event.ACCEPTED_LATE,
    Event.NOT_SENT,
    Event.REFUSED,
    Event.REFUSED_TAKEN,
    Event.THROTTLED,
    Event.DIED_TAKEN,
    Event.DIED_LATE,
)
_LATE = {Event.LATE: 0.5, Event.VERY_LATE: 1.5}
"""When a write comes that was not answered, in confirm times."""


class Twin(Struct, frozen=True):
    """What this life stands for, too: it would have been the same until now, and leaves something else."""

    place: int
    """Which of the chosen events would have been another."""
    event: Event
    option: int
    coming: Coming | None = None
    """The write that would be on its way."""


class Failed(Struct, frozen=True):
    """A look at an org that showed nothing to go by; in whichever way, until something asks."""

    role: Role
    place: int
    options: tuple[int, ...]
    """The other ways."""


class Life(Struct, eq=False):
    """One process, on a scene of its own."""

    scene: Scene
    playbook: Playbook
    chooser: Chooser
    loop: VirtualLoop
    clock: VirtualClock
    assumed: Mapping[str, Measured]
    """What each probe says where nothing goes wrong."""
    met: Callable[[Life, Sequence[Entry]], bool]
    """Is asked at each intent whether another life goes on from an equal state."""
    dead: bool = False
    was_met: bool = False
    ended: list[Ended] = field(default_factory=list)
    """What it would have left, had it died on its way, or had something outlasted it."""
    looks: dict[Role, int] = field(default_factory=dict)
    """At each org since anything was last written."""
    warned: dict[tuple[str, Role], HamrRecord] = field(default_factory=dict)
    """A stranger's record that was shown to it, and that the journal does not know of yet."""
    sent: list[Draft] = field(default_factory=list)
    served: dict[Role, HamrRecord | None] = field(default_factory=dict)
    """What this process was shown last of each org."""
    wrote: bool = False
    holds_back: dict[str, float] = field(default_factory=dict)
    """Probes that do not say what is wanted, until when."""
    unmeasured: bool = False
    """Whether probes that hold back have no data, rather than a bad answer."""
    past: frozenset[str] = frozenset()
    """Probes that were asked for, and that nothing asks for any more: what they would say is not told apart."""
    hooks: int = 0
    """How many hooks' programs have run."""
    twins: list[Twin] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    """Of orgs that were not read again since."""
    left: tuple[Any, ...] = ()
    """What would have outlived it when it committed last."""
    controls: RunControl = field(default_factory=RunControl)
    broken: list[BrokenLaw] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    # -- what everything of it asks ------------------------------------------------------------------------------

    def alive(self) -> None:
        """Go on, where it lives; ProcessDied where it does not."""
        if self.dead:
            raise ProcessDied

    def die(self) -> None:
        """It is gone.

        Raises:
            ProcessDied: always.
        """
        self.dead = True
        raise ProcessDied

    def tell(self, what: What, **facts: Any) -> None:
        """Add to the story."""
        self.moments.append(Moment(self.loop.time() - BEGINNING, what, **facts))

    def choose(
        self, what: What, options: Sequence[Event], stood_for: Container[Event] = (), **facts: Any
    ) -> Event | None:
        """What goes otherwise here; told where something does."""
        option = self.chooser.choose(options, stood_for)
        if option is None:
            return None
        self.scene.goes_otherwise(options[option])
        self.tell(what, event=options[option], **facts)
        return options[option]

    def had_died(self, event: Event, what: What, draft: Draft | None = None, **facts: Any) -> None:
        """Where that is to be explored, take note of what this life would leave, had it died here: all that lives on is a copy."""
        if not self.chooser.branches_here:
            return
        chooser, scene = self.chooser.and_then(event), self.scene.copy()
        scene.goes_otherwise(event)
        scene.scripts = (*scene.scripts[:-1], chooser.script)
        moments = [*self.moments, Moment(self.loop.time() - BEGINNING, what, event=event, **facts)]
        dead = replace(
            self,
            scene=scene,
            chooser=chooser,
            moments=moments,
            broken=[],
            warned=dict(self.warned),
            sent=[*self.sent],
            twins=[*self.twins],
            failed=[],
        )
        if draft is not None:
            dead.leave_write(draft, event)
        self.ended += ends(dead, Died())

    def asks(self, law: Law, whys: Iterable[str]) -> None:
        """Take note of a law, where it broke."""
        self.broken += [BrokenLaw(law, why) for why in whys]

    def tell_apart(self) -> None:
        """Something is about to depend on how a look failed: each other way has a life of its own from here on."""
        for each in self.failed:
            for option in each.options:
                self.chooser.tell_apart(each.place, option)
        self.failed.clear()

    def catch_up(self) -> None:
        """Let arrive what is due; what would arrive now in the life of a twin tells it apart."""
        for twin in [*self.twins]:
            if twin.coming is not None and twin.coming.at <= self.loop.time():
                self.twins.remove(twin)
                self.chooser.tell_apart(twin.place, twin.option)
        self.moments.extend(self.scene.orgs.catch_up(self.loop.time()))

    async def takes(self, seconds: float) -> None:
        """Wait until something outside has answered; ProcessDied where it did not live to see that."""
        self.alive()
        await self.clock.sleep(seconds)
        self.alive()

    def holds_for(self, probe: str, now: float) -> float | None:
        """For how many seconds a probe that was asked for will not say what is wanted; None where it never will."""
        until = self.holds_back[probe]
        return None if until == math.inf else max(0.0, until - now)

    def is_dark(self, role: Role) -> bool:
        """Whether that org's region does not answer."""
        return role in self.scene.orgs.dark

    # -- the orgs ------------------------------------------------------------------------------------------------

    def around_commit(self, entries: Sequence[Entry], commit: Callable[[], None]) -> None:
        """One transaction of the journal: the process may die before it or after it."""
        subject = entries[-1].kind
        if any(entry.kind in INTENTS for entry in entries):
            self.tell_apart()
        ways = self._ways_to_die()
        found = self.choose(What.COMMIT, ways, subject=subject)
        if found is Event.DIED_BEFORE:
            self.die()
        if Event.DIED_BEFORE in ways:
            self.had_died(Event.DIED_BEFORE, What.COMMIT, subject=subject)
        laws.before_commit(self, entries)
        commit()
        self.left = self._leaves()
        laws.after_commit(self, entries)
        if found is not None:
            self.die()
        self.had_died(Event.DIED_AFTER, What.COMMIT, subject=subject)
        if any(entry.kind in (TransitionIntended.kind, WriteIntended.kind) for entry in entries):
            self.looks.clear()
            if self.met(self, entries):
                self.was_met = True
                for twin in self.twins:  # what it leaves on its way is not what that other one leaves
                    self.chooser.tell_apart(twin.place, twin.option)
                self.die()

    def _ways_to_die(self) -> list[Event]:
        """Before a commit it leaves what it left after the one before, unless something else has changed since."""
        before = [Event.DIED_BEFORE] if self.left != self._leaves() else []
        return [*before, Event.DIED_AFTER]

    def _leaves(self) -> tuple[object, ...]:
        """What outlives it, but for what it commits: the orgs, what is on its way, hooks that ran, the lock, and the time."""
        orgs, holder = self.scene.orgs, self.scene.kept.holder
        lock = None if holder is None else holder.lock
        now, before = self.loop.time(), self.left[-1] if self.left else 0.0
        at_once = now - before < self.playbook.confirm.within.total_seconds() / 2
        since = before if at_once else now
        coming = len(orgs.coming), len(self.twins)
        return (orgs.written, coming, tuple(orgs.dark.items()), self.hooks, lock, since)

    async def answered_read(self, role: Role, within: float | None) -> Sight:
        """What a GET of an org says."""
        await self.takes(ANSWER_SECONDS)
        self.catch_up()
        self.failed = [each for each in self.failed if each.role is not role]
        count = self.looks[role] = self.looks.get(role, 0) + 1
        found = None
        if not self.is_dark(role) and count <= LOOKS_THAT_FAIL:
            ways = self._ways_to_read(role)
            alike = self._fail_alike(role) if self.chooser.at_issue else set[Event]()
            alike &= {*SAME_AT_FIRST[Event.UNREADABLE]}
            found = self.choose(What.READ, ways, {*alike, *SAME_AT_FIRST[Event.DARK]}, role=role)
            if found is not None:
                self._stand_for(ways, found, role, alike)
        if found in (Event.DARK, Event.DARK_LONG):
            self.scene.orgs.dark[role] = self.scene.number + (found is Event.DARK_LONG)
        if self.is_dark(role):
            await self.takes(self.playbook.timeouts.read.total_seconds() if within is None else within)
            return Unreachable("no answer in time")
        match found:
            case Event.MISSING:
                return Absent()
            case Event.DENIED:
                return Denied("403 Forbidden")
            case Event.UNREADABLE:
                return Unreadable("a page of HTML")
            case Event.SILENT:
                return Unreachable("503 Service Unavailable")
            case _:
                record = self.scene.orgs.shown[role][-2 if found is Event.LAGGED else -1]
                laws.shown(self, role, record)
                return _sight_of(record)

    def _stand_for(self, ways: Sequence[Event], event: Event, role: Role, alike: Container[Event]) -> None:
        """Take note of what else this is the life of, where it is the last thing that the script wants or not."""
        place = len(self.chooser.chosen) - 1
        if event is Event.UNREADABLE:
            others = tuple(option for option, way in enumerate(ways) if way in alike)
            self.failed.append(Failed(role, place, others))
        if event is Event.DARK:
            self.twins += [Twin(place, longer, ways.index(longer)) for longer in SAME_AT_FIRST[event]]

    def _fail_alike(self, role: Role) -> set[Event]:
        """The ways in which a look that shows nothing may fail, and be the same to the engine as one that is unreadable.

        It asks no reading for more than whether it has a record, and goes by how that differs from what was seen, until it asks what kind
        of failure it was (`Reading.sight`), concludes something, or reads again. A 404, and a record from before, are older than what was
        seen: to a planned run that is as good as nothing, and it looks again.
        """
        alike = {Event.DENIED, Event.SILENT}
        engine = self.controls.engine
        if not isinstance(engine, Engine) or engine.run.state.mode is not Mode.PLANNED:
            return alike
        before = self.scene.orgs.shown[role][-2:-1]
        now = self.clock.now()
        for event, sight in (
            (Event.MISSING, Absent()),
            *((Event.LAGGED, _sight_of(record)) for record in before if not self._may_matter(record)),
        ):
            reading = Reading(role, sight, now, self.clock.monotonic())
            if engine.route.checker.compare(reading).change is Change.STALE:
                alike.add(event)
        return alike

    def _may_matter(self, record: HamrRecord | None) -> bool:
        """Whether a record from before may be taken for more: a stranger's is warned of, and what was written now is looked for."""
        engine = self.controls.engine
        under_way = engine.run.under_way if isinstance(engine, Engine) else None
        if record is None or is_strangers(record) or under_way is None:
            return True
        return record.status in self.playbook.server_moves(under_way.target)

    def _ways_to_read(self, role: Role) -> list[Event]:
        lagged = [Event.LAGGED] if len(self.scene.orgs.shown[role]) > 1 else []
        return [*lagged, *_READS]

    async def answered_write(self, draft: Draft, within: float | None) -> Answer:
        """What a POST to an org comes to."""
        await self.takes(ANSWER_SECONDS)
        self.catch_up()
        self.looks.clear()
        self.scene.tried = ()
        self._stranger_may_write(draft)
        laws.before_write(self, draft)
        self.wrote = True
        if self.is_dark(draft.role):
            await self.takes(self.playbook.timeouts.total.total_seconds() if within is None else within)
            laws.after_write(self, draft, answered=False)
            return Lost(Exchange(), "no answer in time")
        facts = {"role": draft.role, "status": draft.status}
        late = SAME_AT_FIRST[Event.NOT_TAKEN_UNANSWERED]
        found = self.choose(What.WROTE, _WRITES, late, **facts)
        for event in (Event.DIED_TAKEN, Event.DIED_LATE):
            self.had_died(event, What.WROTE, draft, **facts)
        if found is None:
            self.tell(What.WROTE, **facts)
        answer = await self._fate(draft, found)
        laws.after_write(self, draft, answered=isinstance(answer, Accepted) and answer.record is not None)
        self._stranger_may_write(draft)
        return answer

    async def _fate(self, draft: Draft, event: Event | None) -> Answer:  # noqa: C901 - a case for each
        orgs, now, within = self.scene.orgs, self.loop.time(), self.playbook.confirm.within.total_seconds()
        match event:
            case Event.TAKEN_UNANSWERED:
                orgs.take(draft, now)
                return Lost(Exchange(), "connection reset")
            case Event.NOT_TAKEN_UNANSWERED:
                place = len(self.chooser.chosen) - 1
                for late in SAME_AT_FIRST[event]:
                    coming = orgs.later(draft, now, within * _LATE[late])
                    self.twins.append(Twin(place, late, _WRITES.index(late), coming))
                return Lost(Exchange(), "no answer in time")
            case Event.LATE | Event.VERY_LATE:
                orgs.coming.append(orgs.later(draft, now, within * _LATE[event]))
                return Lost(Exchange(), "no answer in time")
            case Event.ACCEPTED_LATE:
                orgs.coming.append(orgs.later(draft, now, within * _LATE[Event.LATE]))
                return Accepted(Exchange(), None)
            case Event.NOT_SENT:
                return NotSent(Exchange(), "connection refused")
            case Event.REFUSED:
                return Rejected(Exchange(), "400 Bad Request")
            case Event.REFUSED_TAKEN:
                orgs.take(draft, now)
                return Rejected(Exchange(), "400 Bad Request")
            case Event.THROTTLED:
                return Throttled(Exchange(), 2.0)
            case Event.DIED_TAKEN | Event.DIED_LATE:
                self.leave_write(draft, event)
                self.die()
        return Accepted(Exchange(server_date=self.clock.now()), orgs.take(draft, now))

    def leave_write(self, draft: Draft, event: Event) -> None:
        """What becomes of a write whose process dies while it waits for the answer."""
        orgs, now = self.scene.orgs, self.loop.time()
        if event is Event.DIED_TAKEN:
            orgs.take(draft, now)
        else:
            within = self.playbook.confirm.within.total_seconds()
            orgs.coming.append(orgs.later(draft, now, within * _LATE[Event.LATE]))
        laws.after_write(self, draft, answered=False)

    def _stranger_may_write(self, draft: Draft) -> None:
        """Somebody else writes: what we write, what is there, or what the pair is to leave, to either org."""
        orgs = self.scene.orgs
        if self.scene.meddled:
            return
        options = [
            (role, status)
            for role in Role
            for status in dict.fromkeys((draft.status, orgs.status(role), self.scene.route.start))
            if status not in (None, Status.ABSENT)
        ]
        option = self.chooser.choose([Event.STRANGER] * len(options))
        if option is not None:
            role, status = options[option]
            self.scene.goes_otherwise(Event.STRANGER)
            self.tell(What.STRANGER, role=role, status=status, event=Event.STRANGER)
            orgs.take_strangers(role, status, self.loop.time())


def _sight_of(record: HamrRecord | None) -> Sight:
    return Absent() if record is None else Present(record, Status(record.status))

"""A pair in memory, on a clock that only moves when somebody sleeps: the engine's own test bench."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import RunContext, RunServices
from orchestrator.engine.engine import Engine
from orchestrator.engine.predicted import predicted_services
from orchestrator.errors import JournalUnavailable
from orchestrator.journal.history import events_of, histories_of
from orchestrator.model.events import (
    ChangeSeen,
    Event,
    RunResumed,
    RunStarted,
    TransitionMade,
    WriteIntended,
    encode,
)
from orchestrator.model.journal import Record
from orchestrator.model.org import EnvironmentKey, Mirrors, Org, Pair, Wire
from orchestrator.model.plain import JSON, timestamp
from orchestrator.model.playbook import Advances, Confirm, Playbook, Transition
from orchestrator.model.reading import (
    Absent,
    Accepted,
    Answer,
    Change,
    Draft,
    Exchange,
    HamrRecord,
    Identity,
    Lost,
    NotSent,
    Present,
    Reading,
    Rejected,
    Request,
    Sight,
    Throttled,
    Unreachable,
    Unrecognised,
)
from orchestrator.model.run import End, Mode, Operator, RunOutcome
from orchestrator.model.situation import OpenRun, Owed, Phase
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.state import RunState, replay
from tests.clock import START, HandClock
from tests.playbooks import changed
from tests.steps import step

E = TypeVar("E")
P, S = Role.PRIMARY, Role.SECONDARY
UUIDS = Both("550e8400-e29b-41d4-a716-446655440000", "660e8400-e29b-41d4-a716-446655440000")
RUN = "20261122-030000-test"
KEY = EnvironmentKey("KEY")

ORGS = Both(
    Org(P, "Payments", UUIDS.primary, "http://127.0.0.1:1", "us1", Wire.AUTO, KEY, KEY),
    Org(S, "Payments EU", UUIDS.secondary, "http://127.0.0.1:2", "eu1", Wire.AUTO, KEY, KEY),
)
TRANSITIONS = (
    Transition("enroll", Status.ONBOARDING, Status.PASSIVE),
    Transition("declare", Status.PASSIVE, Status.FAILOVER, survivor=S),
    Transition("activate", Status.FAILOVER, Status.ACTIVE, survivor=S),
    Transition("abort", Status.FAILOVER, Status.PASSIVE),
    Transition("recover", Status.ACTIVE, Status.RECOVERY),
    Transition("settle", Status.RECOVERY, Status.PASSIVE),
)
PLAYBOOK = Playbook(
    "regional-failover",
    TRANSITIONS,
    (Status.PASSIVE, Status.ACTIVE),
    confirm=Confirm(timedelta(seconds=10), timedelta(seconds=1)),
)


def pair(mirrors: Mirrors = Mirrors.NO) -> Pair:
    return Pair("payments", ORGS, mirrors)


def record(role: Role, status: int, by: str = "admin@example.com", at: datetime | None = None) -> HamrRecord:
    return HamrRecord(
        UUIDS[role],
        int(status),
        role is P,
        by,
        at or START - timedelta(days=30),
        UUIDS[role.other],
        ORGS[role.other].name,
        ORGS[role.other].datacenter,
    )


APPLIED = ("ok", "bodiless", "wrong-body")
"""The words of answers to writes that take effect, beside those that say so."""


@dataclass
class FakeWorld:
    """Two orgs.

    `script[role]` says what becomes of the next writes, one word each: ok, lost, lost-applied, lost-late,
    accepted-never, accepted-late, bodiless, wrong-body, not-sent, 429, 429-long, 429-mute, black-hole, 400, 500, and
    403-applied, 403-rotated, 429-applied, 429-late, late-connection.
    """

    clock: HandClock
    records: dict[Role, HamrRecord | None] = field(default_factory=dict)
    sights: dict[Role, Sight] = field(default_factory=dict)
    """What an org answers instead of its record."""
    glitches: dict[Role, list[Sight | None]] = field(default_factory=lambda: {P: [], S: []})
    """What an org answers to the next reads, one each; None for the truth."""
    silence: dict[Role, float] = field(default_factory=dict)
    """Orgs that take so many seconds, or their deadline, and then do not answer a read."""
    identities: dict[Role, str | None] = field(default_factory=dict)
    script: dict[Role, list[str]] = field(default_factory=lambda: {P: [], S: []})
    mirrored: bool = False
    renames: str | None = None
    renamed: dict[Role, str] = field(default_factory=dict)
    """As `renames`, of one org."""
    whole_seconds: bool = False
    no_times: bool = False
    skew: dict[Role, float] = field(default_factory=dict)
    """Seconds by which an org's own clock is off."""
    late: list[Draft] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    deadlines: list[tuple[str, Role, float | None]] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    served: dict[Role, HamrRecord | None] = field(default_factory=dict)
    """What the last read of each org said."""
    before_read: Callable[[Role], None] | None = None
    before_write: Callable[[Draft], None] | None = None
    after_write: Callable[[Draft], None] | None = None

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        self.log.append(f"GET {role}" + (f" within {within:g}" if within else ""))
        self.deadlines.append(("GET", role, within))
        if self.before_read:
            self.before_read(role)
        began = self.clock.monotonic()
        sight = self._sight(role, within)
        self.served[role] = sight.record if isinstance(sight, Present | Unrecognised) else None
        return Reading(role, sight, self.clock.now(), began, Exchange(server_date=self.clock.now()))

    def _sight(self, role: Role, within: float | None) -> Sight:
        if role in self.silence:
            self.clock.advance(min(self.silence[role], within if within is not None else 10.0))
            return Unreachable("no answer in time")
        self.clock.advance(0.01)
        glitch = self.glitches[role].pop(0) if self.glitches[role] else None
        held = self.records.get(role)
        truth = Absent() if held is None else Present(held, Status(held.status))
        return glitch or self.sights.get(role) or truth

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        self.deadlines.append(("identify", role, within))
        return Identity(role, self.identities.get(role, UUIDS[role]))

    def describe(self, draft: Draft) -> Request:
        body: dict[str, JSON] = {
            "id": draft.org_uuid,
            "hamr_status": int(draft.status),
            "is_primary": draft.is_primary,
            "modified_by": draft.modified_by,
            "target_org_uuid": draft.target_uuid,
            "target_org_name": draft.target_name,
            "target_org_datacenter": draft.target_datacenter,
            "wire": draft.wire.value,
        }
        return Request("POST", f"{ORGS[draft.role].base_url}/api/v2/hamr", body)

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        self.log.append(f"POST {draft.role} {draft.status}")
        self.deadlines.append(("POST", draft.role, within))
        self.drafts.append(draft)
        if self.before_write:
            self.before_write(draft)
        answer = self._answer(draft, within)
        if self.after_write:
            self.after_write(draft)
        return answer

    def _answer(self, draft: Draft, within: float | None) -> Answer:
        what = self.script[draft.role].pop(0) if self.script[draft.role] else "ok"
        made = self.apply(draft) if what in APPLIED or what.endswith("-applied") else None
        self.late += [draft] if what.endswith("-late") else []
        self.clock.advance({"black-hole": within or 10.0, "late-connection": 6.0}.get(what, 0.0))
        theirs = record(draft.role, Status.PASSIVE, "bob@example.com")
        answers: dict[str, Answer] = {
            "ok": Accepted(Exchange(), made),
            "bodiless": Accepted(Exchange(), None),
            "wrong-body": Accepted(Exchange(), theirs),
            "accepted-late": Accepted(Exchange(), None),
            "accepted-never": Accepted(Exchange(), None),
            "lost": Lost(Exchange(), "no answer within 10 s"),
            "lost-late": Lost(Exchange(), "no answer within 10 s"),
            "lost-applied": Lost(Exchange(), "connection reset"),
            "black-hole": Lost(Exchange(), "no answer in time"),
            "not-sent": NotSent(Exchange(), "connection refused"),
            "late-connection": NotSent(Exchange(), "the connection took longer than the check is good for"),
            "429": Throttled(Exchange(), 2.0),
            "429-applied": Throttled(Exchange(), 2.0),
            "429-mute": Throttled(Exchange(), None),
            "429-long": Throttled(Exchange(), 3600.0),
            "403-applied": Rejected(Exchange(), "403 Forbidden"),
            "403-rotated": Rejected(Exchange(), "403 Forbidden", renewed=True),
            "429-late": Throttled(Exchange(), 2.0),
            "400": Rejected(Exchange(), "400 Bad Request"),
            "500": Lost(Exchange(http_status=500), "500 Internal Server Error"),
        }
        return answers[what]

    def apply(self, draft: Draft) -> HamrRecord:
        self.clock.advance(0.001)
        at = self.clock.now() + timedelta(seconds=self.skew.get(draft.role, 0.0))
        made = HamrRecord(
            draft.org_uuid,
            int(draft.status),
            draft.is_primary,
            self.renamed.get(draft.role, self.renames) or draft.modified_by,
            None if self.no_times else at.replace(microsecond=0) if self.whole_seconds else at,
            draft.target_uuid,
            draft.target_name,
            draft.target_datacenter,
            extra=draft.extra,
        )
        self.records[draft.role] = made
        if self.mirrored:
            self.mirror(draft.role)
        return made

    def arrive_late(self) -> None:
        """Every write that was held back takes effect now."""
        while self.late:
            self.apply(self.late.pop(0))

    def mirror(self, role: Role, made: HamrRecord | None = None) -> None:
        """The other org gets a copy of what that one shows, or of what it showed."""
        made = made or self.held(role)
        self.records[role.other] = replace(
            record(role.other, made.status), modified_by=made.modified_by, modified_at=made.modified_at
        )

    def foreign(self, role: Role, status: Status, by: str = "bob@example.com") -> None:
        self.clock.advance(0.001)
        self.records[role] = record(role, status, by, self.clock.now())

    def held(self, role: Role) -> HamrRecord:
        """The record that an org has, which there has to be."""
        found = self.records[role]
        assert found is not None
        return found

    def statuses(self) -> tuple[Status | None, Status | None]:
        primary, secondary = self.records.get(P), self.records.get(S)
        return (
            None if primary is None else Status(primary.status),
            None if secondary is None else Status(secondary.status),
        )

    def posts(self) -> list[str]:
        return [line for line in self.log if line.startswith("POST")]


class Died(BaseException):
    """The process is gone: nothing in it may catch this and go on."""


@dataclass
class Notes:
    """The observer, and the journal: what was told before the process died is what a later one can read."""

    events: list[Event] = field(default_factory=list)
    crash_at: Callable[[Event], bool] | None = None
    crash_before: bool = False
    """Whether the process dies before the event is durable, instead of right after."""
    fail_at: Callable[[Event], bool] | None = None
    """Where the journal can't be written."""
    on_tell: Callable[[Event], None] | None = None
    fail_commit: Callable[[], bool] | None = None
    commits: int = 0

    def tell(self, event: Event) -> None:
        if self.fail_at and self.fail_at(event):
            raise JournalUnavailable("the disk is full")
        dies = self.crash_at is not None and self.crash_at(event)
        if dies and self.crash_before:
            raise Died
        self.events.append(event)
        if dies:
            raise Died
        if self.on_tell:
            self.on_tell(event)

    async def commit(self) -> None:
        self.commits += 1
        if self.fail_commit and self.fail_commit():
            raise JournalUnavailable("the disk is full")

    def records(self, at: datetime, run: str = RUN) -> list[Record]:
        """What the journal holds, through JSON and back."""
        return [
            Record(
                number,
                timestamp(at),
                run,
                "payments",
                event.kind,
                "alice",
                "laptop",
                json.loads(json.dumps(encode(event))),
                "",
                "",
            )
            for number, event in enumerate((event for event in self.events if event.kind), start=1)
        ]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events if event.kind]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def changes(self) -> list[Change]:
        return [event.change for event in self.of(ChangeSeen)]

    def intents(self) -> list[WriteIntended]:
        return self.of(WriteIntended)


@dataclass
class Bench:
    """An engine, its world, and what it told."""

    world: FakeWorld
    clock: HandClock
    notes: Notes
    engine: Engine

    async def drive(self, goal: Status, end: End, org: Role | None = None, *, saying: str = "") -> RunOutcome:
        """A run to a goal, which ends so, for what stands at this org, where one is named, and in words with these in them."""
        ending = await self.engine.drive(goal)
        assert (ending.end, org and ending.org) == (end, org), ending
        assert saying in ending.message, ending
        return ending

    async def deliver(self, end: End, org: Role | None = None) -> RunOutcome:
        """What is owed is told, which ends so."""
        owed = self.engine.run.owed_now()
        assert owed is not None
        ending = await self.engine.deliver(owed)
        assert (ending.end, org and ending.org) == (end, org), ending
        return ending


def bench(
    start: Status = Status.PASSIVE,
    *,
    mirrors: Mirrors = Mirrors.NO,
    mode: Mode = Mode.PLANNED,
    overrides: Mapping[str, str] | None = None,
    playbook: Playbook = PLAYBOOK,
    world: FakeWorld | None = None,
    memory: RunState | None = None,
    notes: Notes | None = None,
    owed: Owed | None = None,
    open_run: OpenRun | None = None,
    operator: Operator = Operator("alice", "laptop"),  # noqa: B008 - frozen
    around: RunServices | None = None,
    dark: Role | None = None,
    script: Mapping[Role, list[str]] | None = None,
    mirrored: bool = False,
    renames: str | None = None,
) -> Bench:
    """`script`, `mirrored` and `renames` are the world's; an org that is dark refuses connections."""
    clock = world.clock if world else HandClock()
    if world is None:
        world = FakeWorld(clock)
        world.records = {} if start is Status.ABSENT else {P: record(P, start), S: record(S, start)}
    world.script |= script or {}
    world.mirrored, world.renames = mirrored or world.mirrored, renames or world.renames
    if dark is not None:
        world.sights[dark] = DARK
    notes = notes or Notes()
    memory = memory or RunState(RUN)
    memory.mode = mode
    memory.overrides |= overrides or {}
    run = RunContext(
        pair(mirrors),
        playbook,
        operator,
        memory,
        world,
        clock,
        notes,
        around or predicted_services(clock),
        jitter=lambda: 0.5,
        owed=owed,
        open_run=open_run,
        command=step("hamr run payments"),
    )
    engine = Engine(run)
    return Bench(world, clock, notes, engine)


async def look(b: Bench, goal: Status | None = None) -> Phase:
    """Where the pair stands, read now."""
    await b.engine.reader.read_both("start", once=False)
    return b.engine.reader.phase(goal)


def started(goal: Status, mode: Mode = Mode.PLANNED) -> RunStarted:
    return RunStarted(
        pair="payments",
        goal=goal,
        mode=mode,
        reason="us1 is down" if mode is Mode.EMERGENCY else "",
        ref="",
        since=None,
        overrides={},
        playbook=PLAYBOOK.name,
        playbook_text="",
        playbook_sha256="",
        orgs=UUIDS,
        urls=Both(ORGS.primary.base_url, ORGS.secondary.base_url),
        version="0",
    )


def resumed(
    dead: Bench,
    *,
    mode: Mode | None = None,
    mirrors: Mirrors | None = None,
    around: RunServices | None = None,
) -> Bench:
    """A new process on the same world, by the same playbook, with what the journal of the dead one holds, and nothing else."""
    records = dead.notes.records(dead.clock.now())
    history = histories_of(records)["payments"]
    known = (mirrors or dead.engine.run.pair.mirrors).known
    events = (event for event, _ in events_of(records))
    memory = replay(RUN, events, history.runs[RUN].floors, mirrors=known)
    memory.floors = dict(history.floors)
    mode = mode or memory.mode
    open_run = history.open_run.as_open_run() if history.open_run is not None else None
    again = bench(
        world=dead.world,
        mirrors=mirrors or dead.engine.run.pair.mirrors,
        mode=mode,
        playbook=dead.engine.run.playbook,
        memory=memory,
        notes=Notes(events=[*dead.notes.events]),
        owed=history.owed,
        open_run=open_run,
        operator=Operator("bea", "desk"),
        around=around or dead.engine.run.services,
    )
    event = RunResumed(mode)
    again.notes.tell(event)
    memory.apply(event)
    return again


async def dies(b: Bench, goal: Status, at: Callable[[Event], bool] | None = None) -> Bench:
    """A run to a goal, whose process dies: at an event, or where its bench is armed."""
    b.notes.events.append(started(goal, b.engine.run.state.mode))
    b.notes.crash_at = at or b.notes.crash_at
    with pytest.raises(Died):
        await b.engine.drive(goal)
    return b


def made(transition: str) -> Callable[[Event], bool]:
    """Once a transition is made."""
    return lambda event: isinstance(event, TransitionMade) and event.transition == transition


WAY_OUT = ["POST secondary FAILOVER", "POST primary FAILOVER", "POST secondary ACTIVE", "POST primary ACTIVE"]
"""The writes of a whole way out."""

SERVER_ADVANCES = changed(PLAYBOOK, "activate", "settle", advances=Advances.SERVER)
DARK = Unreachable("connection refused")


async def cancelled(work: Coroutine[Any, Any, object], begun: asyncio.Event) -> None:
    """Cancel it as soon as it has begun, and see that it says so."""
    task = asyncio.create_task(work)
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

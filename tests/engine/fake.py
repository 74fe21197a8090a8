"""A pair in memory, on a clock that only moves when somebody sleeps: the engine's own test bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from orchestrator.engine.drive import Engine, Task
from orchestrator.engine.gate import EnforcingGate, Gate
from orchestrator.engine.memory import Memory
from orchestrator.model.events import Event, WriteIntended
from orchestrator.model.org import Mirrors, Org, Pair, Wire
from orchestrator.model.playbook import Advances, Confirm, Playbook, Row
from orchestrator.model.reading import (
    Absent,
    Accepted,
    Answer,
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
)
from orchestrator.model.run import Mode, Operator
from orchestrator.model.secret import EnvironmentKey
from orchestrator.model.status import Both, Role, Status

P, S = Role.PRIMARY, Role.SECONDARY
START = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)
UUIDS = Both("550e8400-e29b-41d4-a716-446655440000", "660e8400-e29b-41d4-a716-446655440000")
RUN = "20261122-030000-test"
KEY = EnvironmentKey("KEY")

ORGS = Both(
    Org(P, "Payments", UUIDS.primary, "http://127.0.0.1:1", "us1", Wire.AUTO, KEY, KEY),
    Org(S, "Payments EU", UUIDS.secondary, "http://127.0.0.1:2", "eu1", Wire.AUTO, KEY, KEY),
)
ROWS = (
    Row("enroll", Status.ONBOARDING, Status.PASSIVE),
    Row("declare", Status.PASSIVE, Status.FAILOVER, survivor=S),
    Row("activate", Status.FAILOVER, Status.ACTIVE, survivor=S),
    Row("abort", Status.FAILOVER, Status.PASSIVE),
    Row("recover", Status.ACTIVE, Status.RECOVERY),
    Row("settle", Status.RECOVERY, Status.PASSIVE),
)
PLAYBOOK = Playbook(
    "regional-failover",
    ROWS,
    (Status.PASSIVE, Status.ACTIVE),
    confirm=Confirm(timedelta(seconds=10), timedelta(seconds=1)),
)


def pair(mirrors: Mirrors = Mirrors.NO) -> Pair:
    return Pair("payments", ORGS, mirrors)


@dataclass
class FakeClock:
    wall: datetime = START
    seconds: float = 1000.0
    on_sleep: list[Callable[[], None]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        for act in self.on_sleep:
            act()

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


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


@dataclass
class FakeWorld:
    """Two orgs; `script[role]` says what becomes of the next writes: ok, lost, lost-applied, not-sent, 429, 400."""

    clock: FakeClock
    records: dict[Role, HamrRecord | None] = field(default_factory=dict)
    sights: dict[Role, Sight] = field(default_factory=dict)
    """What an org answers instead of its record."""
    script: dict[Role, list[str]] = field(default_factory=lambda: {P: [], S: []})
    mirrored: bool = False
    renames: str | None = None
    late: list[Draft] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    before_write: Callable[[Draft], None] | None = None
    advances: bool = False

    async def read(self, role: Role, *, within: float | None = None) -> Reading:
        self.log.append(f"GET {role}" + (f" within {within:g}" if within else ""))
        self.clock.advance(0.01)
        held = self.records.get(role)
        sight = self.sights.get(role) or (Absent() if held is None else Present(held, Status(held.status)))
        return Reading(
            role, sight, self.clock.now(), self.clock.monotonic(), Exchange(server_date=self.clock.now())
        )

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        return Identity(role, UUIDS[role])

    def describe(self, draft: Draft) -> Request:
        return Request("POST", f"{ORGS[draft.role].base_url}/api/v2/hamr", {"hamr_status": int(draft.status)})

    async def write(self, draft: Draft, *, within: float | None = None) -> Answer:
        self.log.append(f"POST {draft.role} {draft.status}")
        if self.before_write:
            self.before_write(draft)
        what = self.script[draft.role].pop(0) if self.script[draft.role] else "ok"
        match what:
            case "ok":
                return Accepted(Exchange(), self.apply(draft))
            case "lost":
                return Lost(Exchange(), "no answer within 10 s")
            case "lost-applied":
                self.apply(draft)
                return Lost(Exchange(), "connection reset")
            case "lost-late":
                self.late.append(draft)
                return Lost(Exchange(), "no answer within 10 s")
            case "accepted-never":
                return Accepted(Exchange(), None)
            case "not-sent":
                return NotSent(Exchange(), "connection refused")
            case "429":
                return Throttled(Exchange(), 2.0)
            case "429-long":
                return Throttled(Exchange(), 3600.0)
            case _:
                return Rejected(Exchange(), "400 Bad Request")

    def apply(self, draft: Draft) -> HamrRecord:
        self.clock.advance(0.001)
        made = HamrRecord(
            draft.org_uuid,
            int(draft.status),
            draft.is_primary,
            self.renames or draft.modified_by,
            self.clock.now(),
            draft.target_uuid,
            draft.target_name,
            draft.target_datacenter,
            extra=draft.extra,
        )
        self.records[draft.role] = made
        if self.mirrored:
            self.mirror(draft.role)
        return made

    def mirror(self, role: Role) -> None:
        made = self.records[role]
        assert made is not None
        self.records[role.other] = replace(
            record(role.other, made.status), modified_by=made.modified_by, modified_at=made.modified_at
        )

    def foreign(self, role: Role, status: Status, by: str = "bob@example.com") -> None:
        self.clock.advance(0.001)
        self.records[role] = record(role, status, by, self.clock.now())

    def statuses(self) -> tuple[Status | None, Status | None]:
        return tuple(
            None if r is None else Status(r.status) for r in (self.records.get(P), self.records.get(S))
        )  # type: ignore[return-value]

    def posts(self) -> list[str]:
        return [line for line in self.log if line.startswith("POST")]


@dataclass
class Notes:
    events: list[Event] = field(default_factory=list)
    crash_at: Callable[[Event], bool] | None = None

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if self.crash_at and self.crash_at(event):
            raise RuntimeError("the process died here")

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events if event.kind]

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def intents(self) -> list[WriteIntended]:
        return [event for event in self.events if isinstance(event, WriteIntended)]


@dataclass
class Bench:
    """An engine, its world, and what it told."""

    world: FakeWorld
    clock: FakeClock
    notes: Notes
    engine: Engine


def bench(
    start: Status = Status.PASSIVE,
    *,
    mirrors: Mirrors = Mirrors.NO,
    mode: Mode = Mode.PLANNED,
    gate: Gate | None = None,
    playbook: Playbook = PLAYBOOK,
    world: FakeWorld | None = None,
    memory: Memory | None = None,
) -> Bench:
    clock = world.clock if world else FakeClock()
    if world is None:
        world = FakeWorld(clock)
        world.records = {} if start is Status.ABSENT else {P: record(P, start), S: record(S, start)}
    notes = Notes()
    memory = memory or Memory(RUN)
    memory.mode = mode
    task = Task(pair(mirrors), playbook, Operator("alice", "laptop"), memory)
    engine = Engine(task, world, clock, notes, gate or EnforcingGate(), lambda: 0.5)
    return Bench(world, clock, notes, engine)


SERVER_ADVANCES = replace(
    PLAYBOOK,
    rows=tuple(
        replace(row, advances=Advances.SERVER) if row.name in {"activate", "settle"} else row for row in ROWS
    ),
)
DARK = Unreachable("connection refused")

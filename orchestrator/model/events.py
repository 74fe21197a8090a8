"""What happens in a run, as typed events: the vocabulary of the journal, of progress and of resuming.

Each event that is journalled has a `kind`, the record kind of docs/reference/journal.md. Events with an
empty kind are for people who watch, and leave no record. `decode` rebuilds an event from a journal record,
so that a run's memory is the fold of its events whether they just happened or were read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar

from .guard import Verdict
from .plain import JSON, plain, restore
from .reading import Answer, HamrRecord, Identity, Reading, Request
from .run import Attempt, Ending, Mode, Objective, Step
from .situation import Change
from .status import Both, Role, Status


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run has its lock and begins; carries all that is needed to resume it, the playbook whole."""

    kind: ClassVar[str] = "run.started"
    pair: str
    goal: Status
    mode: Mode
    reason: str
    ref: str
    since: datetime | None
    overrides: Mapping[str, str]
    playbook: str
    playbook_text: str
    playbook_sha256: str
    orgs: Both[str]
    """Their uuids."""
    urls: Both[str]
    version: str
    start: Status | None = None
    """Where the pair stood agreed."""
    plan: str = ""
    """The id of the saved plan that it applies, or ""."""
    drill: bool = False


@dataclass(frozen=True, slots=True)
class RunResumed:
    """Somebody took a run up again."""

    kind: ClassVar[str] = "run.resumed"
    mode: Mode
    reason: str = ""
    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class RunSuperseded:
    """An open run was closed, by name, because a new one took its place."""

    kind: ClassVar[str] = "run.superseded"
    by_run: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended, one way or another; open ends (incomplete, unknown, interrupted, owing) can be resumed."""

    kind: ClassVar[str] = "run.finished"
    ending: Ending
    exit_code: int
    phase: str
    steps: tuple[Step, ...]
    seconds: float
    objectives: tuple[Objective, ...] = ()
    resumable: bool = False
    """Whether the run stays open: it intended something and did not get to its goal."""


@dataclass(frozen=True, slots=True)
class RunAcknowledged:
    """A person has taken note of a finished run: its cooling down is over."""

    kind: ClassVar[str] = "run.acknowledged"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SituationRead:
    """Both orgs were read, at the same time."""

    kind: ClassVar[str] = "situation.read"
    purpose: str
    """start, row, before write, after write, confirm, recheck."""
    readings: Both[Reading | None]
    """None for an org that was left out (dead in an emergency)."""
    identities: Both[Identity] | None = None
    """Whose keys these are; only with the first reading."""


@dataclass(frozen=True, slots=True)
class ReadingsTaken:
    """Both orgs were read again while waiting; nothing new was seen, so nothing is journalled."""

    kind: ClassVar[str] = ""
    readings: Both[Reading | None]


@dataclass(frozen=True, slots=True)
class GuardsJudged:
    """All guards of a row were judged on one situation."""

    kind: ClassVar[str] = "guard.judged"
    row: str
    verdicts: tuple[Verdict, ...]
    binding: bool = True
    """False where a write of the row was already in effect: then only `linked` and `fresh` bind (law 7)."""


@dataclass(frozen=True, slots=True)
class GuardOverridden:
    """A guard did not pass, and the operator had named it with a reason."""

    kind: ClassVar[str] = "guard.overridden"
    row: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class GuardWaived:
    """A guard was blind because of the dead org of an emergency."""

    kind: ClassVar[str] = "guard.waived"
    row: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RowIntended:
    """A row's guards let it go; its writes come next."""

    kind: ClassVar[str] = "row.intended"
    row: str
    source: Status
    target: Status


@dataclass(frozen=True, slots=True)
class RowRefused:
    """A row's guards did not let it go; nothing of it was written."""

    kind: ClassVar[str] = "row.refused"
    row: str
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowMade:
    """Both orgs (in an emergency, the survivor) show the row's target."""

    kind: ClassVar[str] = "row.made"
    row: str
    source: Status
    target: Status
    seconds: float
    writes: int


@dataclass(frozen=True, slots=True)
class WriteIntended:
    """Durable before the request leaves."""

    kind: ClassVar[str] = "write.intended"
    attempt: Attempt
    request: Request
    expected: HamrRecord | None
    """What was last seen of that org's record; None where it has none."""


@dataclass(frozen=True, slots=True)
class WriteAnswered:
    """What the POST came to; 2xx means accepted, not done."""

    kind: ClassVar[str] = "write.answered"
    attempt: Attempt
    answer: Answer


@dataclass(frozen=True, slots=True)
class WriteConfirmed:
    """A GET shows the status (law 4)."""

    kind: ClassVar[str] = "write.confirmed"
    role: Role
    status: Status
    record: HamrRecord
    change: Change
    """OURS, ECHO or UNPROVEN; SAME where it was there already."""
    attempt: int | None = None
    seconds: float = 0.0
    """From the intent to the reading that shows it."""


@dataclass(frozen=True, slots=True)
class WriteUnknown:
    """Sent, and neither its answer nor reading back says what became of it."""

    kind: ClassVar[str] = "write.unknown"
    attempt: Attempt
    reason: str


@dataclass(frozen=True, slots=True)
class WriteOwed:
    """An emergency left an org untold: it is owed the survivor's present status."""

    kind: ClassVar[str] = "write.owed"
    role: Role
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class OwedSettled:
    """What was owed was delivered, or the org shows it already."""

    kind: ClassVar[str] = "write.settled"
    role: Role
    status: Status
    how: str
    """delivered or void."""


@dataclass(frozen=True, slots=True)
class MirrorFound:
    """Whether this pair mirrors, found out by waiting after the first confirmed write."""

    kind: ClassVar[str] = "mirror.found"
    mirrors: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class NameLearned:
    """How this pair's server names us: it puts another name than our stamp into modified_by."""

    kind: ClassVar[str] = "name.learned"
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class ChangeSeen:
    """A record was not as last seen, and it was not simply our write arriving."""

    kind: ClassVar[str] = "change.seen"
    role: Role
    change: Change
    reason: str
    record: HamrRecord | None
    expected: HamrRecord | None
    accepted: bool = False
    """REVERTED: a person resumed the run, and it goes on from this record."""


@dataclass(frozen=True, slots=True)
class OrgGivenUp:
    """The other org of an emergency did not answer in time: it stays out of the run."""

    kind: ClassVar[str] = "org.given_up"
    role: Role
    reason: str


@dataclass(frozen=True, slots=True)
class ClockDistrusted:
    """The clocks disagree or a step stalled: everything is read again (law 18)."""

    kind: ClassVar[str] = "clock.distrusted"
    wall_seconds: float
    monotonic_seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class LockTaken:
    """The run holds its pair."""

    kind: ClassVar[str] = "lock.taken"
    lock: str


@dataclass(frozen=True, slots=True)
class LockTakenOver:
    """The holder was provably dead (same host, that very process gone): the lock changed hands."""

    kind: ClassVar[str] = "lock.taken_over"
    lock: str
    from_lock: str
    from_holder: str


@dataclass(frozen=True, slots=True)
class LockReleased:
    """The run let go of its pair."""

    kind: ClassVar[str] = "lock.released"
    lock: str


@dataclass(frozen=True, slots=True)
class LockBroken:
    """A person removed a lock, by its id and with a reason."""

    kind: ClassVar[str] = "lock.broken"
    lock: str
    holder: str
    reason: str


@dataclass(frozen=True, slots=True)
class PairAdopted:
    """A person declared one org's record the truth for a diverged pair."""

    kind: ClassVar[str] = "pair.adopted"
    truth: Role
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run waits, and says for what; for people, not journalled."""

    kind: ClassVar[str] = ""
    what: str
    seconds: float
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class WriteThrottled:
    """429: the server asked us to wait, and we do."""

    kind: ClassVar[str] = "write.throttled"
    role: Role
    seconds: float


Event = (
    RunStarted
    | RunResumed
    | RunSuperseded
    | RunFinished
    | RunAcknowledged
    | SituationRead
    | ReadingsTaken
    | GuardsJudged
    | GuardOverridden
    | GuardWaived
    | RowIntended
    | RowRefused
    | RowMade
    | WriteIntended
    | WriteAnswered
    | WriteConfirmed
    | WriteUnknown
    | WriteOwed
    | OwedSettled
    | MirrorFound
    | NameLearned
    | ChangeSeen
    | OrgGivenUp
    | ClockDistrusted
    | LockTaken
    | LockTakenOver
    | LockReleased
    | LockBroken
    | PairAdopted
    | Waiting
    | WriteThrottled
)

EVENT_TYPES: tuple[type[Event], ...] = Event.__args__
JOURNALLED: Mapping[str, type[Event]] = MappingProxyType({cls.kind: cls for cls in EVENT_TYPES if cls.kind})
"""Record kind to event type: every kind that the journal can hold."""

INTENTS: frozenset[str] = frozenset({RowIntended.kind, WriteIntended.kind})
"""Kinds that are journalled in one transaction with "the lock is still ours" (law 6)."""


def encode(event: Event) -> dict[str, JSON]:
    """The `data` of the event's journal record."""
    data = plain(event)
    assert isinstance(data, dict)  # noqa: S101 - a dataclass's plain form
    del data["is"]
    return data


def decode(kind: str, data: Mapping[str, JSON]) -> Event | None:
    """The event that a journal record holds, or None where a newer version wrote a kind that we do not know.

    Raises:
        ValueError: the data does not fit its kind.
    """
    event_type = JOURNALLED.get(kind)
    return None if event_type is None else restore(event_type, data)

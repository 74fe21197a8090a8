"""What happens in a run, as typed events: the vocabulary of the journal, of progress and of resuming.

The kinds of records are those of docs/reference/journal.md. `decode` rebuilds an event from a journal record, so that a
run's memory is the fold of its events whether they just happened or were read back.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar

from msgspec import Struct

from .guard import ProbeReading, Verdict
from .journal import Head
from .plain import EMPTY, JSON, plain, restore
from .playbook import HookOutcome, Question, Reply, When
from .readiness import Level
from .reading import Answer, Change, HamrRecord, Identity, Reading, Request
from .result import PairOutcome, Score
from .run import Approvable, Attempt, Mode, Objective, RunOutcome, Step
from .status import Both, Role, Status


class Event(Struct, frozen=True):
    """One thing that happened in a run; those below are all that there are."""

    kind: ClassVar[str] = ""
    """Of its journal record, the tag of its class; "" for what people who watch are told, and no journal keeps."""


class RunStarted(Event, frozen=True, tag="run.started"):
    """A run has its lock and begins; carries all that is needed to resume it, the playbook whole."""

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
    plan: str = ""
    """The id of the saved plan that it applies, or ""."""
    drill: str = ""
    """The id of the drill that it belongs to, or ""."""
    fleet: str = ""
    """The id of the fleet run that it belongs to, or ""."""


class RunResumed(Event, frozen=True, tag="run.resumed"):
    """Somebody took a run up again."""

    mode: Mode
    reason: str = ""
    overrides: Mapping[str, str] = EMPTY


class RunSuperseded(Event, frozen=True, tag="run.superseded"):
    """An open run was closed, by name, because a new one took its place."""

    by_run: str


class RunScheduled(Event, frozen=True, tag="run.scheduled"):
    """A run waits for its time, without the pair's lock; unless it is cancelled, it begins then."""

    goal: Status
    start_at: datetime
    expect: Status | None = None
    """Where the pair has to stand by then; None where that was left open."""
    reason: str = ""
    ref: str = ""


class RunCancelled(Event, frozen=True, tag="run.cancelled"):
    """A run that waited for its time does not begin: somebody cancelled it, or it could not."""

    reason: str


class RunFinished(Event, frozen=True, tag="run.finished"):
    """A run ended, one way or another; open ends (incomplete, unknown, interrupted, owing) can be resumed."""

    ending: RunOutcome
    exit_code: int
    phase: str
    steps: tuple[Step, ...]
    seconds: float
    objectives: tuple[Objective, ...] = ()
    resumable: bool = False
    """Whether the run stays open: it intended something and did not get to its goal."""


class RunAcknowledged(Event, frozen=True, tag="run.acknowledged"):
    """A person has taken note of a finished run: its cooling down is over."""

    reason: str = ""


class PairAdopted(Event, frozen=True, tag="pair.adopted"):
    """A person declared one org's record the truth for a diverged pair."""

    truth: Role
    status: Status
    reason: str
    overrides: Mapping[str, str] = EMPTY


class SituationRead(Event, frozen=True, tag="situation.read"):
    """Both orgs were read, at the same time."""

    purpose: str
    """start, transition, before write, after write, confirm, recheck."""
    readings: Both[Reading | None]
    """None for an org that was left out (dead in an emergency)."""
    identities: Both[Identity] | None = None
    """Whose keys these are; only with the first reading."""


class ReadingsTaken(Event, frozen=True):
    """Both orgs were read again while waiting; nothing new was seen, so nothing is journalled."""

    readings: Both[Reading | None]


class OrgAsked(Event, frozen=True):
    """An org is asked for its record, and has not answered yet; for people, not journalled."""

    role: Role
    seconds: float
    """How long it has to answer."""


class OrgAnswered(Event, frozen=True):
    """An org has answered, or its time is up, while the other one may still be waited for; for people, not journalled."""

    reading: Reading


class MirrorFound(Event, frozen=True, tag="mirror.found"):
    """Whether this pair mirrors, found out by waiting after the first confirmed write, or by the copy of a later one."""

    mirrors: bool
    seconds: float


class NameLearned(Event, frozen=True, tag="name.learned"):
    """How this pair's server names us: it puts another name than our stamp into modified_by."""

    name: str
    role: Role


class ChangeSeen(Event, frozen=True, tag="change.seen"):
    """A record was not as last seen, and it was not simply our write arriving."""

    role: Role
    change: Change
    reason: str
    record: HamrRecord | None
    expected: HamrRecord | None
    accepted: bool = False
    """REVERTED: a person resumed the run, and it goes on from this record."""


class OrgGivenUp(Event, frozen=True, tag="org.given_up"):
    """The other org of an emergency did not answer in time: it stays out of the run."""

    role: Role
    reason: str


class ClockDistrusted(Event, frozen=True, tag="clock.distrusted"):
    """The clocks disagree or a step stalled: everything is read again (law 18)."""

    wall_seconds: float
    monotonic_seconds: float
    reason: str


class Waiting(Event, frozen=True):
    """The run waits, and says for what; for people, not journalled."""

    what: str
    seconds: float
    role: Role | None = None


class GuardsJudged(Event, frozen=True, tag="guard.judged"):
    """All guards of a transition were judged on one situation."""

    transition: str
    verdicts: tuple[Verdict, ...]
    binding: bool = True
    """False where a write of the transition was already in effect: then only `linked` and `fresh` bind (law 7)."""


class GuardOverridden(Event, frozen=True, tag="guard.overridden"):
    """A guard did not pass, and the operator had named it with a reason."""

    transition: str
    verdict: Verdict
    reason: str


class GuardWaived(Event, frozen=True, tag="guard.waived"):
    """A guard was blind because of the dead org of an emergency, or is asked in planned runs alone."""

    transition: str
    verdict: Verdict


class TransitionIntended(Event, frozen=True, tag="transition.intended"):
    """A transition's guards let it go; its writes come next."""

    transition: str
    source: Status
    target: Status


class TransitionRefused(Event, frozen=True, tag="transition.refused"):
    """A transition's guards did not let it go; nothing of it was written."""

    transition: str
    guards: tuple[str, ...]


class TransitionMade(Event, frozen=True, tag="transition.made"):
    """Both orgs (in an emergency, the survivor) show the transition's target."""

    transition: str
    source: Status
    target: Status
    seconds: float
    writes: int
    after: tuple[str, ...] = ()
    """The `after` hooks that are owed from now on, until each has ended well."""


class ProbesRead(Event, frozen=True, tag="probe.read"):
    """The probes of a transition's guards were read."""

    transition: str
    readings: tuple[ProbeReading, ...]


class ApprovalAsked(Event, frozen=True, tag="approval.asked"):
    """A run wants other people's agreement to what it is about to do."""

    guard: str
    what: Approvable


class ApprovalOwed(Event, frozen=True, tag="approval.owed"):
    """An emergency did without other people's agreement, which is owed to the record afterwards."""

    guard: str
    what: Approvable


class RunApproved(Event, frozen=True, tag="run.approved"):
    """Somebody agreed to exactly this; of an emergency that did without, afterwards."""

    what: Approvable
    reason: str = ""
    afterwards: bool = False
    role: str = ""
    """Who the journal's own server says that it was; "" where the journal is a file, and a name is a word."""


class WaitBegan(Event, frozen=True, tag="wait.began"):
    """A transition's guards do not pass yet, and may be waited for."""

    transition: str
    guards: tuple[str, ...]
    seconds: float
    """For how long at most."""
    verdicts: tuple[Verdict, ...] = ()
    """What those guards say, each with its reason and the playbook's why; () in a journal of before they were kept."""


class WaitContinued(Event, frozen=True, tag="wait.continued"):
    """The guards that are waited for say something else than before, and do not pass yet."""

    transition: str
    verdicts: tuple[Verdict, ...]


class WaitEnded(Event, frozen=True, tag="wait.ended"):
    """The waiting for a transition's guards is over; this is time that the machine waited for the world."""

    transition: str
    passed: bool
    seconds: float


class PersonAsked(Event, frozen=True, tag="person.asked"):
    """A person is asked something, without the pair's lock; this is time that the run waits for people."""

    question: Question


class PersonAnswered(Event, frozen=True, tag="person.answered"):
    """What came of asking."""

    question: Question
    reply: Reply | None
    """None where there was nobody to ask."""
    seconds: float


class HookIntended(Event, frozen=True, tag="hook.intended"):
    """A hook's program is about to be started, or a person about to be asked."""

    transition: str
    when: When
    hook: str
    what: str
    """The command line, or what a person is to do."""


class HookEnded(Event, frozen=True, tag="hook.ended"):
    """What became of a hook."""

    transition: str
    when: When
    hook: str
    outcome: HookOutcome
    reason: str = ""
    code: int | None = None
    output: str = ""
    """The first and last of what it printed, bounded and without keys."""
    seconds: float = 0.0


class WriteIntended(Event, frozen=True, tag="write.intended"):
    """Durable before the request leaves."""

    attempt: Attempt
    request: Request
    expected: HamrRecord | None
    """What was last seen of that org's record; None where it has none."""
    server_date: datetime | None = None
    """That org's own clock at the look which it is sent on; None where it does not tell."""


class WriteAnswered(Event, frozen=True, tag="write.answered"):
    """What the POST came to; 2xx means accepted, not done."""

    attempt: Attempt
    answer: Answer


class WriteConfirmed(Event, frozen=True, tag="write.confirmed"):
    """A GET shows the status (law 4)."""

    role: Role
    status: Status
    record: HamrRecord
    change: Change
    """OURS, ECHO or UNPROVEN; SAME where it was there already."""
    attempt: int | None = None
    seconds: float = 0.0
    """From the intent to the reading that shows it."""


WRITE_INTERRUPTED = "interrupted before a reading showed it"
"""Why the outcome of a write is unknown that nobody waited for: somebody interrupted twice."""


class WriteUnknown(Event, frozen=True, tag="write.unknown"):
    """Sent, and neither its answer nor reading back says what became of it."""

    attempt: Attempt
    reason: str


class WriteThrottled(Event, frozen=True, tag="write.throttled"):
    """429: the server asked us to wait, and we do."""

    role: Role
    seconds: float


class WriteOwed(Event, frozen=True, tag="write.owed"):
    """An emergency left an org untold: it is owed the survivor's present status."""

    role: Role
    status: Status
    reason: str


class OwedSettled(Event, frozen=True, tag="write.settled"):
    """What was owed was delivered, or the org shows it already."""

    role: Role
    status: Status
    how: str
    """delivered or void."""


class LockTaken(Event, frozen=True, tag="lock.taken"):
    """The run holds its pair."""

    lock: str
    orgs: Both[str] | None = None
    """The pair's uuids, and where they are asked: whoever calls them by another name looks for them."""
    urls: Both[str] | None = None


class LockTakenOver(Event, frozen=True, tag="lock.taken_over"):
    """The holder was provably dead (this very machine and boot, that very process gone): the lock changed hands."""

    lock: str
    from_lock: str
    from_holder: str
    orgs: Both[str] | None = None
    urls: Both[str] | None = None


class LockReleased(Event, frozen=True, tag="lock.released"):
    """The run let go of its pair."""

    lock: str


class LockBroken(Event, frozen=True, tag="lock.broken"):
    """A person removed a lock, by its id and with a reason."""

    lock: str
    holder: str
    reason: str


class DrillStarted(Event, frozen=True, tag="drill.started"):
    """A drill began; its own run id is the drill's id, and the runs out and home name it."""

    goal: Status
    home: Status
    scenario: str = ""
    """The scenario's name, or "" for one without."""
    seed: int | None = None
    simulated: bool = True
    orgs: Both[str] | None = None
    """Their uuids, where it is live; None in a journal of before they were kept."""


class DrillScored(Event, frozen=True, tag="drill.scored"):
    """What a drill showed; journalled whole, so that its report can be made at any time."""

    score: Score


class DrillClosed(Event, frozen=True, tag="drill.closed"):
    """A drill was cleaned up: the pair is at home again, or a person said why not."""

    notes: str = ""


class NoticeSent(Event, frozen=True, tag="notice.sent"):
    """A notice was taken, by an org as an event or by a channel: an anchor of the journal outside this machine."""

    role: Role | None
    """The org that was told; None where a channel was."""
    title: str
    head: str
    """SEQ:HASH that it carries."""
    channel: str = ""
    """The channel's name; "" where an org was told."""


class NoticeFailed(Event, frozen=True, tag="notice.failed"):
    """A notice could not be sent, or nobody knows whether it was taken; it stops nothing."""

    role: Role | None
    title: str
    reason: str
    channel: str = ""


class JournalMoved(Event, frozen=True, tag="journal.moved"):
    """A team's journal could not be reached, or has lost records: this emergency goes on with one on this machine, which is merged later."""

    left: str
    """The team's, without a password."""
    reason: str


class JournalMerged(Event, frozen=True, tag="journal.merged"):
    """The records of another journal were brought in: its chain can be made again from them, up to its head."""

    head: Head
    """The other journal's."""
    after: int
    """How many of its records had been brought in before."""
    numbers: tuple[int, ...]
    """Where the others stand here, in its order."""


class FleetStarted(Event, frozen=True, tag="fleet.started"):
    """Many pairs begin to be moved, in waves; carries all that anybody needs to go on with them, the playbook whole."""

    goal: Status
    mode: Mode
    reason: str
    ref: str
    since: datetime | None
    overrides: Mapping[str, str]
    waves: tuple[tuple[str, ...], ...]
    """The pairs' names, wave by wave."""
    at_once: int
    """How many pairs are under way at the same time, at most."""
    stop_after: int | None
    """How many pairs of one wave may fail to arrive before nothing new begins; None: however many."""
    playbook: str
    playbook_text: str
    playbook_sha256: str
    version: str
    """Of the program that made its plan."""
    digest: str
    """Of the pairs' plans, as they were shown: SHA-256."""
    plans: tuple[Approvable, ...] = ()
    """What each pair's run is about to do, where the playbook asks other people to agree to it."""
    orgs: Mapping[str, str] = EMPTY
    """Of each pair, by its name, the mark of the orgs that the inventory named then; none in records of earlier versions."""


class FleetResumed(Event, frozen=True, tag="fleet.resumed"):
    """Somebody took the many pairs up again: those that have not arrived are brought once more."""

    reason: str = ""


class FleetWaveBegan(Event, frozen=True, tag="fleet.wave_began"):
    """The next pairs of a fleet begin; wave counts from 1."""

    wave: int
    workers: bool = False
    """Whether workers bring them; else the process that says so does it."""


class FleetPairEnded(Event, frozen=True, tag="fleet.pair_ended"):
    """What came of one pair of a fleet, whoever brought it; its record stands under the pair's own name."""

    outcome: PairOutcome


class FleetStopAsked(Event, frozen=True, tag="fleet.stop_asked"):
    """Somebody wants a fleet to stop: what is under way ends its own transition, and nothing new begins."""

    reason: str = ""


class FleetStopped(Event, frozen=True, tag="fleet.stopped"):
    """A fleet stopped before it was through; it can be resumed."""

    why: str


class FleetFinished(Event, frozen=True, tag="fleet.finished"):
    """Every pair of a fleet was brought to an end, one way or another."""

    exit_code: int
    """The worst of any pair's."""
    arrived: int


class PlaybookProven(Event, frozen=True, tag="playbook.proven"):
    """A playbook was proven for this pair, before any incident: a certificate, bound to its text and to the bounds."""

    playbook: str
    playbook_sha256: str
    version: str
    """Of the program."""
    faults: int
    """How many things went wrong at most in one story."""
    routes: int
    interleavings: int
    states: int


class Certificate(Struct, frozen=True):
    """What the journal keeps of a proof that held, and since when."""

    proven: PlaybookProven
    at: datetime

    def changed_since(self, sha256: str, version: str) -> str:
        """What is another now than what was proven, by the playbook's digest and hamr's version: "the playbook", "hamr", or ""."""
        if self.proven.playbook_sha256 != sha256:
            return "the playbook"
        return "" if self.proven.version == version else "hamr"


class DoctorChecked(Event, frozen=True, tag="doctor.checked"):
    """`hamr doctor` has looked at a pair, and found it so ready."""

    planned: Level
    """The worst of what a planned run needs."""
    emergency: Level
    asked: int
    """How many checks there were."""
    not_well: Mapping[str, Level]
    """What each check that was not well said at worst, by its name: "primary API key", "lock"; but for those that say
    nothing for want of a key alone."""
    round_trips: Both[float | None]
    """Seconds in which each org answered, connecting included; None where it did not."""
    seconds: float
    """How long looking took."""
    playbook: str
    playbook_sha256: str
    version: str
    """Of the program."""


EVENT_TYPES: tuple[type[Event], ...] = tuple(Event.__subclasses__())
for _event in EVENT_TYPES:
    _event.kind = str(_event.__struct_config__.tag or "")
JOURNALLED: Mapping[str, type[Event]] = MappingProxyType({cls.kind: cls for cls in EVENT_TYPES if cls.kind})
"""Record kind to event type: every kind that the journal can hold."""

INTENTS: frozenset[str] = frozenset({TransitionIntended.kind, WriteIntended.kind, HookIntended.kind})
"""Kinds that are journalled in one transaction with "the lock is still ours" (law 6)."""

OUTCOMES: frozenset[str] = frozenset({WriteAnswered.kind, NameLearned.kind, HookEnded.kind})
"""Kinds that tell what came of an intent, which its own process alone can tell, and which stays so whatever was done since."""


def encode(event: Event) -> dict[str, JSON]:
    """The `data` of the event's journal record; a TypeError where something in it has no JSON form.

    A ValueError where it could not be read back: a journal takes nothing back, and one such record would be in the way of
    every later run.
    """
    data = plain(event)
    assert isinstance(data, dict)  # noqa: S101 - a dataclass's plain form
    del data["is"]
    decode(event.kind, data)
    return data


class Remembered(dict[str, JSON]):
    """The `data` of a record that never leaves memory, with the event itself: reading it back rebuilds nothing."""

    __slots__ = ("event",)

    def __init__(self, event: Event, data: Mapping[str, JSON] = EMPTY) -> None:
        super().__init__(data)
        self.event = event


def decode(kind: str, data: Mapping[str, JSON]) -> Event | None:
    """The event that a record holds, None for a newer version's kind; a ValueError where the data does not fit."""
    if isinstance(data, Remembered):
        return data.event
    event_type = JOURNALLED.get(kind)
    return None if event_type is None else restore(event_type, data)

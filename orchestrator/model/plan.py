"""A plan: what a run would do, transition by transition and request by request. It sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from .events import Certificate
from .guard import Outcome, Verdict
from .journal import Holder
from .next_step import NextStep
from .plain import EMPTY
from .playbook import Hook, Timeouts
from .reading import HamrRecord, Reading, Request
from .run import Attempt, Mode, Operator, RunRequest
from .situation import Stranger, UnderWay
from .status import Both, Role, Status


class PlannedWrite(Struct, frozen=True):
    """One POST that the run would send, and what would happen if it went wrong."""

    role: Role
    org: str
    status: Status
    request: Request
    stands: str
    """Where the pair would stand if the run died right after it: agreed(…), midway(…), behind(…)."""
    expected: HamrRecord | None = None
    """What that org has to show right before it; None where it has no record."""
    condition: str = ""
    """When it would be sent, where that is not certain."""


class PlannedTransition(Struct, frozen=True):
    """One transition of the route."""

    name: str
    source: Status
    target: Status
    why: str
    verdicts: tuple[Verdict, ...]
    refused_by: tuple[str, ...]
    """Guards that would stop a run here, by name."""
    overridden: tuple[str, ...]
    waived: tuple[str, ...]
    waits_for_server: bool = False
    half_done: bool = False
    waits: tuple[str, ...] = ()
    """Guards that do not pass now, and that the run would wait for, by name."""
    waits_seconds: float = 0.0
    """For how long at most."""
    asks: tuple[str, ...] = ()
    """Guards that could not be judged, and for which a person would be asked, by name."""
    missing: tuple[str, ...] = ()
    """The hooks whose programs are not on this machine, or cannot be run, by name: they would fail."""
    stopped_by: tuple[str, ...] = ()
    """Those of them that would stop a run here, before the transition's first write."""
    before: tuple[Hook, ...] = ()
    """Shown, never run by a plan."""
    after: tuple[Hook, ...] = ()
    writes: tuple[PlannedWrite, ...] = ()

    @property
    def refusing(self) -> tuple[Verdict, ...]:
        """The verdicts that would stop a run here."""
        return tuple(verdict for verdict in self.verdicts if verdict.guard in self.refused_by)


class Plan(Struct, frozen=True):
    """The transitions from the phase to a goal, with verdicts and exact requests."""

    run: str
    """The id that the run would have: its stamps are in the requests, so a plan is spent once."""
    made_at: datetime
    expires_at: datetime
    version: str
    request: RunRequest
    operator: Operator
    playbook: str
    playbook_text: str
    playbook_sha256: str
    orgs: Both[str]
    """Names."""
    uuids: Both[str]
    urls: Both[str]
    readings: Both[Reading]
    phase: str
    sentence: str
    transitions: tuple[PlannedTransition, ...]
    ending: str
    """How the run would end if nothing goes wrong, or why it would not begin."""
    reachable: bool
    """Whether the route leads to the goal at all."""
    before: tuple[Verdict, ...] = ()
    """What a run asks before its first transition: `unknown`, `cool_down`."""
    next_steps: tuple[NextStep, ...] = ()
    timeouts: Timeouts = Timeouts()
    confirm_within: float = 60.0
    """Seconds until a write must be seen by a read."""
    confirm_every: float = 1.0
    resend: int = 1
    assumed: Status | None = None
    """The status that was assumed with --assume: nothing was read then."""
    remember: tuple[str, ...] = ()
    objectives: Mapping[Status, float] = EMPTY
    """Seconds."""
    mode: Mode = Mode.PLANNED
    unpaid: tuple[tuple[str, str], ...] = ()
    """(run, "transition/hook") of what open runs still owe after their transitions: a new run takes their place, and drops it."""

    unjournalled: str = ""
    """The journal's place, where nothing was ever written to it; "" where something was."""
    open_drill: str = ""
    """The drill that nobody has closed yet: a planned run is refused until then. "" where there is none."""
    events_to: Role | None = None
    """The org that a run would tell by events what it does; None where the pair wants none, or nothing would be done."""
    given_up: tuple[tuple[str, Attempt], ...] = ()
    """(run, attempt) of every write of an earlier run that was given up, and may still turn up."""
    strangers: tuple[Stranger, ...] = ()
    """Who seems to be moving the pair without this journal's knowing."""
    certificate: Certificate | None = None
    """What the pair's playbook was proven to, at some time; None where it never was."""
    under_way: UnderWay | None = None
    """The run that holds the pair just now: another one is refused. None where there is none."""
    left_by: Holder | None = None
    """Who died in the middle of a run, and has the pair's lock by that: a planned one is refused. None where nobody did."""

    @property
    def stood_at(self) -> Status | None:
        """The status that both orgs showed; None where they did not show the same."""
        primary, secondary = (reading.status for reading in self.readings)
        return primary if primary is secondary else None

    @property
    def writes(self) -> tuple[PlannedWrite, ...]:
        """All writes, in order."""
        return tuple(write for each in self.transitions for write in each.writes)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All verdicts, in order: those before the first transition, then each transition's."""
        return (*self.before, *(verdict for each in self.transitions for verdict in each.verdicts))

    @property
    def refused(self) -> bool:
        """Whether a run would be refused somewhere on the way, as things are now."""
        return not self.reachable or bool(self.stops)

    @property
    def refusing(self) -> tuple[Verdict, ...]:
        """What a run would be refused for, in order: before its first transition, then by each transition's guards."""
        before = (verdict for verdict in self.before if verdict.guard in self.refused_before)
        return (*before, *(verdict for each in self.transitions for verdict in each.refusing))

    @property
    def stopping_hooks(self) -> tuple[str, ...]:
        """The hooks that would stop a run, since their programs are not on this machine, as "transition/hook"."""
        return tuple(f"{each.name}/{hook}" for each in self.transitions for hook in each.stopped_by)

    @property
    def stops(self) -> tuple[str, ...]:
        """All that would stop a run, in words: guards by their names, then hook transition/hook."""
        guards = dict.fromkeys(verdict.guard for verdict in self.refusing)
        return (*guards, *(f"hook {hook}" for hook in self.stopping_hooks))

    @property
    def refused_before(self) -> tuple[str, ...]:
        """The questions before the first transition that a run would be refused for."""
        not_passed = (verdict.guard for verdict in self.before if verdict.outcome is not Outcome.PASS)
        return tuple(guard for guard in not_passed if guard not in self.request.overrides)

    @property
    def overridden_before(self) -> tuple[str, ...]:
        """Those of them that an override lets pass."""
        not_passed = (verdict.guard for verdict in self.before if verdict.outcome is not Outcome.PASS)
        return tuple(guard for guard in not_passed if guard in self.request.overrides)

"""The predicted world: a plan's world, in which writes take effect at once and nothing is sent.

It has no transport at all. The same engine runs in it, so a plan cannot differ from the run that it foretells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model.guard import Probe, ProbeReading, Unmeasured
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Advances, Playbook, Program, ProgramEnded, Question, Reply
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import (
    Accepted,
    Answer,
    Draft,
    Exchange,
    HamrRecord,
    Identity,
    NotSent,
    Present,
    Reading,
    Request,
)
from orchestrator.model.run import Approval
from orchestrator.model.status import Both, Role, Status

from .context import RunServices


class PredictedClock(Struct):
    """Stands still, except where somebody sleeps: then that time has passed at once."""

    wall: datetime
    seconds: float

    def now(self) -> datetime:
        """The predicted wall clock, UTC."""
        return self.wall

    def monotonic(self) -> float:
        """The predicted monotonic clock, in seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass, without waiting."""
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


class PredictedWorld(Struct):
    """Both orgs as they were read, and as a plan's own writes would leave them."""

    pair: Pair
    playbook: Playbook
    readings: Both[Reading]
    identities: Both[Identity]
    request_of: Callable[[Draft], Request]
    clock: PredictedClock
    mirrors: bool
    changed_at: float | None = None
    """When, by the predicted clock, anything was last written: from then on, what is read is predicted."""
    began_at: float = 0.0

    def __post_init__(self) -> None:
        self.began_at = self.clock.monotonic()

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        """What that org would show now."""
        del within, anew
        self._let_the_server_advance()
        reading = self.readings[role]
        if self.changed_at is None:
            return reading
        return replace(reading, at=self.clock.now(), monotonic=self.clock.monotonic(), predicted=True)

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        """Whose keys they were."""
        del within
        return self.identities[role]

    def describe(self, draft: Draft) -> Request:
        """The request that a run would send."""
        return self.request_of(draft)

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        """Predict one write. Sends nothing."""
        del within, leave_by
        if not self.readings[draft.role].answered:
            return NotSent(Exchange(), "this org did not answer when the plan was made")
        self.changed_at = self.clock.monotonic()
        record = _record(draft, self.clock.now())
        self._show(draft.role, record)
        if self.mirrors and self.readings[draft.role.other].answered:
            self._show(draft.role.other, _copy(self.pair, record, draft.role.other))
        return Accepted(Exchange(), record)

    def _let_the_server_advance(self) -> None:
        """Make the moves that the playbook leaves to the server, once somebody has waited for them."""
        since = self.began_at if self.changed_at is None else self.changed_at
        if self.clock.monotonic() <= since:
            return
        held = {role: reading.record for role, reading in self.readings.items()}
        moved = {role: record for role, record in held.items() if record is not None}
        statuses = {record.status for record in moved.values()}
        for transition in self.playbook.transitions:
            if transition.advances is Advances.SERVER and statuses == {int(transition.source)}:
                self.changed_at = self.clock.monotonic()
                for role, record in moved.items():
                    self._show(
                        role, replace(record, status=int(transition.target), modified_at=self.clock.now())
                    )
                return

    def _show(self, role: Role, record: HamrRecord) -> None:
        sight = Present(record, Status(record.status))
        self.readings = self.readings.with_(role, replace(self.readings[role], sight=sight, predicted=True))


def _record(draft: Draft, now: datetime) -> HamrRecord:
    return HamrRecord(
        org_uuid=draft.org_uuid,
        status=int(draft.status),
        is_primary=draft.is_primary,
        modified_by=draft.modified_by,
        modified_at=now,
        target_uuid=draft.target_uuid,
        target_name=draft.target_name,
        target_datacenter=draft.target_datacenter,
        datacenter=draft.datacenter,
        wire=draft.wire,
        extra=draft.extra,
    )


def _copy(pair: Pair, record: HamrRecord, role: Role) -> HamrRecord:
    """A mirrored record, seen from the other side."""
    org, peer = pair[role], pair[role.other]
    return replace(
        record,
        org_uuid=org.uuid,
        is_primary=role is Role.PRIMARY,
        target_uuid=peer.uuid,
        target_name=peer.name,
        target_datacenter=peer.datacenter,
        datacenter=org.datacenter,
    )


class RecordedProbes(Struct):
    """The probes of a predicted world: as they were read when the plan was made."""

    clock: Clock
    readings: Mapping[str, ProbeReading] = field(default_factory=dict)

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """Today's reading, dated now; what was not read is unknown."""
        del within
        now, seconds = self.clock.now(), self.clock.monotonic()
        read = self.readings.get(probe.name)
        sight = Unmeasured("it was not read for this plan") if read is None else read.sight
        return ProbeReading(probe.name, sight, now, seconds, predicted=True)


class NothingRun:
    """The programs of a predicted world: none is started, and each is taken to end well."""

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Ended well, at once."""
        del program, about
        return ProgramEnded(0, "", 0.0)


class NonInteractive:
    """There is nobody to ask."""

    there = False

    async def ask(self, question: Question) -> Reply | None:
        """No reply."""
        del question
        return None


class NobodyAgreed:
    """Nobody has agreed to a plan that was just made."""

    async def of(self, run: str, digest: str) -> tuple[Approval, ...]:
        """Nobody."""
        del run, digest
        return ()


def predicted_services(clock: Clock, readings: Mapping[str, ProbeReading] | None = None) -> RunServices:
    """What stands around a plan: probes as they were read for it, programs that are not run, and nobody to ask."""
    return RunServices(RecordedProbes(clock, readings or {}), NothingRun(), NonInteractive(), NobodyAgreed())

"""What was found out about a pair, before anything is made of it, and the situations that guards are judged on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.errors import HamrError
from orchestrator.journal.history import History
from orchestrator.model.events import Certificate
from orchestrator.model.guard import ProbeReading, Unmeasured
from orchestrator.model.journal import Holder
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import KeysSaid
from orchestrator.model.reading import Hampered, Identity, Reading, Unreachable
from orchestrator.model.run import Mode, Operator
from orchestrator.model.situation import PairStatus, Situation
from orchestrator.model.status import Both, Role
from orchestrator.model.words import did_not_answer
from orchestrator.situation.guard_kinds import depends_on

AS_IF = "as if its region were dead"


class KeyFound(Struct, frozen=True):
    """Whether one key's reference leads to a usable key."""

    role: Role
    name: str
    """API key, or application key."""
    reference: str
    problem: str = ""
    """Why it does not; "" where it does."""
    next_steps: tuple[NextStep, ...] = ()


class ChannelFound(Struct, frozen=True):
    """Whether people can be told over one channel."""

    channel: str
    problem: str = ""
    """Why they can't be; "" where nothing speaks against it."""
    tried: bool = False
    """Whether it was sent something."""


class Mirrored(Struct, frozen=True):
    """What a run found out about whether the pair mirrors."""

    mirrors: bool
    run: str
    at: datetime


class JournalFound(Struct, frozen=True):
    """What the journal says of the pair, and whether it could be written."""

    place: str
    exists: bool
    problem: HamrError | None = None
    """Why it cannot be read, or not be believed."""
    unwritable: str = ""
    """Why a run could not write it; "" where nothing speaks against it."""
    kept: bool = False
    """Whether this very look was added to it, which proves that it can be written."""
    unkept: HamrError | None = None
    """Why this look could not be added to it."""
    history: History | None = None
    """None where it cannot be read or believed."""
    holder: Holder | None = None
    holder_dead: bool = False
    """Whether the lock's holder is provably gone."""
    mirrored: Mirrored | None = None
    certificate: Certificate | None = None
    """The pair's newest; None where its playbook was never proven."""
    records: int = 0

    @property
    def run_at_work(self) -> str | None:
        """The run that holds the pair, unless its process is gone."""
        return None if self.holder is None or self.holder_dead else self.holder.run


class OrgAnswers(Struct, frozen=True):
    """What both orgs said, all of it asked at the same time."""

    keys: tuple[KeyFound, ...]
    accepted: Both[KeysSaid]
    identities: Both[Identity]
    readings: Both[Reading]
    probes: Mapping[str, ProbeReading]
    at: datetime
    """Our wall clock when the last of them was there."""
    seconds: float
    """How long asking took."""
    channels: tuple[ChannelFound, ...] = ()
    """The pair's ways to tell people."""


class Answers(Struct, frozen=True):
    """All that was found out about one pair."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    orgs: OrgAnswers
    journal: JournalFound
    missing_programs: frozenset[str]
    """Those of the hooks' programs that are not on this machine, by their names."""
    standing: PairStatus | None = None
    """Where the pair stands, and what to type there; None where the journal cannot be read or believed."""

    @property
    def survivors(self) -> tuple[Role, ...]:
        """The orgs that an emergency may have to do with alone: from where the pair stands, as far as that is known."""
        stands = {reading.status for reading in self.orgs.readings if reading.status is not None}
        here = {role for status in stands for role in self.playbook.survivors_from(status)}
        named = {transition.survivor for transition in self.playbook.transitions}
        return tuple(role for role in Role if role in (here or named))

    @property
    def history(self) -> History:
        """What the journal knows of the pair: nothing where it cannot be read or believed."""
        return History(self.pair.name) if self.journal.history is None else self.journal.history

    def keyless(self, blind: Role | None) -> bool:
        """Whether an org was not asked for want of a key; with None, whether neither was."""
        roles = tuple(Role) if blind is None else (blind,)
        return all(self.orgs.readings[role].keyless for role in roles)

    def silence(self, role: Role | None) -> str:
        """That an org's silence is why something is not known; "" where it is not. The same words everywhere: a page says them once."""
        if role is None or not isinstance(self.orgs.readings[role].sight, Unreachable | Hampered):
            return ""
        org, reading = self.pair[role], self.orgs.readings[role]
        if reading.keyless:
            return f"Not known: nothing was asked of {org}, for want of a key."
        if isinstance(reading.sight, Hampered):
            return f"Not known: {org} was not reached from this machine."
        return f"Not known: {org} {did_not_answer(reading)}."

    def planned_situation(self) -> Situation:
        """What a planned run would judge its guards on, now."""
        return Situation(
            pair=self.pair,
            readings=self.orgs.readings,
            identities=self.orgs.identities,
            at=self.orgs.at,
            # A run reads anew: never stale.
            monotonic=min(reading.monotonic for reading in self.orgs.readings),
            known_runs=self.history.known_runs,
            probes=self.orgs.probes,
        )

    def emergency_situation(self, survivor: Role) -> Situation:
        """What an emergency would judge its guards on, if the other org's region were dead."""
        other, planned = survivor.other, self.planned_situation()
        dead = {name for name, probe in self.playbook.probes.items() if depends_on(probe, self.pair) is other}
        return replace(
            planned,
            mode=Mode.EMERGENCY,
            survivor=survivor,
            readings=planned.readings.with_(
                other, replace(planned.readings[other], sight=Unreachable(AS_IF))
            ),
            identities=planned.identities.with_(other, Identity(other, None, AS_IF)),
            probes={
                name: replace(reading, sight=Unmeasured(AS_IF)) if reading.probe in dead else reading
                for name, reading in planned.probes.items()
            },
        )

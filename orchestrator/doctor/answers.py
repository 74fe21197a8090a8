"""What was found out about a pair, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from orchestrator.errors import HamrError
from orchestrator.journal.history import History
from orchestrator.model.guard import ProbeReading
from orchestrator.model.journal import Holder
from orchestrator.model.org import Org, Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import KeysSaid, Level
from orchestrator.model.reading import Hampered, Identity, Reading, Unreachable
from orchestrator.model.run import Operator
from orchestrator.model.status import Both, Role


class KeyFound(Struct, frozen=True):
    """Whether one key's reference leads to a usable key."""

    role: Role
    name: str
    """API key, or application key."""
    reference: str
    problem: str = ""
    """Why it does not; "" where it does."""
    next_steps: tuple[str, ...] = ()


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
    history: History | None = None
    """None where it cannot be read or believed."""
    holder: Holder | None = None
    holder_dead: bool = False
    """Whether the lock's holder is provably gone."""
    mirrored: Mirrored | None = None
    records: int = 0


class OrgAnswers(Struct, frozen=True):
    """What both orgs said, all of it asked at the same time."""

    keys: tuple[KeyFound, ...]
    accepted: Both[KeysSaid]
    identities: Both[Identity]
    readings: Both[Reading]
    probes: Mapping[str, ProbeReading]
    at: datetime
    """Our wall clock when the last of them was there."""
    monotonic: float


class Answers(Struct, frozen=True):
    """All that was found out about one pair."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    orgs: OrgAnswers
    journal: JournalFound
    missing_programs: frozenset[str]
    """Those of the hooks' programs that are not on this machine, by their names."""

    @property
    def survivors(self) -> frozenset[Role]:
        """The orgs that an emergency may have to do with alone: from where the pair stands, as far as that is known."""
        stands = {reading.status for reading in self.orgs.readings if reading.status is not None}
        here = {role for status in stands for role in self.playbook.survivors_from(status)}
        named = {
            transition.survivor for transition in self.playbook.transitions if transition.survivor is not None
        }
        return frozenset(here or named)

    def org(self, role: Role) -> Org:
        """An org, as the inventory declares it."""
        return self.pair[role]

    def silent(self, role: Role) -> bool:
        """Whether nothing could be learned from an org: it did not answer, or trouble of this machine was in the way."""
        return isinstance(self.orgs.readings[role].sight, Unreachable | Hampered)

    def in_emergency(self, role: Role, level: Level) -> Level | None:
        """A verdict on an org, as it counts in an emergency: only a survivor's does."""
        return level if role in self.survivors else None

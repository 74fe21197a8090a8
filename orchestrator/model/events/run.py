"""A run from its start to its end, and what a person declares about it or its pair."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar

from msgspec import Struct, field

from orchestrator.model.run import Ending, Mode, Objective, Step
from orchestrator.model.status import Both, Role, Status


class RunStarted(Struct, frozen=True):
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
    plan: str = ""
    """The id of the saved plan that it applies, or ""."""
    drill: str = ""
    """The id of the drill that it belongs to, or ""."""


class RunResumed(Struct, frozen=True):
    """Somebody took a run up again."""

    kind: ClassVar[str] = "run.resumed"
    mode: Mode
    reason: str = ""
    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class RunSuperseded(Struct, frozen=True):
    """An open run was closed, by name, because a new one took its place."""

    kind: ClassVar[str] = "run.superseded"
    by_run: str


class RunFinished(Struct, frozen=True):
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


class RunAcknowledged(Struct, frozen=True):
    """A person has taken note of a finished run: its cooling down is over."""

    kind: ClassVar[str] = "run.acknowledged"
    reason: str = ""


class PairAdopted(Struct, frozen=True):
    """A person declared one org's record the truth for a diverged pair."""

    kind: ClassVar[str] = "pair.adopted"
    truth: Role
    status: Status
    reason: str
    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

"""The transitions of a run, and what their guards said."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from orchestrator.model.guard import Verdict
from orchestrator.model.status import Status


class GuardsJudged(Struct, frozen=True):
    """All guards of a transition were judged on one situation."""

    kind: ClassVar[str] = "guard.judged"
    transition: str
    verdicts: tuple[Verdict, ...]
    binding: bool = True
    """False where a write of the transition was already in effect: then only `linked` and `fresh` bind (law 7)."""


class GuardOverridden(Struct, frozen=True):
    """A guard did not pass, and the operator had named it with a reason."""

    kind: ClassVar[str] = "guard.overridden"
    transition: str
    verdict: Verdict
    reason: str


class GuardWaived(Struct, frozen=True):
    """A guard was blind because of the dead org of an emergency, or is asked in planned runs alone."""

    kind: ClassVar[str] = "guard.waived"
    transition: str
    verdict: Verdict


class TransitionIntended(Struct, frozen=True):
    """A transition's guards let it go; its writes come next."""

    kind: ClassVar[str] = "transition.intended"
    transition: str
    source: Status
    target: Status


class TransitionRefused(Struct, frozen=True):
    """A transition's guards did not let it go; nothing of it was written."""

    kind: ClassVar[str] = "transition.refused"
    transition: str
    guards: tuple[str, ...]


class TransitionMade(Struct, frozen=True):
    """Both orgs (in an emergency, the survivor) show the transition's target."""

    kind: ClassVar[str] = "transition.made"
    transition: str
    source: Status
    target: Status
    seconds: float
    writes: int
    after: tuple[str, ...] = ()
    """The `after` hooks that are owed from now on, until each has ended well."""

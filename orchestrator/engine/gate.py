"""Whether verdicts let a transition go: laws 8 to 10, kept apart from judging."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct, field

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.run import Mode
from orchestrator.model.status import Role

BINDING_ALWAYS: frozenset[str] = frozenset({"linked", "fresh"})
"""What still binds a transition of which a write of this very run is in effect (law 7)."""

BINDING_MIDWAY: frozenset[str] = BINDING_ALWAYS | {"alone"}
"""What binds a new run that finds a transition half made: somebody may be at work on it just now."""


class Decision(Struct, frozen=True):
    """What becomes of a transition after its guards were judged."""

    refused_by: tuple[Verdict, ...] = ()
    overridden: tuple[tuple[Verdict, str], ...] = ()
    """With the operator's reason."""
    waived: tuple[Verdict, ...] = ()

    @property
    def go(self) -> bool:
        """Whether the transition may fire; a real bool, since `transitions` takes a truthy object for a refusal."""
        return not self.refused_by


class Terms(Struct, frozen=True):
    """On what terms a transition's verdicts are taken."""

    binding: frozenset[str] | None
    """The guards that can still stop it, where it is half made; None for all."""
    spared: frozenset[str]
    """The guards that an emergency does not stop at."""
    mode: Mode
    survivor: Role | None
    """The org that alone is enough for an emergency."""

    def blind(self, verdict: Verdict) -> bool:
        """Whether a guard could not be judged since it depends on the org that an emergency does without."""
        return (
            self.survivor is not None
            and verdict.outcome is Outcome.UNKNOWN
            and verdict.blind is self.survivor.other
        )


class Gate(Protocol):
    """Turns verdicts into a decision."""

    def decide(
        self,
        verdicts: tuple[Verdict, ...],
        terms: Terms,
    ) -> Decision:
        """Whether the transition may fire, and which of its guards that is due to.

        Args:
            verdicts: of all its guards.
            terms: on what terms they are taken.
        """


class EnforcingGate(Struct, frozen=True):
    """Of a run: every guard that does not pass stops the transition, unless it is overridden by name or blind in an emergency."""

    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def decide(
        self,
        verdicts: tuple[Verdict, ...],
        terms: Terms,
    ) -> Decision:
        """Sort the verdicts that did not pass into refused, overridden and waived."""
        refused: list[Verdict] = []
        overridden: list[tuple[Verdict, str]] = []
        waived: list[Verdict] = []
        for verdict in verdicts:
            if verdict.outcome is Outcome.PASS:
                continue
            if terms.binding is not None and verdict.guard not in terms.binding:
                continue
            if terms.mode is Mode.EMERGENCY and (verdict.guard in terms.spared or terms.blind(verdict)):
                waived.append(verdict)
            elif verdict.overridable and verdict.guard in self.overrides:
                overridden.append((verdict, self.overrides[verdict.guard]))
            else:
                refused.append(verdict)
        return Decision(tuple(refused), tuple(overridden), tuple(waived))


class ForecastGate(Struct, frozen=True):
    """Of a plan: decides as the run would, and lets the transition go all the same, so that the rest can be shown."""

    enforcing: EnforcingGate

    def decide(
        self,
        verdicts: tuple[Verdict, ...],
        terms: Terms,
    ) -> Decision:
        """The run's decision, without its refusals."""
        decision = self.enforcing.decide(verdicts, terms)
        return Decision((), decision.overridden, decision.waived)

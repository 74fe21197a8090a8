"""What a yes at the question sends, in two lines: they stand right above it, where a long plan has scrolled away."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.plan import Plan, PlannedWrite
from orchestrator.model.status import Role
from orchestrator.model.words import counted, no_journal

from .layout import Page, called, paragraph, shortened


def question_lines(plan: Plan) -> Page:
    """What is not known here; from where to where with how many writes to whom; and how the guards judge it."""
    return (
        *(paragraph(f"Beware: {no_journal(plan.unjournalled)}.", "warn") if plan.unjournalled else ()),
        *paragraph(f"{_start(plan)} → {plan.request.goal}, {_writes(plan)}.", "bold"),
        *paragraph(_guards(plan), "bold"),
        *_hooks(plan),
    )


def _start(plan: Plan) -> str:
    return str(plan.transitions[0].source) if plan.transitions else plan.phase


def _writes(plan: Plan) -> str:
    parts: list[str] = []
    for role in Role:
        writes = [write for write in plan.writes if write.role is role]
        if writes:
            name = called(shortened(plan.orgs[role], 60), role)
            parts.append(f"{_most(writes)}{len(writes)} to {name}")
    if not parts:
        return "no writes: the server moves by itself"
    return f"{_most(plan.writes)}{counted(len(plan.writes), 'write')}: {', '.join(parts)}"


def _most(writes: Sequence[PlannedWrite]) -> str:
    """Some are sent only where a mirror, or the server, has not brought the status over: the plan says which."""
    return "up to " if any(write.condition for write in writes) else ""


def _guards(plan: Plan) -> str:
    """Each guard once, by the worst that it says anywhere on the way."""
    refusing = [
        *plan.refused_before,
        *(guard for transition in plan.transitions for guard in transition.refused_by),
    ]
    overridden = [
        *(one.guard for one in plan.before if _says_no(one) and one.guard not in plan.refused_before),
        *(guard for transition in plan.transitions for guard in transition.overridden),
    ]
    waived = [guard for transition in plan.transitions for guard in transition.waived]
    waits = [guard for transition in plan.transitions for guard in transition.waits]
    asks = [guard for transition in plan.transitions for guard in transition.asks]
    later = [
        one.guard
        for transition in plan.transitions
        for one in transition.verdicts
        if one.judged_again and _says_no(one)
    ]
    verdicts = (
        *plan.before,
        *(verdict for transition in plan.transitions for verdict in transition.verdicts),
    )
    names = dict.fromkeys(verdict.guard for verdict in verdicts)
    other = dict.fromkeys(verdict.guard for verdict in verdicts if _says_no(verdict))
    passing = [name for name in names if name not in other]
    said = [f"{len(passing)} of {len(names)} pass"]
    for word, guards in (
        ("refuse", refusing),
        ("overridden", overridden),
        ("waived", waived),
        ("waited for", waits),
        ("asked about", asks),
        ("judged again on the way", later),
    ):
        if guards:
            said.append(f"{word}: {', '.join(dict.fromkeys(guards))}")
    if not refusing:
        said.append("none refuses")
    return f"Guards: {'; '.join(said)}."


def _hooks(plan: Plan) -> Page:
    """The hooks that a yes runs; none says nothing."""
    names = [hook.name for transition in plan.transitions for hook in (*transition.before, *transition.after)]
    if not names:
        return ()
    return paragraph(f"Hooks: {len(names)}: {', '.join(dict.fromkeys(names))}.", "bold")


def _says_no(verdict: Verdict) -> bool:
    return verdict.outcome is not Outcome.PASS

"""What a plan says of its hooks and of guards that do not stop it; and the question above which a yes sends it all."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.hook import Again, Hook, InEmergency, Manual, Program, When
from orchestrator.model.plan import Plan, PlannedTransition, PlannedWrite
from orchestrator.model.run import Mode
from orchestrator.model.status import Role
from orchestrator.model.words import counted, no_journal, span

from .layout import Line, Page, called, labelled, line, paragraph, shortened

_TITLES = {When.BEFORE: "  Hooks before its writes", When.AFTER: "  Hooks once it is made"}


def hook_lines(transition: PlannedTransition, when: When, mode: Mode) -> Page:
    """The transition's hooks of one side, each with what it does and what happens where it does not end well."""
    hooks = transition.before if when is When.BEFORE else transition.after
    if not hooks:
        return ()
    page: list[Line] = [line(_TITLES[when], "dim")]
    for hook in hooks:
        words = f"{_what(hook)}; {_terms(hook, when, mode)}"
        missing = hook.name in transition.missing
        if missing:
            words = f"{words}; {not_here(hook)}"
        page += labelled(shortened(hook.name, 24), words, "bad" if missing else "", indent=4, width=20)
    return tuple(page)


def not_here(hook: Hook) -> str:
    """That a hook's program is missing."""
    name = hook.what.run[0] if isinstance(hook.what, Program) else hook.name
    return f"{shortened(name, 120)} is not on this machine, or cannot be run: it would fail"


def _what(hook: Hook) -> str:
    if isinstance(hook.what, Manual):
        return f"by hand: {shortened(hook.what.text).rstrip('.')}"
    return f"{shortened(shlex.join(hook.what.run))} (up to {span(hook.what.timeout)})"


def _terms(hook: Hook, when: When, mode: Mode) -> str:
    by_hand = isinstance(hook.what, Manual)
    if mode is Mode.EMERGENCY:
        if hook.emergency is InEmergency.SKIP:
            return "skipped in an emergency"
        return "listed, nobody is asked in an emergency" if by_hand else "beside the writes, holds nothing up"
    ends = "stops the transition if it fails" if when is When.BEFORE else "owed until it ends well"
    if by_hand:
        return ends
    again = "may be repeated without asking" if hook.again is Again.SAFE else "asks before it is repeated"
    return f"{ends}, {again}"


def note_of(transition: PlannedTransition, verdict: Verdict) -> str:
    """What becomes of a verdict that does not stop the plan, though it is no pass."""
    if verdict.guard in transition.waits:
        return f"waited for, up to {span(transition.waits_seconds)}"
    if verdict.guard in transition.asks:
        return "you would be asked"
    return ""


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
    transitions, verdicts = plan.transitions, plan.verdicts
    not_passing = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]
    groups: dict[str, list[Sequence[str]]] = {
        "refuse": [plan.refusing_guards],
        "overridden": [plan.overridden_before, *(each.overridden for each in transitions)],
        "waived": [each.waived for each in transitions],
        "waited for": [each.waits for each in transitions],
        "asked about": [each.asks for each in transitions],
        "judged again on the way": [[verdict.guard for verdict in not_passing if verdict.judged_again]],
    }
    names = {verdict.guard for verdict in verdicts}
    passing = names - {verdict.guard for verdict in not_passing}
    said = [f"{len(passing)} of {len(names)} pass"]
    for word, guards in groups.items():
        if found := dict.fromkeys(guard for some in guards for guard in some):
            said.append(f"{word}: {', '.join(found)}")
    if not any(groups["refuse"]):
        said.append("none refuses")
    return f"Guards: {'; '.join(said)}."


def _hooks(plan: Plan) -> Page:
    """The hooks that a yes runs; none says nothing."""
    names = [hook.name for transition in plan.transitions for hook in (*transition.before, *transition.after)]
    if not names:
        return ()
    return paragraph(f"Hooks: {len(names)}: {', '.join(dict.fromkeys(names))}.", "bold")

"""What stands around a planned transition: its hooks, shown and never run by a plan, and what its guards may be given."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from orchestrator.model.guard import Verdict
from orchestrator.model.hook import Again, Hook, InEmergency, Manual, Program, When
from orchestrator.model.plain import JSON
from orchestrator.model.plan import PlannedTransition
from orchestrator.model.run import Mode
from orchestrator.model.words import span

from .layout import Line, Page, labelled, line, shortened

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
    if mode is Mode.EMERGENCY:
        if hook.emergency is InEmergency.SKIP:
            return "skipped in an emergency"
        return (
            "listed, nobody is asked in an emergency"
            if isinstance(hook.what, Manual)
            else "beside the writes, holds nothing up"
        )
    ends = "stops the transition if it fails" if when is When.BEFORE else "owed until it ends well"
    repeats = (
        ""
        if isinstance(hook.what, Manual)
        else ", may be repeated without asking"
        if hook.again is Again.SAFE
        else ", asks before it is repeated"
    )
    return f"{ends}{repeats}"


def note_of(transition: PlannedTransition, verdict: Verdict) -> str:
    """What becomes of a verdict that does not stop the plan, though it is no pass."""
    if verdict.guard in transition.waits:
        return f"waited for, up to {span(transition.waits_seconds)}"
    if verdict.guard in transition.asks:
        return "you would be asked"
    return ""


def hooks_fact(hooks: Sequence[Hook]) -> list[JSON]:
    """Hooks as JSON."""
    return [
        {
            "name": hook.name,
            "manual": hook.what.text if isinstance(hook.what, Manual) else None,
            "run": None if isinstance(hook.what, Manual) else list(hook.what.run),
            "timeout_seconds": None if isinstance(hook.what, Manual) else hook.what.timeout.total_seconds(),
            "again": hook.again.value,
            "emergency": hook.emergency.value,
        }
        for hook in hooks
    ]

"""A plan as a person reads it before deciding, and as a document: what would be sent, to whom, and what if it goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain

from orchestrator.model import next_step
from orchestrator.model.guard import Outcome
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON, plain, restore
from orchestrator.model.plan import Plan, PlannedTransition
from orchestrator.model.playbook import Manual
from orchestrator.model.run import Approvable, Mode
from orchestrator.model.status import Role
from orchestrator.model.words import counted, move, span, utc

from .documents import attempts_fact, document, fields_fact, proof_fact
from .layout import (
    LABEL,
    Line,
    Page,
    Span,
    called,
    folded_line,
    labelled,
    line,
    next_commands,
    paragraph,
    shortened,
)
from .plan_details import (
    OWN_ID,
    also_sent_lines,
    applicable,
    asked_lines,
    assumed_words,
    details,
    mode_words,
    not_here,
    proof_lines,
)
from .status import unjournalled_lines
from .verdicts import all_pass, refusal_lines


def plan_page(plan: Plan, *, out: str = "") -> Page:
    """The plan on one screen, and what to type next; `out` is the file that it was saved to, or ""."""
    told = preview_page(plan) if out else _in_short(plan)
    return (*told, *next_commands(_next_steps(plan, out)))


def preview_page(plan: Plan) -> Page:
    """The same above the question whether to go on, with the id that the run will have."""
    return (*_in_short(plan), *labelled("run", plan.run))


def _in_short(plan: Plan) -> Page:
    """Where it stands, the route, per transition how its guards judge it and who is told what, and what is left."""
    conditions = dict.fromkeys(write.condition for write in plan.writes if write.condition)
    full = Span(" With --full, hamr plan shows every guard and request.", "dim")
    return (
        *_title(plan),
        (Span("Nothing was sent.", "bold"), full),
        *_refusal(plan),
        line(),
        *unjournalled_lines(plan.unjournalled),
        *labelled("stands", _stands(plan)),
        *labelled("orgs", ", ".join(called(plan.orgs[role], role) for role in Role), "org"),
        *labelled("route", _route(plan), "bold"),
        *_not_needed(plan),
        *proof_lines(plan),
        *asked_lines(plan),
        *((line(),) if plan.transitions else ()),
        *(each for transition in plan.transitions for each in _transition(transition)),
        *(each for words in conditions for each in labelled("*", words)),
        *also_sent_lines(plan),
        *_afterwards(plan),
        *labelled("ends", _ends(plan) if plan.reachable else ""),
    )


def full_plan_page(plan: Plan, *, out: str = "") -> Page:
    """The whole plan: each guard, each request with its body and what if it goes wrong; and what to type next."""
    return (
        *_title(plan),
        line("Nothing was sent.", "bold"),
        *_refusal(plan),
        line(),
        *details(plan if out else _without_id(plan)),
        *next_commands(_next_steps(plan, out)),
    )


def _without_id(plan: Plan) -> Plan:
    """The plan with a word in the place of its run's id, which nothing will ever bear: a run has its own."""
    return restore(Plan, json.loads(json.dumps(plain(plan)).replace(plan.run, OWN_ID)))


def _title(plan: Plan) -> Page:
    title = Span(f"for pair {shortened(plan.request.pair, 60)} to {plan.request.goal}", "bold")
    return folded_line((Span("Plan ", "heading"), title, Span(f", made {utc(plan.made_at)}")), "")


def _not_needed(plan: Plan) -> Page:
    """That an emergency is asked for while both orgs answer."""
    if plan.mode is not Mode.EMERGENCY or plan.assumed or any(r.status is None for r in plan.readings):
        return ()
    return labelled("beware", "both orgs answer: a planned run would do, and leave nothing owed", "warn")


def _stands(plan: Plan) -> str:
    if plan.assumed is not None:
        return assumed_words(plan.assumed)
    return plan.phase if not plan.reachable else f"{plan.phase}. {shortened(plan.sentence, 1200)}"


def _route(plan: Plan) -> str:
    if not plan.transitions:
        return f"none: nothing is to be done towards {plan.request.goal}" if plan.reachable else "none"
    way = [plan.transitions[0].source, *(transition.target for transition in plan.transitions)]
    up_to = "up to " if any(write.condition for write in plan.writes) else ""
    number = counted(len(plan.writes), "write") if plan.writes else "no writes"
    return f"{' → '.join(map(str, way))}, {up_to}{number}, {mode_words(plan.mode)}"


def _transition(transition: PlannedTransition) -> Page:
    """One transition: its guards, its hooks, and who is told."""
    if transition.waits_for_server:
        told = "nothing is sent: the server makes this move by itself"
    elif transition.writes:
        orgs = (f"the {write.role}{'*' if write.condition else ''}" for write in transition.writes)
        told = f"{transition.target} to {', then '.join(orgs)}"
    else:
        told = "nothing is sent: both orgs show it already"
    hooks = "; ".join(
        f"hooks {when}: {', '.join(shortened(hook.name, 60) for hook in found)}"
        for when, found in (("before", transition.before), ("after", transition.after))
        if found
    )
    hooks_here = (*transition.before, *transition.after)
    absent = [not_here(hook) for hook in hooks_here if hook.name in transition.missing]
    return (
        *labelled(shortened(transition.name, LABEL - 1), _guards_words(transition)),
        *labelled("", told),
        *labelled("", hooks),
        *(each for text in absent for each in labelled("", text, "bad")),
    )


def _guards_words(transition: PlannedTransition) -> str:
    """How its guards judge it, in a line: those that do not pass by name, with what becomes of them."""
    not_passing = [verdict for verdict in transition.verdicts if verdict.outcome is not Outcome.PASS]
    number = len(transition.verdicts)
    if not not_passing:
        return all_pass(number)
    said = [f"{number - len(not_passing)} of {counted(number, 'guard')} pass"]
    again = [verdict.guard for verdict in not_passing if verdict.judged_again]
    groups: tuple[tuple[str, Sequence[str]], ...] = (
        ("refuse", transition.refused_by),
        ("overridden", transition.overridden),
        ("waived", transition.waived),
        (f"waited for, up to {span(transition.waits_seconds)}", transition.waits),
        ("you would be asked", transition.asks),
        ("judged again then", again),
    )
    said += [f"{words}: {', '.join(guards)}" for words, guards in groups if guards]
    return "; ".join(said)


def _afterwards(plan: Plan) -> Page:
    """What is left to people, or still owed, once it is made."""
    hooks = [hook for transition in plan.transitions for hook in (*transition.before, *transition.after)]
    by_hand = ", ".join(shortened(hook.name, 60) for hook in hooks if isinstance(hook.what, Manual))
    said = [f"by hand: {by_hand}"] if by_hand else []
    if plan.remember and plan.transitions:
        said.append(f"{counted(len(plan.remember), 'thing')} to remember (--full)")
    return labelled("afterwards", "; ".join(said))


def _ends(plan: Plan) -> str:
    allowed = plan.objectives.get(plan.request.goal) if plan.transitions else None
    return shortened(plan.ending, 1200) + ("" if allowed is None else f"; objective {span(allowed)}")


def _refusal(plan: Plan) -> Iterator[Line]:
    """What would stop the run, at the top: nobody has to read to the end to learn that it would be refused."""
    before = [verdict for verdict in plan.before if verdict.guard in plan.refused_before]
    if before:
        words = "REFUSED: a run would not start, because of what an earlier one left behind."
        yield from (line(), *paragraph(words, "bad"), *refusal_lines(before))
    for place, transition in enumerate(plan.transitions):
        words = f"REFUSED: a run would stop before its first transition, {transition.name}, and send nothing."
        if place:
            words = f"REFUSED ON THE WAY: as things are predicted, a run would stop before transition {transition.name} and stay there."
        if transition.refusing:
            yield from (line(), *paragraph(words, "bad"), *refusal_lines(transition.refusing))
    for transition in plan.transitions:
        for hook in transition.before:
            if hook.name in transition.stopped_by:
                words = f"REFUSED BY A HOOK: a run would stop before transition {transition.name}: {hook.name}: {not_here(hook)}."
                yield from (line(), *paragraph(words, "bad"))
    if not plan.reachable:
        yield from (line(), line(f"NO WAY: a run would not get to {plan.request.goal}.", "bad"))
        yield from paragraph(shortened(plan.ending, 1200), indent=2)


def _next_steps(plan: Plan, out: str) -> tuple[NextStep, ...]:
    """What to type next: of a plan that was saved, to apply it, where nothing is in its way."""
    planned_only = plan.mode is Mode.PLANNED and (plan.open_drill or plan.left_by)
    in_its_way = planned_only or plan.strangers or plan.under_way
    return (next_step.apply(out),) if out and applicable(plan) and not in_its_way else plan.next_steps


def plan_json(plan: Plan, *, out: str = "") -> dict[str, JSON]:
    """All that the page says. It is not the file that `--out` saves: that one is made to be applied."""
    fields = {
        "sent": "nothing",
        **fields_fact(plan, "refused", "reachable", "run", "made_at", "expires_at", "version"),
        "operator": str(plan.operator),
        **fields_fact(plan, "request", "mode", "playbook", "playbook_sha256"),
        "orgs": {
            role: {"name": plan.orgs[role], "uuid": plan.uuids[role], "url": plan.urls[role]} for role in Role
        },
        **fields_fact(plan, "assumed", "readings", "phase", "sentence"),
        **fields_fact(plan, "before", "refused_before", "transitions", "ending"),
        "next": _next_steps(plan, out),
        **fields_fact(plan, "timeouts_seconds=timeouts", "confirm_within_seconds=confirm_within"),
        **fields_fact(plan, "confirm_every_seconds=confirm_every", "resend"),
        "objectives_seconds": plan.objectives,
        "unpaid": [{"run": run, "hook": hook} for run, hook in plan.unpaid],
        "remember": plan.remember,
        "may_come_late": attempts_fact(plan.given_up),
        "strangers": plan.strangers,
        "journal_exists": not plan.unjournalled,
        "events_to": plan.events_to,
        "proof": proof_fact(plan.certificate, plan.playbook_sha256, plan.version),
    }
    return document("hamr/plan/1", fields)


# -- what somebody agrees to ----------------------------------------------------------------------------------------


def approvable_page(what: Approvable, *, asked_by: str, reason: str) -> Page:
    """All that an approval is of."""
    overrides = (
        labelled("override", shortened(f"{guard}: {why}"), "warn") for guard, why in what.overrides.items()
    )
    return (
        line(f"Pair {what.pair}: {move(what.start, what.goal)}, {what.mode.value}.", "heading"),
        *labelled("transitions", ", then ".join(what.route)),
        *(spans for role in Role for spans in labelled(role.value, what.orgs[role])),
        *labelled("playbook", f"SHA-256 {what.playbook_sha256[:12]}…"),
        *chain.from_iterable(overrides),
        *labelled("asked by", shortened(asked_by, 120)),
        *labelled("because", shortened(reason)),
        *labelled("digest", what.digest),
    )


def approval_json(what: Approvable, *, run: str, by: str, reason: str, afterwards: bool) -> dict[str, JSON]:
    """That somebody agreed: hamr/approval/1."""
    agreed = ("digest", "pair", "start", "goal", "mode", "route", "orgs", "playbook_sha256", "overrides")
    given = {"by": by, "reason": reason, "afterwards": afterwards}
    return document("hamr/approval/1", {"run": run, **fields_fact(what, *agreed), **given})

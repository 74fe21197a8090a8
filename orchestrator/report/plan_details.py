"""A plan in full: what it was asked for, each guard, each hook, each request with its body, and what if it goes wrong."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import count

from orchestrator.model import next_step
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.plan import Plan, PlannedTransition, PlannedWrite
from orchestrator.model.playbook import Again, Hook, InEmergency, Manual, Program, When
from orchestrator.model.run import Mode
from orchestrator.model.status import Role, Status
from orchestrator.model.words import age, counted, proof_words, span, utc, why_waived

from .documents import compact
from .layout import (
    Line,
    Page,
    Span,
    called,
    folded_line,
    heading,
    labelled,
    line,
    listed_under,
    paragraph,
    shortened,
)
from .status import strangers_lines, under_way_lines
from .verdicts import may_come_late_lines, verdict_lines, what_overrides

OWN_ID = "RUN"
"""Stands for the id that a run gets when it begins."""


def details(plan: Plan) -> Page:
    """All of a plan below its title: header, each transition with its guards, hooks and writes, and the ending."""
    numbers = count(1)
    return (
        *_header(plan),
        *_before(plan),
        *(line_ for place in range(len(plan.transitions)) for line_ in _transition(plan, place, numbers)),
        *_ending(plan),
        *listed_under("Remember afterwards", plan.remember),
    )


_TITLES = {When.BEFORE: "  Hooks before its writes", When.AFTER: "  Hooks once it is made"}


def hook_lines(transition: PlannedTransition, when: When, mode: Mode) -> Page:
    """The transition's hooks of one side, each with what it does and what happens where it does not end well."""
    hooks = transition.before if when is When.BEFORE else transition.after
    if not hooks:
        return ()
    page: list[Line] = [line(_TITLES[when], "dim")]
    for hook in hooks:
        words, style = f"{_what(hook)}; {_terms(hook, when, mode)}", ""
        if hook.name in transition.missing:
            words, style = f"{words}; {not_here(hook)}", "bad"
        page += labelled(shortened(hook.name, 24), words, style, indent=4, width=20)
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


def _header(plan: Plan) -> Iterator[Line]:
    yield from labelled("goal", str(plan.request.goal), "status")
    yield from labelled("mode", mode_words(plan.mode), "warn" if plan.mode is Mode.EMERGENCY else "")
    yield from labelled("phase", plan.phase)
    yield from labelled("", shortened(plan.sentence, 1200))
    for role in Role:
        yield from labelled(role.value, f"{shortened(plan.orgs[role], 60)}, {plan.urls[role]}", "org")
    yield from labelled("read", _read(plan))
    digest = f"SHA-256 {plan.playbook_sha256[:12]}…"
    yield from labelled("playbook", f"{shortened(plan.playbook, 60)} ({digest})")
    yield from proof_lines(plan)
    yield from labelled("operator", shortened(str(plan.operator), 120))
    yield from asked_lines(plan)
    limits = plan.timeouts
    waits = f"connect {span(limits.connect)}, read {span(limits.read)}, {span(limits.total)} in all"
    yield from labelled("time-outs", f"{waits}; a write must be seen within {span(plan.confirm_within)}")
    yield from also_sent_lines(plan)
    own = f"{OWN_ID} below stands for the run's own id, which it gets when it begins"
    yield from labelled("run", own if plan.run == OWN_ID else plan.run)


def proof_lines(plan: Plan) -> Page:
    """Whether its playbook is proven; nothing where it never was."""
    if plan.certificate is None:
        return ()
    words = proof_words(plan.certificate, plan.playbook_sha256, plan.version)
    changed = plan.certificate.changed_since(plan.playbook_sha256, plan.version)
    return labelled("proof", words, "warn" if changed else "")


def mode_words(mode: Mode) -> str:
    """How a plan says in which mode it is."""
    return "planned" if mode is Mode.PLANNED else "emergency: the survivor alone is enough"


def asked_lines(plan: Plan) -> Iterator[Line]:
    """What the request says beside its goal, and what is in its way: others at work, hooks that it would drop."""
    yield from under_way_lines(plan.under_way)
    yield from strangers_lines(plan.strangers, lambda role: called(plan.orgs[role], role))
    yield from may_come_late_lines(plan.given_up, lambda role: called(plan.orgs[role], role))
    yield from labelled("reason", shortened(plan.request.reason))
    yield from labelled("ref", shortened(plan.request.ref, 120))
    # No guard judges whether an org was put back.
    needed = {"reverted", *(each.guard for each in plan.verdicts if each.outcome is not Outcome.PASS)}
    for guard, why in plan.request.overrides.items():
        needless = "" if guard in needed else " (not needed: it passes)"
        yield from labelled("override", f"{shortened(guard, 60)}: {shortened(why)}{needless}", "warn")
    for run, hook in plan.unpaid if plan.transitions else ():
        words = f"run {run} still owes {hook}; this one takes its place, and drops that"
        yield from labelled("drops", f"{words}. First: hamr resume {run}", "warn")


def also_sent_lines(plan: Plan) -> Page:
    """What a run sends beside its writes: nothing waits for that."""
    if plan.events_to is None or not plan.transitions:
        return ()
    words = f"{len(plan.transitions) + 2} events to the {plan.events_to}, which nothing waits for"
    return labelled("also sent", words)


def _read(plan: Plan) -> str:
    if plan.assumed is not None:
        return assumed_words(plan.assumed)
    said = [f"{role} {age(reading.at, plan.made_at)}" for role, reading in plan.readings.items()]
    return f"{', '.join(said)}; made {utc(plan.made_at)}"


def assumed_words(assumed: Status) -> str:
    """That a plan was made without a look at the orgs."""
    return f"nothing: both orgs were assumed to stand at {assumed}, so this plan can't be applied"


def _before(plan: Plan) -> Page:
    lines = (
        spans
        for verdict in plan.before
        for spans in verdict_lines(verdict, "overridden" if verdict.guard in plan.overridden_before else "")
    )
    return (*heading("Before the first transition"), *lines) if plan.before else ()


def _transition(plan: Plan, place: int, numbers: Iterator[int]) -> Iterator[Line]:
    transition = plan.transitions[place]
    move = f"{transition.name}, {transition.source} → {transition.target}"
    yield from heading(f"Transition {place + 1} of {len(plan.transitions)}: {move}")
    yield from paragraph(shortened(transition.why), indent=2)
    if transition.half_done:
        words = "A write of this transition is in effect already: only linked, fresh and alone bind it."
        yield from paragraph(words, "warn", indent=2)
    yield line("  Guards", "dim")
    for verdict in transition.verdicts:
        yield from _verdict(transition, verdict)
    yield from hook_lines(transition, When.BEFORE, plan.mode)
    if transition.waits_for_server:
        words = "Nothing is sent: the server makes this move by itself, and the run waits for it."
        yield from paragraph(words, indent=2)
    elif not transition.writes:
        yield from paragraph("Nothing is sent: both orgs show it already.", indent=2)
    else:
        yield line("  Writes", "dim")
    for write in transition.writes:
        spare = plan.mode is Mode.EMERGENCY and write is not transition.writes[0]
        yield from _write(plan, write, next(numbers), spare=spare)
    yield from hook_lines(transition, When.AFTER, plan.mode)


def _verdict(transition: PlannedTransition, verdict: Verdict) -> Page:
    """A verdict, and what becomes of it where it is no pass."""
    guard = verdict.guard
    notes = {
        "refuses": guard in transition.refused_by,
        "overridden": guard in transition.overridden,
        f"waived: {why_waived(verdict)}": guard in transition.waived,
        "does not bind": verdict.outcome is not Outcome.PASS and transition.half_done,
        f"waited for, up to {span(transition.waits_seconds)}": guard in transition.waits,
        "you would be asked": guard in transition.asks,
    }
    note = next((note for note, is_so in notes.items() if is_so), "")
    page = verdict_lines(verdict, note)
    return (*page, (Span(" " * 13), what_overrides(verdict))) if note == "refuses" else page


def _write(plan: Plan, write: PlannedWrite, number: int, *, spare: bool) -> Page:
    request = write.request
    stands = plan.phase if number == 1 else plan.writes[number - 2].stands
    condition = Span(f", {write.condition}" if write.condition else "", "warn")
    org, status = Span(called(write.org, write.role), "org"), Span(str(write.status), "status")
    told = (org, Span(" is told "), status, condition)
    refused, lost, cut_short = _if_it_goes_wrong(plan, write, stands, spare=spare)
    outcomes = (("if refused", refused), ("if lost", lost), ("if cut short", cut_short))
    return (
        *folded_line(told, f"    {number}. "),
        (Span("       "), Span(f"{request.method} {request.url}", "command")),
        (Span("       "), Span(compact(request.body), "command")),
        *(spans for label, words in outcomes for spans in labelled(label, words, indent=7, width=15)),
    )


def _if_it_goes_wrong(plan: Plan, write: PlannedWrite, stands: str, *, spare: bool) -> tuple[str, str, str]:
    """What happens if the server refuses it, if its answer is lost, and if the run dies right after it."""
    takes_it_up = f"{next_step.resume(plan.request.pair)} takes it up"
    died = f"the pair stands {write.stands or 'between two statuses'}; {takes_it_up}"
    if spare:
        left = "the run goes on without this org, which is then owed the survivor's status"
        return left, left, died
    refused = f"the run stops as incomplete (exit 6), and the pair stands {stands}; {takes_it_up}"
    within, every = span(plan.confirm_within), span(plan.confirm_every)
    times = "once" if plan.resend == 1 else counted(plan.resend, "time")
    again = f"it is sent again, at most {times}; else " if plan.resend else ""
    lost = (
        f"read back for up to {within}, every {every}; if it is not there and nothing else moved, "
        f"{again}the run ends as unknown (exit 7)"
    )
    return refused, lost, died


def applicable(plan: Plan) -> bool:
    """Whether it makes sense to save it, and to apply that."""
    return plan.assumed is None and bool(plan.transitions) and not plan.refused


def _ending(plan: Plan) -> Iterator[Line]:
    refused = "what refuses is overridden, and " if plan.refused else ""
    yield from heading(f"If {refused}nothing goes wrong" if plan.reachable else "How it would end")
    yield from paragraph(shortened(plan.ending, 1200), indent=2)
    goal, requests = plan.request.goal, counted(len(plan.writes), "request")
    if goal in plan.objectives:
        yield from paragraph(f"The objective for {goal} is {span(plan.objectives[goal])}.", indent=2)
    if applicable(plan) and plan.run != OWN_ID:
        yield from paragraph(f"This plan can be applied until {utc(plan.expires_at)}.", indent=2)
    sent = f"{requests} would be sent; none was." if plan.writes else "Nothing would be sent."
    yield from paragraph(sent, indent=2)

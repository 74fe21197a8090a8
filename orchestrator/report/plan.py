"""A plan as a person reads it before deciding, and as a document: what would be sent, to whom, and what if it goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from orchestrator.model import next_step
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.hook import When
from orchestrator.model.plain import JSON
from orchestrator.model.plan import Plan, PlannedTransition, PlannedWrite
from orchestrator.model.run import Mode
from orchestrator.model.status import Role
from orchestrator.model.words import age, counted, span, utc, why_waived

from .documents import compact, document, fields_fact
from .layout import (
    Line,
    Page,
    Span,
    called,
    heading,
    labelled,
    line,
    listed_under,
    next_commands,
    paragraph,
    shortened,
)
from .plan_details import hook_lines, not_here, note_of, question_lines
from .status import strangers_lines, under_way_lines
from .verdicts import refusal_lines, verdict_lines, what_overrides


def plan_page(plan: Plan) -> Page:
    """The whole plan: header, each transition with its guards and writes, the ending, and what to type next."""
    return (*_told(plan), *next_commands(plan.next_steps))


def preview_page(plan: Plan) -> Page:
    """The plan above the question whether to go on: its last two lines sum up what a yes sends."""
    return (*_told(plan), line(), *question_lines(plan))


def _told(plan: Plan) -> Page:
    numbers = count(1)
    return (
        (
            Span("Plan ", "heading"),
            Span(f"for pair {shortened(plan.request.pair, 60)} to {plan.request.goal}", "bold"),
        ),
        line("Nothing was sent.", "bold"),
        *_refusal(plan),
        line(),
        *_header(plan),
        *_before(plan),
        *(line_ for place in range(len(plan.transitions)) for line_ in _transition(plan, place, numbers)),
        *_ending(plan),
        *listed_under("Remember afterwards", plan.remember),
    )


def _refusing_before(plan: Plan) -> tuple[Verdict, ...]:
    return tuple(verdict for verdict in plan.before if verdict.guard in plan.refused_before)


def _refusal(plan: Plan) -> Page:
    """What would stop the run, at the top: nobody has to read to the end to learn that it would be refused."""
    page: list[Line] = []
    before = _refusing_before(plan)
    if before:
        words = "REFUSED: a run would not start, because of what an earlier one left behind."
        page += [line(), line(words, "bad"), *refusal_lines(before)]
    for place, transition in enumerate(plan.transitions):
        refusing = transition.refusing
        if refusing:
            words = (
                f"REFUSED: a run would stop before its first transition, {transition.name}, and send nothing."
                if place == 0
                else f"REFUSED ON THE WAY: as things are predicted, a run would stop before transition {transition.name} and stay there."
            )
            page += [line(), line(words, "bad"), *refusal_lines(refusing)]
    for transition in plan.transitions:
        for hook in transition.before:
            if hook.name in transition.stopped_by:
                words = f"REFUSED BY A HOOK: a run would stop before transition {transition.name}: {hook.name}: {not_here(hook)}."
                page += [line(), *paragraph(words, "bad")]
    if not plan.reachable:
        page += [line(), line(f"NO WAY: a run would not get to {plan.request.goal}.", "bad")]
        page += paragraph(shortened(plan.ending, 1200), indent=2)
    return tuple(page)


def _header(plan: Plan) -> Page:
    request = plan.request
    mode = plan.mode.value if plan.mode is Mode.PLANNED else "emergency: the survivor alone is enough"
    page: list[Line] = [
        *labelled("goal", str(request.goal), "status"),
        *labelled("mode", mode, "warn" if plan.mode is Mode.EMERGENCY else ""),
        *labelled("phase", plan.phase),
        *labelled("", shortened(plan.sentence, 1200)),
    ]
    for role in Role:
        page += labelled(role.value, f"{shortened(plan.orgs[role], 60)}, {plan.urls[role]}", "org")
    page += labelled("read", _read(plan))
    page += labelled("playbook", f"{shortened(plan.playbook, 60)} (SHA-256 {plan.playbook_sha256[:12]}…)")
    page += labelled("operator", shortened(str(plan.operator), 120))
    page += under_way_lines(plan.under_way)
    page += strangers_lines(plan.strangers, lambda role: called(plan.orgs[role], role))
    if request.reason:
        page += labelled("reason", shortened(request.reason))
    if request.ref:
        page += labelled("ref", shortened(request.ref, 120))
    needed = {verdict.guard for verdict in plan.verdicts if verdict.outcome is not Outcome.PASS}
    for guard, why in request.overrides.items():
        needless = "" if guard in needed else " (not needed: it passes)"
        page += labelled("override", f"{shortened(guard, 60)}: {shortened(why)}{needless}", "warn")
    for run, hook in plan.unpaid if plan.transitions else ():
        words = (
            f"run {run} still owes {hook}; this one takes its place, and drops that. First: hamr resume {run}"
        )
        page += labelled("drops", words, "warn")
    page += labelled("time-outs", _timeouts(plan))
    page += labelled("run", plan.run)
    return tuple(page)


def _read(plan: Plan) -> str:
    if plan.assumed is not None:
        return f"nothing: both orgs were assumed to stand at {plan.assumed}, so this plan can't be applied"
    said = [f"{role} {age(reading.at, plan.made_at)}" for role, reading in plan.readings.items()]
    return f"{', '.join(said)}; made {utc(plan.made_at)}"


def _timeouts(plan: Plan) -> str:
    limits = plan.timeouts
    return (
        f"connect {span(limits.connect)}, read {span(limits.read)}, {span(limits.total)} in all; a write must be seen "
        f"within {span(plan.confirm_within)}"
    )


def _before(plan: Plan) -> Page:
    if not plan.before:
        return ()
    page: list[Line] = [*heading("Before the first transition")]
    for verdict in plan.before:
        page += verdict_lines(verdict, "overridden" if verdict.guard in plan.overridden_before else "")
    return tuple(page)


def _transition(plan: Plan, place: int, numbers: Iterator[int]) -> Page:
    transition = plan.transitions[place]
    move = f"{transition.name}, {transition.source} → {transition.target}"
    page: list[Line] = [*heading(f"Transition {place + 1} of {len(plan.transitions)}: {move}")]
    if transition.why:
        page += paragraph(shortened(transition.why), indent=2)
    if transition.half_done:
        words = "A write of this transition is in effect already: only linked, fresh and alone bind it."
        page += paragraph(words, "warn", indent=2)
    page.append(line("  Guards", "dim"))
    for verdict in transition.verdicts:
        page += _verdict(transition, verdict)
    page += hook_lines(transition, When.BEFORE, plan.mode)
    if transition.waits_for_server:
        words = "Nothing is sent: the server makes this move by itself, and the run waits for it."
        page += paragraph(words, indent=2)
    elif not transition.writes:
        page += paragraph("Nothing is sent: both orgs show it already.", indent=2)
    else:
        page.append(line("  Writes", "dim"))
    for write in transition.writes:
        spare = plan.mode is Mode.EMERGENCY and write is not transition.writes[0]
        page += _write(plan, write, next(numbers), spare=spare)
    return (*page, *hook_lines(transition, When.AFTER, plan.mode))


def _verdict(transition: PlannedTransition, verdict: Verdict) -> Page:
    note = note_of(transition, verdict)
    if verdict.guard in transition.refused_by:
        note = "refuses"
    elif verdict.guard in transition.overridden:
        note = "overridden"
    elif verdict.guard in transition.waived:
        note = f"waived: {why_waived(verdict)}"
    elif verdict.outcome is not Outcome.PASS and transition.half_done:
        note = "does not bind"
    page = verdict_lines(verdict, note)
    return (*page, (Span(" " * 13), what_overrides(verdict))) if note == "refuses" else page


def _write(plan: Plan, write: PlannedWrite, number: int, *, spare: bool) -> Page:
    request = write.request
    stands = plan.phase if number == 1 else plan.writes[number - 2].stands
    page: list[Line] = [
        (
            Span(f"    {number}. "),
            Span(called(write.org, write.role), "org"),
            Span(" is told "),
            Span(str(write.status), "status"),
            Span(f", {write.condition}" if write.condition else "", "warn"),
        ),
        (Span("       "), Span(f"{request.method} {request.url}", "command")),
        (Span("       "), Span(compact(request.body), "command")),
    ]
    for label, words in _if_it_goes_wrong(plan, write, stands, spare=spare):
        page += labelled(label, words, indent=7, width=15)
    return tuple(page)


def _if_it_goes_wrong(
    plan: Plan, write: PlannedWrite, stands: str, *, spare: bool
) -> tuple[tuple[str, str], ...]:
    """What happens if the server refuses it, if its answer is lost, and if the run dies right after it."""
    resume = next_step.resume(plan.run)
    died = f"the pair stands {write.stands}" if write.stands else "the pair stands between two statuses"
    if spare:
        left = "the run goes on without this org, which is then owed the survivor's status"
        return (("if refused", left), ("if lost", left), ("if cut short", f"{died}; {resume} takes it up"))
    within, every = span(plan.confirm_within), span(plan.confirm_every)
    again = (
        f"it is sent again, at most {'once' if plan.resend == 1 else counted(plan.resend, 'time')}; else "
        if plan.resend
        else ""
    )
    lost = (
        f"read back for up to {within}, every {every}; if it is not there and nothing else moved, "
        f"{again}the run ends as unknown (exit 7)"
    )
    return (
        (
            "if refused",
            f"the run stops as incomplete (exit 6), and the pair stands {stands}; {resume} takes it up",
        ),
        ("if lost", lost),
        ("if cut short", f"{died}; {resume} takes it up"),
    )


def _ending(plan: Plan) -> Page:
    page: list[Line] = [*heading(_ending_title(plan))]
    page += paragraph(shortened(plan.ending, 1200), indent=2)
    goal = plan.request.goal
    if goal in plan.objectives:
        page += paragraph(f"The objective for {goal} is {span(plan.objectives[goal])}.", indent=2)
    if plan.assumed is None and plan.transitions and not plan.refused:
        page += paragraph(f"This plan can be applied until {utc(plan.expires_at)}.", indent=2)
    number = len(plan.writes)
    requests = (
        f"{counted(number, 'request')} would be sent; none was." if number else "Nothing would be sent."
    )
    return (*page, *paragraph(requests, indent=2))


def _ending_title(plan: Plan) -> str:
    if not plan.reachable:
        return "How it would end"
    if plan.refused:
        return "If what refuses is overridden, and nothing goes wrong"
    return "If nothing goes wrong"


def plan_json(plan: Plan) -> dict[str, JSON]:
    """All that the page says. It is not the file that `--out` saves: that one is made to be applied."""
    return document(
        "hamr/plan/1",
        {
            "sent": "nothing",
            **fields_fact(plan, "refused", "reachable", "run", "made_at", "expires_at", "version"),
            "operator": str(plan.operator),
            **fields_fact(plan, "request", "mode", "playbook", "playbook_sha256"),
            "orgs": {
                role: {"name": plan.orgs[role], "uuid": plan.uuids[role], "url": plan.urls[role]}
                for role in Role
            },
            **fields_fact(plan, "assumed", "readings", "phase", "sentence"),
            **fields_fact(plan, "before", "refused_before", "transitions", "ending"),
            "next": plan.next_steps,
            "timeouts_seconds": plan.timeouts,
            "confirm_within_seconds": plan.confirm_within,
            "confirm_every_seconds": plan.confirm_every,
            "resend": plan.resend,
            "objectives_seconds": plan.objectives,
            "unpaid": [{"run": run, "hook": hook} for run, hook in plan.unpaid],
            **fields_fact(plan, "remember", "strangers"),
            "journal_exists": not plan.unjournalled,
        },
    )

"""Many pairs as pages and JSON: what a fleet would do, how it goes, and what became of each pair.

The pairs that need a person come first, each with what to type next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from orchestrator.errors import ExitCode
from orchestrator.model import next_step
from orchestrator.model.fleet import FleetPlan, FleetView, Member, PlannedPair
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.plain import JSON
from orchestrator.model.run import Mode
from orchestrator.model.status import Status
from orchestrator.model.timing import seconds_between
from orchestrator.model.words import counted, in_mode, span, utc

from .documents import document, fields_fact, known_fact
from .errors import exit_fact, exit_lines, meaning
from .layout import (
    MOST_STEPS,
    OF_MANY,
    Facts,
    Line,
    Page,
    Span,
    labelled,
    line,
    next_commands,
    paragraph,
    shortened,
    table,
    within,
)


class Doing(Struct):
    """What is being done to a pair just now, as far as this process knows."""

    since: datetime
    what: str = ""
    stands: str = ""
    """The status that its orgs showed last, where that was the same."""


def plan_page(plan: FleetPlan, steps: Sequence[NextStep] = ()) -> Page:
    """What a fleet would do, a line for each pair: those that would be refused first; and what to type next."""
    emergency = " in emergency mode" if plan.mode is Mode.EMERGENCY else ""
    pairs, waves = counted(len(plan.pairs), "pair"), counted(len(plan.waves), "wave")
    of_wave = (f"{number}: {counted(len(wave), 'pair')}" for number, wave in enumerate(plan.waves, 1))
    with within(OF_MANY):
        if not plan.pairs:
            return (*paragraph(f"{NO_EMERGENCY} Nothing was sent.", "warn"), *next_commands(steps))
        return (
            line(f"{pairs} to {plan.goal}{emergency}, in {waves}", "heading"),
            *paragraph(f"Waves: {', '.join(of_wave)}"),
            line(),
            *_planned(plan),
            *_left_out(plan),
            line(),
            *paragraph(_plan_counts(plan), "warn" if _refused(plan) else ""),
            *paragraph(f"Plan {plan.digest[:12]}…, made at {utc(plan.made_at)}. Nothing was sent.", "dim"),
            *next_commands(steps),
        )


NO_EMERGENCY = (
    "No pair has lost an org: each of them answers, and an emergency is for pairs of which one does not."
)
NO_PAIR = "No pair would move: each of them would be refused, as things are."


def clearing(plan: FleetPlan) -> tuple[NextStep, ...]:
    """What leads on for the pairs that would be refused."""
    return _steps_of(((each.pair, each.next_steps) for each in _refused(plan)), plan.goal)


def nobody_is_dark(plan: FleetPlan) -> NextStep:
    """What leads on where an emergency has nobody to move: the same as a planned run."""
    return next_step.fleet_plan(*(each.pair for each in plan.left_out), goal=plan.goal)


def _steps_of(pairs: Iterable[tuple[str, Sequence[NextStep]]], goal: Status) -> tuple[NextStep, ...]:
    """The first step of each pair; of those that have lost an org one for all, which is how a dead region is met."""
    first = {pair: steps[0] for pair, steps in pairs if steps}
    dark = [pair for pair, step in first.items() if step.is_emergency]
    together = (next_step.fleet_emergency(dark, goal),) if len(dark) > 1 else ()
    each = [step for step in first.values() if not (together and step.is_emergency)]
    return each_once((*together, *each[:MOST_STEPS]))


def _refused(plan: FleetPlan) -> list[PlannedPair]:
    return [each for each in plan.pairs.values() if each.refused]


def _planned(plan: FleetPlan) -> Page:
    of_wave = {pair: number for number, wave in enumerate(plan.waves, 1) for pair in wave}
    rows = sorted(plan.pairs.values(), key=lambda each: (not each.refused, of_wave[each.pair]))
    emergency = plan.mode is Mode.EMERGENCY
    where, widths = (("primary", "secondary"), (12, 12)) if emergency else (("stands at",), (24,))
    cells = [
        (
            Span(each.pair, "bold"),
            Span(str(of_wave[each.pair])),
            *(_sides(each) if emergency else (Span(each.stands or "-"),)),
            _what(each),
        )
        for each in rows
    ]
    return table(("pair", "wave", *where, "what would be done"), cells, (32, 4, *widths, 60), most=2)


def _sides(each: PlannedPair) -> tuple[Span, Span]:
    if each.saw is None:
        return Span("-"), Span("-")
    sides = zip(each.saw, each.dark, strict=True)
    primary, secondary = (Span("dark", "bad") if dark else Span(saw, "good") for saw, dark in sides)
    return primary, secondary


def _what(each: PlannedPair) -> Span:
    if each.refused:
        return Span(shortened(f"refused: {each.refused}"), "bad")
    if not each.transitions:
        return Span("nothing: it is there", "good")
    waits = f"; waits for {', '.join(each.waits)}" if each.waits else ""
    return Span(f"{', '.join(each.transitions)} ({counted(each.writes, 'write')}){waits}")


def _left_out(plan: FleetPlan) -> Page:
    if not plan.left_out:
        return ()
    many = "have lost no org, and are left where they are"
    said = many if len(plan.left_out) > 1 else "has lost no org, and is left where it is"
    pairs = shortened(", ".join(each.pair for each in plan.left_out))
    return (line(), *paragraph(f"{counted(len(plan.left_out), 'pair')} {said}: {pairs}"))


def _plan_counts(plan: FleetPlan) -> str:
    refused = len(_refused(plan))
    there = sum(not each.refused and not each.transitions for each in plan.pairs.values())
    moved = len(plan.pairs) - refused - there
    return f"{moved} would move, {there} are there already, {refused} would be refused as things are."


def plan_json(plan: FleetPlan, onward: Sequence[NextStep] = ()) -> dict[str, JSON]:
    """The same as a document: hamr/fleet-plan/1."""
    of_wave = {pair: number for number, wave in enumerate(plan.waves, 1) for pair in wave}

    def fact(each: PlannedPair) -> dict[str, object]:
        made = {"wave": of_wave.get(each.pair), **known_fact(each.what, "digest")}
        return {**fields_fact(each, but=("what", "next_steps")), **made, "next": each.next_steps}

    about = fields_fact(plan, "fleet", "made_at", "goal", "mode", "digest", "waves")
    pairs = {"pairs": map(fact, plan.pairs.values()), "left_out": map(fact, plan.left_out)}
    return document("hamr/fleet-plan/1", {**about, **pairs, "next": onward})


def approvable_fleet_page(view: FleetView) -> Page:
    """What somebody agrees to who agrees to a fleet: each pair's route, as it was planned."""
    rows = [
        (Span(what.pair, "bold"), Span(f"{what.start} → {what.goal}", "status"), Span(", ".join(what.route)))
        for what in view.started.plans
    ]
    overrides = [f"{guard}: {why}" for guard, why in view.started.overrides.items()]
    with within(OF_MANY):
        return (
            line(f"What {view.by} asks for: {counted(len(rows), 'pair')} to {view.started.goal}", "heading"),
            *labelled("reason", shortened(view.started.reason or "none was given")),
            *labelled("mode", view.started.mode.value),
            *labelled("playbook", f"{view.started.playbook}, SHA-256 {view.started.playbook_sha256[:12]}…"),
            *labelled("goes over", "; ".join(overrides), "warn"),
            *labelled("digest", f"{view.started.digest[:12]}…, of all these plans"),
            line(),
            *table(("pair", "from → to", "transitions"), rows, (32, 24, 40)),
        )


def needs_person(member: Member) -> bool:
    """Whether somebody has to look after a pair: it was brought to an end that is not the goal, or owes something."""
    return member.outcome is not None and not member.settled


_HELD_UP = (ExitCode.REFUSED, ExitCode.LOCKED, ExitCode.MOVED)


def _held_up(member: Member) -> bool:
    """Whether the fleet, taken up again, would meet what stopped it again: somebody else's run or change, a guard, a lock."""
    outcome = member.outcome
    if outcome is None or outcome.exit_code not in _HELD_UP or not outcome.next_steps:
        return False
    first = outcome.next_steps[0]
    return not outcome.run or first.verb != "resume" or bool(first.options)


def fleet_facts(
    view: FleetView,
    code: ExitCode,
    now: datetime,
    first: tuple[NextStep, ...] = (),
    *,
    label: str = "exit code",
) -> Facts:
    """What became of each pair, and what to type next, these first: hamr/fleet/1; the `label` is the code's."""
    started, members = view.started, view.members.values()
    needing = [each for each in members if needs_person(each)]
    steps = each_once((*first, *_onward(view)))
    with within(OF_MANY):
        page = (
            line(),
            title(view, now),
            *paragraph(f"It stopped: {view.stopped.rstrip('.')}." if view.stopped else "", "warn"),
            line(),
            *_members(view, {}, now),
            line(),
            *paragraph(", ".join(_counts(view, {}))),
            *exit_lines(code, "dim", label=label),
            *next_commands(steps),
        )
    fields = {
        "fleet": view.fleet,
        **exit_fact(code),
        **fields_fact(started, "goal", "mode", "reason", "ref", "at_once", "stop_after", "digest"),
        **fields_fact(view, "by", "began"),
        "resumed": [{"at": at, "by": who} for at, who in view.resumed],
        **fields_fact(view, "last", "waves=started.waves", "wave", "finished"),
        "stopped": view.stopped or None,
        **fields_fact(view, "arrived"),
        "need_person": [each.pair for each in needing],
        "next": steps,
        "pairs": [_member_fact(each) for each in members],
    }
    return page, document("hamr/fleet/1", fields)


def _onward(view: FleetView) -> tuple[NextStep, ...]:
    """The fleet, which takes up all of its own runs that are open; what holds it up comes first where it gets no further before."""
    left, most = [each for each in view.members.values() if not each.settled], view.started.stop_after
    holding = [each for each in left if _held_up(each)]
    held_up = _first_steps(view, holding)
    stops_again = most is not None and sum(each.wave == view.wave for each in holding) >= most
    steps = _first_steps(view, (each for each in left if not _held_up(each)))
    own = (step for step in steps if step.verb != "resume" or step.options)
    go_on = going_on(view) if left else ()
    first = (*held_up, *go_on, *own) if stops_again or len(holding) == len(left) else (*go_on, *own, *held_up)
    return (*first, *_looks(view))


def _looks(view: FleetView) -> tuple[NextStep, ...]:
    """Of those with nothing left to do: another look, where what was given up may still take effect."""
    done = [each.outcome for each in view.members.values() if each.outcome and each.settled]
    looks = ((each.pair, [step for step in each.next_steps[:1] if step.verb == "status"]) for each in done)
    return _steps_of(looks, view.started.goal)


def _first_steps(view: FleetView, members: Iterable[Member]) -> tuple[NextStep, ...]:
    """Of those that did not arrive: what others owe, the fleet delivers."""
    ended = ((each.pair, each.outcome.next_steps) for each in members if each.outcome and not each.arrived)
    return _steps_of(ended, view.started.goal)


def going_on(view: FleetView) -> tuple[NextStep, ...]:
    """With the whole fleet; where it did not say that it ends, somebody may be at it still."""
    go_on = next_step.fleet_resume(view.fleet)
    if view.stopped or view.finished:
        return (go_on,)
    return (go_on.so_that("go on with it, where nobody is at it any more"), next_step.fleet_stop(view.fleet))


def frame(view: FleetView, doing: Mapping[str, Doing], now: datetime) -> Page:
    """How it goes just now: those that need a person, those under way, those to come; who has arrived comes last."""
    with within(OF_MANY):
        counts = line(", ".join(_counts(view, doing)))
        return (line(), title(view, now), counts, *_members(view, doing, now))


def title(view: FleetView, now: datetime) -> Line:
    """The fleet in one line."""
    ended = view.stopped or view.finished
    began = view.resumed[-1][0] if view.resumed else view.began
    took = span(seconds_between(began, view.last if ended and view.last else now))
    wave = f"wave {view.wave} of {len(view.started.waves)}" if view.wave else "not begun"
    so_far = Span(f"{in_mode(view.started.mode)}, {wave}, {took}{'' if ended else ' so far'}", "dim")
    goal = Span(str(view.started.goal), "status")
    return (Span(f"Fleet {view.fleet}", "heading"), Span(" to "), goal, so_far)


def _counts(view: FleetView, doing: Mapping[str, Doing]) -> list[str]:
    members = view.members.values()
    needing = sum(needs_person(each) and each.pair not in doing for each in members)
    waiting = [each.pair for each in members if each.outcome is None and each.pair not in doing]
    untold = sum(map(view.untold, waiting))
    counts = [f"{view.arrived} of {counted(len(members), 'pair')} arrived"]
    counts += [f"{len(doing)} under way"] if doing else []
    counts += [f"{untold} with no end yet"] if untold else []
    counts += [f"{len(waiting) - untold} not begun"] if len(waiting) > untold else []
    return counts + ([f"{needing} need{'s' if needing == 1 else ''} a person"] if needing else [])


def _members(view: FleetView, doing: Mapping[str, Doing], now: datetime) -> Page:
    def order(member: Member) -> tuple[int, int]:
        under_way = member.pair in doing
        place = 1 if under_way else 0 if needs_person(member) else 2 if member.outcome is None else 3
        return place, member.wave

    rows = [_row(view, each, doing.get(each.pair), now) for each in sorted(view.members.values(), key=order)]
    return table(("pair", "wave", "stands at", "took", "what"), rows, (28, 4, 18, 10, 60), most=2)


def _row(view: FleetView, member: Member, doing: Doing | None, now: datetime) -> tuple[Span, ...]:
    head = (Span(member.pair, "bold"), Span(str(member.wave)))
    outcome = member.outcome
    if doing is not None:
        took = span(float(int((now - doing.since).total_seconds())))
        what = Span(shortened(doing.what or "at work"), "warn")
        return (*head, Span(doing.stands or "-"), Span(took), what)
    if outcome is None:
        return (*head, Span("-"), Span("-"), Span(without_end(view, member), "dim"))
    # What is owed, and to whom, stands in the message itself, further on: the code's own words would leave no room for it.
    label = "owing" if outcome.arrived else meaning(outcome.exit_code)
    words = outcome.message if member.settled else f"{label}: {outcome.message}"
    took = span(round(outcome.seconds, 1)) if outcome.seconds else "-"
    return (*head, Span(outcome.phase or "-"), Span(took), Span(shortened(words), member_style(member)))


def without_end(view: FleetView, member: Member) -> str:
    """What is known of a pair that was brought to no end: in a wave that has begun it may stand midway."""
    return "its wave has begun; no end yet" if view.untold(member.pair) else "not begun"


def member_style(member: Member) -> str:
    """How a pair's outcome looks; "" where it has none yet."""
    if member.outcome is None:
        return ""
    return "good" if member.settled else "warn" if member.arrived else "bad"


def ended_line(member: Member, now: datetime) -> Line:
    """One pair that was brought to an end, for a log or a pipe."""
    assert member.outcome is not None  # noqa: S101 - it ended
    outcome = member.outcome
    run = f", run {outcome.run}" if outcome.run else ""
    when = Span(f"{utc(now)}  wave {member.wave}  ", "dim")
    how = Span("  done" if member.settled else f"  {meaning(outcome.exit_code)}", member_style(member))
    return (when, Span(member.pair, "bold"), how, Span(f": {shortened(outcome.message)}{run}"))


def _member_fact(member: Member) -> dict[str, object]:
    outcome = member.outcome
    code = dict.fromkeys(("exit_code", "exit_meaning")) if outcome is None else exit_fact(outcome.exit_code)
    return {
        **fields_fact(member, "pair", "wave", "arrived"),
        "run": (outcome and outcome.run) or None,
        **code,
        **known_fact(outcome, "message"),
        "stands": (outcome and outcome.phase) or None,
        **known_fact(outcome, "seconds"),
        **known_fact(None if outcome is None else member, "by", "ended_at"),
        "next": () if outcome is None else outcome.next_steps,
    }

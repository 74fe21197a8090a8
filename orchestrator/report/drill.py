"""What a drill showed, as `hamr drill run` ends with it: what was expected, where the time went, what was left out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from orchestrator.errors import ExitCode, HamrError
from orchestrator.model import next_step
from orchestrator.model.journal import Record
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.plain import JSON
from orchestrator.model.result import KILLED, DrillResult, Expectation, Leg, StepTime
from orchestrator.model.words import counted, expectations_held, span

from .describe import describe_event, event_of
from .documents import document, fields_fact, seconds
from .errors import exit_fact, exit_lines
from .layout import (
    MOST_STEPS,
    OF_MANY,
    Facts,
    Line,
    Page,
    Span,
    folded_line,
    head_lines,
    heading,
    labelled,
    line,
    listed_under,
    next_commands,
    padded,
    paragraph,
    shortened,
    table,
    within,
)


def drill_page(result: DrillResult, records: Iterable[Record] = (), journal: str = "") -> Page:
    """What a drill showed.

    `records` are the journal's, at least those that a missed expectation points to; `journal` is its file, where that
    has to be named.
    """
    verify = f"hamr audit verify --anchor {result.head}"
    verify += f" --journal {shlex.quote(journal)}" if journal else ""
    score, told = result.score, {record.seq: record for record in records}
    word, style = ("PASSED", "good") if score.passed else ("MISSED", "bad")
    less_strict = (f"{each.guard}: {each.why}" for each in score.less_strict)
    return (
        (Span(f"{word}.", style), Span(f" {expectations_held(score)}.")),
        line(),
        *_about(result),
        *_expectations(score.expectations, told),
        *_times(score.legs),
        *listed_under("Executed", score.executed, longest=600),
        *listed_under("Not executed", score.not_executed, longest=600),
        *listed_under("Less strict than live", less_strict, longest=600),
        *_still_open(result),
        *head_lines(result.head, verify),
        *next_commands((*result.next_steps, next_step.report(score.drill))),
    )


def _about(result: DrillResult) -> Page:
    score = result.score
    where = "two simulated regions" if score.simulated else "live"
    seed = "" if score.seed is None else f"{score.seed}: its faults are the same each time"
    return (
        *labelled("drill", f"{score.drill}, pair {shortened(score.pair, 60)}, {where}"),
        *labelled("playbook", shortened(score.playbook, 80)),
        *labelled("scenario", shortened(score.scenario, 80)),
        *labelled("seed", seed),
        *exit_lines(result.exit_code),
    )


def _expectations(expectations: Sequence[Expectation], told: Mapping[int, Record]) -> Page:
    page: list[Line] = [*heading("Expected")]
    # What was missed comes last: it is what is still on the screen when everything is printed.
    for each in sorted(expectations, key=lambda each: not each.held):
        word, style = ("held", "good") if each.held else ("MISSED", "bad")
        page += labelled(word, shortened(each.name, 600), style, width=8)
        if not each.held:
            page += paragraph(shortened(each.found, 600), "bold", indent=10)
            page += [part for seq in each.records for part in _record(seq, told.get(seq))]
    return tuple(page)


def _record(seq: int, record: Record | None) -> Page:
    margin = f"          {seq}  "
    if record is None:
        return ((Span(margin.rstrip(), "dim"),),)
    event = event_of(record)
    said = (Span(record.kind),) if event is None else describe_event(event)
    return folded_line((Span(f"{record.at[11:23]} ", "dim"), Span(f"{record.kind}: ", "dim"), *said), margin)


def _times(legs: Sequence[Leg]) -> Page:
    transitions: list[tuple[Span, ...]] = []
    for leg in legs:
        code = "killed" if leg.exit_code == KILLED else f"exit {leg.exit_code}"
        went = Span(f"to {leg.goal}, {code}", "" if leg.exit_code == 0 else "warn")
        of_steps = (Span(""),) * 4
        transitions.append((Span(shortened(leg.name, 60), "bold"), went, Span(span(leg.seconds)), *of_steps))
        transitions += map(_step, leg.steps)
    header = ("run, transition", "", "time", "API", "world", "people", "own")
    shown = table(header, transitions, (28, 26, 8, 8, 8, 8, 8), indent=2)
    return (*heading("Time"), *shown) if transitions else ()


def _step(step: StepTime) -> tuple[Span, ...]:
    times = (step.seconds, step.api, step.world, step.people, step.machine)
    return (
        Span(f"- {step.transition}"),
        Span(f"{step.source} → {step.target}", "status"),
        *(Span(span(each) if each else "-") for each in times),
    )


def _still_open(result: DrillResult) -> Page:
    if result.closed:
        return ()
    refused = f"every run of pair {shortened(result.score.pair, 60)} but an emergency's is refused."
    words = f"This drill is not closed: {shortened(result.why_open.rstrip('.'), 600)}. Until it is, {refused}"
    return (*heading("Still open"), *paragraph(words, "bad", indent=2))


def drill_json(result: DrillResult, journal: str) -> dict[str, JSON]:
    """The same as a document: hamr/drill/1. `journal` is the file that it stands in."""
    score = result.score
    fields = {
        **fields_fact(score, "drill", "pair", "playbook", "scenario", "seed", "simulated", "passed"),
        **exit_fact(result.exit_code),
        **fields_fact(result, "closed", "why_open"),
        **fields_fact(score, "legs", "expectations", "executed", "not_executed", "less_strict"),
        "next": (*result.next_steps, next_step.report(score.drill)),
        **fields_fact(result, "head"),
    }
    return document("hamr/drill/1", {**fields, "journal": journal})


def closed_facts(drill: str, pair: str, *, phase: str, words: str, notes: str, runs: Sequence[str]) -> Facts:
    """That a drill was closed, and how its pair stands: hamr/drill-close/1."""
    steps = (next_step.report(drill),)
    said = (Span("Drill ", "heading"), Span(drill, "bold"), Span(" is closed."), Span(f" {words}"))
    fields = {"drill": drill, "pair": pair, "phase": phase, "message": words, "notes": notes, "runs": runs}
    return (said, *next_commands(steps)), document("hamr/drill-close/1", {**fields, "next": steps})


# -- several scenarios, one after another ----------------------------------------------------------------------

Played = Mapping[str, DrillResult | HamrError]
"""What came of each scenario, or of each pair's drill, by name; an error of one that could not be played."""


def scenario_lines(name: str, played: DrillResult | HamrError) -> Page:
    """What came of one of several scenarios, in a line."""
    if isinstance(played, HamrError):
        said = Span(shortened(played.message, 200))
        return folded_line((Span("FAILED  ", "bad"), Span(padded(f"{name}  ", 22)), said), "")
    score = played.score
    word, style = ("PASSED", "good") if score.passed else ("MISSED", "bad")
    took = padded(span(sum(leg.seconds for leg in score.legs)), 8)
    held = padded(f"{sum(each.held for each in score.expectations)} of {len(score.expectations)} held", 14)
    words = f"{padded(f'{name}  ', 22)}{held}  {took}  {score.drill}"
    return ((Span(padded(word, 8), style), Span(words)),)


def worst(played: Played) -> ExitCode:
    """The exit code of all: an interruption's, else 11 where one missed, else that of one that could not be played."""
    codes = [each.exit_code for each in played.values() if each.exit_code is not ExitCode.DONE]
    stopped = [code for code in codes if code not in (ExitCode.DRILL_MISSED, ExitCode.USAGE)]
    missed = [code for code in codes if code is ExitCode.DRILL_MISSED]
    return next(iter([*stopped, *missed, *codes]), ExitCode.DONE)


def _passed(
    played: Played, noun: str, code: ExitCode, steps: Sequence[NextStep], left: Sequence[str] = ()
) -> Page:
    passed, of = sum(each.exit_code is ExitCode.DONE for each in played.values()), len(played) + len(left)
    not_done = f"Not {'played' if noun == 'scenario' else 'drilled'}: {shortened(', '.join(left))}."
    return (
        line(),
        line(f"{passed} of {counted(of, noun)} passed.", "good" if passed == of else "bad"),
        *paragraph(not_done if left else "", "warn"),
        *exit_lines(code),
        *next_commands(steps),
    )


def _not_played(played: Played, noun: str) -> list[dict[str, object]]:
    return [
        {noun: name, "message": each.message, **exit_fact(each.exit_code)}
        for name, each in played.items()
        if isinstance(each, HamrError)
    ]


def _to_look_at(played: Played) -> tuple[NextStep, ...]:
    return tuple(
        next_step.play(name) if isinstance(each, HamrError) else next_step.report(each.score.drill)
        for name, each in played.items()
        if each.exit_code is not ExitCode.DONE
    )


def drills_facts(played: Played, journal: str, left: Sequence[str] = ()) -> Facts:
    """What came of all of them, each of which has had its line: hamr/drills/1.

    `journal` is the file that they stand in, and `left` those that nobody came to, since somebody stopped it.
    """
    code, steps = worst(played), _to_look_at(played)
    fields = {
        "passed": code is ExitCode.DONE,
        **exit_fact(code),
        "drills": [drill_json(each, journal) for each in played.values() if isinstance(each, DrillResult)],
        "failed": _not_played(played, "scenario"),
        "not_played": left,
        "next": steps,
        "journal": journal,
    }
    return _passed(played, "scenario", code, steps, left), document("hamr/drills/1", fields)


def live_drills_facts(found: Played, left: Sequence[str], code: ExitCode) -> Facts:
    """What came of the live drills of many pairs, each of which has had its line: hamr/fleet-drill/1."""
    steps = _after_drills(found)
    fields = {
        "passed": code is ExitCode.DONE and not left,
        **exit_fact(code),
        "drills": [
            {
                **fields_fact(each.score, "drill", "pair", "passed"),
                **exit_fact(each.exit_code),
                "closed": each.closed,
                "seconds": seconds(sum(leg.seconds for leg in each.score.legs)),
            }
            for each in found.values()
            if isinstance(each, DrillResult)
        ],
        "failed": _not_played(found, "pair"),
        "not_drilled": left,
        "next": steps,
    }
    with within(OF_MANY):
        return _passed(found, "pair", code, steps, left), document("hamr/fleet-drill/1", fields)


def _after_drills(found: Played) -> tuple[NextStep, ...]:
    steps: list[NextStep] = []
    for each in found.values():
        if each.exit_code is not ExitCode.DONE:
            steps += each.next_steps[:1]
            steps += () if isinstance(each, HamrError) else (next_step.report(each.score.drill),)
    return each_once(steps[:MOST_STEPS])


def scenarios_facts(found: Mapping[str, str]) -> Facts:
    """A line for each scenario, its name, and what it shows: hamr/scenarios/1."""
    rows = [(Span(name, "bold"), Span(shortened(summary))) for name, summary in found.items()]
    listed = [{"name": name, "summary": summary} for name, summary in found.items()]
    steps = (next_step.play("SCENARIO"), next_step.play("all").so_that("play all of them"))
    page = (*table(("scenario", "what it shows"), rows, (24, 74)), *next_commands(steps))
    return page, document("hamr/scenarios/1", {"scenarios": listed})


# -- a scenario that was made of something else ----------------------------------------------------------------


def scenario_remarks(what: str, left_out: Sequence[str]) -> tuple[str, ...]:
    """What stands at the head of its file; `what` it was made of."""
    return (f"a scenario that hamr made of {what}", *(f"not in it: {shortened(each)}" for each in left_out))


def steps_to_play(file: str | None, playbook: str) -> tuple[NextStep, ...]:
    """How it is played, with the playbook that it names, or else one that whoever types it has to name."""
    if file is None:
        return ()
    named = next_step.play(file)
    return (named if playbook else named.with_options("--playbook", "PLAYBOOK"),)


def scenario_facts(
    what: str, text: str, file: str, left_out: Sequence[str], steps: Sequence[NextStep]
) -> Facts:
    """Where it is, and what is not in it: hamr/scenario-made/1."""
    fields = {"of": what, "scenario": text, "file": file, "left_out": left_out, "next": steps}
    written = (Span(f"A scenario of {what} is in "), Span(file, "bold"), Span("."))
    missing = (paragraph(f"Not in it: {shortened(words)}.", "warn") for words in left_out)
    page = (written, *chain.from_iterable(missing), *next_commands(steps))
    return page, document("hamr/scenario-made/1", fields)

"""What a proof found, for people and as JSON: that it holds, where it was cut short, or the shortest story that breaks a law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from orchestrator.errors import ExitCode
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON
from orchestrator.model.proof import (
    Counterexample,
    Event,
    Explored,
    Law,
    Moment,
    Proof,
    Route,
    RouteProof,
    What,
)
from orchestrator.model.words import capital, counted

from .documents import document, fields_fact
from .layout import Page, Span, line, next_commands, paragraph

STORY_LINES = 10
"""A story is told in about so many lines: what went well in its middle is counted, and not told."""

_CUT = 110
"""Letters of how a command ended that a story tells."""


def proof_code(proof: Proof) -> ExitCode:
    """0 it holds, 11 a law broke, 10 the budget ended before the end."""
    if proof.counterexamples:
        return ExitCode.LAW_BROKEN
    return ExitCode.DONE if proof.holds else ExitCode.NOT_PROVEN


def proof_page(proof: Proof, scenario: str | None = None) -> Page:
    """The result first; then the shortest story of each law and way, and what each route came to; `scenario` is a file that was written."""
    told: dict[tuple[Law, Route], Counterexample] = {}
    for found in proof.counterexamples:
        told.setdefault((found.broken.law, replace(found.route, mirrors=False)), found)
    more = len(proof.counterexamples) - len(told)
    return (
        *_verdict(proof),
        *(each for found in told.values() for each in (line(), *story_page(found))),
        *((line(), line(f"{more} more of the same law and way: --json has them.", "dim")) if more else ()),
        line(),
        *(line(f"  {route_line(each)}", "" if each.whole else "warn") for each in proof.routes),
        *next_commands(next_after(proof, scenario)),
    )


BAR = 8
"""Cells of the bar that shows how much of what is known was explored."""


def progress_line(routes: int, of: int, explored: Explored) -> tuple[Span, ...]:
    """How far a proof is: what is left grows while it goes on, for each thing that goes wrong opens more ways on."""
    known = explored.interleavings + explored.left
    full = BAR * explored.interleavings // known if known else 0
    bar = "█" * full + "░" * (BAR - full)
    words = f"{routes}/{of} routes, {_counts(explored)}, {explored.left:,} left, {explored.seconds:.0f} s"
    return Span(f"{bar} ", "dim"), Span(words)


def _verdict(proof: Proof) -> Page:
    explored = proof.explored
    counts = f"  {_counts(explored)} in {proof.seconds:.1f} s"
    upto = f"to {counted(proof.faults, 'fault')} on {counted(len(proof.routes), 'route')}"
    if proof.counterexamples:
        laws = ", ".join(dict.fromkeys(each.broken.law.value for each in proof.counterexamples))
        return ((Span("BROKEN. ", "bad"), Span(f"{proof.playbook}: {laws}")), line(counts, "dim"))
    if proof.holds:
        proven = Span(f"{upto}: {proof.playbook}, SHA-256 {proof.sha256[:12]}")
        return (Span("PROVEN ", "good"), proven), line(f"{counts}; nothing was left out", "dim")
    not_proven = Span(f"The budget ended before all of {proof.playbook} was explored {upto}")
    left = f"  left out: at least {explored.left:,} interleavings that were known by then"
    whole = line(f"{counts}; no law broke in that", "dim")
    return (Span("NOT PROVEN. ", "warn"), not_proven), whole, line(left, "warn")


def next_after(proof: Proof, scenario: str | None = None) -> tuple[NextStep, ...]:
    """What to type next."""
    asked = ("--faults", str(proof.faults))
    if proof.counterexamples:
        again = NextStep("prove", proof.file, asked, "prove it again, once it is mended")
        return (again,) if scenario is None else (next_step.play(scenario), again)
    if proof.holds:
        return ()
    longer = NextStep("prove", proof.file, (*asked, "--budget", "1h"), "give it more time")
    less = NextStep("prove", proof.file, _less(proof), "or prove less of it to its end")
    return (longer, less) if less.options else (longer,)


def _less(proof: Proof) -> tuple[str, ...]:
    """One fault; where that is all that was asked for, one goal, of several: that of the route that is nearest to its end."""
    if proof.faults > 1:
        return ("--faults", "1")
    if len({each.route.goal for each in proof.routes}) == 1:
        return ()
    nearest = min((each for each in proof.routes if not each.whole), key=lambda each: each.explored.left)
    return ("--faults", str(proof.faults), "--to", nearest.route.goal.name)


def route_words(route: Route) -> str:
    """A route, in words."""
    way = f"{route.start} → {route.goal}"
    how = "planned" if route.emergency is None else f"emergency, the {route.emergency} survives"
    return f"{way}, {how}, {'orgs that mirror' if route.mirrors else 'separate orgs'}"


def route_line(found: RouteProof) -> str:
    """A route, and what came of it."""
    words = f"{route_words(found.route)}: {_counts(found.explored)}"
    if found.counterexamples:
        return f"{words}, broken"
    return words if found.whole else f"{words}, {found.explored.left:,} left"


def _counts(explored: Explored) -> str:
    numbers = (("interleaving", explored.interleavings), ("state", explored.states))
    return ", ".join(f"{number:,} {noun}{'' if number == 1 else 's'}" for noun, number in numbers)


# -- a story -----------------------------------------------------------------------------------------------------


def story_page(found: Counterexample) -> Page:
    """The law that broke, and the story that breaks it."""
    told: list[Moment | int] = [*shortened(found.story)]
    return (
        (Span(f"{found.broken.law.value}: ", "bad"), Span(route_words(found.route))),
        *(
            line(f"     … and {counted(each, 'more step')}", "dim")
            if isinstance(each, int)
            else (
                Span(f"{each.at:8.1f} s  ", "dim"),
                Span(moment_words(each), "warn" if each.event is not None else ""),
            )
            for each in told
        ),
        *paragraph(f"{capital(found.broken.why)}.", "bad"),
    )


def shortened(story: Sequence[Moment]) -> Iterator[Moment | int]:
    """A story's beginning, its end, and all that went otherwise; how many steps were left out between."""
    first, last = STORY_LINES // 2 - 1, len(story) - STORY_LINES // 2
    left = 0
    for number, each in enumerate(story):
        if first <= number < last and each.event is None:
            left += 1
            continue
        if left:
            yield left
            left = 0
        yield each


_WORDS_OF_EVENTS: Mapping[tuple[What, Event | None], str] = {
    (What.READ, Event.DARK): "the {role}: {otherwise}",
    (What.READ, Event.DARK_LONG): "the {role}: {otherwise}",
    (What.WROTE, None): "the {role} is told {status}, and takes it",
    (What.HOOK, Event.HOOK_DIED): "{otherwise} ({subject})",
}


def moment_words(moment: Moment) -> str:
    """One line of a story."""
    subject, event = moment.subject, moment.event
    if moment.what is What.ENDED:
        words = " ".join(subject.split())
        subject = words if len(words) <= _CUT else f"{words[:_CUT]}…"
    said = _WORDS_OF_EVENTS.get((moment.what, event)) or moment.what.value
    otherwise = "" if event is None else event.value
    return said.format(subject=subject, role=moment.role, status=moment.status, otherwise=otherwise)


# -- JSON --------------------------------------------------------------------------------------------------------


def proof_json(proof: Proof, scenario: str | None = None) -> dict[str, JSON]:
    """The same as a document: the certificate, bound to the playbook's digest, the program's version and the bounds."""
    routes = [
        {**fields_fact(each.route, *_ROUTE), **fields_fact(each.explored, *_EXPLORED)}
        for each in proof.routes
    ]
    fields = {
        **fields_fact(proof, "playbook", "sha256", "version", "holds"),
        "whole": all(each.whole for each in proof.routes) and not proof.counterexamples,
        **fields_fact(proof, "faults", "commands", "seconds"),
        **fields_fact(proof.explored, *_EXPLORED),
        "routes": routes,
        "counterexamples": map(_counterexample, proof.counterexamples),
        "scenario": scenario,
        "next": next_after(proof, scenario),
    }
    return document("hamr/proof/1", fields)


_ROUTE = ("from=start", "to=goal", "emergency", "mirrors")
_EXPLORED = ("interleavings", "states", "left")


def _counterexample(found: Counterexample) -> dict[str, object]:
    return {
        **fields_fact(found, "law=broken.law", "why=broken.why"),
        "route": fields_fact(found.route, *_ROUTE),
        "faults": found.faults,
        "story": [{"at_seconds": round(each.at, 3), "what": moment_words(each)} for each in found.story],
        "scripts": found.scripts,
    }

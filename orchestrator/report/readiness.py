"""How ready pairs are and were, as `hamr readiness` shows it: a table, one pair in full, JSON; the page's drawings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby

from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.plain import JSON
from orchestrator.model.readiness import Level, is_ready
from orchestrator.model.readiness_history import Drilled, ReadinessHistory, Stands, Turned
from orchestrator.model.words import ago, counted, proof_words, span, utc

from .doctor import LEVEL_STYLES
from .documents import document, fields_fact, proof_fact, seconds
from .layout import (
    OF_MANY,
    Page,
    Span,
    labelled,
    line,
    listed_under,
    next_commands,
    paragraph,
    table,
    within,
)
from .status import unjournalled_lines

_HEADER = ("pair", "planned", "emergency", "for", "not ready", "drilled", "to ACTIVE")
_LIMITS = (60, 8, 9, 6, 9, 7, 14)


def readiness_page(found: Sequence[ReadinessHistory], *, unjournalled: str = "") -> Page:
    """One pair in full; of several a table, those that are not ready first, and what got worse.

    `unjournalled` is where no journal is, "" where there is one.
    """
    with within(OF_MANY):
        if len(found) == 1:
            return (
                *_in_full(found[0]),
                *unjournalled_lines(unjournalled),
                *next_commands(steps_of(found)),
            )
        ordered = sorted(found, key=lambda each: is_ready(each.level))
        ready = sum(is_ready(each.level) for each in found)
        worse = [f"{each.pair}: {words}" for each in ordered for words in worse_words(each)]
        return (
            line(f"{ready} of {counted(len(found), 'pair')} ready, {_window(found[0])}", "heading"),
            *unjournalled_lines(unjournalled),
            line(),
            *table(_HEADER, [_row(each) for each in ordered], _LIMITS, most=1),
            *_legend(found),
            *listed_under("Got worse", worse, longest=400),
            *next_commands(steps_of(found)),
        )


def _legend(found: Sequence[ReadinessHistory]) -> Page:
    """What the last column says, where any pair has something in it."""
    if all(each.took(0.5) is None for each in found):
        return ()
    limit = "" if found[0].objective is None else f"; {span(found[0].objective)} are allowed"
    words = f"To ACTIVE live: the median, and within what time 95 % got there{limit}."
    return (line(), *paragraph(words, "dim"))


def _window(history: ReadinessHistory) -> str:
    return f"{utc(history.at)}, looks of the last {span(history.at - history.since)}"


def _row(history: ReadinessHistory) -> tuple[Span, ...]:
    planned, emergency = history.planned, history.emergency
    worst = planned if planned.level is history.level else emergency
    drill = max((each.at for each in history.drills), default=None)
    return (
        Span(history.pair, "bold"),
        Span(planned.level.value, LEVEL_STYLES[planned.level]),
        Span(emergency.level.value, LEVEL_STYLES[emergency.level]),
        Span("-" if worst.since is None else _roughly(history.at - worst.since)),
        Span(_roughly(worst.not_ready) if worst.not_ready else "-", "bad" if worst.not_ready else ""),
        Span("never" if drill is None else _roughly(history.at - drill), "warn" if drill is None else ""),
        Span(_within(history), _took_words(history)[1]),
    )


def _within(history: ReadinessHistory) -> str:
    median, late = history.took(0.5), history.took(0.95)
    return "-" if median is None or late is None else f"{_roughly(median)}, {_roughly(late)}"


def _roughly(length: timedelta | float) -> str:
    """A span in its largest unit alone: 3 d, 20 h."""
    return " ".join(span(length).split(" ")[:2])


def _in_full(history: ReadinessHistory) -> Page:
    facts = (labelled(*fact, indent=0, width=16) for fact in facts_of(history))
    return (
        (Span("Pair ", "heading"), Span(history.pair, "bold"), Span(f", {_window(history)}")),
        line(),
        *chain.from_iterable(facts),
        *listed_under("Got worse", worse_words(history)),
    )


def facts_of(history: ReadinessHistory) -> Iterator[tuple[str, str, str]]:
    """What is said of one pair: a label, a text, and its style."""
    yield "planned run", stands_words(history, history.planned), LEVEL_STYLES[history.planned.level]
    yield "emergency", stands_words(history, history.emergency), LEVEL_STYLES[history.emergency.level]
    if history.last_look is None:
        yield "doctor", f"no look was kept in the last {span(history.at - history.since)}", "warn"
    else:
        last = ago(history.at - history.last_look)
        yield "doctor", f"{counted(history.looks, 'look')}, the last {last}", ""
    if history.not_well:
        yield "not well", ", ".join(f"{name} {level.name}" for name, level in history.not_well.items()), "bad"
    yield "drill", *_drill_words(history, history.last_drill(simulated=False), "live")
    yield "", *_drill_words(history, history.last_drill(simulated=True), "on the simulator")
    yield "there and back", *_way_words(history, history.last_way(simulated=False), "live")
    yield "", *_way_words(history, history.last_way(simulated=True), "on the simulator")
    yield "to ACTIVE", *_took_words(history)
    if history.took(0.5, simulated=True) is not None:
        yield "", f"on the simulator {_both(history, simulated=True)}", ""
    yield "proof", *_proof_words(history)


def stands_words(history: ReadinessHistory, stands: Stands) -> str:
    """Whether it is ready, since when, and how long it was not."""
    if stands.since is None:
        return "not known: nobody has looked"
    level = "ready" if is_ready(stands.level) else "not ready"
    level += "" if stands.level is Level.OK else f", {stands.level.name}"
    longer = " or longer" if stands.or_longer else ""
    lost = f"; not ready for {span(stands.not_ready)} in all" if stands.not_ready else ""
    if history.last_look is not None and stands.level is Level.UNKNOWN and not history.spells[-1].looked:
        level = "not known: the last look is too old"
    return f"{level}, for {span(history.at - stands.since)}{longer}{lost}"


def _drill_words(history: ReadinessHistory, drill: Drilled | None, where: str) -> tuple[str, str]:
    if drill is None:
        return f"never {where}", "warn" if where == "live" else ""
    scenario = f" ({drill.scenario})" if drill.scenario else ""
    held = "passed" if drill.passed else "an expectation was missed"
    return f"{where}{scenario} {ago(history.at - drill.at)}: {held}", "" if drill.passed else "bad"


def _way_words(history: ReadinessHistory, drill: Drilled | None, where: str) -> tuple[str, str]:
    if drill is None:
        return f"never proven {where}", "warn"
    changed = "; the playbook was changed since" if drill.changed else ""
    return f"{where} {ago(history.at - drill.at)} ({drill.drill}){changed}", "warn" if changed else ""


def _took_words(history: ReadinessHistory) -> tuple[str, str]:
    allowed = "no objective is set" if history.objective is None else f"{span(history.objective)} allowed"
    if history.took(0.5) is None:
        return f"no live run has got there; {allowed}", ""
    late = history.took(0.95)
    missed = history.objective is not None and late is not None and late > history.objective
    return f"{_both(history, simulated=False)}; {allowed}", "bad" if missed else ""


def _both(history: ReadinessHistory, *, simulated: bool) -> str:
    number = sum(each.simulated is simulated for each in history.arrivals)
    median, late = (history.took(share, simulated=simulated) or 0.0 for share in (0.5, 0.95))
    return f"median {span(median)}, 95 % within {span(late)}, of {counted(number, 'run')}"


def _proof_words(history: ReadinessHistory) -> tuple[str, str]:
    certificate = history.certificate
    if certificate is None:
        return f"{history.playbook} was not proven for this pair", ""
    now = history.playbook_sha256, history.version
    return proof_words(certificate, *now), "warn" if certificate.changed_since(*now) else ""


def worse_words(history: ReadinessHistory) -> tuple[str, ...]:
    """What got worse, each in a sentence."""
    worse = [_turned_words(history.at, [*alike]) for _, alike in groupby(history.turned, key=_alike)]
    if history.slower is not None:
        last, before = map(span, history.slower)
        worse.append(f"to ACTIVE took {last} the last time, and {before} before (median)")
    return tuple(worse)


def _alike(turned: Turned) -> tuple[Level, datetime, Level]:
    return turned.level, turned.since, turned.before


def _turned_words(at: datetime, turned: Sequence[Turned]) -> str:
    level, since, before = _alike(turned[0])
    checks = ", ".join(each.check for each in turned)
    return f"{level.name} since {utc(since)} ({ago(at - since)}), and {before.name} before: {checks}"


def steps_of(found: Iterable[ReadinessHistory]) -> tuple[NextStep, ...]:
    """What to type: a look where none is young, and at what is not well."""
    histories = [*found]
    wanting = [each.pair for each in histories if not is_ready(each.level)]
    if not wanting:
        return ()
    unseen = [each for each in histories if each.last_look is None or not each.spells[-1].looked]
    steps = [next_step.doctor(pair) for pair in wanting[:_NAMED]]
    if unseen and len(unseen) == len(wanting):
        if len(unseen) == len(histories) > _NAMED:  # of a pair at a time it would never end
            steps = [next_step.doctor("")]
        steps = [step.with_options("--record", why="look, and keep what is found") for step in steps]
    return each_once(steps)


_NAMED = 3


def readiness_json(found: Sequence[ReadinessHistory], journal: str) -> dict[str, JSON]:
    """The same as a document: hamr/readiness/1."""
    fields = {"journal": journal, "next": steps_of(found), "pairs": map(_fact, found)}
    return document("hamr/readiness/1", fields)


_REGIONS = {"live": False, "simulated": True}
"""Whether they are simulated, by the key under which documents say so."""


def _fact(history: ReadinessHistory) -> dict[str, object]:
    return {
        **fields_fact(history, "pair", "playbook", "at", "since", "level"),
        "planned": _stands_fact(history.planned),
        "emergency": _stands_fact(history.emergency),
        **fields_fact(history, "looks", "last_look", "not_well"),
        "got_worse": [fields_fact(each, "check", "level", "before", "since") for each in history.turned],
        "last_drill": {name: history.last_drill(simulated=each) for name, each in _REGIONS.items()},
        "there_and_back": {name: history.last_way(simulated=each) for name, each in _REGIONS.items()},
        "to_active": {
            "objective_seconds": seconds(history.objective),
            **{
                name: {
                    "runs": sum(each.simulated is simulated for each in history.arrivals),
                    "median_seconds": seconds(history.took(0.5, simulated=simulated)),
                    "p95_seconds": seconds(history.took(0.95, simulated=simulated)),
                }
                for name, simulated in _REGIONS.items()
            },
            "slower": history.slower is not None,
        },
        "proof": proof_fact(history.certificate, history.playbook_sha256, history.version),
        "spells": [
            {
                **fields_fact(each, "since", "until"),
                "planned": each.levels[0],
                "emergency": each.levels[1],
                "looked": each.looked,
            }
            for each in history.spells
        ],
    }


def _stands_fact(stands: Stands) -> dict[str, object]:
    return {
        "level": stands.level,
        "ready": is_ready(stands.level),
        **fields_fact(stands, "since", "or_longer", "not_ready_seconds=not_ready"),
    }

"""How ready pairs are, as `hamr doctor` shows it: for a person, for Nagios, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, zip_longest

from orchestrator.errors import HamrError
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.plain import JSON
from orchestrator.model.readiness import Check, Group, Level, NagiosCode, Readiness, worst, worst_first
from orchestrator.model.words import counted, utc

from .documents import document, fields_fact, seconds
from .errors import error_json, told
from .layout import (
    GAP,
    MOST_STEPS,
    OF_MANY,
    Line,
    Page,
    Span,
    fold,
    labelled,
    line,
    next_commands,
    padded,
    page_width,
    paragraph,
    shortened,
    table,
    within,
)

MEANINGS = {
    NagiosCode.OK: "OK: ready, for a planned run and for an emergency",
    NagiosCode.WARNING: "WARNING: ready, and something should be looked at",
    NagiosCode.CRITICAL: "CRITICAL: a planned run or an emergency would be refused, or fail",
    NagiosCode.UNKNOWN: "UNKNOWN: something could not be told",
}
"""What the exit codes of `hamr doctor` say; they are Nagios', and not those of the other commands."""

LEVEL_STYLES = {Level.OK: "good", Level.WARNING: "warn", Level.UNKNOWN: "warn", Level.CRITICAL: "bad"}

_COULD_NOT_LOOK = "UNKNOWN: doctor could not look"

_NAMED = 3
"""How many checks the first line names."""
_GROUP = 24
_NARROW_GROUP = 18
"""So narrow is the column of names where texts stand under it: with both verdicts that is a page of 40 columns."""
_LEVEL = 9
_INDENT = 6

_Verdicts = tuple[Level | None, Level | None]
"""For a planned run, and for an emergency."""


def doctor_code(found: Sequence[Readiness]) -> NagiosCode:
    """The exit code: the worst verdict of either column of any pair."""
    return NagiosCode[_worst(found).name]


def _worst(found: Sequence[Readiness]) -> Level:
    return worst(readiness.level for readiness in found) or Level.UNKNOWN


def first_line(found: Sequence[Readiness]) -> str:
    """Everything in one line, as Nagios shows it, the worst first, since a line is cut: HAMR OK - payments is ready."""
    alike: dict[str, list[str]] = {}
    for readiness in _worst_first(found):
        alike.setdefault(_in_short(readiness), []).append(shortened(readiness.pair, 60))
    told = "; ".join(f"{', '.join(pairs)}{short}" for short, pairs in alike.items() if short != _READY)
    ready = alike.get(_READY, ())
    if ready:
        names = ", ".join(ready) if len(ready) <= _READY_NAMED else counted(len(ready), "pair")
        told += f"{'; ' if told else ''}{names} {'is' if len(ready) == 1 else 'are'}{_READY}"
    return f"HAMR {_worst(found).name} - {told}"


_READY = " ready for a planned run and for an emergency"

_READY_NAMED = 8
"""So many pairs that are ready are named at most: nobody has to do anything about them."""


def _worst_first(found: Sequence[Readiness]) -> list[Readiness]:
    return sorted(found, key=lambda each: each.level, reverse=True)


def nagios_line(found: Sequence[Readiness]) -> str:
    """The first line with round-trip times behind a |, as Monitoring Plugins give performance data: label=seconds."""
    trips = ((each.pair, role, took) for each in found for role, took in each.round_trips.items())
    times = [f"'{pair} {role}'={took:.3f}s" for pair, role, took in trips if took is not None]
    text = first_line(found).replace("|", "/")  # a | begins performance data
    return f"{text} | {' '.join(times)}" if times else text


def _in_short(readiness: Readiness) -> str:
    """Behind the pairs' names: that they are ready, or after a colon what is wrong with them."""
    planned, emergency = readiness.planned.name, readiness.emergency.name
    said = f": planned run {planned}, emergency {emergency} ({_wrong(readiness)})"
    return _READY if readiness.level is Level.OK else said


def _named(check: Check) -> str:
    name = shortened(check.name, 60)
    return name if check.role is None else f"{check.role} {name}"


def _alike(checks: Iterable[Check]) -> list[list[Check]]:
    """Those that say the very same together: a problem that several checks found is one."""
    found: dict[tuple[str, _Verdicts], list[Check]] = {}
    for check in checks:
        verdicts = (None, None) if check.group is Group.KEYS else (check.planned, check.emergency)
        found.setdefault((check.sentence, verdicts), []).append(check)
    return list(found.values())


def _all_named(checks: Sequence[Check]) -> str:
    if len(checks) > 1 and checks[0].group is Group.KEYS:
        return counted(len(checks), "key")
    return ", ".join(_named(check) for check in checks)


def doctor_page(found: Sequence[Readiness], *, everything: bool) -> Page:
    """One table for each pair: a column for a planned run, one for an emergency; what is wrong in full.

    With `everything`, what is well is said in full, too.
    """
    style = LEVEL_STYLES[_worst(found)]
    with within(OF_MANY):
        pairs = (_pair(readiness, everything=everything) for readiness in found)
        return (*paragraph(first_line(found), style), *chain.from_iterable(pairs))


def doctors_page(found: Sequence[Readiness], first: Sequence[NextStep] = ()) -> Page:
    """Many pairs in one table, a line each: what is worst first, with what is wrong by name; and what to type next.

    What goes `first` goes on with the pairs together, in the place of each one's own resume.
    """
    ordered = _worst_first(found)
    rows = [
        (
            Span(each.pair, "bold"),
            *map(_verdict_word, (each.planned, each.emergency)),
            Span(_wrong(each) or "-"),
        )
        for each in ordered
    ]
    counts = Counter(each.level for each in found)
    not_well = (each for each in ordered[:MOST_STEPS] if each.level is not Level.OK)
    steps = [step for each in not_well for step in each.next_steps[:1]]
    said = ", ".join(f"{counts[level]} {level.name}" for level in reversed(Level) if counts[level])
    level = _worst(found)
    with within(OF_MANY):
        return (
            line(f"HAMR {level.name} - {counted(len(found), 'pair')}: {said}", LEVEL_STYLES[level]),
            line(),
            *table(("pair", "planned", "emergency", "what is wrong"), rows, (32, 9, 9, 60), most=2),
            *next_commands(each_once(_together(first, steps))),
        )


def _together(first: Sequence[NextStep], steps: Iterable[NextStep]) -> Iterator[NextStep]:
    """The steps behind what goes on with many pairs at once, where there is that: it is each one's resume."""
    yield from first
    yield from (step for step in steps if not first or step.verb != "resume")


def _verdict_word(level: Level) -> Span:
    """In capitals where somebody has to act: a page without colours has to be skimmed, too."""
    return Span(level.value if level is Level.OK else level.name, LEVEL_STYLES[level])


def _wrong(readiness: Readiness) -> str:
    """What is wrong with a pair, by the names of its checks; "" where nothing is."""
    troubles = _alike(each for each in worst_first(readiness.checks) if not each.fine and not each.follows)
    more = [f"{len(troubles) - _NAMED} more"] if len(troubles) > _NAMED else []
    return ", ".join([*map(_all_named, troubles[:_NAMED]), *more])


def _pair(readiness: Readiness, *, everything: bool) -> Iterator[Line]:
    name = Span(shortened(readiness.pair, 60), "bold")
    looked = Span(f", {utc(readiness.at)}, in {readiness.seconds:.1f} s")
    yield from (line(), (Span("Pair ", "heading"), name, looked), line())
    yield (Span(padded("", _names())), _cell("PLANNED", "heading"), _cell("EMERGENCY", "heading"))
    for group, checks in groupby(readiness.checks, key=lambda check: check.group):
        yield from _group(group, tuple(checks), everything=everything)
    yield from next_commands(readiness.next_steps)


def _group(group: Group, checks: Sequence[Check], *, everything: bool) -> Iterator[Line]:
    briefs = ", ".join(check.brief for check in checks if check.brief and check.fine)
    fine = sum(check.fine for check in checks)
    told = f"{fine} of {len(checks)} fine" if fine < len(checks) else f"all {len(checks)} fine"
    text = f"{told}: {briefs}" if briefs else told
    yield from _row(group.value, checks, text, "heading")
    shown = worst_first(check for check in checks if everything or not check.fine)
    following = 0 if everything else sum(check.follows for check in shown)
    for found in _alike(check for check in shown if everything or not check.follows):
        yield from _row(f"  {_all_named(found)}", found)
        yield from _text(found[0].sentence)
    if following:
        yield from _text(f"{following} not known, for want of a key.", "dim")


def _text(text: str, style: str = "") -> Page:
    return paragraph(shortened(text, 1200), style, indent=_INDENT)


def _names() -> int:
    return _NARROW_GROUP if page_width() < OF_MANY else _GROUP


def _row(name: str, checks: Sequence[Check], text: str = "", style: str = "") -> Page:
    """A name and both of its checks' worst verdicts, with a folded text beside them, on a narrow page under them; a long name is folded, too."""
    verdicts = worst(check.planned for check in checks), worst(check.emergency for check in checks)
    indent, group, narrow = len(name) - len(name.lstrip()), _names(), page_width() < OF_MANY
    names = [" " * indent + part for part in fold(name.strip(), group - indent - GAP)]
    texts = () if narrow else fold(text, page_width() - group - 2 * (_LEVEL + GAP))
    lines: list[Line] = []
    for name_part, text_part in zip_longest(names, texts, fillvalue=""):
        cells = [_cell("") if lines else _verdict(level) for level in verdicts]
        lines.append((Span(padded(name_part, group), style), *cells, Span(text_part)))
    return (*lines, *(_text(text) if narrow else ()))


def _verdict(level: Level | None) -> Span:
    word = Span("-", "dim") if level is None else _verdict_word(level)
    return _cell(word.text, word.style)


def _cell(text: str, style: str = "") -> Span:
    return Span(padded(text, _LEVEL + GAP), style)


def doctor_json(found: Sequence[Readiness], first: Sequence[NextStep] = ()) -> dict[str, JSON]:
    """The same as a document: hamr/doctor/1; what goes `first` is as for `doctors_page`."""
    code, steps = doctor_code(found), (step for readiness in found for step in readiness.next_steps)
    fields = {
        "level": _worst(found),
        "exit_code": code,
        "exit_meaning": MEANINGS[code],
        "summary": first_line(found),
        "next": each_once(_together(first, steps)),
        "pairs": map(_pair_fact, found),
    }
    return document("hamr/doctor/1", fields)


def _pair_fact(readiness: Readiness) -> dict[str, object]:
    return {
        **fields_fact(readiness, "pair", "at", "seconds", "playbook", "planned", "emergency"),
        "round_trip_seconds": {role: seconds(took) for role, took in readiness.round_trips.items()},
        "checks": [
            {
                "group": check.group.name.lower(),
                "check": check.name,
                **fields_fact(check, "role", "planned", "emergency", "sentence", "follows"),
                "next": check.next_steps,
            }
            for check in readiness.checks
        ],
    }


def could_not_look(error: HamrError) -> tuple[str, Page, dict[str, JSON]]:
    """Where doctor could not even begin: the first line, why in full, and the same as hamr/error/1 with doctor's own exit code."""
    code = int(NagiosCode.UNKNOWN)
    page = told(error, labelled("exit code", f"{code}: {_COULD_NOT_LOOK}", "dim"))
    document = {**error_json(error), "exit_code": code, "exit_meaning": _COULD_NOT_LOOK}
    return f"HAMR UNKNOWN - {' '.join(error.message.split())}", page, document

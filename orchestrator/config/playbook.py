"""The playbook: YAML → Playbook, checked as a whole, and the playbooks that ship with hamr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.guard import ALWAYS_ON
from orchestrator.model.playbook import Confirm, Playbook, Timeouts, When
from orchestrator.model.status import Status
from orchestrator.model.words import listed

from .compose import compose
from .document import MOST_FINDINGS, Document, Finding, Steps, items, mapping_in, parts, repeated
from .fields import MONITOR_STATES, choice_of
from .messages import found, meant, one_of, shown, written
from .playbook_form import PROBE_KINDS, WEEKDAYS, PlaybookForm
from .source import named_file, read_text, shipped_files
from .table_checks import is_whole, stops_of, table_findings
from .validate import read_as


def load_playbook(name_or_path: str) -> Playbook:
    """Read a playbook from a file, or by a bare name; see `find_playbook`. A DocumentError has all its problems at once."""
    path = find_playbook(name_or_path)
    return replace(parse_playbook(read_text(path), str(path)), path=str(path))


def find_playbook(name_or_path: str) -> Path:
    """The file that a path means, or a bare name; a UsageError where there is no playbook of that name.

    That is NAME.yaml in this folder, else the one of that name that ships with hamr: a copy that was edited goes before it.
    """
    places, shipped = (f"{name_or_path}.yaml", name_or_path), shipped_playbooks()
    return named_file(
        "playbook", name_or_path, places, shipped, where="this folder", instead=next_step.init()
    )


def shipped_playbooks() -> Mapping[str, Path]:
    """The playbooks that come with hamr, by name: from the installed package, else from the checkout."""
    return shipped_files("*.yaml")


def parse_playbook(text: str, file: str) -> Playbook:
    """Read a playbook from its text, which is kept whole in it; a DocumentError where it is none, with all its problems at once."""
    return read_playbook(compose(text, file), text)


def read_playbook(document: Document, text: str) -> Playbook:
    """Read a playbook from a composed document and the text that it was composed from; see `parse_playbook`."""
    checks = (table_findings, _guards, _probes, _hooks, _settings)
    playbook: Playbook = read_as(PlaybookForm, document, *checks)
    return replace(playbook, text=text)


# -- what has to fit together beside its table: names, guards, probes, hooks, and settings -------------------

COMPARISONS = ("above", "below", "equals", "one_of")

Use = tuple[Steps, str]
"""A name that is used, with its place."""


def _unknown_names(uses: Iterable[Use], known: Sequence[str], what: str) -> tuple[list[Finding], set[str]]:
    """Names that nothing has, among the uses of guards or probes; and those that they probably mean, which are not told again as unused."""
    names = frozenset(known)
    findings, probable = [], set[str]()
    for steps, name in islice((use for use in uses if use[1] not in names), MOST_FINDINGS + 1):
        near = meant(name, known)
        probable.update(near)
        guess = "".join(f'; did you mean "{other}"?' for other in near)
        findings.append(Finding(steps, f"{shown(name)} is no {what} of this playbook{guess}"))
    return findings, probable


# -- guards --------------------------------------------------------------------------------------------------


def _guards(_: Document, playbook: dict[str, Any]) -> Iterator[Finding]:
    named = [use for steps, _ in parts(playbook, "transitions") for use in items(playbook, *steps, "guards")]
    refers: dict[str, list[Use]] = {}
    for steps, guard in parts(playbook, "guards"):
        name = str(steps[-1])
        refers[name] = _parts_of(steps, guard)
        if name in ALWAYS_ON:
            words = f'"{name}" is taken: {listed(ALWAYS_ON)} are always on, and cannot be defined anew'
            yield Finding(steps, words, at_key=True)
    uses = chain(named, *refers.values())
    unknown, probable = _unknown_names(uses, [*mapping_in(playbook.get("guards")), *ALWAYS_ON], "guard")
    yield from unknown
    yield from _circles(refers)
    yield from _unused_guards(refers, [*(name for _, name in named), *probable])
    parts_of_others = {name for others in refers.values() for _, name in others} - {name for _, name in named}
    for steps, guard in parts(playbook, "guards"):
        if steps[-1] in parts_of_others:
            yield from _idle_waiting(steps, guard)


def _parts_of(steps: Steps, guard: dict[str, Any]) -> list[Use]:
    uses = [((*steps, *place), name) for key in ("all", "any") for place, name in items(guard, key)]
    return uses if guard.get("not") is None else [*uses, ((*steps, "not"), guard["not"])]


def _circles(refers: dict[str, list[Use]]) -> Iterator[Finding]:
    """A guard that asks itself, directly or through others: told once for each circle, where it closes."""
    done: set[str] = set()
    for start, first in refers.items():
        if start in done:
            continue
        path, on_path = [start], {start}
        asking = [iter(first)]
        while path:
            use = next(asking[-1], None)
            if use is None:
                on_path.discard(path[-1])
                done.add(path.pop())
                asking.pop()
                continue
            steps, name = use
            if name in on_path:
                circle = " → ".join([*path[path.index(name) :], name])
                yield Finding(steps, f"these guards ask each other in a circle: {circle}")
            elif name in refers and name not in done:
                path.append(name)
                on_path.add(name)
                asking.append(iter(refers[name]))


def _unused_guards(refers: dict[str, list[Use]], left: list[str]) -> Iterator[Finding]:
    used: set[str] = set()
    while left:
        name = left.pop()
        if name in refers and name not in used:
            used.add(name)
            left.extend(other for _, other in refers[name])
    for name in refers:
        if name not in used and name not in ALWAYS_ON:
            yield Finding(
                ("guards", name),
                f'the guard "{name}" is used by no transition: name it in the guards of a transition, or take it out',
                at_key=True,
            )


def _idle_waiting(steps: Steps, guard: dict[str, Any]) -> Iterator[Finding]:
    """A guard that is only a part of others says how patient a run is with it, where no run ever is."""
    for key in ("within", "unknown"):
        if key in guard:
            yield Finding(
                (*steps, key),
                f'"{key}" has no effect here: no transition names the guard "{steps[-1]}", which is only a part of others; '
                "write it on the guard that a transition names",
                at_key=True,
            )


# -- probes --------------------------------------------------------------------------------------------------


def _probes(document: Document, playbook: dict[str, Any]) -> Iterator[Finding]:
    uses: list[Use] = []
    for steps, guard in parts(playbook, "guards"):
        use = _probe_of(document, (*steps, "probe"), guard)
        uses += [] if use is None else [use]
    probes = dict(parts(playbook, "probes"))
    unknown, probable = _unknown_names(uses, [*mapping_in(playbook.get("probes"))], "probe")
    yield from unknown
    used = probable | {name for _, name in uses}
    for steps, probe in probes.items():
        if steps[-1] not in used:
            yield Finding(
                steps,
                f'the probe "{steps[-1]}" is used by no guard: compare it in a guard (probe: {{name: {steps[-1]}}}), '
                "or take it out",
                at_key=True,
            )
        if [*probe.keys() & PROBE_KINDS] == ["http"]:
            yield from _one_address((*steps, "http"), mapping_in(probe["http"]))
    for place, name in uses:
        steps = place[:3]  # without its name
        compared = mapping_in(playbook["guards"][steps[1]].get("probe"))
        yield from _bounds(steps, compared)
        kinds = [key for key in probes.get(("probes", name), {}) if key in PROBE_KINDS]
        if len(kinds) == 1:
            yield from _comparable(steps, compared, name, kinds[0], probes["probes", name][kinds[0]])


def _probe_of(document: Document, steps: Steps, guard: dict[str, Any]) -> Use | None:
    name = mapping_in(guard.get("probe")).get("name")
    if name is not None:
        return (*steps, "name"), name
    told = document.value(steps)
    return (steps, told) if isinstance(told, str) else None  # no mapping, but its author meant this probe


def _one_address(steps: Steps, asked: dict[str, Any]) -> Iterator[Finding]:
    """A web page is named by its address, or by its name in the inventory."""
    if "url" in asked and "page" in asked:
        yield Finding(steps, "url and page stand together: give one of them", at_key=True)
    elif "url" not in asked and "page" not in asked:
        words = "no page is named: give its url, or the name of one of the pair's pages in pairs.yaml (page)"
        yield Finding(steps, words, at_key=True)


def _bounds(steps: Steps, compared: dict[str, Any]) -> Iterator[Finding]:
    """Comparisons that can't hold at once, and values that stand twice."""
    above, below = compared.get("above"), compared.get("below")
    if above is not None and below is not None and above >= below:
        yield Finding(
            (*steps, "below"),
            f"nothing is above {above:g} and below {below:g} at once: above has to be the lesser",
        )
    others = [key for key in COMPARISONS if key in compared and key != "equals"]
    if "equals" in compared and others:
        yield Finding(
            (*steps, "equals"),
            f"equals and {listed(others)} stand together: equals alone is enough",
            at_key=True,
        )
    # 1 is not true.
    values = ((place, (isinstance(value, bool), value)) for place, value in items(compared, "one_of"))
    for place, (_, value) in repeated(values):
        yield Finding((*steps, *place), f"{found(value)} stands twice here")


def _comparable(
    steps: Steps, compared: dict[str, Any], probe: str, kind: str, asked: object
) -> Iterator[Finding]:
    """Each comparison is one that an answer of this kind can stand, and a number or word is compared at all."""
    given = [key for key in COMPARISONS if key in compared]
    match kind:
        case "metric" | "monitor" if not given:
            what = "number" if kind == "metric" else "state"
            yield Finding(
                steps,
                f'"{probe}" is a {kind}, and its {what} is neither good nor bad by itself: '
                f"compare it ({one_of(COMPARISONS if what == 'number' else COMPARISONS[2:])})",
                at_key=True,
            )
        case "monitor":
            yield from _states(steps, compared, probe)
        case "metric" | "command":
            for place, value in _wanted(compared):
                if isinstance(value, str | bool):
                    yield Finding(
                        (*steps, *place),
                        f'"{probe}" is a {kind}, and its value is a number: it is never {found(value)}',
                    )
        case "http" if given and "pointer" not in mapping_in(asked):
            yield Finding(
                (*steps, given[0]),
                f'"{probe}" has no value to compare: give the probe a pointer to one, '
                "or compare nothing, so that the status of the answer counts",
                at_key=True,
            )


def _states(steps: Steps, compared: dict[str, Any], probe: str) -> Iterator[Finding]:
    for key in ("above", "below"):
        if key in compared:
            yield Finding(
                (*steps, key),
                f'"{probe}" is a monitor, and its value is a word, which is {key} no number: '
                f"compare it with equals or one_of ({one_of(MONITOR_STATES)})",
                at_key=True,
            )
    for place, value in _wanted(compared):
        try:
            choice_of(value, MONITOR_STATES, "a state of a monitor")
        except ValueError as error:
            yield Finding((*steps, *place), str(error))


def _wanted(compared: dict[str, Any]) -> list[tuple[Steps, Any]]:
    """The values of equals and one_of, each with its place."""
    equals = compared.get("equals")
    return [*([] if equals is None else [(("equals",), equals)]), *items(compared, "one_of")]


# -- hooks ---------------------------------------------------------------------------------------------------


def _hooks(_: Document, playbook: dict[str, Any]) -> Iterator[Finding]:
    for steps, transition in parts(playbook, "transitions"):
        first: dict[str, str] = {}
        for when in When:
            for place, hook in parts(transition, when.value):
                name = hook.get("name")
                if name is None:
                    continue
                if (other := first.get(name)) is not None:
                    both = f"both {other}" if other == when.value else f"one {other} and one {when.value} it"
                    yield Finding(
                        (*steps, *place, "name"),
                        f'two hooks of this transition are named "{name}" ({both}): give each a name of its own',
                    )
                first.setdefault(name, when.value)


# -- settings ------------------------------------------------------------------------------------------------


def _settings(_: Document, playbook: dict[str, Any]) -> Iterator[Finding]:
    yield from _confirm(mapping_in(playbook.get("confirm")))
    yield from _timeouts(mapping_in(playbook.get("timeouts")))
    if is_whole(playbook):
        yield from _objectives(mapping_in(playbook.get("objectives")), stops_of(playbook))
    for steps, guard in parts(playbook, "guards"):
        yield from _window((*steps, "window"), mapping_in(guard.get("window")))


def _confirm(confirm: dict[str, Any]) -> Iterator[Finding]:
    within, every = confirm.get("within", Confirm().within), confirm.get("every", Confirm().every)
    if within is not None and every is not None and every > within:
        field = "every" if "every" in confirm else "within"
        default = " (1s where it is left out)" if field == "within" else ""
        yield Finding(
            ("confirm", field),
            f"looking every {written(every)}{default} cannot confirm a write within {written(within)}",
        )


def _timeouts(timeouts: dict[str, Any]) -> Iterator[Finding]:
    total = timeouts.get("total", Timeouts().total)
    default = "" if "total" in timeouts else ", which is what it is when left out: set total too"
    for field, usual in (("connect", Timeouts().connect), ("read", Timeouts().read)):
        span = timeouts.get(field, usual)
        if span is not None and total is not None and span > total:
            yield Finding(
                ("timeouts", field if field in timeouts else "total"),
                f"{field} ({written(span)}) is longer than the total of {written(total)}{default}",
            )


def _objectives(objectives: dict[str, Any], stops: list[Status]) -> Iterator[Finding]:
    for name in objectives:
        status = Status.__members__.get(name)
        if status is not None and status > 0 and status not in stops:
            names = listed([str(stop) for stop in dict.fromkeys(stops)])
            yield Finding(
                ("objectives", name),
                f"{name} is no stop, so no run has it as its goal (stops: {names})",
                at_key=True,
            )


def _window(steps: Steps, window: dict[str, Any]) -> Iterator[Finding]:
    opens, closes = window.get("from", "00:00"), window.get("until", "24:00")
    if opens is not None and opens == closes:
        yield Finding(
            (*steps, "until"), f"the window opens and closes at {opens}: leave both out for the whole day"
        )
    for place, day in repeated(items(window, "days")):
        yield Finding((*steps, *place), f"{WEEKDAYS[day]} stands twice among the days")
    for place, freeze in parts(window, "freezes"):
        first, last = freeze.get("from"), freeze.get("until")
        if first is not None and last is not None and last < first:
            yield Finding((*steps, *place, "until"), f"this freeze ends ({last}) before it begins ({first})")

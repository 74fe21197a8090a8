"""What must fit together among a playbook's probes and the guards that compare them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

from orchestrator.model.plain import JSON

from .fields import choice_of
from .nodes import MOST_FINDINGS, Finding, Steps, list_in, mapping_in
from .sketch import ProbeSketch, TableSketch, one_kind, unknown_names
from .wording import found, listed, meant, one_of

STATES = ("Alert", "Ignored", "No Data", "OK", "Skipped", "Unknown", "Warn")
"""What `overall_state` of a monitor can be [doc]."""

COMPARISONS = ("above", "below", "equals", "one_of")


def probe_findings(data: dict[str, JSON], table: TableSketch) -> Iterator[Finding]:
    """Everything about the probes, and about comparing them, that does not fit together."""
    for probe in table.probes:
        yield from one_kind(probe)
    uses = (guard.probe for guard in table.guards if guard.probe is not None)
    unknown, probable = unknown_names(uses, [probe.name for probe in table.probes], "probe")
    yield from unknown
    yield from _unused(table, probable)
    yield from _one_address(data, table)
    probes = {probe.name: probe for probe in table.probes}
    for guard in table.guards:
        if guard.probe is None:
            continue
        steps: Steps = (*guard.steps, "probe")
        compared = mapping_in(mapping_in(mapping_in(data.get("guards")).get(guard.name)).get("probe"))
        yield from _bounds(steps, compared)
        probed = probes.get(guard.probe[1])
        if probed is not None and len(probed.kinds) == 1:
            asked = mapping_in(
                mapping_in(mapping_in(data.get("probes")).get(probed.name)).get(probed.kinds[0])
            )
            yield from _comparable(steps, compared, probed, asked)


def _one_address(data: dict[str, JSON], table: TableSketch) -> Iterator[Finding]:
    """A web page is named by its address, or by its name in the inventory."""
    for probe in table.probes:
        if probe.kinds != ("http",):
            continue
        asked = mapping_in(mapping_in(mapping_in(data.get("probes")).get(probe.name)).get("http"))
        if "url" in asked and "page" in asked:
            words = "url and page stand together: give one of them"
        elif (
            "url" not in asked
            and "page" not in asked
            and not meant("url", asked)
            and not meant("page", asked)
        ):
            words = (
                "no page is named: give its url, or the name of one of the pair's pages in pairs.yaml (page)"
            )
        else:
            continue
        yield Finding((*probe.steps, "http"), words, at_key=True)


def _unused(table: TableSketch, probable: set[str]) -> Iterator[Finding]:
    used = probable | {guard.probe[1] for guard in table.guards if guard.probe is not None}
    for probe in table.probes:
        if probe.name not in used:
            yield Finding(
                probe.steps,
                f'the probe "{probe.name}" is used by no guard: compare it in a guard (probe: {{name: {probe.name}}}), '
                "or take it out",
                at_key=True,
            )


def _bounds(steps: Steps, compared: dict[str, JSON]) -> Iterator[Finding]:
    """Comparisons that can't hold at once, and values that stand twice."""
    above, below = _number(compared.get("above")), _number(compared.get("below"))
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
    seen: list[JSON] = []
    for index, value in enumerate(islice(list_in(compared.get("one_of")), MOST_FINDINGS)):
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in seen):
            yield Finding((*steps, "one_of", index), f"{found(value)} stands twice here")
        seen.append(value)


def _comparable(
    steps: Steps, compared: dict[str, JSON], probe: ProbeSketch, asked: dict[str, JSON]
) -> Iterator[Finding]:
    """Each comparison is one that an answer of this kind can stand, and a number or word is compared at all."""
    given = [key for key in COMPARISONS if key in compared]
    match probe.kinds[0]:
        case "metric" | "monitor" if not given:
            what = "number" if probe.kinds[0] == "metric" else "state"
            yield Finding(
                steps,
                f'"{probe.name}" is a {probe.kinds[0]}, and its {what} is neither good nor bad by itself: '
                f"compare it ({one_of(COMPARISONS if what == 'number' else COMPARISONS[2:])})",
                at_key=True,
            )
        case "monitor":
            yield from _states(steps, compared, probe)
        case "metric" | "command":
            yield from _numbers(steps, compared, probe)
        case "http" if given and "pointer" not in asked and not meant("pointer", asked):
            yield Finding(
                (*steps, given[0]),
                f'"{probe.name}" has no value to compare: give the probe a pointer to one, '
                "or compare nothing, so that the status of the answer counts",
                at_key=True,
            )


def _states(steps: Steps, compared: dict[str, JSON], probe: ProbeSketch) -> Iterator[Finding]:
    for key in ("above", "below"):
        if key in compared:
            yield Finding(
                (*steps, key),
                f'"{probe.name}" is a monitor, and its value is a word, which is {key} no number: '
                f"compare it with equals or one_of ({one_of(STATES)})",
                at_key=True,
            )
    for place, value in _wanted(steps, compared):
        try:
            choice_of(value, STATES, "a state of a monitor")
        except ValueError as error:
            yield Finding(place, str(error))


def _numbers(steps: Steps, compared: dict[str, JSON], probe: ProbeSketch) -> Iterator[Finding]:
    for place, value in _wanted(steps, compared):
        if isinstance(value, str | bool):
            yield Finding(
                place,
                f'"{probe.name}" is a {probe.kinds[0]}, and its value is a number: it is never {found(value)}',
            )


def _wanted(steps: Steps, compared: dict[str, JSON]) -> Iterator[tuple[Steps, JSON]]:
    """The values of equals and one_of, each with its place; what is no value at all, the shape tells."""
    places: list[tuple[Steps, JSON]] = [((*steps, "equals"), compared.get("equals"))]
    places += [
        ((*steps, "one_of", index), value) for index, value in enumerate(list_in(compared.get("one_of")))
    ]
    return (
        place
        for place in places
        if isinstance(place[1], bool | int | float) or (isinstance(place[1], str) and place[1])
    )


def _number(value: JSON) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value

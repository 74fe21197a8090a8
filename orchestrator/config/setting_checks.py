"""What must fit together among a playbook's settings: bounds that depend on each other, objectives, windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Confirm, Timeouts
from orchestrator.model.status import Status

from .durations import duration, written
from .nodes import Finding, Steps, list_in, mapping_in
from .sketch import TableSketch
from .wording import listed


def setting_findings(data: dict[str, JSON], table: TableSketch) -> Iterator[Finding]:
    """Everything about the settings that does not fit together."""
    yield from _confirm(mapping_in(data.get("confirm")))
    yield from _timeouts(mapping_in(data.get("timeouts")))
    yield from _objectives(mapping_in(data.get("objectives")), table)
    for name, guard in mapping_in(data.get("guards")).items():
        yield from _window(("guards", name, "window"), mapping_in(mapping_in(guard).get("window")))


def _confirm(confirm: dict[str, JSON]) -> Iterator[Finding]:
    within = _span(confirm, "within", Confirm().within)
    every = _span(confirm, "every", Confirm().every)
    if within is not None and every is not None and every > within:
        field = "every" if "every" in confirm else "within"
        default = " (1s where it is left out)" if field == "within" else ""
        yield Finding(
            ("confirm", field),
            f"looking every {written(every)}{default} cannot confirm a write within {written(within)}",
        )


def _timeouts(timeouts: dict[str, JSON]) -> Iterator[Finding]:
    total = _span(timeouts, "total", Timeouts().total)
    default = "" if "total" in timeouts else ", which is what it is when left out: set total too"
    for field, usual in (("connect", Timeouts().connect), ("read", Timeouts().read)):
        span = _span(timeouts, field, usual)
        if span is not None and total is not None and span > total:
            place = field if field in timeouts else "total"
            yield Finding(
                ("timeouts", place),
                f"{field} ({written(span)}) is longer than the total of {written(total)}{default}",
            )


def _objectives(objectives: dict[str, JSON], table: TableSketch) -> Iterator[Finding]:
    if not table.whole:
        return
    if table.stops is not None:
        stops = [stop for _, stop in table.stops]
    else:
        stops = [transition.target for transition in table.transitions if transition.target is not None]
    for name in objectives:
        status = Status.__members__.get(name)
        if status is not None and status > 0 and status not in stops:
            names = listed([str(stop) for stop in dict.fromkeys(stops)])
            yield Finding(
                ("objectives", name),
                f"{name} is no stop, so no run has it as its goal (stops: {names})",
                at_key=True,
            )


def _window(steps: Steps, window: dict[str, JSON]) -> Iterator[Finding]:
    opens, closes = window.get("from", "00:00"), window.get("until", "24:00")
    if opens == closes and isinstance(opens, str):
        yield Finding(
            (*steps, "until"), f"the window opens and closes at {opens}: leave both out for the whole day"
        )
    seen: set[str] = set()
    for index, day in enumerate(list_in(window.get("days"))):
        if isinstance(day, str) and day in seen:
            yield Finding((*steps, "days", index), f"{day} stands twice among the days")
        if isinstance(day, str):
            seen.add(day)
    for index, freeze in enumerate(list_in(window.get("freezes"))):
        first, last = mapping_in(freeze).get("from"), mapping_in(freeze).get("until")
        if isinstance(first, str) and isinstance(last, str) and len(first) == len(last) and last < first:
            yield Finding(
                (*steps, "freezes", index, "until"), f"this freeze ends ({last}) before it begins ({first})"
            )


def _span(settings: dict[str, JSON], field: str, usual: timedelta) -> timedelta | None:
    """A duration, its default where it is left out, or None where it cannot be read or is nothing."""
    value = settings.get(field)
    if field not in settings:
        return usual
    try:
        span = duration(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return span or None

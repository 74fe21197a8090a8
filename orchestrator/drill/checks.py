"""What has to fit before a drill begins: a way out and a way home, and a scenario that speaks of its playbook."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from orchestrator.config.scenario import DoRun, Scenario
from orchestrator.errors import Refused, UsageError
from orchestrator.model.guard import ALWAYS_ON, BEFORE_A_RUN
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.status import Status


def refuse_undrillable(pair: Pair) -> None:
    """Only a pair whose inventory says so may be drilled live; no flag changes that.

    Raises:
        Refused: it does not say `drill: true`.
    """
    if not pair.drill:
        raise Refused(
            f"pair {pair.name} is not for drills: its inventory does not say drill: true, and no flag changes that. "
            "Without a pair the drill runs on the built-in simulator",
            next_steps=("hamr drill run", f"hamr plan {pair.name} --to ACTIVE"),
        )


def check_routes(playbook: Playbook, home: Status, goal: Status) -> None:
    """Make sure that a drill can go out, and home again.

    Raises:
        UsageError: it can't.
    """
    stops = ", ".join(str(stop) for stop in playbook.stops)
    for status in (home, goal):
        if status not in playbook.stops:
            raise UsageError(
                f"playbook {playbook.name} can't be drilled from {home} to {goal} and back: {status} is no stop of it. "
                f"Its stops are: {stops}"
            )
    if home is goal:
        raise UsageError(
            f"the drill would go to {goal}, and that is where it begins. The stops of playbook {playbook.name} are: {stops}"
        )
    for start, end in ((home, goal), (goal, home)):
        if playbook.route(start, end) is None:
            raise UsageError(
                f"playbook {playbook.name} has no transitions that lead from {start} to {end}, and a drill needs the way out "
                "and the way home"
            )


def check_names(scenario: Scenario, playbook: Playbook) -> None:
    """Make sure that the probes and guards of which a scenario speaks are the playbook's.

    Raises:
        UsageError: one is not; with the nearest name.
    """
    guards = {*playbook.guards, *ALWAYS_ON, *BEFORE_A_RUN}
    unknown = [
        *_strangers("probe", _probes_of(scenario), set(playbook.probes)),
        *_strangers("guard", _guards_of(scenario), guards),
    ]
    if unknown:
        raise UsageError(
            f"scenario {scenario.name} is not written for playbook {playbook.name}: {'; '.join(unknown)}",
            next_steps=(
                f"hamr drill run --scenario {scenario.name} --playbook {scenario.playbook or 'PLAYBOOK'}",
            ),
        )


def _strangers(what: str, names: Iterator[str], known: set[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), 1)
            yield f"there is no {what} {name}" + (f" (did you mean {close[0]}?)" if close else "")


def _probes_of(scenario: Scenario) -> Iterator[str]:
    yield from scenario.probes
    for step in scenario.steps:
        yield from step.probes


def _guards_of(scenario: Scenario) -> Iterator[str]:
    for step in scenario.steps:
        for part in (step, step.meanwhile):
            if part is None:
                continue
            yield from part.expect.refused or ()
            if isinstance(part.action, DoRun):
                yield from part.action.overrides

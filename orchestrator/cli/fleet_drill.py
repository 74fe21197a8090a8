"""What `hamr fleet drill` does: a rehearsal of many made-up pairs, or drills of many live ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from orchestrator.drill import DrillContext, drill, refuse_undrillable
from orchestrator.errors import ExitCode, HamrError, Refused, UsageError, worst_of
from orchestrator.fleet.drill import FleetRehearsal, Rehearsed
from orchestrator.model.fleet import FleetView
from orchestrator.model.org import Pair
from orchestrator.model.result import DrillResult
from orchestrator.model.run import Mode
from orchestrator.model.status import Status
from orchestrator.model.words import counted, listed
from orchestrator.operations.holding import RunControl
from orchestrator.report.drill import drill_json, drill_page, scenario_lines
from orchestrator.report.fleet import drilled_json, drilled_page

from .fleet_run import FIRST, SECOND, Board, waves_of
from .invocation import Invocation
from .signals import supervised


def on_simulator(
    invocation: Invocation, pairs: Sequence[Pair], goal: Status, waves: str | None, at_once: int
) -> ExitCode:
    """Rehearse with as many made-up pairs."""
    wanted, playbook = waves_of(invocation, waves, Mode.PLANNED), invocation.load_playbook()
    console = invocation.console

    def board(view: FleetView) -> Board:
        return Board(console.aside, view)

    with invocation.store(writes=True, sources=invocation.sources.for_rehearsals) as store:
        context = DrillContext(store, invocation.sources.named_operator(), os.environ, invocation.redactor)
        names = tuple(pair.name for pair in pairs)
        rehearsal = FleetRehearsal(context, Rehearsed(names, playbook, goal, wanted, at_once), board)

        def interrupt(code: ExitCode) -> bool:
            stops = rehearsal.interrupt(code)
            if stops:
                console.note(FIRST, "warn")
            return stops

        result = supervised(rehearsal.through(), interrupt)
        journal = invocation.named(store)
        invocation.outcome = result.exit_code
        console.facts(drill_page(result, (), journal), drill_json(result, store.place))
    return result.exit_code


def on_live_pairs(
    invocation: Invocation, pairs: Sequence[Pair], goal: Status, notes: str, *, yes: bool
) -> ExitCode:
    """Drill these pairs, one after the other; what is in the way of one stops no other."""
    not_for_it = [pair.name for pair in pairs if not pair.drill]
    if len(not_for_it) == 1:
        refuse_undrillable(next(pair for pair in pairs if not pair.drill))
    if not_for_it:
        raise Refused(
            f"{counted(len(not_for_it), 'pair')} may not be drilled live, since the inventory does not say drill: true of them: "
            f"{listed(not_for_it[:8])}{' and others' if len(not_for_it) > 8 else ''}. Leave them out"  # noqa: PLR2004 - a line's
        )
    if not yes:
        invocation.require_somebody()
        words = f"{goal} {len(pairs)}"
        invocation.console.agree(
            words,
            f"Type the goal and the number of pairs ({words}) to go on: ",
            f"what is wanted is {words}",
            promise=f"This takes {counted(len(pairs), 'pair')} live to {goal} and home again, one after the other: real "
            "writes to both orgs of each, real hooks.",
        )
    found: dict[str, DrillResult | HamrError] = {}
    playbook = invocation.load_playbook()
    for pair in pairs:
        controls = RunControl()
        with invocation.session(pair, writes=True, playbook=playbook) as session:
            try:
                found[pair.name] = supervised(
                    drill(session, goal, notes=notes, controls=controls), _stopping(invocation, controls)
                )
            except UsageError:
                raise
            except HamrError as error:
                found[pair.name] = error
        invocation.console.aside.page(scenario_lines(pair.name, found[pair.name]))
        if controls.asked:
            break
    code = _worst(found)
    invocation.outcome = code
    left = [pair.name for pair in pairs if pair.name not in found]
    invocation.console.facts(drilled_page(found, left, code), drilled_json(found, left, code))
    return code


def _stopping(invocation: Invocation, controls: RunControl) -> Callable[[ExitCode], bool]:
    def interrupt(code: ExitCode) -> bool:
        if controls.engine is None:
            return False
        controls.interrupt(code)
        invocation.console.note(FIRST if controls.asked == 1 else SECOND, "warn")
        return True

    return interrupt


def _worst(found: Mapping[str, DrillResult | HamrError]) -> ExitCode:
    return worst_of(each.exit_code for each in found.values())

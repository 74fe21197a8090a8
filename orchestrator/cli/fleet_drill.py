"""What `hamr fleet drill` does: a rehearsal of many made-up pairs, or drills of many live ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from orchestrator.drill import DrillContext, drill, refuse_undrillable
from orchestrator.errors import ExitCode, HamrError, Refused, UsageError, worst_of
from orchestrator.fleet.drill import FleetRehearsal, Rehearsed
from orchestrator.model.next_step import MANY
from orchestrator.model.org import Pair
from orchestrator.model.result import DrillResult
from orchestrator.model.run import Mode
from orchestrator.model.status import Status
from orchestrator.model.words import counted
from orchestrator.report.drill import drill_json, drill_page, live_drills_facts, scenario_lines

from .fleet_run import FIRST, Board, agree_to_many, waves_of
from .invocation import Invocation
from .run_command import RunCommand, say_stopping
from .signals import supervised


def drill_simulated(
    invocation: Invocation, pairs: Sequence[Pair], goal: Status, waves: str | None, at_once: int
) -> ExitCode:
    """Rehearse with as many made-up pairs."""
    wanted, playbook = waves_of(invocation, waves, Mode.PLANNED), invocation.load_playbook()
    console = invocation.console
    with invocation.store(writes=True, sources=invocation.sources.for_rehearsals) as store:
        context = DrillContext(store, invocation.sources.named_operator(), os.environ, invocation.redactor)
        names = tuple(pair.name for pair in pairs)
        rehearsed = Rehearsed(names, playbook, goal, wanted, at_once)
        rehearsal = FleetRehearsal(context, rehearsed, partial(Board, console.aside))

        def interrupt(code: ExitCode) -> bool:
            stops = rehearsal.interrupt(code)
            if stops:
                say_stopping(console, 1, FIRST)
            return stops

        result = supervised(rehearsal.through(), interrupt)
        journal = invocation.named(store)
        invocation.outcome = result.exit_code
        console.facts(drill_page(result, (), journal), drill_json(result, store.place))
    return result.exit_code


def drill_live(invocation: Invocation, pairs: Sequence[Pair], goal: Status, notes: str) -> ExitCode:
    """Drill these pairs, one after the other; what is in the way of one stops no other."""
    not_for_it = [pair for pair in pairs if not pair.drill]
    if len(not_for_it) == 1:
        refuse_undrillable(not_for_it[0])
    if not_for_it:
        some, others = ", ".join(pair.name for pair in not_for_it[:MANY]), len(not_for_it) > MANY
        raise Refused(
            f"{counted(len(not_for_it), 'pair')} may not be drilled live, since the inventory does not say drill: true of them: "
            f"{some}{' and others' if others else ''}. Leave them out.",
            next_steps=(invocation.typed.without("--live", "rehearse with as many on the simulator"),),
        )
    if invocation.asks:
        invocation.require_somebody()
        takes = f"This takes {counted(len(pairs), 'pair')} live to {goal} and home again, one after the other"
        promise = f"{takes}: real writes to both orgs of each, real hooks."
        agree_to_many(invocation.console, goal, len(pairs), promise=promise)
    found: dict[str, DrillResult | HamrError] = {}
    playbook = invocation.load_playbook()
    for pair in pairs:
        command = RunCommand(invocation)
        with invocation.session(pair, writes=True, playbook=playbook) as session:
            invocation.note_no_journal(session.store)
            try:
                work = drill(session, goal, notes=notes, controls=command.controls)
                found[pair.name] = command.supervise(work)
            except UsageError:
                raise
            except HamrError as error:
                found[pair.name] = error
        invocation.console.aside.page(scenario_lines(pair.name, found[pair.name]))
        if command.controls.asked:
            break
    code = worst_of(each.exit_code for each in found.values())
    invocation.outcome = code
    left = [pair.name for pair in pairs if pair.name not in found]
    invocation.console.facts(*live_drills_facts(found, left, code))
    return code

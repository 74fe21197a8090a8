"""What `hamr drill` and `hamr fleet drill` do: a rehearsal on the simulator, a drill on live pairs, and closing one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.config import load_playbook
from orchestrator.config.scenario import Scenario
from orchestrator.config.scenarios import load_scenario, named_scenarios, scenario_text
from orchestrator.drill import (
    DrillContext,
    FailbackResult,
    Watching,
    check_names,
    check_routes,
    close,
    close_rehearsed,
    drill,
    drill_named,
    home_of,
    refuse_undrillable,
    rehearse,
    scenario_of_run,
)
from orchestrator.errors import ExitCode, HamrError, Interrupted, Refused, UsageError, worst_of
from orchestrator.journal.history import KINDS, DrillHistory, History, histories_of
from orchestrator.model import next_step
from orchestrator.model.events import DrillStarted
from orchestrator.model.next_step import MANY
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.model.result import DrillResult
from orchestrator.model.run import Mode
from orchestrator.model.status import Status
from orchestrator.model.words import capital, counted
from orchestrator.operations.finding import all_histories, id_of, is_fleet, playbook_of_drill, unknown_run
from orchestrator.operations.locking import refuse_held
from orchestrator.operations.preflight import status_named
from orchestrator.operations.sources import Sources
from orchestrator.report.drill import (
    closed_facts,
    drill_json,
    drill_page,
    drills_facts,
    live_drills_facts,
    scenario_facts,
    scenario_lines,
    scenario_remarks,
    steps_to_play,
    worst,
)

from .invocation import Invocation
from .output_files import (
    JUNIT,
    PAGE,
    SCENARIO,
    STDOUT,
    refuse_misplaced,
    refuse_misplaced_files,
    save,
)
from .report_files import read_report, write_html, write_junit
from .requests import overrides_from, require_text
from .run_command import RunCommand, say_stopping
from .signals import supervised

ALL = "all"
"""Stands for every scenario that has a name here."""


class Asked(Struct, frozen=True):
    """What was asked of a drill, beside where it goes."""

    notes: str = ""
    html: str | None = None
    junit: str | None = None
    seed: int | None = None


def run_drill(
    invocation: Invocation, *, pair: str | None, scenario: str | None, to: str | None, **flags: Any
) -> ExitCode:
    """Go out and home again, on the simulator or live; a UsageError for flags that do not go together."""
    asked = Asked(**flags)
    goal = None if to is None else status_named(to)
    named = [flag for flag, given in (("--scenario", scenario), ("--seed", asked.seed)) if given is not None]
    if pair is not None and named:
        raise UsageError(
            f"{' and '.join(named)}: what goes wrong can be chosen on the simulator alone, and {pair[:60]!r} is a live "
            "pair. Leave the pair out to rehearse it.",
            next_steps=(next_step.play("NAME"),),
        )
    for option, where in (("--html", asked.html), ("--junit", asked.junit)):
        if where == STDOUT:
            words = f"{option} -: a drill prints its score on stdout. Give {option} a file, or print it afterwards."
            step = next_step.report("DRILL").with_options(option, "-")
            raise UsageError(words, next_steps=(step,))
    if scenario == ALL:
        if goal is not None:
            raise UsageError("--to: each scenario says itself where it goes. Leave out --to.")
        return _on_all_scenarios(invocation, asked)
    refuse_misplaced_files({PAGE: asked.html, JUNIT: asked.junit})
    if pair is None:
        return _on_simulator(invocation, scenario, goal, asked)
    return _on_live_pair(invocation, pair, goal, asked)


def _on_simulator(invocation: Invocation, name: str | None, goal: Status | None, asked: Asked) -> ExitCode:
    """Play the scenario that was named, or the way out and home with nothing going wrong."""
    if name is not None and goal is not None:
        raise UsageError("--to: a scenario says itself where it goes. Leave out --to, or --scenario.")
    home_and_back = Scenario("") if goal is None else Scenario("", goal=goal)
    scenario = home_and_back if name is None else load_scenario(name)
    playbook = _playbook_for(invocation, scenario)
    check_names(scenario, playbook, name or "")
    with invocation.store(writes=True, sources=invocation.sources.for_rehearsals) as store:
        result = _play(invocation, store, scenario, playbook, asked)
        return _show_result(invocation, store, result, asked)


def _playbook_for(invocation: Invocation, scenario: Scenario) -> Playbook:
    """The one that was named, else the scenario's own."""
    if invocation.playbook is None and scenario.playbook:
        return load_playbook(scenario.playbook)
    return invocation.load_playbook()


def _play(
    invocation: Invocation,
    store: Store,
    scenario: Scenario,
    playbook: Playbook,
    asked: Asked,
    *,
    shown: bool = True,
) -> DrillResult:
    command = RunCommand(invocation)
    context = DrillContext(store, invocation.sources.named_operator(), os.environ, invocation.redactor)
    watching: Watching = command.watchers if shown else lambda _: ()
    seed, notes, controls = asked.seed, asked.notes, command.controls
    return command.supervise(
        rehearse(context, scenario, playbook, seed=seed, notes=notes, watching=watching, controls=controls)
    )


def _on_all_scenarios(invocation: Invocation, asked: Asked) -> ExitCode:
    """Play every scenario that has a name here, and say in a line each what came of it; one that cannot be played stops none."""
    played: dict[str, DrillResult | UsageError] = {}
    scenarios, console = named_scenarios(), invocation.console
    # The page of one of several scenarios: drill.html is drill-answer-lost.html.
    html = asked.html
    pages = {name: html and str(Path(html).with_stem(f"{Path(html).stem}-{name}")) for name in scenarios}
    for page in pages.values():
        refuse_misplaced_files({PAGE: page, JUNIT: asked.junit})
    with invocation.store(writes=True, sources=invocation.sources.for_rehearsals) as store:
        journal = invocation.named(store)
        views = []
        for name, path in scenarios.items():
            try:
                scenario = load_scenario(str(path))
                playbook = _playbook_for(invocation, scenario)
                played[name] = result = _play(invocation, store, scenario, playbook, asked, shown=False)
            except UsageError as error:
                played[name] = error
            else:
                if asked.junit is not None or html is not None:
                    views.append(read_report(store, result.score.drill, journal))
                    write_html(invocation, views[-1], pages[name])
                if result.exit_code not in (ExitCode.DONE, ExitCode.DRILL_MISSED):
                    break  # somebody stopped it
            console.aside.page(scenario_lines(name, played[name]))
        write_junit(invocation, asked.junit, *views)
    code = worst(played)
    invocation.outcome = code
    console.facts(*drills_facts(played, store.place, [name for name in scenarios if name not in played]))
    return code


def _on_live_pair(invocation: Invocation, pair: str, goal: Status | None, asked: Asked) -> ExitCode:
    """Take a pair out and home again, after asking."""
    target = Status.ACTIVE if goal is None else goal
    found = invocation.sources.pair(pair)
    refuse_undrillable(found)
    with invocation.session(found, writes=True) as session:
        invocation.note_no_journal(session.store)
        if invocation.asks:
            home = supervised(home_of(session))
            check_routes(session.playbook, home, target)
            takes = f"This takes pair {pair} live from {home} to {target} and home again"
            real = "real writes to both orgs, real hooks. Other runs of it are refused until the drill is closed."
            invocation.console.confirm(pair, f"{takes}: {real}")
        command = RunCommand(invocation, found, asks=invocation.asks)
        work = drill(session, target, notes=asked.notes, controls=command.controls)
        try:
            result = command.supervise(work)
        except Interrupted as stop:
            held = session.history().open_drill
            if held is None:
                raise
            said = f"Interrupted. Drill {held.drill} has begun, and stays open until it is closed."
            close = (next_step.close_drill(held.drill),)
            raise Interrupted(said, code=stop.exit_code, sent=stop.sent, next_steps=close) from stop
        return _show_result(invocation, session.store, result, asked)


def _show_result(invocation: Invocation, store: Store, result: DrillResult, asked: Asked) -> ExitCode:
    """Show what came of it, which stands in the journal, and write the files that were asked for."""
    score = result.score
    invocation.outcome = result.exit_code
    pointed = {seq for each in score.expectations if not each.held for seq in each.records}
    first = min(pointed, default=0) - 1
    records = [record for record in store.records(after=first) if record.seq in pointed] if pointed else []
    journal = invocation.named(store)
    invocation.console.facts(drill_page(result, records, journal), drill_json(result, store.place))
    if asked.junit is not None or asked.html is not None:
        view = read_report(store, score.drill, journal)
        write_junit(invocation, asked.junit, view)
        write_html(invocation, view, asked.html)
    return result.exit_code


def close_drill(invocation: Invocation, *, what: str, notes: str, overrides: tuple[str, ...]) -> None:
    """Close a drill: a rehearsal's at once, a live one's after its pair was brought home; Incomplete where it can't be."""
    require_text("--notes", notes)
    allowed = overrides_from(overrides)
    sources, histories, found = _drill_named(invocation, what)
    phase, runs = "", tuple[str, ...]()
    if found.started.simulated:
        words = "Its regions were simulated, and are gone."
        with invocation.store(writes=True, sources=sources) as store:
            operator = invocation.sources.named_operator()
            close_rehearsed(store, operator, found, invocation.redactor.clean(notes))
    else:
        failback = _close_live(invocation, histories[found.pair], found, notes, allowed)
        phase, runs = failback.phase, tuple(result.run for result in failback.results)
        at_home = f"Pair {found.pair} is at home: {phase}."
        words = at_home if failback.at_home else f"{capital(failback.why)}."
    invocation.outcome = ExitCode.DONE
    facts = closed_facts(found.drill, found.pair, phase=phase, words=words, notes=notes, runs=runs)
    invocation.console.facts(*facts)


def scenario_from_run(invocation: Invocation, run: str, out: Path | None) -> None:
    """Make a scenario of a journalled run, and write it; a UsageError for a drill or a fleet, which have several."""
    if out is not None:
        refuse_misplaced(out, SCENARIO)
    with invocation.store_with(run, next_step.again) as (store, found):
        records = list(store.records(run=found))
        if any(record.kind == DrillStarted.kind for record in records):
            legs = next(iter(histories_of(store.records(kinds=KINDS)).values())).drills[found].legs
            words = f"{found} is a drill, and a scenario is made of one run: say which one."
            raise UsageError(words, next_steps=tuple(map(next_step.again, legs)))
        if is_fleet(store, found):
            raise unknown_run(store, found)
        holder = store.holder(records[0].pair)
    made = scenario_of_run(found, records)
    if holder is not None and holder.run == found:
        made = replace(made, left_out=(*made.left_out, "how it ended: it still holds its pair's lock"))
    text = invocation.redactor.clean(scenario_text(made.scenario, scenario_remarks(found, made.left_out)))
    if out is not None:
        save(text, out, SCENARIO)
    steps = steps_to_play(None if out is None else str(out), made.scenario.playbook)
    console = invocation.console
    if out is None and not console.json:
        console.out.text(text)
        for each in made.left_out:
            console.note(f"Not in it: {each}.", "warn")
        return
    console.facts(*scenario_facts(found, text, str(out or ""), made.left_out, steps))


def _drill_named(invocation: Invocation, what: str) -> tuple[Sources, Mapping[str, History], DrillHistory]:
    """The drill that is meant, and where it is journalled: as usual, else beside that, where those on the simulator are."""
    known: dict[str, History] = {}
    for sources in (invocation.sources, invocation.sources.beside):
        with invocation.store(writes=False, sources=sources) as store:
            histories = all_histories(store)
            name = what if what in histories else id_of(store, what, next_step.close_drill)
        if name is not None:
            return sources, histories, drill_named(histories, name)
        known |= histories
    return invocation.sources, known, drill_named(known, what)


def _close_live(
    invocation: Invocation,
    history: History,
    found: DrillHistory,
    notes: str,
    overrides: Mapping[str, str],
) -> FailbackResult:
    """Bring the pair home, after asking."""
    invocation.require_somebody()
    playbook = playbook_of_drill(history, found) or invocation.load_playbook()
    with invocation.session(found.pair, writes=True, playbook=playbook) as session:
        refuse_held(session, take_over=True)
        if invocation.asks:
            from .preview import show_status

            show_status(invocation, session)
            home = found.started.home
            promise = f"This brings pair {found.pair} home to {home}, and closes drill {found.drill}."
            invocation.console.confirm(found.pair, promise)
        command = RunCommand(invocation, session.pair, asks=invocation.asks)
        return command.supervise(close(session, found, notes, overrides=overrides, controls=command.controls))


# -- many pairs ----------------------------------------------------------------------------------------------


def drill_fleet_simulated(
    invocation: Invocation, pairs: Sequence[Pair], goal: Status, waves: str | None, at_once: int
) -> ExitCode:
    """Rehearse with as many made-up pairs."""
    from orchestrator.fleet.drill import FleetRehearsal, Rehearsed

    from .fleet_run import FIRST, Board, waves_of

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
        return _show_result(invocation, store, result, Asked())


def drill_fleet_live(invocation: Invocation, pairs: Sequence[Pair], goal: Status, notes: str) -> ExitCode:
    """Drill these pairs, one after the other; what is in the way of one stops no other."""
    from .fleet_run import agree_to_many

    not_for_it = [pair for pair in pairs if not pair.drill]
    if len(not_for_it) == 1:
        refuse_undrillable(not_for_it[0])
    if not_for_it:
        some, others = ", ".join(pair.name for pair in not_for_it[:MANY]), len(not_for_it) > MANY
        raise Refused(
            f"{counted(len(not_for_it), 'pair')} may not be drilled live, since the inventory does not say drill: true of them: "
            f"{some}{' and others' if others else ''}. Leave them out.",
            next_steps=(invocation.typed.again("rehearse with as many on the simulator", without="--live"),),
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

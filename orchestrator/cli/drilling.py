"""What `hamr drill` does: a rehearsal on the simulator, a drill on a live pair, and closing one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .opening import Opening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.config.scenario import Scenario
    from orchestrator.drill import FailbackResult
    from orchestrator.errors import ExitCode, Interrupted
    from orchestrator.journal.history import DrillHistory, History
    from orchestrator.model.playbook import Playbook
    from orchestrator.model.protocols import Store
    from orchestrator.model.result import DrillResult
    from orchestrator.model.status import Status
    from orchestrator.operations.session import Session


def on_simulator(  # noqa: PLR0917 - the flags, one by one
    opening: Opening,
    name: str | None,
    seed: int | None,
    goal: Status | None,
    notes: str,
    junit: str | None,
    html: str | None,
) -> ExitCode:
    """On the simulator."""
    import os

    from orchestrator.api.operators import operator_named
    from orchestrator.drill import DrillContext, rehearse
    from orchestrator.operations.running import Controls

    from .progress import Progress
    from .signals import supervised

    front, controls = opening.front, Controls()
    scenario = _scenario(name, goal)
    playbook = _playbook(opening, scenario)
    with opening.store(writes=True) as store:
        context = DrillContext(store, operator_named(opening.operator), os.environ, front.redactor)
        work = rehearse(
            context,
            scenario,
            playbook,
            seed=seed,
            notes=notes,
            watching=lambda found: (Progress(front.console.aside, found, context.clock.monotonic),),
            controls=controls,
        )
        try:
            result = supervised(work, front.console, controls)
        finally:
            front.console.aside.end()
        return _shown(opening, store, result, junit, html)


def _scenario(name: str | None, goal: Status | None) -> Scenario:
    """The scenario that was named, or the way out and home with nothing going wrong.

    Raises:
        UsageError: there is none of that name, or it goes elsewhere than --to.
        DocumentError: it has problems.
    """
    from orchestrator.config.scenario import Scenario
    from orchestrator.config.scenarios import load_scenario
    from orchestrator.errors import UsageError

    if name is None:
        return Scenario("") if goal is None else Scenario("", goal=goal)
    if goal is not None:
        raise UsageError("--to: a scenario says itself where it goes. Leave out --to, or --scenario.")
    return load_scenario(name)


def _playbook(opening: Opening, scenario: Scenario) -> Playbook:
    """--playbook, else the scenario's own, else the usual one."""
    from orchestrator.config import load_playbook

    if opening.playbook is None and scenario.playbook:
        return load_playbook(scenario.playbook)
    return opening.load_playbook()


def on_live_pair(  # noqa: PLR0917 - as above
    opening: Opening,
    pair: str,
    goal: Status | None,
    notes: str,
    junit: str | None,
    html: str | None,
    *,
    yes: bool,
) -> ExitCode:
    """On a live pair."""
    from orchestrator.drill import check_routes, home_of, refuse_undrillable
    from orchestrator.drill import drill as drill_live
    from orchestrator.errors import Interrupted
    from orchestrator.model.status import Status
    from orchestrator.operations.running import Controls

    from .asking import Terminal
    from .progress import Progress
    from .prompt import confirm
    from .signals import supervised

    front, controls, target = opening.front, Controls(), Status.ACTIVE if goal is None else goal
    found = opening.pair(pair)
    refuse_undrillable(found)
    with opening.session(found, writes=True) as session:
        if not yes:
            home = supervised(home_of(session), front.console)
            check_routes(session.playbook, home, target)
            _promise(opening, f"This takes pair {pair} live from {home} to {target} and home again")
            confirm(front.console, pair)
            controls.asker = Terminal(front.console, controls)
        watchers = (Progress(front.console.aside, found, session.clock.monotonic),)
        work = drill_live(session, target, notes=notes, watchers=watchers, controls=controls)
        try:
            result = supervised(work, front.console, controls)
        except Interrupted as stop:
            raise _interrupted(session, stop) from stop
        finally:
            front.console.aside.end()
        return _shown(opening, session.store, result, junit, html)


def _interrupted(session: Session, stop: Interrupted) -> Interrupted:
    """The same, with what is left to do where the drill has begun already."""
    from orchestrator.errors import Interrupted

    held = session.history().open_drill
    if held is None:
        return stop
    return Interrupted(
        f"Interrupted. Drill {held.drill} has begun, and stays open until it is closed.",
        code=stop.code,
        sent=stop.sent,
        next_steps=(f"hamr drill close {held.drill} --notes TEXT",),
    )


def _promise(opening: Opening, what: str) -> None:
    from orchestrator.report.layout import line

    words = f"{what}: real writes to both orgs, real hooks. Other runs of it are refused until the drill is closed."
    opening.front.console.aside.page((line(words, "bold"),))


def _shown(
    opening: Opening, store: Store, result: DrillResult, junit: str | None, html: str | None
) -> ExitCode:
    """Show what came of it, and write the files that were asked for.

    Raises:
        PreparationError: a file cannot be written; the drill itself stands in the journal.
    """
    from orchestrator.report.drill import drill_json, drill_page

    from .story_files import story_told, write_html, write_junit

    front, score = opening.front, result.score
    front.outcome = result.exit_code
    pointed = {seq for each in score.expectations if not each.held for seq in each.records}
    first = min(pointed, default=0) - 1
    records = [record for record in store.records(after=first) if record.seq in pointed] if pointed else []
    front.console.facts(drill_page(result, records), drill_json(result))
    if junit is not None or html is not None:
        story = story_told(store, score.drill, opening.journal or "")
        write_junit(opening, story, junit)
        write_html(opening, story, html)
    return result.exit_code


def close_live(
    opening: Opening,
    history: History,
    found: DrillHistory,
    notes: str,
    overrides: Mapping[str, str],
    *,
    yes: bool,
) -> ExitCode:
    """Bring the pair home, after asking.

    Raises:
        Incomplete: it can't be brought home.
    """
    from orchestrator.config import parse_playbook
    from orchestrator.drill import close as close_drill
    from orchestrator.operations.running import Controls
    from orchestrator.operations.standing import stand
    from orchestrator.report.layout import line
    from orchestrator.report.status import standing_page

    from .asking import Terminal
    from .conduct import refuse_locked
    from .progress import Progress
    from .prompt import confirm
    from .signals import supervised

    front, controls = opening.front, Controls()
    started = history.runs[found.legs[0]].started if found.legs else None
    # As the drill began: the file may have been edited since.
    playbook = (
        opening.load_playbook()
        if started is None
        else parse_playbook(started.playbook_text, f"the playbook of drill {found.drill}")
    )
    with opening.session(found.pair, writes=True, playbook=playbook) as session:
        refuse_locked(session)
        if not yes:
            standing = supervised(stand(session), front.console)
            front.console.aside.page((*standing_page(standing, session.playbook), line()))
            words = (
                f"This brings pair {found.pair} home to {found.started.home}, and closes drill {found.drill}."
            )
            front.console.aside.page((line(words, "bold"),))
            confirm(front.console, found.pair)
            controls.asker = Terminal(front.console, controls)
        watchers = (Progress(front.console.aside, session.pair, session.clock.monotonic),)
        work = close_drill(session, found, notes, overrides=overrides, watchers=watchers, controls=controls)
        try:
            failback = supervised(work, front.console, controls)
        finally:
            front.console.aside.end()
        return say_closed(opening, found, notes, failback)


def say_closed(
    opening: Opening, found: DrillHistory, notes: str, failback: FailbackResult | None
) -> ExitCode:
    """Say that it is closed, and how its pair stands."""
    from orchestrator.errors import ExitCode
    from orchestrator.report.drill import closed_json, closed_page

    runs = () if failback is None else tuple(result.run for result in failback.results)
    if failback is None:
        words = "Its regions were simulated, and are gone."
    elif failback.at_home:
        words = f"Pair {found.pair} is at home: {failback.phase}."
    else:
        words = f"{failback.why[:1].upper()}{failback.why[1:]}."
    phase = "" if failback is None else failback.phase
    opening.front.outcome = ExitCode.DONE
    opening.front.console.facts(
        closed_page(found.drill, words),
        closed_json(found.drill, found.pair, phase=phase, words=words, notes=notes, runs=runs),
    )
    return ExitCode.DONE

"""`hamr drill run | close`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.drill import Homecoming
    from orchestrator.errors import ExitCode
    from orchestrator.history import DrillHistory, History
    from orchestrator.model.drill import DrillResult
    from orchestrator.model.playbook import Playbook
    from orchestrator.model.protocols import Store
    from orchestrator.model.scenario import Scenario
    from orchestrator.model.status import Status


@click.group()
def drill() -> None:
    """Rehearse a failover, out and home again, with a score.

    On the built-in simulator, or live on a pair whose inventory says drill: true. docs/howto/rehearse.md shows how.
    """


@drill.command()
@click.argument("pair", metavar="[PAIR]", required=False)
@click.option(
    "--scenario",
    metavar="SCENARIO",
    help="What goes wrong on the simulator: a scenario's file, or the name of one that ships with hamr.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Faults drawn from a number, on the simulator: the same for the same one.",
)
@click.option("--to", metavar="STATUS", help="Where to, before it goes home. [default: ACTIVE]")
@click.option("--notes", metavar="TEXT", default="", help="What the journal keeps with the end of the drill.")
@click.option("--junit", metavar="FILE", help="Write JUnit XML, one case for each expectation.")
@click.option("--html", metavar="FILE", help="Write one self-contained page, to be opened in a browser.")
@options.yes
@options.takes(*options.LOOKING)
def run(  # noqa: PLR0917 - click passes each flag by its name
    opening: Opening,
    pair: str | None,
    scenario: str | None,
    seed: int | None,
    to: str | None,
    notes: str,
    junit: str | None,
    html: str | None,
    yes: bool,
) -> ExitCode:
    """Go out and home again, and score it.

    Without PAIR, on two simulated regions: nothing reaches Datadog, no hook's program is started, and nobody is asked.
    With PAIR, live: only where its inventory says drill: true, whatever the flags; shows where the pair stands, and
    wants its name typed. Exits with 11 where an expectation was missed.
    """
    from orchestrator.preflight import status_named

    goal = None if to is None else status_named(to)
    _check_flags(pair, scenario, seed, yes=yes)
    if pair is None:
        return _rehearse(opening, scenario, seed, goal, notes, junit, html)
    return _live(opening, pair, goal, notes, junit, html, yes=yes)


def _check_flags(pair: str | None, scenario: str | None, seed: int | None, *, yes: bool) -> None:
    """Refuse what does not go together, before anything is read.

    Raises:
        UsageError: a scenario or a seed for a live pair, or nobody to ask.
    """
    from orchestrator.errors import UsageError

    from .prompt import require_somebody

    if pair is None:
        return
    named = [flag for flag, given in (("--scenario", scenario), ("--seed", seed)) if given is not None]
    if named:
        raise UsageError(
            f"{' and '.join(named)}: what goes wrong can be chosen on the simulator alone, and {pair[:60]!r} is a live "
            "pair. Leave the pair out to rehearse it.",
            next_steps=("hamr drill run --scenario NAME",),
        )
    if not yes:
        require_somebody(click.get_current_context().obj.typed)


def _rehearse(  # noqa: PLR0917 - the flags, one by one
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
    from orchestrator.drill import Desk, rehearse
    from orchestrator.running import Controls

    from .progress import Progress
    from .signals import supervised

    front, controls = opening.front, Controls()
    scenario = _scenario(name, goal)
    playbook = _playbook(opening, scenario)
    with opening.store(writes=True) as store:
        desk = Desk(store, operator_named(opening.operator), os.environ, front.redactor)
        work = rehearse(
            desk,
            scenario,
            playbook,
            seed=seed,
            notes=notes,
            watching=lambda found: (Progress(front.console.aside, found, desk.clock.monotonic),),
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
    from orchestrator.documents.scenarios import load_scenario
    from orchestrator.errors import UsageError
    from orchestrator.model.scenario import Scenario

    if name is None:
        return Scenario("") if goal is None else Scenario("", goal=goal)
    if goal is not None:
        raise UsageError("--to: a scenario says itself where it goes. Leave out --to, or --scenario.")
    return load_scenario(name)


def _playbook(opening: Opening, scenario: Scenario) -> Playbook:
    """--playbook, else the scenario's own, else the usual one."""
    from orchestrator.documents import load_playbook

    if opening.playbook is None and scenario.playbook:
        return load_playbook(scenario.playbook)
    return opening.load_playbook()


def _live(  # noqa: PLR0917 - as above
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
    from orchestrator.documents import pair_named
    from orchestrator.drill import check_routes, refuse_undrillable, stands_at
    from orchestrator.drill import drill as drill_live
    from orchestrator.model.status import Status
    from orchestrator.running import Controls

    from .asking import Terminal
    from .progress import Progress
    from .prompt import confirm
    from .signals import supervised

    front, controls, target = opening.front, Controls(), Status.ACTIVE if goal is None else goal
    found = pair_named(opening.inventory(), pair)
    refuse_undrillable(found)
    with opening.session(found, writes=True) as session:
        if not yes:
            home = supervised(stands_at(session), front.console)
            check_routes(session.playbook, home, target)
            _promise(opening, f"This takes pair {pair} live from {home} to {target} and home again")
            confirm(front.console, pair)
            controls.asker = Terminal(front.console, controls)
        watchers = (Progress(front.console.aside, found, session.clock.monotonic),)
        work = drill_live(session, target, notes=notes, watchers=watchers, controls=controls)
        try:
            result = supervised(work, front.console, controls)
        finally:
            front.console.aside.end()
        return _shown(opening, session.store, result, junit, html)


def _promise(opening: Opening, what: str) -> None:
    from orchestrator.report.styled import line

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


@drill.command()
@click.argument("what", metavar="DRILL|RUN|PAIR")
@click.option(
    "--notes", metavar="TEXT", required=True, help="What is to be remembered; the journal keeps it."
)
@options.yes
@options.takes(*options.LOOKING)
def close(opening: Opening, what: str, notes: str, yes: bool) -> ExitCode:
    """Clean up a drill that stayed open.

    Brings the pair to where it stood when the drill began, and closes the drill; other runs get the pair again. A
    pair that a run of somebody else's has moved meanwhile, an emergency for one, is left where it stands. Shows where
    the pair stands, and wants its name typed. A drill on the simulator is closed without further ado: its regions are gone.
    """
    from orchestrator.api.finding import all_histories
    from orchestrator.api.operators import operator_named
    from orchestrator.drill import close_rehearsed, drill_named

    from .prompt import require_somebody, require_text

    require_text("--notes", notes)
    with opening.store(writes=False) as store:
        histories = all_histories(store)
        found = drill_named(histories, what)
    if found.started.simulated:
        with opening.store(writes=True) as store:
            close_rehearsed(
                store, operator_named(opening.operator), found, opening.front.redactor.clean(notes)
            )
        return _closed(opening, found, notes, None)
    if not yes:
        require_somebody(opening.front.typed)
    return _close_live(opening, histories[found.pair], found, notes, yes=yes)


def _close_live(
    opening: Opening, history: History, found: DrillHistory, notes: str, *, yes: bool
) -> ExitCode:
    """Bring the pair home, after asking.

    Raises:
        Incomplete: it can't be brought home.
    """
    from orchestrator.documents import parse_playbook
    from orchestrator.drill import close as close_drill
    from orchestrator.report.status import status_page
    from orchestrator.report.styled import line
    from orchestrator.running import Controls
    from orchestrator.standing import stand

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
            front.console.aside.page((*status_page(standing, session.playbook), line()))
            words = (
                f"This brings pair {found.pair} home to {found.started.home}, and closes drill {found.drill}."
            )
            front.console.aside.page((line(words, "bold"),))
            confirm(front.console, found.pair)
            controls.asker = Terminal(front.console, controls)
        watchers = (Progress(front.console.aside, session.pair, session.clock.monotonic),)
        work = close_drill(session, found, notes, watchers=watchers, controls=controls)
        try:
            homecoming = supervised(work, front.console, controls)
        finally:
            front.console.aside.end()
        return _closed(opening, found, notes, homecoming)


def _closed(opening: Opening, found: DrillHistory, notes: str, homecoming: Homecoming | None) -> ExitCode:
    from orchestrator.errors import ExitCode
    from orchestrator.report.drill import closed_json, closed_page

    runs = () if homecoming is None else tuple(result.run for result in homecoming.results)
    if homecoming is None:
        words = "Its regions were simulated, and are gone."
    elif homecoming.at_home:
        words = f"Pair {found.pair} is at home: {homecoming.phase}."
    else:
        words = f"{homecoming.why[:1].upper()}{homecoming.why[1:]}."
    phase = "" if homecoming is None else homecoming.phase
    opening.front.outcome = ExitCode.DONE
    opening.front.console.facts(
        closed_page(found.drill, words),
        closed_json(found.drill, found.pair, phase=phase, words=words, notes=notes, runs=runs),
    )
    return ExitCode.DONE

"""`hamr run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode
    from orchestrator.model.plan import Plan
    from orchestrator.model.run import RunRequest
    from orchestrator.operations.session import Session


@click.command()
@click.argument("pair")
@options.run_flags
@options.yes
@options.takes(*options.LOOKING)
def run(opening: Opening, pair: str, yes: bool, **flags: Any) -> ExitCode:
    """Move a pair to a status.

    Shows the plan and wants the pair's name typed; then takes the pair's lock, reads everything again, and goes transition
    by transition: guards, then a write to each org, each seen by a read before the next. Every step is in the journal
    before it is taken. Ctrl-C stops before the next write; hamr resume takes it up again.
    """
    from orchestrator.operations.preflight import check_request
    from orchestrator.operations.run import start
    from orchestrator.system.clock import SystemClock

    from .conduct import conduct
    from .prompt import confirm, require_somebody
    from .requests import request_from

    front = opening.front
    if not yes:
        require_somebody(opening.front.typed)
    request = request_from(pair, now=SystemClock().now(), **flags)
    playbook = opening.load_playbook()
    check_request(request, playbook)
    shown = ""
    with opening.session(pair, writes=True, playbook=playbook) as session:
        if not yes:
            preview, cooling = _preview(opening, session, request)
            request = preview.request
            ended = _shown(opening, preview)
            if ended is not None:
                return ended
            if cooling is not None:
                front.console.note(cooling, "warn")
            confirm(front.console, session.pair.name)
            shown = preview.run
        _note_drill(opening, session, request)
        return conduct(
            front,
            session,
            lambda watchers, controls: start(
                session, request, watchers=watchers, controls=controls, run=shown
            ),
            asks=not yes,
        )


def _note_drill(opening: Opening, session: Session, request: RunRequest) -> None:
    """Say of an emergency that it goes over an open drill; any other run is refused there."""
    from orchestrator.model.run import Mode

    if request.mode is not Mode.EMERGENCY:
        return
    drill = session.history().open_drill
    if drill is not None:
        words = f"Pair {session.pair.name} is in drill {drill.drill}: this emergency does not wait for it."
        close = f"Afterwards, hamr drill close {drill.drill} --notes TEXT leaves the pair where it stands."
        opening.front.console.note(f"{words} {close}", "warn")


def _preview(opening: Opening, session: Session, request: RunRequest) -> tuple[Plan, str | None]:
    """What the run would do, before anybody is asked; with --yes nobody is, and none of this is loaded.

    Returns:
        The plan, and what the question has to say of a cooling down, which the plan's request goes over then.

    Raises:
        Locked: somebody holds the pair.
        Refused: it is in a drill that nobody has closed.
    """
    from orchestrator.model.run import Mode
    from orchestrator.operations.locking import refuse_held
    from orchestrator.operations.plan import make_plan
    from orchestrator.operations.preflight import cooling_question, over_cool_down, refuse_in_drill

    from .signals import supervised

    refuse_held(session, take_over=request.mode is Mode.EMERGENCY)
    history = session.history()
    refuse_in_drill(history, request, "")
    cooling = cooling_question(history, session.playbook, session.clock, request)
    if cooling is not None:
        request = over_cool_down(request)
    return supervised(make_plan(session, request), opening.front.console), cooling


def _shown(opening: Opening, preview: Plan) -> ExitCode | None:
    """Show what would happen; how the command ends where that is settled by it already.

    Raises:
        Refused: guards, or where the pair stands.
    """
    from orchestrator.errors import ExitCode, Refused
    from orchestrator.report.plan import plan_json, plan_page, preview_page

    console = opening.front.console
    if not preview.transitions and preview.reachable and not preview.refused:
        console.facts(plan_page(preview), plan_json(preview))
        return ExitCode.DONE
    console.aside.page(plan_page(preview) if preview.refused else preview_page(preview))
    if preview.refused:
        guards = dict.fromkeys(
            [
                *preview.refused_before,
                *(guard for transition in preview.transitions for guard in transition.refused_by),
            ]
        )
        stopping = [*guards, *(f"hook {hook}" for hook in preview.stopping_hooks)]
        why = f"{', '.join(stopping)} would stop it" if stopping else preview.ending
        raise Refused(
            f"This run would be refused, so nobody is asked: {why.rstrip('.')}. The plan above says more."
        )
    return None

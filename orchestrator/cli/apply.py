"""`hamr apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.yes
@options.takes(*options.LOOKING)
def apply(opening: Opening, file: Path, yes: bool) -> ExitCode:
    """Run a saved plan, exactly.

    FILE is what hamr plan --out wrote. It is refused where it was applied before, is older than 15 minutes, was
    edited, or where the playbook, the inventory's orgs or the orgs' records have changed since.
    """
    from msgspec.structs import replace

    from orchestrator.config import load_playbook
    from orchestrator.model.run import Mode
    from orchestrator.operations.locking import refuse_held
    from orchestrator.operations.preflight import cooling_question, over_cool_down
    from orchestrator.operations.run import apply as apply_plan
    from orchestrator.operations.run import check_plan
    from orchestrator.report.plan import preview_page

    from .conduct import conduct
    from .plan_file import read_plan
    from .prompt import confirm, require_somebody

    front = opening.front
    if not yes:
        require_somebody(opening.front.typed)
    saved = read_plan(file)
    source = opening.playbook or saved.playbook
    playbook = opening.known(load_playbook(source), source)
    with opening.session(saved.plan.request.pair, writes=True, playbook=playbook) as session:
        plan = saved.plan
        check_plan(session, plan)
        if not yes:
            refuse_held(session, take_over=plan.request.mode is Mode.EMERGENCY)
            cooling = cooling_question(session.history(), playbook, session.clock, plan.request)
            front.console.aside.page(preview_page(plan))
            if cooling is not None:
                front.console.note(cooling, "warn")
                plan = replace(plan, request=over_cool_down(plan.request))
            confirm(front.console, session.pair.name)
        return conduct(
            front,
            session,
            lambda watchers, controls: apply_plan(session, plan, watchers=watchers, controls=controls),
            asks=not yes,
        )

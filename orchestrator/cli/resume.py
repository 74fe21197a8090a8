"""`hamr resume`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.api.finding import Resumable
    from orchestrator.errors import ExitCode

_TAKEN = tuple(name for name in options.LOOKING if name != "playbook")


@click.command()
@click.argument("what", metavar="[RUN|PAIR]", required=False)
@options.emergency
@options.reason
@options.override
@options.yes
@options.takes(*_TAKEN)
def resume(  # noqa: PLR0917 - click passes each flag by its name
    opening: Opening, what: str | None, emergency: bool, reason: str, overrides: tuple[str, ...], yes: bool
) -> ExitCode:
    """Take up an open run again, or deliver what is owed.

    Without an argument it is the only open run of the journal; where there are several, they are listed. Anybody
    can resume any run. It goes on with the playbook that the run began with, after reading both orgs: what they
    show counts, and the journal says what was sent. Shows where the pair stands, and wants its name typed.
    """
    from orchestrator.api.finding import to_resume
    from orchestrator.api.resuming import playbook_to_resume
    from orchestrator.journal.checkpoint import read_histories
    from orchestrator.model.run import Mode
    from orchestrator.operations.preflight import check_overrides
    from orchestrator.operations.resume import resume as resume_run

    from .conduct import conduct, refuse_locked
    from .prompt import confirm, require_somebody
    from .requests import overrides_from

    front = opening.front
    if not yes:
        require_somebody(opening.front.typed)
    mode = Mode.EMERGENCY if emergency else None
    _check_reason(what, emergency=emergency, reason=reason)
    named = overrides_from(overrides)
    inventory = opening.inventory()
    with opening.store(writes=False) as store:
        histories = read_histories(store)
        for pair in inventory.pairs:
            if pair.name in histories:
                histories[pair.name].of(pair)
        found = to_resume(histories, what, [pair.name for pair in inventory.pairs], store)
    playbook = playbook_to_resume(found, histories) or opening.load_playbook()
    check_overrides(named, playbook)
    with opening.session(found.pair, writes=True, playbook=playbook) as session:
        if not yes:
            from orchestrator.operations.standing import BOTH_NEEDED, stand
            from orchestrator.report.layout import line
            from orchestrator.report.status import standing_page

            from .signals import supervised

            refuse_locked(session)
            goal = None if found.run is None or found.run.started is None else found.run.started.goal
            needed = playbook.survivors_towards(goal) if emergency and goal is not None else BOTH_NEEDED
            standing = supervised(stand(session, needed=needed), front.console)
            front.console.aside.page((*standing_page(standing, session.playbook), line()))
            front.console.aside.page((line(_promise(found, emergency=emergency), "bold"),))
            confirm(front.console, session.pair.name)
        return conduct(
            front,
            session,
            lambda watchers, controls: resume_run(
                session,
                found.run,
                mode=mode,
                reason=reason,
                overrides=named,
                watchers=watchers,
                controls=controls,
            ),
            asks=not yes,
        )


def _check_reason(what: str | None, *, emergency: bool, reason: str) -> None:
    from orchestrator.errors import UsageError

    if emergency and not reason.strip():
        raise UsageError(
            "--emergency wants a reason: it is what the audit journal will say.",
            next_steps=(
                f"hamr resume{f' {shlex.quote(what)}' if what else ''} --emergency --reason 'us1 is down, INC-1234'",
            ),
        )


def _promise(found: Resumable, *, emergency: bool) -> str:
    """What will happen, in a sentence."""
    run = found.run
    if run is None or run.started is None:
        return f"This delivers what is owed: {found.words}. One write, after both orgs were read again."
    alone = " with the survivor alone" if emergency else ""
    return (
        f"This takes up run {run.run} of {run.by}@{run.host} again, to {run.started.goal}{alone}: "
        "both orgs are read, and the transitions that are left are made."
    )

"""`hamr adopt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("pair")
@click.option(
    "--truth",
    type=click.Choice(["primary", "secondary"]),
    required=True,
    metavar="ORG",
    help="primary or secondary: the org that is right: the other one is told what it shows.",
)
@options.required_reason
@options.override
@options.yes
@options.takes(*options.LOOKING)
def adopt(  # noqa: PLR0917 - click passes each flag by its name
    opening: Opening, pair: str, truth: str, reason: str, overrides: tuple[str, ...], yes: bool
) -> ExitCode:
    """Make a diverged pair agree, by the org that is right.

    Shows where the pair stands, wants its name typed, and writes the other org once: checked, journalled and read
    back like any other write. It asks no guard; --override reverted=REASON goes on from an org that was put back to
    an older record than the journal has seen of it.
    """
    from orchestrator.model.status import Role
    from orchestrator.operations.adopt import adopt as adopt_truth
    from orchestrator.operations.adopt import check_overrides
    from orchestrator.operations.locking import refuse_held
    from orchestrator.operations.standing import stand
    from orchestrator.report.layout import line
    from orchestrator.report.status import standing_page

    from .conduct import conduct
    from .prompt import confirm, require_somebody, require_text
    from .requests import overrides_from
    from .signals import supervised

    front, right = opening.front, Role(truth)
    require_text("--reason", reason)
    named = overrides_from(overrides)
    check_overrides(named)
    if not yes:
        require_somebody(opening.front.typed)
    with opening.session(pair, writes=True) as session:
        if not yes:
            refuse_held(session, take_over=True)
            standing = supervised(stand(session), front.console)
            shows = standing.readings[right].status
            said = f"what {session.pair[right]} shows" + ("" if shows is None else f", {shows}")
            front.console.aside.page((*standing_page(standing, session.playbook), line()))
            front.console.aside.page(
                (line(f"This tells {session.pair[right.other]} {said}, in one write.", "bold"),)
            )
            confirm(front.console, session.pair.name)
        return conduct(
            front,
            session,
            lambda watchers, controls: adopt_truth(
                session, right, reason, overrides=named, watchers=watchers, controls=controls
            ),
        )

"""`hamr doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from . import options
from .front import Front
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import HamrError
    from orchestrator.journal import SqliteStore
    from orchestrator.model.readiness import NagiosCode


class NagiosVerb(click.Command):
    """A verb that speaks Nagios from its first argument on: what it cannot even begin with is UNKNOWN, exit code 3."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Take over how errors are told, those of the command line included."""
        front = None if parent is None else parent.obj
        if isinstance(front, Front):
            front.tell_error = lambda error: _told(front, error)
        return super().make_context(info_name, args, parent, **extra)


def _told(front: Front, error: HamrError) -> int:
    from orchestrator.model.readiness import NagiosCode
    from orchestrator.report.doctor import could_not_look_json, could_not_look_line, could_not_look_page
    from orchestrator.report.layout import line

    console = front.console
    console.err.page(could_not_look_page(error))
    if front.json:
        console.document(could_not_look_json(error))
    else:
        console.out.page((line(could_not_look_line(error), "warn"),))
    return NagiosCode.UNKNOWN


@click.command(cls=NagiosVerb)
@click.argument("pair", required=False)
@click.option("--verbose", "-v", is_flag=True, help="Say in full what is well, too.")
@click.option(
    "--nagios",
    is_flag=True,
    help="Print one line, with the round-trip times behind a | as Nagios reads them.",
)
@options.takes(*options.LOOKING)
def doctor(opening: Opening, pair: str | None, verbose: bool, nagios: bool) -> NagiosCode:
    """Find out whether a pair is ready, for a planned run and for an emergency.

    Without PAIR, every pair of the inventory. Safe at any time: sends nothing but GETs, runs no hook, writes nothing
    anywhere and takes no lock. Command probes are run. Exits as Nagios plugins do: 0 OK, 1 WARNING, 2 CRITICAL,
    3 UNKNOWN, the worst verdict of either column; a command line or a file that cannot be right is UNKNOWN, too.
    """
    from orchestrator.doctor import examine
    from orchestrator.operations.session import Session
    from orchestrator.report.doctor import doctor_code, doctor_json, doctor_page, nagios_line

    from .signals import supervised

    pairs = opening.inventory().pairs if pair is None else (opening.pair(pair),)
    playbook = opening.load_playbook()
    console = opening.front.console
    with _journal(opening) as (store, unopened):
        sessions: list[Session] = []
        for each in pairs:
            with opening.session(each, writes=False, playbook=playbook, store=store) as session:
                sessions.append(session)
        found = supervised(examine(sessions, unopened=unopened), console)
    if nagios and not console.json:
        console.out.text(nagios_line(found) + "\n")
    else:
        console.facts(doctor_page(found, everything=verbose), doctor_json(found))
    return doctor_code(found)


@contextmanager
def _journal(opening: Opening) -> Iterator[tuple[SqliteStore, HamrError | None]]:
    """The journal; or an empty one and the reason, where it cannot be opened: the orgs are asked all the same."""
    import os

    from orchestrator.errors import JournalDamaged, JournalUnavailable
    from orchestrator.journal import SqliteStore, default_place
    from orchestrator.system.clock import SystemClock

    unopened: HamrError | None = None
    try:
        opening.listen()
        store = SqliteStore.open(
            default_place(opening.journal, os.environ), create=False, now=SystemClock().now
        )
    except (JournalUnavailable, JournalDamaged) as error:
        unopened = error
        store = SqliteStore.nothing(default_place(opening.journal, os.environ), now=SystemClock().now)
    with store:
        yield store, unopened

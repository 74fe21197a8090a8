"""`hamr readiness`: what is ready, since when, and what got worse; out of the journal alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .invocation import Invocation

if TYPE_CHECKING:
    from orchestrator.fleet.selection import Selection

LONGEST = 3660


@click.command()
@options.selection
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST),
    default=7,
    show_default=True,
    help="Of how many days doctor's looks are read.",
)
@options.file("--html", "Write one self-contained page with a drawing of each pair's time; - for stdout.")
@options.file(
    "--metrics", "Write the same as Prometheus' text format, for a textfile collector; - for stdout."
)
@options.takes("pairs", "playbook", "journal", "json", "log_format", "log_level")
def readiness(
    invocation: Invocation, which: Selection, days: int, html: str | None, metrics: str | None
) -> None:
    """Show how ready pairs are and were, and what got worse.

    Of these pairs, or of all. Reads what hamr doctor, drills, runs and hamr prove --record have left in
    the journal, drills on the simulator wherever they are kept; asks no org and no key, and writes nothing but FILE.
    Exits with 0 whatever it shows: hamr doctor is what alarms.
    """
    from datetime import UTC, datetime, timedelta

    from msgspec.structs import replace

    from orchestrator.fleet.readiness import read_readiness
    from orchestrator.fleet.selection import select
    from orchestrator.report.readiness import readiness_json, readiness_page

    from .output_files import METRICS, PAGE, STDOUT, refuse_misplaced_files, write_file

    refuse_misplaced_files({PAGE: html, METRICS: metrics}, {"--json": invocation.json})
    sources = invocation.sources
    everything = which.everything or not (which.names or which.labels)
    names = [pair.name for pair in select(sources.inventory(), replace(which, everything=everything))]
    playbook, now = invocation.load_playbook(), datetime.now(UTC)
    since = now - timedelta(days=days)
    with (
        invocation.store(writes=False) as store,
        invocation.store(writes=False, sources=sources.beside) as beside,
    ):
        found = read_readiness(store, beside, names, playbook, since=since, now=now)
    if metrics is not None:
        from orchestrator.fleet.metrics import registry_of, text_of

        write_file(invocation, text_of(registry_of(found)).decode(), metrics, METRICS)
    if html is not None:
        from orchestrator.report.html import readiness_html

        write_file(invocation, readiness_html(found), html, PAGE)
    if STDOUT not in (html, metrics):
        invocation.console.facts(readiness_page(found), readiness_json(found, store.place))

"""`hamr readiness`: what is ready, since when, and what got worse; out of the journal alone."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.errors import ExitCode

from . import completion, options
from .invocation import Invocation

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
@click.option(
    "--html",
    metavar="FILE",
    shell_complete=completion.files,
    help="Write one self-contained page with a drawing of each pair's time; - for stdout.",
)
@click.option(
    "--metrics",
    metavar="FILE",
    shell_complete=completion.files,
    help="Write the same as Prometheus' text format, for a textfile collector; - for stdout.",
)
@options.takes("pairs", "playbook", "journal", "json", "log_format", "log_level")
def readiness(  # noqa: PLR0917 - click passes each flag by its name
    invocation: Invocation,
    names: tuple[str, ...],
    labels: tuple[str, ...],
    everything: bool,
    days: int,
    html: str | None,
    metrics: str | None,
) -> ExitCode:
    """Show how ready pairs are and were, and what got worse.

    Of these pairs, or of all. Reads what hamr doctor, drills, runs and hamr prove --record have left in
    the journal, drills on the simulator wherever they are kept; asks no org and no key, and writes nothing but FILE.
    Exits with 0 whatever it shows: hamr doctor is what alarms.
    """
    from datetime import UTC, datetime, timedelta

    from orchestrator.errors import UsageError
    from orchestrator.fleet.readiness import read_readiness
    from orchestrator.fleet.selection import Selection, select
    from orchestrator.report.readiness import readiness_json, readiness_page

    from .output_files import METRICS, PAGE, STDOUT, refuse_misplaced, written_whole

    console = invocation.console
    wanted = [(where, kind) for where, kind in ((html, PAGE), (metrics, METRICS)) if where is not None]
    if [where for where, _ in wanted].count(STDOUT) + console.json > 1:
        raise UsageError(
            "--json, --html - and --metrics -: stdout takes one of them. Give the others a file."
        )
    for where, kind in wanted:
        if where != STDOUT:
            refuse_misplaced(Path(where), kind)
    sources = invocation.sources
    meant = Selection(names, labels, everything or not (names or labels))
    pairs = select(sources.inventory(), meant)
    playbook, now = invocation.load_playbook(), datetime.now(UTC)
    since = now - timedelta(days=days)
    with (
        invocation.store(writes=False) as store,
        invocation.store(writes=False, sources=sources.beside) as beside,
    ):
        found = [
            *read_readiness(store, beside, [pair.name for pair in pairs], playbook, since=since, now=now)
        ]
    texts: list[tuple[str, bytes]] = []
    if metrics is not None:
        from orchestrator.fleet.metrics import registry_of, text_of

        texts.append((metrics, text_of(registry_of(found))))
    if html is not None:
        from orchestrator.report.html import readiness_html

        texts.append((html, readiness_html(found).encode()))
    for where, text in texts:
        kind = METRICS if where is metrics else PAGE
        if where == STDOUT:
            console.out.text(text.decode())
            continue
        with written_whole(Path(where), kind) as file:
            file.write(text)
        console.note(f"{kind.what[:1].upper()}{kind.what[1:]} of readiness: {where}.")
    if STDOUT not in (html, metrics):
        console.facts(readiness_page(found), readiness_json(found, store.place))
    return ExitCode.DONE

"""`hamr report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode
    from orchestrator.journal import SqliteStore
    from orchestrator.model.events import RunStarted
    from orchestrator.model.journal import Record
    from orchestrator.model.playbook import Playbook
    from orchestrator.report.story import Story

STDOUT = "-"
"""In the place of a file."""


@click.command()
@click.argument("run")
@click.option(
    "--html", metavar="FILE", help="Write one self-contained page, to be opened in a browser; - for stdout."
)
@click.option("--junit", metavar="FILE", help="Write JUnit XML, one case for each check; - for stdout.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a ticket.")
@options.takes(*options.READING)
def report(opening: Opening, run: str, html: str | None, junit: str | None, markdown: bool) -> ExitCode:
    """Show what a run or a drill did, and what is left to do.

    Made from the journal alone, for drills and real runs alike: whether it worked, how long it took, every guard,
    request and answer, and how to verify it. RUN is the id of a run, or of a drill with all its runs. With --html or
    --junit, nothing else is printed unless --markdown or --json asks for it.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.report.markdown import markdown as as_markdown
    from orchestrator.report.story_document import story_json
    from orchestrator.report.story_page import story_page

    front = opening.front
    _one_on_stdout(html, junit, markdown=markdown, json=front.json)
    with opening.store(writes=False) as store:
        story = _story(store, run, opening.journal or "")
    _write_html(opening, story, html)
    _write_junit(opening, story, junit)
    if markdown:
        front.console.out.text(as_markdown(story))
    elif front.json:
        front.console.document(story_json(story))
    elif html is None and junit is None:
        front.console.out.page(story_page(story))
    return ExitCode.DONE


def _one_on_stdout(html: str | None, junit: str | None, *, markdown: bool, json: bool) -> None:
    from orchestrator.errors import UsageError

    wanted = {
        "--html -": html == STDOUT,
        "--junit -": junit == STDOUT,
        "--markdown": markdown,
        "--json": json,
    }
    named = [option for option, is_wanted in wanted.items() if is_wanted]
    if len(named) > 1:
        raise UsageError(
            f"{' and '.join(named)} would all print on stdout: choose one of them, and give the others a file."
        )


def _story(store: SqliteStore, subject: str, journal: str) -> Story:
    """The story of a run or a drill.

    Raises:
        UsageError: the journal knows neither.
    """
    from orchestrator.api.finding import all_histories, run_named
    from orchestrator.report.telling import story_of

    records = _records(store, subject)
    if not records:
        run_named(all_histories(store), subject, store)
    return story_of(subject, records, store.head(), playbook_of=_playbook_of, journal=journal)


def _records(store: SqliteStore, subject: str) -> list[Record]:
    """The subject's own records, those of a drill's runs, and what says whether a debt was settled since."""
    from orchestrator.model.events import OwedSettled, RunStarted

    found = {record.seq: record for record in (store.records(run=subject) if subject else ())}
    if not found:
        return []
    pair = next(iter(found.values())).pair
    after = min(found)
    for record in store.records(pair=pair, kinds=(RunStarted.kind, OwedSettled.kind), after=after):
        found[record.seq] = record
        if record.kind == RunStarted.kind and record.data.get("drill") == subject:
            found |= {each.seq: each for each in store.records(run=record.run)}
    return [found[seq] for seq in sorted(found)]


def _playbook_of(started: RunStarted) -> Playbook | None:
    """The playbook that a run began with, where this version can still read it."""
    from orchestrator.documents import parse_playbook
    from orchestrator.errors import DocumentError

    try:
        return parse_playbook(started.playbook_text, started.playbook)
    except DocumentError:
        return None


def _write_html(opening: Opening, story: Story, where: str | None) -> None:
    if where is None:
        return
    from orchestrator.report.html import page

    _write(opening, page(story), where, what="the page", option="--html")


def _write_junit(opening: Opening, story: Story, where: str | None) -> None:
    if where is None:
        return
    from orchestrator.report.junit import junit

    _write(opening, junit(story), where, what="the JUnit file", option="--junit")


def _write(opening: Opening, text: str, where: str, *, what: str, option: str) -> None:
    """To a file, whole or not at all, or to stdout; without keys either way."""
    from .output_file import written_whole

    front = opening.front
    if where == STDOUT:
        front.console.out.text(text)
        return
    with written_whole(Path(where), what=what, option=option) as file:
        file.write(front.redactor.clean(text).encode())
    front.console.note(f"{what[:1].upper()}{what[1:]} is in {where}.")

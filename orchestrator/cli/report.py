"""`hamr report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening
from .story_files import STDOUT, broken_chain, refuse_misplaced_files, story_told, write_html, write_junit

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


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
    --junit, nothing else is printed unless --markdown or --json asks for it. The journal's whole chain is verified:
    where it does not hold, this says so on stderr, and ends with 9.
    """
    from msgspec.structs import replace

    from orchestrator.errors import ExitCode
    from orchestrator.report.markdown import markdown as as_markdown
    from orchestrator.report.run_report import report_json, report_page

    front = opening.front
    _one_on_stdout(html, junit, markdown=markdown, json=front.json)
    refuse_misplaced_files(html, junit)
    with opening.store(writes=False) as store:
        story = story_told(store, run, opening.journal or "")
        broken = broken_chain(store)
        story = replace(story, broken=broken)
    write_html(opening, story, html)
    write_junit(opening, story, junit)
    if markdown:
        front.console.out.text(as_markdown(story))
    elif front.json:
        front.console.document(report_json(story))
    elif html is None and junit is None:
        front.console.out.page(report_page(story))
    if broken is None:
        return ExitCode.DONE
    front.console.note(story.warning, "bad")
    return ExitCode.JOURNAL_DAMAGED


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

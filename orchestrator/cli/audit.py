"""`hamr audit verify | export | head`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode
    from orchestrator.journal import SqliteStore
    from orchestrator.model.plain import JSON


@click.group()
def audit() -> None:
    """Verify the journal, export it, or print its head.

    The journal is a chain: each record carries the hash of the one before. docs/reference/journal.md says what that
    shows, and what it cannot show.
    """


@audit.command()
@click.option(
    "--anchor",
    metavar="SEQ:HASH",
    help="A head that was copied elsewhere, as hamr audit head prints it: the journal has to contain it still.",
)
@options.takes(*options.READING)
def verify(opening: Opening, anchor: str | None) -> ExitCode:
    """Check every record's hash, and that each follows on the one before.

    Exits with 9 where one does not, and names the first.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.journal import check_anchor, parse_anchor
    from orchestrator.model.journal import Verified
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Span, line

    head = None if anchor is None else parse_anchor(anchor)
    with _existing(opening) as store:
        found = store.verify() if head is None else check_anchor(store, head)
    console = opening.front.console
    kept: JSON = None if head is None else {"seq": head.seq, "hash": head.hash}
    if isinstance(found, Verified):
        anchored = "" if head is None else f" The head {head.seq} that was kept elsewhere is in it."
        console.facts(
            (
                (
                    Span("The chain holds", "good"),
                    Span(f": {found.records:,} records in {store.place}.{anchored}"),
                ),
                line(f"head {found.head}"),
            ),
            document(
                "hamr/verification/1",
                {
                    "holds": True,
                    "records": found.records,
                    "head": {"seq": found.head.seq, "hash": found.head.hash},
                    "anchor": kept,
                    "journal": store.place,
                },
            ),
        )
        return ExitCode.DONE
    console.facts(
        (
            (Span("The chain is BROKEN", "bad"), Span(f" at record {found.seq} of {store.place}:")),
            line(f"  {found.reason}."),
            line(
                f"The {found.good:,} records before it hold. Keep the file as it is, and find a copy to compare with."
            ),
        ),
        document(
            "hamr/verification/1",
            {
                "holds": False,
                "first_bad": found.seq,
                "reason": found.reason,
                "good": found.good,
                "anchor": kept,
                "journal": store.place,
            },
        ),
    )
    return ExitCode.JOURNAL_DAMAGED


@audit.command()
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write to a file, in the place of stdout."
)
@options.takes("journal", "log_format", "log_level")
def export(opening: Opening, out: Path | None) -> ExitCode:
    """Print all records, each as one line of canonical JSON.

    docs/reference/journal.md has a checker of a dozen lines for them. For a copy that has to be whole, use --out: it
    fails where the file cannot be written, while a stdout that takes nothing any more is only said on stderr.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.journal import export as write_records

    from .output_file import EXPORT, written_whole

    console = opening.front.console
    with _existing(opening) as store:
        if out is None:
            with console.out.binary() as stdout:
                write_records(store, stdout)
            return ExitCode.DONE
        with written_whole(out, EXPORT) as file:
            count = write_records(store, file)
    console.note(f"{count:,} records are in {out}.")
    return ExitCode.DONE


@audit.command()
@options.takes(*options.READING)
def head(opening: Opening) -> ExitCode:
    """Print the newest record's number and hash, as SEQ:HASH.

    Copied elsewhere, it anchors all records up to it: hamr audit verify --anchor SEQ:HASH.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.report.documents import document
    from orchestrator.report.layout import line

    with _existing(opening) as store:
        newest = store.head()
    opening.front.console.facts(
        (line(str(newest)),), document("hamr/head/1", {"seq": newest.seq, "hash": newest.hash})
    )
    return ExitCode.DONE


@contextmanager
def _existing(opening: Opening) -> Iterator[SqliteStore]:
    """The journal, an older hamr's too, which has to be there: an auditor must not be told that an empty one holds."""
    import os

    from orchestrator.api.journal import require_existing
    from orchestrator.journal import SqliteStore, default_place
    from orchestrator.system.clock import SystemClock

    opening.listen()
    place = default_place(opening.journal, os.environ)
    with SqliteStore.open(place, create=False, older=True, now=SystemClock().now) as store:
        require_existing(store)
        yield store

"""Files that a verb writes: for their owner alone, whole or not at all, and over nothing that is not of their kind."""

from __future__ import annotations

import errno
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO

from msgspec import Struct

from orchestrator.errors import PreparationError, UsageError
from orchestrator.model import next_step
from orchestrator.model.words import capital

from .invocation import Invocation

_DATABASE = b"SQLite format 3\x00"
"""How a journal begins."""
_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database, under the same name; the last two are an older hamr's."""


STDOUT = "-"
"""In the place of a file's name."""

_BEGINNING = 65_536
"""Bytes of a file in which its kind shows."""


class Kind(Struct, frozen=True):
    """What a verb writes, and how a file of that kind is known: only such a one may be replaced."""

    what: str
    """For messages: the plan."""
    mark: bytes
    """Stands in the first bytes of every file of the kind, and of no other."""
    option: str = "--out"
    """Which one names the file, for messages."""
    mode: int = 0o600
    """Whom it is for: others than its owner read what a collector reads."""


PLAN = Kind("the plan", b'"schema": "hamr/plan-file/')
PAGE = Kind("the page", b'<meta name="generator" content="hamr">', "--html")
JUNIT = Kind("the JUnit file", b"<!-- made by hamr -->", "--junit")
PROOF = Kind("the proof", b'"schema": "hamr/proof/')
METRICS = Kind("the metrics file", b"# HELP hamr_ready ", "--metrics", mode=0o644)
SCENARIO = Kind("the scenario", b"# a scenario that hamr made of ")
EXPORT = Kind("the export", b'"prev":"0000000000000000000000000000000000000000000000000000000000000000"')


def refuse_misplaced(path: Path, kind: Kind) -> None:
    """Make sure that a file may be written there at all: over nothing of another kind, and where there is a folder.

    A UsageError where it is a folder, or something else stands there: a journal, an inventory, a playbook, any file; a
    PreparationError where its folder is not there, or cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"{kind.option} {path}: this is a folder, and {kind.what} needs the name of a file.")
    overwritten = f"{kind.what} would take its place"
    try:
        for each in (path, *(path.with_name(path.name.removesuffix(tail)) for tail in _BESIDE)):
            if each.is_file() and _beginning(each).startswith(_DATABASE):
                journal = "a journal stands there, or another database"
                raise UsageError(f"{kind.option} {path}: {journal}, and {overwritten}. Name another file.")
        if path.is_file():
            beginning = _beginning(path)
            if beginning and kind.mark not in beginning:
                other = f"a file stands there that is something else, and {overwritten}. It is left as it is"
                raise UsageError(
                    f"{kind.option} {path}: {other}. Name another file, or remove that one first."
                )
        if path.is_file() or not path.exists():  # a device is written to directly
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise _unwritable(path, error, kind) from error


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_BEGINNING)


def _unwritable(path: Path, error: OSError, kind: Kind) -> PreparationError:
    words = (error.strerror or str(error)).lower()
    folder = shlex.quote(str(path.parent))
    look = next_step.shell(f"mkdir -p {folder}", "make its folder")
    if path.parent.exists() and error.errno == errno.ENOSPC:
        look = next_step.shell(f"df -h {folder}", "see how full that disk is")
    elif path.parent.exists() and error.errno == errno.EROFS:
        look = next_step.shell(f"findmnt -T {folder}", "see how it is mounted")
    elif path.parent.exists():
        look = next_step.shell(f"ls -ld {folder}", "see who may write there")
    said = f"{kind.option} {path}: {kind.what} cannot be written there: {words}. Name another file, or see to its folder."
    return PreparationError(said, next_steps=(look,))


@contextmanager
def written_whole(path: Path, kind: Kind) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its name only when all of it is on the disk, in the mode of its kind.

    What stood there before is replaced, where it is of the same kind. A device or a pipe is written to directly. Errors
    are those of `refuse_misplaced`.
    """
    refuse_misplaced(path, kind)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as device:
                yield device
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), kind.mode)
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error, kind) from error


def refuse_misplaced_files(
    files: Mapping[Kind, str | None], printed: Mapping[str, bool] = MappingProxyType({})
) -> None:
    """Make sure that all these files can be written, before there is anything to write; None for one that is not wanted.

    `printed` is what else may go to stdout, by its option, and whether that is wanted. Errors are those of
    `refuse_misplaced`, and a UsageError where two are the same file or both go to stdout.
    """
    on_stdout = [f"{kind.option} -" for kind, where in files.items() if where == STDOUT]
    on_stdout += [option for option, is_wanted in printed.items() if is_wanted]
    if len(on_stdout) > 1:
        raise UsageError(
            f"{' and '.join(on_stdout)} would all print on stdout: choose one of them, and give the others a file."
        )
    named = {kind: Path(where) for kind, where in files.items() if where not in (None, STDOUT)}
    for kind, path in named.items():
        refuse_misplaced(path, kind)
    if len({path.resolve() for path in named.values()}) < len(named):
        options = " and ".join(kind.option for kind in named)
        same = next(iter(named.values()))
        raise UsageError(f"{options} name the same file, {same}: give each a name of its own.")


def save(text: str, path: Path, kind: Kind) -> None:
    """Write a text to a file, as `written_whole`."""
    with written_whole(path, kind) as file:
        file.write(text.encode())


def write_file(invocation: Invocation, text: str, where: str, kind: Kind) -> None:
    """To a file, whole or not at all, or to stdout; without keys either way."""
    if where == STDOUT:
        invocation.console.out.text(text)
        return
    save(invocation.redactor.clean(text), Path(where), kind)
    invocation.console.note(f"{capital(kind.what)} is in {where}.")

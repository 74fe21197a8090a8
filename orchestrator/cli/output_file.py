"""Files that a verb writes: for their owner alone, and whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from orchestrator.errors import PreparationError, UsageError


@contextmanager
def written_whole(path: Path, *, what: str, option: str = "--out") -> Iterator[IO[bytes]]:
    """A file to write to, which takes its name only when all of it is on the disk; mode 0600.

    What stood there before is replaced. A device or a pipe is written to directly.

    Args:
        path: its name.
        what: for messages: "the plan".
        option: which one named the file, for messages.

    Raises:
        UsageError: it is a folder.
        PreparationError: it cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{option} {path}: this is a folder, and {what} needs the name of a file.")
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
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise PreparationError(
            f"{option} {path}: {what} cannot be written there: {words}.",
            next_steps=(f"{option} FILE   # somewhere else",),
        ) from error

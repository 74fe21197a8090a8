"""A file's text, or one clear sentence about why there is none."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import DocumentError, Problem

LARGEST = 1_000_000
"""Bytes of a file that is read; the largest inventory that anybody needs is a tenth of it."""


def read_text(path: Path) -> str:
    """The UTF-8 text of a file of at most a megabyte; pipes are read too.

    Raises:
        DocumentError: it is missing, a directory, unreadable, too large, binary, or not UTF-8.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise _refused(file, "there is no such file") from None
    except IsADirectoryError:
        raise _refused(file, "this is a directory, and a file is wanted") from None
    except PermissionError:
        raise _refused(file, "permission to read it is denied") from None
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else None
        raise _refused(file, f"it cannot be read ({(words or str(error)).lower()})") from None
    if len(content) > LARGEST:
        raise _refused(file, f"it is larger than {LARGEST:,} bytes: is it the right file?")
    if not content.strip():
        raise _refused(file, "the file is empty")
    if b"\0" in content:
        raise _refused(file, "this is a binary file (or UTF-16), and a YAML text in UTF-8 is wanted")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        raise _refused(file, "this is not UTF-8 text from here on", line, column) from None


def _refused(file: str, message: str, line: int = 0, column: int = 0) -> DocumentError:
    return DocumentError([Problem(file, line, column, message)])

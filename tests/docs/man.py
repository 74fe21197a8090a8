"""The manual page, of every command's own help: `python -m tests.docs.man > hamr.1`."""

from __future__ import annotations

import sys

from orchestrator import __version__

from .commands import helps


def page() -> str:
    """The page, for `man -l hamr.1`."""
    sections = (
        f'.SH "{"SYNOPSIS" if command == "hamr" else command}"\n.nf\n{_escaped(text)}.fi\n'
        for command, text in helps().items()
    )
    return (
        f'.TH HAMR 1 "" "hamr {__version__}"\n.SH NAME\n'
        "hamr \\- fail a pair of Datadog orgs over to the other region, and bring it home again\n"
        + "".join(sections)
    )


def _escaped(text: str) -> str:
    r"""As roff reads it: a backslash is \e, a hyphen that may be typed \-, and no line begins with a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "".join(f"\\&{line}\n" if line[:1] in {".", "'"} else f"{line}\n" for line in plain.splitlines())


if __name__ == "__main__":
    sys.stdout.write(page())

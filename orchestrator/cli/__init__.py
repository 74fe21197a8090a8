"""The command `hamr`: one file per verb, loaded when the verb is used; deciding happens in the layers above.

`group` dispatches and ends every command, `options` and `opening` turn flags into a Session, `console` alone prints,
`prompt` alone asks, `signals` alone listens to Ctrl-C, `failures` turns what went wrong into words and an exit code.
"""

from __future__ import annotations

from .group import hamr

__all__ = ["hamr", "main"]


def main() -> None:
    """Run the command line of this process, and exit with its code."""
    hamr.main(prog_name="hamr")

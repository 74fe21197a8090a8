"""Where the journal is, when nobody says so, and what a person may say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.errors import UsageError


def default_place(option: str | None, environ: Mapping[str, str]) -> Path:
    """The journal's file: `--journal`, else HAMR_JOURNAL, else `~/.local/state/hamr/journal.db`.

    XDG_STATE_HOME replaces `~/.local/state` where it is an absolute path, as the XDG base directory
    specification asks.

    Args:
        option: what stood after `--journal`, or None.
        environ: the process's environment.

    Raises:
        UsageError: it is not a path, or names a kind of journal that does not exist yet.
    """
    if option is not None:
        return _path(option, "--journal", environ)
    if environ.get("HAMR_JOURNAL"):
        return _path(environ["HAMR_JOURNAL"], "HAMR_JOURNAL", environ)
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = _home(environ) / ".local" / "state"
    return state / "hamr" / "journal.db"


def _path(text: str, source: str, environ: Mapping[str, str]) -> Path:
    advice = [f"{source}{' ' if source.startswith('--') else '='}~/.local/state/hamr/journal.db"]
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() in ("postgresql", "postgres"):
        raise UsageError(
            f"{source} names a PostgreSQL journal: a journal that a team shares comes later."
            " For now the journal is a file on this machine.",
            next_steps=advice,
        )
    if separator:
        raise UsageError(
            f"{source} wants the path of a file, not an address that begins with {scheme}://.",
            next_steps=advice,
        )
    if not text.strip() or "\0" in text:
        raise UsageError(f"{source} wants the path of a file, and got {text!r}.", next_steps=advice)
    if text == "~" or text.startswith("~/"):
        return _home(environ) / text[2:]
    return Path(text)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()

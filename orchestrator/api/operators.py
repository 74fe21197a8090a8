"""Who is at the keyboard: `--operator`, HAMR_OPERATOR, or the login name and this machine's name."""

from __future__ import annotations

import getpass
import re

from orchestrator.errors import UsageError
from orchestrator.journal import host_name
from orchestrator.model.run import Operator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def operator_named(text: str | None) -> Operator:
    """The operator that a text names: NAME@HOST, or NAME on this machine; None is whoever is logged in here.

    It becomes a part of `modified_by` in every record that is written (NAME+hamr-RUN-ATTEMPT@HOST), so only
    characters that are safe in an address are taken.

    Raises:
        UsageError: it holds others.
    """
    if text is None:
        return Operator(_fitting(_login(), "unknown"), _fitting(host_name(), "localhost"))
    name, at, host = text.partition("@")
    if not at:
        host = _fitting(host_name(), "localhost")
    if _NAME.fullmatch(name) is None or _HOST.fullmatch(host) is None:
        raise UsageError(
            f"--operator {text[:100]!r}: NAME or NAME@HOST is wanted, of letters, digits, dots and hyphens "
            "(in NAME underscores too), since it goes into the records that are written.",
            next_steps=("--operator alice@laptop",),
        )
    return Operator(name, host)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return ""


def _fitting(text: str, otherwise: str) -> str:
    """A name that the system gave, made fit for an address."""
    return _UNFIT.sub("-", text).strip("._-")[:63] or otherwise

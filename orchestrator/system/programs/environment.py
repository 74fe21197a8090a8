"""What a program is given of our environment: all of it but keys; and whether a program is there at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping

from orchestrator.model.org import Pair
from orchestrator.system.redaction import Redactor

DATADOG_VARIABLES: frozenset[str] = frozenset(
    {"DD_API_KEY", "DD_APP_KEY", "DD_APPLICATION_KEY", "DATADOG_API_KEY", "DATADOG_APP_KEY"}
)
"""Where Datadog's own tools look for keys; ours stay away from there."""


def key_variables(pair: Pair) -> frozenset[str]:
    """The environment variables that the inventory names as keys: this pair's, and every other pair's."""
    return pair.own_keys | pair.all_keys


def environment_without_keys(
    environ: Mapping[str, str], redactor: Redactor, hidden: Iterable[str] = ()
) -> dict[str, str]:
    """The environment that a program may see (law 17).

    Left out are the variables that are named, those in which Datadog's tools look for keys, and any that holds a key
    which was fetched, whatever its name.
    """
    left_out = DATADOG_VARIABLES.union(hidden)
    return {
        name: value
        for name, value in environ.items()
        if name not in left_out and redactor.clean(value) == value
    }


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Where a program is that could be started; None where there is none.

    A name with a slash in it is looked up from the working directory, any other in PATH.
    """
    return shutil.which(name, path=os.pathsep.join(os.get_exec_path(dict(environ))))

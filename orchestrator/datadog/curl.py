"""The same request as a command that a person can paste, when everything else is broken."""

from __future__ import annotations

import json
import re
import shlex
from typing import assert_never

from orchestrator.model.org import CommandKey, EnvironmentKey, FileKey, KeyReference, Org
from orchestrator.model.reading import Request
from orchestrator.model.status import Role

MAX_TIME = 20
"""Seconds that curl may take."""

_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def curl(request: Request, org: Org) -> str:
    """A command for a POSIX shell that sends a request to an org, with its keys where the inventory has them.

    Keys from the environment stand there as `$VARIABLE`, those in files as `$(cat FILE)`. Those that a command prints
    stand as a variable that the person sets first; the shell says so where it is not set. The shell puts them
    on curl's command line, where other users of the same machine may see them while it runs.
    """
    words = [
        r"curl --fail-with-body --silent --show-error --write-out '\n'",
        f"--max-time {MAX_TIME}",
        f"--request {shlex.quote(request.method)}",
        f'--header "DD-API-KEY: {_shell(org.api_key, org.role, "API")}"',
        f'--header "DD-APPLICATION-KEY: {_shell(org.app_key, org.role, "APP")}"',
        "--header 'Accept: application/json'",
    ]
    if org.ca is not None:
        words.append(f"--cacert {shlex.quote(org.ca)}")
    if request.body is not None:
        words += [
            "--header 'Content-Type: application/json'",
            f"--data {shlex.quote(json.dumps(request.body))}",
        ]
    return " \\\n  ".join([*words, shlex.quote(request.url)])


def _shell(reference: KeyReference, role: Role, which: str) -> str:
    """What a shell puts a key in the place of, inside double quotes."""
    match reference:
        case EnvironmentKey(variable):
            # A variable of another name cannot be written with a dollar.
            return (
                f"${variable}"
                if re.fullmatch(_VARIABLE, variable)
                else f"$(printenv {shlex.quote(variable)})"
            )
        case FileKey(path):
            return f"$(cat {shlex.quote(path)})"
        case CommandKey(argv):
            # Its arguments stay in the inventory, whatever they are: this sheet may be passed around (law 17).
            program = re.sub(r"[^A-Za-z0-9_./-]", "?", argv[0])
            variable = f"{role.value.upper()}_{which}_KEY"
            return f"${{{variable}:?set it to what {program} prints, as pairs.yaml gives it}}"
    assert_never(reference)

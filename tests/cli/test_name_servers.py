"""Name servers that never answer: every command ends all the same, and hears Ctrl-C meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from orchestrator.model.status import Status

from .lab import Lab

HANGING = (
    "import socket, sys, time\n"
    "def never(*_, **__):\n"
    "    print('looking up', file=sys.stderr, flush=True)\n"
    "    time.sleep(60)\n"
    "socket.getaddrinfo = never\n"
    "from orchestrator.cli import main\n"
    "main()\n"
)
"""hamr in a process whose resolver answers nothing for a minute."""

LIMIT = 25
"""Seconds, generously: well before the resolver gives up."""


def hamr_process(lab: Lab, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HANGING, *args],
        env={**os.environ, **lab.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def by_name(lab: Lab, *roles: str) -> None:
    """Give orgs an address that has to be looked up."""
    pairs = lab.folder / "pairs.yaml"
    text = pairs.read_text()
    for role in roles:
        head, rest = text.split(f"    {role}:\n", 1)
        rest = re.sub(r"url: \S+", f"url: https://{role}.example", rest, count=1)
        text = f"{head}    {role}:\n{rest}"
    pairs.write_text(text)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        out, _ = process.communicate(timeout=LIMIT)
        code = process.returncode
    finally:
        process.kill()
        process.communicate()
    return code, out


def test_law_09_an_emergency_is_done_while_the_dead_orgs_name_servers_never_answer(lab: Lab) -> None:
    by_name(lab, "primary")
    code, out = ended(
        hamr_process(lab, "run", "sim", "--to", "ACTIVE", "--emergency", "--yes", "--reason", "it is dead")
    )
    assert code == 8, out
    assert lab.statuses()[1] is Status.ACTIVE


@pytest.mark.parametrize(("command", "expected"), [(("status", "sim"), 0), (("doctor", "sim"), 2)])
def test_looking_ends_while_name_servers_never_answer(
    lab: Lab, command: tuple[str, ...], expected: int
) -> None:
    by_name(lab, "primary", "secondary")
    code, out = ended(hamr_process(lab, *command))
    assert code == expected
    assert "no connection within" in " ".join(out.split())


def test_a_hanging_name_server_does_not_hold_up_ctrl_c(lab: Lab) -> None:
    by_name(lab, "primary", "secondary")
    process = hamr_process(lab, "status", "sim", "--watch")
    assert process.stderr is not None
    assert process.stderr.readline() == "looking up\n"
    process.send_signal(signal.SIGINT)
    code, _ = ended(process)
    assert code == 130

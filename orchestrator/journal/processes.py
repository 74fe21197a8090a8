"""Which process this is, and whether the process that took a lock is gone for certain.

A pid alone proves nothing: pids are given out again, and a container has its own. A host name proves nothing either way:
pods share one, and machines are renamed. So a process is told by its pid and a token of three parts: the boot that it runs
in, which no other machine and no later boot shares; its pid namespace; and its start time. On Linux the kernel tells all
three, on macOS `sysctl` tells the boot and `ps` the start. What cannot be proven counts as alive: a person then decides
(`hamr unlock`), and so after a restart of the machine.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from orchestrator.model.journal import Holder, Whereabouts

_PROC = Path("/proc")
_STATE_FIELD = 0
_START_FIELD = 19
"""Where state and starttime stand in /proc/PID/stat after the name: fields 3 and 22 (proc_pid_stat(5))."""


def host_name() -> str:
    """This machine's name, as locks, stamps and records carry it."""
    return socket.gethostname() or "localhost"


def this_process() -> tuple[int, str]:
    """The pid of this process and its token ("" where the system tells no start time)."""
    pid = os.getpid()
    return pid, _token(pid) or ""


def whereabouts(holder: Holder) -> Whereabouts:
    """What can be told from here of the process that holds a lock; GONE is for certain: this very boot, and it runs no more."""
    here, there = _parts(_token(os.getpid())), _parts(holder.process_started)
    if here is None or there is None or holder.pid <= 0 or here[0] != there[0]:
        return Whereabouts.ELSEWHERE
    if here[1] != there[1]:
        return Whereabouts.OTHER_NAMESPACE
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return Whereabouts.GONE
    except PermissionError:
        pass  # it exists, and is somebody else's
    except OverflowError:
        return Whereabouts.ELSEWHERE
    token = _token(holder.pid)
    if token is None:
        return Whereabouts.UNCERTAIN
    return (
        Whereabouts.GONE if token != holder.process_started or _has_exited(holder.pid) else Whereabouts.RUNS
    )


class ThisHost:
    """The machine that this process runs on: `orchestrator.model.protocols.Host`."""

    __slots__ = ()

    this_process = staticmethod(this_process)
    whereabouts = staticmethod(whereabouts)

    @property
    def name(self) -> str:
        """As `host_name`."""
        return host_name()


def _token(pid: int) -> str | None:
    stat = _stat(pid)
    if stat is None:
        return None if _PROC.joinpath("self", "stat").exists() else _as_sysctl_and_ps_tell(pid)
    try:
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = os.readlink(_PROC / "self" / "ns" / "pid")  # noqa: PTH115 - not a path, but `pid:[4026531836]`
    except OSError:
        return None
    return f"{boot} {namespace} {stat[_START_FIELD]}"


_NO_NAMESPACES = "ps"
"""What stands in the place of the pid namespace where the system has none."""


def _parts(token: str | None) -> tuple[str, str] | None:
    """A token's boot and pid namespace; None for one that tells no boot, as an older hamr wrote it where there is no /proc."""
    parts = (token or "").split(" ", 2)
    if len(parts) != 3 or not (parts[1].startswith("pid:") or parts[1] == _NO_NAMESPACES):  # noqa: PLR2004 - boot, namespace, start
        return None
    return parts[0], parts[1]


def _has_exited(pid: int) -> bool:
    """Whether it is a zombie: dead, and only not yet buried by its parent."""
    stat = _stat(pid)
    return stat is not None and stat[_STATE_FIELD] in ("Z", "X")


def _stat(pid: int) -> list[str] | None:
    try:
        text = _PROC.joinpath(str(pid), "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, parentheses too.
    return text.rpartition(")")[2].split()


def _as_sysctl_and_ps_tell(pid: int) -> str | None:
    boot = _output(["sysctl", "-n", "kern.bootsessionuuid"])
    start = _output(["ps", "-o", "lstart=", "-p", str(pid)])
    if boot is None or start is None or " " in boot:
        return None
    return f"{boot} {_NO_NAMESPACES} {start}"


def _output(command: list[str]) -> str | None:
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None

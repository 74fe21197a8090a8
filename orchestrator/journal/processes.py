"""Which process this is, and whether the process that took a lock is gone for certain.

A pid alone proves nothing: pids are given out again, and a container has its own. So a process is told by its
pid and a token: on Linux the boot, the pid namespace and the kernel's start time; elsewhere the start time
that `ps` prints. What cannot be proven counts as alive: a person then decides (`hamr unlock`).
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from orchestrator.model.journal import Holder

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


def provably_dead(holder: Holder, *, host: str) -> bool:
    """Whether a lock's holder is gone for certain: on this very host, and that process no longer runs.

    False means "alive, or nobody can tell from here".

    Args:
        holder: who holds the lock.
        host: this machine's name, as `host_name` gives it.
    """
    if holder.host != host or holder.pid <= 0:
        return False
    here, there = _boot_and_namespace(_token(os.getpid()) or ""), _boot_and_namespace(holder.process_started)
    if here is not None and there is not None:
        if here[0] != there[0]:
            return True  # the machine has been started anew since
        if here[1] != there[1]:
            return False  # another container's pids cannot be seen from here
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it exists, and is somebody else's
    except OverflowError:
        return False
    token = _token(holder.pid)
    if token is None or not holder.process_started:
        return False
    return token != holder.process_started or _has_exited(holder.pid)


def provably_alive(holder: Holder, *, host: str) -> bool:
    """Whether a lock's holder runs for certain: on this very host, and that very process.

    False means "gone, or nobody can tell from here". Arguments are those of `provably_dead`.
    """
    if holder.host != host or holder.pid <= 0 or not holder.process_started:
        return False
    return _token(holder.pid) == holder.process_started and not _has_exited(holder.pid)


class ThisHost:
    """The machine that this process runs on: `orchestrator.model.protocols.Host`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """As `host_name`."""
        return host_name()

    def this_process(self) -> tuple[int, str]:
        """As the function of that name."""
        return this_process()

    def provably_dead(self, holder: Holder) -> bool:
        """As the function of that name, seen from here."""
        return provably_dead(holder, host=host_name())


def _token(pid: int) -> str | None:
    stat = _stat(pid)
    if stat is None:
        return None if _PROC.joinpath("self", "stat").exists() else _start_as_ps_tells(pid)
    try:
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = os.readlink(_PROC / "self" / "ns" / "pid")  # noqa: PTH115 - not a path, but `pid:[4026531836]`
    except OSError:
        return None
    return f"{boot} {namespace} {stat[_START_FIELD]}"


def _boot_and_namespace(token: str) -> tuple[str, str] | None:
    parts = token.split(" ")
    return (parts[0], parts[1]) if len(parts) == 3 and parts[1].startswith("pid:") else None  # noqa: PLR2004 - boot id, pid namespace, start time


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


def _start_as_ps_tells(pid: int) -> str | None:
    try:
        answer = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None

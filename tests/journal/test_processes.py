"""Who is alive: pids, start times, boots, containers. A host name proves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.journal import host_name, processes, this_process, whereabouts
from orchestrator.model.journal import Holder, Whereabouts

from .conftest import holder

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its boots and pid namespaces")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def ours(pid: int | None = None, *, boot: str = "", namespace: str = "", start: str = "") -> Holder:
    """This process as a holder, or another one in its boot and namespace; or with another part in its token."""
    here, token = this_process()
    parts = token.split(" ", 2)
    token = " ".join((boot or parts[0], namespace or parts[1], start or parts[2]))
    return replace(holder(pid=here if pid is None else pid), process_started=token)


def test_this_process_is_told_by_its_pid_and_its_start() -> None:
    pid, token = this_process()
    assert pid == os.getpid()
    assert token != ""
    assert this_process() == (pid, token)


def test_the_host_has_a_name() -> None:
    assert host_name() != ""


def test_law_12_a_process_that_runs_is_alive() -> None:
    assert whereabouts(ours()) is Whereabouts.RUNS


def test_law_12_a_process_that_was_killed_is_dead_buried_or_not(child: subprocess.Popen[bytes]) -> None:
    token = processes._token(child.pid)
    assert token is not None
    gone = replace(holder(pid=child.pid), process_started=token)
    assert whereabouts(gone) is not Whereabouts.GONE
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has collected it yet
    assert whereabouts(gone) is Whereabouts.GONE
    child.wait()
    assert whereabouts(gone) is Whereabouts.GONE


def test_law_12_another_process_with_the_same_pid_is_not_the_holder() -> None:
    assert whereabouts(ours(start="1")) is Whereabouts.GONE


@pytest.mark.parametrize("name", ["laptop", "another-name", ""])
def test_law_12_a_host_name_proves_nothing_either_way(name: str) -> None:
    """A machine that was renamed finds its own dead lock; a pod of the same name is not taken for the dead one."""
    gone = replace(ours(2**22 + 1), host=name)
    assert whereabouts(gone) is Whereabouts.GONE
    assert whereabouts(replace(ours(), host=name)) is Whereabouts.RUNS
    pod = replace(ours(2**22 + 1, boot="00000000-0000-4000-8000-000000000000"), host=host_name())
    assert whereabouts(pod) is Whereabouts.ELSEWHERE


@linux
def test_law_12_a_process_of_another_boot_cannot_be_proven_dead() -> None:
    """Whether that was this machine before its restart, nobody can tell: a machine's id is shared by its clones."""
    before = ours(2**22 + 1, boot="00000000-0000-4000-8000-000000000000")
    assert whereabouts(before) is Whereabouts.ELSEWHERE


@linux
def test_law_12_a_process_of_another_container_cannot_be_proven_dead() -> None:
    elsewhere = ours(2**22 + 1, namespace="pid:[1]")
    assert whereabouts(elsewhere) is Whereabouts.OTHER_NAMESPACE


@linux
def test_law_12_from_within_another_pid_namespace_a_dead_holder_cannot_be_proven_dead(
    child: subprocess.Popen[bytes],
) -> None:
    token = processes._token(child.pid)
    child.kill()
    child.wait()
    script = (
        "import sys; from orchestrator.journal import whereabouts; from tests.journal.conftest import holder;"
        " from msgspec.structs import replace;"
        " print(whereabouts(replace(holder(pid=int(sys.argv[1])), process_started=sys.argv[2])).name)"
    )
    command = [
        "unshare",
        "-p",
        "-f",
        "--mount-proc",
        sys.executable,
        "-c",
        script,
        str(child.pid),
        str(token),
    ]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if answer.returncode != 0 and "unshare" in answer.stderr:
        pytest.skip("pid namespaces may not be made here")
    assert answer.stdout == "OTHER_NAMESPACE\n"


@pytest.mark.parametrize("token", ["", "Sun Nov 22 03:15:02 2026", "boot", "boot 1"])
def test_law_12_a_holder_whose_boot_nobody_knows_is_alive(token: str) -> None:
    unknown = replace(holder(pid=2**22 + 1), process_started=token)
    assert whereabouts(unknown) is Whereabouts.ELSEWHERE


@linux
def test_law_12_a_process_whose_start_is_hidden_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc mounted with hidepid shows a user no processes but their own."""
    seen = processes._stat

    def hides(pid: int) -> list[str] | None:
        return seen(pid) if pid == os.getpid() else None

    monkeypatch.setattr(processes, "_stat", hides)
    assert whereabouts(ours(os.getppid())) is Whereabouts.UNCERTAIN


@pytest.mark.parametrize("pid", [0, -1, 2**70])
def test_law_12_a_pid_that_is_none_proves_nothing(pid: int) -> None:
    assert whereabouts(ours(pid)) is not Whereabouts.GONE


def without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answers: dict[str, str]) -> None:
    """A machine that has no /proc, and says this instead."""

    def answer(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[0] not in answers:
            raise FileNotFoundError(command[0])
        return subprocess.CompletedProcess(command, 0, answers[command[0]], "")

    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr(subprocess, "run", answer)


BOOT = "3F2504E0-4F89-41D3-9A0C-0305E82C3301"
STARTED = "Sun Nov 22 03:15:02 2026"


def test_law_12_where_the_system_has_no_proc_sysctl_tells_the_boot_and_ps_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_proc(monkeypatch, tmp_path, {"sysctl": f"{BOOT}\n", "ps": f"{STARTED}\n"})
    token = f"{BOOT} ps {STARTED}"
    assert this_process() == (os.getpid(), token)
    mine = replace(holder(pid=os.getpid(), host="before-it-was-renamed"), process_started=token)
    assert whereabouts(mine) is Whereabouts.RUNS
    assert (
        whereabouts(replace(mine, process_started=f"{BOOT} ps Sat Nov 21 03:15:02 2026")) is Whereabouts.GONE
    )
    assert whereabouts(replace(mine, pid=2**22 + 1)) is Whereabouts.GONE
    assert (
        whereabouts(replace(mine, pid=2**22 + 1, process_started=f"OTHER ps {STARTED}"))
        is not Whereabouts.GONE
    )


@pytest.mark.parametrize("answers", [{}, {"ps": STARTED}, {"sysctl": BOOT}])
def test_law_12_where_the_boot_or_the_start_is_not_told_nothing_is_proven(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answers: dict[str, str]
) -> None:
    without_proc(monkeypatch, tmp_path, answers)
    assert this_process() == (os.getpid(), "")
    assert whereabouts(replace(holder(pid=2**22 + 1), process_started="")) is not Whereabouts.GONE
    assert whereabouts(replace(holder(pid=2**22 + 1), process_started=STARTED)) is not Whereabouts.GONE

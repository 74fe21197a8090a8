"""Who is alive: pids, start times, containers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.journal import host_name, processes, provably_dead, this_process

from .conftest import holder

HERE = "laptop"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_this_process_is_told_by_its_pid_and_its_start() -> None:
    pid, token = this_process()
    assert pid == os.getpid()
    assert token != ""
    assert this_process() == (pid, token)


def test_the_host_has_a_name() -> None:
    assert host_name() != ""


def test_law_12_a_process_that_runs_is_alive() -> None:
    pid, token = this_process()
    assert not provably_dead(replace(holder(pid=pid), process_started=token), host=HERE)


def test_law_12_a_process_that_was_killed_is_dead_buried_or_not(child: subprocess.Popen[bytes]) -> None:
    token = processes._token(child.pid)
    assert token is not None
    gone = replace(holder(pid=child.pid), process_started=token)
    assert not provably_dead(gone, host=HERE)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has collected it yet
    assert provably_dead(gone, host=HERE)
    child.wait()
    assert provably_dead(gone, host=HERE)
    assert provably_dead(replace(gone, process_started=""), host=HERE)


def test_law_12_another_process_with_the_same_pid_is_not_the_holder() -> None:
    pid, token = this_process()
    earlier = " ".join([*token.split(" ")[:-1], "1"])
    assert provably_dead(replace(holder(pid=pid), process_started=earlier), host=HERE)


def test_law_12_a_process_of_another_host_cannot_be_proven_dead() -> None:
    assert not provably_dead(holder(host="bastion", pid=2**22 + 1), host=HERE)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its boots and pid namespaces")
def test_law_12_a_process_from_before_the_machine_was_started_anew_is_dead() -> None:
    pid, token = this_process()
    before = " ".join(["another-boot", *token.split(" ")[1:]])
    assert provably_dead(replace(holder(pid=pid), process_started=before), host=HERE)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its boots and pid namespaces")
def test_law_12_a_process_of_another_container_cannot_be_proven_dead() -> None:
    _, token = this_process()
    boot, _, start = token.split(" ")
    elsewhere = replace(holder(pid=2**22 + 1), process_started=f"{boot} pid:[1] {start}")
    assert not provably_dead(elsewhere, host=HERE)


def test_law_12_a_holder_without_a_start_time_is_alive_while_anything_has_its_pid() -> None:
    assert not provably_dead(replace(holder(pid=os.getpid()), process_started=""), host=HERE)


@pytest.mark.parametrize("pid", [0, -1, 2**70])
def test_law_12_a_pid_that_is_none_proves_nothing(pid: int) -> None:
    _, token = this_process()
    assert not provably_dead(replace(holder(pid=pid), process_started=token), host=HERE)


def test_where_the_system_has_no_proc_the_start_time_is_what_ps_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def answer(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command == ["ps", "-o", "lstart=", "-p", str(os.getpid())]
        return subprocess.CompletedProcess(command, 0, "Sun Nov 22 03:15:02 2026\n", "")

    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr(subprocess, "run", answer)
    assert this_process() == (os.getpid(), "Sun Nov 22 03:15:02 2026")
    ours = replace(holder(pid=os.getpid()), process_started="Sun Nov 22 03:15:02 2026")
    assert not provably_dead(ours, host=HERE)
    assert provably_dead(replace(ours, process_started="Sat Nov 21 03:15:02 2026"), host=HERE)


def test_where_not_even_ps_is_there_nothing_is_known_and_nothing_is_proven(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("ps")

    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr(subprocess, "run", missing)
    assert this_process() == (os.getpid(), "")
    assert not provably_dead(holder(pid=os.getpid()), host=HERE)

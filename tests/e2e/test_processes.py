"""Real processes: the plug is pulled with kill -9, and somebody else takes the run up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import shipped_playbooks
from tests import processes
from tests.bench.regions import Served, regions

HAMR = str(Path(sys.executable).with_name("hamr"))


class Operator:
    """Somebody at a terminal, with `hamr` on the same machine and journal."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.folder = folder
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HAMR_")},
            "HAMR_PAIRS": str(served.inventory),
            "HAMR_JOURNAL": str(folder / "journal.db"),
            "HAMR_PLAYBOOK": str(folder / "quick.yaml"),
        }
        shipped = shipped_playbooks()["regional-failover"].read_text()
        quick = shipped
        for slow, fast in (
            ("within: 60s, every: 1s", "within: 2s, every: 50ms"),
            ("mirror_wait: 3s", "mirror_wait: 100ms"),
        ):
            assert slow in quick
            quick = quick.replace(slow, fast)
        (folder / "quick.yaml").write_text(quick)

        self._options: dict[str, Any] = {
            "env": environment,
            "cwd": folder,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The installed script, under way."""
        return subprocess.Popen([HAMR, *words], **self._options)

    def type(self, *words: str) -> tuple[int, str]:
        with processes.hamr(words, **self._options) as process:
            text, _ = process.communicate(timeout=60)
        return process.returncode, text

    def statuses(self) -> tuple[str, str]:
        code, text = self.type("status", "sim", "--json")
        assert code in (0, 7, 8), text
        document = json.loads(text)
        orgs = document["orgs"]
        return orgs["primary"]["reading"]["status"], orgs["secondary"]["reading"]["status"]


@pytest.fixture
def alice(tmp_path: Path) -> Iterator[Operator]:
    with regions(tmp_path) as served:
        yield Operator(served, tmp_path)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """The output up to the first line with these words."""
    seen = ""
    assert process.stdout is not None
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"never said {words!r}:\n{seen}")


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "last_words",
    [
        "Transition declare: PASSIVE → FAILOVER",
        "is told FAILOVER (attempt 1)",
        "accepted it",
        "is told ACTIVE (attempt 4)",
    ],
)
def test_law_07_a_run_that_was_killed_is_finished_by_somebody_else(alice: Operator, last_words: str) -> None:
    with alice.start("run", "sim", "--to", "ACTIVE", "--yes") as process:
        read_until(process, last_words)
        process.send_signal(signal.SIGKILL)
        process.wait()
    code, text = alice.type("resume", "--yes", "--operator", "bob@desk")
    assert code == 0, text
    assert alice.statuses() == ("ACTIVE", "ACTIVE")
    assert alice.type("audit", "verify")[0] == 0
    code, text = alice.type("runs", "--json")
    assert [run["end"] for run in json.loads(text)["runs"]] == ["done"]


HOLDING = """\
schema: 1
name: holding
stops: [PASSIVE, ACTIVE]
transitions:
  - name: declare
    from: PASSIVE
    to: FAILOVER
    before: [{name: hold, run: [sh, -c, "until [ -e go ]; do sleep 0.02; done"]}]
  - {name: activate, from: FAILOVER, to: ACTIVE}
  - {name: abort, from: FAILOVER, to: PASSIVE}
  - {name: home, from: ACTIVE, to: PASSIVE}
"""
"""Its first transition begins with a hook that a test ends by making a file."""


def test_law_12_of_two_runs_at_once_one_goes_and_the_other_is_told_by_whom(alice: Operator) -> None:
    (alice.folder / "holding.yaml").write_text(HOLDING)
    flags = ("--to", "ACTIVE", "--yes", "--playbook", "holding.yaml")
    with alice.start("run", "sim", *flags) as first:
        try:
            read_until(first, "Hook hold (before declare)")
            code, text = alice.type("run", "sim", *flags, "--operator", "bob@desk")
        finally:
            (alice.folder / "go").touch()
        assert code == 5, text
        assert "is locked by" in text
        assert "hamr unlock" not in text, "a process that lives on this machine is not to be unlocked"
        rest, _ = first.communicate(timeout=30)
    assert first.returncode == 0, rest
    assert alice.statuses() == ("ACTIVE", "ACTIVE")


def test_an_interrupt_stops_before_the_next_write_and_leaves_a_run_to_resume(alice: Operator) -> None:
    with alice.start("run", "sim", "--to", "ACTIVE", "--yes") as process:
        read_until(process, "is told FAILOVER (attempt 1)")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 130, rest
    assert alice.statuses() == ("PASSIVE", "FAILOVER")
    assert alice.type("resume", "--yes")[0] == 0
    assert alice.statuses() == ("ACTIVE", "ACTIVE")


def test_going_back_from_midway_takes_the_transition_that_leads_back(alice: Operator) -> None:
    with alice.start("run", "sim", "--to", "ACTIVE", "--yes") as process:
        read_until(process, "is told FAILOVER (attempt 1)")
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 143, rest
    code, text = alice.type("run", "sim", "--to", "PASSIVE", "--yes")
    assert code == 0, text
    assert alice.statuses() == ("PASSIVE", "PASSIVE")
    code, text = alice.type("runs", "--json")
    assert sorted(run["end"] for run in json.loads(text)["runs"]) == ["done", "superseded"], text

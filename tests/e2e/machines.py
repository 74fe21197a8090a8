"""Operators at machines of their own, each with its name, its boot and its home, over one team's journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.config import shipped_playbooks
from tests.bench.regions import Served

_MACHINE = """
import sys
from orchestrator.journal import processes
from orchestrator.cli import main
name = sys.argv.pop(1)
token = processes._token
processes._token = lambda pid: (there := token(pid)) and name + " " + there.split(" ", 1)[1]
processes.socket.gethostname = lambda: name
main()
"""
"""What tells one machine's processes from another's is the boot that they run in."""


HOLDING = """\
schema: 1
name: holding
stops: [PASSIVE, ACTIVE]
transitions:
  - name: declare
    from: PASSIVE
    to: FAILOVER
    before: [{name: hold, run: [sh, -c, "until [ -e go ]; do sleep 0.02; done"], again: safe}]
  - {name: activate, from: FAILOVER, to: ACTIVE}
  - {name: home, from: ACTIVE, to: PASSIVE}
"""
"""Its first transition begins with a hook that a test ends by making a file."""


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """The output up to the first line with these words."""
    seen = ""
    assert process.stdout is not None
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"never said {words!r}:\n{seen}")


class Machine:
    """Where somebody types `hamr`."""

    def __init__(self, name: str, served: Served, folder: Path, journal: str) -> None:
        self.name, self.home = name, folder / name
        self.home.mkdir()
        quick = shipped_playbooks()["regional-failover"].read_text()
        for slow, fast in (
            ("within: 60s, every: 1s", "within: 2s, every: 50ms"),
            ("mirror_wait: 3s", "mirror_wait: 100ms"),
        ):
            assert slow in quick
            quick = quick.replace(slow, fast)
        (self.home / "quick.yaml").write_text(quick)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "HAMR_PAIRS": str(served.inventory),
            "HAMR_JOURNAL": journal,
            "HAMR_PLAYBOOK": str(self.home / "quick.yaml"),
            "HAMR_OPERATOR": f"{name}@{name}",
            **{key: value for key, value in os.environ.items() if key.startswith("SIM_")},
        }

    @property
    def local_journals(self) -> list[Path]:
        """What an emergency left on this machine."""
        return sorted((self.home / ".local/state/hamr").glob("emergency-*"))

    @contextmanager
    def start(self, *words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A command, under way until the block ends."""
        with subprocess.Popen(
            [sys.executable, "-c", _MACHINE, self.name, *words],
            env={**self.environment, **environment},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def type(self, *words: str, **environment: str) -> tuple[int, str]:
        """A command, to its end."""
        with self.start(*words, **environment) as process:
            text, _ = process.communicate(timeout=60)
        return process.returncode, text

    def json(self, *words: str) -> Any:
        """What a command prints on stdout alone."""
        with subprocess.Popen(
            [sys.executable, "-c", _MACHINE, self.name, *words, "--json"],
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            text, _ = process.communicate(timeout=60)
        return json.loads(text)

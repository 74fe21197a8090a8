"""Operators at machines of their own, each with its name, its boot and its home, over one team's journal."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.config import shipped_playbooks
from tests import processes
from tests.cli.lab import Lab

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

    def __init__(self, name: str, served: Lab, journal: str) -> None:
        self.name, self.home = name, served.folder / name
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
            "HAMR_PAIRS": served.env["HAMR_PAIRS"],
            "HAMR_JOURNAL": journal,
            "HAMR_PLAYBOOK": str(self.home / "quick.yaml"),
            "HAMR_OPERATOR": f"{name}@{name}",
        }

    @property
    def local_journals(self) -> list[Path]:
        """What an emergency left on this machine."""
        return sorted((self.home / ".local/state/hamr").glob("emergency-*"))

    @contextmanager
    def start(self, *words: str, stderr: int = subprocess.STDOUT) -> Iterator[subprocess.Popen[str]]:
        """A command, under way until the block ends."""
        with processes.hamr(
            words,
            machine=self.name,
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def type(self, *words: str) -> tuple[int, str]:
        """A command, to its end."""
        with self.start(*words) as process:
            text, _ = process.communicate(timeout=60)
        return process.returncode, text

    def told(self, *words: str, code: int) -> str:
        """What a command that ends with this exit code says."""
        found, text = self.type(*words)
        assert found == code, text
        return text

    def json(self, *words: str) -> Any:
        """What a command prints on stdout alone."""
        with self.start(*words, "--json", stderr=subprocess.DEVNULL) as process:
            text, _ = process.communicate(timeout=60)
        return json.loads(text)

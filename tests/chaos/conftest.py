"""The real command `chaos`, in a process of its own that cannot reach further than this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import Struct, field

from orchestrator import SimulatedRegions
from tests.api.conftest import clean_environment, regions
from tests.cli.lab import PLAYBOOK

__all__ = ["clean_environment", "regions"]

CHAOS = Path(sys.executable).with_name("chaos")

FENCE = '''\
"""Lets a process talk to this machine only, and notes what it wanted beside."""
import socket

_connect, _look_up = socket.socket.connect, socket.getaddrinfo


def _check(host):
    if str(host) not in ("127.0.0.1", "::1", "localhost"):
        with open({note!r}, "a") as note:
            note.write(f"{{host}}\\\\n")
        raise OSError(f"no way to {{host}}")


def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _check(address[0])
    return _connect(self, address)


def look_up(host, *rest, **named):
    _check(host)
    return _look_up(host, *rest, **named)


socket.socket.connect, socket.getaddrinfo = connect, look_up
'''


class Toolkit(Struct):
    """A folder to run experiments in, and two regions that they find there."""

    folder: Path
    regions: SimulatedRegions
    environ: dict[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> list[str]:
        return [
            str(CHAOS),
            "--no-version-check",
            "--settings",
            str(self.folder / "settings.yaml"),
            "--log-file",
            str(self.folder / "chaos.log"),
            *words,
        ]

    def chaos(self, *words: str, code: int = 0) -> str:
        """What a command of the toolkit prints."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert self.reached_out() == ""
        return said

    def run(self, experiment: dict[str, Any] | str, *options: str, code: int = 0) -> dict[str, Any]:
        """The journal of an experiment."""
        file = self.folder / "experiment.yaml"
        file.write_text(experiment if isinstance(experiment, str) else yaml.safe_dump(experiment))
        self.chaos("run", *options, file.name, code=code)
        journal: dict[str, Any] = json.loads((self.folder / "journal.json").read_text())
        return journal

    def reached_out(self) -> str:
        """What the toolkit wanted to talk to, other than this machine."""
        note = self.folder / "reached-out"
        return note.read_text() if note.exists() else ""


@pytest.fixture
def toolkit(regions: SimulatedRegions, tmp_path: Path) -> Toolkit:
    (tmp_path / "sim-pairs.yaml").write_text(regions.pairs.read_text())
    (tmp_path / "quick.yaml").write_text(PLAYBOOK)
    (tmp_path / "fence").mkdir()
    fence = FENCE.format(note=str(tmp_path / "reached-out"))
    (tmp_path / "fence" / "sitecustomize.py").write_text(fence)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HAMR_")}
    environ |= {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path / "fence"),
        "HAMR_PLAYBOOK": str(tmp_path / "quick.yaml"),
    }
    return Toolkit(tmp_path, regions, environ)

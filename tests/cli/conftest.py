"""A laboratory for each test, and a log that ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.system import log

from .lab import Lab, laboratory


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.chdir(tmp_path)
    with laboratory(tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("PAIRS", "PLAYBOOK", "JOURNAL", "OPERATOR", "LOG_FORMAT", "LOG_LEVEL", "DEBUG"):
        monkeypatch.delenv(f"HAMR_{name}", raising=False)
    yield
    log.configure()  # the commands sent the log to streams that are closed now

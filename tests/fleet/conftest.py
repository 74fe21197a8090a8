"""A laboratory of a few pairs for each test; a team's journal with jobs beside it, on a server of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.fleet.queue import lay_out_jobs
from orchestrator.journal import Address
from orchestrator.journal.address import parse_address
from orchestrator.system import log
from tests.cli.lab import PLAYBOOK
from tests.postgres import Cluster

from .lab import FleetLab, laboratory

NAMES = ("pay-1", "pay-2", "web-1", "web-2", "db-1")


@pytest.fixture
def names() -> tuple[str, ...]:
    """Of the pairs of a laboratory."""
    return NAMES


@pytest.fixture
def playbook() -> str:
    """That of a laboratory."""
    return PLAYBOOK


@pytest.fixture
def lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], playbook: str
) -> Iterator[FleetLab]:
    monkeypatch.chdir(tmp_path)
    with laboratory(tmp_path, names, playbook=playbook) as found:
        yield found
    log.configure()  # the commands sent the log to streams that are closed now


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> Iterator[FleetLab]:
    """The same, where every answer takes a while: there is time to interfere."""
    monkeypatch.chdir(tmp_path)
    with laboratory(tmp_path, names, latency=0.1) as found:
        yield found
    log.configure()


@pytest.fixture(scope="session")
def laid_out_with_jobs(laid_out: str, postgres: Cluster) -> str:
    """The address of a team's journal with tables for jobs, which stay empty."""
    postgres.stand()
    url = postgres.new_database(laid_out)
    lay_out_jobs(parse_address(url, "--journal"))
    return url


@pytest.fixture
def url(server: Cluster, laid_out_with_jobs: str) -> str:
    """That of one of a test's own."""
    return server.new_database(laid_out_with_jobs)


@pytest.fixture
def team(url: str) -> Address:
    return parse_address(url, "--journal")

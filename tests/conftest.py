"""What every test shares: anyio's plugin runs coroutines on asyncio alone, and nobody waits long in real time."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from orchestrator.engine import reader
from orchestrator.journal import Address
from orchestrator.journal.address import parse_address
from orchestrator.journal.postgres import lay_out_team
from tests.postgres import Cluster, cluster

# How long an example takes says more of the machine than of the code.
settings.register_profile("hamr", deadline=None, max_examples=30)
settings.register_profile("nightly", deadline=None, max_examples=500)
settings.load_profile("hamr")

# Thousands of journals are written durably, and none of them needs to outlast the machine: each wait for a disk is left out.
MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None

VIRTUAL = {"engine", "incidents", "situation"}
"""Rooms whose clock moves by itself: there an org that does not answer is asked again for as long as it really is."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests of this process."""
    base = tmp_path_factory.getbasetemp()
    with cluster((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "postgres") as running:
        yield running


@pytest.fixture
def server(postgres: Cluster) -> Cluster:
    """The same, which stands, whatever the test before did to it."""
    postgres.stand()
    return postgres


@pytest.fixture
def url(server: Cluster) -> str:
    """The address of a database that is new and empty."""
    return server.new_database()


@pytest.fixture(scope="session")
def laid_out(postgres: Cluster) -> str:
    """The address of a team's journal that is laid out, and stays empty."""
    postgres.stand()
    url = postgres.new_database()
    lay_out_team(parse_address(url, "--journal"))
    return url


@pytest.fixture
def team(server: Cluster, laid_out: str) -> Address:
    """A team's journal of a test's own, laid out as that one was."""
    return parse_address(server.new_database(laid_out), "--journal")


ASKED_AGAIN = (reader.ASK_AGAIN_FOR, reader.ASK_AGAIN_AFTER)


def pytest_configure() -> None:
    """What whoever started the tests has ignored (nohup, a job in the background of a script) is not ignored by what they start."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """How often and how long an org is asked again (law 21) is tested where time is virtual."""
    real = VIRTUAL.isdisjoint(item.path.parts)
    reader.ASK_AGAIN_FOR, reader.ASK_AGAIN_AFTER = (0.3, (0.05, 0.1, 0.1)) if real else ASKED_AGAIN


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing of what is collected is garbage: Python does not look for any meanwhile, nor among that later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a family marked `sample(n)` the first n are for every change, and the others nightly."""
    seen: Counter[str] = Counter()
    for item in items:
        sample = item.get_closest_marker("sample")
        if sample is not None:
            family = item.nodeid.partition("[")[0]
            seen[family] += 1
            if seen[family] > sample.args[0]:
                item.add_marker("nightly")

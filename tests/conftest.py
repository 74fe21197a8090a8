"""What every test shares: anyio's plugin runs coroutines on asyncio alone, and nobody waits long in real time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings

from orchestrator.engine import reader

settings.register_profile(
    "hamr", deadline=None
)  # how long an example takes says more of the machine than of the code
settings.load_profile("hamr")

VIRTUAL = {"engine", "incidents", "situation"}
"""Rooms whose clock moves by itself: there an org that does not answer is asked again for as long as it really is."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _asked_again_for_a_moment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often and how long an org is asked again (law 21) is tested where time is virtual."""
    if VIRTUAL.isdisjoint(request.path.parts):
        monkeypatch.setattr(reader, "ASK_AGAIN_FOR", 0.3)
        monkeypatch.setattr(reader, "ASK_AGAIN_AFTER", (0.05, 0.1))


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

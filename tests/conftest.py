"""What every test shares: anyio's plugin runs coroutines on asyncio alone."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"

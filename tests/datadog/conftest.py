"""What the client's tests share: canary keys, and a redactor that learns them."""

from __future__ import annotations

import pytest

from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

from .orgs import KEYS


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def keys(redactor: Redactor) -> KeyRing:
    return KeyRing(KEYS, redactor)

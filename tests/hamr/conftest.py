"""What the client's tests share: canary keys, and a redactor that learns them."""

from __future__ import annotations

import pytest

from orchestrator.redaction import Redactor
from orchestrator.secrets import KeyRing

from .orgs import KEYS


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def keys(redactor: Redactor) -> KeyRing:
    return KeyRing(KEYS, redactor)

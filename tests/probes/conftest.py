"""What the tests of probes share: canary keys, and a redactor that learns them."""

from __future__ import annotations

from tests.datadog.conftest import keys, redactor

__all__ = ["keys", "redactor"]

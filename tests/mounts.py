"""Mounts of a test's own, which nobody else sees."""

from __future__ import annotations

import shutil
import subprocess

import pytest

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
"""With it anybody may mount what nobody else sees."""

mounting = pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], check=False).returncode != 0,
    reason="nothing can be mounted here",
)

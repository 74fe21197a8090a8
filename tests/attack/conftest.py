"""What the attacks share: a pair that is served, and an operator called anna."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import Hamr
from tests.attack.region import Pair


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A pair at PASSIVE whose orgs are written one by one."""
    with Pair() as served:
        yield served


@pytest.fixture
def anna(pair: Pair, tmp_path: Path) -> Iterator[Hamr]:
    """An operator whose story is held against the laws when it has ended."""
    told = Hamr(pair, tmp_path)
    yield told
    if told.accepted is not None:
        laws.hold(told, accepted=told.accepted)


@pytest.fixture
def operator(pair: Pair, tmp_path: Path) -> Callable[[str], Hamr]:
    """Another operator, by name, with a journal of their own."""
    return lambda who: Hamr(pair, tmp_path, who)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate of its own for the loopback, in one file."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("no openssl to make a certificate with")
    both, key = tmp_path / "both.pem", tmp_path / "key.pem"
    wanted = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=region"
    made = [
        openssl,
        *wanted.split(),
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(both),
    ]
    subprocess.run(made, check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + both.read_bytes())
    return both

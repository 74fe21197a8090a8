"""The names that the package hands out: all of them there, none of them loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from orchestrator import api

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "python-api.md"


def loaded(code: str) -> set[str]:
    """What a fresh interpreter has loaded after some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_else() -> None:
    modules = loaded("before = set(__import__('sys').modules)\nimport orchestrator")
    assert {name for name in modules if name.startswith("orchestrator")} == {"orchestrator"}
    assert modules.isdisjoint({"typing", "httpx", "transitions", "msgspec", "rich", "asyncio"})


def test_importing_the_api_loads_none_of_what_it_hands_out() -> None:
    modules = loaded("import orchestrator.api")
    assert {name for name in modules if name.startswith("orchestrator")} == {
        "orchestrator",
        "orchestrator.api",
    }


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_there_under_both_addresses(name: str) -> None:
    assert getattr(orchestrator, name) is getattr(api, name)
    assert name in dir(api)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'open_pear'"):
        orchestrator.open_pear  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test
    with pytest.raises(AttributeError, match="has no attribute 'open_pear'"):
        api.open_pear  # type: ignore[attr-defined]  # noqa: B018 - reading it is the test

"""docs/howto/embed.md and docs/reference/python-api.md: examples run as they stand, and name what there is."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import orchestrator
from orchestrator import HamrError, Journal, OpenPair, SimulatedRegions, api
from tests.processes import python

DOCS = Path(__file__).parents[2] / "docs"
EMBED = (DOCS / "howto" / "embed.md").read_text("utf-8")
PAGE = (DOCS / "reference" / "python-api.md").read_text("utf-8")

BLOCKS = re.findall(r"^```python\n(.*?)^```", EMBED, re.DOTALL | re.MULTILINE)
EXAMPLES = [block for block in BLOCKS if not block.startswith("# test_")]
TESTS = [block for block in BLOCKS if block.startswith("# test_")]


def test_the_pages_have_their_examples() -> None:
    assert (len(EXAMPLES), len(TESTS)) == (5, 3)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_runs_as_it_stands(example: str, tmp_path: Path) -> None:
    exec(compile(example, "docs/howto/embed.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own page
    assert (tmp_path / "rehearsal").is_dir() or (tmp_path / "rehearsal.db").exists()


def test_the_tests_of_the_page_pass_as_they_stand(tmp_path: Path) -> None:
    for block in TESTS:
        name = block.partition("\n")[0].removeprefix("# ")
        (tmp_path / name).write_text(block)
    (tmp_path / "our-playbook.yaml").write_text(
        orchestrator.load_playbook("regional-failover").text, encoding="utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    # Other plugins stay away: some take their time. tests/testing_plugin/ finds ours as pytest itself does.
    words = "-m pytest -q -p orchestrator.integrations.pytest_plugin -p no:cacheprovider ."
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert "5 passed" in python(*words.split(), cwd=tmp_path, env=env)


def test_every_name_is_on_the_page_and_no_other() -> None:
    named = set(re.findall(r"`(?:await )?(\w+)[`(]", PAGE))
    assert set(api.__all__) - named == set()
    errors = set(re.findall(r"^\| `(\w+)` \| \d+ \|", PAGE, re.MULTILINE))
    assert errors == {name for name in api.__all__ if _is_error(getattr(api, name))} - {"HamrError"}


def _is_error(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, HamrError)


@pytest.mark.parametrize(
    "error", re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE), ids=lambda row: row[0]
)
def test_every_errors_exit_code_is_the_real_one(error: tuple[str, str]) -> None:
    assert int(getattr(api, error[0]).exit_code) == int(error[1])


def _signatures(heading: str) -> dict[str, str]:
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {
        name: words for cell in cells for name, words in re.findall(r"`(?:await )?(\w+)\(([^)]*)\)`", cell)
    }


def _parameters(call: Callable[..., Any]) -> str:
    words: list[str] = []
    for parameter in inspect.signature(call).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(parameter.name)
    return ", ".join(words)


@pytest.mark.parametrize(
    ("heading", "owner", "besides"),
    [
        ("Opening", api, set()),
        ("`OpenPair`", OpenPair, set()),
        ("`Journal`", Journal, set()),
        ("`SimulatedRegions`", SimulatedRegions, {"add_fault"}),
    ],
    ids=["opening", "pair", "journal", "regions"],
)
def test_every_call_stands_there_with_its_real_arguments(heading: str, owner: Any, besides: set[str]) -> None:
    written = _signatures(heading)
    names = api.__all__ if owner is api else [name for name in vars(owner) if not name.startswith("_")]
    calls = {name: getattr(owner, name) for name in names}
    real = {name: _parameters(call) for name, call in calls.items() if inspect.isfunction(call)}
    assert {name: words for name, words in written.items() if name not in besides} == {
        name: words for name, words in real.items() if name not in besides
    }

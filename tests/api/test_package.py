"""The package inside another program: names that are loaded when they are used, a log where that program says, and never a key."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from orchestrator import OpenPair, SimulatedRegions, api
from orchestrator.model.org import Secret
from orchestrator.system import log


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process in which no command ran."""
    monkeypatch.setattr(log, "_settings", None)
    monkeypatch.setattr(log, "_embedded", None)


@pytest.mark.usefixtures("embedded")
def test_a_run_leaves_the_programs_logging_as_it_is(
    regions: SimulatedRegions, caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    pair = orchestrator.open_pair("sim", pairs=regions.pairs, journal="journal.db", operator="alice@laptop")
    with caplog.at_level(logging.DEBUG, logger="hamr"):
        ended = pair.sync.run("ACTIVE")
    assert (list(root.handlers), root.level) == before
    (made,) = [said for said in caplog.messages if said.startswith("run.finished ")]
    assert f"run={ended.run}" in made
    assert "pair=sim" in made


@pytest.mark.usefixtures("embedded")
def test_law_17_a_key_is_taken_out_of_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    log.embed().add(Secret("canary-0123456789"))
    with caplog.at_level(logging.INFO, logger="hamr"):
        log.logger().warning("odd canary-0123456789", answer="canary-0123456789")
        try:
            int("canary-0123456789")
        except ValueError:
            log.logger().exception("stopped")
    assert "canary" not in caplog.text
    assert "odd [redacted] answer=[redacted]" in caplog.messages
    assert "'[redacted]'" in caplog.text


def test_a_command_that_has_set_its_log_up_keeps_it(pair: OpenPair) -> None:
    said = io.StringIO()
    log.configure("json", stream=said)
    orchestrator.open_pair("sim", pairs=pair.journal.place.replace("journal.db", "pairs.yaml"))
    log.logger().warning("seen")
    log.configure()
    assert '"event": "seen"' in said.getvalue()


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

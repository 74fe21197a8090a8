"""The package inside another program: names that are loaded when they are used, a log where that program says, and a journal read."""

from __future__ import annotations

import io
import logging
import sqlite3
from pathlib import Path

import pytest

import orchestrator
from orchestrator import Broken, JournalUnavailable, OpenPair, SimulatedRegions, UsageError, Verified, api
from orchestrator.model.org import Secret
from orchestrator.system import log
from tests.journal.conftest import tamper
from tests.processes import python


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
    return set(python("-c", f"{code}\nimport sys\nprint(*sys.modules)").split())


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


# Reading a journal


def test_runs_records_and_head_of_a_run(pair: OpenPair, tmp_path: Path) -> None:
    out = pair.sync.run("ACTIVE")
    home = pair.sync.run("PASSIVE")
    journal = orchestrator.open_journal(tmp_path / "journal.db")
    assert [transition.run for transition in journal.runs()] == [home.run, out.run]
    assert journal.runs("other") == ()
    kinds = [record.kind for record in journal.records(out.run)]
    assert (kinds[0], kinds[1]) == ("lock.taken", "run.started")
    assert kinds.count("write.confirmed") == 4
    assert {record.kind for record in journal.records(after=home.head.seq)} <= {
        "notice.sent",
        "notice.failed",
    }
    assert journal.records(after=home.head.seq - 1)[0].hash == home.head.hash
    assert journal.head().seq == journal.records()[-1].seq
    assert {record.pair for record in journal.records(pair="sim")} == {"sim"}


def test_a_journal_that_holds_is_verified_up_to_an_anchor(pair: OpenPair) -> None:
    out = pair.sync.run("ACTIVE")
    pair.sync.run("PASSIVE")
    found = pair.journal.verify(str(out.head))
    assert isinstance(found, Verified)
    assert found.head == pair.journal.head()
    wrong = pair.journal.verify(f"{out.head.seq}:{'0' * 64}")
    assert isinstance(wrong, Broken)
    with pytest.raises(UsageError, match="SEQ:HASH"):
        pair.journal.verify("12")


def test_an_older_journal_is_verified_and_no_more(pair: OpenPair, tmp_path: Path) -> None:
    out = pair.sync.run("ACTIVE")
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert isinstance(pair.journal.verify(str(out.head)), Verified)
    with pytest.raises(JournalUnavailable, match="older hamr"):
        pair.journal.runs()


def test_a_journal_that_was_changed_is_broken_and_says_where(pair: OpenPair, tmp_path: Path) -> None:
    pair.sync.run("ACTIVE")
    tamper(tmp_path / "journal.db", "UPDATE records SET by = 'mallory' WHERE seq = 3")
    found = pair.journal.verify()
    assert isinstance(found, Broken)
    assert (found.seq, found.good) == (3, 2)


def test_where_there_is_no_journal_there_are_no_runs_and_nothing_to_verify(tmp_path: Path) -> None:
    journal = orchestrator.open_journal(tmp_path / "none.db")
    assert journal.runs() == ()
    assert journal.records() == ()
    with pytest.raises(JournalUnavailable, match="There is no journal at"):
        journal.head()
    with pytest.raises(JournalUnavailable, match="There is no journal at"):
        journal.verify()
    with pytest.raises(UsageError, match="knows no run"):
        journal.records("20261122-031502-k3f9")
    assert not (tmp_path / "none.db").exists()

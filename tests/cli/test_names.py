"""What names a run: its id, the beginning of one, or last; and where drills on the simulator are found."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from orchestrator.journal import JournalStore
from orchestrator.model.events import RunStarted, encode
from orchestrator.model.journal import Entry
from orchestrator.simulator import Fault, ServerError
from tests.journal.conftest import tamper
from tests.report.happened import STARTED
from tests.steps import next_of

from .lab import Lab
from .terminal import Person

BEGAN = datetime(2026, 5, 28, 16, 30, tzinfo=UTC)
OLDER, OLD, NEW, NEWER = (
    "20260527-100000-aaaa",
    "20260528-163000-zzzz",
    "20260528-163000-bbbb",
    "20260528-170000-cccc",
)


def journalled(place: Path, *runs: str) -> None:
    """Runs that began, a minute apart, in this order."""
    with JournalStore.open(place, now=lambda: BEGAN) as store:
        for minutes, run in enumerate(runs):
            at = BEGAN + timedelta(minutes=minutes)
            store.append(Entry(run, "payments", RunStarted.kind, "alice", "laptop", encode(STARTED), at))


def shown(lab: Lab, name: str) -> str:
    return str(lab.json("show", name)["run"])


def drilled(lab: Lab, *flags: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.json("drill", "run", "--playbook", "regional-failover", *flags)
    return found


@pytest.mark.parametrize(
    ("name", "run"),
    [
        (OLDER, OLDER),
        ("20260527", OLDER),
        ("20260528-163000-b", NEW),
        ("20260528-17", NEWER),
        ("last", NEWER),
    ],
)
def test_a_run_is_named_by_its_id_or_by_how_that_begins_or_as_the_last(lab: Lab, name: str, run: str) -> None:
    journalled(lab.journal, OLDER, OLD, NEW, NEWER)
    assert shown(lab, name) == run
    assert lab.json("report", name)["subject"] == run


def test_the_last_of_one_second_is_the_one_that_the_journal_has_last(lab: Lab) -> None:
    journalled(lab.journal, OLDER, OLD, NEW)
    assert shown(lab, "last") == NEW


def test_a_beginning_of_several_lists_them_with_what_to_type(lab: Lab) -> None:
    journalled(lab.journal, OLDER, OLD, NEW)
    result = lab.run("report", "20260528-1", "--json", code=2)
    error = json.loads(result.stdout)
    assert error["message"] == (
        f"'20260528-1' is the beginning of more than one id in {lab.journal}: say which one."
    )
    assert [(each["command"], each["why"]) for each in error["next"]] == [
        (f"hamr report {OLD}", "2026-05-28 16:31:00 UTC, payments, to ACTIVE"),
        (f"hamr report {NEW}", "2026-05-28 16:32:00 UTC, payments, to ACTIVE"),
    ]
    assert f"  hamr report {OLD}\n      2026-05-28 16:31:00 UTC, payments, to ACTIVE\n" in result.stderr


def test_of_very_many_that_begin_so_the_newest_are_listed(lab: Lab) -> None:
    journalled(lab.journal, *(f"20260528-1630{second:02}-aaaa" for second in range(12)))
    steps = next_of(json.loads(lab.run("show", "2026", "--json", code=2).stdout))
    assert len(steps) == 9
    assert (steps[0], steps[-1]) == ("hamr show 20260528-163011-aaaa", "hamr runs")


@pytest.mark.parametrize("name", ["20250101", "", "\udc80", "20260528-163000-zzzzz"])
def test_what_no_run_begins_with_is_unknown(lab: Lab, name: str) -> None:
    journalled(lab.journal, OLD)
    assert "knows no run" in lab.told("show", name, code=2)


def test_an_empty_journal_has_no_last_run(lab: Lab) -> None:
    assert "holds no run yet" in lab.told("report", "last", code=2)


def test_resume_takes_the_beginning_of_an_id_and_the_last(lab: Lab) -> None:
    lab.fault(Fault(ServerError(500), method="POST", at=3, times=None))
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes", code=7)["run"]
    with Person(lab, ("resume", run[:-1])) as person:
        person.wait_for("Type the pair's name")
        assert f"This takes up run {run}" in person.seen
        person.type("no\n")
        assert person.end() == 3
    lab.do(lab.sim.faults.clear)
    assert lab.json("resume", "last", "--yes")["run"] == run
    said = lab.run("resume", run[:-2], "--yes", code=2).stderr
    assert f"Run {run} has ended" in " ".join(said.split())


def test_a_pair_goes_before_a_run_whose_id_begins_so(lab: Lab) -> None:
    lab.edit("pairs.yaml", "\n  sim:", "\n  last:")
    lab.run("run", "last", "--to", "ACTIVE", "--yes", code=0)
    assert "Pair last has no open run" in lab.told("resume", "last", "--yes", code=2)


def test_ack_takes_them_too(lab: Lab) -> None:
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    assert lab.json("ack", run[:-1])["run"] == run
    assert lab.json("ack", "last")["run"] == run
    assert "knows no run 'nothing'" in lab.told("ack", "nothing", code=2)


def test_a_drill_on_the_simulator_is_journalled_apart_and_found_all_the_same(lab: Lab) -> None:
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    before = lab.journal.read_bytes()
    found = drilled(lab)
    beside = lab.folder / "journal-drills.db"
    assert lab.journal.read_bytes() == before
    assert found["journal"] == str(beside)
    drill, leg = found["drill"], found["legs"][0]["run"]
    listed = lab.json("runs")
    assert ([each["run"] for each in listed["runs"]], listed["drills"]) == ([run], [])
    listed = lab.json("runs", "--drills")
    assert [each["run"] for each in listed["runs"]] == [run]
    assert [each["drill"] for each in listed["drills"]] == [drill]
    assert shown(lab, leg) == leg
    assert shown(lab, "last") == run
    report = lab.json("report", drill)
    assert [each["run"] for each in report["runs"]] == [each["run"] for each in found["legs"]]
    words = report["verify"].split()
    assert words[-2:] == ["--journal", str(beside)]
    lab.run(*words[1:], code=0)
    page = lab.run("drill", "run", "--playbook", "regional-failover", code=0).stdout
    assert f"--journal {beside}\n" in page


def test_a_drill_is_journalled_where_it_is_said(lab: Lab) -> None:
    named = str(lab.folder / "named.db")
    found = drilled(lab, "--journal", named)
    assert found["journal"] == named
    assert not (lab.folder / "journal-drills.db").exists()
    assert not (lab.folder / "named-drills.db").exists()
    assert lab.json("report", found["drill"], "--journal", named)["subject"] == found["drill"]


def test_a_drill_on_the_simulator_that_stayed_open_is_closed_where_it_stands(lab: Lab) -> None:
    found = drilled(lab)
    beside = lab.folder / "journal-drills.db"
    assert f"drill {found['drill']} was closed" in lab.told(
        "drill", "close", found["drill"][:-1], "--notes", "again", code=2
    )
    with JournalStore.open(beside, create=False, now=lambda: BEGAN) as store:
        kept = [each for each in store.records() if each.kind != "drill.closed"]
    beside.unlink()
    with JournalStore.open(beside, now=lambda: BEGAN) as store:
        for each in kept:
            store.append(Entry(each.run, each.pair, each.kind, each.by, each.host, {**each.data}))
    assert lab.json("runs")["open_drills"] == []
    assert [each["drill"] for each in lab.json("runs", "--drills")["open_drills"]] == [found["drill"]]
    closed = lab.json("drill", "close", found["drill"][:-1], "--notes", "its terminal was closed")
    assert (closed["drill"], closed["message"]) == (
        found["drill"],
        "Its regions were simulated, and are gone.",
    )
    assert not lab.journal.exists()
    assert lab.json("runs", "--drills")["drills"][0]["end"] == "passed"


def test_a_report_reads_and_verifies_its_own_records_alone(lab: Lab) -> None:
    first = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    second = lab.json("run", "sim", "--to", "PASSIVE", "--yes")["run"]
    with JournalStore.open(lab.journal, create=False, now=lambda: BEGAN) as store:
        numbers = [each.seq for each in store.records(run=second)]
    # Of the first run: nobody could read it.
    tamper(lab.journal, "UPDATE records SET data = '[' WHERE seq = 2")
    told = lab.json("report", second)
    assert told["broken"] == ""
    assert told["checked"].startswith(
        f"the {len(numbers)} records that this was made from, each by its own hash"
    )
    lab.run("show", second, code=0)
    lab.run("report", first, code=9)
    tamper(lab.journal, f"DELETE FROM records WHERE seq = {numbers[3]}")  # noqa: S608 - a number
    assert f"BROKEN at record {numbers[3]}: it is missing" in lab.json("report", second, code=9)["broken"]


def test_the_scenarios_that_have_a_name_are_listed(lab: Lab) -> None:
    own = lab.folder / "scenarios"
    own.mkdir()
    (own / "mine.yaml").write_text("schema: 1\nname: mine\nsummary: Ours.\n")
    (own / "broken.yaml").write_text("schema: 1\nnme: broken\n")
    listed = {each["name"]: each["summary"] for each in lab.json("drill", "list")["scenarios"]}
    assert len(listed) == 13
    assert listed["mine"] == "Ours."
    assert listed["broken"] == "It has problems: hamr check scenarios/broken.yaml says which."
    assert listed["answer-lost"].startswith("The answer to a write is lost.")
    assert "mine                  Ours." in lab.run("drill", "list", code=0).stdout


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> dict[str, Path]:
    """Three scenarios have a name, of which one misses something and one cannot be read."""
    files = {}
    texts = {
        "fine": "schema: 1\nname: fine\n",
        "hopes": "schema: 1\nname: hopes\nsteps: [{run: {to: ACTIVE}, expect: {exit: 3}}]\n",
        "odd": "schema: 1\nnme: odd\n",
    }
    for name, text in texts.items():
        files[name] = lab.folder / f"{name}.yaml"
        files[name].write_text(text)
    monkeypatch.setattr("orchestrator.cli.drilling.named_scenarios", lambda: files)
    return files


def test_all_scenarios_are_played_in_turn(lab: Lab, three: dict[str, Path]) -> None:
    flags = ("--scenario", "all", "--playbook", "regional-failover")
    result = lab.run("drill", "run", *flags, "--html", "p.html", "--junit", "j.xml", code=11)
    lines = result.stdout.splitlines()
    assert [text.split()[:2] for text in lines[:2]] == [["PASSED", "fine"], ["MISSED", "hopes"]]
    assert lines[2].startswith("FAILED  odd")
    assert "1 of 3 scenarios passed." in result.stdout
    assert "<!doctype html>" in (lab.folder / "p-fine.html").read_text()
    assert (lab.folder / "p-hopes.html").exists()
    assert not (lab.folder / "p-odd.html").exists()
    root = ET.parse(lab.folder / "j.xml").getroot()  # noqa: S314 - written by us a moment ago
    assert [suite.get("name") for suite in root] == ["fine", "hopes"]
    assert (root.get("name"), root.get("failures")) == ("2 drills", "1")
    del three["hopes"]
    document = lab.json("drill", "run", *flags, code=2)
    assert [drill["scenario"] for drill in document["drills"]] == ["fine"]
    assert [failed["scenario"] for failed in document["failed"]] == ["odd"]
    del three["odd"]
    assert lab.json("drill", "run", *flags)["passed"]


def test_where_all_scenarios_go_is_theirs_to_say(lab: Lab) -> None:
    said = lab.run("drill", "run", "--scenario", "all", "--to", "ACTIVE", code=2).stderr
    assert "each scenario says itself where it goes" in " ".join(said.split())
    assert not (lab.folder / "journal-drills.db").exists()

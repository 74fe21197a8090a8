"""Verbs that read the journal: runs, show, audit, and report, which tells a run in every form."""

from __future__ import annotations

import json
import shlex
import stat
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.journal import JournalStore
from orchestrator.model.journal import GENESIS, Entry
from orchestrator.model.status import Role
from tests.journal.conftest import tamper

from .lab import Lab


@pytest.fixture
def run(lab: Lab) -> str:
    return str(lab.json("run", "sim", "--to", "ACTIVE", "--reason", "a <b>drill</b>", "--yes")["run"])


def test_runs_lists_them_the_newest_first(lab: Lab, run: str) -> None:
    second = lab.json("run", "sim", "--to", "PASSIVE", "--yes")["run"]
    document = lab.json("runs")
    assert [(one["run"], one["goal"], one["end"], one["by"]) for one in document["runs"]] == [
        (second, "PASSIVE", "done", "alice"),
        (run, "ACTIVE", "done", "alice"),
    ]
    lines = lab.run("runs", code=0).stdout.splitlines()
    assert [text.split()[0] for text in lines[1:3]] == [second, run]


def test_runs_of_one_pair(lab: Lab, run: str) -> None:
    assert [one["run"] for one in lab.json("runs", "--pair", "sim")["runs"]] == [run]
    nothing = lab.run("runs", "--pair", "payments", code=0)
    assert (nothing.stdout.splitlines()[0], nothing.stderr) == (
        "This journal holds no runs of pair payments.",
        "",
    )
    assert nothing.stdout.splitlines()[3].strip().startswith("hamr runs")


def test_show_tells_a_run_from_its_records(lab: Lab, run: str) -> None:
    text = lab.run("show", run, code=0).stdout
    assert f"Run {run} of pair sim" in text
    assert "the secondary is told FAILOVER (attempt 1)" in text
    kinds = [record["kind"] for record in lab.json("show", run)["records"]]
    assert kinds[:2] == ["lock.taken", "run.started"]
    beside = {"notice.sent", "notice.failed"}
    assert [kind for kind in kinds if kind not in beside][-2:] == ["run.finished", "lock.released"]


def test_the_journal_verifies_and_contains_its_own_head(lab: Lab, run: str) -> None:
    head = lab.run("audit", "head", code=0).stdout.strip()
    assert "The chain holds" in lab.run("audit", "verify", code=0).stdout
    document = lab.json("audit", "verify", "--anchor", head)
    assert document["holds"]
    assert f"{document['head']['seq']}:{document['head']['hash']}" == head
    assert document["anchor"] == document["head"]
    assert lab.json("audit", "verify")["anchor"] is None


def test_law_16_a_record_that_was_edited_is_named(lab: Lab, run: str) -> None:
    tamper(lab.journal, "UPDATE records SET by = 'mallory' WHERE seq = 3")
    result = lab.run("audit", "verify", code=9)
    assert "The chain is BROKEN at record 3" in result.stdout
    document = lab.json("audit", "verify", code=9)
    assert (document["holds"], document["first_bad"], document["good"]) == (False, 3, 2)


def test_law_16_an_anchor_shows_a_tail_that_was_cut_off(lab: Lab, run: str) -> None:
    head = lab.run("audit", "head", code=0).stdout.strip()
    tamper(lab.journal, "DELETE FROM records WHERE seq > 5")
    lab.run("audit", "verify", code=0)
    found = " ".join(lab.run("audit", "verify", "--anchor", head, code=9).stdout.split())
    assert "its end was removed, or the head that was kept is another journal's" in found


def test_law_16_the_head_of_an_event_shows_a_journal_that_was_written_anew(lab: Lab, run: str) -> None:
    text = lab.sim.events(Role.SECONDARY)[0].text
    command = shlex.split(text.splitlines()[-1].partition(": ")[2])
    assert command[:4] == ["hamr", "audit", "verify", "--anchor"]
    holds = " ".join(lab.run(*command[1:], code=0).stdout.split())
    assert f"The head {command[4].partition(':')[0]} that was kept elsewhere is in it." in holds
    with JournalStore.open(lab.journal, now=lambda: datetime.now(UTC)) as store:
        entries = [
            Entry(each.run, each.pair, each.kind, "mallory", each.host, each.data) for each in store.records()
        ]
    forged = lab.folder / "forged.db"
    with JournalStore.open(forged, now=lambda: datetime.now(UTC)) as store:
        for entry in entries:
            store.append(entry)
    lab.run("audit", "verify", "--journal", str(forged), code=0)
    document = lab.json(*command[1:], "--journal", str(forged), code=9)
    assert (document["holds"], document["anchor"]["seq"]) == (False, int(command[4].partition(":")[0]))
    assert document["first_bad"] == document["anchor"]["seq"]


def test_an_anchor_that_is_none_is_refused(lab: Lab, run: str) -> None:
    lab.run("audit", "verify", "--anchor", "5", code=2)


def test_the_export_is_the_whole_chain(lab: Lab, run: str) -> None:
    records = [*map(json.loads, lab.run("audit", "export", code=0).stdout_bytes.splitlines())]
    assert (records[0]["kind"], records[0]["prev"]) == ("lock.taken", GENESIS)
    assert f"{records[-1]['seq']}:{records[-1]['hash']}" == lab.run("audit", "head", code=0).stdout.strip()


def test_the_export_into_a_file_is_the_same_and_private(lab: Lab, run: str) -> None:
    out = lab.folder / "journal.jsonl"
    lab.run("audit", "export", "--out", str(out), code=0)
    assert out.read_bytes() == lab.run("audit", "export", code=0).stdout_bytes
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("verb", ["verify", "export", "head"])
def test_an_auditor_is_not_told_that_a_missing_journal_holds(lab: Lab, verb: str) -> None:
    assert "There is no journal at" in lab.run("audit", verb, code=1).stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_an_export_onto_a_full_disk_fails_in_words(lab: Lab, run: str) -> None:
    result = lab.run("audit", "export", "--out", "/dev/full", code=1)
    assert "no space left on device" in result.stderr


def test_a_run_is_told_in_the_terminal(lab: Lab, run: str) -> None:
    shown = lab.run("report", run, code=0).stdout
    assert shown.startswith("sim: PASSIVE → ACTIVE  Done\n")
    assert "held    objective: ACTIVE within 15 min" in shown
    assert "A status moves no traffic." in shown
    assert f"hamr audit verify --anchor {lab.run('audit', 'head', code=0).stdout.strip()}" in shown


def test_it_reads_neither_org_and_needs_no_inventory(lab: Lab, run: str) -> None:
    asked = len(lab.sim.requests)
    lab.run("report", run, code=0, env={"HAMR_PAIRS": "/nowhere"})
    assert len(lab.sim.requests) == asked


def test_a_page_and_a_test_report_are_written_for_their_owner_alone(lab: Lab, run: str) -> None:
    page, cases = lab.folder / "r.html", lab.folder / "r.xml"
    result = lab.run("report", run, "--html", str(page), "--junit", str(cases), code=0)
    assert result.stdout == ""
    assert f"The page is in {page}." in " ".join(result.stderr.split())
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert "a &lt;b&gt;drill&lt;/b&gt;" in text
    assert ET.fromstring(cases.read_text("utf-8")).get("failures") == "0"  # noqa: S314 - our own text


def test_the_forms_can_be_had_at_once_but_only_one_on_stdout(lab: Lab, run: str) -> None:
    shown = lab.run("report", run, "--html", str(lab.folder / "r.html"), "--markdown", code=0).stdout
    assert shown.startswith("### sim: PASSIVE → ACTIVE: Done\n")
    assert lab.run("report", run, "--html", "-", code=0).stdout.startswith("<!doctype html>")
    assert lab.run("report", run, "--junit", "-", code=0).stdout.startswith("<?xml")
    assert "--html - and --markdown would all print on stdout" in lab.told(
        "report", run, "--html", "-", "--markdown", code=2
    )


def test_the_document_has_the_whole_story(lab: Lab, run: str) -> None:
    document = lab.json("report", run)
    assert (document["schema"], document["subject"], document["verdict"]) == ("hamr/report/1", run, "Done")
    (told,) = document["runs"]
    assert [transition["transition"] for transition in told["transitions"]] == ["declare", "activate"]
    assert [write["outcome"][:4] for transition in told["transitions"] for write in transition["writes"]] == [
        "seen"
    ] * 4
    assert document["remember"] == ["A status moves no traffic."]
    assert all(check["held"] for check in document["checks"])


def test_an_emergency_says_what_is_owed_until_it_is_settled(lab: Lab) -> None:
    owing = lab.left_owing()
    shown = lab.run("report", owing["run"], code=0).stdout
    assert "is owed ACTIVE" in shown
    assert "hamr resume sim" in shown
    lab.run("resume", "sim", "--yes", code=0)
    after = lab.run("report", owing["run"], code=0).stdout
    assert "hamr resume sim" not in after
    assert "was owed ACTIVE: settled" in " ".join(after.split())


def test_a_journal_that_was_named_is_named_in_what_to_type(lab: Lab, run: str) -> None:
    shown = lab.run("report", run, "--journal", str(lab.journal), "--markdown", code=0).stdout
    assert f"--journal {lab.journal}" in shown


def test_a_run_that_nobody_knows(lab: Lab, run: str) -> None:
    assert "knows no run '20260101-000000-aaaa'" in lab.told("report", "20260101-000000-aaaa", code=2)
    assert "knows no run ''" in lab.told("report", "", code=2)


def test_a_file_that_cannot_be_written_is_named_with_its_option(lab: Lab, run: str) -> None:
    result = lab.run("report", run, "--html", str(lab.folder / "no" / "r.html"), code=1)
    assert "--html" in result.stderr
    assert "--out" not in result.stderr


def test_no_file_takes_the_place_of_a_journal(lab: Lab, run: str) -> None:
    whole = lab.run("audit", "head", code=0).stdout
    link = lab.folder / "link.html"
    link.symlink_to(lab.journal)
    other = lab.folder / "other.db"
    other.write_bytes(lab.journal.read_bytes())
    for place in (
        lab.journal,
        link,
        other,
        *(lab.folder / f"journal.db-{tail}" for tail in ("journal", "wal", "shm")),
    ):
        for option in ("--html", "--junit"):
            assert "a journal stands there" in lab.told("report", run, option, str(place), code=2)
    assert "a journal stands there" in lab.told("audit", "export", "--out", str(lab.journal), code=2)
    assert lab.run("audit", "head", code=0).stdout == whole


def test_the_page_and_the_test_report_are_two_files(lab: Lab, run: str) -> None:
    both = str(lab.folder / "both")
    assert "name the same file" in lab.told("report", run, "--html", both, "--junit", both, code=2)
    assert not (lab.folder / "both").exists()


def test_what_a_changed_journal_tells_is_not_passed_off_as_proof(lab: Lab, run: str) -> None:
    tamper(lab.journal, "UPDATE records SET by = 'mallory' WHERE seq = 2")
    result = lab.run("report", run, "--markdown", code=9)
    assert result.stdout.startswith("### sim: PASSIVE → ACTIVE: Done, by a journal that is broken")
    assert "chain is BROKEN at record 2" in result.stdout
    assert "chain is BROKEN at record 2" in " ".join(result.stderr.split())
    document = lab.json("report", run, code=9)
    assert "chain is BROKEN at record 2" in document["broken"]
    assert document["checks"][0]["name"] == "its records hold"
    assert document["checks"][0]["held"] is False
    files = (lab.folder / "page.html", lab.folder / "tests.xml")
    lab.run("report", run, "--html", str(files[0]), "--junit", str(files[1]), code=9)
    for file in files:
        assert "chain is BROKEN at record 2" in " ".join(file.read_text("utf-8").split())

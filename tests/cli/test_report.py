"""`hamr report`: a run told in every form, from the journal alone."""

from __future__ import annotations

import sqlite3
import stat
import xml.etree.ElementTree as ET
from contextlib import closing

import pytest

from orchestrator.model.status import Role

from .lab import Lab


@pytest.fixture
def run(lab: Lab) -> str:
    return str(lab.json("run", "sim", "--to", "ACTIVE", "--reason", "a <b>drill</b>", "--yes")["run"])


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
    result = lab.run("report", run, "--html", "-", "--markdown", code=2)
    assert "--html - and --markdown would all print on stdout" in " ".join(result.stderr.split())


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
    lab.do(lambda: lab.sim.set_dark(Role.PRIMARY, dark=True))
    owing = lab.json(
        "run", "sim", "--to", "ACTIVE", "--emergency", "--reason", "us1 is down", "--yes", code=8
    )
    shown = lab.run("report", owing["run"], code=0).stdout
    assert "is owed ACTIVE" in shown
    assert "hamr resume sim" in shown
    lab.do(lambda: lab.sim.set_dark(Role.PRIMARY, dark=False))
    lab.run("resume", "sim", "--yes", code=0)
    after = lab.run("report", owing["run"], code=0).stdout
    assert "hamr resume sim" not in after
    assert "was owed ACTIVE: settled" in " ".join(after.split())


def test_a_journal_that_was_named_is_named_in_what_to_type(lab: Lab, run: str) -> None:
    shown = lab.run("report", run, "--journal", str(lab.journal), "--markdown", code=0).stdout
    assert f"--journal {lab.journal}" in shown


def test_a_run_that_nobody_knows(lab: Lab, run: str) -> None:
    result = lab.run("report", "20260101-000000-aaaa", code=2)
    assert "knows no run '20260101-000000-aaaa'" in " ".join(result.stderr.split())
    result = lab.run("report", "", code=2)
    assert "knows no run ''" in " ".join(result.stderr.split())


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
            result = lab.run("report", run, option, str(place), code=2)
            assert "a journal stands there" in " ".join(result.stderr.split())
    assert "a journal stands there" in " ".join(
        lab.run("audit", "export", "--out", str(lab.journal), code=2).stderr.split()
    )
    assert lab.run("audit", "head", code=0).stdout == whole


def test_the_page_and_the_test_report_are_two_files(lab: Lab, run: str) -> None:
    both = str(lab.folder / "both")
    result = lab.run("report", run, "--html", both, "--junit", both, code=2)
    assert "name the same file" in " ".join(result.stderr.split())
    assert not (lab.folder / "both").exists()


def test_what_a_changed_journal_tells_is_not_passed_off_as_proof(lab: Lab, run: str) -> None:
    with closing(sqlite3.connect(lab.journal)) as kept, kept:
        kept.execute("drop trigger records_are_not_changed")
        kept.execute("update records set by = 'mallory' where seq = 2")
    result = lab.run("report", run, "--markdown", code=9)
    assert result.stdout.startswith("### sim: PASSIVE → ACTIVE: Done, by a journal that is broken")
    assert "chain is BROKEN at record 2" in result.stdout
    assert "chain is BROKEN at record 2" in " ".join(result.stderr.split())
    document = lab.json("report", run, code=9)
    assert "chain is BROKEN at record 2" in document["broken"]
    assert document["checks"][0]["name"] == "its chain holds"
    assert document["checks"][0]["held"] is False
    files = (lab.folder / "page.html", lab.folder / "tests.xml")
    lab.run("report", run, "--html", str(files[0]), "--junit", str(files[1]), code=9)
    for file in files:
        assert "chain is BROKEN at record 2" in " ".join(file.read_text("utf-8").split())

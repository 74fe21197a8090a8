"""`hamr readiness`, on what `hamr doctor`, runs and drills have left; and what doctor keeps, and where."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from .lab import Lab


def lines_of(lab: Lab, *words: str) -> list[str]:
    return lab.run("readiness", *words, code=0).stdout.splitlines()


def test_doctor_keeps_its_look_where_there_is_a_journal_and_makes_none_unasked(lab: Lab) -> None:
    lab.run("doctor", "sim", code=0)
    assert not lab.journal.exists()
    lab.run("doctor", "sim", "--record", code=0)
    lab.run("doctor", "sim", code=0)
    lab.run("doctor", "sim", "--no-record", code=0)
    assert lab.json("readiness")["pairs"][0]["looks"] == 2


def test_law_20_a_journal_of_looks_alone_knows_nothing_of_runs(lab: Lab) -> None:
    lab.run("doctor", "sim", "--record", code=0)
    assert lab.journal.exists()
    for words in (("status", "sim"), ("runs",), ("plan", "sim", "--to", "ACTIVE"), ("doctor", "sim", "-v")):
        page = " ".join(lab.run(*words).stdout.split())
        assert "here is no journal of a run here yet" in page, words
        assert "obody holds" not in page
    status = lab.json("status", "sim")
    assert (status["journal_exists"], status["unknown"]) == (False, None)


def test_one_pair_in_full_after_a_run_and_a_drill(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    lab.run("drill", "run", code=0)
    lab.run("doctor", "sim", code=0)
    page = "\n".join(lines_of(lab, "sim"))
    assert "planned run     ready, for " in page
    assert "drill           never live\n                on the simulator " in page
    assert "there and back  never proven live" in page
    assert "of 1 run; 15 min allowed" in page
    assert "changed since" not in page
    assert all(len(line) <= 80 for line in page.splitlines())


def test_a_drill_on_the_simulator_is_found_where_it_was_journalled(lab: Lab) -> None:
    lab.run("drill", "run", "--journal", str(lab.journal), code=0)
    (pair,) = lab.json("readiness", "sim")["pairs"]
    assert pair["there_and_back"]["simulated"]["passed"] is True
    assert pair["to_active"]["simulated"]["runs"] == 1
    assert pair["to_active"]["live"]["runs"] == 0


def test_where_nobody_has_looked_it_is_said_what_to_type(lab: Lab) -> None:
    lines = lines_of(lab)
    assert "planned run     not known: nobody has looked" in lines
    assert "  hamr doctor sim --record" in lines
    assert not lab.journal.exists()


def test_what_got_worse_is_named_with_its_time(lab: Lab) -> None:
    lab.run("doctor", "sim", "--record", code=0)
    (lab.folder / "pairs-keys" / "primary-api-key").unlink()
    lab.run("doctor", "sim", code=2)
    (pair,) = lab.json("readiness")["pairs"]
    assert pair["planned"]["ready"] is False
    assert pair["emergency"]["ready"] is True
    worse = {each["check"]: (each["before"], each["level"]) for each in pair["got_worse"]}
    assert worse["primary API key"] == ("ok", "critical")
    # What is not known for want of that key alone is no trouble of its own.
    assert "primary round trip" not in pair["not_well"]
    page = " ".join(lab.run("readiness", code=0).stdout.split())
    assert "Got worse - " in page
    assert "CRITICAL since " in page
    assert "and OK before: primary API key" in page


def test_the_page_and_the_metrics_are_written_to_files(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    lab.run("doctor", "sim", code=0)
    page, metrics = lab.folder / "ready.html", lab.folder / "hamr.prom"
    lab.run("readiness", "--html", str(page), "--metrics", str(metrics), code=0)
    assert 'class="spell good"' in page.read_text()
    assert 'class="arrival"' in page.read_text()
    assert "<script" not in page.read_text()
    assert 'hamr_ready{mode="planned",pair="sim"} 1.0' in metrics.read_text()
    # Who collects metrics is another user; the page is its owner's.
    assert [stat.S_IMODE(file.stat().st_mode) for file in (page, metrics)] == [0o600, 0o644]
    lab.run("readiness", "--metrics", str(metrics), code=0)  # over one of its own


def test_stdout_takes_one_form(lab: Lab) -> None:
    assert lab.run("readiness", "--metrics", "-", code=0).stdout.startswith("# HELP hamr_ready ")
    assert lab.run("readiness", "--html", "-", code=0).stdout.startswith("<!doctype html>")
    for words in (("--json", "--metrics", "-"), ("--html", "-", "--metrics", "-")):
        assert "would all print on stdout" in lab.told("readiness", *words, code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody",), "nobody"),
        (("--days", "0"), "0 is not in the range"),
        (("--metrics", "pairs.yaml"), "a file stands there that is something else"),
        (("--html", "nowhere/page.html"), "cannot be written there"),
    ],
)
def test_bad_input_is_one_clear_error(lab: Lab, words: tuple[str, ...], said: str) -> None:
    before = (lab.folder / "pairs.yaml").read_text()
    result = lab.run("readiness", *words)
    assert result.exit_code in (1, 2)
    assert said in " ".join(result.stderr.split())
    assert (lab.folder / "pairs.yaml").read_text() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_journal_that_may_only_be_read_is_critical(lab: Lab) -> None:
    lab.run("doctor", "sim", "--record", code=0)
    lab.journal.chmod(0o400)
    document = lab.json("doctor", "sim", code=2)
    assert document["pairs"][0]["planned"] == "critical"


def test_a_team_of_pairs_is_a_table_with_the_ones_that_are_not_ready_first(lab: Lab, tmp_path: Path) -> None:
    pairs = lab.folder / "pairs.yaml"
    text = pairs.read_text()
    entry = text.split("pairs:\n", 1)[1]
    pairs.write_text(
        text + entry.replace("  sim:\n", "  zulu:\n", 1).replace("-000000000000", "-000000000001")
    )
    lab.run("doctor", "sim", "--record", code=0)
    lines = lines_of(lab)
    assert lines[0].startswith("1 of 2 pairs ready, ")
    assert [line.split()[0] for line in lines[3:5]] == ["zulu", "sim"]
    assert all(len(line) <= 80 for line in lines)

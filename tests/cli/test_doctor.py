"""`hamr doctor`: its page, document and one line, Nagios' exit codes whatever goes wrong; what it keeps, and `hamr readiness`, which reads that."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import Any

import pytest

from orchestrator.model.status import Role
from orchestrator.simulator import Fault, ServerError

from .lab import Lab

P, S = Role.PRIMARY, Role.SECONDARY


def checks(document: Any, name: str) -> list[tuple[str | None, str | None, str | None]]:
    """(org, planned, emergency) of a check, for each org that it is about."""
    return [
        (check["org"], check["planned"], check["emergency"])
        for pair in document["pairs"]
        for check in pair["checks"]
        if check["check"] == name
    ]


def test_a_pair_that_is_ready_is_said_to_be_in_a_few_lines(lab: Lab) -> None:
    result = lab.run("doctor", "sim", code=0)
    lines = result.stdout.splitlines()
    assert lines[0] == "HAMR OK - sim is ready for a planned run and for an emergency"
    assert lines[4].split() == ["PLANNED", "EMERGENCY"]
    assert len(lines) < 15
    assert "Next" not in lines
    assert result.stderr == ""


def test_verbose_says_in_full_what_is_well(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    short, full = (lab.run("doctor", "sim", *more, code=0).stdout for more in ((), ("--verbose",)))
    assert "Nobody holds the pair." in full
    assert "Nobody holds the pair." not in short


@pytest.mark.parametrize(("level", "code"), [("warning", 1), ("unknown", 3)])
def test_the_exit_code_is_the_worst_verdict_in_nagios_words(lab: Lab, level: str, code: int) -> None:
    if level == "warning":
        lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
        lab.add("quick.yaml", "cool_down: 10m\n")
    else:
        lab.fault(Fault(ServerError(), role=S, path="/api/v2/validate_keys", times=None))
    document = lab.json("doctor", "sim", code=code)
    assert (document["level"], document["exit_code"]) == (level, code)


def test_one_line_for_nagios_with_performance_data(lab: Lab) -> None:
    result = lab.run("doctor", "sim", "--nagios", code=0)
    assert re.fullmatch(
        r"HAMR OK - sim is ready for a planned run and for an emergency"
        r" \| 'sim primary'=\d\.\d{3}s 'sim secondary'=\d\.\d{3}s\n",
        result.stdout,
    )
    lab.do(lambda: lab.sim.set_dark(P, True))
    dark = lab.run("doctor", "sim", "--nagios", code=2)
    assert dark.stdout.count("\n") == 1
    assert "'sim primary'" not in dark.stdout


def test_without_a_pair_every_pair_is_looked_at_and_the_worst_wins(lab: Lab) -> None:
    pairs = lab.folder / "pairs.yaml"
    text = pairs.read_text()
    other = text.split("pairs:\n")[1].replace("  sim:", "  other:")
    other = (
        other.replace("primary-api-key", "no-such-file").replace("1111-", "3333-").replace("2222-", "4444-")
    )
    pairs.write_text(text + other)
    document = lab.json("doctor", code=2)
    assert [(pair["pair"], pair["planned"]) for pair in document["pairs"]] == [
        ("sim", "ok"),
        ("other", "critical"),
    ]
    assert lab.run("doctor", "sim", code=0).stdout.startswith("HAMR OK - sim")
    line = " ".join(lab.run("doctor", code=2).stdout.split())
    assert line.startswith("HAMR CRITICAL - other: planned run CRITICAL, ")
    assert "; sim is ready for a planned run and for an emergency Pair sim, " in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("smi",),
        ("sim", "--bogus"),
        ("sim", "--pairs", "missing.yaml"),
        ("sim", "--playbook", "missing"),
        ("sim", "--operator", "a b"),
        ("sim", "--log-level", "loud"),
        ("sim", "sim"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_looked_at_is_unknown_and_never_warning_or_critical(
    lab: Lab, arguments: tuple[str, ...]
) -> None:
    result = lab.run("doctor", *arguments, code=3)
    assert re.match(r"HAMR UNKNOWN - \S[^\n]*\n\Z", result.stdout)
    assert "exit code     3: UNKNOWN: doctor could not look" in result.stderr
    document = json.loads(lab.run("doctor", *arguments, "--json", code=3).stdout)
    assert (document["schema"], document["exit_code"], document["exit_meaning"]) == (
        "hamr/error/1",
        3,
        "UNKNOWN: doctor could not look",
    )
    assert lab.sim.requests == ()


def test_a_bug_of_doctor_is_unknown_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("orchestrator.doctor.examination.check_hooks", broken)
    result = lab.run("doctor", "sim", code=3)
    assert result.stdout.startswith("HAMR UNKNOWN - hamr has a bug, and stopped: ZeroDivisionError: oops")


def test_a_journal_that_is_something_else_is_critical_and_the_orgs_are_asked_all_the_same(lab: Lab) -> None:
    lab.journal.write_text("these are my notes, and a good many of them\n" * 100)
    document = lab.json("doctor", "sim", code=2)
    assert checks(document, "journal") == [(None, "critical", "critical")]
    assert checks(document, "phase") == [(None, "ok", "ok")]
    assert lab.journal.read_text().startswith("these are my notes")


def test_a_journal_in_a_place_that_cannot_be_written_is_critical(lab: Lab) -> None:
    (lab.folder / "file").write_text("")
    document = lab.json("doctor", "sim", "--journal", str(lab.folder / "file" / "j.db"), code=2)
    assert checks(document, "writable") == [(None, "critical", "critical")]


def test_no_key_is_shown(lab: Lab) -> None:
    for more in (("--verbose",), ("--json",), ("--nagios",)):
        shown = lab.run("doctor", "sim", *more, code=0)
        assert "simulated-primary-a" not in shown.stdout + shown.stderr


def test_keys_that_are_not_there_are_one_problem_that_lists_them(lab: Lab) -> None:
    for key in lab.folder.glob("pairs-keys/*"):
        key.unlink()
    result = lab.run("doctor", "sim", code=2)
    assert result.stdout.splitlines()[0].endswith("emergency CRITICAL (4 keys)")
    assert result.stdout.count("cannot be used") == 1
    assert result.stdout.count("for want of a key") == 3
    found = lab.json("doctor", "sim", code=2)["pairs"][0]["checks"]
    assert [each["check"] for each in found if each["planned"] == "critical" and not each["follows"]] == [
        "API key",
        "application key",
        "API key",
        "application key",
    ]


def test_one_orgs_missing_keys_leave_the_problems_of_the_other(lab: Lab) -> None:
    (lab.folder / "pairs-keys" / "primary-api-key").unlink()
    lab.do(lambda: lab.sim.set_dark(S, True))
    found = lab.json("doctor", "sim", code=2)["pairs"][0]["checks"]
    told = {(each["check"], each["org"]): each["follows"] for each in found}
    assert told["HAMR record", "primary"]
    assert not told["HAMR record", "secondary"]


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

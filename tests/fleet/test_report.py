"""What is shown of many pairs: the page, the test report, doctor's table; what the single verbs say of a fleet's id; and metrics."""

from __future__ import annotations

import re
import signal
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.fleet.metrics import METRICS, registry_of, text_of
from orchestrator.model.status import Role, Status
from tests.steps import next_of, typed

from .lab import FleetLab
from .looks import CRITICAL, OK, drilled, hours, look, ran, said_of


def fleet_with_a_refusal(lab: FleetLab) -> str:
    """Of a fleet that pay-2 was refused in, and that stopped before its last wave."""
    lab.of("pay-2").do(lambda: lab.sims["pay-2"].foreign_write(Role.PRIMARY, Status.PASSIVE))
    run = (
        "fleet",
        "run",
        "pay-*",
        "web-1",
        "--to",
        "ACTIVE",
        "--yes",
        "--waves",
        "2,rest",
        "--at-once",
        "1",
        "--stop-after",
        "1",
    )
    lab.run(*run, "--reason", "<b>CHG-77</b>", code=6)
    return lab.fleet().fleet


def test_one_page_for_all_says_who_needs_a_person_and_what_to_type(lab: FleetLab, tmp_path: Path) -> None:
    fleet = fleet_with_a_refusal(lab)
    page, junit = tmp_path / "fleet.html", tmp_path / "fleet.xml"
    lab.run("fleet", "report", "--html", str(page), "--junit", str(junit), code=0)
    text = page.read_text()
    assert "1 of 3 pairs arrived" in text
    assert "It stopped: 1 pair of wave 1 did not arrive (--stop-after 1)." in text
    assert f"hamr fleet resume {fleet}" in text
    assert '<code class="command">hamr doctor pay-2' in text
    assert "&lt;b&gt;CHG-77&lt;/b&gt;" in text
    assert "<script" not in text
    suites = ET.fromstring(junit.read_text())  # noqa: S314 - our own
    assert (suites.get("tests"), suites.get("failures"), suites.get("skipped")) == ("3", "1", "1")
    assert [suite.get("name") for suite in suites] == ["wave 1", "wave 2"]
    (failure,) = suites.iter("failure")
    assert "settled" in str(failure.get("message"))
    assert "hamr doctor pay-2" in str(failure.text)


def test_the_report_is_of_the_newest_fleet_where_none_is_named(lab: FleetLab) -> None:
    fleet = fleet_with_a_refusal(lab)
    found = lab.json("fleet", "report")
    assert (found["fleet"], found["exit_code"], found["need_person"]) == (fleet, 6, ["pay-2"])
    assert next_of(found) == ["hamr doctor pay-2", f"hamr fleet resume {fleet}"], "it would stop for it again"
    states = {each["pair"]: (each["arrived"], each["exit_code"]) for each in found["pairs"]}
    assert states == {"pay-1": (True, 0), "pay-2": (False, 3), "web-1": (False, None)}
    shown = lab.run("fleet", "report", fleet[:15], code=0).stdout
    assert "1 of 3 pairs arrived, 1 not begun, 1 needs a person" in shown
    assert "\n  fleet's exit  6: incomplete: it can be resumed\n" in shown
    assert "exit code" not in shown, "it is not this command's own"
    assert all(len(text) <= 80 for text in shown.splitlines())


def test_a_journal_without_a_fleet_says_so(lab: FleetLab) -> None:
    assert "holds no fleet run yet" in " ".join(lab.run("fleet", "report", code=2).stderr.split())
    lab.run("run", "pay-1", "--to", "ACTIVE", "--yes", code=0)
    assert "holds no fleet run yet" in " ".join(lab.run("fleet", "report", "nonsense", code=2).stderr.split())


def test_a_journal_that_is_not_there_is_not_made_by_a_wish_to_stop(lab: FleetLab) -> None:
    shown = lab.run("fleet", "stop", "--journal", "mistyped.db", code=2).stderr
    assert "holds no fleet run yet" in " ".join(shown.split())
    assert not (lab.folder / "mistyped.db").exists()


def test_the_verbs_of_one_run_say_that_an_id_is_a_fleets(lab: FleetLab) -> None:
    fleet = fleet_with_a_refusal(lab)
    for words in (("resume", fleet, "--yes"), ("report", fleet), ("ack", fleet), ("drill", "from", fleet)):
        result = lab.run(*words, code=2)
        assert f"{fleet} is a fleet of many pairs, and not a run of one." in " ".join(result.stderr.split())
        assert f"hamr fleet resume {fleet}" in result.stderr
    assert f"Fleet {fleet} of many pairs" in lab.run("show", fleet, code=0).stdout


def test_a_pairs_run_names_its_fleet_in_every_form(lab: FleetLab, tmp_path: Path) -> None:
    fleet = fleet_with_a_refusal(lab)
    (run,) = (each for each in lab.json("runs")["runs"] if each["pair"] == "pay-1")
    assert run["fleet"] == fleet
    assert lab.json("report", run["run"])["runs"][0]["fleet"] == fleet
    assert f"  fleet         {fleet}\n" in lab.run("report", run["run"], code=0).stdout
    assert f" of fleet `{fleet}`, planned" in lab.run("report", run["run"], "--markdown", code=0).stdout
    lab.run("report", run["run"], "--html", str(tmp_path / "run.html"), code=0)
    assert f"<dt>Fleet</dt><dd>{fleet}</dd>" in (tmp_path / "run.html").read_text()


def test_doctor_of_many_is_one_table_with_the_worst_first_and_the_worst_code(lab: FleetLab) -> None:
    lab.run("fleet", "doctor", "--all", code=0)
    lab.of("web-1").do(lambda: lab.sims["web-1"].set_dark(Role.SECONDARY, True))
    result = lab.run("fleet", "doctor", "pay-1", "web-1", code=2)
    lines = result.stdout.splitlines()
    assert lines[0] == "HAMR CRITICAL - 2 pairs: 1 CRITICAL, 1 OK"
    assert [text.split()[0] for text in lines[2:5]] == ["pair", "web-1", "pay-1"]
    assert [each["pair"] for each in lab.json("fleet", "doctor", "pay-1", "web-1", code=2)["pairs"]] == [
        "pay-1",
        "web-1",
    ]


def test_status_of_those_that_are_meant(lab: FleetLab) -> None:
    assert [each["pair"] for each in lab.json("fleet", "status", "--select", "tier=gold")["pairs"]] == [
        "pay-1",
        "pay-2",
    ]
    assert sum(lab.writes().values()) == 0


def test_doctor_of_many_offers_the_fleet_in_the_place_of_each_pairs_resume_in_both_forms(
    slow: FleetLab,
) -> None:
    process = slow.start("fleet", "run", "pay-*", "--to", "ACTIVE", "--yes", "--waves", "2")
    slow.wait_for(lambda: min(slow.writes()[pair] for pair in ("pay-1", "pay-2")) == 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    onward = next_of(slow.json("fleet", "doctor", "pay-*", code=1))
    assert onward[0] == f"hamr fleet resume {slow.fleet().fleet}"
    assert not [step for step in onward if step.startswith("hamr resume")]


def test_a_pair_that_the_inventory_calls_by_another_name_comes_first_among_all(lab: FleetLab) -> None:
    lab.run("run", "pay-2", "--to", "ACTIVE", "--yes", code=0)
    pairs = lab.folder / "pairs.yaml"
    pairs.write_text(pairs.read_text().replace("\n  pay-2:\n", "\n  shop:\n"))
    found = lab.json("status")
    assert found["need_person"] == ["shop"]
    assert {each["pair"]: each["known_as"] for each in found["pairs"]}["shop"] == "pay-2"
    (row,) = [text for text in lab.run("status", code=0).stdout.splitlines() if " shop " in text]
    assert row.split()[1:4] == ["shop", "ACTIVE", "0"] or "renamed" in row
    assert "renamed" in row


# Metrics: every one has its unit and a page, and what is not known has no sample


PAGE = Path(__file__).parents[2] / "docs" / "howto" / "be-ready.md"


def samples(text: bytes) -> dict[str, float]:
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_metrics_of_a_pair_say_what_readiness_shows() -> None:
    found = said_of(
        look(hours(4)),
        look(hours(1), CRITICAL, OK, {"lock": CRITICAL}),
        ran(hours(3), 42.0),
        drilled(hours(2)),
    )
    told = samples(text_of(registry_of([found])))
    assert told['hamr_ready{mode="planned",pair="payments"}'] == 0
    assert told['hamr_ready{mode="emergency",pair="payments"}'] == 1
    assert told['hamr_readiness_level{mode="planned",pair="payments"}'] == 2
    assert told['hamr_not_ready_seconds{mode="planned",pair="payments"}'] == 3600
    assert told['hamr_readiness_window_seconds{pair="payments"}'] == 7 * 86400
    assert told['hamr_doctor_looks{pair="payments"}'] == 2
    assert told['hamr_doctor_last_look_timestamp_seconds{pair="payments"}'] == hours(1).timestamp()
    assert told['hamr_org_round_trip_seconds{org="primary",pair="payments"}'] == 0.2
    assert told['hamr_checks_worse{pair="payments"}'] == 1
    assert told['hamr_last_drill_timestamp_seconds{pair="payments",regions="live"}'] == hours(2).timestamp()
    assert told['hamr_time_to_active_seconds{pair="payments",quantile="0.95",regions="live"}'] == 42
    assert told['hamr_time_to_active_objective_seconds{pair="payments"}'] == 900
    assert not any('regions="simulated"' in name or "proven" in name for name in told)


def test_every_metric_is_on_the_page_and_no_other() -> None:
    rows = re.findall(r"^\| `(hamr_\w+)` \|([^|]*)\|", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert documented == {metric.name: metric.labels for metric in METRICS}


def test_where_the_library_is_missing_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError) as caught:
        registry_of([])
    assert typed(caught.value.next_steps) == ("pip install 'hamr-orchestrator[fleet]'",)

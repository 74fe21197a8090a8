"""Whole experiments, by the real `chaos run`, on two simulated regions; those of the documentation among them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import orchestrator
from orchestrator import Both, Role, Status, Verified
from orchestrator.simulator import Fault, Slow

from .conftest import Toolkit

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "chaos-toolkit.md").read_text("utf-8")
FAILOVER, THERE_AND_BACK = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

ACTIVE = Both(Status.ACTIVE, Status.ACTIVE)
PASSIVE = Both(Status.PASSIVE, Status.PASSIVE)


def activity(name: str, module: str, func: str, **arguments: Any) -> dict[str, Any]:
    kind = "probe" if module == "probes" else "action"
    provider = {
        "type": "python",
        "module": f"orchestrator.integrations.chaos.{module}",
        "func": func,
        "arguments": arguments,
    }
    return {"name": name, "type": kind, "provider": provider}


def experiment(*method: dict[str, Any], **parts: Any) -> dict[str, Any]:
    configuration = {
        "hamr_pair": "sim",
        "hamr_pairs": "sim-pairs.yaml",
        "hamr_journal": "rehearsal.db",
        "hamr_operator": "chaos@ci",
    }
    return {
        "title": "t",
        "description": "d",
        "configuration": configuration,
        "method": list(method),
        **parts,
    }


def test_the_documented_failover_is_held_by_its_tolerance(toolkit: Toolkit) -> None:
    journal = toolkit.run(FAILOVER)
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    assert toolkit.regions.statuses == ACTIVE
    before, after = (journal["steady_states"][when]["probes"][0] for when in ("before", "after"))
    assert (before["output"], before["tolerance_met"]) == ("agreed(PASSIVE)", True)
    assert (after["output"], after["tolerance_met"]) == ("agreed(ACTIVE)", True)
    plan, run, head = (step["output"] for step in journal["run"])
    assert plan["schema"] == "hamr/plan/1"
    assert (run["schema"], run["exit_code"], run["phase"]) == ("hamr/result/1", 0, "agreed(ACTIVE)")
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", head)


def test_the_documented_rollback_brings_the_pair_home_and_the_head_is_in_the_journal(
    toolkit: Toolkit,
) -> None:
    journal = toolkit.run(THERE_AND_BACK, "--rollback-strategy", "always")
    assert [step["status"] for step in (*journal["run"], *journal["rollbacks"])] == ["succeeded", "succeeded"]
    assert toolkit.regions.statuses == PASSIVE
    hamr = journal["hamr"]
    kept = orchestrator.open_journal(toolkit.folder / "rehearsal.db")
    assert hamr["head_before"] == f"0:{'0' * 64}"
    assert hamr["head_after"] == str(kept.head())
    assert hamr["holds"] is True
    assert hamr["runs"] == [transition.run for transition in reversed(kept.runs())]
    assert isinstance(kept.verify(hamr["head_after"]), Verified)
    assert {(transition.by, transition.host) for transition in kept.runs()} == {("chaos", "ci")}


def test_a_refused_run_fails_its_action_in_words_and_the_tolerance_deviates(toolkit: Toolkit) -> None:
    toolkit.regions.write_as_somebody_else(Role.PRIMARY, Status.PASSIVE, "bob@example.com")
    hypothesis = {
        "title": "failed over",
        "probes": [
            {
                **activity("where", "probes", "phase"),
                "tolerance": {
                    **activity("there", "tolerances", "phase_is", phase="ACTIVE"),
                    "type": "probe",
                },
            }
        ],
    }
    journal = toolkit.run(
        experiment(
            activity("out", "actions", "run", goal="ACTIVE"), **{"steady-state-hypothesis": hypothesis}
        ),
        "--hypothesis-strategy",
        "after-method-only",
        code=1,
    )
    assert journal["deviated"] is True
    said = " ".join(journal["run"][0]["exception"])
    assert "Refused" in said
    assert "bob@example.com" in said
    assert "Nothing was sent." in said
    assert toolkit.regions.writes == ()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_run_before_its_next_write_and_it_can_be_resumed(
    toolkit: Toolkit, number: signal.Signals
) -> None:
    toolkit.regions.add_fault(Fault(Slow(0.3), role=Role.SECONDARY, method="POST"))
    (toolkit.folder / "experiment.yaml").write_text(
        yaml.safe_dump(experiment(activity("out", "actions", "run", goal="ACTIVE")))
    )
    process = subprocess.Popen(
        toolkit.command("run", "experiment.yaml"),
        cwd=toolkit.folder,
        env=toolkit.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not toolkit.regions.writes and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(20)
    assert toolkit.regions.statuses == Both(Status.PASSIVE, Status.FAILOVER)
    (transition,) = orchestrator.open_journal(toolkit.folder / "rehearsal.db").runs()
    assert (transition.end, transition.open) == ("interrupted", True)
    status = json.loads((toolkit.folder / "journal.json").read_text())["status"]
    assert status == {signal.SIGTERM: "completed", signal.SIGINT: "interrupted"}[number]

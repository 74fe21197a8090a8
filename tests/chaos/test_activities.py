"""Actions, probes, the tolerance and the control, called as the toolkit calls them."""

from __future__ import annotations

import inspect
import json
import logging
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from chaoslib.activity import ensure_activity_is_valid  # type: ignore[import-untyped]
from chaoslib.discovery.package import get_discover_function  # type: ignore[import-untyped]

import orchestrator
from orchestrator import (
    Both,
    Incomplete,
    OpenPair,
    Refused,
    Role,
    SimulatedRegions,
    Status,
    UsageError,
    Verified,
)
from orchestrator.integrations.chaos import actions, control, probes, tolerances
from orchestrator.integrations.chaos.activity import is_simulated
from orchestrator.simulator import ClientError, Fault, Slow
from tests.cli.lab import PLAYBOOK
from tests.processes import python

from .conftest import Toolkit

ACTIVE = Both(Status.ACTIVE, Status.ACTIVE)
PASSIVE = Both(Status.PASSIVE, Status.PASSIVE)

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "chaos-toolkit.md").read_text("utf-8")


@pytest.fixture
def configuration(regions: SimulatedRegions, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "quick.yaml").write_text(PLAYBOOK)
    return {
        "hamr_pair": "sim",
        "hamr_pairs": str(regions.pairs),
        "hamr_playbook": str(tmp_path / "quick.yaml"),
        "hamr_journal": str(tmp_path / "journal.db"),
        "hamr_operator": "chaos@ci",
    }


@pytest.fixture
def live(regions: SimulatedRegions, configuration: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The same pair, which looks like a real one."""
    text = (
        regions.pairs.read_text()
        .replace("drill: true", "drill: false")
        .replace("-000000000000", "-0000deadbeef")
    )
    (tmp_path / "live.yaml").write_text(text)
    return {**configuration, "hamr_pairs": str(tmp_path / "live.yaml")}


@pytest.mark.parametrize("flag", ["live", "emergency"])
def test_a_text_is_never_taken_for_true(
    flag: str, live: dict[str, str], configuration: dict[str, str], regions: SimulatedRegions
) -> None:
    wrong: dict[str, Any] = {flag: "false"}
    pair = live if flag == "live" else configuration
    with pytest.raises(UsageError, match=f"{flag}='false' is neither true nor false"):
        actions.run("ACTIVE", configuration=pair, reason="why", **wrong)
    assert regions.requests == ()


@pytest.mark.parametrize(
    "act",
    [
        lambda **named: actions.run("ACTIVE", **named),
        actions.resume,
        actions.fail_back,
    ],
    ids=["run", "resume", "fail_back"],
)
def test_a_live_pair_is_acted_on_only_where_the_action_says_so(
    act: Callable[..., Any], live: dict[str, str], regions: SimulatedRegions, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="the action has to say `live: true`"):
        act(configuration=live)
    assert regions.requests == ()
    assert not (tmp_path / "journal.db").exists()
    with pytest.raises(orchestrator.HamrError) as caught:  # it goes on, and finds whose orgs these are
        act(configuration=live, live=True)
    assert "live: true" not in str(caught.value)


def test_a_pair_that_is_marked_for_drills_needs_no_word(
    live: dict[str, str], regions: SimulatedRegions
) -> None:
    inventory = Path(live["hamr_pairs"])
    inventory.write_text(inventory.read_text().replace("drill: false", "drill: true"))
    with pytest.raises(Refused) as caught:
        actions.run("ACTIVE", configuration=live)
    assert "live: true" not in str(caught.value)
    assert regions.requests != ()


def test_a_simulated_pair_is_told_by_its_uuids_and_its_address(
    configuration: dict[str, str], live: dict[str, str], tmp_path: Path
) -> None:
    def pair(pairs: str) -> OpenPair:
        return orchestrator.open_pair("sim", pairs=pairs)

    assert is_simulated(pair(configuration["hamr_pairs"]).pair)
    assert not is_simulated(pair(live["hamr_pairs"]).pair)
    elsewhere = tmp_path / "elsewhere.yaml"
    text = Path(configuration["hamr_pairs"]).read_text()
    elsewhere.write_text(re.sub(r"http://127\.0\.0\.1:\d+", "https://proxy.example.com", text))
    assert not is_simulated(pair(str(elsewhere)).pair)


def test_a_plan_is_a_document_and_writes_nothing(
    configuration: dict[str, str], regions: SimulatedRegions, tmp_path: Path
) -> None:
    made = actions.plan("ACTIVE", configuration=configuration)
    assert made["schema"] == "hamr/plan/1"
    assert {request.method for request in regions.requests} == {"GET"}
    assert not (tmp_path / "journal.db").exists()


def test_a_plan_that_would_be_refused_fails_unless_that_is_what_is_asked(
    configuration: dict[str, str], regions: SimulatedRegions
) -> None:
    regions.write_as_somebody_else(Role.PRIMARY, Status.PASSIVE)
    with pytest.raises(Refused, match="would be refused by settled"):
        actions.plan("ACTIVE", configuration=configuration)
    made = actions.plan("ACTIVE", must_pass=False, configuration=configuration)
    assert made["schema"] == "hamr/plan/1"


def test_an_emergency_its_debt_and_the_way_home(
    configuration: dict[str, str], regions: SimulatedRegions
) -> None:
    regions.set_dark(Role.PRIMARY)
    out = actions.run("ACTIVE", emergency=True, reason="us1 is dark", configuration=configuration)
    assert out["end"] == "owing"
    assert probes.phase(configuration=configuration) == "half-seen(ACTIVE)"
    regions.set_dark(Role.PRIMARY, dark=False)
    assert actions.fail_back(configuration=configuration)["phase"] == "agreed(PASSIVE)"
    assert regions.statuses == PASSIVE
    again = actions.fail_back(configuration=configuration)
    assert (again["exit_code"], again["steps"]) == (0, [])


def test_a_run_that_stopped_midway_fails_in_words_and_is_resumed(
    configuration: dict[str, str], regions: SimulatedRegions, caplog: pytest.LogCaptureFixture
) -> None:
    regions.add_fault(Fault(ClientError(400), role=Role.PRIMARY, method="POST"))
    with pytest.raises(Incomplete) as caught:
        actions.run("ACTIVE", configuration=configuration)
    said = str(caught.value)
    assert "Org: Simulated Primary (primary)." in said
    assert "Next: hamr resume " in said
    with caplog.at_level(logging.INFO, logger="chaostoolkit"):
        actions.resume(configuration=configuration)
    assert regions.statuses == ACTIVE
    assert any(
        line.startswith("hamr: Simulated Primary (primary) is told FAILOVER") for line in caplog.messages
    )


def test_arguments_come_before_the_configuration(configuration: dict[str, str], tmp_path: Path) -> None:
    actions.run(
        "ACTIVE", journal=str(tmp_path / "other.db"), operator="eve@desk", configuration=configuration
    )
    (transition,) = orchestrator.open_journal(tmp_path / "other.db").runs()
    assert (transition.by, transition.host) == ("eve", "desk")
    assert not (tmp_path / "journal.db").exists()
    with pytest.raises(UsageError, match="no pair is named"):
        probes.phase(configuration={**configuration, "hamr_pair": ""})


def test_law_17_keys_come_from_the_toolkits_secrets_and_show_nowhere(
    configuration: dict[str, str], regions: SimulatedRegions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = re.sub(r"\{file: \"pairs-keys/(\w+)-(\w+)-key\"\}", r"{env: KEY_\1_\2}", regions.pairs.read_text())
    assert "file:" not in text
    (tmp_path / "secret.yaml").write_text(text)
    secrets = {
        f"KEY_{role}_{which}": (tmp_path / "pairs-keys" / f"{role}-{which}-key").read_text().strip()
        for role in Role
        for which in ("api", "app")
    }
    named = {**configuration, "hamr_pairs": str(tmp_path / "secret.yaml")}
    with caplog.at_level(logging.DEBUG):
        made = actions.run("ACTIVE", configuration=named, secrets=secrets)
    assert made["exit_code"] == 0
    assert not any(key in caplog.text + str(made) for key in secrets.values())


@pytest.mark.parametrize(
    ("phase", "value", "met"),
    [
        ("ACTIVE", "agreed(ACTIVE)", True),
        ("active", "agreed(ACTIVE)", True),
        ("ACTIVE", "half-seen(ACTIVE)", False),
        ("agreed(PASSIVE)", "agreed(PASSIVE)", True),
        ("midway(declare)", "midway(declare)", True),
        (["PASSIVE", "ACTIVE"], "agreed(ACTIVE)", True),
        (["PASSIVE", "ACTIVE"], "midway(declare)", False),
    ],
)
def test_phase_is(phase: str | list[str], value: str, met: bool) -> None:
    assert tolerances.phase_is(phase, value) is met


def test_an_experiment_is_anchored_at_the_head_that_it_found(configuration: dict[str, str]) -> None:
    earlier = actions.run("ACTIVE", configuration=configuration)
    found = probes.journal_head(configuration=configuration)
    experiment: dict[str, Any] = {}
    control.before_experiment_control(context=experiment, configuration=configuration)
    own = actions.run("PASSIVE", configuration=configuration)
    journal: dict[str, Any] = {}
    control.after_experiment_control(context=experiment, state=journal, configuration=configuration)
    assert journal["hamr"] == {
        "journal": configuration["hamr_journal"],
        "head_before": found,
        "head_after": probes.journal_head(configuration=configuration),
        "holds": True,
        "runs": [own["run"]],
    }
    assert earlier["run"] != own["run"]


def test_the_heads_of_a_journal_that_was_changed_meanwhile_do_not_hold(
    configuration: dict[str, str], tmp_path: Path
) -> None:
    actions.run("ACTIVE", configuration=configuration)
    experiment: dict[str, Any] = {}
    control.before_experiment_control(context=experiment, configuration=configuration)
    (tmp_path / "journal.db").unlink()
    for rest in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    actions.run(
        "PASSIVE", overrides={"alone": "rehearsal", "settled": "rehearsal"}, configuration=configuration
    )
    journal: dict[str, Any] = {}
    control.after_experiment_control(context=experiment, state=journal, configuration=configuration)
    assert journal["hamr"]["holds"] is False
    assert journal["hamr"]["head_before"] == experiment["extensions"][0]["head_before"]


def test_a_journal_that_cannot_be_read_is_noted_and_stops_nothing(tmp_path: Path) -> None:
    experiment: dict[str, Any] = {}
    control.before_experiment_control(context=experiment, journal=str(tmp_path))
    assert experiment == {}
    journal: dict[str, Any] = {}
    control.after_experiment_control(context=experiment, state=journal, journal=str(tmp_path))
    assert journal["hamr"]["head_before"] is None
    assert "is a folder" in journal["hamr"]["error"]


def test_everything_is_discovered_with_its_arguments() -> None:
    found = get_discover_function(orchestrator)(discover_system=True)
    listed = {(each["type"], each["name"]): each for each in found["activities"]}
    assert set(listed) == {
        ("action", "plan"),
        ("action", "run"),
        ("action", "resume"),
        ("action", "fail_back"),
        ("probe", "phase"),
        ("probe", "journal_head"),
        ("tolerance", "phase_is"),
    }
    arguments = {each["name"]: each for each in listed["action", "run"]["arguments"]}
    assert arguments["goal"] == {"name": "goal", "type": "string"}
    assert arguments["live"] == {"name": "live", "default": False, "type": "boolean"}
    assert found["extension"] == {"name": "hamr-orchestrator", "version": orchestrator.__version__}


def test_the_toolkit_takes_every_activity_for_valid() -> None:
    for module, kind in ((actions, "action"), (probes, "probe"), (tolerances, "probe")):
        for name in module.__all__:
            needed = (
                {"goal": "ACTIVE"}
                if name in ("run", "plan")
                else {"phase": "ACTIVE"}
                if name == "phase_is"
                else {}
            )
            provider = {"type": "python", "module": module.__name__, "func": name, "arguments": needed}
            ensure_activity_is_valid({"name": name, "type": kind, "provider": provider})


def test_everything_but_discovery_does_without_the_toolkit() -> None:
    code = (
        "import sys; sys.modules['chaoslib'] = None\n"
        "from orchestrator.integrations.chaos import actions, control, probes, tolerances"
    )
    python("-c", code)


@pytest.mark.parametrize("module", [actions, probes, tolerances], ids=lambda module: module.__name__)
def test_the_page_names_every_activity_and_its_arguments(module: Any) -> None:
    shared = {"pair", "pairs", "playbook", "journal", "operator", "configuration", "secrets", "value"}
    section = PAGE.split("## What there is", 1)[1]
    for name in module.__all__:
        (transition,) = re.findall(rf"^\|.*\| `{name}` \| (.*)$", section, re.MULTILINE)
        wanted = set(inspect.signature(getattr(module, name)).parameters) - shared
        assert {word for word in re.findall(r"`(\w+)`", transition) if word in wanted} == wanted, name


# Whole experiments, by the real `chaos run`, those of the documentation among them


FAILOVER, THERE_AND_BACK = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


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


@pytest.mark.sample(1)
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
    # The toolkit of Python 3.11 takes SIGTERM for an activity's own affair, newer ones for an interruption.
    assert status in {signal.SIGTERM: ("completed", "interrupted"), signal.SIGINT: ("interrupted",)}[number]

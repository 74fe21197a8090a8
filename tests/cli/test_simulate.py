"""`hamr simulate`: one line of JSON, then two regions until it is told to stop."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli.group import hamr
from orchestrator.cli.simulating import traffic_of
from orchestrator.simulator import Traffic

from .lab import Lab
from .terminal import Person

README = Path(__file__).parents[2] / "README.md"


def simulate(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "simulate", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def ready(folder: Path, *arguments: str, ends_by: signal.Signals = signal.SIGTERM) -> Iterator[Any]:
    """What it says once it serves; when the block ends it is sent a signal, and has nothing more to say."""
    with simulate(folder, *arguments) as serving:
        assert serving.stdout is not None
        try:
            yield json.loads(serving.stdout.readline())
        finally:
            serving.send_signal(ends_by)
            ended = serving.communicate(timeout=20)
    assert (serving.returncode, *ended) == (0, "", "")


def asked(org: dict[str, str], path: str) -> Any:
    """What an org answers to whoever has its keys."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{org['url']}{path}",
        headers={"DD-API-KEY": org["api_key"], "DD-APPLICATION-KEY": org["app_key"]},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    like = ("--wire", "pascal", "--mirror", "0.2", "--status", "ACTIVE")
    with ready(tmp_path, *like, ends_by=number) as said:
        assert set(said) == {"primary", "secondary", "inventory"}
        assert set(said["primary"]) == {"url", "org_uuid", "api_key", "app_key"}
        assert said["inventory"] == str(tmp_path / "pairs.yaml")
        assert asked(said["secondary"], "/api/v2/hamr")["data"]["attributes"]["HamrStatus"] == 4
        where = ["--pairs", said["inventory"], "--journal", str(tmp_path / "j.db")]
        result = CliRunner().invoke(hamr, ["status", "sim", *where, "--json"])
        assert json.loads(result.stdout)["phase"] == "agreed(ACTIVE)"


def test_many_pairs_are_served_from_one_process_and_selected_by_their_labels(tmp_path: Path) -> None:
    with ready(tmp_path, "--pairs", "12") as said:
        assert (set(said), said["pairs"]) == ({"primary", "secondary", "pairs", "inventory"}, 12)
        where = ["--pairs", said["inventory"], "--journal", str(tmp_path / "j.db")]
        moved = CliRunner().invoke(hamr, ["run", "sim-0007", "--to", "ACTIVE", "--yes", *where])
        assert moved.exit_code == 0, moved.output
        shown = CliRunner().invoke(hamr, ["status", *where, "--json"])
        assert json.loads(shown.stdout)["counts"] == {"PASSIVE": 11, "ACTIVE": 1}
        gold = CliRunner().invoke(hamr, ["readiness", "--select", "tier=gold", *where, "--json"])
        assert [pair["pair"] for pair in json.loads(gold.stdout)["pairs"]] == ["sim-0001", "sim-0011"]


def test_a_port_that_is_taken_is_exit_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        serving = simulate(tmp_path, "--primary-port", str(port))
        out, err = serving.communicate(timeout=20)
    assert serving.returncode == 2
    assert out == ""
    assert str(port) in err
    assert "Traceback" not in err


def test_somebody_elses_pairs_yaml_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "pairs.yaml").write_text("mine\n")
    with ready(tmp_path) as said:
        assert said["inventory"] == str(tmp_path / "sim-pairs.yaml")
    assert (tmp_path / "pairs.yaml").read_text() == "mine\n"


def test_a_person_is_told_what_to_type_and_it_works(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lab.folder / "anew"
    folder.mkdir()
    with Person(lab, ("simulate", "--inventory-out", str(folder / "pairs.yaml"))) as person:
        person.wait_for("hamr run sim --to ACTIVE")
        assert '"api_key"' not in person.seen
        typed = [
            text.strip()
            for text in re.sub(r"\x1b\[[0-9;]*m", "", person.seen).splitlines()
            if text.startswith(("  cd ", "  export ", "  hamr "))
        ]
        assert typed[0] == f"cd {folder}"
        assert typed[1] == "export HAMR_JOURNAL=sim.db"
        monkeypatch.chdir(folder)
        journal = {"HAMR_JOURNAL": typed[1].partition("=")[2]}
        assert "agreed(PASSIVE)" in lab.run(*typed[2].split()[1:], code=0, env=journal).stdout
        lab.run(*typed[3].split()[1:], "--yes", code=0, env=journal)
        person.type("\x03")
        assert person.end() == 0


def test_a_person_who_simulates_many_pairs_is_led_to_all_of_them(lab: Lab) -> None:
    with Person(lab, ("simulate", "--pairs", "3", "--inventory-out", "many.yaml")) as person:
        person.wait_for("hamr fleet plan --all --to ACTIVE --pairs many.yaml")
        assert "export HAMR_JOURNAL=fleet.db" in person.seen
        typed = "fleet plan --all --to ACTIVE --pairs many.yaml --journal fleet.db"
        shown = lab.run(*typed.split(), code=0)
        assert "3 would move" in shown.stdout
        assert f"hamr {typed.replace('plan', 'run')}\n" in shown.stdout
        person.type("\x03")
        assert person.end() == 0


def test_the_readme_copied_literally_moves_a_simulated_pair(tmp_path: Path) -> None:
    section = re.sub(r"```.*?```", "", README.read_text("utf-8").split("\n## ")[1], flags=re.DOTALL)
    first, second, third = re.findall(r"(?:^    .+\n)+", section, re.MULTILINE)
    assert [line.strip() for line in first.splitlines()][-1] == "hamr simulate"
    script = "".join(
        line.strip() + "\n" for line in (second + third).splitlines() if "activate" not in line
    ).replace("hamr run sim", "hamr run sim --yes")
    with ready(tmp_path):
        done = subprocess.run(
            ["/bin/sh", "-ec", f'hamr() {{ "{sys.executable}" -m orchestrator "$@"; }}\n{script}'],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pair sim stands at ACTIVE, on both orgs" in done.stdout
    assert "pair sim stands at PASSIVE, on both orgs" in done.stdout
    assert "The chain holds" in done.stdout


def test_an_inventory_that_somebody_else_wrote_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pairs.yaml").write_text("mine\n")
    serving = simulate(tmp_path, "--inventory-out", "pairs.yaml")
    _, err = serving.communicate(timeout=20)
    assert serving.returncode == 2
    assert "it is left as it is" in " ".join(err.split())
    assert (tmp_path / "pairs.yaml").read_text() == "mine\n"


def test_a_fault_script_that_is_wrong_is_refused_before_anything_listens(tmp_path: Path) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text("schema: 1\nfaults:\n  - answerlost: {}\n")
    serving = simulate(tmp_path, "--faults", str(script))
    out, err = serving.communicate(timeout=30)
    assert (serving.returncode, out) == (2, "")
    assert 'did you mean "answer_lost"?' in " ".join(err.split())


def test_metrics_monitors_and_traffic_are_what_the_flags_say(tmp_path: Path) -> None:
    errors = "/api/v1/query?from=1000000000&to=9999999999&query=sum:errors%7Ba=b%7D"
    agents = "/api/v1/query?from=1000000000&to=9999999999&query=sum:agents"
    with ready(
        tmp_path,
        "--metric=secondary:sum:errors{a=b}=0,no value,2.5",
        "--metric",
        "primary:sum:errors{a=b}=no data",
        "--monitor=secondary:42=Alert",
        "--monitor=secondary:43=absent",
        "--traffic=follows",
    ) as said:
        primary, secondary = said["primary"], said["secondary"]
        shown = asked(secondary, errors)["series"][0]["pointlist"]
        assert [value for _, value in shown] == [0.0, None, 2.5]
        assert asked(primary, errors)["series"] == []
        assert asked(primary, agents)["series"][0]["pointlist"][-1][1] == 12.0
        assert asked(secondary, agents)["series"] == []
        assert asked(secondary, "/api/v1/monitor/42")["overall_state"] == "Alert"
        with pytest.raises(urllib.error.HTTPError, match="404") as absent:
            asked(secondary, "/api/v1/monitor/43")
        absent.value.close()


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--metric=sum:errors=0", "--metric wants ORG:QUERY=VALUE"),
        ("--metric=secondary:sum:errors", "--metric wants ORG:QUERY=VALUE"),
        ("--metric=secondary:sum:errors=many", "--metric wants ORG:QUERY=VALUE"),
        ("--metric=secondary:sum:errors=inf", "--metric wants ORG:QUERY=VALUE"),
        ("--monitor=secondary:42=Sad", "--monitor wants ORG:ID=STATE"),
        ("--monitor=secondary:web=OK", "--monitor wants ORG:ID=STATE"),
        ("--traffic=-1", "--traffic '-1': everywhere, follows or a number of seconds is wanted"),
        ("--traffic=soon", "--traffic 'soon': everywhere, follows or a number of seconds is wanted"),
    ],
)
def test_a_flag_that_cannot_be_read_is_exit_2(flag: str, words: str) -> None:
    result = CliRunner().invoke(hamr, ["simulate", flag])
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_traffic_may_follow_after_some_seconds() -> None:
    assert traffic_of("2.5") == (Traffic.FOLLOWS, 2.5)
    assert traffic_of("everywhere") == (Traffic.EVERYWHERE, 0.0)

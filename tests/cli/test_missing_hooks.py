"""A hook whose program is not on this machine: said before a run finds out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .lab import Lab

HOOKED = """\
schema: 1
name: hooked
confirm: {within: 1s, every: 50ms}
emergency: {deadline: 200ms}
transitions:
  - name: declare
    from: PASSIVE
    to: FAILOVER
    survivor: secondary
    WHEN: [{name: stop-sync, run: [PROGRAM, now], timeout: 10s}]
  - {name: activate, from: FAILOVER, to: ACTIVE, survivor: secondary}
  - {name: back, from: ACTIVE, to: PASSIVE}
"""

WORDS = "is not on this machine, or cannot be run: it would fail"


def hooked(lab: Lab, program: str, when: str = "before") -> str:
    path = lab.folder / "hooked.yaml"
    path.write_text(HOOKED.replace("WHEN", when).replace("PROGRAM", program))
    return str(path)


def planned(lab: Lab, playbook: str, *more: str) -> tuple[int, str]:
    result = lab.run("plan", "sim", "--to", "ACTIVE", "--playbook", playbook, "--detailed-exitcode", *more)
    return result.exit_code, " ".join(result.stdout.split())


@pytest.mark.parametrize(
    "program", ["./bin/nope", "no-such-program-anywhere", "/nope/at/all", "./not-executable"]
)
def test_a_hook_before_a_transition_that_is_missing_refuses_the_plan(lab: Lab, program: str) -> None:
    (lab.folder / "not-executable").write_text("#!/bin/sh\n")
    code, page = planned(lab, hooked(lab, program))
    assert code == 3
    assert (
        f"REFUSED BY A HOOK: a run would stop before transition declare: stop-sync: {program} {WORDS}."
        in page
    )
    assert "Next hamr doctor sim --playbook" in page
    document = json.loads(
        lab.run("plan", "sim", "--to", "ACTIVE", "--playbook", hooked(lab, program), "--json", code=0).stdout
    )
    assert document["refused"] is True
    assert [transition["stopped_by_hooks"] for transition in document["transitions"]] == [["stop-sync"], []]


def test_a_relative_program_is_looked_for_where_the_run_looks(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    playbook = hooked(lab, "./bin/there")
    (lab.folder / "bin").mkdir()
    (lab.folder / "bin" / "there").write_text("#!/bin/sh\n")
    (lab.folder / "bin" / "there").chmod(0o755)
    assert planned(lab, playbook)[0] == 10
    (lab.folder / "elsewhere").mkdir()
    monkeypatch.chdir(lab.folder / "elsewhere")
    assert planned(lab, playbook)[0] == 3


def test_a_hook_after_a_transition_is_said_and_refuses_nothing(lab: Lab) -> None:
    code, page = planned(lab, hooked(lab, "./bin/nope", "after"))
    assert code == 10
    assert WORDS in page


def test_no_hook_holds_up_an_emergency(lab: Lab) -> None:
    code, page = planned(lab, hooked(lab, "./bin/nope"), "--emergency", "--reason", "us1 is down")
    assert code == 10
    assert WORDS in page


def test_check_notes_it_and_calls_nothing_wrong(lab: Lab) -> None:
    path = hooked(lab, "./bin/nope")
    assert "hook declare/stop-sync: ./bin/nope is not on this machine" in " ".join(
        lab.run("check", path, code=0).stdout.split()
    )
    assert lab.json("check", Path(path).name)["notes"] == [
        "hooked.yaml: hook declare/stop-sync: ./bin/nope is not on this machine, or cannot be run: it would fail here."
    ]

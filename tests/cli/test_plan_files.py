"""Saved plans: whole, private, and noticed when they were edited."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import source

from .lab import Lab


@pytest.fixture
def saved(lab: Lab) -> Path:
    path = lab.folder / "plan.json"
    lab.run("plan", "sim", "--to", "ACTIVE", "--out", str(path), code=0)
    return path


def edited(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def refused(lab: Lab, path: Path, words: str, code: int = 2) -> None:
    result = lab.run("apply", str(path), "--yes", code=code)
    assert words in " ".join(result.stderr.split()), result.stderr
    assert "Nothing was sent." in result.stderr
    assert lab.posts() == 0
    assert not lab.journal.exists()


def test_a_plan_is_for_its_owner_alone(saved: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    document = json.loads(saved.read_text())
    assert document["schema"] == "hamr/plan-file/1"
    assert len(document["sha256"]) == 64
    assert list(saved.parent.glob(".plan.json.*")) == []


def test_an_edited_plan_is_refused(lab: Lab, saved: Path) -> None:
    edited(saved, lambda document: document["plan"]["request"]["overrides"].update(settled="because"))
    refused(lab, saved, "this plan was edited after it was saved")


def test_a_plan_whose_hash_was_edited_is_refused(lab: Lab, saved: Path) -> None:
    edited(saved, lambda document: document.update(sha256="0" * 64))
    refused(lab, saved, "this plan was edited after it was saved")


def test_a_plan_with_a_key_twice_is_refused(lab: Lab, saved: Path) -> None:
    saved.write_text(saved.read_text().replace('"schema": ', '"schema": "x",\n "schema": ', 1))
    refused(lab, saved, "a key stands twice")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"hello", "this is not JSON"),
        (b'{"schema": "hamr/plan-file/1", "plan": {', "it was cut short"),
        (b"\x7fELF\xff\xfe", "this is a binary file"),
        (b"[1]", "a JSON object is wanted"),
        (b"{}", "it has no schema of ours"),
        (b'{"schema": "hamr/plan/1"}', "its schema is hamr/plan/1"),
        (b'{"schema": "hamr/plan-file/2"}', "its schema is hamr/plan-file/2"),
        (b'{"schema": "hamr/plan-file/1"}', "a part of it is missing"),
        (b"[" * 100_000, "this is no saved plan"),
        (b" " * 5_000_001, "larger than 5,000,000 bytes"),
        (
            b'{"schema": "hamr/plan-file/1", "playbook": "", "plan": {"a": 99999999999999999999}}',
            "was edited",
        ),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_is_no_plan_is_refused_in_words(lab: Lab, content: bytes, words: str) -> None:
    path = lab.folder / "odd.json"
    path.write_bytes(content)
    refused(lab, path, words)


def test_a_plan_that_is_not_there_is_refused(lab: Lab) -> None:
    refused(lab, lab.folder / "missing.json", "no such file")


def test_a_folder_is_no_plan(lab: Lab) -> None:
    refused(lab, lab.folder, "is a directory")


def test_a_plan_is_applied_once(lab: Lab, saved: Path) -> None:
    result = lab.json("apply", str(saved), "--yes")
    assert result["end"] == "done"
    assert lab.writes() == 4
    posts = lab.posts()
    again = lab.run("apply", str(saved), "--yes", code=4)
    assert "this plan is spent" in again.stderr
    assert f"hamr show {result['run']}" in again.stderr
    assert lab.posts() == posts


def test_what_is_sent_is_what_the_plan_showed(lab: Lab, saved: Path) -> None:
    plan = json.loads(saved.read_text())["plan"]
    wanted = [
        write["request"]["body"] for transition in plan["transitions"] for write in transition["writes"]
    ]
    lab.run("apply", str(saved), "--yes", code=0)
    shown = lab.json("show", plan["run"])
    sent = [one["data"]["request"]["body"] for one in shown["records"] if one["kind"] == "write.intended"]
    assert sent == wanted


def test_a_plan_of_another_version_of_the_playbook_is_refused(lab: Lab, saved: Path) -> None:
    lab.add("quick.yaml", "# edited\n")
    assert "another version of playbook quick" in lab.told("apply", str(saved), "--yes", code=4)
    assert lab.posts() == 0


def test_the_playbook_of_the_plan_is_found_again_from_another_folder(
    lab: Lab, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab.folder / "elsewhere").mkdir()
    monkeypatch.chdir(lab.folder / "elsewhere")
    lab.run("apply", str(saved), "--yes", env={"HAMR_PLAYBOOK": "onboarding"}, code=0)


def test_a_plan_whose_orgs_moved_is_refused(lab: Lab, saved: Path) -> None:
    from orchestrator.model.status import Role, Status

    lab.do(lambda: lab.sim.foreign_write(Role.PRIMARY, Status.PASSIVE, "bob@example.com"))
    result = lab.run("apply", str(saved), "--yes", code=4)
    assert "was changed since the plan was made, by bob@example.com" in " ".join(result.stdout.split())
    assert lab.writes() == 0


def test_law_03_a_replica_that_lags_behind_what_the_plan_was_made_of_is_read_again(lab: Lab) -> None:
    """Nobody has changed anything: the plan has seen a record that no journal knows."""
    from orchestrator.model.status import Role, Status
    from orchestrator.simulator import Fault, StaleRead

    lab.do(lambda: lab.sim.foreign_write(Role.PRIMARY, Status.PASSIVE, "bob@example.com"))
    path, wanted = lab.folder / "plan.json", ("--to", "ACTIVE", "--override", "settled=that was me")
    lab.run("plan", "sim", *wanted, "--out", str(path), code=0)
    lab.fault(Fault(StaleRead(), role=Role.PRIMARY, method="GET", times=2))
    done = lab.json("apply", str(path), "--yes", code=0)
    assert lab.statuses() == (Status.ACTIVE, Status.ACTIVE)
    records = lab.json("show", done["run"])["records"]
    looks = [record["data"]["purpose"] for record in records if record["kind"] == "situation.read"]
    assert looks[:2] == ["start", "confirm"]


def test_a_plan_for_other_orgs_is_refused(lab: Lab, saved: Path) -> None:
    lab.edit("pairs.yaml", "22222222-2222-4222-8222-000000000000", "22222222-2222-4222-8222-000000000001")
    lab.run("apply", str(saved), "--yes", code=4)
    assert lab.posts() == 0


def test_an_assumed_plan_is_not_saved(lab: Lab) -> None:
    result = lab.run("plan", "sim", "--to", "ACTIVE", "--assume", "PASSIVE", "--out", "p.json", code=2)
    assert "--assume" in result.stderr
    assert not (lab.folder / "p.json").exists()


def test_a_plan_to_stdout_is_one_that_apply_takes(lab: Lab) -> None:
    result = lab.run("plan", "sim", "--to", "ACTIVE", "--out", "-", code=0)
    assert not (lab.folder / "-").exists()
    assert "Plan for pair sim to ACTIVE" in result.stderr
    (lab.folder / "plan.json").write_text(result.stdout)
    lab.run("apply", "plan.json", "--yes", code=0)


def test_a_plan_to_stdout_stands_there_alone(lab: Lab) -> None:
    for other in ("--json", "--curl"):
        assert "leave --curl or --json out" in lab.told(
            "plan", "sim", "--to", "ACTIVE", "--out", "-", other, code=2
        )


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "sim", "--to", "ACTIVE", "--out"),
        ("audit", "export", "--out"),
        ("report", "RUN", "--html"),
        ("report", "RUN", "--junit"),
        ("drill", "run", "--html"),
        ("drill", "run", "--junit"),
    ],
)
def test_nothing_of_another_kind_is_written_over(lab: Lab, words: tuple[str, ...]) -> None:
    run = lab.json("run", "sim", "--to", "PASSIVE", "--yes")["run"]
    words = tuple(run if word == "RUN" else word for word in words)
    (lab.folder / "notes.txt").write_text("call Bob")
    for name in ("pairs.yaml", "quick.yaml", "journal.db", "notes.txt"):
        before = (lab.folder / name).read_bytes()
        refused = lab.told(*words, name, code=2)
        assert f"{words[-1]} {name}: " in refused
        assert "stands there" in refused
        assert (lab.folder / name).read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "sim", "--to", "PASSIVE", "--out"),
        ("audit", "export", "--out"),
        ("report", "RUN", "--html"),
        ("report", "RUN", "--junit"),
    ],
)
def test_what_hamr_wrote_itself_is_replaced_by_the_same_kind(lab: Lab, words: tuple[str, ...]) -> None:
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    words = tuple(run if word == "RUN" else word for word in words)
    (lab.folder / "out").write_bytes(b"")
    for _ in range(2):
        lab.run(*words, "out", code=0)
    assert (lab.folder / "out").stat().st_size > 100


def test_a_fifo_without_a_writer_hangs_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_NOBODY", 0.1)
    os.mkfifo(lab.folder / "fifo")
    for words, code in (
        (("check", "fifo"), 2),
        (("status", "sim", "--pairs", "fifo"), 2),
        (("plan", "sim", "--to", "ACTIVE", "--playbook", "./fifo"), 2),
        (("apply", "fifo", "--yes"), 2),
        (("drill", "run", "--scenario", "./fifo"), 2),
    ):
        assert "nobody has written all of it" in " ".join(lab.run(*words, code=code).output.split())

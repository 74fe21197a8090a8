"""Verbs to start with: check, graph, schema, demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.group import hamr
from orchestrator.config import shipped_playbooks
from orchestrator.config.starter import starter_inventory


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(hamr, list(args), prog_name="hamr")
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_edited_copy_goes_before_the_shipped_playbook(here: Path) -> None:
    run("init", "--full")
    path = here / "regional-failover.yaml"
    path.write_text(path.read_text().replace("name: activate", "name: take_over"))
    assert "take_over" in run("graph").stdout


def test_check_shows_all_problems_of_all_files_at_once(here: Path) -> None:
    (here / "pairs.yaml").write_text("schema: 1\npairs: {payments: {mirors: true}}\n")
    (here / "book.yaml").write_text("schema: 1\nname: x\ntransitons: []\ntransitions: []\n")
    result = run("check", "pairs.yaml", "book.yaml", code=2)
    assert "pairs.yaml:2:" in result.stdout
    assert "book.yaml:3:1" in result.stdout
    document = json.loads(run("check", "pairs.yaml", "book.yaml", "--json", code=2).stdout)
    assert not document["fine"]
    assert {problem["file"] for problem in document["problems"]} == {"pairs.yaml", "book.yaml"}


def test_check_without_files_looks_where_the_other_verbs_look(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = run("check", code=2)
    assert "There is no inventory" in missing.stdout
    assert "fine" in missing.stdout
    run("init")
    monkeypatch.setenv("HAMR_PLAYBOOK", "onboarding")
    document = json.loads(run("check", "--json").stdout)
    assert [one["kind"] for one in document["files"]] == ["inventory", "playbook"]
    assert document["files"][1]["file"].endswith("onboarding.yaml")


def test_check_shows_the_line_with_a_mark(here: Path) -> None:
    (here / "pairs.yaml").write_text("schema: 1\npairs:\n  payments: {mirors: true}\n")
    shown = run("check", "pairs.yaml", code=2).stdout
    assert "    payments: {mirors: true}\n               ^\n" in shown


def test_check_finds_a_page_that_the_playbook_asks_and_the_inventory_has_not(here: Path) -> None:
    (here / "pairs.yaml").write_text(starter_inventory().replace("secondary_from_outside", "elsewhere"))
    document = json.loads(run("check", "--json", code=2).stdout)
    assert [problem["message"] for problem in document["problems"]] == [
        (
            "pair payments has no page secondary_from_outside, which probe from_outside of playbook regional-failover "
            "asks: write its address under pages"
        )
    ]
    assert [file["fine"] for file in document["files"]] == [False, True]
    assert json.loads(run("check", "pairs.yaml", "--json").stdout)["fine"], "no playbook was asked about"


def test_check_remarks_on_a_playbook_without_a_way_out_in_an_emergency(here: Path) -> None:
    text = shipped_playbooks()["regional-failover"].read_text("utf-8")
    (here / "slow.yaml").write_text(text.replace("    survivor: secondary\n", ""))
    document = json.loads(run("check", "slow.yaml", "--json").stdout)
    assert document["fine"]
    assert document["notes"] == [
        (
            "slow.yaml: no transition on the way to ACTIVE names a survivor: while a region is dead, nothing can be done "
            "with this playbook."
        )
    ]
    for fine in shipped_playbooks().values():
        assert json.loads(run("check", str(fine), "--json").stdout)["notes"] == []


def test_law_17_an_inline_key_is_refused_and_not_echoed(here: Path) -> None:
    run("init")
    path = here / "pairs.yaml"
    path.write_text(path.read_text().replace("{env: PAYMENTS_PRIMARY_API_KEY}", "canary-key-0001"))
    for arguments in (("check",), ("status", "payments"), ("run", "payments", "--to", "ACTIVE", "--yes")):
        result = run(*arguments, code=2)
        assert "canary" not in result.output
        assert "pairs.yaml:" in result.output


def test_graph_draws_the_playbook_that_was_named() -> None:
    text = run("graph", "onboarding").stdout
    assert text.startswith("stateDiagram-v2\n")
    assert "ABSENT --> ONBOARDING" in text
    assert json.loads(run("graph", "onboarding", "--json").stdout) == {
        "schema": "hamr/graph/1",
        "playbook": "onboarding",
        "mermaid": text,
    }
    assert (
        "Did you mean" in run("graph", "onbording", code=2).stderr
        or "did you mean" in run("graph", "onbording", code=2).stderr
    )

"""Any file of ours: which kind it is, and all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import check_file, load_inventory

from .texts import INVENTORY, PLAYBOOK


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.yaml", INVENTORY, "inventory"),
        ("x.yaml", PLAYBOOK, "playbook"),
        ("x.yaml", "schema: 1\nstops: [PASSIVE]\n", "playbook"),
        ("pairs.yaml", "schema: 1\n", "inventory"),
    ],
)
def test_a_file_is_known_by_its_top_keys(tmp_path: Path, name: str, text: str, kind: str) -> None:
    (tmp_path / name).write_text(text)
    assert check_file(tmp_path / name).kind == kind


def test_a_file_of_neither_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {}\n")
    checked = check_file(path)
    assert checked.kind is None
    (only,) = checked.problems
    assert only.message.startswith("this is neither an inventory (which has pairs:) nor a playbook")


def test_a_right_file_has_no_problems(tmp_path: Path) -> None:
    (tmp_path / "i.yaml").write_text(INVENTORY)
    (tmp_path / "p.yaml").write_text(PLAYBOOK)
    assert check_file(tmp_path / "i.yaml").problems == ()
    assert check_file(tmp_path / "p.yaml").problems == ()


def test_problems_name_the_file_as_it_was_named(tmp_path: Path) -> None:
    path = tmp_path / "i.yaml"
    path.write_text(INVENTORY.replace("us1", "us9").replace("eu1", "eu9"))
    problems = check_file(path).problems
    assert [(problem.file, problem.line, problem.column) for problem in problems] == [
        (str(path), 7, 13),
        (str(path), 13, 13),
    ]


def test_a_missing_file_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    (only,) = check_file(tmp_path / "none.yaml").problems
    assert str(only) == f"{tmp_path}/none.yaml: there is no such file"


@pytest.mark.parametrize(
    ("ca", "said"),
    [
        ("no/such/ca.pem", "the certificates in {} cannot be read: No such file or directory"),
        ("i.yaml", "{} holds no certificates: it has to be a PEM file"),
    ],
)
def test_law_09_a_ca_that_cannot_be_used_is_a_problem_here_and_stops_no_reader(
    tmp_path: Path, ca: str, said: str
) -> None:
    path = tmp_path / "i.yaml"
    path.write_text(INVENTORY.replace("      site: us1\n", f"      site: us1\n      ca: {ca}\n", 1))
    assert [
        problem.message.startswith(said.format(tmp_path / ca)) for problem in check_file(path).problems
    ] == [True]
    assert load_inventory(path).pairs[0].orgs.primary.ca == str(tmp_path / ca)

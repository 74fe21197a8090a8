"""Any file of ours: which kind it is, all that is wrong with it, and the JSON Schemas that are published for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest

from orchestrator.config import (
    check_file,
    load_inventory,
    schema_of,
    shipped_playbooks,
)
from orchestrator.config.compose import compose
from orchestrator.config.starter import starter_inventory

from .texts import AROUND, FULL, INVENTORY, PLAYBOOK


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


# -- JSON Schemas --------------------------------------------------------------------------------------------

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference"


def refusals(schema: dict[str, Any], text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return sorted(error.json_path for error in validator.iter_errors(compose(text, "f").data))


@pytest.mark.parametrize("name", ["inventory", "playbook"])
def test_each_is_a_schema_of_the_dialect_that_it_names(
    name: Literal["inventory", "playbook"],
) -> None:
    schema = schema_of(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert "Shape" not in text
    assert '"null"' not in text


def test_right_files_fit() -> None:
    assert refusals(schema_of("inventory"), INVENTORY) == []
    assert refusals(schema_of("inventory"), starter_inventory()) == []
    assert refusals(schema_of("playbook"), PLAYBOOK) == []
    assert refusals(schema_of("playbook"), FULL) == []
    assert refusals(schema_of("playbook"), AROUND) == []
    for path in shipped_playbooks().values():
        assert refusals(schema_of("playbook"), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("site: us1", "sitte: us1", "$.pairs.payments.primary"),
        ("site: us1", "url: https://x.example", "$.pairs.payments.primary"),
        (
            "site: us1",
            "site: us1\n      url: https://x.example\n      datacenter: us1",
            "$.pairs.payments.primary",
        ),
        ("550e8400", "550e", "$.pairs.payments.primary.uuid"),
        ("{env: A_KEY}", "0123456789abcdef", "$.pairs.payments.primary.api_key"),
        ("{env: A_KEY}", "{env: A, file: b}", "$.pairs.payments.primary.api_key"),
        ("{env: A_KEY}", "{}", "$.pairs.payments.primary.api_key"),
        ("payments:\n", "payments:\n    mirrors: sometimes\n", "$.pairs.payments.mirrors"),
        ("schema: 1", "schema: 2", "$.schema"),
        ("payments:", "pay ments:", "$.pairs"),
    ],
)
def test_a_wrong_inventory_does_not_fit(old: str, new: str, place: str) -> None:
    assert place in refusals(schema_of("inventory"), INVENTORY.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("to: ACTIVE", "to: ABSENT", "$.transitions[0].to"),
        ("from: PASSIVE", "from: PASIVE", "$.transitions[0].from"),
        ("{for: 5m}", "{for: 60}", "$.guards.calm.quiet.for"),
        ("{for: 5m}", "{for: 5 min}", "$.guards.calm.quiet.for"),
        ("quiet: {for: 5m}", "quiet: {for: 5m}\n    located: {}", "$.guards.calm"),
        ("quiet: {for: 5m}", "why: Because.", "$.guards.calm"),
        ("guards: [calm]", "gaurds: [calm]", "$.transitions[0]"),
        ("guards: [calm]", "writes: [both]", "$.transitions[0].writes[0]"),
        ("guards: [calm]", "before: [{name: a}]", "$.transitions[0].before[0]"),
        ("guards: [calm]", "before: [{name: a, run: [b], manual: c}]", "$.transitions[0].before[0]"),
        ("guards: [calm]", "before: [{name: a, manual: b, timeout: 5s}]", "$.transitions[0].before[0]"),
        ("guards: [calm]", "after: [{name: a, run: []}]", "$.transitions[0].after[0].run"),
        ("guards: [calm]", "after: [{name: a, run: [b], again: no}]", "$.transitions[0].after[0].again"),
        ("stops: [PASSIVE, ACTIVE]", "stops: []", "$.stops"),
        ("schema: 1", "schema: 1\nprobes: {x: {}}", "$.probes.x"),
        ("schema: 1", "schema: 1\nprobes: {x: {monitor: {org: primary, id: 0}}}", "$.probes.x.monitor.id"),
        ("schema: 1", "schema: 1\nprobes: {x: {http: {url: 'ftp://x'}}}", "$.probes.x.http.url"),
        (
            "schema: 1",
            "schema: 1\nprobes: {x: {http: {url: 'http://x', pointer: a}}}",
            "$.probes.x.http.pointer",
        ),
        ("schema: 1", "schema: 1\nprobes: {x: {command: {run: a}}}", "$.probes.x.command.run"),
        ("quiet: {for: 5m}", "probe: {above: 0}", "$.guards.calm.probe"),
        ("quiet: {for: 5m}", "probe: {name: x, above: one}", "$.guards.calm.probe.above"),
        ("quiet: {for: 5m}", "quiet: {for: 5m}\n    unknown: pass", "$.guards.calm.unknown"),
        ("schema: 1", "schema: 1\nresend: 11", "$.resend"),
        ("schema: 1", "schema: 1\nobjectives: {ACTVE: 5m}", "$.objectives"),
    ],
)
def test_a_wrong_playbook_does_not_fit(old: str, new: str, place: str) -> None:
    assert place in refusals(schema_of("playbook"), PLAYBOOK.replace(old, new, 1))


@pytest.mark.parametrize("name", ["inventory", "playbook"])
def test_the_published_schema_is_the_one_that_is_used(
    name: Literal["inventory", "playbook"],
) -> None:
    published = json.loads((PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert published == schema_of(name), f"run: hamr schema {name} > docs/reference/{name}.schema.json"


def test_every_field_says_what_it_is_for() -> None:
    for schema in (schema_of("inventory"), schema_of("playbook")):
        for part in [schema, *schema["$defs"].values()]:
            assert part["description"]
            for name, field in part.get("properties", {}).items():
                assert field.get("description"), name

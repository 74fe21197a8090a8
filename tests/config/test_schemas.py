"""The JSON Schemas that are published for editors: they take what hamr takes, and know what it knows about single fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.config import inventory_schema, playbook_schema, shipped_playbooks, starter_inventory
from orchestrator.config.compose import compose

from .test_playbook import FULL
from .texts import AROUND, INVENTORY, PLAYBOOK

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference"


def refusals(schema: dict[str, Any], text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return sorted(error.json_path for error in validator.iter_errors(compose(text, "f").data))


@pytest.mark.parametrize("schema", [inventory_schema(), playbook_schema()])
def test_each_is_a_schema_of_the_dialect_that_it_names(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert "Shape" not in text
    assert '"null"' not in text


def test_right_files_fit() -> None:
    assert refusals(inventory_schema(), INVENTORY) == []
    assert refusals(inventory_schema(), starter_inventory()) == []
    assert refusals(playbook_schema(), PLAYBOOK) == []
    assert refusals(playbook_schema(), FULL) == []
    assert refusals(playbook_schema(), AROUND) == []
    for path in shipped_playbooks().values():
        assert refusals(playbook_schema(), path.read_text(encoding="utf-8")) == []


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
    assert place in refusals(inventory_schema(), INVENTORY.replace(old, new, 1))


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
    assert place in refusals(playbook_schema(), PLAYBOOK.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "schema"), [("inventory", inventory_schema()), ("playbook", playbook_schema())]
)
def test_the_published_schema_is_the_one_that_is_used(name: str, schema: dict[str, Any]) -> None:
    published = json.loads((PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert published == schema, (
        f"run: python -m orchestrator.config {name} > docs/reference/{name}.schema.json"
    )


def test_every_field_says_what_it_is_for() -> None:
    for schema in (inventory_schema(), playbook_schema()):
        for part in [schema, *schema["$defs"].values()]:
            assert part["description"]
            for name, field in part.get("properties", {}).items():
                assert field.get("description"), name

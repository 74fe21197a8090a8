"""docs/reference/json.md: the keys that it names are those that the documents have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec import Struct

from orchestrator.cli.plan_files import plan_text
from orchestrator.errors import DocumentError, ExitCode, Problem
from orchestrator.model.fleet import FleetPlan, FleetView
from orchestrator.model.plain import JSON
from orchestrator.model.proof import Proof
from orchestrator.model.run import Attempt, Mode
from orchestrator.model.status import Role, Status
from orchestrator.notices import trial_of
from orchestrator.notices.notice import notice_json
from orchestrator.report.doctor import doctor_json
from orchestrator.report.documents import noun_fact
from orchestrator.report.errors import error_json
from orchestrator.report.fleet import fleet_facts
from orchestrator.report.fleet import plan_json as fleet_plan_json
from orchestrator.report.journal import runs_facts, show_facts
from orchestrator.report.pairs import pairs_json
from orchestrator.report.plan import plan_json
from orchestrator.report.proof import proof_json
from orchestrator.report.readiness import readiness_json
from orchestrator.report.run import result_json
from orchestrator.report.run_report import report_json
from orchestrator.report.status import status_json
from orchestrator.system.redaction import Redactor
from tests.notices.facts import AT, about
from tests.report.happened import FLEET
from tests.report.journals import OWING, REFUSED, RESUMED, WHOLE, drill, reported
from tests.report.scenes import LINKED, plan, reading, record, result, standing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "json.md").read_text("utf-8")


def keys_of(schema: str) -> set[str]:
    """The keys in the first column of a document's table."""
    section = PAGE.split(f"## `{schema}`\n", 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([a-z0-9_]+)`", cell)}


@pytest.mark.parametrize(
    "document",
    [
        status_json(standing()),
        pairs_json({"payments": standing()}),
        plan_json(plan()),
        fleet_facts(FleetView("f", "alice@laptop", AT, FLEET, {}), ExitCode.DONE, AT)[1],
        fleet_plan_json(FleetPlan("f", AT, Status.ACTIVE, Mode.PLANNED, (), {})),
        doctor_json([]),
        readiness_json([], "j.db"),
        result_json(result()),
        runs_facts([])[1],
        show_facts([])[1],
        report_json(drill()),
        proof_json(Proof("p", "", "1", 2, 8, (), 0.0)),
        error_json(DocumentError([Problem("f.yaml", 1, 1, "wrong")])),
        notice_json(trial_of(about()), "id", AT, None, Redactor()),
    ],
    ids=lambda document: str(document["schema"]),
)
def test_every_key_of_a_document_is_on_the_page_and_no_other(document: dict[str, JSON]) -> None:
    assert keys_of(str(document["schema"])) == set(document) - {"schema"}


VERBATIM = {"request", "answer", "overrides"}
"""What was sent and what came back, and names of the reader's own: their keys are not this page's."""


def keys_within(value: JSON) -> set[str]:
    match value:
        case dict():
            inner = (keys_within(item) for name, item in value.items() if name not in VERBATIM)
            return set(value).union(*inner)
        case list():
            return set().union(*map(keys_within, value))
    return set()


def test_every_key_within_a_report_is_on_the_page() -> None:
    """In its section, in one that this refers to, or among the shared parts."""
    parts = ("`hamr/report/1`", "`hamr/status/1`", "`hamr/result/1`", "`hamr/plan/1`", "Shared parts")
    sections = [PAGE.split(f"## {part}\n", 1)[1].split("\n## ", 1)[0] for part in parts]
    words = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`([^`]+)`", " ".join(sections)))))
    found = keys_within(report_json(drill())).union(
        *(keys_within(report_json(reported(told))) for told in (WHOLE, OWING, REFUSED, RESUMED))
    )
    assert {"probe", "detail", "statuses"} < found
    assert found - words - {"schema", "primary", "secondary"} == set()


def test_every_key_of_a_saved_plan_is_on_the_page_and_no_other(tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    saved.write_text(plan_text(plan(), playbook="", redactor=Redactor()))
    document = json.loads(saved.read_text("utf-8"))
    assert keys_of(document["schema"]) == set(document) - {"schema"}


ATTEMPT = Attempt(1, Role.PRIMARY, Status.ACTIVE, "stamp", "declare", "transition")


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("reading", reading(Role.PRIMARY)),
        ("record", record(Role.PRIMARY)),
        ("verdict", LINKED),
        ("attempt", ATTEMPT),
    ],
)
def test_every_key_of_a_shared_part_is_on_the_page(name: str, noun: Struct) -> None:
    found = re.search(rf"\*\*{name}\*\*: (.+)", PAGE)
    assert found is not None
    assert re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", found[1])) == list(noun_fact(noun))


def test_every_document_is_on_the_page() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "orchestrator").rglob("*.py"))
    known = set(re.findall(r"\"(hamr/[a-z-]+/\d+)\"", code))
    assert set(re.findall(r"^(?:## |\| )`(hamr/[a-z-]+/\d+)`", PAGE, re.MULTILINE)) == known

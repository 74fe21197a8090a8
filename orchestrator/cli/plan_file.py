"""Saved plans: what `hamr plan --out` writes, and `hamr apply` reads.

A JSON object: its schema, the plan, the playbook's file, and a SHA-256 over the plan as RFC 8785 canonical JSON. The
hash is there to notice an edit or a damaged copy; it is no signature.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from msgspec import Struct

from orchestrator.config.source import content
from orchestrator.errors import DocumentError, Problem
from orchestrator.journal import canonical
from orchestrator.journal.chain import storable
from orchestrator.model.plain import JSON, plain, restore
from orchestrator.model.plan import Plan
from orchestrator.system.redaction import Redactor

from .output_file import PLAN, written_whole

SCHEMA = "hamr/plan-file/1"

LARGEST = 5_000_000
"""Bytes; a plan with a playbook of 2,000 lines takes a fiftieth of it."""


class PlanFile(Struct, frozen=True):
    """A plan, and where its playbook stood."""

    plan: Plan
    playbook: str
    """The playbook's file, absolute."""


def plan_text(plan: Plan, *, playbook: str, redactor: Redactor) -> str:
    """What a saved plan's file holds.

    Args:
        plan: the plan.
        playbook: the playbook's file.
        redactor: takes the keys out.
    """
    value: JSON = storable(redactor.clean_value(plain(plan)))
    document = {
        "schema": SCHEMA,
        "playbook": str(Path(playbook).absolute()) if playbook else "",
        "plan": value,
        "sha256": _digest(value),
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def save_plan(plan: Plan, path: Path, *, playbook: str, redactor: Redactor) -> None:
    """Write a plan to a file, for its owner alone.

    Raises:
        HamrError: it cannot be written.
    """
    with written_whole(path, PLAN) as file:
        file.write(plan_text(plan, playbook=playbook, redactor=redactor).encode())


def read_plan(path: Path) -> PlanFile:
    """Read a saved plan.

    Raises:
        DocumentError: it cannot be read, is no plan, was cut short or edited.
    """
    document = _object(path, _read(path))
    schema = document.get("schema")
    if schema != SCHEMA:
        known = isinstance(schema, str) and schema.startswith("hamr/")
        what = f"its schema is {schema}" if known else "it has no schema of ours"
        raise _refused(path, f"this is no saved plan of this version: {what}, and {SCHEMA} is wanted")
    plan, playbook = document.get("plan"), document.get("playbook")
    if not isinstance(plan, dict) or not isinstance(playbook, str):
        raise _refused(path, "this plan was edited or cut short: a part of it is missing")
    try:
        digest = _digest(plan)
    except ValueError as error:
        raise _refused(path, f"this plan was edited: {error}") from None
    if digest != document.get("sha256"):
        raise _refused(path, "this plan was edited after it was saved: its contents do not fit its sha256")
    try:
        return PlanFile(restore(Plan, plan), playbook)
    except ValueError as error:
        raise _refused(path, f"this plan cannot be read by this version of hamr ({error})") from None


def _digest(value: object) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return content(path, LARGEST)
    except DocumentError as error:
        raise _refused(path, error.problems[0].message) from None


def _object(path: Path, data: bytes) -> dict[str, object]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(path, "this is a binary file, and a saved plan (JSON) is wanted") from None
    try:
        document = json.loads(text, object_pairs_hook=_without_twins)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or "Unterminated" in error.msg
        what = "it was cut short" if cut and text.lstrip().startswith("{") else "this is not JSON"
        raise _refused(path, f"{what} ({error.msg})", error.lineno, error.colno) from None
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"this is no saved plan ({error})") from None
    if not isinstance(document, dict):
        raise _refused(path, "this is no saved plan: a JSON object is wanted")
    return document


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refused(path: Path, message: str, line: int = 0, column: int = 0) -> DocumentError:
    return DocumentError(
        [Problem(str(path), line, column, message)], next_steps=("hamr plan PAIR --to STATUS --out FILE",)
    )

"""A plan on paper: the file that `hamr plan --out` writes and `hamr apply` reads, and the commands of `--curl`.

The file is a JSON object: its schema, the plan, the playbook's file, and a SHA-256 over the plan as RFC 8785 canonical
JSON. The hash is there to notice an edit or a damaged copy; it is no signature.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from msgspec import Struct

from orchestrator.config.source import content
from orchestrator.datadog.curl import curl
from orchestrator.errors import DocumentError, Problem, Refused
from orchestrator.journal import canonical
from orchestrator.journal.chain import storable
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Org, Pair
from orchestrator.model.plain import JSON, plain, restore
from orchestrator.model.plan import Plan, PlannedWrite
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Request
from orchestrator.model.run import Mode
from orchestrator.report.layout import escaped
from orchestrator.system.redaction import Redactor

SCHEMA = "hamr/plan-file/1"

LARGEST = 5_000_000
"""Bytes; a plan with a playbook of 2,000 lines takes a fiftieth of it."""


class PlanFile(Struct, frozen=True):
    """A plan, and where its playbook stood."""

    plan: Plan
    playbook: str
    """The playbook's file, absolute."""


def plan_text(plan: Plan, *, playbook: str, redactor: Redactor) -> str:
    """What a saved plan's file holds; `playbook` is the playbook's file."""
    value: JSON = storable(redactor.clean_value(plain(plan)))
    file = str(Path(playbook).absolute()) if playbook else ""
    document = {"schema": SCHEMA, "playbook": file, "plan": value, "sha256": _digest(value)}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def read_plan(path: Path) -> PlanFile:
    """Read a saved plan; a DocumentError where it is none, or was cut short or edited."""
    document = _document(path)
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


def _document(path: Path) -> dict[str, object]:
    try:
        document = json.loads(content(path, LARGEST).decode("utf-8"), object_pairs_hook=_without_twins)
    except DocumentError as error:
        raise _refused(path, error.problems[0].message) from None
    except UnicodeDecodeError:
        raise _refused(path, "this is a binary file, and a saved plan (JSON) is wanted") from None
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) or "Unterminated" in error.msg
        what = "it was cut short" if cut and error.doc.lstrip().startswith("{") else "this is not JSON"
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
        [Problem(str(path), line, column, message)],
        next_steps=(NextStep("plan", "PAIR", ("--to", "STATUS", "--out", "FILE"), "make a new one"),),
    )


def curl_script(plan: Plan, pair: Pair, playbook: Playbook) -> str:
    """Comments and commands for a POSIX shell: look at both orgs, then each write, then read both orgs again.

    Of an emergency only at the orgs that it writes. Nothing here waits, compares or journals: that is what the comments ask of the person. Refused where the plan has no
    writes, so that there is nothing to paste.
    """
    if not plan.writes:
        raise _nothing_to_paste(plan, playbook)
    lines = [
        f"# Pair {pair.name} to {plan.request.goal}, by hand. hamr sends none of this, and its journal will not know of it.",
        *_comment(plan.sentence),
    ]
    if plan.refused:
        lines += ["#", "# A run would be REFUSED here, as things are:", *_comment(plan.ending)]
    planned = plan.mode is Mode.PLANNED
    orgs = [org for org in pair.orgs if planned or any(write.role is org.role for write in plan.writes)]
    whoever = "both orgs have" if len(orgs) > 1 else "it has"
    lines += ["", f"# Look first: {whoever} to show what is said above.", *_looks(plan, pair, orgs)]
    for number, write in enumerate(plan.writes, start=1):
        lines += ["", *_write(number, write, pair)]
    lines += ["", f"# Look again: {whoever} to show it.", *_looks(plan, pair, orgs), ""]
    return "\n".join(lines)


def _nothing_to_paste(plan: Plan, playbook: Playbook) -> Refused:
    """A sheet without a command would be found out too late: when somebody wants to paste from it."""
    request = plan.request
    if plan.reachable:
        return Refused(
            f"There is nothing to paste: {plan.sentence} A run to {request.goal} would send nothing from there. "
            "To see the requests from another status, give --assume STATUS.",
            next_steps=(next_step.status(request.pair),),
        )
    again = next_step.plan(request.pair, request.goal)
    alone = again.as_emergency().with_options("--curl")
    # From what is shown, else from wherever there is a way, the longest: the whole of it can be shortened by hand.
    sources = [transition.source for transition in playbook.transitions]
    shown = {reading.status for reading in plan.readings}
    sources = [status for status in sources if status in shown] or sources
    start = max(sources, key=lambda source: len(playbook.route(source, request.goal) or ()))
    assumed = again.with_options("--assume", start.name, "--curl")
    offered = any(step.is_emergency for step in plan.next_steps)
    ways = "--assume STATUS (as if both stood there; reads nothing)"
    if offered:
        ways = f"--emergency (the org that answers, alone) or {ways}"
    return Refused(
        f"There is nothing to paste: no run leads to {request.goal} as things are. Give {ways}. {plan.sentence}",
        next_steps=(alone, assumed) if offered else (assumed,),
    )


def _comment(text: str) -> list[str]:
    return [f"# {escaped(part)}" for part in text.split("\n")]


def _looks(plan: Plan, pair: Pair, orgs: list[Org]) -> list[str]:
    first = plan.writes[0]
    path = first.request.url.removeprefix(pair[first.role].base_url)
    looks = ((org, Request("GET", org.base_url + path, None)) for org in orgs)
    return [text for org, look in looks for text in (f"# {escaped(str(org))}", curl(look, org))]


def _write(number: int, write: PlannedWrite, pair: Pair) -> list[str]:
    condition = f" ({write.condition})" if write.condition else ""
    what = f"{escaped(str(pair[write.role]))} to {write.status}{condition}"
    said = f"# Write {number}: {what}. Read it back before the next one."
    return [said, curl(write.request, pair[write.role])]

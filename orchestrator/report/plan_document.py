"""A plan as a document: hamr/plan/1."""

from __future__ import annotations

from orchestrator.model.command_line import after_asking
from orchestrator.model.plain import JSON
from orchestrator.model.plan import Plan, PlannedRow, PlannedWrite
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Role

from .around_rows import hooks_fact
from .facts import listed, readings_fact, record_fact, request_fact, status_name, verdict_fact, when
from .json_text import document
from .unknown_here import strangers_fact


def plan_json(plan: Plan) -> dict[str, JSON]:
    """All that the page says. It is not the file that `--out` saves: that one is made to be applied."""
    limits = plan.timeouts
    orgs: dict[str, JSON] = {
        role.value: {"name": plan.orgs[role], "uuid": plan.uuids[role], "url": plan.urls[role]}
        for role in Role
    }
    return document(
        "hamr/plan/1",
        {
            "sent": "nothing",
            "refused": plan.refused,
            "reachable": plan.reachable,
            "run": plan.run,
            "made_at": when(plan.made_at),
            "expires_at": when(plan.expires_at),
            "version": plan.version,
            "operator": str(plan.operator),
            "request": _request(plan.request),
            "mode": plan.mode.value,
            "playbook": plan.playbook,
            "playbook_sha256": plan.playbook_sha256,
            "orgs": orgs,
            "assumed": status_name(plan.assumed),
            "readings": readings_fact(plan.readings),
            "phase": plan.phase,
            "sentence": plan.sentence,
            "before": listed(verdict_fact(verdict) for verdict in plan.before),
            "refused_before": listed(plan.refused_before),
            "rows": listed(_row(row) for row in plan.rows),
            "ending": plan.ending,
            "next": listed(after_asking(plan.next_steps, plan.request.pair, plan.strangers)),
            "timeouts_seconds": {
                "connect": limits.connect.total_seconds(),
                "read": limits.read.total_seconds(),
                "total": limits.total.total_seconds(),
            },
            "confirm_within_seconds": plan.confirm_within,
            "confirm_every_seconds": plan.confirm_every,
            "resend": plan.resend,
            "objectives_seconds": {status.name: seconds for status, seconds in plan.objectives.items()},
            "unpaid": [{"run": run, "hook": hook} for run, hook in plan.unpaid],
            "remember": listed(plan.remember),
            "strangers": strangers_fact(plan.strangers),
            "journal_exists": not plan.unjournalled,
        },
    )


def _request(request: RunRequest) -> dict[str, JSON]:
    return {
        "pair": request.pair,
        "goal": request.goal.name,
        "mode": request.mode.value,
        "reason": request.reason,
        "overrides": dict(request.overrides),
        "ref": request.ref,
        "since": when(request.since),
    }


def _row(row: PlannedRow) -> dict[str, JSON]:
    return {
        "name": row.name,
        "from": row.source.name,
        "to": row.target.name,
        "why": row.why,
        "verdicts": listed(verdict_fact(verdict) for verdict in row.verdicts),
        "refused_by": listed(row.refused_by),
        "overridden": listed(row.overridden),
        "waived": listed(row.waived),
        "waits_for_server": row.waits_for_server,
        "half_done": row.half_done,
        "waits": listed(row.waits),
        "waits_seconds": row.waits_seconds,
        "asks": listed(row.asks),
        "missing_hooks": listed(row.missing),
        "stopped_by_hooks": listed(row.stopped_by),
        "before": hooks_fact(row.before),
        "after": hooks_fact(row.after),
        "writes": listed(_write(write) for write in row.writes),
    }


def _write(write: PlannedWrite) -> dict[str, JSON]:
    return {
        "org": write.role.value,
        "name": write.org,
        "status": write.status.name,
        "request": request_fact(write.request),
        "expected": record_fact(write.expected),
        "stands_after": write.stands,
        "condition": write.condition,
    }

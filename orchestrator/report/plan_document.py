"""A plan as a document: hamr/plan/1."""

from __future__ import annotations

from orchestrator.model.plain import JSON
from orchestrator.model.plan import Plan, PlannedTransition, PlannedWrite
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Role
from orchestrator.model.words import after_asking

from .around_transitions import hooks_fact
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
            "transitions": listed(_transition(transition) for transition in plan.transitions),
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


def _transition(transition: PlannedTransition) -> dict[str, JSON]:
    return {
        "name": transition.name,
        "from": transition.source.name,
        "to": transition.target.name,
        "why": transition.why,
        "verdicts": listed(verdict_fact(verdict) for verdict in transition.verdicts),
        "refused_by": listed(transition.refused_by),
        "overridden": listed(transition.overridden),
        "waived": listed(transition.waived),
        "waits_for_server": transition.waits_for_server,
        "half_done": transition.half_done,
        "waits": listed(transition.waits),
        "waits_seconds": transition.waits_seconds,
        "asks": listed(transition.asks),
        "missing_hooks": listed(transition.missing),
        "stopped_by_hooks": listed(transition.stopped_by),
        "before": hooks_fact(transition.before),
        "after": hooks_fact(transition.after),
        "writes": listed(_write(write) for write in transition.writes),
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

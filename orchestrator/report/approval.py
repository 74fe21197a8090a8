"""What somebody is asked to agree to, and that they did."""

from __future__ import annotations

from orchestrator.model.plain import JSON
from orchestrator.model.run import Approvable
from orchestrator.model.status import Role
from orchestrator.model.words import move

from .documents import document, fields_fact
from .layout import Page, labelled, line, shortened


def approvable_page(what: Approvable, *, asked_by: str, reason: str) -> Page:
    """All that an approval is of."""
    overrides = (
        spans
        for guard, why in what.overrides.items()
        for spans in labelled("override", shortened(f"{guard}: {why}"), "warn")
    )
    return (
        line(f"Pair {what.pair}: {move(what.start, what.goal)}, {what.mode.value}.", "heading"),
        *labelled("transitions", ", then ".join(what.route)),
        *(spans for role in Role for spans in labelled(role.value, what.orgs[role])),
        *labelled("playbook", f"SHA-256 {what.playbook_sha256[:12]}…"),
        *overrides,
        *labelled("asked by", shortened(asked_by, 120)),
        *(labelled("because", shortened(reason)) if reason else ()),
        *labelled("digest", what.digest),
    )


def approval_json(what: Approvable, *, run: str, by: str, reason: str, afterwards: bool) -> dict[str, JSON]:
    """That somebody agreed: hamr/approval/1."""
    return document(
        "hamr/approval/1",
        {
            "run": run,
            "digest": what.digest,
            **fields_fact(
                what, "pair", "start", "goal", "mode", "route", "orgs", "playbook_sha256", "overrides"
            ),
            "by": by,
            "reason": reason,
            "afterwards": afterwards,
        },
    )

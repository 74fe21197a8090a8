"""A plan as commands that a person can paste when everything else is broken."""

from __future__ import annotations

import shlex

from orchestrator.datadog import curl
from orchestrator.errors import Refused
from orchestrator.model.org import Pair
from orchestrator.model.plan import Plan, PlannedWrite
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Request
from orchestrator.model.status import Role
from orchestrator.report.layout import escaped


def curl_script(plan: Plan, pair: Pair, playbook: Playbook) -> str:
    """Comments and commands for a POSIX shell: look at both orgs, then each write, then read both orgs again.

    Nothing here waits, compares or journals: that is what the comments ask of the person.

    Raises:
        Refused: the plan has no writes, so there is nothing to paste.
    """
    if not plan.writes:
        raise _nothing_to_paste(plan, playbook)
    lines = [
        f"# Pair {pair.name} to {plan.request.goal}, by hand. hamr sends none of this, and its journal will not know of it.",
        *_comment(plan.sentence),
    ]
    if plan.refused:
        lines += ["#", "# A run would be REFUSED here, as things are:", *_comment(plan.ending)]
    lines += ["", "# Look first: both orgs have to show what is said above.", *_looks(plan, pair)]
    for number, write in enumerate(plan.writes, start=1):
        lines += ["", *_write(number, write, pair)]
    lines += ["", "# Look again: both orgs have to show it.", *_looks(plan, pair), ""]
    return "\n".join(lines)


def _nothing_to_paste(plan: Plan, playbook: Playbook) -> Refused:
    """A sheet without a command would be found out too late: when somebody wants to paste from it."""
    request = plan.request
    if plan.reachable:
        return Refused(
            f"There is nothing to paste: {plan.sentence} A run to {request.goal} would send nothing from there. "
            "To see the requests from another status, give --assume STATUS.",
            next_steps=(f"hamr status {shlex.quote(request.pair)}",),
        )
    again = f"hamr plan {shlex.quote(request.pair)} --to {request.goal}"
    alone = f"{again} --emergency --reason TEXT --curl"
    # From where there is a way, the longest: the whole of it can be shortened by hand.
    ways_there = {
        transition.source: playbook.route(transition.source, request.goal) or ()
        for transition in playbook.transitions
    }
    start = max(ways_there, key=lambda source: len(ways_there[source]))
    assumed = f"{again} --assume {start} --curl"
    offered = any("--emergency" in step for step in plan.next_steps)
    ways = "--assume STATUS (as if both stood there; reads nothing)"
    if offered:
        ways = f"--emergency (the org that answers, alone) or {ways}"
    return Refused(
        f"There is nothing to paste: no run leads to {request.goal} as things are. Give {ways}. {plan.sentence}",
        next_steps=(alone, assumed) if offered else (assumed,),
    )


def _comment(text: str) -> list[str]:
    return [f"# {escaped(part)}" for part in text.split("\n")]


def _looks(plan: Plan, pair: Pair) -> list[str]:
    url = {write.role: write.request.url for write in plan.writes}
    path = next(iter(url.values())).removeprefix(pair[next(iter(url))].base_url)
    lines: list[str] = []
    for role in Role:
        org = pair[role]
        lines += [f"# {escaped(str(org))}", curl(Request("GET", org.base_url + path, None), org)]
    return lines


def _write(number: int, write: PlannedWrite, pair: Pair) -> list[str]:
    condition = f" ({write.condition})" if write.condition else ""
    return [
        f"# Write {number}: {escaped(str(pair[write.role]))} to {write.status}{condition}. Read it back before the next one.",
        curl(write.request, pair[write.role]),
    ]

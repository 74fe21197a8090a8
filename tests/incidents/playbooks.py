"""The playbooks that incidents are played with: the shipped ones, with less patience."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from msgspec.structs import replace

from orchestrator.config import find_playbook, parse_playbook
from orchestrator.model.playbook import Playbook
from orchestrator.model.status import Role

from .around import without_probes

_PATIENCE = "confirm: {within: 6s, every: 1s}"
_TIMEOUTS = "timeouts: {connect: 1s, read: 3s, total: 5s}"
_MIRROR = "mirror_wait: 1500ms"


@cache
def playbook(name: str) -> Playbook:
    """A playbook by name.

    Args:
        name: a shipped one, as it is; "failover" and "onboarding-quick" with less patience; "failover-server", which
            also leaves two moves to the server; "failover-either-way", whose way home has either org for its survivor:
            the secondary from FAILOVER, the primary from ACTIVE. Those four have no guards over probes: such guards are drawn.
    """
    shipped = {
        "failover": "regional-failover",
        "failover-server": "regional-failover",
        "failover-either-way": "regional-failover",
        "onboarding-quick": "onboarding",
    }
    text = Path(find_playbook(shipped.get(name, name))).read_text(encoding="utf-8")
    if name == "onboarding-quick":
        text = text.replace("schema: 1\n", f"schema: 1\n{_PATIENCE}\n{_TIMEOUTS}\n{_MIRROR}\n")
    elif name in shipped:
        for old, new in (
            ("confirm: {within: 60s, every: 1s}", _PATIENCE),
            ("timeouts: {connect: 3s, read: 10s, total: 20s}", _TIMEOUTS),
            ("mirror_wait: 3s", _MIRROR),
        ):
            assert old in text, f"{old} stands no longer in the shipped playbook"
            text = text.replace(old, new)
    if name == "failover-server":
        for transition in ("to: ACTIVE\n", "from: RECOVERY\n    to: PASSIVE\n"):
            text = text.replace(transition, f"{transition}    advances: server\n")
    parsed = parse_playbook(text, f"{name}.yaml")
    if name == "failover-either-way":
        transitions = (
            replace(each, survivor=Role.SECONDARY) if each.name == "abort" else each
            for each in parsed.transitions
        )
        parsed = replace(parsed, transitions=tuple(transitions))
    return without_probes(parsed) if name in shipped else parsed

"""Playbooks with transitions that are not quite as they were."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model.playbook import Playbook


def changed(playbook: Playbook, *names: str, **fields: object) -> Playbook:
    """With other fields of the transitions of these names, or of all of them where none is named."""
    transitions = tuple(
        replace(each, **fields) if each.name in names or not names else each for each in playbook.transitions
    )
    return replace(playbook, transitions=transitions)


def without(playbook: Playbook, name: str) -> Playbook:
    """The playbook but for one transition."""
    return replace(playbook, transitions=tuple(each for each in playbook.transitions if each.name != name))

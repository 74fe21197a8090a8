"""The playbook's table as a Mermaid state diagram, from the same transitions that the engine is built from."""

from __future__ import annotations

from orchestrator.model.playbook import Advances, Playbook, Transition, When
from orchestrator.model.status import Status

from .layout import escaped

_SAFE = frozenset(" _-.,()")


def mermaid(playbook: Playbook) -> str:
    """The diagram, ended by a newline: each transition an arrow with its name, the order of its writes, and its guards."""
    lines = ["stateDiagram-v2"]
    about = f"{playbook.name}: {playbook.summary}" if playbook.summary else playbook.name
    lines.append(f"    %% {escaped(about)}")
    lines += [f"    {_state(status, playbook)}" for status in _statuses(playbook)]
    entered = {transition.target for transition in playbook.transitions}
    lines += [f"    [*] --> {status.name}" for status in _statuses(playbook) if status not in entered]
    lines += [
        f"    {transition.source.name} --> {transition.target.name}: {_label(transition)}"
        for transition in playbook.transitions
    ]
    lines.append("    classDef stop font-weight:bold,stroke-width:3px")
    lines += [f"    class {status.name} stop" for status in playbook.stops]
    return "\n".join(lines) + "\n"


def _statuses(playbook: Playbook) -> tuple[Status, ...]:
    """Every status that the table names, in the order in which it does."""
    named = [
        status for transition in playbook.transitions for status in (transition.source, transition.target)
    ]
    return tuple(dict.fromkeys([*named, *playbook.stops]))


def _state(status: Status, playbook: Playbook) -> str:
    notes = [
        *(["no record yet"] if status is Status.ABSENT else []),
        *(["stop"] if status in playbook.stops else []),
    ]
    text = f"{status.name} ({', '.join(notes)})" if notes else status.name
    return f'state "{text}" as {status.name}'


def _label(transition: Transition) -> str:
    if transition.advances is Advances.SERVER:
        how = "made by the server"
    else:
        how = "writes " + ", then ".join(role.value for role in transition.writes)
    parts = [_safe(transition.name), how]
    if transition.guards:
        parts.append("guards " + ", ".join(_safe(guard) for guard in transition.guards))
    parts += [
        f"{when.value} " + ", ".join(_safe(hook.name) for hook in transition.hooks(when))
        for when in When
        if transition.hooks(when)
    ]
    if transition.survivor is not None:
        parts.append(f"emergency by the {transition.survivor} alone")
    return "<br/>".join(parts)


def _safe(text: str) -> str:
    """A name that Mermaid takes as text: everything that could mean something to it as a character code."""
    return "".join(
        character if character.isalnum() or character in _SAFE else f"#{ord(character)};"
        for character in text
    )

"""The playbook's table as a Mermaid state diagram, from the same rows that the engine is built from."""

from __future__ import annotations

from orchestrator.model.hook import When
from orchestrator.model.playbook import Advances, Playbook, Row
from orchestrator.model.status import Status

from .styled import escaped

_SAFE = frozenset(" _-.,()")


def mermaid(playbook: Playbook) -> str:
    """The diagram, ended by a newline: each row an arrow with its name, the order of its writes, and its guards."""
    lines = ["stateDiagram-v2"]
    about = f"{playbook.name}: {playbook.summary}" if playbook.summary else playbook.name
    lines.append(f"    %% {escaped(about)}")
    lines += [f"    {_state(status, playbook)}" for status in _statuses(playbook)]
    entered = {row.target for row in playbook.rows}
    lines += [f"    [*] --> {status.name}" for status in _statuses(playbook) if status not in entered]
    lines += [f"    {row.source.name} --> {row.target.name}: {_label(row)}" for row in playbook.rows]
    lines.append("    classDef stop font-weight:bold,stroke-width:3px")
    lines += [f"    class {status.name} stop" for status in playbook.stops]
    return "\n".join(lines) + "\n"


def _statuses(playbook: Playbook) -> tuple[Status, ...]:
    """Every status that the table names, in the order in which it does."""
    named = [status for row in playbook.rows for status in (row.source, row.target)]
    return tuple(dict.fromkeys([*named, *playbook.stops]))


def _state(status: Status, playbook: Playbook) -> str:
    notes = [
        *(["no record yet"] if status is Status.ABSENT else []),
        *(["stop"] if status in playbook.stops else []),
    ]
    text = f"{status.name} ({', '.join(notes)})" if notes else status.name
    return f'state "{text}" as {status.name}'


def _label(row: Row) -> str:
    if row.advances is Advances.SERVER:
        how = "made by the server"
    else:
        how = "writes " + ", then ".join(role.value for role in row.writes)
    parts = [_safe(row.name), how]
    if row.guards:
        parts.append("guards " + ", ".join(_safe(guard) for guard in row.guards))
    parts += [
        f"{when.value} " + ", ".join(_safe(hook.name) for hook in row.hooks(when))
        for when in When
        if row.hooks(when)
    ]
    if row.survivor is not None:
        parts.append(f"emergency by the {row.survivor} alone")
    return "<br/>".join(parts)


def _safe(text: str) -> str:
    """A name that Mermaid takes as text: everything that could mean something to it as a character code."""
    return "".join(
        character if character.isalnum() or character in _SAFE else f"#{ord(character)};"
        for character in text
    )

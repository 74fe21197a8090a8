"""The playbook's table as a Mermaid state diagram, from the same transitions that the engine is built from."""

from __future__ import annotations

from itertools import chain

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
    named = chain.from_iterable((each.source, each.target) for each in playbook.transitions)
    return tuple(dict.fromkeys([*named, *playbook.stops]))


def _state(status: Status, playbook: Playbook) -> str:
    known = (("no record yet", status is Status.ABSENT), ("stop", status in playbook.stops))
    notes = ", ".join(note for note, holds in known if holds)
    text = f"{status.name} ({notes})" if notes else status.name
    return f'state "{text}" as {status.name}'


def _label(transition: Transition) -> str:
    how = f"writes {', then '.join(role.value for role in transition.writes)}"
    how = "made by the server" if transition.advances is Advances.SERVER else how
    parts = [_safe(transition.name), how]
    named = {"guards": [*transition.guards]}
    named |= {when.value: [hook.name for hook in transition.hooks(when)] for when in When}
    parts += [f"{what} {', '.join(map(_safe, names))}" for what, names in named.items() if names]
    if transition.survivor is not None:
        parts.append(f"emergency by the {transition.survivor} alone")
    return "<br/>".join(parts)


def _safe(text: str) -> str:
    """A name that Mermaid takes as text: everything that could mean something to it as a character code."""
    return "".join(each if each.isalnum() or each in _SAFE else f"#{ord(each)};" for each in text)

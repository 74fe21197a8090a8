"""Law 11: every prefix is safe. The pair as it would stand after each write must have a name that leads on."""

from __future__ import annotations

from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.status import Both, Role, Status


def prefix_trouble(
    pair: Pair,
    playbook: Playbook,
    transition: Transition,
    before: Both[Status | None],
    role: Role,
    *,
    unseen: Role | None = None,
) -> str | None:
    """Why the pair would be left where no command leads on, were the run to die after one write; None where it would not.

    Args:
        pair: for names.
        playbook: for the moves that the server makes by itself.
        transition: the transition that the write belongs to.
        before: what both orgs show before it.
        role: the org that the write brings to the transition's target.
        unseen: the dead org of an emergency, which is behind by what is owed whatever it shows.
    """
    explained = {transition.source, *playbook.server_moves(transition.target)}
    # What the server has moved on from the target already must not be set back.
    if before[role] not in {transition.source, transition.target}:
        return (
            f"writing {transition.target} to {pair[role]} now would write over "
            f"{before[role] or 'a status that was not seen'}, which transition {transition} does not lead on from"
        )
    other = role.other
    if other is unseen or before[other] in explained:
        return None
    return (
        f"writing {transition.target} to {pair[role]} now would leave {pair[other]} at "
        f"{before[other] or 'a status that was not seen'}, which transition {transition} does not explain: the pair would be diverged"
    )

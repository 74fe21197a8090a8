"""How a run stops before its goal: one exception that carries the ending."""

from __future__ import annotations

from orchestrator.model.reading import Change
from orchestrator.model.run import End, Ending
from orchestrator.model.status import Role


class Stopped(Exception):
    """The run ends here; `ending` says how, for a person to act on."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


def stopped(
    end: End,
    message: str,
    *,
    org: Role | None = None,
    next_steps: tuple[str, ...] = (),
    change: Change | None = None,
) -> Stopped:
    """A `Stopped` with its ending."""
    return Stopped(Ending(end, message, org, next_steps, change=change))

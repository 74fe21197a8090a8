"""What came of a run."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.errors import ExitCode

from .guard import Verdict
from .journal import Head
from .run import Ending, Mode, Objective, RunRequest, Step
from .situation import Owed
from .status import Status


class RunResult(Struct, frozen=True):
    """What came of a run, for a person and for a script."""

    run: str
    pair: str
    goal: Status | None
    """None for an adoption, which has no goal of its own."""
    ending: Ending
    exit_code: ExitCode
    phase: str
    """Where the pair stands now, as a label: agreed(ACTIVE). Empty where nothing was read."""
    steps: tuple[Step, ...]
    seconds: float
    head: Head
    """The journal's newest record after the run; 0 where its end could not be journalled."""
    objectives: tuple[Objective, ...] = ()
    remember: tuple[str, ...] = ()
    refused_by: tuple[Verdict, ...] = ()
    """The guards that stopped it, all of them (law 10)."""
    overridden: tuple[tuple[Verdict, str], ...] = ()
    """Guards that did not pass and were overridden by name, each with the operator's reason."""
    waived: tuple[Verdict, ...] = ()
    """Guards that were blind because of the dead org of an emergency (law 9)."""
    owed: Owed | None = None
    mode: Mode = Mode.PLANNED
    resumable: bool = False
    hooks_owed: tuple[str, ...] = ()
    """`after` hooks that did not end well yet, as "transition/hook"; `resume` runs them."""
    hooks_failed: tuple[str, ...] = ()
    """`before` hooks that did not end well, as "transition/hook": nothing runs them again once their transition is made."""
    left_to_person: tuple[str, ...] = ()
    """What a person still has to do by hand, in the playbook's words."""
    waited: float = 0.0
    """Seconds of it in which the run waited for guards."""
    asked: float = 0.0
    """Seconds of it in which it waited for people."""
    request: RunRequest | None = None
    """What was asked for, where it was begun here; None for a run that was taken up, and for an adoption."""

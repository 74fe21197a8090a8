"""From the answer at the prompt to the result on the screen: what run, apply, resume and adopt have in common."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from orchestrator.errors import ExitCode
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.operations.active_run import RunControl
from orchestrator.operations.locking import locked_by
from orchestrator.operations.session import Session
from orchestrator.report.run import result_json, result_page

from .asking import Terminal
from .front import Front
from .progress import Progress
from .signals import supervised

Work = Callable[[Sequence[Watcher], RunControl], Coroutine[Any, Any, RunResult]]


def conduct(front: Front, session: Session, work: Work, *, asks: bool = False) -> ExitCode:
    """Do it, show how it goes and what came of it.

    Args:
        front: the command line.
        session: the pair.
        work: what to do.
        asks: whether somebody sits at the terminal, and may be asked on the way.

    Raises:
        HamrError: nothing was intended; the error says why.
    """
    controls = RunControl()
    if asks:
        controls.asker = Terminal(front.console, controls)
    progress = Progress(front.console.aside, session.pair, session.clock.monotonic)

    def show(result: RunResult) -> None:
        """As soon as it is known: people do not wait for what is still being posted about the run."""
        front.outcome = result.exit_code
        front.console.aside.end()
        front.console.facts(result_page(result), result_json(result))

    controls.on_result = show
    try:
        return supervised(work((progress,), controls), front.console, controls).exit_code
    finally:
        front.console.aside.end()


def refuse_locked(session: Session) -> None:
    """Say who holds the pair before anybody is asked anything; the lock itself is taken later, and tells for certain.

    Raises:
        Locked: somebody holds it who is not provably gone.
    """
    holder = session.store.holder(session.pair.name)
    if holder is not None and not session.host.provably_dead(holder):
        raise locked_by(session, holder, dead=False)

"""Asking in the middle of a run: the pair's lock is let go meanwhile, and taken again before anything else happens (law 12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestrator.errors import Moved
from orchestrator.model.person import Question, Reply
from orchestrator.session import Lock, Session, take_lock

Asker = Callable[[Question], Awaitable[Reply | None]]
"""Puts a question to whoever sits at the terminal; None where nobody answers."""


@dataclass(slots=True)
class LetGoWhileAsking:
    """The people of a run that holds its pair."""

    session: Session
    run: str
    lock: Lock
    asker: Asker | None

    async def ask(self, question: Question) -> Reply | None:
        """The reply, or None where there is nobody to ask.

        Raises:
            Locked: another run holds the pair by now.
            Moved: another run took this one's place meanwhile.
        """
        if self.asker is None:
            return None
        self.lock.let_go()
        try:
            reply = await self.asker(question)
        finally:
            # Also where the question was broken off: what is journalled next needs the lock, or must say that it is lost.
            self.lock.take_again(take_lock(self.session, self.run, take_over=False))
        run = self.session.history().runs.get(self.run)
        if run is not None and run.superseded_by:
            raise Moved(
                f"run {run.superseded_by} took the place of this run while it waited for an answer",
                next_steps=(f"hamr show {run.superseded_by}", f"hamr status {self.session.pair.name}"),
            )
        return reply

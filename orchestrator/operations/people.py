"""Asking in the middle of a run: the pair's lock is let go meanwhile, and taken again before anything else happens (law 12)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.errors import Moved
from orchestrator.model.events import RunResumed
from orchestrator.model.hook import Question, Reply
from orchestrator.model.journal import Record
from orchestrator.model.org import CommandKey

from .journalling import Journalling
from .locking import Lock, hold
from .session import Session

Asker = Callable[[Question], Awaitable[Reply | None]]
"""Puts a question to whoever sits at the terminal; None where nobody answers."""


class LetGoWhileAsking(Struct):
    """The people of a run that holds its pair."""

    session: Session
    run: str
    lock: Lock
    asker: Asker | None
    observer: Journalling | None = None
    """Closes the runs whose place this one takes; None where it takes nobody's."""

    @property
    def there(self) -> bool:
        """Whether somebody sits at the terminal."""
        return self.asker is not None

    async def ask(self, question: Question) -> Reply | None:
        """The reply, or None where there is nobody to ask.

        Raises:
            Locked: another run holds the pair by now, or somebody who took this one up.
            Moved: another run took this one's place meanwhile, or somebody took it up.
        """
        if self.asker is None:
            return None
        asked = (await self.session.calls(self.session.store.head)).seq
        await self.session.calls(self.lock.let_go)
        try:
            reply = await self.asker(question)
        finally:
            # Also where the question was broken off: what is journalled next needs the lock, or must say that it is lost.
            taken_up = await self.session.calls(lambda: self._taken_up_since(asked))
            self.lock.is_anothers = taken_up is not None
            self.lock.take_again(await hold(self.session, self.run, take_over=False))
        if taken_up is not None:
            # What this process knows of the run is old by now: it must neither go on, nor say how the run ended.
            raise Moved(
                f"{taken_up.by}@{taken_up.host} took run {self.run} up while it waited for an answer here; "
                "what this process knows of it is old, so it leaves the run to them",
                next_steps=(f"hamr show {self.run}", f"hamr status {self.session.pair.name}"),
            )
        history = await self.session.calls(self.session.history)
        run = history.runs.get(self.run)
        if run is not None and run.superseded_by:
            raise Moved(
                f"run {run.superseded_by} took the place of this run while it waited for an answer",
                next_steps=(f"hamr show {run.superseded_by}", f"hamr status {self.session.pair.name}"),
            )
        if self.observer is not None:
            # Whoever began a run meanwhile, and waits for an answer in their turn: this one goes on first.
            self.observer.supersedes = history.open_beside(self.run)
        if reply is None:
            return None
        await self._know_keys()
        return replace(reply, words=self.session.redactor.clean(reply.words))

    async def _know_keys(self) -> None:
        """Let the redactor know every key that can be read without running a program: people paste the oddest things."""
        keys = [
            (str(org), which, reference)
            for org in self.session.pair.orgs
            for which, reference in (("api", org.api_key), ("app", org.app_key))
            if not isinstance(reference, CommandKey)
        ]
        resolved = (
            self.session.keys.resolve(reference, org=org, which=which) for org, which, reference in keys
        )
        await asyncio.gather(*resolved, return_exceptions=True)

    def _taken_up_since(self, seq: int) -> Record | None:
        """The record by which somebody took this very run up after a journal record, or None."""
        resumed = self.session.store.records(run=self.run, kinds=(RunResumed.kind,), after=seq)
        return next(iter(resumed), None)

"""Asking a person in the middle of a run: journalled before and after, and nothing that was read before is trusted after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from orchestrator.model.events import Event, PersonAnswered, PersonAsked
from orchestrator.model.hook import Question, Reply
from orchestrator.model.protocols import Clock, Prompter

from .look import Eyes
from .probing import Probing


class Asking(Struct):
    """The run's side of a question."""

    people: Prompter
    clock: Clock
    eyes: Eyes
    probing: Probing
    tell: Callable[[Event], None]
    commit: Callable[[], Awaitable[None]]
    """Makes durable what was told: the question may stand for long, and others look meanwhile."""

    async def ask(self, question: Question) -> Reply | None:
        """The reply; None where there is nobody to ask.

        Raises:
            HamrError: the pair's lock could not be had again after the question.
        """
        if not self.people.there:
            return None
        began = self.clock.monotonic()
        self.tell(PersonAsked(question))
        await self.commit()
        reply = await self.people.ask(question)
        self.tell(PersonAnswered(question, reply, self.clock.monotonic() - began))
        self.eyes.distrust()
        self.probing.distrust()
        return reply

"""The engine's waiting: between two looks, for a connection, and as long as a server asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from orchestrator.model.events import Event, Waiting, WriteThrottled
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import NotSent, Rejected, Throttled
from orchestrator.model.run import End
from orchestrator.model.status import Role, Status

from .look import Eyes
from .patience import Patience
from .stop import stopped


class Waits(Struct):
    """Sleeps on the Clock, says so, and distrusts afterwards what was read before."""

    pair: Pair
    playbook: Playbook
    clock: Clock
    eyes: Eyes
    tell: Callable[[Event], None]
    jitter: Callable[[], float]
    """A number from 0 to 1, new at each call."""

    def patience(self) -> Patience:
        """The playbook's confirm time, beginning now."""
        return Patience(self.playbook.confirm.within.total_seconds(), self.clock)

    async def pause(self) -> None:
        """Between two looks: as the playbook says, give or take a twentieth."""
        every = self.playbook.confirm.every.total_seconds()
        await self.clock.sleep(every * (0.95 + 0.1 * self.jitter()))

    async def not_taken(
        self, role: Role, status: Status, answer: NotSent | Throttled | Rejected, patience: Patience
    ) -> None:
        """After a server did not take a write: wait where trying again can help.

        Raises:
            Stopped: it can't, or not in time.
        """
        match answer:
            case NotSent(reason=reason):
                await self._for_a_connection(patience, role, reason)
            case Throttled(retry_after=seconds):
                await self._as_told(patience, role, seconds)
            case Rejected(reason=reason):
                raise stopped(End.INCOMPLETE, f"{self.pair[role]} refused {status}: {reason}", org=role)
            case _:
                assert_never(answer)

    async def _for_a_connection(self, patience: Patience, role: Role, reason: str) -> None:
        if patience.over or self.eyes.may_be_given_up(role):
            raise stopped(End.INCOMPLETE, f"{self.pair[role]} could not be reached: {reason}", org=role)
        self.tell(Waiting(f"a connection to {self.pair[role]} ({reason})", patience.left, role))
        await self.pause()
        self.eyes.distrust()

    async def _as_told(self, patience: Patience, role: Role, seconds: float | None) -> None:
        wait = self.playbook.confirm.every.total_seconds() if seconds is None else max(seconds, 0.05)
        if wait > patience.left or self.eyes.may_be_given_up(role):
            raise stopped(
                End.INCOMPLETE,
                f"{self.pair[role]} asks to wait {wait:g} s before the next request (429), longer than this "
                "playbook's confirm time allows",
                org=role,
            )
        self.tell(WriteThrottled(role, wait))
        await self.clock.sleep(wait)
        self.eyes.distrust()

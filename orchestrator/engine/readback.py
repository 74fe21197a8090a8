"""Success is an observation (law 4): a write is read back until the org shows it, or the time is up."""

from __future__ import annotations

import enum
from collections.abc import Callable

from msgspec import Struct

from orchestrator.model.events import Event, Waiting, WriteConfirmed
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Accepted, Change, Lost, Reading
from orchestrator.model.run import Attempt
from orchestrator.model.status import Both, Role

from .check import IN_EFFECT, NOT_OURS, Checker
from .look import Eyes
from .memory import Memory
from .patience import Patience
from .stop import Stopped
from .waits import Waits


class Seen(enum.Enum):
    """What reading back says of a write."""

    YES = "yes"
    NO = "no"
    SET_BACK = "set back by a late write of ours"


class ReadBack(Struct):
    """Looks for one write."""

    pair: Pair
    playbook: Playbook
    eyes: Eyes
    checker: Checker
    waits: Waits
    memory: Memory
    tell: Callable[[Event], None]
    stranger: Stopped | None = None
    """The stop for somebody else's write on the other org, seen while the last write was looked for."""

    async def wait_for(self, attempt: Attempt, answer: Accepted | Lost, began: float) -> Seen:
        """Read both orgs until the written one shows the attempt, or the confirm time is up.

        What somebody else did to the other org meanwhile does not cut that short: first it has to be known what became
        of this write. `note_peer` stops for it.

        Args:
            attempt: what was sent.
            answer: what the request came to.
            began: when, by the monotonic clock.

        Raises:
            Stopped: somebody else wrote to the same org.
        """
        role, self.stranger = attempt.role, None
        within = self.eyes.deadline(role) or self.playbook.confirm.within.total_seconds()
        patience = Patience(within, self.waits.clock)
        while True:
            readings = await self.eyes.look("after write", journal=False)
            # The written org first: what its mirror carries over is told from a stranger's by what it shows.
            seen = self._settled(attempt, readings, began)
            self._watch_peer(role.other, readings)
            if seen is not Seen.NO:
                return seen
            hopeless = isinstance(answer, Lost) and self.eyes.may_be_given_up(role)
            if patience.over or hopeless or role in self.memory.dead:
                return Seen.NO
            self.tell(Waiting(f"{self.pair[role]} to show {attempt.status}", patience.left, role))
            await self.waits.pause()

    def _settled(self, attempt: Attempt, readings: Both[Reading], began: float) -> Seen:
        """Whether the written org shows this attempt; tells so where it does."""
        role = attempt.role
        reading = readings[role]
        found = self.checker.compare(reading)
        if found.change in NOT_OURS and role not in self.memory.dead:
            raise self.checker.stop_for(role, found, reading)
        if found.change is Change.LATE:
            self.checker.take_note(role, found, reading)
            self.checker.limit_late(found.reason)
            return Seen.SET_BACK
        record, status = reading.record, reading.status
        if record is None or status is None or status not in self.playbook.server_moves(attempt.status):
            return Seen.NO
        if found.change not in IN_EFFECT and found.change is not Change.SERVER:
            return Seen.NO
        if not self.checker.is_newer(role, reading, found):
            return Seen.NO
        seconds = self.waits.clock.monotonic() - began
        number = found.attempt if found.attempt is not None else attempt.number
        self.tell(WriteConfirmed(role, status, record, found.change, number, seconds))
        return Seen.YES

    def _watch_peer(self, other: Role, readings: Both[Reading]) -> None:
        found = self.checker.compare(readings[other])
        if self.stranger is None and found.change in NOT_OURS and other not in self.memory.dead:
            self.stranger = self.checker.stop_for(other, found, readings[other])

    def note_peer(self, attempt: Attempt) -> None:
        """What the looks for a write said of the other org: an echo is noted, somebody else's write stops.

        Raises:
            Stopped: somebody else wrote.
        """
        if self.stranger is not None:
            raise self.stranger
        readings, other = self.eyes.last_look(), attempt.role.other
        found = self.checker.compare(readings[other])
        if other not in self.memory.dead and found.change in IN_EFFECT:
            self.checker.take_note(other, found, readings[other])

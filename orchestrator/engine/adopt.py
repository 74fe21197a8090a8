"""Adopting one org's record as the truth for a diverged pair: the other is written once, under laws 3 to 6."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from orchestrator.model.events import OwedSettled, PairAdopted
from orchestrator.model.run import End, Ending
from orchestrator.model.situation import Phase, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.situation import commands
from orchestrator.situation.link import Linked, judge_link

from .arrival import Arrival
from .stop import stopped
from .writer import Writer

ADOPTABLE = frozenset({PhaseName.DIVERGED, PhaseName.HALF_ABSENT})
"""Phases from which nothing else leads on. Midway has its transitions, and to write over one of them would go back without one."""


class Adoption(Struct):
    """Makes one org show what the other shows."""

    writer: Writer
    arrival: Arrival

    async def adopt(self, phase: Phase, truth: Role, reason: str, overrides: Mapping[str, str]) -> Ending:
        """Write the other org once, where the pair stands so that nothing else leads on.

        A pair that owes can be adopted with the survivor as the truth: that is how a person settles it where
        somebody else moved the survivor since.

        Raises:
            Stopped: the pair stands otherwise, or the write did not go through.
        """
        writer, pair, other = self.writer, self.writer.pair, truth.other
        self._require_linked()
        status = writer.eyes.last_look()[truth].status
        # What is read of an org that lags is no proof that it has nothing to be told.
        told = other not in writer.memory.reverted
        if phase.name is PhaseName.AGREED and status is not None and told:
            self._settle_debt(status, "void")
            return Ending(End.DONE, f"both orgs of {pair.name} show {status} already; nothing to adopt")
        survivor = phase.name is PhaseName.BEHIND and phase.role is other
        if told and not survivor and phase.name not in ADOPTABLE:
            raise stopped(End.REFUSED, phase.sentence, org=phase.role, next_steps=phase.next_steps)
        if status is None or status in (Status.ABSENT, Status.UNSPECIFIED):
            raise stopped(
                End.REFUSED,
                f"{pair[truth]} shows {status or 'nothing'}, which cannot be copied to {pair[other]}",
                org=truth,
                next_steps=phase.next_steps,
            )
        writer.tell(PairAdopted(truth, status, reason, overrides))
        await writer.write(other, status, purpose="adopt")
        await self.arrival.until(status)
        self._settle_debt(status, "delivered")
        return Ending(End.DONE, f"{pair[other]} was told {status}, as {pair[truth]} shows")

    def _settle_debt(self, status: Status, how: str) -> None:
        self.writer.checker.settle_unproven()
        for role in tuple(self.writer.memory.owed):
            self.writer.tell(OwedSettled(role, status, how))

    def _require_linked(self) -> None:
        eyes, pair = self.writer.eyes, self.writer.pair
        if eyes.identities is None:
            raise RuntimeError("nothing was read yet")
        link = judge_link(pair, eyes.last_look(), eyes.identities)
        if not isinstance(link, Linked):
            raise stopped(End.REFUSED, link.reason, org=link.role, next_steps=(commands.status(pair),))

"""Delivering what an emergency left untold (law 9): directly, and never by walking old statuses."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.events import ChangeSeen, OwedSettled
from orchestrator.model.reading import Change
from orchestrator.model.run import End, Ending
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role, Status
from orchestrator.situation import commands
from orchestrator.situation.compare import describe, older_than_ours
from orchestrator.situation.link import Linked, NotLinked, judge_link

from .admission import Admission
from .arrival import Arrival
from .settle import Settling
from .stop import Stopped, stopped
from .writer import Writer


class Delivery(Struct):
    """Tells an org what the survivor shows."""

    writer: Writer
    arrival: Arrival
    settling: Settling
    admission: Admission

    async def deliver(self, owed: Owed) -> Ending:
        """Bring the org that is owed to the survivor's present status.

        Where a mirror carried the returning org's old record over the survivor's, the survivor's confirmed status is
        the truth: the survivor is written, once, and on a pair that mirrors both show it then.

        Raises:
            Stopped: somebody else wrote, or an org does not answer or take it.
        """
        writer, memory = self.writer, self.writer.memory
        role, survivor = owed.role, owed.role.other
        await writer.eyes.look("start", once=False)
        self._require_link(owed)
        reverted = await self._settle(owed)
        told = self.settling.told(survivor)
        status = told if survivor in reverted and told is not None else self._shown(survivor)
        if status is None or status in (Status.ABSENT, Status.UNSPECIFIED):
            raise stopped(
                End.REFUSED, f"{writer.pair[survivor]} shows no status that could be passed on", org=survivor
            )
        self._require_untouched(role, status)
        written = memory.attempts
        if any(self._shown(each) is not status for each in Role):
            self.admission.require_alone(role)
        if self._shown(survivor) is not status:
            await writer.write(survivor, status, purpose="deliver")
            await self.arrival.find_mirror(survivor)
        carried = memory.mirrors and survivor in reverted
        if self._shown(role) is not status and not carried:
            await writer.write(role, status, purpose="deliver")
        await self.arrival.until(status)
        writer.checker.settle_unproven()
        how = "delivered" if memory.attempts > written else "void"
        writer.tell(OwedSettled(role, status, how))
        what = "shows it already" if how == "void" else "was told"
        return Ending(End.DONE, f"{writer.pair[role]} {what}: {status}; nothing is owed any more")

    def _require_untouched(self, role: Role, status: Status) -> None:
        """An org that was dark all the time was never seen, so nothing tells its changes but their time.

        What somebody did there after the emergency had begun to write is not written over unasked.
        """
        writer, memory = self.writer, self.writer.memory
        record = writer.eyes.last_look()[role].record
        if record is None or record.status == status or older_than_ours(record, memory.known()):
            return
        if memory.wrote(role, record) or record.modified_by in memory.our_names():
            return
        pair, survivor = writer.pair, role.other
        reason = f"{pair[role]} was changed by somebody else while it was not seen: {describe(record)}"
        writer.tell(ChangeSeen(role, Change.FOREIGN, reason, record, None))
        steps = (commands.status(pair), commands.adopt(pair, survivor))
        raise stopped(End.MOVED, reason, org=role, next_steps=steps, change=Change.FOREIGN)

    async def _settle(self, owed: Owed) -> frozenset[Role]:
        """Against the last confirmed records. What somebody else wrote meanwhile is not passed on unasked: adopt does that."""
        survivor, pair = owed.role.other, self.writer.pair
        try:
            return await self.settling.settle(restoring=self.writer.memory.mirrors is not False)
        except Stopped as stop:
            old = stop.ending.change in {Change.STALE, Change.REVERTED}
            if stop.ending.end is not End.MOVED or stop.ending.org is not survivor or old:
                raise
            steps = (commands.status(pair), commands.adopt(pair, survivor))
            raise stopped(
                End.MOVED, stop.ending.message, org=survivor, next_steps=steps, change=Change.FOREIGN
            ) from stop

    def _shown(self, role: Role) -> Status | None:
        return self.writer.eyes.last_look()[role].status

    def _require_link(self, owed: Owed) -> None:
        eyes, pair = self.writer.eyes, self.writer.pair
        if eyes.identities is None:
            raise RuntimeError("nothing was read yet")
        link = judge_link(pair, eyes.last_look(), eyes.identities)
        if isinstance(link, Linked):
            return
        if isinstance(link, NotLinked) or link.role is not owed.role:
            raise stopped(End.REFUSED, link.reason, org=link.role, next_steps=(commands.status(pair),))
        raise stopped(
            End.OWING,
            f"{pair[owed.role]} can't be told yet: {link.reason}; it stays owed {self._shown(owed.role.other) or owed.status}",
            org=owed.role,
            next_steps=(commands.resume(pair),),
        )

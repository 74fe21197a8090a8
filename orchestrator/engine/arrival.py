"""Waiting until orgs show a status, and finding out whether a pair mirrors."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.events import MirrorFound, Waiting
from orchestrator.model.org import Mirrors
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import End
from orchestrator.model.status import Role, Status

from .check import Unsettled
from .patience import Patience
from .stop import Stopped, stopped
from .writer import Writer

MIRROR_POLL = 0.25
"""Seconds between two looks while finding out whether a pair mirrors."""

BOTH = (Role.PRIMARY, Role.SECONDARY)


class Arrival(Struct):
    """Looks until what was written is there."""

    writer: Writer

    async def until(
        self, target: Status, *, roles: tuple[Role, ...] = BOTH, hint: str = "", within: float | None = None
    ) -> None:
        """Return when the orgs show a status, or one to which the server goes on from it.

        Args:
            target: the status.
            roles: the orgs that have to show it; one that an emergency gives up meanwhile does not.
            hint: why it may not come, for the message.
            within: seconds; None for the playbook's confirm time.

        Raises:
            Stopped: not in time, or somebody else wrote.
        """
        within = self.writer.playbook.confirm.within.total_seconds() if within is None else within
        missing = await self.missing(target, roles=roles, within=within)
        if missing:
            raise self._never(missing[0], target, within, hint)

    async def missing(
        self, target: Status, *, roles: tuple[Role, ...] = BOTH, within: float
    ) -> tuple[Role, ...]:
        """The orgs that did not come to show a status in that many seconds; () as soon as all do.

        Raises:
            Stopped: somebody else wrote, or the run was asked to stop.
        """
        writer, memory = self.writer, self.writer.memory
        patience = Patience(within, writer.clock)
        arrived = writer.playbook.server_moves(target)
        while True:
            readings = writer.eyes.last_look()
            missing = tuple(
                role
                for role in roles
                if role not in memory.dead
                and (readings[role].status not in arrived or memory.is_under_floor(readings[role]))
            )
            if not missing or patience.over:
                return missing
            writer.may_go_on()
            who = " and ".join(str(writer.pair[role]) for role in missing)
            writer.tell(Waiting(f"{who} to show {target}", patience.left, missing[0]))
            await writer.waits.pause()
            writer.checker.take_in(await writer.eyes.look("confirm", journal=False))
            await writer.repair()

    def _never(self, role: Role, target: Status, within: float, hint: str) -> Stopped:
        reading, checker = self.writer.eyes.last_look()[role], self.writer.checker
        if self.writer.memory.is_under_floor(reading):
            found = checker.compare(reading)
            return checker.not_as_expected(Unsettled(role, found.change, found.reason))
        shows = reading.status
        org = self.writer.pair[role]
        because = f" ({hint})" if hint else ""
        return stopped(
            End.INCOMPLETE,
            f"{org} did not come to {target} within {within:g} s; it shows {shows or 'nothing'}{because}",
            org=role,
        )

    async def find_mirror(self, role: Role, *, within: float | None = None) -> None:
        """After the first confirmed write of a pair that says `mirrors: auto`: wait once for an echo of it.

        Args:
            role: the org that was written.
            within: seconds, where that is less than the playbook's `mirror_wait`.
        """
        writer, memory, clock, other = self.writer, self.writer.memory, self.writer.clock, role.other
        if memory.mirrors is not None or writer.pair.mirrors is not Mirrors.AUTO:
            return
        began = clock.monotonic()
        wait = writer.playbook.mirror_wait.total_seconds()
        patience = Patience(wait if within is None else min(wait, within), clock)
        over = patience.over
        while True:
            shown = writer.eyes.last_look()[other]
            # The other org's own write of an earlier life is no echo: an echo is an exact copy.
            echoed = shown.record is not None and self._wrote(role, shown.record)
            if over and not (echoed or shown.answered):
                return  # whether it has an echo could not be seen
            if echoed or over:
                writer.tell(MirrorFound(echoed, clock.monotonic() - began))
                return
            writer.tell(
                Waiting(f"an echo in {writer.pair[other]} (does this pair mirror?)", patience.left, other)
            )
            await clock.sleep(min(MIRROR_POLL, patience.left))
            # A look that began in time and took long says nothing of what is there by now: it is no proof of "none".
            over = patience.over
            writer.checker.take_in(await writer.eyes.look("mirror", journal=False))

    def _wrote(self, role: Role, record: HamrRecord) -> bool:
        """Whether a record is the very one that an org was brought to, whether or not that org can be seen just now."""
        seen = self.writer.eyes.last_look()[role].record
        written = (*self.writer.memory.confirmed[role][-1:], *(() if seen is None else (seen,)))
        return any(record.same_version(each) for each in written)

"""A fleet's loop: wave after wave, so many pairs at a time, until all were brought or somebody wants it to stop.

It decides nothing of any pair; `bring_pair` does that. What was journalled by others meanwhile (a wish to stop, what
workers brought) is looked at every second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from orchestrator.datadog.connections import SharedConnections
from orchestrator.errors import ExitCode, HamrError, Incomplete, JournalDamaged, JournalUnavailable
from orchestrator.model import next_step
from orchestrator.model.events import (
    FleetFinished,
    FleetPairEnded,
    FleetStopAsked,
    FleetStopped,
    FleetWaveBegan,
)
from orchestrator.model.fleet import FleetView
from orchestrator.model.org import Pair
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import PairOutcome
from orchestrator.model.run import Mode
from orchestrator.model.words import counted
from orchestrator.operations.holding import RunControl
from orchestrator.system.log import logger

from .bring import bring_pair
from .crew import Crew, Hint

if TYPE_CHECKING:  # its library is an extra
    from .queue import Jobs

LOOK_EVERY = 1.0
"""Seconds between two looks at what others have journalled."""

WORKERS_LOST_SECONDS = 5.0
"""So long an emergency waits for workers whose database can't be reached: by then they have stopped before their next write."""

_WORSE_THAN_A_SIGNAL = frozenset({ExitCode.JOURNAL_DAMAGED, ExitCode.UNKNOWN, ExitCode.MOVED})


class Audience(Watcher, Protocol):
    """Is told what the fleet does, and who is told of each pair's run."""

    def of(self, pair: Pair) -> Sequence[Watcher]:
        """Who is told what happens to a pair that begins now."""


Confirm = Callable[[FleetView, int], Awaitable[bool]]
"""Asks a person, before a wave that is not the first one here, whether it is to begin."""


@dataclass(eq=False, repr=False)
class Drive:
    """One process's way through a fleet."""

    _crew: Crew
    view: FleetView
    """The fleet as the journal has it; it is kept up to date."""
    _audience: Audience
    _confirm: Confirm | None = None
    """Asks before each wave but the first; None goes on by itself."""
    jobs: Jobs | None = None
    """Tells workers, which bring the pairs in the place of this process; None where it does it itself."""
    _under_way: dict[str, RunControl] = field(default_factory=dict)
    asked: int = 0
    _why: str = ""
    """Why this process is to stop, whoever takes the fleet up meanwhile; "" while it is not."""
    _signal: ExitCode | None = None
    _trouble: HamrError | None = None
    _lost_at: float | None = None
    """Since when the journal can't be looked at, on the monotonic clock; None while it can."""

    async def run(self) -> ExitCode:
        """Bring every pair that needs it; gives the worst exit code.

        Raises:
            Incomplete: the journal could not be reached; what was under way has stopped.
            JournalDamaged: nobody could take the fleet up from it, as where it was moved or deleted.
            HamrError: the journal could not be used otherwise; as above.
        """
        looking = asyncio.create_task(self._look_on())
        try:
            await self._waves()
        except HamrError as error:
            self._trouble = self._trouble or error
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
        return await self._end()

    def interrupt(self, code: ExitCode) -> None:
        """Once: what is under way ends its own transition, and nothing new begins. Twice: give up waiting, as a run does."""
        self.asked, self._signal = self.asked + 1, code
        self.stop("it was interrupted at its own terminal", code)
        if self.asked > 1:
            for controls in self._under_way.values():
                controls.interrupt(code)
                controls.interrupt(code)

    @property
    def stopping(self) -> bool:
        """Whether nothing new begins any more."""
        return bool(self._why or self.view.stop_asked)

    def stop(self, why: str, code: ExitCode = ExitCode.INTERRUPTED) -> None:
        """Begin nothing new, and let what is under way end its own transition."""
        self._why = self._why or self.view.stop_asked or why
        self.view.stop_asked = self.view.stop_asked or why
        for controls in self._under_way.values():
            controls.rest(code)

    async def _waves(self) -> None:
        began = False
        for wave in range(1, len(self.view.started.waves) + 1):
            pairs = self.view.waiting(wave)
            if not pairs or (began and not await self._confirmed(wave)):
                continue
            began = True
            await self._note(FleetWaveBegan(wave, workers=self.jobs is not None))
            left = pairs if self.jobs is None else await self._watch(self.jobs, pairs, wave)
            await self._crew.each(left, self.view.started.at_once, partial(self._bring, wave))

    async def _confirmed(self, wave: int) -> bool:
        if not self.stopping and self._confirm is not None and not await self._confirm(self.view, wave):
            self.stop(f"wave {wave} was not confirmed")
        return not self.stopping

    async def _watch(self, jobs: Jobs, pairs: Sequence[str], wave: int) -> Sequence[str]:
        """Have workers bring a wave's pairs, and look on until they did, or until what they are at has ended.

        Gives those that this process is to bring itself: an emergency does not wait for the workers' database (law 9).
        """
        fleet, told, hindrance = self.view.fleet, False, ""
        waiting = pairs
        try:
            await jobs.defer(Hint(fleet, pair) for pair in pairs)
        except JournalUnavailable as error:
            # The wave is journalled: whichever worker sweeps next finds its pairs.
            logger().warning("workers could not be told", error=error.message)
        while waiting:
            if self._lost_at is None:
                hindrance = await self._say_hindrance(jobs, hindrance)
            await self._crew.clock.sleep(LOOK_EVERY)
            left = frozenset(self.view.waiting(wave))
            for outcome in (self.view.members[pair].outcome for pair in waiting if pair not in left):
                if outcome is not None:
                    self._ended(outcome, wave)
            waiting = [pair for pair in waiting if pair in left]
            if self._goes_on_alone():
                logger().warning(
                    "the workers' database can't be reached: this process goes on by itself, in its own journal",
                    pairs=len(waiting),
                )
                self.jobs, self._lost_at = None, None
                await self._note(FleetWaveBegan(wave))
                return waiting
            if self.stopping and not told:
                told = True
                await self._note(FleetStopAsked(self._why or self.view.stop_asked))
            if self.stopping and (self.asked > 1 or not await self._at_work(jobs)):
                break
        return ()

    def _goes_on_alone(self) -> bool:
        if self._lost_at is None or self.view.started.mode is not Mode.EMERGENCY:
            return False
        return self._crew.clock.monotonic() - self._lost_at > WORKERS_LOST_SECONDS

    async def _say_hindrance(self, jobs: Jobs, said: str) -> str:
        """Say what keeps pairs waiting, where that is news."""
        with suppress(JournalUnavailable):  # which is said by whoever looks into the journal
            found = await jobs.hindrance(self.view.fleet)
            if found and found != said:
                logger().warning(found, fleet=self.view.fleet)
            return found
        return said

    async def _at_work(self, jobs: Jobs) -> bool:
        """Whether a worker that lives is at any of its pairs."""
        try:
            listed = await jobs.listed()
        except JournalUnavailable:
            return True  # nobody knows: a second signal gives up waiting
        at_it = (job.hint for job in listed if job.doing and job.heard)
        return any(hint is not None and hint.fleet == self.view.fleet for hint in at_it)

    async def _bring(self, wave: int, pair: str, shared: SharedConnections) -> None:
        if self.stopping:
            return
        controls = self._under_way[pair] = RunControl()
        try:
            outcome = await self._brought(pair, shared, controls)
        except HamrError as error:  # the journal's: nothing of this fleet goes on without it
            self._trouble = self._trouble or error
            self.stop(error.message)
            return
        finally:
            del self._under_way[pair]
        if outcome is None:
            return
        member = self.view.members[pair]
        member.outcome, member.since = outcome, self.view.upto
        self._ended(outcome, wave)

    def _ended(self, outcome: PairOutcome, wave: int) -> None:
        self._audience.tell(FleetPairEnded(outcome))
        most = self.view.started.stop_after
        failed = self.view.failed(wave)
        if most is not None and failed >= most and not self.stopping:
            self.stop(f"{counted(failed, 'pair')} of wave {wave} did not arrive (--stop-after {most})")

    async def _brought(
        self, pair: str, shared: SharedConnections, controls: RunControl
    ) -> PairOutcome | None:
        """What came of it; None where another process is at it, and this one is to stop."""
        controls.watchers = self._audience.of(self._crew.pair(pair))
        while True:
            session = await self._crew.on(pair, shared)
            outcome = await bring_pair(session, self.view, controls=controls)
            self._crew.follow(session)
            if not outcome.elsewhere:
                return outcome
            if self.stopping:
                return None
            await self._crew.clock.sleep(LOOK_EVERY)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self._crew.catch_up(self.view)
            except HamrError as error:  # whoever journals next meets the same trouble, and stops
                if self._lost_at is None:
                    self._lost_at = self._crew.clock.monotonic()
                    said = "the fleet's journal can't be looked at; it is tried again"
                    logger().warning(said, error=error.message)
            else:
                if self._lost_at is not None:
                    logger().warning("the fleet's journal is there again")
                self._lost_at = None
            if self.stopping:
                self.stop(self.view.stop_asked)

    async def _note(self, event: FleetWaveBegan | FleetStopAsked | FleetStopped | FleetFinished) -> None:
        await self._crew.append(self.view.fleet, event)
        await self._crew.catch_up(self.view)
        self._audience.tell(event)

    async def _end(self) -> ExitCode:
        code, through = self.view.exit_code, all(member.settled for member in self.view.members.values())
        if self._signal is not None and not through and code not in _WORSE_THAN_A_SIGNAL:
            code = self._signal
        arrived = sum(member.arrived for member in self.view.members.values())
        try:
            if self.stopping and not through:
                await self._note(FleetStopped(self._why or self.view.stop_asked))
            else:
                await self._note(FleetFinished(int(code), arrived))
        except HamrError as error:
            self._trouble = self._trouble or error
        if isinstance(self._trouble, JournalUnavailable):
            stopped = f"{self._trouble.message} Nothing is sent without it, so what was under way has stopped"
            if await self._crew.is_lost(self.view.fleet):
                raise JournalDamaged(
                    stopped,
                    sent="What was sent is not told there any more.",
                    next_steps=(next_step.fleet_status("--all"), next_step.verify()),
                ) from self._trouble
            raise Incomplete(
                stopped, next_steps=(next_step.fleet_resume(self.view.fleet),)
            ) from self._trouble
        if self._trouble is not None:
            raise self._trouble
        return code

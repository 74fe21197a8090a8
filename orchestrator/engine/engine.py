"""The engine: what one run is made of, and what may be asked of it, in every world."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.run import End, Ending
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role, Status

from .check import Checker, WriteConfirmation
from .context import RunContext, Stopped
from .deliver import Delivery
from .evaluator import GuardEvaluator, GuardPolicy
from .executor import TransitionExecutor
from .hooks import Hooks
from .probing import Asking, Probing
from .reader import PairReader
from .reconcile import Reconciler
from .route import RouteRunner
from .writer import Writer


class Engine:
    """The same in every world: predicted, real or simulated."""

    def __init__(self, run: RunContext, policy: GuardPolicy) -> None:
        self.run = run
        reader = self.reader = PairReader(run)
        checker = Checker(run, reader)
        probing = self.probing = Probing(run, reader)
        asking = Asking(run, probing)
        confirmation = WriteConfirmation(run, reader, checker)
        writer = self.writer = Writer(run, reader, checker, confirmation, probing)
        reconciler = self.reconciler = Reconciler(run, reader, checker, writer)
        evaluator = self.evaluator = GuardEvaluator(run, reader, checker, probing, asking, policy)
        hooks = self.hooks = Hooks(run, asking)
        executor = TransitionExecutor(run, reader, checker, writer, evaluator, hooks, probing)
        self.delivery = Delivery(run, reader, checker, writer, reconciler, evaluator)
        self.route = RouteRunner(run, reader, checker, reconciler, probing, evaluator, hooks, executor)

    def ask_to_stop(self, reason: str) -> None:
        """Stop before the next write, and leave a run that can be resumed."""
        self.run.stop_reason = reason

    def ask_to_rest(self, reason: str) -> None:
        """Stop before the next transition, and leave a run that can be resumed."""
        self.run.rest_reason = reason

    async def drive(self, goal: Status) -> Ending:
        """Go to a goal; every stop on the way is an ending, too.

        Raises:
            HamrError: from the observer (journal, lock), before anything more was sent.
            asyncio.CancelledError: the task was cancelled; the journal holds what was in flight.
        """
        state = self.run.state
        try:
            ending = await self.route.run_to(goal)
        except Stopped as stop:
            ending = stop.ending
        except BaseException:
            await self._break_off()
            raise
        if ending.end is End.REFUSED and state.unknown:
            # Taken up to be read again, and nobody knows yet: "refused" would say that nothing was sent.
            ending = replace(ending, end=End.UNKNOWN)
        elif ending.end is End.REFUSED and state.attempts > state.recalled:
            # What this very process has put right before was sent all the same.
            ending = replace(ending, end=End.INCOMPLETE)
        return await self._gather(ending)

    async def _gather(self, ending: Ending) -> Ending:
        """Wait for the hooks that an emergency has left beside itself, and count what they still owe."""
        try:
            await self.hooks.finish()
            if ending.end.reached:
                await self.hooks.ask_at_last()
        except Stopped as stop:
            ending = stop.ending if ending.end.reached else ending
        finally:
            await self._break_off()
        return self._with_hooks(ending)

    async def _break_off(self) -> None:
        await self.hooks.close()
        await self.probing.close()

    def _with_hooks(self, ending: Ending) -> Ending:
        """A run that is done, but for hooks that did not end well, owes them."""
        owed = self.run.state.hooks_owed()
        if not owed or not ending.end.reached:
            return ending
        names = ", ".join(f"{hook} (after {transition})" for transition, hook in owed)
        return replace(
            ending,
            end=End.OWING,
            message=f"{ending.message}; what comes after it is not all done: {names}",
            next_steps=(next_step.resume(self.run.state.run),),
        )

    async def deliver(self, owed: Owed) -> Ending:
        """Tell the org of a past emergency what it is owed: the survivor's present status, in one write."""
        try:
            return await self.delivery.deliver(owed)
        except Stopped as stop:
            return stop.ending

    async def adopt(
        self, truth: Role, reason: str, overrides: Mapping[str, str] = MappingProxyType({})
    ) -> Ending:
        """Write a diverged pair's other org once, so that both show what the true one shows."""
        try:
            await self.reader.read_both("start", once=False)
            await self.reconciler.outwait_lag()
            return await self.delivery.adopt(self.reader.phase(), truth, reason, overrides)
        except Stopped as stop:
            return stop.ending

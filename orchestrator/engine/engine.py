"""The engine: what one run is made of, and what may be asked of it, in every world: to go to a goal, to deliver, to adopt."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.events import OwedSettled, PairAdopted
from orchestrator.model.reading import Change
from orchestrator.model.run import End, RunOutcome
from orchestrator.model.situation import Owed, Phase, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.situation.commands import NOTHING_TO_TELL
from orchestrator.situation.link import BOTH_ROLES, Linked, LinkUnknown, NotLinked

from .check import Checker, WriteConfirmation
from .context import RunContext, Stopped, stopped
from .evaluator import GuardEvaluator
from .hooks import Hooks
from .machine import TransitionExecutor
from .probing import Asking, Probing
from .reader import PairReader
from .reconcile import Reconciler
from .route import RouteRunner
from .writer import Writer


class Engine:
    """The same in every world: predicted, real or simulated."""

    def __init__(self, run: RunContext) -> None:
        self.run = run
        reader = self.reader = PairReader(run)
        checker = Checker(run, reader)
        probing = self.probing = Probing(run, reader)
        asking = Asking(run, probing)
        confirmation = WriteConfirmation(run, reader, checker)
        writer = self.writer = Writer(run, reader, checker, confirmation, probing)
        reconciler = self.reconciler = Reconciler(run, reader, checker, writer)
        evaluator = self.evaluator = GuardEvaluator(run, reader, checker, probing, asking)
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

    async def drive(self, goal: Status) -> RunOutcome:
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

    async def _gather(self, ending: RunOutcome) -> RunOutcome:
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

    def _with_hooks(self, ending: RunOutcome) -> RunOutcome:
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

    async def deliver(self, owed: Owed) -> RunOutcome:
        """Tell the org of a past emergency what it is owed: the survivor's present status, in one write."""
        try:
            return await self.delivery.deliver(owed)
        except Stopped as stop:
            return stop.ending

    async def adopt(self, truth: Role, reason: str) -> RunOutcome:
        """Write a diverged pair's other org once, so that both show what the true one shows."""
        try:
            await self.reader.read_both("start", once=False)
            await self.reconciler.outwait_lag()
            self.delivery.checker.require_premise()
            return await self.delivery.adopt(self.reader.phase(), truth, reason)
        except Stopped as stop:
            return stop.ending


ADOPTABLE = frozenset({PhaseName.DIVERGED, PhaseName.HALF_ABSENT})
"""Phases from which nothing else leads on. Midway has its transitions, and to write over one of them would go back without one."""


class Delivery(Struct):
    """Makes one org show what the other shows, as after an emergency (law 9): directly, and never by walking old statuses."""

    run: RunContext
    reader: PairReader
    checker: Checker
    writer: Writer
    reconciler: Reconciler
    evaluator: GuardEvaluator

    async def deliver(self, owed: Owed) -> RunOutcome:
        """Bring the org that is owed to the survivor's present status.

        Where a mirror carried the returning org's old record over the survivor's, the survivor's confirmed status is
        the truth, or what is owed, where it was there already: the survivor is written, once, and on a pair that mirrors both show it then.
        """
        run, state = self.run, self.run.state
        role, survivor = owed.role, owed.role.other
        run.needed = BOTH_ROLES  # also where its run is taken up as an emergency
        await self.reader.read_both("start", once=False)
        self._require_link(owed)
        reverted = await self._reconcile(owed)
        status = (state.told(survivor) or owed.status) if survivor in reverted else self._shown(survivor)
        if status is None or status in NOTHING_TO_TELL:
            raise stopped(
                End.REFUSED, f"{run.pair[survivor]} shows no status that could be passed on", org=survivor
            )
        self.checker.require_untouched(role, status)
        written = state.attempts
        if any(self._shown(each) is not status for each in Role):
            self.evaluator.require_alone(role)
        if self._shown(survivor) is not status:
            await self.writer.write(survivor, status, purpose="deliver")
            await self.writer.find_mirror(survivor)
        carried = state.mirrors and survivor in reverted
        if self._shown(role) is not status and not carried:
            await self.writer.write(role, status, purpose="deliver")
        await self.writer.wait_until_converged(status)
        self.checker.settle_unproven()
        how = "delivered" if state.attempts > written else "void"
        run.tell(OwedSettled(role, status, how))
        run.owed = None
        what = "shows it already" if how == "void" else "was told"
        return RunOutcome(End.DONE, f"{run.pair[role]} {what}: {status}; nothing is owed any more")

    async def adopt(self, phase: Phase, truth: Role, reason: str) -> RunOutcome:
        """Write the other org once, where the pair stands so that nothing else leads on.

        A pair that owes can be adopted with the survivor as the truth: that is how a person settles it where
        somebody else moved the survivor since.
        """
        pair, other, overrides = self.run.pair, truth.other, self.run.state.overrides
        link = self.reader.link()
        if not isinstance(link, Linked):
            if any(self._shown(role) is None for role in Role):  # where it stands says more, and leads on
                raise stopped(End.REFUSED, phase.sentence, org=link.role, next_steps=phase.next_steps)
            raise stopped(End.REFUSED, link.reason, org=link.role, next_steps=(next_step.status(pair.name),))
        status = self._shown(truth)
        # What is read of an org that lags is no proof that it has nothing to be told.
        told = other not in self.run.state.reverted
        if phase.name is PhaseName.AGREED and status is not None and told:
            if self.run.open_run is not None:  # what it was on the way to is not what a person says is true
                self.run.tell(PairAdopted(truth, status, reason, overrides))
            self._settle_debt(status, "void")
            return RunOutcome(End.DONE, f"both orgs of {pair.name} show {status} already; nothing to adopt")
        survivor = phase.name is PhaseName.BEHIND and phase.role is other
        if told and not survivor and phase.name not in ADOPTABLE:
            raise stopped(End.REFUSED, phase.sentence, org=phase.trouble, next_steps=phase.next_steps)
        if status is None or status in NOTHING_TO_TELL:
            raise stopped(
                End.REFUSED,
                f"{pair[truth]} shows {status or 'nothing'}, which cannot be copied to {pair[other]}",
                org=truth,
                next_steps=phase.next_steps,
            )
        self.evaluator.require_alone(other)
        self.run.tell(PairAdopted(truth, status, reason, overrides))
        await self.writer.write(other, status, purpose="adopt")
        await self.writer.wait_until_converged(status)
        self._settle_debt(status, "delivered")
        return RunOutcome(End.DONE, f"{pair[other]} was told {status}, as {pair[truth]} shows")

    def _settle_debt(self, status: Status, how: str) -> None:
        self.checker.settle_unproven()
        for role in tuple(self.run.state.owed):
            self.run.tell(OwedSettled(role, status, how))

    async def _reconcile(self, owed: Owed) -> frozenset[Role]:
        """Against the last confirmed records. What somebody else wrote meanwhile is not passed on unasked: adopt does that."""
        survivor = owed.role.other
        try:
            return await self.reconciler.reconcile(restoring=self.run.state.mirrors is not False)
        except Stopped as stop:
            old = stop.ending.change in {Change.STALE, Change.REVERTED}
            if stop.ending.end is not End.MOVED or stop.ending.org is not survivor or old:
                raise
            raise self.checker.ask_to_adopt(stop.ending.message, survivor, survivor) from stop

    def _shown(self, role: Role) -> Status | None:
        return self.reader.readings[role].status

    def _require_link(self, owed: Owed) -> None:
        pair, link = self.run.pair, self.reader.link()
        if isinstance(link, Linked):
            return
        unseen = self.reader.link(frozenset({owed.role.other}))
        if isinstance(unseen, LinkUnknown) and not isinstance(link, NotLinked):
            reason = f"{unseen.reason}; {pair[owed.role]} stays owed {owed.status}"
            raise stopped(End.REFUSED, reason, org=unseen.role, next_steps=(next_step.watch(pair.name),))
        if isinstance(link, NotLinked):
            raise stopped(End.REFUSED, link.reason, org=link.role, next_steps=(next_step.status(pair.name),))
        self.checker.compare_both(self.reader.readings, stop_for=frozenset({Change.FOREIGN}))
        survivor = self.reader.readings[owed.role.other]
        present = None if self.run.state.is_under_floor(survivor) else survivor.status
        raise stopped(
            End.OWING,
            f"{pair[owed.role]} can't be told yet: {link.reason}; it stays owed {present or owed.status}",
            org=owed.role,
            next_steps=(next_step.resume(pair.name),),
        )

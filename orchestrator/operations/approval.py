"""A second pair of eyes: who agreed to what a run is about to do, and agreeing to it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.errors import Refused, UsageError
from orchestrator.journal.history import event_of
from orchestrator.model import events, next_step
from orchestrator.model.journal import Record
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import moment
from orchestrator.model.plan import Plan
from orchestrator.model.protocols import Store
from orchestrator.model.run import Approvable, Approval, Operator
from orchestrator.model.words import utc

from .session import Session


class JournalledApprovals(Struct, frozen=True):
    """The approvals that a session's journal has."""

    session: Session

    async def of(self, run: str, digest: str) -> tuple[Approval, ...]:
        """Who agreed to exactly this, oldest first; of a fleet's pair, what was agreed to for all of them counts, too."""
        session = self.session
        names = (session.fleet, run) if session.fleet else (run,)
        return await session.calls(
            lambda: tuple(each for name in names for each in approvals_of(session.store, name, digest))
        )


def approvals_of(store: Store, run: str, digest: str) -> tuple[Approval, ...]:
    """Who agreed beforehand to what a run of that id does, bound to that digest, oldest first."""
    found: list[Approval] = []
    for record in store.records(run=run, kinds=(events.RunApproved.kind,)):
        event = event_of(record)
        if isinstance(event, events.RunApproved) and not event.afterwards and event.what.digest == digest:
            found.append(Approval(record.by, record.host, moment(record.at), event.reason, event.role))
    return tuple(found)


class Asked(Struct, frozen=True):
    """What somebody is asked to agree to."""

    run: str
    what: Approvable
    by: str
    """Who asked for it, by name."""
    host: str
    reason: str
    """Why they want it, in their words; "" where they gave none."""
    afterwards: bool = False
    """Of an emergency that did without."""


def asked_by_plan(plan: Plan, now: datetime) -> Asked:
    """What a saved plan asks for; a UsageError where it would do nothing, Refused where it cannot be applied any more."""
    if now >= plan.expires_at:
        raise Refused(
            f"this plan could be applied until {utc(plan.expires_at)}: nobody needs to agree to it any more",
            next_steps=(plan.request.as_step("plan", plan.playbook, "--out", "FILE"),),
        )
    if not plan.transitions:
        raise UsageError("this plan does nothing: there is nothing to agree to")
    request = plan.request
    what = Approvable(
        pair=request.pair,
        orgs=plan.uuids,
        start=plan.transitions[0].source,
        goal=request.goal,
        mode=request.mode,
        route=tuple(each.name for each in plan.transitions),
        playbook_sha256=plan.playbook_sha256,
        overrides=dict(request.overrides),
    )
    return Asked(plan.run, what, plan.operator.name, plan.operator.host, request.reason)


def asked_by_run(store: Store, run: str, *, afterwards: bool) -> Asked:
    """What a run that waits asks for; or, afterwards, what an emergency did without.

    Raises:
        UsageError: it asks for nothing, or wants it the other way.
        Refused: it has ended without: agreeing to it would come to nothing.
    """
    kinds = (events.ApprovalAsked.kind, events.ApprovalOwed.kind)
    records = [*store.records(run=run, kinds=kinds)]
    if not records:
        raise UsageError(
            f"run {run} asks nobody to agree to it: its playbook has no guard that does, or it was not reached",
            next_steps=(next_step.show(run),),
        )
    newest = records[-1]
    event = event_of(newest)
    owed = isinstance(event, events.ApprovalOwed)
    if owed is not afterwards:
        words = (
            f"run {run} was an emergency, and did without: what is left is to agree afterwards"
            if owed
            else f"run {run} waits for it beforehand"
        )
        step = next_step.approve(run, afterwards=owed)
        raise UsageError(words, next_steps=(step,))
    assert isinstance(event, events.ApprovalAsked | events.ApprovalOwed)  # noqa: S101 - of these kinds alone
    started = refuse_ended(store, run, afterwards=owed)
    reason = "" if started is None else started.reason
    return Asked(run, event.what, newest.by, newest.host, reason, afterwards=owed)


_COURSE = (events.RunStarted.kind, events.RunResumed.kind, events.RunFinished.kind)


def refuse_ended(store: Store, run: str, *, afterwards: bool) -> events.RunStarted | None:
    """How a run began, None where it has not yet; Refused where it has ended, unless it is agreed to afterwards."""
    told = [event_of(record) for record in store.records(run=run, kinds=_COURSE)]
    started = next((each for each in told if isinstance(each, events.RunStarted)), None)
    if afterwards or not told or not isinstance(told[-1], events.RunFinished) or told[-1].resumable:
        return started
    steps: tuple[NextStep, ...] = (next_step.show(run),)
    if started is not None and started.fleet:
        steps = (next_step.approve(started.fleet), next_step.fleet_resume(started.fleet))
    elif started is not None:
        steps = (next_step.run(started.pair, started.goal),)
    raise Refused(
        f"run {run} has ended, and does not wait any more: an approval counts for the run that asks for it",
        next_steps=steps,
    )


def refuse_own(operator: Operator, by: str) -> None:
    """Refuse that whoever asked for something agrees to it."""
    if operator.name.casefold() == by.casefold():
        raise Refused(
            f"{by} asked for this, and another person has to agree to it: hamr runs here as {operator.name}"
        )


def approve(session: Session, asked: Asked, reason: str) -> Record:
    """Journal that this operator agrees to exactly this; Refused where they asked for it themselves, or it has come to its end."""
    refuse_own(session.operator, asked.by)
    refuse_ended(session.store, asked.run, afterwards=asked.afterwards)
    event = events.RunApproved(asked.what, reason, asked.afterwards, session.store.role())
    return session.store.append(session.entry(asked.run, event))

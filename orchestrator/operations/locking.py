"""A pair's lock: taken for a run, let go while a person is asked, and broken by its own id alone (law 12)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.errors import Conflict, HamrError, Locked, UsageError
from orchestrator.journal.checkpoint import is_of_orgs
from orchestrator.journal.history import History, event_of
from orchestrator.model import next_step
from orchestrator.model.events import (
    HookEnded,
    LockBroken,
    LockReleased,
    LockTaken,
    LockTakenOver,
    RunResumed,
    RunStarted,
)
from orchestrator.model.journal import Holder, Record, Whereabouts, Witness
from orchestrator.model.playbook import SETTLED
from orchestrator.model.situation import OpenRun, UnderWay
from orchestrator.model.words import doing, leave_it, utc
from orchestrator.situation.next_steps import at_work
from orchestrator.system.log import logger

from .session import Session

_KNOWN = frozenset({Whereabouts.RUNS, Whereabouts.GONE})
"""Then nobody need ask the journal."""


class Lock(Struct):
    """A pair's lock, held by this process for one run."""

    session: Session
    run: str
    lock: str
    is_let_go: bool = False
    """Whether it is not held just now, since a person is being asked."""
    is_released: bool = False
    """Whether it was given back at the end of the run."""
    is_anothers: bool = False
    """Whether somebody took the run up while it was let go: how the run ends is theirs to say."""
    let_go_at: int = 0
    """The journal's newest record when it was let go last."""

    def beat(self) -> bool:
        """Renew the heartbeat; False where the lock was broken meanwhile."""
        return self.is_let_go or self.session.store.beat(self.lock, self.session.clock.now())

    def let_go(self) -> None:
        """Let others have the pair while a person is asked; a JournalUnavailable where it can't be, so that nobody is."""
        self.let_go_at = self.session.store.head().seq
        self.is_let_go = True
        self._release()

    def taken_up_meanwhile(self) -> Record | None:
        """The record by which somebody took this very run up since it was let go, or None."""
        resumed = self.session.store.records(run=self.run, kinds=(RunResumed.kind,), after=self.let_go_at)
        found = next(iter(resumed), None)
        self.is_anothers = found is not None
        return found

    def hooks_settled(self) -> list[HookEnded]:
        """How hooks of this run ended well, also those that another process of it had begun, and ended meanwhile."""
        ended = (event_of(each) for each in self.session.store.records(run=self.run, kinds=(HookEnded.kind,)))
        return [each for each in ended if isinstance(each, HookEnded) and each.outcome in SETTLED]

    def take_again(self, lock: Lock) -> None:
        """Hold the pair again, by a lock that was just taken for this run."""
        self.lock, self.is_let_go = lock.lock, False

    @property
    def held(self) -> str | None:
        """The id that is to hold the pair; None while it is let go."""
        return None if self.is_let_go else self.lock

    def taken_over(self, began_at: int) -> Record | None:
        """The record, behind that one, by which somebody took this very run up from this process, which they thought was gone.

        It was not, but stopped for a while: what it does is fenced off, and what it knows of the run is old.
        """
        found = self._taken_since(began_at, run=self.run)
        self.is_anothers |= found is not None
        return found

    def was_passed_on(self, began_at: int) -> bool:
        """Whether somebody else has held the pair since this process did, for whichever run."""
        return self._taken_since(began_at) is not None

    def _taken_since(self, began_at: int, run: str | None = None) -> Record | None:
        """The last record behind that one by which somebody else took the pair, where this lock does not hold it any more."""
        store, pair = self.session.store, self.session.pair.name
        holder = store.holder(pair)
        if holder is not None and holder.lock == self.lock:
            return None
        taken = store.records(run=run, pair=pair, kinds=(LockTaken.kind, LockTakenOver.kind), after=began_at)
        last = next(reversed([*taken]), None)
        match None if last is None else event_of(last):
            case LockTaken(lock=lock) | LockTakenOver(lock=lock) if lock != self.lock:
                return last
            case _:
                return None

    def take_along(self) -> None:
        """Hold the pair in the journal to which its session has moved, too; a Locked where somebody of this machine does already."""
        session = self.session
        holder = _holder(session, self.run, self.lock)
        present = session.store.take_lock(holder)
        if present is None or (session.is_gone(present) and session.store.replace_lock(present.lock, holder)):
            return
        raise locked_by(session, present, dead=False)

    def release(self) -> None:
        """Let go, and journal it; once.

        A journal that can't be written must not hide how the run ended: the lock then stays, and whoever comes next in
        this process takes it over; in another one, once this one is gone.
        """
        if self.is_released:
            return
        self.is_released = True
        with suppress(HamrError):  # whoever looks next reads more, and that is all
            self.session.keep_checkpoint(self.lock)
        try:
            self._release()
        except HamrError as error:
            logger().error("the pair's lock could not be released", lock=self.lock, error=error.message)

    def _release(self) -> None:
        self.session.store.release(self.lock, self.session.entry(self.run, LockReleased(self.lock)))


def left_to(taker: Record, meanwhile: str) -> Conflict:
    """That a run is left to whoever took it up meanwhile ("while …")."""
    return Conflict(
        f"{taker.by}@{taker.host} took run {taker.run} up while {meanwhile}; "
        "what this process knows of it is old, so it leaves the run to them",
        next_steps=(next_step.show(taker.run), next_step.status(taker.pair)),
    )


def take_lock(session: Session, run: str, *, take_over: bool) -> Lock:
    """Take the pair's lock for a run; Locked says who holds it, since when, and what they last did.

    With `take_over` the lock of a process that is gone (`Session.is_gone`, and no heartbeat since) changes hands even where
    it left a run in the middle.
    """
    lock, pair = session.new_lock(), session.pair
    holder = _holder(session, run, lock)
    present = session.store.take_lock(holder, session.entry(run, LockTaken(lock, pair.uuids, pair.urls)))
    if present is not None:
        dead = session.is_gone(present)
        if not dead or (left_a_run(session.history(), present) and not take_over):
            raise locked_by(session, present, dead=dead)
        taken = LockTakenOver(lock, present.lock, str(present), pair.uuids, pair.urls)
        if not session.store.replace_lock(
            present.lock, holder, session.entry(run, taken), beat_at=present.beat_at
        ):
            raise locked_by(session, present, dead=dead)
    mine = Lock(session, run, lock)
    try:
        # Looked for once ours stands: of two that begin at once, one sees the other at least.
        elsewhere = held_by_another_name(session, session.store.holders())
        if elsewhere is not None:
            raise _locked_elsewhere(session, elsewhere)
    except HamrError:
        mine.release()
        raise
    return mine


def _holder(session: Session, run: str, lock: str) -> Holder:
    pid, started = session.host.this_process()
    now = session.clock.now()
    return Holder(
        lock,
        session.pair.name,
        run,
        session.operator.name,
        session.host.name,
        pid,
        started,
        taken_at=now,
        beat_at=now,
    )


async def hold(session: Session, run: str, *, take_over: bool) -> Lock:
    """As `take_lock`, beside the event loop; a caller that is cancelled meanwhile leaves no lock behind."""
    taken: list[Lock] = []
    try:
        await session.calls(lambda: taken.append(take_lock(session, run, take_over=take_over)))
    except asyncio.CancelledError:
        for lock in taken:
            await session.calls(lock.release)
        raise
    return taken[0]


def refuse_held(session: Session, *, take_over: bool = False) -> None:
    """A Locked, before anything else is asked, where somebody holds the pair, or died and left a run; the lock itself tells for certain."""
    holders = session.store.holders()
    elsewhere = held_by_another_name(session, holders)
    if elsewhere is not None:
        raise _locked_elsewhere(session, elsewhere)
    holder = next((each for each in holders if each.pair == session.pair.name), None)
    if holder is None:
        return
    dead = session.is_gone(holder)
    if not dead or (left_a_run(session.history(), holder) and not take_over):
        raise locked_by(session, holder, dead=dead)


_NAMING_ORGS = (RunStarted.kind, LockTaken.kind, LockTakenOver.kind)


def held_by_another_name(session: Session, holders: Sequence[Holder]) -> Holder | None:
    """Which of these holds the pair's very orgs under a name that this inventory does not have, in a process that is not gone."""
    pair, records = session.pair, session.store.records
    return next(
        (
            holder
            for holder in holders
            if holder.pair not in session.names | {pair.name}
            and not session.is_gone(holder)
            and any(is_of_orgs(each, pair) for each in records(run=holder.run, kinds=_NAMING_ORGS))
        ),
        None,
    )


def _locked_elsewhere(session: Session, holder: Holder) -> Locked:
    where = session.host.whereabouts(holder).value
    return Locked(
        f"the very orgs of pair {session.pair.name} are held as pair {holder.pair}: {holder} holds them there for run "
        f"{holder.run} since {utc(holder.taken_at)}; {where}. Call the pair {holder.pair} in pairs.yaml again, and "
        f"hamr status {holder.pair} says what it is at",
        next_steps=(next_step.show(holder.run).so_that("what that run has done until now"),),
    )


def left_a_run(history: History, holder: Holder) -> bool:
    """Whether a dead holder left a run in the middle, to be resumed or superseded by name; one that had said its end did not."""
    run = history.runs.get(holder.run)
    return run is not None and run.open and run.finished is None


def open_run_of(history: History, at_work: UnderWay | None) -> OpenRun | None:
    """The run that has not finished, and whether it is the one that somebody is at work on."""
    run = history.as_open_run()
    if run is None or at_work is None or at_work.holder.run != run.run:
        return run
    return replace(run, under_way=True)


def under_way(session: Session, history: History, holder: Holder | None) -> UnderWay | None:
    """What the holder of the pair's lock is at; None where nobody holds it, or that process is gone."""
    if holder is None or session.is_gone(holder):
        return None
    return _at_work(session, history, holder)


def _at_work(session: Session, history: History, holder: Holder) -> UnderWay:
    run, where = history.runs.get(holder.run), session.host.whereabouts(holder)
    if run is None:
        return UnderWay(holder, None, "", "", where=where)
    goal = None if run.started is None else run.started.goal
    by_others = holder.operator.casefold() != session.operator.name.casefold()
    wants = by_others and run.waiting is not None and run.waiting.wants_approval
    return UnderWay(holder, goal, run.transition, run.last, wants, where)


def locked_by(session: Session, holder: Holder, *, dead: bool) -> Locked:
    """The refusal that names the holder of a lock."""
    name, now = session.pair.name, session.clock.now()
    where, witness = session.host.whereabouts(holder), session.store.witness(holder.lock)
    what = where.value if witness is Witness.NONE or where in _KNOWN else f"{where.value}; {witness.value}"
    if dead:
        words = f"which held it for run {holder.run} since {utc(holder.taken_at)}; {what}"
    else:
        words = (
            f"who is {doing(_at_work(session, session.history(), holder))}. "
            f"{leave_it(holder, where, now, witness)}"
        )
    return Locked(
        f"pair {name} is locked by {holder}, {words}",
        next_steps=at_work(name, holder, Whereabouts.GONE if dead else where),
    )


def check_unlock(session: Session, lock: str) -> Holder:
    """The holder of the pair's lock, where it may be broken: a UsageError where there is no such lock, Locked where its process runs here."""
    name = session.pair.name
    look = (next_step.status(name),)
    holder = session.store.holder(name)
    if holder is None:
        raise UsageError(f"nobody holds pair {name}: there is no lock to break", next_steps=look)
    if holder.lock != lock:
        raise UsageError(
            f"pair {name} is not held by lock {lock[:40]!r}: its lock is {holder.lock} of {holder}, run {holder.run}",
            next_steps=look,
        )
    if session.host.whereabouts(holder) is Whereabouts.RUNS:
        raise Locked(
            f"process {holder.pid} holds pair {name} for run {holder.run}, and it runs on this machine: "
            "its lock is not broken while it lives. Ctrl-C in its terminal stops it before its next write",
            next_steps=(next_step.shell(f"kill -INT {holder.pid}", "stop it before its next write"), *look),
        )
    return holder


def break_lock(session: Session, lock: str, reason: str) -> Holder:
    """Break the pair's lock, as `check_unlock` allows, and journal why; gives the holder that was."""
    holder = check_unlock(session, lock)
    # In one transaction: neither is a lock gone without a word, nor is it said of one that still holds.
    if not session.store.release(lock, session.entry(holder.run, LockBroken(lock, str(holder), reason))):
        check_unlock(session, lock)  # somebody was quicker, and this says who
    return holder

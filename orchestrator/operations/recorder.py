"""The recorder of a run that holds its pair: gathers what happens, makes it durable, and tells whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from msgspec import Struct, field

from orchestrator.errors import HamrError, JournalDamaged, JournalUnavailable, Locked
from orchestrator.journal.failures import lost
from orchestrator.model import events
from orchestrator.model.events import INTENTS, OUTCOMES, Event
from orchestrator.model.journal import Entry, Head, Record
from orchestrator.model.protocols import Watcher
from orchestrator.model.reading import NOT_OURS
from orchestrator.system.log import logger

from .locking import Lock
from .session import Session

T = TypeVar("T")


class _Gathered(Struct, eq=False):
    """An event that waits for the next transaction."""

    entry: Entry
    fenced: bool
    """Whether it may be journalled only while the lock is ours: an intent, or that another run is closed."""
    refused: HamrError | None = None
    """Why a fenced one was not journalled, and never will be."""


class Recorder(Struct):
    """The observer of a run; the trouble of whoever watches it stays their own.

    `tell` only gathers, dates what it was told, and passes it on to whoever watches, at once and in order; `commit`
    makes all of it durable in one transaction. That an org is told something, or a hook begun, is passed on then, since
    it is not where that cannot be journalled. The engine commits each intent before it does what was intended, and
    an intent and "the lock is still ours" are that one transaction (law 6). What came of it is journalled in any case; what
    this process made of that is not, once somebody else has held the pair: it was stopped, and what it knows is old.

    The run learns of an event that was told before it is durable: where it can't be made so, nothing more is sent. So
    a process that dies loses what it was told since its last intent, which is as if it had died a little earlier.
    """

    session: Session
    run: str
    lock: Lock
    watchers: Sequence[Watcher] = ()
    supersedes: tuple[str, ...] = ()
    """Open runs of the pair that this run closes, by name, once it intends something or is done."""
    made: tuple[Event, datetime] | None = None
    """The last transition that this process made, and when."""
    _failed: set[int] = field(default_factory=set)
    """The watchers that have failed, by identity."""
    pressing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by what others must see soon, whatever the run does next, and when a beat is due: whoever beats the heart commits it."""
    passed_on: bool = False
    """Whether somebody else was seen to have held the pair since this process did: how the run ends is not for it to say."""
    _moved: events.JournalMoved | None = None
    """That the journal was left, where whoever watches knows it."""
    _kept: list[Head] = field(default_factory=list)
    """Number and hash of every record that this process journalled for the run."""
    _entries: list[Entry] = field(default_factory=list)
    """The same records, as they would begin another journal."""
    _gathered: list[_Gathered] = field(default_factory=list)
    _notes: list[Entry] = field(default_factory=list)
    """What came of telling others: journalled along with whatever comes next, or when all is over."""
    _unanswered: list[_Gathered] = field(default_factory=list)
    """The fenced ones that were told since the last commit."""
    _to_begin: list[Event] = field(default_factory=list)
    """What is done once that is journalled, and of which nobody has heard yet."""

    def __post_init__(self) -> None:
        self._moved = self.session.moved

    def tell(self, event: Event) -> None:
        """Gather an event, and pass it on."""
        self._take(event)
        if isinstance(event, events.WriteIntended | events.HookIntended):
            self._to_begin.append(event)
        else:
            self._pass_on(event)

    def _take(self, event: Event) -> None:
        if not event.kind:
            return
        intends = event.kind in INTENTS
        if intends:
            self.supersede()
        if isinstance(event, events.TransitionMade):
            self.made = event, self.session.clock.now()
        self._gather(self.run, event, fenced=intends)
        if _is_pressing(event):
            self.pressing.set()
        if not self.session.gathers and not intends:
            self._write(self._gathered)

    async def finish(self, end: events.RunFinished | None) -> HamrError | None:
        """Make all durable, with the run's end where it has one, and read it back (law 16); what went wrong, or None.

        Before the end is written, what was is read back; and whoever watches is told of it after, so that nobody hears of
        an end that is not kept.
        """
        trouble: HamrError | None = None
        try:
            if self._unanswered:  # where the lock is not ours, nor is the end
                await self.commit()
            await self.check_kept()
        except HamrError as error:
            trouble, end = error, None
        try:
            if end is not None:
                self._take(end)
            await self.commit()
            await self.check_kept()
        except HamrError as error:
            trouble, end = trouble or error, None
        if end is not None and not self.passed_on:
            self._pass_on(end)
        return trouble

    def _pass_on(self, event: Event) -> None:
        for watcher in self.watchers:
            try:
                watcher.tell(event)
            except Exception:  # noqa: BLE001 - whoever only watches never stops a run (law 19)
                if id(watcher) not in self._failed:  # one that fails at every event must not bury the rest
                    self._failed.add(id(watcher))
                    logger().exception("somebody who watches this run failed; the run goes on", at=event.kind)

    async def note(self, event: Event) -> None:
        """Take what came of telling somebody: no transaction of its own, which the next intent would have to wait for."""
        self._notes.append(self.session.entry(self.run, event))
        if not self.session.gathers:
            self._write_notes()

    async def close(self) -> None:
        """Make durable what was noted since the run's end; whoever reads the journal misses no more than that."""
        try:
            await self.session.calls(self._write_notes)
        except HamrError as error:
            logger().warning("what became of an event could not be journalled", error=error.message)

    def _write_notes(self) -> None:
        if self._notes:
            self._append((), holding=None)

    async def commit(self) -> None:
        """Make durable what was told, in one transaction, in the order in which it was told.

        Raises:
            Locked: an intent was told, and the lock is not ours any more; the rest was journalled.
            HamrError: the journal can't be written; the rest is tried again with the next commit, an intent is not.
        """
        told, self._unanswered = self._unanswered, []
        begun, self._to_begin = self._to_begin, []
        try:
            await self.flush()
            for intent in told:
                if intent.refused is not None:
                    raise intent.refused
        except HamrError:
            begun = []
            raise
        finally:  # given up meanwhile, it is durable all the same
            for event in begun:
                self._pass_on(event)

    async def flush(self) -> None:
        """As `commit`, beside the run: an intent that is refused here is refused to the run, too, at its next commit."""
        # What is told from here on is another's: an intent is not to be refused before its run waits for an answer.
        due = self._gathered[:]
        self.pressing.clear()
        if due:
            await self.session.calls(partial(self._write, due))
            self._tell_of_move()

    def _tell_of_move(self) -> None:
        """Once, though the run and its heartbeat may both have waited for the journal that was left."""
        moved = self.session.moved
        if moved is not None and moved is not self._moved:
            self._moved = moved
            self._pass_on(moved)

    def will_supersede(self, runs: Iterable[str]) -> None:
        """Name the runs that this one closes, in the place of those that were named before."""
        self.supersedes = tuple(runs)

    def supersede(self) -> None:
        """Close the open runs whose place this one takes: not before, so that a refused run leaves them open."""
        superseded, self.supersedes = self.supersedes, ()
        for run in superseded:
            self._gather(run, events.RunSuperseded(self.run), fenced=True)

    async def check_kept(self) -> None:
        """A JournalDamaged where others can't see what this process journalled (law 16); a JournalUnavailable where that can't be read."""
        missing = await self._first_missing()
        if missing is not None:
            raise lost(self.session.store.place, missing, self.session.pair.name)

    async def is_lost(self, *, began_here: bool) -> bool:
        """Whether nobody could take this run up from the journal's file: it is damaged, or has not even the run's first record."""
        try:
            missing = await self._first_missing()
        except JournalDamaged:
            return True
        except HamrError:
            return False
        return began_here and bool(self._kept) and missing == self._kept[0].seq

    async def _first_missing(self) -> int | None:
        return await self.ask(lambda: self.session.store.first_missing(tuple(self._kept)))

    async def ask(self, call: Callable[[], T]) -> T:
        """What the journal says; an emergency that can't read a team's goes on in this machine's own (see `_move`)."""
        try:
            return await self.session.calls(call)
        except JournalUnavailable as error:
            await self.session.calls(partial(self._move, error))
            self._tell_of_move()
            return await self.session.calls(call)

    def _gather(self, run: str, event: Event, *, fenced: bool) -> None:
        told = _Gathered(self.session.entry(run, event), fenced)
        self._gathered.append(told)
        if fenced:
            self._unanswered.append(told)

    def _write(self, due: Sequence[_Gathered]) -> None:
        """One transaction, of what no earlier call has had; runs where the store's calls do, one after the other."""
        batch = [told for told in due if told in self._gathered]
        if not batch:
            return
        fenced, moved = [told for told in batch if told.fenced], self.session.moved
        try:
            holding = self.lock.lock if fenced else self.lock.held
            self._append(batch, holding=holding, kept=self._kept if fenced else ())
        except HamrError as error:
            for told in fenced:
                told.refused = error
                self._gathered.remove(told)
            if not isinstance(error, Locked):
                raise
            self._write_unheld([told for told in batch if not told.fenced])
            if fenced or self.session.moved is not moved:
                raise
            return
        del self._gathered[: len(batch)]

    def _write_unheld(self, told: Sequence[_Gathered]) -> None:
        """What may be journalled though the lock is lost: all of it, or of what came of its intents alone, where somebody has held the pair since."""
        self.passed_on = self.passed_on or self.lock.was_passed_on(self._began_at)
        kept = [each for each in told if not self.passed_on or each.entry.kind in OUTCOMES]
        if kept:
            self._append(kept, holding=None)
        del self._gathered[: len(told)]

    @property
    def _began_at(self) -> int:
        """The number of the first record that this process journalled for the run."""
        return self._kept[0].seq if self._kept else 0

    async def taken_over(self) -> Record | None:
        """The record by which somebody took the run up from this process (`Lock.taken_over`)."""
        return await self.ask(lambda: self.lock.taken_over(self._began_at))

    def _append(self, batch: Sequence[_Gathered], *, holding: str | None, kept: Sequence[Head] = ()) -> None:
        notes = self._notes[:]
        entries = [*(told.entry for told in batch), *notes]
        try:
            records = self.session.store.append_all(entries, holding=holding, kept=kept)
        except (JournalUnavailable, JournalDamaged) as error:
            self._move(error)
            records = self.session.store.append_all(entries, holding=holding)
        del self._notes[: len(notes)]
        self._kept += [Head(record.seq, record.hash) for record in records]
        self._entries += entries
        for record in records:
            logger().debug(record.kind, seq=record.seq, run=record.run, pair=record.pair)

    def _move(self, why: JournalUnavailable | JournalDamaged) -> None:
        """Go on in this machine's own journal, which begins with what this process journalled of the run: resume needs it.

        Raises `why` where this is no emergency, or the journal is no team's; Locked where somebody else holds the pair there.
        """
        session = self.session
        session.move_journal(why)
        assert session.moved is not None  # noqa: S101 - it has just moved
        self.lock.take_along()
        begins = (*self._entries, session.entry(self.run, session.moved))
        self._kept[:] = [Head(record.seq, record.hash) for record in session.store.append_all(begins)]


def _is_pressing(event: Event) -> bool:
    match event:
        case events.ChangeSeen(change=change):
            return change in NOT_OURS
        case (
            events.WriteUnknown()
            | events.WriteOwed()
            | events.OrgGivenUp()
            | events.WaitBegan()
            | events.WaitContinued()
        ):
            return True
        case _:
            return False

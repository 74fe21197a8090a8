"""Everything that is wired together for one pair: what the commands, the Python API and the test fixtures use."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from orchestrator import __version__
from orchestrator.clock import SystemClock
from orchestrator.engine.around import Foretold
from orchestrator.errors import HamrError, JournalDamaged, Locked, UsageError
from orchestrator.hamr import HttpReader, HttpWorld
from orchestrator.hamr.transport import Transport
from orchestrator.history import KINDS, History, history_of
from orchestrator.journal import ThisHost, provably_alive
from orchestrator.log import logger
from orchestrator.model.events import (
    INTENTS,
    Event,
    LockBroken,
    LockReleased,
    LockTaken,
    LockTakenOver,
    RunStarted,
    RunSuperseded,
    encode,
)
from orchestrator.model.journal import Broken, Entry, Holder
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock, Host, Observer, Prober, Programs, Store
from orchestrator.model.run import Operator, new_run_id
from orchestrator.model.status import Both
from orchestrator.redaction import Redactor
from orchestrator.secrets import KeyRing

VERIFY_NEWEST = 5_000
"""How many of the journal's newest records are verified before it is believed; `hamr audit verify` reads them all."""


@dataclass(slots=True)
class Session:
    """One pair, one playbook, one journal, one operator."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    store: Store
    environ: Mapping[str, str]
    redactor: Redactor = field(default_factory=Redactor)
    clock: Clock = field(default_factory=SystemClock)
    dice: random.Random = field(default_factory=random.SystemRandom)
    transports: Both[Transport] | None = None
    """In the place of the network, for tests."""
    host: Host = field(default_factory=ThisHost)
    verified: bool = False
    """Whether the journal's newest records were found to hold."""
    keys: KeyRing = field(init=False)

    def __post_init__(self) -> None:
        self.keys = KeyRing(self.environ, self.redactor)

    def reader(self) -> HttpReader:
        """A way to look at both orgs, which cannot send anything but a GET. Use it as a context manager."""
        return HttpReader(
            self.pair,
            timeouts=self.playbook.timeouts,
            keys=self.keys,
            redactor=self.redactor,
            clock=self.clock,
            transports=self.transports,
        )

    def world(self) -> HttpWorld:
        """Both orgs, to be read and written. Use it as a context manager."""
        return HttpWorld(
            self.pair,
            timeouts=self.playbook.timeouts,
            keys=self.keys,
            redactor=self.redactor,
            clock=self.clock,
            transports=self.transports,
        )

    def prober(self) -> AbstractAsyncContextManager[Prober]:
        """A way to read the playbook's probes. Use it as a context manager."""
        if not self.playbook.probes:
            return nullcontext(Foretold(self.clock))
        from orchestrator.probes import Probes  # noqa: PLC0415 - a playbook without probes does not pay for them

        return Probes(
            self.pair,
            timeouts=self.playbook.timeouts,
            keys=self.keys,
            redactor=self.redactor,
            clock=self.clock,
            environ=self.environ,
            transports=self.transports,
        )

    def programs(self) -> Programs:
        """A way to run hooks, in an environment without this pair's keys."""
        from orchestrator.programs import LocalPrograms, key_variables  # noqa: PLC0415 - as above

        return LocalPrograms(self.environ, self.redactor, self.clock, key_variables(self.pair))

    def notices(self, run: str, started: RunStarted | None = None) -> AbstractAsyncContextManager[Observer]:
        """Who is told of a run, where the pair's `events` say so. Use it as a context manager, and as a watcher.

        Args:
            run: the run's id.
            started: how it began, where it is taken up again.
        """
        from orchestrator.notices import About, NoNotices, Notices, Poster  # noqa: PLC0415 - only a run tells anybody

        if not self.pair.events:
            return NoNotices()
        about = About(run, self.pair, self.playbook, self.operator, self.store.place)
        return Notices(
            about if started is None else about.after(started),
            Poster(self.pair, self.keys, self.redactor, self.clock, self.transports),
            head=self.store.head,
            note=lambda event: self.append(run, event),
        )

    def history(self) -> History:
        """What the journal says of this pair; a journal that was changed is not believed.

        Raises:
            JournalDamaged: one of its newest records does not hold.
        """
        if not self.verified:
            self._verify()
            self.verified = True
        return history_of(self.pair.name, self.store.records(pair=self.pair.name, kinds=KINDS))

    def _verify(self) -> None:
        found = self.store.verify_newest(VERIFY_NEWEST)
        if isinstance(found, Broken):
            raise JournalDamaged(
                f"the journal {self.store.place} was changed: record {found.seq}: {found.reason}. "
                "What it says of this pair can't be trusted",
                next_steps=("hamr audit verify", f"hamr status {self.pair.name} --journal NEW_FILE"),
            )

    def new_run(self) -> str:
        """An id for a new run."""
        return new_run_id(self.clock.now(), self.dice.choice)

    def new_lock(self) -> str:
        """An id for a new lock."""
        return f"{self.dice.getrandbits(48):012x}"

    def entry(self, run: str, event: Event) -> Entry:
        """An event as it goes into the journal, without keys."""
        data = self.redactor.clean_value(encode(event))
        return Entry(run, self.pair.name, event.kind, self.operator.name, self.operator.host, data)

    def append(self, run: str, event: Event) -> None:
        """Journal one event that needs no lock."""
        self.store.append(self.entry(run, event))


def playbook_digest(playbook: Playbook) -> str:
    """SHA-256 of the playbook's text, in hexadecimal."""
    return hashlib.sha256(playbook.text.encode()).hexdigest()


def program_version() -> str:
    """This program's version, as the journal and plans carry it."""
    return __version__


@dataclass(slots=True)
class Lock:
    """A pair's lock, held by this process for one run."""

    session: Session
    run: str
    lock: str
    is_let_go: bool = False
    """Whether it is not held just now, since a person is being asked."""
    is_anothers: bool = False
    """Whether somebody took the run up while it was let go: how the run ends is theirs to say."""

    def beat(self) -> bool:
        """Renew the heartbeat; False where the lock was broken meanwhile."""
        return self.is_let_go or self.session.store.beat(self.lock, self.session.clock.now())

    def let_go(self) -> None:
        """Let others have the pair while a person is asked."""
        self.is_let_go = True
        self.release()

    def take_again(self, lock: Lock) -> None:
        """Hold the pair again, by a lock that was just taken for this run."""
        self.lock, self.is_let_go = lock.lock, False

    def release(self) -> None:
        """Let go, and journal it.

        A journal that can't be written must not hide how the run ended: the lock then stays, and whoever resumes
        takes it over from a process that is gone.
        """
        try:
            if self.session.store.release(self.lock):
                self.session.append(self.run, LockReleased(self.lock))
        except HamrError as error:
            logger().error("the pair's lock could not be released", lock=self.lock, error=error.message)


def take_lock(session: Session, run: str, *, take_over: bool) -> Lock:
    """Take the pair's lock for a run.

    Args:
        session: the pair.
        run: who wants it.
        take_over: whether the lock of a provably dead process (same host, that very process gone) changes hands.

    Raises:
        Locked: somebody else holds it; says who, since when, and what the holder last did.
    """
    pid, started = session.host.this_process()
    now = session.clock.now()
    lock = session.new_lock()
    holder = Holder(
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
    present = session.store.take_lock(holder)
    if present is None:
        session.append(run, LockTaken(lock))
        return Lock(session, run, lock)
    dead = session.host.provably_dead(present)
    if (
        dead
        and (take_over or not _left_a_run(session, present))
        and session.store.replace_lock(present.lock, holder)
    ):
        session.append(run, LockTakenOver(lock, present.lock, str(present)))
        return Lock(session, run, lock)
    raise locked_by(session, present, dead=dead)


def refuse_held(session: Session) -> None:
    """Say who holds the pair, before anything else is asked; the lock itself is taken later, and tells for certain.

    Raises:
        Locked: somebody holds it, or somebody died who left a run to resume.
    """
    holder = session.store.holder(session.pair.name)
    if holder is None:
        return
    dead = session.host.provably_dead(holder)
    if not dead or _left_a_run(session, holder):
        raise locked_by(session, holder, dead=dead)


def _left_a_run(session: Session, holder: Holder) -> bool:
    """Whether a dead holder's run is still open: then it has to be resumed or superseded by name."""
    run = session.history().runs.get(holder.run)
    return run is not None and run.open


def locked_by(session: Session, holder: Holder, *, dead: bool) -> Locked:
    """The refusal that names the holder of a lock."""
    age = session.clock.now() - holder.taken_at
    silent = session.clock.now() - holder.beat_at
    run = session.history().runs.get(holder.run)
    did = f"; it last did {run.last} at {run.last_at:%H:%M:%S} UTC" if run is not None and run.last_at else ""
    what = "that process is gone" if dead else f"its last heartbeat was {silent.total_seconds():.0f} s ago"
    name = session.pair.name
    steps: tuple[str, ...] = (f"hamr show {holder.run}", f"hamr status {name} --watch")
    if dead:
        steps = (f"hamr resume {holder.run}",)
    elif not provably_alive(holder, host=session.host.name):
        # The other machine can't be asked whether that process lives; a person can.
        steps = (*steps, f"hamr unlock {name} --lock-id {holder.lock} --reason TEXT")
    return Locked(
        f"pair {session.pair.name} is locked by {holder}, run {holder.run}, for {age.total_seconds():.0f} s; "
        f"{what}{did}",
        next_steps=steps,
    )


def check_unlock(session: Session, lock: str) -> Holder:
    """The holder of the pair's lock, where that lock may be broken.

    Raises:
        UsageError: nobody holds the pair, or the lock has another id.
        Locked: the holder is at work on this very machine.
    """
    name = session.pair.name
    look = (f"hamr status {name}",)
    holder = session.store.holder(name)
    if holder is None:
        raise UsageError(f"nobody holds pair {name}: there is no lock to break", next_steps=look)
    if holder.lock != lock:
        raise UsageError(
            f"pair {name} is not held by lock {lock[:40]!r}: its lock is {holder.lock} of {holder}, run {holder.run}",
            next_steps=look,
        )
    if provably_alive(holder, host=session.host.name):
        raise Locked(
            f"process {holder.pid} holds pair {name} for run {holder.run}, and it runs on this machine: "
            "its lock is not broken while it lives. Ctrl-C in its terminal stops it before its next write",
            next_steps=(f"kill -INT {holder.pid}", *look),
        )
    return holder


def break_lock(session: Session, lock: str, reason: str) -> Holder:
    """Break the pair's lock, by its id and with a reason, and journal it; gives the holder that was.

    Raises:
        HamrError: see `check_unlock`; or the lock changed hands in this very moment.
    """
    holder = check_unlock(session, lock)
    broken = session.entry(holder.run, LockBroken(lock, str(holder), reason))
    # The record first: a lock that is gone without a word would be worse than a word about one that is not.
    session.store.append(broken, holding=lock)
    session.store.release(lock)
    return holder


@dataclass(slots=True)
class Journalling:
    """The observer of a run: the journal first, then whoever watches.

    An intent and "the lock is still ours" are one transaction (law 6); what happened is journalled in any case.
    """

    session: Session
    run: str
    lock: Lock
    watchers: Sequence[Observer] = ()
    supersedes: list[str] = field(default_factory=list)
    """Open runs of the pair that this run closes, by name, once it intends something or is done."""

    def tell(self, event: Event) -> None:
        """Journal an event, durably, and pass it on."""
        if event.kind in INTENTS:
            self.supersede()
        if event.kind:
            holding = self.lock.lock if event.kind in INTENTS else None
            record = self.session.store.append(self.session.entry(self.run, event), holding=holding)
            logger().debug(event.kind, seq=record.seq)
        for watcher in self.watchers:
            watcher.tell(event)

    def supersede(self) -> None:
        """Close the open runs whose place this one takes: not before, so that a refused run leaves them open."""
        while self.supersedes:
            closed = self.session.entry(self.supersedes[0], RunSuperseded(self.run))
            self.session.store.append(closed, holding=self.lock.lock)
            del self.supersedes[0]

"""The seams: what the engine needs from outside, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from .events import Event
from .guard import Probe, ProbeReading
from .journal import Broken, Entry, Head, Holder, Record, Verification, Whereabouts, Witness
from .playbook import Program, ProgramEnded, Question, Reply
from .reading import Answer, Draft, Identity, Reading, Request
from .run import Approval
from .status import Role

T = TypeVar("T")


class Reader(Protocol):
    """A way to look at a pair's orgs. A plan is given no more than this."""

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        """GET one org's record. Never raises for what the server or the network does: that is the reading.

        `within` is a deadline in seconds for the whole exchange, fetching keys included; without it the usual time-outs
        hold. `anew` asks on a connection of its own, since one that was kept may be dead (law 21).
        """

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        """Which org the keys belong to. Never raises for what the server or the network does."""


class World(Reader, Protocol):
    """Both orgs of one pair: the real ones, simulated ones, or predicted ones."""

    def describe(self, draft: Draft) -> Request:
        """The request that `write` would send, without keys."""

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        """POST one draft to its org, once, without retries. Never raises for what the server or the network does.

        `within` is as for `read`. `leave_by` is the time on our monotonic clock by which the request's bytes must leave;
        where the connection takes longer it is NotSent (law 6).
        """


class Prober(Protocol):
    """A way to read anything but the HAMR records."""

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """Read one probe, within its own time or so many seconds. Never raises for what the world does: that is the reading."""


class Approvals(Protocol):
    """A way to learn who agreed to what a run is about to do."""

    async def of(self, run: str, digest: str) -> tuple[Approval, ...]:
        """Who agreed to exactly this, oldest first."""


class Programs(Protocol):
    """A way to run a hook's program."""

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Run it to its end or its time-out; a cancelled caller ends its process group. Never raises for what it does.

        `about` holds environment variables that tell it what for (HAMR_PAIR, HAMR_TRANSITION, …).
        """


class Prompter(Protocol):
    """A way to ask the person at the terminal, in the middle of a run."""

    @property
    def there(self) -> bool:
        """Whether there is anybody to ask."""

    async def ask(self, question: Question) -> Reply | None:
        """The reply, or None where there is nobody to ask. The pair's lock is not held meanwhile (law 12).

        Raises:
            HamrError: the lock could not be had again, or another run took this one's place meanwhile.
        """


class Clock(Protocol):
    """Time, as an argument."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Host(Protocol):
    """The machine that this process runs on, as locks know it."""

    @property
    def name(self) -> str:
        """Its name, as locks, stamps and records carry it."""

    def this_process(self) -> tuple[int, str]:
        """The pid of this process, and what tells it from a later one with the same pid."""

    def whereabouts(self, holder: Holder) -> Whereabouts:
        """What can be told from here of a lock's holder; GONE is for certain."""


class Watcher(Protocol):
    """Is told what happens, in order. An exception from it is logged, and the run goes on (law 19)."""

    def tell(self, event: Event) -> None:
        """Take note of one event."""


class Observer(Watcher, Protocol):
    """The watcher that keeps what a run is rebuilt from. What it was told is durable once `commit` has returned."""

    async def commit(self) -> None:
        """Make durable what was told. Called after an intent and before what was intended is done (law 6).

        A caller that is cancelled meanwhile hears of it when the store is through with it: what was told is
        durable then, too.

        Raises:
            HamrError: it could not be; nothing may be done on an intent that was told.
        """


class StoreCalls(Protocol):
    """How a call of the store is made from the event loop: at once, or in a thread beside it."""

    async def __call__(self, call: Callable[[], T]) -> T:
        """Make the call, after those that were asked for before it; what it returns or raises.

        A caller that is cancelled meanwhile still waits for the call to end, so that nothing is half done.
        """


class Store(Protocol):
    """The journal's store: append-only records with a hash chain, and one lock per pair.

    Every method raises JournalUnavailable where the store cannot be used.
    """

    @property
    def place(self) -> str:
        """Where it is, in a person's words: a path."""

    def role(self) -> str:
        """Who the journal's own server says that we are, which nobody can make up; "" where the journal is a file."""

    def append(self, entry: Entry, *, holding: str | None = None) -> Record:
        """Append durably, and return the record; as `append_all` does it."""

    def append_all(
        self, entries: Sequence[Entry], *, holding: str | None = None, kept: Sequence[Head] = ()
    ) -> tuple[Record, ...]:
        """Append entries of one pair, in order, in one durable transaction: all of them or none.

        Raises:
            Locked: `holding`, a lock id, is no longer the pair's lock; that is asked in the same transaction.
            JournalDamaged: one of the records `kept` is not there any more; that, too.
        """

    def first_missing(self, kept: Sequence[Head]) -> int | None:
        """Which of these records is not there any more: the first one's number, or None where all are.

        Reads through a fresh handle, opened by the journal's name: what this process still has open may be a file that
        nobody else can see, and what it wrote may have been overwritten since (law 16).
        """

    def wait_at_most(self, seconds: float) -> None:
        """How long a call waits from now on while another process writes, before it is JournalUnavailable."""

    def records(
        self,
        *,
        run: str | None = None,
        pair: str | None = None,
        kinds: Sequence[str] | None = None,
        after: int = 0,
        before: int | None = None,
    ) -> Iterator[Record]:
        """Records in order, filtered, between two sequence numbers; streamed, so memory does not grow with them."""

    def newest(self, pair: str, kind: str) -> Record | None:
        """A pair's newest record of a kind; a JournalDamaged where its own hash does not hold."""

    def newest_that_names(self, uuid: str, kind: str, after: int) -> Iterator[Record]:
        """Of each pair the newest record of a kind, where it is behind a number and an org's uuid stands in it; in order."""

    def pairs(self) -> tuple[str, ...]:
        """The names of all pairs that have records."""

    def runs_of(self, pair: str) -> frozenset[str]:
        """The ids of a pair's runs and adoptions, of all that may have written; they are not read for that."""

    def ids(self, prefix: str, most: int) -> tuple[str, ...]:
        """At most so many ids of runs and drills that begin so, the last in their order first; they sort by time.

        The one that is named whole, where there is one. Their records are not read.
        """

    def first_broken(self, numbers: Sequence[int]) -> Broken | None:
        """The first of these records that does not hold, by its own hash or on the one before it; None where all do.

        No other records are read: what lies further off is for `verify`.
        """

    def head(self) -> Head:
        """The newest record's number and hash; 0 and GENESIS where there is none."""

    def verify(self) -> Verification:
        """Walk the whole chain."""

    def verify_newest(self, count: int) -> Verification:
        """Walk the newest so many records alone, from the hash of the one before them."""

    def take_lock(self, holder: Holder, *entries: Entry) -> Holder | None:
        """Take the pair's lock: None where it is now the caller's, else its present holder.

        Where it is, the entries are appended in the same transaction: a lock that the journal says nothing of would keep
        everybody off. So with the two below.
        """

    def replace_lock(
        self, old: str, holder: Holder, *entries: Entry, beat_at: datetime | None = None
    ) -> bool:
        """Hand a dead holder's lock over: True where `old` still held the pair and `holder` has it now.

        A heartbeat that came since `beat_at`, the last that was seen, proves the old one alive, and nothing changes.
        """

    def beat(self, lock: str, at: datetime) -> bool:
        """Renew a heartbeat; False where the lock is no longer held."""

    def release(self, lock: str, *entries: Entry) -> bool:
        """Let go; False where it was not held any more."""

    def holder(self, pair: str) -> Holder | None:
        """Who holds a pair, or None."""

    def holders(self) -> tuple[Holder, ...]:
        """Whoever holds any pair."""

    def witness(self, lock: str) -> Witness:
        """What the store itself can tell of the process that holds a lock; where it is GONE, it may be taken over.

        A fence stands behind it: where that process lives all the same, its next intent is refused.
        """

    def close(self) -> None:
        """Close the store."""

"""Everything that is wired together for one pair: what the commands, the Python API and the test fixtures use."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.datadog import HttpReader, HttpWorld
from orchestrator.datadog.connections import Trust, open_transports
from orchestrator.datadog.transport import Transport
from orchestrator.errors import JournalDamaged, JournalUnavailable
from orchestrator.journal import VERIFY_NEWEST, JournalStore, ThisHost, ThreadCalls
from orchestrator.journal.checkpoint import CHECKPOINT, DUE_AFTER, checkpoint_of, known_as, read_history
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.events import Event, JournalMoved, encode
from orchestrator.model.journal import Broken, Entry, Holder, Record, Whereabouts, Witness
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Timeouts
from orchestrator.model.protocols import Clock, Host, Prober, Programs, Store, StoreCalls, Watcher, World
from orchestrator.model.run import Operator, Pace, new_run_id
from orchestrator.model.status import Both
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

if TYPE_CHECKING:
    from orchestrator.notices import About, Channel

ReaderOrWorld = TypeVar("ReaderOrWorld", HttpReader, HttpWorld)


class KeyedWorld(World, Protocol):
    """Both orgs, and the keys that they want."""

    async def require_keys(self) -> None:
        """Fetch all keys now; a KeyUnavailable that names all that cannot be used."""


EMERGENCY_BUSY_SECONDS = 2.0
"""How long an emergency waits for another process that writes to the journal, before it says so and names a way out."""


class Session(Struct, eq=False):
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
    trust: Trust = field(default_factory=Trust)
    """What the orgs' certificates are verified with, in all that this session opens."""
    host: Host = field(default_factory=ThisHost)
    calls: StoreCalls = field(default_factory=ThreadCalls)
    """How a run, whose loop must not be held up, calls the store."""
    pace: Pace = field(default_factory=Pace)
    gathers: bool = True
    """Whether a run journals what happened with its next intent; False where something is to happen at a record."""
    verified: bool = False
    """Whether the journal's newest records were found to hold."""
    since_checkpoint: int = 0
    """How many records the pair's history had beyond its last checkpoint, when it was read last."""
    refuge: Path | None = None
    """This machine's own journal, for an emergency that a team's can't hold up; None where no team's is used."""
    moved: JournalMoved | None = None
    """That the team's journal could not be reached, so that the refuge stands in its place."""
    unmerged: str = ""
    """The file of this machine's own journal, where the team's can be reached and lacks what an emergency wrote in it."""
    fleet: str = ""
    """The id of the fleet that the pair's runs belong to from now on, or ""."""
    names: frozenset[str] = frozenset()
    """Those of the fleet's pairs: where the journal knows no others, none of these was run under another one."""
    along: dict[int, Record] = field(default_factory=dict)
    """What the refuge begins with, where the team's journal is left, by number: a fleet's own records, which its pairs share."""
    watcher: Watcher | None = None
    """Is told who is asked and who answers while a pair is only looked at; a run has watchers of its own."""
    key_ring: KeyRing | None = None
    """Keys that were fetched before, for the same environment and redactor."""

    __repr__ = object.__repr__  # an environment has keys in it

    @property
    def keys(self) -> KeyRing:
        """The pair's keys, each fetched once."""
        if self.key_ring is None:
            self.key_ring = KeyRing(self.environ, self.redactor)
        return self.key_ring

    def reader(
        self, *, connect_within: timedelta | None = None, over: Both[Transport] | None = None
    ) -> HttpReader:
        """A way to look at both orgs, which cannot send anything but a GET. Use it as a context manager.

        `connect_within` tells a dead region from a slow one sooner than the playbook does; `over` are connections that
        others use too, in the place of its own.
        """
        timeouts = self.playbook.timeouts
        if connect_within is not None:
            timeouts = replace(timeouts, connect=min(timeouts.connect, connect_within))
        return self._connected(HttpReader, timeouts, over)

    def connections(self) -> Both[Transport]:
        """Connections to both orgs, for all that one run asks of them and tells them."""
        return self.transports or open_transports(self.pair.orgs, trust=self.trust)

    def world(self, over: Both[Transport] | None = None) -> AbstractAsyncContextManager[KeyedWorld]:
        """Both orgs, to be read and written, `over` these connections or its own. Use it as a context manager."""
        return self._connected(HttpWorld, self.playbook.timeouts, over)

    def _connected(
        self, kind: type[ReaderOrWorld], timeouts: Timeouts, over: Both[Transport] | None = None
    ) -> ReaderOrWorld:
        return kind(
            self.pair,
            timeouts=timeouts,
            keys=self.keys,
            redactor=self.redactor,
            clock=self.clock,
            transports=over or self.transports,
            trust=self.trust,
        )

    def prober(self, over: Both[Transport] | None = None) -> AbstractAsyncContextManager[Prober]:
        """A way to read the playbook's probes, the orgs' `over` these connections. Use it as a context manager."""
        if not self.playbook.probes:
            from orchestrator.engine.predicted import RecordedProbes  # noqa: PLC0415 - a plan has it, a run seldom

            return nullcontext(RecordedProbes(self.clock))
        from orchestrator.datadog.probes import Probes  # noqa: PLC0415 - a playbook without probes does not pay for them

        return Probes(
            self.pair,
            timeouts=self.playbook.timeouts,
            keys=self.keys,
            redactor=self.redactor,
            clock=self.clock,
            environ=self.environ,
            transports=over or self.transports,
            trust=self.trust,
        )

    def programs(self) -> Programs:
        """A way to run hooks, in an environment without this pair's keys."""
        from orchestrator.system.programs import LocalPrograms  # noqa: PLC0415 - as above

        return LocalPrograms(self.environ, self.redactor, self.clock, self.pair.key_variables)

    def notices(
        self,
        run: str,
        over: Both[Transport] | None,
        note: Callable[[Event], Awaitable[None]],
        before: Event | None = None,
    ) -> AbstractAsyncContextManager[Watcher]:
        """Who is told of a run: the org, where the pair's `events` say so, and its channels.

        `over` are the connections to both orgs, None where neither is told; `note` takes what came of each notice; `before` is how
        the run began, where it is taken up again, or what it waited for.
        """
        from orchestrator.notices import Notices, Poster  # noqa: PLC0415 - only a run tells anybody

        about = self.about(run)
        orgs: tuple[Channel, ...] = ()
        if over is not None and self.pair.events:
            orgs = (Poster(self.pair, self.keys, self.redactor, self.clock, over),)
        return Notices(
            about if before is None else about.after(before),
            (*orgs, *self.channels()),
            self.clock,
            head=lambda: self.calls(self.store.head),
            note=note,
        )

    def channels(self) -> tuple[Channel, ...]:
        """The pair's ways to tell people."""
        if not self.pair.tell:
            return ()
        from orchestrator.notices.channels import ChannelServices, PeopleChannel  # noqa: PLC0415 - who has none does not pay

        hidden = self.pair.key_variables
        services = ChannelServices(self.keys, self.redactor, self.clock, self.environ, hidden, self.trust)
        return tuple(PeopleChannel(channel, services) for channel in self.pair.tell)

    def about(self, run: str = "") -> About:
        """A run as its notices know it, before anything happened; without one, the pair alone."""
        from orchestrator.notices import About  # noqa: PLC0415 - as above

        return About(run, self.pair, self.playbook, self.operator, self.store.place)

    def verify(self) -> None:
        """Verify the journal's newest records, once; a JournalDamaged where one does not hold, and is not believed."""
        if not self.verified:
            found = self.store.verify_newest(VERIFY_NEWEST)
            if isinstance(found, Broken):
                raise JournalDamaged(
                    f"the journal {self.store.place} was changed: record {found.seq}: {found.reason}. "
                    "What it says of this pair can't be trusted",
                    next_steps=(
                        next_step.verify(),
                        next_step.status(self.pair.name).with_options(
                            "--journal",
                            "NEW_FILE",
                            why="go on with another journal: it sees neither this one's lock nor its history",
                        ),
                    ),
                )
            self.verified = True

    def history(self) -> History:
        """What the journal says of this pair, once it is verified (see `verify`)."""
        self.verify()
        history = read_history(self.store, self.pair)
        self.since_checkpoint = history.read
        return history

    def history_by_name(self) -> History:
        """The same, for whoever is about to write or to show it: whether its orgs go by another name there, too."""
        history, known = self.history(), self.names.issuperset(self.store.pairs())
        found = None if known else known_as(self.store, self.pair, history)
        if found is not None and found.holder is not None and self.is_gone(found.holder):
            found = replace(found, holder=None)
        history.known_as = found
        return history

    def keep_checkpoint(self, lock: str) -> None:
        """Journal what the pair's history amounts to, where reading it takes its time; `lock`, which this run holds, keeps others from adding to it."""
        if self.since_checkpoint >= DUE_AFTER:
            data, operator = checkpoint_of(self.store, self.pair.name), self.operator
            entry = Entry(
                "", self.pair.name, CHECKPOINT, operator.name, operator.host, data, self.clock.now()
            )
            self.store.append(entry, holding=lock)
            self.since_checkpoint = 0

    def is_gone(self, holder: Holder) -> bool:
        """Whether the process that holds a lock is gone: provably, on this machine, or as the journal itself has witnessed.

        The witness is none for certain; that the lock is asked for again in every intent's own transaction is.
        """
        return (
            self.host.whereabouts(holder) is Whereabouts.GONE
            or self.store.witness(holder.lock) is Witness.GONE
        )

    def move_journal(self, why: JournalUnavailable | JournalDamaged) -> None:
        """Go on in this machine's own journal, as an emergency does (law 9); else `why`, or a JournalUnavailable where that can't be written either."""
        if self.refuge is None or self.moved is not None:
            raise why
        here = JournalStore.open(self.refuge, now=self.clock.now, patience=EMERGENCY_BUSY_SECONDS)
        if self.along:
            from orchestrator.journal.merge import bring_in  # noqa: PLC0415 - a run that keeps its journal never asks

            bring_in(here, [record for _, record in sorted(self.along.items())])
        self.moved = JournalMoved(self.store.place, why.message)
        self.store, self.verified, self.since_checkpoint = here, False, 0

    def new_run(self) -> str:
        """An id for a new run."""
        return new_run_id(self.clock.now(), self.dice.choice)

    def new_lock(self) -> str:
        """An id for a new lock."""
        return f"{self.dice.getrandbits(48):012x}"

    def entry(self, run: str, event: Event) -> Entry:
        """An event as it goes into the journal, without keys, dated now: it may be appended a little later."""
        data = self.redactor.clean_value(encode(event))
        operator = self.operator
        return Entry(run, self.pair.name, event.kind, operator.name, operator.host, data, self.clock.now())

    def append(self, run: str, event: Event) -> Record:
        """Journal one event that needs no lock."""
        return self.store.append(self.entry(run, event))

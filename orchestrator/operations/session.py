"""Everything that is wired together for one pair: what the commands, the Python API and the test fixtures use."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import InitVar, dataclass, field
from datetime import timedelta
from typing import Protocol, TypeVar

from msgspec.structs import replace

from orchestrator.datadog import HttpReader, HttpWorld
from orchestrator.datadog.connections import SharedConnections, Trust
from orchestrator.datadog.transport import Transport
from orchestrator.errors import JournalDamaged
from orchestrator.journal import VERIFY_NEWEST, ThisHost, ThreadCalls
from orchestrator.journal.checkpoint import CHECKPOINT, DUE_AFTER, checkpoint_of, read_history
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.events import Event, RunStarted, encode
from orchestrator.model.journal import Broken, Entry
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Timeouts
from orchestrator.model.protocols import Clock, Host, Prober, Programs, Store, StoreCalls, Watcher, World
from orchestrator.model.run import Operator, new_run_id
from orchestrator.model.status import Both
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

ReaderOrWorld = TypeVar("ReaderOrWorld", HttpReader, HttpWorld)


class KeyedWorld(World, Protocol):
    """Both orgs, and the keys that they want."""

    async def require_keys(self) -> None:
        """Fetch all keys now.

        Raises:
            KeyUnavailable: one or more cannot be used; names all of them.
        """


EMERGENCY_BUSY_SECONDS = 2.0
"""How long an emergency waits for another process that writes to the journal, before it says so and names a way out."""


@dataclass(eq=False, repr=False)
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
    trust: Trust = field(default_factory=Trust)
    """What the orgs' certificates are verified with, in all that this session opens."""
    host: Host = field(default_factory=ThisHost)
    calls: StoreCalls = field(default_factory=ThreadCalls)
    """How a run, whose loop must not be held up, calls the store."""
    gathers: bool = True
    """Whether a run journals what happened with its next intent; False where something is to happen at a record."""
    verified: bool = False
    """Whether the journal's newest records were found to hold."""
    since_checkpoint: int = 0
    """How many records the pair's history had beyond its last checkpoint, when it was read last."""
    key_ring: InitVar[KeyRing | None] = None
    """Keys that were fetched before, for the same environment and redactor."""
    keys: KeyRing = field(init=False)

    def __post_init__(self, key_ring: KeyRing | None) -> None:
        self.keys = key_ring or KeyRing(self.environ, self.redactor)

    def reader(
        self, *, connect_within: timedelta | None = None, shared: SharedConnections | None = None
    ) -> HttpReader:
        """A way to look at both orgs, which cannot send anything but a GET. Use it as a context manager.

        `connect_within` tells a dead region from a slow one sooner than the playbook does; `shared` are connections that
        other pairs' readers use too, in the place of its own.
        """
        timeouts = self.playbook.timeouts
        if connect_within is not None:
            timeouts = replace(timeouts, connect=min(timeouts.connect, connect_within))
        return self._connected(HttpReader, timeouts, shared)

    def world(self) -> AbstractAsyncContextManager[KeyedWorld]:
        """Both orgs, to be read and written. Use it as a context manager."""
        return self._connected(HttpWorld, self.playbook.timeouts)

    def _connected(
        self, kind: type[ReaderOrWorld], timeouts: Timeouts, shared: SharedConnections | None = None
    ) -> ReaderOrWorld:
        return kind(
            self.pair,
            timeouts=timeouts,
            keys=self.keys,
            redactor=self.redactor,
            clock=self.clock,
            transports=self.transports if shared is None else shared.to(self.pair.orgs),
            trust=self.trust,
        )

    def prober(self) -> AbstractAsyncContextManager[Prober]:
        """A way to read the playbook's probes. Use it as a context manager."""
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
            transports=self.transports,
            trust=self.trust,
        )

    def programs(self) -> Programs:
        """A way to run hooks, in an environment without this pair's keys."""
        from orchestrator.system.programs import LocalPrograms, key_variables  # noqa: PLC0415 - as above

        return LocalPrograms(self.environ, self.redactor, self.clock, key_variables(self.pair))

    def notices(self, run: str, started: RunStarted | None = None) -> AbstractAsyncContextManager[Watcher]:
        """Who is told of a run, where the pair's `events` say so; `started` is how it began, where it is taken up again."""
        from orchestrator.notices import About, NoNotices, Notices, Poster  # noqa: PLC0415 - only a run tells anybody

        if not self.pair.events:
            return NoNotices()
        about = About(run, self.pair, self.playbook, self.operator, self.store.place)
        return Notices(
            about if started is None else about.after(started),
            Poster(
                self.pair, self.keys, self.redactor, self.clock, transports=self.transports, trust=self.trust
            ),
            head=lambda: self.calls(self.store.head),
            note=lambda event: self.calls(lambda: self.append(run, event)),
        )

    def verify(self) -> None:
        """Verify the journal's newest records, once: one that was changed is not believed.

        Raises:
            JournalDamaged: one of them does not hold.
        """
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
        """What the journal says of this pair, once it is verified.

        Raises:
            JournalDamaged: one of its newest records does not hold.
        """
        self.verify()
        history = read_history(self.store, self.pair)
        self.since_checkpoint = history.read
        return history

    def keep_checkpoint(self, lock: str) -> None:
        """Journal what the pair's history amounts to, where there is so much of it that reading it takes its time.

        Args:
            lock: the pair's, which this run holds: nobody else adds to its history meanwhile.
        """
        if self.since_checkpoint >= DUE_AFTER:
            data, operator = checkpoint_of(self.store, self.pair.name), self.operator
            entry = Entry(
                "", self.pair.name, CHECKPOINT, operator.name, operator.host, data, self.clock.now()
            )
            self.store.append(entry, holding=lock)
            self.since_checkpoint = 0

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

    def append(self, run: str, event: Event) -> None:
        """Journal one event that needs no lock."""
        self.store.append(self.entry(run, event))


def playbook_digest(playbook: Playbook) -> str:
    """SHA-256 of the playbook's text, in hexadecimal."""
    return hashlib.sha256(playbook.text.encode()).hexdigest()

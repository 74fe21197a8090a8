"""A team's journal in incidents: its server's troubles at any statement, how long it takes, and where an emergency goes without it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

from msgspec import Struct

from orchestrator.errors import JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.model.journal import Record
from orchestrator.proof.virtual_time import EPOCH
from tests.fake_postgres import FakeServer, Trouble

from .killable import PROCESS, Process, ProcessLoop
from .tape import Tape

T = TypeVar("T")


class Snag(Struct, frozen=True):
    """Trouble at one statement, counted from 1 over the whole incident."""

    at: int
    trouble: Trouble
    of: str = ""
    """Counted are those that begin so."""


class Outage(Struct, frozen=True):
    """Trouble at every statement for so many seconds, from a moment on."""

    at: float
    seconds: float
    trouble: Trouble


class Team(Struct, frozen=True):
    """What befalls a team's journal; drawn beside all else."""

    snags: tuple[Snag, ...] = ()
    outages: tuple[Outage, ...] = ()
    pooled: bool = False
    """A pooler stands in front of the server, so that no session is a witness."""
    takes: float = 0.0
    """Seconds that each call takes."""
    elsewhere: bool = False
    """Whoever comes after the first comes from another computer."""
    rescued_at: float | None = None
    """When somebody at another computer takes the run up, whether or not its process is gone."""


_AT_ONCE = (
    Trouble.UNHEARD,
    Trouble.UNANSWERED,
    Trouble.SWALLOWED,
    Trouble.SWALLOWED_ANSWER,
    Trouble.TERMINATED,
    Trouble.CANCELLED,
    Trouble.BUSY,
    Trouble.FULL,
    Trouble.LATE,
)
_FOR_A_WHILE = (
    Trouble.REFUSED,
    Trouble.REFUSED,
    Trouble.SWALLOWED,
    Trouble.SWALLOWED,
    Trouble.SWALLOWED_ANSWER,
    Trouble.CANCELLED,
    Trouble.BUSY,
    Trouble.FULL,
    Trouble.READ_ONLY,
)


def _snag(dice: Random) -> Snag:
    """A third of them where it matters most."""
    if dice.random() < 0.35:
        return Snag(dice.randint(1, 30), dice.choice(_AT_ONCE), "COMMIT")
    return Snag(dice.randint(1, 160), dice.choice(_AT_ONCE))


def draw_team(dice: Random) -> Team:
    """One, with a trouble or two."""
    snags: tuple[Snag, ...] = ()
    outages: tuple[Outage, ...] = ()
    which = dice.random()
    if which < 0.65:
        snags = tuple(_snag(dice) for _ in range(dice.choice((1, 1, 2, 3))))
    if which > 0.45:
        begins = 0.0 if dice.random() < 0.3 else round(dice.uniform(0.0, 6.0), 3)
        outages = (Outage(begins, dice.choice((0.5, 3.0, 20.0, 120.0)), dice.choice(_FOR_A_WHILE)),)
    return Team(
        snags,
        outages,
        pooled=dice.random() < 0.15,
        takes=dice.choice((0.0, 0.0, 0.005, 0.05, 0.3)),
        elsewhere=dice.random() < 0.5,
        rescued_at=round(dice.uniform(1.0, 60.0), 3) if dice.random() < 0.3 else None,
    )


class TeamJournal:
    """The server of one incident, and what emergencies keep on their own computers beside it."""

    def __init__(self, name: str, team: Team, folder: Path, loop: ProcessLoop, tape: Tape) -> None:
        self.name, self.team, self.folder, self._tape = name, team, folder, tape
        self._begins = loop.time()
        self._loop = loop
        self.server = FakeServer(folder / "team.db", loop.time, self._befalls, pooled=team.pooled)
        self.statements: Counter[str] = Counter()
        self.noted = 0
        """The last of its records that the tape has."""
        self.over = False
        """Nothing goes wrong any more."""
        self.merged: list[Path] = []
        """The journals of emergencies whose records were brought in."""

    def refuge(self, host: str) -> Path:
        """Where an emergency on that computer goes."""
        return self.folder / f"{host} alone.db"

    def note_unanswered(self, before: int | None = None) -> None:
        """What was committed though nobody was told so, up to a record: the tape is to have all that stands there."""
        with JournalStore(FakeServer(self.server.path).database(writes=False), lambda: EPOCH) as store:
            for record in store.records(after=self.noted, before=before):
                self._tape.appended(self._tape.teller_of(record), self.name, record, 0)
                self.noted = record.seq

    def not_noted(self, records: Sequence[Record]) -> list[Record]:
        """Of what was just written, what the tape does not have yet; it has all that came before."""
        new = [record for record in records if record.seq > self.noted]
        if new and new[0].seq > self.noted + 1:
            self.note_unanswered(before=new[0].seq)
        if new:
            self.noted = new[-1].seq
        return new

    def set_aside(self, refuge: Path) -> None:
        """Its records were brought in: the next emergency begins one of its own."""
        self.merged.append(refuge.rename(refuge.with_suffix(f".{len(self.merged)}")))

    def refuges(self) -> Iterator[tuple[str, Path]]:
        """Each journal that an emergency began, by its name."""
        yield from ((file.stem, file) for file in (*self.merged, *self.folder.glob("* alone.db")))

    def _befalls(self, statement: str) -> Trouble | None:
        if self.over:
            return None
        self.statements[""] += 1
        self.statements[statement.partition(" ")[0]] += 1
        trouble = self._trouble(statement)
        if trouble is not None:
            self._tape.happened(
                "server", f"{trouble.value}, at {self.statements['']}: {statement[:60]}", PROCESS.get()
            )
        return trouble

    def _trouble(self, statement: str) -> Trouble | None:
        found = self._drawn(statement)
        return found if found is not None and found.concerns(statement) else None

    def _drawn(self, statement: str) -> Trouble | None:
        now = self._loop.time() - self._begins
        for snag in self.team.snags:
            if snag.at == self.statements[snag.of] and statement.startswith(snag.of):
                return snag.trouble
        for outage in self.team.outages:
            if outage.at <= now < outage.at + outage.seconds:
                return outage.trouble
        return None

    def end_sessions(self) -> None:
        """Where a server stops, it ends them all."""
        for outage in self.team.outages:
            if outage.trouble is Trouble.REFUSED:
                self._loop.call_at(self._begins + outage.at, self.server.stop)


class PlayedCalls:
    """One after the other, as a thread makes them; each takes its time, of a process that may be killed or stopped meanwhile."""

    def __init__(self, process: Process, takes: float) -> None:
        self._process, self._takes = process, takes
        self._spent = self._lost = 0.0
        self.waited = 0.0
        """Seconds, for calls that failed."""
        self._turn = asyncio.Event()
        self._turn.set()

    def spend(self, seconds: float) -> None:
        """What the call that is being made takes."""
        self._spent += self._takes + seconds
        self._lost += seconds

    async def __call__(self, call: Callable[[], T]) -> T:
        """Make the call; whoever is cancelled waits for its end all the same."""
        before, self._turn = self._turn, asyncio.Event()
        mine = self._turn
        try:
            cancelled = await self._through(before.wait())
            self._process.alive()
            try:
                result = call()
            except JournalUnavailable:
                self.waited += self._lost
                raise
            finally:
                self._lost = 0.0
                spent, self._spent = self._spent, 0.0
                if spent and not self._process.dead:
                    cancelled = await self._through(asyncio.sleep(spent)) or cancelled
        finally:
            mine.set()
        self._process.alive()
        if cancelled is not None:
            raise cancelled
        return result

    async def _through(self, waits: Awaitable[object]) -> asyncio.CancelledError | None:
        waiting = asyncio.ensure_future(waits)
        cancelled: asyncio.CancelledError | None = None
        while not waiting.done():
            try:
                await asyncio.wait({waiting})
            except asyncio.CancelledError as error:
                if self._process.dead:
                    raise
                cancelled = error
        return cancelled

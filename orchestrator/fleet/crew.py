"""A fleet's open journal, and a session for each of its pairs; the fleet runs that workers bring on, and the jobs that tell of their pairs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from msgspec import Struct

from orchestrator import __version__
from orchestrator.datadog.connections import SharedConnections, Sites, in_lanes
from orchestrator.errors import ExitCode, HamrError, JournalDamaged, JournalUnavailable, UsageError
from orchestrator.journal.history import brought_in, in_time
from orchestrator.model import events, next_step
from orchestrator.model.fleet import KINDS, FleetView, fleet_of, note
from orchestrator.model.journal import Entry, Head, Record
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair
from orchestrator.model.plain import moment
from orchestrator.model.protocols import Clock, Store
from orchestrator.model.result import PairOutcome
from orchestrator.model.run import Operator
from orchestrator.model.timing import seconds_between
from orchestrator.model.words import counted, utc
from orchestrator.operations.approval import refuse_own
from orchestrator.operations.session import Session
from orchestrator.operations.sources import Prepared
from orchestrator.system.clock import SystemClock
from orchestrator.system.redaction import Redactor


class Crew:
    """What every pair of a fleet shares: the journal, the keys, the certificates, the resolver and the playbook.

    `prepared` are the pairs by name, one at least; the redactor learns every key; the clock is the fleet's own.
    """

    def __init__(
        self,
        prepared: Mapping[str, Prepared],
        store: Store,
        redactor: Redactor,
        clock: Clock | None = None,
    ) -> None:
        self.prepared, self.redactor = prepared, redactor
        self.clock = clock or SystemClock()
        self.lead = next(iter(prepared.values())).session(store, redactor)
        """The session whose journal, keys, certificates and thread for the journal the others share."""
        self._sites = Sites(self.clock)
        self._read = store
        """What the fleet was last read from."""

    @property
    def store(self) -> Store:
        """The journal; this machine's own, once an emergency has left a team's."""
        return self.lead.store

    async def each(
        self, pairs: Collection[str], at_once: int, work: Callable[[str, SharedConnections], Awaitable[None]]
    ) -> None:
        """Do some work for each of these pairs, so many at the same time."""
        await in_lanes(pairs, at_once, lambda: SharedConnections(self.lead.trust, self._sites), work)

    async def on(self, name: str, shared: SharedConnections) -> Session:
        """A session on one of its pairs, over shared connections; waits while a site of it has asked to be left alone."""
        session = self.session(name)
        await self._sites.wait_for(session.pair.orgs)
        session.transports = shared.to(session.pair.orgs)
        return session

    def pair(self, name: str) -> Pair:
        """One of its pairs."""
        return self.prepared[name].pair

    def session(self, name: str) -> Session:
        """A session on one of its pairs."""
        session = self.prepared[name].session(self.store, self.redactor, beside=self.lead)
        session.refuge, session.moved, session.along = self.lead.refuge, self.lead.moved, self.lead.along
        session.names = frozenset(self.prepared)
        return session

    def follow(self, session: Session) -> None:
        """Go on in the journal to which a pair's session has moved, where a team's could not be reached (law 9)."""
        if session.moved is not None and self.lead.moved is None:
            self.lead.store, self.lead.moved, self.lead.verified = session.store, session.moved, False
        elif session.store is not self.store:  # it left the team's at the same time
            session.store.close()

    async def append(self, fleet: str, event: events.Event, *, pair: str = "") -> None:
        """Journal an event of the whole fleet, or of `pair`; a JournalUnavailable where it could not be.

        An emergency whose team's journal can't be reached goes on in this machine's own.
        """
        operator, data = self.lead.operator, self.redactor.clean_value(events.encode(event))
        entry = Entry(fleet, pair, event.kind, operator.name, operator.host, data, self.clock.now())
        try:
            await self.lead.calls(partial(self.store.append, entry))
        except JournalUnavailable as error:
            await self.lead.calls(partial(self.lead.move_journal, error))
            await self.lead.calls(partial(self.store.append, entry))

    async def begin(self, fleet: str, started: events.FleetStarted) -> FleetView:
        """Journal that a fleet begins, and give it; a JournalUnavailable where it could not be."""
        await self.append(fleet, started)
        return await self._read_whole(fleet)

    async def take_up(self, fleet: str, reason: str) -> FleetView:
        """Journal that a fleet is gone on with, and give it; a JournalUnavailable where it could not be."""
        view = await self._read_whole(fleet)
        await self.append(fleet, events.FleetResumed(reason))
        await self.catch_up(view)
        return view

    async def is_lost(self, fleet: str) -> bool:
        """Whether nobody could go on with a fleet from the journal's file: it is damaged, or has not even its beginning."""

        def first_missing() -> int | None:
            began = self.store.records(run=fleet, pair="", kinds=(events.FleetStarted.kind,))
            return self.store.first_missing([Head(record.seq, record.hash) for record in began])

        try:
            return await self.lead.calls(first_missing) is not None
        except JournalDamaged:
            return True
        except HamrError:
            return False

    async def _read_whole(self, fleet: str) -> FleetView:
        records = await self.lead.calls(lambda: _records(self.store, fleet))
        view = fleet_of(records)
        if view is None:
            raise JournalUnavailable(f"The journal {self.store.place} knows nothing of fleet {fleet}.")
        self._keep(records)
        return view

    async def catch_up(self, view: FleetView) -> None:
        """Go on with a view, in place, by what was journalled since, by whomever; a JournalUnavailable where the journal cannot be read."""
        if self._read is not self.store:  # another journal, which has its records under other numbers
            self._read = self.store
            view.upto, view.taken_up = 0, 1
        self._keep(await self.lead.calls(partial(catch_up, self.store, view)))

    def _keep(self, records: Sequence[Record]) -> None:
        if self.lead.refuge is not None:
            self.lead.along.update((record.seq, record) for record in records)


def catch_up(store: Store, view: FleetView) -> Sequence[Record]:
    """Go on with a view, in place, by the fleet's records since; gives them."""
    records = [*store.records(run=view.fleet, kinds=KINDS, after=view.upto)]
    for record in records:
        note(view, record)
    return records


def read_fleet(store: Store, fleet: str) -> FleetView | None:
    """A fleet by its whole id; None where the journal has none of it."""
    return fleet_of(_records(store, fleet))


def _records(store: Store, fleet: str) -> list[Record]:
    return [*in_time(store.records(run=fleet, kinds=KINDS), brought_in(store, 0))]


def with_runs_since(store: Store, view: FleetView) -> FleetView:
    """The fleet, in place, with the runs that somebody took up by themselves and that got there: of those its own records say nothing."""
    for member in view.members.values():
        outcome = member.outcome
        if outcome is None or outcome.arrived or not outcome.run:
            continue
        began = next(moment(each.at) for each in store.records(run=outcome.run))
        for record in store.records(run=outcome.run, kinds=(events.RunFinished.kind,), after=member.since):
            event = events.decode(record.kind, record.data)
            if isinstance(event, events.RunFinished) and event.exit_code in (ExitCode.DONE, ExitCode.OWING):
                member.outcome = PairOutcome(
                    member.pair,
                    outcome.run,
                    event.exit_code,
                    event.ending.message,
                    phase=event.phase,
                    seconds=seconds_between(began, moment(record.at)),
                )
                member.ended_at, member.by = moment(record.at), f"{record.by}@{record.host}"
    return view


def newest_fleet(store: Store, pairs: Collection[str]) -> FleetView | None:
    """The newest fleet, where it has something left to do for any of these pairs; else None."""
    begun = [record.run for record in store.records(pair="", kinds=(events.FleetStarted.kind,))]
    view = read_fleet(store, begun[-1]) if begun else None
    if view is None or all(each.settled or each.pair not in pairs for each in view.members.values()):
        return None
    return view


def begun_fleet(store: Store, name: str) -> FleetView | None:
    """The fleet that an id names, or the beginning of one; None where that is none, or not one alone."""
    found = store.ids(name, 2) if name else ()
    return read_fleet(store, found[0]) if len(found) == 1 else None


def agree_to_fleet(
    store: Store, view: FleetView, operator: Operator, reason: str, redactor: Redactor
) -> None:
    """Journal that this operator agrees to exactly what each pair's run of a fleet is about to do.

    Raises:
        Refused: they asked for it themselves.
        UsageError: it asks for nothing.
    """
    refuse_own(operator, view.by.partition("@")[0])
    if not view.started.plans:
        raise UsageError(
            f"fleet {view.fleet} asks nobody to agree to it: its playbook has no guard that does, or nothing was to be moved",
            next_steps=(next_step.fleet_report(view.fleet),),
        )
    role = store.role()
    entries = [
        Entry(
            view.fleet,
            what.pair,
            events.RunApproved.kind,
            operator.name,
            operator.host,
            redactor.clean_value(events.encode(events.RunApproved(what, reason, role=role))),
        )
        for what in view.started.plans
    ]
    store.append_all(entries)


def _which(view: FleetView) -> str:
    """What a person knows a fleet by."""
    arrived = f"{view.arrived} of {counted(len(view.members), 'pair')} arrived"
    return f"to {view.started.goal}, begun {utc(view.began)} by {view.by}; {arrived}"


_MOST_NAMED = 8
"""How many fleets a message names, the newest."""

LAST = "last"
"""What stands for the newest fleet of a journal, in the place of its id."""


def fleet_named(
    store: Store, name: str | None, onward: Callable[[str], NextStep] = next_step.fleet_resume
) -> FleetView:
    """The fleet that a person means: by its id, the beginning of one, or `last`; None is the only one that is not finished.

    `onward` is what is to be typed with the whole id, where several may be meant. A UsageError where there is none, or there are several.
    """
    begun_as = {record.run: record for record in store.records(pair="", kinds=(events.FleetStarted.kind,))}
    begun = [*begun_as]
    if not begun:
        raise UsageError(
            f"The journal {store.place} holds no fleet run yet.",
            next_steps=(next_step.fleet_status("--all"),),
        )
    if name is None:
        done = {record.run for record in store.records(pair="", kinds=(events.FleetFinished.kind,))}
        begun = [fleet for fleet in begun if fleet not in done]
        goes_on, left = onward is next_step.fleet_resume, ""
        if goes_on and begun:
            begun = [*_not_superseded(store, begun, begun_as)]
            left = "" if begun else ", or left them to one that began later"
        if not begun:
            raise UsageError(
                f"Every fleet run in {store.place} has tried all of its pairs, whether they arrived or not{left}."
                + (" To go on with one all the same, name it." if goes_on else ""),
                next_steps=(next_step.fleet_report(LAST), *((onward(LAST),) if goes_on else ())),
            )
    found = begun[-1:] if name == LAST else [each for each in begun if each.startswith(name or "")]
    if len(found) > 1:
        views = [view for each in found[-_MOST_NAMED:] if (view := read_fleet(store, each)) is not None]
        raise UsageError(
            f"There are {len(found)}: say which fleet is meant.",
            next_steps=tuple(onward(each.fleet).so_that(_which(each)) for each in views),
        )
    view = read_fleet(store, found[0]) if found else None
    if view is None:
        raise UsageError(
            f"The journal {store.place} knows no fleet {str(name)[:60]!r}. The newest is {begun[-1]}.",
            next_steps=(next_step.fleet_report(LAST),),
        )
    return view


def _not_superseded(store: Store, unfinished: Sequence[str], started: Mapping[str, Record]) -> Iterator[str]:
    """Those fleets of which some pair is left that no fleet begun later moves: going on with another would undo what that one did.

    Args:
        store: the journal.
        unfinished: their ids, the oldest first.
        started: how each fleet of the journal began, in that order.
    """
    order = [*started]
    for fleet in unfinished:
        later = order[order.index(fleet) + 1 :]
        view = read_fleet(store, fleet) if later else None
        left = set() if view is None else {each.pair for each in view.members.values() if not each.settled}
        for each in later if left else ():
            event = events.decode(events.FleetStarted.kind, started[each].data)
            assert isinstance(event, events.FleetStarted)  # noqa: S101 - of that kind
            left.difference_update(*event.waves)
            if not left:
                break
        else:
            yield fleet


class Hint(Struct, frozen=True, order=True):
    """What a job says: bring this pair of this fleet run to its goal."""

    fleet: str
    pair: str


class QueuedJob(Struct, frozen=True):
    """A job as it stands in the queue."""

    id: int
    hint: Hint | None
    """None for what a schedule wants: its time comes again."""
    doing: bool
    """Whether a worker has taken it."""
    worker: int | None = None
    """Which; None where that one is no longer known."""
    heard: bool = True
    """Whether that worker was heard of lately."""


class Sweep(Struct, frozen=True):
    """What is to be mended of the jobs: a worker that was killed leaves its own behind."""

    lost: tuple[int, ...] = ()
    """Jobs that nobody does any more, though somebody had taken them: each keeps its pair's other jobs waiting."""
    missing: tuple[Hint, ...] = ()
    """What is to be done, and has no job."""


def sweep(wanted: Collection[Hint], jobs: Iterable[QueuedJob], dropped: Collection[int] = ()) -> Sweep:
    """Find what is to be mended of all `jobs`: `wanted` are the pairs that fleet runs have still to bring to their goals, in order.

    `dropped` are jobs that this very worker has taken, and is not at.
    """
    lost: list[int] = []
    there: set[Hint] = set()
    for job in jobs:
        if job.doing and (job.worker is None or not job.heard or job.id in dropped):
            lost.append(job.id)
        elif job.hint is not None:
            there.add(job.hint)
    return Sweep(tuple(lost), tuple(hint for hint in wanted if hint not in there))


_ENDS = (events.FleetStopped.kind, events.FleetFinished.kind)


class OpenFleets:
    """All fleet runs that were neither stopped nor finished, as the journal has them; `look` reads what is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, FleetView | None] = {}
        self._upto = 0
        self._why_not: dict[str, str] = {}

    def look(self) -> None:
        """Take note of what was journalled since; a JournalUnavailable or JournalDamaged where it cannot be read."""
        for record in self._store.records(pair="", kinds=KINDS, after=self._upto):
            if record.kind in _ENDS:
                self._open.pop(record.run, None)
            else:
                self._open.setdefault(record.run, None)
            self._upto = record.seq
        for fleet, view in self._open.items():
            if view is None:
                self._open[fleet] = read_fleet(self._store, fleet)
            else:
                catch_up(self._store, view)
        self._why_not = {view.fleet: _why_not(view) for view in self._views()}

    def view(self, fleet: str) -> FleetView | None:
        """One of them."""
        return self._open.get(fleet)

    def why_not(self, fleet: str) -> str:
        """Why workers begin nothing new of it, and let rest what is under way; "" while they go on."""
        return self._why_not.get(fleet, "it is through, or was stopped")

    def wanted(self) -> list[Hint]:
        """The pairs that workers have still to bring to their goals."""
        return [
            Hint(view.fleet, pair)
            for view in self._views()
            if not self._why_not[view.fleet]
            for pair in view.waiting(view.for_workers)
        ]

    def of_other_versions(self) -> Iterator[FleetView]:
        """Those of whose jobs another version of this program has to take care."""
        return (view for view in self._views() if view.for_workers and view.started.version != __version__)

    def _views(self) -> Iterator[FleetView]:
        return (view for view in self._open.values() if view is not None)


def _why_not(view: FleetView) -> str:
    started, wave = view.started, view.for_workers
    if view.stop_asked:
        return view.stop_asked
    if not wave:
        return "no wave of it is for workers now"
    if started.version != __version__:
        return f"hamr {started.version} planned it, and this is {__version__}"
    failed = view.failed(wave)
    if started.stop_after is not None and failed >= started.stop_after:
        return f"{failed} of its wave did not arrive"
    return ""

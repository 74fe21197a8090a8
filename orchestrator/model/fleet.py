"""A fleet: many pairs that are moved to one goal, in waves: its plan, and one fold of its records for every verb and worker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct, field

from orchestrator.errors import ExitCode, worst_of

from . import events
from .events import JOURNALLED, decode
from .journal import Record
from .next_step import NextStep
from .org import Pair
from .plain import moment, plain
from .result import PairOutcome
from .run import Approvable, Mode, RunRequest
from .status import Both, Status

KINDS: tuple[str, ...] = tuple(kind for kind in JOURNALLED if kind.startswith("fleet."))
"""The record kinds that a fleet is made of. All carry its id as their run, and no pair but for those of a pair's end."""


class Member(Struct):
    """One pair of a fleet, as far as the fleet's own records go."""

    pair: str
    wave: int
    """Counts from 1."""
    outcome: PairOutcome | None = None
    """What came of it last; None while it was not brought to any end."""
    ended_at: datetime | None = None
    by: str = ""
    """Who brought it: operator@host."""
    since: int = 0
    """The number of that record."""

    @property
    def arrived(self) -> bool:
        """Whether it stands at the fleet's goal."""
        return self.outcome is not None and self.outcome.arrived

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done: neither to move, nor to deliver, nor for a person."""
        return self.outcome is not None and self.outcome.exit_code == ExitCode.DONE


class FleetView(Struct):
    """A fleet, as far as the journal goes."""

    fleet: str
    """Its id, which its records carry as their run."""
    by: str
    """operator@host."""
    began: datetime
    started: events.FleetStarted
    members: dict[str, Member]
    """By pair, wave by wave."""
    wave: int = 0
    """The wave that began last; 0 before the first."""
    for_workers: int = 0
    """The wave that workers bring on since the fleet was last taken up; 0 where they do not."""
    resumed: list[tuple[datetime, str]] = field(default_factory=list)
    """When it was taken up again, and by whom."""
    taken_up: int = 0
    """The number of the record by which it began, or was taken up last: what ended since is not tried again."""
    stop_asked: str = ""
    """Who wants it to stop since then, in words; "" where nobody does."""
    stopped: str = ""
    """Why it stopped since then; "" where it did not."""
    finished: bool = False
    last: datetime | None = None
    """When it last journalled anything."""
    upto: int = 0
    """The number of the newest record that is in it."""

    def request_for(self, pair: str) -> RunRequest:
        """What is asked of one pair."""
        asked = self.started
        return RunRequest(
            pair, asked.goal, asked.mode, asked.reason, asked.overrides, ref=asked.ref, since=asked.since
        )

    def is_of(self, pair: Pair) -> bool:
        """Whether the inventory's pair has the orgs that it had when the fleet was planned."""
        return self.started.orgs.get(pair.name, pair.mark) == pair.mark

    def waiting(self, wave: int) -> tuple[str, ...]:
        """The pairs of a wave that were not brought to an end since the fleet was last taken up, and need it."""
        return tuple(
            pair
            for pair in self.started.waves[wave - 1]
            if not self.members[pair].settled and self.members[pair].since < self.taken_up
        )

    def untold(self, pair: str) -> bool:
        """Whether a pair's wave has begun, and nothing says how it went: it is at work elsewhere, was left midway, or waits."""
        member, ended = self.members[pair], (self.stopped or self.finished) and not self.for_workers
        return member.outcome is None and member.wave <= self.wave and not ended

    @property
    def arrived(self) -> int:
        """How many pairs stand at its goal."""
        return sum(each.arrived for each in self.members.values())

    def failed(self, wave: int) -> int:
        """How many pairs of a wave were brought since then, and did not arrive."""
        members = (self.members[pair] for pair in self.started.waves[wave - 1])
        return sum(each.since >= self.taken_up and not each.arrived for each in members)

    @property
    def exit_code(self) -> ExitCode:
        """The worst of any pair's, of those that did not arrive first; pairs that were brought to no end leave it incomplete."""
        members = self.members.values()
        missing = [each for each in members if not each.arrived]
        return worst_of(
            ExitCode.INCOMPLETE if each.outcome is None else each.outcome.exit_code
            for each in missing or members
        )


def fleet_of(records: Iterable[Record]) -> FleetView | None:
    """A fleet, from its records in order; None where its beginning is not among them."""
    view: FleetView | None = None
    for record in records:
        view = note(view, record)
    return view


def note(view: FleetView | None, record: Record) -> FleetView | None:
    """Go on with a fleet, in place, by its next record."""
    event = decode(record.kind, record.data)
    who, at = f"{record.by}@{record.host}", moment(record.at)
    if isinstance(event, events.FleetStarted):
        waves = enumerate(event.waves, 1)
        members = {pair: Member(pair, number) for number, pairs in waves for pair in pairs}
        view = FleetView(record.run, who, at, event, members, taken_up=record.seq)
    if view is None:
        return None
    view.last, view.upto = at, max(view.upto, record.seq)
    match event:
        case events.FleetResumed():
            view.resumed.append((at, who))
            view.for_workers = 0
            view.taken_up, view.stop_asked, view.stopped, view.finished = record.seq, "", "", False
        case events.FleetWaveBegan(wave=wave, workers=workers):
            view.wave, view.for_workers = wave, wave if workers else 0
        case events.FleetPairEnded(outcome=outcome):
            member = view.members[outcome.pair]
            member.outcome, member.ended_at, member.by, member.since = outcome, at, who, record.seq
        case events.FleetStopAsked(reason=reason):
            view.stop_asked = view.stop_asked or f"{who} asked for it" + (f": {reason}" if reason else "")
        case events.FleetStopped(why=why):
            view.stopped = why
        case events.FleetFinished():
            view.finished = True
    return view


class PlannedPair(Struct, frozen=True):
    """What is planned for one pair."""

    pair: str
    stands: str
    """Where it stands, as a label: agreed(PASSIVE); "" where that could not be told."""
    transitions: tuple[str, ...] = ()
    writes: int = 0
    waits: tuple[str, ...] = ()
    """Guards that do not pass yet, and are waited for; people's agreement among them."""
    refused: str = ""
    """Why its run would be refused as things are; "" where it would not."""
    saw: Both[str] | None = None
    """What was seen of each org, in a word; None where the orgs were not asked."""
    dark: Both[bool] = Both(primary=False, secondary=False)
    """Which org could not be reached."""
    next_steps: tuple[NextStep, ...] = ()
    what: Approvable | None = None
    """What its run would do; None where that is nothing, or refused."""
    locked: bool = False
    """Whether it would be refused because somebody holds it."""


class FleetPlan(Struct, frozen=True):
    """What a fleet would do; nothing of it was sent."""

    fleet: str
    """The id that it gets when it is run."""
    made_at: datetime
    goal: Status
    mode: Mode
    waves: tuple[tuple[str, ...], ...]
    pairs: Mapping[str, PlannedPair]
    left_out: tuple[PlannedPair, ...] = ()
    """Of an emergency: pairs that have lost no org, and are left where they are."""

    @property
    def digest(self) -> str:
        """What it is known by: SHA-256 over the plans of its pairs, and over nothing that each look sees anew."""
        said = [
            [number, pair, "" if (what := self.pairs[pair].what) is None else what.digest]
            for number, wave in enumerate(self.waves, 1)
            for pair in wave
        ]
        return hashlib.sha256(msgspec.json.encode(plain([self.goal, self.mode, said]))).hexdigest()

"""Both orgs in memory: what they show, what is on its way to them, and which region is dark."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model.org import EnvironmentKey, Mirrors, Org, Pair, Wire
from orchestrator.model.plain import EMPTY
from orchestrator.model.playbook import Advances, Playbook
from orchestrator.model.proof import Moment, Route, What
from orchestrator.model.reading import Draft, HamrRecord
from orchestrator.model.run import Stamp
from orchestrator.model.status import Both, Role, Status

from .virtual_time import BEGINNING, EPOCH

ANSWER_SECONDS = 0.02
"""How long an org, or a probe, takes for an answer."""

MIRROR_SECONDS = 0.2
"""How long a write takes to show on the other org, on a pair that mirrors."""

SERVER_SECONDS = 1.0
"""How long the server takes for a move that it makes by itself."""

SET_UP = "setup@example.com"
"""Who made the records that a story begins with."""

STRANGER = "terraform@example.com"


def proven_pair(pages: tuple[str, ...], route: Route) -> Pair:
    """The pair of a proof; every page that a probe asks for is there."""

    def org(role: Role, name: str, digit: str, site: str) -> Org:
        uuid = f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}"
        key = EnvironmentKey(f"{role.name}_KEY")
        return Org(role, name, uuid, f"http://{role}.example", site, Wire.SNAKE, key, key)

    return Pair(
        "pair",
        Both(org(Role.PRIMARY, "Primary", "1", "us1"), org(Role.SECONDARY, "Secondary", "2", "eu1")),
        Mirrors.YES if route.mirrors else Mirrors.NO,
        events=False,
        pages=dict.fromkeys(pages, "http://outside.example"),
    )


class Coming(Struct, frozen=True):
    """A record that an org will show."""

    at: float
    role: Role
    record: HamrRecord
    is_copy: bool = False
    """Carried over by the mirror, with the time and the author that it has on the other org."""


class Orgs(Struct):
    """What both orgs hold; a copy of it goes on in another way."""

    pair: Pair
    shown: dict[Role, list[HamrRecord | None]]
    """Every record that each has had, the present one last."""
    coming: list[Coming] = field(default_factory=list)
    dark: dict[Role, int] = field(default_factory=dict)
    """Regions that do not answer, each with the number of commands until the end of which that is so."""
    moves: Mapping[Status, Status] = EMPTY
    """The moves that the server makes by itself, as the playbook says."""
    written: int = 0
    """How many records were written, which tells two of one moment apart."""

    def copy(self) -> Orgs:
        """The same, to go on from in another way."""
        shown = {role: [*records] for role, records in self.shown.items()}
        return Orgs(self.pair, shown, [*self.coming], dict(self.dark), self.moves, self.written)

    def record(self, role: Role) -> HamrRecord | None:
        """What an org holds now."""
        return self.shown[role][-1]

    def status(self, role: Role) -> Status | None:
        """The status that an org holds now: ABSENT where it has no record."""
        record = self.record(role)
        return Status.ABSENT if record is None else Status.of(record.status)

    @property
    def statuses(self) -> Mapping[Role, Status | None]:
        """Both."""
        return {role: self.status(role) for role in Role}

    def take(self, draft: Draft, now: float) -> HamrRecord:
        """An org takes a write."""
        record = HamrRecord(
            draft.org_uuid,
            int(draft.status),
            draft.is_primary,
            draft.modified_by,
            self._date(now),
            draft.target_uuid,
            draft.target_name,
            draft.target_datacenter,
            draft.datacenter,
            draft.wire,
            draft.extra,
        )
        self._put(draft.role, record, now)
        return record

    def later(self, draft: Draft, now: float, seconds: float) -> Coming:
        """What is on its way where an org takes a write so many seconds later."""
        later = Orgs(self.pair, {role: [None] for role in Role}, written=self.written)
        return Coming(now + seconds, draft.role, later.take(draft, now))

    def take_strangers(self, role: Role, status: Status, now: float) -> None:
        """Somebody else writes."""
        self._put(
            role, replace(self._blank(role, status), modified_by=STRANGER, modified_at=self._date(now)), now
        )

    def catch_up(self, now: float) -> tuple[Moment, ...]:
        """What was on its way until now is there; what of it came late is told."""
        told = []
        while due := sorted((each for each in self.coming if each.at <= now), key=lambda each: each.at):
            self.coming.remove(due[0])
            if due[0].is_copy:
                if _is_newer(due[0].record, self.record(due[0].role)):
                    self._show(due[0].role, due[0].record, due[0].at)
                continue
            record = replace(due[0].record, modified_at=self._date(due[0].at))
            told.append(
                Moment(due[0].at - BEGINNING, What.ARRIVED, role=due[0].role, status=Status.of(record.status))
            )
            self._put(due[0].role, record, due[0].at)
        return tuple(told)

    def _put(self, role: Role, record: HamrRecord, now: float) -> None:
        self.written += 1
        self._show(role, record, now)
        if self.pair.mirrors is Mirrors.YES:
            blank = self._blank(role.other, Status(record.status))
            copied = replace(blank, modified_by=record.modified_by, modified_at=record.modified_at)
            self.coming.append(Coming(now + MIRROR_SECONDS, role.other, copied, is_copy=True))

    def _show(self, role: Role, record: HamrRecord, now: float) -> None:
        self.shown[role].append(record)
        at = Status.of(record.status)
        target = self.moves.get(at) if at is not None else None
        if target is None or self.status(role.other) is not at:
            return
        for each in Role:
            moved = replace(self.shown[each][-1] or record, status=int(target))
            self.written += 1
            later = replace(moved, modified_at=self._date(now + SERVER_SECONDS))
            self.coming.append(Coming(now + SERVER_SECONDS, each, later, is_copy=True))

    def _date(self, now: float) -> datetime:
        return EPOCH + timedelta(seconds=now - BEGINNING, microseconds=self.written)

    def _blank(self, role: Role, status: Status) -> HamrRecord:
        return first_record(self.pair, role, status)


def _is_newer(record: HamrRecord, there: HamrRecord | None) -> bool:
    """A mirror passes over a copy that is older than what is there already."""
    if there is None or there.modified_at is None or record.modified_at is None:
        return True
    return record.modified_at > there.modified_at


def first_record(pair: Pair, role: Role, status: Status) -> HamrRecord:
    """A record as whoever set the pair up made it, a month before."""
    org, peer = pair[role], pair[role.other]
    return HamrRecord(
        org.uuid,
        int(status),
        role is Role.PRIMARY,
        SET_UP,
        EPOCH - timedelta(days=30),
        peer.uuid,
        peer.name,
        peer.datacenter,
    )


def beginning(pair: Pair, start: Status, playbook: Playbook) -> Orgs:
    """Both orgs, where a route begins."""
    return Orgs(
        pair,
        {role: [None if start is Status.ABSENT else first_record(pair, role, start)] for role in Role},
        moves={
            transition.source: transition.target
            for transition in playbook.transitions
            if transition.advances is Advances.SERVER
        },
    )


def is_strangers(record: HamrRecord | None) -> bool:
    """Whether somebody else wrote it since the story began."""
    return record is not None and record.modified_by == STRANGER


def is_ours(record: HamrRecord | None) -> bool:
    """Whether a run wrote it."""
    return record is not None and Stamp.parse(record.modified_by) is not None

"""The floor (law 3): the newest record that a journal has ever seen of an org, below which no reading counts.

A replica may lag behind a restart, behind a colleague's run, or behind a stranger whom this journal has met. So what
was seen once, by whichever run and whoever wrote it, binds every later reading. Pure: records in, a comparison out.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from .events import ChangeSeen, Event, SituationRead, WriteConfirmed, WriteIntended
from .reading import Absent, Change, HamrRecord, Reading
from .status import Status

ACCEPTED = frozenset({Change.OURS, Change.REFUSED, Change.ECHO, Change.UNPROVEN, Change.LATE, Change.SERVER})
"""Changes by which a run takes a record for what is there now, whatever its time says."""


class Floor(Struct, frozen=True):
    """The newest record seen of one org."""

    record: HamrRecord
    before: tuple[HamrRecord, ...] = ()
    """What was seen before it, where its time does not tell that: of the same time, or without one."""
    foreign: bool = False
    """Somebody else's, met in the middle of a run: then what is of the same second is never taken for newer."""
    ours: bool = False
    """A run of this journal wrote it, whatever name the server gave it."""

    @property
    def newer_before(self) -> HamrRecord | None:
        """What was seen before somebody else's, and is newer by its time; None where nothing is."""
        newer = [old for old in self.before if self.foreign and _order(old, self.record) > 0]
        return newer[-1] if newer else None

    def is_above(self, record: HamrRecord) -> bool:
        """Whether a record is older than this one, or was seen before it."""
        if record.same_version(self.record):
            return False
        if self.foreign and record.modified_at is not None and record.modified_at == self.record.modified_at:
            return True
        return _order(record, self.record) < 0 or any(record.same_version(old) for old in self.before)


Floors = Mapping[str, Floor]
"""By the org's uuid in lower case: an inventory may come to name other orgs."""


def floor_of(floors: Floors, org_uuid: str) -> Floor | None:
    """The floor of an org, or None where none of its records was ever seen."""
    return floors.get(org_uuid.lower())


def last_seen(floors: Floors, org_uuid: str) -> Status | None:
    """The newest status that was seen of an org; None where none was, or nobody knows it."""
    floor = floor_of(floors, org_uuid)
    return None if floor is None else Status.of(floor.record.status)


def under_floor(floors: Floors, org_uuid: str, reading: Reading) -> Floor | None:
    """The floor that a reading lies below, or None where it counts. A 404 lies below any record."""
    floor = floor_of(floors, org_uuid)
    if floor is None:
        return None
    if reading.record is None:
        return floor if isinstance(reading.sight, Absent) else None
    return floor if floor.is_above(reading.record) else None


def raise_floors(floors: dict[str, Floor], event: Event) -> None:  # noqa: C901 - one case per event
    """Learn from one event, in place: what was seen raises a floor, and what a run accepted is one."""
    match event:
        case SituationRead(readings=readings):
            for reading in readings:
                if reading is not None and reading.record is not None and not reading.predicted:
                    _see(floors, reading.record)
        case ChangeSeen(record=HamrRecord() as record):
            if event.accepted or event.change in ACCEPTED:
                _accept(floors, record)
            elif event.change is Change.FOREIGN and not _is_about_the_past(event):
                # A stranger's is the newest, whatever their region's clock says: newer than what a mirror may yet bring.
                _accept(floors, record)
                here, peer = floors[record.org_uuid.lower()], floor_of(floors, record.target_uuid)
                brought = () if peer is None else (peer.record, *peer.before)
                before = (*here.before, *(old for old in brought if not old.same_version(record)))
                floors[record.org_uuid.lower()] = replace(here, before=before, foreign=True)
            else:
                _see(floors, record)
        case ChangeSeen(record=None, accepted=True, expected=HamrRecord() as gone):
            floors.pop(gone.org_uuid.lower(), None)
        case WriteIntended(expected=HamrRecord() as beneath):
            floor = floor_of(floors, beneath.org_uuid)
            if floor is not None and beneath.same_version(floor.record):
                # A person has said that somebody else's may be written over: what comes in its second may be that write.
                floors[beneath.org_uuid.lower()] = replace(floor, foreign=False)
        case WriteConfirmed(record=record):
            _accept(floors, record)
            key, ours = record.org_uuid.lower(), event.change is not Change.UNPROVEN
            floors[key] = replace(floors[key], ours=ours)


def _is_about_the_past(event: ChangeSeen) -> bool:
    """Whether it tells of a record that had been taken for ours, and may have been written over since."""
    record, expected = event.record, event.expected
    return record is not None and expected is not None and record.same_version(expected)


def _see(floors: dict[str, Floor], record: HamrRecord) -> None:
    floor = floor_of(floors, record.org_uuid)
    if floor is None or not floor.is_above(record):
        _accept(floors, record)


def _accept(floors: dict[str, Floor], record: HamrRecord) -> None:
    floor = floor_of(floors, record.org_uuid)
    if floor is not None and record.same_version(floor.record):
        return
    seen = () if floor is None else (*floor.before, floor.record)
    before = tuple(old for old in seen if _order(old, record) >= 0 and not old.same_version(record))
    floors[record.org_uuid.lower()] = Floor(record, before)


def _order(one: HamrRecord, other: HamrRecord) -> int:
    """-1 where the one is older, 1 where it is newer, 0 where their times do not tell."""
    if one.modified_at is None or other.modified_at is None or one.modified_at == other.modified_at:
        return 0
    return -1 if one.modified_at < other.modified_at else 1

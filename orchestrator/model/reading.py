"""What one GET of one org said, how that differs from what was last seen, and what one POST came to."""

import enum
from datetime import datetime

from msgspec import Struct

from .org import Wire
from .plain import JSON
from .status import Role, Status


class Change(enum.Enum):
    """How a record that was read differs from what was last seen of it (law 3)."""

    SAME = "same"
    OURS = "ours"
    REFUSED = "refused"
    """Ours, though the server had answered that it did not take it."""
    UNPROVEN = "unproven"
    """After a lost answer: our status under another name."""
    ECHO = "echo"
    STALE = "stale"
    SERVER = "server"
    """The server made the move of a transition that says `advances: server`."""
    LATE = "late"
    """A late write of an earlier attempt of this run."""
    REVERTED = "reverted"
    """A mirror healed an old record over a new one."""
    FOREIGN = "foreign"
    MISLINKED = "mislinked"
    UNSEEN = "unseen"
    """There is no record to compare: the org did not answer with one."""

    __hash__ = object.__hash__  # as Role's


NOT_OURS = frozenset({Change.FOREIGN, Change.REVERTED, Change.MISLINKED})
"""Changes that stop a run: never write over them."""

STOPS_AGAIN = frozenset({Change.FOREIGN, Change.LATE})
"""What a run that stopped for it, and is resumed, stops for again."""


class HamrRecord(Struct, frozen=True):
    """An org's HAMR record, whichever casing it came in."""

    org_uuid: str
    status: int
    """The wire's number; `Status.of` names it where it is known."""
    is_primary: bool | None
    modified_by: str
    modified_at: datetime | None
    """UTC, as precise as the server is; None where the server sent none that could be read."""
    target_uuid: str
    target_name: str
    target_datacenter: str
    """As sent: us1 or us5.prod.dog."""
    datacenter: str | None = None
    """Its own datacenter, undocumented and often missing."""
    wire: Wire = Wire.SNAKE
    extra: tuple[tuple[str, JSON], ...] = ()
    """Attributes that no reference names, as (key as sent, value): carried over on write."""

    def same_version(self, other: "HamrRecord") -> bool:
        """Whether both are one and the same write of the record: status, modified_at and modified_by agree."""
        return self is other or (self.status, self.modified_at, self.modified_by) == (
            other.status,
            other.modified_at,
            other.modified_by,
        )


class Exchange(Struct, frozen=True):
    """What one HTTP exchange left behind, without keys."""

    seconds: float = 0.0
    http_status: int | None = None
    server_date: datetime | None = None
    request_id: str | None = None
    excerpt: str = ""
    """The beginning of a body that could not be used, for the journal."""


class Present(Struct, frozen=True):
    """The org has a record with a status that is known."""

    record: HamrRecord
    status: Status


class Unrecognised(Struct, frozen=True):
    """The org has a record whose status number is not known: never acted on."""

    record: HamrRecord


class Absent(Struct, frozen=True):
    """404: the org has no HAMR connection."""


class Denied(Struct, frozen=True):
    """401 or 403: wrong key, wrong site, or a missing permission."""

    reason: str


class Trouble(enum.Enum):
    """What on this machine, or in its network, stands between it and an org; and what that makes of a reading."""

    KEYS = "not asked: a key cannot be had"
    """A key could not be had, or is no key: nothing was asked."""
    TRUST = "not asked: its certificate isn't trusted"
    """A certificate that this machine does not trust: nothing was asked."""
    PROXY = "not asked: no way past the proxy"
    """A proxy that cannot be reached, or makes no tunnel: nothing was asked."""
    RESOLVER = "not asked: its name is not known"
    """A host's name that this machine's name servers do not know: nothing was asked."""
    MIDDLEBOX = "not seen: something else answered"
    """A proxy or a sign-in page answered in the API's place."""


class Hampered(Struct, frozen=True):
    """The trouble is this machine's or its network's, not the org's, of which nothing is known."""

    reason: str
    remedy: str
    """What to do about it, as the rest of a sentence: "correct HTTPS_PROXY, or …"."""
    trouble: Trouble


class Unreachable(Struct, frozen=True):
    """No answer, or one that says that the server is not able to: connect error, time-out, 408, 429, 5xx."""

    reason: str


class Unreadable(Struct, frozen=True):
    """An answer that is not a HAMR record."""

    reason: str


Sight = Present | Unrecognised | Absent | Denied | Hampered | Unreachable | Unreadable


class Reading(Struct, frozen=True):
    """What one GET of one org said, and when."""

    role: Role
    sight: Sight
    at: datetime
    """Our wall clock, UTC, when the answer was there."""
    monotonic: float
    """Our monotonic clock, in seconds, when the request was sent: what age is counted from."""
    exchange: Exchange = Exchange()
    predicted: bool = False
    """Made up by a plan for what would follow its writes; not read from the world."""

    @property
    def record(self) -> HamrRecord | None:
        """The record, where there is one."""
        match self.sight:
            case Present(record=record) | Unrecognised(record=record):
                return record
            case _:
                return None

    @property
    def status(self) -> Status | None:
        """The known status, ABSENT for a 404, None for everything that is not known."""
        match self.sight:
            case Present(status=status):
                return status
            case Absent():
                return Status.ABSENT
            case _:
                return None

    @property
    def reason(self) -> str | None:
        """Why there is no answer to go by; None where there is a record, or none is there (404)."""
        match self.sight:
            case Denied() | Hampered() | Unreachable() | Unreadable():
                return self.sight.reason
            case _:
                return None

    @property
    def keyless(self) -> bool:
        """Whether nothing was asked, since a key could not be had here."""
        return isinstance(self.sight, Hampered) and self.sight.trouble is Trouble.KEYS

    @property
    def may_pass(self) -> bool:
        """Whether the same question may well be answered a moment later, on another connection: one bad node is not all of them."""
        return isinstance(self.sight, Unreachable | Hampered) and not self.keyless

    @property
    def answered(self) -> bool:
        """Whether the org said something that can be acted on: a known status, or that it has no record."""
        return self.status is not None

    def differs_from(self, before: "Reading") -> bool:
        """Whether it says something else than the one before it, apart from when."""
        if before.record is not None and self.record is not None:
            return not self.record.same_version(before.record)
        return type(before.sight) is not type(self.sight)


class Identity(Struct, frozen=True):
    """Which org an org's keys belong to, as `GET /api/v2/validate` says; uuid is None where it could not be told."""

    role: Role
    uuid: str | None
    reason: str = ""


class Draft(Struct, frozen=True):
    """A HAMR record as it is about to be sent: one POST to one org."""

    role: Role
    org_uuid: str
    status: Status
    is_primary: bool
    modified_by: str
    target_uuid: str
    target_name: str
    target_datacenter: str
    wire: Wire
    """SNAKE or PASCAL, never AUTO."""
    datacenter: str | None = None
    extra: tuple[tuple[str, JSON], ...] = ()


class Request(Struct, frozen=True):
    """A request as it goes over the wire, without its key headers."""

    method: str
    url: str
    body: JSON


class Accepted(Struct, frozen=True):
    """2xx: the server took it. What it shows later is another matter; `record` is the body's, where it could be read."""

    exchange: Exchange
    record: HamrRecord | None = None


class Rejected(Struct, frozen=True):
    """A 4xx other than 408 and 429: the server says that it did not take it."""

    exchange: Exchange
    reason: str
    renewed: bool = False
    """Whether it was denied with keys that have been rotated: fetched anew they are others, which may be let through."""


class Throttled(Struct, frozen=True):
    """429: not taken; try again after so many seconds (None where the server did not say)."""

    exchange: Exchange
    retry_after: float | None


class NotSent(Struct, frozen=True):
    """The connection could not be made, or no key was to be had: the server never saw it."""

    exchange: Exchange
    reason: str


class Lost(Struct, frozen=True):
    """It was sent, and what became of it is not known: time-out, reset, 408, 3xx, 5xx, or a broken answer."""

    exchange: Exchange
    reason: str

    @property
    def answered(self) -> bool:
        """Whether there was an answer, though none that says whether it was taken."""
        return self.exchange.http_status is not None


Answer = Accepted | Rejected | Throttled | NotSent | Lost

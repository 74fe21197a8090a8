"""A run: what was asked for and agreed to, how its writes are stamped, and how it ended."""

import enum
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec
from msgspec import Struct

from . import next_step
from .next_step import NextStep
from .plain import EMPTY, plain, timestamp
from .reading import Change, HamrRecord
from .status import Both, Role, Status


class Mode(enum.Enum):
    """PLANNED needs both orgs; EMERGENCY finishes with the survivor alone (law 9)."""

    PLANNED = "planned"
    EMERGENCY = "emergency"


ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What the last four of an id are made of: none that is easily taken for another."""
_RUN = r"\d{8}-\d{6}-[a-z0-9]{4}"
RUN_PATTERN = re.compile(_RUN)
_STAMP = re.compile(
    rf"(?P<operator>.*)[+ ]hamr-(?P<run>{_RUN})"
    r"(?:-(?P<attempt>\d{1,9})?(?:\.(?P<mark>[a-z0-9]{1,9})?)?(?:@(?P<host>.*))?)?",
    re.DOTALL | re.IGNORECASE,
)


def new_run_id(now: datetime, pick: Callable[[str], str]) -> str:
    """A run's id, which sorts by time: 20261122-031502-k3f9.

    `pick` chooses one character of a text (random.Random().choice).
    """
    return now.astimezone(UTC).strftime("%Y%m%d-%H%M%S-") + "".join(pick(ID_LETTERS) for _ in range(4))


def new_mark(pick: Callable[[str], str]) -> str:
    """What tells the stamps of one process of a run from those of any other: x7q2m. `pick` is as for `new_run_id`."""
    return "".join(pick(ID_LETTERS) for _ in range(5))


class Stamp(Struct, frozen=True):
    """What we put in `modified_by`, so that a write can be told from anyone else's."""

    operator: str
    run: str
    attempt: int
    host: str
    mark: str = ""
    """Which process of the run it was, where that was not the only one that could use this number: a process that takes a
    run up counts on from what the journal knows, and an older copy of the journal knows less than was sent."""

    def __str__(self) -> str:
        mark = f".{self.mark}" if self.mark else ""
        return f"{self.operator}+hamr-{self.run}-{self.attempt}{mark}@{self.host}"

    @staticmethod
    @lru_cache
    def parse(text: str) -> "Stamp | None":
        """The stamp that a `modified_by` carries, or None where it is anybody else's.

        Servers show addresses in lower case, take the plus sign for a blank, and cut what they find too long: a stamp
        that still names its run is one. What was cut away reads as attempt 0, and as a host without a name.
        """
        found = _STAMP.fullmatch(text)
        if found is None:
            return None
        return Stamp(
            found["operator"],
            found["run"].lower(),
            int(found["attempt"] or 0),
            found["host"] or "",
            (found["mark"] or "").lower(),
        )

    def signs(self, text: str) -> bool:
        """Whether a `modified_by` is this stamp as a server may show it: in lower case, say, or cut short."""
        shown, whole = _folded(text), _folded(str(self))
        return shown == whole or (whole.startswith(shown) and f"+hamr-{self.run}" in shown)


def _folded(text: str) -> str:
    return text.strip().replace(" ", "+").casefold()


class Operator(Struct, frozen=True):
    """Who is at the keyboard, and on which machine."""

    name: str
    host: str
    mark: str = ""
    """See `Stamp.mark`; "" in the process that began a run under a new id."""

    def __str__(self) -> str:
        return f"{self.name}@{self.host}"

    def stamp(self, run: str, attempt: int) -> Stamp:
        """The stamp of one attempt of a run."""
        return Stamp(self.name, run, attempt, self.host, self.mark)


class Pace(Struct, frozen=True):
    """How often a run that waits for a guard looks up."""

    looks: int = 20
    """So often in all, unless that is more often than writes are looked for."""
    slowest: float = 15.0
    """Seconds between two looks at the guard, at most."""
    longest_nap: float = 1.0
    """Seconds after which it looks whether a person wants it to stop."""

    def until_next_look(self, limit: float) -> float:
        """Seconds, where the guard may take `limit` of them in all."""
        return min(limit / self.looks, self.slowest)


class RunRequest(Struct, frozen=True):
    """What a person asked for."""

    pair: str
    goal: Status
    mode: Mode = Mode.PLANNED
    reason: str = ""
    overrides: Mapping[str, str] = EMPTY
    """Guard name to reason, for this run alone."""
    ref: str = ""
    """A ticket or incident number."""
    since: datetime | None = None
    """When the incident began: what objectives are counted from; the run's own start where None."""
    expect: Status | None = None
    """Where the pair has to stand when it begins; None where that is left open."""

    def as_step(self, verb: str, playbook: str = next_step.DEFAULT_PLAYBOOK, *more: str) -> NextStep:
        """The command, run or plan, that asks for the same again, with `more` words; the playbook is named where it is not the default."""
        words: list[str] = []
        if playbook != next_step.DEFAULT_PLAYBOOK:
            words += ["--playbook", playbook]
        if self.mode is Mode.EMERGENCY:
            words.append("--emergency")
        if self.reason or self.mode is Mode.EMERGENCY:
            words += ["--reason", self.reason or next_step.ANY_REASON]
        for guard, reason in self.overrides.items():
            words += ["--override", f"{guard}={reason}"]
        if self.ref:
            words += ["--ref", self.ref]
        if self.since is not None:
            words += ["--since", timestamp(self.since)]
        if self.expect is not None and verb == "run":
            words += ["--expect", self.expect.name]
        made = next_step.plan if verb == "plan" else next_step.run
        return made(self.pair, self.goal).with_options(*words, *more)


class Attempt(Struct, frozen=True):
    """One POST to one org, as intended."""

    number: int
    """Counts from 1 within the run."""
    role: Role
    status: Status
    stamp: str
    transition: str
    """The transition that it belongs to, or "" for a delivery of what is owed and for an adoption."""
    purpose: str = "transition"
    """transition, resend, repair (after a late write), deliver, adopt."""

    def signed(self, modified_by: str) -> bool:
        """Whether that author is this attempt's stamp, as a server may show it."""
        stamp = Stamp.parse(self.stamp)
        return modified_by == self.stamp or (stamp is not None and stamp.signs(modified_by))

    def begins_with(self, modified_by: str) -> bool:
        """Whether this attempt's stamp begins so, as a server may show it that cut even the run's id."""
        return _folded(self.stamp).startswith(_folded(modified_by))

    def fits(self, record: HamrRecord) -> bool:
        """Whether that record shows what it sent, under its stamp: a stamp that a server cut short may be another's."""
        return record.status == self.status and self.signed(record.modified_by)

    def made(self, record: HamrRecord) -> bool:
        """Whether that record is this very attempt's: under its whole stamp, so that it can be no other's."""
        return record.status == self.status and _folded(record.modified_by) == _folded(self.stamp)


def the_one_that_came(given_up: Iterable[Attempt], role: Role, record: HamrRecord) -> Attempt | None:
    """Which of the unseen attempts a record on that org is; None where a server cut their stamps so short that each may still come (law 5)."""
    fitting = [attempt for attempt in given_up if attempt.fits(record)]
    # On a pair that mirrors, it may have been sent to the other org.
    found = [attempt for attempt in fitting if attempt.role is role] or fitting
    return found[0] if len(found) == 1 else None


class End(enum.Enum):
    """How a run ended; each has its exit code in `orchestrator.errors.ExitCode`."""

    DONE = "done"
    REFUSED = "refused"
    MOVED = "moved"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"
    OWING = "owing"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def reached(self) -> bool:
        """Whether the run came to its goal; something may still be owed."""
        return self in (End.DONE, End.OWING)


class RunOutcome(Struct, frozen=True):
    """The end of a run, in words a person can act on."""

    end: End
    message: str
    org: Role | None = None
    next_steps: tuple[NextStep, ...] = ()
    sent: str = ""
    """What was and was not sent."""
    late: tuple[str, ...] = ()
    """What was given up, and may still take effect: a sentence for each, which stands at the end of `sent`, too."""
    change: Change | None = None
    """MOVED, REFUSED: the kind of change that it stopped for."""


class Step(Struct, frozen=True):
    """One transition that was made, and how long it took."""

    transition: str
    source: Status
    target: Status
    seconds: float
    writes: int


class Objective(Struct, frozen=True):
    """A recovery time objective of the playbook, and how this run did."""

    status: Status
    wanted: timedelta
    took: timedelta
    """From the start of the incident (--since) or of the run, until the pair stood there."""

    @property
    def met(self) -> bool:
        """Whether it was reached in time."""
        return self.took <= self.wanted


class Approvable(Struct, frozen=True):
    """What a run is about to do: an approval is of exactly this, and of nothing else."""

    pair: str
    orgs: Both[str]
    """The orgs' uuids."""
    start: Status
    """Where its first transition starts from."""
    goal: Status
    mode: Mode
    route: tuple[str, ...]
    """The transitions from there to the goal."""
    playbook_sha256: str
    overrides: Mapping[str, str] = EMPTY

    @property
    def digest(self) -> str:
        """What an approval is bound to: SHA-256 of all of it; another one as soon as anything of it changes."""
        return hashlib.sha256(msgspec.json.encode(plain(self), order="sorted")).hexdigest()


class Approval(Struct, frozen=True):
    """Somebody agreed."""

    operator: str
    host: str
    at: datetime
    reason: str = ""
    role: str = ""
    """Who the journal's own server says that it was; "" where nothing vouches for the name."""

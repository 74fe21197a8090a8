"""What a hostile world does to an incident, drawn from a seed: each kind once broke the program from outside.

Every attacked incident has one kind that it is about, and now and then another one beside it.
"""

from __future__ import annotations

import enum
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.run import Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import (
    AppliedLate,
    Authors,
    ClientError,
    ConnectionReset,
    Fault,
    FaultKind,
    ForeignWriter,
    Redirect,
    ServerError,
    SimulatorConfig,
    Throttle,
)


class Kind(enum.Enum):
    """What an attacked incident is about."""

    REPLICAS = "reads lag behind after a process died"
    SAME_SECOND = "a stranger writes in the same second"
    TWO_JOURNALS = "a second operator with another journal starts in the middle"
    LATE = "an attempt arrives after the end"
    REFUSED = "a write is applied though it was refused"
    SLOW = "the connection of a write takes long"
    STUMBLES = "first looks fail"
    REPOINTED = "the inventory names other orgs from now on"
    CLOCKS = "clocks are apart"
    AUTHORS = "the server changes authors, or has no times"
    EDGE = "the edge of a dark region answers"
    RESTORED = "the journal is restored from an older copy"
    TURNED = "the other region dies after a failover"


class Lagging(Struct, frozen=True):
    """From the beginning of one life on, a region's reads lack its latest changes."""

    life: int
    """Counts from 1, over all lives: whoever only looks lives, too."""
    role: Role
    versions: int
    seconds: float


class Follower(Struct, frozen=True):
    """A stranger who writes so long after the nth write of the record has left, to that org or the other one."""

    after_post: int
    delay: float
    same_org: bool
    status: Status | None
    """None: the very status that was just written."""
    name: str


class SlowConnection(Struct, frozen=True):
    """The connection that the nth write goes out on has to be opened anew, and takes its time."""

    post: int
    seconds: float
    reads_too: bool
    """Every new connection to that region takes as long."""
    stranger: Status | None
    """What somebody else writes to that org while it is being opened."""


class Stumble(Struct, frozen=True):
    """The first readings of one life go wrong."""

    life: int
    role: Role
    kind: FaultKind
    times: int


class Blip(Struct, frozen=True):
    """A region is gone for seconds while guards are waited for."""

    role: Role
    after: float
    seconds: float


class Restored(Struct, frozen=True):
    """The journal's file is put back as it was when one life had ended, before another one begins."""

    copied_after: int
    before: int


class Visits(Struct, frozen=True):
    """What somebody does after the first commands are through: after so many seconds."""

    looks_at: float | None = None
    """Types `hamr status`."""
    runs_at: float | None = None
    """Types `hamr run` with the same goal."""


class Attacks(Struct, frozen=True):
    """All of it; the defaults are none."""

    kind: Kind | None = None
    lagging: tuple[Lagging, ...] = ()
    followers: tuple[Follower, ...] = ()
    second_after_post: int = 0
    """The second operator begins when so many writes have left; 0: at the incident's own time."""
    second_delay: float = 0.0
    second_goal: Status | None = None
    slow: SlowConnection | None = None
    stumbles: tuple[Stumble, ...] = ()
    blips: tuple[Blip, ...] = ()
    repointed_before: int = 0
    """Before that life the inventory gets to name other orgs; 0: never."""
    wall: tuple[float, ...] = (0.0,)
    """Seconds by which the wall clocks of the machines are ahead, one life after the other, and round again."""
    restored: Restored | None = None
    turns: bool = False
    """When the first commands are through, the other region dies, and somebody goes home by an emergency."""
    visits: Visits = Visits()
    typed: bool = False
    """Whoever closes the incident types the first next command of what they read, and nothing else."""
    capitals: bool = False
    """Operators' and machines' names have capital letters."""

    @property
    def disturbs(self) -> bool:
        """Whether somebody else's, late or old records come into it."""
        return bool(
            self.lagging
            or self.followers
            or self.restored
            or self.repointed_before
            or self.turns
            or (self.slow is not None and self.slow.stranger is not None)
            or self.kind in (Kind.LATE, Kind.REFUSED, Kind.TWO_JOURNALS, Kind.SAME_SECOND)
        )


NONE = Attacks()

STRANGERS = ("ops.lead@example.com", "terraform", "someone.else@example.com")


class Drawn(Struct, frozen=True):
    """What an attack makes of an incident's own parts; None leaves them as they are."""

    attacks: Attacks
    config: SimulatorConfig
    faults: tuple[Fault, ...] = ()
    edge: int | None = None
    """The status with which the edge of a region answers while that is dark."""
    second: bool = False
    """There is a second operator with another journal."""
    dies_at: int = 0
    """The first life is killed at that step."""
    dies_again_at: int = 0
    """The second life is killed at that step."""


class _Draw(Struct):
    """One seed's attack, as it is put together."""

    dice: Random
    config: SimulatorConfig
    mode: Mode
    statuses: tuple[Status, ...]
    stops: tuple[Status, ...]
    attacks: Attacks = NONE
    faults: tuple[Fault, ...] = ()
    edge: int | None = None
    second: bool = False
    dies_at: int = 0
    dies_again_at: int = 0

    def add(self, kind: Kind) -> None:
        """Put one kind into it."""
        getattr(self, f"_{kind.name.lower()}")()

    def _seconds(self, low: float, high: float) -> float:
        return round(self.dice.uniform(low, high), 3)

    def _change(self, **changes: object) -> None:
        self.attacks = replace(self.attacks, **changes)

    def _stranger(self) -> Status | None:
        return None if self.dice.random() < 0.35 else self.dice.choice(self.statuses)

    def _follower(self, low: float, high: float) -> Follower:
        dice = self.dice
        return Follower(
            dice.choice((1, 1, 2, 3)),
            self._seconds(low, high),
            dice.random() < 0.6,
            self._stranger(),
            dice.choice(STRANGERS),
        )

    def _replicas(self) -> None:
        dice = self.dice
        if dice.random() < 0.4:
            self._hidden()
            return
        life = dice.choice((2, 2, 2, 3))
        roles = dice.choice(((Role.PRIMARY,), (Role.SECONDARY,), (Role.PRIMARY, Role.SECONDARY)))
        lagging = tuple(
            Lagging(life, role, dice.choice((1, 1, 2, 3)), dice.choice((2.0, 4.0, 8.0, 20.0, 40.0)))
            for role in roles
        )
        followers = (self._follower(0.05, 3.0),) if dice.random() < 0.6 else ()
        self._change(lagging=lagging, followers=(*self.attacks.followers, *followers))
        if not followers or dice.random() < 0.3:
            self.dies_at = dice.randint(60, 420)

    def _hidden(self) -> None:
        """A stranger is seen, and whoever takes the run up reads what was there before."""
        dice = self.dice
        seconds = dice.choice((4.0, 8.0, 20.0))
        self._change(
            lagging=tuple(Lagging(2, role, 1, seconds) for role in Role),
            followers=(*self.attacks.followers, self._follower(0.02, 0.6)),
        )

    def _same_second(self) -> None:
        self.config = replace(self.config, whole_seconds=True)
        dice = self.dice
        if dice.random() < 0.35:
            status = dice.choice(self.statuses)
            writer = ForeignWriter(status, dice.choice(STRANGERS), after=dice.random() < 0.7)
            self.faults += (Fault(writer, at=dice.choice((1, 2, 3)), method="POST"),)
            return
        self._change(followers=(*self.attacks.followers, self._follower(0.0, 0.6)))

    def _two_journals(self) -> None:
        dice = self.dice
        self.second = True
        self.config = replace(self.config, renames_author=False)
        self._change(
            second_after_post=dice.choice((1, 1, 2, 3)),
            second_delay=self._seconds(0.0, 0.5),
            second_goal=dice.choice(self.stops),
        )

    def _late(self) -> None:
        dice = self.dice
        arrives = self._seconds(7.0, 300.0)
        kind = AppliedLate(arrives, dice.choice((None, 504, 502)))
        self.faults += (Fault(kind, at=dice.choice((1, 1, 2, 3, 4)), method="POST"),)
        before, after = self._seconds(12.0, 60.0), arrives + self._seconds(1.0, 60.0)
        at = dice.choice((before, after))
        visits = dice.choice((Visits(looks_at=at), Visits(runs_at=at), Visits(before, after)))
        self._change(visits=visits)

    def _refused(self) -> None:
        dice = self.dice
        kinds = (
            Redirect(applied=True),
            ClientError(400, applied=True),
            ClientError(403, applied=True),
            ClientError(404, applied=True),
            Throttle(dice.choice((None, 1, 3)), applied=True),
        )
        self.faults += (Fault(dice.choice(kinds), at=dice.choice((1, 1, 2, 3, 4)), method="POST"),)

    def _slow(self) -> None:
        dice = self.dice
        stranger = dice.choice(self.statuses) if dice.random() < 0.7 else None
        slow = SlowConnection(
            dice.choice((1, 1, 2, 3)), self._seconds(0.5, 12.0), dice.random() < 0.3, stranger
        )
        self._change(slow=slow)

    def _stumbles(self) -> None:
        dice = self.dice
        kinds = (ServerError(503), Throttle(None), Throttle(1), ClientError(408), ConnectionReset())
        lives = dice.choice(((1,), (1,), (2,), (1, 2), (2, 3)))
        self._change(
            stumbles=tuple(
                Stumble(life, dice.choice(list(Role)), dice.choice(kinds), dice.choice((1, 1, 2, 3)))
                for life in lives
            ),
            blips=(Blip(dice.choice(list(Role)), self._seconds(0.0, 8.0), dice.choice((0.5, 2.0, 4.0))),),
        )
        if 1 not in lives:
            self.dies_at = dice.randint(60, 420)

    def _repointed(self) -> None:
        dice = self.dice
        self._change(repointed_before=2)
        if self.mode is Mode.PLANNED:
            self.dies_at = dice.randint(60, 420)

    def _clocks(self) -> None:
        dice = self.dice
        apart = (-259_200.0, -18_000.0, -90.0, 90.0, 18_000.0, 259_200.0)
        self._change(wall=tuple(dice.choice((0.0, *apart)) for _ in range(4)))
        skew = Both(self._seconds(-20.0, 20.0), self._seconds(-20.0, 20.0))
        if dice.random() < 0.6:
            self.config = replace(self.config, skew=skew)
        if dice.random() < 0.7:
            self.dies_at = dice.randint(60, 420)

    def _authors(self) -> None:
        dice = self.dice
        authors = dice.choice((*Authors, Authors.LOWER, Authors.SHORT))
        no_times = dice.random() < (0.5 if authors is Authors.AS_SENT else 0.15)
        self.config = replace(self.config, authors=authors, no_times=no_times, renames_author=False)
        self._change(capitals=authors is Authors.LOWER)

    def _edge(self) -> None:
        self.edge = self.dice.choice((404, 404, 200, 403, 502))
        if self.edge != 200:
            self.config = replace(self.config, edge_page=self.dice.random() < 0.6)

    def _restored(self) -> None:
        dice = self.dice
        self.dies_at = dice.randint(100, 420)
        self.dies_again_at = dice.randint(60, 300) if dice.random() < 0.6 else 0
        copied = dice.choice((0, 1, 1, 1))
        self._change(restored=Restored(copied, dice.choice((2, 3) if copied == 0 else (3,))))
        if dice.random() < 0.6:
            # What was sent after the copy leaves no trace in the orgs, or none yet.
            kinds: tuple[FaultKind, ...] = (
                ServerError(503),
                ConnectionReset(),
                AppliedLate(self._seconds(2.0, 60.0), 504),
            )
            self.faults += (
                Fault(
                    dice.choice(kinds), at=dice.choice((1, 2, 3, 4)), method="POST", times=dice.choice((1, 2))
                ),
            )

    def _turned(self) -> None:
        self._change(turns=True)


def draw_attacks(  # noqa: PLR0917 - what an incident is, before it is attacked
    dice: Random,
    kind: Kind,
    config: SimulatorConfig,
    mode: Mode,
    statuses: tuple[Status, ...],
    stops: tuple[Status, ...],
) -> Drawn:
    """An attack of that kind, now and then with another one beside it.

    Args:
        dice: of the seed.
        kind: what it is about.
        config: the regions, as they are without it.
        mode: of the first command.
        statuses: what strangers set: statuses from which there is a way on.
        stops: where a run may end.
    """
    drawn = _Draw(dice, config, mode, statuses, stops)
    drawn.add(kind)
    if dice.random() < 0.25:
        beside = dice.choice([each for each in Kind if each is not kind and each not in _ALONE])
        if kind not in _ALONE:
            drawn.add(beside)
    attacks = replace(drawn.attacks, kind=kind, typed=dice.random() < 0.7)
    return Drawn(
        _told_apart(attacks, drawn.config),
        drawn.config,
        drawn.faults,
        edge=drawn.edge,
        second=drawn.second and drawn.config.authors not in _NAMELESS,
        dies_at=drawn.dies_at,
        dies_again_at=drawn.dies_again_at,
    )


_ALONE = frozenset({Kind.REPOINTED, Kind.TURNED, Kind.RESTORED})
"""These change what everything else is about."""

_NAMELESS = frozenset({Authors.EMPTY, Authors.SHORT})


def _told_apart(attacks: Attacks, config: SimulatorConfig) -> Attacks:
    """Without strangers where the server drops every author: nothing tells anybody from anybody there."""
    if config.authors is not Authors.EMPTY and not config.renames_author:
        return attacks
    slow = replace(attacks.slow, stranger=None) if attacks.slow is not None else None
    return replace(attacks, followers=(), slow=slow)

"""What an incident is made of, drawn from a seed."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from itertools import count
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.org import Mirrors, Wire
from orchestrator.model.run import Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import Authors, Fault, ForeignWriter, Returning, SimulatorConfig, random_faults

from .around import Surroundings, Visit, Visitor, draw_around
from .attacks import NONE, Attacks, Kind, draw_attacks
from .playbooks import playbook
from .team import Team


class Story(enum.Enum):
    """What happens beside the faults."""

    ALONE = "one operator"
    SAME_JOURNAL = "a second operator on the same machine"
    OTHER_JOURNAL = "a second operator on another machine, with a journal of its own"


class Foreign(Struct, frozen=True):
    """Somebody else writes, so many seconds after the beginning."""

    at: float
    role: Role
    status: Status
    name: str
    relinks: bool = False
    """It makes the record point at another org, and leaves its status."""


class Dark(Struct, frozen=True):
    """A region goes dark, and comes back so many seconds later."""

    at: float
    role: Role
    seconds: float
    silent: bool
    answers: int | None = None
    """The status with which the edge in front of it answers everything."""


class Life(Struct, frozen=True):
    """What befalls one life of the program; each number counts from 1, and 0 is never."""

    crash_at_step: int = 0
    journal_before: int = 0
    journal_after: int = 0
    request_before: int = 0
    request_after: int = 0
    request_answered: int = 0
    disk_full_at: int = 0
    freeze_at_step: int = 0
    freeze_for: float = 0.0
    freezes_alone: bool = False
    """The process is stopped, and its machine goes on; else that is suspended, and its monotonic clock stands still."""
    wall_jump_at: float = 0.0
    wall_jump: float = 0.0
    interrupt_at: float = 0.0
    interrupts: int = 0
    hook_begun: int = 0
    hook_done: int = 0
    asked: int = 0
    """Killed while so many of its hooks had begun, or were over and not heard of, or its question stood."""


class Incident(Struct, frozen=True):
    """Everything about an incident, before it is played."""

    seed: int
    config: SimulatorConfig
    mirrors: Mirrors
    playbook: str
    goal: Status
    mode: Mode
    faults: tuple[Fault, ...]
    foreign: tuple[Foreign, ...]
    dark: tuple[Dark, ...]
    lives: tuple[Life, ...]
    story: Story
    second_at: float
    switches: bool
    """The first resume switches a planned run to emergency."""
    wrong_uuid: Role | None
    """The inventory names another org than the keys belong to."""
    settles: bool
    """What is late arrives before people close the incident."""
    resumes: bool = True
    """Somebody resumes while the faults go on."""
    around: Surroundings | None = None
    """What stands around the pair; None where that is nothing."""
    adopts: Role | None = None
    """The orgs diverge from the start, and the first command adopts this one's status."""
    attacks: Attacks = NONE
    team: Team | None = None
    """What befalls a team's journal; None where the journal is a file."""
    drills: bool = False
    """The first command goes on home by itself, as a drill does: nobody looks in between."""
    agrees_after: float | None = None
    """Seconds after which a second person, at another computer, agrees to what waits for that; None where nothing does."""
    meanwhile: Visitor | None = None
    """Somebody else at another computer with the same journal, so many seconds after the beginning."""

    @property
    def hastens(self) -> bool:
        """Whether an emergency may be on."""
        hurried = self.meanwhile is not None and self.meanwhile.does is Visit.EMERGENCY
        return self.mode is Mode.EMERGENCY or self.switches or hurried

    @property
    def calm(self) -> bool:
        """Whether nothing but the pair's own program writes to it, and its orgs agreed in the beginning."""
        alone = not self.foreign and self.story is not Story.OTHER_JOURNAL and self.adopts is None
        return alone and not self.attacks.disturbs


NOBODY = ("ops.lead@example.com", "terraform", "someone.else@example.com")
"""Names of foreign writers; no stamp looks like them."""

_CYCLE = (Status.PASSIVE, Status.FAILOVER, Status.ACTIVE, Status.RECOVERY)
STRANGE: Mapping[str, tuple[Status, ...]] = {
    **dict.fromkeys(("failover", "failover-server", "failover-either-way"), _CYCLE),
    "onboarding-quick": (Status.ONBOARDING,),
}
"""What foreign writers set: statuses from which the playbook has a way on."""

PLACES: tuple[tuple[int, str, Status, Status], ...] = (
    (50, "failover", Status.PASSIVE, Status.ACTIVE),
    (25, "failover", Status.ACTIVE, Status.PASSIVE),
    (10, "onboarding-quick", Status.ABSENT, Status.PASSIVE),
    (8, "onboarding-quick", Status.ABSENT, Status.ONBOARDING),
    (7, "onboarding-quick", Status.ONBOARDING, Status.PASSIVE),
)


def about(kind: Kind, first: int = 0) -> Iterator[int]:
    """The seeds, from the first one on, that draw an attack of that kind."""
    kinds = list(Kind)
    return (seed for seed in count(first) if seed % 3 == 1 and kinds[seed // 3 % len(kinds)] is kind)


def attacked(seed: int) -> Incident:
    """The incident of a seed, attacked; the same for ever, as long as `bare` and `attacks` are not changed."""
    dice = Random(f"attacked {seed}")  # noqa: S311 - a replayable draw is the point
    kind = list(Kind)[seed // 3 % len(Kind)]
    incident = surrounded(seed) if dice.random() < (0.5 if kind is Kind.STUMBLES else 0.1) else bare(seed)
    if incident.adopts is not None:
        incident = bare(seed)
    incident = replace(incident, wrong_uuid=None, config=replace(incident.config, strict=False))
    if kind in _ELSEWHERE or dice.random() < 0.6:
        # Most are about nothing else.
        incident = replace(
            incident,
            faults=(),
            foreign=(),
            dark=incident.dark if incident.mode is Mode.EMERGENCY else (),
            story=Story.ALONE,
            switches=False,
        )
    if kind is Kind.TURNED:
        incident = _both_ways(incident, dice)
    book = playbook(incident.playbook)
    drawn = draw_attacks(
        dice, kind, incident.config, incident.mode, STRANGE[incident.playbook], tuple(book.stops)
    )
    nameless = drawn.config.renames_author or drawn.config.authors is Authors.EMPTY
    alone = nameless and incident.story is Story.OTHER_JOURNAL
    faults = (*incident.faults, *drawn.faults)
    lives = incident.lives
    if drawn.dies_at:
        lives = (Life(crash_at_step=drawn.dies_at), *lives[1:])
    if drawn.dies_again_at:
        lives = (lives[0], Life(crash_at_step=drawn.dies_again_at), *lives[2:])
    return replace(
        incident,
        config=drawn.config,
        faults=tuple(fault for fault in faults if not (nameless and isinstance(fault.kind, ForeignWriter))),
        foreign=() if nameless else incident.foreign,
        dark=_edged(incident, drawn.edge, dice),
        lives=lives,
        story=Story.OTHER_JOURNAL if drawn.second else Story.ALONE if alone else incident.story,
        attacks=drawn.attacks,
    )


_ELSEWHERE = frozenset({Kind.REPOINTED, Kind.TURNED, Kind.RESTORED})


def _edged(incident: Incident, edge: int | None, dice: Random) -> tuple[Dark, ...]:
    if edge is None:
        return incident.dark
    if incident.mode is Mode.EMERGENCY:
        return (Dark(0.0, Role.PRIMARY, dice.choice((4.0, 30.0, 300.0)), silent=False, answers=edge),)
    begins = round(dice.uniform(0.0, 4.0), 3)
    role = dice.choice(list(Role))
    return (Dark(begins, role, dice.choice((1.0, 8.0, 40.0)), silent=False, answers=edge),)


def _both_ways(incident: Incident, dice: Random) -> Incident:
    """Out by an emergency, and home by one."""
    stands = Both(Status.PASSIVE, Status.PASSIVE)
    dark = Dark(0.0, Role.PRIMARY, dice.choice((4.0, 30.0, 300.0)), dice.random() < 0.5)
    return replace(
        incident,
        playbook="failover",
        goal=Status.ACTIVE,
        mode=Mode.EMERGENCY,
        config=replace(incident.config, status=stands, advances=False),
        dark=(dark,),
        around=None,
    )


def surrounded(seed: int) -> Incident:
    """The incident of a seed, with something around its pair; the same for ever, as long as this is not changed."""
    incident = bare(seed)
    dice = Random(f"around {seed}")  # noqa: S311 - a replayable draw is the point
    start = incident.config.status.primary
    route = playbook(incident.playbook).route(start, incident.goal)
    assert route, f"there is no way from {start} to {incident.goal}"
    around = draw_around(dice, route)
    lives = (*(_busy(life, dice) for life in incident.lives[:3]), *incident.lives[3:])
    # What takes time is in the way of most other trouble: half of these are about nothing else.
    calm = dice.random() < 0.5
    second_at = round(dice.uniform(0.0, 60.0), 3)
    adopts = dice.choice(list(Role)) if incident.mode is Mode.PLANNED and dice.random() < 0.08 else None
    config = incident.config
    if adopts is not None and incident.playbook == "failover":
        # Two statuses with no transition between them: nothing but a person's word leads on.
        config = replace(config, status=config.status.with_(adopts.other, _APART[start]), strict=False)
    else:
        adopts = None
    return replace(
        incident,
        config=config,
        adopts=adopts,
        around=around,
        lives=lives,
        faults=() if calm else incident.faults,
        foreign=() if calm else incident.foreign,
        second_at=second_at,
    )


_APART: Mapping[Status, Status] = {Status.PASSIVE: Status.ACTIVE, Status.ACTIVE: Status.PASSIVE}


def _busy(life: Life, dice: Random) -> Life:
    """What else may befall a life that has hooks to run and people to ask."""
    if dice.random() < 0.3:
        which = dice.choice(("hook_begun", "hook_done", "asked"))
        life = replace(life, crash_at_step=0, **{which: dice.choice((1, 1, 2, 3))})
    if dice.random() < 0.15:
        life = replace(
            life, interrupt_at=round(dice.uniform(0.0, 60.0), 3), interrupts=dice.choice((1, 1, 2))
        )
    return life


def bare(seed: int) -> Incident:
    """The incident of a seed with nothing around its pair; the same for ever, as long as this function is not changed."""
    dice = Random(seed)  # noqa: S311 - a replayable draw is the point
    weights = [weight for weight, *_ in PLACES]
    _, playbook, start, goal = dice.choices(PLACES, weights)[0]
    emergency = (start, goal) == (Status.PASSIVE, Status.ACTIVE) and dice.random() < 0.35
    config = _config(dice, start)
    if config.advances and playbook == "failover" and config.mirror is None:
        # The simulator's mirror copies a record, and no server moves on from a copy: only separate orgs come along.
        playbook = "failover-server"
    else:
        config = replace(config, advances=False)
    mirrors = Mirrors.AUTO
    if dice.random() < 0.5:
        mirrors = Mirrors.NO if config.mirror is None else Mirrors.YES
    story = dice.choices(list(Story), [82, 11, 7])[0]
    if story is Story.OTHER_JOURNAL and config.renames_author:
        story = Story.ALONE  # with the same keys the server names both alike, and nobody can tell
    statuses = STRANGE[playbook]
    foreign = strangers(dice, statuses) if dice.random() < 0.2 else ()
    dark = _dark(dice, emergency)
    faults = tuple(_fitting(fault, dice, statuses) for fault in _faults(dice, seed))
    switches = (start, goal) == (Status.PASSIVE, Status.ACTIVE) and dice.random() < 0.15
    strange = (
        foreign or story is Story.OTHER_JOURNAL or any(isinstance(f.kind, ForeignWriter) for f in faults)
    )
    if config.strict and (emergency or switches or strange or config.advances):
        # What is owed, and what is adopted, is written directly: a server that wants every step refuses that for ever.
        config = replace(config, strict=False)
    return Incident(
        seed=seed,
        config=config,
        mirrors=mirrors,
        playbook=playbook,
        goal=goal,
        mode=Mode.EMERGENCY if emergency else Mode.PLANNED,
        faults=faults,
        foreign=foreign,
        dark=dark,
        lives=tuple(_life(dice, number) for number in range(4)),
        story=story,
        second_at=round(dice.uniform(0.0, 12.0), 3),
        switches=switches,
        wrong_uuid=dice.choice(list(Role)) if dice.random() < 0.02 else None,
        settles=dice.random() < 0.6,
    )


def _config(dice: Random, start: Status) -> SimulatorConfig:
    lag = dice.choice((0.3, 0.5, 0.8)) if dice.random() < 0.15 else 0.0
    delay = None if dice.random() < 0.5 else dice.choice((0.0, 0.0, 0.2, 0.4, 0.5))
    return SimulatorConfig(
        wire=dice.choice((Wire.SNAKE, Wire.PASCAL)),
        mirror=delay,
        returning=dice.choice(list(Returning)),
        status=Both(start, start),
        renames_author=dice.random() < 0.25,
        strict=dice.random() < 0.2,
        advances=dice.random() < 0.12,
        advances_after=dice.choice((0.1, 0.8, 2.0)),
        whole_seconds=dice.random() < 0.2,
        read_lag=lag,
        latency=Both(round(dice.uniform(0.01, 0.15), 3), round(dice.uniform(0.01, 0.15), 3)),
        skew=Both(0.0, 0.0) if dice.random() < 0.7 else Both(*(round(dice.uniform(-2, 2), 1) for _ in "12")),
        extra=(("region_notes", "kept"),) if dice.random() < 0.3 else (),
    )


def _faults(dice: Random, seed: int) -> tuple[Fault, ...]:
    count = dice.choice((0, 0, 1, 1, 2, 3, 4))
    return random_faults(seed, count=count, within=10) if count else ()


def _fitting(fault: Fault, dice: Random, statuses: tuple[Status, ...]) -> Fault:
    """A fault whose foreign writer leaves the pair where the playbook has a way on."""
    if not isinstance(fault.kind, ForeignWriter):
        return fault
    return replace(fault, kind=replace(fault.kind, status=dice.choice(statuses)))


def strangers(dice: Random, statuses: tuple[Status, ...]) -> tuple[Foreign, ...]:
    """Somebody else who writes, in the first seconds."""
    return tuple(
        Foreign(
            round(dice.uniform(0.0, 12.0), 3),
            dice.choice(list(Role)),
            dice.choice(statuses),
            dice.choice(NOBODY),
            relinks=dice.random() < 0.15,
        )
        for _ in range(dice.choice((1, 1, 2)))
    )


def _dark(dice: Random, emergency: bool) -> tuple[Dark, ...]:
    if emergency:
        if dice.random() < 0.2:
            return ()
        begins = 0.0 if dice.random() < 0.6 else round(dice.uniform(0.0, 4.0), 3)
        seconds = dice.choice((4.0, 30.0, 300.0))
        return (Dark(begins, Role.PRIMARY, seconds, dice.random() < 0.5),)
    if dice.random() < 0.12:
        begins = round(dice.uniform(0.0, 8.0), 3)
        return (Dark(begins, dice.choice(list(Role)), dice.choice((1.0, 8.0, 40.0)), dice.random() < 0.5),)
    return ()


def _life(dice: Random, number: int) -> Life:
    life: dict[str, float] = {}
    if dice.random() < (0.5, 0.35, 0.15, 0.0)[number]:
        crash, journal = ("crash_at_step",) * 3, ("journal_before", "journal_after")
        which = dice.choice((*crash, *journal, "request_before", "request_after", "request_answered"))
        most = {"crash_at_step": 700, "journal_before": 20, "journal_after": 20}.get(which, 40)
        life[which] = dice.randint(1, most)
    if dice.random() < 0.05:
        life["disk_full_at"] = dice.randint(2, 16)
    if dice.random() < 0.08:
        life["freeze_at_step"] = dice.randint(1, 500)
        life["freeze_for"] = dice.choice((3.0, 20.0, 900.0))
    if dice.random() < 0.05:
        life["wall_jump_at"] = round(dice.uniform(0.0, 6.0), 3)
        life["wall_jump"] = dice.choice((-3600.0, -4.0, 4.0, 90.0, 7200.0))
    if dice.random() < 0.07:
        life["interrupt_at"] = round(dice.uniform(0.0, 5.0), 3)
        life["interrupts"] = dice.choice((1, 1, 2))
    return Life(**life)  # type: ignore[arg-type]

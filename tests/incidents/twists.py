"""What may befall any incident on top of what it is about: each by dice of its own, so that all else of it stays."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from msgspec.structs import replace

from orchestrator.model.guard import Approved, Guard
from orchestrator.model.org import Mirrors
from orchestrator.model.run import Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import Authors

from .around import AGREED, VISITS, Surroundings, Visit, Visitor
from .attacks import Lagging
from .draw import STRANGE, Dark, Incident, Life, Story, attacked, bare, strangers, surrounded
from .playbooks import playbook
from .team import draw_team


def draw(seed: int) -> Incident:
    """The incident of a seed; every third has probes, hooks and people around its pair, and every third is attacked."""
    return hurried(frozen(drilled(lagged(seconded(homeward(unfrozen(seed)))))))


def unfrozen(seed: int) -> Incident:
    """The same, where nobody is stopped on purpose."""
    return teamed((bare, attacked, surrounded)[seed % 3](seed))


def frozen(incident: Incident, share: float = 0.2) -> Incident:
    """The incident, with a process of it that is stopped for a while, where that is its share; others act meanwhile."""
    dice = Random(f"frozen {incident.seed}")  # noqa: S311 - a replayable draw is the point
    if dice.random() >= share:
        return incident
    seconds = dice.choice((1.0, 3.0, 8.0, 20.0, 60.0, 300.0, 900.0, 1800.0))
    number = dice.choice((0, 0, 0, 1, 3))
    life = replace(
        Life() if dice.random() < 0.6 else incident.lives[number],
        freeze_at_step=dice.randint(1, 400),
        freeze_for=seconds,
        freezes_alone=dice.random() < 0.5,
    )
    lives = (*incident.lives[:number], life, *incident.lives[number + 1 :])
    within = 1.2 * seconds
    foreign = tuple(replace(each, at=round(dice.uniform(0.0, within), 3)) for each in incident.foreign)
    meanwhile = Visitor(dice.choice(VISITS), round(dice.uniform(0.0, within), 3))
    return replace(
        incident,
        lives=lives,
        foreign=foreign,
        second_at=round(dice.uniform(0.0, within), 3),
        meanwhile=meanwhile if dice.random() < 0.6 else None,
    )


def hurried(incident: Incident, share: float = 0.1) -> Incident:
    """The planned way out, in the middle of which a region dies and somebody else begins an emergency, where that is its share."""
    dice = Random(f"hurried {incident.seed}")  # noqa: S311 - a replayable draw is the point
    out = incident.goal is Status.ACTIVE and incident.mode is Mode.PLANNED and incident.adopts is None
    if dice.random() >= share or not out:
        return incident
    at = round(dice.uniform(0.0, 20.0), 3)
    dark = Dark(at, Role.PRIMARY, dice.choice((8.0, 40.0, 300.0)), dice.random() < 0.5)
    comes = Visitor(Visit.EMERGENCY, at + dice.choice((0.0, 1.0, 5.0, 20.0)))
    # As in `bare`: what is owed is written directly.
    return replace(incident, dark=(dark,), meanwhile=comes, config=replace(incident.config, strict=False))


def homeward(incident: Incident, share: float = 0.3) -> Incident:
    """The emergency as one home, where either org may be the survivor until the first look, and where that is its share."""
    dice = Random(f"homeward {incident.seed}")  # noqa: S311 - a replayable draw is the point
    out = incident.mode is Mode.EMERGENCY and incident.around is None and not incident.attacks.turns
    if dice.random() >= share or not out:
        return incident
    start, survivor = dice.choice(((Status.FAILOVER, Role.SECONDARY), (Status.ACTIVE, Role.PRIMARY)))
    return replace(
        incident,
        playbook="failover-either-way",
        goal=Status.PASSIVE,
        config=replace(incident.config, status=Both(start, start), advances=False),
        dark=tuple(replace(dark, role=survivor.other) for dark in incident.dark),
    )


def drilled(incident: Incident, share: float = 0.2) -> Incident:
    """The incident as a drill where it is one's way out, and that is its share; somebody else may write at any time of it."""
    dice = Random(f"drilled {incident.seed}")  # noqa: S311 - a replayable draw is the point
    out = incident.goal is Status.ACTIVE and incident.mode is Mode.PLANNED and incident.adopts is None
    if dice.random() >= share or not out or incident.switches:
        return incident
    config = replace(incident.config, strict=False)  # as in `bare`: what is adopted is written directly
    nameless = config.renames_author or config.authors is Authors.EMPTY
    others = () if nameless else strangers(dice, STRANGE[incident.playbook])
    return replace(incident, drills=True, foreign=others, config=config)


def teamed(incident: Incident, share: float = 0.2) -> Incident:
    """The incident, on a team's journal where that is its share; all else of it stays."""
    dice = Random(f"team {incident.seed}")  # noqa: S311 - a replayable draw is the point
    hooked = incident.around is not None and incident.mode is Mode.EMERGENCY
    if dice.random() >= share or incident.story is Story.OTHER_JOURNAL or hooked:
        return incident
    if incident.attacks.restored is not None or incident.attacks.repointed_before:
        return incident
    lives = tuple(replace(life, disk_full_at=0) for life in incident.lives)
    team = draw_team(dice)
    if team.rescued_at is not None and dice.random() < 0.7:
        stopped = Life(freeze_at_step=dice.randint(20, 400), freeze_for=dice.choice((20.0, 60.0, 900.0)))
        lives = (stopped, *lives[1:])
    return replace(incident, lives=lives, team=team)


def lagged(incident: Incident, share: float = 0.12) -> Incident:
    """The incident on a pair of which nobody knows whether it mirrors, and whose reads lag, where that is its share."""
    dice = Random(f"lagged {incident.seed}")  # noqa: S311 - a replayable draw is the point
    if dice.random() >= share or incident.config.advances:
        return incident
    mirror = None if dice.random() < 0.3 else dice.choice((0.0, 0.2, 0.5))
    config = replace(incident.config, mirror=mirror, read_lag=dice.choice((0.0, 0.3, 0.8)))
    lagging = tuple(
        Lagging(
            dice.choice((1, 2, 2, 3)), role, dice.choice((1, 1, 2)), dice.choice((2.0, 4.0, 8.0, 20.0, 40.0))
        )
        for role in dice.choice(((Role.PRIMARY,), (Role.SECONDARY,), tuple(Role)))
    )
    attacks = replace(incident.attacks, lagging=(*incident.attacks.lagging, *lagging))
    return replace(incident, mirrors=Mirrors.AUTO, config=config, attacks=attacks)


def seconded(incident: Incident, share: float = 0.08) -> Incident:
    """The incident with a first transition to which a second person has to agree, where that is its share; they take their time."""
    dice = Random(f"seconded {incident.seed}")  # noqa: S311 - a replayable draw is the point
    book = playbook(incident.playbook)
    route = book.route(incident.config.status.primary, incident.goal)
    planned = incident.mode is Mode.PLANNED and not incident.switches and incident.adopts is None
    # Whose clock tells how long an approval counts? And a journal that is put back is one machine's own.
    apart = incident.story is Story.OTHER_JOURNAL or any(incident.attacks.wall) or incident.attacks.restored
    if dice.random() >= share or not planned or not route or apart:
        return incident
    around, within = incident.around or Surroundings(), timedelta(seconds=60)
    asks = dict(around.asks)
    asks[route[0].name] = (*asks.get(route[0].name, ()), AGREED)
    agreed = Guard(AGREED, Approved(1, within), within=within)
    around = replace(around, guards=(*around.guards, agreed), asks=tuple(asks.items()))
    return replace(incident, around=around, agrees_after=dice.choice((0.5, 5.0, 20.0, 50.0, 70.0)))

"""What stands around a pair in some of the incidents, drawn from a seed: probes and guards over them, hooks, people to ask."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import timedelta
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.guard import AllOf, AnyOf, Command, Compared, Guard, IfUnknown, Metric, Not, Probe
from orchestrator.model.playbook import Again, Hook, InEmergency, Manual, Playbook, Program, Transition, When
from orchestrator.model.status import Role
from orchestrator.situation.guard_kinds import probes_of

GOOD = 12.0
"""What a gauge shows when all is well; every drawn guard passes then."""

BAD = 0.0

AGREED = "agreed"
"""The guard that a second person has to agree."""


class Shows(enum.Enum):
    """How a gauge goes."""

    GOOD = "good from the start"
    LATER = "bad, and good after a while"
    NOT_YET = "no data, and good after a while"
    NEVER = "bad as long as anything goes wrong"
    NO_DATA = "no data as long as anything goes wrong"
    FLAPPING = "good and bad in turn"


class Gauge(Struct, frozen=True):
    """A probe, and what it shows as time goes by."""

    name: str
    org: Role | None
    """The org whose region answers it; None for a program's."""
    shows: Shows = Shows.GOOD
    turns: float = 0.0
    """When it becomes good; FLAPPING: how long it stays as it is. In seconds."""
    takes: float = 0.05
    timeout: float = 10.0

    def probe(self) -> Probe:
        """As a playbook has it."""
        timeout = timedelta(seconds=self.timeout)
        if self.org is None:
            return Probe(self.name, Command(("./gauge", self.name), timeout))
        return Probe(self.name, Metric(self.org, f"sum:{self.name}", timeout=timeout))

    def value(self, at: float, *, over: bool) -> float | None:
        """What it shows at a time; None is no data.

        Args:
            at: seconds since the incident began.
            over: nothing goes wrong any more.
        """
        if over or self.shows is Shows.GOOD:
            return GOOD
        match self.shows:
            case Shows.LATER:
                return GOOD if at >= self.turns else BAD
            case Shows.NOT_YET:
                return GOOD if at >= self.turns else None
            case Shows.NO_DATA:
                return None
            case Shows.FLAPPING:
                return (GOOD, BAD)[int(at / self.turns) % 2]
            case _:
                return BAD


class Ends(enum.Enum):
    """How a hook's program goes."""

    WELL = "well"
    FAILS_ONCE = "fails the first time"
    FAILS = "fails as long as anything goes wrong"
    HANGS = "hangs as long as anything goes wrong"


class Deed(Struct, frozen=True):
    """A hook of a transition, and how it goes when it is run."""

    name: str
    transition: str
    when: When
    ends: Ends = Ends.WELL
    takes: float = 0.5
    timeout: float = 20.0
    manual: bool = False
    again: Again = Again.ASK
    emergency: InEmergency = InEmergency.RUN

    def hook(self) -> Hook:
        """As a playbook has it."""
        what: Program | Manual = Program((f"./{self.name}",), timedelta(seconds=self.timeout))
        if self.manual:
            what = Manual(f"Press the button {self.name}.")
        return Hook(self.name, what, self.again, self.emergency)


class Says(Struct, frozen=True):
    """What a person says to one question, after how many seconds; None: nothing."""

    yes: bool | None
    after: float


class Visit(enum.Enum):
    """What somebody else does while a person is asked."""

    RESUME = "resume"
    RUN = "run"
    UNLOCK = "unlock"
    EMERGENCY = "unlock, and an emergency"


VISITS = (Visit.RESUME, Visit.RUN, Visit.UNLOCK)
"""What they do while no region dies."""


class Visitor(Struct, frozen=True):
    """Somebody else, who comes when the first question stands."""

    does: Visit
    after: float


class Surroundings(Struct, frozen=True):
    """All of it."""

    gauges: tuple[Gauge, ...] = ()
    guards: tuple[Guard, ...] = ()
    asks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(transition, its further guards)."""
    deeds: tuple[Deed, ...] = ()
    people: tuple[Says, ...] = ()
    """What people say, one question after the other, and round again; () where there is nobody to ask."""
    visitor: Visitor | None = None
    cool_down: float = 0.0
    """Seconds; 0: none."""

    def put_into(self, playbook: Playbook) -> Playbook:
        """The playbook with all of that in it."""
        asks = dict(self.asks)
        transitions = tuple(
            replace(
                transition,
                guards=(*transition.guards, *asks.get(transition.name, ())),
                before=self._hooks(transition, When.BEFORE),
                after=self._hooks(transition, When.AFTER),
            )
            for transition in playbook.transitions
        )
        return replace(
            playbook,
            transitions=transitions,
            guards={**playbook.guards, **{guard.name: guard for guard in self.guards}},
            probes={**playbook.probes, **{gauge.name: gauge.probe() for gauge in self.gauges}},
            cool_down=timedelta(seconds=self.cool_down) if self.cool_down else None,
        )

    def _hooks(self, transition: Transition, when: When) -> tuple[Hook, ...]:
        return tuple(
            deed.hook() for deed in self.deeds if (deed.transition, deed.when) == (transition.name, when)
        )


def without_probes(playbook: Playbook) -> Playbook:
    """The playbook without guards that look at probes: what every other incident is played with."""
    dropped = {name for name in playbook.guards if probes_of((name,), playbook)}
    return replace(
        playbook,
        transitions=tuple(
            replace(transition, guards=tuple(name for name in transition.guards if name not in dropped))
            for transition in playbook.transitions
        ),
        guards={name: guard for name, guard in playbook.guards.items() if name not in dropped},
        probes={},
    )


# -- drawing ----------------------------------------------------------------------------------------------------


def draw_around(dice: Random, route: Sequence[Transition]) -> Surroundings:
    """What stands around the transitions of a route."""
    gauges = tuple(_gauge(dice, number) for number in range(dice.choice((0, 1, 1, 2, 2, 3))))
    guards, asks = _guards(dice, gauges, route)
    deeds = tuple(_deed(dice, number, route) for number in range(dice.choice((0, 1, 1, 2, 3, 4))))
    people = () if dice.random() < 0.15 else tuple(_says(dice) for _ in range(6))
    visitor = None
    if people and dice.random() < 0.35:
        visitor = Visitor(dice.choice(VISITS), round(dice.uniform(0.0, 30.0), 3))
    cool_down = dice.choice((30.0, 300.0, 3600.0)) if dice.random() < 0.12 else 0.0
    return Surroundings(gauges, guards, asks, deeds, people, visitor, cool_down)


def _gauge(dice: Random, number: int) -> Gauge:
    shows = dice.choices(list(Shows), (40, 20, 12, 8, 10, 10))[0]
    turns = round(dice.uniform(2.0, 40.0), 1)
    if shows is Shows.FLAPPING:
        turns = round(dice.uniform(1.0, 12.0), 1)
    takes = round(dice.uniform(0.01, 0.4), 3)
    if dice.random() < 0.2:
        takes = dice.choice((3.0, 5.5, 8.0, 9.5, 12.0))
    org = dice.choice((Role.SECONDARY, Role.SECONDARY, Role.PRIMARY, None))
    return Gauge(f"gauge{number}", org, shows, turns, takes, dice.choice((10.0, 10.0, 4.0)))


def _guards(
    dice: Random, gauges: tuple[Gauge, ...], route: Sequence[Transition]
) -> tuple[tuple[Guard, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """One guard over each gauge, now and then one over two of them, put to the transitions of the route."""
    guards: list[Guard] = []
    for gauge in gauges:
        kind = dice.choice((Compared(gauge.name, above=0.0), Compared(gauge.name, one_of=(GOOD, 13.0))))
        guards.append(_with_time(dice, Guard(f"sees_{gauge.name}", kind)))
        if dice.random() < 0.2:
            part = Guard(f"lacks_{gauge.name}", Compared(gauge.name, below=1.0))
            guards[-1:] = [part, _with_time(dice, Guard(f"not_{part.name}", Not(part.name)))]
    asked = [guard for guard in guards if not guard.name.startswith("lacks_")]
    if len(asked) > 1 and dice.random() < 0.4:
        one, other = dice.sample(asked, 2)
        joined = dice.choice((AllOf, AnyOf))((one.name, other.name))
        both = _with_time(dice, Guard("taken_together", joined))
        guards.append(both)
        asked = [guard for guard in asked if guard not in (one, other)] + [both]
    asks: dict[str, tuple[str, ...]] = {}
    for guard in asked:
        for transition in dice.sample(list(route), min(len(route), dice.choice((1, 1, 2)))):
            asks[transition.name] = (*asks.get(transition.name, ()), guard.name)
    return tuple(guards), tuple(asks.items())


def _with_time(dice: Random, guard: Guard) -> Guard:
    within = timedelta(seconds=dice.choice((5, 20, 60, 120))) if dice.random() < 0.5 else None
    return replace(guard, within=within, if_unknown=IfUnknown.ASK if dice.random() < 0.45 else IfUnknown.FAIL)


def _deed(dice: Random, number: int, route: Sequence[Transition]) -> Deed:
    ends = dice.choices(list(Ends), (62, 18, 10, 10))[0]
    return Deed(
        name=f"deed{number}",
        transition=dice.choice(route).name,
        when=dice.choice(list(When)),
        ends=ends,
        takes=dice.choice((0.0, 0.2, 1.0, 4.0, 7.0, 15.0)),
        timeout=dice.choice((5.0, 20.0, 60.0)),
        manual=dice.random() < 0.25,
        again=dice.choice(list(Again)),
        emergency=InEmergency.SKIP if dice.random() < 0.25 else InEmergency.RUN,
    )


def _says(dice: Random) -> Says:
    yes = dice.choices((True, False, None), (65, 20, 15))[0]
    return Says(yes, dice.choice((0.0, 1.5, 8.0, 40.0, 200.0)))

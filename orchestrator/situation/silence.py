"""Phases in which an org was not seen: hampered, denied, unreadable, half-seen, dark."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.reading import Denied, Hampered, Trouble, Unreachable, Unreadable
from orchestrator.model.situation import Phase, PhaseName
from orchestrator.model.status import Role
from orchestrator.model.words import utc

from . import commands
from .commands import View
from .wording import LONGEST_REASON, printable


class WayOn(Struct, frozen=True):
    """What can be done while an org is not seen."""

    sentence: str
    urgent: tuple[NextStep, ...]
    """Commands that go on without the org that was not seen."""
    patient: tuple[NextStep, ...]
    """Commands that wait for it."""


def phase_of_silence(view: View) -> Phase | None:
    """The phase where an org was not seen, or None where both answered."""
    silent = tuple(role for role in Role if view.status(role) is None)
    if not silent:
        return None
    living = silent[0].other if len(silent) == 1 else None
    denied = tuple(role for role in silent if isinstance(view.readings[role].sight, Denied))
    unreadable = tuple(role for role in silent if isinstance(view.readings[role].sight, Unreadable))
    hampered = tuple(role for role in silent if isinstance(view.readings[role].sight, Hampered))
    if hampered and not _nothing_came_back(view):
        return _hampered(view, hampered, living)
    if denied:
        return _denied(view, denied, living)
    if unreadable:
        return _unreadable(view, unreadable, living)
    if living is None:
        return _dark(view, hampered)
    way = _way_on(view, living)
    return Phase(
        PhaseName.HALF_SEEN,
        f"{view.both_say()}. {way.sentence}",
        (*way.urgent, *way.patient),
        status=view.status(living),
        role=living,
    )


def _named(view: View, roles: tuple[Role, ...]) -> str:
    return " and ".join(str(view.pair[role]) for role in roles)


def _phase(name: PhaseName, roles: tuple[Role, ...], sentence: str, steps: tuple[NextStep, ...]) -> Phase:
    return Phase(name, sentence.rstrip(), steps, role=roles[0] if len(roles) == 1 else None)


def _denied(view: View, denied: tuple[Role, ...], living: Role | None) -> Phase:
    way = _way_on(view, living)
    sentence = (
        f"{view.both_say()}. A key of {_named(view, denied)} is wrong, belongs to another site, or its owner lacks the "
        f"permission disaster_recovery_status_read: correct that, then look again. {way.sentence}"
    )
    steps = (next_step.check(), next_step.status(view.pair.name), *way.urgent)
    return _phase(PhaseName.DENIED, denied, sentence, steps)


def _unreadable(view: View, unreadable: tuple[Role, ...], living: Role | None) -> Phase:
    way = _way_on(view, living)
    where = f"Where {_named(view, unreadable)} stands is not known: look again, and check its site or url."
    steps = (next_step.watch(view.pair.name), next_step.check(), *way.urgent)
    return _phase(PhaseName.UNREADABLE, unreadable, f"{view.both_say()}. {where} {way.sentence}", steps)


def _hampered(view: View, hampered: tuple[Role, ...], living: Role | None) -> Phase:
    """Trouble of this machine says nothing about the org, so no emergency is offered on the strength of it (law 21).

    A name alone may have died with its region: there, an emergency comes last.
    """
    sentence = (
        f"{view.both_say()}. That is trouble of this machine or its network, and says nothing of "
        f"{_named(view, hampered)}, which may be well: {'; '.join(_remedies(view, hampered))}. Then look again."
    )
    steps = (next_step.status(view.pair.name), next_step.doctor(view.pair.name), *_resumable(view))
    sights = [view.readings[role].sight for role in hampered]
    if all(isinstance(sight, Hampered) and sight.trouble is Trouble.RESOLVER for sight in sights):
        steps = (*steps, *_way_on(view, living).urgent)
    return _phase(PhaseName.HAMPERED, hampered, sentence, steps)


def _resumable(view: View) -> tuple[NextStep, ...]:
    return (commands.resume(view),) if view.open_run is not None or view.owed is not None else ()


def _remedies(view: View, hampered: tuple[Role, ...]) -> tuple[str, ...]:
    """What to do about trouble of this machine, each once."""
    said: dict[str, None] = {}
    for role in hampered:
        sight = view.readings[role].sight
        if not isinstance(sight, Hampered):
            continue
        said[printable(sight.remedy, LONGEST_REASON)] = None
    return tuple(said)


_NOTHING_LEFT = frozenset({Trouble.PROXY, Trouble.RESOLVER})
"""Trouble that a dead network makes, too."""


def _nothing_came_back(view: View) -> bool:
    """Whether no request of ours was answered by anybody, on either side."""
    sights = [view.readings[role].sight for role in Role]
    return all(
        isinstance(sight, Unreachable) or (isinstance(sight, Hampered) and sight.trouble in _NOTHING_LEFT)
        for sight in sights
    )


def _dark(view: View, hampered: tuple[Role, ...]) -> Phase:
    way = _way_on(view, None)
    remedies = _remedies(view, hampered)
    if remedies:
        advice = f"That is trouble of this machine or its network: {'; '.join(remedies)}. Then look again."
    else:
        advice = (
            "Nothing can be done from this machine until one of them does. Its name servers or its network may be "
            "the trouble: try another network."
        )
    return Phase(PhaseName.DARK, f"Neither org answers: {view.both_say()}. {advice}", way.patient)


def _way_on(view: View, living: Role | None) -> WayOn:
    waiting = (next_step.watch(view.pair.name), *_resumable(view))
    if living is None:
        return WayOn("", (), waiting)
    here, gone, status = view.pair[living], view.pair[living.other], view.status(living)
    if view.owed is not None and view.owed.role is living:
        return WayOn(
            f"{here} is owed what {gone} shows, and can be told when {gone} is seen again: wait for it.",
            (),
            waiting,
        )
    debt = ""
    if view.owed is not None:
        debt = f"{gone} is owed {status} since {utc(view.owed.since)}: once it answers, resume tells it. "
    if view.open_run is not None and commands.can_finish_alone(view, living):
        return WayOn(
            f"{debt}Run {view.open_run.run} to {view.open_run.goal} is open, "
            f"and can be finished as an emergency with {here} alone.",
            (next_step.resume(view.pair.name).as_emergency(why=f"finish it with the {living} alone"),),
            waiting,
        )
    goals = commands.emergency_goals(view, living)
    if view.goal in goals:
        goals = tuple(goal for goal in goals if goal is view.goal)
    if not goals:
        return WayOn(
            f"{debt}No transition leads on from {status} with {here} alone: wait for {gone}.", (), waiting
        )
    urgent = tuple(
        next_step.run(view.pair.name, goal).as_emergency(why=f"go to {goal} with the {living} alone")
        for goal in goals
    )
    names = " or ".join(str(goal) for goal in goals)
    said = f"{debt}If it stays so, {here} alone can go on to {names} as an emergency."
    # Where something is owed already, the emergency has been: waiting comes first, more of it second.
    return WayOn(said, (), (*waiting, *urgent)) if debt else WayOn(said, urgent, waiting)

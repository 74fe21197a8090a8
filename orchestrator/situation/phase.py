"""Where a pair stands: a total table from what both orgs said to a name, a sentence and the next commands.

The order of precedence, where the first that fits is the one (law 15: one always does):

    mislinked                               a key or a record is not this pair's: nothing it says counts
    unrecognised                            a status that this version does not know: never acted on
    lagging                                 what an org shows is older than what the journal has seen of it
    hampered                                what stands in the way is this machine's, not the org's
    denied, unreadable, half-seen, dark     an org was not seen
    absent, behind, agreed, midway, half-absent, diverged     both orgs answered (answered.py)
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.floor import Floor, Floors, floor_of, under_floor
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.reading import (
    Change,
    Denied,
    Hampered,
    Identity,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.situation import Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import LONGEST_REASON, printable, utc

from . import commands
from .answered import phase_of_answers
from .commands import View
from .compare import describe, describe_newer
from .link import NotLinked, as_seen, link_of


def phase_of(view: View, identities: Both[Identity], floors: Floors | None = None) -> Phase:
    """Where a pair stands. Total: every pair of readings has a name, a sentence and a next command.

    Args:
        view: what both orgs said, and what else may explain it.
        identities: whose keys we hold.
        floors: the newest that the journal has seen of each org; what is older is not where it stands.
    """
    pair = view.pair
    readings = Both(*(as_seen(pair, view.readings[role], identities[role]) for role in Role))
    view = replace(view, readings=readings)
    for role in Role:
        half = link_of(pair, readings[role], identities[role])
        if isinstance(half, NotLinked):
            return _mislinked(view, half)
    for role in Role:
        if isinstance(readings[role].sight, Unrecognised):
            return _unrecognised(view, role)
    found = {role: under_floor(floors or {}, pair[role].uuid, readings[role]) for role in Role}
    lagging = {role: floor for role, floor in found.items() if floor is not None}
    if lagging:
        return _lagging(replace(view, lagging=lagging.keys()), lagging)
    silent = _phase_of_silence(view)
    if silent is not None:
        return silent
    phase = phase_of_answers(view)
    return replace(phase, sentence=phase.sentence + "".join(_by_which_clock(view, floors or {})))


def _by_which_clock(view: View, floors: Floors) -> Iterator[str]:
    """Somebody else's record was taken for the newest, whatever its time: it may as well be old."""
    for role in Role:
        floor, record = floor_of(floors, view.pair[role].uuid), view.readings[role].record
        if floor is None or floor.newer_before is None or record is None:
            continue
        if record.same_version(floor.record):
            yield (
                f" By its time, what {view.pair[role]} shows is older than what this journal has seen of the pair "
                f"({describe(floor.newer_before)}): the regions' clocks differ, or its reads lag. "
                "Look again before you say what is true."
            )


def _mislinked(view: View, half: NotLinked) -> Phase:
    sentence = (
        f"This is not the pair that the inventory describes: {half.reason}. Nothing is sent to it. "
        f"Correct the inventory or the keys, then look again. {view.both_say()}."
    )
    return Phase(
        PhaseName.MISLINKED, sentence, (next_step.check(), next_step.status(view.pair.name)), role=half.role
    )


def _lagging(view: View, lagging: dict[Role, Floor]) -> Phase:
    """One org shows less than what was seen of it, or both do; the phase is about the first."""
    role, floor = next(iter(lagging.items()))
    newer = (
        f"That is not where {view.pair[each]} stands: this journal has seen "
        f"{describe_newer(above.record, view.readings[each].record)} there, which counts as newer."
        for each, above in lagging.items()
    )
    sentence = (
        f"{view.both_say()}. {' '.join(newer)} Its reads lag, so look again; if it stays so, it was put back to an older "
        "record (reverted), and a run goes on from that only where you say so."
    )
    unseen = _phase_of_silence(view)
    if unseen is None:
        steps = _from_what_lags(view, role, floor)
    else:
        # What waits for the other org, or does without it, goes on from what this one shows only where somebody says so.
        over = (
            step.overriding("reverted") if step.verb in ("run", "resume") else step
            for step in unseen.next_steps
        )
        steps = each_once((next_step.watch(view.pair.name), *over))
    return Phase(PhaseName.LAGGING, sentence, steps, status=Status.of(floor.record.status), role=role)


def _from_what_lags(view: View, role: Role, floor: Floor) -> tuple[NextStep, ...]:
    """What to type where both orgs answered; `beneath` is where the pair would stand if what they show were true."""
    beneath = phase_of_answers(view)
    steps, resume = [next_step.watch(view.pair.name)], commands.resume(view)
    agreed = beneath.status if beneath.name in {PhaseName.AGREED, PhaseName.ABSENT} else None
    if agreed is not None and view.owed is None and commands.out_of_reach(view, agreed):
        pass  # resumed, the open run would be refused
    elif beneath.name in {PhaseName.DIVERGED, PhaseName.HALF_ABSENT} and resume not in beneath.next_steps:
        pass  # the same, where what is shown is said to be true
    elif view.owed is not None and commands.is_settled_by_adopting(view):
        # Resumed, it would stop for that same write again, whatever this org shows by then, or be refused.
        steps.append(next_step.adopt(view.pair.name, view.owed.role.other).overriding("reverted"))
    elif view.stopped_for in {Change.STALE, Change.REVERTED} or _began_nothing(view):
        # It has waited for this already, or has nothing under way that might yet show: what is left is to say what is true.
        steps.append(resume.overriding("reverted"))
    elif view.owed is not None and not floor.ours:
        # A mirror that healed old over ours is put right with what is owed; over anybody else's, only where somebody says so.
        steps.append(resume.overriding("reverted"))
    elif view.owed is not None or (view.open_run is not None and not view.stops_again):
        steps.insert(0, resume)
    match beneath.name:
        case PhaseName.DIVERGED | PhaseName.HALF_ABSENT:
            adopting = (step for step in beneath.next_steps if step.verb == "adopt")
            trusted = sorted(adopting, key=lambda step: role.other.value not in step.options)
            steps += [step.overriding("reverted") for step in trusted[:1]]
        case PhaseName.AGREED | PhaseName.MIDWAY | PhaseName.ABSENT if view.owed is None:
            steps += [
                commands.accepting(view, next_step.run(view.pair.name, goal).overriding("reverted"))
                for goal in _goals(view, beneath)[:1]
            ] or [step for step in beneath.next_steps if step.verb == "plan"]
        case _:
            pass
    return tuple(steps)


def _began_nothing(view: View) -> bool:
    """Whether the open run died before its first transition, and nothing is owed: resumed, it is refused where this stays so."""
    run = view.open_run
    return run is not None and run.start is None and run.stopped_for is None and view.owed is None


def _goals(view: View, beneath: Phase) -> tuple[Status, ...]:
    """Where a run can go from what the orgs show: nowhere else, where they agree on a stop, so that it only says that this is true."""
    transition = None if beneath.transition is None else view.playbook.transition(beneath.transition)
    if transition is not None:
        return commands.goals_onward(view, transition)
    start = beneath.status or Status.ABSENT
    goals = commands.goals_from(view, start)
    return (start,) if start in view.playbook.stops and view.goal not in goals else goals


def _unrecognised(view: View, role: Role) -> Phase:
    sentence = (
        f"{view.both_say()}. A status that is not known is never acted on: "
        f"wait until {view.pair[role]} shows another, or use a version that knows it."
    )
    return Phase(PhaseName.UNRECOGNISED, sentence, (next_step.watch(view.pair.name),), role=role)


class _WayOn(Struct, frozen=True):
    """What can be done while an org is not seen."""

    sentence: str
    urgent: tuple[NextStep, ...]
    """Commands that go on without the org that was not seen."""
    patient: tuple[NextStep, ...]
    """Commands that wait for it."""


def _phase_of_silence(view: View) -> Phase | None:
    """The phase where an org was not seen, or None where both answered."""
    silent = tuple(role for role in Role if view.status(role) is None)
    if not silent:
        return None
    living = silent[0].other if len(silent) == 1 else None
    denied, unreadable, hampered = (
        tuple(role for role in silent if isinstance(view.readings[role].sight, kind))
        for kind in (Denied, Unreadable, Hampered)
    )
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
        f"{view.both_say()}. {way.sentence}".rstrip(),
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
    steps = (next_step.doctor(view.pair.name), next_step.status(view.pair.name), *way.urgent)
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
    left = view.open_run is not None or view.owed is not None
    return (commands.resume(view),) if left and not view.stops_again else ()


def _remedies(view: View, hampered: tuple[Role, ...]) -> tuple[str, ...]:
    """What to do about trouble of this machine, each once."""
    sights = (view.readings[role].sight for role in hampered)
    remedies = (printable(each.remedy, LONGEST_REASON) for each in sights if isinstance(each, Hampered))
    return tuple(dict.fromkeys(remedies))


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
    elif any(reading.exchange.http_status is not None for reading in view.readings):
        advice = "Nothing can be done until one of them says where it stands: look again."
    else:
        advice = (
            "Nothing can be done from this machine until one of them does. Its name servers or its network may be "
            "the trouble: try another network."
        )
    return Phase(PhaseName.DARK, f"Neither org was seen: {view.both_say()}. {advice}", way.patient)


def _way_on(view: View, living: Role | None) -> _WayOn:
    waiting = (next_step.watch(view.pair.name), *_resumable(view))
    if living is None or (view.open_run is not None and view.open_run.under_way):
        return _WayOn("", (), waiting)
    here, gone, status = view.pair[living], view.pair[living.other], view.status(living)
    if view.owed is not None and view.owed.role is living:
        return _WayOn(
            f"{here} is owed what {gone} shows, and can be told when {gone} is seen again: wait for it.",
            (),
            waiting,
        )
    debt = ""
    if view.owed is not None:
        told = "adopt" if view.stops_again else "resume"
        debt = f"{gone} is owed {status} since {utc(view.owed.since)}: once it answers, {told} tells it. "
    if view.open_run is not None and not view.stops_again and commands.can_finish_alone(view, living):
        return _WayOn(
            f"{debt}Run {view.open_run.run} to {view.open_run.goal} is open, "
            f"and can be finished as an emergency with {here} alone.",
            (next_step.resume(view.pair.name).as_emergency(why=f"finish it with the {living} alone"),),
            waiting,
        )
    goals = commands.emergency_goals(view, living)
    if view.goal in goals:
        goals = tuple(goal for goal in goals if goal is view.goal)
    if not goals:
        return _WayOn(
            f"{debt}No transition leads on from {status} with {here} alone: wait for {gone}.", (), waiting
        )
    urgent = tuple(
        commands.accepting(view, next_step.run(view.pair.name, goal)).as_emergency(
            why=f"go to {goal} with the {living} alone"
        )
        for goal in goals
    )
    names = " or ".join(str(goal) for goal in goals)
    said = f"{debt}If it stays so, {here} alone can go on to {names} as an emergency."
    # Where something is owed already, the emergency has been: waiting comes first, more of it second.
    return _WayOn(said, (), (*waiting, *urgent)) if debt else _WayOn(said, urgent, waiting)

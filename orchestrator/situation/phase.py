"""Where a pair stands: a total table from what both orgs said to a name, a sentence and the next commands.

The order of precedence, where the first that fits is the one (law 15: one always does):

    mislinked                               a key or a record is not this pair's: nothing it says counts
    unrecognised                            a status that this version does not know: never acted on
    lagging                                 what an org shows is older than what the journal has seen of it
    hampered                                what stands in the way is this machine's, not the org's (silence.py)
    denied, unreadable, half-seen, dark     an org was not seen (silence.py)
    absent, behind, agreed, midway, half-absent, diverged     both orgs answered (answered.py)
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.floor import Floor, Floors, floor_of, under_floor
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import (
    STOPS_AGAIN,
    Change,
    Identity,
    Present,
    Reading,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import Attempt
from orchestrator.model.situation import OpenRun, Owed, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status

from . import commands
from .answered import phase_of_answers
from .commands import View
from .compare import describe, describe_newer
from .link import LinkUnknown, NotLinked, link_of
from .silence import phase_of_silence


def phase_of(
    pair: Pair,
    readings: Both[Reading],
    identities: Both[Identity],
    playbook: Playbook,
    *,
    owed: Owed | None = None,
    open_run: OpenRun | None = None,
    goal: Status | None = None,
    floors: Floors | None = None,
    given_up: tuple[Attempt, ...] = (),
) -> Phase:
    """Where a pair stands. Total: every pair of readings has a name, a sentence and a next command.

    Args:
        pair: what the inventory says.
        readings: what both orgs said.
        identities: whose keys we hold.
        playbook: its transitions say what is half made, and where the pair can go.
        owed: what an emergency left untold, if anything.
        open_run: the run that has not finished, if any; its transition breaks a tie between two transitions.
        goal: where somebody wants to go, if that is known; breaks a tie that the journal does not.
        floors: the newest that the journal has seen of each org; what is older is not where it stands.
        given_up: attempts of ours that may turn up late, or have.
    """
    halves = {role: link_of(pair, readings[role], identities[role]) for role in Role}
    for role in Role:
        reading, half = readings[role], halves[role]
        if isinstance(half, LinkUnknown) and isinstance(reading.sight, Present):
            incomplete = Unreadable(f"it shows {reading.sight.status}, but not whether it is the primary")
            readings = readings.with_(role, replace(reading, sight=incomplete))
    view = View(pair, readings, playbook, owed, open_run, goal, given_up)
    for half in halves.values():
        if isinstance(half, NotLinked):
            return _mislinked(view, half)
    for role in Role:
        if isinstance(readings[role].sight, Unrecognised):
            return _unrecognised(view, role)
    for role in Role:
        floor = under_floor(floors or {}, pair[role].uuid, readings[role])
        if floor is not None:
            return _lagging(view, role, floor, phase_of_answers(view, ()) if _both_answered(view) else None)
    silent = phase_of_silence(view)
    if silent is not None:
        return silent
    doubts = tuple(half.reason for half in halves.values() if isinstance(half, LinkUnknown))
    phase = phase_of_answers(view, doubts)
    return replace(phase, sentence=phase.sentence + "".join(_by_which_clock(view, floors or {})))


def _by_which_clock(view: View, floors: Floors) -> Iterator[str]:
    """Somebody else's record was taken for the newest, whatever its time: it may as well be old."""
    for role in Role:
        floor, record = floor_of(floors, view.pair[role].uuid), view.readings[role].record
        if floor is None or floor.newer_before is None or record is None:
            continue
        if record.same_version(floor.record):
            yield (
                f" By its time, what {view.pair[role]} shows is older than what this journal has seen there "
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


def _both_answered(view: View) -> bool:
    return all(view.status(role) is not None for role in Role)


def _lagging(view: View, role: Role, floor: Floor, beneath: Phase | None) -> Phase:
    """One org shows less than what was seen of it; `beneath` is where the pair would stand if that were true."""
    org, newest = view.pair[role], floor.record
    seen = describe_newer(newest, view.readings[role].record)
    sentence = (
        f"{view.both_say()}. That is not where {org} stands: this journal has seen {seen} there, which is newer. "
        "Its reads lag, so look again; if it stays so, it was put back to an older record (reverted), and a run goes on "
        "from that only where you say so."
    )
    steps, resume = [next_step.watch(view.pair.name)], commands.resume(view)
    agreed = beneath.status if beneath is not None and beneath.name is PhaseName.AGREED else None
    if agreed is not None and view.owed is None and commands.out_of_reach(view, agreed):
        pass  # resumed, the open run would be refused
    elif beneath is not None and beneath.name is PhaseName.DIVERGED and resume not in beneath.next_steps:
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
    elif view.owed is not None or (view.open_run is not None and view.stopped_for not in STOPS_AGAIN):
        steps.insert(0, resume)
    match beneath:
        case Phase(name=PhaseName.DIVERGED | PhaseName.HALF_ABSENT):
            steps.append(next_step.adopt(view.pair.name, role.other).overriding("reverted"))
        case Phase(name=PhaseName.AGREED | PhaseName.MIDWAY | PhaseName.ABSENT) as beneath if (
            view.owed is None
        ):
            steps += [
                commands.accepting(view, next_step.run(view.pair.name, goal).overriding("reverted"))
                for goal in _goals(view, beneath)[:1]
            ]
        case _:
            pass
    return Phase(PhaseName.LAGGING, sentence, tuple(steps), status=Status.of(newest.status), role=role)


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

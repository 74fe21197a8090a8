"""Phases in which both orgs answered: absent, behind, agreed, midway, half-absent, diverged."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.run import Attempt, Mode
from orchestrator.model.situation import OpenRun, Owed, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import utc

from . import commands
from .commands import NOTHING_TO_TELL, View


def phase_of_answers(view: View) -> Phase:
    """The phase where each org shows a known status or has no record."""
    primary, secondary = view.status(Role.PRIMARY), view.status(Role.SECONDARY)
    if primary is None or secondary is None:  # pragma: no cover - an org that was not seen has had its turn
        raise ValueError("an org was not seen")
    if primary is secondary is Status.ABSENT:
        return _absent(view)
    if primary is secondary:
        return _agreed(view, primary)
    if view.owed is not None and view.status(view.owed.role.other) not in NOTHING_TO_TELL:
        return _behind(view, view.owed)
    if view.set_back is not None and view.open_run is None:
        role, attempt = view.set_back
        if view.status(role.other) not in NOTHING_TO_TELL:
            return _set_back(view, role, attempt)
    half = half_made(view)
    if half is not None:
        return _midway(view, half)
    for role in Role:
        if view.status(role) is Status.ABSENT:
            return _half_absent(view, role)
    return _diverged(view)


def _absent(view: View) -> Phase:
    goals = commands.goals_from(view, Status.ABSENT)
    if goals:
        advice = f"The playbook {view.playbook.name} can create them"
        steps = [next_step.plan(view.pair.name, goal) for goal in goals]
    else:
        advice = f"The playbook {view.playbook.name} has no transition from ABSENT; the one that is called onboarding has"
        steps = [commands.onboard(view.pair)]
    if view.open_run is not None:
        steps = [*_again(view, Status.ABSENT), *steps]
    sentence = f"{view.both_say()}: the two orgs are not connected yet. {advice}."
    return Phase(PhaseName.ABSENT, sentence, each_once(steps), status=Status.ABSENT)


def _again(view: View, status: Status) -> tuple[NextStep, ...]:
    """What goes on with the open run from where both orgs agree, or takes its place where it has no way from there."""
    passed = view.owed is None and commands.out_of_reach(view, status)
    return commands.close_at(view, status) if passed else (commands.take_up(view),)


def _agreed(view: View, status: Status) -> Phase:
    sentence = f"Both orgs show {status}."
    steps = [next_step.plan(view.pair.name, goal) for goal in commands.goals_from(view, status)]
    if not steps:
        sentence += f" No transition of the playbook {view.playbook.name} leads on from {status}: there is nothing to run."
        steps = [next_step.watch(view.pair.name), commands.graph(view.playbook)]
    if view.set_back is not None:
        _, attempt = view.set_back
        sentence += f" That is a write of ours which had been given up and came late (attempt {attempt.number}: {attempt.status})."
    if view.owed is not None:
        sentence += (
            f" {view.pair[view.owed.role]} was owed {view.owed.status}: {_settled_by(view)} settles that."
        )
        steps = [commands.take_up(view), *steps]
    if view.open_run is not None:
        sentence += _is_open(view.open_run, f"{_finished_by(view, status)}{_hooks(view)}")
        steps = list(each_once((*_again(view, status), *steps)))
    return Phase(PhaseName.AGREED, sentence, tuple(steps), status=status)


def _is_open(run: OpenRun, what_then: str) -> str:
    """That a run is open; of one that is under way there is nothing to do, and who is at it stands elsewhere."""
    if run.asking:
        what_then = ", and waits for an answer at its own terminal"
    return "" if run.under_way else f" Run {run.run} to {run.goal} is open{what_then}."


def _finished_by(view: View, status: Status | None = None) -> str:
    """What becomes of the open run, where both orgs agree on a status or stand midway (None)."""
    place = "" if view.owed is not None else ": a new run takes its place"
    if status is not None and view.open_run is not None and commands.out_of_reach(view, status):
        if view.playbook.route(status, view.open_run.goal) is None:
            return f", and no transition leads there from {status}{place}"
        return f", and an emergency does not lead there from {status}{place}"
    if view.stops_again:
        return f", and stopped for a write that was not its own{place}"
    return ": resume finishes it"


def _hooks(view: View) -> str:
    """What the open run still has to do beside its transitions."""
    owed = view.open_run.hooks_owed if view.open_run is not None else ()
    names = (each.partition("/") for each in owed)
    return "".join(f"; hook {hook} after transition {transition} is owed" for transition, _, hook in names)


def _behind(view: View, owed: Owed) -> Phase:
    role, status = owed.role, view.status(owed.role.other)
    sentence = (
        f"{view.both_say()}. {view.pair[role]} is owed {status} since {utc(owed.since)}, when run {owed.run} did without "
        f"it: {_settled_by(view)} tells it, in one write, and leaves {view.pair[role.other]} as it is."
    )
    return Phase(PhaseName.BEHIND, sentence, (commands.take_up(view),), status=status, role=role)


def _settled_by(view: View) -> str:
    return "adopt" if commands.is_settled_by_adopting(view) else "resume"


def _midway(view: View, half: HalfMade) -> Phase:
    transition, done = half.transition, half.done
    onward = [next_step.run(view.pair.name, goal) for goal in commands.goals_onward(view, transition)][:1]
    back = [next_step.plan(view.pair.name, goal) for goal in commands.goals_back(view, transition)][:1]
    sentence = f"{view.both_say()}. Transition {transition} is half made: {view.pair[done]} was told, {view.pair[done.other]} was not."
    if not half.settled:
        sentence += " The times do not tell in which direction the pair was going: the goal you name decides."
    if view.open_run is not None:
        sentence += _is_open(view.open_run, _finished_by(view))
        again = commands.take_up(view)
        if again.verb == "resume" or view.open_run.goal in commands.goals_onward(view, transition):
            onward = list(each_once((again, *onward)))
        else:
            onward = [commands.accepting(view, step) for step in onward]
    steps = (*onward, *back) or (next_step.watch(view.pair.name), commands.graph(view.playbook))
    return Phase(PhaseName.MIDWAY, sentence, steps, transition=transition.name, role=done.other)


def _half_absent(view: View, role: Role) -> Phase:
    sentence = f"{view.both_say()}, and no transition of the playbook {view.playbook.name} explains that. {_adoption(view)}"
    return Phase(PhaseName.HALF_ABSENT, sentence, _adoptions(view), role=role)


def _diverged(view: View) -> Phase:
    # By its statuses alone: the times are against it.
    near = next((each.transition for each in _candidates(view)), None)
    because = (
        f"no transition of the playbook {view.playbook.name} explains that"
        if near is None
        else f"transition {near} does not explain that, since the org at {near.source} changed last"
    )
    sentence = f"{view.both_say()}, and {because}. {_adoption(view)}"
    return Phase(PhaseName.DIVERGED, sentence, _adoptions(view))


def _set_back(view: View, role: Role, attempt: Attempt) -> Phase:
    sentence = (
        f"{view.both_say()}. {view.pair[role]} was set back by a write of ours that had been given up and came late "
        f"(attempt {attempt.number}: {attempt.status}): adopt tells it once more what {view.pair[role.other]} shows."
    )
    return Phase(
        PhaseName.DIVERGED,
        sentence,
        (next_step.adopt(view.pair.name, role.other), next_step.watch(view.pair.name)),
    )


def _truths(view: View) -> tuple[Role, ...]:
    """The orgs whose status may be copied to the other one, the one that changed later first: an emergency's survivor did."""
    first = _changed_later(view) or Role.PRIMARY
    return tuple(role for role in (first, first.other) if view.status(role) not in NOTHING_TO_TELL)


def _adoption(view: View) -> str:
    run = view.open_run
    if run is not None and commands.goes_by_another_playbook(view) and not view.stops_again:
        return f"Transition {run.transition} of the playbook that run {run.run} began with may: resume finishes it."
    truths = _truths(view)
    if not truths:
        return "Neither is a status that could be copied to the other org: ask Datadog's support, and look again."
    if len(truths) == 1:
        truth = truths[0]
        return f"Find out why; then adopt writes {view.status(truth)} to {view.pair[truth.other]}, once."
    return "Find out who changed what and why; then say which org is right: adopt writes the other one, once."


def _adoptions(view: View) -> tuple[NextStep, ...]:
    steps = [next_step.adopt(view.pair.name, truth) for truth in _truths(view)]
    if not steps:
        steps = [next_step.watch(view.pair.name)]
    run = view.open_run
    if run is None:
        return tuple(steps)
    # An emergency that died before it noted what it left untold: resume derives the debt from its writes.
    died = run.mode is Mode.EMERGENCY and run.start is not None and not run.ended
    if died or (commands.goes_by_another_playbook(view) and not view.stops_again):
        return (commands.resume(view), *steps, next_step.show(run.run))
    return (*steps, next_step.show(run.run))


class HalfMade(Struct, frozen=True):
    """A transition of which one org stands at `from`, the other at `to`."""

    transition: Transition
    done: Role
    """The org that stands at the transition's `to`."""
    settled: bool
    """False where neither the times nor the journal nor a goal says which way the pair was going."""


def half_made(view: View) -> HalfMade | None:
    """The transition that explains the two statuses, or None where no transition does.

    The org at `to` has to have changed later. Where the times can't say (equal, missing, or from a server that
    counts whole seconds), the open run's transition decides, then the goal.
    """
    candidates = _candidates(view)
    later = _changed_later(view)
    if later is not None:
        return next((candidate for candidate in candidates if candidate.done is later), None)
    if len(candidates) <= 1:
        return next(iter(candidates), None)
    return _settle_tie(view, candidates)


def _candidates(view: View) -> list[HalfMade]:
    statuses = {role: view.status(role) for role in Role}
    return [
        HalfMade(transition, done, settled=True)
        for transition in view.playbook.transitions
        for done in Role
        if (statuses[done.other], statuses[done]) == (transition.source, transition.target)
    ]


def _settle_tie(view: View, candidates: list[HalfMade]) -> HalfMade:
    if view.open_run is not None:
        for candidate in candidates:
            if candidate.transition.name == view.open_run.transition:
                return candidate
    goals = (view.goal, None if view.open_run is None else view.open_run.goal)
    for goal in (each for each in goals if each is not None):
        for candidate in candidates:
            if candidate.transition in (view.playbook.route(candidate.transition.source, goal) or ()):
                return candidate
    return replace(candidates[0], settled=False)


def _changed_later(view: View) -> Role | None:
    """The org whose record changed later, or None where the times do not tell; an org without a record has none."""
    records = (view.readings[role].record for role in Role)
    primary, secondary = (None if record is None else record.modified_at for record in records)
    if primary is None or secondary is None:
        return None
    if 0 in (primary.microsecond, secondary.microsecond):
        primary, secondary = primary.replace(microsecond=0), secondary.replace(microsecond=0)
    if primary == secondary:
        return None
    return Role.PRIMARY if primary > secondary else Role.SECONDARY


def prefix_trouble(
    pair: Pair,
    playbook: Playbook,
    transition: Transition,
    before: Both[Status | None],
    role: Role,
    *,
    unseen: Role | None = None,
) -> str | None:
    """Why the pair would be left where no command leads on, were the run to die after one write; None where it would not.

    The write brings `role` to the transition's target; `before` is what both show. `unseen` is the dead org of an
    emergency, which is behind by what is owed whatever it shows.
    """
    explained = {transition.source, *playbook.server_moves(transition.target)}
    # What the server has moved on from the target already must not be set back.
    if before[role] not in {transition.source, transition.target}:
        return (
            f"writing {transition.target} to {pair[role]} now would write over "
            f"{before[role] or 'a status that was not seen'}, which transition {transition} does not lead on from"
        )
    other = role.other
    if other is unseen or before[other] in explained:
        return None
    return (
        f"writing {transition.target} to {pair[role]} now would leave {pair[other]} at "
        f"{before[other] or 'a status that was not seen'}, which transition {transition} does not explain: the pair would be diverged"
    )

"""How the end of a run is put into words: what was and was not sent, and the commands that lead on (law 14)."""

from __future__ import annotations

import shlex

from msgspec.structs import replace

from orchestrator.model.playbook import Transition
from orchestrator.model.reading import Change, Unreachable
from orchestrator.model.run import End, Ending, Mode
from orchestrator.model.situation import PhaseName, Stranger
from orchestrator.model.words import after_asking, override_flag
from orchestrator.situation import commands
from orchestrator.situation.guards import strangers
from orchestrator.situation.state import RunState

from .active_run import ActiveRun, Begun


def with_words(active: ActiveRun, ending: Ending) -> Ending:  # noqa: C901 - one case per kind of end
    """The ending with what was sent, and with the commands for resuming, going back and switching to emergency."""
    state, pair = active.state, active.session.pair
    unknown = ending.end is End.UNKNOWN  # then its message is about the newest attempt
    words = " ".join((_sent_words(state), *_may_come_late(active, unknown=unknown)))
    steps = ending.next_steps
    resumes = state.intended and not active.left_to_others
    if resumes and ending.end in (
        End.INCOMPLETE,
        End.UNKNOWN,
        End.MOVED,
        End.INTERRUPTED,
        End.REFUSED,
    ):
        again = active.again
        look = commands.status(pair)
        match ending.change:
            case _ if _out_of_reach(active):
                steps = (look, *steps, again)
            case Change.STALE:
                # One that has outwaited it says so first: resumed, it would stop for the same.
                steps = (commands.watch(pair), *steps, again, f"{again} {override_flag('reverted')}")
            case Change.REVERTED:
                steps = (f"{again} {override_flag('reverted')}", look, *steps)
            case Change.MISLINKED:
                steps = (commands.CHECK, look, *steps)
            case Change.FOREIGN | Change.LATE:
                steps = (*steps, *_from_what_is_there(active), look, *_ways_back(active))
            case _ if ending.end is End.REFUSED and steps and _both_answered(active):
                # For where the pair stands: resumed, it would be refused again until that is settled.
                steps = (*steps, look, again, *_ways_back(active))
            case _ if _refused_as_not_alone(active):
                steps = (*steps, again, *_ways_back(active))
            case _:
                onward = (again, *_ways_back(active)), _to_emergency(active)
                first, then = reversed(onward) if _fails_again(active, ending) else onward
                steps = (*first, *then, look, *steps)
    elif ending.end is End.OWING and not state.attempts:
        steps = after_asking(steps, pair.name, _at_work(active))
    elif ending.end in (End.MOVED, End.REFUSED, End.INTERRUPTED) and not steps:
        resume = (f"hamr resume {state.run}",) if can_be_taken_up(active, ending) else ()
        steps = (*resume, commands.status(pair))
    return replace(ending, next_steps=tuple(dict.fromkeys(steps)), sent=ending.sent or words)


def _out_of_reach(active: ActiveRun) -> bool:
    """Whether both orgs show a status from which no transition leads to the goal: resumed from there, the run would be refused."""
    engine, goal = active.engine, active.purpose.goal
    if engine.reader.last is None or goal is None or engine.run.owed_now() is not None:
        return False
    primary, secondary = (reading.status for reading in engine.reader.last)
    return primary is not None and primary is secondary and engine.run.playbook.route(primary, goal) is None


def _both_answered(active: ActiveRun) -> bool:
    """Whether the last look showed both orgs: what was refused then is not for a look that failed."""
    readings = active.engine.reader.last
    return readings is not None and all(reading.status is not None for reading in readings)


def _refused_as_not_alone(active: ActiveRun) -> bool:
    """Whether a guard says that somebody else is at work: until then, resuming would be refused again."""
    return any(verdict.guard == "alone" for verdict in active.engine.evaluator.refused_by())


def _sent_words(state: RunState) -> str:
    """What was and was not sent, as a sentence."""
    seen = sum(1 for sent in state.sent if sent.confirmed)
    unseen = sum(1 for sent in state.sent if not sent.confirmed and not sent.refused)
    if not state.intended:
        return "Nothing was sent."
    if not seen and not unseen:
        return (
            "No write was taken by an org."
            if state.attempts
            else "Nothing was sent to the orgs; hooks were run."
        )
    words = f"{seen} {'write was' if seen == 1 else 'writes were'} sent and seen by reading back."
    return words + (f" {unseen} more may have reached an org." if unseen else "")


def _may_come_late(active: ActiveRun, *, unknown: bool) -> tuple[str, ...]:
    """What of this run or an earlier one was given up, and may still take effect: a sentence for each (law 5)."""
    pair, late = active.session.pair, active.session.playbook.late
    readings = active.engine.reader.last
    earlier = [
        (each.run, each.attempt)
        for each in active.given_up
        if each.may_still_come(
            None if readings is None else readings[each.attempt.role].exchange.server_date, late
        )
    ]
    own = [(active.state.run, attempt) for attempt in active.state.may_come_late()]
    newest = active.state.outstanding()
    if newest is not None and not unknown:
        own.append((active.state.run, newest))
    return tuple(
        f"Attempt {attempt.number} of run {run} ({attempt.status} to {pair[attempt.role]}) was given up, and may still "
        f"take effect: look again in {late.total_seconds() / 60:g} min (hamr status {pair.name})."
        for run, attempt in (*earlier, *own)
    )


def _from_what_is_there(active: ActiveRun) -> tuple[str, ...]:
    """After somebody else's write: resuming would stop for it again, and a new run starts from what is there now."""
    engine, pair, goal = active.engine, active.session.pair, active.purpose.goal
    if engine.reader.last is None or engine.reader.identities is None or goal is None:
        return ()
    if any(isinstance(reading.sight, Unreachable) for reading in engine.reader.last):
        return ()  # the last look was one of many: what it did not see says nothing yet
    phase = engine.reader.phase(goal)
    name = shlex.quote(pair.name)
    watch = commands.watch(pair)
    onward: tuple[str, ...] = tuple(
        step for step in phase.next_steps if not step.startswith(("hamr resume", "hamr show"))
    )
    flags = (" --emergency --reason TEXT" if active.state.dead else "") + _accepting(active.state)
    owed, status = engine.run.owed, phase.status
    if owed is not None:
        old = f" {override_flag('reverted')}" if phase.name is PhaseName.LAGGING else ""
        onward = (f"{commands.adopt(pair, owed.role.other)}{old}",)
    elif (
        phase.name is PhaseName.AGREED and status and active.session.playbook.route(status, goal) is not None
    ):
        # At its goal, a run has nothing to do but close this one.
        onward = (f"hamr run {name} --to {goal}{flags}",)
    elif phase.name is PhaseName.MIDWAY:
        onward = tuple(
            step if "--override" in step or not step.startswith("hamr run ") else f"{step}{flags}"
            for step in onward
        )
    return (watch, *onward) if _at_work(active) else onward


def _at_work(active: ActiveRun) -> tuple[Stranger, ...]:
    """Who seems to be moving the pair without this journal's knowing, by the last look."""
    engine = active.engine
    return (
        ()
        if engine.reader.last is None
        else strangers(engine.reader.last, engine.run.known_runs, engine.run.clock.now())
    )


def _ways_back(active: ActiveRun) -> tuple[str, ...]:
    """Going back, where the playbook has a transition for it (law 14)."""
    playbook, here = active.session.playbook, _transition_here(active)
    if (
        here is None
        or playbook.between(here.target, here.source) is None
        or here.source not in playbook.stops
    ):
        return ()
    return (f"hamr run {shlex.quote(active.session.pair.name)} --to {here.source}{_accepting(active.state)}",)


def _accepting(state: RunState) -> str:
    """The flag by which a new run accepts what this one left unknown, with a blank before it; "" where it left nothing."""
    left = state.unknown or state.outstanding() is not None or state.may_come_late()
    return f" {override_flag('unknown')}" if left else ""


def _to_emergency(active: ActiveRun) -> tuple[str, ...]:
    """Switching to emergency, where the transition that comes next names a survivor (law 14)."""
    state, playbook, goal = active.state, active.session.playbook, active.purpose.goal
    coming = _transition_here(active)
    if state.transition is None and coming is not None and goal is not None:
        coming = next(iter(playbook.route(coming.target, goal) or ()), None)
    if state.mode is not Mode.PLANNED or coming is None or coming.survivor is None:
        return ()
    return (f"hamr resume {active.run} --emergency --reason TEXT",)


def _fails_again(active: ActiveRun, ending: Ending) -> bool:
    """Whether an org that an emergency does without answers reads and fails write after write, resumed or not."""
    state, here = active.state, _transition_here(active)
    survivor = None if here is None else here.survivor
    if survivor is None or ending.org is not survivor.other or not state.recalled:
        return False
    newest = [sent for sent in state.sent if sent.attempt.role is ending.org][-2:]
    return len(newest) > 1 and all(sent.lost and not sent.confirmed for sent in newest)


def _transition_here(active: ActiveRun) -> Transition | None:
    """The transition that is under way; between two transitions, the one that was made last."""
    state, playbook = active.state, active.session.playbook
    if state.transition is not None:
        return playbook.transition(state.transition.transition)
    return playbook.transition(state.steps[-1].transition) if state.steps else None


def can_be_taken_up(active: ActiveRun, ending: Ending) -> bool:
    """Whether the run stays open: it did something, or waited for something, and is not through with it."""
    state = active.state
    if active.purpose.begun is Begun.ADOPTION or active.left_to_others:
        return False
    if ending.end.reached:
        return bool(state.hooks_owed())
    return state.intended or (state.waiting and ending.end is End.INTERRUPTED)

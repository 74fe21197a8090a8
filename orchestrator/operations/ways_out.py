"""How the end of a run is put into words: what was and was not sent, and the commands that lead on (law 14)."""

from __future__ import annotations

import shlex

from msgspec.structs import replace

from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import Change, Unreachable
from orchestrator.model.run import End, Ending, Mode
from orchestrator.model.situation import PhaseName, Stranger
from orchestrator.model.words import after_asking, override_flag
from orchestrator.situation import commands
from orchestrator.situation.guards import strangers
from orchestrator.situation.state import RunState

from .running import Running


def with_words(running: Running, ending: Ending) -> Ending:
    """The ending with what was sent, and with the commands for resuming, going back and switching to emergency."""
    memory, pair = running.memory, running.session.pair
    unknown = ending.end is End.UNKNOWN  # then its message is about the newest attempt
    words = " ".join((_sent_words(memory), *_may_come_late(running, unknown=unknown)))
    steps = ending.next_steps
    resumes = memory.intended and not running.left_to_others
    if resumes and ending.end in (
        End.INCOMPLETE,
        End.UNKNOWN,
        End.MOVED,
        End.INTERRUPTED,
        End.REFUSED,
    ):
        again = running.take_up or f"hamr resume {memory.run}"
        look = commands.status(pair)
        match ending.change:
            case _ if _out_of_reach(running):
                steps = (look, *steps, again)
            case Change.STALE:
                # One that has outwaited it says so first: resumed, it would stop for the same.
                steps = (commands.watch(pair), *steps, again, f"{again} {override_flag('reverted')}")
            case Change.REVERTED:
                steps = (f"{again} {override_flag('reverted')}", look, *steps)
            case Change.FOREIGN | Change.LATE:
                steps = (*steps, *_from_what_is_there(running), look, *_ways_back(running))
            case _ if ending.end is End.REFUSED and steps and _both_answered(running):
                # For where the pair stands: resumed, it would be refused again until that is settled.
                steps = (*steps, look, again, *_ways_back(running))
            case _ if _refused_as_not_alone(running):
                steps = (*steps, again, *_ways_back(running))
            case _:
                onward = (again, *_ways_back(running)), _alone(running)
                first, then = reversed(onward) if _fails_again(running, ending) else onward
                steps = (*first, *then, look, *steps)
    elif ending.end is End.OWING and not memory.attempts:
        steps = after_asking(steps, pair.name, _at_work(running))
    elif ending.end in (End.MOVED, End.REFUSED, End.INTERRUPTED) and not steps:
        resume = (f"hamr resume {memory.run}",) if can_be_taken_up(running, ending) else ()
        steps = (*resume, commands.status(pair))
    return replace(ending, next_steps=tuple(dict.fromkeys(steps)), sent=ending.sent or words)


def _out_of_reach(running: Running) -> bool:
    """Whether both orgs show a status from which no transition leads to the goal: resumed from there, the run would be refused."""
    engine, goal = running.engine, running.goal
    if engine is None or engine.reader.last is None or goal is None or engine.run.owed_now() is not None:
        return False
    primary, secondary = (reading.status for reading in engine.reader.last)
    return primary is not None and primary is secondary and engine.run.playbook.route(primary, goal) is None


def _both_answered(running: Running) -> bool:
    """Whether the last look showed both orgs: what was refused then is not for a look that failed."""
    readings = None if running.engine is None else running.engine.reader.last
    return readings is not None and all(reading.status is not None for reading in readings)


def _refused_as_not_alone(running: Running) -> bool:
    """Whether a guard says that somebody else is at work: until then, resuming would be refused again."""
    engine = running.engine
    return engine is not None and any(verdict.guard == "alone" for verdict in engine.evaluator.refused_by())


def _sent_words(memory: RunState) -> str:
    """What was and was not sent, as a sentence."""
    seen = sum(1 for sent in memory.sent if sent.confirmed)
    unseen = sum(1 for sent in memory.sent if not sent.confirmed and not sent.refused)
    if not memory.intended:
        return "Nothing was sent."
    if not seen and not unseen:
        return (
            "No write was taken by an org."
            if memory.attempts
            else "Nothing was sent to the orgs; hooks were run."
        )
    words = f"{seen} {'write was' if seen == 1 else 'writes were'} sent and seen by reading back."
    return words + (f" {unseen} more may have reached an org." if unseen else "")


def _may_come_late(running: Running, *, unknown: bool) -> tuple[str, ...]:
    """What of this run or an earlier one was given up, and may still take effect: a sentence for each (law 5)."""
    engine, pair, late = running.engine, running.session.pair, running.session.playbook.late
    readings = None if engine is None else engine.reader.last
    earlier = [
        (each.run, each.attempt)
        for each in running.given_up
        if each.may_still_come(
            None if readings is None else readings[each.attempt.role].exchange.server_date, late
        )
    ]
    own = [(running.memory.run, attempt) for attempt in running.memory.may_come_late()]
    newest = running.memory.outstanding()
    if newest is not None and not unknown:
        own.append((running.memory.run, newest))
    return tuple(
        f"Attempt {attempt.number} of run {run} ({attempt.status} to {pair[attempt.role]}) was given up, and may still "
        f"take effect: look again in {late.total_seconds() / 60:g} min (hamr status {pair.name})."
        for run, attempt in (*earlier, *own)
    )


def _from_what_is_there(running: Running) -> tuple[str, ...]:
    """After somebody else's write: resuming would stop for it again, and a new run starts from what is there now."""
    engine, pair, goal = running.engine, running.session.pair, running.goal
    if engine is None or engine.reader.last is None or engine.reader.identities is None or goal is None:
        return ()
    if any(isinstance(reading.sight, Unreachable) for reading in engine.reader.last):
        return ()  # the last look was one of many: what it did not see says nothing yet
    phase = engine.reader.phase(goal)
    name = shlex.quote(pair.name)
    watch = commands.watch(pair)
    onward: tuple[str, ...] = tuple(
        step for step in phase.next_steps if not step.startswith(("hamr resume", "hamr show"))
    )
    flags = " --emergency --reason TEXT" if running.memory.dead else ""
    memory = running.memory
    if memory.unknown or memory.outstanding() is not None or memory.may_come_late():
        flags += f" {override_flag('unknown')}"
    owed, status = engine.run.owed, phase.status
    if owed is not None:
        old = f" {override_flag('reverted')}" if phase.name is PhaseName.LAGGING else ""
        onward = (f"{commands.adopt(pair, owed.role.other)}{old}",)
    elif (
        phase.name is PhaseName.AGREED and status and running.session.playbook.route(status, goal) is not None
    ):
        # At its goal, a run has nothing to do but close this one.
        onward = (f"hamr run {name} --to {goal}{flags}",)
    elif phase.name is PhaseName.MIDWAY:
        onward = tuple(
            step if "--override" in step or not step.startswith("hamr run ") else f"{step}{flags}"
            for step in onward
        )
    return (watch, *onward) if _at_work(running) else onward


def _at_work(running: Running) -> tuple[Stranger, ...]:
    """Who seems to be moving the pair without this journal's knowing, by the last look."""
    engine = running.engine
    if engine is None or engine.reader.last is None:
        return ()
    return strangers(engine.reader.last, engine.run.known_runs, engine.run.clock.now())


def _ways_back(running: Running) -> tuple[str, ...]:
    """Going back, where the playbook has a transition for it (law 14)."""
    memory, playbook, pair = running.memory, running.session.playbook, running.session.pair
    transition = _transition_here(memory, playbook)
    if (
        transition is None
        or playbook.between(transition.target, transition.source) is None
        or transition.source not in playbook.stops
    ):
        return ()
    return (f"hamr run {shlex.quote(pair.name)} --to {transition.source}",)


def _alone(running: Running) -> tuple[str, ...]:
    """Switching to emergency, where the transition that comes next names a survivor (law 14)."""
    memory, playbook = running.memory, running.session.playbook
    transition = _transition_here(memory, playbook)
    if memory.mode is not Mode.PLANNED or not _may_go_on_alone(
        running, memory.transition is not None, transition
    ):
        return ()
    return (f"hamr resume {memory.run} --emergency --reason TEXT",)


def _fails_again(running: Running, ending: Ending) -> bool:
    """Whether an org that an emergency does without answers reads and fails write after write, resumed or not."""
    memory = running.memory
    transition = _transition_here(memory, running.session.playbook)
    survivor = None if transition is None else transition.survivor
    if survivor is None or ending.org is not survivor.other or not memory.recalled:
        return False
    newest = [sent for sent in memory.sent if sent.attempt.role is ending.org][-2:]
    return len(newest) > 1 and all(sent.lost and not sent.confirmed for sent in newest)


def _transition_here(memory: RunState, playbook: Playbook) -> Transition | None:
    """The transition that is under way; between two transitions, the one that was made last."""
    if memory.transition is not None:
        return playbook.transition(memory.transition.transition)
    return playbook.transition(memory.steps[-1].transition) if memory.steps else None


def _may_go_on_alone(running: Running, under_way: bool, transition: Transition | None) -> bool:
    """Whether the transition that comes next names a survivor."""
    if transition is None or under_way or running.goal is None:
        return transition is not None and transition.survivor is not None
    beyond = running.session.playbook.route(transition.target, running.goal)
    return bool(beyond) and beyond is not None and beyond[0].survivor is not None


def can_be_taken_up(running: Running, ending: Ending) -> bool:
    """Whether the run stays open: it did something, or waited for something, and is not through with it."""
    memory = running.memory
    if running.take_up or running.left_to_others:
        return False
    if ending.end in (End.DONE, End.OWING):
        return bool(memory.hooks_owed())
    return memory.intended or (memory.waiting and ending.end is End.INTERRUPTED)

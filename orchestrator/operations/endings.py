"""How the end of a run is put into words: what was and was not sent, and the commands that lead on (law 14)."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model.run import End, Ending
from orchestrator.model.words import span
from orchestrator.situation.guards import strangers
from orchestrator.situation.next_steps import Ended, after_a_run
from orchestrator.situation.state import RunState

from .holding import ActiveRun, Begun


def with_words(active: ActiveRun, ending: Ending) -> Ending:
    """The ending with what was sent, and with the commands for resuming, going back and switching to emergency."""
    unknown = ending.end is End.UNKNOWN  # then its message is about the newest attempt
    late = _may_come_late(active, unknown=unknown)
    words = " ".join((_sent_words(active.state), *late))
    steps = after_a_run(_ended(active, ending, late=bool(late)))
    return replace(ending, next_steps=steps, sent=ending.sent or words)


def _ended(active: ActiveRun, ending: Ending, *, late: bool) -> Ended:
    """What is known when a run ends."""
    session, reader, run = active.session, active.engine.reader, active.engine.run
    known = reader.last is not None and reader.identities is not None
    return Ended(
        ending=ending,
        pair=session.pair,
        playbook=session.playbook,
        state=active.state,
        goal=active.purpose.goal,
        again=active.again,
        readings=reader.last,
        phase=reader.phase(active.purpose.goal) if known else None,
        owed=run.owed_now(),
        refused_by=active.engine.evaluator.awaited or active.engine.evaluator.refused_by(),
        strangers=() if reader.last is None else strangers(reader.last, run.known_runs, run.clock.now()),
        left_to_others=active.left_to_others,
        may_come_late=late,
        takes_up=can_be_taken_up(active, ending),
    )


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
    if not seen:
        return f"{unseen} {'write' if unseen == 1 else 'writes'} may have reached an org; none was seen by reading back."
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
        f"take effect: look again in {span(late)} (hamr status {pair.name})."
        for run, attempt in (*earlier, *own)
    )


def can_be_taken_up(active: ActiveRun, ending: Ending) -> bool:
    """Whether the run stays open: it did something, or waited for something, and is not through with it."""
    state = active.state
    if active.purpose.begun is Begun.ADOPTION or active.left_to_others:
        return False
    if ending.end.reached:
        return bool(state.hooks_owed())
    return state.intended or (state.waiting and ending.end is End.INTERRUPTED)

"""How the end of a run is put into words: what was and was not sent, and the commands that lead on (law 14)."""

from __future__ import annotations

from orchestrator.engine.memory import Memory
from orchestrator.model.playbook import Playbook, Row
from orchestrator.model.run import End, Ending, Mode
from orchestrator.running import Running


def with_words(running: Running, ending: Ending) -> Ending:
    """The ending with what was sent, and with the commands for resuming, going back and switching to emergency."""
    memory, pair = running.memory, running.session.pair
    words = " ".join((_sent_words(memory), *_may_come_late(running)))
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
        steps = (
            again,
            *_ways_out(running, moved=ending.end is End.MOVED),
            f"hamr status {pair.name}",
            *steps,
        )
    elif ending.end in (End.MOVED, End.REFUSED, End.INTERRUPTED) and not steps:
        resume = (f"hamr resume {memory.run}",) if can_be_taken_up(running, ending) else ()
        steps = (*resume, f"hamr status {pair.name}")
    return Ending(ending.end, ending.message, ending.org, tuple(dict.fromkeys(steps)), ending.sent or words)


def _sent_words(memory: Memory) -> str:
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


def _may_come_late(running: Running) -> tuple[str, ...]:
    """What of this run or an earlier one was given up, and may still take effect: a sentence for each (law 5)."""
    engine, pair, late = running.engine, running.session.pair, running.session.playbook.late
    readings = None if engine is None else engine.eyes.last
    earlier = [
        (each.run, each.attempt)
        for each in running.given_up
        if each.may_still_come(
            None if readings is None else readings[each.attempt.role].exchange.server_date, late
        )
    ]
    own = [(running.memory.run, attempt) for attempt in running.memory.may_come_late()]
    return tuple(
        f"Attempt {attempt.number} of run {run} ({attempt.status} to {pair[attempt.role]}) was given up, and may still "
        f"take effect: look again in {late.total_seconds() / 60:g} min (hamr status {pair.name})."
        for run, attempt in (*earlier, *own)
    )


def _ways_out(running: Running, *, moved: bool) -> tuple[str, ...]:
    """Going back, and switching to emergency, where the playbook has rows for it (law 14)."""
    memory, playbook, pair = running.memory, running.session.playbook, running.session.pair
    steps: list[str] = []
    if moved and running.goal is not None:
        # Somebody else wrote: resuming would stop for the same change; a new run starts from what is there now.
        steps.append(f"hamr run {pair.name} --to {running.goal}")
    row = _row_here(memory, playbook)
    if (
        row is not None
        and playbook.between(row.target, row.source) is not None
        and row.source in playbook.stops
    ):
        steps.append(f"hamr run {pair.name} --to {row.source}")
    if memory.mode is Mode.PLANNED and _may_go_on_alone(running, memory.row is not None, row):
        steps.append(f"hamr resume {memory.run} --emergency --reason TEXT")
    return tuple(steps)


def _row_here(memory: Memory, playbook: Playbook) -> Row | None:
    """The row that is under way; between two rows, the one that was made last."""
    if memory.row is not None:
        return playbook.row(memory.row.row)
    return playbook.row(memory.steps[-1].row) if memory.steps else None


def _may_go_on_alone(running: Running, under_way: bool, row: Row | None) -> bool:
    """Whether the row that comes next names a survivor."""
    if row is None or under_way or running.goal is None:
        return row is not None and row.survivor is not None
    beyond = running.session.playbook.route(row.target, running.goal)
    return bool(beyond) and beyond is not None and beyond[0].survivor is not None


def can_be_taken_up(running: Running, ending: Ending) -> bool:
    """Whether the run stays open: it did something, or waited for something, and is not through with it."""
    memory = running.memory
    if running.take_up or running.left_to_others:
        return False
    if ending.end in (End.DONE, End.OWING):
        return bool(memory.hooks_owed())
    return memory.intended or (memory.waiting and ending.end is End.INTERRUPTED)

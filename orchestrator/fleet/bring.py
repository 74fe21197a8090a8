"""One pair of a fleet, brought to the fleet's goal: the one function that the loop over waves and every worker calls.

It reads the journal and the orgs, and starts or resumes; done twice, it finds nothing to do. Whatever is in the way of
one pair is that pair's outcome, and stops no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from orchestrator.errors import (
    Conflict,
    ExitCode,
    HamrError,
    JournalUnavailable,
    Locked,
    Refused,
)
from orchestrator.journal.history import History, RunHistory, event_of
from orchestrator.model import events, next_step
from orchestrator.model.fleet import FleetView
from orchestrator.model.reading import Unreachable
from orchestrator.model.result import PairOutcome, RunResult
from orchestrator.model.run import ID_LETTERS, Mode, new_run_id
from orchestrator.model.status import Status
from orchestrator.model.timing import seconds_between
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import held_by_another_name, refuse_held
from orchestrator.operations.run import resume, start
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_in_emergency
from orchestrator.system.log import logger

_BEGINS_WITHIN = timedelta(seconds=10)
"""How long a run of ours may hold its pair's lock before the journal says which fleet it is of."""

SIGNALLED = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.CLOSED_TERMINAL})


async def bring_pair(
    session: Session,
    fleet: FleetView,
    *,
    controls: RunControl | None = None,
) -> PairOutcome:
    """Bring the session's pair to the fleet's goal, and journal what came of it; a JournalUnavailable or JournalDamaged where that could not be.

    What the fleet's last taking up has already brought to an end is left at that. A run of this fleet that is open is resumed,
    by whomever it was begun; else one begins, as the fleet was asked for. Where another process is at this very pair for
    this very fleet, or is to go on with it, the outcome says `elsewhere` and is not journalled: ask again later. So it does
    where the end of its run could not be journalled.

    The session goes by the playbook of the fleet's own record; `fleet` may be a little old.
    """
    session.fleet, moved = fleet.fleet, session.moved
    try:
        outcome, journalled = await _outcome(session, fleet, controls)
    except JournalUnavailable as error:  # it says nothing of this pair
        await session.calls(partial(_move_since, session, fleet, moved, error))
        return await bring_pair(session, fleet, controls=controls)
    if journalled or outcome.elsewhere:
        return outcome
    append, moved = partial(session.append, fleet.fleet, events.FleetPairEnded(outcome)), session.moved
    try:
        record = await session.calls(append)
    except JournalUnavailable as error:
        await session.calls(partial(_move_since, session, fleet, moved, error))
        await session.calls(append)
    else:
        if session.refuge is not None and session.moved is None:
            session.along[record.seq] = record
    return outcome


async def _outcome(
    session: Session, fleet: FleetView, controls: RunControl | None
) -> tuple[PairOutcome, bool]:
    """What came of the pair, and whether the journal has it already."""
    resumed = await session.calls(partial(_resumed, session, fleet))
    known = await session.calls(partial(_ended_since, session, resumed))
    if known is not None:
        return known, True
    try:
        _refuse_other_orgs(session, fleet)
        outcome = await _bring(session, fleet, resumed, controls)
        elsewhere = outcome.elsewhere or (
            not outcome.arrived and await session.calls(partial(_goes_on, session, outcome, controls))
        )
    except JournalUnavailable:
        raise
    except HamrError as error:
        code, steps = int(error.exit_code), error.next_steps
        outcome = PairOutcome(session.pair.name, "", code, error.message, next_steps=steps)
        elsewhere = isinstance(error, Locked) and await session.calls(partial(_is_ours, session))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other pairs go on
        logger().exception("a pair of the fleet stopped on a bug", pair=session.pair.name)
        words = f"hamr has a bug, and stopped: {type(error).__name__}: {error}"
        outcome, elsewhere = PairOutcome(session.pair.name, "", int(ExitCode.FAILED), words), False
    if elsewhere:
        return replace(outcome, elsewhere=True), False
    if not outcome.arrived and (known := await session.calls(partial(_ended_since, session, resumed))):
        return known, True  # another process brought it, while this one was stopped
    return outcome, False


def _move_since(
    session: Session, fleet: FleetView, moved: events.JournalMoved | None, error: JournalUnavailable
) -> None:
    """Go on in this machine's own journal (law 9), unless that was done since, by a resume whose run it does not know.

    A JournalUnavailable where this is no emergency, there is none to move to, or it had moved already.
    """
    if fleet.started.mode is not Mode.EMERGENCY:
        raise error
    if session.moved is moved:
        session.move_journal(error)


def _goes_on(session: Session, outcome: PairOutcome, controls: RunControl | None) -> bool:
    """Whether another process goes on with its run, or could not be told by this one that it ended."""
    if controls is not None and controls.hands_on and (outcome.resumable or outcome.exit_code in SIGNALLED):
        return True
    kinds = (events.RunStarted.kind, events.RunResumed.kind, events.RunFinished.kind)
    said = (
        [record.kind for record in session.store.records(run=outcome.run, kinds=kinds)] if outcome.run else []
    )
    return bool(said) and said[-1] != events.RunFinished.kind


def _resumed(session: Session, fleet: FleetView) -> int:
    """The number of the record by which the fleet began, or was taken up last."""
    records = session.store.records(run=fleet.fleet, pair="", kinds=(events.FleetResumed.kind,))
    return max((record.seq for record in records), default=0)


def _ended_since(session: Session, resumed: int) -> PairOutcome | None:
    """What came of the pair since then, or at any time where nothing is left to do; None where it is still to be brought."""
    records = session.store.records(
        run=session.fleet, pair=session.pair.name, kinds=(events.FleetPairEnded.kind,)
    )
    for record in reversed([*records]):
        event = event_of(record)
        if isinstance(event, events.FleetPairEnded):
            done = event.outcome.exit_code == ExitCode.DONE
            return event.outcome if done or record.seq > resumed else None
    return None


async def _bring(
    session: Session,
    fleet: FleetView,
    resumed: int,
    controls: RunControl | None,
) -> PairOutcome:
    history = await session.calls(session.history)
    ours = _run_of_fleet(history, fleet.fleet)
    if ours is None or not (ours.open or _reached(ours)):
        await session.calls(lambda: refuse_busy(session, history, fleet.started.mode))
        if fleet.started.mode is Mode.EMERGENCY:
            await _refuse_whole(session, fleet.started.goal)
        run = await session.calls(partial(_new_run, session, fleet))
        request = fleet.request_for(session.pair.name)
        return _came_of(await start(session, request, controls=controls, run=run))
    if ours.open:
        came = _came_of(await resume(session, ours, controls=controls))
        return replace(came, seconds=seconds_between(ours.started_at, session.clock.now()))
    owed = history.owed
    if resumed and owed is not None and owed.run == ours.run:
        return _came_of(await resume(session, None, controls=controls))
    assert ours.finished is not None and ours.finished_at is not None  # noqa: PT018, S101 - it came to its goal
    ended = _ended(ours, ours.finished)
    return replace(ended, seconds=seconds_between(ours.started_at, ours.finished_at))


def _refuse_other_orgs(session: Session, fleet: FleetView) -> None:
    """What a person agreed to were the orgs that the pair had then; Conflict where the inventory names others now."""
    if not fleet.is_of(session.pair):
        pair = session.pair.name
        raise Conflict(
            f"the inventory names other orgs for pair {pair} than when fleet {fleet.fleet} was planned: that fleet moves those alone",
            next_steps=(next_step.fleet_plan(pair, goal=fleet.started.goal),),
        )


def _run_of_fleet(history: History, fleet: str) -> RunHistory | None:
    """The pair's newest run that belongs to the fleet."""
    runs = reversed(history.runs.values())
    return next((run for run in runs if run.started is not None and run.started.fleet == fleet), None)


def _reached(run: RunHistory) -> bool:
    return run.finished is not None and run.finished.ending.end.reached


def refuse_busy(session: Session, history: History, mode: Mode) -> None:
    """A pair that somebody else is at, or has left in the middle, is theirs; an emergency waits for no run that nobody is at.

    A run of which nothing was sent is in nobody's way: the new one takes its place, as ever.

    Raises:
        Locked: somebody holds it.
        Refused: somebody's run has left it in the middle.
    """
    refuse_held(session, take_over=mode is Mode.EMERGENCY)
    run = history.open_run
    if run is None or not run.intended or mode is Mode.EMERGENCY:
        return
    fleet = "" if run.started is None else run.started.fleet
    raise Refused(
        f"run {run.run} of {run.by}@{run.host} is open on pair {session.pair.name}: a fleet does not take its place",
        next_steps=(
            next_step.fleet_resume(fleet) if fleet else next_step.resume(run.run),
            next_step.show(run.run),
        ),
    )


async def _refuse_whole(session: Session, goal: Status) -> None:
    """An emergency begins nothing on a pair that has both orgs when its turn comes, whatever it had when that was planned.

    Refused where both answer, and are not at the goal.
    """
    standing = await read_in_emergency(session, goal, settle=False)
    if all(reading.status is goal for reading in standing.readings):
        return
    if not any(isinstance(reading.sight, Unreachable) for reading in standing.readings):
        raise Refused(
            f"both orgs of pair {session.pair.name} answer by now, and this fleet is an emergency: it is left where it is",
            next_steps=standing.next_steps[:1],
        )


def _is_ours(session: Session) -> bool:
    """Whether the pair is held for the fleet by another process that lives, or was held until just now; none of it under another name."""
    now = session.clock.now()
    holder = session.store.holder(session.pair.name)
    if holder is None:
        return held_by_another_name(session, session.store.holders()) is None
    if session.is_gone(holder) or holder.is_silent(now):
        return False
    started = next(session.store.records(run=holder.run, kinds=(events.RunStarted.kind,)), None)
    if started is None:
        return now - holder.taken_at < _BEGINS_WITHIN
    return started.data.get("fleet") == session.fleet


def _new_run(session: Session, fleet: FleetView) -> str:
    """An id that no two pairs of a fleet get in the same second: by chance, two of a thousand would."""
    number = [*fleet.members].index(session.pair.name)
    offset = int.from_bytes(hashlib.sha256(fleet.fleet.encode()).digest()[:4])
    run = new_run_id(session.clock.now(), partial(next, _digits(number + offset)))
    return session.new_run() if session.store.ids(run, 1) else run


def _digits(number: int) -> Iterator[str]:
    while True:
        number, digit = divmod(number, len(ID_LETTERS))
        yield ID_LETTERS[digit]


def _came_of(result: RunResult) -> PairOutcome:
    return replace(_ended(result, result), elsewhere=result.taken_over)


def _ended(run: RunResult | RunHistory, end: RunResult | events.RunFinished) -> PairOutcome:
    """What came of a run, as it says itself, or as the journal has it of one that could not say so for the fleet."""
    words = ". ".join((end.ending.message.removesuffix("."), *end.ending.late)).removesuffix(".")
    return PairOutcome(
        run.pair,
        run.run,
        int(end.exit_code),
        words if end.ending.late else end.ending.message,
        end.phase,
        end.seconds,
        end.ending.next_steps,
        end.resumable,
    )

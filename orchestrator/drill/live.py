"""A drill on a live pair that may be drilled: out, and home again, by the very engine, guards and journal of a run."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.errors import (
    ExitCode,
    HamrError,
    Incomplete,
    Interrupted,
    JournalDamaged,
    OutcomeUnknown,
    Refused,
)
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.events import DrillStarted
from orchestrator.model.floor import Floor, Floors, floor_of
from orchestrator.model.result import DrillResult, Expectation
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Status
from orchestrator.model.words import utc
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import take_lock
from orchestrator.operations.preflight import refuse_renamed
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_status

from .failback import FailbackResult, OpenDrill, bring_home, check_routes, refuse_undrillable
from .score import PlayedDrill


async def drill(
    session: Session,
    goal: Status,
    *,
    notes: str = "",
    controls: RunControl | None = None,
) -> DrillResult:
    """Take a live pair to a goal and home again, score it, and clean up.

    Home is the status that the pair stands at now. While the drill is open, no other run but an emergency's gets
    the pair. Where it can't be brought home, the drill stays open, and its result says why. The journal keeps `notes`.

    Raises:
        UsageError: the playbook has no way out, or none home.
        Refused: the pair may not be drilled, or is in no state to be.
        Incomplete: it had begun when the journal could not be used any more; it stays open.
        OutcomeUnknown: the same, and nobody knows what became of a write.
        HamrError: the journal or the orgs could not be used at all.
    """
    refuse_undrillable(session.pair)
    home, seen = await _look(session)
    check_routes(session.playbook, home, goal)
    opened = _open(session, goal, home, controls or RunControl())
    opened.controls.unattended = seen
    live = _Live(opened, PlayedDrill(opened), goal, home)
    try:
        return await live.through(notes)
    except (Interrupted, JournalDamaged):
        raise
    except HamrError as error:
        raise live.left_open(error) from error


async def home_of(session: Session) -> Status:
    """Where a pair stands that is ready for a drill, by reading both orgs alone; Refused where it is in no state to be drilled."""
    home, _ = await _look(session)
    return home


async def _look(session: Session) -> tuple[Status, Floors]:
    """That, and what the orgs showed: nobody looks again before the drill's first run, which is to meet nobody else either."""
    history = session.history_by_name()
    _refuse_unready(session, history)
    standing = await read_status(session)
    phase = standing.phase
    if phase.name is not PhaseName.AGREED or phase.status is None:
        raise Refused(
            f"pair {session.pair.name} stands at {phase.label}, and a drill begins where both orgs agree. {phase.sentence}",
            next_steps=phase.next_steps,
        )
    seen: dict[str, Floor] = {}
    for reading in standing.readings:
        if reading.record is not None:
            floor = floor_of(history.floors, reading.record.org_uuid)
            ours = floor is not None and floor.ours and reading.record.same_version(floor.record)
            seen[reading.record.org_uuid.lower()] = Floor(reading.record, ours=ours)
    return phase.status, seen


def _refuse_unready(session: Session, history: History) -> None:
    """A drill begins on a pair with nothing left over; a refusal names what is."""
    name, held = session.pair.name, history.open_drill
    refuse_renamed(history.known_as, {})
    if held is not None:
        raise Refused(
            f"pair {name} is in drill {held.drill} already, which {held.by}@{held.host} began at "
            f"{utc(held.started_at)} and nobody has closed yet",
            next_steps=(next_step.close_drill(held.drill), next_step.status(name)),
        )
    run = history.open_run
    if run is not None:
        raise Refused(
            f"pair {name} has an open run, {run.run}: a drill begins when nothing is left to do",
            next_steps=(next_step.resume(run.run), next_step.status(name)),
        )
    if history.owed is not None or history.unknown:
        what = "an org is owed its status" if history.owed is not None else "a write's outcome is unknown"
        raise Refused(
            f"on pair {name} {what}: a drill begins when nothing is left to do",
            next_steps=(next_step.status(name),),
        )


def _open(session: Session, goal: Status, home: Status, controls: RunControl) -> OpenDrill:
    """Journal the start under the pair's lock, so that of two drills that begin at once one is refused."""
    opened = OpenDrill(session, session.new_run(), controls)
    lock = take_lock(session, opened.drill, take_over=False)
    try:
        _refuse_unready(session, session.history_by_name())
        started = DrillStarted(goal, home, simulated=False, orgs=session.pair.uuids)
        session.store.append(session.entry(opened.drill, started), holding=lock.lock)
    finally:
        lock.release()
    opened.tell(started)
    return opened


class _Live(Struct):
    """A live drill that is open."""

    opened: OpenDrill
    played: PlayedDrill
    goal: Status
    home: Status

    async def through(self, notes: str) -> DrillResult:
        if await self._leg("out", self.goal) and not self.opened.controls.asked:
            await self._leg("home", self.home)
        failback = await self._come_home()
        self.played.came_home(f"at home in the end (agreed({self.home}))", failback, self.home)
        closes = failback.at_home or failback.left_alone
        return self.played.close(
            notes if failback.at_home else f"{notes} ({failback.why})".strip(),
            closes=closes,
            why_open="" if closes else failback.why,
            next_steps=failback.next_steps,
        )

    def left_open(self, error: HamrError) -> HamrError:
        """What to say where the drill itself could not go on: it has begun, so nobody may read that nothing was sent."""
        unknown = any(made.leg.exit_code == ExitCode.UNKNOWN for made in self.played.made)
        kind = OutcomeUnknown if unknown else Incomplete
        name = self.opened.session.pair.name
        return kind(
            f"drill {self.opened.drill} of pair {name} has begun, and could not go on: {error.message}. It stays open until it "
            "is closed, which brings the pair home",
            sent=f"What was sent stands in the journal up to there: hamr show {self.opened.drill}",
            next_steps=(next_step.status(name), next_step.close_drill(self.opened.drill)),
        )

    async def _leg(self, name: str, goal: Status) -> bool:
        """One run of the drill, and whether it ended well."""
        seqs: tuple[int, ...] = ()
        try:
            result = await self.opened.run(goal, {})
        except HamrError as error:
            code, words = error.exit_code, error.message
        else:
            code, words = result.exit_code, result.ending.message
            self.played.ran(name, goal, result)
            ends = ("run.finished", "transition.refused")
            records = self.opened.session.store.records(run=result.run, kinds=ends)
            seqs = tuple(record.seq for record in records)
        self.opened.controls.unattended = {}
        held = code is ExitCode.DONE
        found = f"exit code {int(code)}: {words}"
        self.played.expectations.append(Expectation(f"{name}: exit code 0", held, found, seqs))
        return held

    async def _come_home(self) -> FailbackResult:
        """Home, unless a person has stopped the drill: then they decide, with `hamr drill close`."""
        opened = self.opened
        if opened.controls.asked:
            return FailbackResult(
                False, "", "the drill was interrupted", (next_step.close_drill(opened.drill),)
            )
        return await bring_home(opened, opened.session.history().drills[opened.drill])

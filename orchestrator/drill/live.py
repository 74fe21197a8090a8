"""A drill on a live pair that may be drilled: out, and home again, by the very engine, guards and journal of a run."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from orchestrator.errors import (
    ExitCode,
    HamrError,
    Incomplete,
    Interrupted,
    JournalDamaged,
    OutcomeUnknown,
    Refused,
)
from orchestrator.journal.history import History, events_of
from orchestrator.model.drill import DrillResult, Expectation, Score
from orchestrator.model.events import DrillStarted
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.run import RunRequest
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Status
from orchestrator.operations.active_run import RunControl
from orchestrator.operations.locking import take_lock
from orchestrator.operations.run import start
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_status

from .checks import check_routes, refuse_undrillable
from .ending import exit_code_of, objectives_met, score_and_close
from .home import Homecoming, bring_home, pace
from .score import Made, executed, leg_of, less_strict, not_executed


async def drill(
    session: Session,
    goal: Status,
    *,
    notes: str = "",
    watchers: Sequence[Watcher] = (),
    controls: RunControl | None = None,
) -> DrillResult:
    """Take a live pair to a goal and home again, score it, and clean up.

    Home is the status that the pair stands at now. While the drill is open, no other run but an emergency's gets
    the pair. Where it can't be brought home, the drill stays open, and its result says why.

    Args:
        session: a pair that may be drilled.
        goal: where to.
        notes: what the journal keeps at its end.
        watchers: are told what happens, as it happens.
        controls: how a person stops it.

    Raises:
        UsageError: the playbook has no way out, or none home.
        Refused: the pair may not be drilled, or is in no state to be.
        Incomplete: it had begun when the journal could not be used any more; it stays open.
        OutcomeUnknown: the same, and nobody knows what became of a write.
        HamrError: the journal or the orgs could not be used at all.
    """
    refuse_undrillable(session.pair)
    home = await _home_of(session)
    check_routes(session.playbook, home, goal)
    identifier = _open(session, goal, home, watchers)
    live = _Live(session, identifier, goal, home, watchers, controls or RunControl())
    try:
        return await live.through(notes)
    except (Interrupted, JournalDamaged):
        raise
    except HamrError as error:
        raise live.left_open(error) from error


async def stands_at(session: Session) -> Status:
    """Where a pair stands that is ready for a drill; it reads both orgs and sends nothing.

    Raises:
        Refused: it is in no state to be drilled.
    """
    return await _home_of(session)


async def _home_of(session: Session) -> Status:
    _refuse_unready(session, session.history())
    standing = await read_status(session)
    phase = standing.phase
    if phase.name is not PhaseName.AGREED or phase.status is None:
        raise Refused(
            f"pair {session.pair.name} stands at {phase.label}, and a drill begins where both orgs agree. {phase.sentence}",
            next_steps=phase.next_steps,
        )
    return phase.status


def _refuse_unready(session: Session, history: History) -> None:
    """A drill begins on a pair with nothing left over.

    Raises:
        Refused: names what is left over.
    """
    name, held = session.pair.name, history.open_drill
    if held is not None:
        raise Refused(
            f"pair {name} is in drill {held.drill} already, which {held.by}@{held.host} began at "
            f"{held.started_at:%Y-%m-%d %H:%M:%S} UTC and nobody has closed yet",
            next_steps=(f"hamr drill close {held.drill} --notes TEXT", f"hamr status {name}"),
        )
    run = history.open_run
    if run is not None:
        raise Refused(
            f"pair {name} has an open run, {run.run}: a drill begins when nothing is left to do",
            next_steps=(f"hamr resume {run.run}", f"hamr status {name}"),
        )
    if history.owed is not None or history.unknown:
        what = "an org is owed its status" if history.owed is not None else "a write's outcome is unknown"
        raise Refused(
            f"on pair {name} {what}: a drill begins when nothing is left to do",
            next_steps=(f"hamr status {name}",),
        )


def _open(session: Session, goal: Status, home: Status, watchers: Sequence[Watcher]) -> str:
    """Journal the start under the pair's lock, so that of two drills that begin at once one is refused."""
    identifier = session.new_run()
    lock = take_lock(session, identifier, take_over=False)
    try:
        _refuse_unready(session, session.history())
        orgs = session.pair.uuids
        started = DrillStarted(goal, home, simulated=False, orgs=orgs)
        session.store.append(session.entry(identifier, started), holding=lock.lock)
    finally:
        lock.release()
    for watcher in watchers:
        watcher.tell(started)
    return identifier


class _Live(Struct):
    """A live drill that is open."""

    session: Session
    drill: str
    goal: Status
    home: Status
    watchers: Sequence[Watcher]
    controls: RunControl
    made: list[Made] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)

    async def through(self, notes: str) -> DrillResult:
        await self._leg("out", self.goal)
        if self.expectations[0].held and not self.controls.asked:
            await self._leg("home", self.home)
        homecoming = await self._come_home()
        self.expectations += objectives_met(made.leg for made in self.made)
        self.expectations.append(
            Expectation(
                f"at home in the end (agreed({self.home}))",
                homecoming.at_home,
                "it held" if homecoming.at_home else _not_at_home(homecoming),
            )
        )
        closes = homecoming.at_home or homecoming.left_alone
        return score_and_close(
            self.session,
            self._score(),
            notes=notes if homecoming.at_home else f"{notes} ({homecoming.why})".strip(),
            closes=closes,
            exit_code=exit_code_of(self.expectations, self.controls),
            watchers=self.watchers,
            why_open="" if closes else homecoming.why,
            next_steps=homecoming.next_steps,
        )

    def left_open(self, error: HamrError) -> HamrError:
        """What to say where the drill itself could not go on: it has begun, so nobody may read that nothing was sent."""
        unknown = any(made.leg.exit_code == ExitCode.UNKNOWN for made in self.made)
        kind = OutcomeUnknown if unknown else Incomplete
        name, close = self.session.pair.name, f"hamr drill close {self.drill} --notes TEXT"
        return kind(
            f"drill {self.drill} of pair {name} has begun, and could not go on: {error.message}. It stays open until it "
            "is closed, which brings the pair home",
            sent=f"What was sent stands in the journal up to there: hamr show {self.drill}",
            next_steps=(f"hamr status {name}", close),
        )

    async def _leg(self, name: str, goal: Status) -> None:
        session = self.session
        request = RunRequest(session.pair.name, goal, overrides=pace(session, self.drill), ref=self.drill)
        try:
            result = await start(
                session, request, watchers=self.watchers, controls=self.controls, drill=self.drill
            )
        except HamrError as error:
            words = f"exit code {int(error.exit_code)}: {error.message}"
            self.expectations.append(Expectation(f"{name}: exit code 0", False, words))
            return
        self._note(name, goal, result)
        seqs = tuple(
            record.seq
            for record in session.store.records(run=result.run, kinds=("run.finished", "transition.refused"))
        )
        words = f"exit code {int(result.exit_code)}: {result.ending.message}"
        held = result.exit_code is ExitCode.DONE
        self.expectations.append(Expectation(f"{name}: exit code 0", held, words, seqs))

    def _note(self, name: str, goal: Status, result: RunResult) -> None:
        events = events_of(self.session.store.records(run=result.run))
        self.made.append(leg_of(name, goal, result.seconds, events, result))

    async def _come_home(self) -> Homecoming:
        """Home, unless a person has stopped the drill: then they decide, with `hamr drill close`."""
        held = self.session.history().drills[self.drill]
        if self.controls.asked:
            close = f"hamr drill close {self.drill} --notes TEXT"
            return Homecoming(False, "", "the drill was interrupted", (close,))
        homecoming = await bring_home(self.session, held, watchers=self.watchers, controls=self.controls)
        for result in homecoming.results:
            self._note("clean-up", self.home if result.goal is None else result.goal, result)
        return homecoming

    def _score(self) -> Score:
        return Score(
            drill=self.drill,
            pair=self.session.pair.name,
            playbook=self.session.playbook.name,
            legs=tuple(made.leg for made in self.made),
            expectations=tuple(self.expectations),
            executed=executed(self.made, simulated=False),
            not_executed=not_executed(self.made, simulated=False),
            less_strict=less_strict(self.made, self.session.playbook),
            simulated=False,
        )


def _not_at_home(homecoming: Homecoming) -> str:
    return f"it stands at {homecoming.phase}: {homecoming.why}" if homecoming.phase else homecoming.why

"""A fleet at this terminal: its plan is shown and agreed to, how it goes is shown, and a signal stops it safely."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from msgspec import Struct

from orchestrator.config import parse_playbook
from orchestrator.errors import ExitCode, JournalUnavailable, Locked, Refused, UsageError
from orchestrator.fleet.crew import LAST, Crew, agree_to_fleet, begun_fleet, fleet_named, with_runs_since
from orchestrator.fleet.drive import Drive
from orchestrator.fleet.plan import plan_fleet, start_of
from orchestrator.fleet.selection import AT_ONCE, CAREFULLY, Selection, select, waves_named
from orchestrator.journal import Address
from orchestrator.model import events, next_step
from orchestrator.model.events import Event
from orchestrator.model.fleet import FleetPlan, FleetView
from orchestrator.model.journal import Head
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair, Wave
from orchestrator.model.playbook import Asks, Playbook, Reply
from orchestrator.model.protocols import Store, Watcher
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Status
from orchestrator.model.words import counted
from orchestrator.operations.approval import refuse_own
from orchestrator.operations.preflight import check_request, require_reasons
from orchestrator.report.describe import describe_event
from orchestrator.report.documents import document
from orchestrator.report.fleet import (
    NO_EMERGENCY,
    NO_PAIR,
    Doing,
    approvable_fleet_page,
    clearing,
    ended_line,
    fleet_facts,
    frame,
    nobody_is_dark,
    plan_json,
    plan_page,
)
from orchestrator.report.layout import fit, line, line_text

from .console import Console, Stream, forget_typed
from .fleet import team_of_workers
from .invocation import Invocation
from .output_files import JUNIT, PAGE, refuse_misplaced_files, write_file
from .requests import RunFlags
from .run_command import say_stopping, typed_line, understood
from .signals import supervised

FIRST = (
    "What is under way ends its own transition, and nothing new begins. Again, to give up waiting: what is in flight "
    "then counts as unknown."
)


def selected(invocation: Invocation, which: Selection) -> tuple[Pair, ...]:
    """The pairs that a command line means; a UsageError where there are none."""
    return select(invocation.sources.inventory(), which)


def _request_of(invocation: Invocation, **flags: Any) -> RunRequest:
    """What is asked of every pair; a UsageError where it cannot be right of any."""
    request = RunFlags(**flags).request("", datetime.now(UTC))
    try:
        check_request(request, invocation.load_playbook())
        require_reasons(request.reason, request.overrides)
    except UsageError as error:  # what to type next is said of one pair there
        raise UsageError(error.message) from None
    return request


def _crew(
    invocation: Invocation, store: Store, pairs: Sequence[Pair], playbook: Playbook, mode: Mode
) -> Crew:
    prepared = {pair.name: invocation.sources.prepare(pair, playbook) for pair in pairs}
    crew = Crew(prepared, store, invocation.redactor)
    if mode is Mode.EMERGENCY:
        crew.lead.refuge, crew.lead.moved = invocation.sources.refuge(), invocation.moved
    return crew


def waves_of(invocation: Invocation, text: str | None, mode: Mode) -> tuple[Wave, ...]:
    """The waves that a command line names, else the inventory's, else careful ones; an emergency has one alone."""
    if text is not None:
        return waves_named(text)
    if mode is Mode.EMERGENCY:
        return AT_ONCE
    return invocation.sources.inventory().waves or CAREFULLY


def show_plan(invocation: Invocation, *, which: Selection, waves: str | None, **flags: Any) -> None:
    """Show what a fleet would do; `flags` are a run's."""
    pairs, request = selected(invocation, which), _request_of(invocation, **flags)
    wanted = waves_of(invocation, waves, request.mode)
    with invocation.store(writes=False, emergency=True) as store:
        crew = _crew(invocation, store, pairs, invocation.load_playbook(), request.mode)
        plan = _made(invocation, crew, request, wanted)
    moves = any(each.transitions and not each.refused for each in plan.pairs.values())
    why = "do this, after it was shown once more, and the goal and the number typed"
    onward = (next_step.shell(invocation.typed.as_run(), why),) if moves else ()
    if not plan.pairs:
        onward = (nobody_is_dark(plan),)
    invocation.console.facts(plan_page(plan, (*onward, *clearing(plan))), plan_json(plan, onward))


def _made(invocation: Invocation, crew: Crew, request: RunRequest, waves: Sequence[Wave]) -> FleetPlan:
    console = invocation.console
    invocation.note_no_journal(crew.store)
    console.err.passing((line(f"{counted(len(crew.prepared), 'pair')} are being read …", "dim"),))
    try:
        return supervised(plan_fleet(crew, request, waves))
    finally:
        console.err.end()


def run_fleet(
    invocation: Invocation,
    *,
    which: Selection,
    waves: str | None,
    at_once: int,
    stop_after: int | None,
    workers: bool,
    **flags: Any,
) -> ExitCode:
    """Show what a fleet would do, ask, and do it; `flags` are a run's."""
    pairs, request = selected(invocation, which), _request_of(invocation, **flags)
    team = _team(invocation, request.mode) if workers else None
    wanted = waves_of(invocation, waves, request.mode)
    playbook, console = invocation.load_playbook(), invocation.console
    invocation.require_somebody()
    with invocation.store(writes=True, emergency=request.mode is Mode.EMERGENCY) as store:
        crew = _crew(invocation, store, pairs, playbook, request.mode)
        plan = _made(invocation, crew, request, wanted)
        if not plan.pairs:
            raise Refused(NO_EMERGENCY, next_steps=(nobody_is_dark(plan),))
        if all(each.refused for each in plan.pairs.values()):
            console.aside.page((*plan_page(plan), line()))
            refusal = Locked if all(each.locked for each in plan.pairs.values()) else Refused
            raise refusal(NO_PAIR, next_steps=clearing(plan))
        console.aside.page((*plan_page(plan, clearing(plan)), line()))
        if invocation.asks:
            agree_to_many(console, plan.goal, len(plan.pairs))
        began = start_of(plan, request, crew, at_once=at_once, stop_after=stop_after)
        view = supervised(crew.begin(plan.fleet, began))
        return _drive(invocation, crew, view, team)


def _team(invocation: Invocation, mode: Mode) -> Address | None:
    """The workers' journal; None for an emergency where that can't be had: then it does without them (law 9)."""
    try:
        return team_of_workers(invocation)
    except JournalUnavailable as error:
        if mode is not Mode.EMERGENCY:
            raise
        alone = "This process moves the pairs itself, without workers."
        invocation.console.note(f"{error.message} {alone}", "warn")
        return None


def resume_fleet(invocation: Invocation, *, fleet_id: str | None, reason: str, workers: bool) -> ExitCode:
    """Go on with a fleet."""
    console = invocation.console
    with invocation.store(writes=False, emergency=True) as store:
        view = fleet_named(store, fleet_id)
    team = _team(invocation, view.started.mode) if workers else None
    left = [pair for pair, member in view.members.items() if not member.settled]
    if not left:
        return _show(invocation, view, view.exit_code)
    known = {pair.name: pair for pair in invocation.sources.inventory().pairs}
    missing = [pair for pair in left if pair not in known]
    if missing:
        raise UsageError(
            f"The inventory does not name {', '.join(missing[:8])} any more, which fleet {view.fleet} is to move: "
            "name it there again, to go on."
        )
    playbook = parse_playbook(view.started.playbook_text, f"the playbook of fleet {view.fleet}")
    pairs = [known[pair] for pair in view.members if pair in known]
    if invocation.asks:
        invocation.require_somebody()
        console.aside.page((*frame(view, {}, datetime.now(UTC)), line()))
        agree_to_many(console, view.started.goal, len(left), "pairs that are left")
    with invocation.store(writes=True, emergency=view.started.mode is Mode.EMERGENCY) as store:
        crew = _crew(invocation, store, pairs, playbook, view.started.mode)
        view = supervised(crew.take_up(view.fleet, reason))
        return _drive(invocation, crew, view, team)


def stop_fleet(invocation: Invocation, *, fleet_id: str | None, reason: str) -> None:
    """Journal that somebody wants a fleet to stop."""
    with invocation.store(writes=False) as store:  # of a journal that is not there, none is made
        view = fleet_named(store, fleet_id, next_step.fleet_stop)
    if view.finished or view.stopped:
        how = "has tried all of its pairs" if view.finished else f"has stopped already: {view.stopped}"
        raise UsageError(f"Fleet {view.fleet} {how}.", next_steps=(next_step.fleet_report(view.fleet),))
    with invocation.store(writes=True) as store:
        pairs = sorted(invocation.sources.inventory().pairs, key=lambda pair: pair.name not in view.members)
        crew = _crew(invocation, store, pairs[:1], invocation.load_playbook(), Mode.PLANNED)
        supervised(crew.append(view.fleet, events.FleetStopAsked(reason)))
    how = "what is under way ends its own transition, and nothing new begins"
    said = f"Fleet {view.fleet} is to stop: {how}."
    invocation.console.say(said, "hamr/fleet-stop/1", fleet=view.fleet, reason=reason)


def report_fleet(
    invocation: Invocation, *, fleet_id: str | None, html: str | None, junit: str | None
) -> None:
    """Show what became of a fleet, and write the files that were asked for."""
    refuse_misplaced_files({PAGE: html, JUNIT: junit}, {"--json": invocation.json})
    view, head = _to_report(invocation, fleet_id or LAST)
    if html is not None:
        from orchestrator.report.html import fleet_html

        write_file(invocation, fleet_html(view, head), html, PAGE)
    if junit is not None:
        from orchestrator.report.junit import fleet_junit

        write_file(invocation, fleet_junit(view), junit, JUNIT)
    if invocation.json or (html is None and junit is None):
        facts = fleet_facts(view, view.exit_code, datetime.now(UTC), label="fleet's exit")
        invocation.console.facts(*facts)


def _show(
    invocation: Invocation, view: FleetView, code: ExitCode, steps: tuple[NextStep, ...] = ()
) -> ExitCode:
    invocation.console.facts(*fleet_facts(view, code, datetime.now(UTC), steps))
    return code


def _to_report(invocation: Invocation, name: str) -> tuple[FleetView, Head]:
    """The fleet of that name, and its journal's head: where runs are, else where drills on the simulator are."""
    try:
        with invocation.store(writes=False, emergency=True) as store:
            return with_runs_since(store, fleet_named(store, name, next_step.fleet_report)), store.head()
    except UsageError:
        with invocation.store(writes=False, sources=invocation.sources.beside) as beside:
            view = begun_fleet(beside, name)
            if view is not None:
                return view, beside.head()
        raise


def approve_fleet(invocation: Invocation, view: FleetView, reason: str) -> None:
    """Agree to what each pair's run of a fleet is about to do."""
    console, operator = invocation.console, invocation.sources.named_operator()
    plans = view.started.plans
    page = approvable_fleet_page(view)
    if invocation.asks and plans:
        invocation.require_somebody()
        refuse_own(operator, view.by.partition("@")[0])
        console.aside.page(page)
        agree_to_many(console, view.started.goal, len(plans), to="agree to exactly that")
    with invocation.store(writes=True) as store:
        agree_to_fleet(store, view, operator, reason, invocation.redactor)
    said = f"Fleet {view.fleet} is approved by {operator}: exactly as it stands above, and nothing else."
    agreed = {what.pair: what.digest for what in plans}
    facts = {"fleet": view.fleet, "digest": view.started.digest, "pairs": agreed, "by": operator.name}
    approval = document("hamr/fleet-approval/1", {**facts, "reason": reason})
    console.facts((*page, line(), line(said, "good")), approval)


def agree_to_many(
    console: Console, goal: Status, number: int, pairs: str = "pairs", *, to: str = "go on", promise: str = ""
) -> None:
    """Ask for the goal and the number of pairs; Refused where something else was typed."""
    words = f"{goal} {number}"
    question = f"Type the goal and the number of {pairs} ({words}) to {to}: "
    console.agree(words, question, f"what is wanted is {words}", promise=promise)


def _drive(invocation: Invocation, crew: Crew, view: FleetView, team: Address | None) -> ExitCode:
    """Bring its pairs in this process, or where a team's journal is named have workers do it."""
    console = invocation.console
    board = Board(console.aside, view)
    drive = Drive(crew, view, board, partial(_begins, console) if invocation.asks else None)

    async def through() -> ExitCode:
        if team is None:
            return await drive.run()
        from orchestrator.fleet.queue import open_jobs

        async with open_jobs(team) as jobs:
            drive.jobs = jobs
            return await drive.run()

    def interrupt(code: ExitCode) -> bool:
        drive.interrupt(code)
        say_stopping(console, drive.asked, FIRST)
        return True

    console.follow(lambda: view.fleet)
    if view.started.plans:
        wanted = "The playbook wants other people to agree; once for all of these pairs"
        console.note(f"{wanted}: {next_step.approve(view.fleet)}", "warn")
    try:
        code = supervised(through(), interrupt, (board,) if console.aside.redraws else ())
    finally:
        console.aside.end()
        crew.store.close()  # it may be another by now
    invocation.outcome = code
    merge = () if crew.lead.moved is None else (next_step.merge(crew.store.place),)
    return _show(invocation, view, code, merge)


class Board:
    """Shows how a fleet goes, as whoever drives it keeps it: a table that is redrawn on a terminal, a line for each pair in a pipe."""

    def __init__(self, stream: Stream, view: FleetView) -> None:
        self._stream, self._view = stream, view
        self._doing: dict[str, Doing] = {}

    def of(self, pair: Pair) -> Sequence[Watcher]:
        """Who follows what happens to a pair."""
        doing = self._doing[pair.name] = Doing(datetime.now(UTC))
        return (_Following(doing),)

    def tell(self, event: Event) -> None:
        """Take note of what the fleet does."""
        if isinstance(event, events.FleetPairEnded):
            self._doing.pop(event.outcome.pair, None)
            if not self._stream.redraws:
                member = self._view.members[event.outcome.pair]
                self._stream.page((ended_line(member, datetime.now(UTC)),))
        elif isinstance(event, events.FleetWaveBegan) and not self._stream.redraws:
            pairs = len(self._view.waiting(event.wave))
            self._stream.page((line(f"Wave {event.wave}: {counted(pairs, 'pair')}", "bold"),))

    def redraw(self) -> None:
        """Draw how it goes now."""
        fit(self._stream.columns)
        self._stream.passing(frame(self._view, self._doing, datetime.now(UTC)))


_TOLD = (
    events.ChangeSeen,
    events.HookIntended,
    events.OrgGivenUp,
    events.PersonAsked,
    events.TransitionIntended,
    events.TransitionMade,
    events.WaitBegan,
    events.WaitContinued,
    events.Waiting,
    events.WriteIntended,
    events.WriteThrottled,
    events.WriteUnknown,
)
"""What is worth a word beside a pair."""


class _Following(Struct):
    """A watcher that knows what is being done to one pair."""

    doing: Doing

    def tell(self, event: Event) -> None:
        """Keep what there is to say of it now."""
        if isinstance(event, events.SituationRead):
            seen = {None if reading is None else reading.status for reading in event.readings}
            self.doing.stands = str(*seen) if len(seen) == 1 and None not in seen else "midway"
        elif isinstance(event, events.TransitionMade):
            self.doing.stands = str(event.target)
        if isinstance(event, _TOLD):
            self.doing.what = line_text(describe_event(event))


async def _begins(console: Console, view: FleetView, wave: int) -> bool:
    """Whether somebody who is asked wants that wave to begin; no at the input's end."""
    pairs, failed = len(view.waiting(wave)), sum(view.failed(each) for each in range(1, wave))
    did_not = f" {counted(failed, 'pair')} did not arrive so far." if failed else ""
    question = f"Wave {wave} of {len(view.started.waves)} is next: {counted(pairs, 'pair')}.{did_not} Type yes to begin it, or no: "
    with console.aside.holding():
        console.aside.page(frame(view, {}, datetime.now(UTC)))
        while True:
            forget_typed()
            with console.err.asking(f"\n{question}"):
                if console.err.closed:
                    return False
                typed = await typed_line(lambda: bool(view.stop_asked))
            reply = understood(Asks.AGAIN, typed.strip()) if typed else Reply(yes=False)
            if reply is not None:
                return reply.yes

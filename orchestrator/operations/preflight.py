"""What a run asks before its first transition: overrides by name, an open unknown, cooling down, what is owed."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping

from msgspec.structs import replace

from orchestrator.errors import Refused, UsageError
from orchestrator.journal.history import DrillHistory, History
from orchestrator.model.guard import ALWAYS_ON, BEFORE_A_RUN, NEVER_OVERRIDDEN, Outcome, Verdict
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import Change
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Status
from orchestrator.model.words import ANY_REASON, no_journal, override_flag, request_command, span


def check_request(request: RunRequest, playbook: Playbook) -> None:
    """Refuse what can be told to be wrong from the flags and the playbook alone.

    Raises:
        UsageError: the goal is no stop, a guard does not exist or can't be overridden, or a reason is missing.
    """
    if request.goal not in playbook.stops:
        raise _no_stop(request, playbook)
    check_overrides(request.overrides, playbook)
    if request.mode is Mode.EMERGENCY and not request.reason.strip():
        raise UsageError(
            "--emergency wants a reason: it is what the audit journal will say",
            next_steps=(
                request_command("run", replace(request, reason="us1 is down, INC-1234"), playbook.name),
            ),
        )


def says_why(reason: str) -> bool:
    """Whether a reason is one: not empty, and not the word that stands for it in a command as we print it."""
    return reason.strip() not in {"", "REASON", "TEXT"}


def require_reasons(reason: str, overrides: Mapping[str, str]) -> None:
    """Refuse, where something is about to be written, words that were pasted as we print them for a person to replace.

    Raises:
        UsageError: a reason is the very word that stands for one.
    """
    if reason and not says_why(reason):
        raise UsageError(f"--reason {reason} says nothing: it is what the audit journal will say")
    for guard, why in overrides.items():
        if not says_why(why):
            raise UsageError(
                f"--override {guard}={why} says nothing: write why instead of {why}, for the audit journal"
            )


def check_overrides(overrides: Mapping[str, str], playbook: Playbook) -> None:
    """Refuse overrides that name no guard, one that can't be overridden, or give no reason.

    Raises:
        UsageError: as above.
    """
    known = {*playbook.guards, *ALWAYS_ON, *BEFORE_A_RUN}
    for guard, reason in overrides.items():
        if guard in NEVER_OVERRIDDEN:
            raise UsageError(
                f"--override {guard}: {guard} can't be overridden: it tells which orgs are written"
            )
        if guard not in known:
            close = difflib.get_close_matches(guard, sorted(known), 1)
            hint = f"; did you mean {close[0]}?" if close else "."
            names = ", ".join(sorted(known - NEVER_OVERRIDDEN))
            raise UsageError(
                f"--override {guard}: playbook {playbook.name} has no guard of that name{hint} There are: {names}"
            )
        if not reason.strip():
            raise UsageError(f"--override {guard}=REASON: the reason is missing")


def _no_stop(request: RunRequest, playbook: Playbook) -> UsageError:
    routes = {stop: playbook.route(request.goal, stop) for stop in playbook.stops}
    ahead = {
        stop: (len(route), playbook.transitions.index(route[0])) for stop, route in routes.items() if route
    }
    nearest = min(ahead, key=ahead.__getitem__, default=None)
    hint = f"; did you mean {nearest}?" if nearest is not None else "."
    stops = ", ".join(str(stop) for stop in playbook.stops)
    return UsageError(
        f"--to {request.goal}: a run of playbook {playbook.name} can't stop there{hint} Its stops are: {stops}",
        next_steps=(request_command("plan", replace(request, goal=nearest), playbook.name),)
        if nearest is not None
        else (),
    )


def judge_before(
    history: History, playbook: Playbook, clock: Clock, request: RunRequest
) -> tuple[Verdict, ...]:
    """The verdicts on what earlier runs left behind, for a run that is asked for."""
    return (_judge_unknown(history, request), _judge_cool_down(history, playbook, clock, request.mode))


def _judge_unknown(history: History, request: RunRequest) -> Verdict:
    if history.unjournalled:
        return Verdict("unknown", Outcome.PASS, no_journal(history.unjournalled))
    if not history.unknown:
        return Verdict("unknown", Outcome.PASS, "no earlier write's outcome is unknown")
    run, attempt = history.unknown[0]
    return Verdict(
        "unknown",
        Outcome.FAIL,
        f"nobody knows whether attempt {attempt.number} of run {run} ({attempt.status} to the {attempt.role}) took "
        "effect, or still will",
        why=f"{_take_up(history, request)} reads it again; overriding accepts that it may turn up late.",
    )


def _stopped_for_somebody(history: History) -> bool:
    """Whether the run that left an unknown stopped for somebody else's write: taken up, it would stop for it again."""
    run = history.runs[history.unknown[0][0]]
    return run.finished is not None and run.finished.ending.change is Change.FOREIGN


def _take_up(history: History, request: RunRequest) -> str:
    """What takes up the run that left an unknown: in an emergency, as one; an adoption is made anew.

    Args:
        history: of the pair, in which a write's outcome is unknown.
        request: what is asked for now.
    """
    run, attempt = history.unknown[0]
    if history.runs[run].started is None:  # it has no goal to resume; what it wrote is the other org's status
        return f"hamr adopt {shlex.quote(history.pair)} --truth {attempt.role.other} --reason TEXT"
    if request.mode is Mode.EMERGENCY:
        return f"hamr resume {run} --emergency --reason {shlex.quote(request.reason or ANY_REASON)}"
    return f"hamr resume {run}"


def _judge_cool_down(history: History, playbook: Playbook, clock: Clock, mode: Mode) -> Verdict:
    """Never in an emergency (law 13): it is not held up, and nobody is asked."""
    cooling = history.cooling_down(playbook.cool_down, clock.now())
    if cooling is None:
        return Verdict(
            "cool_down", Outcome.PASS, "no run has just finished" if playbook.cool_down else "not set"
        )
    run, left = cooling
    reason = f"run {run.run} finished at {run.finished_at:%H:%M:%S} UTC"
    if mode is Mode.EMERGENCY:
        return Verdict("cool_down", Outcome.PASS, f"{reason}; an emergency does not wait for that")
    return Verdict(
        "cool_down",
        Outcome.FAIL,
        f"{reason}; the pair cools down for another {left.total_seconds():.0f} s",
        why=f"hamr ack {run.run} ends it.",
    )


def cooling_question(history: History, playbook: Playbook, clock: Clock, request: RunRequest) -> str | None:
    """What a person at a terminal is told of a cooling down before they confirm the run; None where there is none."""
    cooling = history.cooling_down(playbook.cool_down, clock.now())
    if cooling is None or request.mode is Mode.EMERGENCY or "cool_down" in request.overrides:
        return None
    run, left = cooling
    return (
        f"Run {run.run} has just finished: the pair cools down for another {span(left)}. "
        "To confirm this run is to go on all the same."
    )


def over_cool_down(request: RunRequest) -> RunRequest:
    """The request of somebody who was told of the cooling down and went on: it goes over it, by name."""
    words = "asked at the terminal, the operator went on all the same"
    return replace(request, overrides={**request.overrides, "cool_down": words})


def overridden_before(
    history: History, playbook: Playbook, clock: Clock, request: RunRequest
) -> tuple[tuple[Verdict, str], ...]:
    """What a run goes over before its first transition, each with the operator's reason."""
    return tuple(
        (verdict, request.overrides[verdict.guard])
        for verdict in judge_before(history, playbook, clock, request)
        if verdict.outcome is not Outcome.PASS and verdict.guard in request.overrides
    )


def refuse_before(history: History, playbook: Playbook, clock: Clock, request: RunRequest) -> None:
    """Stop a run for what earlier runs left behind, unless it is overridden by name.

    Raises:
        Refused: lists every verdict that did not pass, with what clears it and the flag that overrides it.
    """
    verdicts = judge_before(history, playbook, clock, request)
    refused = [v for v in verdicts if v.outcome is not Outcome.PASS and v.guard not in request.overrides]
    if not refused:
        return
    names = {verdict.guard for verdict in refused}
    cooling = history.cooling_down(playbook.cool_down, clock.now())
    clearing = [
        *([_take_up(history, request)] if "unknown" in names and not _stopped_for_somebody(history) else []),
        *([f"hamr ack {cooling[0].run}"] if "cool_down" in names and cooling is not None else []),
    ]
    flags = [override_flag(verdict.guard) for verdict in refused]
    raise Refused(
        "\n".join(f"{verdict.guard}: {verdict.reason}. {verdict.why}" for verdict in refused),
        next_steps=(*clearing, request_command("run", request, playbook.name, flags)),
    )


def refuse_owing(history: History, request: RunRequest) -> None:
    """A planned run on a pair that owes is refused: `resume` pays first (law 9).

    Raises:
        Refused: names what is owed.
    """
    if history.owed is not None and request.mode is Mode.PLANNED:
        owed = history.owed
        raise Refused(
            f"the {owed.role} of pair {request.pair} is still owed {owed.status} from emergency run {owed.run}",
            next_steps=(f"hamr resume {request.pair}", f"hamr status {request.pair}"),
        )


def refuse_in_drill(history: History, request: RunRequest, drill: str) -> None:
    """A pair that is being drilled belongs to that drill until it is closed; an emergency is never held up by one.

    Args:
        history: of the pair.
        request: what is asked for.
        drill: the drill that the run belongs to, or "".

    Raises:
        Refused: names the drill that is open, or the one that is not open any more.
    """
    held = history.open_drill
    if request.mode is Mode.EMERGENCY:
        return
    if held is not None and held.drill == drill:
        _refuse_over_others(history, held, request)
        return
    if held is None:
        if drill:
            raise Refused(
                f"drill {drill} is not open any more: somebody closed it, so nothing of it goes on",
                next_steps=(f"hamr status {request.pair}", "hamr runs"),
            )
        return
    raise Refused(
        f"pair {request.pair} is in drill {held.drill}, which {held.by}@{held.host} began at "
        f"{held.started_at:%Y-%m-%d %H:%M:%S} UTC and nobody has closed yet. Closing it brings the pair home to "
        f"{held.started.home}. In a real incident, --emergency does not ask about drills",
        next_steps=(f"hamr drill close {held.drill} --notes TEXT", f"hamr status {request.pair}"),
    )


def _refuse_over_others(history: History, drill: DrillHistory, request: RunRequest) -> None:
    """A drill never goes on with a pair that somebody has moved for real meanwhile.

    Raises:
        Refused: names the run that moved it.
    """
    others = history.outsiders(drill)
    if others:
        run = others[-1]
        raise Refused(
            f"run {run.run} of {run.by}@{run.host}, which is not of drill {drill.drill}, has moved pair {request.pair} "
            "meanwhile: the drill goes no further",
            next_steps=(f"hamr show {run.run}", f"hamr drill close {drill.drill} --notes TEXT"),
        )


def status_named(text: str) -> Status:
    """A status as a person writes it.

    Raises:
        UsageError: there is no such status, with the nearest one.
    """
    name = text.strip().upper()
    if name in Status.__members__:
        return Status[name]
    close = difflib.get_close_matches(name, list(Status.__members__), 1)
    hint = f"; did you mean {close[0]}?" if close else "."
    raise UsageError(f"{text[:60]!r} is no HAMR status{hint} There are: {', '.join(Status.__members__)}")

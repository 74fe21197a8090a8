"""What a run asks before its first transition: overrides by name, an open unknown, cooling down, what is owed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.errors import Refused, UsageError
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.guard import (
    ALWAYS_ON,
    BEFORE_A_RUN,
    BEFORE_AN_ADOPTION,
    NEVER_OVERRIDDEN,
    Outcome,
    Verdict,
)
from orchestrator.model.next_step import ANY_REASON, NextStep
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import STOPS_AGAIN
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.situation import KnownAs
from orchestrator.model.status import Status
from orchestrator.model.words import no_journal, span, utc


def check_request(request: RunRequest, playbook: Playbook) -> None:
    """A UsageError for what flags and playbook alone show to be wrong: no stop, no such guard, no reason."""
    if request.goal not in playbook.stops:
        raise _no_stop(request, playbook)
    check_overrides(request.overrides, playbook)
    again = replace(request, reason="TEXT").as_step("run", playbook.name)
    require_emergency_reason(request.mode, request.reason, again)


def require_emergency_reason(mode: Mode | None, reason: str, again: NextStep) -> None:
    """A UsageError for an emergency without a reason; `again` is what to type in its place."""
    if mode is Mode.EMERGENCY and not reason.strip():
        words = "--emergency wants a reason: it is what the audit journal will say"
        raise UsageError(words, next_steps=(again,))


def says_why(reason: str) -> bool:
    """Whether a reason is one: not empty, and not the word that stands for it in a command as we print it."""
    return reason.strip() not in {"", "REASON", "TEXT"}


def require_reasons(reason: str, overrides: Mapping[str, str]) -> None:
    """A UsageError for a word that we print for a person to replace, and that was pasted, where something is about to be written."""
    if reason and not says_why(reason):
        raise UsageError(
            f"--reason {reason} says nothing, and it is what the audit journal will say: write why instead of {reason}"
        )
    for guard, why in overrides.items():
        if not says_why(why):
            raise UsageError(
                f"--override {guard}={why} says nothing: write why instead of {why}, for the audit journal"
            )


def check_overrides(overrides: Mapping[str, str], playbook: Playbook) -> None:
    """A UsageError for an override that names no guard, one that can't be overridden, or gives no reason."""
    known = {*playbook.guards, *ALWAYS_ON, *BEFORE_A_RUN}
    for guard, reason in overrides.items():
        if guard in NEVER_OVERRIDDEN:
            raise UsageError(
                f"--override {guard}: {guard} can't be overridden: it tells which orgs are written"
            )
        if guard not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - who mistypes nothing does not pay for it

            close = get_close_matches(guard, sorted(known), 1)
            hint = f"; did you mean {close[0]}?" if close else "."
            names = ", ".join(sorted(known - NEVER_OVERRIDDEN))
            raise UsageError(
                f"--override {guard}: playbook {playbook.name} has no guard of that name{hint} There are: {names}"
            )
        if not reason.strip():
            raise UsageError(f"--override {guard}=REASON: the reason is missing")


def check_adoption(overrides: Mapping[str, str]) -> None:
    """A UsageError for an override that an adoption does not ask, or that gives no reason."""
    for guard, reason in overrides.items():
        if guard not in BEFORE_AN_ADOPTION:
            raise UsageError(
                f"--override {guard}: an adoption asks no guard of a playbook; it takes: {', '.join(BEFORE_AN_ADOPTION)}"
            )
        if not reason.strip():
            raise UsageError(f"--override {guard}=REASON: the reason is missing")


def _no_stop(request: RunRequest, playbook: Playbook) -> UsageError:
    ahead = {
        stop: (len(route), playbook.transitions.index(route[0]))
        for stop in playbook.stops
        if (route := playbook.route(request.goal, stop))
    }
    stops = ", ".join(str(stop) for stop in playbook.stops)
    words = f"--to {request.goal}: a run of playbook {playbook.name} can't stop there"
    if not ahead:
        return UsageError(f"{words}. Its stops are: {stops}")
    nearest = min(ahead, key=ahead.__getitem__)
    return UsageError(
        f"{words}; did you mean {nearest}? Its stops are: {stops}",
        next_steps=(replace(request, goal=nearest).as_step("plan", playbook.name),),
    )


class _Judged(Struct, frozen=True):
    """A verdict on what earlier runs left behind, and the command that clears it; None where none does."""

    verdict: Verdict
    clearing: NextStep | None = None


def _judge(
    history: History, playbook: Playbook, clock: Clock, request: RunRequest, at_work: str = ""
) -> tuple[_Judged, ...]:
    return (
        _judge_unknown(history, request, at_work),
        _judge_cool_down(history, playbook, clock, request.mode),
        *(() if history.known_as is None else (_judge_name(history.known_as),)),
    )


def _judge_name(known: KnownAs) -> _Judged:
    why = f"{known.again}; overriding goes on without all that."
    return _Judged(Verdict("renamed", Outcome.FAIL, known.sentence, why=why), known.last)


def refuse_renamed(
    known: KnownAs | None, overrides: Mapping[str, str], again: NextStep | None = None
) -> None:
    """Refuse to write orgs under a name that they were not run under last, unless by name."""
    if known is None or "renamed" in overrides:
        return
    verdict = _judge_name(known).verdict
    over = () if again is None else (again.overriding(verdict.guard).so_that("go over it, by name"),)
    raise Refused(f"{verdict.guard}: {verdict.reason}. {verdict.why}", next_steps=(known.last, *over))


def judge_before(
    history: History, playbook: Playbook, clock: Clock, request: RunRequest, at_work: str = ""
) -> tuple[Verdict, ...]:
    """The verdicts on what earlier runs left behind, for a run that is asked for; `at_work` is one that is under way."""
    return tuple(each.verdict for each in _judge(history, playbook, clock, request, at_work))


def _judge_unknown(history: History, request: RunRequest, at_work: str) -> _Judged:
    if history.unjournalled:
        return _Judged(Verdict("unknown", Outcome.PASS, no_journal(history.unjournalled)))
    left = [each for each in history.unknown if each[0] != at_work]
    if not left:
        return _Judged(Verdict("unknown", Outcome.PASS, "no earlier write's outcome is unknown"))
    run, attempt = left[0]
    finished = history.runs[run].finished
    if history.runs[run].started is None:  # it has no goal to resume; what it wrote is the other org's status
        take_up = next_step.adopt(history.pair, attempt.role.other)
    elif request.mode is Mode.EMERGENCY:
        take_up = next_step.resume(run).as_emergency(request.reason or ANY_REASON)
    else:
        take_up = next_step.resume(run)
    # Where it stopped for somebody else's write, it would, taken up, stop for it again.
    clears = finished is None or finished.ending.change not in STOPS_AGAIN
    return _Judged(
        Verdict(
            "unknown",
            Outcome.FAIL,
            f"nobody knows whether attempt {attempt.number} of run {run} ({attempt.status} to the {attempt.role}) took "
            "effect, or still will",
            why=f"{take_up} reads it again; overriding accepts that it may turn up late.",
        ),
        take_up.so_that("read it again, and go on with that run") if clears else None,
    )


def _judge_cool_down(history: History, playbook: Playbook, clock: Clock, mode: Mode) -> _Judged:
    """Never in an emergency (law 13): it is not held up, and nobody is asked."""
    cooling = history.cooling_down(playbook.cool_down, clock.now())
    if cooling is None:
        reason = "no run has just finished" if playbook.cool_down else "not set"
        return _Judged(Verdict("cool_down", Outcome.PASS, reason))
    run, left = cooling
    reason = f"run {run.run} finished at {utc(run.finished_at or clock.now())}"
    if mode is Mode.EMERGENCY:
        return _Judged(Verdict("cool_down", Outcome.PASS, f"{reason}; an emergency does not wait for that"))
    clearing = next_step.acknowledge(run.run)
    return _Judged(
        Verdict(
            "cool_down",
            Outcome.FAIL,
            f"{reason}; the pair cools down for another {left.total_seconds():.0f} s",
            why=f"{clearing} ends it.",
        ),
        clearing,
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


def refuse_before(
    history: History, playbook: Playbook, clock: Clock, request: RunRequest
) -> tuple[tuple[Verdict, str], ...]:
    """Refuse a run for what earlier runs left behind, and say how each is cleared or overridden; else what it goes over by name, and why."""
    found = _judge(history, playbook, clock, request)
    failed = [each for each in found if each.verdict.outcome is not Outcome.PASS]
    refused = [each for each in failed if each.verdict.guard not in request.overrides]
    if refused:
        over = request.as_step("run", playbook.name).overriding(*(each.verdict.guard for each in refused))
        raise Refused(
            "\n".join(f"{each.verdict.guard}: {each.verdict.reason}. {each.verdict.why}" for each in refused),
            next_steps=(
                *(each.clearing for each in refused if each.clearing is not None),
                over.so_that("go over it, by name"),
            ),
        )
    return tuple((each.verdict, request.overrides[each.verdict.guard]) for each in failed)


def refuse_owing(history: History, request: RunRequest) -> None:
    """Refuse a planned run on a pair that owes: `resume` pays first (law 9), or `adopt` where that would stop for somebody again."""
    if history.owed is not None and request.mode is Mode.PLANNED:
        owed, left = history.owed, history.as_open_run() or history.owed
        pay = next_step.resume(request.pair)
        if left.stopped_for in STOPS_AGAIN:
            pay = next_step.adopt(request.pair, owed.role.other)
        raise Refused(
            f"the {owed.role} of pair {request.pair} is still owed {owed.status} from emergency run {owed.run}",
            next_steps=(pay, next_step.status(request.pair)),
        )


def refuse_in_drill(history: History, request: RunRequest, drill: str) -> None:
    """Refuse a run on a pair that is being drilled, unless it is that drill's; an emergency is never held up by one.

    A drill is refused, too, that somebody has closed, or whose pair somebody has moved for real meanwhile.
    """
    held = history.open_drill
    if request.mode is Mode.EMERGENCY or (held is None and not drill):
        return
    if held is None:
        raise Refused(
            f"drill {drill} is not open any more: somebody closed it, so nothing of it goes on",
            next_steps=(next_step.status(request.pair), next_step.runs()),
        )
    if held.drill != drill:
        raise Refused(
            f"pair {request.pair} is in drill {held.drill}, which {held.by}@{held.host} began at "
            f"{utc(held.started_at)} and nobody has closed yet. Closing it brings the pair home to "
            f"{held.started.home}. In a real incident, --emergency does not ask about drills",
            next_steps=(next_step.close_drill(held.drill), next_step.status(request.pair)),
        )
    others = history.outsiders(held)
    if others:
        run = others[-1]
        raise Refused(
            f"run {run.run} of {run.by}@{run.host}, which is not of drill {drill}, has moved pair {request.pair} "
            "meanwhile: the drill goes no further",
            next_steps=(next_step.show(run.run), next_step.close_drill(drill)),
        )


def status_named(text: str) -> Status:
    """A status as a person writes it; a UsageError with the nearest one where there is none."""
    name = text.strip().upper()
    if name in Status.__members__:
        return Status[name]
    from difflib import get_close_matches  # noqa: PLC0415 - as above

    close = get_close_matches(name, list(Status.__members__), 1)
    hint = f"; did you mean {close[0]}?" if close else "."
    raise UsageError(f"{text[:60]!r} is no HAMR status{hint} There are: {', '.join(Status.__members__)}")

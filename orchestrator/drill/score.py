"""What a drill showed, from the events of its runs: times, what was and was not executed, what was judged less strictly. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from orchestrator.config.scenario import Unknown, Waits
from orchestrator.model.drill import Leg, LessStrict
from orchestrator.model.events import (
    Event,
    GuardOverridden,
    GuardWaived,
    HookEnded,
    HookIntended,
    NoticeSent,
    ProbesRead,
    TransitionMade,
    WaitEnded,
)
from orchestrator.model.hook import HookOutcome
from orchestrator.model.playbook import Playbook
from orchestrator.model.result import RunResult
from orchestrator.model.status import Status
from orchestrator.model.timing import step_times
from orchestrator.model.words import counted, span, value_words, why_waived

from .stand_ins import Said, guards_over

KILLED = 137
"""The exit code of a process that was killed: 128 and the number of SIGKILL."""

Timed = Sequence[tuple[Event, datetime]]


class Made(Struct, frozen=True):
    """One run of a drill, with what it journalled."""

    leg: Leg
    events: Timed


def leg_of(name: str, goal: Status, seconds: float, events: Timed, ended: RunResult | str) -> Made:
    """A run of a drill.

    Args:
        name: out, home, …
        goal: where to.
        seconds: how long it took.
        events: what it journalled, this time.
        ended: what came of it; or the run's id, where its process was killed.
    """
    result = ended if isinstance(ended, RunResult) else None
    leg = Leg(
        name,
        ended.run if isinstance(ended, RunResult) else ended,
        goal,
        KILLED if result is None else int(result.exit_code),
        "" if result is None else result.phase,
        seconds,
        tuple(step_times(events)),
        () if result is None else result.objectives,
    )
    return Made(leg, events)


def executed(made: Iterable[Made], *, simulated: bool) -> tuple[str, ...]:
    """What was really done, each in a few words, in order; what was done in several runs stands there once for each."""
    return tuple(words for each in made for words in _executed(each, simulated=simulated))


def _executed(made: Made, *, simulated: bool) -> Iterator[str]:
    name, probes = made.leg.name, dict[str, None]()
    for event, _ in made.events:
        match event:
            case TransitionMade(transition=transition, source=source, target=target, writes=writes):
                yield f"{name}: transition {transition} ({source} → {target}), {counted(writes, 'write')}"
            case HookEnded(hook=hook, outcome=HookOutcome.DONE, transition=transition, when=when) if (
                not simulated
            ):
                yield f"{name}: hook {hook} ({when.value} {transition})"
            case ProbesRead(readings=readings) if not simulated:
                probes |= {reading.probe: None for reading in readings}
            case NoticeSent(title=title, role=role):
                yield f"{name}: told the {role} org: {title}"
            case _:
                pass
    if probes:
        yield f"{name}: probes read: {', '.join(probes)}"


def not_executed(made: Sequence[Made], *, simulated: bool) -> tuple[str, ...]:
    """What a live failover would do and this drill did not, each with why."""
    events = [event for each in made for event, _ in each.events]
    found = [
        "Datadog itself: the two regions are simulated, and nothing was sent to any org" if simulated else "",
        *(_left_out(event, simulated=simulated) for event in events if isinstance(event, HookEnded)),
        ""
        if any(isinstance(event, NoticeSent) for event in events)
        else "events in Datadog: none was posted",
        "traffic: a status moves neither Agents nor DNS nor integrations, and no hook did"
        if simulated or not any(isinstance(event, HookIntended) for event in events)
        else "",
    ]
    return tuple(dict.fromkeys(filter(None, found)))


def _left_out(event: HookEnded, *, simulated: bool) -> str:
    """Why a hook was not done; "" where it was."""
    hook = f"hook {event.hook} of transition {event.transition}"
    if event.outcome is not HookOutcome.DONE:
        return f"{hook}: {event.outcome.value}" + (f": {event.reason}" if event.reason else "")
    return f"{hook}: its program was not started, as the regions are simulated" if simulated else ""


def less_strict(
    made: Iterable[Made], playbook: Playbook, *, said: Said | None = None, waits: Waits | None = None
) -> tuple[LessStrict, ...]:
    """Guards that were judged less strictly than they would be live.

    Args:
        made: the runs.
        playbook: its guards.
        said: what its probes said, where that was not read from the world.
        waits: what took the place of its own waits.
    """
    found = [*_let_pass(made), *_assumed(playbook, said), *_hurried(playbook, waits)]
    return tuple(dict.fromkeys(found))


def _let_pass(made: Iterable[Made]) -> Iterator[LessStrict]:
    for each in made:
        for event, _ in each.events:
            match event:
                case GuardOverridden(verdict=verdict, reason=reason):
                    yield LessStrict(verdict.guard, f"overridden on the way {each.leg.name}: {reason}")
                case GuardWaived(verdict=verdict):
                    yield LessStrict(
                        verdict.guard, f"waived on the way {each.leg.name}, {why_waived(verdict)}"
                    )
                case WaitEnded(transition=transition, passed=True, seconds=seconds):
                    yield LessStrict(
                        f"guards of {transition}",
                        f"passed on the way {each.leg.name} after a wait of {span(seconds)}",
                    )
                case _:
                    pass


def _assumed(playbook: Playbook, said: Said | None) -> Iterator[LessStrict]:
    if said is None:
        return
    for probe in playbook.probes:
        agreed = said.values.get(probe)
        if isinstance(agreed, Unknown):
            words = f"its probe {probe} had no answer, as the scenario has it"
        elif agreed is not None:
            words = f"its probe {probe} was not read: the scenario says {value_words(agreed)}"
        else:
            value = said.assumed[probe].value
            shown = "good" if value is None else value_words(value)
            words = f"its probe {probe} was not read: it was taken to say {shown}"
        yield from (LessStrict(guard, words) for guard in guards_over(probe, playbook))


def _hurried(playbook: Playbook, waits: Waits | None) -> Iterator[LessStrict]:
    limit = None if waits is None else waits.guards
    for guard in playbook.guards.values():
        if limit is not None and guard.within is not None and guard.within > limit:
            yield LessStrict(
                guard.name, f"waited for {span(limit)} at most, in place of {span(guard.within)}"
            )

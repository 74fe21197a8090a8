"""What a drill showed, from the events of its runs: times, what was and was not executed, what was judged less strictly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct, field

from orchestrator.config.scenario import Unknown, Waits
from orchestrator.errors import ExitCode
from orchestrator.journal.history import events_of
from orchestrator.model import events, next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.playbook import HookOutcome, Playbook
from orchestrator.model.result import KILLED, DrillResult, Expectation, Leg, LessStrict, RunResult, Score
from orchestrator.model.status import Role, Status
from orchestrator.model.timing import times_of
from orchestrator.model.words import counted, span, value_words, why_waived
from orchestrator.situation.guard_kinds import guards_over

from .failback import FailbackResult, OpenDrill
from .stage import Stage
from .stand_ins import ProbeStubs

Timed = Sequence[tuple[events.Event, datetime]]


class PlayedLeg(Struct, frozen=True):
    """One run of a drill, with what it journalled."""

    leg: Leg
    told: Timed


def leg_of(name: str, goal: Status, seconds: float, told: Timed, ended: RunResult | str) -> PlayedLeg:
    """A run of a drill, with what it journalled this time; where its process was killed, `ended` is the run's id."""
    result = ended if isinstance(ended, RunResult) else None
    leg = Leg(
        name,
        ended.run if isinstance(ended, RunResult) else ended,
        goal,
        KILLED if result is None else int(result.exit_code),
        "" if result is None else result.phase,
        seconds,
        times_of(told).steps,
        () if result is None else result.objectives,
    )
    return PlayedLeg(leg, told)


def _executed(made: PlayedLeg, *, simulated: bool) -> Iterator[str]:
    """What was really done in one run, each in a few words, in order."""
    name, probes = made.leg.name, dict[str, None]()
    for event, _ in made.told:
        match event:
            case events.TransitionMade(transition=transition, source=source, target=target, writes=writes):
                yield f"{name}: transition {transition} ({source} → {target}), {counted(writes, 'write')}"
            case events.HookEnded(hook=hook, outcome=HookOutcome.DONE, transition=transition, when=when) if (
                not simulated
            ):
                yield f"{name}: hook {hook} ({when.value} {transition})"
            case events.ProbesRead(readings=readings) if not simulated:
                probes |= {reading.probe: None for reading in readings}
            case events.NoticeSent(title=title, role=Role() as role):
                yield f"{name}: told the {role} org: {title}"
            case events.NoticeSent(title=title, channel=channel):
                yield f"{name}: told channel {channel}: {title}"
            case _:
                pass
    if probes:
        yield f"{name}: probes read: {', '.join(probes)}"


def _not_executed(made: Sequence[PlayedLeg], *, simulated: bool) -> tuple[str, ...]:
    """What a live failover would do and this drill did not, each with why."""
    told = [event for each in made for event, _ in each.told]
    found = [
        "Datadog itself: the two regions are simulated, and nothing was sent to any org" if simulated else "",
        *(_left_out(event, simulated=simulated) for event in told if isinstance(event, events.HookEnded)),
        ""
        if any(isinstance(event, events.NoticeSent) and event.role is not None for event in told)
        else "events in Datadog: none was posted",
        "traffic: a status moves neither Agents nor DNS nor integrations, and no hook did"
        if simulated or not any(isinstance(event, events.HookIntended) for event in told)
        else "",
    ]
    return tuple(dict.fromkeys(filter(None, found)))


def _left_out(event: events.HookEnded, *, simulated: bool) -> str:
    """Why a hook was not done; "" where it was."""
    hook = f"hook {event.hook} of transition {event.transition}"
    if event.outcome is not HookOutcome.DONE:
        return f"{hook}: {event.outcome.value}" + (f": {event.reason}" if event.reason else "")
    return f"{hook}: its program was not started, as the regions are simulated" if simulated else ""


def _less_strict(
    made: Iterable[PlayedLeg], playbook: Playbook, stage: Stage | None
) -> tuple[LessStrict, ...]:
    """Guards that were judged less strictly than they would be live: on a stage no probe is read, and waits are shorter."""
    found = [*_let_pass(made)]
    if stage is not None:
        found += [*_assumed(playbook, stage.stubs), *_shortened(playbook, stage.scenario.waits)]
    return tuple(dict.fromkeys(found))


def _let_pass(made: Iterable[PlayedLeg]) -> Iterator[LessStrict]:
    for each in made:
        for event, _ in each.told:
            match event:
                case events.GuardOverridden(verdict=verdict, reason=reason):
                    yield LessStrict(verdict.guard, f"overridden on the way {each.leg.name}: {reason}")
                case events.GuardWaived(verdict=verdict):
                    yield LessStrict(
                        verdict.guard, f"waived on the way {each.leg.name}, {why_waived(verdict)}"
                    )
                case events.WaitEnded(transition=transition, passed=True, seconds=seconds):
                    yield LessStrict(
                        f"guards of {transition}",
                        f"passed on the way {each.leg.name} after a wait of {span(seconds)}",
                    )
                case _:
                    pass


def _assumed(playbook: Playbook, stubs: ProbeStubs) -> Iterator[LessStrict]:
    for probe in playbook.probes:
        agreed = stubs.values.get(probe)
        if isinstance(agreed, Unknown):
            words = f"its probe {probe} had no answer, as the scenario has it"
        elif agreed is not None:
            words = f"its probe {probe} was not read: the scenario says {value_words(agreed)}"
        else:
            value = stubs.assumed[probe].value
            shown = "good" if value is None else value_words(value)
            words = f"its probe {probe} was not read: it was taken to say {shown}"
        yield from (LessStrict(guard.name, words) for guard in guards_over(probe, playbook))


def _shortened(playbook: Playbook, waits: Waits) -> Iterator[LessStrict]:
    limit = waits.guards
    for guard in playbook.guards.values():
        if limit is not None and guard.within is not None and guard.within > limit:
            yield LessStrict(
                guard.name, f"waited for {span(limit)} at most, in place of {span(guard.within)}"
            )


# -- the end ---------------------------------------------------------------------------------------------------


class PlayedDrill(Struct):
    """What an open drill has shown so far."""

    opened: OpenDrill
    stage: Stage | None = None
    """Where it is played, for one on the simulator."""
    seed: int | None = None
    """What drew its faults."""
    made: list[PlayedLeg] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    late: tuple[str, ...] = ()
    """What was given up by then, and may still take effect, as its newest run says."""
    upto: int = 0
    """The number of the newest record when the last of its runs ended: one that is taken up again tells what it did since."""

    def ran(self, name: str, goal: Status, result: RunResult) -> None:
        """A run of it has ended."""
        store = self.opened.session.store
        told = events_of(store.records(run=result.run, after=self.upto))
        self.made.append(leg_of(name, goal, result.seconds, told, result))
        self.late = result.ending.late
        self.upto = store.head().seq

    def came_home(self, wanted: str, failback: FailbackResult, home: Status) -> None:
        """The pair was brought home, or could not be; `wanted` says what was expected of that."""
        for result in failback.results:
            self.ran("clean-up", home if result.goal is None else result.goal, result)
        self.expectations += [
            Expectation(
                f"{each.leg.name}: {objective.status} within {span(objective.wanted)}",
                objective.met,
                f"it took {span(objective.took)}",
            )
            for each in self.made
            for objective in each.leg.objectives
        ]
        self.expectations.append(Expectation(wanted, failback.at_home, failback.found))

    def close(
        self, notes: str, *, closes: bool = True, why_open: str = "", next_steps: tuple[NextStep, ...] = ()
    ) -> DrillResult:
        """Journal the score and, where the pair is cleaned up, that the drill is closed, with the notes."""
        opened, score = self.opened, self._score()
        told: list[events.Event] = [
            events.DrillScored(score),
            *([events.DrillClosed(notes)] if closes else []),
        ]
        for event in told:
            opened.session.append(opened.drill, event)
            opened.tell(event)
        code = ExitCode.DONE if score.passed else ExitCode.DRILL_MISSED
        if opened.controls.asked:
            code = opened.controls.code
        if self.late and not next_steps and self.stage is None:
            next_steps = (next_step.look_again(opened.session.pair.name), *next_steps)
        return DrillResult(score, closes, code, opened.session.store.head(), why_open, next_steps)

    def _score(self) -> Score:
        session, made = self.opened.session, self.made
        simulated = self.stage is not None
        return Score(
            drill=self.opened.drill,
            pair=session.pair.name,
            playbook=session.playbook.name,
            legs=tuple(each.leg for each in made),
            expectations=tuple(self.expectations),
            executed=tuple(words for each in made for words in _executed(each, simulated=simulated)),
            not_executed=_not_executed(made, simulated=simulated),
            less_strict=_less_strict(made, session.playbook, self.stage),
            scenario="" if self.stage is None else self.stage.scenario.name,
            seed=self.seed,
            simulated=simulated,
            playbook_sha256=session.playbook.digest,
        )

"""A scenario from a counterexample of a proof: played on the simulator, it fails what stands for the law that broke."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from math import ceil

from msgspec import Struct, field

from orchestrator.config import faults
from orchestrator.config.scenario import (
    At,
    ComesBack,
    Command,
    Death,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    Meanwhile,
    RegionSettings,
    Scenario,
    ScenarioStep,
    SomebodyWrites,
    Unknown,
    Waits,
)
from orchestrator.errors import UsageError
from orchestrator.model.events import GuardsJudged, PersonAnswered, SituationRead, WriteIntended
from orchestrator.model.guard import Measured, Outcome, Window
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import Counterexample, Event, Law, Moment, What
from orchestrator.model.status import Role, Status
from orchestrator.proof import NEARLY, Journalled, Retold, retell
from orchestrator.situation.guard_kinds import assumed_values, longest_wait

from .failback import check_routes
from .from_run import MIRROR
from .rehearsal import SHORT_WAITS
from .run_parts import StepParts, right_after

OBJECTIVE = 3.0
"""Seconds that the objective of a story about time is shortened to."""

_TOLD_BY = {
    Law.REACHES: "where the first command leads",
    Law.LEADS_ON: "where the pair stands in the end",
    Law.IN_TIME: "the playbook's objectives",
    Law.NEVER_OVER_A_STRANGER: "what is always expected",
    Law.INTENT_FIRST: "what is always expected",
}
"""The laws that a scenario's expectations stand for, and which of them."""

_WRITES: dict[Event, faults.FaultKind] = {
    Event.TAKEN_UNANSWERED: faults.AnswerLost(),
    Event.NOT_TAKEN_UNANSWERED: faults.ConnectionReset(),
    Event.LATE: faults.AppliedLate(0.5),
    Event.VERY_LATE: faults.AppliedLate(1.5),
    Event.REFUSED: faults.ClientError(400),
    Event.REFUSED_TAKEN: faults.ClientError(400, applied=True),
    Event.THROTTLED: faults.Throttle(reset=0),
    Event.DIED_LATE: faults.AppliedLate(0.5),
}
_READS: dict[Event, faults.FaultKind] = {
    Event.LAGGED: faults.StaleRead(),
    Event.MISSING: faults.ClientError(404),
    Event.DENIED: faults.ClientError(403),
    Event.UNREADABLE: faults.WrongBody("<html></html>", "text/html"),
    Event.SILENT: faults.ServerError(503),
}
_NO_COUNTERPART = frozenset({Event.ACCEPTED_LATE, Event.NOT_SENT})
_AT_ONCE = 0.001
"""Seconds: of one and the same moment in a story."""


def scenario_of_story(playbook: Playbook, found: Counterexample, file: str) -> Scenario:
    """The scenario of a counterexample; `file` names its playbook.

    A UsageError, by name, where a fault in it has no counterpart on the simulator, no expectation stands for its law, or its route
    cannot be drilled.
    """
    if found.broken.law not in _TOLD_BY:
        raise UsageError(f"no expectation of a scenario stands for the law {found.broken.law.value}")
    for event in found.faults:
        if event in _NO_COUNTERPART:
            raise UsageError(f'the simulator has no fault for "{event.value}"')
    check_routes(playbook, found.route.start, found.route.goal)
    return _Telling(
        playbook, found, retell(playbook, found.route, found.scripts), assumed_values(playbook)
    ).tell(file)


class _Typed(Struct):
    """One command of a story: what it met, and what it journalled."""

    line: str
    moments: Sequence[Moment]
    records: Sequence[Journalled]
    parts: StepParts = field(default_factory=StepParts)
    """Of the step that plays it."""
    dies: Death | None = None

    def at(self, moment: Moment) -> At | None:
        """The record right before a moment; None where nothing was read before."""
        before = [record for record in self.records if record.at < moment.at - _AT_ONCE]
        if not any(isinstance(record.event, SituationRead) for record in before):
            return None
        return right_after([record.kind for record in before])

    def died(self, *, sent: bool) -> Death:
        """Right after all that it has journalled; of a transaction that was not made, only that is missing."""
        at = right_after([record.kind for record in self.records])
        return Death(at.after, at.number, sent)

    def count(self, kind: str, moment: Moment) -> int:
        """How many records of a kind were written before a moment."""
        return sum(record.kind == kind and record.at < moment.at - _AT_ONCE for record in self.records)

    def posts(self, moment: Moment) -> int:
        """Which of the writes to that org it is about."""
        sent = (record for record in self.records if record.at < moment.at)
        return sum(
            isinstance(each.event, WriteIntended) and each.event.attempt.role is moment.role for each in sent
        )


class _Telling(Struct):
    playbook: Playbook
    found: Counterexample
    retold: Retold
    assumed: dict[str, Measured]
    steps: list[ScenarioStep] = field(default_factory=list)
    holding_back: set[str] = field(default_factory=set)
    """Probes that say something bad during this command alone."""
    failing: set[str] = field(default_factory=set)
    """Hooks that end badly during this command alone."""

    def tell(self, file: str) -> Scenario:
        route, law = self.found.route, self.found.broken.law
        commands = self._commands()
        if route.emergency is not None:
            self.steps.append(ScenarioStep(GoesDark(route.emergency.other, silent=True)))
        home = law is Law.IN_TIME and not self.found.faults and len(commands) > 1
        for number, typed in enumerate(commands[:1] if home else commands):
            self._step(typed, number)
        if home:
            self.steps.append(self._home())
        pace = self._pace()
        return Scenario(
            f"{law.value}-{self.playbook.name}",
            f"{law.value}: {self.found.broken.why}. It is judged by {_TOLD_BY[law]}.",
            file,
            f"the proof of {self.playbook.name}",
            route.goal,
            RegionSettings(route.start, MIRROR if route.mirrors else None),
            pace,
            Waits() if pace is not None else SHORT_WAITS,
            steps=tuple(self.steps),
            expect=self._in_the_end(),
        )

    def _commands(self) -> list[_Typed]:
        story, records = self.retold.story, self.retold.records
        begins = [index for index, each in enumerate(story) if each.what is What.TYPED]
        found = []
        for begin, end in zip(begins, [*begins[1:], len(story)], strict=True):
            until = story[end].at if end < len(story) else float("inf")
            own = [record for record in records if story[begin].at - _AT_ONCE <= record.at < until - _AT_ONCE]
            found.append(_Typed(story[begin].subject, story[begin:end], own))
        return found

    def _pace(self) -> int | None:
        """Where it is about time: so fast that the objective is over in seconds."""
        if self.found.broken.law is not Law.IN_TIME or not self.playbook.objectives:
            return None
        shortest = self.playbook.objectives.get(self._late(), min(self.playbook.objectives.values()))
        return max(1, ceil(shortest.total_seconds() / OBJECTIVE))

    def _late(self) -> Status:
        """The status that was reached too late."""
        return next(
            (status for status in self.playbook.objectives if self.found.broken.why.startswith(f"{status} ")),
            self.found.route.goal,
        )

    def _home(self) -> ScenarioStep:
        home = self.found.route.start
        pace = self._pace() or 1
        later = self.playbook.objectives[home] / pace
        return ScenarioStep(DoRun(home), "home, when its time is up", expect=Expect(exit=0), later=later)

    def _in_the_end(self) -> Expect:
        goal = self.retold.goal
        if self.found.broken.law is not Law.LEADS_ON:
            return Expect()
        return Expect(phase=f"agreed({goal})", owed="nothing")

    # -- one command ---------------------------------------------------------------------------------------------

    def _step(self, typed: _Typed, number: int) -> None:
        back, parts = [], typed.parts
        parts.probes.update({name: self._good(name) for name in sorted(self.holding_back)})
        parts.hooks.update(dict.fromkeys(sorted(self.failing), 0))
        self.holding_back.clear()
        self.failing.clear()
        for index, moment in enumerate(typed.moments):
            if moment.what is What.BACK and moment.role is not None:
                back.append(ScenarioStep(ComesBack(moment.role)))
            elif moment.event is not None:
                self._met(typed, moment, index)
        self.steps += parts.before
        command = self._command(typed)
        if command is not None:
            parts.answers = {
                record.event.question.subject: record.event.reply.yes
                for record in typed.records
                if isinstance(record.event, PersonAnswered) and record.event.reply is not None
            }
            step = parts.step(command, f"command {number + 1}", self._expect(number), dies=typed.dies)
            self.steps.append(step)
        self.steps += back

    def _expect(self, number: int) -> Expect:
        route = self.found.route
        if number or self.found.broken.law is not Law.REACHES:
            return Expect()
        roles = Role if route.emergency is None else (route.emergency,)
        return Expect(statuses=dict.fromkeys(roles, route.goal))

    def _command(self, typed: _Typed) -> Command | None:
        """What is typed; None for what settles nothing on a simulator: a lock is taken over there, and nothing cools down."""
        words = shlex.split(typed.line)[1:]
        options = dict(zip(words, [*words[1:], ""], strict=True))
        overrides = {
            word.partition("=")[0]: "as in the proof"
            for flag, word in pairwise(words)
            if flag == "--override"
        }
        overrides = {**self._open_by_the_clock(typed), **overrides}
        emergency = "--emergency" in words
        reason = "us1 is down" if emergency else ""
        match words[0]:
            case "run":
                return DoRun(Status[options["--to"]], emergency, reason, overrides)
            case "resume":
                return DoResume(emergency, reason, overrides)
            case "adopt":
                return DoAdopt(Role(options["--truth"]), overrides=overrides)
            case _:
                return None

    def _open_by_the_clock(self, typed: _Typed) -> dict[str, str]:
        """Windows that were open in the story: they may not be when it is played."""
        verdicts = (
            verdict
            for record in typed.records
            if isinstance(record.event, GuardsJudged)
            for verdict in record.event.verdicts
        )
        last = {verdict.guard: verdict.outcome for verdict in verdicts}
        windows = {name for name, guard in self.playbook.guards.items() if isinstance(guard.kind, Window)}
        if any(last.get(name) is Outcome.FAIL for name in windows):
            return {}
        return dict.fromkeys(sorted(windows & last.keys()), "it was open in the proof")

    # -- what it met -----------------------------------------------------------------------------------------------

    def _met(self, typed: _Typed, moment: Moment, index: int) -> None:
        match moment.what:
            case What.WROTE:
                self._wrote(typed, moment)
            case What.READ:
                self._read(typed, moment)
            case What.STRANGER:
                self._stranger_wrote(typed, moment, index)
            case What.COMMIT if typed.records:
                typed.dies = typed.died(sent=moment.event is Event.DIED_BEFORE)
            case What.GUARD:
                self._held_back(typed, moment)
            case What.HOOK:
                self._hook(typed, moment)
            case _:
                pass

    def _wrote(self, typed: _Typed, moment: Moment) -> None:
        kind = None if moment.event is None else _WRITES.get(moment.event)
        if kind is not None:
            typed.parts.fails(None, faults.Fault(kind, typed.posts(moment), moment.role, "POST"))
        if moment.event in (Event.DIED_TAKEN, Event.DIED_LATE):
            number = typed.count(WriteIntended.kind, moment)
            typed.dies = Death(WriteIntended.kind, number, sent=True)

    def _read(self, typed: _Typed, moment: Moment) -> None:
        at, role = typed.at(moment), moment.role
        kind = None if moment.event is None else _READS.get(moment.event)
        if role is None:
            return
        if kind is None:
            typed.parts.happens(at, GoesDark(role, silent=True))
        else:
            typed.parts.fails(at, faults.Fault(kind, 1, role, "GET"))

    def _stranger_wrote(self, typed: _Typed, moment: Moment, index: int) -> None:
        if moment.role is None or moment.status is None:
            return
        at, earlier = typed.at(moment), typed.moments[index - 1] if index else None
        if earlier is not None and earlier.what is What.WROTE and earlier.at == moment.at:
            at = At("write.answered", typed.count("write.answered", moment) + 1)  # after ours
        typed.parts.happens(at, SomebodyWrites(moment.role, moment.status))

    def _held_back(self, typed: _Typed, moment: Moment) -> None:
        name, parts = moment.subject, typed.parts
        unmeasured = moment.event is Event.UNMEASURED
        parts.probes[name] = Unknown("no data") if unmeasured else self._bad(name)
        if moment.event is not Event.NEVER_PASSED:
            self.holding_back.add(name)
        if moment.event is Event.PASSED_LATER:
            later = self._longest_wait(name) * NEARLY
            number = typed.count("wait.began", moment) + 1
            good = {name: self._good(name)}
            parts.meanwhile.append(Meanwhile("wait.began", None, number, later=later, probes=good))
            self.holding_back.discard(name)

    def _longest_wait(self, probe: str) -> timedelta:
        """For how long the guards over a probe are waited for when it is played."""
        pace, shortest = self._pace(), SHORT_WAITS.guards or timedelta(seconds=1)
        longest = longest_wait(probe, self.playbook)
        return min(longest, shortest) if pace is None else longest / pace

    def _hook(self, typed: _Typed, moment: Moment) -> None:
        if moment.event is Event.HOOK_DIED:
            typed.dies = Death("hook.intended", typed.count("hook.intended", moment), sent=True)
            return
        typed.parts.hooks[moment.subject] = 1
        if moment.event is not Event.HOOK_NEVER_ENDED_WELL:
            self.failing.add(moment.subject)

    def _good(self, probe: str) -> float | str | bool:
        said = self.assumed[probe]
        return said.good if said.value is None else said.value

    def _bad(self, probe: str) -> float | str | bool:
        match self.assumed[probe].value:
            case bool() as value:
                return not value
            case float() | int():
                return -1.0
            case _:
                return False

"""What a run or a drill was, from beginning to end: the view that every form of its report is made from.

`run_fold` reads it out of journal records and alone changes it; `summary`, `outcomes` and the forms (terminal, JSON,
Markdown, JUnit, HTML) only look at it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import groupby

from msgspec import Struct, field

from orchestrator.model import events, next_step
from orchestrator.model.guard import ProbeReading, Verdict
from orchestrator.model.journal import Broken, Head
from orchestrator.model.next_step import NextStep
from orchestrator.model.playbook import SETTLED, HookOutcome, Question, When
from orchestrator.model.reading import Answer, Reading, Request
from orchestrator.model.result import Score, StepTime
from orchestrator.model.run import Attempt, Mode, Objective
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.timing import Spent
from orchestrator.model.words import proof_words


class Judgement(Struct):
    """All guards of a transition, judged on one situation, and what became of those that did not pass."""

    seq: int
    at: datetime
    verdicts: tuple[Verdict, ...]
    binding: bool
    overridden: dict[str, str] = {}
    """Guard to the operator's reason."""
    waived: set[str] = set()
    """Guards that were blind because of an emergency's dead org."""


class Wait(Struct):
    """Waiting for guards to pass."""

    at: datetime
    guards: tuple[str, ...]
    allowed: float
    """Seconds, at most."""
    seconds: float = 0.0
    passed: bool | None = None
    """None where the journal ends while it still waits."""
    ended: datetime | None = None
    verdicts: tuple[Verdict, ...] = ()
    """What the guards said last; () in a journal of before that was kept."""


class Asked(Struct):
    """A question to a person, and what came of it."""

    at: datetime
    question: Question
    answer: events.PersonAnswered | None = None
    """None where the journal ends before an answer."""
    ended: datetime | None = None


class HookRun(Struct):
    """One hook, once."""

    at: datetime
    transition: str
    when: When
    name: str
    what: str
    """The command line, or what a person is to do; "" where it was not begun."""
    ended: events.HookEnded | None = None
    """None where the journal ends while it is under way."""
    ended_at: datetime | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.ended is not None and self.ended.outcome in SETTLED


class Write(Struct):
    """One POST to one org, from its intent to the reading that shows it."""

    seq: int
    at: datetime
    attempt: Attempt
    request: Request
    answer: Answer | None = None
    answered_at: datetime | None = None
    confirmed: events.WriteConfirmed | None = None
    confirmed_at: datetime | None = None
    unknown: str = ""
    """Why nobody knows what became of it; "" where that is known, or the journal does not say."""


class TransitionView(Struct):
    """One transition, from its guards to its last hook."""

    name: str
    began: datetime
    source: Status | None = None
    """None where its guards never let it begin."""
    target: Status | None = None
    ended: datetime | None = None
    made_seq: int = 0
    """The record that says that it was made; 0 where it was not."""
    refused_by: tuple[str, ...] = ()
    refused_seq: int = 0
    judgements: list[Judgement] = []
    last_probes: dict[str, ProbeReading] = {}
    """What each probe said last, by its name."""
    waits: list[Wait] = []
    questions: list[Asked] = []
    hooks: list[HookRun] = []
    writes: list[Write] = []
    after: tuple[str, ...] = ()
    """The `after` hooks that it owed from the moment it was made."""
    spent: StepTime | None = None
    """Where its time went; None where it was not made."""

    @property
    def made(self) -> bool:
        """Whether it came to its end."""
        return bool(self.made_seq)

    @property
    def refused(self) -> bool:
        """Whether its guards did not let it go, and nothing of it was written."""
        return bool(self.refused_by) and not self.made


class StatusSeen(Struct, frozen=True):
    """What an org showed from some moment on, as far as the run saw it."""

    at: datetime
    status: Status | None
    """None where it was not seen, or its status is not known."""
    words: str
    """The status, or why there is none, in words."""
    record: int
    """The number of the journal record that says so."""


class Look(Struct):
    """An org that is asked for its record while somebody watches; no journal has it."""

    asked_at: datetime
    seconds: float
    """How long it has to answer."""
    answered: Reading | None = None
    """What it said to that; None while it is silent."""
    before: Reading | None = None
    """What it said the last time."""


class Resume(Struct, frozen=True):
    """Somebody took the run up again."""

    at: datetime
    by: str
    mode: Mode
    reason: str
    overrides: Mapping[str, str]


class Debt(Struct):
    """What an emergency left untold, and whether it was told since."""

    role: Role
    status: Status
    since: datetime
    reason: str
    settled_at: datetime | None = None
    settled_by: str = ""
    """The run that told it."""


class Entry(Struct, frozen=True):
    """One journal record in one line."""

    seq: int
    at: datetime
    kind: str
    text: str
    notable: bool = False
    """Worth a line in a summary of what was unusual."""


class RunView(Struct):
    """One run."""

    run: str
    pair: str
    name: str
    """Of a drill's run: out, home, resume; "" else."""
    began: datetime
    last: datetime
    """Of its newest record: for a run without an end, all that is known."""
    by: list[str] = []
    """Everybody who was at it: alice on laptop."""
    started: events.RunStarted | None = None
    """None for an adoption."""
    adopted: events.PairAdopted | None = None
    finished: events.RunFinished | None = None
    finished_at: datetime | None = None
    finished_seq: int = 0
    superseded_by: str = ""
    mode: Mode = Mode.PLANNED
    """As it was last taken up."""
    spent: Spent = Spent()
    """Where its time went, in all."""
    resumes: list[Resume] = []
    transitions: list[TransitionView] = []
    writes: list[Write] = []
    """All of them, in the order in which they were sent."""
    statuses: Both[list[StatusSeen]] = field(default_factory=lambda: Both([], []))
    debts: list[Debt] = []
    entries: list[Entry] = []
    live: bool = False
    """Whether it is told as it happens. What another process journals may be known here some seconds later."""
    looks: dict[Role, Look] = {}
    """The newest look at each org, where the run is watched as it goes."""
    awaited: tuple[events.Waiting, datetime] | None = None
    """What it waits for, and when it last said so, where it is watched as it goes; None while it does something."""
    names: dict[Role, str] = field(default_factory=lambda: dict.fromkeys(Role, ""))
    """What the orgs are called: "" where no record told it."""
    overridden_before: list[tuple[Verdict, str]] = []
    """What it went over before its first transition, by name, each with the operator's reason."""
    objectives_by_status: dict[Status, Objective] = {}
    """Of every end that it came to: one that owed reached its goal before it was taken up again."""
    approval_owed: bool = False
    """Whether other people have to agree to it afterwards."""
    remember: tuple[str, ...] = ()
    """What the playbook wants to be remembered by whoever moved a pair to ACTIVE."""
    wanted: timedelta | None = None
    """The playbook's objective for the goal; None where it has none, or cannot be read any more."""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """One for each status that has one and was reached, and whether it was met."""
        return tuple(self.objectives_by_status.values())

    @property
    def apart(self) -> tuple[Write, ...]:
        """Writes that belong to no transition: a delivery of what was owed, an adoption."""
        return tuple(write for write in self.writes if not write.attempt.transition)

    @property
    def unknown(self) -> tuple[Write, ...]:
        """Writes of which nobody knows what became of them: whoever got to the goal, or took its place, has settled that."""
        if self.reached_goal or self.superseded_by:
            return ()
        return tuple(write for write in self.writes if write.unknown and write.confirmed is None)

    @property
    def goal(self) -> Status | None:
        """Where it was to go; of an adoption, what was declared right. None where the journal holds no beginning."""
        if self.started is not None:
            return self.started.goal
        return None if self.adopted is None else self.adopted.status

    @property
    def reached_goal(self) -> bool:
        """Whether it is done, though it may owe."""
        return self.finished is not None and self.finished.ending.end.reached

    @property
    def open(self) -> bool:
        """Whether it can be resumed."""
        if self.started is None or self.superseded_by:
            return False
        return self.finished is None or self.finished.resumable

    @property
    def start(self) -> Status | None:
        """Where the pair stood when it began; None where that is not known."""
        for transition in self.transitions:
            if transition.source is not None:
                return transition.source
        seen = {statuses[0].status for statuses in self.statuses if statuses}
        return seen.pop() if len(seen) == 1 else None

    @property
    def ended(self) -> datetime:
        """When it ended; of a run without an end, its newest record."""
        return self.finished_at or self.last

    @property
    def elapsed(self) -> timedelta:
        """From its first record to its end; what it is interrupted for counts."""
        return self.ended - self.began

    def called(self, role: Role) -> str:
        """An org by its name, where a record told it, and its role: Payments EU (secondary); else the secondary."""
        name = self.names[role]
        return f"{name} ({role})" if name else f"the {role}"

    @property
    def left_to_person(self) -> tuple[str, ...]:
        """What was not done for want of somebody to ask, in the playbook's words."""
        left = [hook.ended for hook in self.hooks if hook.ended is not None]
        return tuple(ended.reason for ended in left if ended.outcome is HookOutcome.LEFT_TO_PERSON)

    @property
    def waits_for_guards(self) -> Wait | None:
        """The guards that it waits for now; None where it does not, or the journal says how that ended."""
        waits = self.transitions[-1].waits if self.transitions else []
        return waits[-1] if waits and waits[-1].passed is None and self.finished is None else None

    @property
    def hooks(self) -> tuple[HookRun, ...]:
        """The last of each hook, in order."""
        every = (hook for transition in self.transitions for hook in transition.hooks)
        return tuple({(hook.transition, hook.when, hook.name): hook for hook in every}.values())

    @property
    def hooks_failed(self) -> tuple[str, ...]:
        """`before` hooks that did not end well, of transitions that were made all the same, as "transition/hook"."""
        made = {transition.name for transition in self.transitions if transition.made}
        before = (hook for hook in self.hooks if hook.when is When.BEFORE and hook.transition in made)
        return tuple(f"{hook.transition}/{hook.name}" for hook in before if not hook.settled)

    @property
    def hooks_owed(self) -> tuple[str, ...]:
        """`after` hooks that did not end well yet, as "transition/hook": `resume` runs them."""
        owed = dict.fromkeys((each.name, name) for each in self.transitions for name in each.after)
        after = (hook for hook in self.hooks if hook.when is When.AFTER)
        settled = {(hook.transition, hook.name) for hook in after if hook.settled}
        return tuple(f"{transition}/{name}" for transition, name in owed if (transition, name) not in settled)


class DrillView(Struct):
    """What makes several runs one drill."""

    drill: str
    began: datetime
    started: events.DrillStarted | None = None
    score: Score | None = None
    """None where it was not scored (yet)."""
    closed_at: datetime | None = None
    notes: str = ""

    @property
    def scenario(self) -> str:
        """What went wrong in it, by name; "" for a drill without a scenario."""
        return (self.score.scenario if self.score else "") or (self.started.scenario if self.started else "")

    @property
    def seed(self) -> int | None:
        """What its faults were drawn from; None where they were not."""
        known = self.score or self.started
        return None if known is None else known.seed

    @property
    def simulated(self) -> bool:
        """Whether its regions were."""
        known = self.score or self.started
        return known is None or known.simulated


class ReportView(Struct):
    """One run, or a drill with all of its runs."""

    subject: str
    """The run's or the drill's id: what the report was asked for."""
    pair: str
    runs: tuple[RunView, ...]
    drill: DrillView | None
    head: Head
    """The journal's newest record when the report was made: what anchors all that it says."""
    lines: Mapping[int, str]
    """Each record that it was made from in one line, by its sequence number."""
    journal: str = ""
    """The journal's file, where the report was asked for with --journal: its commands have to say it again."""
    certificate: events.Certificate | None = None
    """What the pair's playbook was proven to before its first record; None where it never was."""
    broken: Broken | None = None
    """The first of its records that did not hold when the report was made; None where all did."""

    @property
    def records(self) -> int:
        """How many records it was made from."""
        return len(self.lines)

    @property
    def warning(self) -> str:
        """What has to be said before anything that the report tells; "" where the records that it was made from hold."""
        if self.broken is None:
            return ""
        return (
            f"The journal's chain is BROKEN at record {self.broken.seq}: {self.broken.reason}. What is told here was made "
            "from it, and is not to be trusted. hamr audit verify says more."
        )

    @property
    def checked(self) -> str:
        """What of the journal was verified for the report, and what was not."""
        return (
            f"the {self.records:,} records that this was made from, each by its own hash and that of the one before; "
            "not the rest of the chain"
        )

    def proof_of(self, run: RunView) -> str:
        """Whether the playbook of one of its runs was proven when that began, in words; "" where it never was."""
        if self.certificate is None or run.started is None:
            return ""
        return proof_words(self.certificate, run.started.playbook_sha256, run.started.version)

    @property
    def next_steps(self) -> tuple[NextStep, ...]:
        """What can be made of a run; a drill is several."""
        if self.drill is not None:
            return ()
        again = next_step.again(self.subject)
        return (again.with_options("--journal", self.journal) if self.journal else again,)

    def command(self, command: str) -> str:
        """A command of hamr that finds the same journal."""
        if not self.journal or not command.startswith("hamr ") or " --journal" in command:
            return command
        return f"{command} --journal {shlex.quote(self.journal)}"

    @property
    def verify(self) -> str:
        """What checks that the journal still holds all that the report was made from."""
        return self.command(f"hamr audit verify --anchor {self.head}")

    def statuses_of(self, role: Role) -> list[StatusSeen]:
        """What one org showed over all runs, each where it changes."""
        every = (seen for run in self.runs for seen in run.statuses[role])
        return [next(alike) for _, alike in groupby(every, key=lambda seen: (seen.status, seen.words))]

    @property
    def began(self) -> datetime:
        """When the first of it was journalled."""
        return min(each.began for each in (*self.runs, self.drill) if each is not None)

    @property
    def last(self) -> datetime:
        """When its runs came to their end."""
        return max((run.ended for run in self.runs), default=self.began)

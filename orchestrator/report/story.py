"""What a run or a drill was, from beginning to end: what every form of its report is made from.

Nouns alone. `telling` reads them out of journal records; `gist`, `cases` and the forms (terminal, JSON, Markdown,
JUnit, HTML) only look at them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from msgspec import Struct, field

from orchestrator.model.events import DrillStarted, RunFinished, RunStarted
from orchestrator.model.guard import Verdict
from orchestrator.model.hook import SETTLED, HookOutcome, When
from orchestrator.model.journal import Broken, Head
from orchestrator.model.result import Score
from orchestrator.model.run import Mode, Objective
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.timing import Times

from .layout import Line
from .transition_story import HookRun, TransitionStory, Write


class Stand(Struct, frozen=True):
    """Where an org stood from some moment on, as far as the run saw it."""

    at: datetime
    status: Status | None
    """None where it was not seen, or its status is not known."""
    words: str
    """The status, or why there is none, in words."""
    seq: int = 0


class Resume(Struct, frozen=True):
    """Somebody took the run up again."""

    at: datetime
    by: str
    mode: Mode
    reason: str
    overrides: Mapping[str, str]


class Debt(Struct, frozen=True):
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
    said: Line
    notable: bool = False
    """Worth a line in a summary of what was unusual."""


class RunStory(Struct, frozen=True):
    """One run."""

    run: str
    pair: str
    by: tuple[str, ...]
    """Everybody who was at it: alice on laptop."""
    began: datetime
    last: datetime
    """Of its newest record: for a run without an end, all that is known."""
    started: RunStarted | None
    finished: RunFinished | None
    finished_at: datetime | None
    finished_seq: int
    superseded_by: str
    acknowledged: bool
    mode: Mode
    """As it was last taken up."""
    times: Times
    resumes: tuple[Resume, ...]
    transitions: tuple[TransitionStory, ...]
    apart: tuple[Write, ...]
    """Writes that belong to no transition: a delivery of what was owed, an adoption."""
    stands: Both[tuple[Stand, ...]]
    debts: tuple[Debt, ...]
    entries: tuple[Entry, ...]
    names: Both[str]
    """What the orgs are called: "" where no record told it."""
    overridden_before: tuple[tuple[Verdict, str], ...] = ()
    """What it went over before its first transition, by name, each with the operator's reason."""
    remember: tuple[str, ...] = ()
    """What the playbook wants to be remembered by whoever reached ACTIVE."""
    objectives: tuple[Objective, ...] = ()
    """Of every end that it came to: one that owed reached its goal before it was taken up again."""
    wanted: timedelta | None = None
    """The playbook's objective for the goal; None where it has none, or cannot be read any more."""
    name: str = ""
    """Of a drill's run: out, home, resume; "" else."""

    @property
    def writes(self) -> tuple[Write, ...]:
        """All of them, in the order in which they were sent."""
        found = [*self.apart, *(write for transition in self.transitions for write in transition.writes)]
        return tuple(sorted(found, key=lambda write: write.seq))

    @property
    def unknown(self) -> tuple[Write, ...]:
        """Writes of which nobody knows what became of them."""
        return tuple(write for write in self.writes if write.unknown and write.confirmed is None)

    @property
    def open(self) -> bool:
        """Whether it can be resumed."""
        if self.started is None or self.superseded_by:
            return False
        return self.finished is None or self.finished.resumable

    @property
    def start(self) -> Status | None:
        """Where the pair stood when it began; None where that is not known."""
        first = next(
            (transition.source for transition in self.transitions if transition.source is not None), None
        )
        if first is not None:
            return first
        seen = {stands[0].status for stands in self.stands if stands}
        return seen.pop() if len(seen) == 1 else None

    @property
    def elapsed(self) -> timedelta:
        """From its first record to its end; what it is interrupted for counts."""
        return (self.finished_at or self.last) - self.began

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
    def hooks(self) -> tuple[HookRun, ...]:
        """The last of each hook, in order."""
        newest: dict[tuple[str, When, str], HookRun] = {}
        for transition in self.transitions:
            for hook in transition.hooks:
                newest[hook.transition, hook.when, hook.name] = hook
        return tuple(newest.values())

    @property
    def hooks_owed(self) -> tuple[str, ...]:
        """`after` hooks that did not end well yet, as "transition/hook": `resume` runs them."""
        settled = {
            (hook.transition, hook.name)
            for hook in self.hooks
            if hook.when is When.AFTER and hook.ended is not None and hook.ended.outcome in SETTLED
        }
        owed = [(transition.name, name) for transition in self.transitions for name in transition.after]
        return tuple(
            dict.fromkeys(
                f"{transition}/{name}" for transition, name in owed if (transition, name) not in settled
            )
        )


class DrillFacts(Struct, frozen=True):
    """What makes several runs one drill."""

    drill: str
    started: DrillStarted | None
    score: Score | None
    """None where it was not scored (yet)."""
    closed_at: datetime | None
    notes: str
    began: datetime


class Story(Struct, frozen=True):
    """One run, or a drill with all of its runs."""

    subject: str
    """The run's or the drill's id: what the report was asked for."""
    pair: str
    runs: tuple[RunStory, ...]
    drill: DrillFacts | None
    head: Head
    """The journal's newest record when the report was made: what anchors all that it says."""
    records: int
    """How many records it was made from."""
    lines: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """Each record in one line, by its sequence number."""
    journal: str = ""
    """The journal's file, where the report was asked for with --journal: its commands have to say it again."""
    broken: Broken | None = None
    """Where the journal's chain did not hold when the report was made; None where it held."""

    @property
    def warning(self) -> str:
        """What has to be said before anything that the report tells; "" where the journal's chain holds."""
        if self.broken is None:
            return ""
        return (
            f"The journal's chain is BROKEN at record {self.broken.seq}: {self.broken.reason}. What is told here was made "
            f"from it, and is to be trusted up to record {self.broken.good} at most. hamr audit verify says more."
        )

    def command(self, command: str) -> str:
        """A command of hamr that finds the same journal."""
        if not self.journal or not command.startswith("hamr ") or " --journal" in command:
            return command
        return f"{command} --journal {shlex.quote(self.journal)}"

    @property
    def verify(self) -> str:
        """What checks that the journal still holds all that the report was made from."""
        return self.command(f"hamr audit verify --anchor {self.head}")

    @property
    def began(self) -> datetime:
        """When the first of it was journalled."""
        moments = [run.began for run in self.runs]
        return min([*moments, *([self.drill.began] if self.drill else [])])

    @property
    def last(self) -> datetime:
        """When its runs came to their end."""
        return max((run.finished_at or run.last for run in self.runs), default=self.began)

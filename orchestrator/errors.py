"""Every error that a person can meet, in one drawn tree.

    HamrError                       exit  when
    ├── UsageError                   2    a flag, name or argument that cannot be right
    │   ├── DocumentError            2    a YAML, plan or scenario file with problems, all of them at once
    │   └── KeyUnavailable           2    a key's reference does not lead to a usable key
    ├── PreparationError             1    something failed before anything was intended
    │   └── JournalUnavailable       1    the journal cannot be opened, read or written
    │       └── JournalBusy          1    only because somebody else has been writing to it for too long
    ├── Refused                      3    a guard, or a pair that must not be acted on
    ├── Conflict                     4    a stale plan, or somebody else wrote
    ├── Locked                       5    another run holds the pair
    ├── Incomplete                   6    a run stopped midway; it can be resumed
    ├── OutcomeUnknown               7    a write whose outcome nobody knows
    ├── JournalDamaged               9    the journal fails verification
    └── Interrupted                130    Ctrl-C; 143 for SIGTERM, 129 for a closed terminal

Each error says what happened, which org it concerns, what was and was not sent, and what to type next.
Exit codes 0 (done), 8 (done, but owing), 10 (plan has changes, or a proof's budget ended) and 11 (a drill missed an
expectation, or a proof found a law broken) are results, not errors; `ExitCode` lists them all.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from msgspec import Struct

if TYPE_CHECKING:
    from .model.next_step import NextStep
    from .model.result import RunResult


class ExitCode(enum.IntEnum):
    """What the process returns to its caller; stable, documented in docs/reference/exit-codes.md."""

    meaning: str
    """What it says, in a few words."""

    def __new__(cls, number: int, meaning: str = "") -> Self:
        """A code, and what it says; without that, another name of one that has it."""
        code = int.__new__(cls, number)
        code._value_, code.meaning = number, meaning
        return code

    DONE = 0, "done, or nothing to do"
    FAILED = 1, "failed before anything was intended"
    USAGE = 2, "bad usage, or a bad file"
    REFUSED = 3, "refused"
    MOVED = 4, "stale plan, or somebody else wrote"
    LOCKED = 5, "locked by another run"
    INCOMPLETE = 6, "incomplete: it can be resumed"
    UNKNOWN = 7, "the outcome of a write is unknown"
    OWING = 8, "done, but owing: an org its status, or a hook its end"
    JOURNAL_DAMAGED = 9, "the journal is damaged"
    PLAN_HAS_CHANGES = 10, "the plan has changes"
    NOT_PROVEN = 10  # the same number, of another verb
    DRILL_MISSED = 11, "a drill missed an expectation"
    LAW_BROKEN = 11  # as above
    CLOSED_TERMINAL = 129, "the terminal was closed"
    INTERRUPTED = 130, "interrupted"
    TERMINATED = 143, "terminated"


PRECEDENCE: tuple[ExitCode, ...] = (
    ExitCode.JOURNAL_DAMAGED,
    ExitCode.UNKNOWN,
    ExitCode.MOVED,
    ExitCode.INCOMPLETE,
    ExitCode.OWING,
)
"""Where several exit codes fit, the first of these that fits is the one returned."""


def worst_of(codes: Iterable[int]) -> ExitCode:
    """Of several pairs' exit codes the one to return: in their precedence, then any other that is not DONE, then DONE."""
    order = (*PRECEDENCE, *(code for code in ExitCode if code is not ExitCode.DONE), ExitCode.DONE)
    return min(map(ExitCode, codes), key=order.index, default=ExitCode.DONE)


class HamrError(Exception):
    """Base of all errors that are shown to a person without a traceback.

    Args:
        message: what happened, one or two plain sentences.
        org: the org that it concerns, as a person names it, or None.
        sent: what was and was not sent, as a sentence; the default suits everything before the first intent.
        next_steps: commands to type next, most useful first.
    """

    exit_code: ExitCode = ExitCode.FAILED
    title: ClassVar[str] = "It failed"
    """What it is called on the page."""
    default_sent: ClassVar[str] = "Nothing was sent."
    result: RunResult | None = None
    """What came of the run that it ended; the Python API sets it, where a run had begun."""

    def __init__(
        self,
        message: str,
        *,
        org: str | None = None,
        sent: str | None = None,
        next_steps: Sequence[NextStep] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.org = org
        self.sent = self.default_sent if sent is None else sent
        self.next_steps = tuple(next_steps)


class UsageError(HamrError):
    """A flag, name or argument that cannot be right."""

    exit_code = ExitCode.USAGE
    title = "This cannot be right"


class Problem(Struct, frozen=True):
    """One thing that is wrong with a file, at a place in it (line and column count from 1; 0 where unknown)."""

    file: str
    line: int
    column: int
    message: str
    excerpt: str = ""
    """That line of the file, where it may be shown."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class DocumentError(UsageError):
    """A file with problems: all of them at once, in the order in which they stand there."""

    title = "A file has problems"

    def __init__(self, problems: Sequence[Problem], *, next_steps: Sequence[NextStep] = ()) -> None:
        self.problems = tuple(
            sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems), next_steps=next_steps)


class KeyUnavailable(UsageError):
    """A key's reference (environment variable, file or command) does not lead to a usable key.

    Args:
        message: whose key, and why; of several keys one sentence.
        reason: why alone, as a clause: "environment variable PAYMENTS_API_KEY is not set".
        org: whose key, as a person names the org.
        next_steps: as of any error.
    """

    title = "A key cannot be had"

    def __init__(
        self, message: str, *, reason: str = "", org: str | None = None, next_steps: Sequence[NextStep] = ()
    ) -> None:
        super().__init__(message, org=org, next_steps=next_steps)
        self.reason = reason or message


class PreparationError(HamrError):
    """Something failed before anything was intended, so nothing was sent."""

    title = "It could not begin"


class JournalUnavailable(PreparationError):
    """The journal cannot be opened, read or written: without it nothing is sent."""

    title = "The journal cannot be used"


class JournalBusy(JournalUnavailable):
    """The journal could not be had in time, since somebody else was writing to it: the next try may well succeed."""

    title = "The journal is busy"


class Refused(HamrError):
    """A guard did not pass, or the pair stands in a way that must not be acted on."""

    exit_code = ExitCode.REFUSED
    title = "Refused"


class Conflict(HamrError):
    """A plan that no longer fits the world, or a write that was not ours."""

    exit_code = ExitCode.MOVED
    title = "The world has moved"


class Locked(HamrError):
    """Another run holds the pair's lock."""

    exit_code = ExitCode.LOCKED
    title = "The pair is locked"


class Incomplete(HamrError):
    """A run stopped midway, in a state that can be resumed."""

    exit_code = ExitCode.INCOMPLETE
    title = "Stopped midway"
    default_sent = "What was sent stands in the journal."


class OutcomeUnknown(HamrError):
    """A write was sent, and neither its answer nor reading back says what became of it."""

    exit_code = ExitCode.UNKNOWN
    title = "The outcome of a write is unknown"
    default_sent = "A write was sent, and its outcome is unknown."


class JournalDamaged(HamrError):
    """The journal's hash chain does not hold."""

    exit_code = ExitCode.JOURNAL_DAMAGED
    title = "The journal is damaged"


class Interrupted(HamrError):
    """A person or the system asked the process to stop."""

    exit_code = ExitCode.INTERRUPTED
    title = "Interrupted"
    default_sent = "What was sent stands in the journal."

    def __init__(
        self,
        message: str,
        *,
        code: ExitCode = ExitCode.INTERRUPTED,
        sent: str | None = None,
        next_steps: Sequence[NextStep] = (),
    ) -> None:
        super().__init__(message, sent=sent, next_steps=next_steps)
        self.exit_code = code

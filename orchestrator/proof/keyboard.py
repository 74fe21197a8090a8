"""A person at the keyboard: types a next step letter by letter, fills in only what stands in capitals, and reads how it ends."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import cache

from msgspec import Struct

from orchestrator.errors import ExitCode, HamrError, UsageError
from orchestrator.model.next_step import NextStep
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.situation import PairStatus, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import break_lock
from orchestrator.operations.run import acknowledge, adopt, resume, start
from orchestrator.operations.session import Session

DONE = "it is done"
"""What a command that gives no result of a run ends with here."""

LOOKS = ("status", "show", "runs", "check", "report", "graph", "doctor")
"""Verbs after which somebody looks at the pair again."""

WORDS = ("TEXT", "REASON")
"""What stands where a person has to think."""

BECAUSE = "the region's own people say so"

_BARE = ("--emergency", "--yes")


class Returned(Struct, frozen=True):
    """A command ended with a result."""

    result: RunResult

    @property
    def is_good(self) -> bool:
        """Whether nobody has to do anything about it right away."""
        return self.result.exit_code in (ExitCode.DONE, ExitCode.OWING)


class Raised(Struct, frozen=True):
    """It ended with an error that says why nothing was done."""

    error: HamrError


class Died(Struct, frozen=True):
    """Its process died."""

    why: str = ""


class Crashed(Struct, frozen=True):
    """Something came out of it that no person should ever see, or nothing ever."""

    why: str


Outcome = Returned | Raised | Died | Crashed


def next_steps(outcome: Outcome) -> Sequence[NextStep]:
    """What the end of a command says to type; nothing where it went well."""
    match outcome:
        case Returned(result=result) if not outcome.is_good:
            return result.ending.next_steps
        case Raised(error=error):
            return error.next_steps
        case _:
            return ()


@cache
def _words_of(line: str) -> tuple[str, ...]:
    return tuple(shlex.split(line))


def verb_of(line: str) -> str:
    """The verb of a line to type; "" where it is none of hamr's."""
    words = _words_of(line)
    return words[1] if len(words) > 1 and words[0] == "hamr" else ""


async def type_line(line: str, session: Session, controls: RunControl) -> RunResult:
    """What a command does, as it stands there.

    Raises:
        HamrError: as the command says; DONE is the message of one that has no result.
        UsageError: nobody can type that.
    """
    words = _words_of(line)
    verb, rest = (words[1], words[2:]) if len(words) > 1 else ("", ())
    flags, names = _parsed(rest)
    pair = session.pair.name
    mode = Mode.EMERGENCY if "--emergency" in flags else None
    named = dict(each.split("=", 1) for each in flags.get("--override", []))
    overrides = {guard: BECAUSE if why in WORDS else why for guard, why in named.items()}
    reason = "us1 is down" if "--reason" in flags else ""
    match verb:
        case "run":
            goal = Status[flags["--to"][0]]
            request = RunRequest(pair, goal, mode or Mode.PLANNED, reason=reason, overrides=overrides)
            return await start(session, request, controls=controls)
        case "resume":
            history = session.history()
            run = history.open_run if names in ([], [pair]) else history.runs.get(names[0])
            if names not in ([], [pair]) and run is None:
                raise UsageError(f"there is no run {names[0]}")
            run = run if run is not None and run.open else None
            return await resume(
                session, run, mode=mode, reason=reason, overrides=overrides, controls=controls
            )
        case "adopt":
            truth = Role(flags["--truth"][0])
            return await adopt(session, truth, "both teams agree", overrides=overrides, controls=controls)
        case "unlock":
            break_lock(session, flags["--lock-id"][0], "nobody answers there")
            raise HamrError(DONE)
        case "ack":
            acknowledge(session, session.history().runs[names[0]], "we have looked")
            raise HamrError(DONE)
        case _:
            raise UsageError(f"nobody can type {line!r}")


def _parsed(words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Flags with their values, and what is no flag."""
    flags: dict[str, list[str]] = {}
    names: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            names.append(word)
        elif word in _BARE:
            flags.setdefault(word, [])
        else:
            flags.setdefault(word, []).append(rest.pop(0) if rest else "")
    return flags, names


def closed(standing: PairStatus, goal: Status) -> bool:
    """Whether there is nothing left to do."""
    return (
        standing.phase.name is PhaseName.AGREED
        and standing.phase.status is goal
        and standing.owed is None
        and standing.open_run is None
        and standing.open_drill is None
        and (standing.holder is None or standing.holder_dead)  # the next run takes such a lock over by itself
    )

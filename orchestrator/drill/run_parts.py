"""What one process did of a run, and what a write or a look of it met, as a fault of the simulator. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from orchestrator.config.faults import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionReset,
    Fault,
    FaultKind,
    Redirect,
    ServerError,
    Silence,
    Throttle,
    TruncatedBody,
)
from orchestrator.config.fields import NAME_PATTERN
from orchestrator.config.scenario import (
    At,
    ComesBack,
    Command,
    Death,
    Expect,
    GoesDark,
    Meanwhile,
    ScenarioStep,
    SomebodyWrites,
    Unknown,
)
from orchestrator.model import events
from orchestrator.model.guard import Quiet, Window
from orchestrator.model.journal import Record
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Absent, Answer, Denied, Reading, Unreachable, Unreadable
from orchestrator.model.run import Attempt, Stamp
from orchestrator.model.status import Both, Role
from orchestrator.situation.guard_kinds import kinds_of


class StepParts(Struct):
    """What a step of a scenario is put together from, while it is gone through what happened."""

    before: list[ScenarioStep] = field(default_factory=list)
    """What nobody typed, and came before it."""
    faults: list[Fault] = field(default_factory=list)
    probes: dict[str, float | str | bool | Unknown] = field(default_factory=dict)
    meanwhile: list[Meanwhile] = field(default_factory=list)
    hooks: dict[str, int] = field(default_factory=dict)
    answers: dict[str, bool] = field(default_factory=dict)

    def happens(self, at: At | None, action: GoesDark | ComesBack | SomebodyWrites) -> None:
        """It happens at that moment; before the step, where that is None."""
        if at is None:
            self.before.append(ScenarioStep(action))
        else:
            self.meanwhile.append(Meanwhile(at.after, action, at.number))

    def fails(self, at: At | None, fault: Fault) -> None:
        """It goes wrong from that moment on; from the step's beginning, where that is None."""
        if at is None:
            self.faults.append(fault)
        else:
            self.meanwhile.append(Meanwhile(at.after, None, at.number, faults=(fault,)))

    def step(
        self,
        command: Command,
        name: str,
        expect: Expect,
        *,
        by: str = "",
        dies: Death | None = None,
        stops: At | None = None,
    ) -> ScenarioStep:
        """The step, in which somebody types that command."""
        return ScenarioStep(
            command,
            name,
            by,
            tuple(self.faults),
            self.probes,
            tuple(self.meanwhile),
            dies,
            expect,
            stops,
            hooks=self.hooks,
            answers=self.answers,
        )


def right_after(kinds: Sequence[str]) -> At:
    """The moment right after the last of the records of these kinds."""
    return At(kinds[-1], kinds.count(kinds[-1]))


def readings_in(told: Sequence[events.Event | None]) -> Iterator[tuple[int, Reading]]:
    """Every reading of an org, with the place of its event among these."""
    for index, event in enumerate(told):
        if isinstance(event, events.SituationRead):
            yield from ((index, reading) for reading in event.readings if reading is not None)


class Part(Struct):
    """What one process did of a run."""

    records: Sequence[Record]
    told: Sequence[events.Event | None]
    parts: StepParts = field(default_factory=StepParts)
    """Of the step that plays it."""

    def at(self, index: int) -> At | None:
        """The moment right before one of its records; None where that is before it began to look."""
        looked = any(isinstance(event, events.SituationRead) for event in self.told[:index])
        return self.after(index) if looked else None

    def after(self, count: int) -> At:
        """The moment right after so many of its records."""
        return right_after([record.kind for record in self.records[:count]])

    def attempts(self) -> list[Attempt]:
        """The writes that it intended, in order."""
        return [event.attempt for event in self.told if isinstance(event, events.WriteIntended)]

    def answer_to(self, attempt: Attempt) -> Answer | None:
        """What a write was answered; None where that was not written down."""
        answered = (event for event in self.told if isinstance(event, events.WriteAnswered))
        return next((each.answer for each in answered if each.attempt.number == attempt.number), None)

    def refused(self) -> set[str]:
        """The guards that refused it a transition."""
        return {
            name
            for event in self.told
            if isinstance(event, events.TransitionRefused)
            for name in event.guards
        }

    def finished(self) -> events.RunFinished | None:
        """How it ended; None where its process died."""
        return next((event for event in reversed(self.told) if isinstance(event, events.RunFinished)), None)

    def given_up(self) -> int | None:
        """Which of its records says that somebody gave up waiting for a write in flight, by a second Ctrl-C; None where nobody did."""
        return next(
            (
                index
                for index, event in enumerate(self.told)
                if isinstance(event, events.WriteUnknown) and event.reason == events.WRITE_INTERRUPTED
            ),
            None,
        )


LATE = 1.5
"""Seconds after which a late write is there: past the time in which it must be seen."""


TOO_LONG = 2
"""Seconds that a server asks to wait who asks for longer than is allowed."""


def show_one_write(readings: Both[Reading | None], run: str) -> bool:
    """Whether both orgs show one and the same write of a run: each of its attempts was sent to one of them."""
    authors = [
        reading.record.modified_by
        for reading in readings
        if reading is not None and reading.record is not None
    ]
    stamp = Stamp.parse(authors[0]) if authors else None
    return len(authors) == len(Role) and authors[0] == authors[1] and stamp is not None and stamp.run == run


def lost(status: int | None, reason: str, *, taken: bool, late: bool) -> FaultKind:
    """What a write met whose answer was none."""
    if late:
        return AppliedLate(LATE, status if status is not None and status >= 500 else None)  # noqa: PLR2004 - a server's error
    match status:
        case None if is_silence(reason):
            return Silence(applied=taken)
        case None:
            return AnswerLost() if taken else ConnectionReset()
        case 408:
            return ClientError(status, applied=taken)
        case _ if 300 <= status < 400:  # noqa: PLR2004 - a redirect
            return Redirect(status, applied=taken)
        case _ if status >= 500:  # noqa: PLR2004 - a server's error
            return ServerError(status, applied=taken)
        case _:
            return TruncatedBody() if taken else ConnectionReset()


def passing(reading: Reading) -> FaultKind:
    """What one look met, after which the org answered well again."""
    status = reading.exchange.http_status
    match reading.sight:
        case Denied():
            return ClientError(status or 403)
        case Absent():
            return ClientError(404)
        case Unreadable():
            return TruncatedBody()
        case Unreachable(reason=reason) if status is None:
            return Silence() if is_silence(reason) else ConnectionReset()
        case _:
            return ServerError(status) if status is not None and status >= 500 else Throttle(reset=0)  # noqa: PLR2004 - a server's error


def is_silence(reason: str) -> bool:
    """Whether an org was connected to, and said nothing."""
    return reason.startswith("no answer")


def is_timed(guard: str, playbook: Playbook) -> bool:
    """Whether a guard goes by the clock, itself or through others."""
    return any(isinstance(kind, Quiet | Window) for kind in kinds_of((guard,), playbook))


def operator_name(operator: str) -> str:
    """An operator, as a scenario may name one."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "-", operator).lstrip("._-")
    return cleaned if re.fullmatch(NAME_PATTERN, cleaned) else "somebody"

"""One transition of a run's story: what was judged, waited for, asked, run and sent. Nouns alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct, field

from orchestrator.model.events import HookEnded, PersonAnswered, WriteConfirmed
from orchestrator.model.guard import ProbeReading, Verdict
from orchestrator.model.hook import Question, When
from orchestrator.model.reading import Answer, Request
from orchestrator.model.run import Attempt
from orchestrator.model.status import Status


class Judgement(Struct, frozen=True):
    """All guards of a transition, judged on one situation, and what became of those that did not pass."""

    seq: int
    at: datetime
    verdicts: tuple[Verdict, ...]
    binding: bool
    overridden: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Guard to the operator's reason."""
    waived: frozenset[str] = frozenset()
    """Guards that were blind because of an emergency's dead org."""


class Wait(Struct, frozen=True):
    """Waiting for guards to pass."""

    at: datetime
    guards: tuple[str, ...]
    allowed: float
    """Seconds, at most."""
    passed: bool | None = None
    """None where the journal ends while it still waits."""
    ended: datetime | None = None
    seconds: float = 0.0


class Asked(Struct, frozen=True):
    """A question to a person, and what came of it."""

    at: datetime
    question: Question
    answer: PersonAnswered | None = None
    """None where the journal ends before an answer."""
    ended: datetime | None = None


class HookRun(Struct, frozen=True):
    """One hook, once."""

    at: datetime
    transition: str
    when: When
    name: str
    what: str
    """The command line, or what a person is to do; "" where it was not begun."""
    ended: HookEnded | None = None
    """None where the journal ends while it is under way."""
    ended_at: datetime | None = None


class Write(Struct, frozen=True):
    """One POST to one org, from its intent to the reading that shows it."""

    seq: int
    at: datetime
    attempt: Attempt
    request: Request
    answer: Answer | None = None
    answered_at: datetime | None = None
    confirmed: WriteConfirmed | None = None
    confirmed_at: datetime | None = None
    unknown: str = ""
    """Why nobody knows what became of it; "" where that is known, or the journal does not say."""


class TransitionStory(Struct, frozen=True):
    """One transition, from its guards to its last hook."""

    name: str
    began: datetime
    source: Status | None = None
    """None where its guards never let it begin."""
    target: Status | None = None
    ended: datetime | None = None
    made: bool = False
    refused_by: tuple[str, ...] = ()
    refused_seq: int = 0
    made_seq: int = 0
    judgements: tuple[Judgement, ...] = ()
    probes: tuple[ProbeReading, ...] = ()
    """What each probe said last."""
    waits: tuple[Wait, ...] = ()
    questions: tuple[Asked, ...] = ()
    hooks: tuple[HookRun, ...] = ()
    writes: tuple[Write, ...] = ()
    after: tuple[str, ...] = ()
    """The `after` hooks that it owed from the moment it was made."""

    @property
    def refused(self) -> bool:
        """Whether its guards did not let it go, and nothing of it was written."""
        return bool(self.refused_by) and not self.made

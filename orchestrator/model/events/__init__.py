"""What happens in a run, as typed events: the vocabulary of the journal, of progress and of resuming.

Each event that is journalled has a `kind`, the record kind of docs/reference/journal.md. Events with an
empty kind are for people who watch, and leave no record. `decode` rebuilds an event from a journal record,
so that a run's memory is the fold of its events whether they just happened or were read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orchestrator.model.plain import JSON, plain, restore

from .around import HookEnded, HookIntended, PersonAnswered, PersonAsked, ProbesRead, WaitBegan, WaitEnded
from .drill import DrillClosed, DrillScored, DrillStarted, NoticeFailed, NoticeSent
from .lock import LockBroken, LockReleased, LockTaken, LockTakenOver
from .run import PairAdopted, RunAcknowledged, RunFinished, RunResumed, RunStarted, RunSuperseded
from .seen import (
    ChangeSeen,
    ClockDistrusted,
    MirrorFound,
    NameLearned,
    OrgGivenUp,
    ReadingsTaken,
    SituationRead,
    Waiting,
)
from .transition import (
    GuardOverridden,
    GuardsJudged,
    GuardWaived,
    TransitionIntended,
    TransitionMade,
    TransitionRefused,
)
from .write import (
    OwedSettled,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
    WriteOwed,
    WriteThrottled,
    WriteUnknown,
)

__all__ = [
    "EVENT_TYPES",
    "INTENTS",
    "JOURNALLED",
    "ChangeSeen",
    "ClockDistrusted",
    "DrillClosed",
    "DrillScored",
    "DrillStarted",
    "Event",
    "GuardOverridden",
    "GuardWaived",
    "GuardsJudged",
    "HookEnded",
    "HookIntended",
    "LockBroken",
    "LockReleased",
    "LockTaken",
    "LockTakenOver",
    "MirrorFound",
    "NameLearned",
    "NoticeFailed",
    "NoticeSent",
    "OrgGivenUp",
    "OwedSettled",
    "PairAdopted",
    "PersonAnswered",
    "PersonAsked",
    "ProbesRead",
    "ReadingsTaken",
    "RunAcknowledged",
    "RunFinished",
    "RunResumed",
    "RunStarted",
    "RunSuperseded",
    "SituationRead",
    "TransitionIntended",
    "TransitionMade",
    "TransitionRefused",
    "WaitBegan",
    "WaitEnded",
    "Waiting",
    "WriteAnswered",
    "WriteConfirmed",
    "WriteIntended",
    "WriteOwed",
    "WriteThrottled",
    "WriteUnknown",
    "decode",
    "encode",
]

Event = (
    RunStarted
    | RunResumed
    | RunSuperseded
    | RunFinished
    | RunAcknowledged
    | SituationRead
    | ReadingsTaken
    | GuardsJudged
    | GuardOverridden
    | GuardWaived
    | ProbesRead
    | WaitBegan
    | WaitEnded
    | PersonAsked
    | PersonAnswered
    | HookIntended
    | HookEnded
    | DrillStarted
    | DrillScored
    | DrillClosed
    | NoticeSent
    | NoticeFailed
    | TransitionIntended
    | TransitionRefused
    | TransitionMade
    | WriteIntended
    | WriteAnswered
    | WriteConfirmed
    | WriteUnknown
    | WriteOwed
    | OwedSettled
    | MirrorFound
    | NameLearned
    | ChangeSeen
    | OrgGivenUp
    | ClockDistrusted
    | LockTaken
    | LockTakenOver
    | LockReleased
    | LockBroken
    | PairAdopted
    | Waiting
    | WriteThrottled
)

EVENT_TYPES: tuple[type[Event], ...] = Event.__args__
JOURNALLED: Mapping[str, type[Event]] = MappingProxyType({cls.kind: cls for cls in EVENT_TYPES if cls.kind})
"""Record kind to event type: every kind that the journal can hold."""

INTENTS: frozenset[str] = frozenset({TransitionIntended.kind, WriteIntended.kind, HookIntended.kind})
"""Kinds that are journalled in one transaction with "the lock is still ours" (law 6)."""


def encode(event: Event) -> dict[str, JSON]:
    """The `data` of the event's journal record.

    Raises:
        ValueError: it could not be read back: a journal takes nothing back, and one such record would be in the way of
            every later run.
        TypeError: it holds something that has no JSON form.
    """
    data = plain(event)
    assert isinstance(data, dict)  # noqa: S101 - a dataclass's plain form
    del data["is"]
    decode(event.kind, data)
    return data


def decode(kind: str, data: Mapping[str, JSON]) -> Event | None:
    """The event that a journal record holds, or None where a newer version wrote a kind that we do not know.

    Raises:
        ValueError: the data does not fit its kind.
    """
    event_type = JOURNALLED.get(kind)
    return None if event_type is None else restore(event_type, data)

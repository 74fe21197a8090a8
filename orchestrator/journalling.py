"""The observer of a run that holds its pair: the journal first, then whoever watches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.locking import Lock
from orchestrator.log import logger
from orchestrator.model.events import INTENTS, Event, RunSuperseded
from orchestrator.model.protocols import Observer
from orchestrator.session import Session


@dataclass(slots=True)
class Journalling:
    """The observer of a run: the journal first, then whoever watches.

    An intent and "the lock is still ours" are one transaction (law 6); what happened is journalled in any case.
    """

    session: Session
    run: str
    lock: Lock
    watchers: Sequence[Observer] = ()
    supersedes: list[str] = field(default_factory=list)
    """Open runs of the pair that this run closes, by name, once it intends something or is done."""

    def tell(self, event: Event) -> None:
        """Journal an event, durably, and pass it on."""
        if event.kind in INTENTS:
            self.supersede()
        if event.kind:
            holding = self.lock.lock if event.kind in INTENTS else None
            record = self.session.store.append(self.session.entry(self.run, event), holding=holding)
            logger().debug(event.kind, seq=record.seq)
        for watcher in self.watchers:
            watcher.tell(event)

    def supersede(self) -> None:
        """Close the open runs whose place this one takes: not before, so that a refused run leaves them open."""
        while self.supersedes:
            closed = self.session.entry(self.supersedes[0], RunSuperseded(self.run))
            self.session.store.append(closed, holding=self.lock.lock)
            del self.supersedes[0]

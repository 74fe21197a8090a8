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
    """The observer of a run: the journal first, then whoever watches, whose trouble stays their own.

    An intent and "the lock is still ours" are one transaction (law 6); what happened is journalled in any case.
    """

    session: Session
    run: str
    lock: Lock
    watchers: Sequence[Observer] = ()
    supersedes: list[str] = field(default_factory=list)
    """Open runs of the pair that this run closes, by name, once it intends something or is done."""
    _failed: set[int] = field(default_factory=set)
    """The watchers that have failed, by identity."""

    def tell(self, event: Event) -> None:
        """Journal an event, durably, and pass it on."""
        if event.kind in INTENTS:
            self.supersede()
        if event.kind:
            holding = self.lock.lock if event.kind in INTENTS else None
            record = self.session.store.append(self.session.entry(self.run, event), holding=holding)
            logger().debug(event.kind, seq=record.seq)
        for watcher in self.watchers:
            try:
                watcher.tell(event)
            except Exception:  # noqa: BLE001 - whoever only watches never stops a run (law 19)
                self._say_failed(watcher, event)

    def _say_failed(self, watcher: Observer, event: Event) -> None:
        """Log it, once for each watcher: one that fails at every event must not bury the rest."""
        if id(watcher) not in self._failed:
            self._failed.add(id(watcher))
            logger().exception("somebody who watches this run failed; the run goes on", at=event.kind)

    def supersede(self) -> None:
        """Close the open runs whose place this one takes: not before, so that a refused run leaves them open."""
        while self.supersedes:
            closed = self.session.entry(self.supersedes[0], RunSuperseded(self.run))
            self.session.store.append(closed, holding=self.lock.lock)
            del self.supersedes[0]

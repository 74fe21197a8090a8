"""Drills on a fresh journal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.config import load_playbook
from orchestrator.config.scenario import Scenario
from orchestrator.config.scenarios import parse_scenario
from orchestrator.drill import DrillContext, rehearse
from orchestrator.journal import JournalStore
from orchestrator.model.playbook import Playbook
from orchestrator.model.result import DrillResult, Expectation
from orchestrator.model.run import Operator

HEAD = (
    "schema: 1\nname: mine\nwaits: {confirm: {within: 500ms, every: 50ms}, emergency: 200ms, read: 300ms}\n"
)


class Room(Struct):
    """Where drills are played."""

    context: DrillContext
    store: JournalStore

    def play(
        self, scenario: Scenario | str, *, playbook: Playbook | None = None, seed: int | None = None
    ) -> DrillResult:
        """Play a scenario, or the text of one without its first lines."""
        if isinstance(scenario, str):
            scenario = parse_scenario(HEAD + scenario, "mine.yaml")
        shipped = playbook or load_playbook(scenario.playbook or "regional-failover")
        return asyncio.run(rehearse(self.context, scenario, shipped, seed=seed, notes="a test"))

    def kinds(self, run: str) -> list[str]:
        """The kinds of a run's or a drill's records, in order."""
        return [record.kind for record in self.store.records(run=run)]


@contextmanager
def room(folder: Path) -> Iterator[Room]:
    """A room with a journal of its own, which need not survive the machine."""
    place = folder / "journal.db"
    with JournalStore.open(place, durable=False, now=lambda: datetime.now(UTC)) as store:
        yield Room(DrillContext(store, Operator("alice", "laptop"), os.environ), store)


def missed(result: DrillResult) -> list[Expectation]:
    """The expectations that did not hold."""
    return [each for each in result.score.expectations if not each.held]

"""A session on a simulated pair: real sockets, a real journal file, the real client and engine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.config import load_inventory, load_playbook
from orchestrator.errors import ExitCode, JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.journal.history import RunHistory
from orchestrator.model.events import Event
from orchestrator.model.journal import Entry, Record
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Confirm, Playbook
from orchestrator.model.result import RunResult
from orchestrator.model.run import Operator
from orchestrator.operations.session import Session
from orchestrator.simulator import Fault, Simulation, SimulatorConfig, write_inventory

QUICK = Confirm(timedelta(seconds=2), timedelta(milliseconds=50))
"""Reads back often, so that a test does not wait."""


def quick_playbook() -> Playbook:
    """The shipped playbook, with waits short enough for tests."""
    shipped = load_playbook("regional-failover")
    return replace(
        shipped,
        confirm=QUICK,
        mirror_wait=timedelta(milliseconds=200),
        emergency_deadline=timedelta(milliseconds=300),
    )


class Bench(Struct):
    """Two regions and a session on them."""

    sim: Simulation
    session: Session
    folder: Path
    others: list[Session] = field(default_factory=list)

    @property
    def open_run(self) -> RunHistory:
        """The run that the journal has open, which there has to be."""
        found = self.session.history().open_run
        assert found is not None
        return found

    def posts(self) -> list[str]:
        """Every POST of a HAMR record that a region saw, as "secondary 3 applied"; events are none."""
        return [
            f"{request.role} {int(request.status)} {'applied' if request.applied else 'not applied'}"
            for request in self.sim.requests
            if (request.method, request.path) == ("POST", "/api/v2/hamr")
        ]

    def break_lock(self) -> None:
        """As somebody does with `hamr unlock`."""
        holder = self.session.store.holder("sim")
        assert holder is not None
        self.session.store.release(holder.lock)

    def other_session(self, name: str = "bob", journal: str = "journal.db") -> Session:
        """The same pair for another operator."""
        held = self.session
        store = JournalStore.open(self.folder / journal, now=lambda: datetime.now(UTC))
        self.others.append(Session(held.pair, held.playbook, Operator(name, "desk"), store, os.environ))
        return self.others[-1]


class On:
    """Does something when the n-th event of a kind comes by."""

    def __init__(self, wanted: type, act: Callable[[], None], number: int = 1) -> None:
        self._wanted, self._act, self._left = wanted, act, number

    def tell(self, event: Event) -> None:
        if isinstance(event, self._wanted):
            self._left -= 1
            if self._left == 0:
                self._act()


def before_appending(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], *kinds: str
) -> None:
    """Do something right before records are appended; before those of these kinds alone, where any are named."""
    store = bench.session.store
    append_all = type(store).append_all

    def acting(self: object, entries: Sequence[Entry], **asked: Any) -> tuple[Record, ...]:
        if not kinds or any(entry.kind in kinds for entry in entries):
            act()
        return append_all(store, entries, **asked)

    monkeypatch.setattr(type(store), "append_all", acting)


def exits(result: RunResult, code: ExitCode) -> RunResult:
    """A run's result, which has to have this exit code."""
    assert result.exit_code is code, result.ending
    return result


def full_disk() -> None:
    raise JournalUnavailable("the disk is full")


@asynccontextmanager
async def simulated(
    folder: Path,
    config: SimulatorConfig | None = None,
    *,
    faults: Sequence[Fault] = (),
    mirrors: Mirrors = Mirrors.NO,
    playbook: Playbook | None = None,
) -> AsyncIterator[Bench]:
    """Start both regions, write their inventory, and open a session on them."""
    async with Simulation(config or SimulatorConfig(), faults=faults) as sim:
        write_inventory(sim, folder / "pairs.yaml")
        pair = replace(load_inventory(folder / "pairs.yaml").pairs[0], mirrors=mirrors)
        with JournalStore.open(folder / "journal.db", now=lambda: datetime.now(UTC)) as store:
            session = Session(
                pair, playbook or quick_playbook(), Operator("alice", "laptop"), store, os.environ
            )
            yield (bench := Bench(sim, session, folder))
            for other in bench.others:
                other.store.close()

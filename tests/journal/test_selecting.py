"""What is read for a run, a pair or a list of runs: exactly what reading everything and looking at each would find."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.api.finding import all_histories, outlines
from orchestrator.api.journal import summaries
from orchestrator.config import load_playbook
from orchestrator.config.scenario import Scenario
from orchestrator.drill import DrillContext, rehearse
from orchestrator.journal import SqliteStore
from orchestrator.journal.sqlite_store import _PAGE
from orchestrator.model.run import Operator

from .conftest import entry

PAIRS = ("payments", "orders", "")
RUNS = ("", "r1", "r2", "r3", "r4")
KINDS = ("run.started", "situation.read", "transition.made", "run.finished")


@pytest.fixture
def mixed(store: SqliteStore) -> SqliteStore:
    dice = random.Random(7)  # noqa: S311 - the same records each time
    store.append_all(
        [
            entry(dice.choice(KINDS), pair=dice.choice(PAIRS), run=dice.choice(RUNS), transition=str(number))
            for number in range(3 * _PAGE)
        ]
    )
    return store


def test_records_are_found_by_any_of_run_pair_kinds_and_number(mixed: SqliteStore) -> None:
    everything = list(mixed.records())
    wanted = itertools.product(
        (None, "r2", "", "none"), (None, "orders", "none"), (None, KINDS[:2], ("none",), ()), (0, 700, 9999)
    )
    for run, pair, kinds, after in wanted:
        assert list(mixed.records(run=run, pair=pair, kinds=kinds, after=after)) == [
            record
            for record in everything
            if record.seq > after
            if run in (None, record.run)
            if pair in (None, record.pair)
            if kinds is None or record.kind in kinds
        ], (run, pair, kinds, after)


@pytest.mark.parametrize("pair", [None, "orders"])
def test_an_outline_has_some_kinds_and_how_each_run_begins(mixed: SqliteStore, pair: str | None) -> None:
    everything = [record for record in mixed.records() if record.kind != "run.started"]
    first = {record.run: record for record in reversed(everything) if record.run}
    wanted = {record.seq: record for record in first.values()}
    wanted |= {record.seq: record for record in everything if record.kind == "transition.made"}
    assert list(mixed.outline(("transition.made",), begins=KINDS[1:], pair=pair)) == [
        wanted[seq] for seq in sorted(wanted) if pair in (None, wanted[seq].pair)
    ]


def test_an_outline_lists_the_runs_that_everything_lists(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "j", durable=False, now=lambda: datetime.now(UTC)) as store:
        context = DrillContext(store, Operator("alice", "laptop"), os.environ)
        for _ in range(2):
            asyncio.run(rehearse(context, Scenario(""), load_playbook("regional-failover")))
        whole = all_histories(store)
        assert summaries(outlines(store)) == summaries(whole)
        assert [history.drills for history in outlines(store).values()] == [
            history.drills for history in whole.values()
        ]

"""Checkpoints: what is read from one on is exactly what all records say, and one that was changed is never believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import JournalDamaged, Locked
from orchestrator.journal import JournalStore, checkpoint
from orchestrator.journal.checkpoint import CHECKPOINT, FORM, checkpoint_of, read_histories, read_history
from orchestrator.journal.history import ENDS, KINDS, History, fold, histories_of
from orchestrator.model.events import Event, RunFinished, RunStarted, encode
from orchestrator.model.journal import Verified
from orchestrator.model.org import Pair
from orchestrator.model.plain import JSON
from orchestrator.model.protocols import Store
from orchestrator.model.run import End, Mode, RunOutcome, RunRequest
from orchestrator.model.status import Status
from orchestrator.operations import session
from orchestrator.operations.run import start
from tests.e2e.pairs import simulated
from tests.engine.fake import pair
from tests.incidents.incident import play
from tests.incidents.twists import draw

from .conftest import entry, tamper

PAIR = pair()
INDEXES = ("records_of_a_run", "records_of_a_pair", "runs_of_a_pair")

LATER = datetime(2036, 1, 1, tzinfo=UTC)


def decisions(history: History, store: Store) -> dict[str, object]:
    """All that anybody decides by."""
    drill, run = history.open_drill, history.open_run
    wrote = {
        record.run for record in store.records(pair=history.pair, kinds=("run.started", "write.intended"))
    }
    return {
        "open": run and (run.as_open_run(), run.started, run.orgs, run.floors),
        "beside": history.open_beside(""),
        "owed": history.owed,
        "unknown": history.unknown,
        "may come late": history.given_up(),
        "hooks": history.hooks_owed,
        "elsewhere": [each.run for each in history.elsewhere],
        "known": history.known_runs & wrote,
        "floors": history.floors,
        "drill": drill and (drill.as_open_drill(), [each.run for each in history.outsiders(drill)]),
        "cooling down": [
            None if (cooling := history.cooling_down(span, LATER)) is None else (cooling[0].run, cooling[1])
            for span in (timedelta(days=1), timedelta(days=10_000))
        ],
        "of": (history.since, history.upto),
    }


def whole(store: Store, pair: Pair) -> History:
    history = History(pair.name)
    fold(history, store.records(pair=pair.name, kinds=KINDS))
    return history.of(pair)


@pytest.mark.parametrize("seeds", [range(10), pytest.param(range(10, 60), marks=pytest.mark.nightly)])
def test_a_history_from_a_checkpoint_on_decides_as_all_records_do(
    seeds: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through drawn incidents, with a checkpoint at each run's end: whenever anybody looks, both are compared."""
    left_out: list[int] = []

    def compared(store: Store, pair: Pair) -> History:
        history, everything = read_history(store, pair), whole(store, pair)
        assert decisions(history, store) == decisions(everything, store)
        left_out.append(len(everything.runs) - len(history.runs))
        return history

    monkeypatch.setattr(session, "DUE_AFTER", 1)
    monkeypatch.setattr(checkpoint, "_NEWEST", 1)
    monkeypatch.setattr(session, "read_history", compared)
    for seed in seeds:
        play(draw(seed))
    assert any(left_out)


def checkpointed(store: JournalStore, runs: int = 40) -> dict[str, JSON]:
    """So many runs that have ended, one that has not, and a checkpoint; its data."""
    for number in range(runs + 1):
        started = RunStarted(
            PAIR.name,
            Status.ACTIVE,
            Mode.PLANNED,
            "",
            "",
            None,
            {},
            "p",
            "text",
            "",
            PAIR.uuids,
            PAIR.uuids,
            "0",
        )
        events: list[Event] = [
            started,
            RunFinished(RunOutcome(End.DONE, "done"), 0, "agreed(ACTIVE)", (), 1.0),
        ]
        for event in events[: 1 if number == runs else 2]:
            store.append(replace(entry(event.kind, run=f"run-{number}"), data=encode(event)))
    data = checkpoint_of(store, PAIR.name)
    store.append(replace(entry(CHECKPOINT, run=""), data=data))
    return data


def test_from_a_checkpoint_on_little_is_read_and_every_run_is_known(store: JournalStore) -> None:
    checkpointed(store)
    store.append(entry("run.acknowledged", run="run-7", reason="seen"))
    history = read_history(store, PAIR)
    assert (history.read, len(history.runs)) == (1, 3 + 1)
    assert history.known_runs == {f"run-{number}" for number in range(41)}
    assert history.open_run is not None
    assert history.open_run.started is not None
    assert (history.open_run.run, history.open_run.started.playbook_text) == ("run-40", "text")
    assert decisions(history, store) == decisions(whole(store, PAIR), store)


def test_of_all_pairs_those_come_first_that_were_there_first(store: JournalStore) -> None:
    for name in ("zebra", "payments", "apple"):
        store.append(entry("run.acknowledged", pair=name, reason=""))
    checkpointed(store)
    assert [*read_histories(store)] == ["zebra", "payments", "apple"] == [*histories_of(store.records())]
    assert decisions(read_histories(store)["payments"], store) == decisions(whole(store, PAIR), store)


@pytest.mark.parametrize("of", [3, 300])
def test_a_checkpoint_does_not_grow_with_the_runs_that_have_ended(store: JournalStore, of: int) -> None:
    assert len(str(checkpointed(store, of))) < 5_000


@pytest.mark.parametrize("change", [{"form": FORM + 1}, {"runs": "another shape"}])
def test_a_checkpoint_of_another_version_is_passed_over(store: JournalStore, change: dict[str, JSON]) -> None:
    data = checkpointed(store)
    store.append(replace(entry(CHECKPOINT, run=""), data={**data, **change}))
    history = read_history(store, PAIR)
    assert (history.read, history.left_out) == (81, frozenset())
    assert history == whole(store, PAIR)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            "UPDATE records SET data = replace(data, 'run-40', 'run-39') WHERE seq = 82",
            "it was changed after it was written",
        ),
        ("UPDATE records SET by = x'ff' WHERE seq = 82", "one of its fields is not text"),
    ],
)
def test_law_16_a_checkpoint_that_was_changed_is_not_believed_however_old_it_is(
    store: JournalStore, place: Path, change: str, fault: str
) -> None:
    checkpointed(store)
    tamper(place, change)
    with pytest.raises(JournalDamaged, match=f"record 82: .*{fault}"):
        read_history(store, PAIR)


def test_without_its_indexes_a_journal_is_as_readable(store: JournalStore, place: Path) -> None:
    checkpointed(store)

    def read() -> list[object]:
        return [
            read_history(store, PAIR),
            list(store.records(run="run-3")),
            list(store.records(kinds=KINDS)),
            list(store.outline(ENDS, begins=KINDS)),
            store.verify(),
        ]

    before = read()
    tamper(place, *(f"DROP INDEX {name}" for name in INDEXES))
    assert read() == before


@pytest.mark.anyio
async def test_a_run_leaves_a_checkpoint_where_one_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        await start(bench.session, RunRequest("sim", Status.ACTIVE))
        assert list(store.records(kinds=(CHECKPOINT,))) == []
        monkeypatch.setattr(session, "DUE_AFTER", 20)
        await start(bench.session, RunRequest("sim", Status.PASSIVE))
        (kept,) = store.records(kinds=(CHECKPOINT,))
        assert (kept.run, kept.pair) == ("", bench.session.pair.name)
        assert bench.session.history().read == 0
        assert isinstance(store.verify(), Verified)


@pytest.mark.anyio
async def test_whoever_does_not_hold_the_pair_leaves_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        await start(bench.session, RunRequest("sim", Status.ACTIVE))
        monkeypatch.setattr(session, "DUE_AFTER", 1)
        bench.session.history()
        with pytest.raises(Locked):
            bench.session.keep_checkpoint("no lock of ours")

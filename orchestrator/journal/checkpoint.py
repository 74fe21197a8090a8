"""Checkpoints: what a pair's history amounted to, as a record of the chain, so that nobody has to read all of it again.

A checkpoint is a record like any other, so whoever changes one breaks the chain; its own hash is looked at whenever it is
used. It holds what anything may still depend on, and no more, so it does not grow with the pair's past. One that cannot be
used (another version's) is passed over: then everything is read, as before the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.events import LockTaken, LockTakenOver, RunStarted
from orchestrator.model.floor import Floor
from orchestrator.model.journal import Record
from orchestrator.model.org import Pair
from orchestrator.model.plain import JSON, plain, restore
from orchestrator.model.protocols import Store
from orchestrator.model.situation import KnownAs, Owed, Scheduled

from .history import KINDS, DrillHistory, History, RunHistory, brought_in, event_of, events_of, fold, in_time

CHECKPOINT = "pair.checkpointed"
"""The record kind. It belongs to no run."""

DUE_AFTER = 1_000
"""How many records a pair's history may have since its last checkpoint: they are read in a tenth of a second."""

FORM = 9
"""Raised with every change of what a history is made of: checkpoints of another form are not used."""

_NEWEST = 3
"""How many of the newest runs and drills are kept in any case, for whoever looked at them a moment ago."""


class _Checkpoint(Struct, frozen=True):
    form: int
    since: int
    upto: int
    runs: tuple[RunHistory, ...]
    """Without the text of their playbooks: their own records have that."""
    drills: tuple[DrillHistory, ...]
    scheduled: tuple[Scheduled, ...]
    debts: dict[str, Owed]
    floors: dict[str, Floor]


def read_history(store: Store, pair: Pair) -> History:
    """What the journal says of a pair's very orgs, from its newest checkpoint on; a JournalDamaged where a record can't be read."""
    history = _whole_history(store, pair.name)
    if not history.runs and not store.ids("", 1):  # what doctor and prove keep says nothing of runs
        history.unjournalled = store.place
    return history.of(pair)


def known_as(store: Store, pair: Pair, history: History) -> KnownAs | None:
    """The name under which a pair's very orgs were run since its own last run, where that is another one; `history` is the pair's.

    Of each name only the last run is looked at: how many there were before it makes no difference.
    """
    begun = (run.run for run in reversed(history.runs.values()) if run.started and not run.elsewhere)
    own = next(begun, None)
    beginnings = () if own is None else store.records(run=own, kinds=(RunStarted.kind,))
    since = max((run.seq for run in beginnings), default=0)
    runs = store.newest_that_names(pair.uuids.primary, RunStarted.kind, since)
    found = next(reversed([run for run in runs if run.pair != pair.name and is_of_orgs(run, pair)]), None)
    if found is None:
        return None
    there = read_history(store, replace(pair, name=found.pair))
    left = "" if there.open_run is None else there.open_run.run
    by, holder = f"{found.by}@{found.host}", store.holder(found.pair)
    return KnownAs(found.pair, found.run, by, left, there.owed, holder)


def called_otherwise(store: Store, pairs: Sequence[Pair]) -> frozenset[str]:
    """The names of those pairs whose very orgs were run under a name that is none of theirs: of these `known_as` tells more.

    Of many pairs this is read at once, and nothing is where the journal knows no other names.
    """
    names = {pair.name for pair in pairs}
    if names.issuperset(store.pairs()):
        return frozenset()
    others = [run for run in store.newest_that_names("", RunStarted.kind, 0) if run.pair not in names]
    return frozenset(pair.name for pair in pairs if any(is_of_orgs(run, pair) for run in others))


def is_of_orgs(record: Record, pair: Pair) -> bool:
    """Whether a run's beginning, or its lock, is of a pair's very orgs; by where they are asked, too: of simulated regions many have the same."""
    match event_of(record):
        case (
            RunStarted(orgs=orgs, urls=urls)
            | LockTaken(orgs=orgs, urls=urls)
            | LockTakenOver(orgs=orgs, urls=urls)
        ) if orgs and urls:
            return {*map(str.lower, orgs)} == {*pair.uuids} and {*urls} == {*pair.urls}
    return False


def read_histories(store: Store) -> dict[str, History]:
    """The same of every pair, on whichever orgs, by its name; those that were there first come first."""
    histories = [_whole_history(store, pair) for pair in store.pairs()]
    return {history.pair: history for history in sorted(histories, key=lambda each: each.since)}


def checkpoint_of(store: Store, pair: str) -> dict[str, JSON]:
    """The `data` of a pair's next checkpoint; raises as `read_history`, and a ValueError where it could not be read back."""
    data = plain(_kept_of(_whole_history(store, pair)))
    assert isinstance(data, dict)  # noqa: S101 - a noun's plain form
    restore(_Checkpoint, data)
    return data


def _whole_history(store: Store, pair: str) -> History:
    """A pair's history, on whichever orgs."""
    history = _from_checkpoint(store, pair) or History(pair)
    brought = brought_in(store, history.upto)
    if brought and any(record.seq in brought for record in store.records(pair=pair, after=history.upto)):
        # Some of it may have happened before the checkpoint.
        history, brought = History(pair), brought_in(store, 0)
    fold(history, in_time(store.records(pair=pair, kinds=KINDS, after=history.upto), brought))
    return history


def _from_checkpoint(store: Store, pair: str) -> History | None:
    found = store.newest(pair, CHECKPOINT)
    if found is None or found.data.get("form") != FORM:
        return None
    try:
        kept = restore(_Checkpoint, found.data)
    except ValueError:
        return None
    for run in kept.runs:
        if run.started is None:
            continue
        for event, _ in events_of(store.records(run=run.run, pair=pair, kinds=(RunStarted.kind,))):
            run.started = cast("RunStarted", event)
    return History(
        pair,
        {run.run: run for run in kept.runs},
        {drill.drill: drill for drill in kept.drills},
        scheduled={run.run: run for run in kept.scheduled},
        uncertain=[run for run in kept.runs if run.unknown],
        debts=kept.debts,
        floors=kept.floors,
        since=kept.since,
        upto=kept.upto,
        left_out=store.runs_of(pair),
    )


def _kept_of(history: History) -> _Checkpoint:
    """What any later question may be about, in order."""
    newest = [*history.drills][-_NEWEST:]
    kept = {name: drill for name, drill in history.drills.items() if drill.open or name in newest}
    runs = _runs_kept(history, kept)
    named = {*kept, *(run.started.drill for run in runs if run.started is not None)}
    return _Checkpoint(
        FORM,
        history.since,
        history.upto,
        tuple(map(_without_text, runs)),
        tuple(drill for name, drill in history.drills.items() if name in named),
        tuple(history.scheduled.values()),
        history.debts,
        history.floors,
    )


def _without_text(run: RunHistory) -> RunHistory:
    return run if run.started is None else replace(run, started=replace(run.started, playbook_text=""))


def _runs_kept(history: History, drills: Mapping[str, DrillHistory]) -> tuple[RunHistory, ...]:
    runs = [*history.runs.values()]
    # A pair cools down after its newest end, which nobody takes back by resuming that run; and an inventory may come to
    # name other orgs, and these again.
    ended = {
        run.orgs: run.run
        for run in runs
        if run.finished and run.intended and not run.left_open and run.run not in history.debts
    }
    legs = {leg for drill in drills.values() for leg in drill.legs}
    asked = {*history.debts, *ended.values(), *legs, *(run.run for run in runs[-_NEWEST:])}
    # Who moved the pair while a drill was open is no part of it, and is named when that is closed.
    open_since = [drill.started_at for drill in drills.values() if drill.open and not drill.started.simulated]
    since = min(open_since, default=None)
    return tuple(
        run
        for run in runs
        # Superseded, its process may say its end yet.
        if (run.started is not None and run.finished is None)
        or run.left_open
        or run.unknown
        or run.unseen
        or run.approval_owed
        or run.run in asked
        or (since is not None and run.started_at >= since)
    )

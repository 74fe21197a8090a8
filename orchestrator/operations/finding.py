"""Which run or pair of a journal a person means, and the list of its runs."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from orchestrator.errors import UsageError
from orchestrator.journal import JournalStore
from orchestrator.journal.history import ENDS, KINDS, DrillHistory, History, RunHistory, histories_of
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.model.run import RUN_PATTERN, Mode
from orchestrator.model.words import close_command
from orchestrator.report.journal import RunSummary


class Resumable(Struct, frozen=True):
    """Something that `resume` can take up."""

    pair: str
    run: RunHistory | None
    """The open run; None where an org is owed its status and no run is open."""
    command: str
    words: str


def all_histories(store: Store) -> Mapping[str, History]:
    """Every pair's history, by name."""
    return histories_of(store.records(kinds=KINDS))


def outlines(store: JournalStore, pair: str | None = None) -> Mapping[str, History]:
    """Every pair's history, or one's, as far as its runs' and drills' beginnings and ends tell it."""
    return histories_of(store.outline(ENDS, begins=KINDS, pair=pair))


def run_named(histories: Mapping[str, History], name: str, store: Store) -> RunHistory:
    """The run of that id: of these histories, else of all that the journal holds.

    Raises:
        UsageError: the journal knows none.
    """
    runs = {run.run: run for history in histories.values() for run in history.runs.values()}
    if name not in runs:  # one that ended long ago, it may be
        runs = {run.run: run for history in all_histories(store).values() for run in history.runs.values()}
    if name in runs:
        return runs[name]
    close = difflib.get_close_matches(name, sorted(runs), 1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise UsageError(
        f"The journal {store.place} knows no run {name[:60]!r}.{hint}", next_steps=("hamr runs",)
    )


def to_resume(store: Store, name: str | None, pairs: Sequence[Pair]) -> tuple[Resumable, Playbook | None]:
    """What `hamr resume [RUN|PAIR]` means, and the playbook that it goes on with; None where the journal has no text of it.

    `name` None is the only one there is; `pairs` are those of the inventory.

    Raises:
        UsageError: there is nothing to resume, or there are several and none was named.
        DocumentError: this version cannot read the playbook.
    """
    from orchestrator.journal.checkpoint import read_histories  # noqa: PLC0415 - the other verbs read it otherwise

    histories = read_histories(store)
    for pair in pairs:
        if pair.name in histories:
            histories[pair.name].of(pair)
    found = _to_resume(histories, name, [pair.name for pair in pairs], store)
    history, run = histories[found.pair], found.run
    if run is None and history.owed is not None:
        run = history.runs.get(history.owed.run)
    return found, _playbook_of(run, found.words)


def _to_resume(
    histories: Mapping[str, History], name: str | None, pairs: Collection[str], store: Store
) -> Resumable:
    if name is not None and RUN_PATTERN.fullmatch(name):
        if not any(name in history.runs for history in histories.values()):
            histories = all_histories(store)  # one that ended long ago, it may be
        return _by_run(histories, run_named(histories, name, store))
    if name is not None and name not in {*pairs, *histories}:
        raise UsageError(
            f"{name[:60]!r} is neither a run nor a pair. The inventory's pairs: {', '.join(pairs)}.",
            next_steps=("hamr runs",),
        )
    found = [
        resumable
        for history in histories.values()
        if name in (None, history.pair) and (resumable := _open_in(history)) is not None
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        what = (
            "No run is open, and nothing is owed"
            if name is None
            else f"Pair {name} has no open run, and owes nothing"
        )
        left = [
            run for history in histories.values() if name in (None, history.pair) for run in history.elsewhere
        ]
        elsewhere = "".join(
            f" Run {run.run} is open on other orgs than the inventory now names for pair {run.pair}: name those again, "
            "under a pair of their own, to bring it to its end."
            for run in left
        )
        raise UsageError(
            f"{what}: there is nothing to resume in {store.place}.{elsewhere}",
            next_steps=("hamr runs",) if name is None else (f"hamr status {name}", "hamr runs"),
        )
    raise UsageError(
        "There is more than one thing to resume: " + "; ".join(resumable.words for resumable in found) + ".",
        next_steps=tuple(resumable.command for resumable in found),
    )


def playbook_of_drill(history: History, drill: DrillHistory) -> Playbook | None:
    """The playbook that a drill began with: the file may have been edited since. None where no run of it began.

    Raises:
        DocumentError: this version cannot read it.
    """
    run = history.runs[drill.legs[0]] if drill.legs else None
    return _playbook_of(run, f"drill {drill.drill}")


def _playbook_of(run: RunHistory | None, whose: str) -> Playbook | None:
    from orchestrator.config import parse_playbook  # noqa: PLC0415 - the other verbs that find a run parse no YAML

    if run is None or run.started is None:
        return None
    return parse_playbook(run.started.playbook_text, f"the playbook of {whose}")


def rehearsal_of(history: History, run: RunHistory) -> DrillHistory | None:
    """The drill on simulated regions that a run belongs to: they went with the process that started them."""
    drill = None if run.started is None else history.drills.get(run.started.drill)
    return drill if drill is not None and drill.started.simulated else None


def _open_in(history: History) -> Resumable | None:
    run = history.open_run
    if run is not None and rehearsal_of(history, run) is not None:
        return None
    if run is not None:
        return Resumable(history.pair, run, f"hamr resume {run.run}", f"run {run.run} of {history.pair}")
    if history.owed is not None:
        owed = history.owed
        words = f"{history.pair}, whose {owed.role} is owed {owed.status}"
        return Resumable(history.pair, None, f"hamr resume {history.pair}", words)
    return None


def _by_run(histories: Mapping[str, History], run: RunHistory) -> Resumable:
    drill = rehearsal_of(histories[run.pair], run)
    if drill is not None:
        closing = (close_command(drill.drill),) if drill.open else ()
        raise UsageError(
            f"Run {run.run} belongs to rehearsal {drill.drill}: its two regions were simulated, and went with the process "
            "that started them. There is nothing to resume.",
            next_steps=(*closing, f"hamr report {drill.drill}"),
        )
    if run.open:
        return Resumable(run.pair, run, f"hamr resume {run.run}", f"run {run.run}")
    owed = histories[run.pair].owed
    if owed is not None and owed.run == run.run:
        return Resumable(run.pair, None, f"hamr resume {run.pair}", f"what run {run.run} left owed")
    if run.elsewhere and run.left_open:
        raise UsageError(
            f"Run {run.run} is open on other orgs than the inventory now names for pair {run.pair}. Only those can be "
            "brought to its end: name them in the inventory again, under a pair of their own.",
            next_steps=(f"hamr status {run.pair}", f"hamr show {run.run}"),
        )
    if run.superseded_by:
        other = histories[run.pair].runs.get(run.superseded_by)
        onward = f"hamr resume {run.superseded_by}" if other is not None and other.open else None
        raise UsageError(
            f"Run {run.run} is closed: run {run.superseded_by} took its place.",
            next_steps=(onward or f"hamr status {run.pair}", f"hamr show {run.superseded_by}"),
        )
    if run.finished is None:
        raise UsageError(
            f"Run {run.run} wrote no beginning into this journal: there is nothing to resume.",
            next_steps=(f"hamr show {run.run}", f"hamr status {run.pair}"),
        )
    raise UsageError(
        f"Run {run.run} has ended ({run.finished.ending.end.value}): there is nothing to resume.",
        next_steps=(f"hamr show {run.run}", f"hamr status {run.pair}"),
    )


def summaries(histories: Mapping[str, History]) -> tuple[RunSummary, ...]:
    """Every run of these histories, the newest first."""
    found = [
        _summary(run, gone=rehearsal_of(history, run) is not None)
        for history in histories.values()
        for run in history.runs.values()
        if run.run
    ]
    return tuple(sorted(found, key=lambda run: (run.started_at, run.run), reverse=True))


def _summary(run: RunHistory, *, gone: bool) -> RunSummary:
    started, finished = run.started, run.finished
    return RunSummary(
        run=run.run,
        pair=run.pair,
        goal=None if started is None else started.goal,
        mode=Mode.PLANNED if started is None else started.mode,
        by=run.by,
        host=run.host,
        started_at=run.started_at,
        finished_at=run.finished_at,
        end="superseded" if run.superseded_by else "" if finished is None else finished.ending.end.value,
        exit_code=None if finished is None else finished.exit_code,
        open=run.open and not gone,
    )

"""Which run or pair of a journal a person means, and the list of its runs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from orchestrator.errors import UsageError
from orchestrator.journal import JournalStore
from orchestrator.journal.history import (
    ENDS,
    KINDS,
    DrillHistory,
    History,
    RunHistory,
    event_of,
    histories_of,
)
from orchestrator.model import next_step
from orchestrator.model.events import DrillStarted, FleetStarted, PairAdopted, RunStarted
from orchestrator.model.journal import Record
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.model.run import RUN_PATTERN, Mode
from orchestrator.model.words import utc
from orchestrator.report.journal import DrillSummary, RunSummary


class Resumable(Struct, frozen=True):
    """Something that `resume` can take up."""

    pair: str
    run: RunHistory | None
    """The open run; None where an org is owed its status and no run is open."""
    command: NextStep
    words: str


LAST = "last"
"""What stands for the newest run of a journal, in the place of its id."""

_LISTED = 8
"""Of how many runs a beginning may be that are listed; there may be more."""

_BEGINNINGS = (RunStarted.kind, PairAdopted.kind, DrillStarted.kind)


def all_histories(store: Store) -> Mapping[str, History]:
    """Every pair's history, by name."""
    return histories_of(store.records(kinds=KINDS))


def outlines(store: JournalStore, pair: str | None = None) -> Mapping[str, History]:
    """Every pair's history, or one's, as far as its runs' and drills' beginnings and ends tell it."""
    return histories_of(store.outline(ENDS, begins=KINDS, pair=pair))


def id_of(store: Store, name: str, step: Callable[[str], NextStep]) -> str | None:
    """The run or drill that a name means: its id, the beginning of one, or `last`; None where the journal has none; a UsageError where several begin so.

    Of other runs nothing is read. `step` is what is to be typed with the whole id.
    """
    if name == LAST:
        return _newest(store)
    found = store.ids(name, _LISTED + 1) if name else ()
    if len(found) < 2:  # noqa: PLR2004 - one, or none
        return found[0] if found else None
    steps = [step(run).so_that(beginning_of(store, run)) for run in found[:_LISTED]]
    more = [next_step.runs().so_that("see the others")] if len(found) > _LISTED else []
    raise UsageError(
        f"{name[:60]!r} is the beginning of more than one id in {store.place}: say which one.",
        next_steps=(*steps, *more),
    )


def _newest(store: Store) -> str | None:
    """Ids sort by the second; of those within one, the journal knows which came last."""
    newest = store.ids("", 1)
    if not newest:
        return None
    together = store.ids(newest[0].rpartition("-")[0], _LISTED)
    return max(together, key=lambda run: next(store.records(run=run)).seq)


def beginning_of(store: Store, run: str) -> str:
    """When a run or drill began, of which pair, and to where, in a few words."""
    first = next(store.records(run=run, kinds=_BEGINNINGS), None) or next(store.records(run=run))
    match event_of(first):
        case RunStarted(goal=goal):
            what = f"to {goal}"
        case DrillStarted(goal=goal):
            what = f"drill to {goal}"
        case PairAdopted(status=status):
            what = f"adopts {status}"
        case _:
            what = "without a beginning"
    return f"{utc(moment(first.at))}, {first.pair[:60]}, {what}"


def is_fleet(store: Store, run: str) -> bool:
    """Whether an id is that of a fleet."""
    return next(store.records(run=run, pair="", kinds=(FleetStarted.kind,)), None) is not None


def unknown_run(store: Store, name: str, nor: str = "") -> UsageError:
    """What to say where the journal has no run of that name; `nor` says what else there is not, and ends the sentence."""
    if name == LAST:
        return UsageError(f"The journal {store.place} holds no run yet.", next_steps=(next_step.runs(),))
    if is_fleet(store, name):
        return UsageError(
            f"{name} is a fleet of many pairs, and not a run of one.",
            next_steps=(next_step.fleet_report(name), next_step.fleet_resume(name)),
        )
    close = difflib.get_close_matches(name, store.ids("", 100), 1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return UsageError(
        f"The journal {store.place} knows no run {name[:60]!r}{nor}.{hint}", next_steps=(next_step.runs(),)
    )


def run_named(store: Store, name: str, step: Callable[[str], NextStep], nor: str = "") -> RunHistory:
    """That run, as far as its own records tell it; the name, `step` and what is raised are as for `id_of`, or there is none.

    `nor` is as for `unknown_run`.
    """
    found = id_of(store, name, step)
    runs = {} if found is None else _history_of(store.records(run=found, kinds=KINDS)).runs
    if found not in runs:
        raise unknown_run(store, name, nor)
    return runs[found]


def _history_of(records: Iterable[Record]) -> History:
    """Of records that are of one pair."""
    return next(iter(histories_of(records).values()), History(""))


def to_resume(store: Store, name: str | None, pairs: Sequence[Pair]) -> tuple[Resumable, Playbook | None]:
    """What `hamr resume [RUN|PAIR]` means, and the playbook that it goes on with; None where the journal has no text of it.

    `name` None is the only one there is; `pairs` are those of the inventory.

    Raises:
        UsageError: there is nothing to resume, or there are several and none was named.
        DocumentError: this version cannot read the playbook.
    """
    from orchestrator.journal.checkpoint import known_as, read_histories  # noqa: PLC0415 - the other verbs read it otherwise

    histories = read_histories(store)
    for pair in pairs:
        if pair.name in histories:
            histories[pair.name].of(pair)
        if pair.name == name:
            history = histories.setdefault(name, History(name))
            history.known_as = known_as(store, pair, history)
    found = _to_resume(histories, name, [pair.name for pair in pairs], store)
    history, run = histories[found.pair], found.run
    if run is None and history.owed is not None:
        run = history.runs.get(history.owed.run)
    return found, _playbook_of(run, found.words)


def _to_resume(
    histories: dict[str, History], name: str | None, pairs: Collection[str], store: Store
) -> Resumable:
    if name is not None and name not in {*pairs, *histories}:
        run = id_of(store, name, next_step.resume)
        if run is None and (name == LAST or RUN_PATTERN.fullmatch(name)):
            raise unknown_run(store, name)
        if run is None:
            raise UsageError(
                f"{name[:60]!r} is neither a run nor a pair. The inventory's pairs: {', '.join(pairs)}.",
                next_steps=(next_step.runs(),),
            )
        return _by_run(histories, run, store)
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
        known = None if name not in histories else histories[name].known_as
        other = "" if known is None else f" But {known.sentence}. {known.again}."
        steps = [] if known is None else [known.last]
        steps += [] if name is None or name not in pairs else [next_step.status(name)]
        raise UsageError(
            f"{what}: there is nothing to resume in {store.place}.{elsewhere}{other}",
            next_steps=(*steps, next_step.runs()),
        )
    raise UsageError(
        "There is more than one thing to resume: " + "; ".join(resumable.words for resumable in found) + ".",
        next_steps=tuple(resumable.command for resumable in found),
    )


def playbook_of_drill(history: History, drill: DrillHistory) -> Playbook | None:
    """The playbook that a drill began with, however the file was edited since; None where no run began, a DocumentError where it is too new."""
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
        return Resumable(history.pair, run, next_step.resume(run.run), f"run {run.run} of {history.pair}")
    if history.owed is not None:
        owed = history.owed
        words = f"{history.pair}, whose {owed.role} is owed {owed.status}"
        return Resumable(history.pair, None, next_step.resume(history.pair), words)
    return None


def _by_run(histories: dict[str, History], name: str, store: Store) -> Resumable:
    pair = next(store.records(run=name)).pair
    if name not in histories[pair].runs:  # one that ended long ago, it may be
        histories[pair] = _history_of(store.records(pair=pair, kinds=KINDS))
    run = histories[pair].runs.get(name)
    if run is None:
        raise unknown_run(store, name)
    drill = rehearsal_of(histories[run.pair], run)
    if drill is not None:
        closing = (next_step.close_drill(drill.drill),) if drill.open else ()
        raise UsageError(
            f"Run {run.run} belongs to rehearsal {drill.drill}: its two regions were simulated, and went with the process "
            "that started them. There is nothing to resume.",
            next_steps=(*closing, next_step.report(drill.drill)),
        )
    if run.open:
        return Resumable(run.pair, run, next_step.resume(run.run), f"run {run.run}")
    owed = histories[run.pair].owed
    if owed is not None and owed.run == run.run:
        return Resumable(run.pair, None, next_step.resume(run.pair), f"what run {run.run} left owed")
    if run.elsewhere and run.left_open:
        raise UsageError(
            f"Run {run.run} is open on other orgs than the inventory now names for pair {run.pair}. Only those can be "
            "brought to its end: name them in the inventory again, under a pair of their own.",
            next_steps=(next_step.status(run.pair), next_step.show(run.run)),
        )
    if run.superseded_by:
        other = histories[run.pair].runs.get(run.superseded_by)
        onward = next_step.resume(run.superseded_by) if other is not None and other.open else None
        raise UsageError(
            f"Run {run.run} is closed: run {run.superseded_by} took its place.",
            next_steps=(onward or next_step.status(run.pair), next_step.show(run.superseded_by)),
        )
    if run.finished is None:
        raise UsageError(
            f"Run {run.run} wrote no beginning into this journal: there is nothing to resume.",
            next_steps=(next_step.show(run.run), next_step.status(run.pair)),
        )
    raise UsageError(
        f"Run {run.run} has ended ({run.finished.ending.end.value}): there is nothing to resume.",
        next_steps=(next_step.show(run.run), next_step.status(run.pair)),
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
        drill="" if started is None else started.drill,
        fleet="" if started is None else started.fleet,
    )


def drills_of(histories: Iterable[History]) -> tuple[DrillSummary, ...]:
    """Every drill of these histories, the newest first."""
    found = [
        DrillSummary(
            drill.drill,
            drill.pair,
            drill.started.simulated,
            drill.started.scenario,
            drill.started.goal,
            f"{drill.by}@{drill.host}",
            drill.started_at,
            drill.closed_at,
            drill.passed,
            tuple(drill.legs),
        )
        for history in histories
        for drill in history.drills.values()
    ]
    return tuple(sorted(found, key=lambda drill: (drill.started_at, drill.drill), reverse=True))

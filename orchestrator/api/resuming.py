"""Taking a run of a pair up again: which one, and the playbook that it goes on with, which is the one it began with."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.config import parse_playbook
from orchestrator.errors import UsageError
from orchestrator.journal.checkpoint import read_histories
from orchestrator.journal.history import History
from orchestrator.model.playbook import Playbook

from .finding import Resumable, to_resume
from .sources import Sources


def resumable(sources: Sources, pair: str, run: str | None) -> tuple[Resumable, Playbook | None]:
    """What there is to resume of one pair, with its playbook; see `playbook_to_resume`.

    Args:
        sources: of the journal.
        pair: the pair's name.
        run: a run's id; None for whatever there is.

    Raises:
        UsageError: there is nothing to resume, or the run belongs to another pair.
        HamrError: the journal cannot be read.
    """
    with sources.store(writes=False) as store:
        histories = read_histories(store)
        found = to_resume(histories, run or pair, [pair], store)
    if found.pair != pair:
        raise UsageError(
            f"run {run} belongs to pair {found.pair}, and this is pair {pair}", next_steps=(found.command,)
        )
    return found, playbook_to_resume(found, histories)


def playbook_to_resume(found: Resumable, histories: Mapping[str, History]) -> Playbook | None:
    """The playbook of an open run, or of the run that left something owed; None where the journal has no text of it.

    Raises:
        DocumentError: this version cannot read it.
    """
    history = histories[found.pair]
    run = found.run
    if run is None and history.owed is not None:
        run = history.runs.get(history.owed.run)
    if run is None or run.started is None:
        return None
    return parse_playbook(run.started.playbook_text, f"the playbook of {found.words}")

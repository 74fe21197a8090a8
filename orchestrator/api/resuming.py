"""The playbook that a run goes on with when it is taken up again: the one that it began with."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.documents import parse_playbook
from orchestrator.history import History
from orchestrator.model.playbook import Playbook

from .finding import Resumable


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

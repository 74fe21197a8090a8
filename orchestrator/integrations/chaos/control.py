"""A control: puts the journal's head, before and after an experiment, into the experiment's own journal.

Declared once at the top of an experiment. The head is an anchor outside hamr's journal: with it, `hamr audit verify
--anchor SEQ:HASH` shows later whether anything up to it was changed. A control never stops an experiment.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from orchestrator.api.reading import Journal
from orchestrator.errors import HamrError
from orchestrator.journal import parse_anchor
from orchestrator.model.journal import Verified

from .activity import logger, sources_of

NAME = "hamr"
"""What its part of the experiment's journal is called."""


def before_experiment_control(
    context: MutableMapping[str, Any],
    journal: str = "",
    configuration: dict[str, Any] | None = None,
    **_others: object,
) -> None:
    """Note the head before anything is done, with the experiment, for the end of it.

    The journal is this file, else hamr_journal of the configuration, else HAMR_JOURNAL.
    """
    sources = sources_of(configuration, journal=journal)
    try:
        with sources.store(writes=False) as store:
            head = str(store.head())
    except HamrError as error:
        logger.warning("hamr: the journal's head is not known: %s", error.message)
        return
    context.setdefault("extensions", []).append({"name": NAME, "head_before": head})


def after_experiment_control(
    context: MutableMapping[str, Any],
    state: MutableMapping[str, Any] | None = None,
    journal: str = "",
    configuration: dict[str, Any] | None = None,
    **_others: object,
) -> None:
    """Write into the experiment's journal, its `state`, under "hamr": both heads, whether the chain holds, and the runs made between."""
    if state is None:
        return
    before = next(
        (each["head_before"] for each in context.get("extensions", []) if each.get("name") == NAME), None
    )
    try:
        state[NAME] = _between(Journal(sources_of(configuration, journal=journal)), before)
    except HamrError as error:
        logger.warning("hamr: the journal's head is not known: %s", error.message)
        state[NAME] = {"head_before": before, "error": error.message}


def _between(kept: Journal, before: str | None) -> dict[str, Any]:
    """What the journal says of an experiment."""
    first = 0 if before is None else int(before.partition(":")[0])
    found = kept.verify(parse_anchor(before) if before is not None and first else None)
    records = kept.records(after=first)
    return {
        "journal": kept.place,
        "head_before": before,
        "head_after": str(kept.head()),
        "holds": isinstance(found, Verified),
        "runs": list(dict.fromkeys(record.run for record in records if record.run)),
    }

"""Probes of an experiment: where a pair stands, and the journal's head."""

from typing import Any

from orchestrator.api.reading import Journal

from .activity import in_words, opened, sources_of

__all__ = ["journal_head", "phase"]

# No `from __future__ import annotations` here: the toolkit's discovery reads the annotations, and wants types.


def phase(  # noqa: PLR0917 - the toolkit discovers positional parameters only
    pair: str = "",
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
) -> str:
    """Where a pair stands, as `hamr status` names it: agreed(ACTIVE), midway(declare), behind(primary) and so on.

    Args:
        pair: what the inventory calls the pair; else hamr_pair of the configuration.
        pairs: the inventory's file; else hamr_pairs of the configuration, else HAMR_PAIRS.
        playbook: a playbook's file or name; else hamr_playbook, else HAMR_PLAYBOOK.
        journal: the journal's file; else hamr_journal, else HAMR_JOURNAL.
        configuration: the experiment's.
        secrets: environment variables that the inventory names.
    """
    with in_words():
        hamr = opened(pair, configuration, secrets, pairs=pairs, playbook=playbook, journal=journal)
        return hamr.sync.status().phase.label


def journal_head(journal: str = "", configuration: dict[str, Any] | None = None) -> str:
    """The journal's newest record, as SEQ:HASH: kept elsewhere, it anchors all records up to it.

    Args:
        journal: its file; else hamr_journal of the configuration, else HAMR_JOURNAL.
        configuration: the experiment's.
    """
    with in_words():
        return str(Journal(sources_of(configuration, journal=journal)).head())

"""Opening a pair."""

from __future__ import annotations

import os

from orchestrator.system.log import embed

from .loading import as_text
from .pair import OpenPair
from .sources import Sources


def open_pair(
    name: str,
    *,
    pairs: str | os.PathLike[str] | None = None,
    playbook: str | os.PathLike[str] | None = None,
    journal: str | os.PathLike[str] | None = None,
    operator: str | None = None,
) -> OpenPair:
    """A pair of the inventory, ready to be looked at and worked on. Reads its files, and touches no org.

    What is not given comes from where the command `hamr` takes it.

    Args:
        name: what the inventory calls it.
        pairs: the inventory's file; None looks at HAMR_PAIRS, then for ./pairs.yaml.
        playbook: a playbook's file, or the name of a shipped one; None looks at HAMR_PLAYBOOK, then takes the default.
        journal: the journal's file; None looks at HAMR_JOURNAL, then in ~/.local/state/hamr/journal.db.
        operator: NAME@HOST, who the records and the journal will say it was; None looks at HAMR_OPERATOR, then at
            who is logged in.

    Raises:
        UsageError: the pair, the playbook or the operator is not there, or cannot be right.
        DocumentError: a file has problems; with all of them at once.
    """
    return open_from(Sources(as_text(pairs), as_text(playbook), as_text(journal), operator), name)


def open_from(sources: Sources, name: str) -> OpenPair:
    """The same, for whoever has the sources already.

    Raises:
        HamrError: as `open_pair` says.
    """
    prepared = sources.prepare(name)
    sources.place()
    return OpenPair(sources, prepared, embed())

"""An activity's arguments → an opened pair: what is not given comes from the experiment's configuration, then from HAMR_*."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from orchestrator.api.arguments import require_flags
from orchestrator.api.pair import OpenPair, open_from
from orchestrator.errors import Refused, UsageError
from orchestrator.model.org import Pair
from orchestrator.model.status import Role
from orchestrator.operations.sources import Sources
from orchestrator.simulator import simulated_orgs

Values = Mapping[str, Any] | None
"""The toolkit's configuration or secrets, as it hands them to an activity."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SEED = re.compile(r"0{8}(\d{4})$")


def sources_of(
    *,
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    operator: str = "",
    configuration: Values = None,
    secrets: Values = None,
) -> Sources:
    """Where everything comes from: arguments, else hamr_pairs, hamr_playbook, … of the configuration.

    Args:
        pairs: the inventory's file.
        playbook: a playbook's file or name.
        journal: the journal's file.
        operator: NAME@HOST.
        configuration: the experiment's.
        secrets: the activity's: each is an environment variable to whatever names it, such as {env: NAME} in the
            inventory.
    """
    given = {"pairs": pairs, "playbook": playbook, "journal": journal, "operator": operator}
    named = {name: text or _configured(configuration, f"hamr_{name}") for name, text in given.items()}
    hidden = {name: text for name, text in (secrets or {}).items() if isinstance(text, str)}
    return Sources(**named, environ={**os.environ, **hidden})


def opened(
    pair: str,
    *,
    pairs: str = "",
    playbook: str = "",
    journal: str = "",
    operator: str = "",
    configuration: Values = None,
    secrets: Values = None,
) -> OpenPair:
    """The pair that an activity is about; see `sources_of`.

    Raises:
        HamrError: no pair is named, or something about it cannot be right.
    """
    name = pair or _configured(configuration, "hamr_pair")
    if not name:
        raise UsageError(
            "no pair is named: give the argument `pair`, or `hamr_pair` in the experiment's configuration"
        )
    sources = sources_of(
        pairs=pairs,
        playbook=playbook,
        journal=journal,
        operator=operator,
        configuration=configuration,
        secrets=secrets,
    )
    return open_from(sources, name)


def refuse_live(pair: Pair, *, live: bool) -> None:
    """Make sure that an experiment acts on a real pair only where it says so.

    Raises:
        UsageError: `live` is neither true nor false: a text such as "no" would count as true.
        Refused: the pair is neither simulated, nor for drills, nor meant in so many words.
    """
    require_flags(live=live)
    if live or pair.drill or is_simulated(pair):
        return
    raise Refused(
        f"pair {pair.name} is a live one: its inventory does not say `drill: true`. An experiment acts without asking, "
        "so on a live pair the action has to say `live: true`",
        next_steps=(f"hamr plan {pair.name} --to STATUS",),
    )


def is_simulated(pair: Pair) -> bool:
    """Whether both orgs are the simulator's own, on this machine: no real org has their uuids."""
    return all(_is_simulated(pair, role) for role in Role)


def _is_simulated(pair: Pair, role: Role) -> bool:
    org = pair[role]
    found = _SEED.search(org.uuid)
    return (
        urlsplit(org.base_url).hostname in _LOOPBACK
        and found is not None
        and simulated_orgs(int(found[1]))[role].uuid == org.uuid
    )


def _configured(configuration: Values, name: str) -> str | None:
    """A text of the configuration; None where it has none of that name."""
    value = (configuration or {}).get(name)
    return value if isinstance(value, str) and value else None

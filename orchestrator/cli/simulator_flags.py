"""What `hamr simulate` is told: ORG:QUERY=VALUE, ORG:ID=STATE, how fast things follow, and what goes wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from orchestrator.config.scenarios import load_fault_script
from orchestrator.errors import UsageError
from orchestrator.model.status import Both, Role
from orchestrator.simulator import (
    MONITOR_STATES,
    NO_DATA,
    Fault,
    MetricValue,
    Traffic,
    metric_value,
    random_faults,
)

K = TypeVar("K")
V = TypeVar("V")

_NO_VALUE, _ABSENT = "no value", "absent"
"""A null, and a monitor that is not there: the words of fault scripts."""


def metrics_of(flags: Iterable[str]) -> Both[Mapping[str, MetricValue]]:
    """What each `--metric` sets, per org and query; of two for the same query the last one counts.

    Raises:
        UsageError: one is not ORG:QUERY=VALUE.
    """
    wanted = (
        "--metric wants ORG:QUERY=VALUE, where VALUE is a number, 'no data', 'no value', or numbers with commas between "
        "them, such as 'secondary:sum:datadog.agent.running{*}=0'"
    )
    return _per_org(flags, wanted, _metric)


def monitors_of(flags: Iterable[str]) -> Both[Mapping[int, str | None]]:
    """What each `--monitor` sets, per org and id; of two for the same monitor the last one counts.

    Raises:
        UsageError: one is not ORG:ID=STATE.
    """
    wanted = (
        f"--monitor wants ORG:ID=STATE, where STATE is one of {', '.join(MONITOR_STATES)}, or absent for a monitor that "
        "is not there, such as secondary:42=Alert"
    )
    return _per_org(flags, wanted, _monitor)


def _per_org(
    flags: Iterable[str], wanted: str, read: Callable[[str, str], tuple[K, V]]
) -> Both[Mapping[K, V]]:
    """ORG:NAME=VALUE, several times; `read` raises ValueError where it cannot be."""
    found: Both[dict[K, V]] = Both({}, {})
    for flag in flags:
        org, _, rest = flag.partition(":")
        name, _, value = rest.rpartition("=")
        try:
            role = Role(org)
            key, shown = read(name.strip(), value.strip())
        except ValueError as error:
            raise UsageError(
                f"{flag[:80]!r} cannot be read. {wanted}.", sent="No region was started."
            ) from error
        found[role][key] = shown
    return Both(found.primary, found.secondary)


def _metric(query: str, text: str) -> tuple[str, MetricValue]:
    if not query:
        raise ValueError(text)
    if text == NO_DATA:
        return query, NO_DATA
    points = tuple(None if each.strip() == _NO_VALUE else float(each) for each in text.split(","))
    return query, metric_value(points if len(points) > 1 else points[0])


def _monitor(number: str, state: str) -> tuple[int, str | None]:
    if not re.fullmatch(r"[0-9]{1,15}", number) or state not in (*MONITOR_STATES, _ABSENT):
        raise ValueError(number, state)
    return int(number), None if state == _ABSENT else state


def traffic_of(text: str) -> tuple[Traffic, float]:
    """Where the traffic is, and by how many seconds it comes after the status that it follows.

    Raises:
        UsageError: it is none of everywhere, follows and a number.
    """
    if text in ("everywhere", "follows"):
        return Traffic(text), 0.0
    return Traffic.FOLLOWS, _seconds("--traffic", text, "everywhere, follows")


def mirror_of(text: str) -> float | None:
    """The seconds until a write shows on the other org, or None for never.

    Raises:
        UsageError: it is none of on, off and a number.
    """
    if text in ("on", "off"):
        return 0.0 if text == "on" else None
    return _seconds("--mirror", text, "on, off")


def _seconds(flag: str, text: str, words: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(f"{flag} {text[:40]!r}: {words} or a number of seconds is wanted.")
    return seconds


def faults_from(script: Path | None, seed: int | None) -> tuple[Fault, ...]:
    """What goes wrong: as the script has it, and as the seed draws it.

    Raises:
        DocumentError: the file is no fault script.
    """
    scripted = () if script is None else load_fault_script(script)
    return (*scripted, *(() if seed is None else random_faults(seed)))

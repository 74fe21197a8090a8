"""What `hamr simulate` is told of metrics and monitors: ORG:QUERY=VALUE, ORG:ID=STATE, and where the traffic is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.model.status import Both, Role
    from orchestrator.simulator import MetricValue, Traffic

_NO_VALUE, _ABSENT = "no value", "absent"
"""A null, and a monitor that is not there: the words of fault scripts."""


def metrics_of(flags: Iterable[str]) -> Both[Mapping[str, MetricValue]]:
    """What each `--metric` sets, per org and query; of two for the same query the last one counts.

    Raises:
        UsageError: one is not ORG:QUERY=VALUE.
    """
    from orchestrator.model.status import Both

    metrics: Both[dict[str, MetricValue]] = Both({}, {})
    wanted = (
        "--metric wants ORG:QUERY=VALUE, where VALUE is a number, 'no data', 'no value', or numbers with commas between "
        "them, such as 'secondary:sum:datadog.agent.running{*}=0'"
    )
    for flag in flags:
        role, query, value = _parts(flag, wanted)
        try:
            metrics[role][query] = _metric_value(value)
        except ValueError as error:
            raise _misread(flag, wanted) from error
    return Both(metrics.primary, metrics.secondary)


def monitors_of(flags: Iterable[str]) -> Both[Mapping[int, str | None]]:
    """What each `--monitor` sets, per org and id; of two for the same monitor the last one counts.

    Raises:
        UsageError: one is not ORG:ID=STATE.
    """
    from orchestrator.model.status import Both
    from orchestrator.simulator import MONITOR_STATES

    monitors: Both[dict[int, str | None]] = Both({}, {})
    wanted = (
        f"--monitor wants ORG:ID=STATE, where STATE is one of {', '.join(MONITOR_STATES)}, or absent for a monitor that "
        "is not there, such as secondary:42=Alert"
    )
    for flag in flags:
        role, number, state = _parts(flag, wanted)
        if not re.fullmatch(r"[0-9]{1,15}", number) or state not in (*MONITOR_STATES, _ABSENT):
            raise _misread(flag, wanted)
        monitors[role][int(number)] = None if state == _ABSENT else state
    return Both(monitors.primary, monitors.secondary)


def traffic_of(text: str) -> tuple[Traffic, float]:
    """Where the traffic is, and by how many seconds it comes after the status that it follows.

    Raises:
        UsageError: it is none of everywhere, follows and a number.
    """
    from orchestrator.simulator import Traffic

    if text in ("everywhere", "follows"):
        return Traffic(text), 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(f"--traffic {text[:40]!r}: everywhere, follows or a number of seconds is wanted.")
    return Traffic.FOLLOWS, seconds


def _parts(flag: str, wanted: str) -> tuple[Role, str, str]:
    from orchestrator.model.status import Role

    org, _, rest = flag.partition(":")
    name, equals, value = rest.rpartition("=")
    if org not in tuple(role.value for role in Role) or not name.strip() or not equals:
        raise _misread(flag, wanted)
    return Role(org), name.strip(), value.strip()


def _metric_value(text: str) -> MetricValue:
    from orchestrator.simulator import NO_DATA, metric_value

    if text == NO_DATA:
        return NO_DATA
    points = tuple(None if each.strip() == _NO_VALUE else float(each) for each in text.split(","))
    return metric_value(points if len(points) > 1 else points[0])


def _misread(flag: str, wanted: str) -> UsageError:
    return UsageError(f"{flag[:80]!r} cannot be read. {wanted}.", sent="No region was started.")

"""Readings → phase and verdicts: where a pair stands, and whether a row may fire. Pure: no I/O, no clock.

`phase_of` names where a pair stands, `judge_row` and `judge` ask guards, `judge_link` checks who is whose peer.
"""

from .guards import judge, judge_row
from .link import Link, Linked, LinkUnknown, NotLinked, judge_link, link_reason
from .phase import phase_of

__all__ = [
    "Link",
    "LinkUnknown",
    "Linked",
    "NotLinked",
    "judge",
    "judge_link",
    "judge_row",
    "link_reason",
    "phase_of",
]

"""Readings → phase and verdicts: where a pair stands, and whether a transition may fire. Pure: no I/O, no clock.

`phase_of` names where a pair stands, `judge_transition` and `judge` ask guards, `judge_link` checks who is whose peer.
"""

from .commands import View
from .guards import judge, judge_transition
from .link import Link, Linked, LinkUnknown, NotLinked, judge_link
from .phase import phase_of

__all__ = [
    "Link",
    "LinkUnknown",
    "Linked",
    "NotLinked",
    "View",
    "judge",
    "judge_link",
    "judge_transition",
    "phase_of",
]

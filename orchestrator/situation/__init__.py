"""Readings → phase and verdicts: where a pair stands, and whether a row may fire. Pure: no I/O, no clock.

`phase_of` names where a pair stands, `judge_row` and `judge` ask guards, `link_trouble` checks who is whose peer.
"""

from .guards import judge, judge_row
from .link import Link, Linked, LinkUnknown, NotLinked, link_trouble
from .phase import phase_of

__all__ = ["Link", "LinkUnknown", "Linked", "NotLinked", "judge", "judge_row", "link_trouble", "phase_of"]

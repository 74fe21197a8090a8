"""Proof: the real engine through every combination of faults, in memory and in virtual time, and what must hold meanwhile.

`virtual_time` is the clock and the processes of drawn incidents, too. `prove` proves a playbook; `laws` is what must hold.
"""

from .around import NEARLY
from .prove import chosen_routes, prove
from .search import Journalled, Retold, retell, routes_of

__all__ = ["NEARLY", "Journalled", "Retold", "chosen_routes", "prove", "retell", "routes_of"]

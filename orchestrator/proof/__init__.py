"""Proof: the real engine through every combination of faults, in memory and in virtual time, and what must hold meanwhile.

`virtual_time` is the clock and the processes of drawn incidents, too. `prove` proves a playbook; `laws` is what must hold.
"""

from .prove import chosen_routes, prove
from .retold import Journalled, Retold, retell
from .search import replay_story, routes_of

__all__ = ["Journalled", "Retold", "chosen_routes", "prove", "replay_story", "retell", "routes_of"]

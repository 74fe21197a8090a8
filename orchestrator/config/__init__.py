"""YAML text → typed documents with positions: inventories and playbooks, strictly, with every problem at once.

    source → compose (values with their places) → validate (each value as its field wants it) → checks of what must
    fit together, over whatever could be read → nouns

Fault scripts and scenarios are read the same way; whoever drills imports `scenarios`, and whoever begins `starter`.
Only this package imports yaml. Relative to a text, all of it is pure.
"""

from .check import Kind, check_file, misfits, schema_of
from .inventory import find_inventory, load_inventory, load_pair, pair_named, pair_names, parse_inventory
from .inventory_form import in_order, wave
from .messages import did_you_mean, duration
from .playbook import find_playbook, load_playbook, parse_playbook, shipped_playbooks

__all__ = [
    "Kind",
    "check_file",
    "did_you_mean",
    "duration",
    "find_inventory",
    "find_playbook",
    "in_order",
    "load_inventory",
    "load_pair",
    "load_playbook",
    "misfits",
    "pair_named",
    "pair_names",
    "parse_inventory",
    "parse_playbook",
    "schema_of",
    "shipped_playbooks",
    "wave",
]

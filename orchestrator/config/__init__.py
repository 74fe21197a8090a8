"""YAML text → typed documents with positions: inventories and playbooks, strictly, with every problem at once.

    source → compose (nodes, scalars) → fit to a shape (msgspec) + checks of what must fit together → nouns of model/

Fault scripts and scenarios are read the same way; `fault_scripts` and `scenarios` are imported by whoever drills.
Only this package imports yaml. Relative to a text, all of it is pure.
"""

from .check import Checked, check_file, document_kind, problems_in
from .durations import duration, written
from .inventory import find_inventory, load_inventory, load_pair, pair_named, parse_inventory
from .playbook import DEFAULT_PLAYBOOK, find_playbook, load_playbook, parse_playbook, shipped_playbooks
from .schemas import inventory_schema, playbook_schema, scenario_schema
from .starter import starter_inventory

__all__ = [
    "DEFAULT_PLAYBOOK",
    "Checked",
    "check_file",
    "document_kind",
    "duration",
    "find_inventory",
    "find_playbook",
    "inventory_schema",
    "load_inventory",
    "load_pair",
    "load_playbook",
    "pair_named",
    "parse_inventory",
    "parse_playbook",
    "playbook_schema",
    "problems_in",
    "scenario_schema",
    "shipped_playbooks",
    "starter_inventory",
    "written",
]

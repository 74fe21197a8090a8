"""YAML text → typed documents with positions: inventories and playbooks, strictly, with every problem at once.

    source → compose (values with their places) → validate (each value as its field wants it) → checks of what must
    fit together, over whatever could be read → nouns

Fault scripts and scenarios are read the same way; `fault_scripts` and `scenarios` are imported by whoever drills.
Only this package imports yaml. Relative to a text, all of it is pure.
"""

from orchestrator.model.next_step import DEFAULT_PLAYBOOK

from .check import Checked, check_file, inventory_schema, missing_pages, playbook_schema, scenario_schema
from .inventory import (
    find_inventory,
    load_inventory,
    load_pair,
    pair_named,
    pair_names,
    parse_inventory,
)
from .inventory_form import wave
from .messages import did_you_mean, duration, written
from .playbook import find_playbook, load_playbook, parse_playbook, shipped_playbooks
from .starter import (
    INVENTORY_SCHEMA,
    MINIMAL_PLAYBOOK,
    NO_UUIDS,
    PLAYBOOK_SCHEMA,
    datacenter,
    example_pair,
    org_address,
    org_name,
    org_uuid,
    pair_name,
    schema_line,
    starter_inventory,
)

__all__ = [
    "DEFAULT_PLAYBOOK",
    "INVENTORY_SCHEMA",
    "MINIMAL_PLAYBOOK",
    "NO_UUIDS",
    "PLAYBOOK_SCHEMA",
    "Checked",
    "check_file",
    "datacenter",
    "did_you_mean",
    "duration",
    "example_pair",
    "find_inventory",
    "find_playbook",
    "inventory_schema",
    "load_inventory",
    "load_pair",
    "load_playbook",
    "missing_pages",
    "org_address",
    "org_name",
    "org_uuid",
    "pair_name",
    "pair_named",
    "pair_names",
    "parse_inventory",
    "parse_playbook",
    "playbook_schema",
    "scenario_schema",
    "schema_line",
    "shipped_playbooks",
    "starter_inventory",
    "wave",
    "written",
]

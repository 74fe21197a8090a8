"""Prints the JSON Schema of a file of ours: `python -m orchestrator.config playbook` (or inventory, or scenario)."""

from __future__ import annotations

import json
import sys

from . import inventory_schema, playbook_schema, scenario_schema

_SCHEMAS = {"inventory": inventory_schema, "playbook": playbook_schema, "scenario": scenario_schema}

if len(sys.argv) != 2 or sys.argv[1] not in _SCHEMAS:  # noqa: PLR2004 - the program and one argument
    sys.exit("usage: python -m orchestrator.config inventory|playbook|scenario")
sys.stdout.write(json.dumps(_SCHEMAS[sys.argv[1]](), indent=2, ensure_ascii=False) + "\n")

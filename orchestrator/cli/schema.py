"""`hamr schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .front import Front

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("kind", type=click.Choice(["inventory", "playbook", "scenario"]))
@click.pass_obj
def schema(front: Front, kind: str) -> ExitCode:
    """Print the JSON Schema of an inventory, a playbook or a scenario, for editors.

    With it an editor completes keys and marks mistakes; hamr check finds the rest.
    """
    from orchestrator.config import inventory_schema, playbook_schema, scenario_schema
    from orchestrator.errors import ExitCode
    from orchestrator.report.documents import to_json

    schemas = {"inventory": inventory_schema, "playbook": playbook_schema, "scenario": scenario_schema}
    front.console.out.text(to_json(schemas[kind]()))
    return ExitCode.DONE

"""Any file of ours: which kind it is, all that is wrong with it (`hamr check`), and its JSON Schema (`hamr schema`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from orchestrator.errors import DocumentError, Problem
from orchestrator.model.guard import Http
from orchestrator.model.org import Inventory
from orchestrator.model.playbook import Playbook

from .compose import compose
from .document import Document, Finding
from .inventory import INVENTORY_NAME, read_inventory
from .inventory_form import InventoryForm
from .playbook import read_playbook
from .playbook_form import PlaybookForm
from .schema import Schema, json_schema
from .source import read_text

Kind = Literal["inventory", "playbook", "scenario"]

_PLAYBOOK_KEYS = frozenset({"transitions", "stops", "guards", "objectives", "confirm", "probes", "remember"})
_SCENARIO_KEYS = frozenset({"steps", "simulator", "waits", "expect", "goal"})


class Checked(Struct, frozen=True):
    """What one look at a file has told; the file is read once, for a pipe can be read no second time."""

    kind: Kind | None
    """None where it cannot be told."""
    problems: tuple[Problem, ...] = ()
    """In the order of the file; () where nothing is wrong."""
    playbook: Playbook | None = None
    """Where it is one, and nothing is wrong with it."""
    inventory: Inventory | None = None
    """Likewise."""
    document: Document | None = None
    """An inventory's, for the places in it."""


def check_file(path: Path) -> Checked:
    """Which kind of file it is, and everything that is wrong with it."""
    try:
        text = read_text(path)
        document = compose(text, str(path))
        kind = _kind(document)
    except DocumentError as error:
        return Checked(None, error.problems)
    try:
        match kind:
            case "inventory":
                inventory = read_inventory(document, here=True)
                return Checked(kind, inventory=inventory, document=document)
            case "playbook":
                return Checked(kind, playbook=read_playbook(document, text))
            case "scenario":
                from .scenarios import read_scenario  # noqa: PLC0415 - only who drills pays for it

                read_scenario(document, text)
    except DocumentError as error:
        return Checked(kind, error.problems)
    return Checked(kind)


def missing_pages(checked: Iterable[Checked]) -> tuple[Problem, ...]:
    """Pages that a playbook's probes ask by a name which pairs of the inventory beside it do not give.

    One problem for each page, at the first pair that has none: the guards that go by it could not be judged.
    """
    found = tuple(checked)
    wanted = {
        probe.kind.page: f"probe {probe.name} of playbook {each.playbook.name}"
        for each in found
        if each.playbook is not None
        for probe in each.playbook.probes.values()
        if isinstance(probe.kind, Http) and probe.kind.page
    }
    problems: list[Problem] = []
    for each in found:
        if each.inventory is None or each.document is None:
            continue
        for page, who in wanted.items():
            without = [pair.name for pair in each.inventory.pairs if page not in pair.pages]
            if without:
                others = f" (and {len(without) - 1} more)" if len(without) > 1 else ""
                words = f"pair {without[0]}{others} has no page {page}, which {who} asks: write its address under pages"
                problems += each.document.problems_with([Finding(("pairs", without[0]), words, at_key=True)])
    return tuple(problems)


def schema_of(kind: Kind) -> Schema:
    """The JSON Schema (draft 2020-12) of such files, for editors; what has to fit together, `hamr check` knows."""
    match kind:
        case "inventory":
            return json_schema(InventoryForm, "hamr inventory (pairs.yaml)")
        case "playbook":
            return json_schema(PlaybookForm, "hamr playbook")
        case "scenario":
            from .scenarios import ScenarioFile  # noqa: PLC0415 - only who drills pays for it

            return json_schema(ScenarioFile, "Scenario of a hamr drill")


def _kind(document: Document) -> Kind:
    keys = document.data.keys()
    if "pairs" in keys:
        return "inventory"
    if not _SCENARIO_KEYS.isdisjoint(keys) and "transitions" not in keys:
        return "scenario"
    if not _PLAYBOOK_KEYS.isdisjoint(keys):
        return "playbook"
    if Path(document.file).name == INVENTORY_NAME:
        return "inventory"
    message = "this is neither an inventory (which has pairs:) nor a playbook (which has transitions:) nor a scenario (which has steps:)"
    raise DocumentError([Problem(document.file, *document.start, message)])

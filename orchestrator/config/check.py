"""Any file of ours: which kind it is, all that is wrong with it (`hamr check`), and its JSON Schema (`hamr schema`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from orchestrator.errors import DocumentError, Problem
from orchestrator.model.guard import Http
from orchestrator.model.org import Inventory, Mirrors, Pair
from orchestrator.model.playbook import Advances, Playbook

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


def misfits(checked: Iterable[Checked]) -> tuple[Problem, ...]:
    """What playbooks want, and pairs of the inventory beside them do not give: one problem each, at the first such pair."""
    found = tuple(checked)
    problems: list[Problem] = []
    for each in found:
        if each.inventory is None or each.document is None:
            continue
        for playbook in (other.playbook for other in found if other.playbook is not None):
            for lacking, words in _lacking(playbook, each.inventory.pairs):
                if lacking:
                    others = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
                    finding = Finding(
                        ("pairs", lacking[0]), f"pair {lacking[0]}{others} {words}", at_key=True
                    )
                    problems += each.document.problems_with([finding])
    return tuple(problems)


def _lacking(playbook: Playbook, pairs: Sequence[Pair]) -> Iterator[tuple[list[str], str]]:
    """Names of pairs that a playbook would not do for, and why.

    A page that they do not give: the guards that go by it could not be judged. A write to one org alone, where a pair does not mirror:
    the run would end midway, and so would each that goes on with it.
    """
    pages = {
        probe.kind.page: probe.name
        for probe in playbook.probes.values()
        if isinstance(probe.kind, Http) and probe.kind.page
    }
    for page, probe in pages.items():
        asks = f"which probe {probe} of playbook {playbook.name} asks: write its address under pages"
        yield [pair.name for pair in pairs if page not in pair.pages], f"has no page {page}, {asks}"
    separate = [pair.name for pair in pairs if pair.mirrors is Mirrors.NO]
    for transition in playbook.transitions:
        if len(transition.writes) == 1 and transition.advances is Advances.CLIENT:
            alone = f"transition {transition.name} of playbook {playbook.name} writes the {transition.writes[0]} alone"
            yield (
                separate,
                f"does not mirror, and {alone}: the other org would never show {transition.target}, so have it write both",
            )


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

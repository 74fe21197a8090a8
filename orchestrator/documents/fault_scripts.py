"""Fault scripts: YAML → what goes wrong in the simulator. The simulator makes its faults of it (simulator/script.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from orchestrator.errors import DocumentError
from orchestrator.model.status import Role, Status

from .compose import compose
from .fault_shape import KINDS, FaultScriptShape, FaultShape
from .fit import fit
from .nodes import Document, Finding, bounded
from .source import read_text
from .wording import listed, one_of

Setting = bool | int | str | timedelta | Role | Status | None


@dataclass(frozen=True, slots=True)
class ScriptedFault:
    """One fault, as the script has it."""

    kind: str
    """One of KINDS."""
    settings: Mapping[str, Setting]
    """Of that kind, by the script's names; each that was left out has its default."""
    at: int
    times: int | None
    """None: for ever."""
    org: Role | None
    method: str | None
    path: str | None
    """None: any."""


def load_fault_script(path: Path) -> tuple[ScriptedFault, ...]:
    """Read a fault script.

    Raises:
        DocumentError: it cannot be read, or is no fault script; with all its problems at once.
    """
    return parse_fault_script(read_text(path), str(path))


def parse_fault_script(text: str, file: str) -> tuple[ScriptedFault, ...]:
    """Read a fault script from its text; `file` is its path, for messages.

    Raises:
        DocumentError: it is no fault script; with all its problems at once.
    """
    document = compose(text, file)
    fitted = fit(FaultScriptShape, document, {})
    problems = document.problems_with([*fitted.findings, *bounded(_kinds(document))])
    if problems or fitted.shape is None:
        raise DocumentError(problems)
    return tuple(_fault(shape) for shape in fitted.shape.faults)


def _kinds(document: Document) -> Iterator[Finding]:
    """Each fault has exactly one kind."""
    faults = document.data.get("faults")
    for index, fault in enumerate(faults if isinstance(faults, list) else ()):
        if not isinstance(fault, dict):
            continue
        named = [key for key in fault if key in KINDS]
        if not named and not [key for key in fault if key not in FaultShape.model_fields]:
            yield Finding(
                ("faults", index), f"this fault says not what goes wrong: give it one kind ({one_of(KINDS)})"
            )
        elif len(named) > 1:
            yield Finding(
                ("faults", index, named[1]),
                f"this fault has {len(named)} kinds ({listed(named)}), and one is allowed: make a fault of each",
                at_key=True,
            )


def _fault(shape: FaultShape) -> ScriptedFault:
    kind = next(name for name in KINDS if getattr(shape, name) is not None)
    chosen = getattr(shape, kind)
    settings = {
        field.alias or name: getattr(chosen, name) for name, field in type(chosen).model_fields.items()
    }
    return ScriptedFault(
        kind,
        MappingProxyType(settings),
        shape.at,
        shape.times,
        shape.org,
        shape.method,
        None if shape.path == "any" else shape.path,
    )

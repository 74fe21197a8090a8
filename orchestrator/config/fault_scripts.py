"""Fault scripts: YAML → what goes wrong in the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from msgspec import field

from orchestrator.model.plain import JSON
from orchestrator.model.words import listed

from .compose import compose
from .document import Document, Finding, Steps, bounded, mapping_in, parts
from .faults import FROM_THE_START, KINDS, Fault, WorldFault, tags_of
from .fields import SchemaVersion
from .messages import one_of, shown
from .schema import Form, Noun, keys_in, keys_of
from .source import read_text
from .validate import read_as

_TIMED = tags_of(*get_args(WorldFault))


class _FaultScript(Form, frozen=True):
    """A fault script."""

    _schema: SchemaVersion = field(name="schema")
    faults: tuple[Fault, ...]


def load_fault_script(path: Path) -> tuple[Fault, ...]:
    """Read a fault script from a file; a DocumentError with all its problems at once where it is none."""
    return parse_fault_script(read_text(path), str(path))


def parse_fault_script(text: str, file: str) -> tuple[Fault, ...]:
    """Read a fault script from its text, as `load_fault_script`; `file` is its path, for messages."""
    script: _FaultScript = read_as(_FaultScript, compose(text, file), _findings)
    return script.faults


def _findings(document: Document, script: Any) -> Iterator[Finding]:
    return bounded(fault_findings(document, script, "faults"))


def fault_findings(document: Document, values: Any, *way: str | int) -> Iterator[Finding]:
    """Each fault of the list at that place has exactly one kind, and a time only where it needs no request."""
    for place, fault in parts(values, *way):
        yield from fault_problems(document, place, fault)


def fault_problems(document: Document, place: Steps, fault: dict[str, Any]) -> Iterator[Finding]:
    """Of the one fault at that place; see `fault_findings`."""
    yield from one_kind(document, place, Fault, "fault", "what goes wrong")
    named = [key for key in fault if key in KINDS]
    if len(named) == 1:
        yield from _times(named[0], fault, place, document.value((*place, "at")))


def one_kind(
    document: Document, place: Steps, noun: type[Noun], what: str, lacking: str
) -> Iterator[Finding]:
    """What is wrong with a mapping that has to have exactly one of its noun's kinds, as its author has spelled it.

    `what` it is, and what nobody knows of one without a kind (`lacking`), are for messages.
    """
    given = mapping_in(document.value(place))
    keys = keys_in(keys_of(noun))
    kinds = [name for name, key in keys.items() if key.kind]
    named = [key for key in given if key in kinds]
    if not named and given.keys() <= keys.keys():
        yield Finding(place, f"this {what} says not {lacking}: give it one kind ({one_of(kinds)})")
    elif len(named) > 1:
        yield Finding(
            (*place, named[1]),
            f"this {what} has {len(named)} kinds ({listed(named)}), and one is allowed: make a {what} of each",
            at_key=True,
        )


def _times(kind: str, fault: dict[str, Any], place: Steps, at: JSON) -> Iterator[Finding]:
    """A fault that happens at a time needs no request, and has to say which org it is about."""
    if not (isinstance(at, str) or (at is None and kind in tags_of(*FROM_THE_START))):
        return
    when = f"at {shown(at)}" if isinstance(at, str) else "from the beginning"
    if kind not in _TIMED:
        yield Finding(
            (*place, "at"),
            f"{kind} happens to a request: give the number of one, such as 1 (a time is for {listed(_TIMED)})",
        )
        return
    for key in ("times", "method", "path"):
        if key in fault:
            yield Finding(
                (*place, key),
                f"{key} chooses requests, and this fault happens {when}, whatever is asked: leave it out, "
                "or let at be the number of a request",
                at_key=True,
            )
    if "org" not in fault and "org" not in mapping_in(fault[kind]):
        yield Finding(
            place,
            f"this {kind} happens {when}, so no request says whose it is: add org: primary or org: secondary",
        )

"""JSON Schema of our files, for editors: `python -m orchestrator.documents playbook` prints one.

A schema says which keys there are and of what type; what has to fit together, `hamr check` knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from .inventory_shape import InventoryShape
from .playbook_shape import PlaybookShape
from .shapes import Shape, descriptions
from .sketch import KINDS, PROBE_KINDS

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def inventory_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of an inventory."""
    schema = _polished(InventoryShape, "hamr inventory (pairs.yaml)")
    _exactly_one(schema["$defs"]["Key"], ("env", "file", "command"))
    _exactly_one(schema["$defs"]["Org"], ("site", "url"))
    schema["$defs"]["Org"]["dependentRequired"] = {"url": ["datacenter"]}
    return schema


def playbook_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a playbook."""
    schema = _polished(PlaybookShape, "hamr playbook")
    _exactly_one(schema["$defs"]["Guard"], KINDS)
    _exactly_one(schema["$defs"]["Probe"], PROBE_KINDS)
    _exactly_one(schema["$defs"]["Hook"], ("run", "manual"))
    schema["$defs"]["Hook"]["dependentRequired"] = {"timeout": ["run"]}
    return schema


def scenario_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a scenario."""
    from .fault_shape import KINDS as KINDS_OF_FAULTS  # noqa: PLC0415 - only who drills pays for it
    from .scenario_shape import DEEDS, ScenarioShape  # noqa: PLC0415 - as above

    schema = _polished(ScenarioShape, "Scenario of a hamr drill")
    for name in ("Step", "Meanwhile"):
        _exactly_one(schema["$defs"][name], DEEDS)
    _exactly_one(schema["$defs"]["Fault"], KINDS_OF_FAULTS)
    return schema


def _exactly_one(definition: Schema, keys: tuple[str, ...]) -> None:
    definition["oneOf"] = [{"required": [key]} for key in keys]


def _polished(shape: type[Shape], title: str) -> Schema:
    """What pydantic makes of a shape, in the words of our files: no null, no class names, no made-up titles."""
    schema = shape.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    _describe(schema, shape)
    for part in _parts(shape):
        if part.__name__ in schema["$defs"]:
            _describe(schema["$defs"][part.__name__], part)
    schema = _polish(schema)
    schema["$defs"] = {name.removesuffix("Shape"): part for name, part in schema["$defs"].items()}
    return {"$schema": _DIALECT, **schema, "title": title}


def _parts(shape: type[Shape]) -> Iterator[type[Shape]]:
    """The shapes that a shape is made of, itself included; several files have shapes of one name."""
    left, seen = [shape], set[type[Shape]]()
    while left:
        part = left.pop()
        if part in seen:
            continue
        seen.add(part)
        yield part
        left += [found for field in part.model_fields.values() for found in _shapes_in(field.annotation)]


def _shapes_in(annotation: Any) -> Iterator[type[Shape]]:
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        yield annotation
    for argument in get_args(annotation):
        yield from _shapes_in(argument)


def _describe(definition: Schema, shape: type[Shape]) -> None:
    """Add what the text below each field of the shape says."""
    fields = definition.get("properties", {})
    for name, text in descriptions(shape).items():
        key = shape.model_fields[name].alias or name
        fields[key] = dict(sorted({**fields[key], "description": text}.items()))


def _polish(part: Any) -> Any:
    if isinstance(part, list):
        return [_polish(item) for item in part]
    if not isinstance(part, dict):
        return part
    choices = part.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        left = [choice for choice in choices if choice != {"type": "null"}]
        rest = {key: item for key, item in part.items() if key not in {"anyOf", "default"}}
        return _polish({**left[0], **rest} if len(left) == 1 else {**rest, "anyOf": left})
    # Names as keys: a name of another form is no key, as hamr has it too.
    polished: Schema = {"additionalProperties": False} if "patternProperties" in part else {}
    for key, item in part.items():
        if key == "$ref":
            polished[key] = item.removesuffix("Shape")
        elif key == "properties":
            polished[key] = {name: _polish(field) for name, field in item.items()}
        elif not (key == "title" and isinstance(item, str)) and not (
            key == "default" and item in ({}, [], None)
        ):
            polished[key] = _polish(item)
    return polished

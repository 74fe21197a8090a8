"""JSON Schema of our files, for editors: `python -m orchestrator.config playbook` prints one.

A schema says which keys there are and of what type; what has to fit together, `hamr check` knows.
"""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import Any, cast

from msgspec import NODEFAULT
from msgspec.inspect import BoolType, DictType, Metadata, StructType, Type, UnionType, VarTupleType

from orchestrator.model.status import Status

from .durations import written
from .inventory_shape import InventoryShape
from .playbook_shape import PlaybookShape
from .shapes import Key, Noun, Shape, descriptions, keys_in, keys_of

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def inventory_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of an inventory."""
    return _schema_of(InventoryShape, "hamr inventory (pairs.yaml)")


def playbook_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a playbook."""
    return _schema_of(PlaybookShape, "hamr playbook")


def scenario_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a scenario."""
    from .scenarios import ScenarioFile  # noqa: PLC0415 - only who drills pays for it

    return _schema_of(ScenarioFile, "Scenario of a hamr drill")


def _schema_of(shape: type[Shape | Noun], title: str) -> Schema:
    """A shape's schema, in the words of our files: no null, and no class names."""
    definitions: dict[str, Schema] = {}
    top = _mapping(keys_of(shape), definitions)
    return {"$schema": _DIALECT, "$defs": dict(sorted(definitions.items())), **top, "title": title}


def _mapping(kind: StructType, definitions: dict[str, Schema]) -> Schema:
    shape = cast("type[Shape]", kind.cls)
    keys = list(keys_in(kind))
    schema: Schema = {
        "additionalProperties": False,
        "description": shape.__doc__,
        "properties": {key.name: _key(shape, key, definitions) for key in keys},
        "type": "object",
    }
    if required := [key.name for key in keys if key.field.required and not key.kind]:
        schema["required"] = required
    if kinds := [key.name for key in keys if key.kind or key.name in shape.kinds]:
        schema["oneOf"] = [{"required": [name]} for name in kinds]
    if shape.needs:
        schema["dependentRequired"] = dict(shape.needs)
    return dict(sorted(schema.items()))


def _key(shape: type, key: Key, definitions: dict[str, Schema]) -> Schema:
    """A key's value, what the text below its field says of it, and what it is where it is left out."""
    schema = _value(key.type, definitions)
    if key.kind:
        return schema
    if key.field.default not in (NODEFAULT, None, (), ""):
        schema["default"] = _in_words(key.field.default)
    about = descriptions(shape).get(key.field.name)
    return dict(sorted({**schema, **({"description": about} if about else {})}.items()))


def _in_words(default: Any) -> Any:
    """A default as a file would say it."""
    match default:
        case timedelta():
            return written(default)
        case float():  # seconds
            return written(timedelta(seconds=default))
        case Status():
            return default.name
        case enum.Enum():
            return default.value
    return default


def _value(kind: Type, definitions: dict[str, Schema]) -> Schema:
    match kind:
        case UnionType():  # of a type and None, which says that the key may be left out
            return _value(kind.types[0], definitions)
        case Metadata(extra_json_schema=dict() as schema):
            return dict(sorted(schema.items()))
        case Metadata():
            return _value(kind.type, definitions)
        case StructType():
            name = kind.cls.__name__.removesuffix("Shape")
            if name not in definitions:
                definitions[name] = _mapping(kind, definitions)
            return {"$ref": f"#/$defs/{name}"}
        case BoolType():
            return {"type": "boolean"}
        case VarTupleType():
            least = {"minItems": kind.min_length} if kind.min_length else {}
            return {"items": _value(kind.item_type, definitions), "type": "array", **least}
        case DictType():
            least = {"minProperties": kind.min_length} if kind.min_length else {}
            return {**_names(kind, definitions), "type": "object", **least}
    raise TypeError(f"no field of a shape is of type {kind}")


def _names(kind: DictType, definitions: dict[str, Schema]) -> Schema:
    """Names as keys: a name of another form is no key, as hamr has it too."""
    names, value = _value(kind.key_type, definitions), _value(kind.value_type, definitions)
    del names["type"]
    if "pattern" not in names:
        return {"additionalProperties": value, "propertyNames": names}
    pattern = names.pop("pattern")
    return {"additionalProperties": False, "patternProperties": {pattern: value}, "propertyNames": names}

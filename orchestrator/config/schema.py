"""What may stand in a file: the keys of each mapping, how the value of each is read, and which noun is made of them.

Most nouns are read as they stand (`Noun`, `reads`); a `Form` is for those whose form in a file is another.
"""

import ast
import enum
import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, cast

from msgspec import NODEFAULT, Meta, Struct
from msgspec.inspect import (
    BoolType,
    DictType,
    Field,
    Metadata,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from orchestrator.model.plain import JSON
from orchestrator.model.status import Status

from .messages import written


class OneOf(Struct, frozen=True):
    """Keys of which exactly one is given, and what is said where that is not so.

    In both texts {name} stands for the name of what has these keys, {where} for its place, {kinds} for all the keys,
    {named} for those that are given, and {count} for their number.
    """

    kinds: tuple[str, ...]
    none: str
    many: str
    at_last: bool = False
    """Whether too many are told at the last of them, in place of the whole."""


class Need(Struct, frozen=True):
    """A key that is given only together with another, and what is said where that is missing; {where} stands for the place."""

    key: str
    other: str
    missing: str
    at_whole: bool = False
    """Whether it is told at what has these keys, in place of the key."""


class Form(Struct, frozen=True):
    """A mapping with known keys and no others, where its form in a file is not that of what is made of it."""

    makes: ClassVar[Callable[..., object] | None] = None
    """Makes the noun of the values, each by its field's name in Python, of those that are given; None: the form will do."""
    named: ClassVar[bool] = False
    """Whether it stands below its name, which is given too then, as `name`."""
    one_of: ClassVar[OneOf | None] = None
    needs: ClassVar[tuple[Need, ...]] = ()
    """What its keys need beside them, where one of those of which one is given was chosen well."""


class Noun(Form, frozen=True):
    """A noun that a mapping is read into as it stands: its fields are the keys.

    A field whose type is a union of tagged nouns has no key of its own: each tag is one, and exactly one is given.
    """


def reads(noun: type[Struct], **fields: Any) -> None:
    """Say that a mapping is read into a noun of model/ as it stands, and how: each field as a type, in the file's order.

    It is (key, type) where the key has another name. What stands below a field of the noun, editors show of the key.
    """
    _READ[noun] = {name: form if isinstance(form, tuple) else (name, form) for name, form in fields.items()}


_READ: dict[type, Mapping[str, tuple[str, Any]]] = {}


def leaf(read: Callable[[Any], object], schema: Mapping[str, JSON], *, refers: bool = False) -> Meta:
    """How the value of one field is read, and its JSON Schema.

    `read` gives the value, or raises a ValueError whose message is a sentence for a person. With `refers` it is a name: a
    text that cannot be one is told as such, and still names what its author meant.
    """
    return Meta(extra={"read": read, "refers": refers}, extra_json_schema=dict(schema))


def then(turn: Callable[[Any], object]) -> Meta:
    """What a value that could be read is turned into; `turn` may refuse it, with a ValueError."""
    return Meta(extra={"then": turn})


AT_LEAST_ONE = Meta(min_length=1)
"""A list or mapping that must not be empty."""

ONE_WILL_DO = Meta(extra={"one_will_do": True})
"""A list of which one item may stand there as it is."""

NO_KEY = Meta(extra={"no_key": True})
"""A field that is no key of a file."""


class Key(NamedTuple):
    """A key that a mapping may have."""

    name: str
    field: Field
    """The field that its value is for."""
    type: Type
    kind: bool = False
    """Whether it is one of those of which exactly one is given."""
    ready: bool = False
    """Whether nothing is made of its value but what reading it gives."""


def keys_in(mapping: StructType) -> Mapping[str, Key]:
    """The keys of a mapping by name, in order; worked out once for each kind of mapping."""
    if mapping.cls not in _KEYS:
        _KEYS[mapping.cls] = {
            key.name: key._replace(ready=_is_ready(key.type)) for key in _keys_of_fields(mapping)
        }
    return _KEYS[mapping.cls]


_KEYS: dict[type, Mapping[str, Key]] = {}


def _is_ready(kind: Type) -> bool:
    match kind:
        case Metadata(extra={"then": _}):
            return False
        case Metadata(extra={"read": _}):
            return True
        case UnionType(types=[only, *_]):
            return _is_ready(only)
    return isinstance(kind, BoolType)


def _keys_of_fields(mapping: StructType) -> Iterator[Key]:
    if mapping.cls in _READ:
        fields = {field.name: field for field in mapping.fields}
        for name, (key, form) in _READ[mapping.cls].items():
            kind = type_info(form)
            yield Key(key, Field(name, key, kind, fields[name].required), kind)
        return
    for field in mapping.fields:
        match field.type:
            case Metadata(extra={"no_key": True}):
                pass
            case UnionType(types=[StructType(), StructType(), *_] as tagged):
                kinds = [each for each in tagged if isinstance(each, StructType)]
                yield from (Key(str(each.tag), field, each, kind=True) for each in kinds)
            case _:
                yield Key(field.encode_name, field, field.type)


@cache
def keys_of(form: type[Form]) -> StructType:
    """The keys of a form or noun with their types, and those of all in it."""
    return cast("StructType", type_info(form))


@cache
def descriptions(form: type) -> Mapping[str, str]:
    """What the text below each field says, for messages and schemas, by the field's name in Python; {} where the source is not at hand."""
    nouns = [each for each in reversed(form.__mro__) if issubclass(each, Struct) and each is not Struct]
    return {name: first_paragraph(text) for each in nouns for name, text in _described(each)}


def first_paragraph(text: str | None) -> str:
    """What of a text is meant for editors too."""
    return inspect.cleandoc(text or "").partition("\n\n")[0]


def _described(noun: type) -> Iterator[tuple[str, str]]:
    try:
        (definition,) = ast.parse(inspect.getsource(noun)).body
    except OSError:
        return
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class
    for field, text in pairwise(definition.body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            yield field.target.id, text.value.value


# -- JSON Schema ---------------------------------------------------------------------------------------------

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def json_schema(form: type[Form], title: str) -> Schema:
    """The schema of a form or noun, in the words of our files: no null, and no class names."""
    definitions: dict[str, Schema] = {}
    top = _mapping(keys_of(form), definitions)
    return {"$schema": _DIALECT, "$defs": dict(sorted(definitions.items())), **top, "title": title}


def _mapping(kind: StructType, definitions: dict[str, Schema]) -> Schema:
    form = kind.cls if issubclass(kind.cls, Form) else Form
    keys = keys_in(kind).values()
    schema: Schema = {
        "additionalProperties": False,
        "description": first_paragraph(kind.cls.__doc__),
        "properties": {key.name: _key(kind.cls, key, definitions) for key in keys},
        "type": "object",
    }
    if required := [key.name for key in keys if key.field.required and not key.kind]:
        schema["required"] = required
    alternatives = form.one_of.kinds if form.one_of is not None else ()
    if kinds := [key.name for key in keys if key.kind or key.name in alternatives]:
        schema["oneOf"] = [{"required": [name]} for name in kinds]
    if form.needs:
        schema["dependentRequired"] = {need.key: [need.other] for need in form.needs}
    return dict(sorted(schema.items()))


def _key(form: type, key: Key, definitions: dict[str, Schema]) -> Schema:
    """A key's value, what the text below its field says of it, and what it is where it is left out."""
    schema = _value(key.type, definitions)
    if key.kind:
        return schema
    if key.field.default not in (NODEFAULT, None, (), ""):
        schema["default"] = in_words(key.field.default)
    about = descriptions(form).get(key.field.name)
    return dict(sorted({**schema, **({"description": about} if about else {})}.items()))


def in_words(value: Any) -> Any:
    """A single value as a file would say it; a float is one of seconds."""
    match value:
        case timedelta():
            return written(value)
        case float():
            return written(timedelta(seconds=value))
        case Status():
            return value.name
        case enum.Enum():
            return value.value
    return value


def _value(kind: Type, definitions: dict[str, Schema]) -> Schema:
    match kind:
        case UnionType():  # of a type and None, which says that the key may be left out
            return _value(kind.types[0], definitions)
        case Metadata(extra_json_schema=dict() as schema):
            return dict(sorted(schema.items()))
        case Metadata(extra={"one_will_do": True}, type=VarTupleType() as many):
            return {"anyOf": [_value(many.item_type, definitions), _value(many, definitions)]}
        case Metadata():
            return _value(kind.type, definitions)
        case StructType():
            name = kind.cls.__name__.removesuffix("Form")
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
    raise TypeError(f"no field is of type {kind}")


def _names(kind: DictType, definitions: dict[str, Schema]) -> Schema:
    """Names as keys: a name of another form is no key, as hamr has it too."""
    names, value = _value(kind.key_type, definitions), _value(kind.value_type, definitions)
    del names["type"]
    if "pattern" not in names:
        return {"additionalProperties": value, "propertyNames": names}
    pattern = names.pop("pattern")
    return {"additionalProperties": False, "patternProperties": {pattern: value}, "propertyNames": names}

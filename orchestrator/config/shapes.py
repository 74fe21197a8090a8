"""What shapes have in common: a shape declares the keys of one mapping, and which noun is made of their values."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, cast

from msgspec import Meta, Struct
from msgspec.inspect import Field, Metadata, StructType, Type, UnionType, type_info

from orchestrator.model.plain import JSON


class Shape(Struct):
    """A mapping with known keys and no others."""

    makes: ClassVar[Callable[..., object] | None] = None
    """Makes the noun of the values, each by its field's name in Python, of those that are given; None: the shape will do."""
    kinds: ClassVar[tuple[str, ...]] = ()
    """Keys of which exactly one is given; the checks see to that, and the JSON Schema says it."""
    needs: ClassVar[Mapping[str, list[str]]] = {}
    """Keys that are given only together with others."""


class Noun(Struct, frozen=True):
    """A noun that a mapping is read into as it stands: its fields are the keys.

    A field whose type is a union of tagged nouns has no key of its own: each tag is one, and exactly one is given.
    """

    makes: ClassVar[Callable[..., object] | None] = None
    kinds: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Mapping[str, list[str]]] = {}


def leaf(read: Callable[[Any], object], schema: Mapping[str, JSON]) -> Meta:
    """How the value of one field is read, and its JSON Schema.

    Args:
        read: gives the value, or raises a ValueError whose message is a sentence for a person.
        schema: what editors are told.
    """
    return Meta(extra={"read": read}, extra_json_schema=dict(schema))


def then(turn: Callable[[Any], object]) -> Meta:
    """What a value that could be read is turned into; `turn` may refuse it, with a ValueError."""
    return Meta(extra={"then": turn})


AT_LEAST_ONE = Meta(min_length=1)
"""A list or mapping that must not be empty."""

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


def keys_in(mapping: StructType) -> Iterator[Key]:
    """The keys of a mapping, in order."""
    for field in mapping.fields:
        match field.type:
            case Metadata(extra={"no_key": True}):
                pass
            case UnionType(types=[StructType(), StructType(), *_] as tagged):
                yield from (
                    Key(str(each.tag), field, each, kind=True)
                    for each in tagged
                    if isinstance(each, StructType)
                )
            case _:
                yield Key(field.encode_name, field, field.type)


@cache
def keys_of(shape: type[Shape | Noun]) -> StructType:
    """The keys of a shape with their types, and those of the shapes in it."""
    return cast("StructType", type_info(shape))


@cache
def descriptions(shape: type) -> Mapping[str, str]:
    """What the text below each field says, by the field's name in Python; {} where the source is not at hand.

    Read when an error message or a JSON Schema wants it.
    """
    nouns = [each for each in reversed(shape.__mro__) if issubclass(each, Struct) and each is not Struct]
    return {name: text for each in nouns for name, text in _described(each)}


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
            yield field.target.id, inspect.cleandoc(text.value.value)

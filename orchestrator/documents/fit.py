"""Fits a document to a shape, and tells in plain words where it does not fit."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from msgspec import Struct
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.model.plain import JSON

from .compose import KEY_FIELDS
from .nodes import Document, Finding, Steps, bounded
from .shapes import Shape, descriptions
from .wording import did_you_mean, found, shown

INLINE_KEY = (
    "a key must not stand in this file: say where it is found, "
    "{env: NAME}, {file: PATH} or {command: [PROGRAM, …]}; "
    "if this is a real key and others could see this file, replace the key (it is not shown here)"
)
UNSHOWN = "expected {env: NAME}, {file: PATH} or {command: [PROGRAM, …]} (what stands here is not shown, as it may be the key)"

S = TypeVar("S", bound=Shape)


class Fitted(Struct, Generic[S], frozen=True):
    """A document's shape, or what keeps it from having one."""

    shape: S | None
    findings: tuple[Finding, ...]


def fit(shape: type[S], document: Document) -> Fitted[S]:
    """Read a document as a shape.

    Args:
        shape: what it should look like.
        document: what was read.
    """
    empty = tuple(bounded(_empty_values((), document.data)))
    errors: list[ErrorDetails] = []
    fitted: S | None = None
    try:
        fitted = shape.model_validate(document.data)
    except ValidationError as error:
        # The library's own text repeats what was found, a key included: only its codes and places are used.
        errors = error.errors(include_url=False, include_input=False)
    told = {finding.steps for finding in empty}
    findings = bounded(
        _finding(shape, document, error)
        for error in errors
        if tuple(step for step in error["loc"] if step != "[key]") not in told
    )
    return Fitted(fitted, (*empty, *findings))


def _empty_values(steps: Steps, value: JSON) -> Iterator[Finding]:
    """No field of ours may be null: an empty value is a line that was left unfinished."""
    match value:
        case None:
            private = not KEY_FIELDS.isdisjoint(steps)
            name = "this" if private or isinstance(steps[-1], int) else shown(steps[-1])
            advice = (
                UNSHOWN
                if private
                else "give it a value, or leave it out ({} is an empty mapping, [] an empty list)"
            )
            yield Finding(steps, f"{name} has no value: {advice}", at_key=True)
        case dict():
            for key, item in value.items():
                yield from _empty_values((*steps, key), item)
        case list():
            for index, item in enumerate(value):
                yield from _empty_values((*steps, index), item)


def _finding(shape: type[Shape], document: Document, error: ErrorDetails) -> Finding:
    loc = error["loc"]
    at_key = bool(loc) and loc[-1] == "[key]"
    steps: Steps = tuple(step for step in loc if step != "[key]")
    value = document.value(steps)
    kind = error["type"]
    if kind == "value_error":
        return Finding(steps, str(error.get("ctx", {}).get("error", error["msg"])), at_key)
    if kind == "missing":
        return Finding(steps[:-1], _missing(shape, steps), at_key=True)
    if kind == "extra_forbidden":
        return Finding(steps, _unknown_key(shape, steps), at_key=True)
    if not KEY_FIELDS.isdisjoint(steps):
        return Finding(steps, INLINE_KEY if isinstance(value, str | int | float) else UNSHOWN)
    match kind:
        case "model_type" | "dict_type":
            message = f"expected a mapping (name: value), found {_kind_of(value)}"
        case "list_type":
            message = f"expected a list ([…]), found {_kind_of(value)}"
        case "bool_type":
            message = f"expected true or false, found {found(value)}"
        case "too_short":
            message = "this is empty, and at least one is wanted"
        case _:
            message = error["msg"][:1].lower() + error["msg"][1:]
    return Finding(steps, message, at_key)


def _kind_of(value: JSON) -> str:
    """What stands there, without repeating a text: whole secrets end up in wrong places."""
    return "text" if isinstance(value, str) else found(value)


def _missing(shape: type[Shape], steps: Steps) -> str:
    *parents, name = steps
    holder = shape_at(shape, tuple(parents))
    about = _about(holder, str(name))
    return f'"{name}" is missing{where(tuple(parents))}' + (
        f": {about[0].lower()}{about[1:].rstrip('.')}" if about else ""
    )


def _unknown_key(shape: type[Shape], steps: Steps) -> str:
    holder, name = shape_at(shape, steps[:-1]), str(steps[-1])
    if not KEY_FIELDS.isdisjoint(steps[:-1]):
        return UNSHOWN
    known = list(_fields(holder))
    near = did_you_mean(name, known)
    allowed = f" (known here: {', '.join(known)})" if known and not near else ""
    return f"{shown(name)} is not a known key{where(steps[:-1])}{allowed}{near}"


def where(steps: Steps) -> str:
    """A place in words, as the end of a sentence.

    ' in pairs.payments.primary', ' in item 2 of transitions', ' in item 1 of before, item 2 of transitions'.
    """
    if not steps:
        return ""
    *parents, last = steps
    if isinstance(last, int):
        inner = max((at + 1 for at, step in enumerate(parents) if isinstance(step, int)), default=0)
        name = ".".join(str(step) for step in parents[inner:])
        outer = where(tuple(parents[:inner])).replace(" in ", ", ", 1)
        return f" in item {last + 1} of {name}{outer}"
    words = [shown(str(step)).strip('"') if isinstance(step, str) else str(step + 1) for step in steps]
    return f" in {'.'.join(words)}"


def _about(shape: type[Shape] | None, key: str) -> str:
    """What a key of a shape is for; "" where that is not known."""
    if shape is None:
        return ""
    return next(
        (
            descriptions(shape).get(name, "")
            for name, field in shape.model_fields.items()
            if (field.alias or name) == key
        ),
        "",
    )


def _fields(shape: type[Shape] | None) -> Mapping[str, Any]:
    if shape is None:
        return {}
    return {field.alias or name: field for name, field in shape.model_fields.items()}


def shape_at(shape: type[Shape], steps: Steps) -> type[Shape] | None:
    """The shape of the mapping at the end of a way, or None where there is no shape there."""
    here: Any = shape
    for step in steps:
        if isinstance(here, type) and issubclass(here, Shape):
            field = _fields(here).get(str(step))
            here = _bare(field.annotation) if field is not None else None
        else:
            arguments = get_args(here)
            here = _bare(arguments[-1]) if arguments else None
    return here if isinstance(here, type) and issubclass(here, Shape) else None


def _bare(annotation: Any) -> Any:
    """A type without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if isinstance(annotation, types.UnionType):
        return _bare(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation

"""Fits a document to a shape, and tells in plain words where it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, cast

from msgspec.inspect import BoolType, DictType, Metadata, StructType, Type, UnionType, VarTupleType

from orchestrator.errors import DocumentError
from orchestrator.model.plain import JSON

from .compose import KEY_FIELDS
from .nodes import MOST_FINDINGS, Document, Finding, Steps, bounded
from .shapes import Noun, Shape, descriptions, keys_in, keys_of
from .wording import did_you_mean, found, shown

INLINE_KEY = (
    "a key must not stand in this file: say where it is found, "
    "{env: NAME}, {file: PATH} or {command: [PROGRAM, …]}; "
    "if this is a real key and others could see this file, replace the key (it is not shown here)"
)
UNSHOWN = "expected {env: NAME}, {file: PATH} or {command: [PROGRAM, …]} (what stands here is not shown, as it may be the key)"


def fit(shape: type[Shape | Noun], document: Document, checks: Iterable[Finding] = ()) -> Any:
    """What the shape makes of a document.

    Args:
        shape: what it should look like.
        document: what was read.
        checks: what else is wrong with it.

    Raises:
        DocumentError: it does not fit, or something else is wrong with it; with all its problems at once.
    """
    empty, checked = list(bounded(_empty_values((), document.data))), list(checks)
    fitting = _Fitting(making=not (empty or checked or document.problems))
    made = fitting.read(keys_of(shape), document.data, ())
    problems = document.problems_with([*empty, *bounded(fitting.findings), *checked])
    if problems:
        raise DocumentError(problems)
    return made


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


class _Fitting:
    """One walk through a document. Nothing is made of a document in which anything was found."""

    def __init__(self, *, making: bool) -> None:
        self.findings: list[Finding] = []
        self._making = making

    def read(self, kind: Type, value: JSON, steps: Steps) -> Any:
        """A value as the type wants it; what comes back where something was found means nothing."""
        if len(self.findings) > MOST_FINDINGS:
            return None
        match kind:
            case UnionType():  # of a type and None, which says that the key may be left out
                return self.read(kind.types[0], value, steps)
            case Metadata():
                return self._read_with(kind, value, steps)
            case StructType():
                return self._mapping(kind, value, steps)
            case DictType():
                return self._names(kind, value, steps)
            case VarTupleType():
                return self._list(kind, value, steps)
            case BoolType():
                if not isinstance(value, bool):
                    self._misfit(f"expected true or false, found {found(value)}", value, steps)
                return value
        raise TypeError(f"no field of a shape is of type {kind}")

    def _read_with(self, kind: Metadata, value: JSON, steps: Steps) -> Any:
        extra = kind.extra or {}
        before = len(self.findings)
        if "read" in extra:
            result = self._judged(extra["read"], value, steps)
        else:
            result = self.read(kind.type, value, steps)
        if "then" in extra and len(self.findings) == before and not _has_empty(value):
            result = self._judged(extra["then"], result, steps)
        return result

    def _judged(
        self, read: Callable[[Any], object], value: Any, steps: Steps, *, at_key: bool = False
    ) -> Any:
        try:
            return read(value)
        except ValueError as error:
            self.findings.append(Finding(steps, str(error), at_key))
            return None

    def _mapping(self, kind: StructType, value: JSON, steps: Steps) -> Any:
        if not isinstance(value, dict):
            self._misfit(f"expected a mapping (name: value), found {_kind_of(value)}", value, steps)
            return None
        shape = cast("type[Shape]", kind.cls)
        values = {}
        keys = list(keys_in(kind))
        for key in keys:
            if key.name not in value:
                if key.field.required and not key.kind:
                    about = descriptions(shape).get(key.field.name, "")
                    message = f'"{key.name}" is missing{where(steps)}' + (
                        f": {about[0].lower()}{about[1:].rstrip('.')}" if about else ""
                    )
                    self.findings.append(Finding(steps, message, at_key=True))
            elif value[key.name] is not None:
                values[key.field.name] = self.read(key.type, value[key.name], (*steps, key.name))
        self._unknown_keys([key.name for key in keys], value, steps)
        return (shape.makes or shape)(**values) if self._making and not self.findings else None

    def _unknown_keys(self, known: list[str], value: dict[str, JSON], steps: Steps) -> None:
        for name, item in value.items():
            if name in known or item is None or len(self.findings) > MOST_FINDINGS:
                continue
            if not KEY_FIELDS.isdisjoint(steps):
                message = UNSHOWN
            else:
                near = did_you_mean(name, known)
                allowed = f" (known here: {', '.join(known)})" if known and not near else ""
                message = f"{shown(name)} is not a known key{where(steps)}{allowed}{near}"
            self.findings.append(Finding((*steps, name), message, at_key=True))

    def _names(self, kind: DictType, value: JSON, steps: Steps) -> Any:
        if not isinstance(value, dict):
            self._misfit(f"expected a mapping (name: value), found {_kind_of(value)}", value, steps)
            return None
        self._enough(kind.min_length, value, steps)
        assert isinstance(kind.key_type, Metadata)  # noqa: S101 - so are the keys of all our mappings
        read = (kind.key_type.extra or {})["read"]
        return MappingProxyType(
            {
                self._judged(read, key, (*steps, key), at_key=True): self.read(
                    kind.value_type, item, (*steps, key)
                )
                for key, item in value.items()
                if item is not None
            }
        )

    def _list(self, kind: VarTupleType, value: JSON, steps: Steps) -> Any:
        if not isinstance(value, list):
            self._misfit(f"expected a list ([…]), found {_kind_of(value)}", value, steps)
            return None
        self._enough(kind.min_length, value, steps)
        return tuple(
            self.read(kind.item_type, item, (*steps, index))
            for index, item in enumerate(value)
            if item is not None
        )

    def _enough(self, least: int | None, value: dict[str, JSON] | list[JSON], steps: Steps) -> None:
        if least is not None and len(value) < least:
            self._misfit("this is empty, and at least one is wanted", value, steps)

    def _misfit(self, message: str, value: JSON, steps: Steps) -> None:
        if not KEY_FIELDS.isdisjoint(steps):
            message = INLINE_KEY if isinstance(value, str | int | float) else UNSHOWN
        self.findings.append(Finding(steps, message))


def _has_empty(value: JSON) -> bool:
    return isinstance(value, list) and None in value


def _kind_of(value: JSON) -> str:
    """What stands there, without repeating a text: whole secrets end up in wrong places."""
    return "text" if isinstance(value, str) else found(value)


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

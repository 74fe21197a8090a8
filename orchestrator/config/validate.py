"""Reads a document as a form or noun says, leaf by leaf, and tells in plain words where it does not fit: all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

from msgspec.inspect import BoolType, DictType, Metadata, StructType, Type, UnionType, VarTupleType

from orchestrator.errors import DocumentError
from orchestrator.model.plain import JSON
from orchestrator.model.words import listed

from .document import MOST_FINDINGS, Document, Finding, Steps, bounded, private
from .messages import did_you_mean, found, meant, one_of, shown
from .schema import Form, Key, OneOf, descriptions, keys_in, keys_of

INLINE_KEY = (
    "a key must not stand in this file: say where it is found, "
    "{env: NAME}, {file: PATH} or {command: [PROGRAM, …]}; "
    "if this is a real key and others could see this file, replace the key (it is not shown here)"
)
UNSHOWN = "expected {env: NAME}, {file: PATH} or {command: [PROGRAM, …]} (what stands here is not shown, as it may be the key)"


Check = Callable[[Document, Any], Iterable[Finding]]
"""Finds what does not fit together in a document, as far as it could be read.

That is its mappings and lists, each value read as its field wants it; None where that could not be. What stands below a
misspelt key stands below the key that was meant.
"""


def read_as(form: type[Form], document: Document, *checks: Check) -> Any:
    """The noun that a document stands for; a DocumentError with all problems at once, where it does not fit or a check found something."""
    validating = _Validating(document)
    values = validating.read(keys_of(form), document.data, ())
    empty, misfits = bounded(_empty_values((), document.data)), bounded(validating.findings)
    found = (bounded(check(document, values)) for check in checks)
    problems = document.problems_with([*empty, *misfits, *chain.from_iterable(found)])
    if problems:
        raise DocumentError(problems)
    return _made(keys_of(form), values)


def _made(kind: Type, value: Any, **named: Any) -> Any:
    match kind:
        case UnionType():  # of a type and None, which says that the key may be left out
            return _made(kind.types[0], value)
        case Metadata():
            extra = kind.extra or {}
            made = value if "read" in extra else _made(kind.type, value)
            return extra["then"](made) if "then" in extra else made
        case StructType():
            fields = {
                key.field.name: item if key.ready else _made(key.type, item)
                for key, item in ((keys_in(kind)[name], item) for name, item in value.items())
            }
            makes = kind.cls.makes if issubclass(kind.cls, Form) else None
            return (makes or kind.cls)(**fields, **named)
        case DictType(key_type=Metadata(extra={"read": read}), value_type=of):
            is_named = isinstance(of, StructType) and issubclass(of.cls, Form) and of.cls.named
            names = ((read(name), item) for name, item in value.items())
            return MappingProxyType(
                {name: _made(of, item, **({"name": name} if is_named else {})) for name, item in names}
            )
        case VarTupleType():
            return tuple(_made(kind.item_type, item) for item in value)
    return value


def _empty_values(steps: Steps, value: JSON) -> Iterator[Finding]:
    """No field of ours may be null: an empty value is a line that was left unfinished."""
    match value:
        case None:
            secret = private(steps)
            name = "this" if secret or isinstance(steps[-1], int) else shown(steps[-1])
            advice = (
                UNSHOWN
                if secret
                else "give it a value, or leave it out ({} is an empty mapping, [] an empty list)"
            )
            yield Finding(steps, f"{name} has no value: {advice}", at_key=True)
        case dict():
            for key, item in value.items():
                yield from _empty_values((*steps, key), item)
        case list():
            for index, item in enumerate(value):
                yield from _empty_values((*steps, index), item)


class _Validating:
    """One walk through a document."""

    def __init__(self, document: Document) -> None:
        self.findings: list[Finding] = []
        self._document = document

    def read(self, kind: Type, value: JSON, steps: Steps) -> Any:
        """A value as the type wants it, or as far as it could be read; None where it could not be."""
        if value is None or len(self.findings) > MOST_FINDINGS:
            return None
        match kind:
            case UnionType():  # of a type and None, which says that the key may be left out
                return self.read(kind.types[0], value, steps)
            case Metadata(extra={"one_will_do": True}, type=VarTupleType() as many) if isinstance(
                value, dict
            ):
                return [self.read(many.item_type, value, steps)]
            case Metadata():
                return self._read_with(kind, value, steps)
            case StructType():
                return self._mapping(kind, value, steps)
            case DictType():
                return self._names(kind, value, steps)
            case VarTupleType():
                return self._list(kind, value, steps)
            case BoolType():
                if isinstance(value, bool):
                    return value
                return self._misfit(f"expected true or false, found {found(value)}", value, steps)
        raise TypeError(f"no field is of type {kind}")

    def _read_with(self, kind: Metadata, value: JSON, steps: Steps) -> Any:
        extra = kind.extra or {}
        before = len(self.findings)
        if "read" in extra:
            result = self._judged(extra["read"], value, steps)
            if len(self.findings) > before and extra.get("refers") and isinstance(value, str):
                return value
        else:
            result = self.read(kind.type, value, steps)
        if (
            "then" in extra
            and len(self.findings) == before
            and not (isinstance(value, list) and None in value)
        ):
            self._judged(extra["then"], result, steps)
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
            return self._misfit(f"expected a mapping (name: value), found {_kind_of(value)}", value, steps)
        keys = keys_in(kind)
        values = {
            name: self.read(keys[name].type, item, (*steps, name))
            for name, item in value.items()
            if name in keys
        }
        misspelt = {near for name in value if name not in keys for near in meant(name, keys)}
        for name, key in keys.items():
            if name not in value and name not in misspelt and key.field.required and not key.kind:
                about = descriptions(kind.cls).get(key.field.name, "")
                message = f'"{name}" is missing{where(steps)}' + (
                    f": {about[0].lower()}{about[1:].rstrip('.')}" if about else ""
                )
                self.findings.append(Finding(steps, message, at_key=True))
        form = kind.cls if issubclass(kind.cls, Form) else Form
        if form.one_of is not None:
            self._one_kind(form.one_of, value, misspelt, steps)
        for name, item in value.items():
            if name not in keys and item is not None and len(self.findings) <= MOST_FINDINGS:
                self._unknown_key(name, item, keys, values, steps)
        if form.one_of is None or len(values.keys() & form.one_of.kinds) == 1:
            for need in form.needs:
                if need.key in values and need.other not in values:
                    place = steps if need.at_whole else (*steps, need.key)
                    message = need.missing.format(where=where(steps))
                    self.findings.append(Finding(place, message, at_key=True))
        return values

    def _one_kind(self, wanted: OneOf, value: dict[str, JSON], misspelt: set[str], steps: Steps) -> None:
        named = [key for key in wanted.kinds if key in value]
        if len(named) == 1 or (not named and not misspelt.isdisjoint(wanted.kinds)):
            return
        message = (wanted.many if named else wanted.none).format(
            name=steps[-1],
            where=where(steps),
            kinds=one_of(wanted.kinds),
            named=listed([key for key in value if key in named]),
            count=len(named),
        )
        place = (*steps, named[-1]) if named and wanted.at_last else steps
        self.findings.append(Finding(place, message, at_key=True))

    def _unknown_key(
        self, name: str, item: JSON, keys: Mapping[str, Key], values: dict[str, Any], steps: Steps
    ) -> None:
        """Tells of it, and reads what stands there as what was probably meant."""
        if private(steps):
            self.findings.append(Finding((*steps, name), UNSHOWN, at_key=True))
            return
        near = meant(name, keys)
        allowed = f" (known here: {', '.join(keys)})" if keys and not near else ""
        message = f"{shown(name)} is not a known key{where(steps)}{allowed}{did_you_mean(name, keys)}"
        self.findings.append(Finding((*steps, name), message, at_key=True))
        for other in near:
            if other not in values:
                self._document.spelled[*steps, other] = name
                values[other] = self.read(keys[other].type, item, (*steps, name))

    def _names(self, kind: DictType, value: JSON, steps: Steps) -> Any:
        if not isinstance(value, dict):
            return self._misfit(f"expected a mapping (name: value), found {_kind_of(value)}", value, steps)
        self._enough(kind.min_length, value, steps)
        assert isinstance(kind.key_type, Metadata)  # noqa: S101 - so are the keys of all our mappings
        read = (kind.key_type.extra or {})["read"]
        for key, item in value.items():
            if item is not None:
                self._judged(read, key, (*steps, key), at_key=True)
        return {key: self.read(kind.value_type, item, (*steps, key)) for key, item in value.items()}

    def _list(self, kind: VarTupleType, value: JSON, steps: Steps) -> Any:
        if not isinstance(value, list):
            return self._misfit(f"expected a list ([…]), found {_kind_of(value)}", value, steps)
        self._enough(kind.min_length, value, steps)
        return [self.read(kind.item_type, item, (*steps, index)) for index, item in enumerate(value)]

    def _enough(self, least: int | None, value: dict[str, JSON] | list[JSON], steps: Steps) -> None:
        if least is not None and len(value) < least:
            self._misfit("this is empty, and at least one is wanted", value, steps)

    def _misfit(self, message: str, value: JSON, steps: Steps) -> None:
        if private(steps):
            message = INLINE_KEY if isinstance(value, str | int | float) else UNSHOWN
        self.findings.append(Finding(steps, message))


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

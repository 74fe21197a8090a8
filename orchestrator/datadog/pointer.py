"""RFC 6901: finding one value in a JSON document, and what can serve as a probe's value. Pure."""

from __future__ import annotations

import math
import re

from orchestrator.datadog.excerpt import LONGEST
from orchestrator.model.plain import JSON
from orchestrator.model.probe import Value

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


class NoValue(Exception):
    """There is no value that a probe could have, with the reason."""


def find(document: JSON, pointer: str) -> JSON:
    """The value at a pointer; the whole document for "".

    Raises:
        NoValue: nothing stands there.
    """
    found = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")  # in this order: RFC 6901, section 4
        match found:
            case dict() if name in found:
                found = found[name]
            case list() if _INDEX.fullmatch(name) and int(name) < len(found):
                found = found[int(name)]
            case _:
                raise NoValue(f"the answer has nothing at {pointer}")
    return found


def value_at(document: JSON, pointer: str) -> Value:
    """The number, text or boolean at a pointer.

    Raises:
        NoValue: nothing stands there, or something that is no value: null, a list, an object, a text beyond all
            measure, a number that is not finite.
    """
    found = find(document, pointer)
    where = pointer or "its top"
    match found:
        case bool():
            return found
        case int() | float():
            try:
                number = float(found)
            except OverflowError:
                number = math.inf
            if not math.isfinite(number):
                raise NoValue(f"the number at {where} is too large")
            return number
        case str() if len(found) <= LONGEST:
            return found
        case str():
            raise NoValue(f"the text at {where} has {len(found):,} characters; a value has {LONGEST} at most")
        case None:
            raise NoValue(f"the answer has null at {where}")
        case list():
            raise NoValue(f"the answer has a list at {where}, not one value")
        case _:
            raise NoValue(f"the answer has an object at {where}, not one value")

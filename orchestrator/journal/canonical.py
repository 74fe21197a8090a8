"""Canonical JSON (RFC 8785): which bytes a record's hash is taken over, and how they are read back.

RFC 8785 knows numbers as IEEE doubles and text as valid Unicode. What an answer from the network may hold
beyond that is written in a form that fits (`storable`), because no odd byte may stop a record from being kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import rfc8785

from orchestrator.model.plain import JSON

SAFE_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8785, section 3.2.2.3)."""

DEEPEST = 100
"""How many levels of lists and objects a record's data may have."""

TOO_DEEP = "(nested too deeply to be kept)"

_SURE_DIGITS = 15
_MOST_DECIMAL_BITS = 14_000
"""Python refuses to write longer numbers than this in decimal digits."""


class _DoubtfulNumber(Exception):
    """A number whose canonical form the quick way cannot vouch for."""


def storable(value: object, *, _level: int = 0) -> JSON:
    r"""The same value, with whatever canonical JSON cannot hold written as text.

    A whole number beyond 2^53-1 becomes its digits, NaN and the infinities their names, a lone surrogate its
    escape (`\ud800` as six characters), and what lies more than 100 levels deep a remark that it was left out.

    Raises:
        TypeError: the value is none of None, bool, int, float, str, list, tuple, mapping.
    """
    match value:
        case None | bool():
            return value
        case str():
            return storable_text(value)
        case int():
            return int(value) if abs(value) <= SAFE_INTEGER else _digits(value)
        case float():
            return float(value) if math.isfinite(value) else _not_finite(value)
        case _ if _level >= DEEPEST and isinstance(value, Mapping | list | tuple):
            return TOO_DEEP
        case Mapping():
            return {storable_text(str(key)): storable(item, _level=_level + 1) for key, item in value.items()}
        case list() | tuple():
            return [storable(item, _level=_level + 1) for item in value]
    raise TypeError(f"{type(value).__name__} cannot stand in a journal record")


def storable_text(value: str) -> str:
    r"""The same text, with lone surrogates (as from a host name in another encoding) escaped as `\udc80`."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


def _digits(value: int) -> str:
    return str(value) if value.bit_length() < _MOST_DECIMAL_BITS else hex(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def canonical(value: object) -> bytes:
    """RFC 8785 canonical JSON of a value that is storable.

    Raises:
        ValueError: the value has no canonical form.
    """
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # its type has no Mapping of JSON; it refuses what it can't write
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_json(text: str | bytes) -> JSON:
    """The value of a JSON text, with numbers as RFC 8785 sees them: `canonical(read_json(t)) == t` where t is canonical.

    Raises:
        ValueError: it is not JSON, or holds NaN or Infinity.
    """
    try:
        value: JSON = _READER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def is_canonical(text: str) -> bool:
    """Whether a JSON text is exactly its own canonical form.

    Most texts are settled by the standard library alone, six times as fast as by writing the canonical form
    anew: plain ASCII with numbers that everybody writes the same way. All others take the long way.
    """
    try:
        if text.isascii():
            try:
                return _write_sorted(_CAUTIOUS_READER.decode(text)) == text
            except _DoubtfulNumber:
                pass
        return canonical(read_json(text)) == text.encode("utf-8")
    except (ValueError, RecursionError):
        return False


def _whole_number(token: str) -> int | float:
    number = int(token)
    return number if abs(number) <= SAFE_INTEGER else float(number)


def _finite_number(token: str) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise ValueError(f"{token} is beyond what a JSON number can be")
    return number


def _sure_whole_number(token: str) -> int:
    if len(token) > _SURE_DIGITS:
        raise _DoubtfulNumber
    return int(token)


def _sure_number(token: str) -> float:
    number = float(token)
    if repr(number) != token or "e" in token or token.endswith(".0"):
        raise _DoubtfulNumber
    return number


def _no_constant(token: str) -> None:
    raise ValueError(f"{token} is not JSON")


_READER = json.JSONDecoder(parse_int=_whole_number, parse_float=_finite_number, parse_constant=_no_constant)
_CAUTIOUS_READER = json.JSONDecoder(
    parse_int=_sure_whole_number, parse_float=_sure_number, parse_constant=_no_constant
)
_write_sorted = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode

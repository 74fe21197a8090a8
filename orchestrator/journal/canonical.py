"""Canonical JSON (RFC 8785): which bytes a record's hash is taken over, and how they are read back.

RFC 8785 knows numbers as IEEE doubles and text as valid Unicode. What an answer from the network may hold
beyond that is written in a form that fits (`storable`), because no odd byte may stop a record from being kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache

import msgspec
import rfc8785

from orchestrator.model.plain import JSON

SAFE_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact (RFC 8785, section 3.2.2.3)."""

DEEPEST = 100
"""How many levels of lists and objects a record's data may have."""

TOO_DEEP = "(nested too deeply to be kept)"

_MOST_DECIMAL_BITS = 14_000
"""Python refuses to write longer numbers than this in decimal digits."""

_ROUGHLY = bytes(
    0xEE if byte >= 0xEE else ord(":") if byte in b",[" else ord("0") if byte in b"0123456789" else byte  # noqa: PLR2004 - see below
    for byte in range(256)
)
"""Makes all digits one, what may stand before a number one, and one of the bytes that begin a character from U+E000 on."""

_LONG_NUMBER = b":0000000000000000"
_ELSEWHERE = b"\xee"
"""Such a character stands elsewhere in UTF-16 order than in that of code points."""


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
    value: JSON
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if _LONG_NUMBER not in _rough(data):
        try:
            value = _quick_reader(data)
        except (ValueError, RecursionError):
            pass  # the long way says what is wrong
        else:
            return value
    try:
        value = _READER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def is_canonical(text: str) -> bool:
    """Whether a JSON text is exactly its own canonical form.

    Most texts are settled by writing sorted what was read, many times as fast as by RFC 8785 to the letter: those in
    which every number is written by everybody the same way, and no character has another place in UTF-16 order.
    """
    try:
        if _quick(text):
            return True
        return canonical(read_json(text)) == text.encode("utf-8")
    except (ValueError, RecursionError):
        return False


def _quick(text: str) -> bool:
    """Whether it is canonical for sure."""
    try:
        data = text.encode("utf-8")
        rough = _rough(data)
        if _LONG_NUMBER in rough or _ELSEWHERE in rough:
            return False
        return _write_sorted(_cautious_reader(data)) == data
    except (_DoubtfulNumber, ValueError, RecursionError):
        return False  # the long way tells


def _rough(data: bytes) -> bytes:
    """What shows by one look whether there may be a whole number of more digits than any reader keeps exact."""
    return b":" + data.translate(_ROUGHLY, b"-")


def _whole_number(token: str) -> int | float:
    number = int(token)
    return number if abs(number) <= SAFE_INTEGER else float(number)


def _finite_number(token: str) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise ValueError(f"{token} is beyond what a JSON number can be")
    return number


def _sure_number(token: str) -> float:
    number = float(token)
    if "e" in token or token.endswith(".0") or repr(number) != token:
        raise _DoubtfulNumber
    return number


def _no_constant(token: str) -> None:
    raise ValueError(f"{token} is not JSON")


_READER = json.JSONDecoder(parse_int=_whole_number, parse_float=_finite_number, parse_constant=_no_constant)
_quick_reader = msgspec.json.Decoder().decode
_cautious_reader = msgspec.json.Decoder(float_hook=lru_cache(1024)(_sure_number)).decode
_write_sorted = msgspec.json.Encoder(order="sorted").encode

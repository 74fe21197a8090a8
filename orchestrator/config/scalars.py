"""Plain YAML scalars, read as YAML 1.2's core schema says: NO, on and 12:30:00 are texts, and there are no dates.

PyYAML's own loaders follow YAML 1.1, where `NO` is false, `12:30:00` is 45000 and `010` is 8.
"""

from __future__ import annotations

import re

from orchestrator.model.plain import JSON

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_LONGEST_NUMBER = 18
"""Characters of a number: beyond them nothing that an operator writes, and int() of a long text is slow."""


def resolve(text: str) -> JSON:
    """The value of a plain (unquoted) scalar.

    Raises:
        ValueError: a number that YAML versions read differently, or that is far too long.
    """
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if not (text[0] in "+-." or (text[0].isascii() and text[0].isdigit())):
        return text
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", "", 1))
    octal, hexadecimal = _OCTAL.fullmatch(text), _HEXADECIMAL.fullmatch(text)
    if not (octal or hexadecimal or _FLOAT.fullmatch(text)):
        return text
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("this number is too long; if it is meant as text, put it in quotes")
    if octal or hexadecimal:
        return int(text[2:], 8 if octal else 16)
    if not _DECIMAL.fullmatch(text):
        return float(text)
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0":
        raise ValueError(
            "a number that begins with 0 is 8-based to some YAML readers and 10-based to others: "
            "leave the 0 out, or put it in quotes where it is meant as text"
        )
    return int(text)

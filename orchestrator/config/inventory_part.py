"""One pair's part of a large inventory: its text with every other pair's lines empty, so that places stay as they are.

Only a text of ordinary lines is taken apart, in which nothing can reach over a line or into another pair: no anchors,
no tags, no blocks of text, no quoted text with an escape. Of any other, the whole is read.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

_SHOWN = r" -~\xa0-\u2027\u202a-\ud7ff"
_TEXT = r'(?:"[^"\\#\n]*+"|\'[^\'#\n]*+\')'
_LOOSE = r"""(?:[^\[\]{}"'#&*!|>%@`?\n]|(?<=[0-9])%)"""
_LIST = rf"\[(?:{_LOOSE}|{_TEXT})*+\]"
_KEYS = rf"\{{(?:{_LOOSE}|{_TEXT}|{_LIST})*+\}}"
_MAPPING = rf"\{{(?:{_LOOSE}|{_TEXT}|{_LIST}|{_KEYS})*+\}}"
_PLAIN = r"[A-Za-z0-9_./~+$(](?:[^#:\n]|:(?=[^ \n]))*+"
_VALUE = rf"(?:{_PLAIN}|{_TEXT}|{_LIST}|{_MAPPING})"
_KEY = r"[A-Za-z0-9_][A-Za-z0-9_.-]*+"
_LINE = rf" *+(?:{_KEY}:(?: ++{_VALUE})?+|- ++{_VALUE})?+(?: *+(?<![^ \n])#[^\n]*+| *+)"
_ORDINARY = re.compile(rf"(?:--- *\n)?(?:{_LINE}\n)*+")
_ODD = re.compile(rf"[^{_SHOWN}\n]")
_PAIRS = re.compile(r"^pairs: *(?:#.*)?\n((?:(?: .*| *#.*)?\n)*)", re.MULTILINE)
_INDENTED = re.compile(r"^ +(?=[^ #\n])", re.MULTILINE)
_COMMENT = re.compile(r"#.*")
_VARIABLE = re.compile(r"""(?:^ *|[{,] *)["']?env["']? *: *["']?([A-Za-z_][A-Za-z0-9_]*)""", re.MULTILINE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FLOW_LINE = re.compile(r"^[^\n]*[\[{][^\n]*$", re.MULTILINE)
_ITEM = re.compile(rf"([\[{{,:] *){_TEXT}(?= *[,\]}}:])")


class Part(Struct, frozen=True):
    """What is needed of an inventory for one of its pairs."""

    text: str
    """The inventory, with that pair alone."""
    variables: frozenset[str]
    """Environment variables that hold keys of any pair."""


class _Apart(Struct, frozen=True):
    """An inventory that can be taken apart."""

    text: str
    lower: str
    begin: int
    """Where the first pair's lines may begin."""
    ends: dict[str, tuple[int, int]]
    """Where each pair begins and ends."""
    twice: frozenset[str]
    end: int
    variables: frozenset[str]


def part_of(text: str, name: str) -> Part | None:
    """One pair's part of an inventory, or None where only the whole tells.

    So it is where its lines are not ordinary, and where there is no such pair, or two, or one of its orgs stands twice.
    """
    apart = _taken_apart(text)
    if apart is None or name not in apart.ends or name in apart.twice:
        return None
    start, stop = apart.ends[name]
    body = apart.text[start:stop]
    if any(apart.lower.count(uuid.lower()) > 1 for uuid in _UUID.findall(body)):
        return None
    before = "\n" * apart.text.count("\n", apart.begin, start)
    after = "\n" * apart.text.count("\n", stop, apart.end)
    return Part(f"{apart.text[: apart.begin]}{before}{body}{after}{apart.text[apart.end :]}", apart.variables)


def names_in(text: str) -> tuple[str, ...] | None:
    """The names of all pairs, or None where only the whole tells."""
    apart = _taken_apart(text)
    return None if apart is None else tuple(apart.ends)


@lru_cache(maxsize=1)
def _taken_apart(text: str) -> _Apart | None:
    """Where its pairs are, worked out once for a program that opens one after the other; None where it can't be told."""
    text = text if text.endswith("\n") else f"{text}\n"
    blocks = list(_PAIRS.finditer(text))
    if len(blocks) != 1 or _ODD.search(text) is not None or _ORDINARY.fullmatch(text) is None:
        return None
    if any(quote in _ITEM.sub(r"\1", line) for line in _FLOW_LINE.findall(text) for quote in "\"'"):
        return None  # a quote within an item, where YAML may read a text that goes on
    begin, end = blocks[0].span(1)
    first = _INDENTED.search(text, begin, end)
    if first is None:
        return None
    head = re.compile(rf"^( {{1,{len(first.group())}}})(?=[^ #\n])({_KEY})?", re.MULTILINE)
    heads = [*head.finditer(text, begin, end)]
    if any(each.group(1) != first.group() or not each.group(2) for each in heads):
        return None
    stops = [*(each.start() for each in heads[1:]), end]
    ends: dict[str, tuple[int, int]] = {}
    twice: set[str] = set()
    for each, stop in zip(heads, stops, strict=True):
        if each.group(2) in ends:
            twice.add(each.group(2))
        ends[each.group(2)] = each.start(), stop
    variables = frozenset(_VARIABLE.findall(_COMMENT.sub("", text)))
    return _Apart(text, text.lower(), begin, ends, frozenset(twice), end, variables)

"""Many pairs in waves: how many come first, and who is left. Pure.

A number takes so many of those that are left; a share is of all that were selected, rounded up, so that it is never
nobody; `rest` takes whoever is left. A wave for which nobody is left is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.config import wave
from orchestrator.errors import UsageError
from orchestrator.model.org import Wave
from orchestrator.model.words import counted

CAREFULLY: tuple[Wave, ...] = (Wave(pairs=1), Wave(percent=10), Wave())
"""Where nobody says how: one pair, a tenth of them, and the rest."""

AT_ONCE: tuple[Wave, ...] = (Wave(),)
"""An emergency's."""


def waves_named(text: str) -> tuple[Wave, ...]:
    """The waves that a command line names: 1,10%,rest.

    Raises:
        UsageError: one of them is none, or something comes after the rest.
    """
    found = []
    for word in text.split(","):
        item = word.strip()
        try:
            found.append(wave(int(item) if item.isascii() and item.isdigit() else item))
        except ValueError as error:
            raise UsageError(f"--waves {text[:60]}: {error}.") from None
    if Wave() in found[:-1]:
        raise UsageError(f"--waves {text[:60]}: rest takes all that are left: it can only be the last wave.")
    return tuple(found)


def in_waves(names: Sequence[str], waves: Sequence[Wave]) -> tuple[tuple[str, ...], ...]:
    """Who moves in which wave, in the order of the names.

    Raises:
        UsageError: they don't reach everybody.
    """
    made: list[tuple[str, ...]] = []
    begun = 0
    for each in waves:
        end = begun + _size(each, len(names), len(names) - begun)
        if end > begun:
            made.append(tuple(names[begun:end]))
        begun = end
    if begun < len(names):
        text = ",".join(map(str, waves))
        raise UsageError(
            f"These waves take {begun} of {counted(len(names), 'pair')} ({text}): end them with rest, or select fewer pairs."
        )
    return tuple(made)


def _size(wave: Wave, everybody: int, left: int) -> int:
    if wave.percent is not None:
        return min(left, -(-everybody * wave.percent // 100))
    return left if wave.pairs is None else min(left, wave.pairs)

"""Which of an inventory's pairs are meant, and in which waves they are moved. Pure.

A wave of a number takes so many of those that are left; a share is of all that were selected, rounded up, so that it is
never nobody; `rest` takes whoever is left. A wave for which nobody is left is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from orchestrator.config import did_you_mean, in_order, pair_named, wave
from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.org import Inventory, Pair, Wave
from orchestrator.model.words import counted, listed

_SHOWN = 8
"""Of how many names a message lists what there is."""


class Selection(Struct, frozen=True):
    """What was asked for. A pair is meant where one of the names fits it, and one of the selections."""

    names: tuple[str, ...] = ()
    """Names, or patterns such as pay-*; () for any."""
    labels: tuple[str, ...] = ()
    """Each tier=gold,region=eu1, all of which have to hold; () for any. A value may be a pattern."""
    everything: bool = False
    """Said in so many words: all pairs."""


def select(inventory: Inventory, asked: Selection) -> tuple[Pair, ...]:
    """The pairs that are meant, in the inventory's order.

    A UsageError where nothing was said, or both all and some; a name, a label or a value is nobody's; or no pair is left.
    """
    if not asked.everything and not asked.names and not asked.labels:
        raise UsageError(
            "It is not said which pairs are meant: name them, or select them by their labels; --all is every pair of "
            f"{inventory.path}.",
            next_steps=(next_step.fleet_status("--select", "LABEL=VALUE"), next_step.fleet_status("--all")),
        )
    if asked.everything and (asked.names or asked.labels):
        raise UsageError("--all is every pair: leave it out, or the names and --select.")
    wanted = [_labels_of(text) for text in asked.labels]
    for name in asked.names:
        _require_name(inventory, name)
    for label, value in {each: None for terms in wanted for each in terms}:
        _require_label(inventory.pairs, label, value)
    found = tuple(
        pair
        for pair in inventory.pairs
        if (not asked.names or any(fnmatchcase(pair.name, name) for name in asked.names))
        and (not wanted or any(_fits(pair, terms) for terms in wanted))
    )
    if not found:
        both = " ".join((*asked.names, *(f"--select {text}" for text in asked.labels)))
        raise UsageError(f"{both}: no pair of {inventory.path} is all of that.")
    return found


def _fits(pair: Pair, terms: Iterable[tuple[str, str]]) -> bool:
    return all(
        fnmatchcase(pair.labels.get(label, ""), value) and label in pair.labels for label, value in terms
    )


def _labels_of(text: str) -> tuple[tuple[str, str], ...]:
    terms = []
    for term in text.split(","):
        label, equals, value = (part.strip() for part in term.partition("="))
        if not equals or not label or not value:
            raise UsageError(
                f"--select {text[:60]!r}: a label and its value are wanted, such as tier=gold; several with commas "
                "between them have to hold together."
            )
        terms.append((label, value))
    return tuple(terms)


def _require_name(inventory: Inventory, name: str) -> None:
    names = [pair.name for pair in inventory.pairs]
    if any(fnmatchcase(each, name) for each in names):
        return
    if any(letter in name for letter in "*?["):
        raise UsageError(
            f"No pair of {inventory.path} is called like {name[:60]!r}. {_there_are(names, 'pair')}"
        )
    pair_named(inventory, name)


def _require_label(pairs: Sequence[Pair], label: str, value: str) -> None:
    values = {pair.labels[label]: None for pair in pairs if label in pair.labels}
    if not values:
        labels = {each: None for pair in pairs for each in pair.labels}
        there_are = _there_are([*labels], "label") if labels else "No pair has labels."
        raise UsageError(
            f"--select {label[:60]}={value[:60]}: no pair has the label {label[:60]!r}{did_you_mean(label, labels) or '.'} "
            f"{there_are}"
        )
    if not any(fnmatchcase(each, value) for each in values):
        raise UsageError(
            f"--select {label[:60]}={value[:60]}: no pair's {label} is {value[:60]!r}{did_you_mean(value, values) or '.'} "
            f"{_there_are([*values], 'value')}"
        )


def _there_are(names: Sequence[str], noun: str) -> str:
    if len(names) > _SHOWN:
        return f"There are {counted(len(names), noun)}, {', '.join(names[:_SHOWN])} among them."
    return f"There {'is' if len(names) == 1 else 'are'}: {listed(names)}."


# -- waves ---------------------------------------------------------------------------------------------------

CAREFULLY: tuple[Wave, ...] = (Wave(pairs=1), Wave(percent=10), Wave())
"""Where nobody says how: one pair, a tenth of them, and the rest."""

AT_ONCE: tuple[Wave, ...] = (Wave(),)
"""An emergency's."""


def waves_named(text: str) -> tuple[Wave, ...]:
    """The waves that a command line names: 1,10%,rest; a UsageError where one of them is none, or something comes after the rest."""
    items = (word.strip() for word in text.split(","))
    try:
        return tuple(
            in_order([wave(int(item) if item.isascii() and item.isdigit() else item) for item in items])
        )
    except ValueError as error:
        raise UsageError(f"--waves {text[:60]}: {error}.") from None


def in_waves(names: Sequence[str], waves: Sequence[Wave]) -> tuple[tuple[str, ...], ...]:
    """Who moves in which wave, in the order of the names; a UsageError where they don't reach everybody."""
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

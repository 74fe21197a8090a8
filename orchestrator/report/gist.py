"""The gist of a story, for somebody who was not there: what was moved, did it work, how long, and what is left to do."""

from __future__ import annotations

from msgspec import Struct


class Todo(Struct, frozen=True):
    """One thing that is left to do."""

    text: str
    command: str = ""
    """What to type; "" where it is done by hand."""


class Figure(Struct, frozen=True):
    """One number that people ask for."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    """good, bad or ""."""


class Gist(Struct, frozen=True):
    """What stands above everything else."""

    title: str
    verdict: str
    """In a word or two: Done, Refused, Passed."""
    tone: str
    """good, warn or bad."""
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    todo: tuple[Todo, ...]
    remember: tuple[str, ...]

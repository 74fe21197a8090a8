"""What a picture is made of; where and what kind, never how it looks: the style sheet says that."""

from __future__ import annotations

from msgspec import Struct


class Box(Struct, frozen=True):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str = ""
    """What it says when it is pointed at."""


class Label(Struct, frozen=True):
    """A text."""

    x: float
    y: float
    text: str
    kind: str
    anchor: str = "start"


class Path(Struct, frozen=True):
    """A line."""

    d: str
    kind: str


class Mark(Struct, frozen=True):
    """A small sign: its form says what it is, not its colour alone."""

    x: float
    y: float
    kind: str
    form: str
    """dot, square, cross or tick."""
    title: str = ""

"""What a picture is made of; where and what kind, never how it looks: the style sheet says that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str = ""
    """What it says when it is pointed at."""


@dataclass(frozen=True, slots=True)
class Label:
    """A text."""

    x: float
    y: float
    text: str
    kind: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Path:
    """A line."""

    d: str
    kind: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A small sign: its form says what it is, not its colour alone."""

    x: float
    y: float
    kind: str
    form: str
    """dot, square, cross or tick."""
    title: str = ""

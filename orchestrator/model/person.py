"""Asking a person in the middle of a run: the question, and what was answered."""

from __future__ import annotations

import enum

from msgspec import Struct


class Asks(enum.Enum):
    """What a run can want to know from a person."""

    MANUAL = "manual"
    """Has this been done by hand?"""
    AGAIN = "again"
    """May this hook be repeated?"""
    UNKNOWN = "unknown"
    """Shall the run go on, though this guard could not be judged?"""


class Question(Struct, frozen=True):
    """One question, about one hook or guard of one transition."""

    asks: Asks
    subject: str
    """The hook's or guard's name."""
    transition: str
    text: str


class Reply(Struct, frozen=True):
    """What was answered."""

    yes: bool
    words: str = ""
    """A reason, where one was asked for."""

"""The HAMR statuses, and the two sides of a pair."""

import enum
from collections.abc import Iterator
from typing import Generic, TypeVar

from msgspec import Struct


class Status(enum.IntEnum):
    """Where an org's HAMR record stands; 0 to 5 are Datadog's numbers.

    ABSENT is ours: what a 404 means. It is never sent.
    """

    ABSENT = -1
    UNSPECIFIED = 0
    ONBOARDING = 1
    PASSIVE = 2
    FAILOVER = 3
    ACTIVE = 4
    RECOVERY = 5

    @classmethod
    def of(cls, number: int) -> "Status | None":
        """The status for a number from the wire, or None where Datadog's reference does not know it."""
        return cls(number) if 0 <= number <= 5 else None  # noqa: PLR2004 - the reference's own bounds

    def __str__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        """UNSPECIFIED was seen, too, though its number is 0: only None is no status."""
        return True


class Role(enum.Enum):
    """Which side of a pair an org is."""

    PRIMARY = "primary"
    SECONDARY = "secondary"

    # A member is only ever equal to itself; an Enum's own hashes its name, in Python.
    __hash__ = object.__hash__

    @property
    def other(self) -> "Role":
        """The peer's role."""
        return Role.SECONDARY if self is Role.PRIMARY else Role.PRIMARY

    def __str__(self) -> str:
        return self.value


T = TypeVar("T")


class Both(Struct, Generic[T], frozen=True):
    """One thing for each side of a pair."""

    primary: T
    secondary: T

    def __getitem__(self, role: Role) -> T:
        return self.primary if role is Role.PRIMARY else self.secondary

    def __iter__(self) -> Iterator[T]:
        yield self.primary
        yield self.secondary

    def items(self) -> tuple[tuple[Role, T], tuple[Role, T]]:
        """(role, thing), the primary first."""
        return ((Role.PRIMARY, self.primary), (Role.SECONDARY, self.secondary))

    def with_(self, role: Role, thing: T) -> "Both[T]":
        """The same, with one side replaced."""
        return Both(thing, self.secondary) if role is Role.PRIMARY else Both(self.primary, thing)

"""Keys, and the references by which an operator names them."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct


class Secret:
    """A key in memory. Its text comes out of `reveal` alone: repr, str, format and pickling never show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for a request header and nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret cannot be pickled or copied out of the process")


class EnvironmentKey(Struct, frozen=True):
    """The key stands in an environment variable."""

    variable: str

    def __str__(self) -> str:
        return f"environment variable {self.variable}"


class FileKey(Struct, frozen=True):
    """The key stands in a file; a relative path is meant from the inventory's folder, and is stored absolute."""

    path: str

    def __str__(self) -> str:
        return f"file {self.path}"


class CommandKey(Struct, frozen=True):
    """The key is what a command prints; run without a shell."""

    argv: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=10)
    """How long it may take: an unlock that waits for a person needs more."""

    def __str__(self) -> str:
        return f"command {self.argv[0]}"


KeyReference = EnvironmentKey | FileKey | CommandKey

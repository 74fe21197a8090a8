"""Options that a person typed, said again in every command that is printed: pasted, it means the same files.

Without them a command from under *Next* would look into another journal, inventory or playbook. What comes from a
HAMR_* variable is not repeated: the variable is still set where the command is pasted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from types import MappingProxyType

_AND = " && "
_JOURNAL = ("journal",)
_ALL = ("pairs", "playbook", "journal", "operator")

REPEATED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "check": ("pairs", "playbook"),
        "status": _ALL,
        "plan": _ALL,
        "doctor": _ALL,
        "run": _ALL,
        "apply": _ALL,
        "resume": ("pairs", "journal", "operator"),
        "adopt": _ALL,
        "unlock": _ALL,
        "ack": _ALL,
        "runs": _JOURNAL,
        "show": _JOURNAL,
        "report": _JOURNAL,
        "audit": _JOURNAL,
        "drill": _ALL,
    }
)
"""Which of the options each verb takes; a test compares them with the verbs themselves."""


class Typed:
    """What one command line said, as far as the commands that it prints have to say it again. Plain, as `Front`.

    Args:
        arguments: the whole command line, without `hamr`.
        options: --pairs, --playbook, --journal and --operator, where they were typed.
        playbook: the playbook's own name, once it is loaded.
        playbook_source: what it was loaded from: a file's path, or the name of one that ships with hamr.
    """

    def __init__(
        self,
        *,
        arguments: tuple[str, ...] = (),
        options: Mapping[str, str] = MappingProxyType({}),
        playbook: str = "",
        playbook_source: str = "",
    ) -> None:
        self.arguments, self.options = arguments, options
        self.playbook, self.playbook_source = playbook, playbook_source

    def with_yes(self) -> str:
        """The command line as it was typed, and --yes."""
        words = list(self.arguments)
        place = words.index("--") if "--" in words else len(words)
        return shlex.join(["hamr", *words[:place], "--yes", *words[place:]])

    def complete(self, command: str) -> str:
        """A command with the options that were typed, where its verb takes them and it does not name them itself.

        Anything else than a command of hamr is left as it is.
        """
        pieces = command.split(_AND)
        if any(_words(piece) is None for piece in pieces):  # an && within quotes
            pieces = [command]
        return _AND.join(self._completed(piece) for piece in pieces)

    def _completed(self, command: str) -> str:
        words = _words(command)
        if words is None or len(words) < 2 or words[0] != "hamr" or words[1] not in REPEATED:  # noqa: PLR2004 - hamr VERB
            return command
        if self.playbook and self.playbook != self.playbook_source:
            # A page knows the playbook by its own name, which finds no file.
            source = f"--playbook {shlex.quote(self.playbook_source)}"
            command = re.sub(
                rf"--playbook {re.escape(shlex.quote(self.playbook))}(?=\s|$)", lambda _: source, command
            )
        named = {word.partition("=")[0] for word in words}
        missing = [
            f"--{name} {shlex.quote(self.options[name])}"
            for name in REPEATED[words[1]]
            if name in self.options and f"--{name}" not in named
        ]
        return " ".join([command, *missing])


def _words(command: str) -> list[str] | None:
    """The words as a shell takes them; None where a quote is left open."""
    try:
        return shlex.split(command)
    except ValueError:
        return None

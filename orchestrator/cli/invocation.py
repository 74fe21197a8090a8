"""What one command line shares from its beginning to its end: its options, how it prints, and how it ends."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:  # `hamr --help` makes an Invocation, and loads none of these
    from orchestrator.errors import ExitCode, HamrError
    from orchestrator.journal import JournalStore
    from orchestrator.model.events import JournalMoved
    from orchestrator.model.next_step import NextStep
    from orchestrator.model.org import Pair
    from orchestrator.model.playbook import Playbook
    from orchestrator.model.protocols import Store
    from orchestrator.operations.session import Session
    from orchestrator.operations.sources import Sources
    from orchestrator.system.log import Form
    from orchestrator.system.redaction import Redactor

    from .console import Console

_AND = " && "
_ALL = ("pairs", "playbook", "journal", "operator")

REPEATED: Mapping[str, tuple[str, ...]] = {
    "check": ("pairs", "playbook"),
    **dict.fromkeys(("resume", "prove"), ("pairs", "journal", "operator")),
    **dict.fromkeys(("status", "plan", "doctor", "drill", "fleet", "worker"), _ALL),
    **dict.fromkeys(("run", "apply", "adopt", "approve", "unlock", "cancel", "ack"), _ALL),
    "readiness": ("pairs", "playbook", "journal"),
    **dict.fromkeys(("runs", "show", "report", "audit"), ("journal",)),
    "journal": ("journal", "operator"),
    "journal init": (),
    "drill from": ("journal",),
    "drill list": (),
}
"""Which of the options each verb takes, and a part of one that takes others; a test compares them with the verbs themselves."""


class Typed:
    """What a person typed, said again in every command that is printed: pasted, it means the same files.

    Without it a command from under *Next* would look into another journal, inventory or playbook. What comes from a
    HAMR_* variable is not repeated: the variable is still set where the command is pasted. `arguments` are the whole
    command line, without `hamr`, and `verb` the one that was found in it, once it is known; `playbook` is the playbook's own
    name, once it is loaded, `playbook_source` what from.
    """

    def __init__(
        self,
        *,
        arguments: tuple[str, ...] = (),
        verb: str = "",
        options: Mapping[str, str] = MappingProxyType({}),
        playbook: str = "",
        playbook_source: str = "",
    ) -> None:
        self.arguments, self.verb, self.options = arguments, verb, options
        self.playbook, self.playbook_source = playbook, playbook_source

    def with_option(self, option: str) -> str:
        """The command line as it was typed, with an option and its value, in the place of that option's own."""
        name, words, typed = option.split(maxsplit=1)[0], ["hamr"], iter(self._shown())
        for word in typed:
            if word == "--":
                break
            if word == name:
                next(typed, None)
            elif not word.startswith(f"{name}="):
                words.append(word)
        rest = [*typed]
        return " ".join([shlex.join(words), option, *(["--", shlex.join(rest)] if rest else ())])

    def again(self, why: str, *, without: str | None = None) -> NextStep:
        """The command line as it was typed, or without one of its flags."""
        from orchestrator.model import next_step

        words = (word for word in self._shown() if word != without)
        return next_step.shell(shlex.join(["hamr", *words]), why)

    def as_run(self) -> str:
        """The command line of a plan as that of the run."""
        words = [word for word in self._shown() if word != "--json"]
        place = words.index("plan")
        return shlex.join(["hamr", *words[:place], "run", *words[place + 1 :]])

    def _shown(self) -> list[str]:
        """The words of the command line, without passwords (law 17)."""
        from orchestrator.journal import without_password

        return [without_password(word) for word in self.arguments]

    def complete(self, command: str) -> str:
        """A command with the options that were typed, where its verb takes them and it does not name them itself.

        An option alone is the whole command line with it. Anything else than a command of hamr is left as it is.
        """
        if command.startswith("--"):
            return self.with_option(command)
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
            by_name = rf"--playbook {re.escape(shlex.quote(self.playbook))}(?=\s|$)"
            command = re.sub(by_name, lambda _: source, command)
        named = {word.partition("=")[0] for word in words}
        if "--scenario" in named and self.verb != "drill run":
            named.add("--journal")  # a rehearsal has a journal of its own: this one was read, or a proof's
        missing = [
            f"--{name} {shlex.quote(self.options[name])}"
            for name in REPEATED.get(" ".join(words[1:3]), REPEATED[words[1]])
            if name in self.options and f"--{name}" not in named
        ]
        return " ".join([command, *missing])


def _words(command: str) -> list[str] | None:
    """The words as a shell takes them; None where a quote is left open."""
    try:
        return shlex.split(command)
    except ValueError:
        return None


class Invocation:
    """One invocation of `hamr`, with the options that several verbs share, as given; `debug` shows tracebacks of bugs."""

    def __init__(self, arguments: tuple[str, ...] = (), *, json: bool = False, debug: bool = False) -> None:
        self.json, self.debug = json, debug
        self.typed = Typed(arguments=arguments)
        self.pairs: str | None = None
        self.playbook: str | None = None
        self.journal: str | None = None
        self.operator: str | None = None
        self.log_format, self.log_level = "auto", "warning"
        self.asks = False
        """Whether somebody is to be asked: the verb takes --yes, and it was not given."""
        self.moved: JournalMoved | None = None
        """That a team's journal could not be reached, and this machine's own was opened in its place."""
        self.notes_refuge = True
        """Whether it is still to be said that an emergency's records are not in the team's journal."""
        self.outcome: ExitCode | None = None
        """How the work ended, once that is certain: trouble with printing it does not change it any more."""
        self.tell_error: Callable[[HamrError], int] | None = None
        """A verb's own way to tell an error, which gives the exit code; None for the usual one."""

    @cached_property
    def redactor(self) -> Redactor:
        """Knows every key that this command fetched; the session, the log and the console share it.

        Also the password of an address that was typed where something else is wanted, with what stands around it there.
        """
        from orchestrator.model.org import Secret
        from orchestrator.system.redaction import Redactor

        known = Redactor()
        for piece in re.findall(
            r"(?<=://)[^\s/]*:[^\s/]*@|password=[^\s&]+", "\n".join(self.typed.arguments)
        ):
            known.add(Secret(piece))
        return known

    @cached_property
    def console(self) -> Console:
        """Where everything is printed."""
        from .console import Console

        return Console(self.redactor, json=self.json, complete=self.typed.complete)

    @property
    def sources(self) -> Sources:
        """Where inventory, playbook, journal and operator come from, as the Python API takes it too."""
        from orchestrator.operations.sources import Sources

        return Sources(self.pairs, self.playbook, self.journal, self.operator)

    def require_somebody(self) -> None:
        """Before anything is done: a UsageError where somebody is to be asked, and stdin or stderr is no terminal."""
        from .console import can_ask

        if self.asks and not can_ask():
            from orchestrator.errors import UsageError
            from orchestrator.model import next_step

            raise UsageError(
                "This command asks before it writes, and there is no terminal to ask on. With --yes it does not ask.",
                next_steps=(next_step.shell(self.typed.with_option("--yes"), "do it without being asked"),),
            )

    def load_playbook(self) -> Playbook:
        """The playbook that was named; a UsageError where there is none, a DocumentError where it has problems."""
        return self.name_playbook(self.sources.load_playbook(), self.sources.playbook_name())

    def name_playbook(self, playbook: Playbook, source: str) -> Playbook:
        """The playbook; the commands that are printed name it by what it was loaded from."""
        self.typed.playbook, self.typed.playbook_source = playbook.name, source
        return playbook

    @contextmanager
    def store(
        self, *, writes: bool, sources: Sources | None = None, emergency: bool = False
    ) -> Iterator[JournalStore]:
        """The journal, or that of other sources, open; JournalUnavailable or JournalDamaged where that can't be.

        Verbs that only look leave no file behind. In an `emergency`, and for whoever looks in one, a team's journal that
        can't be reached is replaced by this machine's own, which is said loudly.
        """
        from orchestrator.errors import JournalUnavailable, UsageError
        from orchestrator.model.words import capital, no_journal

        self.configure_log()
        sources = sources or self.sources
        if writes and self.journal is not None:
            seen = "it sees the locks and the history that stand there, and no others"
            self.console.note(f"The journal of this run is {sources.place()}: {seen}.")
        opened, self.moved = sources.store_for(writes=writes, emergency=emergency)
        with opened as store:
            self._note_refuge(store, sources, writes=writes)
            try:
                yield store
            except UsageError as error:
                if type(error) is not UsageError:  # a file's problems, or a key's trouble
                    raise
                if self.moved is not None:  # what is not here may stand there
                    raise JournalUnavailable(
                        f"{self.moved.reason} {error.message}",
                        next_steps=(self.typed.again("the same again, once that journal can be reached"),),
                    ) from error
                if store.exists:
                    raise
                words = f"{error.message} {capital(no_journal(store.place))}."
                raise UsageError(words, next_steps=error.next_steps) from error

    def note_no_journal(self, store: Store) -> None:
        """Say that no run was ever journalled here, where nobody is shown the page that says so (law 20)."""
        if not store.ids("", 1):
            from orchestrator.model.words import capital, no_journal

            self.console.note(f"{capital(no_journal(store.place))}.", "warn")

    def _note_refuge(self, store: JournalStore, sources: Sources, *, writes: bool) -> None:
        refuge = sources.refuge() if self.notes_refuge else None
        self.notes_refuge = False
        if refuge is None:
            return
        if self.moved is not None:
            unseen = f"NEITHER ITS LOCK NOR ITS HISTORY IS SEEN here: this looks into {store.place} alone."
            merge = f" Afterwards: hamr journal merge {store.place}" if writes or store.exists else ""
            self.console.note(f"{self.moved.reason} {unseen}{merge}", "bad")
        elif refuge.exists():
            left = f"Records of an emergency on this machine are not in {store.place} yet"
            self.console.note(f"{left}: hamr journal merge {refuge}", "warn")

    @contextmanager
    def store_with(self, run: str, step: Callable[[str], NextStep]) -> Iterator[tuple[JournalStore, str]]:
        """The journal that has a run or a drill, open for reading, and its id; else that of drills on the simulator.

        `run` is its id, the beginning of one, or `last`; `step` is what is to be typed with the whole id. A UsageError
        where neither knows it, or several begin so.
        """
        from orchestrator.operations.finding import id_of, unknown_run

        with self.store(writes=False) as store:
            found = id_of(store, run, step)
            if found is not None:
                yield store, found
                return
            unknown = unknown_run(store, run)
            with self.store(writes=False, sources=self.sources.beside) as beside:
                found = id_of(beside, run, step)
                if found is not None:
                    yield beside, found
                    return
            raise unknown

    def named(self, store: Store) -> str:
        """The journal's file where a command has to name it, to find it; else ""."""
        is_usual = self.journal is None and store.place == str(self.sources.place())
        return "" if is_usual else store.place

    def existing_store(self) -> AbstractContextManager[JournalStore]:
        """The journal, which has to be there; see `Sources.existing_store`."""
        self.configure_log()
        return self.sources.existing_store()

    @contextmanager
    def session(
        self,
        pair: Pair | str,
        *,
        writes: bool,
        playbook: Playbook | None = None,
        emergency: bool = False,
    ) -> Iterator[Session]:
        """Everything that is needed for one pair, the journal last: a mistyped flag creates none; a HamrError where one can't be had.

        A `playbook` stands in the place of the one that was named; in an `emergency` a team's journal may be left for
        this machine's own.
        """
        prepared = self.sources.prepare(pair, playbook)
        if playbook is None:
            self.name_playbook(prepared.playbook, self.sources.playbook_name())
        if writes:
            self.require_somebody()
        with self.store(writes=writes, emergency=emergency) as store:
            session, refuge = prepared.session(store, self.redactor), self.sources.refuge()
            if emergency:
                session.refuge, session.moved = refuge, self.moved
            if refuge is not None and self.moved is None and refuge.exists():
                session.unmerged = str(refuge)
            yield session
            session.store.close()  # it may be another by now

    def configure_log(self) -> None:
        """Send the log to stderr, in the form that was asked for, with the keys of this command taken out."""
        from orchestrator.system.log import configure

        configure(cast("Form", self.log_format), self.log_level, redactor=self.redactor)

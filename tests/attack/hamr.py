"""Operators at their machines: the real command line, with files, keys and a journal of their own.

A command that is followed to its end is run in this process; what is killed, stopped, hindered by its machine, or beside
another one is a process of its own.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import chdir
from pathlib import Path
from typing import IO, Any

from click.testing import CliRunner
from msgspec import Struct

from orchestrator.cli.group import hamr as command_line
from orchestrator.system import log
from tests import processes
from tests.attack.region import DATACENTER, ROLES, Answer, Pair, Record

PLAIN = """\
schema: 1
name: plain
summary: The moves, without guards of their own.
stops: [PASSIVE, ACTIVE]
confirm: {within: 1500ms, every: 50ms}
timeouts: {connect: 2s, read: 3s, total: 6s}
emergency: {deadline: 1s}
mirror_wait: 1s
transitions:
  - {name: enroll, from: ONBOARDING, to: PASSIVE, why: Sync stands., writes: [primary, secondary], survivor: secondary}
  - {name: declare, from: PASSIVE, to: FAILOVER, why: It is told., writes: [secondary, primary], survivor: secondary}
  - {name: activate, from: FAILOVER, to: ACTIVE, why: It takes over., writes: [secondary, primary], survivor: secondary}
  - {name: abort, from: FAILOVER, to: PASSIVE, why: False alarm., writes: [secondary, primary], survivor: secondary}
  - {name: recover, from: ACTIVE, to: RECOVERY, why: It is back., writes: [primary, secondary]}
  - {name: settle, from: RECOVERY, to: PASSIVE, why: Home again., writes: [primary, secondary]}
"""
PAIR = "attacked"
WRITES = {"run", "resume", "adopt", "apply", "unlock", "ack"}
LOOKS = {"status", "show", "check", "runs", "doctor", "plan", "audit", "report"}
LIMIT = 50.0


class Ended(Struct, frozen=True):
    """What a command came to."""

    command: str
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def words(self) -> str:
        """All that was said, on one line, in lower case."""
        return " ".join(self.text.split()).lower()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def next(self) -> list[str]:
        """The commands under the last "Next", as they are to be typed."""
        lines = self.text.splitlines()
        starts = [i for i, line in enumerate(lines) if line.strip().rstrip(":") == "Next"]
        found = []
        for line in lines[starts[-1] + 1 :] if starts else []:
            if line and not line.startswith(" "):
                break
            if line.strip().startswith("hamr "):
                found.append(re.split(r"\s{2,}|\s#\s", line.strip())[0])
        return found

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.text}\n[exit {self.code}]"


class Running:
    """A command that is under way."""

    def __init__(self, command: str, process: subprocess.Popen[str]) -> None:
        self.command, self.process = command, process

    def wait(self, within: float = LIMIT) -> Ended:
        try:
            out, err = self.process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"hangs for {within} s: {self.command}\n{out}{err}") from None
        return Ended(self.command, self.process.returncode, out or "", err or "")

    def kill(self, by: int = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            self.process.send_signal(by)


class Hamr:
    """One operator at one machine. Calling it runs a command to its end; `start` leaves a process under way."""

    def __init__(
        self,
        pair: Pair,
        folder: Path,
        who: str = "anna",
        *,
        playbook: str = PLAIN,
        journal: Path | None = None,
    ) -> None:
        self.pair, self.who = pair, who
        self.folder = folder / who
        self.folder.mkdir(parents=True, exist_ok=True)
        self.journal = journal or self.folder / "journal.db"
        self.inventory = self.folder / "pairs.yaml"
        self.playbook = self.folder / "plain.yaml"
        self.playbook.write_text(playbook)
        self.keys = {
            f"ATTACK_{r.upper()}_{k.upper()}": f"{r}-{k}-{who}" for r in ROLES for k in ("api", "app")
        }
        self.write_inventory()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "HAMR_PAIRS": str(self.inventory),
            "HAMR_PLAYBOOK": str(self.playbook),
            "HAMR_JOURNAL": str(self.journal),
            "HAMR_OPERATOR": f"{who}@desk",
            **self.keys,
        }
        self.said: list[Ended] = []
        self.accepted: tuple[Record, ...] | None = ()
        """The strangers' records that a person said yes to; None where the laws say nothing: its journal is not whole."""

    def write_inventory(
        self, *, keys: dict[str, str] | None = None, urls: dict[str, str] | None = None, more: str = ""
    ) -> None:
        """`keys` and `urls` replace what an org has, by variable's name and by role."""
        lines = [
            "schema: 1",
            "pairs:",
            f"  {PAIR}:",
            f"    mirrors: {self.pair.mirrors}",
            "    events: false",
        ]
        lines += [f"    {line}" for line in more.splitlines()]
        for role in ROLES:
            lines += [
                f"    {role}:",
                f"      name: Attack {role}",
                f"      uuid: {self.pair.uuids[role]}",
                f"      url: {(urls or {}).get(role, self.pair.regions[role].url)}",
                f"      datacenter: {DATACENTER[role]}",
            ]
            for kind in ("api", "app"):
                name = f"ATTACK_{role.upper()}_{kind.upper()}"
                lines.append(f"      {kind}_key: {(keys or {}).get(name, f'{{env: {name}}}')}")
        self.inventory.write_text("\n".join(lines) + "\n")

    def start(
        self,
        *arguments: str,
        out: int | IO[Any] = subprocess.PIPE,
        err: int | IO[Any] = subprocess.PIPE,
        shell: str = "",
        wrapper: Sequence[str] = (),
    ) -> Running:
        """`shell` puts redirections behind the command; `wrapper` stands before it."""
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": out,
            "stderr": err,
            "env": self.env,
            "cwd": self.folder,
            "text": True,
            "start_new_session": True,
        }
        process: subprocess.Popen[str]
        if shell or wrapper or "LD_PRELOAD" in self.env:
            argv = [*wrapper, sys.executable, "-m", "orchestrator", *arguments]
            if shell:
                argv = ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *argv]
            process = subprocess.Popen(argv, **options)
        else:
            process = processes.hamr(arguments, **options)
        return Running(shlex.join(("hamr", *arguments)), process)

    def _run_here(self, *arguments: str) -> Ended:
        env = {**dict.fromkeys(os.environ), **self.env}
        faulthandler.dump_traceback_later(2 * LIMIT, exit=True, file=2)  # a command that hangs
        with chdir(self.folder):
            result = CliRunner().invoke(command_line, arguments, env=env, prog_name="hamr")
        faulthandler.cancel_dump_traceback_later()
        log.configure()  # it sent the log to streams that are closed now
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return Ended(shlex.join(("hamr", *arguments)), result.exit_code, result.stdout, result.stderr)

    def __call__(
        self,
        *arguments: str,
        code: int | None = None,
        stands: tuple[int, int] | None = None,
        posted: int | None = None,
    ) -> Ended:
        """`code`, where the pair `stands` then, and how many POSTs have come in by then, are those that are wanted."""
        before = self.pair.count("applied", self.who)
        ended = self.start(*arguments).wait() if "LD_PRELOAD" in self.env else self._run_here(*arguments)
        self.said.append(ended)
        applied = self.pair.count("applied", self.who) - before
        if ended.code in {1, 2, 3}:
            assert not applied, f"exit {ended.code}, though {applied} POSTs were applied\n{ended}"
        assert "Traceback" not in ended.text, str(ended)
        found = (ended.code, self.pair.stands, self.pair.count("posted"))
        wanted = tuple(w if w is not None else f for w, f in zip((code, stands, posted), found, strict=True))
        assert found == wanted, f"{ended}\n{self.pair.tell()}"
        return ended

    def run(self, to: str, *more: str, **wanted: Any) -> Ended:
        return self("run", PAIR, "--to", to, "--yes", *more, **wanted)

    def start_run(self, to: str, *more: str) -> Running:
        return self.start("run", PAIR, "--to", to, "--yes", *more)

    def killed(
        self, *arguments: str, at_post: int = 0, at_get: int = 0, applied: bool | float = True
    ) -> Ended:
        """A command whose process is killed with -9 when a POST (or GET) of its operator comes in.

        The POST is applied before that, never, or so many seconds after.
        """
        holder: list[Running] = []

        def kill() -> None:
            self.pair.wait_for(lambda: bool(holder), within=5)
            holder[0].kill()
            holder[0].process.wait()

        lost = applied is False
        answer = Answer(
            apply=applied, before=kill if lost else None, after=None if lost else kill, drop="close"
        )
        self.pair.on("POST" if at_post else "GET", answer, n=at_post or at_get, who=self.who)
        holder.append(self.start(*arguments))
        return holder[0].wait()

    def killed_run(
        self, to: str, *more: str, at_post: int = 0, at_get: int = 0, applied: bool | float = True
    ) -> Ended:
        arguments = ("run", PAIR, "--to", to, "--yes", *more)
        return self.killed(*arguments, at_post=at_post, at_get=at_get, applied=applied)

    def resume(self, *more: str, **wanted: Any) -> Ended:
        return self("resume", PAIR, "--yes", *more, **wanted)

    def status(self) -> Ended:
        return self("status", PAIR)

    def facts(self) -> Any:
        """`hamr status --json`."""
        return self("status", PAIR, "--json").json

    def type(self, command: str) -> Ended:
        """Type a command as it was printed: words like TEXT filled in, and the question answered."""
        words = shlex.split(
            command.replace("=TEXT", "=attack").replace("TEXT", "attack").replace("REASON", "attack")
        )
        assert words[0] == "hamr", command
        arguments = words[1:]
        if arguments[0] in WRITES and "--yes" not in arguments:
            arguments.append("--yes")
        if arguments[0] == "status" and "--watch" in arguments:
            arguments.remove("--watch")
        return self(*arguments)

    def follow(
        self, ended: Ended, until: Iterable[tuple[int, int]], turns: int = 5, fine: tuple[int, ...] = (0, 4)
    ) -> list[Ended]:
        """Type the first command under "Next", over and over, until the pair stands there; none may be refused.

        A look that was taken once, and showed nothing new, is passed over; so a person would.
        """
        wanted, typed, looked = set(until), [ended], set[str]()
        while self.pair.stands not in wanted or typed[-1].code not in fine:
            story = "\n".join(str(e) for e in typed)
            assert len(typed) <= turns, f"{turns} commands lead nowhere: {self.pair.stands}\n{story}"
            last = typed[-1].next
            if typed[-1].command.split()[1] in LOOKS:
                last = next((e.next for e in reversed(typed) if e.next), [])
            offered = [c for c in last if c.split()[1] not in looked]
            command = offered[0] if offered else f"hamr status {PAIR}"
            assert offered or "status" not in looked, f"nothing to type next at {self.pair.stands}\n{story}"
            verb = command.split()[1]
            looked = looked | {verb} if verb in LOOKS else set()
            typed.append(self.type(command))
            assert verb in LOOKS or typed[-1].code not in {2, 3}, (
                f"what it told us to type is refused\n{story}\n{typed[-1]}"
            )
        return typed

    def exported(self) -> list[str]:
        """The lines of `hamr audit export`."""
        return self("audit", "export").out.splitlines()

    def records(self) -> list[dict[str, Any]]:
        """The journal, as it is exported."""
        return [json.loads(line) for line in self.exported()]

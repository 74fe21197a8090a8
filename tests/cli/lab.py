"""Two simulated regions in a thread of their own, and a command line that is pointed at them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner, Result
from msgspec import Struct, field

from orchestrator.cli.group import hamr
from orchestrator.model.status import Role, Status
from orchestrator.simulator import Fault, Simulation, SimulatorConfig, write_inventory
from tests import processes
from tests.docs.command_lines import CommandLine, command_lines, complaint

T = TypeVar("T")

PLAYBOOK = """\
schema: 1
name: quick
stops: [PASSIVE, ACTIVE]
objectives: {ACTIVE: 15m}
confirm: {within: 1s, every: 50ms}
timeouts: {connect: 1s, read: 2s, total: 3s}
emergency: {deadline: 600ms}
mirror_wait: 20ms
guards:
  settled:
    quiet: {for: 5m}
    why: Ask whoever changed it.
transitions:
  - {name: declare, from: PASSIVE, to: FAILOVER, guards: [settled], survivor: secondary}
  - {name: activate, from: FAILOVER, to: ACTIVE, survivor: secondary}
  - {name: abort, from: FAILOVER, to: PASSIVE}
  - {name: recover, from: ACTIVE, to: RECOVERY, writes: [primary, secondary]}
  - {name: settle, from: RECOVERY, to: PASSIVE, writes: [primary, secondary]}
remember:
  - A status moves no traffic.
"""


class Lab(Struct):
    """A folder with an inventory, a playbook and a journal, and two regions behind it."""

    folder: Path
    sim: Simulation
    loop: asyncio.AbstractEventLoop
    env: dict[str, str] = field(default_factory=dict)

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    def edit(self, name: str, before: str, after: str) -> None:
        """Write something else into a file of the folder."""
        text = (self.folder / name).read_text()
        assert before in text
        (self.folder / name).write_text(text.replace(before, after))

    def add(self, name: str, more: str) -> None:
        """Write more at the end of a file of the folder."""
        (self.folder / name).write_text((self.folder / name).read_text() + more)

    def run(self, *args: str, code: int | None = None, env: Mapping[str, str] | None = None) -> Result:
        """One command line, in this process; `code` is the exit code that is wanted."""
        result = CliRunner().invoke(hamr, list(args), env={**self.env, **(env or {})}, prog_name="hamr")
        refused = [f"{line.text}: {why}" for line in offered(result) if (why := complaint(line)) is not None]
        assert not refused, f"what is offered cannot be typed: {refused}"
        if code is not None:
            assert result.exit_code == code, f"exit {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    def told(self, *args: str, code: int | None = None, env: Mapping[str, str] | None = None) -> str:
        """What stderr says, on one line: a page folds its sentences."""
        return " ".join(self.run(*args, code=code, env=env).stderr.split())

    def json(self, *args: str, code: int = 0) -> Any:
        """What --json prints, which is all that stands on stdout."""
        return json.loads(self.run(*args, "--json", code=code).stdout)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """One command line, in a process of its own."""
        return processes.hamr(args, env={**os.environ, **self.env}, cwd=self.folder, text=True, **options)

    def do(self, act: Callable[[], T]) -> T:
        """Do something to the regions, in their own thread."""

        async def acting() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acting(), self.loop).result(5)

    def fault(self, *faults: Fault) -> None:
        """Let something go wrong from now on."""
        for fault in faults:
            self.do(lambda fault=fault: self.sim.faults.add(fault))  # type: ignore[misc]

    def left_owing(self) -> Any:
        """An emergency that left the primary, which is back by now, untold: what its run printed, as a document."""
        self.do(lambda: self.sim.set_dark(Role.PRIMARY, True))
        emergency = ("--emergency", "--reason", "us1 is down")
        ended = self.json("run", "sim", "--to", "ACTIVE", *emergency, "--yes", code=8)
        self.do(lambda: self.sim.set_dark(Role.PRIMARY, False))
        return ended

    def posts(self) -> int:
        """How many POSTs of any kind have reached either region."""
        return sum(1 for request in self.sim.requests if request.method == "POST")

    def writes(self) -> int:
        """How many of them were to a HAMR record: the events that a run posts beside are none."""
        return sum(
            1 for request in self.sim.requests if (request.method, request.path) == ("POST", "/api/v2/hamr")
        )

    def statuses(self) -> tuple[Status | None, Status | None]:
        """What both orgs really show, the primary first."""
        records = [self.sim.record(role) for role in Role]
        primary, secondary = (None if record is None else Status.of(record.status) for record in records)
        return primary, secondary


def offered(result: Result) -> Iterator[CommandLine]:
    """Every command of ours that a page or a document says to type next (law 15)."""
    for text in (result.stdout, result.stderr):
        yield from command_lines("page", f"```\n{text}```\n")
    for command in re.findall(r'"command": ("hamr (?:[^"\\\\]|\\\\.)*")', result.stdout):
        yield CommandLine("document", 0, json.loads(command), whole=True)


@contextmanager
def served(*sims: Simulation) -> Iterator[asyncio.AbstractEventLoop]:
    """The loop of a thread in which they serve until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    for sim in sims:
        call(sim.__aenter__())
    try:
        yield loop
    finally:
        for sim in sims:
            call(sim.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def furnished(folder: Path, inventory: str, playbook: str = PLAYBOOK) -> dict[str, str]:
    """The environment of whoever works in a folder with these files."""
    (folder / "pairs.yaml").write_text(inventory)
    (folder / "quick.yaml").write_text(playbook)
    return {
        "HAMR_PAIRS": str(folder / "pairs.yaml"),
        "HAMR_PLAYBOOK": str(folder / "quick.yaml"),
        "HAMR_JOURNAL": str(folder / "journal.db"),
        "HAMR_OPERATOR": "alice@laptop",
        "NO_COLOR": "",
        "TMPDIR": str(folder),
    }


@contextmanager
def laboratory(folder: Path, config: SimulatorConfig | None = None) -> Iterator[Lab]:
    """Two regions that serve until the block ends."""
    sim = Simulation(config)
    with served(sim) as loop:
        write_inventory(sim, folder / "pairs.yaml")
        text = (folder / "pairs.yaml").read_text().replace("mirrors: auto", "mirrors: false")
        yield Lab(folder, sim, loop, furnished(folder, text))

"""What a verb takes at once, ten and a hundred times as many pairs, or records of other runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.config import load_playbook
from orchestrator.config.scenario import Scenario
from orchestrator.drill import DrillContext, rehearse
from orchestrator.journal import JournalStore
from orchestrator.journal.checkpoint import CHECKPOINT, checkpoint_of
from orchestrator.model.journal import Entry
from orchestrator.model.run import Operator

from .figures import ENVIRONMENT, figure, hamr

TIMES = (1, 10, 100)
PAIRS = 100
FEW_PAIRS = 10
RECORDS = 2_000

_PAIR = """\
  pair-{number}:
    primary: {{name: EU, uuid: {number:08x}-0000-4000-8000-000000000001, url: "http://127.0.0.1:9", datacenter: eu1, api_key: {{env: P{number}_A}}, app_key: {{env: P{number}_B}}}}
    secondary: {{name: US, uuid: {number:08x}-0000-4000-8000-000000000002, url: "http://127.0.0.1:9", datacenter: us1, api_key: {{env: P{number}_C}}, app_key: {{env: P{number}_D}}}}
"""


def growth(folder: Path) -> None:
    """Time and memory of verbs, and how they grow."""
    by_pairs = [_inventory(folder / f"{times}.yaml", times * PAIRS) for times in TIMES]
    nothing = str(folder / "no.db")
    _transitions(
        f"status of one of {PAIRS} pairs",
        [("status", "pair-7", "--pairs", path, "--journal", nothing) for path in by_pairs],
    )
    all_pairs(folder)
    _transitions(f"check of {PAIRS} pairs", [("check", path) for path in by_pairs])
    journals = [_journal(folder / f"grown{times}.db", times * RECORDS) for times in TIMES]
    busy = [_journal(folder / f"busy{times}.db", times * RECORDS, pairs=1) for times in TIMES]
    _transitions(
        f"status of a pair with {RECORDS:,} records",
        [("status", "pair-0", "--pairs", by_pairs[0], "--journal", path) for path in busy],
    )
    run = _a_run(journals[0])
    for verb in (
        ("runs",),
        ("runs", "--pair", "pair-1"),
        ("show", run),
        ("report", run),
        ("audit", "verify"),
    ):
        words = " ".join(verb).replace(run, "RUN")
        _transitions(f"{words}, {RECORDS:,} records", [(*verb, "--journal", path) for path in journals])


def all_pairs(folder: Path) -> None:
    """`hamr status` of all pairs, each of whose answers takes a round trip."""
    first = 0.0
    for times in TIMES:
        with _served(folder / f"all{times}.yaml", times * FEW_PAIRS) as inventory:
            seconds, memory = _measured(("status", "--pairs", inventory, "--journal", str(folder / "no.db")))
        first = first or seconds
        figure(f"status of all {FEW_PAIRS} pairs, x{times}", f"{seconds:.2f} s, {memory} MB", seconds / first)


@contextmanager
def _served(path: Path, pairs: int) -> Iterator[str]:
    """The inventory of so many pairs, while a process of their own answers for them."""
    command = [sys.executable, "-m", "tests.many_pairs", str(pairs), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield str(path)
        finally:
            process.terminate()


def _inventory(path: Path, pairs: int) -> str:
    path.write_text("schema: 1\npairs:\n" + "".join(_PAIR.format(number=number) for number in range(pairs)))
    return str(path)


def _journal(place: Path, records: int, pairs: int = 20) -> str:
    """A rehearsal's records again and again, each time as another run of the next pair, and a checkpoint at the end."""
    with JournalStore.open(place, durable=False, now=lambda: datetime.now(UTC)) as store:
        told = _rehearsed(place.with_suffix(".seed"))
        for number in range(-(-records // len(told))):
            run = f"20260101-{number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}-{number:04d}"[:20]
            store.append_all(
                [
                    Entry(run, f"pair-{number % pairs}", each.kind, each.by, each.host, {**each.data})
                    for each in told
                ]
            )
        for number in range(pairs):
            data = checkpoint_of(store, f"pair-{number}")
            store.append(Entry("", f"pair-{number}", CHECKPOINT, "bench", "here", data))
    return str(place)


def _rehearsed(place: Path) -> Sequence[Entry]:
    with JournalStore.open(place, durable=False, now=lambda: datetime.now(UTC)) as store:
        context = DrillContext(store, Operator("bench", "here"), ENVIRONMENT)
        asyncio.run(rehearse(context, Scenario(""), load_playbook("regional-failover")))
        (run, *_) = [each.run for each in store.records(kinds=("run.started",))]
        return [
            Entry(each.run, each.pair, each.kind, each.by, each.host, {**each.data, **_alone(each.data)})
            for each in store.records(run=run)
        ]


def _alone(data: object) -> dict[str, str]:
    """No run of these belongs to a drill."""
    return {"drill": ""} if isinstance(data, dict) and "drill" in data else {}


def _a_run(journal: str) -> str:
    with JournalStore.open(Path(journal), create=False, now=lambda: datetime.now(UTC)) as store:
        return next(store.records(kinds=("run.started",))).run


def _transitions(name: str, commands: Sequence[Sequence[str]]) -> None:
    first = 0.0
    for times, command in zip(TIMES, commands, strict=True):
        seconds, memory = _measured(command)
        first = first or seconds
        figure(f"{name}, x{times}", f"{seconds:.2f} s, {memory} MB", seconds / first)


def _measured(command: Sequence[str]) -> tuple[float, int]:
    """Seconds and megabytes of a command in a process of its own, which says itself what it used."""
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=-3, stderr=-3);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    began = time.monotonic()
    said = subprocess.run(
        [sys.executable, "-S", "-c", program, hamr(), *command],
        check=True,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
    ).stdout
    return time.monotonic() - began, int(said) // 1024

"""Many pairs by three workers on a team's journal: how many a second, what bounds it, and that none is lost when workers die.

`python -m tests.bench.workers PAIRS` does the same with as many pairs as are wanted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.fleet.queue import lay_out_jobs
from orchestrator.journal import JournalStore
from orchestrator.journal.address import Address, parse_address
from orchestrator.journal.postgres import lay_out_team
from orchestrator.model.journal import Verified
from tests.cli.lab import PLAYBOOK
from tests.postgres import Cluster, cluster, programs

from .figures import ENVIRONMENT, figure, hamr

PAIRS = 300
WORKERS = 3
AT_ONCE = 8
STOPPED_SECONDS = 30
_TICKS = os.sysconf("SC_CLK_TCK")


def workers(folder: Path, pairs: int = PAIRS) -> None:
    """Pairs to ACTIVE undisturbed, then home while one worker is killed and one is stopped."""
    if programs() is None:
        print("many pairs by workers: skipped, there is no PostgreSQL here")
        return
    with cluster(durable=True) as server, ExitStack() as stack:
        address = parse_address(url := server.new_database(), "--journal")
        lay_out_team(address)
        lay_out_jobs(address)
        crew = stack.enter_context(_crew(folder, url, pairs))
        cpu, began = _cpu(server, crew), time.monotonic()
        _move(crew, "ACTIVE")
        seconds = time.monotonic() - began
        spent = {name: used - cpu[name] for name, used in _cpu(server, crew).items()}
        busy = sum(spent.values()) / (seconds * len(os.sched_getaffinity(0)))
        shares = ", ".join(f"{name} {1000 * used / pairs:.0f} ms" for name, used in spent.items())
        print(f"CPU a pair: {shares}; the machine's other work is not ours")
        figure(
            f"{pairs} pairs by {WORKERS} workers: CPU that is ours", f"{pairs / seconds:.1f} pairs/s", busy
        )
        _disturbed(crew, address, pairs)


class _Crew(Struct):
    """All that is at work."""

    simulator: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    environment: Mapping[str, str]
    folder: Path


@contextmanager
def _crew(folder: Path, url: str, pairs: int) -> Iterator[_Crew]:
    """Simulated pairs, and workers that have begun."""
    inventory, playbook = folder / "many-pairs.yaml", folder / "quick.yaml"
    playbook.write_text(PLAYBOOK)
    environment = {
        **ENVIRONMENT,
        "HAMR_PAIRS": str(inventory),
        "HAMR_PLAYBOOK": str(playbook),
        "HAMR_JOURNAL": url,
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        serves = [hamr(), "simulate", "--pairs", str(pairs), "--inventory-out", str(inventory)]
        simulator = subprocess.Popen(serves, stdout=subprocess.PIPE, env=environment)
        started.append(simulator)
        assert simulator.stdout is not None
        simulator.stdout.readline()
        # Each org is written, as where nothing mirrors: no pair waits to find that out.
        inventory.write_text(inventory.read_text().replace("mirrors: auto", "mirrors: false"))
        for number in range(WORKERS):
            works = [hamr(), "worker", "--at-once", str(AT_ONCE), "--operator", f"w{number}@bench"]
            with (folder / f"w{number}.log").open("wb") as log:
                started.append(subprocess.Popen(works, stderr=log, env=environment))
        while not all(b"worker begins" in (folder / f"w{n}.log").read_bytes() for n in range(WORKERS)):
            time.sleep(0.1)
        yield _Crew(simulator, started[1:], environment, folder)
    finally:
        for process in started:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def _fleet(crew: _Crew, goal: str) -> subprocess.Popen[bytes]:
    argv = [hamr(), "fleet", "run", "--all", "--to", goal, "--waves", "rest", "--workers", "--yes"]
    with (crew.folder / f"{goal}.txt").open("wb") as out:
        return subprocess.Popen(argv, stdout=out, stderr=out, env=crew.environment)


def _move(crew: _Crew, goal: str) -> None:
    assert _fleet(crew, goal).wait() == 0, (crew.folder / f"{goal}.txt").read_text()


def _disturbed(crew: _Crew, address: Address, pairs: int) -> None:
    """The same way home, with one worker killed and one stopped: all arrive, each is written by one run, the journal holds."""
    killed, stopped, _ = crew.workers
    before, began = _ended(address), time.monotonic()
    fleet = _fleet(crew, "PASSIVE")
    while _ended(address) < before + pairs // 5:
        time.sleep(0.2)
    killed.kill()
    stopped.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)
    stopped.send_signal(signal.SIGCONT)
    assert fleet.wait() == 0, (crew.folder / "PASSIVE.txt").read_text()
    seconds = time.monotonic() - began
    with JournalStore.open(address, create=False, now=lambda: datetime.now(UTC)) as store:
        ends = [*store.records(kinds=("fleet.pair_ended",))]
        outcomes = [record.data["outcome"] for record in ends]
        assert len({record.pair for record in ends}) == pairs
        # One that was stopped just before it said so says it once more when it wakes.
        assert 2 * pairs <= len(ends) <= 2 * pairs + AT_ONCE
        assert all(isinstance(outcome, dict) and outcome["exit_code"] == 0 for outcome in outcomes)
        taken_over = sum(1 for _ in store.records(kinds=("lock.taken_over",)))
        intended = sum(1 for _ in store.records(kinds=("write.intended",)))
        assert isinstance(store.verify(), Verified)
    figure(
        "the same, a worker killed, one stopped 30 s: writes a pair / 8",
        f"{pairs / seconds:.1f} pairs/s, {taken_over} taken over",
        intended / (8 * pairs),
    )


def _ended(address: Address) -> int:
    with JournalStore.open(address, create=False, now=lambda: datetime.now(UTC)) as store:
        return sum(1 for _ in store.records(kinds=("fleet.pair_ended",)))


def _cpu(server: Cluster, crew: _Crew) -> dict[str, float]:
    """CPU seconds so far: of the workers, of the regions that they ask, and of the database."""
    assert server._server is not None
    postmaster = server._server.pid
    return {
        "workers": sum(_spent(worker.pid) for worker in crew.workers),
        "regions": _spent(crew.simulator.pid),
        "database": _spent(postmaster, children=True)
        + sum(_spent(pid) for pid in _pids() if _stat(pid)[1:2] == [str(postmaster)]),
    }


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _stat(pid: int) -> list[str]:
    """A process's fields from its state on; [] where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _spent(pid: int, *, children: bool = False) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11 : 15 if children else 13])) / _TICKS


def main() -> None:
    """By hand."""
    with tempfile.TemporaryDirectory() as name:
        workers(Path(name), int(sys.argv[1]))


if __name__ == "__main__":
    main()

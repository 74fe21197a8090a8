"""Real processes on one file: at the same time, killed in the middle, and racing for the lock."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from orchestrator.journal import JournalStore, whereabouts
from orchestrator.model.journal import Verified, Whereabouts

from .conftest import entry, holder, ticking

COMMON = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from orchestrator.journal import JournalStore, host_name, this_process
from orchestrator.model.journal import Entry, Holder

name, place = sys.argv[1], Path(sys.argv[2])
def now(): return datetime.now(UTC)
pid, started = this_process()
holder = Holder("lock-" + name, "payments", "run-" + name, name, host_name(), pid, started, now(), now())
print("ready", flush=True)
sys.stdin.readline()
store = JournalStore.open(place, now=now)
def append(number): store.append(Entry("run-" + name, "payments", "transition.made", name, "h", {"number": number}))
"""


def start(name: str, place: Path, script: str) -> subprocess.Popen[str]:
    """A process that has loaded everything, and begins when told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMON + script, name, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(*processes: subprocess.Popen[str]) -> list[str]:
    """Tell them all to begin, and wait for what they say."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=30)[0] for process in processes]


def test_processes_that_create_and_write_the_journal_at_once_keep_one_chain(place: Path) -> None:
    script = "for number in range(60): append(number)\n"
    writers = [start(name, place, script) for name in ("a", "b", "c")]
    go(*writers)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    with JournalStore.open(place, create=False, now=ticking()) as store:
        assert store.verify() == Verified(180, store.head())
        for name in ("a", "b", "c"):
            numbers = [record.data["number"] for record in store.records(run=f"run-{name}")]
            assert numbers == list(range(60))


def test_law_06_a_process_that_is_killed_leaves_a_whole_chain_with_all_that_it_was_told_of(
    place: Path,
) -> None:
    script = """
store.take_lock(holder)
number = 0
while True:
    append(number)
    print(number, flush=True)
    number += 1
"""
    for killed in range(3):
        writer = start("a", place, script)
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        for _ in range(20 + killed):
            told = writer.stdout.readline()
        writer.kill()
        # Not by communicate(), which misses what readline() has taken from the pipe ahead.
        rest = writer.stdout.readlines()
        writer.communicate(timeout=30)
        # A last line may have been cut off in the pipe: only whole ones were told.
        told = [told, *(line for line in rest if line.endswith("\n"))][-1]
        with JournalStore.open(place, durable=False, now=ticking()) as store:
            assert store.verify() == Verified(store.head().seq, store.head())
            last = list(store.records())[-1].data["number"]
            assert isinstance(last, int)
            assert int(told) <= last <= int(told) + 1
            dead = store.holder("payments")
            assert dead is not None
            assert whereabouts(dead) is Whereabouts.GONE
            store.append(entry())
            assert store.replace_lock(dead.lock, holder("lock-next"))
            assert store.release("lock-next")


def test_law_16_a_run_that_is_killed_loses_no_record_with_the_files_beside_its_journal(place: Path) -> None:
    """Whoever tidies the folder up, before the process is killed or after, takes nothing of what it was told."""
    script = """
import threading
threading.Thread(target=sys.stdin.readline, daemon=True).start()
number = 0
while True:
    append(number)
    print(number, flush=True)
    number += 1
"""
    for when in ("before", "after"):
        writer = start("a", place, script)
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        for _ in range(20):
            told = writer.stdout.readline()
        writer.send_signal(signal.SIGSTOP)
        while place.with_name("journal.db-journal").exists():  # in the middle of a transaction: let it end
            writer.send_signal(signal.SIGCONT)
            told = writer.stdout.readline()
            writer.send_signal(signal.SIGSTOP)
        if when == "after":
            writer.kill()
        for beside in place.parent.iterdir():
            if beside != place:
                beside.unlink()
        writer.kill()
        writer.communicate(timeout=30)
        with JournalStore.open(place, create=False, now=ticking()) as store:
            assert store.verify() == Verified(store.head().seq, store.head())
            numbers = [record.data["number"] for record in store.records()]
            last = numbers[-1]
            assert isinstance(last, int)
            assert last >= int(told)


def test_law_12_of_processes_that_race_for_the_lock_exactly_one_wins(place: Path) -> None:
    script = """
present = store.take_lock(holder)
print(json.dumps(present.operator if present else None))
"""
    racers = [start(name, place, script) for name in ("a", "b", "c", "d")]
    answers = [json.loads(answer) for answer in go(*racers)]
    assert answers.count(None) == 1
    winner = "abcd"[answers.index(None)]
    assert [answer for answer in answers if answer is not None] == [winner] * 3


def test_law_12_of_processes_that_take_over_a_dead_holders_lock_exactly_one_gets_it(place: Path) -> None:
    with JournalStore.open(place, now=ticking()) as store:
        store.take_lock(holder("lock-dead"))
    racers = [
        start(name, place, "print(json.dumps(store.replace_lock('lock-dead', holder)))") for name in "abc"
    ]
    answers = [json.loads(answer) for answer in go(*racers)]
    assert sorted(answers) == [False, False, True]

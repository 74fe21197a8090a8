"""Two people at one pair: with one journal and with two, alive, stopped and killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, PLAIN, Ended, Hamr, Running
from tests.attack.region import ACTIVE, FAILOVER, PASSIVE, Answer, Pair

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
NO_JOURNAL = re.compile(r"no journal|journal (was |is )?not (found|there)|none was found")
Operator = Callable[[str], Hamr]


class Held:
    """Anna's run, whose n-th POST is not answered until somebody lets it go."""

    def __init__(self, pair: Pair, anna: Hamr, n: int = 2, *, applied: bool = False) -> None:
        self.gate = threading.Event()
        wait = (lambda: self.gate.wait(20)) if not applied else None
        after = (lambda: self.gate.wait(20)) if applied else None
        pair.on("POST", Answer(before=wait, after=after), n=n, who=anna.who)
        patient = PLAIN.replace("read: 3s, total: 6s", "read: 20s, total: 30s")
        anna.playbook.write_text(patient)
        self.running: Running = anna.start_run("ACTIVE")
        if applied:
            pair.wait_for_posts(n)
        else:
            pair.wait_for(lambda: pair.count("applied") >= n - 1 and len(pair.posts) >= n - 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def let_go(self) -> Ended:
        """Have it answered, and wait for the run's end."""
        self.gate.set()
        return self.running.wait()


# ── two journals ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(1)
@pytest.mark.parametrize("goal", ["PASSIVE", "ACTIVE"])
def test_a_second_operator_with_another_journal_is_refused_while_a_run_is_midway(
    pair: Pair, anna: Hamr, operator: Operator, goal: str
) -> None:
    bob = operator("bob")
    with Held(pair, anna) as held:
        ended = bob.run(goal, code=3)
        assert "alone" in ended.words, str(ended)
        assert pair.count("posted", "bob") == 0
        done = held.let_go()
    assert (done.code, pair.stands) == (0, AWAY), f"{done}\n{pair.tell()}"


@pytest.mark.nightly
@pytest.mark.parametrize(
    "words",
    [
        ("run", PAIR, "--to", "ACTIVE", "--emergency", "--reason", "attack", "--yes"),
        ("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes"),
    ],
    ids=["emergency", "adopt"],
)
def test_a_second_operator_with_another_journal_is_refused_an_emergency_and_an_adoption_midway(
    pair: Pair, anna: Hamr, operator: Operator, words: tuple[str, ...]
) -> None:
    bob = operator("bob")
    with Held(pair, anna):
        bob(*words, code=3)
        assert pair.count("posted", "bob") == 0


def test_status_from_another_journal_says_that_there_is_none_here_and_that_somebody_is_at_work(
    pair: Pair, anna: Hamr, operator: Operator
) -> None:
    bob = operator("bob")
    with Held(pair, anna):
        status = bob.status()
        assert NO_JOURNAL.search(status.words), str(status)
        assert re.search(r"at work|under way", status.words), str(status)
        assert status.next, str(status)
        assert not status.next[0].startswith("hamr run"), str(status)


def test_status_without_a_journal_never_says_that_nothing_is_owed_or_open(pair: Pair, anna: Hamr) -> None:
    status = anna.status()
    assert "nothing is owed or unknown, no run is open" not in status.words, str(status)
    assert NO_JOURNAL.search(status.words), str(status)


def test_two_operators_with_journals_of_their_own_who_start_at_once_never_write_over_what_they_saw(
    pair: Pair, anna: Hamr, operator: Operator
) -> None:
    both = [anna.start_run("ACTIVE"), operator("bob").start_run("ACTIVE")]
    ends = [each.wait() for each in both]
    for each in ends:
        assert "Traceback" not in each.text
        laws.done_means_there(pair, each, "ACTIVE")
    laws.stamps_never_repeat(pair)


# ── one journal ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(1)
@pytest.mark.parametrize("verb", ["run", "resume", "adopt"])
def test_whoever_comes_second_to_one_journal_is_told_who_holds_the_pair(
    pair: Pair, anna: Hamr, tmp_path: Path, verb: str
) -> None:
    carol = Hamr(pair, tmp_path, "carol", journal=anna.journal)
    arguments = {
        "run": ("run", PAIR, "--to", "PASSIVE", "--yes"),
        "resume": ("resume", PAIR, "--yes"),
        "adopt": ("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes"),
    }[verb]
    with Held(pair, anna) as held:
        ended = carol(*arguments, code=5)
        assert "anna" in ended.words
        assert not [n for n in ended.next if n.startswith(("hamr run", "hamr resume", "hamr unlock"))], str(
            ended
        )
        done = held.let_go()
    assert (done.code, pair.stands) == (0, AWAY), f"{done}\n{pair.tell()}"


def test_a_holder_that_is_stopped_is_alive_and_is_not_taken_over(
    pair: Pair, anna: Hamr, tmp_path: Path
) -> None:
    held = Held(pair, anna)
    held.running.kill(signal.SIGSTOP)
    try:
        ended = Hamr(pair, tmp_path, "carol", journal=anna.journal).resume()
        assert ended.code == 5, f"{ended}\n{pair.tell()}"
    finally:
        held.running.kill(signal.SIGCONT)
        held.gate.set()
    assert held.running.wait().code == 0


def test_the_lock_of_a_holder_that_lives_on_this_machine_is_not_broken_by_its_id(
    pair: Pair, anna: Hamr, tmp_path: Path
) -> None:
    held = Held(pair, anna)
    held.running.kill(signal.SIGSTOP)
    carol = Hamr(pair, tmp_path, "carol", journal=anna.journal)
    try:
        lock = carol.facts()["lock"]["id"]
        carol("unlock", PAIR, "--lock-id", lock, "--reason", "attack", "--yes", code=5)
    finally:
        held.gate.set()
        held.running.kill(signal.SIGCONT)
    assert held.running.wait().code == 0


def test_a_holder_whose_lock_was_broken_from_where_it_cannot_be_seen_sends_nothing_more(
    pair: Pair, anna: Hamr, tmp_path: Path
) -> None:
    elsewhere = (
        "unshare",
        "--uts",
        "--pid",
        "--fork",
        "--mount-proc",
        "sh",
        "-c",
        'hostname other; exec "$@"',
        "sh",
    )
    if subprocess.run([*elsewhere, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to make a namespace that another machine could be")
    held = Held(pair, anna, applied=True)
    held.running.kill(signal.SIGSTOP)
    carol = Hamr(pair, tmp_path, "carol", journal=anna.journal)
    lock = carol.facts()["lock"]["id"]
    unlock = ("unlock", PAIR, "--lock-id", lock, "--reason", "attack", "--yes")
    broken = carol.start(*unlock, wrapper=elsewhere).wait()
    assert broken.code == 0, str(broken)
    held.gate.set()
    carol.resume(code=0, stands=AWAY)
    before = pair.count("posted", "anna")
    held.running.kill(signal.SIGCONT)
    woken = held.running.wait()
    assert pair.count("posted", "anna") == before, f"{woken}\n{pair.tell()}"
    assert pair.stands == AWAY
    assert woken.code not in {0, 1}, str(woken)


def test_a_killed_holder_is_taken_over_by_anybody_on_the_same_machine_and_the_journal_says_so(
    pair: Pair, anna: Hamr
) -> None:
    anna.killed_run("ACTIVE", at_post=2)
    status = anna.facts()
    assert status["lock"]["holder_is_gone"] is True
    look, unlock, *_ = anna("plan", PAIR, "--to", "ACTIVE").next
    assert (look, unlock.split()[1]) == (f"hamr status {PAIR}", "unlock"), "a new run would be locked out"
    anna.resume("--operator", "bob@desk", code=0, stands=AWAY)
    assert [run["end"] for run in anna("runs", "--json").json["runs"]] == ["done"]
    assert "lock.taken_over" in {record["kind"] for record in anna.records()}


# ── the files of a journal ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(1)
@pytest.mark.parametrize("n", [1, 3])
def test_no_file_beside_the_journal_holds_a_record_when_a_run_is_killed(
    pair: Pair, anna: Hamr, n: int
) -> None:
    running: list[Running] = []
    beside: list[Path] = []

    def kill() -> None:
        pair.wait_for(lambda: bool(running))
        running[0].kill()
        running[0].process.wait()
        beside.extend(anna.folder.glob("journal.db-*"))

    pair.on("POST", Answer(after=kill, drop="close"), n=n)
    running.append(anna.start_run("ACTIVE"))
    running[0].wait()
    assert not beside
    laws.every_write_was_intended(anna)
    anna.resume(code=0, stands=AWAY)


def test_a_journal_under_a_second_name_is_refused_or_locked(pair: Pair, anna: Hamr, tmp_path: Path) -> None:
    second = tmp_path / "second.db"
    with Held(pair, anna):
        os.link(anna.journal, second)
        carol = Hamr(pair, tmp_path, "carol", journal=second)
        ended = carol.run("PASSIVE", "--override", "alone=attack", code=1)
        assert pair.count("posted", "carol") == 0
        assert "hard link" in ended.words, str(ended)


def test_a_journal_by_a_symbolic_link_is_the_same_journal(pair: Pair, anna: Hamr, tmp_path: Path) -> None:
    second = tmp_path / "second.db"
    with Held(pair, anna) as held:
        second.symlink_to(anna.journal)
        ended = Hamr(pair, tmp_path, "carol", journal=second).run("PASSIVE")
        assert ended.code == 5, f"{ended}\n{pair.tell()}"
        assert held.let_go().code == 0


def test_an_older_copy_of_the_journal_put_back_makes_no_stamp_twice(
    pair: Pair, anna: Hamr, tmp_path: Path
) -> None:
    pair.on("POST", Answer(403, apply=False), n=2)
    assert anna.run("ACTIVE").code == 6
    copy = tmp_path / "copy.db"
    shutil.copy(anna.journal, copy)
    pair.on("POST", Answer(403, apply=False), n=4)
    anna.resume()
    for each in anna.folder.glob("journal.db*"):
        each.unlink()
    shutil.copy(copy, anna.journal)
    ended = anna.resume()
    anna.follow(ended, [AWAY, HOME])
    laws.stamps_never_repeat(pair)
    laws.never_wrote_over_a_stranger(pair)
    anna.accepted = None


def test_a_journal_that_is_gone_in_the_middle_of_a_run_stops_it_with_its_writes_told(
    pair: Pair, anna: Hamr
) -> None:
    def lose() -> None:
        for each in anna.folder.glob("journal.db*"):
            each.unlink()

    anna.accepted = None
    pair.on("POST", Answer(after=lose), n=2)
    ended = anna.start_run("ACTIVE").wait()
    assert ended.code == 9, f"{ended}\n{pair.tell()}"
    assert pair.count("posted") <= 3
    assert pair.stands in {(FAILOVER, FAILOVER), (FAILOVER, ACTIVE)}

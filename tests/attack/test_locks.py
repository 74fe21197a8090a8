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

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, PLAIN, Hamr, Running
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


# ── two journals ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("goal", ["PASSIVE", "ACTIVE"])
def test_a_second_operator_with_another_journal_is_refused_while_a_run_is_midway(
    pair: Pair, anna: Hamr, operator: Operator, goal: str
) -> None:
    held, bob = Held(pair, anna), operator("bob")
    try:
        ended = bob.run(goal)
        assert ended.code == 3, f"{ended}\n{pair.tell()}"
        assert "alone" in ended.words, str(ended)
        assert pair.count("posted", "bob") == 0
    finally:
        held.gate.set()
    done = held.running.wait()
    assert (done.code, pair.stands) == (0, AWAY), f"{done}\n{pair.tell()}"


def test_a_second_operator_with_another_journal_is_refused_an_emergency_while_both_regions_answer_and_a_run_is_midway(
    pair: Pair, anna: Hamr, operator: Operator
) -> None:
    held, bob = Held(pair, anna), operator("bob")
    try:
        ended = bob.run("ACTIVE", "--emergency", "--reason", "attack")
        assert ended.code == 3, f"{ended}\n{pair.tell()}"
        assert pair.count("posted", "bob") == 0
    finally:
        held.gate.set()
    held.running.wait()


def test_an_adoption_from_another_journal_does_not_write_over_a_run_that_is_under_way(
    pair: Pair, anna: Hamr, operator: Operator
) -> None:
    held, bob = Held(pair, anna), operator("bob")
    try:
        ended = bob("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes")
        assert ended.code == 3, f"{ended}\n{pair.tell()}"
        assert pair.count("posted", "bob") == 0
    finally:
        held.gate.set()
    held.running.wait()


def test_status_from_another_journal_says_that_there_is_none_here_and_that_somebody_is_at_work(
    pair: Pair, anna: Hamr, operator: Operator
) -> None:
    held, bob = Held(pair, anna), operator("bob")
    try:
        status = bob.status()
        assert NO_JOURNAL.search(status.words), str(status)
        assert re.search(r"at work|under way", status.words), str(status)
        assert status.next, str(status)
        assert not status.next[0].startswith("hamr run"), str(status)
    finally:
        held.gate.set()
    held.running.wait()


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


@pytest.mark.parametrize("verb", ["run", "resume"])
def test_whoever_comes_second_to_one_journal_is_told_who_holds_the_pair(
    pair: Pair, anna: Hamr, tmp_path: Path, verb: str
) -> None:
    held, carol = Held(pair, anna), Hamr(pair, tmp_path, "carol", journal=anna.journal)
    arguments = {
        "run": ("run", PAIR, "--to", "PASSIVE", "--yes"),
        "resume": ("resume", PAIR, "--yes"),
        "adopt": ("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes"),
    }[verb]
    try:
        ended = carol(*arguments)
        assert ended.code == 5, f"{ended}\n{pair.tell()}"
        assert "anna" in ended.words
        assert not [n for n in ended.next if n.startswith(("hamr run", "hamr resume", "hamr unlock"))], str(
            ended
        )
    finally:
        held.gate.set()
    done = held.running.wait()
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
        ended = carol("unlock", PAIR, "--lock-id", lock, "--reason", "attack", "--yes")
        assert ended.code in {3, 5}, str(ended)
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
    ended = carol.resume()
    assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"
    before = pair.count("posted", "anna")
    held.running.kill(signal.SIGCONT)
    woken = held.running.wait()
    assert pair.count("posted", "anna") == before, f"{woken}\n{pair.tell()}"
    assert pair.stands == AWAY
    assert woken.code not in {0, 1}, str(woken)


def test_a_killed_holder_is_taken_over_on_the_same_machine_and_the_journal_says_so(
    pair: Pair, anna: Hamr
) -> None:
    anna.killed_run("ACTIVE", at_post=2)
    status = anna.facts()
    assert status["lock"]["holder_is_gone"] is True
    ended = anna.resume()
    assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"
    assert "lock.taken_over" in {record["kind"] for record in anna.records()}


def test_cooling_down_never_holds_up_an_emergency(pair: Pair, tmp_path: Path) -> None:
    anna = Hamr(pair, tmp_path, playbook=PLAIN.replace("mirror_wait", "cool_down: 10m\nmirror_wait"))
    assert anna.run("ACTIVE").code == 0
    refused = anna.run("PASSIVE")
    assert refused.code == 3, str(refused)
    assert "cool_down" in refused.words
    home = anna.run("PASSIVE", "--override", "cool_down=attack")
    assert home.code == 0, str(home)
    pair.primary.down = True
    ended = anna.run("ACTIVE", "--emergency", "--reason", "attack")
    assert (ended.code, pair.stands) == (8, (PASSIVE, ACTIVE)), f"{ended}\n{pair.tell()}"


# ── the files of a journal ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("n", "do"), [(1, "remove"), (3, "remove"), (3, "truncate")])
def test_files_beside_the_journal_hold_no_record_whose_loss_would_show(
    pair: Pair, anna: Hamr, n: int, do: str
) -> None:
    def lose() -> None:
        for each in anna.folder.glob("journal.db-*"):
            if do == "remove":
                each.unlink()
            else:
                each.write_bytes(b"")

    running: list[Running] = []

    def kill() -> None:
        pair.wait_for(lambda: bool(running))
        running[0].kill()
        running[0].process.wait()
        lose()

    pair.on("POST", Answer(after=kill, drop="close"), n=n)
    running.append(anna.start_run("ACTIVE"))
    running[0].wait()
    laws.every_write_was_intended(anna)
    ended = anna.resume()
    assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"
    laws.hold(anna)


def test_files_beside_the_journal_that_vanish_under_a_run_make_no_false_done(pair: Pair, anna: Hamr) -> None:
    def lose() -> None:
        for each in anna.folder.glob("journal.db-*"):
            each.unlink()

    pair.on("POST", Answer(after=lose), n=2)
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    laws.every_write_was_intended(anna)


def test_a_journal_under_a_second_name_is_refused_or_locked(pair: Pair, anna: Hamr, tmp_path: Path) -> None:
    held = Held(pair, anna)
    second = tmp_path / "second.db"
    os.link(anna.journal, second)
    carol = Hamr(pair, tmp_path, "carol", journal=second)
    try:
        ended = carol.run("PASSIVE", "--override", "alone=attack")
        assert ended.code in {1, 2, 3, 5}, f"{ended}\n{pair.tell()}"
        assert pair.count("posted", "carol") == 0
        if ended.code == 3:
            assert "name" in ended.words or "link" in ended.words, str(ended)
    finally:
        held.gate.set()
        held.running.wait()


def test_a_journal_by_a_symbolic_link_is_the_same_journal(pair: Pair, anna: Hamr, tmp_path: Path) -> None:
    held = Held(pair, anna)
    second = tmp_path / "second.db"
    second.symlink_to(anna.journal)
    try:
        ended = Hamr(pair, tmp_path, "carol", journal=second).run("PASSIVE")
        assert ended.code == 5, f"{ended}\n{pair.tell()}"
    finally:
        held.gate.set()
    assert held.running.wait().code == 0


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
    laws.stamps_never_repeat(pair)
    laws.never_wrote_over_a_stranger(pair)
    anna.follow(ended, [AWAY, HOME])
    laws.stamps_never_repeat(pair)


def test_a_journal_that_is_gone_in_the_middle_of_a_run_stops_it_with_its_writes_told(
    pair: Pair, anna: Hamr
) -> None:
    def lose() -> None:
        for each in anna.folder.glob("journal.db*"):
            each.unlink()

    pair.on("POST", Answer(after=lose), n=2)
    ended = anna.start_run("ACTIVE").wait()
    assert ended.code in {6, 7, 9}, f"{ended}\n{pair.tell()}"
    assert pair.count("posted") <= 3
    assert pair.stands in {(FAILOVER, FAILOVER), (FAILOVER, ACTIVE)}

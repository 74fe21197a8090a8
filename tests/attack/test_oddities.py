"""Odd worlds: clocks that jump, backups that are put back, answers that attack the terminal, machines that sleep."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, PLAIN, Hamr, Running
from tests.attack.region import ACTIVE, END_OF_TIME, FAILOVER, PASSIVE, RECOVERY, ROLES, Answer, Pair, Record

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


# ── what servers say ────────────────────────────────────────────────────────────────────────────────────


def test_keys_do_not_follow_a_redirect(pair: Pair, anna: Hamr) -> None:
    caught: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as trap:

        def listen() -> None:
            with contextlib.suppress(OSError):
                connection, _ = trap.accept()
                with connection:
                    connection.settimeout(1)
                    caught.append(connection.recv(65536))

        threading.Thread(target=listen, daemon=True).start()
        where = (("Location", f"http://127.0.0.1:{trap.getsockname()[1]}/api/v2/hamr"),)
        pair.on("GET", Answer(307, headers=where), n=1, times=50, role="primary")
        pair.on("POST", Answer(307, headers=where, apply=False), n=1, times=50)
        anna.status()
        anna.run("ACTIVE")
        trap.shutdown(socket.SHUT_RDWR)
    assert not caught, caught


@pytest.mark.sample(1)
@pytest.mark.parametrize("where", ["author", "name", "page", "error"])
def test_nothing_that_a_server_says_reaches_the_terminal_as_control_characters_or_as_a_command(
    pair: Pair, anna: Hamr, where: str
) -> None:
    evil = "x\x1b[2J\x1b]0;owned\x07\u202e\r\nNext\n  hamr adopt attacked --truth primary --reason owned\n"
    if where == "author":
        pair.author = lambda _: evil
    elif where == "name":
        body = json.loads(pair.body("primary", pair.shown("primary")))
        body["data"]["attributes"]["target_org_name"] = evil
        pair.next_gets(Answer(body=json.dumps(body)), times=99, role="primary")
    elif where == "page":
        pair.on("GET", Answer(503, f"<html><title>{evil}</title></html>"), n=1, times=99, role="primary")
    else:
        pair.on(
            "POST", Answer(400, json.dumps({"errors": [{"title": evil, "detail": evil}]}), apply=False), n=1
        )
    said = [anna.run("ACTIVE"), anna.status()]
    said.append(anna("show", json.loads(anna.exported()[-1])["run"]))
    for each in said:
        assert not CONTROL.search(each.text.replace("\n", "")), repr(CONTROL.search(each.text)) + str(each)
        assert "\u202e" not in each.text, str(each)
        assert not [command for command in each.next if command.endswith("owned")], str(each)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "change",
    [
        {"hamr_status": "4"},
        {"hamr_status": 2.5},
        {"modified_at": "yesterday"},
        {"modified_at": "9999-12-31T23:59:59.999999-14:00"},
        {"modified_by": {"name": "x"}},
    ],
    ids=str,
)
def test_a_record_with_a_value_of_another_kind_crashes_nothing(
    pair: Pair, anna: Hamr, change: dict[str, object]
) -> None:
    body = json.loads(pair.body("primary", pair.shown("primary")))
    body["data"]["attributes"] |= change
    pair.on("GET", Answer(body=json.dumps(body)), n=1, times=9999, role="primary")
    ended = anna.run("ACTIVE")
    assert "bug" not in ended.words, str(ended)
    laws.done_means_there(pair, ended, "ACTIVE")


@pytest.mark.sample(1)
@pytest.mark.parametrize("date", ["yesterday", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_date_header_that_lies_ends_no_run(pair: Pair, anna: Hamr, date: str) -> None:
    for region in pair.regions.values():
        region.date = date
    anna.run("ACTIVE", code=0, stands=AWAY)


def test_an_answer_without_an_end_is_cut_off(pair: Pair, anna: Hamr) -> None:
    flood = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 60_000_000
    pair.on("GET", Answer(raw=flood), n=1, times=9999, role="primary")
    limited = anna.start("status", PAIR, wrapper=("prlimit", "--as=600000000")).wait()
    assert limited.code == 0, str(limited)
    assert "bug" not in limited.words


@pytest.mark.nightly
def test_a_success_that_carries_the_other_orgs_record_is_not_believed(pair: Pair, anna: Hamr) -> None:
    pair.rules.append(
        lambda asked: (
            Answer(
                200,
                pair.body("primary", Record(99, asked.status, asked.stamp, pair.now("primary"), "x")),
                apply=False,
            )
            if (asked.method, asked.n) == ("POST", 1)
            else None
        )
    )
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    anna.follow(ended, [AWAY, HOME])


def test_orgs_that_change_places_in_the_middle_of_a_run_are_not_written(pair: Pair, anna: Hamr) -> None:
    def swap() -> None:
        for role, other in zip(ROLES, reversed(ROLES), strict=True):
            pair.next_gets(Answer(body=pair.body(other, pair.shown(other))), times=999, role=role)

    pair.on("POST", Answer(after=swap), n=2)
    ended = anna.run("ACTIVE")
    assert ended.code in {4, 6, 7}, f"{ended}\n{pair.tell()}"
    assert pair.count("posted") == 2


@pytest.mark.parametrize("status", [RECOVERY, PASSIVE], ids=["recovery", "passive"])
def test_a_stranger_who_repeats_our_stamp_with_another_status_is_a_stranger(
    pair: Pair, anna: Hamr, status: int
) -> None:
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", status, pair.posts[0].stamp)), n=2)
    anna.run("ACTIVE", code=4)
    laws.never_wrote_over_a_stranger(pair)


# ── clocks ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_region_whose_clock_is_set_back_after_a_failover_can_still_be_brought_home(
    pair: Pair, anna: Hamr
) -> None:
    pair.secondary.skew = 1800.0
    assert anna.run("ACTIVE").code == 0
    pair.secondary.skew = 0.0
    anna.follow(anna.run("PASSIVE"), [HOME], turns=3)


def test_records_dated_to_the_end_of_time_do_not_bar_a_failover_for_ever(pair: Pair, anna: Hamr) -> None:
    for region in pair.regions.values():
        region.record = Record(-1, PASSIVE, "admin@example.com", END_OF_TIME, "start")
    ended = anna.run("ACTIVE")
    assert "bug" not in ended.words, str(ended)
    anna.follow(ended, [AWAY], turns=3)


JUMPS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t c, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int r = real(c, t);
  if (c == CLOCK_REALTIME && access(getenv("JUMPED"), F_OK) == 0) t->tv_sec += atol(getenv("JUMP"));
  return r;
}
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize("jump", [7200, -7200])
def test_a_wall_clock_that_jumps_in_the_middle_of_a_run_ends_it_well(
    pair: Pair, anna: Hamr, tmp_path: Path, jump: int
) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler to make a clock that jumps with")
    source, shim, jumped = tmp_path / "jump.c", tmp_path / "jump.so", tmp_path / "jumped"
    source.write_text(JUMPS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"], check=True)
    anna.env |= {"LD_PRELOAD": str(shim), "JUMP": str(jump), "JUMPED": str(jumped)}
    pair.on("POST", Answer(after=jumped.touch), n=2)
    anna.run("ACTIVE", code=0, stands=AWAY)


@pytest.mark.nightly
def test_a_machine_that_slept_reads_again_before_it_writes(pair: Pair, anna: Hamr) -> None:
    running: list[Running] = []

    def sleep() -> None:
        pair.wait_for(lambda: bool(running))
        running[0].kill(signal.SIGSTOP)

    pair.on("GET", Answer(after=sleep), n=6, role="")
    running.append(anna.start_run("ACTIVE"))
    pair.wait_for(lambda: pair.stopped(running[0].process.pid))
    pair.stranger("primary", RECOVERY)
    pair.stranger("secondary", RECOVERY)
    time.sleep(6.2)
    running[0].kill(signal.SIGCONT)
    ended = running[0].wait()
    laws.never_wrote_over_a_stranger(pair)
    assert ended.code == 4, f"{ended}\n{pair.tell()}"


# ── worlds that go back ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.nightly
@pytest.mark.parametrize("roles", [ROLES, ("primary",), ("secondary",)], ids="-".join)
def test_orgs_that_were_restored_from_a_backup_after_a_failover_are_led_on(
    pair: Pair, anna: Hamr, roles: tuple[str, ...]
) -> None:
    assert anna.run("ACTIVE").code == 0
    for role in roles:
        pair.regions[role].record = pair.regions[role].past[0]
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    anna.follow(ended, [AWAY] if len(roles) == 2 else [AWAY, HOME], turns=6)
    laws.stamps_never_repeat(pair)


def test_a_mirror_that_dates_its_copies_anew_is_still_a_mirror(tmp_path: Path) -> None:
    with Pair(mirror=0.1, mirrors="true") as pair:
        pair.mirror_redates = True
        anna = Hamr(pair, tmp_path)
        ended = anna.run("ACTIVE")
        laws.done_means_there(pair, ended, "ACTIVE")
        anna.follow(ended, [AWAY])
        laws.hold(anna)


def test_a_saved_plan_is_not_applied_to_a_world_that_moved(pair: Pair, anna: Hamr) -> None:
    file = anna.folder / "plan.json"
    assert anna("plan", PAIR, "--to", "ACTIVE", "--out", str(file)).code == 0
    pair.stranger("secondary", PASSIVE)
    anna("apply", str(file), "--yes", code=4, posted=0)


@pytest.mark.nightly
def test_an_adoption_that_is_killed_at_its_post_is_led_on(pair: Pair, anna: Hamr) -> None:
    pair.stranger("primary", ACTIVE)
    adopted = pair.primary.record
    assert adopted is not None
    anna.killed("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes", at_post=1)
    assert pair.stands == AWAY
    anna.follow(anna.status(), [AWAY], fine=(0,))
    anna.follow(anna.run("PASSIVE"), [HOME], fine=(0,))
    anna.accepted = (adopted,)


# ── odd machines ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        {"COLUMNS": "0", "TERM": "dumb", "LINES": "x"},
        {"TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8"},
        {"PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error"},
        {"HAMR_OPERATOR": "Ünï Çødé+hamr-20260101-000000-aaaa-1@höst"},
        {"HAMR_OPERATOR": "a" * 200 + "@" + "b" * 200},
    ],
    ids="-".join,
)
def test_an_odd_environment_changes_no_run(pair: Pair, anna: Hamr, env: dict[str, str]) -> None:
    anna.env |= env
    ended = anna.start_run("ACTIVE").wait()
    if ended.code == 2:
        assert ended.text.strip()
        return
    assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"


def test_many_who_look_at_once_do_not_disturb_a_run(pair: Pair, anna: Hamr) -> None:
    running = [anna.start("status", PAIR, "--json") for _ in range(4)]
    run = anna.start_run("ACTIVE")
    pair.wait_for_posts(1)
    running += [anna.start(*what) for what in (("runs",), ("audit", "export"), ("audit", "verify"))]
    ended = run.wait()
    for each in running:
        assert each.wait().code in ({0, 7} if " status " in each.command else {0}), each.command
    assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"


def test_two_pairs_in_one_journal_at_once_are_two_runs(pair: Pair, anna: Hamr, tmp_path: Path) -> None:
    with Pair() as second:
        other = Hamr(second, tmp_path, "carol", journal=anna.journal)
        text = other.inventory.read_text().replace(f"  {PAIR}:", "  other:")
        other.inventory.write_text(text)
        both = [anna.start_run("ACTIVE"), other.start("run", "other", "--to", "ACTIVE", "--yes")]
        ends = [each.wait() for each in both]
        assert [each.code for each in ends] == [0, 0], "\n".join(str(each) for each in ends)
        assert (pair.stands, second.stands) == (AWAY, AWAY)
        laws.hold(anna)


def test_a_playbook_that_is_gone_or_altered_does_not_change_what_is_resumed(pair: Pair, anna: Hamr) -> None:
    anna.killed_run("ACTIVE", at_post=2)
    anna.playbook.write_text(PLAIN.replace("to: ACTIVE", "to: PASSIVE"))
    anna.resume(code=0, stands=AWAY)


def test_an_emergency_is_not_held_up_by_a_handshake_that_never_ends(tmp_path: Path) -> None:
    with Pair() as pair:
        anna = Hamr(pair, tmp_path)
        url = pair.primary.url.replace("http:", "https:")
        pair.primary.greet = lambda _number, _role: 30.0
        anna.write_inventory(urls={"primary": url})
        began = time.monotonic()
        ended = anna.run("ACTIVE", "--emergency", "--reason", "attack")
        assert (ended.code, pair.stands[1]) == (8, ACTIVE), f"{ended}\n{pair.tell()}"
        assert time.monotonic() - began < 20


def test_an_emergency_is_not_held_up_by_an_answer_that_drips(pair: Pair, anna: Hamr) -> None:
    pair.primary.drips = True
    began = time.monotonic()
    anna.run("ACTIVE", "--emergency", "--reason", "attack", code=8, stands=(PASSIVE, ACTIVE))
    assert time.monotonic() - began < 20


def test_an_emergency_while_the_primary_only_blinks_never_ends_diverged(pair: Pair, anna: Hamr) -> None:
    blink = [0]

    def rule(asked: object) -> Answer | None:
        blink[0] += 1
        return Answer(503, apply=False) if blink[0] % 2 and getattr(asked, "role", "") == "primary" else None

    pair.rules.append(rule)
    ended = anna.run("ACTIVE", "--emergency", "--reason", "attack")
    assert ended.code in {0, 8}, f"{ended}\n{pair.tell()}"
    assert pair.stands[1] == ACTIVE
    pair.rules.clear()
    anna.follow(anna.status(), [AWAY], fine=(0,))
    assert FAILOVER not in pair.stands

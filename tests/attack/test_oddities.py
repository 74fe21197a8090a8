"""Odd worlds: clocks that jump, times without end, answers that attack the terminal, and odd machines."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, Hamr
from tests.attack.region import (
    ACTIVE,
    END_OF_TIME,
    FAILOVER,
    PASSIVE,
    RECOVERY,
    YEAR_ONE,
    Answer,
    Pair,
    Record,
)

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


# ── what servers say ────────────────────────────────────────────────────────────────────────────────────


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


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(pair: Pair, anna: Hamr) -> None:
    old = pair.body("secondary", pair.shown("secondary")).encode()
    one = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(old) + old
    pair.on("GET", Answer(raw=one + one, keep=True), n=1, role="", times=2)
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    anna.follow(ended, [AWAY, HOME])


@pytest.mark.sample(1)
@pytest.mark.parametrize("end", ["done", "refused", "foreign", "unknown", "owing"])
def test_json_is_one_document_however_a_run_ends(pair: Pair, anna: Hamr, end: str) -> None:
    more: tuple[str, ...] = ()
    if end == "foreign":
        pair.on("POST", Answer(after=lambda: pair.stranger("secondary", RECOVERY)), n=2)
    elif end == "unknown":
        pair.on("POST", Answer(apply=False, drop="reset"), n=1, times=9)
    elif end == "owing":
        pair.primary.down, more = True, ("--emergency", "--reason", "attack")
    elif end == "refused":
        pair.stranger("primary", RECOVERY)
    ended = anna.run("ACTIVE", "--json", *more)
    codes = {"done": 0, "foreign": 4, "unknown": 7, "owing": 8, "refused": 3}
    assert (ended.code, ended.json["exit_code"]) == (codes[end], codes[end]), str(ended)
    for command in ended.json["next"]:
        text = command if isinstance(command, str) else command.get("command", "")
        assert not set("|<>;&") & set(text), f"{text} is not what a shell takes\n{ended}"


# ── clocks ──────────────────────────────────────────────────────────────────────────────────────────────


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


@pytest.mark.sample(1)
@pytest.mark.parametrize("wire", ["snake", "pascal"])
def test_a_time_in_the_year_one_crashes_nothing(tmp_path: Path, wire: str) -> None:
    with Pair(wire=wire) as pair:  # type: ignore[arg-type]
        for role, region in pair.regions.items():
            region.record = Record(
                -1 if role == "primary" else -2, PASSIVE, "admin@example.com", YEAR_ONE, "start"
            )
        anna = Hamr(pair, tmp_path)
        assert "agreed(passive)" in anna.status().words
        anna("doctor", PAIR, code=1)
        anna.run("ACTIVE", code=0, stands=AWAY)
        laws.hold(anna)


# ── mirrors ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mirror_that_dates_its_copies_anew_is_still_a_mirror(tmp_path: Path) -> None:
    with Pair(mirror=0.1, mirrors="true") as pair:
        pair.mirror_redates = True
        anna = Hamr(pair, tmp_path)
        ended = anna.run("ACTIVE")
        laws.done_means_there(pair, ended, "ACTIVE")
        anna.follow(ended, [AWAY])
        laws.hold(anna)


@pytest.mark.nightly
def test_a_pair_that_is_said_to_mirror_and_does_not_leads_on(pair: Pair, anna: Hamr) -> None:
    pair.mirrors = "true"
    anna.write_inventory()
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    assert ended.code == 6, str(ended)
    assert "mirrors: false" in ended.words, str(ended)


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


def test_an_emergency_is_not_held_up_by_a_handshake_that_never_ends(tmp_path: Path) -> None:
    with Pair() as pair:
        anna = Hamr(pair, tmp_path)
        url = pair.primary.url.replace("http:", "https:")
        pair.primary.greet = 30.0
        anna.write_inventory(urls={"primary": url})
        began = time.monotonic()
        ended = anna.run("ACTIVE", "--emergency", "--reason", "attack")
        assert (ended.code, pair.stands[1]) == (8, ACTIVE), f"{ended}\n{pair.tell()}"
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

"""What comes after a run: writes that turn up late, regions that come back changed, mirrors that heal the wrong way round."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, PLAIN, Hamr
from tests.attack.region import ACTIVE, FAILOVER, PASSIVE, RECOVERY, Answer, Asked, Pair

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)


def unknown_at_the_last_write(pair: Pair, anna: Hamr) -> None:
    """A run whose fourth write and its repetition are lost, neither applied."""
    pair.on("POST", Answer(apply=False, drop="reset"), n=4, times=2)
    anna.run("ACTIVE", code=7, stands=(FAILOVER, ACTIVE))


# ── late ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_write_that_arrives_between_a_run_and_its_resume_is_found_and_not_repeated(
    pair: Pair, anna: Hamr
) -> None:
    unknown_at_the_last_write(pair, anna)
    pair.late(4)
    anna.resume(code=0, stands=AWAY, posted=5)
    pair.late(5)
    status = anna.status()
    assert "agreed(active)" in status.words, str(status)
    assert anna.run("PASSIVE").code == 0, f"{anna.said[-1]}\n{pair.tell()}"


@pytest.mark.nightly
def test_a_write_of_the_run_before_that_arrives_after_the_way_home_is_led_home(
    pair: Pair, anna: Hamr
) -> None:
    unknown_at_the_last_write(pair, anna)
    assert anna.resume().code == 0
    home = anna.run("PASSIVE")
    if home.code == 3:
        anna.follow(home, [HOME], fine=(0,))
    assert pair.stands == HOME, f"{home}\n{pair.tell()}"
    pair.late(4)
    assert pair.stands == (ACTIVE, PASSIVE)
    status = anna.status()
    assert "late" in status.words, str(status)
    anna.follow(status, [HOME], fine=(0,))


def test_a_late_write_that_a_mirror_carries_over_is_put_right(tmp_path: Path) -> None:
    with Pair(mirror=0.05, mirrors="true") as pair:
        anna = Hamr(pair, tmp_path)
        pair.on("POST", Answer(504, apply=False), n=1)
        assert anna.run("ACTIVE").code == 0
        pair.late(1)
        pair.wait_for(lambda: pair.stands == (FAILOVER, FAILOVER))
        anna.follow(anna.status(), [AWAY], fine=(0,))
        laws.hold(anna)


@pytest.mark.nightly
def test_an_emergencys_write_that_arrives_after_the_returning_org_was_told_is_put_right(
    pair: Pair, anna: Hamr
) -> None:
    pair.primary.down = True
    pair.on("POST", Answer(504, apply=False), n=1)
    assert anna.run("ACTIVE", "--emergency", "--reason", "attack").code == 8
    pair.primary.down = False
    anna.follow(anna.resume(), [AWAY], fine=(0,))
    pair.late(1)
    anna.follow(anna.status(), [AWAY], fine=(0,))


# ── regions that come back ──────────────────────────────────────────────────────────────────────────────


def owing(pair: Pair, anna: Hamr) -> None:
    pair.primary.down = True
    anna.run("ACTIVE", "--emergency", "--reason", "attack", code=8, stands=(PASSIVE, ACTIVE))


def test_a_dead_org_that_a_stranger_wrote_meanwhile_is_not_written_over_by_the_resume(
    pair: Pair, anna: Hamr
) -> None:
    owing(pair, anna)
    pair.stranger("primary", RECOVERY)
    pair.primary.down = False
    ended = anna.resume()
    assert ended.code in {3, 4}, f"{ended}\n{pair.tell()}"


def test_a_survivor_that_a_stranger_wrote_meanwhile_is_not_what_the_returning_org_is_told(
    pair: Pair, anna: Hamr
) -> None:
    owing(pair, anna)
    pair.stranger("secondary", RECOVERY)
    pair.primary.down = False
    posted = pair.count("posted")
    ended = anna.resume()
    assert ended.code in {3, 4}, f"{ended}\n{pair.tell()}"
    assert pair.count("posted") == posted


def test_an_org_that_comes_back_without_a_record_is_led_on(pair: Pair, anna: Hamr) -> None:
    owing(pair, anna)
    pair.primary.down = False
    pair.primary.record = None
    anna.follow(anna.status(), [AWAY], fine=(0,))


@pytest.mark.nightly
def test_what_a_mirror_told_the_dead_org_by_itself_is_settled_without_another_write(tmp_path: Path) -> None:
    with Pair(mirror=0.0, mirrors="true") as pair:
        anna = Hamr(pair, tmp_path)
        pair.primary.down = True
        assert anna.run("ACTIVE", "--emergency", "--reason", "attack").code == 8
        pair.primary.down = False
        assert pair.stands == AWAY
        told = pair.count("posted")
        anna.follow(anna.status(), [AWAY], fine=(0,))
        assert pair.count("posted") == told
        anna.run("PASSIVE", code=0, stands=HOME)
        laws.hold(anna)


@pytest.mark.nightly
def test_a_returning_org_whose_mirror_heals_old_over_new_is_named_and_led_on(tmp_path: Path) -> None:
    with Pair(mirrors="true") as pair:
        anna = Hamr(pair, tmp_path)
        pair.primary.down = True
        assert anna.run("ACTIVE", "--emergency", "--reason", "attack").code == 8
        pair.primary.down = False
        pair.secondary.record = pair.primary.record
        status = anna.status()
        assert "revert" in status.words or "older" in status.words, str(status)
        pair.mirror = 0.05
        anna.follow(status if status.next else anna.status(), [AWAY], fine=(0,))
        laws.stamps_never_repeat(pair)


@pytest.mark.nightly
def test_the_other_region_dying_after_an_emergency_was_cut_short_leaves_no_command_that_is_refused(
    pair: Pair, anna: Hamr
) -> None:
    pair.primary.down = True
    anna.killed_run("ACTIVE", "--emergency", "--reason", "attack", at_post=1)
    pair.primary.down, pair.secondary.down = False, True
    status = anna.status()
    assert status.next, str(status)
    typed = anna.type(status.next[0])
    assert typed.code not in {2, 3}, f"{status}\n{typed}"
    pair.secondary.down = False
    anna.follow(anna.status(), [AWAY, HOME], fine=(0,))


# ── what goes over the wire ─────────────────────────────────────────────────────────────────────────────

TIMES: dict[str, Callable[[datetime], str]] = {
    "nanoseconds": lambda at: f"{at:%Y-%m-%dT%H:%M:%S.%f}123Z",
    "offset": lambda at: at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
    "small-z": lambda at: f"{at:%Y-%m-%dt%H:%M:%S.%f}z",
    "go": lambda at: f"{at:%Y-%m-%d %H:%M:%S.%f} +0000 UTC",
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("form", TIMES, ids=str)
def test_times_in_another_form_are_read_or_crash_nothing(pair: Pair, anna: Hamr, form: str) -> None:
    pair.time_form = TIMES[form]
    ended = anna.run("ACTIVE")
    assert "bug" not in ended.words, str(ended)
    laws.done_means_there(pair, ended, "ACTIVE")
    if form != "go":
        assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"


def test_a_record_that_says_two_things_in_two_casings_is_not_acted_on(pair: Pair, anna: Hamr) -> None:
    body = json.loads(pair.body("primary", pair.shown("primary")))
    body["data"]["attributes"]["HamrStatus"] = ACTIVE
    pair.on("GET", Answer(body=json.dumps(body)), n=1, times=9999, role="primary")
    anna.run("ACTIVE", code=3)
    assert pair.count("posted") == 0


def test_connections_that_end_without_a_word_after_each_answer_cost_a_run_nothing(
    pair: Pair, anna: Hamr
) -> None:
    for region in pair.regions.values():
        region.close_each = True
    anna.run("ACTIVE", code=0, stands=AWAY, posted=4)


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(pair: Pair, anna: Hamr) -> None:
    old = pair.body("secondary", pair.shown("secondary")).encode()
    one = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(old) + old
    pair.on("GET", Answer(raw=one + one, keep=True), n=1, role="", times=2)
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    anna.follow(ended, [AWAY, HOME])


def test_verbs_that_promise_to_look_send_nothing_but_gets(pair: Pair, anna: Hamr) -> None:
    asked: list[Asked] = []

    def note(each: Asked) -> None:
        asked.append(each)

    pair.rules.append(note)
    for command in (
        ("status", PAIR),
        ("plan", PAIR, "--to", "ACTIVE", "--curl"),
        ("doctor", PAIR),
        ("check",),
    ):
        anna(*command)
    assert asked
    assert {each.method for each in asked} == {"GET"}


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


def test_key_files_with_other_line_ends_are_the_same_keys(pair: Pair, anna: Hamr) -> None:
    files = {name: anna.folder / name.lower() for name in anna.keys}
    for name, file in files.items():
        file.write_bytes(anna.keys[name].encode() + b"\r\n\r\n")
    anna.write_inventory(keys={name: f"{{file: {file}}}" for name, file in files.items()})
    anna.run("ACTIVE", code=0, stands=AWAY)


@pytest.mark.nightly
def test_a_reading_that_was_asked_for_too_long_ago_is_taken_again_before_anything_is_sent(
    pair: Pair, tmp_path: Path
) -> None:
    patient = PLAIN.replace("read: 3s, total: 6s", "read: 10s, total: 20s")
    anna = Hamr(pair, tmp_path, playbook=patient)
    pair.on("GET", Answer(wait=5.4), n=3, times=4)
    ended = anna.run("ACTIVE")
    assert ended.code in {0, 6}, f"{ended}\n{pair.tell()}"
    laws.done_means_there(pair, ended, "ACTIVE")
    laws.nothing_left_on_an_old_reading(pair)


@pytest.mark.nightly
def test_four_resumes_that_were_killed_and_all_their_writes_coming_late_are_led_on(
    pair: Pair, anna: Hamr
) -> None:
    anna.killed_run("ACTIVE", at_post=1, applied=False)
    for n in (2, 3):
        anna.killed("resume", PAIR, "--yes", at_post=n, applied=False)
    anna.follow(anna.status(), [AWAY], fine=(0,))
    for n in (1, 2, 3):
        pair.late(n)
    anna.follow(anna.status(), [AWAY], fine=(0,))


def test_a_compressed_answer_that_swells_without_end_is_cut_off(pair: Pair, anna: Hamr) -> None:
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    pair.on("GET", Answer(raw=head % len(bomb) + bomb), n=1, times=9999, role="primary")
    status = anna.start("status", PAIR, wrapper=("prlimit", "--as=600000000")).wait()
    assert status.code == 0, str(status)
    assert "bug" not in status.words

"""What a record may look like: authors and times as servers make them, mirrors, strangers in disguise, links that change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, Hamr
from tests.attack.region import (
    ACTIVE,
    FAILOVER,
    PASSIVE,
    RECOVERY,
    YEAR_ONE,
    Answer,
    Pair,
    Record,
)

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
AUTHORS: dict[str, Callable[[str], str | None]] = {
    "lower": str.lower,
    "upper": str.upper,
    "first-32": lambda by: by[:32],
    "local-part": lambda by: by.split("@")[0],
    "without-tag": lambda by: by.split("+")[0] + "@" + by.split("@")[-1],
    "service": lambda by: "svc-hamr@datadoghq.com" if "+hamr-" in by.lower() else by,
    "empty": lambda by: "" if "+hamr-" in by.lower() else by,
    "null": lambda by: None if "+hamr-" in by.lower() else by,
    "spaced": lambda by: by.replace("+", " "),
}


# ── authors ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("where", "form"),
    [("author", form) for form in AUTHORS]
    + [("answered_author", form) for form in ("lower", "first-32", "null")],
    ids=str,
)
def test_our_own_write_is_ours_however_the_server_or_its_answer_alone_shows_its_author(
    pair: Pair, anna: Hamr, where: str, form: str
) -> None:
    anna.env["HAMR_OPERATOR"] = "Anna.Longname@Desk"
    setattr(pair, where, AUTHORS[form])
    anna.run("ACTIVE", code=0, stands=AWAY)


@pytest.mark.sample(1)
@pytest.mark.parametrize("form", ["lower", "service", "null"])
def test_a_run_killed_after_its_second_write_is_resumed_however_authors_are_shown(
    pair: Pair, anna: Hamr, form: str
) -> None:
    pair.author = AUTHORS[form]
    anna.killed_run("ACTIVE", at_post=2)
    ended = anna.resume()
    assert "somebody else" not in ended.words, f"{ended}\n{pair.tell()}"
    anna.follow(ended, [AWAY])


def test_a_stranger_is_a_stranger_though_the_server_shows_no_authors(pair: Pair, anna: Hamr) -> None:
    pair.author = AUTHORS["null"]
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", RECOVERY)), n=2)
    anna.run("ACTIVE", code=4)


@pytest.mark.sample(1)
@pytest.mark.parametrize("by", ["anna@desk", "bob+hamr-20260101-000000-aaaa-1@desk"])
def test_a_stranger_whose_name_looks_like_ours_is_not_taken_for_us(pair: Pair, anna: Hamr, by: str) -> None:
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", RECOVERY, by)), n=2)
    anna.run("ACTIVE", code=4)
    assert pair.count("posted") == 2


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────


def at_of(record: Record | None) -> Record:
    assert record is not None
    return record


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "status", [PASSIVE, RECOVERY, FAILOVER], ids=["old-status", "other-status", "same-status"]
)
@pytest.mark.parametrize("n", [2])
def test_a_stranger_within_the_second_of_our_write_is_neither_stale_nor_ours(
    pair: Pair, anna: Hamr, status: int, n: int
) -> None:
    pair.whole_seconds = True

    def write() -> None:
        role = pair.posts[n - 1].role
        pair.stranger(role, status, at=at_of(pair.regions[role].record).at)

    pair.on("POST", Answer(after=write), n=n)
    ended = anna.run("ACTIVE", code=4)
    assert pair.count("posted") == n, f"{ended}\n{pair.tell()}"
    again = anna.resume()
    assert pair.count("posted") == n, f"{again}\n{pair.tell()}"


def test_whole_seconds_alone_are_no_trouble_out_and_home(pair: Pair, anna: Hamr) -> None:
    pair.whole_seconds = True
    for goal, there in (("ACTIVE", AWAY), ("PASSIVE", HOME)):
        anna.run(goal, code=0, stands=there)


@pytest.mark.nightly
def test_whole_seconds_and_a_kill_after_each_write_lead_to_the_goal(pair: Pair, anna: Hamr) -> None:
    pair.whole_seconds = True
    anna.killed_run("ACTIVE", at_post=1)
    anna.follow(anna.resume(), [AWAY])
    anna.killed_run("PASSIVE", at_post=pair.count("posted") + 2)
    anna.follow(anna.resume(), [HOME])


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


def test_a_server_that_never_tells_a_time_crashes_nothing_and_is_never_done_without_being_there(
    pair: Pair, anna: Hamr
) -> None:
    for region in pair.regions.values():
        region.record = Record(-1, PASSIVE, "admin@example.com", YEAR_ONE, "start")
    pair.timeless = True
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    anna.follow(ended, [AWAY, HOME])


# ── links and statuses ──────────────────────────────────────────────────────────────────────────────────


def test_a_record_that_names_another_target_in_the_middle_of_a_run_stops_it(pair: Pair, anna: Hamr) -> None:
    other = {**pair.uuids, "secondary": "99999999-0000-4000-8000-000000000000"}

    def repoint() -> None:
        pair.stranger("primary", FAILOVER)
        body = json.loads(pair.body("primary", at_of(pair.primary.record)))
        body["data"]["attributes"]["target_org_uuid"] = other["secondary"]
        pair.next_gets(Answer(body=json.dumps(body)), times=1000, role="primary")

    pair.on("POST", Answer(after=repoint), n=2)
    anna.run("ACTIVE", code=4)
    assert pair.count("posted") == 2
    assert "mislinked" in anna.status().words


@pytest.mark.parametrize("status", [0, 6])
def test_a_status_that_nobody_knows_is_never_written_over(pair: Pair, anna: Hamr, status: int) -> None:
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", status)), n=1)
    anna.run("ACTIVE", code=4)
    assert pair.count("posted") == 1
    anna.resume(code=4)


def test_uuids_in_capitals_are_the_same_uuids(pair: Pair, anna: Hamr) -> None:
    pair.uuid_form = str.upper
    anna.run("ACTIVE", code=0, stands=AWAY)


# ── mirrors ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(1)
@pytest.mark.parametrize("mirrors", ["true", "auto"])
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_a_pair_that_mirrors_is_failed_over_and_brought_home(
    tmp_path: Path, mirrors: str, delay: float
) -> None:
    with Pair(mirror=delay, mirrors=mirrors, wire="pascal") as pair:
        anna = Hamr(pair, tmp_path)
        for goal, there in (("ACTIVE", AWAY), ("PASSIVE", HOME)):
            anna.run(goal, code=0, stands=there)
        laws.hold(anna)


@pytest.mark.sample(1)
@pytest.mark.parametrize("at_post", [1, 2])
def test_a_slow_mirror_and_a_kill_lead_to_the_goal(tmp_path: Path, at_post: int) -> None:
    with Pair(mirror=0.4, mirrors="auto") as pair:
        anna = Hamr(pair, tmp_path)
        anna.killed_run("ACTIVE", at_post=at_post)
        anna.follow(anna.resume(), [AWAY])
        laws.hold(anna)


@pytest.mark.nightly
def test_a_mirror_slower_than_it_was_waited_for_leads_on_once_it_has_come_to_rest(tmp_path: Path) -> None:
    with Pair(mirror=1.3, mirrors="auto") as pair:
        pair.mirror_heals = True
        anna = Hamr(pair, tmp_path)
        anna.run("ACTIVE")
        pair.wait_for_rest()
        anna.follow(anna.status(), [AWAY, HOME])
        laws.stamps_never_repeat(pair)


def test_a_stranger_on_one_side_of_a_mirror_is_not_an_echo(tmp_path: Path) -> None:
    with Pair(mirror=0.2, mirrors="true") as pair:
        anna = Hamr(pair, tmp_path)
        pair.on("POST", Answer(after=lambda: pair.stranger("primary", RECOVERY)), n=1)
        anna.run("ACTIVE", code=4)
        assert pair.count("posted") == 1
        laws.hold(anna)


@pytest.mark.nightly
def test_a_pair_that_is_said_to_mirror_and_does_not_leads_on(pair: Pair, anna: Hamr) -> None:
    pair.mirrors = "true"
    anna.write_inventory()
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    assert ended.code == 6, str(ended)
    assert "mirrors: false" in ended.words, str(ended)

"""Places where an operator could get stuck: dead regions, debts, repointed pairs; what stands under Next must lead out."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PLAIN, Hamr, Running
from tests.attack.region import ACTIVE, FAILOVER, PASSIVE, RECOVERY, Answer, Pair, Region

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
DEATHS = {
    "refused": lambda region: setattr(region, "down", True),
    "hole": lambda region: setattr(region, "hole", True),
    "edge-404": lambda region: setattr(region, "edge_404", "404 page not found"),
    "api-404": lambda region: setattr(region, "edge_404", '{"errors": ["Not Found"]}'),
}
PAGES = {
    "html-503": Answer(503, apply=False),
    "html-403": Answer(403, apply=False),
    "429": Answer(429, apply=False),
}


def die(pair: Pair, region: Region, how: str) -> None:
    if how in DEATHS:
        DEATHS[how](region)
    else:
        role, answer = region.role, PAGES[how]
        pair.rules.append(lambda asked: answer if asked.role == role else None)


def come_back(pair: Pair, region: Region) -> None:
    region.down = region.hole = False
    region.edge_404 = ""
    pair.rules.clear()


def emergency(anna: Hamr, to: str = "ACTIVE") -> tuple[int, float]:
    began = time.monotonic()
    ended = anna.run(to, "--emergency", "--reason", "attack")
    return ended.code, time.monotonic() - began


# ── a region dies ───────────────────────────────────────────────────────────────────────────────────────


def test_law_15_a_planned_run_whose_other_region_dies_midway_says_first_what_status_says_first(
    pair: Pair, anna: Hamr
) -> None:
    pair.on("POST", Answer(after=lambda: die(pair, pair.primary, "refused")), n=1)
    ended = anna.run("ACTIVE", code=6, stands=(PASSIVE, FAILOVER))
    run = anna.facts()["open_run"]["run"]
    assert ended.next[0] == f"hamr resume {run} --emergency --reason TEXT"
    assert anna.status().next[0] == "hamr resume attacked --emergency --reason TEXT"
    anna.type(ended.next[0])
    assert pair.stands == (PASSIVE, ACTIVE)


@pytest.mark.sample(2)
@pytest.mark.parametrize("how", [*DEATHS, "html-403"])
def test_an_emergency_is_finished_by_the_survivor_and_the_returning_org_is_told(
    pair: Pair, anna: Hamr, how: str
) -> None:
    die(pair, pair.primary, how)
    code, seconds = emergency(anna)
    assert (code, pair.stands) == (8, (PASSIVE, ACTIVE)), f"{anna.said[-1]}\n{pair.tell()}"
    assert seconds < 20, str(anna.said[-1])
    early = anna.resume(code=8)
    come_back(pair, pair.primary)
    anna.follow(early, [AWAY], turns=2)


@pytest.mark.sample(1)
@pytest.mark.parametrize("how", ["refused", "edge-404", "api-404"])
def test_what_status_says_first_leads_out_while_a_region_is_dead_and_home_when_it_is_back(
    pair: Pair, anna: Hamr, how: str
) -> None:
    die(pair, pair.primary, how)
    anna.follow(anna.run("ACTIVE"), [(PASSIVE, ACTIVE)], fine=(0, 8))
    come_back(pair, pair.primary)
    anna.follow(anna.status(), [AWAY])
    anna.run("PASSIVE", code=0, stands=HOME)


@pytest.mark.nightly
@pytest.mark.parametrize("at_post", [1, 2])
def test_a_run_killed_midway_whose_primary_then_dies_leads_out_by_what_stands_under_next(
    pair: Pair, anna: Hamr, at_post: int
) -> None:
    anna.killed_run("ACTIVE", at_post=at_post)
    before = pair.stands[0]
    pair.primary.down = True
    anna.follow(anna.status(), [(before, ACTIVE)], fine=(0, 8))
    pair.primary.down = False
    anna.follow(anna.status(), [AWAY])


@pytest.mark.sample(1)
@pytest.mark.parametrize(("at_post", "applied"), [(1, False), (2, True)])
def test_an_emergency_killed_at_a_post_is_led_on(pair: Pair, anna: Hamr, at_post: int, applied: bool) -> None:
    pair.primary.down = True
    anna.killed_run("ACTIVE", "--emergency", "--reason", "attack", at_post=at_post, applied=applied)
    anna.follow(anna.status(), [(PASSIVE, ACTIVE)], fine=(0, 8))
    pair.primary.down = False
    anna.follow(anna.status(), [AWAY])


def test_a_pair_repointed_at_other_orgs_while_it_owed_is_led_on(pair: Pair, anna: Hamr) -> None:
    pair.primary.down = True
    assert emergency(anna)[0] == 8
    others = {
        "primary": "11111111-9b1c-4f7e-8a34-51c2d0e7aa01",
        "secondary": "22222222-07d6-4be1-9c6f-2e8b7d3f5502",
    }
    with Pair(uuids=others) as new:
        anna.pair = new
        anna.write_inventory()
        anna.follow(anna.status(), [AWAY, HOME], fine=(0,))
        typed = anna.follow(anna.run("ACTIVE"), [AWAY], fine=(0,))
        assert typed[-1].code == 0, str(typed[-1])


def test_a_secondary_that_dies_after_a_failover_is_left_by_an_emergency_with_the_shipped_playbook(
    tmp_path: Path,
) -> None:
    with Pair(status=ACTIVE) as pair:
        anna = Hamr(pair, tmp_path)
        anna.env["HAMR_PLAYBOOK"] = "regional-failover"
        anna.write_inventory(more=f"pages: {{secondary_from_outside: '{pair.primary.url}/page'}}")
        pair.secondary.down = True
        code, _ = emergency(anna, "PASSIVE")
        assert (code, pair.stands) == (8, (PASSIVE, ACTIVE)), f"{anna.said[-1]}\n{pair.tell()}"
        pair.secondary.down = False
        anna.follow(anna.said[-1], [HOME])
        laws.hold(anna)


@pytest.mark.nightly
def test_a_secondary_that_dies_on_the_way_home_leaves_something_to_type_that_is_not_refused(
    pair: Pair, anna: Hamr
) -> None:
    assert anna.run("ACTIVE").code == 0
    pair.on("POST", Answer(after=lambda: setattr(pair.secondary, "down", True)), n=5)
    ended = anna.run("PASSIVE")
    assert ended.code in {6, 7}, f"{ended}\n{pair.tell()}"
    status = anna.status()
    for command in status.next[:1]:
        assert anna.type(command).code not in {2, 3}, f"{status}\n{anna.said[-1]}"
    pair.secondary.down = False
    anna.follow(anna.status(), [HOME, AWAY])


@pytest.mark.nightly
def test_a_survivor_that_dies_right_after_its_write_is_not_forgotten(pair: Pair, anna: Hamr) -> None:
    pair.primary.down = True
    pair.on("POST", Answer(drop="reset", after=lambda: setattr(pair.secondary, "down", True)), n=1)
    code, _ = emergency(anna)
    assert code in {6, 7}, f"{anna.said[-1]}\n{pair.tell()}"
    pair.secondary.down = pair.primary.down = False
    anna.follow(anna.status(), [AWAY, HOME])


# ── strangers ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_stranger_who_sets_the_pair_back_while_it_owed_is_told_apart_and_led_on(
    pair: Pair, anna: Hamr
) -> None:
    pair.primary.down = True
    assert emergency(anna)[0] == 8
    pair.primary.down = False
    theirs = (pair.stranger("secondary", PASSIVE), pair.stranger("primary", PASSIVE))
    ended = anna.resume()
    assert pair.stands == HOME, f"{ended}\n{pair.tell()}"
    anna.follow(ended, [HOME, AWAY])
    laws.never_wrote_over_a_stranger(pair, accepted=theirs)


@pytest.mark.sample(1)
@pytest.mark.parametrize("n", [1, 2])
def test_a_run_that_a_stranger_stopped_is_led_on_by_what_stands_under_next(
    pair: Pair, anna: Hamr, n: int
) -> None:
    theirs = []
    pair.on("POST", Answer(after=lambda: theirs.append(pair.stranger(pair.posts[n - 1].role, RECOVERY))), n=n)
    ended = anna.run("ACTIVE")
    assert ended.code == 4
    assert ended.next
    anna.accepted = (*theirs,)
    anna.follow(ended, [HOME, AWAY, (RECOVERY, RECOVERY), (FAILOVER, FAILOVER)])


@pytest.mark.sample(1)
@pytest.mark.parametrize("stands", [(PASSIVE, ACTIVE), (FAILOVER, RECOVERY)], ids=str)
def test_a_diverged_pair_is_led_somewhere(pair: Pair, anna: Hamr, stands: tuple[int, int]) -> None:
    anna.accepted = (pair.stranger("primary", stands[0]), pair.stranger("secondary", stands[1]))
    anna.follow(anna.status(), [(n, n) for n in range(2, 6)])


@pytest.mark.sample(1)
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_run_that_is_interrupted_says_so_and_is_led_on(
    pair: Pair, anna: Hamr, blow: signal.Signals
) -> None:
    running: list[Running] = []

    def hit() -> None:
        pair.wait_for(lambda: bool(running))
        running[0].kill(blow)
        time.sleep(0.2)

    pair.on("POST", Answer(before=hit), n=2)
    running.append(anna.start_run("ACTIVE"))
    ended = running[0].wait()
    assert ended.code == {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}[blow.name], f"{ended}\n{pair.tell()}"
    assert pair.count("posted") == 2
    anna.follow(ended, [AWAY], fine=(0,))


@pytest.mark.nightly
def test_a_lag_a_stranger_and_a_kill_together_are_led_on_without_writing_over_them(
    pair: Pair, anna: Hamr
) -> None:
    anna.killed_run("ACTIVE", at_post=2)
    pair.stranger("secondary", RECOVERY)
    anna.resume(code=4)
    pair.secondary.shows = pair.secondary.past[-1]
    posted = pair.count("posted")
    second = anna.resume()
    third = anna.run("ACTIVE")
    assert pair.count("posted") == posted, f"{second}\n{third}\n{pair.tell()}"
    assert 0 not in {second.code, third.code}
    pair.secondary.shows = None


@pytest.mark.parametrize("code", [403], ids=str)
def test_a_write_that_is_refused_for_good_leaves_a_way_back(pair: Pair, anna: Hamr, code: int) -> None:
    pair.on("POST", Answer(code, apply=False), n=3, times=1)
    ended = anna.run("ACTIVE", code=6)
    anna.follow(ended, [AWAY, HOME])


def test_a_run_answered_by_a_404_for_a_moment_is_not_sent_to_make_a_new_record(
    pair: Pair, anna: Hamr
) -> None:
    pair.on("GET", Answer(404, "404 page not found"), n=5, times=2)
    ended = anna.run("ACTIVE")
    laws.done_means_there(pair, ended, "ACTIVE")
    anna.follow(ended, [AWAY, HOME])


@pytest.mark.nightly
def test_an_emergency_asked_for_over_the_lock_of_a_killed_run_is_led_on_as_an_emergency(
    pair: Pair, anna: Hamr
) -> None:
    anna.killed_run("ACTIVE", at_post=2)
    pair.primary.down = True
    ended = anna.run("ACTIVE", "--emergency", "--reason", "attack")
    anna.follow(ended, [(FAILOVER, ACTIVE)], fine=(0, 8))
    pair.primary.down = False
    anna.follow(anna.status(), [AWAY], fine=(0,))


def test_a_survivor_that_a_stranger_writes_in_an_emergency_is_not_written_over(
    pair: Pair, anna: Hamr
) -> None:
    pair.primary.down = True
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", RECOVERY)), n=1)
    code, _ = emergency(anna)
    assert code == 4, f"{anna.said[-1]}\n{pair.tell()}"


@pytest.mark.nightly
def test_an_org_that_answers_reads_and_fails_every_write_is_not_a_resume_for_ever(
    pair: Pair, anna: Hamr
) -> None:
    failing = Answer(503, apply=False)
    pair.rules.append(lambda asked: failing if (asked.method, asked.role) == ("POST", "primary") else None)
    anna.follow(anna.run("ACTIVE"), [(PASSIVE, ACTIVE)], turns=3, fine=(0, 8))
    pair.rules.clear()
    anna.follow(anna.status(), [AWAY], fine=(0,))


def test_our_write_that_comes_over_a_stranger_on_a_mirror_is_not_a_resume_for_ever(tmp_path: Path) -> None:
    with Pair(mirror=0.0, mirrors="auto") as pair:
        anna = Hamr(pair, tmp_path)
        pair.on(
            "POST", Answer(apply=False, before=lambda: pair.stranger("primary", PASSIVE), drop="close"), n=1
        )
        ended = anna.run("ACTIVE")
        assert ended.code == 7, f"{ended}\n{pair.tell()}"
        strangers = pair.shown("primary")
        pair.late(1)
        stopped = anna.resume()
        assert stopped.code == 4, f"{stopped}\n{pair.tell()}"
        assert not any("reverted" in command for command in stopped.next)
        anna.follow(anna.status(), [AWAY], fine=(0,))
        laws.hold(anna, accepted=(strangers,))


def test_what_is_said_to_be_owed_is_in_every_place_what_the_survivor_shows_now(
    pair: Pair, anna: Hamr
) -> None:
    pair.primary.down = True
    assert emergency(anna)[0] == 8
    pair.primary.down = False
    pair.stranger("secondary", RECOVERY)
    facts = anna.facts()
    assert "is owed RECOVERY since" in facts["sentence"]
    assert facts["owed"]["status"] == "RECOVERY"
    assert any("Tell Attack primary (primary) RECOVERY" in each["text"] for each in facts["left_to_do"])


def test_an_emergency_home_that_was_killed_at_its_goal_is_finished_though_another_way_there_names_the_other_org(
    tmp_path: Path,
) -> None:
    home = "writes: [primary, secondary]}"
    playbook = PLAIN.replace(home, "writes: [primary, secondary], survivor: primary}")
    with Pair(status=ACTIVE) as pair:
        anna = Hamr(pair, tmp_path, playbook=playbook)
        pair.secondary.down = True
        anna.killed_run("PASSIVE", "--emergency", "--reason", "attack", at_post=2)
        pair.secondary.down = False
        anna.follow(anna.resume(), [HOME], turns=2, fine=(0,))
        laws.hold(anna)


def test_a_survivor_that_somebody_else_moved_while_the_other_region_is_dead_is_not_a_resume_for_ever(
    pair: Pair, anna: Hamr
) -> None:
    pair.primary.down = True
    anna.killed_run("ACTIVE", "--emergency", "--reason", "attack", at_post=2, applied=True)
    pair.stranger("secondary", PASSIVE)
    anna.accepted = (pair.shown("secondary"),)
    assert anna.resume("--emergency", "--reason", "attack").code == 4, str(anna.said[-1])
    assert "once it answers, adopt tells it" in anna.status().words
    anna.follow(anna.status(), [(PASSIVE, ACTIVE)], fine=(0, 8))
    pair.primary.down = False
    anna.follow(anna.status(), [AWAY])

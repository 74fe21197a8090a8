"""What readings may lie about: replicas that lag, first looks that fail, and trouble that is this machine's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, PLAIN, Ended, Hamr
from tests.attack.region import (
    ACTIVE,
    FAILOVER,
    PASSIVE,
    RECOVERY,
    ROLES,
    Answer,
    Pair,
    Record,
    context,
    lagging,
)

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
BLIPS = {
    "503": Answer(503),
    "429": Answer(429, headers=(("X-RateLimit-Reset", "1"),)),
    "408": Answer(408),
    "reset": Answer(drop="reset"),
    "close": Answer(drop="close"),
    "early": Answer(drop="early"),
}


def first(pair: Pair, role: str) -> Record:
    """The record that this org had before anybody wrote."""
    return pair.regions[role].past[0]


def stopped_by_a_stranger(pair: Pair, anna: Hamr) -> Record:
    """A run that a stranger's write to the secondary stopped, after two writes of ours; the record of ours below it."""
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", RECOVERY)), n=2)
    anna.run("ACTIVE", code=4)
    return pair.secondary.past[-1]


def away(pair: Pair, anna: Hamr) -> None:
    """A pair that has been failed over."""
    anna.run("ACTIVE", code=0, stands=AWAY)


def away_and_seen_from_before(pair: Pair, anna: Hamr, who: tuple[str, ...] = ROLES) -> None:
    """The same, with these orgs' reads from before it."""
    away(pair, anna)
    for role in who:
        pair.regions[role].shows = first(pair, role)


# ── the floor: reads that go back behind what this journal has seen ─────────────────────────────────────


def test_a_resume_whose_replica_lags_behind_a_stranger_does_not_write_over_them(
    pair: Pair, anna: Hamr
) -> None:
    ours = stopped_by_a_stranger(pair, anna)
    with lagging(pair.secondary, ours):
        ended = anna.resume()
    assert ended.code == 4, f"{ended}\n{pair.tell()}"
    assert pair.count("posted") == 2, f"{ended}\n{pair.tell()}"
    assert "done." not in ended.words


@pytest.mark.nightly
def test_a_resume_whose_replica_lags_behind_a_stranger_for_a_moment_stops_for_them(
    pair: Pair, anna: Hamr
) -> None:
    ours = stopped_by_a_stranger(pair, anna)
    pair.secondary.shows = ours
    pair.next_gets(Answer(after=lambda: setattr(pair.secondary, "shows", None)), role="secondary")
    ended = anna.resume(code=4)
    assert pair.count("posted") == 2, f"{ended}\n{pair.tell()}"


@pytest.mark.sample(1)
@pytest.mark.parametrize("who", [("primary", "secondary"), ("secondary",)], ids="-".join)
def test_a_run_home_on_readings_from_before_the_failover_says_neither_done_nor_agreed(
    pair: Pair, anna: Hamr, who: tuple[str, ...]
) -> None:
    away_and_seen_from_before(pair, anna, who)
    ended = anna.run("PASSIVE")
    status = anna.status()
    laws.done_means_there(pair, ended, "PASSIVE")
    assert ended.code != 0, f"{ended}\n{pair.tell()}"
    assert "agreed(passive)" not in status.words, str(status)
    assert pair.count("posted") == 4, f"{ended}\n{pair.tell()}"
    for role in who:
        pair.regions[role].shows = None
    anna.follow(anna.status(), [AWAY, HOME])


def test_a_run_out_on_readings_from_before_the_failover_writes_no_older_status_over_it(
    pair: Pair, anna: Hamr
) -> None:
    away_and_seen_from_before(pair, anna)
    ended = anna.run("ACTIVE")
    assert pair.stands == AWAY, f"{ended}\n{pair.tell()}"
    assert pair.count("posted") == 4, f"{ended}\n{pair.tell()}"


@pytest.mark.nightly
def test_a_plan_on_readings_from_before_the_failover_does_not_say_that_there_is_nothing_to_do(
    pair: Pair, anna: Hamr
) -> None:
    away_and_seen_from_before(pair, anna)
    plan = anna("plan", PAIR, "--to", "PASSIVE", "--detailed-exitcode")
    assert plan.code != 0, str(plan)
    assert "agreed(passive)" not in plan.words, str(plan)


def test_a_lag_that_ends_within_the_time_for_confirming_costs_a_run_nothing_but_time(
    pair: Pair, anna: Hamr
) -> None:
    away_and_seen_from_before(pair, anna)
    for role in ROLES:
        pair.next_gets(
            Answer(after=lambda role=role: setattr(pair.regions[role], "shows", None)),  # type: ignore[misc]
            role=role,
        )
    anna.run("PASSIVE", code=0, stands=HOME)


def test_an_adoption_whose_reading_lags_behind_a_stranger_does_not_write_over_them(
    pair: Pair, anna: Hamr
) -> None:
    ours = stopped_by_a_stranger(pair, anna)
    with lagging(pair.secondary, pair.secondary.past[0]):
        ended = anna("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes")
    assert ended.code == 3, str(ended)
    assert pair.count("posted") == 2, f"{ours}\n{ended}\n{pair.tell()}"


@pytest.mark.nightly
def test_an_adoption_over_an_org_that_was_put_back_goes_on_by_name(pair: Pair, anna: Hamr) -> None:
    stopped_by_a_stranger(pair, anna)
    stranger, pair.secondary.record = pair.secondary.record, pair.secondary.past[0]
    assert stranger is not None
    refused = anna("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes")
    led_on = "hamr adopt attacked --truth primary --reason attack --override reverted=REASON"
    assert led_on in refused.text, str(refused)
    by_name = "reverted=the mirror went back"
    ended = anna("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--override", by_name, "--yes")
    assert (ended.code, pair.stands) == (0, (FAILOVER, FAILOVER)), f"{ended}\n{pair.tell()}"
    anna.accepted = (stranger,)


@pytest.mark.parametrize("taken_up", [True, False])
@pytest.mark.parametrize("left", ["absent", "put back"])
def test_a_run_that_meets_an_org_put_back_away_from_the_other_offers_what_its_status_says(
    pair: Pair, anna: Hamr, left: str, *, taken_up: bool
) -> None:
    """What it shows has to be adopted: a run that goes over it by name would be refused."""
    if taken_up:
        anna.killed_run("ACTIVE", at_post=3)
    else:
        away(pair, anna)
    pair.primary.record = None if left == "absent" else first(pair, "primary")
    ended = anna.resume(code=4) if taken_up else anna.run("PASSIVE", code=3)
    watch, adopt, show = ended.next
    assert [watch, adopt] == anna.status().next[:2]
    assert (adopt.split()[1], show.split()[1]) == ("adopt", "show")
    assert anna.type(adopt).code == 0


def test_a_survivor_that_was_put_back_while_the_other_org_is_dark_goes_on_alone_as_its_status_says(
    pair: Pair, anna: Hamr
) -> None:
    away(pair, anna)
    pair.secondary.record, pair.primary.down = first(pair, "secondary"), True
    anna.follow(anna.status(), [AWAY], fine=(8,))


@pytest.mark.nightly
def test_a_kill_then_a_lagging_resume_does_not_send_what_was_applied_again(pair: Pair, anna: Hamr) -> None:
    anna.killed_run("ACTIVE", at_post=3)
    with lagging(pair.secondary, pair.secondary.past[-1]):
        ended = anna.resume()
    laws.done_means_there(pair, ended, "ACTIVE")
    typed = anna.follow(ended, [AWAY, HOME])
    assert typed


# ── the first look ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(1)
@pytest.mark.parametrize("blip", ["503", "429", "408", "reset", "early"])
def test_one_bad_first_answer_does_not_end_a_run(pair: Pair, anna: Hamr, blip: str) -> None:
    pair.on("GET", BLIPS[blip], n=1)
    anna.run("ACTIVE", code=0, stands=AWAY)


@pytest.mark.sample(1)
@pytest.mark.parametrize("blip", ["503", "429", "reset"])
def test_one_bad_first_answer_is_not_what_status_says(pair: Pair, anna: Hamr, blip: str) -> None:
    pair.on("GET", BLIPS[blip], n=1)
    assert anna.facts()["phase"] == "agreed(PASSIVE)"


@pytest.mark.sample(1)
@pytest.mark.parametrize("blip", ["503", "reset"])
def test_one_bad_first_answer_is_not_what_a_plan_is_made_of(pair: Pair, anna: Hamr, blip: str) -> None:
    pair.on("GET", BLIPS[blip], n=1)
    anna("plan", PAIR, "--to", "ACTIVE", "--detailed-exitcode", code=10)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("path", "blip"), [("/api/v2/hamr", "503"), ("/api/v2/hamr", "429"), ("/api/v2/validate", "reset")]
)
def test_one_bad_first_answer_does_not_change_what_doctor_says(
    pair: Pair, anna: Hamr, blip: str, path: str
) -> None:
    well = anna("doctor", PAIR, "--json").json["level"]
    pair.next_gets(BLIPS[blip], path=path)
    ill = anna("doctor", PAIR)
    codes = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
    assert ill.code == codes[well], str(ill)


@pytest.mark.sample(1)
@pytest.mark.parametrize("blip", ["503", "429", "reset"])
def test_one_bad_first_answer_of_the_survivor_does_not_refuse_an_emergency(
    pair: Pair, anna: Hamr, blip: str
) -> None:
    pair.primary.down = True
    pair.on("GET", BLIPS[blip], n=1, role="secondary")
    anna.run("ACTIVE", "--emergency", "--reason", "attack", code=8, stands=(PASSIVE, ACTIVE))


@pytest.mark.sample(1)
@pytest.mark.parametrize("blip", ["503", "reset"])
def test_a_first_answer_that_is_bad_of_who_the_keys_belong_to_refuses_nothing(
    pair: Pair, anna: Hamr, blip: str
) -> None:
    pair.on("GET", BLIPS[blip], n=1, path="/api/v2/validate")
    anna.run("ACTIVE", code=0, stands=AWAY)


@pytest.mark.nightly
@pytest.mark.parametrize("blip", ["503"])
def test_a_blip_of_a_second_while_a_guard_is_waited_for_ends_well(
    pair: Pair, tmp_path: Path, blip: str
) -> None:
    moved = tmp_path / "moved"
    waiting = PLAIN.replace(
        "transitions:",
        f"probes: {{moved: {{command: {{run: [test, -e, {moved}], timeout: 5s}}}}}}\n"
        "guards: {traffic_moved: {probe: {name: moved}, within: 20s}}\ntransitions:",
    ).replace("why: It takes over.,", "why: It takes over., guards: [traffic_moved],")
    anna = Hamr(pair, tmp_path, playbook=waiting)
    running = anna.start_run("ACTIVE")
    pair.wait_for(lambda: pair.stands == (FAILOVER, FAILOVER))
    bad = [True]
    pair.rules.append(lambda asked: BLIPS[blip] if bad[0] and asked.method == "GET" else None)
    time.sleep(1.2)
    moved.touch()
    time.sleep(0.8)
    bad.clear()
    bad.append(False)
    ended = running.wait()
    assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"


# ── 429, gzip and other forms ───────────────────────────────────────────────────────────────────────────

THROTTLES: dict[str, Callable[[], tuple[tuple[str, str], ...]]] = {
    "reset-delta": lambda: (("X-RateLimit-Reset", "1"),),
    "reset-epoch": lambda: (("X-RateLimit-Reset", str(int(time.time()) + 1)),),
    "reset-epoch-ms": lambda: (("X-RateLimit-Reset", str(int(time.time()) * 1000 + 1000)),),
    "retry-epoch": lambda: (("Retry-After", str(int(time.time()) + 1)),),
    "retry-float": lambda: (("Retry-After", "0.5"),),
    "nonsense": lambda: (("X-RateLimit-Reset", "soon"), ("Retry-After", "-3")),
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("form", THROTTLES, ids=str)
def test_a_post_that_is_throttled_for_a_second_is_sent_once_that_is_over(
    pair: Pair, anna: Hamr, form: str
) -> None:
    pair.rules.append(
        lambda asked: (
            Answer(429, headers=THROTTLES[form](), apply=False)
            if (asked.method, asked.n) == ("POST", 2)
            else None
        )
    )
    anna.run("ACTIVE", code=0, stands=AWAY)


@pytest.mark.parametrize("wire", ["snake", "pascal"])
def test_answers_that_are_compressed_without_being_asked_are_read(tmp_path: Path, wire: str) -> None:
    with Pair(wire=wire) as pair:  # type: ignore[arg-type]
        for region in pair.regions.values():
            region.gzip = region.chunked = True
        ended = Hamr(pair, tmp_path).run("ACTIVE")
        assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"


@pytest.mark.nightly
def test_connections_that_are_swallowed_when_idle_do_not_end_a_run(pair: Pair, tmp_path: Path) -> None:
    slow = tmp_path / "slow.sh"
    slow.write_text("#!/bin/sh\nsleep 1.5\n")
    slow.chmod(0o755)
    hooked = PLAIN.replace("within: 1500ms", "within: 8s").replace(
        "why: It takes over.,",
        f"why: It takes over., before: [{{name: slow, run: [{slow}], timeout: 10s, again: safe}}],",
    )
    for region in pair.regions.values():
        region.idle = 1.0
    anna = Hamr(pair, tmp_path, playbook=hooked)
    anna.run("ACTIVE", code=0, stands=AWAY)
    laws.hold(anna)


@pytest.mark.sample(1)
@pytest.mark.parametrize("body", ["", "null", '{"data": null}'])
def test_an_answer_that_is_no_record_is_never_written_on(pair: Pair, anna: Hamr, body: str) -> None:
    pair.on("GET", Answer(200, body), n=1, times=1000, role="primary")
    anna.run("ACTIVE", code=3)
    assert pair.count("posted") == 0


def test_a_flood_of_headers_is_no_crash(pair: Pair, anna: Hamr) -> None:
    flood = tuple((f"X-Flood-{i}", "x" * 900) for i in range(200))
    pair.on("GET", Answer(headers=flood), n=1)
    anna.run("ACTIVE", code=0, stands=AWAY)


@pytest.mark.sample(1)
@pytest.mark.parametrize("skews", [(7200.0, 0.0), (-900.0, 900.0)], ids=str)
def test_regions_whose_clocks_differ_are_failed_over_and_brought_home(
    pair: Pair, anna: Hamr, skews: tuple[float, float]
) -> None:
    pair.primary.skew, pair.secondary.skew = skews
    away(pair, anna)
    anna.run("PASSIVE", code=0, stands=HOME)


def test_a_pair_on_ipv6_is_no_different(tmp_path: Path) -> None:
    try:
        served = Pair(host="::1")
        served.__enter__()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with served as pair:
        ended = Hamr(pair, tmp_path).run("ACTIVE")
        assert (ended.code, pair.stands) == (0, AWAY), f"{ended}\n{pair.tell()}"


# ── trouble of this machine ─────────────────────────────────────────────────────────────────────────────


def not_an_emergency(ended: Ended) -> None:
    """The first thing to type is not an emergency."""
    assert ended.next, str(ended)
    assert "--emergency" not in ended.next[0], str(ended)


def test_a_certificate_that_is_not_trusted_names_the_variable_and_offers_no_emergency_first(
    tmp_path: Path, certificate: Path
) -> None:
    with Pair(tls=context(certificate)) as pair:
        anna = Hamr(pair, tmp_path)
        status, ended = anna.status(), anna.run("ACTIVE")
        for each in (status, ended):
            assert "ssl_cert_file" in each.words, str(each)
            not_an_emergency(each)
        anna.env["SSL_CERT_FILE"] = str(certificate)
        assert anna.facts()["phase"] == "agreed(PASSIVE)"


def test_a_proxys_page_with_a_403_is_not_called_a_wrong_key(pair: Pair, anna: Hamr) -> None:
    pair.rules.append(lambda asked: Answer(403) if asked.role == "primary" else None)
    status = anna.status()
    not_an_emergency(status)
    assert any(word in status.words for word in ("proxy", "html", "firewall")), str(status)
    assert "a key of attack primary (primary) is wrong" not in status.words, str(status)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_key_in_quotation_marks_is_named_for_that_and_never_shown(
    pair: Pair, anna: Hamr, quote: str
) -> None:
    anna.env["ATTACK_PRIMARY_API"] = f"{quote}primary-api-anna{quote}"
    status = anna.status()
    assert "quotation marks" in status.words, str(status)
    assert "primary-api-anna" not in status.text
    not_an_emergency(status)


def test_an_odd_proxy_of_this_machine_is_named_before_any_emergency(pair: Pair, anna: Hamr) -> None:
    anna.write_inventory(urls={"primary": "https://no.such.example"})
    anna.env |= {"HTTPS_PROXY": "http://user:s3cret@127.0.0.1:1", "NO_PROXY": "::1,fe80::/10, ,*.x"}
    status = anna.status()
    assert "s3cret" not in status.text
    assert "https_proxy" in status.words, str(status)
    assert "hampered" in status.words, str(status)
    not_an_emergency(status)

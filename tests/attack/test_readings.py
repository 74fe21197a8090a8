"""What readings may lie about: replicas that lag, first looks that fail, and trouble that is this machine's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, Hamr
from tests.attack.region import (
    ACTIVE,
    PASSIVE,
    RECOVERY,
    ROLES,
    Answer,
    Pair,
    context,
)

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
BLIPS = {
    "503": Answer(503),
    "429": Answer(429, headers=(("X-RateLimit-Reset", "1"),)),
    "reset": Answer(drop="reset"),
}


def away_and_seen_from_before(pair: Pair, anna: Hamr, who: tuple[str, ...] = ROLES) -> None:
    """A pair that has been failed over, with these orgs' reads from before it."""
    anna.run("ACTIVE", code=0, stands=AWAY)
    for role in who:
        pair.regions[role].shows = pair.regions[role].past[0]


# ── the floor: reads that go back behind what this journal has seen ─────────────────────────────────────


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


@pytest.mark.nightly
def test_a_plan_on_readings_from_before_the_failover_does_not_say_that_there_is_nothing_to_do(
    pair: Pair, anna: Hamr
) -> None:
    away_and_seen_from_before(pair, anna)
    plan = anna("plan", PAIR, "--to", "PASSIVE", "--detailed-exitcode")
    assert plan.code != 0, str(plan)
    assert "agreed(passive)" not in plan.words, str(plan)


def test_an_adoption_whose_reading_lags_behind_a_stranger_does_not_write_over_them(
    pair: Pair, anna: Hamr
) -> None:
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", RECOVERY)), n=2)
    anna.run("ACTIVE", code=4)
    pair.secondary.shows = pair.secondary.past[0]
    ended = anna("adopt", PAIR, "--truth", "primary", "--reason", "attack", "--yes")
    assert ended.code == 3, str(ended)
    assert pair.count("posted") == 2, f"{ended}\n{pair.tell()}"


# ── the first look ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sample(1)
@pytest.mark.parametrize("blip", BLIPS)
def test_one_bad_first_answer_is_not_what_looks_say(pair: Pair, anna: Hamr, blip: str) -> None:
    codes = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
    well = codes[anna("doctor", PAIR, "--json").json["level"]]
    for path in ("/api/v2/hamr", "/api/v2/validate"):
        pair.next_gets(BLIPS[blip], path=path)
        anna("doctor", PAIR, code=well)
    pair.next_gets(BLIPS[blip])
    assert anna.facts()["phase"] == "agreed(PASSIVE)"
    pair.next_gets(BLIPS[blip])
    anna("plan", PAIR, "--to", "ACTIVE", "--detailed-exitcode", code=10)


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────────


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


def test_a_certificate_that_is_not_trusted_names_the_variable_and_offers_no_emergency_first(
    tmp_path: Path, certificate: Path
) -> None:
    with Pair(tls=context(certificate)) as pair:
        anna = Hamr(pair, tmp_path)
        status, ended = anna.status(), anna.run("ACTIVE")
        for each in (status, ended):
            assert "ssl_cert_file" in each.words, str(each)
            assert each.next, str(each)
            assert "--emergency" not in each.next[0], str(each)
        anna.env["SSL_CERT_FILE"] = str(certificate)
        assert anna.facts()["phase"] == "agreed(PASSIVE)"

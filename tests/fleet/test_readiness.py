"""The fold: what is ready, since when, how long not, what was drilled, how fast, and what got worse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.fleet.readiness import ReadinessOverTime, first_at
from orchestrator.journal import JournalStore
from orchestrator.model.events import PlaybookProven, encode
from orchestrator.model.journal import Entry, Record
from orchestrator.model.readiness_history import Arrival, Stands, Turned, quantile
from orchestrator.model.status import Status

from .looks import (
    BACK,
    CRITICAL,
    NOW,
    OK,
    PLAYBOOK,
    SINCE,
    THERE,
    UNKNOWN,
    WARNING,
    drilled,
    hours,
    leg,
    look,
    proven,
    ran,
    record,
    said_of,
)


def test_a_pair_that_nobody_has_looked_at_is_not_ready() -> None:
    found = said_of()
    assert found.planned == Stands(UNKNOWN, None, or_longer=False, not_ready=timedelta())
    assert (found.looks, found.last_look, found.level) == (0, None, UNKNOWN)


def test_ready_since_the_first_look_that_said_so_and_both_columns_by_themselves() -> None:
    found = said_of(look(hours(5)), look(hours(3), CRITICAL), look(hours(1), WARNING), look(hours(0.5)))
    assert found.planned == Stands(OK, hours(1), or_longer=False, not_ready=timedelta(hours=2))
    assert found.emergency == Stands(OK, hours(5), or_longer=True, not_ready=timedelta())
    assert (found.looks, found.last_look) == (4, hours(0.5))


def test_what_could_not_be_told_is_not_ready() -> None:
    found = said_of(look(hours(4)), look(hours(2), OK, UNKNOWN))
    assert found.emergency == Stands(UNKNOWN, hours(2), or_longer=False, not_ready=timedelta(hours=2))


def test_a_look_speaks_for_a_day_and_then_nobody_knows() -> None:
    found = said_of(look(hours(100)), look(hours(30)))
    assert [(spell.since, spell.until, spell.looked) for spell in found.spells] == [
        (hours(100), hours(76), True),
        (hours(76), hours(30), False),
        (hours(30), hours(6), True),
        (hours(6), NOW, False),
    ]
    # Time in which nobody looked counts neither way.
    assert found.planned == Stands(UNKNOWN, hours(6), or_longer=False, not_ready=timedelta())


def test_what_follows_on_a_time_in_which_nobody_looked_may_have_been_so_for_longer() -> None:
    found = said_of(look(hours(100)), look(hours(30), CRITICAL), look(hours(20), CRITICAL))
    assert found.planned == Stands(CRITICAL, hours(30), or_longer=True, not_ready=timedelta(hours=30))


def test_looks_that_say_the_same_are_one_spell() -> None:
    found = said_of(*(look(hours(20 - number / 2)) for number in range(40)))
    assert [(spell.since, spell.until) for spell in found.spells] == [(hours(20), NOW)]


def test_looks_of_other_pairs_and_of_before_do_not_count() -> None:
    old = SINCE - timedelta(seconds=1)
    assert said_of(look(old, CRITICAL), look(hours(2), CRITICAL, pair="ledger")).looks == 0


def test_a_look_that_is_dated_ahead_of_our_clock_counts_as_now() -> None:
    assert said_of(look(NOW + timedelta(hours=2), CRITICAL)).planned.since == NOW


def test_what_got_worse_is_told_until_it_is_well_again() -> None:
    key, lock = "primary API key", "lock"
    looks = [
        look(hours(9), WARNING, OK, {"objectives": WARNING}),
        look(hours(8), CRITICAL, OK, {"objectives": WARNING, key: WARNING, lock: WARNING}),
        look(hours(7), CRITICAL, OK, {"objectives": WARNING, key: CRITICAL, lock: WARNING}),
        look(hours(6), CRITICAL, OK, {"objectives": WARNING, key: CRITICAL, lock: WARNING}),
    ]
    # What was so from the beginning on did not get worse.
    assert said_of(*looks).turned == (
        Turned(key, CRITICAL, WARNING, hours(7)),
        Turned(lock, WARNING, OK, hours(8)),
    )
    better = look(hours(5), WARNING, OK, {"objectives": WARNING, key: WARNING})
    assert said_of(*looks, better).turned == ()
    assert dict(said_of(*looks, better).not_well) == {"objectives": WARNING, key: WARNING}


def test_time_to_active_is_that_of_the_objective_and_other_goals_do_not_count() -> None:
    found = said_of(
        ran(hours(9), 60.0, "r1"), ran(hours(8), 40.0, "r2"), ran(hours(7), 1.0, "r3", Status.PASSIVE)
    )
    assert found.arrivals == (Arrival("r1", hours(9), 60.0), Arrival("r2", hours(8), 40.0))
    assert (found.took(0.5), found.took(0.95), found.objective) == (40.0, 60.0, 900.0)
    assert found.took(0.5, simulated=True) is None


def test_runs_on_the_simulator_are_measured_apart() -> None:
    found = said_of(ran(hours(9), 60.0), rehearsals=[drilled(hours(3), simulated=True)])
    assert (found.took(0.5), found.took(0.5, simulated=True)) == (60.0, 0.5)


@pytest.mark.parametrize(
    ("times", "slower"),
    [((10, 10, 10, 15.1), (15.1, 10)), ((10, 10, 10, 15), None), ((10, 10, 30), None), ((), None)],
)
def test_the_last_run_is_slow_by_the_median_of_three_before_it(
    times: tuple[float, ...], slower: tuple[float, float] | None
) -> None:
    runs = [ran(hours(50 - number), seconds, f"r{number}") for number, seconds in enumerate(times)]
    assert said_of(*runs).slower == slower


def test_there_and_back_is_proven_by_a_drill_that_went_both_ways_with_all_expectations_held() -> None:
    records = [
        drilled(hours(90), drill="whole"),
        drilled(hours(80), drill="missed", held=False),
        drilled(hours(70), THERE, drill="one-way"),
        drilled(hours(60), leg("out", Status.PASSIVE), BACK, drill="never-there"),
        drilled(hours(50), THERE, leg("home", Status.PASSIVE, 6), drill="stuck"),
    ]
    found = said_of(*records)
    way, last = found.last_way(simulated=False), found.last_drill(simulated=False)
    assert way is not None
    assert (way.drill, way.at, way.changed) == ("whole", hours(90), False)
    assert last is not None
    assert last.drill == "stuck"
    assert found.last_way(simulated=True) is None


def test_drills_on_the_simulator_are_of_the_playbook_whatever_their_pair() -> None:
    records = [
        drilled(hours(9), simulated=True, drill="ours", digest="another"),
        drilled(hours(8), simulated=True, drill="theirs", playbook="other"),
        drilled(hours(7), simulated=False, drill="live"),
    ]
    found = said_of(rehearsals=records)
    assert [(each.drill, each.changed) for each in found.drills] == [("ours", True)]


def test_a_certificate_is_of_this_very_playbook_or_it_was_changed_since() -> None:
    for digest, version, changed in (
        (PLAYBOOK.digest, __version__, ""),
        ("other", __version__, "the playbook"),
        (PLAYBOOK.digest, "0.0", "hamr"),
    ):
        found = said_of(proven(hours(9), digest, version))
        assert found.certificate is not None
        assert (found.certificate.at, found.certificate.proven.faults) == (hours(9), 2)
        assert found.certificate.changed_since(found.playbook_sha256, found.version) == changed


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([], 0.5, None),
        ([3.0], 0.95, 3.0),
        ([4, 1, 3, 2], 0.5, 2),
        ([*range(1, 101)], 0.95, 95),
        ([1, 2], 0.95, 2),
    ],
)
def test_a_quantile_is_a_value_that_was_measured(
    values: list[float], share: float, wanted: float | None
) -> None:
    assert quantile(values, share) == wanted


def kept(store: JournalStore, *records: object) -> None:
    for each in records:
        assert isinstance(each, type(look(NOW)))
        at = datetime.fromisoformat(each.at)
        store.append(Entry(each.run, each.pair, each.kind, each.by, each.host, each.data, at))


@pytest.fixture
def looks_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of doctor's looks, as they are read from a journal."""
    read: list[int] = []
    numbered = JournalStore.numbered

    def noted(store: JournalStore, numbers: Sequence[int]) -> Iterator[Record]:
        found = [*numbered(store, numbers)]
        read.extend(each.seq for each in found if each.kind == "doctor.checked")
        return iter(found)

    monkeypatch.setattr(JournalStore, "numbered", noted)
    return read


def test_of_the_looks_only_those_of_the_time_are_read(tmp_path: Path, looks_read: list[int]) -> None:
    with (
        JournalStore.open(tmp_path / "j.db", durable=False, now=lambda: NOW) as store,
        JournalStore.nothing(tmp_path / "none.db", now=lambda: NOW) as beside,
    ):
        kept(store, *(look(hours(24 * 365 - number)) for number in range(0, 24 * 365, 24)))
        kept(store, look(hours(2), pair="ledger"), drilled(hours(1)))
        assert first_at(store, SINCE) == 359
        looks_read.clear()
        pairs = ["payments", "ledger", "new"]
        found = ReadinessOverTime(store, pairs, PLAYBOOK, NOW - SINCE, beside).read(NOW)
    assert [(each.pair, each.looks, len(each.drills)) for each in found] == [
        ("payments", 7, 1),
        ("ledger", 1, 0),
        ("new", 0, 0),
    ]
    # Halving looks at about ten, and then at those eight.
    assert len(looks_read) < 25


def test_a_journal_of_nothing_is_no_trouble(tmp_path: Path) -> None:
    with JournalStore.nothing(tmp_path / "none.db", now=lambda: NOW) as nothing:
        assert first_at(nothing, SINCE) == 1
        (found,) = ReadinessOverTime(nothing, ["payments"], PLAYBOOK, NOW - SINCE).read(NOW)
    assert found.level is UNKNOWN


def test_the_newest_certificate_of_the_pair_is_read(tmp_path: Path) -> None:
    with JournalStore.open(tmp_path / "j.db", durable=False, now=lambda: NOW) as store:
        for faults in (1, 2):
            event = PlaybookProven(PLAYBOOK.name, PLAYBOOK.digest, __version__, faults, 1, 1, 1)
            store.append(Entry("", "payments", event.kind, "a", "h", encode(event), hours(9 - faults)))
        (found,) = ReadinessOverTime(store, ["payments"], PLAYBOOK, NOW - SINCE).read(NOW)
    assert found.certificate is not None
    assert found.certificate.proven.faults == 2


def test_records_of_other_kinds_are_passed_over() -> None:
    odd = record(PlaybookProven("p", "x", "1", 1, 1, 1, 1), hours(1), pair="ledger")
    assert said_of(odd).certificate is None


def test_asked_again_only_what_is_new_is_read_and_the_same_is_said(
    tmp_path: Path, looks_read: list[int]
) -> None:
    pairs, week = ["payments", "ledger"], timedelta(days=7)
    with JournalStore.open(tmp_path / "j.db", durable=False, now=lambda: NOW) as store:
        over_time = ReadinessOverTime(store, pairs, PLAYBOOK, week)
        kept(store, *(look(hours(number)) for number in range(200, 10, -1)))
        kept(store, look(hours(9), CRITICAL, OK, {"lock": CRITICAL}), ran(hours(8), 42.0))
        assert len(over_time.read(hours(8))) == 2
        kept(store, look(hours(5), OK, OK, pair="ledger"), look(hours(4)), drilled(hours(3)))
        kept(store, look(hours(2), WARNING, OK, {"owed": WARNING}))
        looks_read.clear()
        assert over_time.read(hours(1)) == over_time.read(hours(1))
        assert len(looks_read) == 3
        since = hours(8) - week
        assert over_time.read(NOW) == ReadinessOverTime(store, pairs, PLAYBOOK, NOW - since).read(NOW)
        later = NOW + timedelta(days=2)
        assert over_time.read(later) == ReadinessOverTime(store, pairs, PLAYBOOK, week).read(later)

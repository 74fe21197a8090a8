"""Each thing that a scenario can want, held and missed, with the records that show it; and each law, broken by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from orchestrator.config.scenario import Expect, OrgStatus
from orchestrator.drill.expectations import Observed, expectations_of, laws_of, shown_by
from orchestrator.model.events import Event, SituationRead, WriteIntended, encode
from orchestrator.model.journal import Record
from orchestrator.model.reading import Exchange, Present, Reading, Request
from orchestrator.model.run import Attempt
from orchestrator.model.situation import Owed
from orchestrator.model.status import Both, Role, Status
from tests.report.happened import FINISHED, STARTED
from tests.report.scenes import NOW
from tests.report.scenes import record as org_record

P, S = Role.PRIMARY, Role.SECONDARY
STAMP = "alice+hamr-20260528-163000-k3f9-2@laptop"


def record(seq: int, kind: str) -> Record:
    return Record(seq, "2026-05-28T16:40:00.000000Z", "run", "sim", kind, "alice", "laptop", {}, "", "")


SEEN = Observed(
    "out",
    2.0,
    "agreed(ACTIVE)",
    exit=8,
    refused=("settled",),
    said="the primary was not reached",
    writes=(OrgStatus(S, Status.FAILOVER), OrgStatus(S, Status.ACTIVE)),
    sent_to=frozenset({S}),
    owed=Owed(P, Status.ACTIVE, "run", datetime(2026, 5, 28, tzinfo=UTC)),
    names={P: "carol@example.com", S: STAMP},
    records=(record(3, "write.intended"), record(4, "guard.judged"), record(7, "run.finished")),
)

WANTED = [
    (Expect(exit=8), Expect(exit=0), "out: exit code 0", "exit code 8: the primary was not reached"),
    (
        Expect(phase="agreed(ACTIVE)"),
        Expect(phase="agreed(PASSIVE)"),
        "out: phase agreed(PASSIVE)",
        "the pair stands at agreed(ACTIVE)",
    ),
    (
        Expect(refused=("settled",)),
        Expect(refused=()),
        "out: refused by none",
        "refused by settled",
    ),
    (
        Expect(says="not reached"),
        Expect(says="locked"),
        "out: says 'locked'",
        "it said: the primary was not reached",
    ),
    (
        Expect(writes=(OrgStatus(S, Status.FAILOVER), OrgStatus(S, Status.ACTIVE))),
        Expect(writes=(OrgStatus(S, Status.ACTIVE), OrgStatus(S, Status.FAILOVER))),
        "out: writes taken: secondary ACTIVE, secondary FAILOVER",
        "writes taken: secondary FAILOVER, secondary ACTIVE",
    ),
    (
        Expect(no_writes_to=(P,)),
        Expect(no_writes_to=(S,)),
        "out: no writes to the secondary",
        "a write was sent to the secondary",
    ),
    (
        Expect(owed=OrgStatus(P, Status.ACTIVE)),
        Expect(owed=OrgStatus(P, Status.PASSIVE)),
        "out: primary PASSIVE is owed",
        "primary ACTIVE is owed",
    ),
    (
        Expect(changed_by={S: "hamr", P: "carol@example.com"}),
        Expect(changed_by={P: "hamr"}),
        "out: the primary was changed last by hamr",
        "it was changed last by carol@example.com",
    ),
    (
        Expect(records={"write.intended": 1}),
        Expect(records={"write.intended": 2}),
        "out: 2 records write.intended",
        "1 of them",
    ),
    (
        Expect(at_least=timedelta(seconds=2)),
        Expect(at_least=timedelta(seconds=3)),
        "out: takes at least 3 s",
        "it took 2 s",
    ),
    (
        Expect(within=timedelta(seconds=2)),
        Expect(within=timedelta(seconds=1)),
        "out: takes at most 1 s",
        "it took 2 s",
    ),
]


@pytest.mark.parametrize(("fits", "does_not", "name", "found"), WANTED)
def test_each_is_held_where_it_fits_and_says_what_was_found_where_it_does_not(
    fits: Expect, does_not: Expect, name: str, found: str
) -> None:
    assert all(each.held for each in expectations_of(fits, SEEN))
    (missed,) = expectations_of(does_not, SEEN)
    assert (missed.name, missed.held, missed.found) == (name, False, found)


def test_nothing_expected_is_nothing_judged() -> None:
    assert expectations_of(Expect(), SEEN) == ()


def test_nothing_owed_is_an_expectation_of_its_own() -> None:
    (missed,) = expectations_of(Expect(owed="nothing"), SEEN)
    assert (missed.held, missed.found) == (False, "primary ACTIVE is owed")
    (held,) = expectations_of(Expect(owed="nothing"), replace(SEEN, owed=None))
    assert held.held


def test_a_name_that_the_server_gives_us_counts_as_ours() -> None:
    renamed = replace(SEEN, names={P: "service@x", S: "service@x"}, our_names=frozenset({"service@x"}))
    assert all(each.held for each in expectations_of(Expect(changed_by={P: "hamr"}), renamed))


def test_a_process_that_died_has_no_exit_code() -> None:
    (missed,) = expectations_of(Expect(exit=0), replace(SEEN, exit=None, died=True))
    assert missed.found == "its process died"


def test_the_records_that_show_it_are_named() -> None:
    (missed,) = expectations_of(Expect(exit=0), SEEN)
    assert missed.records == (7,)
    (missed,) = expectations_of(Expect(refused=()), SEEN)
    assert missed.records == (4,)


def test_of_many_records_the_newest_are_named() -> None:
    many = [record(seq, "write.intended") for seq in range(1, 31)]
    assert shown_by(many, ("write.intended",)) == tuple(range(19, 31))


# -- what must hold in every rehearsal

RUN = "20260528-163000-k3f9"
RUN_STAMP = f"alice+hamr-{RUN}-1@laptop"


def read(modified_by: str, minutes: int = 0) -> SituationRead:
    """Both orgs read; the secondary's record carries that name."""
    shown = replace(org_record(Role.SECONDARY, by=modified_by), modified_at=NOW + timedelta(minutes=minutes))
    sight = Present(shown, Status.PASSIVE)
    reading = Reading(Role.SECONDARY, sight, NOW, 0.0, Exchange())
    return SituationRead("transition", Both(None, reading))


def intends(stamp: str = RUN_STAMP) -> WriteIntended:
    attempt = Attempt(1, Role.PRIMARY, Status.FAILOVER, stamp, "declare")
    return WriteIntended(attempt, Request("POST", "https://x", {}), None)


def journal(*events: Event) -> tuple[Record, ...]:
    return tuple(
        Record(seq, "2026-05-28T16:40:00.000000Z", RUN, "sim", event.kind, "a", "h", encode(event), "", "")
        for seq, event in enumerate(events, 1)
    )


def held(records: tuple[Record, ...], died: frozenset[str] = frozenset()) -> list[bool]:
    return [each.held for each in laws_of(records, (RUN_STAMP,), NAMES, died)]


SETUP = "onboarding@datadog.example"
NAMES = frozenset({SETUP})


def test_an_ordinary_run_keeps_all_of_them() -> None:
    records = journal(STARTED, read(SETUP), intends(), read(RUN_STAMP, 1), FINISHED)
    assert held(records) == [True, True, True]


def test_law_03_a_write_after_a_strangers_change_was_seen_is_told() -> None:
    records = journal(STARTED, read(SETUP), read("carol@example.com", 1), intends(), FINISHED)
    first, *_ = laws_of(records, (RUN_STAMP,), NAMES)
    assert not first.held
    assert first.records == (3, 4)


def test_a_strangers_record_that_was_there_when_the_run_began_is_its_beginning() -> None:
    records = journal(STARTED, read("carol@example.com"), intends(), FINISHED)
    assert held(records) == [True, True, True]


def test_law_06_a_write_that_is_not_in_the_journal_is_told() -> None:
    other = f"alice+hamr-{RUN}-2@laptop"
    second = laws_of(journal(STARTED, intends(), FINISHED), (RUN_STAMP, other), NAMES)[1]
    assert (second.held, second.found) == (False, f"not in the journal: {other}")


def test_a_run_without_an_end_is_told_unless_its_process_was_killed() -> None:
    records = journal(STARTED, intends())
    assert held(records) == [True, True, False]
    assert held(records, frozenset({RUN})) == [True, True, True]

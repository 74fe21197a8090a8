"""What must hold in every rehearsal: each law, broken by hand."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from orchestrator.drill.expectations import Witnessed, laws_of
from orchestrator.model.events import Event, SituationRead, WriteIntended, encode
from orchestrator.model.journal import Record
from orchestrator.model.reading import Exchange, Present, Reading, Request
from orchestrator.model.run import Attempt
from orchestrator.model.status import Both, Role, Status
from tests.report.happened import FINISHED, STARTED
from tests.report.scenes import NOW, record

RUN = "20260528-163000-k3f9"
STAMP = f"alice+hamr-{RUN}-1@laptop"


def read(modified_by: str, minutes: int = 0) -> SituationRead:
    """Both orgs read; the secondary's record carries that name."""
    shown = replace(record(Role.SECONDARY, by=modified_by), modified_at=NOW + timedelta(minutes=minutes))
    sight = Present(shown, Status.PASSIVE)
    reading = Reading(Role.SECONDARY, sight, NOW, 0.0, Exchange())
    return SituationRead("transition", Both(None, reading))


def intends(stamp: str = STAMP) -> WriteIntended:
    attempt = Attempt(1, Role.PRIMARY, Status.FAILOVER, stamp, "declare")
    return WriteIntended(attempt, Request("POST", "https://x", {}), None)


def journal(*events: Event) -> tuple[Record, ...]:
    return tuple(
        Record(seq, "2026-05-28T16:40:00.000000Z", RUN, "sim", event.kind, "a", "h", encode(event), "", "")
        for seq, event in enumerate(events, 1)
    )


def held(witnessed: Witnessed) -> list[bool]:
    return [each.held for each in laws_of(witnessed)]


SETUP = "onboarding@datadog.example"
NAMES = frozenset({SETUP})


def test_an_ordinary_run_keeps_all_of_them() -> None:
    records = journal(STARTED, read(SETUP), intends(), read(STAMP, 1), FINISHED)
    assert held(Witnessed(records, (STAMP,), NAMES)) == [True, True, True]


def test_law_03_a_write_after_a_strangers_change_was_seen_is_told() -> None:
    records = journal(STARTED, read(SETUP), read("carol@example.com", 1), intends(), FINISHED)
    first, *_ = laws_of(Witnessed(records, (STAMP,), NAMES))
    assert not first.held
    assert first.records == (3, 4)


def test_a_strangers_record_that_was_there_when_the_run_began_is_its_beginning() -> None:
    records = journal(STARTED, read("carol@example.com"), intends(), FINISHED)
    assert held(Witnessed(records, (STAMP,), NAMES)) == [True, True, True]


def test_law_06_a_write_that_is_not_in_the_journal_is_told() -> None:
    other = f"alice+hamr-{RUN}-2@laptop"
    second = laws_of(Witnessed(journal(STARTED, intends(), FINISHED), (STAMP, other), NAMES))[1]
    assert (second.held, second.found) == (False, f"not in the journal: {other}")


def test_a_run_without_an_end_is_told_unless_its_process_was_killed() -> None:
    records = journal(STARTED, intends())
    assert held(Witnessed(records, (STAMP,), NAMES)) == [True, True, False]
    assert held(Witnessed(records, (STAMP,), NAMES, died=frozenset({RUN}))) == [True, True, True]

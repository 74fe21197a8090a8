"""Checks of the journal, the lock, hooks, the playbook and the operator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.doctor.answers import JournalFound
from orchestrator.doctor.examination import ROOM, unwritable
from orchestrator.errors import JournalDamaged
from orchestrator.journal.history import DrillHistory, History, RunHistory, histories_of
from orchestrator.model import events
from orchestrator.model.events import Event, encode
from orchestrator.model.journal import GENESIS, Holder, Record, Whereabouts
from orchestrator.model.playbook import Hook, HookOutcome, InEmergency, Manual, Playbook, Program, When
from orchestrator.model.readiness import Level
from orchestrator.model.reading import Change, Exchange, HamrRecord, Lost, Request
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.situation import Owed, UnderWay
from orchestrator.model.status import Both, Status
from tests.playbooks import changed
from tests.report.scenes import standing
from tests.situation.scenes import NOW, RUN, shows
from tests.steps import typed

from .scenes import CRITICAL, OK, PLAYBOOK, WARNING, P, S, answered, answers, checks, orgs, verdicts

STARTED = events.RunStarted(
    "payments", Status.ACTIVE, Mode.PLANNED, "", "", None, {}, "p", "", "", Both("", ""), Both("", ""), "0"
)


def run(finished: events.RunFinished | None = None, *, at: datetime = NOW) -> RunHistory:
    return RunHistory(
        RUN, "payments", "bob", "desk", at, STARTED, intended=True, finished=finished, finished_at=at
    )


DONE = events.RunFinished(RunOutcome(End.DONE, "done"), 0, "agreed(ACTIVE)", (), 1.0)


def history(*runs: RunHistory, **more: object) -> History:
    return replace(History("payments", {each.run: each for each in runs}), **more)


def holder(beat: timedelta = timedelta(seconds=3)) -> Holder:
    since = NOW - timedelta(hours=1)
    return Holder("4c4c", "payments", RUN, "bob", "desk", 42, "", since, NOW - beat)


def held(by: Holder, *, dead: bool = False) -> JournalFound:
    return JournalFound("/j", exists=True, history=history(run()), holder=by, holder_dead=dead)


@pytest.mark.parametrize(
    ("found", "level", "step"),
    [
        (held(holder()), WARNING, f"hamr show {RUN}"),
        (held(holder(timedelta(minutes=20))), CRITICAL, f"hamr show {RUN}"),
        (held(holder(timedelta(minutes=20)), dead=True), WARNING, "hamr status payments"),
    ],
    ids=["at work", "silent", "gone"],
)
def test_who_holds_the_lock(found: JournalFound, level: Level, step: str) -> None:
    told = checks(answers(journal=found))["lock"]
    assert (told.planned, told.emergency, typed(told.next_steps)[0]) == (level, level, step)
    assert "bob on desk (process 42) holds the pair" in told.sentence


def test_a_silent_holder_can_be_unlocked_by_a_command_that_names_its_lock() -> None:
    told = checks(answers(journal=held(holder(timedelta(minutes=20)))))["lock"]
    assert typed(told.next_steps)[1] == "hamr unlock payments --lock-id 4c4c --reason TEXT"


def test_law_15_nobody_is_told_to_break_the_lock_of_a_process_that_was_stopped_on_this_machine() -> None:
    """It is refused: the process lives."""
    stopped = holder(timedelta(minutes=20))
    found = answers(journal=held(stopped))
    here = UnderWay(stopped, Status.ACTIVE, "declare", "write.answered", where=Whereabouts.RUNS)
    told = checks(replace(found, standing=replace(standing(), holder=stopped, under_way=here)))["lock"]
    assert typed(told.next_steps) == (f"hamr show {RUN}",)
    assert told.sentence.endswith("on this very machine. Ask them, or have it go on (kill -CONT 42).")


def test_a_run_that_is_under_way_was_not_left_open_and_its_write_in_flight_is_not_unknown() -> None:
    at_work = replace(run(), unknown={1: Attempt(1, S, Status.FAILOVER, "stamp", "declare")})
    found = JournalFound("/j", exists=True, history=history(at_work), holder=holder())
    assert verdicts(answers(journal=found)) == {"lock": (WARNING, WARNING)}

    assert verdicts(answers(journal=found)) == {"lock": (WARNING, WARNING)}


def test_law_15_a_transition_half_made_is_to_be_resumed_only_where_nobody_is_at_work_on_it() -> None:
    half = orgs(secondary=answered(shows(S, Status.FAILOVER, at=NOW, by=f"bob+hamr-{RUN}-1@desk")))
    at_work = replace(run(), transition="declare")
    left = JournalFound("/j", exists=True, history=history(at_work))
    held = replace(left, holder=holder())
    assert "is half made" in checks(answers(half, journal=held))["phase"].sentence
    assert "resume finishes it" in checks(answers(half, journal=left))["phase"].sentence
    assert "resume finishes it" not in checks(answers(half, journal=held))["phase"].sentence


def test_what_earlier_runs_left_behind() -> None:
    unknown = replace(run(), unknown={2: Attempt(2, S, Status.FAILOVER, "stamp", "declare")})
    found = answers(history=history(unknown, debts={RUN: Owed(P, Status.ACTIVE, RUN, NOW)}))
    told = checks(found)
    assert verdicts(found, "owed", "unknown", "open run") == {
        "owed": (CRITICAL, WARNING),
        "unknown": (CRITICAL, CRITICAL),
        "open run": (WARNING, WARNING),
    }
    assert typed(told["owed"].next_steps) == ("hamr resume payments",)
    assert typed(told["unknown"].next_steps) == (f"hamr show {RUN}", f"hamr resume {RUN}")
    assert typed(told["open run"].next_steps) == (f"hamr resume {RUN}",)
    assert "Payments EU (secondary)" in told["unknown"].sentence


def test_a_pair_that_cools_down_asks_first() -> None:
    found = answers(
        playbook=replace(PLAYBOOK, cool_down=timedelta(minutes=10)),
        history=history(run(DONE, at=NOW - timedelta(minutes=4))),
    )
    assert verdicts(found) == {"cooling down": (WARNING, WARNING)}
    assert typed(checks(found)["cooling down"].next_steps) == (f"hamr ack {RUN}",)
    assert "another 6 min" in checks(found)["cooling down"].sentence


def test_an_open_drill_keeps_planned_runs_off_and_no_emergency() -> None:
    drill = DrillHistory(
        "D1", "payments", "bob", "desk", NOW, events.DrillStarted(Status.ACTIVE, Status.PASSIVE)
    )
    found = answers(history=history(drills={"D1": drill}))
    assert verdicts(found) == {"drills": (CRITICAL, OK)}
    assert typed(checks(found)["drills"].next_steps) == ("hamr drill close D1 --notes TEXT",)


def records(*told: Event) -> list[Record]:
    return [
        Record(
            number,
            "2026-05-28T16:00:00.000000Z",
            RUN,
            "payments",
            event.kind,
            "",
            "",
            encode(event),
            GENESIS,
            "",
        )
        for number, event in enumerate(told, start=1)
    ]


def ended(hook: str, outcome: HookOutcome, when: When = When.AFTER) -> events.HookEnded:
    return events.HookEnded("declare", when, hook, outcome)


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        ([], ((RUN, "declare/dns"), (RUN, "declare/sync"))),
        ([ended("dns", HookOutcome.DONE)], ((RUN, "declare/sync"),)),
        ([ended("dns", HookOutcome.FAILED), ended("sync", HookOutcome.SKIPPED)], ((RUN, "declare/dns"),)),
        ([ended("dns", HookOutcome.DONE, When.BEFORE)], ((RUN, "declare/dns"), (RUN, "declare/sync"))),
    ],
)
def test_hooks_are_owed_until_each_has_ended_well(after: Sequence[Event], wanted: object) -> None:
    made = events.TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 1.0, 2, ("dns", "sync"))
    assert histories_of(records(STARTED, made, *after))["payments"].hooks_owed == wanted
    assert histories_of(records(STARTED, made, *after, DONE))["payments"].hooks_owed == (), (
        "it is not open any more"
    )


@pytest.mark.parametrize(
    ("date", "named"), [(NOW, True), (None, False)], ids=["it tells the time", "no time"]
)
def test_law_05_a_run_that_somebody_acknowledged_still_names_what_may_come(
    date: datetime | None, named: bool
) -> None:
    """Acknowledging ends a cooling down; the attempt's own time ends this, where its org tells any."""
    given_up, seen = (Attempt(number, S, Status.FAILOVER, f"stamp {number}", "declare") for number in (1, 2))
    shown = HamrRecord("uuid", int(Status.FAILOVER), False, seen.stamp, NOW, "peer", "Peer", "us1")
    told: tuple[Event, ...] = (
        STARTED,
        events.WriteIntended(given_up, Request("POST", "url", {}), None, date),
        events.WriteAnswered(given_up, Lost(Exchange(), "HTTP 502")),
        events.WriteIntended(seen, Request("POST", "url", {}), None, date),
        events.WriteConfirmed(S, Status.FAILOVER, shown, Change.OURS, 2),
        DONE,
        events.RunSuperseded("other"),
    )
    for more in ((), (events.RunAcknowledged("seen"),)):
        found = histories_of(records(*told, *more))["payments"].given_up()
        assert [each.attempt.number for each in found] == ([1] if named or not more else [])


def test_an_owed_hook_is_a_warning() -> None:
    owing = run()
    owing.hooks_owed = [("declare", "dns")]
    found = JournalFound("/j", exists=True, history=history(owing))
    assert verdicts(answers(journal=found), "hooks owed") == {"hooks owed": (WARNING, None)}
    assert typed(checks(answers(journal=found))["hooks owed"].next_steps) == (f"hamr resume {RUN}",)


def test_a_journal_that_cannot_be_believed_is_critical_and_nothing_is_told_from_it() -> None:
    found = JournalFound("/j", exists=True, problem=JournalDamaged("record 3: its hash is wrong"))
    told = checks(answers(journal=found))
    assert (told["journal"].planned, told["journal"].emergency) == (CRITICAL, CRITICAL)
    assert told["journal"].sentence.startswith(
        "Record 3: its hash is wrong. Nothing is sent on such a journal"
    )
    assert "owed" not in told


def test_a_journal_that_is_not_there_yet_is_made_by_the_first_run() -> None:
    found = JournalFound("/j", exists=False, history=history())
    assert (
        checks(answers(journal=found))["journal"].sentence
        == "There is no journal of a run here yet (/j): what is owed or unknown, and who holds the lock, is not known on this "
        "machine. The first run makes it."
    )
    assert verdicts(answers(journal=found)) == {}


def test_law_20_what_was_never_written_down_is_not_told_to_be_well() -> None:
    nothing = replace(history(), unjournalled="/j")
    told = checks(answers(journal=JournalFound("/j", exists=True, history=nothing)))
    assert "is not known on this machine" in told["journal"].sentence
    assert {"lock", "owed", "unknown", "open run"}.isdisjoint(told)


def plenty(_folder: Path) -> int:
    return ROOM


def test_a_journal_can_be_written_where_its_folder_or_the_first_one_that_exists_can(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b" / "journal.db"
    assert unwritable(place, os.access, plenty) == ""
    assert not place.parent.exists()
    denied = unwritable(place, lambda path, _: path != tmp_path, plenty)
    assert denied == f"the folder {tmp_path} cannot be written"


@pytest.mark.parametrize("name", ["journal.db", "journal.db-journal", "journal.db-wal", "journal.db-shm"])
def test_a_file_of_the_journal_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    found = unwritable(tmp_path / "journal.db", lambda path, _: path != tmp_path / name, plenty)
    assert found == f"{tmp_path / name} cannot be written"


def test_law_16_a_journal_with_a_second_name_is_said_before_a_run_finds_out(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    place.touch()
    (tmp_path / "second.db").hardlink_to(place)
    assert unwritable(place, os.access, plenty) == (
        f"{place} has 2 names (hard links), and a journal must have one"
    )


def test_a_disk_that_is_nearly_full_is_said_before_a_run_finds_out(tmp_path: Path) -> None:
    assert (
        unwritable(tmp_path / "j", os.access, lambda _: ROOM - 1) == f"the disk of {tmp_path} has 63 MiB left"
    )
    found = JournalFound("/j", exists=True, unwritable="the disk of / has 1 MiB left", history=history())
    assert verdicts(answers(journal=found)) == {"writable": (CRITICAL, CRITICAL)}


def hooked(transition: str, when: When, hook: Hook) -> Playbook:
    return changed(PLAYBOOK, transition, **{when.value: (hook,)})


STOP = Hook("stop-sync", Program(("./bin/stop-sync", "now")))


@pytest.mark.parametrize(
    ("transition", "when", "hook", "wanted"),
    [
        ("declare", When.BEFORE, STOP, (CRITICAL, WARNING)),
        ("declare", When.AFTER, STOP, (WARNING, WARNING)),
        ("declare", When.BEFORE, replace(STOP, emergency=InEmergency.SKIP), (CRITICAL, None)),
        ("recover", When.BEFORE, STOP, (CRITICAL, None)),
    ],
)
def test_a_hooks_program_that_is_missing(transition: str, when: When, hook: Hook, wanted: object) -> None:
    book = hooked(transition, when, hook)
    assert programs(book) == ["./bin/stop-sync"]
    assert verdicts(answers(playbook=book)) == {}
    missing = answers(playbook=book, missing=frozenset({"./bin/stop-sync"}))
    assert verdicts(missing) == {f"hook {transition}/stop-sync": wanted}


def test_what_a_person_does_needs_no_program() -> None:
    assert not programs(hooked("declare", When.AFTER, Hook("dns", Manual("Flip it."))))


def programs(playbook: Playbook) -> list[str]:
    return [program for transition in playbook.transitions for _, _, program in transition.programs()]


def test_a_playbook_without_objectives_and_an_operator_without_a_name_are_warnings() -> None:
    assert verdicts(answers(playbook=replace(PLAYBOOK, objectives={}))) == {"objectives": (WARNING, None)}
    assert verdicts(answers(operator="unknown")) == {"operator": (WARNING, WARNING)}

"""The journal as people read it: every event in its line, with nothing hostile in it; the runs, and one of them record by record."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import copy_context
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.cli.console import STYLES
from orchestrator.model import events
from orchestrator.model.events import EVENT_TYPES, ChangeSeen, Event, HookEnded, NameLearned, Waiting, encode
from orchestrator.model.journal import Record
from orchestrator.model.plain import JSON, timestamp
from orchestrator.model.playbook import HookOutcome, When
from orchestrator.model.reading import Change, Exchange, Lost, Unreachable, Unrecognised
from orchestrator.model.run import Mode
from orchestrator.model.situation import OpenDrill
from orchestrator.model.status import Both, Role, Status
from orchestrator.report.describe import describe_event, event_details, reading_words
from orchestrator.report.journal import DrillSummary, RunSummary, runs_facts, show_facts
from orchestrator.report.layout import called, cells, fit, plain_text

from .happened import ATTEMPT, SAID, STARTED
from .scenes import HASH, NOW, PAIR, RUN, P, S, lines, reading, record


def raw(seq: int, kind: str, data: dict[str, JSON], seconds: float = 0.0, by: str = "alice") -> Record:
    at = timestamp(NOW + timedelta(seconds=seconds))
    return Record(seq, at, RUN, "payments", kind, by, "laptop", data, HASH, HASH)


def records(*told: Event) -> list[Record]:
    """A second and a quarter between each of them."""
    return [raw(7 + place, event.kind, encode(event), 1.25 * place) for place, event in enumerate(told)]


def told(of: Sequence[Record]) -> list[str]:
    """The timeline, without the three lines above it."""
    shown = lines(show_facts(of)[0])
    return shown[3:]


def test_what_an_org_answered_that_was_not_seen_is_told_too() -> None:
    busy = replace(reading(S, Unreachable("busy")), exchange=Exchange(0.052, 503, NOW, "req-1"))
    read = events.SituationRead("start", Both(reading(P), busy))
    assert told(records(read))[2:] == [
        "  16:40:00.0  Read (start): the primary PASSIVE; the secondary not seen: no usable answer (busy)",
        "              primary: PASSIVE, changed 2026-05-27 09:30:00 UTC by alice@example.com; HTTP 200,",
        "                answered in 52 ms, server's clock 2026-05-28 16:40:00 UTC, request id req-1",
        "              secondary: HTTP 503, answered in 52 ms, server's clock 2026-05-28 16:40:00 UTC,",
        "                request id req-1",
    ]


def test_a_foreign_change_shows_what_was_seen_and_what_was_expected() -> None:
    event = events.ChangeSeen(
        P, Change.FOREIGN, "bob@example.com changed it", record(P, 4, "bob@example.com"), record(P)
    )
    assert told(records(event))[2:] == [
        "  16:40:00.0  the primary has changed (foreign): bob@example.com changed it",
        "              seen: ACTIVE, changed 2026-05-27 09:30:00 UTC by bob@example.com",
        "              last seen before: PASSIVE, changed 2026-05-27 09:30:00 UTC by alice@example.com",
    ]


def test_what_a_broken_answer_said_is_shown() -> None:
    answer = Lost(Exchange(1.5, 502, excerpt="<html>Bad Gateway"), "502 Bad Gateway")
    assert told(records(events.WriteAnswered(ATTEMPT, answer)))[2:] == [
        "  16:40:00.0  the secondary gave no clear answer, so reading has to tell what became of it: 502 Bad",
        "              Gateway",
        "              HTTP 502, answered in 1.5 s",
        "              said: <html>Bad Gateway",
    ]


def test_a_resumed_run_names_everyone_who_was_at_it_and_each_new_day() -> None:
    resumed = encode(events.RunResumed(Mode.EMERGENCY, "us1 is down", {"settled": "ok"}))
    shown = lines(
        show_facts(
            [raw(1, "run.started", encode(STARTED)), raw(9, "run.resumed", resumed, 40000.0, by="bob")]
        )[0]
    )
    assert shown[1] == "  by            alice on laptop, bob on laptop"
    assert shown[-4:] == [
        "2026-05-29, times in UTC",
        "  03:46:40.0  The run is taken up again, now in emergency mode",
        "              reason: us1 is down",
        "              override settled: ok",
    ]


def test_a_record_of_a_newer_version_or_a_spoilt_one_is_shown_as_it_is() -> None:
    shown = told(
        [raw(1, "probe.read", {"name": "traffic"}), raw(2, "transition.made", {"transition": "declare"})]
    )
    assert shown[2:] == [
        '  16:40:00.0  probe.read: {"name":"traffic"}',
        '  16:40:00.0  transition.made: {"transition":"declare"}',
    ]


def test_a_run_without_records_says_so() -> None:
    assert lines(show_facts([])[0]) == ["This journal has no records of that run."]


def test_every_event_can_be_told_in_100_columns_but_for_what_is_copied() -> None:
    journalled = [event for event, _ in SAID if event.kind]
    page = show_facts(records(*journalled))[0]
    assert max(cells(text) for text in lines(page)) <= 100


def test_hostile_records_are_neutralised() -> None:
    hostile = "\x1b[2J\nforged line" + "x" * 9000
    page = show_facts(
        [
            raw(1, hostile, {"x": hostile}, by=hostile),
            raw(2, "name.learned", {"name": hostile, "role": "PRIMARY"}),
            raw(
                3,
                "change.seen",
                encode(events.ChangeSeen(P, Change.FOREIGN, hostile, record(P, 4, hostile), None)),
            ),
        ]
    )[0]
    text = plain_text(page)
    assert all(character == "\n" or character.isprintable() for character in text)
    assert not any(shown.startswith("forged") for shown in text.splitlines())
    assert len(text) < 6000


def test_the_document_has_the_records_without_the_playbooks_text() -> None:
    written = show_facts(records(STARTED))[1]
    assert list(written) == ["schema", "run", "pair", "records"]
    assert (written["schema"], written["run"], written["pair"]) == ("hamr/show/1", RUN, "payments")
    facts = written["records"]
    assert isinstance(facts, list)
    first = facts[0]
    assert isinstance(first, dict)
    assert list(first) == ["seq", "at", "kind", "by", "host", "data", "hash"]
    assert (first["seq"], first["kind"], first["hash"]) == (7, "run.started", HASH)
    data = first["data"]
    assert isinstance(data, dict)
    assert "playbook_text" not in data
    assert data["goal"] == "ACTIVE"
    assert show_facts([])[1] == {"schema": "hamr/show/1", "run": None, "pair": None, "records": []}


DONE = RunSummary(
    RUN,
    "payments",
    Status.ACTIVE,
    Mode.PLANNED,
    "alice",
    "laptop",
    NOW,
    NOW + timedelta(seconds=78),
    "done",
    0,
    False,
)
OPEN = RunSummary(
    "20260528-170000-abcd",
    "payments",
    Status.PASSIVE,
    Mode.EMERGENCY,
    "bob",
    "laptop2",
    NOW,
    None,
    "",
    None,
    True,
    "20260528-150000-abcd",
)
ADOPTED = RunSummary(
    "20260528-180000-zzzz",
    "a-pair-with-a-very-long-name",
    None,
    Mode.PLANNED,
    "carol@example.com",
    "workstation-17",
    NOW,
    NOW + timedelta(hours=2),
    "incomplete",
    6,
    True,
)


def test_runs_are_listed_and_open_ones_come_with_their_command() -> None:
    assert lines(runs_facts([DONE, OPEN, ADOPTED])[0]) == [
        "run                   pair          goal        started, UTC  by            took        end",
        "20260528-163000-k3f9  payments      ACTIVE      05-28 16:40   alice@laptop  1 min 18 s  done (0)",
        "20260528-170000-abcd  payments      PASSIVE     05-28 16:40   bob@laptop2   -           not ended",
        "                                    emergency",
        "20260528-180000-zzzz  a-pair-with-  -           05-28 16:40   carol@exampl  2 h         incomplete",
        "                      a-very-long-                            e.com@workst              (6)",
        "                      name                                    ation-17",
        "",
        "Open, and can be resumed",
        "  hamr resume 20260528-170000-abcd",
        "  hamr resume 20260528-180000-zzzz",
    ]


def test_the_list_fits_whatever_the_names_are() -> None:
    endless = replace(ADOPTED, pair="\x1b[31m" + "p" * 900, by="東" * 300, end="x" * 90)
    text = plain_text(runs_facts([endless])[0])
    assert max(cells(shown) for shown in text.splitlines()) <= 100
    assert all(character == "\n" or character.isprintable() for character in text)


def test_on_a_narrow_page_the_ids_stay_whole() -> None:
    def narrow() -> list[str]:
        fit(80)
        return lines(runs_facts([DONE, ADOPTED], [], [REHEARSED])[0])

    shown = copy_context().run(narrow)
    assert max(map(cells, shown)) <= 80
    assert [text.split()[0] for text in shown if text.startswith("2026")] == [
        "20260528-163000-k3f9",
        "20260528-180000-zzzz",
        "20260528-150000-abcd",
    ]


def test_an_empty_journal_says_so() -> None:
    assert lines(runs_facts([])[0]) == [
        "This journal holds no runs.",
        "",
        "Next",
        "  hamr status",
        "      see where your pairs stand",
    ]


def test_the_documents_of_runs() -> None:
    assert runs_facts([DONE, OPEN])[1] == {
        "schema": "hamr/runs/1",
        "runs": [
            {
                "run": RUN,
                "pair": "payments",
                "goal": "ACTIVE",
                "mode": "planned",
                "by": "alice",
                "host": "laptop",
                "started_at": "2026-05-28T16:40:00.000000Z",
                "finished_at": "2026-05-28T16:41:18.000000Z",
                "seconds": 78.0,
                "end": "done",
                "exit_code": 0,
                "open": False,
                "drill": "",
                "fleet": "",
            },
            {
                "run": "20260528-170000-abcd",
                "pair": "payments",
                "goal": "PASSIVE",
                "mode": "emergency",
                "by": "bob",
                "host": "laptop2",
                "started_at": "2026-05-28T16:40:00.000000Z",
                "finished_at": None,
                "seconds": None,
                "end": "",
                "exit_code": None,
                "open": True,
                "drill": "20260528-150000-abcd",
                "fleet": "",
            },
        ],
        "open_drills": [],
        "drills": [],
        "journal_exists": True,
    }


REHEARSED = DrillSummary(
    "20260528-150000-abcd",
    "sim-abcd",
    True,
    "somebody-else-writes",
    Status.ACTIVE,
    "alice@laptop",
    NOW,
    NOW + timedelta(seconds=78),
    True,
    (RUN,),
)


def test_drills_are_listed_where_they_are_asked_for() -> None:
    left = replace(REHEARSED, pair="payments", simulated=False, scenario="", closed_at=None, passed=None)
    assert lines(runs_facts([], [], [REHEARSED, left])[0]) == [
        "This journal holds no runs.",
        "",
        "Drills",
        "drill                 pair      scenario              started, UTC  took        end",
        "20260528-150000-abcd  sim-abcd  somebody-else-writes  05-28 16:40   1 min 18 s  passed",
        "20260528-150000-abcd  payments  live                  05-28 16:40   -           not closed",
        "",
        "Next",
        "  hamr status",
        "      see where your pairs stand",
    ]
    assert lines(runs_facts([], [], [])[0])[2:4] == ["Drills", "There are none."]
    assert runs_facts([], [], [REHEARSED])[1]["drills"] == [
        {
            "drill": "20260528-150000-abcd",
            "pair": "sim-abcd",
            "simulated": True,
            "scenario": "somebody-else-writes",
            "goal": "ACTIVE",
            "by": "alice@laptop",
            "started_at": "2026-05-28T16:40:00.000000Z",
            "closed_at": "2026-05-28T16:41:18.000000Z",
            "seconds": 78.0,
            "passed": True,
            "end": "passed",
            "runs": [RUN],
        }
    ]
    assert replace(REHEARSED, passed=False).end == "missed"


def test_a_drill_that_nobody_closed_is_pointed_out_with_the_command_that_closes_it() -> None:
    drill = OpenDrill("20260528-150000-abcd", NOW, "alice@laptop", Status.ACTIVE, Status.PASSIVE)
    assert lines(runs_facts([], [("payments", drill)])[0]) == [
        "This journal holds no runs.",
        "",
        "Drills that nobody has closed",
        "  drill         20260528-150000-abcd, pair payments, to ACTIVE and home to PASSIVE, begun by",
        "                alice@laptop",
        "  hamr drill close 20260528-150000-abcd --notes TEXT",
    ]
    assert runs_facts([], [("payments", drill)])[1]["open_drills"] == [
        {
            "pair": "payments",
            "drill": "20260528-150000-abcd",
            "started_at": "2026-05-28T16:40:00.000000Z",
            "by": "alice@laptop",
            "goal": "ACTIVE",
            "home": "PASSIVE",
        }
    ]


def test_law_15_a_run_that_a_process_is_at_work_on_is_watched_and_not_offered_to_be_resumed() -> None:
    page = lines(runs_facts([DONE, OPEN], held={OPEN.run})[0])
    assert page[-2:] == ["Under way, by a process that may well live", f"  hamr status {OPEN.pair} --watch"]
    assert not any("hamr resume" in each for each in page)


def who(role: Role) -> str:
    return called(PAIR[role].name, role)


@pytest.mark.parametrize(("event", "said"), SAID, ids=[type(event).__name__ for event, _ in SAID])
def test_an_event_is_told_in_one_line(event: Event, said: str) -> None:
    spans = describe_event(event, who)
    assert plain_text((spans,)) == said + "\n"
    assert {span.style for span in spans} <= {"", *STYLES}


def test_no_event_is_left_out() -> None:
    assert {type(event) for event, _ in SAID} == set(EVENT_TYPES)


def test_an_emergency_is_said_from_the_start() -> None:
    spans = describe_event(replace(STARTED, mode=Mode.EMERGENCY), who)
    assert plain_text((spans,)) == "Run of pair payments to ACTIVE, in emergency mode\n"


@pytest.mark.parametrize(
    "event",
    [
        NameLearned("\x1b[2J\nfake line" + "x" * 9000, P),
        ChangeSeen(P, Change.FOREIGN, "\x1b[2J\n" + "x" * 9000, None, None),
        Waiting("\x9b1A\r" + "x" * 9000, 3.0),
        replace(STARTED, pair="\x1b]0;owned\x07"),
    ],
)
def test_hostile_texts_stay_on_their_line(event: Event) -> None:
    text = plain_text((describe_event(event, who),))
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    assert len(text) < 600


def test_a_reading_without_a_known_status_is_said_as_what_it_is() -> None:
    assert reading_words(reading(P, Unrecognised(record(P, 9)))).text == "9, not known to this version"
    assert reading_words(None).text == "left out"


def test_the_timeline_shows_the_ends_of_what_a_hook_printed() -> None:
    output = "\n".join(f"line {number}" for number in range(1, 11))
    ended = HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.FAILED, "exit code 1", 1, output, 1.0)
    assert plain_text(event_details(ended, indent=2)).splitlines() == [
        "  | line 1",
        "  | line 2",
        "  | line 3",
        "  | … 4 lines …",
        "  | line 8",
        "  | line 9",
        "  | line 10",
    ]

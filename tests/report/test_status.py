"""Where a pair stands, side by side, in at most 100 columns."""

from __future__ import annotations

from contextvars import copy_context
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.journal import Head, Holder
from orchestrator.model.reading import (
    Absent,
    Change,
    Denied,
    Exchange,
    Hampered,
    Identity,
    Present,
    Sight,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import Attempt, Mode
from orchestrator.model.situation import (
    LeftByHand,
    OpenDrill,
    OpenRun,
    Owed,
    PairStatus,
    Phase,
    PhaseName,
    Scheduled,
    UnderWay,
)
from orchestrator.model.status import Both, Status
from orchestrator.report.documents import to_json
from orchestrator.report.layout import cells, fit, plain_text
from orchestrator.report.status import standing_page, status_json, status_page, watched_page
from tests.steps import typed

from .scenes import (
    CANARY,
    HASH,
    NOW,
    PAIR,
    PLAYBOOK,
    RUN,
    UUIDS,
    YESTERDAY,
    P,
    S,
    lines,
    looked,
    reading,
    record,
    standing,
    words,
)

HOLDER = Holder("ab12", "payments", RUN, "bob", "laptop2", 42, "", NOW, NOW)


def page(of: PairStatus) -> list[str]:
    return lines(status_page(looked(of), PLAYBOOK))


@pytest.mark.parametrize(
    ("sight", "status", "because"),
    [
        (Unrecognised(record(P, 6)), "6, not known to this version", None),
        (Absent(), "no HAMR record (404)", None),
        (Denied("403 Forbidden"), "not seen: our keys are denied", "403 Forbidden"),
        *(
            (Hampered("why", "what to do", trouble), status, "why")
            for trouble, status in (
                (Trouble.TRUST, "not asked: its certificate isn't trusted"),
                (Trouble.PROXY, "not asked: no way past the proxy"),
                (Trouble.MIDDLEBOX, "not seen: something else answered"),
            )
        ),
        (Unreachable("timed out after 10 s"), "not seen: no answer", "timed out after 10 s"),
        (Unreadable("the body is HTML"), "not seen: no HAMR record in its answer", "the body is HTML"),
    ],
)
def test_an_org_that_shows_no_status_says_why(sight: Sight, status: str, because: str | None) -> None:
    shown = page(replace(standing(), readings=Both(reading(P, sight), reading(S))))
    assert shown[5].startswith(f"  status        {status}  ")
    reasons = [text for text in shown if text.startswith("  because")]
    assert reasons == ([] if because is None else [f"  because       {because}"])


def test_an_org_that_answers_with_an_error_is_not_said_to_be_silent() -> None:
    busy = replace(reading(P, Unreachable("HTTP 429")), exchange=Exchange(0.1, 429))
    shown = page(replace(standing(), readings=Both(busy, reading(S))))
    assert shown[5].startswith("  status        not seen: no usable answer  ")


def test_the_case_of_a_uuid_does_not_matter() -> None:
    identities = Both(Identity(P, UUIDS.primary.upper()), Identity(S, UUIDS.secondary))
    assert "  keys          this org's                                this org's" in page(
        replace(standing(), identities=identities)
    )


def test_law_15_what_is_owed_is_settled_by_what_settles_the_run_that_owes_it() -> None:
    adopt = next_step.adopt("payments", S)
    stopped = OpenRun(RUN, Status.ACTIVE, Status.PASSIVE, "", Mode.EMERGENCY, stopped_for=Change.FOREIGN)
    of = replace(
        standing(),
        owed=Owed(P, Status.ACTIVE, RUN, YESTERDAY),
        open_run=stopped,
        phase=replace(standing().phase, name=PhaseName.BEHIND),
        next_steps=(adopt,),
    )
    left = status_json(of)["left_to_do"]
    assert isinstance(left, list)
    assert [each["command"] for each in left] == [adopt.command, adopt.command]  # type: ignore[call-overload,index]


def test_law_09_a_teams_journal_that_was_left_is_named() -> None:
    of = replace(standing(), journal_left="postgresql://db/ops")
    assert "  not seen      postgresql://db/ops" in page(of)
    assert "  not seen      postgresql://db/ops" in lines(watched_page(of, PLAYBOOK, beside_run=False))
    assert status_json(of)["journal_left"] == "postgresql://db/ops"


def test_law_15_what_a_journal_that_cannot_be_reached_would_refuse_is_not_offered() -> None:
    emergency = "hamr run payments --to ACTIVE --emergency --reason TEXT"
    adopt = "hamr adopt payments --truth primary --reason TEXT"
    offered = ("hamr plan payments --to ACTIVE", emergency, "hamr resume payments", adopt)
    unseen = replace(standing(), journal_left="postgresql://db/ops")
    assert typed(looked(unseen, *offered).next_steps) == (emergency, "hamr status payments")
    known_here = replace(unseen, open_run=OpenRun(RUN, Status.ACTIVE, None, "declare", Mode.PLANNED))
    assert typed(looked(known_here, *offered).next_steps) == (
        emergency,
        *offered[2:3],
        "hamr status payments",
    )


def test_a_dead_holder_is_called_gone() -> None:
    holder = Holder("ab12", "payments", RUN, "bob", "laptop2", 42, "", NOW, NOW)
    run = OpenRun(RUN, Status.ACTIVE, None, "")
    shown = " ".join(page(replace(standing(), holder=holder, holder_dead=True, open_run=run)))
    assert "that process is gone" in shown
    assert f"Take run {RUN} up again" in shown
    assert "still goes on" not in shown, "nobody is sent to see what is known"


HOSTILE = "\x1b[2J\x1b[31m" + "x" * 5000 + "\n\x9bowned\u202e" + "東" * 300


def test_hostile_and_endless_texts_stay_in_their_columns() -> None:
    bad = replace(record(P, 2, by=HOSTILE), target_name=HOSTILE, target_datacenter=HOSTILE, modified_at=None)
    orgs = Both(replace(PAIR[P], name=HOSTILE, datacenter="x" * 90), PAIR[S])
    of = replace(
        standing(),
        pair=replace(PAIR, orgs=orgs),
        readings=Both(reading(P, Present(bad, Status.PASSIVE)), reading(S, Unreachable(HOSTILE))),
        identities=Both(Identity(P, HOSTILE), Identity(S, None, HOSTILE)),
        owed=Owed(P, Status.ACTIVE, RUN, YESTERDAY),
        phase=replace(standing().phase, sentence=HOSTILE),
        holder=Holder("ab12", "payments", RUN, HOSTILE, HOSTILE, 42, "", NOW, NOW),
    )
    text = plain_text(status_page(of, PLAYBOOK))
    assert all(character == "\n" or character.isprintable() for character in text)
    assert max(cells(shown) for shown in text.splitlines()) <= 100
    assert len(text.splitlines()) < 80
    assert "  changed at    not told " in text
    assert "\\x1b[2J\\x1b[31mxxx" in text


def test_an_open_drill_is_shown_with_the_command_that_closes_it() -> None:
    drill = OpenDrill("20260528-150000-abcd", YESTERDAY, "alice@laptop", Status.ACTIVE, Status.PASSIVE)
    shown = plain_text(status_page(looked(replace(standing(), open_drill=drill)), PLAYBOOK))
    assert "open drill    20260528-150000-abcd, to ACTIVE and home to PASSIVE, begun 1 d" in shown
    assert "hamr drill close 20260528-150000-abcd --notes TEXT" in shown


SCHEDULED = Scheduled(
    "20260528-160000-abcd", Status.ACTIVE, NOW + timedelta(hours=6, minutes=20), "bob@desk", Status.PASSIVE
)


def test_a_run_that_waits_for_its_time_is_named_with_how_to_cancel_it() -> None:
    shown = words(status_page(looked(replace(standing(), scheduled=(SCHEDULED,))), PLAYBOOK))
    assert (
        "run 20260528-160000-abcd of bob@desk goes to ACTIVE at 2026-05-28 23:00:00 UTC (in 6 h 20 min), where the "
        "pair stands at PASSIVE then, unless its process is gone"
    ) in shown
    assert "hamr cancel 20260528-160000-abcd" in shown


def test_before_a_question_nothing_is_said_of_what_to_type_next() -> None:
    whole = plain_text(status_page(looked(standing()), PLAYBOOK))
    said = plain_text(standing_page(standing(), PLAYBOOK))
    assert whole == said + "\nNext\n  hamr plan payments --to ACTIVE\n"


def test_the_document_has_its_schema_and_every_fact() -> None:
    attempt = Attempt(3, P, Status.ACTIVE, "stamp", "activate")
    of = replace(
        standing(),
        readings=Both(reading(P), reading(S, Unreachable("timed out"))),
        unknown=((RUN, attempt),),
        owed=Owed(P, Status.ACTIVE, RUN, YESTERDAY),
        open_run=OpenRun(RUN, Status.ACTIVE, None, ""),
        holder=HOLDER,
        under_way=UnderWay(HOLDER, Status.ACTIVE, "declare", "write.answered"),
        cooling_down_after=RUN,
        cooling_down_for=290.0,
        open_drill=OpenDrill("20260528-150000-abcd", NOW, "alice@laptop", Status.ACTIVE, Status.PASSIVE),
        scheduled=(SCHEDULED,),
    )
    assert status_json(looked(of)) == {
        "schema": "hamr/status/1",
        "pair": "payments",
        "at": "2026-05-28T16:40:00.000000Z",
        "phase": "agreed(PASSIVE)",
        "phase_name": "agreed",
        "phase_status": "PASSIVE",
        "sentence": "Both orgs show PASSIVE.",
        "next": [
            {
                "command": "hamr status payments --watch",
                "verb": "status",
                "subject": "payments",
                "options": ["--watch"],
                "why": "bob is at work on it: leave it, and watch",
            },
        ],
        "left_to_do": [
            {
                "text": f"Settle what Payments (primary) was owed since 2026-05-27 09:30:00 UTC (run {RUN}): ACTIVE. "
                "Both orgs show the same by now.",
                "command": "hamr resume payments",
            },
            {"text": "Close the drill.", "command": "hamr drill close 20260528-150000-abcd --notes TEXT"},
        ],
        "orgs": {
            "primary": {
                "name": "Payments",
                "uuid": "550e8400-e29b-41d4-a716-446655440000",
                "url": "https://api.datadoghq.com",
                "datacenter": "us1",
                "keys_of": "550e8400-e29b-41d4-a716-446655440000",
                "keys_are_this_orgs": True,
                "keys_reason": "",
                "reading": {
                    "said": "record",
                    "status": "PASSIVE",
                    "reason": None,
                    "record": {
                        "org_uuid": "550e8400-e29b-41d4-a716-446655440000",
                        "status": "PASSIVE",
                        "is_primary": True,
                        "modified_by": "alice@example.com",
                        "modified_at": "2026-05-27T09:30:00.000000Z",
                        "target_uuid": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                        "target_name": "Payments EU",
                        "target_datacenter": "eu1",
                        "datacenter": None,
                    },
                    "at": "2026-05-28T16:39:57.000000Z",
                    "round_trip_seconds": 0.052,
                    "http_status": 200,
                    "server_date": "2026-05-28T16:40:00.000000Z",
                    "request_id": "req-1",
                },
            },
            "secondary": {
                "name": "Payments EU",
                "uuid": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                "url": "https://api.datadoghq.eu",
                "datacenter": "eu1",
                "keys_of": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                "keys_are_this_orgs": True,
                "keys_reason": "",
                "reading": {
                    "said": "unreachable",
                    "status": None,
                    "reason": "timed out",
                    "record": None,
                    "at": "2026-05-28T16:39:57.000000Z",
                    "round_trip_seconds": 0.052,
                    "http_status": None,
                    "server_date": None,
                    "request_id": None,
                },
            },
        },
        "mirrors": "auto",
        "owed": {"org": "primary", "status": "ACTIVE", "run": RUN, "since": "2026-05-27T09:30:00.000000Z"},
        "unknown": [
            {
                "run": RUN,
                "attempt": 3,
                "org": "primary",
                "status": "ACTIVE",
                "stamp": "stamp",
                "transition": "activate",
                "purpose": "transition",
            }
        ],
        "may_come_late": [],
        "approvals_owed": [],
        "open_on_other_orgs": [],
        "known_as": None,
        "open_run": {
            "run": RUN,
            "goal": "ACTIVE",
            "start": None,
            "transition": "",
            "mode": "planned",
            "hooks_owed": [],
            "asking": "",
            "waiting": None,
            "under_way": False,
        },
        "open_drill": {
            "drill": "20260528-150000-abcd",
            "started_at": "2026-05-28T16:40:00.000000Z",
            "by": "alice@laptop",
            "goal": "ACTIVE",
            "home": "PASSIVE",
        },
        "scheduled": [
            {
                "run": "20260528-160000-abcd",
                "goal": "ACTIVE",
                "start_at": "2026-05-28T23:00:00.000000Z",
                "by": "bob@desk",
                "expect": "PASSIVE",
            }
        ],
        "under_way": {
            "run": RUN,
            "operator": "bob",
            "host": "laptop2",
            "since": "2026-05-28T16:40:00.000000Z",
            "goal": "ACTIVE",
            "transition": "declare",
            "last": "write.answered",
            "doing": "reading back",
        },
        "lock": {
            "id": "ab12",
            "run": RUN,
            "operator": "bob",
            "host": "laptop2",
            "process": 42,
            "taken_at": "2026-05-28T16:40:00.000000Z",
            "beat_at": "2026-05-28T16:40:00.000000Z",
            "holder_is_gone": False,
        },
        "cooling_down": {"after_run": RUN, "seconds": 290.0},
        "strangers": [],
        "journal": "/home/alice/.local/state/hamr/journal.db",
        "journal_exists": True,
        "journal_left": None,
        "head": {"seq": 41, "hash": HASH},
    }


def test_the_document_of_a_quiet_pair_says_null_for_what_is_not() -> None:
    quiet = status_json(standing())
    assert {
        key: quiet[key]
        for key in (
            "owed",
            "unknown",
            "may_come_late",
            "open_on_other_orgs",
            "open_run",
            "lock",
            "cooling_down",
        )
    } == {
        "owed": None,
        "unknown": [],
        "may_come_late": [],
        "open_on_other_orgs": [],
        "open_run": None,
        "lock": None,
        "cooling_down": None,
    }


def test_law_17_where_keys_are_found_is_no_part_of_a_status() -> None:
    text = plain_text(status_page(standing(), PLAYBOOK)) + to_json(status_json(standing()))
    assert CANARY not in text
    assert "api_key" not in text


@pytest.mark.parametrize(
    ("columns", "first"), [(89, "  primary       Payments,"), (90, "                primary")]
)
def test_below_90_columns_the_orgs_stand_one_below_the_other(columns: int, first: str) -> None:
    def narrow() -> list[str]:
        fit(columns)
        return page(standing())

    assert copy_context().run(narrow)[2].startswith(first)


def test_nothing_is_left_only_of_a_pair_at_rest_by_a_journal_that_can_tell() -> None:
    quiet = standing()
    assert "Left to do: Nothing." in page(quiet)
    midway = replace(quiet, phase=replace(quiet.phase, status=Status.FAILOVER))
    diverged = replace(quiet, phase=Phase(PhaseName.DIVERGED, "They differ.", ()))
    for other in (midway, diverged, replace(quiet, head=Head(0, "")), replace(quiet, elsewhere=(RUN,))):
        assert not any("Left to do" in text for text in page(other))


def test_what_the_last_run_left_to_people_stays_until_it_is_acknowledged() -> None:
    left = LeftByHand(RUN, ("declare/stop-sync",), ("Press the button.",), ("Traffic has not moved.",))
    shown = page(replace(standing(), left_by_hand=left))
    at = shown.index("Left to do")
    assert shown[at + 1 : at + 5] == [
        "  [ ] By hand: hook stop-sync of transition declare did not end well, and nothing runs it again.",
        "  [ ] By hand: Press the button.",
        "  [ ] Traffic has not moved.",
        f"  Done by hand? hamr ack {RUN}",
    ]


def test_a_run_that_stopped_for_somebody_elses_write_is_not_to_be_taken_up_again() -> None:
    run = OpenRun(RUN, Status.ACTIVE, Status.PASSIVE, "declare", stopped_for=Change.FOREIGN, ended=True)
    shown = " ".join(page(replace(standing(), open_run=run)))
    assert f"[ ] Settle what somebody else wrote: run {RUN} stays open until then." in shown
    assert "up again" not in shown

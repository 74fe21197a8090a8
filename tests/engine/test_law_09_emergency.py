"""Law 9: an emergency never waits for the dead region, and what is owed is told later, directly."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import (
    Event,
    GuardsJudged,
    GuardWaived,
    MirrorFound,
    OrgGivenUp,
    OwedSettled,
    TransitionIntended,
    TransitionRefused,
    WriteAnswered,
    WriteConfirmed,
    WriteOwed,
    decode,
    encode,
)
from orchestrator.model.floor import Floor
from orchestrator.model.guard import Guard, Quiet, Reachable
from orchestrator.model.org import Mirrors
from orchestrator.model.reading import (
    Absent,
    Change,
    Denied,
    Draft,
    Hampered,
    Present,
    Sight,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from orchestrator.situation.state import RunState
from tests.clock import START
from tests.playbooks import changed
from tests.steps import typed

from .fake import (
    DARK,
    PLAYBOOK,
    SERVER_ADVANCES,
    WAY_OUT,
    Bench,
    P,
    S,
    bench,
    dies,
    made,
    record,
    resumed,
    started,
)

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE, RECOVERY = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE, Status.RECOVERY
OTHER_ORG = "770e8400-e29b-41d4-a716-446655440000"
OLDER = record(P, PASSIVE, at=START - timedelta(days=40))
ALONE = ["POST secondary FAILOVER", "POST secondary ACTIVE"]


def emergency(**settings: object) -> Bench:
    return bench(mode=Mode.EMERGENCY, **settings)  # type: ignore[arg-type]


# Every kind of dead


NOT_SEEN: dict[str, Sight] = {
    "refused": Unreachable("connection refused"),
    "503": Unreachable("503 Service Unavailable"),
    "429": Unreachable("429 for another hour"),
    "tls": Unreachable("TLS: certificate has expired"),
    "html": Unreadable("HTML"),
    "403": Denied("403"),
    "no key": Hampered("PAYMENTS_PRIMARY_API_KEY is not set", "set it", Trouble.KEYS),
    "untrusted": Hampered("this machine does not trust its certificate", "ca: FILE", Trouble.TRUST),
    "404": Absent(),
    "status 9": Unrecognised(replace(record(P, PASSIVE), status=9)),
    "another org": Present(
        replace(record(P, PASSIVE), org_uuid="770e8400-e29b-41d4-a716-446655440000"), PASSIVE
    ),
    "another target": Present(
        replace(record(P, PASSIVE), target_uuid="770e8400-e29b-41d4-a716-446655440000"), PASSIVE
    ),
    "another role": Present(replace(record(P, PASSIVE), is_primary=False), PASSIVE),
    "no role": Present(replace(record(P, PASSIVE), is_primary=None), PASSIVE),
}


@pytest.mark.parametrize("sight", NOT_SEEN.values(), ids=NOT_SEEN)
async def test_law_09_whatever_is_no_good_record_counts_as_not_seen(sight: Sight) -> None:
    b = emergency()
    b.world.sights[P] = sight
    await b.drive(ACTIVE, End.OWING, P)
    assert b.world.posts() == ALONE
    assert len(b.notes.of(OrgGivenUp)) == 1
    assert b.world.log.count("GET primary within 2") == 1
    assert b.engine.run.state.owed == {P: ACTIVE}


async def test_law_09_an_org_that_shows_less_than_what_was_seen_of_it_counts_as_not_seen() -> None:
    b = emergency()
    newer = record(P, PASSIVE, "bob@example.com", START + timedelta(minutes=1))
    b.engine.run.state.floors[newer.org_uuid] = Floor(newer)
    await b.drive(ACTIVE, End.OWING, P)
    assert [event.reason for event in b.notes.of(OrgGivenUp)] == [
        "its record is older than what was seen of it"
    ]
    assert b.world.posts() == ALONE


async def test_law_09_a_black_hole_is_waited_for_once_for_its_deadline() -> None:
    b = emergency()
    b.world.silence[P] = 3600.0
    await b.drive(ACTIVE, End.OWING)
    assert b.clock.monotonic() - 1000 < 2.0 + 0.5
    assert [within for verb, role, within in b.world.deadlines if role is P] == [2.0, 2.0]


WAYS_HOME = changed(changed(PLAYBOOK, "abort", survivor=S), "recover", "settle", survivor=P)
"""Home from FAILOVER with the secondary alone, and from ACTIVE with the primary alone."""


@pytest.mark.parametrize(
    ("start", "dead", "sent"),
    [
        (ACTIVE, S, ["POST primary RECOVERY", "POST primary PASSIVE"]),
        (FAILOVER, P, ["POST secondary PASSIVE"]),
    ],
)
async def test_law_09_neither_of_two_orgs_that_may_be_the_survivor_is_waited_for_where_the_other_is_enough(
    start: Status, dead: Role, sent: list[str]
) -> None:
    b = bench(start, mode=Mode.EMERGENCY, playbook=WAYS_HOME)
    b.world.silence[dead] = 3600.0
    await b.drive(PASSIVE, End.OWING)
    assert b.world.posts() == sent
    assert [within for verb, role, within in b.world.deadlines if role is dead] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("last", "role", "end"),
    [
        (ACTIVE, P, End.OWING),
        (PASSIVE, P, End.OWING),
        (PASSIVE, S, End.OWING),
        (FAILOVER, S, End.OWING),
        (FAILOVER, P, End.REFUSED),
        (ACTIVE, S, End.REFUSED),
        (None, P, End.REFUSED),
    ],
)
async def test_law_09_an_org_that_is_at_the_goal_is_enough_where_the_other_was_last_seen_on_its_way(
    last: Status | None, role: Role, end: End
) -> None:
    b = bench(PASSIVE, mode=Mode.EMERGENCY, playbook=WAYS_HOME)
    if last is not None:
        seen = record(role.other, last)
        b.engine.run.state.floors[seen.org_uuid] = Floor(seen)
    b.world.sights[role.other] = DARK
    await b.drive(PASSIVE, end)
    assert b.world.posts() == []
    waited_for = None in (within for _, each, within in b.world.deadlines if each is role.other)
    assert waited_for == (end is End.REFUSED), "before it is refused, that org is asked for longer"


async def test_law_09_a_wrong_record_of_an_org_that_might_have_been_the_survivor_counts_as_not_seen() -> None:
    b = bench(ACTIVE, mode=Mode.EMERGENCY, playbook=WAYS_HOME)
    b.world.sights[S] = Present(replace(record(S, ACTIVE), target_uuid=OTHER_ORG), ACTIVE)
    await b.drive(PASSIVE, End.OWING)
    assert b.world.posts() == ["POST primary RECOVERY", "POST primary PASSIVE"]


async def test_law_09_keys_of_another_org_make_the_dead_org_unseen_and_unwritten() -> None:
    b = emergency()
    b.world.identities[P] = "770e8400-e29b-41d4-a716-446655440000"
    await b.drive(ACTIVE, End.OWING)
    assert b.world.posts() == ALONE


async def test_law_09_an_org_whose_gets_answer_and_whose_posts_never_do_is_given_up_after_one_try() -> None:
    b = emergency(script={P: ["black-hole"] * 9})
    await b.drive(ACTIVE, End.OWING)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER", "POST secondary ACTIVE"]
    assert b.clock.monotonic() - 1000 < 2.0 + 0.5
    assert ("POST", P, 2.0) in b.world.deadlines


@pytest.mark.parametrize(
    "answer", ["not-sent", "429", "429-long", "429-mute", "400", "403-rotated", "accepted-never"]
)
async def test_law_09_a_write_that_the_other_org_does_not_take_never_stops_the_run(answer: str) -> None:
    b = emergency(script={P: [answer] * 9})
    await b.drive(ACTIVE, End.OWING)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER", "POST secondary ACTIVE"]
    assert b.clock.monotonic() - 1000 < 4.0


async def test_law_09_an_org_that_dies_in_the_middle_is_left_out_from_then_on() -> None:
    b = emergency()

    def die(role: Role) -> None:
        if len(b.world.posts()) == 3:
            b.world.silence[P] = 3600.0

    b.world.before_read = die
    await b.drive(ACTIVE, End.OWING)
    assert b.world.statuses() == (FAILOVER, ACTIVE)
    assert b.engine.run.state.owed == {P: ACTIVE}


async def test_law_09_an_org_that_is_found_dead_in_the_check_before_its_write_is_not_written() -> None:
    b = emergency()

    def die(event: Event) -> None:
        if isinstance(event, WriteConfirmed):
            b.clock.advance(6)  # so that the check reads again
            b.world.sights[P] = DARK

    b.notes.on_tell = die
    await b.drive(ACTIVE, End.OWING, P)
    assert b.world.posts() == ALONE


async def test_law_09_an_org_that_dies_while_its_mirror_is_waited_for_is_waited_for_no_longer() -> None:
    b = emergency(mirrors=Mirrors.YES)
    b.clock.on_sleep.append(lambda: b.world.sights.update({P: DARK}))
    await b.drive(ACTIVE, End.OWING, P)
    assert b.clock.monotonic() - 1000 < 1.5


@pytest.mark.parametrize("dark", [(P, S), (S,)])
async def test_law_09_a_dead_survivor_is_refused_and_never_replaced_by_the_other(
    dark: tuple[Role, ...],
) -> None:
    b = emergency()
    b.world.sights.update(dict.fromkeys(dark, DARK))
    await b.drive(ACTIVE, End.REFUSED)
    assert b.world.posts() == []


@pytest.mark.parametrize("there_already", [False, True])
async def test_law_09_a_mislinked_survivor_is_refused(there_already: bool) -> None:
    b = emergency(start=ACTIVE if there_already else PASSIVE)
    if there_already:
        b.world.records[P] = record(P, FAILOVER)
    else:
        b.world.sights[P] = DARK
    b.world.identities[S] = OTHER_ORG
    await b.drive(ACTIVE, End.REFUSED)
    assert b.world.posts() == []


@pytest.mark.parametrize(
    "wrong",
    [{"org_uuid": OTHER_ORG}, {"target_uuid": OTHER_ORG}, {"is_primary": True}, {"is_primary": None}],
    ids="-".join,
)
async def test_law_09_a_survivor_whose_record_is_mislinked_is_refused_and_not_called_changed(
    wrong: dict[str, str | bool | None],
) -> None:
    b = emergency(dark=P)
    b.world.records[S] = replace(record(S, PASSIVE), **wrong)
    ending = await b.drive(ACTIVE, End.REFUSED, S)
    assert typed(ending.next_steps) == ("hamr check", "hamr status payments")
    assert (b.world.posts(), b.notes.changes()) == ([], [])


# The survivor, its order and its own deadline


async def test_law_09_the_survivor_is_written_first_whatever_the_order_of_writes() -> None:
    b = emergency(playbook=changed(PLAYBOOK, writes=(P, S)))
    await b.engine.drive(ACTIVE)
    assert b.world.posts() == WAY_OUT


async def test_law_09_the_survivor_keeps_the_usual_timeouts() -> None:
    b = emergency(dark=P)
    await b.engine.drive(ACTIVE)
    assert {within for _, role, within in b.world.deadlines if role is S} == {None}


async def test_law_09_transitions_back_home_that_name_another_survivor_do_not_shorten_the_first_look() -> (
    None
):
    """On a cycle every transition leads to every goal; only those of one way with one survivor count."""
    b = emergency(playbook=changed(PLAYBOOK, "recover", "settle", survivor=P), dark=P)
    await b.drive(ACTIVE, End.OWING)
    assert {within for _, role, within in b.world.deadlines if role is S} == {None}
    assert {within is not None and within <= 2.0 for _, role, within in b.world.deadlines if role is P} == {
        True
    }


async def test_law_09_an_org_that_some_way_needs_has_the_usual_timeouts_where_the_way_is_not_known_in_time() -> (
    None
):
    playbook = changed(changed(PLAYBOOK, "abort", survivor=S), "settle", survivor=P)
    b = emergency(playbook=playbook)
    b.world.records = {P: record(P, Status.FAILOVER), S: record(S, Status.FAILOVER)}
    b.world.sights[P] = DARK
    b.world.glitches[S] = [DARK, DARK]
    await b.drive(PASSIVE, End.OWING)
    for org in Role:
        first, *_ = asked = [within for _, role, within in b.world.deadlines if role is org]
        assert first == 2.0
        assert None in asked


async def test_law_09_a_primary_that_survives_is_as_good() -> None:
    playbook = changed(PLAYBOOK, "declare", "activate", survivor=P)
    b = emergency(playbook=playbook, dark=S)
    await b.drive(ACTIVE, End.OWING)
    assert b.world.posts() == ["POST primary FAILOVER", "POST primary ACTIVE"]
    again = emergency(playbook=playbook, world=b.world)
    ending = await again.engine.drive(ACTIVE)
    assert (ending.end, ending.org) == (End.OWING, S), "it stands at the goal, and says that it owes"


async def test_law_09_a_lost_write_to_the_survivor_is_read_back_and_sent_again() -> None:
    b = emergency(dark=P, script={S: ["lost"]})
    await b.drive(ACTIVE, End.OWING)
    assert b.world.posts() == ["POST secondary FAILOVER", *ALONE]


async def test_law_09_transitions_without_a_survivor_are_not_for_emergencies() -> None:
    b = emergency(start=ACTIVE, dark=P)
    await b.drive(PASSIVE, End.REFUSED, saying="names no survivor")
    assert b.world.posts() == []


async def test_law_09_a_move_of_the_servers_is_waited_for_on_the_survivor_alone() -> None:
    b = emergency(playbook=SERVER_ADVANCES, dark=P)

    def advance() -> None:
        if b.clock.monotonic() > 1004 and b.world.statuses()[1] is FAILOVER:
            b.world.foreign(S, ACTIVE, "datadog")

    b.clock.on_sleep.append(advance)
    await b.drive(ACTIVE, End.OWING, P)
    assert b.world.posts() == ["POST secondary FAILOVER"]
    assert b.engine.run.state.owed == {P: ACTIVE}


# Guards


GUARDED = replace(
    changed(PLAYBOOK, "declare", guards=("settled", "both", "survivor_answers")),
    guards={
        "settled": Guard("settled", Quiet(timedelta(minutes=5))),
        "both": Guard("both", Reachable((P, S))),
        "survivor_answers": Guard("survivor_answers", Reachable((S,))),
    },
)


async def test_law_09_guards_that_are_blind_because_of_the_dead_org_are_waived_and_listed() -> None:
    b = emergency(playbook=GUARDED, dark=P)
    await b.drive(FAILOVER, End.OWING)
    waived = [event.verdict.guard for event in b.notes.of(GuardWaived)]
    assert waived[0] == "alone"
    assert "settled" in waived
    assert "survivor_answers" not in waived
    (judged,) = b.notes.of(GuardsJudged)
    assert {verdict.guard for verdict in judged.verdicts} == {
        "linked",
        "fresh",
        "alone",
        "settled",
        "both",
        "survivor_answers",
    }


async def test_law_09_guards_of_the_survivor_are_not_waived() -> None:
    b = emergency(playbook=GUARDED, dark=P)
    b.world.foreign(S, PASSIVE)
    await b.drive(FAILOVER, End.REFUSED)
    (refused,) = b.notes.of(TransitionRefused)
    assert refused.guards == ("settled",)
    assert b.world.posts() == []


async def test_law_09_a_fresh_stamp_of_an_unknown_run_on_the_survivor_still_refuses() -> None:
    b = emergency(dark=P)
    b.world.foreign(S, PASSIVE, "carol+hamr-20261122-025900-zzzz-1@bastion")
    await b.drive(ACTIVE, End.REFUSED, saying="alone")


@pytest.mark.parametrize("over", [False, True])
async def test_law_12_an_emergency_that_is_at_its_goal_by_an_unknown_run_tells_the_other_org_by_name_alone(
    over: bool,
) -> None:
    """Both orgs live, so nothing is blind; no transition is made, so no transition's guards have judged it."""
    b = emergency(overrides={"alone": "carol is done"} if over else {})
    b.world.foreign(P, FAILOVER, "carol+hamr-20261122-025900-zzzz-2@bastion")
    b.world.foreign(S, ACTIVE, "carol+hamr-20261122-025900-zzzz-3@bastion")
    await b.drive(ACTIVE, End.DONE if over else End.REFUSED)
    assert b.world.posts() == (["POST primary ACTIVE"] if over else [])


async def test_law_12_an_emergency_that_is_at_its_goal_by_an_unknown_run_owes_the_dead_org() -> None:
    b = emergency(dark=P)
    b.world.foreign(S, ACTIVE, "carol+hamr-20261122-025900-zzzz-3@bastion")
    await b.drive(ACTIVE, End.OWING)
    assert b.world.posts() == []


# What is owed


async def test_law_09_each_transition_says_what_is_owed_by_then() -> None:
    b = emergency(dark=P)
    await b.engine.drive(ACTIVE)
    assert [(event.role, event.status) for event in b.notes.of(WriteOwed)] == [(P, FAILOVER), (P, ACTIVE)]


async def test_law_09_an_emergency_that_is_there_already_says_what_is_owed() -> None:
    b = emergency(start=ACTIVE)
    b.world.records[P] = record(P, PASSIVE)
    b.world.sights[P] = DARK
    await b.drive(ACTIVE, End.OWING, P)
    assert b.notes.of(WriteOwed)[0].status is ACTIVE
    assert b.world.posts() == []


async def test_law_09_an_emergency_tells_an_org_that_is_back_what_an_earlier_one_owed_it() -> None:
    b = emergency()
    b.notes.tell(started(FAILOVER, Mode.EMERGENCY))
    b.world.sights[P] = DARK
    await b.drive(FAILOVER, End.OWING)
    b.world.sights.clear()
    again = resumed(b)
    await again.drive(ACTIVE, End.DONE)
    assert again.world.statuses() == (ACTIVE, ACTIVE)
    assert again.engine.run.owed_now() is None
    assert again.notes.of(OwedSettled)[-1].role is P


async def test_law_09_a_planned_run_is_switched_to_emergency_between_its_writes() -> None:
    b = bench()
    b.notes.tell(started(ACTIVE))

    def dies(draft: Draft) -> None:
        if len(b.world.posts()) == 2:
            b.world.sights[P] = DARK

    b.world.before_write = dies
    b.world.script[P] = ["lost"] * 3
    await b.drive(ACTIVE, End.UNKNOWN)
    began = b.clock.monotonic()
    again = resumed(b, mode=Mode.EMERGENCY)
    await again.drive(ACTIVE, End.OWING, P)
    assert again.world.posts()[-1] == "POST secondary ACTIVE"
    assert again.clock.monotonic() - began < 2.5


async def test_law_09_one_answer_of_the_other_org_that_is_none_does_not_leave_it_out() -> None:
    b = emergency()
    b.world.glitches[P] = [DARK]
    await b.drive(ACTIVE, End.DONE)
    assert b.world.posts() == WAY_OUT


@pytest.mark.parametrize("sight", [Absent(), Present(OLDER, PASSIVE)], ids=["404", "older"])
async def test_law_09_an_other_org_that_shows_less_than_before_is_not_waited_for_by_whoever_goes_on(
    sight: Sight,
) -> None:
    b = bench()
    again = resumed(await dies(b, ACTIVE, made("declare")), mode=Mode.EMERGENCY)
    began, b.world.sights[P] = b.clock.monotonic(), sight
    await again.drive(ACTIVE, End.OWING, P)
    assert b.clock.monotonic() - began < 2.5


@pytest.mark.parametrize("arrives", [False, True])
async def test_law_09_a_write_that_was_in_flight_to_the_other_org_is_not_waited_for(arrives: bool) -> None:
    b = bench(script={P: ["lost-late" if arrives else "lost"]})
    b.clock.on_sleep.append(b.world.arrive_late)
    dead = await dies(b, ACTIVE, lambda event: isinstance(event, WriteAnswered) and event.attempt.role is P)
    again, began = resumed(dead, mode=Mode.EMERGENCY), b.clock.monotonic()
    await again.drive(ACTIVE, End.DONE)
    assert b.clock.monotonic() - began < 2.5
    assert b.world.statuses() == (ACTIVE, ACTIVE)


@pytest.mark.parametrize("answer", ["ok", "400", "429-long", "lost"])
async def test_law_09_a_late_write_on_the_other_org_never_holds_the_survivor_up(answer: str) -> None:
    """A planned run's write to it was lost, and the run is taken up as an emergency: it is told the status of now."""
    b = bench(playbook=changed(PLAYBOOK, "recover", survivor=S), script={P: ["lost-late"]})
    again = resumed(await dies(b, RECOVERY, made("declare")), mode=Mode.EMERGENCY)

    def late(event: Event) -> None:
        if isinstance(event, TransitionIntended) and event.target is RECOVERY:
            b.clock.advance(6)  # so that the check reads again
            b.world.arrive_late()
            b.world.script[P] = [answer]

    again.notes.on_tell = late
    await again.drive(RECOVERY, End.DONE if answer == "ok" else End.OWING)
    assert again.notes.changes().count(Change.LATE) == 1
    assert b.world.posts()[-2:] == ["POST secondary RECOVERY", "POST primary RECOVERY"]


# Mirrors


@pytest.mark.parametrize("mirrors", [Mirrors.YES, Mirrors.AUTO])
async def test_law_09_an_emergency_on_a_mirroring_pair_tells_each_status_once(mirrors: Mirrors) -> None:
    b = emergency(mirrors=mirrors, mirrored=True)
    await b.drive(ACTIVE, End.DONE)
    assert b.world.posts() == ALONE
    assert b.world.statuses() == (ACTIVE, ACTIVE)


async def test_law_09_an_emergency_gives_an_echo_no_more_than_the_deadline_before_it_tells_the_other_org() -> (
    None
):
    """Writing both sides of a pair that mirrors could set the survivor back."""
    b = emergency(mirrors=Mirrors.AUTO)
    await b.drive(ACTIVE, End.DONE)
    assert len(b.world.posts()) == 4
    assert 2.0 <= b.clock.monotonic() - 1000 < 2.5
    (found,) = b.notes.of(MirrorFound)
    assert found.mirrors is False


async def test_law_09_a_mirror_that_is_too_slow_for_an_emergency_is_owed_and_void_later() -> None:
    b = emergency(mirrors=Mirrors.YES)
    b.notes.tell(started(ACTIVE, Mode.EMERGENCY))
    await b.drive(ACTIVE, End.OWING)
    assert b.clock.monotonic() - 1000 < 4.0
    b.world.mirror(S)
    again = resumed(b, mode=Mode.PLANNED)
    await again.deliver(End.DONE)
    assert again.world.posts() == ALONE


def test_law_09_an_org_that_showed_the_survivors_status_when_it_was_seen_last_is_owed_nothing() -> None:
    memory = RunState("20261122-030000-test")
    memory.expected[P] = record(P, ACTIVE)
    memory.apply(OrgGivenUp(P, "time-out"))
    memory.apply(WriteConfirmed(S, FAILOVER, record(S, FAILOVER), Change.OURS, 1))
    assert memory.owed == {P: FAILOVER}
    memory.owed.clear()
    memory.apply(WriteConfirmed(S, ACTIVE, record(S, ACTIVE), Change.OURS, 2))
    assert memory.owed == {}


def test_the_memory_of_a_run_tells_what_is_owed_without_its_last_record() -> None:
    """The process may die between the confirmation and the record of the debt."""
    memory = RunState("20261122-030000-test")
    confirmed = WriteConfirmed(S, ACTIVE, record(S, ACTIVE), Change.OURS, 1)
    for event in (OrgGivenUp(P, "time-out"), confirmed):
        told = decode(event.kind, json.loads(json.dumps(encode(event))))
        assert told is not None
        memory.apply(told)
    assert memory.owed == {P: ACTIVE}

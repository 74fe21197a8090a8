"""A plan: what would be sent, to whom, and what if it goes wrong; refusals at the top."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.plan import Plan, PlannedTransition
from orchestrator.model.reading import Request
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Both, Status
from orchestrator.report.documents import to_json
from orchestrator.report.layout import Page, plain_text
from orchestrator.report.plan import full_plan_page, plan_json, plan_page, preview_page
from tests.steps import next_of, step

from .scenes import (
    ACTIVATE,
    CANARY,
    DECLARE,
    LINKED,
    MISLINKED,
    NOW,
    RUN,
    UNSEEN,
    UNSETTLED,
    YESTERDAY,
    P,
    S,
    decided,
    lines,
    plan,
    planned_transition,
    reading,
    words,
    write,
)


def one_transition(*verdicts: Verdict, refused_by: tuple[str, ...] = ()) -> PlannedTransition:
    """Declare, with one write."""
    return replace(
        planned_transition(DECLARE, *verdicts, refused_by=refused_by),
        writes=(write(S, Status.FAILOVER, "midway(declare)"),),
    )


def plan_page_of(of: Plan) -> Page:
    """The page of a plan, once it was decided what to type next."""
    return full_plan_page(decided(of))


def after(shown: Sequence[str], title: str) -> list[str]:
    """The lines of the page that follow one; of what to type next, those that are to be typed."""
    found = list(shown[list(shown).index(title) + 1 :])
    return [text for text in found if title != "Next" or not text.startswith("      ")]


def test_the_plan_above_the_question_says_the_same_but_what_to_type_next() -> None:
    shown = lines(preview_page(decided(plan())))
    assert shown[:-1] == lines(plan_page(decided(plan())))[: len(shown) - 1]
    assert shown[-1] == f"  run           {RUN}"


def test_a_plan_that_is_not_saved_shows_no_id_that_no_run_will_bear() -> None:
    stamped = one_transition(replace(LINKED, reason=f"carries the stamp of run {RUN}"))
    write_ = stamped.writes[0]
    body = {"modified_by": f"alice+hamr-{RUN}-1@laptop"}
    stamped = replace(stamped, writes=(replace(write_, request=replace(write_.request, body=body)),))
    of = plan(stamped)
    assert RUN not in plain_text(plan_page_of(of)) + plain_text(plan_page(decided(of)))
    assert '{"modified_by":"alice+hamr-RUN-1@laptop"}' in plain_text(plan_page_of(of))
    assert f"  run           {RUN}" in lines(full_plan_page(of, out="plan.json"))
    assert f'{{"modified_by":"alice+hamr-{RUN}-1@laptop"}}' in plain_text(full_plan_page(of, out="plan.json"))


def test_a_saved_plan_names_what_applies_it_unless_it_would_be_refused() -> None:
    assert after(lines(plan_page(decided(plan()), out="my plan.json")), "Next") == [
        "  hamr apply 'my plan.json'"
    ]
    assert next_of(plan_json(decided(plan()), out="plan.json")) == ["hamr apply plan.json"]
    refused = decided(plan(planned_transition(DECLARE, LINKED, UNSETTLED, refused_by=("settled",))))
    assert "hamr apply" not in plain_text(plan_page(refused, out="plan.json"))
    assert after(lines(plan_page(refused, out="plan.json")), "Next")[0] == "  hamr doctor payments"


def test_a_plan_that_is_refused_says_how_it_would_go_on_and_not_that_it_can_be_applied() -> None:
    refused = planned_transition(DECLARE, LINKED, UNSETTLED, UNSEEN, refused_by=("settled", "both_answer"))
    shown = lines(plan_page_of(plan(refused)))
    assert "If what refuses is overridden, and nothing goes wrong" in shown
    assert not any("can be applied" in text for text in shown)


def test_what_can_not_be_overridden_says_so_and_offers_no_command_that_would() -> None:
    shown = lines(
        plan_page_of(
            plan(planned_transition(DECLARE, MISLINKED, UNSETTLED, refused_by=("linked", "settled")))
        )
    )
    assert shown[4:6] == [
        "  fail     linked              the primary's keys are another org's",
        "           It can't be overridden.",
    ]
    assert after(shown, "Next") == ["  hamr status payments"]


def test_a_later_refusal_is_predicted_and_said_at_the_top_too() -> None:
    second = planned_transition(ACTIVATE, replace(UNSETTLED, predicted=True), refused_by=("settled",))
    shown = lines(plan_page_of(plan(planned_transition(DECLARE, LINKED), second)))
    assert " ".join(shown[3:5]) == (
        "REFUSED ON THE WAY: as things are predicted, a run would stop before transition activate and stay there."
    )
    assert shown[5:7] == [
        "  fail     settled             (predicted) Payments EU (secondary) was changed 2 min ago by",
        "                               bob@example.com",
    ]


def test_what_an_earlier_run_left_behind_refuses_before_the_first_transition() -> None:
    unknown = Verdict(
        "unknown", Outcome.FAIL, "nobody knows about attempt 3", why="hamr resume X reads it again."
    )
    shown = lines(plan_page_of(replace(plan(), before=(unknown,))))
    assert shown[3:7] == [
        "REFUSED: a run would not start, because of what an earlier one left behind.",
        "  fail     unknown             nobody knows about attempt 3",
        "           hamr resume X reads it again.",
        "           To go on all the same: --override unknown=REASON",
    ]
    assert after(shown, "Next")[1] == "  hamr run payments --to ACTIVE --override unknown=REASON"


def test_overridden_waived_and_not_binding_guards_are_marked() -> None:
    transition = replace(
        one_transition(LINKED, UNSETTLED, UNSEEN),
        overridden=("settled",),
        waived=("both_answer",),
        half_done=False,
    )
    request = RunRequest(
        "payments",
        Status.ACTIVE,
        overrides={"settled": "Bob is with us", "linked": "just in case", "reverted": "put back"},
    )
    shown = lines(plan_page_of(replace(plan(transition), request=request)))
    assert "  override      settled: Bob is with us" in shown
    assert "  override      linked: just in case (not needed: it passes)" in shown
    assert "  override      reverted: put back" in shown, "no verdict tells whether it was needed"
    guards = shown.index("  Guards")
    assert shown[guards + 2 : guards + 6] == [
        "    fail     settled             (overridden) Payments EU (secondary) was changed 2 min ago by",
        "                                 bob@example.com",
        "    unknown  both_answer         (waived: blind in this emergency) Payments (primary) did not answer",
        "  Writes",
    ]
    assert after(shown, "Next")[0] == (
        "  hamr run payments --to ACTIVE --override 'settled=Bob is with us' --override 'linked=just in case'"
        " --override 'reverted=put back'"
    )
    half_done = lines(plan_page_of(plan(replace(one_transition(LINKED, UNSETTLED), half_done=True))))
    assert (
        "  A write of this transition is in effect already: only linked, fresh and alone bind it."
        in half_done
    )
    assert any("(does not bind) Payments EU" in text for text in half_done)


def test_the_second_write_of_an_emergency_never_stops_it() -> None:
    request = RunRequest(
        "payments", Status.ACTIVE, Mode.EMERGENCY, "us1 is down", ref="INC-1", since=YESTERDAY
    )
    shown = lines(
        plan_page_of(replace(plan(planned_transition(DECLARE, LINKED)), request=request, mode=Mode.EMERGENCY))
    )
    assert "  mode          emergency: the survivor alone is enough" in shown
    assert "  reason        us1 is down" in shown
    second = shown.index(
        "    2. Payments (primary) is told FAILOVER, only if this pair turns out not to mirror"
    )
    assert shown[second + 3 : second + 5] == [
        "       if refused     the run goes on without this org, which is then owed the survivor's status",
        "       if lost        the run goes on without this org, which is then owed the survivor's status",
    ]
    assert after(shown, "Next")[0] == (
        "  hamr run payments --to ACTIVE --emergency --reason 'us1 is down' --ref INC-1 "
        "--since 2026-05-27T09:30:00.000000Z"
    )


def test_without_a_resend_a_lost_write_ends_as_unknown() -> None:
    shown = lines(plan_page_of(replace(plan(one_transition(LINKED)), resend=0)))
    at = next(number for number, text in enumerate(shown) if "if lost" in text)
    assert shown[at : at + 2] == [
        "       if lost        read back for up to 1 min, every 1 s; if it is not there and nothing else",
        "                      moved, the run ends as unknown (exit 7)",
    ]


def test_a_pair_that_is_there_already_sends_nothing() -> None:
    there = replace(plan(), transitions=(), ending="pair payments stands at ACTIVE, on both orgs")
    shown = lines(plan_page_of(there))
    assert after(shown, "If nothing goes wrong")[:3] == [
        "  pair payments stands at ACTIVE, on both orgs",
        "  The objective for ACTIVE is 15 min.",
        "  Nothing would be sent.",
    ]
    assert after(shown, "Next") == ["  hamr status payments"]


def test_a_goal_without_a_way_is_said_at_the_top() -> None:
    nowhere = replace(
        plan(),
        transitions=(),
        reachable=False,
        ending="The pair is diverged.",
        next_steps=(step("hamr adopt payments"),),
    )
    shown = lines(plan_page_of(nowhere))
    assert shown[3:5] == ["NO WAY: a run would not get to ACTIVE.", "  The pair is diverged."]
    assert after(shown, "Next") == ["  hamr adopt payments", "  hamr status payments"]


def test_an_assumed_plan_says_that_nothing_was_read() -> None:
    shown = lines(plan_page_of(replace(plan(one_transition(LINKED)), assumed=Status.PASSIVE)))
    assert (
        "  read          nothing: both orgs were assumed to stand at PASSIVE, so this plan can't be applied"
        in shown
    )
    assert after(shown, "Next") == ["  hamr status payments", "  hamr plan payments --to ACTIVE"]


def test_a_transition_of_the_servers_own_is_waited_for() -> None:
    transition = replace(one_transition(LINKED), writes=(), waits_for_server=True)
    assert "  Nothing is sent: the server makes this move by itself, and the run waits for it." in lines(
        plan_page_of(plan(transition))
    )


def test_the_age_of_readings_is_counted_to_when_the_plan_was_made() -> None:
    old = replace(reading(P), at=NOW - timedelta(minutes=5))
    shown = lines(plan_page_of(replace(plan(one_transition(LINKED)), readings=Both(old, reading(S)))))
    assert "  read          primary 5 min ago, secondary 3 s ago; made 2026-05-28 16:40:00 UTC" in shown


def test_another_playbook_is_named_in_the_next_command() -> None:
    shown = lines(plan_page_of(replace(plan(one_transition(LINKED)), playbook="onboarding")))
    assert after(shown, "Next")[0] == "  hamr run payments --to ACTIVE --playbook onboarding"


def test_bodies_and_urls_are_never_broken_and_never_raw() -> None:
    hostile = "\x1b[2J\n" + "x" * 300
    request = Request("POST", "https://api.datadoghq.eu/api/v2/hamr", {"name": hostile})
    transition = one_transition(replace(LINKED, reason=hostile))
    transition = replace(transition, writes=(replace(transition.writes[0], request=request, org=hostile),))
    text = plain_text(plan_page_of(replace(plan(transition), sentence=hostile, ending=hostile)))
    assert '       {"name":"\\u001b[2J\\n' + "x" * 300 + '"}\n' in text
    assert all(character == "\n" or character.isprintable() for character in text)


def test_the_document_carries_every_request_and_verdict() -> None:
    written = plan_json(plan(one_transition(LINKED, UNSETTLED, refused_by=("settled",))))
    assert list(written)[:4] == ["schema", "sent", "refused", "reachable"]
    assert (written["schema"], written["sent"], written["refused"]) == ("hamr/plan/1", "nothing", True)
    assert written["request"] == {
        "pair": "payments",
        "goal": "ACTIVE",
        "mode": "planned",
        "reason": "",
        "overrides": {},
        "ref": "",
        "since": None,
        "expect": None,
    }
    assert written["transitions"] == [
        {
            "name": "declare",
            "from": "PASSIVE",
            "to": "FAILOVER",
            "why": "The secondary is told that it is about to take over.",
            "verdicts": [
                {
                    "guard": "linked",
                    "outcome": "pass",
                    "reason": "both orgs are who the inventory says",
                    "why": "",
                    "predicted": False,
                    "judged_again": False,
                    "blind": None,
                    "overridable": False,
                },
                {
                    "guard": "settled",
                    "outcome": "fail",
                    "reason": "Payments EU (secondary) was changed 2 min ago by bob@example.com",
                    "why": "Somebody changed this pair in the last minutes. Ask them.",
                    "predicted": False,
                    "judged_again": False,
                    "blind": None,
                    "overridable": True,
                },
            ],
            "refused_by": ["settled"],
            "overridden": [],
            "waived": [],
            "waits_for_server": False,
            "half_done": False,
            "waits": [],
            "waits_seconds": 0.0,
            "asks": [],
            "missing_hooks": [],
            "stopped_by_hooks": [],
            "before": [],
            "after": [],
            "writes": [
                {
                    "org": "secondary",
                    "name": "Payments EU",
                    "status": "FAILOVER",
                    "request": {
                        "method": "POST",
                        "url": "https://api.datadoghq.eu/api/v2/hamr",
                        "body": {
                            "data": {
                                "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                                "attributes": {"hamr_status": 3},
                            }
                        },
                    },
                    "expected": {
                        "org_uuid": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                        "status": "PASSIVE",
                        "is_primary": False,
                        "modified_by": "alice@example.com",
                        "modified_at": "2026-05-27T09:30:00.000000Z",
                        "target_uuid": "550e8400-e29b-41d4-a716-446655440000",
                        "target_name": "Payments",
                        "target_datacenter": "us1",
                        "datacenter": None,
                    },
                    "stands_after": "midway(declare)",
                    "condition": "",
                }
            ],
        }
    ]
    assert written["timeouts_seconds"] == {"connect": 3.0, "read": 10.0, "total": 20.0}
    assert written["objectives_seconds"] == {"ACTIVE": 900.0, "PASSIVE": 14400.0}
    assert written["run"] == RUN


def test_law_17_a_plan_shows_nothing_of_where_keys_are_found() -> None:
    text = plain_text(plan_page_of(plan())) + to_json(plan_json(plan()))
    assert CANARY not in text


def test_a_plan_without_a_journal_says_so_above_the_question() -> None:
    page = words(preview_page(replace(plan(), unjournalled="/j")))
    assert (
        "nothing: there is no journal of a run here yet (/j): what is owed or unknown, and who holds the lock, is not known"
        in page
    )
    assert "no journal" not in " ".join(lines(preview_page(plan())))

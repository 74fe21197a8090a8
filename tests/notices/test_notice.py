"""What is told of an event, and to which org."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.journal import Head
from orchestrator.model.org import Occasion, Secret
from orchestrator.model.playbook import Asks, Question, Transition
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.status import Role, Status
from orchestrator.notices import About, Notice, notice_of
from orchestrator.notices.notice import Alert, event_body
from orchestrator.system.redaction import Redactor
from tests.playbooks import changed
from tests.report.happened import SAID
from tests.steps import step

from .facts import DARK, RUN, P, S, about, begun, read, shipped, shows, started

HEAD = Head(41, "ab" * 32)
AT = datetime(2026, 11, 22, 3, 15, 2, 750_000, UTC)
MADE = events.TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 2.25, 2)
PLANNED = (
    "Pair payments: Payments (primary) and Payments DR (secondary).\n"
    "Run 20261122-031502-k3f9 of alice@laptop: PASSIVE → ACTIVE, planned, playbook regional-failover.\n"
    "Reason: us1 is down\n"
    "Reference: INC-1234"
)
ANCHORED = (
    "\n\nSee more, with the journal /var/hamr/journal.db on laptop: hamr show 20261122-031502-k3f9\n"
    f"Journal head: 41:{'ab' * 32}\n"
    f"Check that the journal still holds it: hamr audit verify --anchor 41:{'ab' * 32}"
)


def told(event: Event, before: About) -> Notice:
    """The notice of an event that happens to a run."""
    notice = notice_of(event, before.after(event))
    assert notice is not None
    return notice


def finished(end: End, message: str = "it is so") -> events.RunFinished:
    return events.RunFinished(RunOutcome(end, message), 0, "agreed(ACTIVE)", (), 6.2)


def test_a_beginning_is_told_when_both_orgs_were_read_with_who_which_pair_way_mode_reason_and_ref() -> None:
    assert notice_of(started(), about(started())) is None
    notice = told(read(shows(Status.PASSIVE), shows(Status.PASSIVE)), about(started()))
    assert (notice.role, notice.alert, notice.occasion) == (S, Alert.INFO, Occasion.BEGUN)
    assert notice.title == "hamr: payments PASSIVE → ACTIVE begins"
    assert notice.text == PLANNED
    assert notice.tags == ("hamr", "pair:payments", f"run:{RUN}", "mode:planned", "status:passive")
    assert (notice.run, notice.journal) == (RUN, "/var/hamr/journal.db on laptop")


def test_later_readings_are_told_to_nobody() -> None:
    again = read(shows(Status.PASSIVE), shows(Status.PASSIVE))
    assert notice_of(again, begun().after(again)) is None


def test_an_emergency_warns_and_says_that_one_org_is_enough() -> None:
    notice = told(read(DARK, shows(Status.PASSIVE)), about(started(mode=Mode.EMERGENCY)))
    assert (notice.role, notice.alert) == (S, Alert.WARNING)
    assert "emergency, with Payments DR (secondary) alone where the other org does not answer" in notice.text
    assert "mode:emergency" in notice.tags


def test_each_status_that_is_reached_is_told() -> None:
    notice = told(MADE, begun())
    assert notice.title == "hamr: payments stands at FAILOVER"
    assert notice.text.startswith(
        "Transition declare, PASSIVE → FAILOVER: 2 writes in 2.2 s.\n\nPair payments: "
    )
    assert notice.alert is Alert.SUCCESS
    assert "status:failover" in notice.tags


def test_a_refusal_names_every_guard_with_its_reason() -> None:
    quiet = Verdict("settled", Outcome.FAIL, "the secondary was changed 40 s ago", "Ask them.")
    seen = Verdict("agents", Outcome.UNKNOWN, "no data in the last 5 minutes")
    before = begun().after(events.GuardsJudged("declare", (quiet, seen)))
    notice = told(events.TransitionRefused("declare", ("settled", "agents", "new")), before)
    assert notice.title == "hamr: payments was refused at transition declare"
    assert notice.alert is Alert.WARNING
    assert notice.text.startswith(
        "Nothing of transition declare was written. What stopped it:\n"
        "- settled, fail: the secondary was changed 40 s ago (Ask them.)\n"
        "- agents, unknown: no data in the last 5 minutes\n"
        "- new\n"
    )


def test_a_wait_is_told_with_what_it_is_for_what_is_shown_and_for_how_long() -> None:
    unseen = Verdict(
        "agents", Outcome.FAIL, "agents is 0, not above 0", "Switch the Agents to the secondary."
    )
    notice = told(events.WaitBegan("activate", ("agents",), 600.0, (unseen,)), begun())
    assert (notice.title, notice.alert) == (
        "hamr: payments waits before transition activate",
        Alert.WARNING,
    )
    assert notice.text.startswith(
        "It waits for this, for up to 10 min from now:\n"
        "- agents, fail: agents is 0, not above 0 (Switch the Agents to the secondary.)\n"
    )


def test_what_is_owed_is_told_with_the_command_that_settles_it() -> None:
    notice = told(events.WriteOwed(P, Status.ACTIVE, "no answer within 2 s"), begun(mode=Mode.EMERGENCY))
    assert notice.title == "hamr: payments owes its primary ACTIVE"
    assert notice.text.startswith(
        "Payments (primary) was not told ACTIVE: no answer within 2 s\nTell it later: hamr resume payments\n"
    )
    assert (notice.role, notice.alert) == (S, Alert.WARNING)


def test_an_unknown_outcome_is_an_error_that_names_the_org_and_the_status() -> None:
    attempt = Attempt(1, S, Status.FAILOVER, "stamp", "declare")
    notice = told(events.WriteUnknown(attempt, "no answer, and it was not seen for 60 s"), begun())
    assert notice.title == "hamr: payments does not know whether its secondary took FAILOVER"
    assert notice.alert is Alert.ERROR
    assert notice.text.startswith(
        "Nobody knows yet whether FAILOVER took effect in Payments DR (secondary): "
        "no answer, and it was not seen for 60 s\n"
    )


@pytest.mark.parametrize(
    ("end", "words", "alert"),
    [
        (End.DONE, "done", Alert.SUCCESS),
        (End.OWING, "done, but owing", Alert.WARNING),
        (End.REFUSED, "refused", Alert.WARNING),
        (End.INTERRUPTED, "interrupted", Alert.WARNING),
        (End.MOVED, "stopped: somebody else wrote", Alert.ERROR),
        (End.INCOMPLETE, "incomplete", Alert.ERROR),
        (End.UNKNOWN, "a write's outcome is unknown", Alert.ERROR),
        (End.FAILED, "failed", Alert.ERROR),
    ],
)
def test_every_end_is_told_in_its_own_words(end: End, words: str, alert: Alert) -> None:
    notice = told(finished(end), begun())
    assert (notice.title, notice.alert) == (f"hamr: payments to ACTIVE ended: {words}", alert)


def test_an_end_says_what_was_sent_where_the_pair_stands_and_what_to_type() -> None:
    ending = RunOutcome(
        End.INCOMPLETE,
        "transition activate was refused",
        None,
        (step("hamr resume X"),),
        "2 writes were sent.",
    )
    notice = told(events.RunFinished(ending, 6, "agreed(FAILOVER)", (), 6.2, resumable=True), begun())
    assert notice.text.startswith(
        "transition activate was refused\n"
        "2 writes were sent.\n"
        "Where the pair stands: agreed(FAILOVER).\n"
        "Exit code 6, after 6.2 s.\n"
        "Next: hamr resume X\n"
    )


def test_a_run_that_ends_before_it_read_anything_tells_its_end() -> None:
    assert told(finished(End.FAILED), about(started())).role is S


def test_a_resumption_is_told_with_its_own_mode_and_reason() -> None:
    resumed = events.RunResumed(Mode.EMERGENCY, "us1 stays down")
    notice = told(read(DARK, shows(Status.FAILOVER)), begun().after(resumed))
    assert notice.title == "hamr: payments FAILOVER → ACTIVE is taken up again"
    assert "Reason: us1 stays down" in notice.text
    assert "mode:emergency" in notice.tags


def test_an_adoption_is_told_to_the_org_that_is_right() -> None:
    notice = told(events.PairAdopted(P, Status.PASSIVE, "the primary never stopped"), about())
    assert (notice.role, notice.title) == (P, "hamr: payments is made to agree on PASSIVE")
    assert notice.text.startswith(
        "Payments (primary) is right: Payments DR (secondary) is told PASSIVE as well."
    )
    after = about(events.PairAdopted(P, Status.PASSIVE, "so it is"))
    assert told(finished(End.DONE), after).title == "hamr: payments ended: done"


def test_an_adoption_that_was_refused_is_told_to_no_org() -> None:
    notice = told(finished(End.REFUSED), about())
    assert (notice.role, notice.occasion) == (None, Occasion.STOPPED)


ASKED = events.PersonAsked(Question(Asks.MANUAL, "integrations", "activate", "Press the button."))


def test_an_approval_is_asked_of_people_with_the_command_that_gives_it() -> None:
    event = next(event for event, _ in SAID if isinstance(event, events.ApprovalAsked))
    notice = told(event, begun())
    assert (notice.role, notice.occasion) == (None, Occasion.APPROVAL)
    assert notice.title == "hamr: payments wants somebody else's agreement"
    assert notice.words.startswith("Guard ")
    assert [str(step) for step in notice.next_steps] == [f"hamr approve {RUN} --reason TEXT"]


def test_a_question_is_told_to_people_with_where_it_is_asked() -> None:
    notice = told(ASKED, begun())
    assert (notice.role, notice.occasion) == (None, Occasion.ASKED)
    assert notice.title == "hamr: payments waits for an answer at alice@laptop"
    assert notice.words == "Asked: Press the button.\nIt is asked at its own terminal."


@pytest.mark.parametrize(
    ("end", "occasion"),
    [
        (End.DONE, Occasion.DONE),
        (End.OWING, Occasion.OWING),
        (End.UNKNOWN, Occasion.UNKNOWN),
        *((end, Occasion.STOPPED) for end in (End.REFUSED, End.MOVED, End.INCOMPLETE, End.FAILED)),
        (End.INTERRUPTED, Occasion.STOPPED),
    ],
)
def test_every_end_has_its_word_in_the_inventory(end: End, occasion: Occasion) -> None:
    assert told(finished(end), begun()).occasion is occasion


def test_a_drill_says_so_in_its_title_text_and_tags() -> None:
    notice = told(MADE, begun(drill="20261122-031000-dril"))
    assert notice.title.startswith("hamr (drill): payments ")
    assert "\n\nThis is a drill.\n" in notice.text
    assert "drill:true" in notice.tags


def test_nothing_else_is_told() -> None:
    quiet = {type(event) for event, _ in SAID if notice_of(event, begun().after(event)) is None}
    loud = {type(event) for event, _ in SAID} - quiet
    for_people = {events.PersonAsked, events.ApprovalAsked, events.RunScheduled, events.RunCancelled}
    for_orgs = {
        events.WaitBegan,
        events.TransitionMade,
        events.TransitionRefused,
        events.WriteOwed,
        events.WriteUnknown,
    }
    assert loud == {events.RunFinished, events.PairAdopted} | for_people | for_orgs
    assert quiet <= set(events.EVENT_TYPES)


@pytest.mark.parametrize(
    ("goal", "stands", "org"),
    [
        (Status.ACTIVE, Status.PASSIVE, S),
        (Status.ACTIVE, Status.FAILOVER, S),
        (Status.PASSIVE, Status.ACTIVE, P),
        (Status.PASSIVE, Status.RECOVERY, P),
        (Status.PASSIVE, Status.FAILOVER, S),
        (Status.ACTIVE, Status.ACTIVE, S),
    ],
)
def test_a_planned_run_tells_the_org_that_the_last_transition_of_its_way_writes_first(
    goal: Status, stands: Status, org: Role
) -> None:
    assert about(started(goal), read(shows(stands), shows(stands))).org is org


def test_the_last_transition_of_the_way_counts_and_not_the_first() -> None:
    looked = read(shows(Status.PASSIVE), shows(Status.PASSIVE))
    assert about(started(), looked, playbook=changed(shipped(), "activate", writes=(P, S))).org is P


def test_where_one_org_is_silent_a_planned_run_does_not_say_where_the_pair_stands() -> None:
    notice = told(read(DARK, shows(Status.PASSIVE)), about(started()))
    assert notice.title == "hamr: payments to ACTIVE begins"
    assert [tag for tag in notice.tags if tag.startswith("status:")] == []


def test_a_planned_run_that_finds_its_orgs_apart_goes_by_the_first_transition_that_arrives_there() -> None:
    known = about(started(Status.PASSIVE), read(shows(Status.ACTIVE), shows(Status.RECOVERY)))
    assert known.org is P
    assert known.stands is None


def test_law_09_the_survivor_of_an_emergency_is_told_whatever_the_order_of_writes() -> None:
    playbook = changed(shipped(), "declare", "activate", writes=(P, S))
    emergency, looked = started(mode=Mode.EMERGENCY), read(DARK, shows(Status.PASSIVE))
    assert about(started(), read(*[shows(Status.PASSIVE)] * 2), playbook=playbook).org is P
    assert about(emergency, playbook=playbook).org is S
    assert about(emergency, looked, playbook=playbook).org is S


def test_law_09_a_run_that_is_switched_to_emergency_never_tells_the_dead_org() -> None:
    home = about(started(Status.ACTIVE), read(*[shows(Status.PASSIVE)] * 2))
    transitions = (Transition("over", Status.PASSIVE, Status.ACTIVE, writes=(P, S), survivor=S),)
    known = replace(home, playbook=replace(shipped(), transitions=transitions))
    known = known.after(started()).after(read(*[shows(Status.PASSIVE)] * 2))
    assert known.org is P
    assert known.after(events.RunResumed(Mode.EMERGENCY, "it is down")).org is S


def test_law_09_an_org_that_was_given_up_is_told_nothing() -> None:
    transitions = (
        Transition("over", Status.PASSIVE, Status.ACTIVE, survivor=S),
        Transition("back", Status.RECOVERY, Status.ACTIVE, survivor=P),
    )
    playbook = replace(shipped(), transitions=transitions)
    known = about(started(mode=Mode.EMERGENCY), playbook=playbook)
    assert known.org is None, "either could survive, and neither was seen yet"
    assert known.after(events.OrgGivenUp(P, "no answer within 2 s")).org is S
    assert known.after(events.OrgGivenUp(S, "no answer within 2 s")).org is P
    assert about(started(), events.OrgGivenUp(S, "not in a planned run")).org is S


def test_the_body_is_what_datadog_takes_and_ends_with_the_anchor() -> None:
    body = event_body(told(MADE, begun()), AT, HEAD, Redactor())
    text = body.pop("text")
    assert body == {
        "title": "hamr: payments stands at FAILOVER",
        "tags": ["hamr", "pair:payments", f"run:{RUN}", "mode:planned", "status:failover"],
        "alert_type": "success",
        "aggregation_key": RUN,
        "date_happened": 1795317302,
    }
    assert isinstance(text, str)
    assert text.endswith(ANCHORED)


def test_a_head_that_cannot_be_read_is_said_and_not_made_up() -> None:
    text = event_body(told(MADE, begun()), AT, None, Redactor())["text"]
    assert isinstance(text, str)
    assert text.endswith(
        f"hamr show {RUN}\nThe journal's head could not be read, so this event is no anchor."
    )
    assert "--anchor" not in text


def test_a_long_text_is_cut_before_the_anchor_and_never_the_anchor() -> None:
    deep = replace(begun(), run=RUN + "z" * 200, journal="/deep" * 900)
    notice = Notice(deep, "t" * 300, "x" * 9000, Alert.INFO)
    body = event_body(notice, AT, HEAD, Redactor())
    text, tags = body["text"], body["tags"]
    assert isinstance(text, str)
    assert isinstance(tags, list)
    assert len(text) == 4000
    assert "x…\n\nSee more" in text
    assert text.endswith(f"--anchor 41:{'ab' * 32}")
    assert body["title"] == "t" * 99 + "…"
    assert tags[2] == f"run:{RUN}{'z' * 175}…"
    assert len(str(tags[2])) == 200
    assert body["aggregation_key"] == (RUN + "z" * 200)[:100]


def test_law_17_a_key_in_a_reason_does_not_leave() -> None:
    redactor = Redactor()
    redactor.add(Secret("canary0secondary0api0key00000003"))
    key = "canary0secondary0api0key00000003"
    notice = Notice(replace(begun(), reason=key), key, f"a {key}", Alert.INFO)
    body = event_body(notice, AT, HEAD, redactor)
    assert body["title"] == "[redacted]"
    assert "canary" not in str(body)

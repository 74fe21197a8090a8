"""Where a pair stands of which both orgs answered: each phase by name, sentence and next command."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model.floor import Floor, Floors
from orchestrator.model.playbook import Transition
from orchestrator.model.reading import Change, Reading
from orchestrator.model.run import Attempt, Mode
from orchestrator.model.situation import OpenRun, Owed, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import View, phase_of
from tests.steps import bare, step, typed

from .scenes import (
    ABORT,
    ACTIVATE,
    DECLARE,
    FAILOVER,
    KEYS,
    NO_KEYS,
    NOW,
    ONBOARDING,
    PAIR,
    PRIMARY,
    RUN,
    SECONDARY,
    SETTLE,
    YESTERDAY,
    absent,
    open_run,
    owed,
    phase,
    record,
    shows,
)

PASSIVE_PRIMARY = shows(PRIMARY, Status.PASSIVE)
PASSIVE_SECONDARY = shows(SECONDARY, Status.PASSIVE)
TOLD = shows(SECONDARY, Status.FAILOVER, at=NOW, by=f"bob+hamr-{RUN}-1@laptop")
STOPPED = replace(open_run(), stopped_for=Change.FOREIGN)


def test_agreed_names_the_status_and_offers_the_stops() -> None:
    found = phase(PASSIVE_PRIMARY, shows(SECONDARY, Status.PASSIVE, at=NOW, by="bob"))
    assert bare(found) == Phase(
        PhaseName.AGREED,
        "Both orgs show PASSIVE.",
        (step("hamr plan payments --to ACTIVE"),),
        status=Status.PASSIVE,
    )
    assert found.label == "agreed(PASSIVE)"


def test_agreed_puts_the_goal_that_was_asked_for_first() -> None:
    both = (shows(PRIMARY, Status.FAILOVER), shows(SECONDARY, Status.FAILOVER))
    onward, back = "hamr plan payments --to ACTIVE", "hamr plan payments --to PASSIVE"
    assert typed(phase(*both).next_steps) == (back, onward)
    assert typed(phase(*both, goal=Status.ACTIVE).next_steps) == (onward, back)


def test_agreed_puts_the_nearest_stop_first_where_none_was_asked_for() -> None:
    both = (shows(PRIMARY, Status.ONBOARDING), shows(SECONDARY, Status.ONBOARDING))
    near, far = "hamr plan payments --to PASSIVE", "hamr plan payments --to ACTIVE"
    assert typed(phase(*both).next_steps) == (near, far)
    assert typed(phase(*both, goal=Status.ACTIVE).next_steps) == (far, near)


def test_agreed_with_an_open_run_is_resumed_first() -> None:
    found = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, run=open_run("declare"))
    assert typed(found.next_steps) == ("hamr resume payments", "hamr plan payments --to ACTIVE")
    assert found.sentence.endswith(f"Run {RUN} to ACTIVE is open: resume finishes it.")
    assert found.next_steps[0].why == f"go on with run {RUN} to ACTIVE"


@pytest.mark.parametrize("status", [Status.PASSIVE, Status.FAILOVER, Status.ACTIVE])
def test_agreed_in_an_open_emergency_is_resumed_first_on_its_way_and_at_its_goal(status: Status) -> None:
    both = shows(PRIMARY, status), shows(SECONDARY, status)
    found = phase(*both, run=open_run("declare", mode=Mode.EMERGENCY))
    assert typed(found.next_steps)[0] == "hamr resume payments"


def test_law_15_an_open_run_whose_goal_is_out_of_reach_is_closed_by_a_run_to_where_the_pair_stands() -> None:
    run = replace(open_run(goal=Status.ONBOARDING), unknown=True)
    found = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, playbook=ONBOARDING, run=run)
    assert typed(found.next_steps)[0] == "hamr run payments --to PASSIVE --override unknown=REASON"
    assert "hamr resume payments" not in typed(found.next_steps)
    assert f"Run {RUN} to ONBOARDING is open, and no transition leads there from PASSIVE" in found.sentence


def test_law_15_an_emergency_that_leads_nowhere_from_where_both_stand_is_not_resumed() -> None:
    recovery = shows(PRIMARY, Status.RECOVERY), shows(SECONDARY, Status.RECOVERY)
    planned, emergency = open_run(), replace(open_run(), mode=Mode.EMERGENCY)
    assert typed(phase(*recovery, run=planned).next_steps)[0] == "hamr resume payments"
    alone = phase(*recovery, run=emergency)  # home by the primary, and out again by the secondary
    assert typed(alone.next_steps)[0] == "hamr run payments --to PASSIVE"
    assert (
        f"Run {RUN} to ACTIVE is open, and an emergency does not lead there from RECOVERY: a new run takes its place"
        in alone.sentence
    )
    owing = phase(*recovery, run=emergency, debt=owed())
    assert typed(owing.next_steps)[0] == "hamr adopt payments --truth secondary --reason TEXT"
    assert "adopt settles that" in owing.sentence
    behind = phase(shows(PRIMARY, Status.ACTIVE), recovery[1], run=emergency, debt=owed())
    assert typed(behind.next_steps)[0] == "hamr adopt payments --truth secondary --reason TEXT"
    gone = phase(PASSIVE_PRIMARY, absent(SECONDARY), run=emergency, debt=owed(), floors=NEWER)
    assert not [each for each in typed(gone.next_steps) if "--truth secondary" in each], (
        "it has no status to tell"
    )
    lags = phase(*recovery, run=replace(emergency, stopped_for=Change.STALE), debt=owed(), floors=NEWER)
    assert typed(lags.next_steps) == (
        "hamr status payments --watch",
        "hamr adopt payments --truth secondary --reason TEXT --override reverted=REASON",
    )


@pytest.mark.parametrize(
    ("run", "debt", "said"),
    [
        (replace(open_run(), asking="really?"), None, ", and waits for an answer at its own terminal."),
        (replace(open_run(), under_way=True), None, None),
        (STOPPED, None, ", and stopped for a write that was not its own: a new run takes its place."),
        (STOPPED, owed(status=Status.PASSIVE), ", and stopped for a write that was not its own."),
        (
            replace(open_run(), hooks_owed=("activate/flip",)),
            None,
            ": resume finishes it; hook flip after transition activate is owed.",
        ),
    ],
)
def test_agreed_says_what_becomes_of_the_open_run(run: OpenRun, debt: Owed | None, said: str | None) -> None:
    sentence = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, run=run, debt=debt).sentence
    assert (
        f"Run {RUN} to ACTIVE is open" not in sentence
        if said is None
        else sentence.endswith(f"Run {RUN} to ACTIVE is open{said}")
    )


@pytest.mark.parametrize(
    ("primary", "secondary", "said", "steps"),
    [
        (
            shows(PRIMARY, Status.UNSPECIFIED),
            absent(SECONDARY),
            "Neither is a status that could be copied to the other org: ask Datadog's support, and look again.",
            ("hamr status payments --watch",),
        ),
        (
            absent(PRIMARY),
            shows(SECONDARY, Status.ACTIVE),
            "Find out why; then adopt writes ACTIVE to Payments (primary), once.",
            ("hamr adopt payments --truth secondary --reason TEXT",),
        ),
    ],
)
def test_half_absent_says_what_could_be_copied(
    primary: Reading, secondary: Reading, said: str, steps: tuple[str, ...]
) -> None:
    found = phase(primary, secondary)
    assert (found.name, found.sentence.endswith(said)) == (PhaseName.HALF_ABSENT, True)
    assert typed(found.next_steps) == steps


def test_law_05_a_late_write_that_set_an_org_back_is_adopted_over_unless_a_run_goes_on() -> None:
    attempt = Attempt(1, SECONDARY, Status.FAILOVER, f"bob+hamr-{RUN}-1@laptop", "declare")
    late = View(PAIR, Both(PASSIVE_PRIMARY, TOLD), FAILOVER, given_up=(attempt,))
    found = phase_of(late, KEYS)
    adopt = "hamr adopt payments --truth primary --reason TEXT"
    assert (found.name, typed(found.next_steps)) == (
        PhaseName.DIVERGED,
        (adopt, "hamr status payments --watch"),
    )
    assert "was set back by a write of ours that had been given up and came late" in found.sentence
    assert phase_of(replace(late, open_run=open_run("declare")), KEYS).label == "midway(declare)"
    nothing = Both(shows(PRIMARY, Status.UNSPECIFIED), TOLD)
    assert typed(phase_of(replace(late, readings=nothing), KEYS).next_steps)[0] == adopt.replace(
        "primary", "secondary"
    )
    agreed = Both(shows(PRIMARY, Status.FAILOVER), TOLD)
    said = "That is a write of ours which had been given up and came late (attempt 1: FAILOVER)."
    assert phase_of(replace(late, readings=agreed), KEYS).sentence.endswith(said)


@pytest.mark.parametrize("change", [Change.FOREIGN, Change.LATE])
def test_law_15_a_run_that_stopped_for_what_it_would_stop_for_again_is_not_offered_to_be_resumed(
    change: Change,
) -> None:
    run = replace(open_run("declare"), stopped_for=change, unknown=True)
    found = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, run=run)
    assert typed(found.next_steps)[0] == "hamr run payments --to ACTIVE --override unknown=REASON"
    assert "hamr resume payments" not in typed(found.next_steps)
    behind = phase(PASSIVE_PRIMARY, shows(SECONDARY, Status.ACTIVE), run=run, debt=owed())
    assert typed(behind.next_steps) == ("hamr adopt payments --truth secondary --reason TEXT",)


NEWER: Floors = {PAIR[SECONDARY].uuid: Floor(record(SECONDARY, 4, at=NOW, by="bob"))}
"""What the journal has seen: all that the secondary shows from yesterday is older."""


def test_law_15_what_lags_where_both_agree_can_be_said_to_be_true_without_going_anywhere() -> None:
    accept = "hamr run payments --to PASSIVE --override reverted=REASON"
    for playbook in (FAILOVER, ONBOARDING):  # one of them ends at PASSIVE
        found = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, playbook=playbook, floors=NEWER)
        assert typed(found.next_steps) == ("hamr status payments --watch", accept)
    asked = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, goal=Status.ACTIVE, floors=NEWER)
    assert typed(asked.next_steps)[-1] == "hamr run payments --to ACTIVE --override reverted=REASON"


def test_law_03_where_both_orgs_lag_both_are_said_not_to_stand_where_they_show() -> None:
    older = {PAIR[PRIMARY].uuid: Floor(record(PRIMARY, 4, at=NOW, by="bob")), **NEWER}
    sentence = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, floors=older).sentence
    seen = (
        "stands: this journal has seen ACTIVE by bob at 2026-05-28 16:40:00 UTC there, which counts as newer."
    )
    for org in PAIR.orgs:
        assert f"That is not where {org} {seen}" in sentence


@pytest.mark.parametrize(
    ("primary", "truth"), [(shows(PRIMARY, Status.ACTIVE), PRIMARY), (absent(PRIMARY), SECONDARY)]
)
def test_law_15_what_lags_is_said_to_be_true_where_the_other_org_shows_nothing_that_could_be(
    primary: Reading, truth: Role
) -> None:
    found = phase(primary, PASSIVE_SECONDARY, floors=NEWER)
    adopt = f"hamr adopt payments --truth {truth} --reason TEXT --override reverted=REASON"
    assert typed(found.next_steps) == ("hamr status payments --watch", adopt)
    for change in (
        None,
        Change.STALE,
    ):  # resumed by name, the run would be refused for where the pair then stands
        left = replace(open_run("declare"), stopped_for=change)
        assert phase(primary, PASSIVE_SECONDARY, run=left, floors=NEWER).next_steps == found.next_steps


def test_law_15_a_status_that_nobody_has_set_is_no_missing_record() -> None:
    unset = shows(PRIMARY, Status.UNSPECIFIED), shows(SECONDARY, Status.UNSPECIFIED)
    found = phase(*unset, playbook=ONBOARDING, floors=NEWER)  # whose first transition is from ABSENT
    assert typed(found.next_steps) == ("hamr status payments --watch",)


def test_law_15_what_lags_is_not_resumed_where_a_run_would_stop_for_the_same_write_again() -> None:
    run = replace(open_run("declare"), stopped_for=Change.FOREIGN)
    found = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, run=run, floors=NEWER)
    accept = "hamr run payments --to PASSIVE --override reverted=REASON"
    assert typed(found.next_steps) == ("hamr status payments --watch", accept)


@pytest.mark.parametrize("mode", Mode)
def test_law_15_what_lags_so_that_nothing_explains_it_is_resumed_after_an_emergency_alone(mode: Mode) -> None:
    run = replace(open_run("activate"), mode=mode)
    found = phase(shows(PRIMARY, Status.ACTIVE), PASSIVE_SECONDARY, run=run, floors=NEWER)
    again = ("hamr resume payments",) if mode is Mode.EMERGENCY else ()
    adopt = "hamr adopt payments --truth primary --reason TEXT --override reverted=REASON"
    assert typed(found.next_steps) == (*again, "hamr status payments --watch", adopt)


def test_law_15_what_lags_in_the_middle_of_a_transition_leads_on_through_that_transition() -> None:
    ahead = shows(PRIMARY, Status.ACTIVE)
    found = phase(ahead, shows(SECONDARY, Status.FAILOVER), floors=NEWER)
    assert typed(found.next_steps)[-1] == "hamr run payments --to ACTIVE --override reverted=REASON"


def test_law_15_what_lags_on_a_pair_that_owes_leads_to_what_settles_the_debt() -> None:
    healed = {PAIR[PRIMARY].uuid: Floor(record(PRIMARY, 4, at=NOW, by="bob"), ours=True)}
    active = shows(PRIMARY, Status.ACTIVE), shows(SECONDARY, Status.ACTIVE)
    found = phase(*active, debt=owed(), floors=healed)
    assert typed(found.next_steps) == ("hamr resume payments", "hamr status payments --watch")
    assert found.next_steps[0].why == "settle what the primary was owed: it shows ACTIVE"
    unbegun = phase(*active, debt=owed(), run=replace(open_run(), start=None), floors=healed)
    assert typed(unbegun.next_steps) == typed(found.next_steps)
    over_ours = {PAIR[SECONDARY].uuid: Floor(record(SECONDARY, 4, at=NOW, by="bob"), ours=True)}
    old = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, debt=owed(), floors=over_ours)
    assert typed(old.next_steps) == typed(found.next_steps)
    assert old.next_steps[0].why == "tell the primary what it is owed: ACTIVE"
    again = phase(*active, debt=replace(owed(), stopped_for=Change.STALE), floors=healed)
    by_name = "hamr resume payments --override reverted=REASON"
    assert typed(again.next_steps) == ("hamr status payments --watch", by_name)


def test_law_15_what_lags_is_not_resumed_where_the_open_runs_goal_is_out_of_reach() -> None:
    run = open_run(goal=Status.ONBOARDING)
    found = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, playbook=ONBOARDING, run=run, floors=NEWER)
    assert typed(found.next_steps) == (
        "hamr status payments --watch",
        "hamr run payments --to PASSIVE --override reverted=REASON",
    )


def test_law_15_what_lags_is_not_resumed_by_a_run_that_began_nothing_unless_somebody_says_that_it_is_true() -> (
    None
):
    by_name = "hamr resume payments --override reverted=REASON"
    unbegun = replace(open_run(), start=None)
    found = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, run=unbegun, floors=NEWER)
    assert typed(found.next_steps)[:2] == ("hamr status payments --watch", by_name)
    assert "hamr resume payments" not in typed(found.next_steps)
    begun = phase(PASSIVE_PRIMARY, PASSIVE_SECONDARY, run=open_run(), floors=NEWER)
    assert typed(begun.next_steps)[0] == "hamr resume payments"


def test_agreed_in_a_status_without_a_transition_says_that_there_is_nothing_to_run() -> None:
    found = phase(shows(PRIMARY, Status.UNSPECIFIED), shows(SECONDARY, Status.UNSPECIFIED))
    assert (found.name, found.status) == (PhaseName.AGREED, Status.UNSPECIFIED)
    assert "No transition of the playbook regional-failover leads on from UNSPECIFIED" in found.sentence
    assert typed(found.next_steps) == ("hamr status payments --watch", "hamr graph regional-failover")


def test_midway_is_a_transition_whose_target_was_entered_later() -> None:
    found = phase(PASSIVE_PRIMARY, TOLD)
    assert bare(found) == Phase(
        PhaseName.MIDWAY,
        "Payments (primary) shows PASSIVE (changed 2026-05-27 09:30:00 UTC by alice@example.com); "
        "Payments EU (secondary) shows FAILOVER (changed 2026-05-28 16:40:00 UTC by bob@laptop in run "
        "20260528-163000-k3f9). Transition declare (PASSIVE → FAILOVER) is half made: "
        "Payments EU (secondary) was told, Payments (primary) was not.",
        (step("hamr run payments --to ACTIVE"), step("hamr plan payments --to PASSIVE")),
        transition="declare",
        role=PRIMARY,
    )
    assert found.label == "midway(declare)"


def test_midway_is_the_way_back_where_the_other_org_changed_later() -> None:
    found = phase(shows(PRIMARY, Status.PASSIVE, at=NOW), shows(SECONDARY, Status.FAILOVER))
    assert (found.transition, found.role) == ("abort", SECONDARY)
    assert typed(found.next_steps) == ("hamr run payments --to PASSIVE",)


def test_midway_is_resumed_where_the_journal_has_the_run() -> None:
    found = phase(PASSIVE_PRIMARY, TOLD, run=open_run("declare"))
    assert typed(found.next_steps) == (
        "hamr resume payments",
        "hamr run payments --to ACTIVE",
        "hamr plan payments --to PASSIVE",
    )


def test_law_14_midway_offers_no_way_back_where_no_transition_leads_back() -> None:
    found = phase(shows(PRIMARY, Status.FAILOVER), shows(SECONDARY, Status.ACTIVE, at=NOW))
    assert (found.transition, typed(found.next_steps)) == ("activate", ("hamr run payments --to ACTIVE",))

    found = phase(shows(PRIMARY, Status.ACTIVE), shows(SECONDARY, Status.RECOVERY, at=NOW))
    assert (found.transition, typed(found.next_steps)) == ("recover", ("hamr run payments --to PASSIVE",))


RETREAT = Transition("retreat", Status.ACTIVE, Status.FAILOVER)


def test_law_14_the_way_back_enters_no_status_that_was_not_reached() -> None:
    both = (shows(PRIMARY, Status.FAILOVER), shows(SECONDARY, Status.ACTIVE, at=NOW))
    short = replace(FAILOVER, transitions=(DECLARE, ACTIVATE, ABORT, RETREAT))
    found = phase(*both, playbook=short, run=open_run("activate"))
    onward = ("hamr resume payments", "hamr run payments --to ACTIVE")
    assert typed(found.next_steps) == (*onward, "hamr plan payments --to PASSIVE")
    detour = (Transition("drop", Status.FAILOVER, Status.RECOVERY), SETTLE)
    roundabout = replace(FAILOVER, transitions=(DECLARE, ACTIVATE, RETREAT, *detour))
    found = phase(*both, playbook=roundabout, run=open_run("activate"))
    assert typed(found.next_steps) == onward


def test_midway_in_a_transition_that_is_on_no_shortest_way_goes_on_to_what_lies_beyond_it() -> None:
    drop = Transition("drop", Status.FAILOVER, Status.RECOVERY)
    both = shows(PRIMARY, Status.FAILOVER), shows(SECONDARY, Status.RECOVERY, at=NOW)
    found = phase(*both, playbook=replace(FAILOVER, transitions=(*FAILOVER.transitions, drop)))
    assert (found.transition, typed(found.next_steps)) == ("drop", ("hamr run payments --to PASSIVE",))


def test_the_way_onward_is_not_offered_as_the_way_back() -> None:
    both = (shows(PRIMARY, Status.ACTIVE), shows(SECONDARY, Status.RECOVERY, at=NOW))
    undoing = replace(
        FAILOVER, transitions=(*FAILOVER.transitions, Transition("undo", Status.RECOVERY, Status.ACTIVE))
    )
    found = phase(*both, playbook=undoing, run=open_run("recover"))
    onward = ("hamr resume payments", "hamr run payments --to PASSIVE")
    assert typed(found.next_steps) == (*onward, "hamr plan payments --to ACTIVE")
    found = phase(*both, playbook=replace(undoing, stops=(Status.PASSIVE,)), run=open_run("recover"))
    assert typed(found.next_steps) == onward


TIE = (PASSIVE_PRIMARY, shows(SECONDARY, Status.FAILOVER))


@pytest.mark.parametrize(
    ("run", "goal", "transition"),
    [
        (open_run("declare"), Status.PASSIVE, "declare"),
        (open_run("abort"), Status.ACTIVE, "abort"),
        (None, Status.ACTIVE, "declare"),
        (None, Status.PASSIVE, "abort"),
        (open_run("", goal=Status.PASSIVE), None, "abort"),
        (open_run("settle"), None, "declare"),
    ],
)
def test_a_tie_is_decided_by_the_journal_and_then_by_the_goal(
    run: OpenRun | None, goal: Status | None, transition: str
) -> None:
    found = phase(*TIE, run=run, goal=goal)
    assert (found.name, found.transition) == (PhaseName.MIDWAY, transition)
    assert "The times do not tell" not in found.sentence


def test_a_tie_that_nothing_decides_is_said_and_both_ways_are_offered() -> None:
    found = phase(*TIE)
    assert (found.name, found.transition) == (PhaseName.MIDWAY, "declare")
    assert found.sentence.endswith(
        "The times do not tell in which direction the pair was going: the goal you name decides."
    )
    assert typed(found.next_steps) == ("hamr run payments --to ACTIVE", "hamr plan payments --to PASSIVE")


def test_missing_times_and_whole_seconds_are_ties() -> None:
    without = (shows(PRIMARY, Status.PASSIVE, at=None), shows(SECONDARY, Status.FAILOVER, at=NOW))
    assert phase(*without, goal=Status.PASSIVE).transition == "abort"
    whole = YESTERDAY.replace(microsecond=0)
    coarse = (shows(PRIMARY, Status.PASSIVE, at=whole), shows(SECONDARY, Status.FAILOVER, at=YESTERDAY))
    assert phase(*coarse, goal=Status.PASSIVE).transition == "abort"
    fine = (
        shows(PRIMARY, Status.PASSIVE, at=YESTERDAY.replace(microsecond=1)),
        shows(SECONDARY, Status.FAILOVER, at=YESTERDAY),
    )
    assert phase(*fine, goal=Status.PASSIVE).transition == "declare"


def test_the_times_decide_before_the_journal() -> None:
    assert phase(PASSIVE_PRIMARY, TOLD, run=open_run("abort"), goal=Status.PASSIVE).transition == "declare"


def test_a_transition_does_not_explain_a_pair_whose_other_org_changed_last() -> None:
    found = phase(shows(PRIMARY, Status.ACTIVE, at=NOW), shows(SECONDARY, Status.RECOVERY))
    assert found.name is PhaseName.DIVERGED
    assert (
        "transition recover (ACTIVE → RECOVERY) does not explain that, since the org at ACTIVE changed last"
        in (found.sentence)
    )


def test_diverged_offers_to_adopt_either_org_the_one_that_changed_later_first() -> None:
    """Where the journal is another machine's, that is the survivor of an emergency: the old one must not drag it back."""
    found = phase(PASSIVE_PRIMARY, shows(SECONDARY, Status.ACTIVE, at=NOW))
    assert (found.name, found.status, found.role) == (PhaseName.DIVERGED, None, None)
    assert "and no transition of the playbook regional-failover explains that" in found.sentence
    assert "say which org is right: adopt writes the other one, once." in found.sentence
    of_primary, of_secondary = (
        f"hamr adopt payments --truth {role} --reason TEXT" for role in (PRIMARY, SECONDARY)
    )
    assert typed(found.next_steps) == (of_secondary, of_primary)
    home = phase(shows(PRIMARY, Status.PASSIVE, at=NOW), shows(SECONDARY, Status.ACTIVE))
    assert typed(home.next_steps) == (of_primary, of_secondary)


def test_diverged_never_offers_to_copy_a_status_that_says_nothing() -> None:
    found = phase(shows(PRIMARY, Status.UNSPECIFIED), shows(SECONDARY, Status.ACTIVE))
    assert typed(found.next_steps) == ("hamr adopt payments --truth secondary --reason TEXT",)


def test_diverged_after_an_open_emergency_is_resumed_first() -> None:
    both = (PASSIVE_PRIMARY, shows(SECONDARY, Status.ACTIVE, at=NOW))
    assert typed(phase(*both, run=open_run("activate", mode=Mode.EMERGENCY)).next_steps) == (
        "hamr resume payments",
        "hamr adopt payments --truth secondary --reason TEXT",
        "hamr adopt payments --truth primary --reason TEXT",
        f"hamr show {RUN}",
    )
    adopt = "hamr adopt payments --truth secondary --reason TEXT"
    planned = typed(phase(*both, run=open_run("activate")).next_steps)
    assert (planned[0], planned[-1]) == (adopt, f"hamr show {RUN}")
    for again in (
        replace(open_run(mode=Mode.EMERGENCY), start=None),  # it began nothing
        replace(
            open_run("activate", mode=Mode.EMERGENCY), ended=True
        ),  # what it left untold stands in the journal
    ):
        first, *_ = typed(phase(*both, run=again).next_steps)
        assert first == adopt


def test_midway_goes_on_to_the_goal_of_a_run_that_stopped_before_any_other_that_lies_that_way() -> None:
    half = (shows(PRIMARY, Status.ONBOARDING), shows(SECONDARY, Status.PASSIVE, at=NOW))
    to_active, to_passive = (f"hamr run payments --to {goal}" for goal in (Status.ACTIVE, Status.PASSIVE))
    assert typed(phase(*half, run=STOPPED).next_steps)[:2] == (to_active, to_passive)
    back = replace(STOPPED, goal=Status.ONBOARDING, unknown=True)
    assert typed(phase(*half, run=back).next_steps)[:1] == (f"{to_passive} --override unknown=REASON",)


def test_law_09_behind_is_owed_the_survivors_present_status() -> None:
    found = phase(
        PASSIVE_PRIMARY, shows(SECONDARY, Status.RECOVERY, at=NOW), debt=owed(PRIMARY, Status.ACTIVE)
    )
    assert (found.name, found.role, found.status) == (PhaseName.BEHIND, PRIMARY, Status.RECOVERY)
    assert found.label == "behind(primary)"
    assert found.next_steps[0].why == "tell the primary what it is owed: RECOVERY"
    assert typed(found.next_steps) == ("hamr resume payments",)
    assert found.sentence.endswith(
        "Payments (primary) is owed RECOVERY since 2026-05-27 09:30:00 UTC, when run 20260528-163000-k3f9 "
        "did without it: resume tells it, in one write, and leaves Payments EU (secondary) as it is."
    )


def test_law_09_what_is_owed_is_void_where_the_org_shows_it() -> None:
    found = phase(shows(PRIMARY, Status.ACTIVE), shows(SECONDARY, Status.ACTIVE), debt=owed())
    assert found.label == "agreed(ACTIVE)"


def test_law_09_behind_comes_before_midway_and_a_lost_record_is_behind_too() -> None:
    assert phase(PASSIVE_PRIMARY, TOLD, debt=owed()).name is PhaseName.BEHIND
    assert phase(absent(PRIMARY), TOLD, debt=owed()).name is PhaseName.BEHIND


def test_law_09_nothing_is_owed_to_anyone_by_a_survivor_without_a_status() -> None:
    assert phase(PASSIVE_PRIMARY, absent(SECONDARY), debt=owed()).name is PhaseName.HALF_ABSENT
    assert (
        phase(PASSIVE_PRIMARY, shows(SECONDARY, Status.UNSPECIFIED), debt=owed()).name is PhaseName.DIVERGED
    )


def test_absent_leads_to_the_onboarding_playbook_or_through_its_transitions() -> None:
    found = phase(absent(PRIMARY), absent(SECONDARY))
    assert (found.name, found.status) == (PhaseName.ABSENT, Status.ABSENT)
    assert typed(found.next_steps) == ("hamr plan payments --to ONBOARDING --playbook onboarding",)
    found = phase(absent(PRIMARY), absent(SECONDARY), playbook=ONBOARDING)
    assert typed(found.next_steps) == (
        "hamr plan payments --to ONBOARDING",
        "hamr plan payments --to PASSIVE",
    )


def test_a_404_with_keys_of_unknown_orgs_may_be_a_dead_regions_edge() -> None:
    found = phase(absent(PRIMARY), shows(SECONDARY, Status.PASSIVE), identities=NO_KEYS)
    assert (found.name, found.role) == (PhaseName.UNREADABLE, PRIMARY)
    assert typed(found.next_steps) == (
        "hamr status payments --watch",
        "hamr check",
        "hamr run payments --to ACTIVE --emergency --reason TEXT",
    )
    assert "a 404, and whose keys these are could not be told (timed out)" in found.sentence


@pytest.mark.parametrize("floors", [None, NEWER])
def test_law_15_a_run_that_has_no_way_from_two_orgs_without_a_record_is_not_resumed(
    floors: Floors | None,
) -> None:
    """They were taken apart under it: resumed, it would be refused, as often as somebody types it."""
    onboard = "hamr plan payments --to ONBOARDING --playbook onboarding"
    found = phase(absent(PRIMARY), absent(SECONDARY), run=open_run("declare"), floors=floors)
    assert typed(found.next_steps) == (
        (onboard,) if floors is None else ("hamr status payments --watch", onboard)
    )
    joining = open_run("connect", goal=Status.ONBOARDING)
    found = phase(absent(PRIMARY), absent(SECONDARY), playbook=ONBOARDING, run=joining, floors=floors)
    assert typed(found.next_steps)[0] == "hamr resume payments"


def test_half_absent_is_midway_where_a_transition_from_absent_explains_it() -> None:
    created = shows(PRIMARY, Status.ONBOARDING, at=None)
    found = phase(created, absent(SECONDARY), playbook=ONBOARDING)
    assert (found.label, found.role) == ("midway(connect)", SECONDARY)
    assert typed(found.next_steps) == ("hamr run payments --to ONBOARDING",)
    found = phase(created, absent(SECONDARY))
    assert (found.name, found.role) == (PhaseName.HALF_ABSENT, SECONDARY)
    assert typed(found.next_steps) == ("hamr adopt payments --truth primary --reason TEXT",)


def test_law_15_a_run_of_another_playbook_is_resumed_where_this_one_explains_nothing() -> None:
    both = shows(PRIMARY, Status.ONBOARDING, at=None), absent(SECONDARY)
    run = open_run("connect", goal=Status.ONBOARDING)
    adopt = "hamr adopt payments --truth primary --reason TEXT"
    found = phase(*both, run=run)
    assert typed(found.next_steps) == ("hamr resume payments", adopt, f"hamr show {RUN}")
    assert found.sentence.endswith(
        "and no transition of the playbook regional-failover explains that. Transition connect of the playbook that "
        f"run {RUN} began with may: resume finishes it."
    )
    for other in (replace(run, stopped_for=Change.FOREIGN), replace(run, transition="")):
        found = phase(*both, run=other)
        assert typed(found.next_steps) == (adopt, f"hamr show {RUN}")
        assert found.sentence.endswith("then adopt writes ONBOARDING to Payments EU (secondary), once.")
    nothing_yet = phase(absent(PRIMARY), absent(SECONDARY), run=run)
    assert typed(nothing_yet.next_steps)[0] == "hamr resume payments"


def test_a_pairs_name_is_quoted_where_a_shell_would_stumble_over_it() -> None:
    odd = replace(PAIR, name="pay ments; rm")
    found = phase_of(View(odd, Both(PASSIVE_PRIMARY, PASSIVE_SECONDARY), FAILOVER), KEYS)
    assert typed(found.next_steps) == ("hamr plan 'pay ments; rm' --to ACTIVE",)


def test_a_name_from_a_server_cannot_rewrite_the_terminal() -> None:
    found = phase(shows(PRIMARY, Status.PASSIVE, by="eve\x1b[2J\n" + "x" * 500), PASSIVE_SECONDARY)
    assert found.sentence.isprintable()
    assert len(found.sentence) < 400

"""What to type next, decided in one place (law 15); and how times, spans and names are said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import TransitionIntended, TransitionMade
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.journal import Holder, Whereabouts
from orchestrator.model.next_step import each_once
from orchestrator.model.playbook import Again, Hook, HookOutcome, Program, When
from orchestrator.model.reading import Change, Present, Reading, Unreachable
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.situation import OpenDrill, Owed, Phase, PhaseName, Stranger, UnderWay
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import printable
from orchestrator.situation.next_steps import Ended, after_a_plan, after_a_run, in_drill
from orchestrator.situation.next_steps import at_work as beside_holder
from orchestrator.situation.state import RunState
from tests.playbooks import changed
from tests.report.scenes import (
    ACTIVATE,
    DECLARE,
    LINKED,
    MISLINKED,
    NOW,
    PAIR,
    PLAYBOOK,
    RUN,
    UNSEEN,
    UNSETTLED,
    YESTERDAY,
    looked,
    plan,
    planned_transition,
    reading,
    record,
    standing,
)
from tests.steps import step, typed

HOLDER = Holder("ab12", "payments", RUN, "bob", "laptop2", 42, "", NOW, NOW)
UNLOCK = "hamr unlock payments --lock-id ab12 --reason TEXT"
WATCH = "hamr status payments --watch"
RUN_IT, KEEP_IT = "hamr run payments --to ACTIVE", "hamr plan payments --to ACTIVE --out FILE"


def at_work(holder: Holder = HOLDER) -> UnderWay:
    return UnderWay(holder, Status.ACTIVE, "declare", "write.answered")


def test_law_15_a_run_under_way_is_left_alone_and_watched() -> None:
    of = looked(
        replace(standing(), holder=HOLDER, under_way=at_work()),
        "hamr resume payments",
        "hamr run payments --to ACTIVE",
    )
    assert typed(of.next_steps) == (WATCH,)
    assert of.next_steps[0].why == "bob is at work on it: leave it, and watch"


def test_law_15_whoever_may_agree_to_a_run_that_waits_for_it_is_led_to_that_first() -> None:
    waits = replace(at_work(), wants_approval=True)
    of = looked(replace(standing(), holder=HOLDER, under_way=waits), "hamr resume payments")
    assert typed(of.next_steps) == (f"hamr approve {RUN} --reason TEXT", WATCH)


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        (Whereabouts.ELSEWHERE, (WATCH, UNLOCK)),
        (Whereabouts.UNCERTAIN, (WATCH, UNLOCK)),
        (Whereabouts.RUNS, (WATCH,)),
    ],
)
def test_law_12_of_a_holder_that_cannot_be_looked_into_from_here_a_person_has_to_find_out(
    where: Whereabouts, shown: tuple[str, ...]
) -> None:
    """In one voice, whether somebody looks or meets the lock; that of a process that runs here is never broken."""
    for beat_at in (NOW, NOW - timedelta(minutes=2)):
        holder = replace(HOLDER, beat_at=beat_at)
        run = replace(at_work(holder), where=where)
        assert typed(looked(replace(standing(), holder=holder, under_way=run)).next_steps) == shown
        assert typed(beside_holder("payments", holder, where)) == shown


@pytest.mark.parametrize(
    ("phase", "left_a_run", "shown"),
    [
        (("hamr run payments --to ACTIVE",), True, (UNLOCK, "hamr run payments --to ACTIVE")),
        (
            ("hamr resume payments", "hamr run payments --to ACTIVE"),
            True,
            ("hamr resume payments",),
        ),
        (
            ("hamr run payments --to ACTIVE --emergency",),
            True,
            ("hamr run payments --to ACTIVE --emergency",),
        ),
        (("hamr run payments --to ACTIVE",), False, ("hamr run payments --to ACTIVE",)),
    ],
)
def test_law_15_a_lock_is_broken_before_a_new_run_where_its_holder_died_in_the_middle_of_one(
    phase: tuple[str, ...], left_a_run: bool, shown: tuple[str, ...]
) -> None:
    of = replace(standing(), holder=HOLDER, holder_dead=True, left_a_run=left_a_run)
    assert typed(looked(of, *phase).next_steps) == shown


def test_law_05_a_new_run_accepts_by_name_what_nobody_knows() -> None:
    attempt = Attempt(1, Role.SECONDARY, Status.PASSIVE, "alice+hamr-x-1@laptop", "")
    of = looked(
        replace(standing(), unknown=((RUN, attempt),)),
        "hamr run payments --to ACTIVE",
        "hamr resume payments",
    )
    assert typed(of.next_steps) == (
        "hamr run payments --to ACTIVE --override unknown=REASON",
        "hamr resume payments",
    )


@pytest.mark.parametrize("truth", Role)
def test_law_15_after_an_adoption_that_ended_unknown_the_same_is_offered_first(truth: Role) -> None:
    attempt = Attempt(1, truth.other, Status.ACTIVE, "alice+hamr-r-1@laptop", "", "adopt")
    primary, secondary = (f"hamr adopt payments --truth {role} --reason TEXT" for role in Role)
    show = "hamr show r"
    of = looked(replace(standing(), unknown=(("r", attempt),)), secondary, primary, show)
    first = (primary, secondary) if truth is Role.PRIMARY else (secondary, primary)
    assert typed(of.next_steps) == (*first, show)


def test_a_plan_beside_a_run_that_is_under_way_watches_it() -> None:
    assert typed(after_a_plan(replace(plan(), under_way=at_work()))) == (WATCH,)


@pytest.mark.parametrize(
    ("left_by", "shown"),
    [
        (HOLDER, ("hamr status payments", UNLOCK, RUN_IT, KEEP_IT)),
        (None, (RUN_IT, KEEP_IT)),
    ],
)
def test_law_15_a_plan_beside_a_run_that_died_leads_to_a_look_and_breaks_its_lock_before_a_new_run(
    left_by: Holder | None, shown: tuple[str, ...]
) -> None:
    of = plan(planned_transition(ACTIVATE, LINKED))
    assert typed(after_a_plan(replace(of, left_by=left_by))) == shown


def test_law_12_somebody_who_seems_to_be_at_work_is_asked_first() -> None:
    of = looked(
        replace(standing(), strangers=(Stranger(Role.SECONDARY, "r", "carol@desk", 12.0),)),
        "hamr run payments --to ACTIVE",
        "hamr adopt payments --truth primary --reason TEXT",
    )
    assert typed(of.next_steps) == (
        WATCH,
        "hamr run payments --to ACTIVE --override alone=REASON",
        "hamr adopt payments --truth primary --reason TEXT --override alone=REASON",
    )
    assert of.next_steps[0].why == "ask carol@desk first; this shows what they do"


def test_in_an_open_drill_the_next_step_closes_it_and_none_would_be_refused_because_of_it() -> None:
    drill = OpenDrill("20260528-150000-abcd", YESTERDAY, "alice@laptop", Status.ACTIVE, Status.PASSIVE)
    of = looked(
        replace(standing(), open_drill=drill),
        "hamr resume payments",
        "hamr plan payments --to PASSIVE",
        "hamr run payments --to ACTIVE",
        "hamr run payments --to ACTIVE --emergency --reason TEXT",
    )
    assert typed(of.next_steps) == (
        "hamr drill close 20260528-150000-abcd --notes TEXT",
        "hamr resume payments",
        "hamr run payments --to ACTIVE --emergency --reason TEXT",
    )
    carol = Stranger(Role.SECONDARY, "r", "carol@desk", 12.0)
    of = looked(replace(standing(), open_drill=drill, strangers=(carol,)), "hamr plan payments --to PASSIVE")
    over = "hamr drill close 20260528-150000-abcd --notes TEXT --override alone=REASON"
    assert typed(of.next_steps) == (WATCH, over)
    closing = "hamr drill close 20260528-150000-abcd --notes TEXT --override unknown=REASON --override alone=because"
    over = "hamr run payments --to PASSIVE --override unknown=REASON --override alone=because"
    steps = in_drill(drill.drill, [step("hamr status payments"), step(over)])
    assert typed(steps) == (closing, "hamr status payments")


def test_law_15_in_a_drill_that_only_a_person_can_bring_home_they_say_first_which_org_is_right() -> None:
    drill = OpenDrill("20260528-150000-abcd", YESTERDAY, "alice@laptop", Status.ACTIVE, Status.PASSIVE)
    adopt = "hamr adopt payments --truth secondary --reason TEXT"
    of = looked(replace(standing(), open_drill=drill), "hamr show R", adopt, "hamr runs")
    close = "hamr drill close 20260528-150000-abcd --notes TEXT"
    assert typed(of.next_steps) == ("hamr show R", adopt, close, "hamr runs")
    alone = "hamr run payments --to ACTIVE --emergency --reason TEXT"
    of = looked(replace(standing(), open_drill=drill), "hamr check", alone)
    assert typed(of.next_steps) == ("hamr check", alone, close)


def test_a_plan_that_is_refused_names_every_flag_that_goes_over_it_and_none_where_one_can_not_be() -> None:
    refused = planned_transition(DECLARE, LINKED, UNSETTLED, UNSEEN, refused_by=("settled", "both_answer"))
    run = "hamr run payments --to ACTIVE --override settled=REASON --override both_answer=REASON"
    assert typed(after_a_plan(plan(refused))) == ("hamr doctor payments", run), "the records do not show it"
    alone = planned_transition(
        DECLARE, Verdict("alone", Outcome.FAIL, "carol is at work"), refused_by=("alone",)
    )
    assert typed(after_a_plan(plan(alone)))[0] == "hamr status payments"
    mislinked = planned_transition(DECLARE, MISLINKED, UNSETTLED, refused_by=("linked", "settled"))
    assert typed(after_a_plan(plan(mislinked))) == ("hamr status payments",)


def test_law_15_a_plan_without_a_way_leads_to_no_run_that_an_earlier_one_would_hold_up() -> None:
    over = step("hamr run payments --to ACTIVE --override reverted=REASON")
    lags = replace(plan(), reachable=False, transitions=(), next_steps=(step(WATCH), over))
    assert typed(after_a_plan(lags)) == (WATCH, over.command, "hamr status payments")
    left = replace(lags, before=(Verdict("unknown", Outcome.FAIL, "nobody knows"),))
    by_name = f"{over.command} --override unknown=REASON"
    assert typed(after_a_plan(left)) == (WATCH, by_name, "hamr status payments")


def test_a_plan_says_what_it_is_for_and_how_to_keep_it() -> None:
    steps = after_a_plan(plan(planned_transition(ACTIVATE, LINKED)))
    assert typed(steps) == ("hamr run payments --to ACTIVE", "hamr plan payments --to ACTIVE --out FILE")
    assert all(each.why for each in steps)


def test_a_plan_while_somebody_else_is_at_work_watches_first() -> None:
    found = (Stranger(Role.SECONDARY, "r", "carol@desk", 12.0),)
    assert typed(after_a_plan(replace(plan(), strangers=found)))[0] == WATCH


def test_a_plan_in_an_open_drill_closes_it_and_an_emergency_does_not_ask() -> None:
    drilled = replace(plan(), open_drill="D1")
    assert typed(after_a_plan(drilled))[0] == "hamr drill close D1 --notes TEXT"
    assert not any(each.verb == "drill close" for each in after_a_plan(replace(drilled, mode=Mode.EMERGENCY)))


def test_a_guard_is_gone_over_once() -> None:
    once = step("hamr run 'a pair' --to ACTIVE --override alone=because").overriding("alone", "unknown")
    assert once.command == "hamr run 'a pair' --to ACTIVE --override alone=because --override unknown=REASON"


def test_a_command_that_is_named_twice_stands_where_it_stood_first() -> None:
    again, other = step("hamr resume R").so_that("first"), step("hamr status payments")
    assert each_once((again, other, step("hamr resume R"))) == (again, other)


def ended(
    ending: RunOutcome,
    state: RunState,
    seen: Both[Reading],
    *,
    silent: frozenset[Role] = frozenset(),
    strangers: tuple[Stranger, ...] = (),
) -> Ended:
    return Ended(
        ending,
        PAIR,
        PLAYBOOK,
        state,
        Status.ACTIVE,
        step(f"hamr resume {RUN}"),
        seen,
        silent=silent,
        phase=None,
        owed=None,
        refused_by=(),
        strangers=strangers,
        left_to_others=False,
        may_come_late=False,
        takes_up=state.intended,
    )


def test_law_15_what_a_refusal_leads_to_goes_over_somebody_at_work_by_name_as_a_look_says_it() -> None:
    """An adoption that is refused, say: the run that it names would be refused for them."""
    refused = RunOutcome(End.REFUSED, "stands midway", next_steps=(step("hamr run payments --to ACTIVE"),))
    carol = Stranger(Role.SECONDARY, "r", "carol@desk", 12.0)
    of = ended(
        refused, RunState(RUN), Both(reading(Role.PRIMARY), reading(Role.SECONDARY)), strangers=(carol,)
    )
    assert typed(after_a_run(of))[:2] == (WATCH, "hamr run payments --to ACTIVE --override alone=REASON")


@pytest.mark.parametrize("dead", [Role.PRIMARY, Role.SECONDARY])
def test_law_15_an_emergency_is_offered_where_it_is_the_other_org_that_does_not_answer(dead: Role) -> None:
    """Its survivor is the secondary: with that one unseen, it would be refused."""
    state = RunState(RUN, intended=True)
    state.apply(TransitionIntended("activate", Status.FAILOVER, Status.ACTIVE))
    silent = reading(dead, Unreachable("timed out"))
    seen = {role: silent if role is dead else reading(role) for role in Role}
    unknown = RunOutcome(End.UNKNOWN, "nobody knows", org=dead)
    of = ended(unknown, state, Both(seen[Role.PRIMARY], seen[Role.SECONDARY]))
    offered = [each for each in after_a_run(of) if each.is_emergency]
    assert bool(offered) is (dead is Role.PRIMARY)


@pytest.mark.parametrize("end", [End.UNKNOWN, End.INCOMPLETE])
def test_law_21_an_emergency_comes_first_only_where_the_other_org_was_silent_twice(end: End) -> None:
    ending = RunOutcome(end, "did not answer", org=Role.PRIMARY)
    seen = Both(reading(Role.PRIMARY, Unreachable("timed out")), reading(Role.SECONDARY))
    once, twice = (
        after_a_run(ended(ending, midway(), seen, silent=silent))[0]
        for silent in (frozenset[Role](), frozenset({Role.PRIMARY}))
    )
    assert (once.is_emergency, twice.is_emergency) == (False, True)


def test_law_15_a_delivery_that_was_refused_since_the_survivor_is_silent_waits_for_it_first() -> None:
    watch = step("hamr status payments --watch")
    refused = RunOutcome(End.REFUSED, "its half was not seen", org=Role.SECONDARY, next_steps=(watch,))
    seen = Both(reading(Role.PRIMARY), reading(Role.SECONDARY, Unreachable("timed out")))
    assert typed(after_a_run(ended(refused, midway(), seen)))[0] == WATCH


@pytest.mark.parametrize("end", [End.UNKNOWN, End.INCOMPLETE])
def test_law_21_a_survivor_that_was_silent_twice_is_waited_for_and_one_that_was_silent_once_is_not(
    end: End,
) -> None:
    """As a look says it: resumed without its survivor, the run would be refused."""
    ending = RunOutcome(end, "did not answer", org=Role.SECONDARY)
    seen = Both(reading(Role.PRIMARY), reading(Role.SECONDARY, Unreachable("timed out")))
    once, twice = (
        typed(after_a_run(ended(ending, midway(), seen, silent=silent)))
        for silent in (frozenset[Role](), frozenset({Role.SECONDARY}))
    )
    assert (once[0], twice[:2]) == (f"hamr resume {RUN}", (WATCH, f"hamr resume {RUN}"))


@pytest.mark.parametrize(
    ("when", "outcome", "again", "asks"),
    [
        (When.BEFORE, HookOutcome.FAILED, Again.ASK, True),
        (When.AFTER, None, Again.ASK, True),
        (When.BEFORE, HookOutcome.DONE, Again.ASK, False),
        (When.BEFORE, HookOutcome.FAILED, Again.SAFE, False),
    ],
)
def test_law_15_whoever_resumes_is_told_that_a_hook_is_not_repeated_unasked(
    when: When, outcome: HookOutcome | None, again: Again, *, asks: bool
) -> None:
    """With --yes nobody is asked, and the run would end there again and again."""
    hook = Hook("stop-sync", Program(("./stop-sync",)), again)
    playbook = changed(PLAYBOOK, "activate", **{when.value: (hook,)})
    state = midway()
    state.hooks["activate", when, "stop-sync"] = outcome
    of = ended(RunOutcome(End.INCOMPLETE, "stopped by a hook"), state, BOTH)
    first = after_a_run(replace(of, playbook=playbook))[0]
    assert first.command == f"hamr resume {RUN}"
    assert (first.why == "without --yes: it asks whether hook stop-sync may be run again") is asks


def midway() -> RunState:
    state = RunState(RUN, intended=True)
    state.apply(TransitionIntended("activate", Status.FAILOVER, Status.ACTIVE))
    return state


BOTH = Both(reading(Role.PRIMARY), reading(Role.SECONDARY))


@pytest.mark.parametrize("org", [None, Role.PRIMARY])
def test_law_15_no_emergency_is_offered_where_a_hook_or_the_journal_failed_and_both_orgs_answer(
    org: Role | None,
) -> None:
    steps = after_a_run(ended(RunOutcome(End.INCOMPLETE, "hook stop-sync failed", org=org), midway(), BOTH))
    assert any(each.is_emergency for each in steps) is (org is not None)


@pytest.mark.parametrize(
    ("stands", "made"),
    [(Status.PASSIVE, ()), (Status.FAILOVER, (("declare", Status.PASSIVE, Status.FAILOVER),))],
)
def test_law_14_what_a_hook_stopped_is_left_at_a_stop_or_led_back_to_one(
    stands: Status, made: tuple[tuple[str, Status, Status], ...]
) -> None:
    failed = RunOutcome(End.INCOMPLETE, "hook stop-sync failed")
    state = RunState(RUN, intended=True)
    for name, source, target in made:
        state.apply(TransitionIntended(name, source, target))
        state.apply(TransitionMade(name, source, target, 1.0, 2))
    coming = next(each for each in PLAYBOOK.transitions if each.source is stands)
    state.apply(TransitionIntended(coming.name, coming.source, coming.target))
    there = Both(shows(Role.PRIMARY, stands), shows(Role.SECONDARY, stands))
    assert typed(after_a_run(ended(failed, state, there)))[:2] == (
        f"hamr resume {RUN}",
        "hamr run payments --to PASSIVE",
    )
    state.unknown.append(Attempt(1, Role.SECONDARY, Status.FAILOVER, "alice+hamr-r-1@laptop", "declare"))
    offered = typed(after_a_run(ended(failed, state, there)))
    assert "hamr run payments --to PASSIVE --override unknown=REASON" in offered


def test_law_15_after_a_429_the_time_is_said_and_nobody_goes_back_to_where_the_pair_stands() -> None:
    wait = step(f"hamr resume {RUN}").so_that("go on, in 42 s at the soonest")
    throttled = RunOutcome(End.INCOMPLETE, "429", org=Role.PRIMARY, next_steps=(wait,))
    state = RunState(RUN, intended=True)
    state.apply(TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER))
    back = "hamr run payments --to PASSIVE"
    steps = after_a_run(ended(throttled, state, Both(shows(Role.PRIMARY), shows(Role.SECONDARY))))
    assert steps[0] == wait
    assert steps[0].why == "go on, in 42 s at the soonest"
    assert back not in typed(steps)
    half = Both(shows(Role.PRIMARY), shows(Role.SECONDARY, Status.FAILOVER))
    assert back in typed(after_a_run(ended(throttled, state, half)))


@pytest.mark.parametrize("dead", [frozenset[Role](), frozenset({Role.PRIMARY})])
@pytest.mark.parametrize("owed", [None, Owed(Role.PRIMARY, Status.FAILOVER, RUN, NOW)])
def test_law_15_nobody_is_led_back_by_a_planned_run_on_a_pair_that_owes_or_beside_a_dead_org(
    dead: frozenset[Role], owed: Owed | None
) -> None:
    state = RunState(RUN, intended=True, mode=Mode.EMERGENCY, dead={*dead})
    state.apply(TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER))
    seen = Both(reading(Role.PRIMARY, Unreachable("timed out")), shows(Role.SECONDARY, Status.FAILOVER))
    of = replace(ended(RunOutcome(End.INTERRUPTED, "stopped"), state, seen), owed=owed)
    back = "hamr run payments --to PASSIVE" in typed(after_a_run(of))
    assert back is (not dead and owed is None)


@pytest.mark.parametrize(
    ("left_at", "offered"),
    [
        (Status.PASSIVE, ["hamr run payments --to ACTIVE"]),
        (Status.FAILOVER, ["hamr run payments --to ACTIVE", "hamr run payments --to PASSIVE"]),
        (Status.ACTIVE, ["hamr run payments --to ACTIVE"]),
    ],
)
def test_law_15_what_leads_on_from_another_machines_run_goes_over_it_by_name_and_back_from_nowhere_else(
    left_at: Status, offered: list[str]
) -> None:
    """Killed in declare; carol went on from another machine, and the journal here does not know her run."""
    state = RunState(RUN, intended=True)
    state.apply(TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER))
    foreign = RunOutcome(End.MOVED, "carol wrote", org=Role.PRIMARY, change=Change.FOREIGN)
    seen = Both(shows(Role.PRIMARY, left_at), shows(Role.SECONDARY, left_at))
    carol = Stranger(Role.SECONDARY, "r", "carol@desk", 12.0)
    of = replace(
        ended(foreign, state, seen, strangers=(carol,)),
        phase=Phase(PhaseName.AGREED, "", (), status=left_at),
    )
    steps = typed(after_a_run(of))
    assert steps[0] == WATCH
    assert [each for each in steps if each.split()[1] == "run"] == [
        f"{each} --override alone=REASON" for each in offered
    ]


def shows(role: Role, status: Status = Status.PASSIVE) -> Reading:
    return reading(role, Present(record(role, int(status)), status))


def test_law_15_a_run_and_its_pair_are_not_both_to_be_resumed() -> None:
    refused = RunOutcome(End.UNKNOWN, "nobody knows", next_steps=(step("hamr resume payments"),))
    assert [each for each in typed(after_a_run(ended(refused, midway(), BOTH))) if "resume" in each][:1] == [
        f"hamr resume {RUN}"
    ]
    assert "hamr resume payments" not in typed(after_a_run(ended(refused, midway(), BOTH)))


def test_law_05_while_something_given_up_may_still_come_a_run_that_is_done_leads_to_a_look_first() -> None:
    done = replace(ended(RunOutcome(End.DONE, "stands"), midway(), BOTH), may_come_late=True)
    assert typed(after_a_run(done))[0] == "hamr status payments"


@pytest.mark.parametrize("end", [End.UNKNOWN, End.INCOMPLETE, End.INTERRUPTED])
def test_law_15_a_run_that_met_somebody_while_it_looked_for_its_write_asks_them_before_anything(
    end: End,
) -> None:
    """Resumed, it would stop for their write, and say no more than this."""
    seen = Both(shows(Role.PRIMARY, Status.ACTIVE), reading(Role.SECONDARY, Unreachable("timed out")))
    carol = Stranger(Role.PRIMARY, "r", "carol@desk", 12.0)
    of = ended(RunOutcome(end, "no answer", org=Role.SECONDARY), midway(), seen, strangers=(carol,))
    assert typed(after_a_run(of)) == (WATCH, "hamr status payments", f"hamr show {RUN}")
    went_over = midway()
    went_over.overrides = {"alone": "carol agrees"}
    assert typed(after_a_run(replace(of, state=went_over)))[0] == f"hamr resume {RUN}"


# How names and texts from outside are said


def test_control_characters_and_endless_texts_are_not_passed_on() -> None:
    assert printable("a\x1b[31mb\n") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}"
    assert printable("x" * 121) == "x" * 119 + "…"
    assert printable("é à 日本") == "é à 日本"

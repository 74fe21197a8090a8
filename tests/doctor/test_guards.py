"""Checks of probes and guards: today, for the transition that comes next and for later ones; and if the other org were dead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.doctor.answers import Answers
from orchestrator.model.guard import (
    AllOf,
    AnyOf,
    Command,
    Compared,
    Guard,
    GuardKind,
    Http,
    IfUnknown,
    Measured,
    Metric,
    Monitor,
    Not,
    Probe,
    Quiet,
    Unmeasured,
)
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import Level
from orchestrator.model.status import Status
from tests.situation.scenes import NOW, dead, shows

from .scenes import (
    CRITICAL,
    OK,
    PLAYBOOK,
    UNKNOWN,
    WARNING,
    P,
    S,
    answered,
    answers,
    checks,
    orgs,
    probing,
    verdicts,
)

AGENTS = Probe("agents", Metric(S, "sum:agents{*}"))
PRIMARY_AGENTS = Probe("primary_agents", Metric(P, "sum:agents{*}"))
HEALTHY = Probe("healthy", Monitor(S, 7))
PAGE = Probe("page", Http("https://status.example/"))
TRAFFIC = Probe("traffic", Command(("./traffic",)))

NO_DATA = Unmeasured("no data in the last 5 min", no_data=True)
BROKEN = Unmeasured("HTTP 403: Forbidden")


def playbook(named: Mapping[str, tuple[str, ...]], *guards: Guard) -> Playbook:
    """The failover playbook with these guards, named by these transitions."""
    transitions = tuple(
        replace(transition, guards=named.get(transition.name, ())) for transition in PLAYBOOK.transitions
    )
    return replace(
        PLAYBOOK,
        transitions=transitions,
        guards={guard.name: guard for guard in guards},
        probes=probing(AGENTS, PRIMARY_AGENTS, HEALTHY, PAGE, TRAFFIC),
    )


GOOD: Mapping[str, Measured | Unmeasured] = {
    "agents": Measured(12.0),
    "primary_agents": Measured(30.0),
    "healthy": Measured("OK"),
    "page": Measured(),
    "traffic": Measured(),
}


def scene(
    transition: str, kind: GuardKind, said: Mapping[str, Measured | Unmeasured] | None = None, **more: object
) -> Answers:
    """A pair at PASSIVE (where declare comes next) with one guard on a transition."""
    guard = replace(Guard("asked", kind, why="Look at the dashboard."), **more)
    return answers(orgs(probes={**GOOD, **(said or {})}), playbook=playbook({transition: ("asked",)}, guard))


def columns(found: Answers) -> tuple[Level | None, Level | None]:
    return verdicts(found, "guard asked")["guard asked"]


ABOVE = Compared("agents", above=0)


def test_a_guard_that_passes_is_fine_in_the_columns_in_which_its_transition_counts() -> None:
    assert columns(scene("declare", ABOVE)) == (OK, OK)
    assert columns(scene("recover", ABOVE)) == (OK, None)


def test_a_guard_that_refuses_the_transition_that_comes_next_is_critical_and_says_why_it_matters() -> None:
    found = scene("declare", ABOVE, {"agents": Measured(0.0)})
    assert columns(found) == (CRITICAL, CRITICAL)
    assert checks(found)["guard asked"].sentence == (
        "asked refuses: agents is 0; wanted above 0. Look at the dashboard."
    )


def test_one_that_cannot_be_judged_does_not_state_its_refusal_as_a_fact() -> None:
    found = scene("declare", ABOVE, {"agents": BROKEN})
    told = checks(found)["guard asked"].sentence
    assert told.startswith("asked cannot be judged: ")
    assert told.endswith(". If it refuses, that means: Look at the dashboard.")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (Quiet(timedelta(days=30)), {}),
        (ABOVE, {"within": timedelta(minutes=10)}),
    ],
)
def test_one_that_may_pass_by_waiting_is_a_warning(kind: GuardKind, more: dict[str, object]) -> None:
    assert columns(scene("declare", kind, {"agents": Measured(0.0)}, **more)) == (WARNING, WARNING)


def test_waiting_may_also_be_all_that_a_part_of_it_needs() -> None:
    parts = (
        Guard("agents", ABOVE),
        Guard("settled", Quiet(timedelta(days=30))),
        Guard("no_agents", Not("agents")),
    )
    both = playbook({"declare": ("both",)}, *parts, Guard("both", AllOf(("agents", "settled"))))
    either = playbook({"declare": ("both",)}, *parts, Guard("both", AnyOf(("no_agents",))))
    for book, level in ((both, WARNING), (either, CRITICAL)):
        found = answers(orgs(probes=GOOD), playbook=book)
        assert verdicts(found, "guard both") == {"guard both": (level, level)}


def test_one_that_refuses_a_later_transition_is_judged_again_then() -> None:
    found = scene("activate", ABOVE, {"agents": Measured(0.0)})
    assert columns(found) == (OK, OK)
    assert checks(found)["guard asked"].sentence == (
        "asked refuses: agents is 0; wanted above 0. It is judged again when activate comes."
    )


def test_law_08_a_guard_that_cannot_be_judged_is_no_pass() -> None:
    assert columns(scene("declare", ABOVE, {"agents": BROKEN})) == (UNKNOWN, UNKNOWN)
    assert columns(scene("declare", ABOVE, {"agents": NO_DATA})) == (UNKNOWN, UNKNOWN)
    assert columns(scene("activate", ABOVE, {"agents": BROKEN})) == (WARNING, WARNING)


def test_one_about_which_a_person_is_asked_is_a_warning() -> None:
    found = scene("declare", ABOVE, {"agents": BROKEN}, if_unknown=IfUnknown.ASK)
    assert columns(found) == (WARNING, WARNING)


def test_data_that_is_not_there_yet_is_only_mentioned_on_a_later_transition() -> None:
    found = scene("activate", ABOVE, {"agents": NO_DATA})
    assert columns(found) == (OK, OK)
    told = checks(found)["probe agents"]
    assert (told.planned, told.brief) == (OK, "agents has no data")


def test_a_part_that_no_transition_asks_by_itself_is_answered_and_does_not_count() -> None:
    book = playbook({"declare": ("not_healthy",)}, Guard("healthy", Compared("healthy", equals="Alert")),
                    Guard("not_healthy", Not("healthy")))  # fmt: skip
    found = answers(orgs(probes=GOOD), playbook=book)
    assert verdicts(found, "guard healthy", "guard not_healthy") == {
        "guard healthy": (None, None),
        "guard not_healthy": (OK, OK),
    }
    assert "No transition asks it by itself." in checks(found)["guard healthy"].sentence


def test_law_09_what_only_the_dead_org_could_tell_is_waived_in_an_emergency() -> None:
    """In peace the primary has Agents, so the question whether it is dead is answered no; an emergency cannot ask it."""
    kind = Compared("primary_agents", below=1)
    assert columns(scene("declare", kind)) == (CRITICAL, None)
    assert columns(scene("declare", Quiet(timedelta(minutes=5)))) == (OK, None)


def test_what_refuses_in_an_emergency_alone_is_said() -> None:
    parts = (Guard("there", Compared("primary_agents", above=0)), Guard("here", Compared("agents", above=20)))
    book = playbook({"declare": ("either",)}, *parts, Guard("either", AnyOf(("there", "here"))))
    found = answers(orgs(probes={**GOOD, "page": BROKEN}), playbook=book)
    assert verdicts(found, "guard either") == {"guard either": (OK, None)}
    book = playbook({"declare": ("either",)}, *parts, Guard("page", Compared("page")),
                    Guard("either", AnyOf(("there", "page"))))  # fmt: skip
    found = answers(orgs(probes={**GOOD, "page": BROKEN}), playbook=book)
    told = checks(found)["guard either"]
    assert (told.planned, told.emergency) == (OK, UNKNOWN)
    assert "In an emergency: either cannot be judged" in told.sentence


def test_guards_that_are_blind_for_a_silent_org_say_so_in_the_same_words() -> None:
    guard = Guard("asked", Compared("primary_agents", above=0))
    silent = orgs(dead(P), probes={**GOOD, "primary_agents": BROKEN})
    found = checks(answers(silent, playbook=playbook({"recover": ("asked",)}, guard)))
    for name in ("guard asked", "guard alone", "probe primary_agents"):
        assert (found[name].planned, found[name].emergency) == (UNKNOWN, None), name
        assert found[name].sentence == "Not known: Payments (primary) did not answer."


def test_a_stamp_of_a_run_that_this_journal_does_not_know_is_a_warning() -> None:
    stamped = shows(
        S, Status.PASSIVE, at=NOW - timedelta(minutes=2), by="bob+hamr-20260528-163700-abcd-1@desk"
    )
    found = answers(orgs(secondary=answered(stamped)))
    assert verdicts(found) == {"guard alone": (WARNING, WARNING)}


@pytest.mark.parametrize(
    ("sight", "level", "words"),
    [
        (Measured(12.0, detail="at 03:12:05 UTC"), OK, "agents answers 12 (at 03:12:05 UTC)."),
        (Measured(good=False), OK, "agents answers bad."),
        (BROKEN, WARNING, "agents could not be read: HTTP 403: Forbidden."),
    ],
)
def test_a_probe_is_fine_where_it_answers_whatever_it_answers(
    sight: Measured | Unmeasured, level: Level, words: str
) -> None:
    told = checks(scene("activate", ABOVE, {"agents": sight}))["probe agents"]
    assert (told.planned, told.emergency, told.sentence) == (level, level, words)


def test_a_probe_counts_in_an_emergency_where_a_transition_of_one_needs_it_and_the_survivor_answers_it() -> (
    None
):
    transitions = {"declare": ("a", "b"), "recover": ("c",)}
    book = playbook(transitions, Guard("a", Compared("primary_agents")), Guard("b", Compared("page")),
                    Guard("c", Compared("traffic")))  # fmt: skip
    found = answers(orgs(probes=GOOD), playbook=book)
    assert verdicts(found, "probe primary_agents", "probe page", "probe traffic") == {
        "probe primary_agents": (OK, None),
        "probe page": (OK, OK),
        "probe traffic": (OK, None),
    }

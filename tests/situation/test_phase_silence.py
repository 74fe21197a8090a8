"""Where a pair stands of which an org was not seen, or is not the one that was meant; and law 15, exhaustively."""

from __future__ import annotations

import itertools
import shlex
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.floor import Floor, Floors
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Change, Exchange, Reading, Trouble
from orchestrator.model.run import Mode
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
    STRANGER,
    absent,
    dead,
    denied,
    garbled,
    hampered,
    holds,
    keyless,
    open_run,
    owed,
    phase,
    record,
    shows,
)

PASSIVE_PRIMARY = shows(PRIMARY, Status.PASSIVE)
PASSIVE_SECONDARY = shows(SECONDARY, Status.PASSIVE)


TOLD = shows(SECONDARY, Status.FAILOVER, at=NOW, by=f"bob+hamr-{RUN}-1@laptop")


def test_half_seen_offers_the_emergency_where_the_org_that_answers_is_the_survivor() -> None:
    found = phase(dead(PRIMARY), PASSIVE_SECONDARY)
    assert bare(found) == Phase(
        PhaseName.HALF_SEEN,
        "Payments (primary) did not answer (timed out after 10 s); Payments EU (secondary) shows PASSIVE "
        "(changed 2026-05-27 09:30:00 UTC by alice@example.com). If it stays so, Payments EU (secondary) alone "
        "can go on to ACTIVE as an emergency.",
        tuple(
            map(
                step,
                ("hamr run payments --to ACTIVE --emergency --reason TEXT", "hamr status payments --watch"),
            )
        ),
        status=Status.PASSIVE,
        role=SECONDARY,
    )
    assert found.label == "half-seen(PASSIVE)"


PUT_BACK: Floors = {PAIR[SECONDARY].uuid: Floor(record(SECONDARY, 4, at=NOW, by="bob"), ours=True)}
OVER = "--override reverted=REASON"
RESUME, EMERGENCY = (
    f"hamr resume payments {OVER}",
    f"hamr run payments --to ACTIVE --emergency --reason TEXT {OVER}",
)


@pytest.mark.parametrize(
    ("other", "run", "debt", "offered"),
    [
        (dead(PRIMARY), None, None, (EMERGENCY,)),
        (garbled(PRIMARY), None, None, ("hamr check", EMERGENCY)),
        (hampered(PRIMARY, Trouble.TRUST), None, None, ("hamr status payments", "hamr doctor payments")),
        (
            dead(PRIMARY),
            open_run("declare"),
            None,
            (f"hamr resume payments --emergency --reason TEXT {OVER}", RESUME),
        ),
        (dead(PRIMARY), replace(open_run("declare"), under_way=True), None, (RESUME,)),
        (dead(PRIMARY), None, owed(), (RESUME, EMERGENCY)),
        (dead(PRIMARY), None, replace(owed(), stopped_for=Change.FOREIGN), (EMERGENCY,)),
    ],
)
def test_law_09_a_survivor_that_was_put_back_goes_on_alone_where_somebody_says_that_it_was(
    other: Reading, run: OpenRun | None, debt: Owed | None, offered: tuple[str, ...]
) -> None:
    """And what needs the other org waits for it first: until that is seen, it would be refused."""
    found = phase(other, PASSIVE_SECONDARY, run=run, debt=debt, floors=PUT_BACK)
    assert found.label == "lagging(secondary)"
    assert typed(found.next_steps) == ("hamr status payments --watch", *offered)


def test_half_seen_offers_the_goal_that_was_asked_for_alone() -> None:
    transitions = (DECLARE, ACTIVATE, replace(ABORT, survivor=SECONDARY))
    both = (dead(PRIMARY), shows(SECONDARY, Status.FAILOVER))
    onward = "hamr run payments --to ACTIVE --emergency --reason TEXT"
    back = "hamr run payments --to PASSIVE --emergency --reason TEXT"
    watch = "hamr status payments --watch"
    assert typed(phase(*both, playbook=replace(FAILOVER, transitions=transitions)).next_steps) == (
        back,
        onward,
        watch,
    )
    asked = phase(*both, playbook=replace(FAILOVER, transitions=transitions), goal=Status.ACTIVE)
    assert typed(asked.next_steps) == (onward, watch)


def test_half_seen_waits_where_the_org_that_answers_is_not_the_survivor() -> None:
    found = phase(PASSIVE_PRIMARY, dead(SECONDARY))
    assert typed(found.next_steps) == ("hamr status payments --watch",)
    assert found.sentence.endswith(
        "No transition leads on from PASSIVE with Payments (primary) alone: wait for Payments EU (secondary)."
    )


def test_half_seen_waits_where_a_transition_on_the_way_is_not_for_emergencies() -> None:
    found = phase(dead(PRIMARY), shows(SECONDARY, Status.ACTIVE))
    assert typed(found.next_steps) == ("hamr status payments --watch",)


def test_half_seen_in_the_middle_of_a_run_offers_to_finish_that_run_alone() -> None:
    found = phase(dead(PRIMARY), TOLD, run=open_run("declare"))
    assert typed(found.next_steps) == (
        "hamr resume payments --emergency --reason TEXT",
        "hamr status payments --watch",
        "hamr resume payments",
    )
    last_write_made = phase(dead(PRIMARY), shows(SECONDARY, Status.ACTIVE), run=open_run("activate"))
    assert typed(last_write_made.next_steps)[0] == "hamr resume payments --emergency --reason TEXT"
    not_for_emergencies = phase(
        dead(PRIMARY), shows(SECONDARY, Status.RECOVERY), run=open_run("recover", goal=Status.PASSIVE)
    )
    assert typed(not_for_emergencies.next_steps) == ("hamr status payments --watch", "hamr resume payments")
    back = phase(dead(PRIMARY), PASSIVE_SECONDARY, run=open_run("abort", goal=Status.PASSIVE))
    assert not [step for step in back.next_steps if step.verb == "resume" and step.is_emergency]


def test_law_15_half_seen_beside_a_run_that_is_under_way_offers_nothing_to_finish() -> None:
    found = phase(dead(PRIMARY), TOLD, run=replace(open_run("declare"), under_way=True))
    assert found.sentence.endswith(f"(changed {NOW:%Y-%m-%d %H:%M:%S} UTC by bob@laptop in run {RUN}).")
    assert not any(offered.is_emergency for offered in found.next_steps)


def test_half_seen_after_an_emergency_says_what_is_owed_and_waits() -> None:
    found = phase(dead(PRIMARY), shows(SECONDARY, Status.ACTIVE), debt=owed())
    assert typed(found.next_steps) == ("hamr status payments --watch", "hamr resume payments")
    assert "Payments (primary) is owed ACTIVE since 2026-05-27 09:30:00 UTC" in found.sentence
    further = phase(dead(PRIMARY), PASSIVE_SECONDARY, debt=owed(status=Status.PASSIVE))
    assert typed(further.next_steps) == (
        "hamr status payments --watch",
        "hamr resume payments",
        "hamr run payments --to ACTIVE --emergency --reason TEXT",
    )


def test_law_15_half_seen_does_not_take_up_what_would_stop_for_the_same_write_again() -> None:
    run = replace(open_run("declare"), stopped_for=Change.FOREIGN)
    watch = "hamr status payments --watch"
    assert typed(phase(PASSIVE_PRIMARY, dead(SECONDARY), run=run).next_steps) == (watch,)
    anew = "hamr run payments --to ACTIVE --emergency --reason TEXT"
    assert typed(phase(dead(PRIMARY), TOLD, run=run).next_steps) == (anew, watch)
    active = shows(SECONDARY, Status.ACTIVE)
    owing = phase(dead(PRIMARY), active, debt=replace(owed(), stopped_for=Change.FOREIGN))
    assert "once it answers, adopt tells it" in owing.sentence
    assert "once it answers, resume tells it" in phase(dead(PRIMARY), active, debt=owed()).sentence


def test_law_09_a_returning_org_is_never_sent_ahead_of_the_living_one() -> None:
    found = phase(PASSIVE_PRIMARY, dead(SECONDARY), debt=owed())
    assert typed(found.next_steps) == ("hamr status payments --watch", "hamr resume payments")
    assert "Payments (primary) is owed what Payments EU (secondary) shows" in found.sentence
    assert found.next_steps[1].why == "tell the primary what it is owed: ACTIVE"


def test_dark_says_that_nothing_can_be_done() -> None:
    found = phase(dead(PRIMARY), dead(SECONDARY))
    assert (found.name, typed(found.next_steps)) == (PhaseName.DARK, ("hamr status payments --watch",))
    assert found.sentence.startswith("Neither org was seen: Payments (primary) did not answer")
    assert found.sentence.endswith("try another network.")
    busy = Both(*(replace(dead(role), exchange=Exchange(0.1, 429)) for role in Role))
    words = phase(*busy).sentence
    assert "Payments (primary) gave no usable answer (" in words
    assert words.endswith("Nothing can be done until one of them says where it stands: look again.")


def test_denied_names_the_keys_and_still_offers_the_emergency() -> None:
    found = phase(denied(PRIMARY), PASSIVE_SECONDARY)
    assert (found.name, found.role) == (PhaseName.DENIED, PRIMARY)
    assert "Payments (primary) denied our keys (403 Forbidden)" in found.sentence
    assert typed(found.next_steps) == (
        "hamr doctor payments",
        "hamr status payments",
        "hamr run payments --to ACTIVE --emergency --reason TEXT",
    )
    assert phase(denied(PRIMARY), dead(SECONDARY)).name is PhaseName.DENIED
    assert phase(denied(PRIMARY), denied(SECONDARY)).role is None


def test_a_key_that_cannot_be_had_says_nothing_of_the_org_and_offers_no_emergency() -> None:
    why = (
        "The application key of Payments (primary) cannot be used: "
        "file /etc/hamr/keys/of/this/very/long/path/payments/primary/app.key cannot be read (No such file or directory)."
    )
    found = phase(keyless(PRIMARY, why), PASSIVE_SECONDARY)
    assert bare(found) == Phase(
        PhaseName.HAMPERED,
        f"Payments (primary) was not asked ({why}); Payments EU (secondary) shows PASSIVE (changed 2026-05-27 "
        "09:30:00 UTC by alice@example.com). That is trouble of this machine or its network, and says nothing of "
        "Payments (primary), which may be well: set what is missing. Then look again.",
        tuple(map(step, ("hamr status payments", "hamr doctor payments"))),
        role=PRIMARY,
    )
    both = phase(keyless(PRIMARY), keyless(SECONDARY))
    assert (both.role, typed(both.next_steps)) == (None, ("hamr status payments", "hamr doctor payments"))
    assert phase(denied(PRIMARY), keyless(SECONDARY)).next_steps == both.next_steps


def test_law_21_a_name_that_is_not_known_offers_an_emergency_last() -> None:
    found = phase(hampered(PRIMARY, Trouble.RESOLVER), PASSIVE_SECONDARY)
    assert (found.name, found.role) == (PhaseName.HAMPERED, PRIMARY)
    assert typed(found.next_steps)[:2] == ("hamr status payments", "hamr doctor payments")
    assert typed(found.next_steps)[2:] == ("hamr run payments --to ACTIVE --emergency --reason TEXT",)


@pytest.mark.parametrize("trouble", [each for each in Trouble if each is not Trouble.RESOLVER])
def test_law_21_trouble_of_this_machine_names_its_remedy_and_offers_no_emergency(trouble: Trouble) -> None:
    for other in (PASSIVE_SECONDARY, denied(SECONDARY), garbled(SECONDARY), TOLD):
        found = phase(hampered(PRIMARY, trouble), other)
        assert (found.name, found.role) == (PhaseName.HAMPERED, PRIMARY)
        assert typed(found.next_steps) == ("hamr status payments", "hamr doctor payments")
        assert "correct HTTPS_PROXY. Then look again." in found.sentence


def test_law_21_the_open_run_is_offered_when_the_trouble_is_mended() -> None:
    found = phase(hampered(PRIMARY, Trouble.TRUST), TOLD, run=open_run("declare"))
    assert typed(found.next_steps) == ("hamr status payments", "hamr doctor payments", "hamr resume payments")


def test_law_21_dark_behind_a_proxy_that_is_not_there_names_its_remedy() -> None:
    found = phase(hampered(PRIMARY, Trouble.PROXY), hampered(SECONDARY, Trouble.PROXY))
    assert (found.name, typed(found.next_steps)) == (PhaseName.DARK, ("hamr status payments --watch",))
    assert found.sentence.endswith(
        "That is trouble of this machine or its network: correct HTTPS_PROXY. Then look again."
    )


def test_law_21_dark_says_that_this_machine_may_be_the_trouble() -> None:
    found = phase(dead(PRIMARY), dead(SECONDARY))
    assert "Its name servers or its network may be the trouble: try another network." in found.sentence


def test_unreadable_is_an_answer_that_is_no_record() -> None:
    found = phase(PASSIVE_PRIMARY, garbled(SECONDARY))
    assert (found.name, found.role) == (PhaseName.UNREADABLE, SECONDARY)
    assert typed(found.next_steps) == ("hamr status payments --watch", "hamr check")


def test_unreadable_is_a_record_that_does_not_say_whether_it_is_the_primary() -> None:
    found = phase(holds(PRIMARY, record(PRIMARY, is_primary=None)), PASSIVE_SECONDARY)
    assert (found.name, found.role) == (PhaseName.UNREADABLE, PRIMARY)
    assert "(it shows PASSIVE, but not whether it is the primary)" in found.sentence


def test_unrecognised_is_never_acted_on() -> None:
    for other in (
        PASSIVE_SECONDARY,
        dead(SECONDARY),
        denied(SECONDARY),
        garbled(SECONDARY),
        absent(SECONDARY),
    ):
        found = phase(holds(PRIMARY, record(PRIMARY, 6)), other)
        assert (found.name, found.role) == (PhaseName.UNRECOGNISED, PRIMARY)
        assert typed(found.next_steps) == ("hamr status payments --watch",)
    assert "Payments (primary) shows status 6, which this version does not know" in found.sentence


def test_mislinked_comes_before_everything_that_was_seen() -> None:
    wrong = holds(SECONDARY, record(SECONDARY, target_uuid=STRANGER))
    others = (
        PASSIVE_PRIMARY,
        dead(PRIMARY),
        denied(PRIMARY),
        absent(PRIMARY),
        holds(PRIMARY, record(PRIMARY, 6)),
    )
    for other in others:
        found = phase(other, wrong, debt=owed(), run=open_run("declare"))
        assert (found.name, found.role) == (PhaseName.MISLINKED, SECONDARY)
        assert typed(found.next_steps) == ("hamr check", "hamr status payments")
        assert f"points at org {STRANGER} as its peer" in found.sentence


def test_two_primaries_are_mislinked() -> None:
    found = phase(PASSIVE_PRIMARY, holds(SECONDARY, record(SECONDARY, is_primary=False)))
    assert found.name is PhaseName.MISLINKED


# Every pair of readings has a name, a sentence and next commands that lead somewhere.


VERBS = {
    *("demo", "init", "check", "graph", "status", "plan", "run", "apply", "resume", "adopt", "unlock", "ack"),
    *("drill", "runs", "show", "report", "audit", "doctor", "simulate"),
}


def sights(role: Role) -> dict[str, Reading]:
    """All that one org may say, by a short name."""
    return {
        **{str(number): holds(role, record(role, number)) for number in range(7)},
        "absent": absent(role),
        "denied": denied(role),
        "keyless": keyless(role),
        "walled off": hampered(role, Trouble.PROXY),
        "intercepted": hampered(role, Trouble.MIDDLEBOX),
        "unreachable": dead(role),
        "unreadable": garbled(role),
        "mislinked": holds(role, record(role, target_uuid=STRANGER)),
        "roleless": holds(role, record(role, is_primary=None)),
        "3 later": holds(role, record(role, 3, at=NOW)),
        "4 timeless": holds(role, record(role, 4, at=None)),
    }


PRIMARIES, SECONDARIES = sights(PRIMARY), sights(SECONDARY)
DEBTS = (None, owed(PRIMARY), owed(SECONDARY, Status.PASSIVE))
RUNS = (
    None,
    open_run("declare"),
    open_run("abort", goal=Status.PASSIVE),
    open_run("activate", mode=Mode.EMERGENCY),
)
GOALS = (None, Status.PASSIVE, Status.ACTIVE)
EMPTY = Playbook("empty", (), ())
NEWER: Floors = {PAIR[SECONDARY].uuid: Floor(record(SECONDARY, 4, at=NOW + timedelta(minutes=1)))}


def leads_somewhere(command: str, playbook: Playbook) -> bool:
    """Whether the verb exists, and a goal that it names is one that `--to` takes."""
    words = shlex.split(command)
    if words[0] != "hamr" or words[1] not in VERBS:
        return False
    if words[1] in {"check", "graph", "show"}:
        return True
    if words[2] != "payments":
        return False
    if "--to" not in words:
        return words[1] in {"status", "resume", "adopt", "doctor"}
    if words[-2:] == ["--override", "reverted=REASON"]:
        words = words[:-2]
    stops = ONBOARDING.stops if words[-2:] == ["--playbook", "onboarding"] else playbook.stops
    return words[1] in {"plan", "run"} and words[words.index("--to") + 1] in {str(stop) for stop in stops}


@pytest.mark.parametrize(
    "playbook",
    [FAILOVER, EMPTY, pytest.param(ONBOARDING, marks=pytest.mark.nightly)],
    ids=lambda one: one.name,
)
def test_law_15_every_pair_of_readings_has_a_name_a_sentence_and_a_next_command(playbook: Playbook) -> None:
    names: set[PhaseName] = set()
    commands: set[str] = set()
    cells = itertools.product(PRIMARIES.items(), SECONDARIES.items())
    for ((one, primary), (other, secondary)), debt, run in itertools.product(cells, DEBTS, RUNS):
        told = [*((goal, KEYS, {}) for goal in GOALS), (None, NO_KEYS, {}), (None, KEYS, NEWER)]
        for goal, keys, floors in told:
            readings = Both(primary, secondary)
            found = phase_of(View(PAIR, readings, playbook, debt, run, goal), keys, floors)
            steps = typed(found.next_steps)
            names_both = all(
                org in found.sentence for org in ("Payments (primary)", "Payments EU (secondary)")
            )
            assert found.sentence.endswith("."), (one, other, debt, run, goal)
            assert names_both or found.sentence.startswith("Both orgs show "), (one, other, debt, run, goal)
            assert len(set(steps)) == len(steps) > 0, (one, other, debt, run, goal)
            names.add(found.name)
            commands.update(steps)
    without = set() if playbook.transitions else {PhaseName.MIDWAY}
    assert names == set(PhaseName) - without
    assert {command for command in commands if not leads_somewhere(command, playbook)} == set()


CELLS = [
    ("2", "2", PhaseName.AGREED),
    ("0", "0", PhaseName.AGREED),
    ("2", "3", PhaseName.MIDWAY),
    ("3", "2", PhaseName.MIDWAY),
    ("3", "4", PhaseName.MIDWAY),
    ("5", "2", PhaseName.MIDWAY),
    ("1", "2", PhaseName.MIDWAY),
    ("2", "4", PhaseName.DIVERGED),
    ("0", "2", PhaseName.DIVERGED),
    ("3", "5", PhaseName.DIVERGED),
    ("6", "6", PhaseName.UNRECOGNISED),
    ("6", "unreachable", PhaseName.UNRECOGNISED),
    ("absent", "6", PhaseName.UNRECOGNISED),
    ("absent", "absent", PhaseName.ABSENT),
    ("absent", "2", PhaseName.HALF_ABSENT),
    ("0", "absent", PhaseName.HALF_ABSENT),
    ("absent", "unreachable", PhaseName.HALF_SEEN),
    ("0", "unreachable", PhaseName.HALF_SEEN),
    ("unreachable", "4", PhaseName.HALF_SEEN),
    ("unreachable", "unreachable", PhaseName.DARK),
    ("denied", "unreachable", PhaseName.DENIED),
    ("keyless", "2", PhaseName.HAMPERED),
    ("keyless", "keyless", PhaseName.HAMPERED),
    ("2", "walled off", PhaseName.HAMPERED),
    ("walled off", "walled off", PhaseName.DARK),
    ("walled off", "unreachable", PhaseName.DARK),
    ("walled off", "denied", PhaseName.HAMPERED),
    ("intercepted", "unreachable", PhaseName.HAMPERED),
    ("intercepted", "intercepted", PhaseName.HAMPERED),
    ("intercepted", "6", PhaseName.UNRECOGNISED),
    ("denied", "unreadable", PhaseName.DENIED),
    ("2", "denied", PhaseName.DENIED),
    ("unreadable", "unreachable", PhaseName.UNREADABLE),
    ("absent", "unreadable", PhaseName.UNREADABLE),
    ("2", "roleless", PhaseName.UNREADABLE),
    ("mislinked", "6", PhaseName.MISLINKED),
    ("denied", "mislinked", PhaseName.MISLINKED),
]


@pytest.mark.parametrize(("primary", "secondary", "name"), CELLS)
def test_law_15_cells_of_the_table(primary: str, secondary: str, name: PhaseName) -> None:
    readings = Both(PRIMARIES[primary], SECONDARIES[secondary])
    assert phase_of(View(PAIR, readings, FAILOVER), KEYS).name is name

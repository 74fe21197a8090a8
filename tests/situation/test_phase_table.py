"""Law 15, exhaustively: every pair of readings has a name, a sentence and next commands that lead somewhere."""

from __future__ import annotations

import itertools
import shlex
from datetime import timedelta

import pytest

from orchestrator.model.floor import Floor, Floors
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Reading, Trouble
from orchestrator.model.run import Mode
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import phase_of
from tests.steps import typed

from .scenes import (
    FAILOVER,
    KEYS,
    NO_KEYS,
    NOW,
    ONBOARDING,
    PAIR,
    PRIMARY,
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
    record,
)

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


@pytest.mark.parametrize("playbook", [FAILOVER, ONBOARDING, EMPTY], ids=lambda one: one.name)
def test_law_15_every_pair_of_readings_has_a_name_a_sentence_and_a_next_command(playbook: Playbook) -> None:
    names: set[PhaseName] = set()
    commands: set[str] = set()
    cells = itertools.product(PRIMARIES.items(), SECONDARIES.items())
    for ((one, primary), (other, secondary)), debt, run in itertools.product(cells, DEBTS, RUNS):
        told = [*((goal, KEYS, {}) for goal in GOALS), (None, NO_KEYS, {}), (None, KEYS, NEWER)]
        for goal, keys, floors in told:
            readings = Both(primary, secondary)
            found = phase_of(
                PAIR, readings, keys, playbook, owed=debt, open_run=run, goal=goal, floors=floors
            )
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
    assert phase_of(PAIR, readings, KEYS, FAILOVER).name is name

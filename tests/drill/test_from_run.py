"""A run of every kind of end, made into a scenario: played on the simulator it meets the same, and ends the same."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.config import parse_playbook
from orchestrator.config.scenario import Death
from orchestrator.config.scenarios import parse_scenario, scenario_text
from orchestrator.drill.from_run import FromRun, scenario_of_run
from orchestrator.errors import ExitCode, UsageError
from orchestrator.model.events import Event, WriteAnswered
from orchestrator.model.journal import Record
from orchestrator.model.playbook import Playbook
from orchestrator.model.result import DrillResult, RunResult
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.run import start

from .rehearsals import Room, missed
from .test_live import drillable

TEXT = """
schema: 1
name: again
stops: [PASSIVE, ACTIVE]
confirm: {within: 20s, every: 2s}
probes:
  agents: {metric: {org: secondary, query: "sum:agents{*}"}}
  page: {http: {url: "http://127.0.0.1:9/"}}
guards:
  agents_seen: {probe: {name: agents, above: 5}, within: 10m}
  well: {probe: {name: page}}
transitions:
  - name: declare
    from: PASSIVE
    to: FAILOVER
    survivor: secondary
    guards: [well]
    before:
      - {name: flip, run: [./flip], again: safe}
  - name: activate
    from: FAILOVER
    to: ACTIVE
    survivor: secondary
    guards: [agents_seen]
    after:
      - {name: press, manual: Press the button.}
  - {name: abort, from: FAILOVER, to: PASSIVE}
  - {name: recover, from: ACTIVE, to: RECOVERY}
  - {name: settle, from: RECOVERY, to: PASSIVE}
"""
HEAD = (
    "schema: 1\nname: met\n"
    "waits: {confirm: {within: 500ms, every: 50ms}, emergency: 200ms, read: 300ms, guards: 500ms, mirror: 200ms}\n"
)
PLAYBOOK = parse_playbook(TEXT, "again.yaml")


class Case(Struct, frozen=True):
    """What was met, and how the run ended each time."""

    body: str
    ends: tuple[str, ...]


CASES = {
    "every write was taken, and none was answered well": Case(
        "probes: {page: false, agents: 3}\nsteps:\n  - run: {to: ACTIVE, override: {well: Bob has seen it}}\n    faults:\n"
        "      - {server_error: {status: 502, applied: true}, org: secondary, method: POST, at: 1}\n"
        "      - {answer_lost: {}, org: primary, method: POST, at: 1}\n"
        "      - {redirect: {applied: true}, org: secondary, method: POST, at: 2}\n"
        "    meanwhile:\n      - {after: wait.began, probes: {agents: 12}}\n"
        "      - {after: write.answered, faults: [{server_error: {status: 500}, org: primary, method: GET}]}\n",
        ("DONE",),
    ),
    "no write was taken at first": Case(
        "steps:\n  - run: {to: ACTIVE}\n    faults:\n"
        "      - {connection_reset: {}, org: primary, method: POST}\n"
        "      - {throttle: {reset: 0}, org: secondary, method: POST, times: 2}\n",
        ("DONE",),
    ),
    "5xx, and not taken": Case(
        "steps: [{run: {to: ACTIVE}, faults: [{server_error: {status: 504}, org: secondary, method: POST}]}]\n",
        ("DONE",),
    ),
    "4xx": Case(
        "steps: [{run: {to: ACTIVE}, faults: [{client_error: {status: 422}, org: primary, method: POST}]}]\n",
        ("INCOMPLETE",),
    ),
    "rate limited for too long": Case(
        "steps: [{run: {to: ACTIVE}, faults: [{throttle: {reset: 60}, org: secondary, method: POST}]}]\n",
        ("INCOMPLETE",),
    ),
    "unknown": Case(
        "steps: [{run: {to: ACTIVE}, faults: [{silence: {}, org: secondary, method: POST, times: 2}]}]\n",
        ("UNKNOWN",),
    ),
    "unknown, and resumed": Case(
        "steps:\n  - run: {to: ACTIVE}\n    faults: [{connection_reset: {}, org: secondary, method: POST, times: 2}]\n"
        "  - {resume: {}, by: bob}\n",
        ("UNKNOWN", "DONE"),
    ),
    "refused": Case("probes: {page: false}\nsteps: [{run: {to: ACTIVE}}]\n", ("REFUSED",)),
    "refused for want of an answer": Case(
        "probes: {page: {unknown: no page}}\nsteps: [{run: {to: ACTIVE}}]\n", ("REFUSED",)
    ),
    "waited for in vain, and resumed": Case(
        "probes: {agents: 3}\nsteps:\n  - {run: {to: ACTIVE}}\n  - {resume: {}, probes: {agents: 9}}\n",
        ("INCOMPLETE", "DONE"),
    ),
    "a hook failed": Case("steps: [{run: {to: ACTIVE}, hooks: {flip: 3}}]\n", ("INCOMPLETE",)),
    "a hook failed, and ended well": Case(
        "steps:\n  - {run: {to: ACTIVE}, hooks: {flip: 3}}\n  - {resume: {}, hooks: {flip: 0}}\n",
        ("INCOMPLETE", "DONE"),
    ),
    "a person said no": Case("steps: [{run: {to: ACTIVE}, answers: {press: false}}]\n", ("OWING",)),
    "interrupted, and resumed": Case(
        "steps:\n  - {run: {to: ACTIVE}, stops: {after: write.confirmed}}\n  - {resume: {}, by: bob}\n",
        ("INTERRUPTED", "DONE"),
    ),
    "killed before it was sent": Case(
        "steps:\n  - {run: {to: ACTIVE}, dies: {after: write.intended, number: 2}}\n  - {resume: {}, by: bob}\n",
        ("DONE",),
    ),
    "killed after it was sent": Case(
        "steps:\n  - {run: {to: ACTIVE}, dies: {after: write.intended, number: 2, sent: true}}\n"
        "  - {resume: {}, by: bob}\n",
        ("DONE",),
    ),
    "killed, and left": Case("steps: [{run: {to: ACTIVE}, dies: {after: transition.made}}]\n", ()),
    "somebody else writes": Case(
        "steps:\n  - run: {to: ACTIVE}\n    meanwhile:\n"
        "      {after: write.confirmed, number: 2, somebody_writes: {org: primary, status: PASSIVE, by: carol@example.com}}\n",
        ("MOVED",),
    ),
    "an emergency, and delivered": Case(
        "steps:\n  - dark: {org: primary, silent: true}\n  - run: {to: ACTIVE, emergency: true, reason: us1 is dark}\n"
        "  - back: {org: primary}\n  - resume: {}\n",
        ("OWING", "DONE"),
    ),
    "an emergency behind a page": Case(
        "steps:\n  - run: {to: ACTIVE, emergency: true, reason: us1 is ill}\n"
        "    faults: [{region_dark: {answers: 503}, org: primary}]\n",
        ("OWING",),
    ),
    "an emergency that the survivor denies": Case(
        "steps:\n  - dark: {org: primary, silent: true}\n  - run: {to: ACTIVE, emergency: true, reason: us1 is dark}\n"
        "    faults: [{client_error: {}, org: secondary, method: GET, times: forever}]\n",
        ("REFUSED",),
    ),
    "an answer that is no record": Case(
        "steps:\n  - run: {to: ACTIVE}\n"
        "    faults: [{wrong_body: {body: '{\"data\": []}'}, org: primary, method: GET, times: forever}]\n",
        ("REFUSED",),
    ),
    "a record that is there no more": Case(
        "steps:\n  - run: {to: ACTIVE}\n    meanwhile:\n"
        "      - {after: write.confirmed, faults: [{client_error: {status: 404}, org: primary, method: GET, times: forever}]}\n",
        ("UNKNOWN",),
    ),
    "dark in the middle, and an emergency": Case(
        "steps:\n  - run: {to: ACTIVE}\n    meanwhile: {after: write.confirmed, dark: {org: primary}}\n"
        "  - resume: {emergency: true, reason: us1 is dark}\n",
        ("INCOMPLETE", "OWING"),
    ),
    "a mirror": Case("simulator: {mirror: 20ms, mirrors: auto}\nsteps: [{run: {to: ACTIVE}}]\n", ("DONE",)),
}


def met(room: Room, body: str) -> str:
    """Play what these lines of a scenario say; gives the first run of it."""
    room.play(parse_scenario(HEAD + body, "met.yaml"), playbook=PLAYBOOK)
    return next(room.store.records(kinds=("run.started",))).run


def played(room: Room, made: FromRun, playbook: Playbook = PLAYBOOK) -> DrillResult:
    """What comes of a run's scenario, as its file has it."""
    text = scenario_text(made.scenario, made.left_out)
    return room.play(parse_scenario(text, "again.yaml"), playbook=playbook)


def play_again(room: Room, run: str, playbook: Playbook = PLAYBOOK) -> tuple[FromRun, list[Record]]:
    """The scenario of a run as its file has it, and what was journalled when that was played."""
    made = scenario_of_run(run, list(room.store.records(run=run)))
    before = room.store.head().seq
    result = played(room, made, playbook)
    assert missed(result) == []
    assert result.exit_code is ExitCode.DONE
    after = [record for record in room.store.records(after=before) if record.run != result.score.drill]
    return made, [record for record in after if record.run == after[0].run]


def test_another_playbook_shows_what_is_otherwise_expectation_by_expectation(room: Room) -> None:
    run = met(room, CASES["refused"].body)
    made = scenario_of_run(run, list(room.store.records(run=run)))
    gone = (
        '  page: {http: {url: "http://127.0.0.1:9/"}}\n',
        "  well: {probe: {name: page}}\n",
        "    guards: [well]\n",
    )
    mended = parse_playbook(without(TEXT, *gone), "mended.yaml")
    result = played(room, made, mended)
    assert [(each.name, each.found) for each in missed(result)] == [
        ("the run: exit code 3", f"exit code 0: pair {result.score.pair} stands at ACTIVE, on both orgs"),
        ("the run: phase agreed(PASSIVE)", "the pair stands at agreed(ACTIVE)"),
        ("the run: refused by well", "refused by none"),
        (
            "the run: writes taken: none",
            "writes taken: secondary FAILOVER, primary FAILOVER, secondary ACTIVE, primary ACTIVE",
        ),
    ]


def without(text: str, *lines: str) -> str:
    for each in lines:
        assert each in text
        text = text.replace(each, "")
    return text


def course(records: list[Record]) -> list[Any]:
    """What became of each write, and how it ended each time."""
    told: list[Any] = []
    for record in records:
        data: Any = record.data
        match record.kind:
            case "write.answered":
                attempt = data["attempt"]
                told.append((attempt["role"], attempt["status"], data["answer"]["is"]))
            case "write.confirmed" | "write.owed" | "write.settled":
                told.append((record.kind, data["role"], data["status"]))
            case "write.unknown" | "wait.began" | "guard.overridden" | "lock.taken_over" | "hook.ended":
                told.append((record.kind, data.get("outcome")))
            case "run.finished":
                told.append((data["ending"]["end"], data["phase"], data["exit_code"]))
    return told


BY_DAY = {
    "every write was taken, and none was answered well",
    "no write was taken at first",
    "unknown, and resumed",
    "refused",
    "waited for in vain, and resumed",
    "a hook failed, and ended well",
    "a person said no",
    "interrupted, and resumed",
    "killed after it was sent",
    "somebody else writes",
    "an emergency, and delivered",
    "a record that is there no more",
    "a mirror",
}
"""Between them every kind of step and fault that a scenario is made of."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in BY_DAY else pytest.mark.nightly) for name in CASES]
)
def test_a_run_is_met_again_as_it_was_and_ends_the_same(room: Room, name: str) -> None:
    case = CASES[name]
    run = met(room, case.body)
    records = list(room.store.records(run=run))
    ends = tuple(record.data["ending"]["end"] for record in records if record.kind == "run.finished")  # type: ignore[index,call-overload]
    assert ends[: len(case.ends)] == case.ends
    made, again = play_again(room, run)
    assert made.left_out == ()
    assert course(again)[: len(course(records))] == course(records)


def test_an_org_that_was_not_seen_at_first_stands_where_it_was_seen_later(room: Room) -> None:
    body = (
        "steps:\n  - dark: {org: primary, silent: true}\n"
        "  - {run: {to: ACTIVE, emergency: true, reason: us1 is dark}}\n"
        "  - {run: {to: ACTIVE, emergency: true, reason: us1 is dark}, name: again}\n"
        "  - back: {org: primary}\n  - resume: {}\n"
    )
    met(room, body)
    second = [record.run for record in room.store.records(kinds=("run.started",))][1]
    records = list(room.store.records(run=second))
    assert ("write.settled", "PRIMARY", "ACTIVE") in course(records)
    made, again = play_again(room, second)
    assert made.left_out == ()
    assert course(again) == course(records)


def test_a_mirrors_copy_of_what_the_run_wrote_is_not_where_it_found_an_org_that_was_not_seen(
    room: Room,
) -> None:
    body = (
        "simulator: {mirror: 20ms}\nsteps:\n"
        "  - run: {to: ACTIVE, emergency: true, reason: us1 is dark}\n"
        "    faults: [{silence: {}, org: primary, method: GET}]\n  - resume: {}\n"
    )
    run = met(room, body)
    records = list(room.store.records(run=run))
    assert ("write.settled", "PRIMARY", "ACTIVE") in course(records)
    made = scenario_of_run(run, records)
    assert made.scenario.regions.status is Status.PASSIVE
    assert "the orgs stood apart when the run began, and mirror" not in made.left_out


class Interrupts(Struct):
    """Interrupts so often, once the write of that number is answered and is to be read back."""

    controls: RunControl
    code: ExitCode
    times: int

    def tell(self, event: Event) -> None:
        if isinstance(event, WriteAnswered) and event.attempt.number == self.times:
            for _ in range(self.times):
                self.controls.interrupt(self.code)


def interrupted(folder: Path, code: ExitCode, times: int) -> tuple[RunResult, list[Record], Playbook]:
    async def run() -> tuple[RunResult, list[Record], Playbook]:
        async with drillable(folder) as bench:
            controls = RunControl()
            request = RunRequest("sim", Status.ACTIVE)
            controls.watchers = (Interrupts(controls, code, times),)
            result = await start(bench.session, request, controls=controls)
            return result, list(bench.session.store.records(run=result.run)), bench.session.playbook

    return asyncio.run(run())


def test_a_second_ctrl_c_is_played_as_the_death_of_its_process(room: Room, tmp_path: Path) -> None:
    result, records, playbook = interrupted(tmp_path / "met", ExitCode.INTERRUPTED, 2)
    assert result.exit_code is ExitCode.UNKNOWN
    made = scenario_of_run(result.run, records)
    assert made.left_out == ("the second Ctrl-C, and its exit code: there its process dies",)
    assert made.scenario.steps[0].dies == Death("write.answered", 2)
    assert missed(played(room, made, playbook)) == []


def test_of_another_signal_it_is_said_that_it_is_played_as_ctrl_c(room: Room, tmp_path: Path) -> None:
    result, records, playbook = interrupted(tmp_path / "met", ExitCode.TERMINATED, 1)
    assert result.exit_code is ExitCode.TERMINATED
    made = scenario_of_run(result.run, records)
    assert made.left_out == ("the signal that it ended by (143): there it is Ctrl-C",)
    assert missed(played(room, made, playbook)) == []


def test_a_run_whose_journal_failed_it_dies_before_it_lets_its_lock_go(room: Room) -> None:
    run = met(room, "steps: [{run: {to: ACTIVE}}]\n")
    records = [*room.store.records(run=run, kinds=("lock.taken", "run.started", "lock.released"))]
    made = scenario_of_run(run, records)
    assert made.scenario.steps[0].dies == Death("run.started", 1)
    assert missed(played(room, made)) == []


@pytest.mark.parametrize("phase", ["mislinked", "hampered"])
def test_of_what_no_simulated_pair_meets_it_is_said_that_it_is_not_played_and_nothing_is_expected(
    room: Room, phase: str
) -> None:
    body = "probes: {page: false}\nsteps: [{run: {to: ACTIVE}}]\n"
    run = met(room, body)
    *records, end, released = room.store.records(run=run)
    assert end.kind == "run.finished"
    ending = {**end.data["ending"], "message": "the primary points at org 1"}  # type: ignore[dict-item]
    elsewhere = replace(end, data={**end.data, "phase": phase, "ending": ending})
    made = scenario_of_run(run, [*records, elsewhere, released])
    assert made.left_out == ("what it ended for, and so how it ended (the primary points at org 1)",)
    assert missed(played(room, made)) == []


def test_of_a_run_that_was_killed_before_it_began_there_is_nothing_to_play(room: Room) -> None:
    run = met(room, "steps: [{run: {to: ACTIVE}}]\n")
    (locked,) = room.store.records(run=run, kinds=("lock.taken",))
    with pytest.raises(UsageError, match="had nothing to do, was killed before it began"):
        scenario_of_run(run, [locked])

"""Scenarios: what a file says, and everything that is wrong with one, each at its place."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.config import check_file, schema_of
from orchestrator.config.compose import compose
from orchestrator.config.faults import AnswerLost, Fault, Slow
from orchestrator.config.scenario import (
    ComesBack,
    ConfirmWaits,
    Death,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    Meanwhile,
    OrgStatus,
    RegionSettings,
    Returning,
    ScenarioStep,
    SomebodyWrites,
    Unknown,
    Waits,
)
from orchestrator.config.scenarios import load_scenario, parse_scenario, shipped_scenarios
from orchestrator.errors import DocumentError, UsageError
from orchestrator.model.org import Mirrors
from orchestrator.model.status import Role, Status

P, S = Role.PRIMARY, Role.SECONDARY

FULL = """\
schema: 1
name: full
summary: Everything that the format knows, once.
playbook: regional-failover
goal: ACTIVE
simulator:
  status: PASSIVE
  mirror: 150ms
  mirrors: auto
  returning: catch_up
  latency: 20ms
  read_lag: 5ms
  strict: true
  advances: true
  renames_author: true
waits:
  confirm: {within: 2s, every: 20ms}
  emergency: 200ms
  mirror: 100ms
  guards: 1s
  read: 500ms
faults:
  - {answer_lost: {}, org: secondary, method: POST, at: 2}
probes:
  agents: 12
  page: {unknown: nobody answers}
steps:
  - dark: {org: primary, silent: true}
    expect: {phase: half-seen(PASSIVE)}
  - name: out
    by: alice
    run: {to: ACTIVE, emergency: true, reason: us1, override: {settled: Bob is with us}}
    faults:
      - {slow: {by: 20ms}}
    probes: {agents: 0, page: true}
    meanwhile:
      after: write.intended
      number: 2
      run: {to: ACTIVE}
      by: bob
      expect: {exit: 5, says: is locked by}
    expect:
      exit: 8
      refused: [settled]
      writes: [secondary FAILOVER, secondary ACTIVE]
      no_writes_to: [primary]
      owed: primary ACTIVE
      changed_by: {secondary: hamr}
      records: {write.intended: 2}
      at_least: 1s
      within: 5s
  - back: {org: primary}
  - resume: {}
    dies: {after: write.answered}
  - resume: {emergency: true, reason: again}
  - adopt: {truth: secondary}
  - somebody_writes: {org: primary, status: ACTIVE}
  - run: {to: PASSIVE}
expect: {phase: agreed(PASSIVE), owed: nothing, within: 1m}
"""


def test_everything_that_a_scenario_says() -> None:
    scenario = parse_scenario(FULL, "full.yaml")
    assert (scenario.name, scenario.playbook, scenario.goal) == ("full", "regional-failover", Status.ACTIVE)
    assert scenario.regions == RegionSettings(
        Status.PASSIVE,
        timedelta(milliseconds=150),
        Mirrors.AUTO,
        Returning.CATCH_UP,
        timedelta(milliseconds=20),
        timedelta(milliseconds=5),
        strict=True,
        advances=True,
        renames_author=True,
    )
    assert scenario.waits == Waits(
        ConfirmWaits(timedelta(seconds=2), timedelta(milliseconds=20)),
        timedelta(milliseconds=200),
        timedelta(milliseconds=100),
        timedelta(seconds=1),
        timedelta(milliseconds=500),
    )
    assert scenario.faults == (Fault(AnswerLost(), at=2, role=S, method="POST"),)
    assert scenario.probes == {"agents": 12.0, "page": Unknown("nobody answers")}
    assert scenario.expect == Expect(phase="agreed(PASSIVE)", owed="nothing", within=timedelta(minutes=1))
    assert scenario.text == FULL
    dark, out, back, dies, again, adopt, stranger, home = scenario.steps
    assert dark == ScenarioStep(
        GoesDark(P, silent=True), "the primary's region goes dark", expect=Expect(phase="half-seen(PASSIVE)")
    )
    assert out == ScenarioStep(
        DoRun(Status.ACTIVE, True, "us1", {"settled": "Bob is with us"}),
        "out",
        "alice",
        (Fault(Slow(0.02)),),
        {"agents": 0.0, "page": True},
        (
            Meanwhile(
                "write.intended",
                DoRun(Status.ACTIVE),
                2,
                "out, during out",
                "bob",
                Expect(exit=5, says="is locked by"),
            ),
        ),
        None,
        Expect(
            exit=8,
            refused=("settled",),
            writes=(OrgStatus(S, Status.FAILOVER), OrgStatus(S, Status.ACTIVE)),
            no_writes_to=(P,),
            owed=OrgStatus(P, Status.ACTIVE),
            changed_by={S: "hamr"},
            records={"write.intended": 2},
            at_least=timedelta(seconds=1),
            within=timedelta(seconds=5),
        ),
    )
    assert back == ScenarioStep(ComesBack(P), "the primary's region is back")
    assert dies == ScenarioStep(DoResume(), "resume", dies=Death("write.answered"))
    assert again == ScenarioStep(DoResume(True, "again"), "resume 2")
    assert adopt == ScenarioStep(DoAdopt(S, "a drill"), "adopt the secondary")
    assert stranger == ScenarioStep(
        SomebodyWrites(P, Status.ACTIVE, "someone.else@example.com"), "somebody sets the primary to ACTIVE"
    )
    assert home == ScenarioStep(DoRun(Status.PASSIVE), "home")


def test_all_that_may_be_left_out() -> None:
    scenario = parse_scenario("schema: 1\nname: least\n", "least.yaml")
    assert (scenario.regions, scenario.waits, scenario.steps) == (RegionSettings(), Waits(), ())


@pytest.mark.parametrize(
    ("text", "mirror"),
    [
        ("on", timedelta(0)),
        ("off", None),
        ("true", timedelta(0)),
        ("false", None),
        ("2s", timedelta(seconds=2)),
    ],
)
def test_a_mirror_is_on_off_or_late(text: str, mirror: timedelta | None) -> None:
    scenario = parse_scenario(f"schema: 1\nname: m\nsimulator: {{mirror: {text}}}\n", "m.yaml")
    assert scenario.regions.mirror == mirror


WRONG = [
    (
        "steps:\n  - dark: {org: primry}\n",
        '3:17: "primry" is not an org of the pair (primary or secondary); did you mean "primary"?',
    ),
    (
        "steps:\n  - dark: {org: primary}\n    dies: {after: transition.made}\n",
        '4:5: "dies" belongs to a step that somebody types (run, resume or adopt), and this one is dark',
    ),
    (
        "steps:\n  - run: {to: ACTIVE}\n    dies: {after: transition.mad}\n",
        '4:19: the text "transition.mad" is no kind of journal record; did you mean "transition.made"?',
    ),
    (
        "steps:\n  - run: {to: ACTIVE}\n    dies: {after: transition.made}\n    expect: {exit: 0}\n",
        "5:14: a process that dies has no exit code of its own: leave exit out (that it dies there is expected already)",
    ),
    (
        "steps:\n  - run: {to: ACTIVE, emergency: true}\n",
        '3:5: "reason" is missing: an emergency wants one, for the journal',
    ),
    (
        "steps:\n  - run: {to: ACTIVE}\n    resume: {}\n",
        "4:5: this step has 2 kinds (run and resume), and one is allowed: make a step of each",
    ),
    (
        "steps:\n  - name: nothing\n",
        "3:5: this step says not what is done: give it one kind (run, resume, adopt, dark, back or somebody_writes)",
    ),
    (
        "steps:\n  - {name: a, resume: {}}\n  - {name: a, resume: {}}\n",
        "4:12: step 1 has this name too: give each its own",
    ),
    ("steps: []\n", "2:1: there are no steps: leave steps out, and the drill goes out and home"),
    (
        "steps:\n  - resume: {}\n    expect: {exit: 55}\n",
        "4:20: hamr has no exit code 55 (there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 129, 130, 143)",
    ),
    (
        "steps:\n  - resume: {}\n    expect: {writes: [secondary ACTIV]}\n",
        '4:23: expected an org and a status, such as "primary ACTIVE", found the text "secondary ACTIV"; did you mean',
    ),
    (
        "steps:\n  - resume: {}\n    expect: {records: {transition.made: many}}\n",
        '4:41: expected a whole number from 0 to 100000, found the text "many"',
    ),
    (
        "steps:\n  - resume: {}\n    expect: {phas: x}\n",
        '4:14: "phas" is not a known key in steps.1.expect; did you mean "phase"?',
    ),
    (
        "expect: {phase: Agreed}\n",
        '2:17: expected a phase as hamr status names it, such as agreed(ACTIVE), found the text "Agreed"',
    ),
    (
        "expect: {phase: agreed(PASIVE)}\n",
        '2:17: the text "agreed(PASIVE)" is no phase; did you mean "PASSIVE"?',
    ),
    (
        "expect: {phase: agred(PASSIVE)}\n",
        '2:17: the text "agred(PASSIVE)" is no phase; did you mean "agreed"?',
    ),
    (
        "expect: {phase: behind(ACTIVE)}\n",
        '2:17: the text "behind(ACTIVE)" is no phase (expected behind(primary) or behind(secondary))',
    ),
    (
        "steps:\n  - run: {to: ACTIVE}\n    expect: {writes: [primary ACTIVE], no_writes_to: [primary]}\n",
        "4:55: the primary is among those that take no write, and writes says what it takes: one of the two cannot hold",
    ),
    (
        "steps:\n  - run: {to: ACTIVE}\n    expect: {exit: 0, refused: [alone]}\n",
        "4:32: a step that guards refused does not end with exit code 0: one of the two cannot hold",
    ),
    ("expect: {exit: 0}\n", '2:10: "exit" is about one step: put it into that step'),
    (
        "faults:\n  - {answer_lost: {}, slow: {by: 1s}}\n",
        "3:23: this fault has 2 kinds (answer_lost and slow), and one is allowed: make a fault of each",
    ),
    ("simulator: {mirror: often}\n", '2:21: "often" is not a duration'),
    ("simulator: {mirror: 3}\n", "2:21: expected on, off or a duration such as 200ms, found the number 3"),
    ("probes: {agents: [1]}\n", "2:18: expected what the probe says"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_what_is_wrong_is_said_at_its_place(text: str, says: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse_scenario(
            f"{{schema: 1, name: x}}\n{text}" if text.startswith("{") else f"name: x\n{text}schema: 1\n", "x"
        )
    assert any(str(problem).removeprefix("x:").startswith(says) for problem in error.value.problems), (
        error.value.message
    )


def test_everything_is_said_at_once() -> None:
    with pytest.raises(DocumentError) as error:
        parse_scenario("schema: 2\nnam: x\nsteps:\n  - dark: {}\n  - {}\n", "x.yaml")
    assert [str(problem).split(": ")[0] for problem in error.value.problems] == [
        "x.yaml:1:9",
        "x.yaml:2:1",
        "x.yaml:4:5",
        "x.yaml:5:5",
    ]


def test_a_name_is_looked_for_here_and_then_among_those_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_scenario("happy-way").path == str(shipped_scenarios()["happy-way"])
    Path("scenarios").mkdir()
    Path("scenarios/happy-way.yaml").write_text("schema: 1\nname: mine\n")
    assert load_scenario("happy-way").name == "mine"
    with pytest.raises(DocumentError, match="there is no such file"):
        load_scenario("happy-way.yaml")
    with pytest.raises(UsageError, match='did you mean "two-people"'):
        load_scenario("two-peple")
    for name in ("", "x" * 300, "nul\0"):  # no file can have such a name
        with pytest.raises(UsageError, match="There is no scenario"):
            load_scenario(name)


def test_what_the_inventory_says_of_mirrors_is_read_as_there() -> None:
    with pytest.raises(DocumentError, match="expected true, false or auto, found the text"):
        parse_scenario("schema: 1\nname: x\nsimulator: {mirrors: maybe}\n", "x.yaml")


def test_check_knows_a_scenario_from_a_playbook(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("schema: 1\nname: x\nprobes: {a: 1}\nsteps:\n  - dark: {}\n")
    assert [problem.message for problem in check_file(wrong).problems] == [
        '"org" is missing in steps.1.dark: whose region'
    ]


def refusals(schema: dict[str, Any], text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return sorted(error.json_path for error in validator.iter_errors(compose(text, "f").data))


def test_the_schema_takes_what_hamr_takes() -> None:
    schema = schema_of("scenario")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "Shape" not in json.dumps(schema)
    assert refusals(schema, FULL) == []
    for path in shipped_scenarios().values():
        assert refusals(schema, path.read_text("utf-8")) == []
    assert refusals(schema, FULL.replace("exit: 8", "exit: 55")) == ["$.steps[1].expect.exit"]
    assert refusals(schema, FULL.replace("  - back: {org: primary}", "  - {}")) == ["$.steps[2]"]


def test_what_the_schema_says_of_a_key_that_is_left_out_could_stand_in_a_file() -> None:
    schema = schema_of("scenario")
    fields = [
        field
        for part in [schema, *schema["$defs"].values()]
        for field in part.get("properties", {}).values()
        if "default" in field
    ]
    assert len(fields) > 20
    for field in fields:
        jsonschema.Draft202012Validator(field).validate(field["default"])


def test_the_published_schema_is_current() -> None:
    published = Path(__file__).parents[2] / "docs" / "reference" / "scenario.schema.json"
    assert json.loads(published.read_text("utf-8")) == schema_of("scenario")

"""A person at a terminal, in processes of their own: questions, Ctrl-C once and twice, a closed terminal, a closed pipe."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.cli.run_command import understood
from orchestrator.model.playbook import Asks, Reply
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import Fault, Silence, SimulatorConfig, Slow

from .lab import PLAYBOOK, Lab, laboratory
from .terminal import Person, ended, shown_by

P, S = Role.PRIMARY, Role.SECONDARY
PASSIVE, FAILOVER, ACTIVE = Status.PASSIVE, Status.FAILOVER, Status.ACTIVE

QUESTION = "Type the pair's name (sim) to go on: "
RUN = ("run", "sim", "--to", "ACTIVE")


@contextmanager
def writing(lab: Lab) -> Iterator[Person]:
    """At a run whose first write has been told, and takes a while to be answered."""
    lab.fault(Fault(Slow(0.6), role=S, method="POST"))
    with Person(lab, (*RUN, "--yes")) as person:
        person.wait_for("is told")
        yield person


@contextmanager
def begun(lab: Lab, playbook: str) -> Iterator[Person]:
    """At a run by this playbook, after its plan was agreed to."""
    (lab.folder / "quick.yaml").write_text(playbook)
    with Person(lab, RUN) as person:
        person.answer("Type the pair's name", "sim\n")
        yield person


def test_the_pairs_name_lets_the_run_go_under_the_id_that_was_shown(lab: Lab) -> None:
    with Person(lab, RUN) as person:
        person.wait_for(QUESTION)
        above = person.seen.split(QUESTION)[0]
        assert "\nNext" not in above
        assert "PASSIVE → FAILOVER → ACTIVE, 4 writes, planned" in above
        assert "all 4 guards pass" in above
        assert lab.posts() == 0
        with_lock = lab.json("status", "sim")["lock"]
        person.type("sim\n")
        assert person.end() == 0
    assert with_lock is None  # law 12: not held while waiting at a prompt
    assert "\x1b[32m" in person.seen
    run = lab.json("runs")["runs"][0]["run"]
    assert run in person.seen.split(QUESTION)[0]
    assert lab.statuses() == (ACTIVE, ACTIVE)


@pytest.mark.parametrize(
    ("typed", "words", "code"),
    [
        ("simm\n", "'simm' was typed, and the pair is called sim.", 3),
        ("\x04", "Nothing was typed", 3),
        ("\x03", "Interrupted at the question.", 130),
    ],
    ids=["wrong", "ctrl-d", "ctrl-c"],
)
def test_anything_else_sends_nothing(lab: Lab, typed: str, words: str, code: int) -> None:
    with Person(lab, RUN) as person:
        person.answer(QUESTION, typed)
        assert person.end() == code
    assert words in person.seen
    assert "Nothing was sent." in person.seen
    assert lab.posts() == 0
    assert lab.json("runs")["runs"] == []


def test_law_13_a_cooling_down_is_asked_about_in_the_one_question(lab: Lab) -> None:
    lab.add("quick.yaml", "cool_down: 1h\n")
    first = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    with Person(lab, ("run", "sim", "--to", "PASSIVE")) as person:
        person.wait_for(QUESTION)
        assert f"Run {first} has just finished: the pair cools down for another" in person.seen
        person.type("sim\n")
        assert person.end() == 0
    assert person.seen.count(QUESTION) == 1
    (_, after) = person.seen.split(QUESTION)
    assert "asked at the terminal, the operator went on all the same" in " ".join(after.split())
    assert lab.statuses() == (PASSIVE, PASSIVE)


def test_law_13_a_saved_plan_asks_about_a_cooling_down_as_well(lab: Lab) -> None:
    lab.add("quick.yaml", "cool_down: 1h\n")
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    lab.run("plan", "sim", "--to", "PASSIVE", "--out", "home.json", code=0)
    assert "cool_down" in lab.run("apply", "home.json", "--yes", code=3).stderr
    with Person(lab, ("apply", "home.json")) as person:
        person.wait_for(QUESTION)
        assert "the pair cools down for another" in person.seen
        person.type("sim\n")
        assert person.end() == 0


def test_who_adopts_where_both_agree_is_promised_no_write(lab: Lab) -> None:
    with Person(lab, ("adopt", "sim", "--truth", "primary", "--reason", "to be sure")) as person:
        person.wait_for(QUESTION)
        person.type("sim\n")
        assert person.end() == 0
    said = " ".join(" ".join(shown_by(person.seen)).split())
    assert "Both orgs show PASSIVE already: where they still do" in said
    assert "in one write" not in said
    assert lab.writes() == 0


def move_both(lab: Lab) -> None:
    """Somebody else does, by hand."""
    for role in Role:
        lab.sim.foreign_write(role, FAILOVER, "bob@example.com")


BY_BOB = ("--operator", "bob@desk", "--yes", "--override", "settled=I know")


@pytest.mark.parametrize("bob", ["stranger", "colleague"])
def test_law_03_what_somebody_did_while_the_question_stood_there_is_not_gone_over(lab: Lab, bob: str) -> None:
    """One question is one plan: whoever was shown four writes from PASSIVE has agreed to nothing else."""
    with Person(lab, RUN) as person:
        person.wait_for(QUESTION)
        if bob == "stranger":
            lab.do(lambda: move_both(lab))
        else:
            lab.run("run", "sim", "--to", "ACTIVE", *BY_BOB, code=0)
            lab.run("run", "sim", "--to", "PASSIVE", *BY_BOB, code=0)
        written = lab.writes()
        person.type("sim\n")
        assert person.end() == 4
    said = " ".join(" ".join(shown_by(person.seen)).split())
    assert "was changed since the plan was made, by bob@" in said
    assert "Nothing was sent." in said
    assert "hamr plan sim --to ACTIVE" in said.rpartition("Next")[2]
    assert lab.writes() == written


def test_law_09_an_emergency_that_was_agreed_to_goes_by_what_it_finds(lab: Lab) -> None:
    emergency = ("--emergency", "--reason", "us1 is down", "--override", "settled=I know")
    with Person(lab, (*RUN, *emergency)) as person:
        person.wait_for(QUESTION)
        lab.do(lambda: move_both(lab))
        person.type("sim\n")
        assert person.end() == 0
    assert lab.statuses() == (ACTIVE, ACTIVE)


def test_law_03_an_adoption_tells_no_status_that_came_while_it_was_asked_about(lab: Lab) -> None:
    lab.do(lambda: lab.sim.foreign_write(P, Status.RECOVERY, "bob@example.com"))
    with Person(lab, ("adopt", "sim", "--truth", "primary", "--reason", "as bob says")) as person:
        person.wait_for(QUESTION)
        lab.do(lambda: lab.sim.foreign_write(P, ACTIVE, "carol@example.com"))
        person.type("sim\n")
        assert person.end() == 4
    said = " ".join(" ".join(shown_by(person.seen)).split())
    assert "was changed since this was asked, by carol@example.com" in said
    assert lab.writes() == 0


def test_a_preview_that_is_refused_asks_nothing(lab: Lab) -> None:
    lab.do(lambda: lab.sim.foreign_write(P, PASSIVE, "bob@example.com"))
    person = ended(lab, RUN, code=3)
    assert QUESTION not in person.seen
    assert "settled would stop it" in person.seen
    assert "--override settled=REASON" in person.seen.split("Next")[1]
    assert person.seen.count("Next") == 1


@pytest.mark.parametrize(
    "words",
    [
        (*RUN, "--emergency", "--reason", "TEXT"),
        (*RUN, "--override", "settled=REASON"),
        ("resume", "sim", "--emergency", "--reason", "TEXT"),
    ],
)
def test_law_15_a_word_that_stands_for_a_reason_is_found_out_before_anything_is_asked(
    lab: Lab, words: tuple[str, ...]
) -> None:
    person = ended(lab, words, code=2)
    assert QUESTION not in person.seen
    assert "says nothing" in person.seen
    assert lab.posts() == 0


def test_a_preview_with_nothing_to_do_asks_nothing(lab: Lab) -> None:
    person = ended(lab, ("run", "sim", "--to", "PASSIVE"), code=0)
    assert QUESTION not in person.seen
    assert lab.json("runs")["runs"] == []


def test_ctrl_c_once_stops_before_the_next_write_and_the_run_can_be_resumed(lab: Lab) -> None:
    with writing(lab) as person:
        person.type("\x03")
        person.wait_for("Stopping before the next write")
        assert person.end() == 130
    assert "INTERRUPTED" in person.seen
    assert lab.statuses() == (PASSIVE, FAILOVER)
    with Person(lab, ("resume",)) as person:
        person.wait_for(QUESTION)
        assert "midway(declare)" in person.seen
        person.type("sim\n")
        assert person.end() == 0
    assert lab.statuses() == (ACTIVE, ACTIVE)


def test_ctrl_c_twice_gives_up_waiting_and_calls_the_write_unknown(lab: Lab) -> None:
    lab.fault(Fault(Silence(), role=S, method="POST"))
    with Person(lab, (*RUN, "--yes")) as person:
        person.wait_for("is told")
        while not lab.writes():
            time.sleep(0.01)  # it is told a moment before it is sent
        person.type("\x03")
        person.answer("Stopping before the next write", "\x03")
        person.wait_for("Giving up waiting")
        assert person.end() == 7
    assert lab.json("status", "sim", code=7)["unknown"][0]["status"] == "FAILOVER"


def test_a_demo_that_is_interrupted_ends_with_what_can_be_typed_without_its_regions(lab: Lab) -> None:
    with Person(lab, ("demo", "--folder", "shown")) as person:
        person.wait_for("gave no answer")
        person.type("\x03")
        assert person.end() == 130
    left = " ".join(" ".join(shown_by(person.seen)).split()).split("INTERRUPTED.")[1]
    journal = lab.folder / "shown" / "journal.db"
    assert (
        f"in {journal.parent}, which stays until you remove it. The regions are gone, so look back:" in left
    )
    assert f"hamr runs --journal {journal}" in left
    lab.run("runs", "--journal", str(journal), code=0)


def test_sigterm_stops_like_ctrl_c_once(lab: Lab) -> None:
    with writing(lab) as person:
        person.signal(signal.SIGTERM)
        assert person.end() == 143
    assert lab.json("runs")["runs"][0]["open"]


def test_a_closed_terminal_leaves_a_run_that_can_be_resumed(lab: Lab) -> None:
    with writing(lab) as person:
        person.hang_up()
        assert person.end() == 129
    lab.run("resume", "--yes", code=0)
    assert lab.statuses() == (ACTIVE, ACTIVE)


def test_a_closed_terminal_is_one_interrupt_though_the_shell_tells_of_it_as_well(lab: Lab) -> None:
    with writing(lab) as person:
        person.signal(signal.SIGHUP)
        person.wait_for("Stopping before the next write")
        person.signal(signal.SIGHUP)
        assert person.end() == 129
    assert "Giving up waiting" not in person.seen
    assert lab.json("status", "sim")["unknown"] == []


def test_a_terminal_that_is_closed_after_ctrl_c_gives_up_no_waiting(lab: Lab) -> None:
    with writing(lab) as person:
        person.type("\x03")
        person.wait_for("Stopping before the next write")
        person.hang_up()
        assert person.end() == 129
    assert lab.json("status", "sim")["unknown"] == []


def test_sigterm_at_the_question_has_its_own_exit_code(lab: Lab) -> None:
    with Person(lab, RUN) as person:
        person.wait_for("Type the pair's name")
        person.signal(signal.SIGTERM)
        assert person.end() == 143
    assert lab.posts() == 0


def test_before_a_run_has_its_lock_ctrl_c_drops_it(lab: Lab) -> None:
    pairs = lab.folder / "pairs.yaml"
    slow = "api_key: {command: [sleep, '30']}"
    pairs.write_text(re.sub(r"api_key: .*primary-api-key.*", slow, pairs.read_text()))
    assert slow in pairs.read_text()
    running = lab.start(*RUN, "--yes", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lab.journal)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 130
    document = json.loads(out)
    assert (document["error"], document["exit_code"], document["sent"]) == (
        "Interrupted",
        130,
        "Nothing was sent.",
    )
    assert "Traceback" not in err
    assert lab.posts() == 0


def wait_until(path: Path) -> None:
    """Until that file is there, and a moment more."""
    until = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(0.3)


@pytest.mark.parametrize("arguments", [("--help",), ("audit", "export"), ("show", "RUN")])
def test_a_closed_pipe_is_quiet(lab: Lab, arguments: tuple[str, ...]) -> None:
    run = lab.json("run", "sim", "--to", "PASSIVE", "--yes")["run"]
    running = lab.start(
        *(run if argument == "RUN" else argument for argument in arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    assert running.stderr.read() == ""
    running.stderr.close()
    assert running.wait(20) == 0


def test_what_check_remarks_on_is_folded_once(lab: Lab) -> None:
    (lab.folder / "book.yaml").write_text(PLAYBOOK.replace(", survivor: secondary", ""))
    person = ended(lab, ("check", "book.yaml"), {"COLUMNS": "80"}, code=0)
    assert shown_by(person.seen)[-2:] == [
        "note book.yaml: no transition on the way to ACTIVE names a survivor: while",
        "      a region is dead, nothing can be done with this playbook.",
    ]


def test_a_watch_ends_with_ctrl_c_and_without_a_word(lab: Lab) -> None:
    with Person(lab, ("status", "sim", "--watch", "0.5")) as person:
        while person.seen.count("Ctrl-C ends it.") < 5:
            person.more()
        person.type("\x03")
        assert person.end() == 130
    assert "Interrupted" not in person.seen
    assert "\x1b[2J" not in person.seen
    left = shown_by(person.seen)
    assert [row for row in left if row.startswith(("Pair sim, ", "Looks every"))] == left[:1]


YES, NO = Reply(yes=True), Reply(yes=False)

MANUAL = PLAYBOOK.replace(
    "guards: [settled], survivor: secondary}",
    "survivor: secondary, before: [{name: button, manual: Press the button.}]}",
    1,
).replace("guards:\n  settled:\n    quiet: {for: 5m}\n    why: Ask whoever changed it.\n", "")
UNKNOWN = PLAYBOOK.replace(
    "guards:\n",
    "probes:\n  agents: {metric: {org: secondary, query: nowhere}}\nguards:\n  seen: {probe: {name: agents, above: 0}, unknown: ask}\n",
).replace("guards: [settled], survivor: secondary}", "guards: [settled, seen], survivor: secondary}", 1)


def test_law_15_where_nothing_is_to_be_done_a_run_still_takes_the_place_of_one_that_was_left_open(
    lab: Lab,
) -> None:
    lab.edit(
        "quick.yaml", "survivor: secondary}", 'survivor: secondary, before: [{name: stop, run: ["false"]}]}'
    )
    lab.run(*RUN, "--yes", code=6)
    assert lab.json("status", "sim")["open_run"]
    with Person(lab, ("run", "sim", "--to", "PASSIVE")) as person:
        person.answer(QUESTION, "sim\n")
        assert person.end() == 0
    assert lab.json("status", "sim")["open_run"] is None
    assert lab.writes() == 0


@pytest.mark.parametrize(
    ("asks", "typed", "reply"),
    [
        (Asks.MANUAL, "done", YES),
        (Asks.MANUAL, "Yes", YES),
        (Asks.MANUAL, "no", NO),
        (Asks.MANUAL, "", None),
        (Asks.MANUAL, "perhaps", None),
        (Asks.AGAIN, "yes", YES),
        (Asks.AGAIN, "done", None),
        (Asks.AGAIN, "n", NO),
        (Asks.UNKNOWN, "the dashboard shows them", Reply(yes=True, words="the dashboard shows them")),
        (Asks.UNKNOWN, "yes", None),
        (Asks.UNKNOWN, "", None),
        (Asks.UNKNOWN, "NO", NO),
        (Asks.UNKNOWN, "NO!", NO),
        (Asks.UNKNOWN, "quit", NO),
        (Asks.UNKNOWN, "Stop.", NO),
        (Asks.UNKNOWN, "abort", NO),
        (Asks.UNKNOWN, "no, wait", None),
        (Asks.UNKNOWN, "ok", None),
        (Asks.UNKNOWN, "\x1b[A", None),
        (Asks.UNKNOWN, "...", None),
        (Asks.MANUAL, "quit", NO),
    ],
)
def test_an_answer_is_a_yes_a_no_or_asked_for_again(asks: Asks, typed: str, reply: Reply | None) -> None:
    assert understood(asks, typed) == reply


def test_a_manual_hook_waits_for_the_person_and_then_goes_on(lab: Lab) -> None:
    with begun(lab, MANUAL) as person:
        person.wait_for("Before transition declare (PASSIVE → FAILOVER), by hand: Press the button.")
        person.wait_for("Type done when it is done, or no:")
        assert lab.writes() == 0
        person.type("what\n")
        person.answer("was not understood", "done\n")
        assert person.end() == 0
    assert "Hook button " in person.seen


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "end of input"])
def test_without_an_answer_the_question_stops_the_run_with_nothing_written(lab: Lab, key: str) -> None:
    """Nobody said that it was done: that is not the same as --yes."""
    with begun(lab, MANUAL) as person:
        person.answer("Type done when it is done, or no:", key)
        assert person.end() == 130
    assert lab.writes() == 0
    assert "hamr resume" in person.seen


@pytest.mark.parametrize("question", [QUESTION, "Type done when it is done, or no:"])
def test_who_comes_back_after_ctrl_z_sees_the_question_again(lab: Lab, question: str) -> None:
    (lab.folder / "quick.yaml").write_text(MANUAL)
    with Person(lab, RUN) as person:
        if question is not QUESTION:
            person.answer(QUESTION, "sim\n")
        person.wait_for(question)
        for _ in range(100):
            if person.seen.count(question) > 1:
                break
            person.signal(signal.SIGSTOP)
            person.signal(signal.SIGCONT)
            person.glance()
        assert person.seen.count(question) > 1
        person.type("no\n")
        assert person.end() in (3, 6)


def test_a_terminal_that_is_closed_at_a_question_is_one_interrupt_though_its_input_ends(lab: Lab) -> None:
    with begun(lab, MANUAL) as person:
        person.wait_for("Type done when it is done, or no:")
        person.hang_up()
        assert person.end() == 129
    assert "interrupted twice" not in lab.run("show", "last", code=0).stdout


def test_what_was_typed_before_the_question_stood_there_does_not_answer_it(lab: Lab) -> None:
    """Somebody who grew impatient and typed: at a guard, any words at all would have been a reason to go on."""
    slow = MANUAL.replace("before: [", "before: [{name: slow, run: [sleep, '2'], again: safe}, ")
    with begun(lab, slow) as person:
        person.answer("Hook slow (before declare)", "done\n")
        person.answer("Type done when it is done, or no:", "no\n")
        assert person.end() == 6
    assert lab.writes() == 0


def test_somebody_who_wants_out_at_an_unknown_guard_gets_out(silent_agents: Lab) -> None:
    with begun(silent_agents, UNKNOWN) as person:
        person.answer("Type your reason to go on", "quit\n")
        assert person.end() == 3
    assert silent_agents.writes() == 0


def test_with_yes_a_manual_hook_is_listed_as_not_done(lab: Lab) -> None:
    (lab.folder / "quick.yaml").write_text(MANUAL)
    result = lab.run("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml", "--yes", code=0)
    assert "Left to do\n  [ ] By hand: Press the button.\n" in result.stdout
    left = lab.json("status", "sim", "--playbook", "quick.yaml")["left_to_do"]
    assert [thing["text"] for thing in left] == ["By hand: Press the button.", "A status moves no traffic."]
    lab.run("ack", lab.json("runs")["runs"][0]["run"], code=0)
    assert lab.json("status", "sim", "--playbook", "quick.yaml")["left_to_do"] == []


@pytest.fixture
def silent_agents(tmp_path: Path) -> Iterator[Lab]:
    """No Agent has reported to the secondary, ever."""
    with laboratory(tmp_path, SimulatorConfig(metrics=Both({}, {"nowhere": "no data"}))) as lab:
        yield lab


def test_a_guard_that_is_unknown_asks_for_a_reason_and_keeps_it(silent_agents: Lab) -> None:
    with begun(silent_agents, UNKNOWN) as person:
        person.answer("Type your reason to go on", "yes\n")
        person.answer("'yes' is no reason. Type your reason to go on", "the dashboard shows them\n")
        assert person.end() == 0
    assert "you would be asked: seen" in person.seen.split("Type the pair's name")[0]
    assert "guard seen is overridden" in person.seen


def test_with_yes_an_unknown_guard_refuses(silent_agents: Lab) -> None:
    lab = silent_agents
    (lab.folder / "quick.yaml").write_text(UNKNOWN)
    result = lab.run(
        "run", "sim", "--to", "ACTIVE", "--playbook", str(lab.folder / "quick.yaml"), "--yes", code=3
    )
    assert "--override seen=REASON" in result.stdout
    assert lab.writes() == 0

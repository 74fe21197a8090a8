"""What a person sees while a run goes, in processes of their own: a frame in place, each event once, silence that counts."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import Fault, MetricShows, Silence, SimulatorConfig, Slow

from .lab import PLAYBOOK, Lab, laboratory
from .terminal import Person, ended, shown_by

P, S = Role.PRIMARY, Role.SECONDARY
RUN = ("run", "sim", "--to", "ACTIVE", "--yes")
QUERY = "agents"
WAITING = PLAYBOOK.replace(
    "guards:\n",
    f"probes:\n  agents: {{metric: {{org: secondary, query: {QUERY}}}}}\nguards:\n"
    "  arrived: {probe: {name: agents, above: 0}, within: 20s, why: Switch the Agents to the secondary.}\n",
).replace("to: ACTIVE, survivor", "to: ACTIVE, guards: [arrived], survivor", 1)
WHY = r"    Switch the Agents to the secondary\.\n    now: agents is 0 \(at [\d: -]+ UTC\); wanted above 0\n"


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """No Agent reports to the secondary yet, and that is waited for before the second transition."""
    monkeypatch.chdir(tmp_path)
    with laboratory(tmp_path, SimulatorConfig(metrics=Both({}, {QUERY: 0.0}))) as lab:
        (lab.folder / "quick.yaml").write_text(WAITING)
        yield lab


def arrive(lab: Lab) -> None:
    """The Agents report from now on."""
    lab.fault(Fault(MetricShows(QUERY, 12.0), role=S, path="/api/v1/query"))


def ended_frame(rows: list[str]) -> list[str]:
    """The frame that was left standing."""
    (first,) = [place for place, row in enumerate(rows) if row.startswith("Pair sim to ACTIVE")]
    return rows[first : first + 4]


def test_a_run_is_redrawn_in_place_and_leaves_each_event_and_the_last_frame_once(lab: Lab) -> None:
    lab.fault(Fault(Slow(1.5), role=S, method="POST"))
    lab.fault(Fault(Slow(0.2), role=P, method="POST"))  # so that no two events read the same
    person = ended(lab, RUN, code=0)
    assert person.seen.count("so far") > 4
    assert "FAILOVER sent, no answer" in person.seen
    rows = shown_by(person.seen)
    assert [row for row in rows if "so far" in row] == []
    events = Counter(row for row in rows if re.match(r" +[\d.]+ s  ", row))
    assert len(events) > 10
    assert set(events.values()) == {1}
    assert [re.sub(r"[\d.]+ (ms|s)", "T", " ".join(row.split())) for row in ended_frame(rows)] == [
        "Pair sim to ACTIVE, T",
        "Simulated Primary (primary) Simulated Secondary (secondary)",
        "declare → FAILOVER FAILOVER seen T later FAILOVER seen T later",
        "activate → ACTIVE ACTIVE seen T later ACTIVE seen T later",
    ]


def test_in_a_pipe_and_without_colour_a_run_is_plain_lines(lab: Lab) -> None:
    book = lab.folder / "quick.yaml"
    book.write_text(book.read_text().replace("mirror_wait: 20ms", "mirror_wait: 1s"))
    pairs = lab.folder / "pairs.yaml"
    pairs.write_text(pairs.read_text().replace("mirrors: false", "mirrors: auto"))
    piped = lab.start(*RUN, stdout=-1, stderr=-1)
    out, _ = piped.communicate(timeout=20)
    assert piped.returncode == 0
    assert out.count("Waiting for an echo in") == 1, "once, however often it looks"
    assert "\x1b" not in out
    assert "so far" not in out
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", "--override", "settled=TEST", code=0)
    person = ended(lab, (*RUN, "--override", "settled=TEST"), {"NO_COLOR": "1"}, code=0)
    assert "\x1b[2K" not in person.seen
    assert "so far" not in person.seen


def test_silence_ticks_and_the_org_that_answered_at_once_is_named(lab: Lab) -> None:
    lab.fault(Fault(Silence(), role=P, method="GET", times=None))
    person = ended(lab, ("status", "sim"), code=0)
    assert "Simulated Primary (primary): no answer yet, 1 of 2 s" in person.seen
    assert "answered      Simulated Secondary (secondary): PASSIVE, in" in plain(person.seen)
    assert "asked again" in person.seen
    rows = shown_by(person.seen)
    assert rows[0].startswith("Pair sim, ")
    (said,) = [row for row in rows if row.startswith("  answered in")]
    assert "no answer in 2 s" in said


def test_a_guard_that_is_waited_for_is_shown_to_everybody_in_its_own_words(waiting: Lab) -> None:
    with Person(waiting, RUN) as person:
        person.wait_for("arrived, 18 s left")
        began = time.monotonic()
        document = seen_by_another(waiting)
        page = waiting.run("status", "sim").stdout
        with Person(waiting, ("status", "sim", "--watch", "0.5")) as other:
            other.wait_for("arrived, 16 s left")
            arrive(waiting)
            other.answer("agreed(ACTIVE)", "\x03")
            assert other.end() == 130
        assert person.end() == 0
    assert time.monotonic() - began < 20
    assert document["guards"] == ["arrived"]
    assert document["seconds"] == 20.0
    assert [(each["guard"], each["why"]) for each in document["verdicts"]] == [
        ("arrived", "Switch the Agents to the secondary.")
    ]
    assert re.search(r"  waits for     arrived, \d+ s left\n" + WHY, page)
    for seen in (person.seen, other.seen):
        assert re.search(WHY, plain(seen).replace("\n* ", "\n  "))
    assert "Run " in plain(other.seen)
    assert "* status" in plain(other.seen)
    left = shown_by(other.seen)
    assert sum(row.startswith("Pair sim, ") for row in left) == 1, "the scrollback is not flooded"
    assert "waits for" not in "\n".join(left)


def seen_by_another(lab: Lab) -> Mapping[str, Any]:
    """What another process is told at once that the run waits for: it does not wait for a heartbeat."""
    waits: Mapping[str, Any] | None = lab.json("status", "sim")["open_run"]["waiting"]
    assert waits is not None
    return waits


def plain(seen: str) -> str:
    """All that was ever drawn, without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "")


def test_ctrl_c_during_a_wait_is_answered_at_once_and_leaves_a_whole_screen(waiting: Lab) -> None:
    with Person(waiting, RUN) as person:
        person.answer("arrived, 19 s left", "\x03")
        assert person.end() == 130
    rows = shown_by(person.seen)
    assert sum("Stopping before the next write" in row for row in rows) == 1
    assert "INTERRUPTED." in rows
    assert [row for row in rows if "so far" in row] == []
    assert waiting.statuses() == (Status.FAILOVER, Status.FAILOVER)
    assert waiting.json("status", "sim")["open_run"]["waiting"] is None
    steps = [row.strip() for row in rows[rows.index("Next") :] if row.startswith("  hamr ")]
    run = steps[0].removeprefix("hamr resume ")
    assert steps[1] == f"hamr resume {run} --override arrived=REASON"
    assert not [step for step in steps if "--emergency" in step], "both orgs answer"


def test_law_19_a_terminal_that_takes_nothing_changes_no_run(waiting: Lab) -> None:
    """Nobody reads it, for longer than its buffer holds: the run goes on, and ends as it would have."""
    with Person(waiting, RUN) as person:
        person.wait_for("arrived, 19 s left")
        time.sleep(4)
        arrive(waiting)
        until = time.monotonic() + 20
        while waiting.statuses() != (Status.ACTIVE, Status.ACTIVE):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert person.end() == 0
    assert waiting.json("runs")["runs"][0]["exit_code"] == 0


def test_at_60_columns_a_run_is_redrawn_in_place_as_well(lab: Lab) -> None:
    lab.fault(Fault(Slow(1.2), role=S, method="POST"))
    person = ended(lab, RUN, {"COLUMNS": "60"}, code=0)
    rows = shown_by(person.seen)
    assert max(map(len, ended_frame(rows))) <= 60
    assert [row for row in rows if "so far" in row] == []

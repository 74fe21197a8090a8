"""What an operator's machine does to a run: streams that are closed or full, keys from programs, keys that change."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, PLAIN, Hamr
from tests.attack.region import ACTIVE, FAILOVER, PASSIVE, ROLES, Answer, Pair

HOME, AWAY = (PASSIVE, PASSIVE), (ACTIVE, ACTIVE)
STREAMS = {
    "stdout-full": ">/dev/full",
    "all-closed": ">&- 2>&- <&-",
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("stream", ["stdout-full", "all-closed"])
def test_the_code_of_a_run_that_a_stranger_stopped_is_4_whatever_becomes_of_its_output(
    pair: Pair, anna: Hamr, stream: str
) -> None:
    pair.on("POST", Answer(after=lambda: pair.stranger("secondary", PASSIVE)), n=2)
    ended = anna.start("run", PAIR, "--to", "ACTIVE", "--yes", shell=STREAMS[stream]).wait()
    assert ended.code == 4, f"{ended}\n{pair.tell()}"


def test_a_full_disk_under_the_journal_sends_nothing(pair: Pair, anna: Hamr) -> None:
    anna.env["HAMR_JOURNAL"] = "/dev/full"
    anna.run("ACTIVE", code=1)
    assert pair.count("posted") == 0


def test_a_limit_on_the_size_of_files_in_the_middle_of_a_run_stops_it_with_a_code_that_can_be_resumed(
    pair: Pair, anna: Hamr
) -> None:
    def fill() -> None:
        subprocess.run(["prlimit", f"--pid={running.process.pid}", "--fsize=4096"], check=True)

    pair.on("POST", Answer(before=lambda: time.sleep(0.3), after=fill), n=2)
    running = anna.start_run("ACTIVE")
    ended = running.wait()
    laws.done_means_there(pair, ended, "ACTIVE")
    assert ended.code == 6, f"{ended}\n{pair.tell()}"
    laws.every_write_was_intended(anna)
    anna.follow(anna.status(), [AWAY, HOME])


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_program_whose_child_keeps_the_pipe_open_holds_nothing_up(pair: Pair, anna: Hamr) -> None:
    anna.write_inventory(
        keys={"ATTACK_PRIMARY_API": "{command: [sh, -c, 'sleep 30 & echo primary-api-anna']}"}
    )
    began = time.monotonic()
    status = anna.status()
    assert "agreed(passive)" in status.words, str(status)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "argument", ["0123456789abcdef0123456789abcdef", "--key=0123456789abcdef0123456789abcdef01234567"]
)
def test_a_key_inside_a_commands_argument_is_refused_and_not_repeated(
    pair: Pair, anna: Hamr, argument: str
) -> None:
    anna.write_inventory(keys={"ATTACK_PRIMARY_API": f"{{command: [echo, '{argument}']}}"})
    for ended in (anna("check"), anna.run("ACTIVE")):
        assert ended.code == 2, str(ended)
        assert "0123456789abcdef" not in ended.text
    assert pair.count("posted") == 0


@pytest.mark.sample(1)
@pytest.mark.parametrize("n", [1, 2])
def test_keys_that_are_rotated_in_the_middle_of_a_run_are_fetched_anew(
    pair: Pair, anna: Hamr, n: int
) -> None:
    files = {name: anna.folder / name.lower() for name in anna.keys}

    def write(suffix: str) -> None:
        for name, file in files.items():
            file.write_text(anna.keys[name] + suffix + "\n")

    def rotate() -> None:
        write("-v2")
        pair.keys_suffix = "-v2"

    write("")
    anna.write_inventory(keys={name: f"{{file: {file}}}" for name, file in files.items()})
    pair.on("POST", Answer(after=rotate), n=n)
    anna.run("ACTIVE", code=0, stands=AWAY)


def test_no_key_stands_in_anything_that_was_written_or_said(pair: Pair, anna: Hamr) -> None:
    pair.on("POST", Answer(500, apply=False), n=1)
    pair.on("GET", Answer(drop="reset"), n=7)
    said = [
        anna.run("ACTIVE"),
        anna.status(),
        anna("plan", PAIR, "--to", "PASSIVE", "--curl"),
        anna("doctor", PAIR),
    ]
    text = "".join(each.text for each in said) + anna("audit", "export").text
    for role in ROLES:
        for kind in ("api", "app"):
            assert f"{role}-{kind}-anna" not in text


def test_a_key_program_of_a_dead_org_that_hangs_does_not_hold_up_an_emergency(pair: Pair, anna: Hamr) -> None:
    pair.primary.down = True
    anna.write_inventory(keys={"ATTACK_PRIMARY_API": "{command: [sleep, '30']}"})
    began = time.monotonic()
    anna.run("ACTIVE", "--emergency", "--reason", "attack", code=8, stands=(PASSIVE, ACTIVE))
    assert time.monotonic() - began < 20


# ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_operators_hook_that_leaves_a_child_behind_holds_nothing_up(pair: Pair, tmp_path: Path) -> None:
    hooked = PLAIN.replace(
        "why: It takes over.,",
        "why: It takes over., before: [{name: go, run: [sh, -c, 'sleep 30 & echo'], timeout: 10s, again: safe}],",
    )
    anna = Hamr(pair, tmp_path, playbook=hooked)
    began = time.monotonic()
    anna.run("ACTIVE", code=0, stands=AWAY)
    assert time.monotonic() - began < 20


def test_a_stranger_who_writes_while_a_hook_runs_is_not_written_over(pair: Pair, tmp_path: Path) -> None:
    hooked = PLAIN.replace(
        "why: It takes over.,",
        "why: It takes over., before: [{name: go, run: [sleep, '0.6'], timeout: 10s, again: safe}],",
    )
    anna = Hamr(pair, tmp_path, playbook=hooked)
    running = anna.start_run("ACTIVE")
    pair.wait_for(lambda: pair.stands == (FAILOVER, FAILOVER))
    time.sleep(0.2)
    pair.stranger("primary", PASSIVE)
    ended = running.wait()
    assert ended.code == 4, f"{ended}\n{pair.tell()}"
    assert pair.count("posted") == 2
    laws.hold(anna)

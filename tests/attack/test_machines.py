"""What an operator's machine does to a run: streams that are closed or full, keys from programs, keys that change."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.attack import laws
from tests.attack.hamr import PAIR, Hamr
from tests.attack.region import ACTIVE, PASSIVE, Answer, Pair

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

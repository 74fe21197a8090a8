"""Programs as real processes: ended with all that they started, bounded, and never given a key."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.model.playbook import Program, ProgramEnded
from orchestrator.system.clock import SystemClock
from orchestrator.system.programs import (
    Capture,
    LocalPrograms,
    environment_without_keys,
    find_program,
)
from orchestrator.system.redaction import Redactor
from tests.datadog.orgs import KEYS, pair_at
from tests.processes import python as python_printed

from .shared import knowing, processes_in, runs

pytestmark = pytest.mark.anyio

PATH = {"PATH": os.environ["PATH"]}
FETCHED = "canary0fetched0key00000000000005"


def shell(script: str, *, seconds: float = 10.0) -> Program:
    return Program(("/bin/sh", "-c", script), timedelta(seconds=seconds))


def python(code: str, *, seconds: float = 10.0) -> Program:
    return Program((sys.executable, "-S", "-c", code), timedelta(seconds=seconds))


async def run(program: Program, *, redactor: Redactor | None = None, grace: float = 5.0) -> ProgramEnded:
    return await LocalPrograms(PATH, redactor or Redactor(), SystemClock(), grace=grace).run(program, {})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - nothing tells of another process
            await asyncio.sleep(0.005)
    for _ in range(20):  # a program may be further than the call that started it
        await asyncio.sleep(0)


async def over(holds: Callable[[], bool]) -> None:
    """Until that holds and asyncio has heard of every end, too: it complains of a process that was killed unheard."""
    await until(
        lambda: holds() and not any(each.name.startswith("waitpid-") for each in threading.enumerate())
    )
    await asyncio.sleep(0.01)


async def all_ended(folder: Path) -> None:
    """Until none of the processes runs that have left their number in a folder."""
    await over(lambda: not any(map(runs, processes_in(folder))))


# -- how it ends ---------------------------------------------------------------------------------------------


async def test_a_program_ends_with_its_code_and_what_it_printed_on_both_streams_in_order() -> None:
    ended = await run(shell("echo one; echo two >&2; echo three; exit 3"))
    assert (ended.code, ended.output, ended.failure) == (3, "one\ntwo\nthree\n", "")
    assert 0 < ended.seconds < 5


async def test_a_signal_is_a_negative_code() -> None:
    ended = await run(shell("kill -KILL $$"))
    assert (ended.code, ended.failure) == (-9, "")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("./no-such-program", "No such file or directory"),
        ("/etc/passwd", "Permission denied"),
        ("a\0b", "ValueError"),
    ],
)
async def test_a_program_that_cannot_be_started_says_why(name: str, reason: str) -> None:
    ended = await run(Program((name, "x")))
    assert (ended.code, ended.output) == (None, "")
    assert ended.failure == f"{name} could not be started ({reason})"


async def test_no_shell_reads_the_command_line() -> None:
    ended = await run(Program(("printf", "%s|", "$HOME", "`id`", "a b", "*")))
    assert ended.output == "$HOME|`id`|a b|*|"


async def test_no_terminal_is_there_to_ask_at() -> None:
    ended = await run(shell("(: < /dev/tty) 2>/dev/null || echo no terminal"))
    assert ended.output == "no terminal\n"


def test_nothing_of_our_own_input_can_be_read() -> None:
    code = (
        "import asyncio, os\n"
        "from orchestrator.system.clock import SystemClock\n"
        "from orchestrator.model.playbook import Program\n"
        "from orchestrator.system.programs import LocalPrograms\n"
        "from orchestrator.system.redaction import Redactor\n"
        "programs = LocalPrograms(os.environ, Redactor(), SystemClock())\n"
        "print(asyncio.run(programs.run(Program(('cat',)), {})).output)"
    )
    assert python_printed("-c", code, input="payments") == "\n"


async def test_what_is_printed_right_after_the_program_ended_is_kept_too() -> None:
    ended = await run(shell("(sleep 0.02; echo late) & echo early"))
    assert ended.output == "early\nlate\n"


# -- time ----------------------------------------------------------------------------------------------------


async def test_a_program_whose_time_is_up_is_asked_to_end_and_may_tidy_up() -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('tidied up')))\n"
        "print('begun', flush=True)\ntime.sleep(60)"
    )
    ended = await run(python(code, seconds=0.4))
    assert (ended.code, ended.output) == (None, "begun\ntidied up\n")
    assert ended.failure == f"{sys.executable} did not end within 400 ms, and was stopped"


async def test_a_time_out_ends_the_whole_group_even_one_that_ignores_the_request(tmp_path: Path) -> None:
    one = f": > {tmp_path}/$$; exec sleep 60"
    deaf = f"trap '' TERM; for n in 1 2 3; do sh -c '{one}' & done; {one}"
    ended = await run(shell(deaf, seconds=0.5), grace=0.05)
    assert ended.code is None
    assert len(processes_in(tmp_path)) == 4
    await all_ended(tmp_path)


async def test_a_child_that_ignores_the_request_does_not_outlive_a_parent_that_heeds_it(
    tmp_path: Path,
) -> None:
    script = f"(trap '' TERM; : > {tmp_path}/$(sh -c 'echo $PPID'); while :; do sleep 0.01; done) & sleep 60"
    ended = await run(shell(script, seconds=0.3), grace=0.05)
    assert ended.code is None
    assert len(processes_in(tmp_path)) == 1
    await all_ended(tmp_path)


async def test_a_child_in_the_background_that_holds_the_output_is_not_waited_for_and_goes_on(
    tmp_path: Path,
) -> None:
    background = f"sh -c ': > {tmp_path}/$$; echo from behind; sleep 60' & until ls {tmp_path}/* >/dev/null 2>&1; do :; done; echo done"
    async with asyncio.timeout(30):
        ended = await run(shell(background))
    assert ended.code == 0
    assert sorted(ended.output.splitlines()) == ["done", "from behind"]
    (process,) = processes_in(tmp_path)
    assert runs(process)
    os.killpg(os.getpgid(process), 9)
    await over(lambda: not runs(process))


async def test_a_child_that_left_the_group_and_holds_the_output_cannot_hold_up_a_time_out(
    tmp_path: Path,
) -> None:
    code = (
        "import os, time\n"
        f"if os.fork() == 0:\n  os.setsid(); open('{tmp_path}/' + str(os.getpid()), 'w').close()\n"
        "time.sleep(60)"
    )
    async with asyncio.timeout(30):
        ended = await run(python(code, seconds=1.0), grace=0.05)
    assert ended.code is None
    (process,) = processes_in(tmp_path)
    os.kill(process, 9)


async def test_a_cancelled_caller_ends_the_whole_group(tmp_path: Path) -> None:
    code = f"import os, time\nos.fork()\nopen('{tmp_path}/' + str(os.getpid()), 'w').close()\ntime.sleep(60)"
    running_it = asyncio.create_task(run(python(code), grace=0.3))
    await until(lambda: len(processes_in(tmp_path)) == 2)
    running_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running_it
    await all_ended(tmp_path)


async def test_a_second_cancellation_does_not_save_a_group_that_ignores_requests(tmp_path: Path) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open('{tmp_path}/' + str(os.getpid()), 'w').close()\ntime.sleep(60)"
    )
    running_it = asyncio.create_task(run(python(code), grace=60.0))
    await until(lambda: len(processes_in(tmp_path)) == 1)
    running_it.cancel()
    await asyncio.sleep(0.01)
    assert not running_it.done()
    running_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running_it
    await all_ended(tmp_path)


@pytest.mark.parametrize("turns", range(8))
async def test_cancelling_while_it_starts_leaves_nothing_behind(turns: int, tmp_path: Path) -> None:
    mark = f"3600.{turns}9{os.getpid()}9"  # seconds that nobody else sleeps
    running_it = asyncio.create_task(run(shell(f"sleep {mark} & sleep {mark}"), grace=0.1))
    for _ in range(turns):
        await asyncio.sleep(0)
    running_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running_it
    await over(lambda: not sleeping_for(mark))


def sleeping_for(mark: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "cmdline").read_bytes() and runs(int(process.name)):
                found.append(process.name)
        except OSError:
            continue
    return found


# -- what it printed -----------------------------------------------------------------------------------------


async def test_of_much_output_the_first_and_the_last_are_kept() -> None:
    ended = await run(python("print('first\\n' + 'x' * 999 + '\\n' + 'y' * 400_000 + '\\nlast')"))
    assert ended.code == 0
    assert ended.output.startswith("first\nxxx")
    assert ended.output.endswith("yyy\nlast\n")
    assert "\n… 335,476 bytes left out …\n" in ended.output
    assert len(ended.output) == 2 * 32 * 1024 + len("\n… 335,476 bytes left out …\n")


async def test_exactly_as_much_as_is_kept_is_shown_whole() -> None:
    ended = await run(python("print('x' * 65_535)"))
    assert ended.output == "x" * 65_535 + "\n"


def test_output_that_comes_in_pieces_is_kept_as_if_it_came_at_once() -> None:
    capture = Capture(keep=4)
    for byte in b"abcdefghijklmnopqrstuvwxyz":
        capture.add(bytes([byte]))
    assert capture.text(Redactor()) == "abcd\n… 18 bytes left out …\nwxyz"
    assert len(capture._last) <= 8


async def test_output_that_is_no_text_is_made_readable() -> None:
    ended = await run(shell(r"printf 'caf\351 \033[31mred\033[0m \007bell\r\nnext\tone\0'"))
    assert ended.output == "caf\ufffd red bell\nnext\tone"


async def test_law_17_a_known_key_is_taken_out_of_the_output() -> None:
    ended = await run(shell(f"echo key={FETCHED}; echo {FETCHED} >&2"), redactor=knowing(FETCHED))
    assert ended.output == "key=[redacted]\n[redacted]\n"


async def test_law_17_a_key_with_invisible_characters_in_it_is_taken_out_too() -> None:
    colours = f"{FETCHED[:9]}\\033[1m\\007{FETCHED[9:]}"
    ended = await run(shell(f"printf '{colours}'"), redactor=knowing(FETCHED))
    assert ended.output == "[redacted]"


@pytest.mark.parametrize("shift", range(0, 34, 3))
def test_law_17_no_half_of_a_key_is_left_where_output_is_cut(shift: int) -> None:
    capture = Capture(keep=64)
    capture.add(b"a" * (64 - shift) + FETCHED.encode() + b"b" * 500 + FETCHED.encode() + b"c" * (64 - shift))
    text = capture.text(knowing(FETCHED))
    assert not any(FETCHED[at : at + 6] in text for at in range(len(FETCHED) - 5))


# -- what it is given ----------------------------------------------------------------------------------------


async def test_law_17_no_key_reaches_a_program() -> None:
    canaries = {
        **KEYS,
        "DD_API_KEY": "canary0a",
        "DD_APP_KEY": "canary0b",
        "DD_APPLICATION_KEY": "canary0c",
        "DATADOG_API_KEY": "canary0d",
        "DATADOG_APP_KEY": "canary0e",
        "SOME_NAME": FETCHED,
        "SOME_URL": f"https://example.com/?key={FETCHED}",
    }
    pair = pair_at("https://api.datadoghq.com", "https://api.us5.datadoghq.com")
    programs = LocalPrograms(
        {**PATH, **canaries, "DD_SITE": "datadoghq.eu"},
        knowing(FETCHED),
        SystemClock(),
        pair.key_variables,
    )
    ended = await programs.run(Program(("env",)), {"HAMR_PAIR": "payments"})
    names = {line.partition("=")[0] for line in ended.output.splitlines()}
    assert {"PATH", "DD_SITE", "HAMR_PAIR"} <= names
    assert names.isdisjoint(canaries)
    assert "canary" not in ended.output
    assert "[redacted]" not in ended.output


def test_the_variables_that_hold_a_pairs_keys_are_known_from_the_inventory() -> None:
    pair = pair_at("https://api.datadoghq.com", "https://api.us5.datadoghq.com")
    assert pair.key_variables == {"P_API", "P_APP", "S_API", "S_APP"}


def test_law_17_a_program_is_not_handed_the_keys_of_another_pair() -> None:
    pair = pair_at("https://api.datadoghq.com", "https://api.us5.datadoghq.com")
    beside_others = replace(pair, all_keys=frozenset({"ORDERS_API"}))
    assert beside_others.key_variables == {"P_API", "P_APP", "S_API", "S_APP", "ORDERS_API"}


def test_an_environment_without_keys_is_passed_on_whole() -> None:
    environ = {"PATH": "/bin", "HOME": "/root", "EMPTY": ""}
    assert environment_without_keys(environ, knowing(FETCHED)) == environ


def test_a_program_shows_nothing_of_its_environment() -> None:
    assert repr(LocalPrograms(KEYS, Redactor(), SystemClock())) == "LocalPrograms(…)"


# -- whether it is there -------------------------------------------------------------------------------------


def test_a_program_is_found_in_the_path_or_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "stop-sync"
    tool.write_text("#!/bin/sh\n")
    monkeypatch.chdir(tmp_path)
    environ = {"PATH": str(tmp_path / "bin")}
    assert find_program("./bin/stop-sync", environ) is None  # nobody may run it yet
    tool.chmod(0o755)
    assert find_program("stop-sync", environ) == str(tool)
    assert find_program("./bin/stop-sync", {"PATH": "/nowhere"}) == "./bin/stop-sync"
    assert find_program("stop-sync", {"PATH": "/nowhere"}) is None
    assert find_program("./bin/start-sync", environ) is None
    assert find_program("sh", {}) is not None

"""Keys by reference: found, refused, fetched once, and never shown."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode, KeyUnavailable
from orchestrator.model.org import CommandKey, EnvironmentKey, FileKey, KeyReference
from orchestrator.model.words import one_reason
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor
from tests.steps import typed

from .shared import processes_in, runs

pytestmark = pytest.mark.anyio

CANARY = "canary0api0key0000000000000000001"
ENVIRON = {"PATH": os.environ["PATH"]}


def python(code: str, *, seconds: float = 10.0) -> CommandKey:
    return CommandKey((sys.executable, "-S", "-c", code), timedelta(seconds=seconds))


def ring(environ: dict[str, str] | None = None, *, refetch_after: float = 0.0) -> tuple[KeyRing, Redactor]:
    redactor = Redactor()
    return KeyRing(ENVIRON if environ is None else environ, redactor, refetch_after=refetch_after), redactor


def strange(what: str) -> str:
    return f"environment variable KEY holds {what}, which is in no key: take it away"


QUOTED = (
    "environment variable KEY holds quotation marks around the key or at its end, which are no part of it: take them "
    "away (docker run --env-file keeps them, a shell does not)"
)


async def refusal(reference: KeyReference, keys: KeyRing) -> KeyUnavailable:
    with pytest.raises(KeyUnavailable) as caught:
        await keys.resolve(reference, org="Payments (primary)", which="api")
    return caught.value


async def test_a_key_comes_from_the_environment_without_the_newline_around_it() -> None:
    keys, redactor = ring({"KEY": f"{CANARY}\r\n"})
    secret = await keys.resolve(EnvironmentKey("KEY"), org="Payments", which="api")
    assert secret.reveal() == CANARY
    assert redactor.clean(f"the key {CANARY}.") == "the key [redacted]."


async def test_a_key_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{CANARY}\n")
    keys, redactor = ring()
    secret = await keys.resolve(FileKey(str(tmp_path / "key")), org="Payments", which="app")
    assert secret.reveal() == CANARY
    assert redactor.clean(CANARY) == "[redacted]"


async def test_a_key_comes_from_a_command_without_a_shell() -> None:
    keys, redactor = ring({**ENVIRON, "GIVEN": "from0the0environment"})
    reference = python("import os, sys; print(os.environ['GIVEN'] + sys.argv[1])")
    secret = await keys.resolve(CommandKey((*reference.argv, "$HOME;`id`")), org="Payments", which="api")
    assert secret.reveal() == "from0the0environment$HOME;`id`"
    assert redactor.clean(secret.reveal()) == "[redacted]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "environment variable KEY is not set"),
        ("", "environment variable KEY is empty"),
        (" \n", "environment variable KEY is empty"),
        (f"{CANARY}\n{CANARY}", "environment variable KEY holds more than one line"),
        (f"{CANARY}\r{CANARY}", "environment variable KEY holds more than one line"),
        (f"{CANARY}\x00", strange("a control character (U+0000) as character 34 of 34")),
        (f"not {CANARY}", strange("a blank (U+0020) as character 4 of 37")),
        (f"{CANARY}\tx", strange("a control character (U+0009) as character 34 of 35")),
        (f"{CANARY}\u20ac", strange("a character that is not ASCII as character 34 of 34")),
        (f"\ufeff{CANARY}", strange("zero width no-break space (U+FEFF) as character 1 of 34")),
        (f"{CANARY}\u200b", strange("zero width space (U+200B) as character 34 of 34")),
        (f"{CANARY}\u00a0\n", strange("no-break space (U+00A0) as character 34 of 34")),
        (f"ab\udcffcd{CANARY}", strange("a byte that is no UTF-8 as character 3 of 38")),
        (f'"{CANARY}"', QUOTED),
        (f"'{CANARY}'", QUOTED),
        (f"\u201c{CANARY}\u201d", QUOTED),
        (f'{CANARY}"', QUOTED),
        ("abc", "environment variable KEY holds fewer than 4 characters, which is no key"),
        ("a" * 70_000, "environment variable KEY holds more than 64 KiB, which is no key"),
    ],
)
async def test_an_unusable_key_is_refused_in_words_without_it(value: str | None, expected: str) -> None:
    keys, _ = ring({} if value is None else {"KEY": value})
    error = await refusal(EnvironmentKey("KEY"), keys)
    assert error.message == f"The API key of Payments (primary) cannot be used: {expected}."
    assert (error.org, error.sent, error.exit_code) == (
        "Payments (primary)",
        "Nothing was sent.",
        ExitCode.USAGE,
    )
    assert typed(error.next_steps) == ("read -rs KEY && export KEY",)
    assert "canary" not in "".join(traceback.format_exception(error))


async def test_the_application_key_is_called_that() -> None:
    keys, _ = ring()
    with pytest.raises(KeyUnavailable, match="The application key of Payments cannot be used"):
        await keys.resolve(EnvironmentKey("KEY"), org="Payments", which="app")


async def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    keys, _ = ring()
    missing = await refusal(FileKey(f"{tmp_path}/a key"), keys)
    assert missing.message.endswith(f"file {tmp_path}/a key cannot be read (No such file or directory).")
    assert typed(missing.next_steps) == (f"ls -l '{tmp_path}/a key'",)
    (tmp_path / "two").write_text("canary-key-0001\ncanary-key-0002\n")
    two = await refusal(FileKey(f"{tmp_path}/two"), keys)
    assert two.message.endswith("two holds more than one line.")
    assert typed(two.next_steps) == (f"${{EDITOR:-vi}} {tmp_path}/two",)
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in (await refusal(FileKey(f"{tmp_path}/pipe"), keys)).message
    assert (await refusal(FileKey(str(tmp_path)), keys)).message.endswith(
        f"{tmp_path} is not a regular file."
    )
    assert "cannot be read (ValueError)" in (await refusal(FileKey("a\0b"), keys)).message


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"import sys; sys.stderr.write('{CANARY}'); sys.exit(3)", "failed with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9"),
        ("", "is empty"),
        ("import sys; sys.stdout.write('x' * 70_000)", "printed more than 64 KiB, which is no key"),
        (f"print('{CANARY}'); print('{CANARY}')", "holds more than one line"),
    ],
)
async def test_a_command_that_prints_no_key_is_refused_in_words_without_its_output(
    code: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    keys, _ = ring()
    error = await refusal(python(code), keys)
    assert f"command {sys.executable} {expected}" in error.message
    assert "canary" not in "".join(traceback.format_exception(error))
    assert capfd.readouterr() == ("", "")


async def test_a_command_that_cannot_be_started_is_refused() -> None:
    keys, _ = ring()
    error = await refusal(CommandKey(("no-such-program-here", "read")), keys)
    assert error.message.endswith(
        "command no-such-program-here could not be started (No such file or directory)."
    )


async def test_a_command_is_killed_with_all_that_it_started_when_its_time_is_up(tmp_path: Path) -> None:
    keys, _ = ring()
    code = (
        "import os, time\n"
        f"child = os.fork()\n"
        f"open('{tmp_path}/' + str(os.getpid()), 'w').close()\n"
        "time.sleep(60)"
    )
    started = time.monotonic()
    error = await refusal(python(code, seconds=0.5), keys)
    assert error.message.endswith(
        f"command {sys.executable} did not end within 0.5 seconds (give it more with timeout: beside command:)."
    )
    assert time.monotonic() - started < 5
    processes = processes_in(tmp_path)
    assert len(processes) == 2
    for process in processes:
        await gone(process)


async def gone(process: int) -> None:
    """Wait until a killed process is no more, or nothing but a name that init will take away."""
    for _ in range(500):
        if not runs(process):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"process {process} is still there")


async def test_the_key_is_there_when_its_program_ends_whoever_keeps_its_output_open() -> None:
    keys, _ = ring()
    reference = CommandKey(("sh", "-c", f"echo {CANARY}; sleep 30 &"))
    async with asyncio.timeout(10):  # the child would hold it open for longer
        secret = await keys.resolve(reference, org="Payments", which="api")
    assert secret.reveal() == CANARY


async def test_a_key_that_an_org_denied_is_fetched_anew(tmp_path: Path) -> None:
    keys, redactor = ring()
    (tmp_path / "key").write_text(CANARY)
    file, command = FileKey(str(tmp_path / "key")), CommandKey(("cat", str(tmp_path / "key")))
    for reference in (file, command):
        await keys.resolve(reference, org="Payments", which="api")
    (tmp_path / "key").write_text(f"{CANARY}-v2")
    for reference in (file, command):
        assert (await keys.resolve(reference, org="Payments", which="api")).reveal() == CANARY
        keys.distrust(reference)
        assert (await keys.resolve(reference, org="Payments", which="api")).reveal() == f"{CANARY}-v2"
    assert redactor.clean(f"{CANARY} {CANARY}-v2") == "[redacted] [redacted]"


async def test_nobody_is_given_a_denied_key_while_another_is_fetched(tmp_path: Path) -> None:
    keys, _ = ring()
    (tmp_path / "key").write_text(CANARY)
    reference = CommandKey(("cat", str(tmp_path / "key")))
    await keys.resolve(reference, org="Payments", which="api")
    (tmp_path / "key").write_text(f"{CANARY}-v2")
    keys.distrust(reference)
    both = [asyncio.create_task(keys.resolve(reference, org="Payments", which="api"))]
    for _ in range(3):  # the first is under way by now
        await asyncio.sleep(0)
    both.append(asyncio.create_task(keys.resolve(reference, org="Payments", which="api")))
    assert [secret.reveal() for secret in await asyncio.gather(*both)] == [f"{CANARY}-v2"] * 2


async def test_a_denied_key_is_kept_where_no_other_is_to_be_had(tmp_path: Path) -> None:
    keys, _ = ring()
    (tmp_path / "key").write_text(CANARY)
    reference = FileKey(str(tmp_path / "key"))
    await keys.resolve(reference, org="Payments", which="api")
    (tmp_path / "key").unlink()
    keys.distrust(reference)
    assert (await keys.resolve(reference, org="Payments", which="api")).reveal() == CANARY


async def test_a_command_is_run_again_at_the_first_denial_and_not_at_every_one(tmp_path: Path) -> None:
    keys, _ = ring(refetch_after=3600.0)
    reference = python(f"open('{tmp_path}/ran', 'a').write('x'); print('{CANARY}')")
    for _ in range(4):
        await keys.resolve(reference, org="Payments", which="api")
        keys.distrust(reference)
    assert (tmp_path / "ran").read_text() == "xx"


async def test_a_key_that_is_wanted_twice_at_once_is_fetched_once(tmp_path: Path) -> None:
    keys, _ = ring()
    reference = python(f"open('{tmp_path}/ran', 'a').write('x'); print('{CANARY}')")
    found = await asyncio.gather(*(keys.resolve(reference, org="Payments", which="api") for _ in range(5)))
    found.append(await keys.resolve(reference, org="Payments", which="api"))
    assert {secret.reveal() for secret in found} == {CANARY}
    assert (tmp_path / "ran").read_text() == "x"


async def test_who_gives_up_waiting_leaves_the_fetching_to_the_next_one(tmp_path: Path) -> None:
    keys, _ = ring()
    code = f"import time; open('{tmp_path}/ran', 'a').write('x'); time.sleep(0.1); print('{CANARY}')"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await keys.resolve(python(code), org="Payments", which="api")
    secret = await keys.resolve(python(code), org="Payments", which="api")
    assert secret.reveal() == CANARY
    assert (tmp_path / "ran").read_text() == "x"


async def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    keys, _ = ring()
    reference = FileKey(str(tmp_path / "key"))
    await refusal(reference, keys)
    (tmp_path / "key").write_text(CANARY)
    assert (await keys.resolve(reference, org="Payments", which="api")).reveal() == CANARY


def test_a_program_that_ends_while_a_command_runs_kills_it(tmp_path: Path) -> None:
    keys, _ = ring()
    code = f"import os, time; open('{tmp_path}/' + str(os.getpid()), 'w').close(); time.sleep(60)"

    async def give_up() -> int:
        waiting = asyncio.create_task(keys.resolve(python(code), org="Payments", which="api"))
        for _ in range(500):
            if processes_in(tmp_path):
                break
            await asyncio.sleep(0.01)
        waiting.cancel()
        return processes_in(tmp_path)[0]

    process = asyncio.run(give_up())
    asyncio.run(gone(process))


async def test_law_17_a_key_ring_shows_nothing_of_itself() -> None:
    keys, redactor = ring({"KEY": CANARY})
    await keys.resolve(EnvironmentKey("KEY"), org="Payments", which="api")
    assert "canary" not in f"{keys!r} {keys} {redactor!r} {redactor}"


@pytest.mark.parametrize(
    ("reasons", "one"),
    [
        (["environment variable A is not set"], "environment variable A is not set"),
        (
            ["environment variables A and B are not set", "environment variable C is not set"],
            "environment variables A, B and C are not set",
        ),
        (
            ["file /k/a cannot be read (No such file)", "file /k/b cannot be read (No such file)"],
            "files /k/a and /k/b cannot be read (No such file)",
        ),
        (
            ["file /k/a cannot be read (Permission denied)", "file /k/b cannot be read (No such file)"],
            "file /k/a cannot be read (Permission denied); file /k/b cannot be read (No such file)",
        ),
        (["command op is empty", "command op is empty"], "command op is empty"),
    ],
)
def test_several_keys_that_cannot_be_had_for_one_reason_are_one_clause(reasons: list[str], one: str) -> None:
    assert one_reason(reasons) == one

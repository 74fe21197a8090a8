"""Programs as probes: what their exit codes mean, their value, and how they are ended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from orchestrator.model.guard import Command, Http, Measured, ProbeReading, Unmeasured
from orchestrator.system.redaction import Redactor
from tests.datadog.orgs import KEYS
from tests.datadog.servers import http, raw_server, says
from tests.system.shared import processes_in
from tests.system.test_programs import all_ended, until

from .asked import METRIC, NOWHERE, probe, probes, said

pytestmark = pytest.mark.anyio


async def ran(script: str, *, seconds: float = 10.0) -> ProbeReading:
    async with probes() as taker:
        return await taker.take(probe(Command(("/bin/sh", "-c", script)), seconds=seconds))


@pytest.mark.parametrize(
    ("script", "sight"),
    [
        ("exit 0", Measured(detail="exit code 0")),
        ("exit 1", Measured(good=False, detail="exit code 1")),
        ("echo 12", Measured(12.0, detail="exit code 0")),
        ("echo ' -2.5e1 '; echo more; echo oops >&2", Measured(-25.0, detail="exit code 0")),
        ("echo .5; exit 1", Measured(0.5, good=False, detail="exit code 1")),
        ("echo all there", Measured(detail="exit code 0: all there")),
        ("echo 3 hosts are left; exit 1", Measured(good=False, detail="exit code 1: 3 hosts are left")),
        ("echo no such zone >&2; exit 1", Measured(good=False, detail="exit code 1: no such zone")),
        ("echo; echo 12", Measured(detail="exit code 0")),
    ],
)
async def test_exit_0_is_good_1_is_bad_and_the_first_line_is_the_value(script: str, sight: Measured) -> None:
    assert (await ran(script)).sight == sight


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-Infinity", "1e999", "1_000", "0x10", "١٢", "12 agents", "1,5"]
)
async def test_what_is_no_finite_number_is_no_value(text: str) -> None:
    assert (await ran(f"echo '{text}'")).sight == Measured(detail=f"exit code 0: {text}")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 7", "exit code 7"),
        ("echo 12; echo first >&2; echo the last word >&2; echo >&2; exit 7", "exit code 7: the last word"),
        ("exit 2", "exit code 2"),
        ("no-such-program-here", "exit code 127: "),
        ("kill -KILL $$", "/bin/sh was killed by signal 9"),
    ],
)
async def test_law_08_any_other_end_is_unknown(script: str, reason: str) -> None:
    assert said(await ran(script)).startswith(reason)


async def test_law_08_a_program_that_cannot_be_started_is_unknown() -> None:
    async with probes() as taker:
        reading = await taker.take(probe(Command(("./bin/no-such-program", "x"))))
    assert said(reading) == "./bin/no-such-program could not be started (No such file or directory)"


async def test_law_08_a_program_that_takes_too_long_is_unknown_and_ended_with_its_children(
    tmp_path: Path,
) -> None:
    one = f": > {tmp_path}/$$; exec sleep 60"
    script = f"trap '' TERM; echo still asking >&2; echo 12; sh -c '{one}' & {one}"
    async with probes() as taker:
        reading = await taker.take(probe(Command(("/bin/sh", "-c", script))), within=0.5)
    assert said(reading) == "/bin/sh did not end within 500 ms, and was stopped: still asking"
    assert reading.seconds < 5
    assert len(processes_in(tmp_path)) == 2
    await all_ended(tmp_path)


async def test_a_cancelled_probe_ends_its_program(tmp_path: Path) -> None:
    script = f": > {tmp_path}/$$; sleep 60"
    taking = asyncio.create_task(ran(script))
    await until(lambda: len(processes_in(tmp_path)) == 1)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    await all_ended(tmp_path)


async def test_a_child_that_holds_the_output_is_not_waited_for(tmp_path: Path) -> None:
    script = (
        f"sh -c ': > {tmp_path}/$$; sleep 60' & until ls {tmp_path}/* >/dev/null 2>&1; do :; done; echo 5"
    )
    async with asyncio.timeout(5):
        assert (await ran(script)).sight == Measured(5.0, detail="exit code 0")
    (process,) = processes_in(tmp_path)
    os.killpg(os.getpgid(process), 9)


async def test_a_long_or_strange_line_becomes_one_short_one() -> None:
    reading = await ran(r"printf '\033[31mred\033[0m\t%0900d x\n' 0")
    assert isinstance(reading.sight, Measured)
    assert reading.sight.detail.startswith("exit code 0: red 000")
    assert len(reading.sight.detail) == 300


async def test_much_output_is_no_trouble() -> None:
    reading = await ran("echo 7; head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2")
    assert reading.sight == Measured(7.0, detail="exit code 0")


async def test_law_17_no_key_reaches_a_program_nor_what_it_says() -> None:
    environ = {
        "PATH": os.environ["PATH"],
        **KEYS,
        "DD_API_KEY": "canary0other0key0",
        "COPY": KEYS["S_API"],
    }
    redactor = Redactor()
    async with (
        raw_server(says(http("200 OK", b"{}"))) as server,
        probes(server.url, redactor=redactor, environ=environ) as taker,
    ):
        await taker.take(
            probe(METRIC)
        )  # the secondary's keys are known now; the primary's were never fetched
        told = await taker.take(
            probe(Command(("/bin/sh", "-c", "env | grep -c canary; echo $HAMR_PAIR $HAMR_PROBE >&2; exit 9")))
        )
        count = await taker.take(probe(Command(("/bin/sh", "-c", "env | grep -c canary || :"))))
        echoed = await taker.take(probe(Command(("/bin/sh", "-c", f"echo {KEYS['S_APP']}; exit 1"))))
        lost = await taker.take(probe(Command((f"./{KEYS['S_APP']}",))))
    assert said(told) == "exit code 9: payments agents"
    assert count.sight == Measured(0.0, detail="exit code 0")
    assert echoed.sight == Measured(good=False, detail="exit code 1: [redacted]")
    assert said(lost) == "./[redacted] could not be started (No such file or directory)"


async def test_probes_of_every_kind_are_taken_side_by_side(tmp_path: Path) -> None:
    """The page answers when the program has begun, and the program ends when the page was asked."""
    begun, page_asked = tmp_path / "begun", tmp_path / "page-asked"

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> bool:
        page_asked.touch()
        await until(begun.exists)
        writer.write(http("200 OK"))
        return True

    script = f": > {begun}; until test -e {page_asked}; do sleep 0.01; done; echo 1"
    async with raw_server(talk) as server, probes() as taker:
        readings = await asyncio.gather(
            taker.take(probe(Http(server.url))),
            taker.take(probe(Command(("/bin/sh", "-c", script)))),
            taker.take(probe(Http(NOWHERE))),
        )
    assert [reading.sight for reading in readings] == [
        Measured(detail="answered 200"),
        Measured(1.0, detail="exit code 0"),
        Unmeasured("no connection: Connection refused"),
    ]

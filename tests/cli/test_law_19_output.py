"""Law 19: the exit code is the run's, whatever becomes of its output. Each with real processes and real streams."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import MappingProxyType

import pytest

from orchestrator.cli.outlets import Outlet
from orchestrator.model.status import Role, Status

from .lab import Lab, laboratory

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")

BROKEN: Mapping[str, str] = MappingProxyType(
    {
        "both on a full disk": ">/dev/full 2>&1",
        "all closed": "<&- >&- 2>&-",
        "nobody reads either": "2>&1 | true",
        "both closed": ">&- 2>&-",
        "stdout on a full disk": ">/dev/full",
        "stderr on a full disk": "2>/dev/full",
        "stdout closed": ">&-",
        "stderr closed": "2>&-",
        "stdin closed": "<&-",
        "nobody reads it": "| true",
    }
)
"""What may be wrong with the streams of a command, as a shell writes it."""

FOR_LOOKS = (">/dev/full", "2>&-", "<&- >&- 2>&-", "| true")


def started(lab: Lab, words: tuple[str, ...], streams: str) -> subprocess.Popen[str]:
    """Hamr in a process of its own; what the shell exits with is its exit code, also before a pipe."""
    command = shlex.join([sys.executable, "-m", "orchestrator", *words])
    script = f"{command} {streams}"
    if "|" in streams:
        # The pipe's reader is gone before anything is written to it.
        before, _, reader = streams.partition("|")
        script = f"{{ sleep 0.1; {command} {before}; echo $? >&3; }} 3>code.$$ | {reader}; read c <code.$$; exit $c"
    return subprocess.Popen(
        ["/bin/sh", "-c", script],
        env={**os.environ, **lab.env},
        cwd=lab.folder,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def typed(lab: Lab, words: tuple[str, ...], streams: str = "") -> tuple[int, str, str]:
    with started(lab, words, streams) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


LOOKS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("--help",), 0),
    (("--version",), 0),
    ((), 2),
    (("status", "--help"), 0),
    (("nonsense",), 2),
    (("status", "sim"), 0),
    (("status", "sim", "--json"), 0),
    (("status", "elsewhere"), 2),
    (("plan", "sim", "--to", "PASSIVE", "--detailed-exitcode"), 10),
    (("plan", "sim", "--to", "PASSIVE", "--json"), 0),
    (("plan", "sim", "--to", "PASSIVE", "--curl"), 0),
    (("run", "sim", "--to", "PASSIVE"), 2),
    (("run", "sim", "--to", "RECOVERY", "--yes"), 2),
    (("run", "sim", "--to", "ACTIVE", "--yes", "--journal", "/dev/null/all.db"), 1),
    (("doctor", "sim"), 0),
    (("check",), 0),
    (("check", "nowhere.yaml"), 2),
    (("graph", "quick.yaml"), 0),
    (("schema", "playbook"), 0),
    (("runs",), 0),
    (("runs", "--json"), 0),
    (("show", "RUN"), 0),
    (("report", "RUN"), 0),
    (("report", "RUN", "--html", "-"), 0),
    (("audit", "verify"), 0),
    (("audit", "head", "--json"), 0),
    (("audit", "export"), 0),
    (("ack", "nothing"), 2),
    (("unlock", "sim", "--lock-id", "x", "--reason", "it is old"), 2),
)
"""A command line, and what it exits with when nothing is wrong with its streams; RUN is a run that was made before."""


BY_DAY = {
    ((), ">/dev/full"),
    *((("status", "sim", "--json"), streams) for streams in FOR_LOOKS),
    (("plan", "sim", "--to", "PASSIVE", "--json"), "<&- >&- 2>&-"),
    (("audit", "export"), "| true"),
}
"""Lines that are shown by click, as a whole page, and line by line, and all of the streams; the others are looked at by night."""


@pytest.fixture(scope="module")
def after_a_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, str]]:
    """A laboratory after a run, whose name it is: looks and refusals change nothing of it."""
    with laboratory(tmp_path_factory.mktemp("after")) as found:
        yield found, found.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
        assert found.run("audit", "verify").exit_code == 0
        assert len(found.json("runs")["runs"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "streams"),
    [
        pytest.param(
            words,
            code,
            streams,
            id=f"{' '.join(words) or 'hamr'} {streams}",
            marks=() if (words, streams) in BY_DAY else pytest.mark.nightly,
        )
        for number, (words, code) in enumerate(LOOKS)
        for turn, streams in enumerate(FOR_LOOKS)
        if (words, streams) in BY_DAY or turn == number % len(FOR_LOOKS)
    ],
)
def test_law_19_a_look_exits_as_ever(
    after_a_run: tuple[Lab, str], words: tuple[str, ...], code: int, streams: str
) -> None:
    lab, run = after_a_run
    assert typed(lab, tuple(word.replace("RUN", run) for word in words), streams)[0] == code


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("streams", "more"),
    [
        *((streams, ()) for streams in BROKEN.values()),
        *((streams, ("--json",)) for streams in (">&-", ">/dev/full", "| true")),
        ("2>/dev/full", ("--emergency", "--reason", "us1 is down")),
    ],
)
def test_law_19_a_run_goes_on_to_its_end(lab: Lab, streams: str, more: tuple[str, ...]) -> None:
    words = ("run", "sim", "--to", "ACTIVE", "--yes", "--log-level", "debug", *more)
    code, out, err = typed(lab, words, streams)
    (run,) = lab.json("runs")["runs"]
    # On a slow machine an emergency may not see the other org within its deadline, and owes.
    assert (run["end"], code) in (("done", 0), ("owing", 8)), out + err
    assert lab.sim.record(Role.SECONDARY).status == Status.ACTIVE  # type: ignore[union-attr]
    assert lab.run("audit", "verify").exit_code == 0
    with closing(sqlite3.connect(lab.journal)) as opened:  # which holds nothing that was printed
        assert opened.execute("pragma integrity_check").fetchone() == ("ok",)


def test_law_19_a_run_that_is_refused_exits_so(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)
    for streams in ("<&- >&- 2>&-", "2>/dev/full"):  # settled: the record was changed just now
        assert typed(lab, ("run", "sim", "--to", "ACTIVE", "--yes"), streams)[0] == 3
    assert lab.writes() == 8


def test_law_19_what_could_not_be_shown_is_said_once_on_the_other_stream(lab: Lab) -> None:
    code, _, err = typed(lab, ("run", "sim", "--to", "ACTIVE", "--yes"), ">/dev/full")
    (run,) = lab.json("runs")["runs"]
    assert code == 0
    assert "What goes to stdout could not be shown: the disk is full." in err
    assert f"That changes nothing of the run; hamr show {run['run']} shows it." in err
    assert err.count("could not be shown") == 1


def test_law_19_with_json_nothing_is_said_beside_the_document(lab: Lab) -> None:
    code, out, _ = typed(lab, ("run", "sim", "--to", "ACTIVE", "--yes", "--json"), "2>/dev/full")
    assert code == 0
    assert json.loads(out)["end"] == "done"


def test_law_19_a_reader_that_has_what_it_wanted_is_not_told(lab: Lab) -> None:
    assert typed(lab, ("status", "sim"), "| true") == (0, "", "")


def test_law_19_no_file_of_ours_gets_the_number_of_a_closed_stream(lab: Lab) -> None:
    """Whoever prints then would print into the journal."""
    script = (
        "import os, sqlite3, sys; from orchestrator.cli.outlets import hold_standard_streams as hold; hold(); "
        "opened = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); "
        "print('into the journal?'); sys.stdout.flush(); os.write(2, b'neither'); os._exit(opened)"
    )
    for streams in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        line = f"{shlex.join([sys.executable, '-c', script, str(lab.folder / 'opened')])} {streams}"
        ended = subprocess.run(["/bin/sh", "-c", line], check=False, capture_output=True, text=True)
        assert ended.returncode > 2
        assert (lab.folder / "opened").read_bytes() == b""


def full_pipe() -> tuple[int, int]:
    """A pipe that has no room left, and whose reader is there and takes nothing: its reading and its writing end."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    return reading, writing


def test_law_19_a_reader_who_takes_nothing_holds_up_no_run(lab: Lab) -> None:
    reading, writing = full_pipe()
    with lab.start("run", "sim", "--to", "ACTIVE", "--yes", stdout=writing, stderr=subprocess.PIPE) as run:
        _, err = run.communicate(timeout=30)
    os.close(writing)
    os.close(reading)
    assert run.returncode == 0
    assert lab.statuses() == (Status.ACTIVE, Status.ACTIVE)
    assert "What goes to stdout could not be shown: its reader takes nothing any more." in err


def test_law_19_a_pager_that_is_being_read_is_waited_for() -> None:
    reading, writing = full_pipe()
    outlet = Outlet(writing)
    reader = threading.Timer(0.3, lambda: os.read(reading, 65536))
    reader.start()
    assert outlet.write(b"the last line\n") == 14
    reader.join()
    assert outlet.trouble == 0
    outlet.patience = 0.05
    assert outlet.write(b"y" * 100_000) == 100_000
    assert outlet.trouble == errno.EAGAIN
    os.read(reading, 1_000_000)
    assert outlet.write(b"the result\n") == 11
    assert outlet.trouble == 0
    assert os.read(reading, 1000).endswith(b"the result\n")
    os.close(writing)
    os.close(reading)

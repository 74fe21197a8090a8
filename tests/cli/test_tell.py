"""`tell` of an inventory, from the command line: checked, tried by `hamr doctor --tell`, and a run that is killed while it tells."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.model.status import Role
from orchestrator.simulator import Fault, Silence
from tests.notices.receivers import PATH, SECRET, TAKES, Answering, Receiver, receiver, silent

from .lab import Lab

WAYS = """\
tell:
  on_call:
    webhook: {url: {env: HOOK_URL}, secret: {env: HOOK_SECRET}}
    on: [begun, stopped, unknown, owing, done]
"""
CHAT = """\
  chat:
    apprise: {env: CHAT}
"""


@contextmanager
def listening(lab: Lab, answer: Answering = TAKES) -> Iterator[Receiver]:
    """A receiver beside the lab's regions, to which its inventory's `tell` leads."""
    there = receiver(answer)

    def call(work: object) -> Receiver:
        return asyncio.run_coroutine_threadsafe(work, lab.loop).result(5)  # type: ignore[arg-type]

    found = call(there.__aenter__())
    pairs = lab.folder / "pairs.yaml"
    pairs.write_text(WAYS + pairs.read_text())
    lab.env.update(found.environ)
    try:
        yield found
    finally:
        call(there.__aexit__(None, None, None))


def test_doctor_says_whether_people_could_be_told_and_sends_them_nothing(lab: Lab) -> None:
    with listening(lab) as there:
        said = lab.run("doctor", "sim", "-v", code=0).stdout
        assert "What channel on_call needs is there. Nothing was sent" in " ".join(said.split())
        assert there.deliveries == []
        assert lab.posts() == 0


def test_doctor_sends_a_marked_test_where_it_is_asked_to(lab: Lab) -> None:
    with listening(lab) as there:
        said = lab.run("doctor", "sim", "-v", "--tell", code=0).stdout
        assert "A test was taken over channel on_call" in said
        (delivery,) = there.deliveries
        assert delivery.body["test"] is True
        assert delivery.body["on"] is None
        assert delivery.body["title"] == "hamr (test): would tell you of sim"
        assert delivery.body["next"] is None
        assert "Nothing has happened." in delivery.body["text"]
        assert lab.posts() == 0
        assert not list(lab.folder.glob("journal.db*"))


def test_doctor_warns_where_people_cannot_be_told(lab: Lab) -> None:
    with listening(lab):
        lab.env["HOOK_URL"] = f"http://127.0.0.1:1{PATH}"
        document = lab.json("doctor", "sim", "--tell", code=1)
        (check,) = [each for each in document["pairs"][0]["checks"] if each["group"] == "people"]
        assert (check["check"], check["planned"], check["emergency"]) == (
            "channel on_call",
            "warning",
            "warning",
        )
        assert check["sentence"].startswith("Nobody is told over channel on_call: no connection")
        assert "cAnArY" not in str(document)


def test_a_test_is_for_one_pair_that_is_named(lab: Lab) -> None:
    assert "name the pair" in lab.run("doctor", "--tell", code=3).stderr


def test_check_says_once_where_apprise_is_wanted_and_is_not_installed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = lab.folder / "pairs.yaml"
    pairs.write_text(WAYS + CHAT + CHAT.replace("chat", "page") + pairs.read_text())
    lab.run("check", str(pairs), code=0)
    monkeypatch.setitem(sys.modules, "apprise", None)
    (problem,) = lab.json("check", str(pairs), code=2)["problems"]
    assert problem["line"] == 6
    assert problem["message"] == "Apprise is not installed here: pip install 'hamr-orchestrator[notify]'"
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)  # nobody can be told, and the run is made


def test_law_07_a_run_that_is_killed_while_it_tells_is_finished_by_somebody_else(lab: Lab) -> None:
    lab.fault(Fault(Silence(applied=True), method="POST", path="/api/v2/hamr", role=Role.SECONDARY))
    with listening(lab, silent) as there:
        with lab.start(
            "run", "sim", "--to", "ACTIVE", "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while not there.deliveries:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
        lab.env["HOOK_URL"] = f"http://127.0.0.1:1{PATH}"
        lab.run("resume", "sim", "--yes", code=0)
        lab.run("audit", "verify", code=0)
        kinds = [record["kind"] for record in lab.json("show", lab.json("runs")["runs"][0]["run"])["records"]]
        assert kinds.count("notice.failed") == 2, "what the one who took it up could not tell"
        assert SECRET.encode() not in lab.journal.read_bytes()

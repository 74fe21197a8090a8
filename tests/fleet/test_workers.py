"""Real workers, a real server, simulated pairs: they share a fleet, take over from each other, and leave what is not theirs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from orchestrator.errors import ExitCode
from orchestrator.fleet.bring import bring_pair
from orchestrator.fleet.crew import read_fleet
from orchestrator.journal import Address, JournalStore
from orchestrator.model import events
from orchestrator.model.journal import Record, Verified
from orchestrator.model.run import Mode
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from tests import processes
from tests.e2e.pairs import simulated
from tests.postgres import Cluster, database_of

from .lab import FleetLab

ACTIVE = (Status.ACTIVE, Status.ACTIVE)
PASSIVE = (Status.PASSIVE, Status.PASSIVE)
AT_ONCE_ALL = ("fleet", "run", "--all", "--to", "ACTIVE", "--waves", "rest", "--workers", "--yes")


class Team(Struct):
    """A laboratory whose journal is a team's."""

    lab: FleetLab
    address: Address

    def records(self, *kinds: str) -> list[Record]:
        with JournalStore.open(self.address, create=False, now=lambda: datetime.now(UTC)) as store:
            return [*store.records(kinds=kinds or None)]

    def verified(self) -> bool:
        with JournalStore.open(self.address, create=False, now=lambda: datetime.now(UTC)) as store:
            return isinstance(store.verify(), Verified)

    @contextmanager
    def worker(self, name: str, *args: str) -> Iterator[Logged]:
        """One at work until the block ends."""
        log = self.lab.folder / f"{name}.log"
        with log.open("wb") as stderr:
            process = processes.hamr(
                ["worker", "--operator", f"{name}@{name}", *args],
                env={**os.environ, **self.lab.env},
                cwd=self.lab.folder,
                stderr=stderr,
            )
        found = Logged(process, log)
        try:
            self.lab.wait_for(lambda: found.said("worker begins") != [] or process.poll() is not None)
            yield found
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(10)

    def fleet(self, *args: str) -> subprocess.Popen[str]:
        """Whoever begins a fleet run, and looks on."""
        return self.lab.start(*(args or AT_ONCE_ALL), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Logged(Struct):
    """A worker, and what it logs."""

    process: subprocess.Popen[Any]
    log: Path

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


@pytest.fixture
def names() -> tuple[str, ...]:
    return ("pay-1", "web-1", "db-1")


@pytest.fixture
def share(lab: FleetLab, team: Address, url: str) -> Team:
    lab.env["HAMR_JOURNAL"] = url
    return Team(lab, team)


@pytest.fixture
def slowly(slow: FleetLab, team: Address, url: str) -> Team:
    slow.env["HAMR_JOURNAL"] = url
    return Team(slow, team)


def ends(process: subprocess.Popen[str], code: int, within: float = 60.0) -> str:
    out, _ = process.communicate(timeout=within)
    assert process.returncode == code, out
    return out


def brought_by(team: Team) -> dict[str, set[str]]:
    """Who journalled the end of which pair."""
    found: dict[str, set[str]] = {}
    for record in team.records("fleet.pair_ended"):
        found.setdefault(record.by, set()).add(record.pair)
    return found


def test_two_workers_share_a_fleet_and_each_pair_is_brought_once(slowly: Team) -> None:
    with slowly.worker("w1", "--at-once", "1"), slowly.worker("w2", "--at-once", "1"):
        out = ends(slowly.fleet(), 0)
    assert "3 of 3 pairs arrived" in out
    assert {*slowly.lab.statuses().values()} == {ACTIVE}
    assert {*slowly.lab.writes().values()} == {4}
    by = brought_by(slowly)
    assert {*by} == {"w1", "w2"}
    assert len([*slowly.records("fleet.pair_ended")]) == 3
    assert slowly.verified()


def test_a_worker_that_is_told_to_stop_ends_its_transition_and_another_goes_on(slowly: Team) -> None:
    with slowly.worker("w1", "--at-once", "1") as first:
        fleet = slowly.fleet()
        slowly.lab.wait_for(lambda: slowly.records("transition.intended") != [])
        first.process.terminate()
        assert first.process.wait(30) == 0
    made = [record.data["transition"] for record in slowly.records("transition.made")]
    assert made == ["declare"]
    assert [record.data["transition"] for record in slowly.records("transition.intended")] == ["declare"]
    assert slowly.records("fleet.pair_ended") == []
    with slowly.worker("w2", "--at-once", "4"):
        ends(fleet, 0)
    assert [record.by for record in slowly.records("run.resumed")] == ["w2"]
    assert {*slowly.lab.statuses().values()} == {ACTIVE}
    assert {*slowly.lab.writes().values()} == {4}


@pytest.mark.anyio
async def test_a_pair_of_which_nothing_was_sent_yet_is_handed_on_all_the_same(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        session = bench.session
        begun = events.FleetStarted(
            Status.ACTIVE, Mode.PLANNED, "", "", None, {}, (("sim",),), 1, None, "quick", "", "", "1.0.0", ""
        )
        session.append("20261122-031502-k3f9", begun)
        fleet = read_fleet(session.store, "20261122-031502-k3f9")
        assert fleet is not None
        told_to_stop = RunControl()
        told_to_stop.hand_on(ExitCode.TERMINATED)
        assert (await bring_pair(session, fleet, controls=told_to_stop)).elsewhere
        assert [*session.store.records(kinds=("write.intended", "fleet.pair_ended"))] == []
        brought = await bring_pair(session, fleet)
        assert (brought.elsewhere, brought.phase) == (False, "agreed(ACTIVE)")


def test_who_takes_a_fleet_up_by_himself_gets_what_a_worker_was_at(slowly: Team) -> None:
    with slowly.worker("w1", "--at-once", "1"):
        fleet = slowly.fleet()
        slowly.lab.wait_for(lambda: slowly.records("transition.intended") != [])
        resumed = slowly.fleet("fleet", "resume", "--yes", "--operator", "bob@desk")
        assert "3 of 3 pairs arrived" in ends(resumed, 0)
        ends(fleet, 0)
    codes = [record.data["outcome"]["exit_code"] for record in slowly.records("fleet.pair_ended")]  # type: ignore[index, call-overload]
    # Between the end of a run and the record of it here both may have found the pair at its goal.
    assert {*codes} == {0}, "nobody interrupted anything"
    assert {*slowly.lab.writes().values()} == {4}


def test_a_worker_leaves_to_others_what_it_has_no_keys_or_no_inventory_for_and_says_so(share: Team) -> None:
    key = next(share.lab.folder.glob("web-1-keys/*"))
    hidden = key.rename(key.with_suffix(".elsewhere"))
    other = share.lab.folder / "other.yaml"
    other.write_text(Path(share.lab.env["HAMR_PAIRS"]).read_text().replace("  db-1:\n", "  db-9:\n"))
    with share.worker("w1", "--pairs", str(other)) as first:
        fleet = share.fleet()
        share.lab.wait_for(lambda: len(share.records("fleet.pair_ended")) == 1)
        share.lab.wait_for(lambda: len(first.said("pair is left to other workers")) >= 2)
        why = {said["pair"]: said["why"] for said in first.said("pair is left to other workers")}
        assert why.keys() == {"web-1", "db-1"}
        assert str(key) in why["web-1"]
        assert share.lab.statuses()["web-1"] == share.lab.statuses()["db-1"] == PASSIVE
        hidden.rename(key)
        with share.worker("w2"):
            ends(fleet, 0)
    assert "db-1" in brought_by(share)["w2"]
    assert {*share.lab.statuses().values()} == {ACTIVE}


def test_a_pair_that_means_other_orgs_by_now_is_left_and_refused(share: Team) -> None:
    pairs = Path(share.lab.env["HAMR_PAIRS"])
    text = pairs.read_text()
    uuid = str(share.lab.sims["db-1"].config.orgs.primary.uuid)
    other = share.lab.folder / "other.yaml"
    other.write_text(text.replace(uuid, "00000000-0000-4000-8000-000000000009"))
    with share.worker("w1", "--pairs", str(other)) as first:
        fleet = share.fleet()
        share.lab.wait_for(lambda: first.said("pair is left to other workers") != [])
        (left,) = first.said("pair is left to other workers")
        assert (left["pair"], left["why"]) == (
            "db-1",
            f"{other} named other orgs for it when this worker began",
        )
        share.lab.wait_for(lambda: share.lab.statuses()["web-1"] == ACTIVE)
        fleet.send_signal(signal.SIGINT)
        ends(fleet, 130)
    said = share.lab.run("fleet", "resume", "last", "--yes", "--pairs", str(other), code=4).stdout
    assert "the inventory names other orgs for pair db-1 than when" in " ".join(said.split())
    assert share.lab.writes()["db-1"] == 0
    share.lab.run("fleet", "resume", "last", "--yes", code=0)


def test_a_job_that_is_done_twice_finds_nothing_to_do(share: Team) -> None:
    import asyncio

    from orchestrator.fleet.crew import Hint
    from orchestrator.fleet.queue import open_jobs

    with share.worker("w1"):
        ends(
            share.fleet(
                "fleet", "run", "pay-1", "web-1", "--to", "ACTIVE", "--waves", "1,rest", "--workers", "--yes"
            ),
            0,
        )
        before = share.records()
        fleet = before[-1].run

        async def again() -> None:
            async with open_jobs(share.address) as jobs:
                await jobs.defer([Hint(fleet, "pay-1"), Hint(fleet, "web-1")])
                async with asyncio.timeout(20):
                    while await jobs.listed():  # noqa: ASYNC110 - what is waited for is in a database
                        await asyncio.sleep(0.05)

        asyncio.run(again())
    assert share.records() == before
    assert share.lab.writes()["pay-1"] == 4


def test_a_fleet_that_is_to_stop_ends_what_is_under_way_and_begins_nothing_new(slowly: Team) -> None:
    with slowly.worker("w1", "--at-once", "1"):
        fleet = slowly.fleet()
        slowly.lab.wait_for(lambda: slowly.records("transition.intended") != [])
        fleet.send_signal(signal.SIGINT)
        ends(fleet, 130)
        time.sleep(2.5)  # longer than a worker takes to look for what it might begin
        stand = slowly.lab.statuses()
        assert all(primary == secondary for primary, secondary in stand.values())
        assert [*stand.values()].count(PASSIVE) >= 1
        # What was stopped goes on by whoever says so.
        resumed = slowly.fleet("fleet", "resume", "--workers", "--yes")
        assert "3 of 3 pairs arrived" in ends(resumed, 0)
    assert {*slowly.lab.writes().values()} == {4}


@pytest.mark.nightly
def test_a_killed_workers_pair_is_taken_up_by_another_and_no_pair_is_written_by_two(slowly: Team) -> None:
    with slowly.worker("w1", "--at-once", "2") as first:
        fleet = slowly.fleet()
        slowly.lab.wait_for(lambda: len(slowly.records("write.intended")) >= 2)
        first.process.kill()
        with slowly.worker("w2", "--at-once", "2") as second:
            ends(fleet, 0, within=120)
            assert second.said("jobs mended") != []
    assert {*slowly.lab.statuses().values()} == {ACTIVE}
    assert [record.by for record in slowly.records("lock.taken_over")] != []
    assert slowly.verified()


@pytest.mark.nightly
def test_a_worker_that_was_stopped_for_long_wakes_finds_its_pairs_with_others_and_works_on(
    slowly: Team,
) -> None:
    with slowly.worker("w1", "--at-once", "2") as first, slowly.worker("w2", "--at-once", "1") as second:
        fleet = slowly.fleet()
        slowly.lab.wait_for(lambda: len(slowly.records("write.intended")) >= 2)
        first.process.send_signal(signal.SIGSTOP)
        slowly.lab.wait_for(lambda: second.said("jobs mended") != [], within=60)
        slowly.lab.wait_for(lambda: len(slowly.records("fleet.pair_ended")) == 3, within=60)
        first.process.send_signal(signal.SIGCONT)
        ends(fleet, 0, within=60)
        again = slowly.fleet(
            "fleet", "run", "--all", "--to", "PASSIVE", "--waves", "rest", "--workers", "--yes"
        )
        ends(again, 0, within=60)
        assert first.said("pair ended") != []  # it fetches again
    assert {*slowly.lab.statuses().values()} == {PASSIVE}
    assert slowly.verified()


def test_what_the_schedule_wants_is_done_and_kept_and_served_to_prometheus(share: Team) -> None:
    import urllib.request

    pairs = Path(share.lab.env["HAMR_PAIRS"])
    with share.worker("w1"):
        pass  # without a schedule nothing is due
    assert share.records() == []
    pairs.write_text(pairs.read_text() + 'schedule:\n  doctor: "* * * * *"\n  drill: "* * * * *"\n')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with share.worker("w1", "--metrics", f"127.0.0.1:{port}"), share.worker("w2"):
        share.lab.wait_for(lambda: len(share.records("doctor.checked")) >= 3, within=90)
        share.lab.wait_for(lambda: share.records("drill.scored") != [], within=60)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    checked = [record.pair for record in share.records("doctor.checked")]
    assert sorted(checked[:3]) == ["db-1", "pay-1", "web-1"]
    assert 'hamr_ready{mode="planned",pair="pay-1"}' in text
    (score, *_) = [record.data["score"] for record in share.records("drill.scored")]
    assert isinstance(score, dict)
    assert score["simulated"] is True
    assert {*share.lab.writes().values()} == {0}


def test_a_live_drill_whose_window_is_over_is_not_begun(share: Team) -> None:
    import asyncio
    from datetime import timedelta

    from orchestrator.fleet.queue import LIVE_DRILL, Duty, _doing, open_jobs

    pairs = Path(share.lab.env["HAMR_PAIRS"])
    pairs.write_text(pairs.read_text().replace("  pay-1:\n", "  pay-1:\n    drill: true\n", 1))

    async def due(ago: timedelta) -> None:
        async with open_jobs(share.address) as jobs:
            await jobs._defer([_doing(Duty(LIVE_DRILL, "pay-1", datetime.now(UTC) - ago), 0)])

    with share.worker("w1") as first:
        asyncio.run(due(timedelta(hours=3)))
        share.lab.wait_for(lambda: first.said("live drill is not begun: its window is over") != [])
        assert share.records("drill.started") == []
        asyncio.run(due(timedelta(minutes=1)))
        share.lab.wait_for(lambda: first.said("live drill ended") != [])
        assert first.said("live drill ended")[0]["exit_code"] == 0
    assert share.lab.statuses()["pay-1"] == PASSIVE
    assert share.lab.writes()["pay-1"] == 8


@pytest.mark.nightly
def test_a_database_that_goes_away_holds_a_fleet_up_and_loses_nothing(slowly: Team, server: Cluster) -> None:
    with slowly.worker("w1", "--at-once", "2") as first, slowly.worker("w2", "--at-once", "1") as second:
        fleet = slowly.fleet()
        slowly.lab.wait_for(lambda: len(slowly.records("write.intended")) >= 2)
        server.end(signal.SIGQUIT)
        slowly.lab.wait_for(lambda: first.said("worker waits for its database") != [])
        slowly.lab.wait_for(lambda: second.said("worker waits for its database") != [])
        server.start()
        ends(fleet, 0, within=120)
        assert first.said("the database is there again") != []
    assert {*slowly.lab.statuses().values()} == {ACTIVE}
    assert slowly.verified()


@pytest.mark.nightly
def test_law_09_an_emergency_goes_on_without_workers_whose_database_went_away(
    slowly: Team, server: Cluster
) -> None:
    slowly.lab.env["XDG_STATE_HOME"] = str(slowly.lab.folder / "state")
    for pair in slowly.lab.sims:
        slowly.lab.of(pair).do(lambda pair=pair: slowly.lab.sims[pair].set_dark(Role.PRIMARY, True))  # type: ignore[misc]
    emergency = ("--emergency", "--reason", "us1 is dark")
    with slowly.worker("w1", "--at-once", "1") as worker:
        fleet = slowly.fleet(*AT_ONCE_ALL, *emergency)
        slowly.lab.wait_for(lambda: len(slowly.records("transition.made")) >= 1)
        server.end(signal.SIGQUIT)
        slowly.lab.wait_for(lambda: worker.said("worker waits for its database") != [])
        said, _ = fleet.communicate(timeout=120)
        server.start()
        assert "this process goes on by itself" in said
        assert "hamr journal merge" in said
        active = sum(shows[1] is Status.ACTIVE for shows in slowly.lab.statuses().values())
        assert active >= 2, "all but the one that the worker was at, whose stamp is young"
        slowly.lab.wait_for(lambda: worker.said("the database is there again") != [])
    (refuge,) = (slowly.lab.folder / "state" / "hamr").glob("emergency-*.db")
    slowly.lab.run("journal", "merge", str(refuge), code=0)
    slowly.lab.run("fleet", "resume", "last", "--yes", code=8)
    assert {shows[1] for shows in slowly.lab.statuses().values()} == {Status.ACTIVE}
    assert slowly.verified()


# What a worker, and whoever wants workers, is told when it can't be


WITH_WORKERS = ("fleet", "run", "--all", "--to", "ACTIVE", "--workers", "--yes")


@pytest.mark.parametrize("args", [("worker",), WITH_WORKERS])
def test_a_journal_that_is_a_file_has_no_workers(lab: FleetLab, args: tuple[str, ...]) -> None:
    shown = lab.run(*args, code=2).stderr
    assert "Workers share a team's journal, on PostgreSQL, and" in shown
    assert "hamr fleet run moves the pairs by itself" in " ".join(shown.split())
    assert lab.records() == []
    assert {*lab.writes().values()} == {0}


@pytest.mark.parametrize("args", [("worker",), WITH_WORKERS])
def test_tables_that_are_missing_are_not_made_in_a_surprise(
    lab: FleetLab, server: Cluster, args: tuple[str, ...]
) -> None:
    url = lab.env["HAMR_JOURNAL"] = server.new_database()
    assert "holds no journal in its schema hamr" in " ".join(lab.run(*args, code=1).stderr.split())
    lab.run("journal", "init", url, code=0)
    server.execute("DROP SCHEMA hamr_jobs CASCADE", database=database_of(url))
    shown = " ".join(lab.run(*args, code=1).stderr.split())
    assert "has no tables for jobs beside it" in shown
    assert f"hamr journal init '{url}'" in shown
    assert {*lab.writes().values()} == {0}


def test_a_role_that_may_use_the_journal_and_not_its_jobs_is_told_who_gives_it_the_rights(
    lab: FleetLab, server: Cluster, url: str
) -> None:
    database = database_of(url)
    server.execute("DROP ROLE IF EXISTS operator", "CREATE ROLE operator LOGIN", database=database)
    server.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON hamr.locks TO operator",
        "GRANT SELECT, INSERT ON hamr.records TO operator",
        database=database,
    )
    theirs = lab.env["HAMR_JOURNAL"] = url.replace("postgres@", "operator@")
    shown = " ".join(lab.run("worker", code=1).stderr.split())
    assert "can't be used: permission denied for schema hamr_jobs sent" in shown, "and no statement of ours"
    assert "as the owner of its tables" in shown
    assert f"hamr journal init '{theirs}'" in shown
    server.execute("DROP OWNED BY operator", "DROP ROLE operator", database=database)


def test_a_journal_that_cannot_be_laid_out_leads_to_no_other_one(lab: FleetLab) -> None:
    shown = " ".join(lab.run("journal", "init", "postgresql://owner@127.0.0.1:9/ops", code=1).stderr.split())
    assert "failed: Connection refused). sent Nothing was sent." in shown
    assert "Next" not in shown


@pytest.mark.parametrize("args", [("worker",), WITH_WORKERS])
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    lab: FleetLab, url: str, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    lab.env["HAMR_JOURNAL"] = url
    monkeypatch.delitem(sys.modules, "orchestrator.fleet.queue")
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    shown = " ".join(lab.run(*args, code=2).stderr.split())
    assert "Workers need the extra [fleet], which is not installed" in shown
    assert "pip install 'hamr-orchestrator[fleet]'" in shown
    told = lab.run("journal", "init", url, code=0).stdout
    assert "No tables for workers: hamr-orchestrator[fleet] is not installed here" in told


@pytest.mark.parametrize("address", ["9464", "localhost:http", "127.0.0.1:99999999", "256.1.1.1:1"])
def test_an_address_for_metrics_that_cannot_be_one(lab: FleetLab, url: str, address: str) -> None:
    lab.env["HAMR_JOURNAL"] = url
    assert f"--metrics {address}" in lab.run("worker", "--metrics", address, code=2).stderr.replace("'", "")

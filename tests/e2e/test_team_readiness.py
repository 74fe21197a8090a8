"""What doctor finds is kept in a team's journal, for everybody; and where it cannot be, doctor says so, soon."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.bench.regions import Served, regions
from tests.postgres import Cluster, cluster

from .machines import Machine


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with regions(tmp_path) as found:
        yield found


@pytest.fixture
def url(server: Cluster) -> str:
    return server.new_database()


@pytest.fixture
def alice(served: Served, tmp_path: Path, url: str) -> Machine:
    machine = Machine("alice", served, tmp_path, url)
    code, text = machine.type("journal", "init", url)
    assert code == 0, text
    return machine


def writable(document: object) -> tuple[str, str, str]:
    """What doctor's one pair says of the journal: for a planned run, for an emergency, and in words."""
    assert isinstance(document, dict)
    (check,) = [each for each in document["pairs"][0]["checks"] if each["check"] == "writable"]
    return check["planned"], check["emergency"], check["sentence"]


def database_of(url: str) -> str:
    return url.split("/")[3].split("?", maxsplit=1)[0]


def test_what_one_machine_finds_another_shows(
    alice: Machine, served: Served, tmp_path: Path, url: str
) -> None:
    assert writable(alice.json("doctor", "sim"))[:2] == ("ok", "ok")
    bob = Machine("bob", served, tmp_path, url)
    (pair,) = bob.json("readiness")["pairs"]
    assert (pair["looks"], pair["planned"]["ready"]) == (1, True)
    # A look is no run: what is owed, unknown or locked is not known yet (law 20).
    assert bob.json("status", "sim")["journal_exists"] is False


def test_a_role_that_may_only_read_is_told_which_lines_a_dba_types(
    alice: Machine, served: Served, tmp_path: Path, server: Cluster, url: str
) -> None:
    server.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    server.execute("GRANT SELECT ON hamr.records, hamr.locks TO reader", database=database_of(url))
    reader = Machine(
        "reader", served, tmp_path, url.replace("postgresql://postgres@", "postgresql://reader@")
    )
    code, _ = reader.type("doctor", "sim")
    assert code == 2
    planned, emergency, sentence = writable(reader.json("doctor", "sim"))
    assert (planned, emergency) == ("critical", "warning")
    assert "a DBA types the GRANT lines that hamr journal init prints" in sentence
    assert alice.json("readiness")["pairs"][0]["looks"] == 0


def test_a_journal_that_others_keep_busy_holds_doctor_up_for_two_seconds_at_most(
    alice: Machine, url: str
) -> None:
    began = time.monotonic()
    alice.json("doctor", "sim")
    usual = time.monotonic() - began
    with psycopg.connect(url) as busy:
        busy.execute("SELECT pg_advisory_xact_lock(hashtextextended('hamr journal hamr', 0))")
        began = time.monotonic()
        planned, emergency, sentence = writable(alice.json("doctor", "sim"))
        took = time.monotonic() - began
    assert (planned, emergency) == ("warning", "warning")
    assert "This look was not kept" in sentence
    assert took - usual < 3

"""What doctor finds is kept in a team's journal, for everybody; and where it cannot be, doctor says so, soon."""

from __future__ import annotations

import time

import psycopg

from tests.cli.lab import Lab
from tests.postgres import Cluster

from .machines import Machine


def writable(document: object) -> tuple[str, str, str]:
    """What doctor's one pair says of the journal: for a planned run, for an emergency, and in words."""
    assert isinstance(document, dict)
    (check,) = [each for each in document["pairs"][0]["checks"] if each["check"] == "writable"]
    return check["planned"], check["emergency"], check["sentence"]


def test_what_one_machine_finds_another_shows(alice: Machine, served: Lab, url: str) -> None:
    assert writable(alice.json("doctor", "sim"))[:2] == ("ok", "ok")
    bob = Machine("bob", served, url)
    (pair,) = bob.json("readiness")["pairs"]
    assert (pair["looks"], pair["planned"]["ready"]) == (1, True)
    # A look is no run: what is owed, unknown or locked is not known yet (law 20).
    assert bob.json("status", "sim")["journal_exists"] is False


def test_a_role_that_may_only_read_is_told_which_lines_a_dba_types(
    alice: Machine, served: Lab, server: Cluster, url: str
) -> None:
    server.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    server.execute("GRANT SELECT ON hamr.records, hamr.locks TO reader", database=url)
    reader = Machine("reader", served, url.replace("postgresql://postgres@", "postgresql://reader@"))
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
    assert took - usual < 8

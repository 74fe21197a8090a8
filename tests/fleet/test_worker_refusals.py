"""What a worker, and whoever wants workers, is told when it can't be."""

from __future__ import annotations

import sys

import pytest

from tests.postgres import Cluster

from .lab import FleetLab

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
    server.execute("DROP SCHEMA hamr_jobs CASCADE", database=url.partition("@/")[2].partition("?")[0])
    shown = " ".join(lab.run(*args, code=1).stderr.split())
    assert "has no tables for jobs beside it" in shown
    assert f"hamr journal init '{url}'" in shown
    assert {*lab.writes().values()} == {0}


def test_a_role_that_may_use_the_journal_and_not_its_jobs_is_told_who_gives_it_the_rights(
    lab: FleetLab, server: Cluster, url: str
) -> None:
    database = url.partition("@/")[2].partition("?")[0]
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

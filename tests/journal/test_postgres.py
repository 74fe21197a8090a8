"""A team's journal on its server: every way in which that says no, and every moment at which it may go away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from orchestrator.errors import HamrError, JournalUnavailable, Locked
from orchestrator.journal import Address, JournalStore
from orchestrator.journal.address import parse_address
from orchestrator.journal.postgres import lay_out_team
from orchestrator.journal.postgres_session import Connector
from orchestrator.model.journal import Verified, Witness
from tests.fake_postgres import ADDRESS
from tests.postgres import Cluster, database_of
from tests.steps import typed
from tests.wire import Wire

from .conftest import STARTED, entry, holder, opened

UNWRITTEN = "The record was not written, and nothing more is sent without it."
UNSURE = "Whether the record was written nobody could tell, and nothing more is sent until somebody can."


def database(address: Address) -> str:
    return database_of(address.conninfo)


def refusal(address: Address, *, create: bool = True) -> HamrError:
    """The error, which names the journal, and what was not sent."""
    with pytest.raises(JournalUnavailable) as caught:
        opened(address, create=create).close()
    assert str(address) in caught.value.message
    assert caught.value.sent == "Nothing was sent."
    assert caught.value.exit_code == 1
    return caught.value


@pytest.fixture
def wire(server: Cluster) -> Iterator[Wire]:
    found = Wire(server.folder)
    yield found
    found.close()


def through(wire: Wire, team: Address) -> Address:
    return parse_address(f"postgresql://postgres@/{database(team)}?host={wire.folder}", "--journal")


STATEMENTS = (b"BEGIN", b"max(seq)", b"FROM locks", b"INSERT INTO records", b"COMMIT")
"""What an append says on a connection that stands."""


@pytest.mark.parametrize("delivers", [False, True], ids=["unheard", "unanswered"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_law_11_a_connection_that_dies_at_any_statement_loses_nothing_and_doubles_nothing(
    team: Address, wire: Wire, statement: bytes, delivers: bool
) -> None:
    with opened(through(wire, team)) as store:
        store.take_lock(holder("lock-a"))
        assert store.append(entry(number=0), holding="lock-a").seq == 1
        wire.cut_at(statement, delivers=delivers)
        assert store.append(entry(number=1), holding="lock-a").seq == 2
        assert wire.cuts == 1
        assert [record.data["number"] for record in store.records()] == [0, 1]
        assert store.verify() == Verified(2, store.head())
        assert store.witness("lock-a") is Witness.STANDS


@pytest.mark.parametrize(
    ("statement", "said"), [(b"INSERT INTO records", UNWRITTEN), (b"COMMIT", UNSURE)], ids=["before", "at"]
)
def test_of_a_record_whose_commit_nobody_answered_it_is_not_said_that_it_was_not_written(
    team: Address, wire: Wire, statement: bytes, said: str
) -> None:
    with opened(through(wire, team)) as store:
        store.append(entry(number=0))
        wire.cut_at(statement, delivers=True, for_good=True)
        with pytest.raises(JournalUnavailable, match="can't be reached") as caught:
            store.append(entry(number=1))
        assert caught.value.sent == said
    with opened(team) as store:
        # Whoever appends waits until the server is done with that one, whose client is gone.
        assert store.append(entry(number=2)).seq == (3 if said == UNSURE else 2)


@pytest.mark.parametrize("statement", [b"idle_session", b"BEGIN", b"INSERT INTO locks", b"COMMIT"])
def test_a_lock_is_taken_or_not_though_the_connection_dies(
    team: Address, wire: Wire, statement: bytes
) -> None:
    with opened(through(wire, team)) as store:
        wire.cut_at(statement, delivers=True)
        assert store.take_lock(holder("lock-a")) is None
        assert wire.cuts == 1
        assert store.take_lock(holder("lock-b")) == holder("lock-a")


def test_law_06_a_fence_holds_on_a_connection_that_was_made_anew(team: Address, wire: Wire) -> None:
    with opened(through(wire, team)) as store, opened(team) as other:
        store.take_lock(holder("lock-a"))
        assert other.replace_lock("lock-a", holder("lock-b"))
        wire.cut_at(b"BEGIN", delivers=False)
        with pytest.raises(Locked, match="lock-a on payments is no longer ours"):
            store.append(entry("write.intended"), holding="lock-a")
        assert store.head().seq == 0


def test_who_is_silent_is_given_up_in_time_and_asked_again_later(team: Address, server: Cluster) -> None:
    with opened(team) as store:
        store.append(entry())
        store.wait_at_most(2.0)
        server.freeze()
        try:
            began = time.monotonic()
            with pytest.raises(
                JournalUnavailable, match="does not answer: nothing came back from its server within 2 s"
            ) as caught:
                store.append(entry())
            assert caught.value.sent == UNWRITTEN
            assert time.monotonic() - began < 10
        finally:
            server.thaw()
        assert store.append(entry()).seq == 2, "what was given up was not written"


def test_a_server_that_let_a_connection_time_out_is_not_waited_for_again_at_once() -> None:
    time_, tried, silent = [100.0], [0], [True]

    def connect(_: Address) -> psycopg.Connection[Any]:
        tried[0] += 1
        if silent[0]:
            time_[0] += 2.0
            raise psycopg.errors.ConnectionTimeout("connection timeout expired")
        raise psycopg.OperationalError("connection refused")

    connector = Connector(connect, lambda: time_[0])
    for _ in range(9):
        with pytest.raises(psycopg.OperationalError, match="connection timeout expired"):
            connector(ADDRESS)
    assert (tried, time_) == ([1], [102.0])
    connector.anew()
    with pytest.raises(psycopg.OperationalError, match="connection timeout expired"):
        connector(ADDRESS)
    assert (tried, time_) == ([2], [104.0])
    silent[0], time_[0] = False, 106.0
    for _ in range(2):  # who refuses does so at once: it is asked each time
        with pytest.raises(psycopg.OperationalError, match="connection refused"):
            connector(ADDRESS)
    assert tried == [4]


def test_who_keeps_everybody_waiting_is_told_from_who_is_silent(team: Address) -> None:
    with psycopg.connect(team.conninfo) as other, opened(team) as store:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('hamr journal hamr', 0))")
        store.wait_at_most(2.0)
        with pytest.raises(JournalUnavailable, match="is busy: another process has been writing"):
            store.append(entry())
        other.rollback()
        assert store.append(entry()).seq == 1


@pytest.mark.parametrize("one_is_refused", [False, True])
def test_what_runs_of_one_process_append_meanwhile_is_one_transaction(
    team: Address, one_is_refused: bool
) -> None:
    """While somebody else writes, eight of this process wait: then they go together."""
    stores = [opened(team) for _ in range(8)]
    with psycopg.connect(team.conninfo) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('hamr journal hamr', 0))")
        with ThreadPoolExecutor(9) as pool:
            first = pool.submit(stores[0].append, entry(number=0))
            time.sleep(0.3)
            rest = [pool.submit(store.append, entry(number=number)) for number, store in enumerate(stores)]
            if one_is_refused:
                refused = pool.submit(stores[0].append, entry(number=9), holding="lock-z")
            time.sleep(0.3)
            other.rollback()
            assert first.result().seq == 1
            assert sorted(each.result().seq for each in rest) == [*range(2, 10)]
            if one_is_refused:
                with pytest.raises(Locked):
                    refused.result()
        rows = other.execute("SELECT count(*), count(DISTINCT xmin::text) FROM hamr.records").fetchone()
    for store in stores:
        store.close()
    assert rows is not None
    assert rows[0] == 9
    assert rows[1] in ((2, 9) if one_is_refused else (2,)), (
        "where one is refused, each of the others goes alone"
    )


def test_the_last_store_hangs_up(team: Address, server: Cluster) -> None:
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database(team)}'"  # noqa: S608 - our own
    with psycopg.connect(server.url("postgres"), autocommit=True) as looking:
        first, second = opened(team), opened(team, create=False)
        assert looking.execute(query).fetchone() == (1,)
        first.close()
        first.close()
        assert second.head().seq == 0
        second.close()
        deadline = time.monotonic() + 10  # the server takes a moment to notice
        while looking.execute(query).fetchone() != (0,):
            assert time.monotonic() < deadline
    assert not [thread for thread in threading.enumerate() if thread.name == "hamr-team-journal"]


def test_law_12_a_witness_goes_with_its_session_and_comes_back(team: Address, server: Cluster) -> None:
    terminate = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database(team)}'"  # noqa: S608 - our own
    with opened(team) as store:
        store.take_lock(holder("lock-a"))
        with opened(replace(team, shown="another line")) as other:
            assert other.witness("lock-a") is Witness.STANDS
            server.execute(terminate)
            assert other.witness("lock-a") is Witness.STANDS, "it was heard of a moment ago"
            server.execute(
                "ALTER TABLE hamr.locks DISABLE TRIGGER USER",
                "UPDATE hamr.locks SET heard = heard - interval '15 seconds'",
                "ALTER TABLE hamr.locks ENABLE TRIGGER USER",
                database=database(team),
            )
            assert other.witness("lock-a") is Witness.GONE
            assert store.beat("lock-a", STARTED)
            assert other.witness("lock-a") is Witness.STANDS
            store.release("lock-a")
            assert other.witness("lock-a") is Witness.HIDDEN


def test_the_server_itself_ends_the_session_of_a_holder_that_was_stopped(team: Address) -> None:
    query = "SELECT setting FROM pg_settings WHERE name = 'idle_session_timeout'"
    with opened(team) as store:
        ask = store._database.read

        def timeout() -> object:
            return ask(lambda statements: statements.execute(query).fetchone())

        assert timeout() == ("0",)
        store.take_lock(holder("lock-a"))
        assert timeout() == ("15000",)
        store.release("lock-a")
        assert timeout() == ("0",)


def test_law_12_a_lock_that_could_not_be_let_go_loses_its_witness_though_its_process_lives(
    team: Address, server: Cluster
) -> None:
    with opened(team) as store:
        assert store.take_lock(holder()) is None
        server.end()
        try:
            with pytest.raises(JournalUnavailable):
                store.release("lock-a")
        finally:
            server.start()
        server.execute(
            "ALTER TABLE hamr.locks DISABLE TRIGGER ALL",
            "UPDATE hamr.locks SET heard = heard - interval '1 minute'",
            database=database(team),
        )
        assert store.witness("lock-a") is Witness.GONE


def test_behind_a_pooler_nothing_is_witnessed(team: Address, server: Cluster) -> None:
    wire = Wire(server.folder, pooler=True)
    with opened(through(wire, team)) as store:
        store.take_lock(holder("lock-a"))
        assert store.witness("lock-a") is Witness.HIDDEN
        assert store.append(entry(), holding="lock-a").seq == 1
    wire.close()


def test_two_teams_in_one_database_know_nothing_of_each_other(server: Cluster) -> None:
    url = server.new_database()
    one, two = (parse_address(f"{url}&schema={name}", "--journal") for name in ("team_a", "team_b"))
    lay_out_team(one)
    assert "in its schema team_b" in refusal(two).message
    lay_out_team(two)
    with opened(one) as first, opened(two) as second:
        first.append(entry())
        assert first.take_lock(holder("lock-a")) is None
        assert second.head().seq == 0
        assert second.take_lock(holder("lock-b")) is None
        assert second.append(entry(), holding="lock-b").seq == 1


def test_law_17_a_wrong_password_is_named_and_not_shown(
    server: Cluster, team: Address, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all guarded scram-sha-256\n{before}")
    server.execute("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'canary-right'", "SELECT pg_reload_conf()")
    where = f"/{database(team)}?host={server.folder}"
    error = refusal(parse_address(f"postgresql://guarded:canary-wrong@{where}", "--journal"))
    assert 'password authentication failed for user "guarded"' in error.message
    assert "canary" not in f"{error!r} {error.message} {error.__cause__!r}"
    assert (
        "no password supplied" in refusal(parse_address(f"postgresql://guarded@{where}", "--journal")).message
    )
    (tmp_path / "pass").write_text("*:*:*:guarded:canary-right\n")
    (tmp_path / "pass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    opened(parse_address(f"postgresql://guarded@{where}", "--journal")).close()
    rules.write_text(before)
    server.execute("SELECT pg_reload_conf()", "DROP ROLE guarded")


def test_the_two_lines_for_a_dba_give_what_an_operator_needs_and_no_more(
    server: Cluster, team: Address
) -> None:
    server.execute("CREATE ROLE operators LOGIN", database=database(team))
    theirs = parse_address(server.url(database(team), user="operators"), "--journal")
    with (
        opened(theirs, create=False) as looking,
        pytest.raises(JournalUnavailable, match="may not be used by that role"),
    ):
        looking.head()
    grants = lay_out_team(team).grants
    assert len(grants) == 2
    server.execute(*(grant.replace("ROLE", "operators") for grant in grants), database=database(team))
    with opened(theirs) as store:
        assert store.take_lock(holder("lock-a")) is None
        assert store.append(entry(), holding="lock-a").seq == 1
        assert store.beat("lock-a", STARTED)
        assert store.witness("lock-a") is Witness.STANDS
        assert store.release("lock-a")
        assert isinstance(store.verify(), Verified)
    with psycopg.connect(theirs.conninfo, autocommit=True) as connection:
        for statement in (
            "UPDATE hamr.records SET by = 'x'",
            "DELETE FROM hamr.records",
            "TRUNCATE hamr.records",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    server.execute("DROP OWNED BY operators", "DROP ROLE operators", database=database(team))


@pytest.mark.parametrize(
    "statement", ["UPDATE hamr.records SET by = 'x'", "DELETE FROM hamr.records", "TRUNCATE hamr.records"]
)
def test_law_16_the_tables_themselves_refuse_to_change_a_record(team: Address, statement: str) -> None:
    with opened(team) as store:
        store.append(entry())
    with (
        psycopg.connect(team.conninfo, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="never"),
    ):
        connection.execute(statement)


def test_a_layout_of_tomorrow_is_refused_by_name(team: Address, server: Cluster) -> None:
    server.execute("UPDATE hamr.layout SET version = 99", database=database(team))
    assert "newer hamr (its layout is version 99, this one knows 1)" in refusal(team).message
    with pytest.raises(JournalUnavailable, match="newer hamr"):
        lay_out_team(team)


def test_a_database_that_is_not_ours_is_left_alone(server: Cluster) -> None:
    url = server.new_database()
    place = parse_address(f"{url}&schema=public", "--journal")
    assert typed(refusal(place).next_steps) == (f"hamr journal init '{place}'",)
    server.execute("CREATE TABLE records (theirs int)", database=database(place))
    with pytest.raises(JournalUnavailable, match="among tables of another program"):
        lay_out_team(place)
    assert "does not exist" in refusal(parse_address(server.url("nowhere"), "--journal")).message


def test_a_database_that_cannot_hold_every_text_is_refused(server: Cluster) -> None:
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(JournalUnavailable, match="whose encoding is LATIN1: UTF8 is wanted"):
        lay_out_team(parse_address(server.url("latin"), "--journal"))


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (
            """CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER full_ BEFORE INSERT ON hamr.records FOR EACH STATEMENT EXECUTE FUNCTION full_()""",
            "is full: its server's disk has no room left",
        ),
        (
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
            "can only be read there",
        ),
        ("ALTER TABLE hamr.records RENAME TO other", "is not laid out as a hamr journal"),
    ],
    ids=["full", "standby", "gone"],
)
def test_a_server_that_takes_no_record_is_named(
    team: Address, server: Cluster, setup: str, words: str
) -> None:
    server.execute(setup, database=database(team))
    with opened(team) as store, pytest.raises(JournalUnavailable, match=words) as caught:
        store.append(entry())
    assert caught.value.sent == UNWRITTEN
    assert typed(caught.value.next_steps)[0].startswith("--journal FILE")


@pytest.mark.parametrize("address", ["postgresql://db/a?nonsense=1", "postgresql://db/a%zz"])
def test_an_address_that_the_library_does_not_understand_is_named(address: str) -> None:
    assert "has an address that can't be used" in refusal(parse_address(address, "--journal")).message


def test_nothing_to_be_reached_is_named_at_once(server: Cluster) -> None:
    began = time.monotonic()
    place = parse_address("postgresql://alice:canary-secret@127.0.0.1:1/ops", "--journal")
    error = refusal(place)
    assert "can't be reached" in error.message
    assert "canary" not in error.message
    assert time.monotonic() - began < 20


def test_a_store_that_only_looks_sees_what_others_add(team: Address) -> None:
    with opened(team) as store, opened(team, create=False) as looking:
        assert isinstance(looking, JournalStore)
        store.append(entry())
        assert looking.head().seq == 1

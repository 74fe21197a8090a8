"""The address of a team's journal: where it leads, and that no password of it is ever shown (law 17)."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.journal import Address, default_place, without_password
from orchestrator.journal.address import parse_address

HOME = {"HOME": "/home/alice"}


@pytest.mark.parametrize("address", ["postgresql://db/hamr", "postgres://db/hamr", "PostgreSQL://db/hamr"])
def test_an_address_is_a_teams_journal(address: str) -> None:
    place = default_place(None, {"HAMR_JOURNAL": address})
    assert isinstance(place, Address)
    assert (place.conninfo, str(place), place.schema) == (
        "postgresql://db/hamr",
        "postgresql://db/hamr",
        "hamr",
    )


def test_a_team_has_a_schema_of_its_own_which_the_library_is_not_told() -> None:
    place = parse_address("postgresql://alice@db:5433/ops?schema=team_b&sslmode=verify-full", "--journal")
    assert place.schema == "team_b"
    assert place.conninfo == "postgresql://alice@db:5433/ops?sslmode=verify-full"
    assert str(place) == "postgresql://alice@db:5433/ops?schema=team_b&sslmode=verify-full"


@pytest.mark.parametrize("schema", ["", "Team", "2nd", "a-b", 'a";DROP', "x" * 64])
def test_a_schema_that_could_not_be_one_is_refused(schema: str) -> None:
    with pytest.raises(UsageError, match="--journal names the schema"):
        default_place(f"postgresql://db/hamr?schema={schema}", HOME)


def test_two_hosts_are_both_tried() -> None:
    assert parse_address("postgresql://db-a:5432,db-b:5433/ops", "--journal").hosts == 2


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://alice:canary-secret@db/ops", "postgresql://alice@db/ops"),
        ("postgresql://alice:can@ary-secret@db/ops", "postgresql://alice@db/ops"),
        ("postgresql://alice@db/ops?password=canary-secret&schema=a", "postgresql://alice@db/ops?schema=a"),
        ("postgresql:///ops?host=/run/pg&sslpassword=canary-secret", "postgresql:///ops?host=/run/pg"),
        ("postgresql://:canary%2Dsecret@db/ops", "postgresql://@db/ops"),
    ],
)
def test_law_17_a_password_is_used_and_never_shown(address: str, shown: str) -> None:
    place = parse_address(address, "--journal")
    assert str(place) == shown
    assert without_password(f"--journal={address}") == f"--journal={shown}"
    assert "secret" in place.conninfo
    assert any(secret.endswith("secret") for secret in place.secrets)
    for words in (repr(place), f"{place}", f"{[place]}"):
        assert "secret" not in words


def test_what_names_no_database_is_left_as_it_is() -> None:
    assert without_password("https://a:b@c/d ./j.db") == "https://a:b@c/d ./j.db"
    assert default_place("./postgresql", HOME) == Path("postgresql")

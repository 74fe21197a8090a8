"""Where the journal is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.journal import default_place

HOME = {"HOME": "/home/alice"}


@pytest.mark.parametrize(
    ("option", "environ", "expected"),
    [
        ("here.db", {**HOME, "HAMR_JOURNAL": "/there.db"}, "here.db"),
        (None, {**HOME, "HAMR_JOURNAL": "/there.db"}, "/there.db"),
        (None, {**HOME, "HAMR_JOURNAL": ""}, "/home/alice/.local/state/hamr/journal.db"),
        (None, HOME, "/home/alice/.local/state/hamr/journal.db"),
        (None, {**HOME, "XDG_STATE_HOME": "/state"}, "/state/hamr/journal.db"),
        (None, {**HOME, "XDG_STATE_HOME": "relative"}, "/home/alice/.local/state/hamr/journal.db"),
        (None, {**HOME, "HAMR_JOURNAL": "~/j.db"}, "/home/alice/j.db"),
    ],
)
def test_the_option_comes_before_the_variable_and_both_before_the_state_folder(
    option: str | None, environ: dict[str, str], expected: str
) -> None:
    assert default_place(option, environ) == Path(expected)


def test_without_a_home_variable_the_users_own_home_is_taken() -> None:
    assert default_place(None, {}) == Path.home() / ".local/state/hamr/journal.db"


@pytest.mark.parametrize("address", ["postgresql://db/hamr", "postgres://db/hamr", "PostgreSQL://db/hamr"])
def test_a_server_for_a_team_comes_later_and_says_so(address: str) -> None:
    with pytest.raises(UsageError, match="comes later") as caught:
        default_place(None, {"HAMR_JOURNAL": address})
    assert "HAMR_JOURNAL" in caught.value.message


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "sqlite:///j.db", "https://example.com/j"])
def test_what_is_no_path_is_refused_and_names_its_flag(text: str) -> None:
    with pytest.raises(UsageError, match="--journal wants the path of a file"):
        default_place(text, HOME)


def test_an_address_with_a_password_is_not_echoed() -> None:
    with pytest.raises(UsageError) as caught:
        default_place("postgresql://alice:canary-secret@db/hamr", HOME)
    assert "canary-secret" not in caught.value.message

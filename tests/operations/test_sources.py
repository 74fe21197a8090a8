"""Who is at the keyboard, and what a pair is opened from."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from orchestrator import journal
from orchestrator.config import load_playbook
from orchestrator.errors import UsageError
from orchestrator.model.run import Operator
from orchestrator.operations.sources import Prepared, Sources, operator_named
from orchestrator.system.redaction import Redactor
from tests.report.scenes import PAIR


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("alice@laptop", Operator("alice", "laptop")),
        ("a.b_c-d@host-1.example.com", Operator("a.b_c-d", "host-1.example.com")),
    ],
)
def test_a_name_and_a_host(text: str, operator: Operator) -> None:
    assert operator_named(text) == operator


def test_a_name_alone_is_somebody_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "host_name", lambda: "ops-7")
    assert operator_named("bob") == Operator("bob", "ops-7")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "a@",
        "@b",
        "a b@c",
        "a+b@c",
        "a@b@c",
        "a\n@b",
        "é@b",
        "a@b c",
        "-a@b",
        "x" * 64,
        "a/b@c",
        '"@b',
    ],
)
def test_what_is_not_safe_in_a_stamp_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="letters, digits, dots and hyphens"):
        operator_named(text)


def test_a_name_that_is_refused_is_said_to_come_from_where_it_was_given() -> None:
    given = Sources(environ={"HAMR_OPERATOR": "a b"})
    with pytest.raises(UsageError, match=r"^HAMR_OPERATOR 'a b': NAME or NAME@HOST is wanted"):
        given.named_operator()
    with pytest.raises(UsageError, match=r"^--operator 'c d': NAME or NAME@HOST is wanted"):
        Sources(environ={"HAMR_OPERATOR": "a b"}, operator="c d").named_operator()


@pytest.mark.parametrize(
    ("login", "host", "operator"),
    [
        ("root", "vm", Operator("root", "vm")),
        ("CORP\\jane doe", "host name!", Operator("CORP-jane-doe", "host-name")),
        ("é", "…", Operator("unknown", "localhost")),
    ],
)
def test_what_the_system_says_is_made_fit(
    monkeypatch: pytest.MonkeyPatch, login: str, host: str, operator: Operator
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: login)
    monkeypatch.setattr(journal, "host_name", lambda: host)
    assert operator_named(None) == operator


def test_a_user_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.setattr(journal, "host_name", lambda: "pod")
    assert operator_named(None) == Operator("unknown", "pod")


def test_law_17_what_a_pair_is_made_of_shows_no_environment(tmp_path: Path) -> None:
    environ = {"HAMR_OPERATOR": "alice@laptop", "PRIMARY_API": "0123456789-of-the-environment"}
    sources = Sources(journal=str(tmp_path / "journal.db"), environ=environ)
    prepared = Prepared(PAIR, load_playbook("regional-failover"), sources.named_operator(), environ)
    with sources.store(writes=False) as store:
        session = prepared.session(store, Redactor())
        assert session.operator == Operator("alice", "laptop")
        assert "of-the-environment" not in f"{sources!r} {prepared!r} {session!r} {session.keys!r}"

"""How names and texts from outside are said."""

from __future__ import annotations

from orchestrator.situation.wording import author, printable


def test_a_runs_stamp_is_said_as_its_operator_and_its_id() -> None:
    assert author("bob+hamr-20260528-163000-k3f9-2@laptop") == "bob@laptop in run 20260528-163000-k3f9"
    assert author("alice@example.com") == "alice@example.com"
    assert author("") == "somebody whom the record does not name"


def test_control_characters_and_endless_texts_are_not_passed_on() -> None:
    assert printable("a\x1b[31mb\n") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}"
    assert printable("x" * 121) == "x" * 119 + "…"
    assert printable("é à 日本") == "é à 日本"

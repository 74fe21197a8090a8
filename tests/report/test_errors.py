"""Every error on one page: what happened, which org, what was and was not sent, what to type next."""

from __future__ import annotations

import pytest

from orchestrator import errors
from orchestrator.errors import (
    DocumentError,
    ExitCode,
    HamrError,
    Interrupted,
    Locked,
    OutcomeUnknown,
    Problem,
)
from orchestrator.report.errors import error_json, error_page, meaning
from orchestrator.report.layout import plain_text
from tests.steps import step

from .scenes import lines


def test_an_error_says_what_happened_what_was_sent_and_what_to_type() -> None:
    error = Locked(
        "pair payments is locked by bob on laptop2 (process 42)",
        next_steps=(step("hamr show 20260528-163000-k3f9"),),
    )
    assert lines(error_page(error)) == [
        "The pair is locked.",
        "  pair payments is locked by bob on laptop2 (process 42)",
        "",
        "  sent          Nothing was sent.",
        "  exit code     5: locked by another run",
        "",
        "Next",
        "  hamr show 20260528-163000-k3f9",
    ]


def test_what_the_title_says_is_not_said_again() -> None:
    assert lines(error_page(Interrupted("Interrupted.")))[:2] == ["Interrupted.", ""]


def test_an_outcome_that_is_unknown_never_says_that_nothing_was_sent() -> None:
    assert "  sent          A write was sent, and its outcome is unknown." in lines(
        error_page(OutcomeUnknown("the journal is gone"))
    )


def test_all_problems_of_a_file_are_shown_one_a_line() -> None:
    error = DocumentError(
        [
            Problem("pairs.yaml", 9, 3, "unknown key sight; did you mean site?"),
            Problem("pairs.yaml", 2, 1, "schema"),
        ]
    )
    assert lines(error_page(error))[:3] == [
        "A file has problems.",
        "  pairs.yaml:2:1: schema",
        "  pairs.yaml:9:3: unknown key sight; did you mean site?",
    ]
    assert error_json(error)["problems"] == [
        {"file": "pairs.yaml", "line": 2, "column": 1, "message": "schema", "excerpt": ""},
        {
            "file": "pairs.yaml",
            "line": 9,
            "column": 3,
            "message": "unknown key sight; did you mean site?",
            "excerpt": "",
        },
    ]


def test_the_document_says_the_same() -> None:
    error = Interrupted("terminated", code=ExitCode.TERMINATED, next_steps=(step("hamr resume X"),))
    assert error_json(error) == {
        "schema": "hamr/error/1",
        "error": "Interrupted",
        "message": "terminated",
        "org": None,
        "sent": "What was sent stands in the journal.",
        "next": [{"command": "hamr resume X", "verb": "resume", "subject": "X", "options": [], "why": ""}],
        "exit_code": 143,
        "exit_meaning": "terminated",
        "problems": [],
    }


def test_a_signal_says_its_own_exit_code() -> None:
    assert "  exit code     143: terminated" in lines(error_page(Interrupted("x", code=ExitCode.TERMINATED)))


def test_every_error_has_its_title() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HamrError)]
    assert [kind.__name__ for kind in kinds if "title" not in vars(kind)] == []
    assert lines(error_page(HamrError("odd")))[0] == "It failed."


def test_every_exit_code_has_its_meaning() -> None:
    assert all(code.meaning for code in ExitCode)
    assert meaning(99) == "not known to this version"


@pytest.mark.parametrize("hostile", ["\x1b[2J\x1b[31m", "\x9b31m", "\x07\x08\r", "\u202egnp.exe"])
def test_hostile_messages_are_escaped(hostile: str) -> None:
    error = HamrError(f"it said {hostile}", org=hostile, sent=hostile, next_steps=(step(hostile),))
    page = error_page(error)
    text = plain_text(page)
    assert all(character == "\n" or character.isprintable() for character in text)

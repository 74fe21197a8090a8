"""Bad input: one clear error each, the right exit code, nothing sent, nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from .lab import Lab

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)


def said(lab: Lab, *arguments: str, code: int) -> str:
    """What a command says, in one line; it sends nothing."""
    posts = lab.posts()
    result = lab.run(*arguments, code=code)
    assert "Traceback" not in result.stderr
    assert lab.posts() == posts
    return " ".join((result.stderr + result.stdout).split())


@pytest.mark.parametrize("option", ["--pairs", "--playbook"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "o such file|here is no "),
        (b"", "the file is empty"),
        (b"\x00\x01\x02", "binary file"),
        (b"\xff\xfe\xff", "not UTF-8"),
        (b"# " + b"x" * 10_000_000, "larger than 10,000,000 bytes"),
        (b"a: &a [*a]\n", ""),
        (BOMB.encode(), ""),
        (b"- 1\n", ""),
        (b"{", ""),
    ],
    ids=["missing", "empty", "binary", "latin", "10MB", "cyclic", "bomb", "list", "cut"],
)
@pytest.mark.parametrize(
    "verb", [("status", "sim"), ("run", "sim", "--to", "ACTIVE", "--yes")], ids=["status", "run"]
)
def test_a_file_that_is_none(
    lab: Lab, verb: tuple[str, ...], option: str, content: bytes | None, words: str
) -> None:
    path = lab.folder / "odd.yaml"
    if content is not None:
        path.write_bytes(content)
    text = said(lab, *verb, option, str(path), code=2)
    assert any(part in text for part in words.split("|"))
    assert "odd.yaml" in text
    assert not lab.journal.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status", "smi"), "There is no pair"),
        (("run", "smi", "--to", "ACTIVE", "--yes"), "There is no pair"),
        (("run", "sim", "--to", "ACTVE", "--yes"), "did you mean ACTIVE?"),
        (("plan", "sim", "--to", "ACTIVE", "--assume", "PASIVE"), "did you mean PASSIVE?"),
        (("plan", "sim", "--to", "ACTIVE", "--playbook", "regional-failovr"), "egional-failover"),
        (("run", "sim", "--to", "ACTIVE", "--override", "setled=x", "--yes"), "did you mean settled?"),
        (("run", "sim", "--to", "ACTIVE", "--operator", "a b", "--yes"), "letters, digits, dots and hyphens"),
        (("run", "sim", "--to", "ACTIVE", "--since", "2099-01-01T00:00:00Z", "--yes"), "in the future"),
        (("resume", "20260101-000000-aaaa", "--yes"), "knows no run"),
        (("show", "x"), "knows no run"),
        (("run", "sim", "--to", "ACTIVE", "--journal", "mysql://db/hamr", "--yes"), "or postgresql://…"),
        (
            ("run", "sim", "--to", "ACTIVE", "--journal", "postgresql://db/a?schema=A", "--yes"),
            "names the schema",
        ),
        (("journal", "init", "./journal.db"), "a file needs no init"),
        (("journal", "merge", "./none.db"), "does not exist"),
        (("drill", "run", "--seed", "seven"), "'seven' is not a whole number."),
        (("simulate", "--status", "ACTVE"), "did you mean ACTIVE?"),
        (("simulate", "--mirror", "maybe"), "on, off or a number of seconds"),
        (("simulate", "--primary-port", "70000"), "70000"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_name_or_flag_that_cannot_be_right(lab: Lab, arguments: tuple[str, ...], words: str) -> None:
    assert words in said(lab, *arguments, code=2)
    assert not lab.journal.exists()


def test_a_file_that_is_to_be_written_into_no_folder_says_how_to_make_that_folder(lab: Lab) -> None:
    missing = lab.folder / "no such" / "plan.json"
    text = said(lab, "plan", "sim", "--to", "ACTIVE", "--out", str(missing), code=1)
    assert "the plan cannot be written there: no such file or directory." in text
    assert text.endswith(f"Next mkdir -p '{missing.parent}'")


def without(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_text("")


def of_two_lines(path: Path) -> None:
    path.write_text("canary-line-1\ncanary-line-2\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(without, "cannot be read"), (emptied, "is empty"), (of_two_lines, "more than one line")],
)
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_key_that_cannot_be_used(lab: Lab, verb: str, spoil: Callable[[Path], None], words: str) -> None:
    spoil(lab.folder / "pairs-keys" / "secondary-app-key")
    text = said(lab, verb, "sim", "--to", "ACTIVE", *(["--yes"] if verb == "run" else []), code=2)
    assert words in text
    assert "secondary-app-key" in text
    assert "canary" not in text


def test_a_journal_of_a_newer_version(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)
    with sqlite3.connect(lab.journal) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for verb in (("run", "sim", "--to", "ACTIVE", "--yes"), ("runs",), ("status", "sim")):
        assert "newer hamr" in said(lab, *verb, code=1)


def test_a_journal_that_was_cut_short(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)
    lab.journal.write_bytes(lab.journal.read_bytes()[:5000])
    for verb in (("run", "sim", "--to", "ACTIVE", "--yes"), ("audit", "verify")):
        assert "damaged" in said(lab, *verb, code=9)
    text = said(lab, "audit", "verify", code=9)
    assert "Next hamr audit verify --journal FILE" in text, "of this one it would say the same again"


def test_a_journal_that_is_something_else(lab: Lab) -> None:
    lab.journal.write_text("these are my notes, and a good many of them\n" * 100)
    assert "is no journal" in said(lab, "run", "sim", "--to", "ACTIVE", "--yes", code=9)
    assert lab.journal.read_text().startswith("these are my notes")


def test_a_journal_in_a_place_that_cannot_be_written(lab: Lab) -> None:
    (lab.folder / "file").write_text("")
    text = said(
        lab, "run", "sim", "--to", "ACTIVE", "--yes", "--journal", str(lab.folder / "file" / "j.db"), code=1
    )
    assert "Nothing was sent." in text
    assert "Next hamr run sim --to ACTIVE --yes --journal FILE another journal" in text


def test_with_json_every_error_is_a_document(lab: Lab) -> None:
    for arguments, error, code in (
        (("status", "smi"), "UsageError", 2),
        (("run", "sim", "--to", "ACTIVE"), "UsageError", 2),
        (("run", "sim"), "UsageError", 2),
        (("status", "sim", "--pairs", "missing"), "UsageError", 2),
        (("audit", "verify"), "JournalUnavailable", 1),
    ):
        document = lab.json(*arguments, code=code)
        assert (document["schema"], document["error"], document["exit_code"]) == ("hamr/error/1", error, code)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--override", "settled=REASON"),
            "--override settled=REASON says nothing: write why instead of REASON",
        ),
        (("--emergency", "--reason", "TEXT"), "--reason TEXT says nothing"),
    ],
)
def test_a_word_that_stands_for_a_reason_is_none(lab: Lab, flags: tuple[str, ...], said: str) -> None:
    """Pasted as it was printed: a run that writes wants the reason itself."""
    assert said in lab.told("run", "sim", "--to", "ACTIVE", "--yes", *flags, code=2)
    assert lab.posts() == 0

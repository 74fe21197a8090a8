"""A file's text, or one clear sentence; durations as people write them, and the line that a message shows below itself."""

from __future__ import annotations

import os
import re
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.config import duration, parse_inventory, parse_playbook
from orchestrator.config.document import excerpt
from orchestrator.config.messages import written
from orchestrator.config.source import read_text
from orchestrator.errors import DocumentError, ExitCode
from orchestrator.report.errors import problem_lines
from tests.report.scenes import lines

from .texts import INVENTORY


def refusal(path: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_text(path)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.sent == "Nothing was sent."
    (problem,) = caught.value.problems
    return str(problem).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "FILE: the file is empty"),
        (b" \n\n", "FILE: the file is empty"),
        (b"a: \x00b", "FILE: this is a binary file (or UTF-16), and a YAML text in UTF-8 is wanted"),
        (
            "a: 1".encode("utf-16"),
            "FILE: this is a binary file (or UTF-16), and a YAML text in UTF-8 is wanted",
        ),
        (b"a: 1\nb: \xc3\xa9 \xff\n", "FILE:2:6: this is not UTF-8 text from here on"),
        (b"#" * 10_000_001, "FILE: it is larger than 10,000,000 bytes: is it the right file?"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    assert refusal(path) == expected


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == "FILE: there is no such file"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "FILE: this is a directory, and a file is wanted"


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert refusal(tmp_path / "x.yaml") == "FILE: permission to read it is denied"


def test_a_name_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / ("x" * 5000)) == "FILE: it cannot be read (file name too long)"
    assert refusal(Path("a\0b")) == "FILE: no file has a NUL character in its name"


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a: 1\n")
    os.close(writing)
    try:
        assert read_text(Path(f"/dev/fd/{reading}")) == "a: 1\n"
    finally:
        os.close(reading)


def test_a_pipe_that_is_written_slowly_is_read_to_its_end(tmp_path: Path) -> None:
    fifo = tmp_path / "f"
    os.mkfifo(fifo)
    script = f"sleep 0.2; exec >{fifo}; echo a: 1; sleep 0.2; echo b: 2"
    with subprocess.Popen(["/bin/sh", "-c", script]):
        assert read_text(fifo) == "a: 1\nb: 2\n"


def test_a_pipe_that_nobody_writes_to_is_refused_soon(tmp_path: Path) -> None:
    fifo = tmp_path / "f"
    os.mkfifo(fifo)
    began = time.monotonic()
    assert refusal(fifo) == (
        "FILE: this is a pipe, and nobody has written all of it: write it to a file, and name that"
    )
    assert time.monotonic() - began < 20


def test_a_pipe_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.config.source.PATIENCE", 0.2)
    reading, writing = os.pipe()
    try:
        os.write(writing, b"a: 1\n")
        assert "nobody has written all of it" in refusal(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(device: str) -> None:
    assert refusal(Path(device)) == "FILE: this is a device or a socket, and a file is wanted"


# Durations and excerpts


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("5m", 300),
        ("4h", 14400),
        ("2d", 172800),
        ("250ms", 0.25),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1m30s500ms", 90.5),
        ("0s", 0),
    ],
)
def test_a_number_and_a_unit_is_a_duration(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("60", 'needs a unit (ms, s, m, h, d); did you mean "60s"?'),
        ("1h 30m", 'did you mean "1h30m"?'),
        ("5M", 'did you mean "5m"?'),
        ("5 min", "is not a duration"),
        ("-5m", "is not a duration"),
        ("30m1h", "the largest first"),
        ("1h1h", "each unit once"),
        ("", "is not a duration"),
        ("400d", "longer than a year"),
        ("999999999d", "longer than a year"),
    ],
)
def test_anything_else_is_refused_in_words(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        duration(text)


@pytest.mark.parametrize("text", ["60ms", "1m30s", "4h", "1d", "0s", "1m"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert written(duration(text)) == text


def shown(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        parse_inventory(text, "pairs.yaml")
    return lines(problem_lines(caught.value.problems))


def test_a_mistake_shows_its_line_with_a_mark_below_it() -> None:
    assert shown(INVENTORY.replace("site: us1", "sitee: us1"))[-2:] == ["    sitee: us1", "    ^"]
    assert shown(INVENTORY.replace("site: us1", "site: us77"))[-2:] == ["    site: us77", "          ^"]


def test_several_mistakes_at_one_place_show_the_line_once() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_playbook("schema: 1\nname: x\nstops: [PASSIVE]\ntransitions:\n  - {name: a}\n", "x.yaml")
    page = lines(problem_lines(caught.value.problems))
    assert sum("is missing" in text for text in page) == 2
    assert sum(text.strip() == "- {name: a}" for text in page) == 1


def test_a_tab_is_shown_as_what_it_is() -> None:
    assert excerpt("guards:\n\ta: 1\n", (2, 1)) == "→a: 1"


def test_a_line_that_is_wider_than_the_page_is_shown_around_the_mark() -> None:
    wide = f"transitions: [{'x, ' * 60}TRANSITON]\n"
    with pytest.raises(DocumentError) as caught:
        parse_playbook(f"schema: 1\nname: x\n{wide}", "x.yaml")
    assert all(len(text) <= 100 for text in lines(problem_lines(caught.value.problems)))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("primary:\n  api_key:\n    s3cr3t-of-mine\n", (3, 5)),
        ("primary:\n  api_kye: 's3cr3t-of-mine\n", (2, 12)),
        ("primary: {app_key: s3cr3t-of-mine}\n", (1, 20)),
        ("app_key: 'x\ns3cr3t-of-mine\n", (2, 1)),
        ("DD_API_KEY=s3cr3t-of-mine\n", (1, 1)),
        ("password: s3cr3t-of-mine\n", (1, 1)),
        ("x: 0123456789abcdef0123456789abcdef\n", (1, 4)),
        ("api_key: |\n" + "  filler\n" * 2500 + "  s3cr3t-of-mine\n", (2502, 3)),
        ("x" * 500 + "\n", (1, 1)),
        ("x: 1\n", (7, 1)),
        ("x: 1\n", (0, 0)),
    ],
)
def test_law_17_a_line_that_may_hold_a_key_is_not_shown(text: str, place: tuple[int, int]) -> None:
    assert excerpt(text, place) == ""


def test_law_17_of_an_address_only_its_name_is_shown() -> None:
    assert excerpt("  url: https://me:s3cr3t@x.example  # y\n", (1, 8)) == "  url: …"


def test_law_17_a_comment_is_not_shown() -> None:
    assert excerpt("  site: us77  # s3cr3t\n", (1, 9)) == "  site: us77"

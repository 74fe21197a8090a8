"""A file's text, or one clear sentence."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.config.source import read_text
from orchestrator.errors import DocumentError, ExitCode


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
    assert refusal(Path("a\0b")) == "FILE: it cannot be read (embedded null byte)"


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

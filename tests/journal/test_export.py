"""The export, the checker that docs/reference/journal.md prints, and the kinds that it lists."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.journal import JournalStore, export
from orchestrator.journal.chain import storable
from orchestrator.model.events import JOURNALLED
from orchestrator.model.journal import GENESIS, Entry, Record, Verified
from orchestrator.model.plain import JSON

from .conftest import RUN, entry, ticking
from .test_canonical import ANYTHING

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "journal.md"
NASTY: dict[str, JSON] = {
    "hash": "ab" * 32,
    "text": '"hash":"' + "cd" * 32 + '","host":"x"',
    "inner": {"hash": "ef" * 32, "host": "evil", "seq": 1},
    "\ue000": 1.0,
    "\U0001f600": 1e-05,
    "big": 2**70,
}


def lines_of(store: JournalStore) -> list[bytes]:
    out = io.BytesIO()
    count = export(store, out)
    lines = out.getvalue().splitlines(keepends=True)
    assert len(lines) == count
    return lines


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only Python in the page, as a reader would save it."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) <= 14, "it is promised to be about a dozen lines"
    path = tmp_path_factory.mktemp("checker") / "check_journal.py"
    path.write_text(code, "utf-8")
    return path


def run_checker(checker: Path, lines: list[bytes]) -> subprocess.CompletedProcess[str]:
    """With -I: nothing but the standard library can be imported, hamr least of all."""
    return subprocess.run(
        [sys.executable, "-I", checker],
        input=b"".join(lines).decode("utf-8"),
        encoding="utf-8",
        capture_output=True,
        timeout=30,
        check=False,
    )


def a_few_records(store: JournalStore) -> None:
    store.append(entry("transition.refused", transition="declare", guards=["settled"]))
    store.append(Entry(RUN, 'pay"ments', "situation.read", 'o\\"hash":"', 'host","hash":"é', NASTY))
    store.append(Entry("", "", "", "", "", {}))
    store.append(entry("transition.made", transition="declare", seconds=5.0))


def test_a_line_is_the_whole_record_as_canonical_json(store: JournalStore) -> None:
    """Typed by hand; the hash is what `sha256sum` says of the line without it."""
    store.append(
        Entry("r1", "payments", "transition.refused", "alice", "laptop", {"transition": "declare", "n": 5.0})
    )
    assert lines_of(store) == [
        b'{"at":"2026-11-22T03:15:02.000000Z","by":"alice","data":{"n":5,"transition":"declare"},'
        b'"hash":"e3274ead9cac6b490917b7001ada8f659dffdfd5465d98ff6bb297ac2b1e3027","host":"laptop",'
        b'"kind":"transition.refused","pair":"payments","prev":"' + b"0" * 64 + b'","run":"r1","seq":1}\n'
    ]


def test_law_16_the_documented_checker_accepts_what_we_write(store: JournalStore, checker: Path) -> None:
    a_few_records(store)
    answer = run_checker(checker, lines_of(store))
    assert answer.stderr == ""
    assert answer.stdout == f"4 records hold, head {store.head()}\n"


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        (lambda lines: [*lines[:1], lines[1].replace(b'"evil"', b'"good"'), *lines[2:]], 2),
        (lambda lines: [*lines[:1], lines[1].replace(b'"hash":"ab', b'"hash":"aa', 1), *lines[2:]], 2),
        (lambda lines: [lines[0].replace(b'"alice"', b'"mallory"'), *lines[1:]], 1),
        (lambda lines: [*lines[:2], *lines[3:]], 3),
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [lines[0], lines[0], *lines[1:]], 2),
    ],
)
def test_law_16_the_documented_checker_names_the_first_bad_record(
    store: JournalStore, checker: Path, change: object, seq: int
) -> None:
    assert callable(change)
    a_few_records(store)
    lines = change(lines_of(store))
    answer = run_checker(checker, lines)
    assert (answer.returncode, answer.stderr) == (1, f"record {seq} does not hold\n")


def test_the_command_for_a_shell_finds_the_hash_of_one_record(store: JournalStore) -> None:
    a_few_records(store)
    assert r"""sed -E 's/(.*)"hash":"[0-9a-f]{64}",/\1/' | tr -d '\n' | sha256sum""" in PAGE.read_text(
        "utf-8"
    )
    line = lines_of(store)[1]
    shortened = re.sub(rb'(.*)"hash":"[0-9a-f]{64}",', rb"\1", line).replace(b"\n", b"")
    assert hashlib.sha256(shortened).hexdigest() == list(store.records())[1].hash


TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT, st.dictionaries(TEXT, ANYTHING, max_size=3)), max_size=4))
def test_whatever_is_recorded_verifies_reads_back_and_exports(
    tmp_path: Path, checker: Path, contents: list[tuple[str, str, dict[str, JSON]]]
) -> None:
    place = tmp_path / "journal.db"
    place.unlink(missing_ok=True)
    with JournalStore.open(place, durable=False, now=ticking()) as store:
        written = [
            store.append(Entry(RUN, pair, "transition.made", by, "h", data)) for pair, by, data in contents
        ]
        verified = store.verify()
        assert verified == Verified(len(contents), store.head())
        assert list(store.records()) == written
        assert [record.data for record in written] == [storable(data) for _, _, data in contents]
        lines = lines_of(store)
        previous = GENESIS
        for line in lines:  # the documented way, in-process; its own text runs in the tests above
            before, _, after = line.rstrip(b"\n").rpartition(b'"hash":"')
            previous, stated = json.loads(line)["hash"], json.loads(line)["prev"]
            assert (stated, hashlib.sha256(before + after[66:]).hexdigest()) == (stated, previous)


def test_every_kind_of_record_is_documented_with_its_meaning_and_fields() -> None:
    """Where this fails, the lines that it wants are the ones to paste."""
    wanted = []
    for kind, event in sorted(JOURNALLED.items()):
        meaning = (event.__doc__ or "").split("\n", 1)[0]
        names = ", ".join(f"`{name}`" for name in event.__struct_fields__)
        wanted.append(f"| `{kind}` | {meaning} | {names} |")
    assert re.findall(r"^\| `[a-z_]+\.[a-z_]+` \|.*$", PAGE.read_text("utf-8"), re.MULTILINE) == wanted


def test_the_ten_fields_of_a_record_are_documented_in_order() -> None:
    page = PAGE.read_text("utf-8")
    section = page[page.index("## Records") : page.index("### Kinds")]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [*Record.__struct_fields__]

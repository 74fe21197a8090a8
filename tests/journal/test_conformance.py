"""What a journal promises, kept by all stores alike: one file, a team's server, and the server that drawn incidents have."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import JournalDamaged, JournalUnavailable, Locked
from orchestrator.journal import Address, JournalStore, check_anchor, export
from orchestrator.model.journal import GENESIS, Broken, Entry, Head, Verified
from orchestrator.model.plain import JSON
from tests.fake_postgres import FakeServer
from tests.processes import python

from .conftest import RUN, STARTED, Place, entry, holder, name_of, opened, tamper


@pytest.fixture(params=["file", "server", "fake"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return tmp_path / "journal.db"
    if request.param == "fake":
        return FakeServer(tmp_path / "team.db")
    found: Address = request.getfixturevalue("team")
    return found


@pytest.fixture
def store(place: Place) -> Iterator[JournalStore]:
    with opened(place) as ready:
        yield ready


def test_both_write_the_same_chain_to_the_letter(store: JournalStore) -> None:
    """Expected: `sha256sum` over the canonical JSON, typed by hand."""
    data: dict[str, JSON] = {"transition": "declare", "n": 5.0}
    first = store.append(Entry("r1", "payments", "transition.refused", "alice", "laptop", data))
    assert (first.seq, first.prev, first.at) == (1, GENESIS, "2026-11-22T03:15:02.000000Z")
    assert first.hash == "e3274ead9cac6b490917b7001ada8f659dffdfd5465d98ff6bb297ac2b1e3027"
    odd: dict[str, JSON] = {
        "text": 'a?b%s"\\\n\x00\u20ac\U0001f600\ud800',
        "numbers": [1e21, 2**60, -0.0],
        "none": None,
    }
    store.append(Entry("r1", "payments", "transition.refused", "alice", "laptop", odd))
    out = io.BytesIO()
    assert export(store, out) == 2
    assert out.getvalue().splitlines()[1] == (
        b'{"at":"2026-11-22T03:15:03.000000Z","by":"alice","data":{"none":null,"numbers":[1e+21,"1152921504606846976",0],'
        b'"text":"a?b%s\\"\\\\\\n\\u0000\xe2\x82\xac\xf0\x9f\x98\x80\\\\ud800"},"hash":"'
        + store.head().hash.encode()
        + b'","host":"laptop","kind":"transition.refused","pair":"payments","prev":"'
        + first.hash.encode()
        + b'","run":"r1","seq":2}'
    )
    assert store.verify() == Verified(2, store.head())


def test_records_are_found_by_run_pair_and_kind(store: JournalStore) -> None:
    store.append(entry("run.started", run="one"))
    store.append(entry("transition.made", run="one", pair="other"))
    store.append(entry("run.finished", run="two", pair="Zebra"))
    store.append(entry("lock.released", run=""))
    assert [record.seq for record in store.records(run="one")] == [1, 2]
    assert [record.seq for record in store.records(pair="payments")] == [1, 4]
    assert [record.seq for record in store.records(kinds=["run.started", "run.finished"], after=1)] == [3]
    assert list(store.records(kinds=[])) == []
    assert store.pairs() == ("Zebra", "other", "payments")
    assert store.runs_of("payments") == {"one"}
    assert [
        each.seq for each in store.outline(["run.finished"], begins=["transition.made", "run.started"])
    ] == [1, 3]
    newest = store.newest("payments", "run.started")
    assert newest is not None
    assert newest.seq == 1
    assert store.newest("payments", "run.finished") is None


def test_of_each_pair_the_newest_of_a_kind_is_found_by_an_org_that_it_names(store: JournalStore) -> None:
    for pair, org in (("a", "AB-1"), ("b", "ab-1"), ("a", "ab-1"), ("b", "cd-2"), ("c", "ab-1")):
        store.append(entry("run.started", pair=pair, orgs=[org, "ef-3"]))
    store.append(entry("run.finished", pair="d", orgs=["ab-1"]))
    assert [each.seq for each in store.newest_that_names("AB-1", "run.started", 0)] == [3, 5]
    assert [each.seq for each in store.newest_that_names("ab-1", "run.started", 3)] == [5]


def test_ids_are_found_by_how_they_begin_the_last_first(store: JournalStore) -> None:
    for run in ("20261122-a", "20261122-b", "20261123-\u20ac", ""):
        store.append(entry(run=run))
    assert store.ids("20261122", 9) == ("20261122-b", "20261122-a")
    assert store.ids("", 2) == ("20261123-\u20ac", "20261122-b")
    assert store.ids("20261122-a", 9) == ("20261122-a",)
    assert store.ids("2027", 9) == store.ids("\udc80", 9) == ()
    begins = ["transition.refused"]
    assert [each.seq for each in store.outline([], begins=begins, pair="payments")] == []
    assert [each.seq for each in store.records(after=1, before=4)] == [2, 3]
    assert store.first_broken([2, 4]) is None
    missing = store.first_broken([7])
    assert missing is not None
    assert missing.seq == 6


def test_many_records_are_read_a_page_at_a_time(store: JournalStore) -> None:
    store.append_all([entry(number=number) for number in range(1201)])
    assert [record.data["number"] for record in store.records()] == [*range(1201)]
    assert [record.seq for record in store.records(pair="payments", after=600)] == [*range(601, 1202)]
    assert store.verify_newest(7) == Verified(1201, store.head())


def test_a_head_that_was_kept_elsewhere_is_looked_for(store: JournalStore) -> None:
    heads = [store.append(entry(number=number)) for number in range(3)]
    assert isinstance(check_anchor(store, Head(2, heads[1].hash)), Verified)
    assert isinstance(check_anchor(store, Head(2, heads[0].hash)), Broken)
    assert store.first_missing([Head(each.seq, each.hash) for each in heads]) is None
    assert store.first_missing([Head(2, heads[0].hash)]) == 2
    assert store.first_missing([Head(4, heads[0].hash)]) == 4


def test_law_06_nothing_is_appended_where_what_was_kept_is_missing(store: JournalStore) -> None:
    first, second = (Head(each.seq, each.hash) for each in (store.append(entry()), store.append(entry())))
    store.take_lock(holder())
    for kept, missing in (([first, Head(2, first.hash)], 2), ([second, Head(4, second.hash)], 4)):
        with pytest.raises(JournalDamaged, match=f"does not hold record {missing} any more"):
            store.append_all([entry("write.intended")], holding="lock-a", kept=kept)
    assert store.append_all([entry("write.intended")], holding="lock-a", kept=[first, second])[0].seq == 3


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE records SET by = 'mallory' WHERE seq = 2", 2),
        ("UPDATE records SET data = replace(data, '1', '7') WHERE seq = 2", 2),
        ("DELETE FROM records WHERE seq = 2", 2),
        ("UPDATE records SET seq = 9 WHERE seq = 3", 3),
    ],
)
def test_law_16_what_was_changed_is_named(place: Place, statement: str, seq: int) -> None:
    with opened(place) as store:
        for number in range(3):
            store.append(entry(number=number))
    tamper(place, statement)
    with opened(place, create=False) as store:
        found = store.verify()
    assert isinstance(found, Broken)
    assert (found.seq, found.good) == (seq, seq - 1)


def test_law_12_a_pair_has_one_holder(store: JournalStore) -> None:
    assert store.take_lock(holder("lock-a")) is None
    assert store.take_lock(holder("lock-a")) is None
    assert store.take_lock(replace(holder("lock-b"), operator="bob", pid=12)) == holder("lock-a")
    assert store.holder("payments") == holder("lock-a")
    assert store.take_lock(holder("lock-c", pair="orders")) is None
    assert {*store.holders()} == {holder("lock-a"), holder("lock-c", pair="orders")}
    later = STARTED + timedelta(seconds=5)
    assert store.beat("lock-a", later)
    assert store.holder("payments") == replace(holder("lock-a"), beat_at=later)
    assert not store.beat("lock-b", STARTED)
    assert not store.replace_lock("lock-x", holder("lock-b"))
    assert not store.replace_lock("lock-a", holder("lock-b"), beat_at=STARTED), "it was heard of since"
    assert store.replace_lock("lock-a", holder("lock-b"), beat_at=later)
    assert store.holder("payments") == holder("lock-b")
    assert not store.replace_lock("lock-a", holder("lock-d"))
    assert not store.release("lock-a")
    assert store.release("lock-b")
    assert not store.release("lock-b")
    assert store.holder("payments") is None


def test_law_12_a_lock_that_changes_hands_and_the_word_of_it_are_one_transaction(store: JournalStore) -> None:
    def kinds() -> list[str]:
        return [record.kind for record in store.records()]

    assert store.take_lock(holder("lock-a"), entry("lock.taken")) is None
    assert store.take_lock(holder("lock-b"), entry("lock.taken")) == holder("lock-a")
    assert store.replace_lock("lock-a", holder("lock-b"), entry("lock.taken_over"))
    assert not store.replace_lock("lock-a", holder("lock-c"), entry("lock.taken_over"))
    assert store.release("lock-b", entry("lock.released"))
    assert not store.release("lock-b", entry("lock.released"))
    assert kinds() == ["lock.taken", "lock.taken_over", "lock.released"]
    unwritable = replace(entry("lock.taken"), data={"deep": object()})
    with pytest.raises(TypeError):
        store.take_lock(holder("lock-d"), unwritable)
    assert store.holder("payments") is None
    store.take_lock(holder("lock-d"))
    with pytest.raises(TypeError):
        store.replace_lock("lock-d", holder("lock-e"), unwritable)
    with pytest.raises(TypeError):
        store.release("lock-d", unwritable)
    assert store.holder("payments") == holder("lock-d")


def test_law_06_an_intent_without_the_lock_is_refused_and_nothing_of_it_is_kept(store: JournalStore) -> None:
    store.take_lock(holder("lock-a"))
    assert store.append(entry("write.intended"), holding="lock-a").seq == 1
    assert store.replace_lock("lock-a", holder("lock-b"))
    with pytest.raises(Locked) as caught:
        store.append_all([entry("write.answered"), entry("write.intended")], holding="lock-a")
    assert caught.value.message == (
        "The lock lock-a on payments is no longer ours: alice on laptop (process 4711) holds it since "
        f"2026-11-22 03:15:02 UTC for run {RUN} with the lock lock-b."
    )
    assert caught.value.sent == "The record was not written, and nothing more is sent without it."
    assert store.head().seq == 1
    assert store.append(entry("write.intended"), holding="lock-b").seq == 2


def test_all_of_a_batch_is_kept_or_none(store: JournalStore) -> None:
    with pytest.raises(TypeError, match="cannot stand in a journal record"):
        store.append_all([entry(), entry(what=object())])  # type: ignore[arg-type]  # the point
    assert store.head() == Head(0, GENESIS)
    assert store.append(entry()).seq == 1


def test_two_writers_make_one_chain(place: Place) -> None:
    def write(number: int) -> None:
        # Each on a connection of its own, as another process is.
        own = replace(place, shown=f"writer {number}") if isinstance(place, Address) else place
        with opened(own) as store:
            for each in range(25):
                store.append_all([entry(by=number, each=each), entry(by=number, each=-each)])

    opened(place).close()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with opened(place, create=False) as store:
        assert store.verify() == Verified(200, store.head())
        for writer in range(4):
            mine = [record.data["each"] for record in store.records() if record.data["by"] == writer]
            assert mine == [sign * each for each in range(25) for sign in (1, -1)]


def test_a_look_changes_nothing(place: Place) -> None:
    with opened(place) as store:
        store.append(entry())
        store.take_lock(holder())
    with opened(place, create=False) as looking:
        assert looking.head().seq == 1
        for attempt in (
            lambda: looking.append(entry()),
            lambda: looking.take_lock(holder("lock-b")),
            lambda: looking.release("lock-a"),
            lambda: looking.beat("lock-a", STARTED),
        ):
            with pytest.raises(JournalUnavailable, match="was opened for reading only"):
                attempt()


DYING = """
import os, sys
from orchestrator.model.journal import Verified
from tests.journal.conftest import entry, opened, place_named

class Dying:
    def __init__(self, statements, left):
        self.statements, self.left = statements, left
    def step(self):
        if not self.left:
            os._exit(9)
        self.left -= 1
    def execute(self, query, values=()):
        self.step()
        return self.statements.execute(query, values)
    def executemany(self, query, rows):
        self.step()
        return self.statements.executemany(query, rows)

def die(left):
    store = opened(place_named(sys.argv[1]))
    write = store._database.write

    def dying(work):
        def mortal(statements):
            each = Dying(statements, left)
            result = work(each)
            each.step()
            return result
        return write(mortal)

    store._database.write = dying
    store.append_all([entry("write.intended"), entry("write.answered")], holding="lock-a")

for before in ("fence", "head", "records", "commit"):
    if not (child := os.fork()):
        die(("fence", "head", "records", "commit").index(before))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with opened(place_named(sys.argv[1])) as store:
        assert store.verify() == Verified(1, store.head()), before
        assert store.holder("payments") is not None, before
    print(code)
"""


def test_law_11_a_process_that_dies_between_two_statements_leaves_nothing_half_done(place: Place) -> None:
    with opened(place) as store:
        store.take_lock(holder("lock-a"))
        store.append(entry())
    assert python("-c", DYING, name_of(place)).split() == ["9"] * 4
    with opened(place) as store:
        assert store.verify() == Verified(1, store.head())
        assert store.append(entry(), holding="lock-a").seq == 2
        assert store.holder("payments") == holder("lock-a")

"""A team's journal whose server fails at any statement: what was told stands there once, whatever was said of it meanwhile."""

from __future__ import annotations

from pathlib import Path
from shutil import copy

import pytest
from msgspec.structs import replace

from orchestrator.errors import JournalUnavailable
from orchestrator.journal import JournalStore, ThisHost
from orchestrator.journal.merge import merge
from orchestrator.model.journal import Entry, Verified
from orchestrator.model.plain import JSON
from orchestrator.model.run import Operator
from tests.fake_postgres import FakeServer, Trouble

from .conftest import STARTED, entry, holder, opened, ticking


class Moment:
    """Trouble at one statement, counted from now on; and the server's clock."""

    def __init__(self) -> None:
        self.left, self.trouble, self.now, self.met, self.of = 0, Trouble.UNHEARD, 0.0, "", ""

    def comes(self, after: int, trouble: Trouble, of: str = "") -> None:
        """Counted are the statements that begin so."""
        self.left, self.trouble, self.of = after, trouble, of

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def befalls(self, statement: str) -> Trouble | None:
        if not statement.startswith(self.of):
            return None
        self.left -= 1
        if self.left == 0:
            self.met = statement
        return self.trouble if self.left == 0 else None


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def place(tmp_path: Path, moment: Moment) -> FakeServer:
    return FakeServer(tmp_path / "team.db", lambda: moment.now, moment.befalls)


def team(place: FakeServer, moment: Moment) -> JournalStore:
    """Its time goes by while somebody waits for it."""
    return JournalStore(place.database(spend=moment.passes), ticking())


def numbers(place: FakeServer) -> list[JSON]:
    with opened(place, create=False) as looking:
        assert isinstance(looking.verify(), Verified)
        return [record.data["number"] for record in looking.records()]


STATEMENTS = ("BEGIN", "max(seq)", "FROM locks", "INSERT INTO records", "COMMIT")
"""What an append says on a connection that stands."""


def told(number: int) -> Entry:
    return replace(entry(number=number), at=STARTED)


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("after", range(len(STATEMENTS)), ids=STATEMENTS)
def test_law_11_whatever_befalls_a_statement_what_was_told_stands_there_once(
    place: FakeServer, moment: Moment, trouble: Trouble, after: int
) -> None:
    with team(place, moment) as store:
        store.take_lock(holder())
        store.append(told(0), holding="lock-a")
        moment.comes(after + 1, trouble)
        try:
            store.append(told(1), holding="lock-a")
        except JournalUnavailable:
            store.append_all([told(1), told(2)], holding="lock-a")
        else:
            store.append(told(2), holding="lock-a")
        assert STATEMENTS[after] in moment.met
        assert numbers(place) == [0, 1, 2]


def test_law_06_an_intent_that_a_promoted_standby_never_got_is_not_taken_for_written(
    place: FakeServer, moment: Moment, tmp_path: Path
) -> None:
    """It gives the ids of transactions that it never heard of to others."""
    with team(place, moment) as store:
        store.append(told(0))
        standby = Path(copy(place.path, tmp_path / "standby.db"))

        def befalls(statement: str) -> Trouble | None:
            if statement == "CONNECT" and place.path != standby:
                place.fail_over(standby)
            return moment.befalls(statement)

        place.befalls = befalls
        moment.comes(1, Trouble.UNANSWERED, "COMMIT")
        with pytest.raises(JournalUnavailable) as caught:
            store.append(told(1))
        assert caught.value.sent.startswith("Whether the record was written nobody could tell")
        assert store.append(told(1)).seq == 2
    assert numbers(place) == [0, 1]


@pytest.mark.parametrize("trouble", [Trouble.SWALLOWED_ANSWER, Trouble.LATE])
@pytest.mark.parametrize("of", ["nobody", "the dead"])
def test_law_12_a_lock_that_was_taken_unheard_is_let_go_by_a_process_that_lives_on(
    place: FakeServer, moment: Moment, trouble: Trouble, of: str
) -> None:
    """Whoever wanted it was told that nothing was written; nobody would ever beat it, nor let it go."""
    with team(place, moment) as store:
        store.wait_at_most(2.0)
        if of == "the dead":
            store.take_lock(holder("lock-dead", pid=4710))

        def takes() -> object:
            mine = holder("lock-unheard")
            return store.take_lock(mine) if of == "nobody" else store.replace_lock("lock-dead", mine)

        moment.comes(1, trouble, "COMMIT")
        with pytest.raises(JournalUnavailable):
            takes()
        moment.passes(10.0)
        held = store.holder("payments")
        assert held is not None
        assert held.lock == "lock-unheard"
        store.append(told(0))
        assert store.holder("payments") is None
        moment.passes(60.0)
        assert store.take_lock(holder("lock-next")) is None


def test_law_16_what_is_still_under_way_is_not_merged_beside_itself(
    place: FakeServer, moment: Moment, tmp_path: Path
) -> None:
    with team(place, moment) as store:
        store.wait_at_most(2.0)
        store.head()
        moment.comes(4, Trouble.LATE)
        with pytest.raises(JournalUnavailable, match="is busy"):
            store.append(told(0))
        assert moment.met == "COMMIT"
    with opened(tmp_path / "own.db") as own:
        own.append(told(0))
        with team(place, moment) as store:
            merge(store, own, Operator("bob", "desk"), ThisHost())
            assert len([record for record in store.records() if record.data.get("number") == 0]) == 1

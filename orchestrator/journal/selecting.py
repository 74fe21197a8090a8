"""Which records are wanted, as queries for their numbers that an index answers: no record is read for them."""

from __future__ import annotations

from collections.abc import Sequence

_EACH_PAIR = """(WITH RECURSIVE each(name) AS (
    SELECT min(pair) FROM records
    UNION ALL SELECT (SELECT min(pair) FROM records WHERE pair > each.name) FROM each WHERE name IS NOT NULL
) SELECT name FROM each WHERE name IS NOT NULL)"""

_EACH_RUN = """WITH RECURSIVE each(name) AS (
    SELECT min(run) FROM records WHERE run > ''
    UNION ALL SELECT (SELECT min(run) FROM records WHERE run > each.name) FROM each WHERE name IS NOT NULL
)"""


def selection(run: str | None, pair: str | None, kinds: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """The query for the records of a run, of a pair and of some kinds, to be narrowed by AND, and its values."""
    conditions: list[str] = []
    values: list[str] = []
    index = "records_of_a_pair"
    if run is not None:
        index = "records_of_a_run"
        conditions.append("run = ?")
        values.append(run)
    if pair is not None:
        conditions.append("pair = ?")
        values.append(pair)
    elif run is None:
        conditions.append(f"pair IN {_EACH_PAIR}")
    if kinds is not None:
        conditions.append(f"kind IN ({places(len(kinds))})")
        values.extend(kinds)
    return f"SELECT seq FROM records INDEXED BY {index} WHERE {' AND '.join(conditions)}", tuple(values)  # noqa: S608 - values are bound


def first_of_each_run(kinds: Sequence[str]) -> str:
    """The query for each run's first record that has one of so many kinds, which are its values."""
    first = f"SELECT seq FROM records INDEXED BY records_of_a_run WHERE run = each.name AND kind IN ({places(len(kinds))})"  # noqa: S608 - values are bound
    return f"{_EACH_RUN} SELECT found FROM (SELECT ({first} ORDER BY seq LIMIT 1) AS found FROM each) WHERE found > 0"  # noqa: S608 - as above


def places(count: int) -> str:
    """So many places for values."""
    return ", ".join("?" * count)

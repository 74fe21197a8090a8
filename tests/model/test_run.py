"""Run ids and stamps."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.model.run import RUN_PATTERN, Operator, Stamp, new_run_id


def test_a_run_id_sorts_by_time() -> None:
    run = new_run_id(datetime(2026, 11, 22, 3, 15, 2, tzinfo=UTC), lambda _: "k")
    assert run == "20261122-031502-kkkk"
    assert RUN_PATTERN.fullmatch(run)


def test_a_stamp_is_shaped_like_an_address_and_parses_back() -> None:
    stamp = Operator("alice", "laptop").stamp("20261122-031502-k3f9", 2)
    assert str(stamp) == "alice+hamr-20261122-031502-k3f9-2@laptop"
    assert Stamp.parse(str(stamp)) == Stamp("alice", "20261122-031502-k3f9", 2, "laptop")


def test_other_names_are_no_stamps() -> None:
    for name in (
        "",
        "alice@example.com",
        "alice+hamr-@laptop",
        "alice+hamr-2026-1@x",
        "hamr-20261122-031502-k3f9-2@x",
    ):
        assert Stamp.parse(name) is None, name

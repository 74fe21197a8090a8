"""The public API, used as its documentation says: mypy checks this file, and nothing runs it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import assert_type

import orchestrator
from orchestrator import (
    Both,
    Broken,
    Head,
    NextStep,
    OpenPair,
    PairStatus,
    Plan,
    Record,
    Role,
    RunResult,
    Status,
    Verified,
)
from orchestrator.model.events import Event
from orchestrator.model.org import Inventory
from orchestrator.model.playbook import Playbook


def opening() -> OpenPair:
    assert_type(orchestrator.load_inventory("pairs.yaml"), Inventory)
    assert_type(orchestrator.load_playbook(Path("playbook.yaml")), Playbook)
    return orchestrator.open_pair(
        "payments",
        pairs=Path("pairs.yaml"),
        playbook="regional-failover",
        journal="journal.db",
        operator="alice@laptop",
    )


def listener(event: Event) -> None:
    print(event.kind)  # noqa: T201 - what a listener may do


async def awaiting(pair: OpenPair) -> None:
    assert_type(await pair.status(), PairStatus)
    plan = await pair.plan("ACTIVE", assume=Status.PASSIVE)
    assert_type(plan, Plan)
    assert_type(await pair.run_plan(plan), RunResult)
    since = datetime.now(UTC)
    result = await pair.run(
        Status.ACTIVE, emergency=True, reason="us1 is down", ref="INC-1", since=since, listener=listener
    )
    assert_type(result, RunResult)
    assert_type(await pair.resume(overrides={"settled": "we know who it was"}), RunResult)
    assert_type(pair.stop(), bool)


def waiting(pair: OpenPair) -> None:
    assert_type(pair.sync.status(), PairStatus)
    assert_type(pair.sync.plan("ACTIVE"), Plan)
    assert_type(pair.sync.run("ACTIVE", reason="rehearsal"), RunResult)
    assert_type(pair.sync.resume(), RunResult)
    pair.sync.run("ACTIVE", emergancy=True)  # type: ignore[call-arg]
    pair.sync.plan(4)  # type: ignore[arg-type]
    orchestrator.open_pear("payments")  # type: ignore[attr-defined]


def reading() -> None:
    journal = orchestrator.open_journal()
    assert_type(journal.runs("payments"), tuple[orchestrator.RunSummary, ...])
    assert_type(journal.records("20261122-031502-k3f9"), tuple[Record, ...])
    assert_type(journal.head(), Head)
    match journal.verify("3:" + "0" * 64):
        case Verified(head=head):
            assert_type(head, Head)
        case Broken(reason=reason):
            assert_type(reason, str)


def failing(pair: OpenPair) -> RunResult | None:
    try:
        return pair.sync.run("ACTIVE")
    except orchestrator.Refused as refused:
        assert_type(refused.next_steps, tuple[NextStep, ...])
        return refused.result
    except orchestrator.HamrError as error:
        assert_type(error.exit_code, orchestrator.ExitCode)
        return error.result


def simulating() -> None:
    with orchestrator.simulated_regions("rehearsal") as regions:
        assert_type(regions, orchestrator.SimulatedRegions)
        assert_type(regions.statuses, Both[Status | None])
        regions.set_dark(Role.PRIMARY)
        assert_type(regions.open_pair("regional-failover"), OpenPair)
        regions.agree("our_page", value=False)


async def drilling(pair: OpenPair) -> bool:
    drill = await orchestrator.rehearse("answer-lost", seed=7, journal="journal.db")
    assert_type(drill, orchestrator.DrillResult)
    assert_type(await pair.drill("ACTIVE", notes="monthly"), orchestrator.DrillResult)
    assert_type(pair.sync.drill(), orchestrator.DrillResult)
    assert_type(drill.score, orchestrator.Score)
    return drill.score.passed

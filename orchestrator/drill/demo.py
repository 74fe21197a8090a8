"""The whole cycle on the built-in simulator: what `hamr demo` shows to somebody who has never heard of HAMR.

Everything in it is the real thing but the two regions: real HTTP over loopback sockets, the real engine, a real
journal. One answer is lost on the way, on purpose, and recovered by reading back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import load_inventory, load_playbook
from orchestrator.errors import ExitCode, HamrError
from orchestrator.journal import JournalStore, host_name
from orchestrator.model.journal import Verified
from orchestrator.model.run import Operator, RunRequest
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.plan import make_plan
from orchestrator.operations.run import start
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_status
from orchestrator.report.journal import chain_holds
from orchestrator.report.layout import Page, Span, heading, paragraph
from orchestrator.report.plan import plan_page
from orchestrator.report.run import result_page
from orchestrator.report.status import status_page
from orchestrator.simulator import AnswerLost, Fault, Simulation, SimulatorConfig, write_inventory
from orchestrator.system.clock import SystemClock
from orchestrator.system.redaction import Redactor

from .rehearsal import Watching

ROUND_TRIP = 0.05
"""Seconds that each simulated region takes to answer."""

PLAYBOOK = "regional-failover"

_WHAT = (
    "Datadog can link two organisations in two regions, a primary and a secondary (High Availability Multi-Region, "
    "HAMR). Each keeps a record of where the pair stands. When the primary's region goes down, both records have to be "
    "moved, in order: PASSIVE, FAILOVER, ACTIVE; and later home again: RECOVERY, PASSIVE. The two regions share no "
    "transaction, answers get lost, and people make mistakes at three in the morning. hamr makes these moves, checks "
    "every one by reading it back, and keeps a journal that shows if it was tampered with."
)
_FAULT = (
    "On the way, the simulator swallows one answer: the secondary takes the first write, and the connection breaks "
    "before it says so. hamr does not send again blindly. It reads, and finds its own write."
)


async def demonstrate(
    folder: Path,
    show: Callable[[Page], None],
    watching: Watching,
    controls: RunControl,
) -> ExitCode:
    """Fail a simulated pair over and bring it home; inventory and journal are left in the folder.

    A HamrError where a port, the folder or the journal could not be used.
    """
    clock = SystemClock()
    config = SimulatorConfig(latency=Both(ROUND_TRIP, ROUND_TRIP))
    async with Simulation(config) as simulation:
        inventory = folder / "pairs.yaml"
        write_inventory(simulation, inventory)
        pair = load_inventory(inventory).pairs[0]
        with JournalStore.open(folder / "journal.db", now=clock.now) as store:
            session = Session(
                pair, load_playbook(PLAYBOOK), Operator("demo", host_name()), store, os.environ, Redactor()
            )
            show((*heading("1. What this is"), *paragraph(_WHAT)))
            show(_section("2. Where the pair stands", "hamr status sim"))
            show(status_page(await read_status(session), session.playbook))
            show(_section("3. What a run would do, without sending anything", "hamr plan sim --to ACTIVE"))
            show(plan_page(await make_plan(session, RunRequest(pair.name, Status.ACTIVE))))
            show((*_section("4. Failing over", "hamr run sim --to ACTIVE"), *paragraph(_FAULT), ()))
            simulation.faults.add(Fault(AnswerLost(), role=Role.SECONDARY, method="POST"))
            code = await _go(session, Status.ACTIVE, show, watching, controls)
            if code is ExitCode.DONE:
                show(_section("5. Coming home", "hamr run sim --to PASSIVE"))
                code = await _go(session, Status.PASSIVE, show, watching, controls)
            if code is ExitCode.DONE:
                show(_section("6. What the journal holds", "hamr audit verify"))
                show(_verified(store))
            show(_left_in(folder))
            return code


def _section(title: str, command: str) -> Page:
    return ((), *heading(title), (Span("$ ", "dim"), Span(command, "command")), ())


async def _go(
    session: Session,
    goal: Status,
    show: Callable[[Page], None],
    watching: Watching,
    controls: RunControl,
) -> ExitCode:
    controls.watchers = watching(session.pair)
    result = await start(session, RunRequest(session.pair.name, goal), controls=controls)
    show(((), *result_page(result)))
    return result.exit_code


def _verified(store: JournalStore) -> Page:
    found = store.verify()
    if not isinstance(found, Verified):
        raise HamrError(f"the demo's own journal does not verify: record {found.seq}: {found.reason}")
    return chain_holds(found, store.place)


def _left_in(folder: Path) -> Page:
    """What can be typed after it, also where it was interrupted: what the run's own page offers wants the regions."""
    journal = folder / "journal.db"
    return (
        (),
        *paragraph(
            f"The demo left its inventory and its journal in {folder}, which stays until you remove it. The regions are "
            "gone, so look back:"
        ),
        (Span("  "), Span(f"hamr runs --journal {journal}", "command")),
        (Span("  "), Span(f"hamr audit verify --journal {journal}", "command")),
        *paragraph("Or keep two regions running, and try it yourself:"),
        (Span("  "), Span("hamr simulate", "command")),
        *paragraph('Your own pair: hamr init, then "The first ten minutes with your own pair" in README.md.'),
    )

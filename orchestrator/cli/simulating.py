"""What `hamr simulate` does: it reads its flags (ORG:QUERY=VALUE, ORG:ID=STATE, how fast things follow), and serves."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TypeVar

from msgspec import Struct

from orchestrator.config.faults import ABSENT, NO_VALUE
from orchestrator.config.scenarios import load_fault_script
from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.org import Wire
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.preflight import status_named
from orchestrator.report.layout import Page, next_commands, paragraph
from orchestrator.simulator import (
    MONITOR_STATES,
    NO_DATA,
    Fault,
    ManySimulations,
    MetricValue,
    Simulation,
    SimulatorConfig,
    Traffic,
    inventory_place,
    many_configs,
    metric_value,
    random_faults,
    serve,
)

from .invocation import Invocation
from .signals import listening

K = TypeVar("K")
V = TypeVar("V")


class RegionFlags(Struct, frozen=True, kw_only=True):
    """What says on a command line how two regions are simulated, as it was typed."""

    primary_port: int
    secondary_port: int
    wire: str
    mirror: str
    status: str
    inventory_out: Path | None
    number: int | None
    faults: Path | None
    seed: int | None
    metrics: tuple[str, ...]
    monitors: tuple[str, ...]
    traffic: str

    def config(self) -> SimulatorConfig:
        """How they behave; a UsageError where a flag cannot be right, as by every function here."""
        start = status_named(self.status)
        where, lag = traffic_of(self.traffic)
        return SimulatorConfig(
            wire=Wire(self.wire),
            mirror=mirror_of(self.mirror),
            status=Both(start, start),
            traffic=where,
            traffic_lag=lag,
            metrics=metrics_of(self.metrics),
            monitors=monitors_of(self.monitors),
            ports=Both(self.primary_port, self.secondary_port),
        )


def serve_regions(invocation: Invocation, flags: RegionFlags) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    config, number, inventory_out = flags.config(), flags.number, flags.inventory_out
    scripted = () if flags.faults is None else load_fault_script(flags.faults)

    def faults_of(place: int) -> tuple[Fault, ...]:
        return scripted if flags.seed is None else (*scripted, *random_faults(flags.seed + place))

    pair = config.pair if number is None else many_configs(config, 1)[0].pair
    inventory = (inventory_place(Path()) if inventory_out is None else inventory_out).absolute()
    console = invocation.console

    def announce(ready: str) -> None:
        if console.out.is_terminal:
            console.out.page(_what_to_type(pair, inventory, 1 if number is None else number))
        else:
            console.out.text(f"{ready}\n")

    async def serve_until_stopped() -> None:
        stop = asyncio.Event()
        served = (
            Simulation(config, faults=faults_of(0))
            if number is None
            else ManySimulations(many_configs(config, number), faults=faults_of)
        )
        with listening(lambda _code: stop.set()):
            await serve(served, inventory_out=inventory, announce=announce, stop=stop)

    asyncio.run(serve_until_stopped())


def _what_to_type(pair: str, inventory: Path, number: int) -> Page:
    """That both listen, and what to type in another terminal.

    The journal is a new one: these orgs begin anew, and a journal that saw others of the same names calls them outdated.
    """
    folder = inventory.parent
    usual = inventory.name == "pairs.yaml" and not os.environ.get("HAMR_PAIRS")
    pairs = () if usual else ("--pairs", inventory.name)
    # What another simulator left behind is no history of these regions.
    told = f"Pair {pair} stands" if number == 1 else f"{number:,} pairs, from {pair} on, stand"
    name = pair if number == 1 else "fleet"
    journal = f"{name}-{datetime.now(UTC):%H%M%S}.db" if (folder / f"{name}.db").exists() else f"{name}.db"
    steps = [next_step.status(pair).so_that("look at both orgs"), next_step.run(pair, Status.ACTIVE)]
    if number > 1:
        steps = [next_step.fleet_status("--all"), next_step.fleet_plan("--all", goal=Status.ACTIVE)]
    steps = [step.with_options(*pairs) for step in steps]
    steps.insert(0, next_step.shell(f"export HAMR_JOURNAL={journal}", "keep a journal of its own"))
    if folder != Path().absolute():
        steps.insert(0, next_step.shell(f"cd {quote(str(folder))}", "go where the inventory is"))
    words = f"{told} in {inventory}, made-up keys beside it. In another terminal:"
    return (*paragraph(f"Two simulated regions listen until Ctrl-C. {words}"), *next_commands(steps))


def metrics_of(flags: Iterable[str]) -> Both[Mapping[str, MetricValue]]:
    """What each `--metric` sets, per org and query; of two for the same query the last one counts."""
    wanted = (
        "--metric wants ORG:QUERY=VALUE, where VALUE is a number, 'no data', 'no value', or numbers with commas between "
        "them, such as 'secondary:sum:datadog.agent.running{*}=0'"
    )
    return _per_org(flags, wanted, _metric)


def monitors_of(flags: Iterable[str]) -> Both[Mapping[int, str | None]]:
    """What each `--monitor` sets, per org and id; of two for the same monitor the last one counts."""
    wanted = (
        f"--monitor wants ORG:ID=STATE, where STATE is one of {', '.join(MONITOR_STATES)}, or absent for a monitor that "
        "is not there, such as secondary:42=Alert"
    )
    return _per_org(flags, wanted, _monitor)


def _per_org(
    flags: Iterable[str], wanted: str, read: Callable[[str, str], tuple[K, V]]
) -> Both[Mapping[K, V]]:
    """ORG:NAME=VALUE, several times; `read` raises ValueError where it cannot be."""
    found: Both[dict[K, V]] = Both({}, {})
    for flag in flags:
        org, _, rest = flag.partition(":")
        name, _, value = rest.rpartition("=")
        try:
            role = Role(org)
            key, shown = read(name.strip(), value.strip())
        except ValueError as error:
            words = f"{flag[:80]!r} cannot be read. {wanted}."
            raise UsageError(words, sent="No region was started.") from error
        found[role][key] = shown
    return Both(found.primary, found.secondary)


def _metric(query: str, text: str) -> tuple[str, MetricValue]:
    if not query:
        raise ValueError(text)
    if text == NO_DATA:
        return query, NO_DATA
    points = tuple(None if each.strip() == NO_VALUE else float(each) for each in text.split(","))
    return query, metric_value(points if len(points) > 1 else points[0])


def _monitor(number: str, state: str) -> tuple[int, str | None]:
    if not re.fullmatch(r"[0-9]{1,15}", number) or state not in (*MONITOR_STATES, ABSENT):
        raise ValueError(number, state)
    return int(number), None if state == ABSENT else state


def traffic_of(text: str) -> tuple[Traffic, float]:
    """Where the traffic is, and by how many seconds it comes after the status that it follows."""
    if text in ("everywhere", "follows"):
        return Traffic(text), 0.0
    return Traffic.FOLLOWS, _seconds("--traffic", text, "everywhere, follows")


def mirror_of(text: str) -> float | None:
    """The seconds until a write shows on the other org, or None for never."""
    if text in ("on", "off"):
        return 0.0 if text == "on" else None
    return _seconds("--mirror", text, "on, off")


def _seconds(flag: str, text: str, words: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(f"{flag} {text[:40]!r}: {words} or a number of seconds is wanted.")
    return seconds

"""Both regions on real sockets, for as long as an `async with` block lasts; their inventory; and a program of their own.

Of many simulated pairs, all are behind two ports, one a region: an org is who its API key says.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, Self

from msgspec.structs import replace
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.config.faults import ConnectionRefused, Fault
from orchestrator.errors import PreparationError, UsageError
from orchestrator.model import next_step
from orchestrator.model.protocols import Clock
from orchestrator.model.status import Both, Role
from orchestrator.system.clock import SystemClock

from .config import SimulatorConfig, simulated_orgs
from .core import Regions
from .sockets import Listener, region_app
from .wire import LoggedRequest


@dataclass(frozen=True, slots=True)
class ServedOrg:
    """What a client needs to know to talk to one simulated org."""

    url: str
    org_uuid: str
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)


class Served(Protocol):
    """What serves simulated pairs."""

    @property
    def configs(self) -> Sequence[SimulatorConfig]:
        """What each pair is like."""

    def url(self, role: Role) -> str:
        """Where that region listens."""


class Ports:
    """Two loopback ports, one a region."""

    def __init__(self, apps: Mapping[Role, ASGIApp], ports: Both[int]) -> None:
        self._apps, self._ports = apps, ports
        self.listeners: dict[Role, Listener] = {}

    async def open(self) -> None:
        """Listen on both; on return both accept connections. A UsageError where a port cannot be had."""
        try:
            for role, app in self._apps.items():
                self.listeners[role] = Listener(app, self._ports[role], role.value)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop both at once; requests that are under way are broken off."""
        listeners = [*self.listeners.values()]
        self.listeners.clear()
        await asyncio.gather(*(listener.stop() for listener in listeners))


class Simulation:
    """Two regions on loopback ports, which live in the clock's time; `faults.add` lets more go wrong while it runs."""

    def __init__(
        self,
        config: SimulatorConfig | None = None,
        *,
        clock: Clock | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        self.config = SimulatorConfig() if config is None else config
        self.regions = Regions(self.config, SystemClock() if clock is None else clock, faults)
        apps = {role: region_app(self.regions, role, self._align) for role in Role}
        self._ports = Ports(apps, self.config.ports)
        # What needs no sockets is the regions' own.
        self.faults = self.regions.faults
        self.record = self.regions.record
        self.foreign_write = self.regions.foreign_write
        self.events = self.regions.events
        self.set_metric = self.regions.set_metric
        self.set_monitor = self.regions.set_monitor
        self._timers: dict[int, tuple[object, asyncio.Task[None]]] = {}
        # By the occasion's id; the occasion is kept, so that its id stays its own.

    @property
    def configs(self) -> tuple[SimulatorConfig, ...]:
        """What its one pair is like."""
        return (self.config,)

    async def __aenter__(self) -> Self:
        """Start both regions, as they are by then. A UsageError where a port cannot be had."""
        await self._ports.open()
        self.faults.on_change(self._align)
        self._align()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop both at once, and what was still to happen."""
        timers = [timer for _, timer in self._timers.values()]
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)
        self._timers.clear()
        await self._ports.close()

    def url(self, role: Role) -> str:
        """Where a region listens; only while the simulation runs."""
        return self._ports.listeners[role].url

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """Every request to either region, in the order of arrival; connections that were refused leave no trace."""
        return self.regions.requests

    @property
    def primary(self) -> ServedOrg:
        """How to reach the primary org."""
        return self.org(Role.PRIMARY)

    @property
    def secondary(self) -> ServedOrg:
        """How to reach the secondary org."""
        return self.org(Role.SECONDARY)

    def org(self, role: Role) -> ServedOrg:
        """How to reach one org; only while the simulation runs."""
        return _served(self.config, role, self.url(role))

    def set_dark(self, role: Role, dark: bool, *, silent: bool = False) -> None:
        """Take a region off the network, or bring it back: connections are reset, and new ones refused.

        A silent one makes connections and never answers.
        """
        self.regions.set_dark(role, dark, silent=silent)
        self._align()

    def _align(self) -> None:
        """Open and close the listeners as the regions' darkness and the faults want them."""
        for due, fault in self.regions.timetable.darkening():
            self._once(fault, due - self.regions.clock.monotonic(), self._align)
        for role, listener in self._ports.listeners.items():
            darkness = self.regions.darkness(role)
            if darkness is not None and darkness.until is not None:
                self._once(darkness, darkness.until - self.regions.clock.monotonic(), self._align)
            if darkness is not None and darkness.refuses:
                listener.close()
                listener.break_all()
            elif self._refuses_next(role):
                listener.close()
                listener.break_idle()
            else:
                listener.open()

    def _refuses_next(self, role: Role) -> bool:
        """Whether the org's next connection is to be refused: that must be seen to before it is made."""
        fault = self.faults.refusing(role)
        if fault is None or not isinstance(fault.kind, ConnectionRefused):
            return False
        if fault.times is not None:
            # Nobody can count connections that were refused, so each of them lasts for a time.
            self._once(fault, fault.kind.seconds, lambda: self.faults.spend(fault))
        return True

    def _once(self, occasion: object, seconds: float, act: Callable[[], None]) -> None:
        """Act after so many seconds, once for each occasion however often it is asked for."""
        if id(occasion) in self._timers:
            return

        async def later() -> None:
            await self.regions.clock.sleep(max(0.0, seconds))
            del self._timers[id(occasion)]
            act()

        self._timers[id(occasion)] = (occasion, asyncio.get_running_loop().create_task(later()))


# -- the inventory of the pair ---------------------------------------------------------------------------------

_MARK = "# Written by the HAMR simulator"


def inventory_text(sim: Served, *, keys: str = "sim-keys") -> str:
    """A pairs.yaml with the pairs of a simulation that runs; their keys are references to files in the folder `keys`."""
    lines = [
        f"{_MARK}. The pair is made up: nothing here reaches Datadog.",
        "schema: 1",
        "pairs:",
    ]
    for config in sim.configs:
        lines += [
            f"  {config.pair}:",
            *([f"    labels: {json.dumps(dict(config.labels))}"] if config.labels else []),
            "    mirrors: auto",
            "    pages:",
            f"      secondary_from_outside: {sim.url(Role.SECONDARY)}/health",
        ]
        for role in Role:
            org = config.orgs[role]
            lines += [
                f"    {role}:",
                f"      name: {org.name}",
                f"      uuid: {org.uuid}",
                f"      url: {sim.url(role)}",
                f"      datacenter: {org.datacenter}",
                "      wire: auto",
                *(
                    # In quotes, whatever the folder may be called.
                    f"      {kind}_key: {{file: {json.dumps(f'{keys}/{file}', ensure_ascii=False)}}}"
                    for kind, (file, _) in _key_files(sim, config, role).items()
                ),
            ]
    return "\n".join(lines) + "\n"


def _key_files(sim: Served, config: SimulatorConfig, role: Role) -> Mapping[str, tuple[str, str]]:
    """The name of each of an org's key files, and what stands in it."""
    org, which = config.orgs[role], f"{config.pair}-" if len(sim.configs) > 1 else ""
    return {
        "api": (f"{which}{role}-api-key", org.api_key),
        "app": (f"{which}{role}-app-key", org.app_key),
    }


def inventory_place(folder: Path) -> Path:
    """Where a simulated pair's inventory goes that nobody named: pairs.yaml, unless somebody's own is there, or one that is served."""
    usual = folder / "pairs.yaml"
    taken = usual.exists() and (not _is_ours(usual) or _is_served(usual))
    return folder / "sim-pairs.yaml" if taken else usual


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode()


def _is_served(path: Path) -> bool:
    """Whether another simulator still serves the orgs of an inventory: whoever works with those would find others there."""
    for port in {*re.findall(r"url: http://127\.0\.0\.1:(\d+)$", path.read_text("utf-8"), re.MULTILINE)}:
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(port)), timeout=1):
            return True
    return False


def write_inventory(sim: Served, path: Path) -> None:
    """Write the pairs.yaml and its key files (for the owner alone), in place of an earlier simulation's.

    The key files stand in a folder that is named after the inventory: pairs.yaml gets pairs-keys/.

    Raises:
        UsageError: a file that the simulator did not write is there already.
        PreparationError: the files cannot be written.
    """
    folder = path.parent / f"{path.stem}-keys"
    try:
        if path.exists() and not _is_ours(path):
            raise UsageError(
                f"{path} is there already, and the simulator did not write it: it is left as it is.",
                next_steps=(next_step.simulate("--inventory-out", str(path.with_name("sim-pairs.yaml"))),),
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for config in sim.configs:
            for role in Role:
                for file, key in _key_files(sim, config, role).values():
                    _write(folder / file, key)
        path.write_text(inventory_text(sim, keys=folder.name), encoding="utf-8")
    except OSError as error:
        raise PreparationError(
            f"The simulated pair's inventory cannot be written to {path} ({error.strerror}: {error.filename}).",
            next_steps=(
                next_step.simulate("--inventory-out", "FILE").so_that("a place that can be written to"),
            ),
        ) from error


def _write(path: Path, key: str) -> None:
    path.unlink(missing_ok=True)  # an older file might be open to others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{key}\n")


# -- a program of its own --------------------------------------------------------------------------------------


def print_ready(sim: Served, inventory: Path) -> str:
    """One line of JSON that says how to reach the orgs. Their keys are made up, and open nothing but the simulator."""
    config, *others = sim.configs
    if others:
        urls = {role.value: {"url": sim.url(role)} for role in Role}
        return json.dumps({**urls, "pairs": len(sim.configs), "inventory": str(inventory)})
    orgs = {role.value: asdict(_served(config, role, sim.url(role))) for role in Role}
    return json.dumps({**orgs, "inventory": str(inventory)})


def _served(config: SimulatorConfig, role: Role, url: str) -> ServedOrg:
    org = config.orgs[role]
    return ServedOrg(url, org.uuid, org.api_key, org.app_key)


async def serve(
    sim: AbstractAsyncContextManager[Served],
    *,
    inventory_out: Path,
    announce: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """Serve the regions of `sim` until `stop` is set; `announce` is given the line of `print_ready` once, when both listen.

    Raises:
        UsageError: a port is taken, or a file that the simulator did not write stands at `inventory_out`.
        PreparationError: the inventory cannot be written.
    """
    async with sim as served:
        write_inventory(served, inventory_out)
        announce(print_ready(served, inventory_out))
        await stop.wait()


def many_configs(config: SimulatorConfig, pairs: int) -> tuple[SimulatorConfig, ...]:
    """So many pairs of one make, sim-0001 and on: of other orgs and keys each, with labels to select them by."""
    return tuple(_numbered(config, number) for number in range(1, pairs + 1))


def _numbered(config: SimulatorConfig, number: int) -> SimulatorConfig:
    orgs = simulated_orgs(number - 1)
    named = Both(*(replace(org, name=f"{org.name} {number:04d}") for org in orgs))
    labels = {"tier": _TIERS[number % 10], "region": _REGIONS[number % len(_REGIONS)]}
    return replace(config, pair=f"{config.pair}-{number:04d}", orgs=named, labels=labels)


_TIERS = ("bronze", "gold", *["silver"] * 3, *["bronze"] * 5)
"""By a pair's last digit: a tenth is gold, three are silver."""
_REGIONS = ("eu1", "us1", "ap1")


class ManySimulations:
    """Their regions, which share two loopback ports (those of the first config).

    What goes wrong at each pair, `faults` says by its number from 0. It does so for one pair alone: where its region is dark, a
    connection that another pair may need, too, is made and then reset, and not refused.
    """

    def __init__(
        self,
        configs: Sequence[SimulatorConfig],
        *,
        faults: Callable[[int], Iterable[Fault]] = lambda _: (),
    ) -> None:
        self.configs, clock = tuple(configs), SystemClock()
        self.regions = {
            config.pair: Regions(config, clock, faults(number)) for number, config in enumerate(configs)
        }
        """By the pair's name."""
        self._ports = Ports({role: self._app(role) for role in Role}, configs[0].ports)

    async def __aenter__(self) -> Self:
        """Start both listeners; a UsageError where a port cannot be had."""
        await self._ports.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop both at once; requests that are under way are broken off."""
        await self._ports.close()

    def url(self, role: Role) -> str:
        """Where a region listens; only while the simulations run."""
        return self._ports.listeners[role].url

    def set_dark(self, role: Role, dark: bool) -> None:
        """Take a whole region off the network, for all pairs, or bring it back."""
        for regions in self.regions.values():
            regions.set_dark(role, dark)
        listener = self._ports.listeners[role]
        if dark:
            listener.close()
            listener.break_all()
        else:
            listener.open()

    def _app(self, role: Role) -> ASGIApp:
        apps = {
            config.orgs[role].api_key: region_app(self.regions[config.pair], role) for config in self.configs
        }
        anybody = next(iter(apps.values()))
        """Who answers those whose key is nobody's, and the probes that have none."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            key = Headers(scope=scope).get("dd-api-key", "")
            await apps.get(key, anybody)(scope, receive, send)

        return app

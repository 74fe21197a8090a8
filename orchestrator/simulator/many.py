"""Many simulated pairs from one process, behind two ports, one a region: an org is who its API key says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self

from msgspec.structs import replace
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.config.faults import Fault
from orchestrator.model.protocols import Clock
from orchestrator.model.status import Both, Role
from orchestrator.system.clock import SystemClock

from .config import SimulatorConfig, simulated_orgs
from .core import Regions
from .sockets import Listener, region_app


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
    """Their regions, which share two loopback ports, and live in the clock's time.

    What goes wrong does so for one pair alone: where its region is dark, a connection that another pair may need, too, is
    made and then reset, and not refused.

    Args:
        configs: what each pair is like; the first one's ports are those of all.
        faults: what goes wrong at each pair, by its number from 0.
        clock: the system's, where none is given.
    """

    def __init__(
        self,
        configs: Sequence[SimulatorConfig],
        *,
        faults: Callable[[int], Iterable[Fault]] = lambda _: (),
        clock: Clock | None = None,
    ) -> None:
        self.configs = tuple(configs)
        ours = SystemClock() if clock is None else clock
        self.regions = {
            config.pair: Regions(config, ours, faults(number)) for number, config in enumerate(configs)
        }
        """By the pair's name."""
        self._listeners: dict[Role, Listener] = {}

    async def __aenter__(self) -> Self:
        """Start both listeners.

        Raises:
            UsageError: a port cannot be had.
        """
        try:
            for role in Role:
                ports = self.configs[0].ports
                self._listeners[role] = Listener(self._app(role), ports[role], role.value)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop both at once; requests that are under way are broken off."""
        listeners = [*self._listeners.values()]
        self._listeners.clear()
        for listener in listeners:
            await listener.stop()

    def url(self, role: Role) -> str:
        """Where a region listens; only while the simulations run."""
        return self._listeners[role].url

    def set_dark(self, role: Role, dark: bool) -> None:
        """Take a whole region off the network, for all pairs, or bring it back."""
        for regions in self.regions.values():
            regions.set_dark(role, dark)
        if dark:
            self._listeners[role].close()
            self._listeners[role].break_all()
        else:
            self._listeners[role].open()

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

"""Taking probes: each by its kind, each with its own deadline, and each dated when its answer was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, assert_never
from urllib.parse import urlsplit

from msgspec.structs import replace

from orchestrator.datadog.asking import OrgAsker
from orchestrator.datadog.excerpt import one_line
from orchestrator.datadog.pool import open_page_transport, open_transports
from orchestrator.datadog.transport import ReadOnly, Transport
from orchestrator.errors import PreparationError
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Timeouts
from orchestrator.model.probe import Command, Http, Measured, Metric, Monitor, Probe, ProbeReading, Unmeasured
from orchestrator.model.protocols import Clock
from orchestrator.model.status import Both
from orchestrator.system.keys import KeyRing
from orchestrator.system.programs import environment_without_keys, key_variables
from orchestrator.system.redaction import Redactor

from . import command, datadog, page


class Probes:
    """Reads probes, as model.protocols.Prober asks for it. Its transports can send nothing but GETs (law 2).

    Nothing is opened before it is needed. Any number may be taken at the same time: none waits for another.

    Args:
        pair: whose orgs are asked.
        timeouts: for connecting, and for each wait for data.
        keys: where keys come from.
        redactor: cleans every text that leaves here.
        clock: what readings are dated with, and metrics asked for.
        environ: our environment: commands are given it without keys, and the proxy is found there.
        transports: in the place of the network to the orgs, for tests; closed with these probes.
        page_transport: in the place of the network to web pages, for tests; closed with these probes.
    """

    def __init__(
        self,
        pair: Pair,
        *,
        timeouts: Timeouts,
        keys: KeyRing,
        redactor: Redactor,
        clock: Clock,
        environ: Mapping[str, str],
        transports: Both[Transport] | None = None,
        page_transport: Transport | None = None,
    ) -> None:
        self._pair = pair
        self._timeouts = timeouts
        self._keys = keys
        self._redactor = redactor
        self._clock = clock
        self._environ = environ
        self._transports = transports
        self._page_transport = page_transport
        self._pages: dict[str, Transport] = {}

    def __repr__(self) -> str:
        return f"Probes({self._pair.name})"

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """Read one probe. Never raises for what the world does: that is the reading.

        Args:
            probe: what to read.
            within: a deadline in seconds, where that is less than the probe's own; everything counts against it,
                fetching keys included.
        """
        began = self._clock.monotonic()
        own = probe.timeout.total_seconds()
        allowed = own if within is None else min(own, within)
        try:
            sight = await self._sight(probe, allowed)
        except PreparationError as problem:
            sight = Unmeasured(problem.message)
        monotonic = self._clock.monotonic()
        return ProbeReading(probe.name, self._cleaned(sight), self._clock.now(), monotonic, monotonic - began)

    async def _sight(self, probe: Probe, allowed: float) -> Measured | Unmeasured:
        if allowed <= 0:
            return Unmeasured("no time was left for it")
        match probe.kind:
            case Metric() | Monitor():
                return await datadog.ask(probe.kind, self._asker(probe.kind), allowed)
            case Http():
                return await self._ask_page(probe.kind, allowed)
            case Command():
                return await command.ask(probe.kind, self._environment(probe), self._redactor, allowed)
            case _ as never:
                assert_never(never)

    async def _ask_page(self, kind: Http, allowed: float) -> Measured | Unmeasured:
        url = kind.at(self._pair.pages)
        if url is None:
            return Unmeasured(
                f"pairs.yaml gives pair {self._pair.name} no page {kind.page}: write it under its pages"
            )
        there = replace(kind, url=url)
        return await page.ask(there, self._reach, self._timeouts, self._redactor, allowed)

    def _asker(self, kind: Metric | Monitor) -> OrgAsker:
        if self._transports is None:
            self._transports = open_transports(self._pair.orgs, self._environ, connections=None)
        return OrgAsker(
            self._pair[kind.org],
            ReadOnly(self._transports[kind.org]),
            self._timeouts,
            self._keys,
            self._redactor,
            self._clock,
        )

    def _reach(self, url: str) -> Transport:
        """Connections for one page; each host has its own, opened when it is first asked."""
        if self._page_transport is not None:
            return ReadOnly(self._page_transport)
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._pages:
            self._pages[host] = open_page_transport(host, self._environ)
        return ReadOnly(self._pages[host])

    def _environment(self, probe: Probe) -> dict[str, str]:
        without = environment_without_keys(self._environ, self._redactor, key_variables(self._pair))
        return without | {"HAMR_PAIR": self._pair.name, "HAMR_PROBE": probe.name}

    def _cleaned(self, sight: Measured | Unmeasured) -> Measured | Unmeasured:
        """The same with every text as one short line without keys: readings are shown and journalled (law 17)."""
        if isinstance(sight, Unmeasured):
            return replace(sight, reason=one_line(sight.reason, self._redactor))
        value = one_line(sight.value, self._redactor) if isinstance(sight.value, str) else sight.value
        return replace(sight, value=value, detail=one_line(sight.detail, self._redactor))

    async def aclose(self) -> None:
        """Close all connections."""
        opened = [*self._pages.values(), *(self._transports or ())]
        if self._page_transport is not None:
            opened.append(self._page_transport)
        for transport in opened:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

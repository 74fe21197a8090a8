"""One org's API, asked with that org's keys: what reading, writing, probing and telling people share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator import __version__
from orchestrator.errors import KeyUnavailable
from orchestrator.model.org import Org
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.redaction import Redactor
from orchestrator.secrets import KeyRing

from .excerpt import one_line
from .transport import Exchanged, Transport, exchange, seconds

HEADERS: Mapping[str, str] = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"hamr-orchestrator/{__version__}",
}
"""What every request of ours carries, before any key."""


@dataclass(frozen=True, slots=True, repr=False)
class OrgAsker:
    """One org's connections, and its keys when they are needed. What may be sent is its transport's to say (law 2)."""

    org: Org
    transport: Transport
    timeouts: Timeouts
    keys: KeyRing
    redactor: Redactor
    clock: Clock

    async def fetch_keys(self, *, app_key: bool) -> dict[str, str]:
        """The key headers, both keys fetched at the same time."""
        name = str(self.org)
        wanted = [("DD-API-KEY", self.org.api_key, "api")]
        if app_key:
            wanted.append(("DD-APPLICATION-KEY", self.org.app_key, "app"))
        found = await asyncio.gather(
            *(self.keys.resolve(reference, org=name, which=which) for _, reference, which in wanted),
            return_exceptions=True,
        )
        headers: dict[str, str] = {}
        for (header, _, _), key in zip(wanted, found, strict=True):
            if isinstance(key, BaseException):
                raise key
            headers[header] = key.reveal()
        return headers

    async def ask(
        self, method: str, path: str, *, content: bytes | None, app_key: bool, within: float | None
    ) -> Exchanged:
        """One exchange, bounded as a whole.

        Raises:
            KeyUnavailable: there is no key to ask with; nothing was sent.
        """
        exchanged = Exchanged()
        if within is not None and within <= 0:
            exchanged.failure = "no time was left for it"
            return exchanged
        fetching = True
        bound = asyncio.timeout(within)
        try:
            async with bound:
                headers = {**HEADERS, **await self.fetch_keys(app_key=app_key)}
                fetching = False
                exchanged.began = self.clock.monotonic()
                if content is not None:
                    headers["Content-Type"] = "application/json"
                deadline = asyncio.get_running_loop().time() + seconds(self.timeouts.total)
                bound.reschedule(deadline if within is None else min(deadline, bound.when() or deadline))
                await exchange(
                    self.transport,
                    method,
                    self.org.base_url + path,
                    headers,
                    content=content,
                    timeouts=self.timeouts,
                    into=exchanged,
                )
        except TimeoutError:
            exchanged.failure = self._out_of_time(exchanged, fetching, within)
        return exchanged

    def _out_of_time(self, exchanged: Exchanged, fetching: bool, within: float | None) -> str:
        total = seconds(self.timeouts.total)
        allowed = total if within is None else within if fetching else min(within, total)
        if fetching:
            return f"its keys were not there within {allowed:g} s"
        if exchanged.status is not None:
            return f"the answer did not end within {allowed:g} s"
        return f"no {'answer' if exchanged.sent else 'connection'} within {allowed:g} s"

    def reason(self, error: KeyUnavailable) -> str:
        """Why there is no key, as one clean line."""
        return one_line(error.message, self.redactor)

"""One org's API, asked with that org's keys: what reading, writing, probing and telling people share.

A GET whose connection stood already and stays silent is asked again on a new one, since the old one may be dead
without anybody here knowing (a firewall forgot it). A GET that is denied is asked again where its keys have changed
since they were fetched. A POST is sent once, whatever happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from msgspec import Struct

from orchestrator import __version__
from orchestrator.errors import KeyUnavailable
from orchestrator.model.org import Org
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

from .excerpt import one_line
from .transport import KEYS_TOO_LATE, TOO_LATE, Exchanged, TooLate, Transport, exchange, seconds

HEADERS: Mapping[str, str] = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"hamr-orchestrator/{__version__}",
}
"""What every request of ours carries, before any key."""

REUSED_PATIENCE = 2.0
"""Seconds that a connection which stood already may be silent before a new one is asked beside it; half of the time
there is, where that is less."""

_DENIALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class _LeavingBy(Struct):
    """The last moment for a request to leave (law 6), and how long its exchange may take once it left."""

    clock: Clock
    by: float
    """On our monotonic clock."""
    bound: asyncio.Timeout
    """What ends the exchange."""
    end: float
    """On the loop's clock: when the exchange is to be over."""

    def connect(self) -> None:
        """See `transport.Departure`."""
        left = max(0.0, self.by - self.clock.monotonic())
        self._over_at(min(self.end, asyncio.get_running_loop().time() + left))

    def leave(self) -> None:
        """See `transport.Departure`."""
        if self.clock.monotonic() > self.by:
            raise TooLate
        self._over_at(self.end)

    def _over_at(self, moment: float) -> None:
        if not self.bound.expired():
            self.bound.reschedule(moment)


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
        self,
        method: str,
        path: str,
        *,
        content: bytes | None,
        app_key: bool,
        within: float | None,
        anew: bool = False,
        leave_by: float | None = None,
    ) -> Exchanged:
        """One exchange, bounded as a whole.

        Args:
            method: GET or POST.
            path: what is asked.
            content: the body; only a POST has one.
            app_key: whether the application key goes along.
            within: a deadline in seconds, fetching keys included.
            anew: whether a new connection must be used.
            leave_by: on our monotonic clock, when the request must have left; otherwise it is not sent (law 6).

        Raises:
            KeyUnavailable: there is no key to ask with; nothing was sent.
        """
        if within is not None and within <= 0:
            return Exchanged(failure="no time was left for it")
        asking = _Asking(self, method, self.org.base_url + path, content)
        asking.tries.append(Exchanged())
        loop = asyncio.get_running_loop()
        allowed = None if within is None else loop.time() + within
        leaving = None if leave_by is None else loop.time() + max(0.0, leave_by - self.clock.monotonic())
        bound = asyncio.timeout_at(_sooner(allowed, leaving))
        fetching = True
        try:
            async with bound:
                headers = await self.fetch_keys(app_key=app_key)
                fetching = False
                end = loop.time() + seconds(self.timeouts.total)
                end = end if allowed is None else min(end, allowed)
                bound.reschedule(end)
                if method != "GET":
                    departure = None if leave_by is None else _LeavingBy(self.clock, leave_by, bound, end)
                    answer = await asking.once(headers, departure)
                    if answer.status in _DENIALS:
                        self._distrust_keys(app_key=app_key)
                    return answer
                denied = await asking.until_answered(headers, end, anew=anew)
                if denied.status not in _DENIALS:
                    return denied
                self._distrust_keys(app_key=app_key)
                return await self._with_fresh_keys(asking, headers, denied, end, app_key=app_key)
        except TimeoutError:
            last = asking.tries[-1]
            too_late = leaving is not None and not last.sent and loop.time() >= leaving
            if not too_late:
                last.failure = self._out_of_time(last, fetching, within)
            else:
                last.failure = KEYS_TOO_LATE if fetching else TOO_LATE
            return last

    async def _with_fresh_keys(
        self, asking: _Asking, used: Mapping[str, str], denied: Exchanged, end: float, *, app_key: bool
    ) -> Exchanged:
        """Once more with keys that are fetched anew, where they are others by now; else the denial stands."""
        now = asyncio.get_running_loop().time()
        try:
            # What stands is an answer: fetching keys for another may not cost it.
            async with asyncio.timeout_at(now + (end - now) / 2):
                headers = await self.fetch_keys(app_key=app_key)
        except (KeyUnavailable, TimeoutError):
            return denied
        return denied if headers == used else await asking.until_answered(headers, end, anew=False)

    def _distrust_keys(self, *, app_key: bool) -> None:
        for reference in (self.org.api_key, *([self.org.app_key] if app_key else [])):
            self.keys.distrust(reference)

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


class _Asking:
    """One question to one org, and every time that it was put."""

    def __init__(self, asker: OrgAsker, method: str, url: str, content: bytes | None) -> None:
        self._asker = asker
        self._method = method
        self._url = url
        self._content = content
        self.tries: list[Exchanged] = []
        """What came of each, the last one last."""

    async def once(
        self, keys: Mapping[str, str], departure: _LeavingBy | None = None, *, anew: bool = False
    ) -> Exchanged:
        """Put it."""
        into = Exchanged(began=self._asker.clock.monotonic())
        self.tries.append(into)
        headers = {**HEADERS, **keys}
        if self._content is not None:
            headers["Content-Type"] = "application/json"
        await exchange(
            self._asker.transport,
            self._method,
            self._url,
            headers,
            content=self._content,
            timeouts=self._asker.timeouts,
            into=into,
            anew=anew,
            departure=departure,
        )
        return into

    async def until_answered(self, keys: Mapping[str, str], end: float, *, anew: bool) -> Exchanged:
        """Put it, and once more on a new connection where one that stood already gives no answer.

        The first is not given up meanwhile: whichever answers first counts.

        Args:
            keys: the key headers.
            end: on the loop's clock, when it is to be over.
            anew: whether the first one must use a new connection, too.
        """
        left = end - asyncio.get_running_loop().time()
        asking = [asyncio.create_task(self.once(keys, anew=anew))]
        try:
            await asyncio.wait(asking, timeout=min(REUSED_PATIENCE, left / 2))
            first = self.tries[-1]
            if first.status is None and first.reused:
                asking.append(asyncio.create_task(self.once(keys, anew=True)))
            pending = set(asking)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                answered = [task.result() for task in done if task.result().status is not None]
                if answered:
                    return answered[0]
            return asking[-1].result()
        finally:
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)

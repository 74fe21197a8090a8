"""A pair's two orgs over HTTP: `HttpReader` can only look, `HttpWorld` can write as well.

Each org has its own keys, and connections to its own host alone, so that no key ever goes to the other org's host. A GET whose
connection stood already and stays silent is asked again on a new one, since the old one may be dead without anybody here
knowing (a firewall forgot it). A GET that is denied is asked again where its keys have changed since they were fetched. A
POST is sent once, whatever happens; where it is denied, its answer says whether they have.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

from msgspec import Struct

from orchestrator import __version__
from orchestrator.errors import KeyUnavailable
from orchestrator.model.org import Org, Pair, Secret
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.model.readiness import KeysSaid
from orchestrator.model.reading import (
    Answer,
    Draft,
    Exchange,
    Hampered,
    Identity,
    NotSent,
    Reading,
    Request,
    Trouble,
)
from orchestrator.model.status import Both, Role
from orchestrator.system.keys import KeyRing, together
from orchestrator.system.redaction import Redactor

from .answers import DENIALS, answer_of, identity_of, keys_said, may_pass, one_line, sight_of, trace_of
from .connections import Trust, open_transports
from .transport import KEYS_TOO_LATE, TOO_LATE, Departure, Exchanged, Outgoing, ReadOnly, Transport, exchange
from .wire import PATH, request_of

HEADERS: Mapping[str, str] = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"hamr-orchestrator/{__version__}",
}
"""What every request of ours carries, before any key."""

VALIDATE_PATH = "/api/v2/validate"
VALIDATE_KEYS_PATH = "/api/v2/validate_keys"

REUSED_PATIENCE = 2.0
"""Seconds that a connection which stood already may be silent before a new one is asked beside it; half of the time
there is, where that is less."""

ASK_AGAIN_AFTER = 0.25
"""Seconds after which it is asked once more whose key it is."""

_KEY_REMEDY = (
    "set what is missing or correct what is wrong with it (export VARIABLE=…, or put the file there)"
)


_KEY_HEADERS = {"api": "DD-API-KEY", "app": "DD-APPLICATION-KEY"}


async def _fetched(keys: KeyRing, wanted: Iterable[tuple[Org, str]]) -> list[Secret]:
    """Keys of orgs, all fetched at the same time; a KeyUnavailable that names all that cannot be had."""
    found = await asyncio.gather(
        *(keys.resolve(org.keys[which], org=str(org), which=which) for org, which in wanted),
        return_exceptions=True,
    )
    missing = [key for key in found if isinstance(key, KeyUnavailable)]
    for key in found:
        if isinstance(key, BaseException) and key not in missing:
            raise key
    if missing:
        raise together(missing)
    return [key for key in found if isinstance(key, Secret)]


class Call(Struct, frozen=True):
    """What an org is asked, without its host and its keys."""

    method: str
    path: str
    content: bytes | None = None
    app_key: bool = True
    """Whether the application key goes along, beside the API key."""


_RECORD = Call("GET", PATH)
_IDENTITY = Call("GET", VALIDATE_PATH, app_key=False)
_BOTH_KEYS = Call("GET", VALIDATE_KEYS_PATH)


class OrgClient(Struct, frozen=True, eq=False):
    """One org's API, asked with that org's keys. What may be sent is its transport's to say (law 2)."""

    org: Org
    transport: Transport
    timeouts: Timeouts
    keys: KeyRing
    redactor: Redactor
    clock: Clock

    def __repr__(self) -> str:
        return f"OrgClient({self.org})"

    async def read(self, within: float | None, *, anew: bool = False) -> Reading:
        """GET the HAMR record."""
        role, asked = self.org.role, self.clock.monotonic()
        try:
            exchanged = await self.ask(_RECORD, within, anew=anew)
        except KeyUnavailable as error:
            hampered = Hampered(one_line(error.reason, self.redactor), _KEY_REMEDY, Trouble.KEYS)
            return Reading(role, hampered, self.clock.now(), asked)
        began = asked if exchanged.began is None else exchanged.began
        left = trace_of(exchanged, self.clock.monotonic() - began, self.redactor)
        return Reading(role, sight_of(exchanged, self.redactor), self.clock.now(), began, left)

    async def identify(self, within: float | None) -> Identity:
        """GET whose API key it is; once more on a new connection where the answer may be another then (law 21)."""
        began = self.clock.monotonic()
        try:
            exchanged = await self.ask(_IDENTITY, within)
            left = None if within is None else within - (self.clock.monotonic() - began) - ASK_AGAIN_AFTER
            if may_pass(exchanged) and (left is None or left > 0):
                await self.clock.sleep(ASK_AGAIN_AFTER)
                exchanged = await self.ask(_IDENTITY, left, anew=True)
        except KeyUnavailable as error:
            return Identity(self.org.role, None, self.reason(error))
        return identity_of(self.org.role, exchanged, self.redactor)

    async def validate_keys(self, within: float | None) -> KeysSaid:
        """GET whether both keys are accepted together."""
        try:
            exchanged = await self.ask(_BOTH_KEYS, within)
        except KeyUnavailable as error:
            return KeysSaid(self.org.role, None, self.reason(error))
        return keys_said(self.org.role, exchanged, self.redactor)

    async def write(self, request: Request, within: float | None, leave_by: float | None = None) -> Answer:
        """POST a record, once."""
        asked = self.clock.monotonic()
        content = json.dumps(request.body, separators=(",", ":"), allow_nan=False).encode("ascii")
        try:
            exchanged = await self.ask(Call("POST", PATH, content), within, leave_by=leave_by)
        except KeyUnavailable as error:
            return NotSent(Exchange(), self.reason(error))
        taken = self.clock.monotonic() - (asked if exchanged.began is None else exchanged.began)
        return answer_of(exchanged, taken, self.clock.now(), self.redactor)

    async def fetch_keys(self, *, app_key: bool = True) -> dict[str, str]:
        """The key headers, both keys fetched at the same time; a KeyUnavailable where one cannot be had."""
        wanted = [(self.org, which) for which in ("api", "app")[: 1 + app_key]]
        found = await _fetched(self.keys, wanted)
        return {_KEY_HEADERS[which]: key.reveal() for (_, which), key in zip(wanted, found, strict=True)}

    async def ask(
        self,
        call: Call,
        within: float | None,
        *,
        anew: bool = False,
        leave_by: float | None = None,
    ) -> Exchanged:
        """One exchange, bounded as a whole: `within` seconds, fetching keys included; a KeyUnavailable where there are none, and nothing was sent.

        With `anew` a new connection must be used. `leave_by`, on our monotonic clock, is when the request must have left; otherwise it is
        not sent (law 6).
        """
        if within is not None and within <= 0:
            return Exchanged(failure="no time was left for it")
        asking = _Asking(self, call, [Exchanged()])
        loop = asyncio.get_running_loop()
        allowed = None if within is None else loop.time() + within
        left = 0.0 if leave_by is None else leave_by - self.clock.monotonic()
        by_wall = self.clock.now().timestamp() + left
        leaving = None if leave_by is None else loop.time() + max(0.0, left)
        bound = asyncio.timeout_at(
            min((each for each in (allowed, leaving) if each is not None), default=None)
        )
        fetching = True
        try:
            async with bound:
                headers = await self.fetch_keys(app_key=call.app_key)
                fetching = False
                end = loop.time() + self.timeouts.total.total_seconds()
                end = end if allowed is None else min(end, allowed)
                bound.reschedule(end)
                if call.method == "GET":
                    answer = await asking.until_answered(headers, end, anew=anew)
                else:
                    departure = (
                        None if leave_by is None else Departure(self.clock, leave_by, by_wall, bound, end)
                    )
                    answer = await asking.once(headers, departure)
                if answer.status not in DENIALS:
                    return answer
                for reference in (self.org.api_key, self.org.app_key)[: len(headers)]:
                    self.keys.distrust(reference)
                fresh = await self._rotated(call, headers, end)
                if fresh is None:
                    return answer
                if call.method == "GET":
                    return await asking.until_answered(fresh, end, anew=False)
                answer.renewed = True
                return answer
        except TimeoutError:
            last = asking.tries[-1]
            if leaving is not None and not last.sent and loop.time() >= leaving:
                last.failure = KEYS_TOO_LATE if fetching else TOO_LATE
            else:
                last.failure = self._out_of_time(last, fetching, within)
            return last

    async def _rotated(self, call: Call, denied: Mapping[str, str], end: float) -> Mapping[str, str] | None:
        """The key headers, fetched anew, where they are others than those that were denied; None where the denial stands."""
        now = asyncio.get_running_loop().time()
        try:
            # What stands is an answer: fetching keys for another may not cost it.
            async with asyncio.timeout_at(now + (end - now) / 2):
                headers = await self.fetch_keys(app_key=call.app_key)
        except (KeyUnavailable, TimeoutError):
            return None
        return None if headers == denied else headers

    def _out_of_time(self, exchanged: Exchanged, fetching: bool, within: float | None) -> str:
        total = self.timeouts.total.total_seconds()
        allowed = total if within is None else within if fetching else min(within, total)
        if fetching:
            return f"its keys were not there within {allowed:g} s"
        if exchanged.status is not None:
            return f"the answer did not end within {allowed:g} s"
        return f"no {'answer' if exchanged.sent else 'connection'} within {allowed:g} s"

    def reason(self, error: KeyUnavailable) -> str:
        """Why there is no key, as one clean line."""
        return one_line(error.message, self.redactor)


class _Asking(Struct):
    """One question to one org, and every time that it was put."""

    client: OrgClient
    call: Call
    tries: list[Exchanged]
    """What came of each, the last one last."""

    async def once(
        self, keys: Mapping[str, str], departure: Departure | None = None, *, anew: bool = False
    ) -> Exchanged:
        """Put it."""
        into = Exchanged(began=self.client.clock.monotonic())
        self.tries.append(into)
        headers, asked, client = {**HEADERS, **keys}, self.call, self.client
        if asked.content is not None:
            headers["Content-Type"] = "application/json"
        url = client.org.base_url + asked.path
        outgoing = Outgoing(asked.method, url, headers, asked.content, anew, departure)
        await exchange(client.transport, outgoing, client.timeouts, into)
        return into

    async def until_answered(self, keys: Mapping[str, str], end: float, *, anew: bool) -> Exchanged:
        """Put it, and once more on a new connection where one that stood already gives no answer; with `anew`, the first one is new, too.

        The first is not given up meanwhile: whichever answers first counts. On the loop's clock, all is over at `end`.
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


class _PairClient:
    """A pair's orgs, each over its own connections and with its own keys.

    `transports` stand in the place of the network, for tests, and are closed with this client; `trust` None loads certificates anew. A
    PreparationError where the certificates or the proxy of this machine cannot be used.
    """

    _reads_only: ClassVar[bool]
    """Whether its connections let nothing but GETs through."""

    def __init__(
        self,
        pair: Pair,
        *,
        timeouts: Timeouts,
        keys: KeyRing,
        redactor: Redactor,
        clock: Clock,
        transports: Both[Transport] | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._pair = pair
        opened = open_transports(pair.orgs, trust=trust) if transports is None else transports
        allowed = [ReadOnly(transport) if self._reads_only else transport for transport in opened]
        primary, secondary = (
            OrgClient(org, transport, timeouts, keys, redactor, clock)
            for org, transport in zip(pair.orgs, allowed, strict=True)
        )
        self._orgs = Both(primary, secondary)

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        """GET one org's record. A key that cannot be had reads as Hampered, with the reason; nothing was sent then."""
        return await self._orgs[role].read(within, anew=anew)

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        """Which org the API key belongs to, as `GET /api/v2/validate` says [doc]."""
        return await self._orgs[role].identify(within)

    async def require_keys(self) -> None:
        """Fetch all four keys now, at the same time; a KeyUnavailable names all that cannot be used."""
        wanted = [(client.org, which) for client in self._orgs for which in client.org.keys]
        await _fetched(self._orgs.primary.keys, wanted)

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._orgs:
            await client.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class HttpReader(_PairClient):
    """Looks at a pair's orgs. Its transports have no way to send anything but a GET (law 2)."""

    _reads_only = True

    async def validate_keys(self, role: Role, *, within: float | None = None) -> KeysSaid:
        """Whether an org's two keys are accepted together, as `GET /api/v2/validate_keys` says [doc]."""
        return await self._orgs[role].validate_keys(within)


class HttpWorld(_PairClient):
    """Looks at a pair's orgs and writes to them."""

    _reads_only = False

    def describe(self, draft: Draft) -> Request:
        """The request that `write` would send, without keys."""
        return request_of(self._pair, draft)

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        """POST one draft to its org, once. A key that cannot be had is NotSent."""
        return await self._orgs[draft.role].write(self.describe(draft), within, leave_by)

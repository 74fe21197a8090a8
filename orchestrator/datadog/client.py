"""A pair's two orgs over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from msgspec import Struct

from orchestrator import __version__
from orchestrator.errors import KeyUnavailable
from orchestrator.model.org import Org, Pair
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
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

from .answers import answer_of, identity_of, keys_said, may_pass, one_line, sight_of, trace_of
from .connections import open_transports
from .transport import KEYS_TOO_LATE, TOO_LATE, Exchanged, ReadOnly, TooLate, Transport, exchange, seconds
from .wire import PATH, request_of

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


VALIDATE_PATH = "/api/v2/validate"
VALIDATE_KEYS_PATH = "/api/v2/validate_keys"

ASK_AGAIN_AFTER = 0.25
"""Seconds after which it is asked once more whose key it is."""

_KEY_REMEDY = (
    "set what is missing or correct what is wrong with it (export VARIABLE=…, or put the file there)"
)


@dataclass(frozen=True, slots=True, repr=False)
class _OrgClient:
    """One org's HAMR record, read and written, and whose keys ours are."""

    asker: OrgAsker

    async def read(self, role: Role, within: float | None, *, anew: bool = False) -> Reading:
        """GET the record."""
        asked = self.asker.clock.monotonic()
        try:
            exchanged = await self.asker.ask(
                "GET", PATH, content=None, app_key=True, within=within, anew=anew
            )
        except KeyUnavailable as error:
            hampered = Hampered(self.asker.reason(error), _KEY_REMEDY, Trouble.KEYS)
            return Reading(role, hampered, self.asker.clock.now(), asked)
        began = asked if exchanged.began is None else exchanged.began
        left = trace_of(exchanged, self.asker.clock.monotonic() - began, self.asker.redactor)
        return Reading(role, sight_of(exchanged, self.asker.redactor), self.asker.clock.now(), began, left)

    async def identify(self, role: Role, within: float | None) -> Identity:
        """GET whose API key it is; once more on a new connection where the answer may be another then (law 21)."""
        began = self.asker.clock.monotonic()
        try:
            exchanged = await self._whose(within, anew=False)
            left = (
                None if within is None else within - (self.asker.clock.monotonic() - began) - ASK_AGAIN_AFTER
            )
            if may_pass(exchanged, self.asker.redactor) and (left is None or left > 0):
                await self.asker.clock.sleep(ASK_AGAIN_AFTER)
                exchanged = await self._whose(left, anew=True)
        except KeyUnavailable as error:
            return Identity(role, None, self.asker.reason(error))
        return identity_of(role, exchanged, self.asker.redactor)

    async def _whose(self, within: float | None, *, anew: bool) -> Exchanged:
        return await self.asker.ask(
            "GET", VALIDATE_PATH, content=None, app_key=False, within=within, anew=anew
        )

    async def validate_keys(self, role: Role, within: float | None) -> KeysSaid:
        """GET whether both keys are accepted together."""
        try:
            exchanged = await self.asker.ask(
                "GET", VALIDATE_KEYS_PATH, content=None, app_key=True, within=within
            )
        except KeyUnavailable as error:
            return KeysSaid(role, None, self.asker.reason(error))
        return keys_said(role, exchanged, self.asker.redactor)

    async def write(self, request: Request, within: float | None, *, leave_by: float | None = None) -> Answer:
        """POST a record."""
        asked = self.asker.clock.monotonic()
        content = json.dumps(request.body, separators=(",", ":"), allow_nan=False).encode("ascii")
        try:
            exchanged = await self.asker.ask(
                "POST", PATH, content=content, app_key=True, within=within, leave_by=leave_by
            )
        except KeyUnavailable as error:
            return NotSent(Exchange(), self.asker.reason(error))
        taken = self.asker.clock.monotonic() - (asked if exchanged.began is None else exchanged.began)
        return answer_of(exchanged, taken, self.asker.clock.now(), self.asker.redactor)


class HttpReader:
    """Looks at a pair's orgs. Its transports have no way to send anything but a GET (law 2).

    Args:
        pair: whose orgs.
        timeouts: for connecting, for each wait for data, and for one whole exchange.
        keys: where keys come from.
        redactor: cleans every text that leaves here.
        clock: what readings are dated with.
        transports: in the place of the network, for tests; closed with this reader.

    Raises:
        PreparationError: the certificates or the proxy of this machine cannot be used.
    """

    def __init__(
        self,
        pair: Pair,
        *,
        timeouts: Timeouts,
        keys: KeyRing,
        redactor: Redactor,
        clock: Clock,
        transports: Both[Transport] | None = None,
    ) -> None:
        opened = _opened(pair, transports)
        read_only: Both[Transport] = Both(ReadOnly(opened.primary), ReadOnly(opened.secondary))
        self._orgs = _clients(pair, read_only, timeouts=timeouts, keys=keys, redactor=redactor, clock=clock)

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        """GET one org's record. A key that cannot be had reads as Hampered, with the reason; nothing was sent then."""
        return await self._orgs[role].read(role, within, anew=anew)

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        """Which org the API key belongs to, as `GET /api/v2/validate` says [doc]."""
        return await self._orgs[role].identify(role, within)

    async def validate_keys(self, role: Role, *, within: float | None = None) -> KeysSaid:
        """Whether an org's two keys are accepted together, as `GET /api/v2/validate_keys` says [doc]."""
        return await self._orgs[role].validate_keys(role, within)

    async def require_keys(self) -> None:
        """Fetch all four keys now, at the same time.

        Raises:
            KeyUnavailable: one or more cannot be used; names all of them.
        """
        await _require_keys(self._orgs)

    async def aclose(self) -> None:
        """Close all connections."""
        await _close(self._orgs)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class HttpWorld:
    """Looks at a pair's orgs and writes to them. Arguments and errors are those of `HttpReader`."""

    def __init__(
        self,
        pair: Pair,
        *,
        timeouts: Timeouts,
        keys: KeyRing,
        redactor: Redactor,
        clock: Clock,
        transports: Both[Transport] | None = None,
    ) -> None:
        self._pair = pair
        opened = _opened(pair, transports)
        self._orgs = _clients(pair, opened, timeouts=timeouts, keys=keys, redactor=redactor, clock=clock)

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        """GET one org's record; as `HttpReader.read`."""
        return await self._orgs[role].read(role, within, anew=anew)

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        """Which org the API key belongs to; as `HttpReader.identify`."""
        return await self._orgs[role].identify(role, within)

    def describe(self, draft: Draft) -> Request:
        """The request that `write` would send, without keys."""
        return request_of(self._pair, draft)

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        """POST one draft to its org, once. A key that cannot be had is NotSent."""
        return await self._orgs[draft.role].write(self.describe(draft), within, leave_by=leave_by)

    async def require_keys(self) -> None:
        """Fetch all four keys now; as `HttpReader.require_keys`."""
        await _require_keys(self._orgs)

    async def aclose(self) -> None:
        """Close all connections."""
        await _close(self._orgs)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _opened(pair: Pair, transports: Both[Transport] | None) -> Both[Transport]:
    if transports is not None:
        return transports
    return open_transports(pair.orgs)


def _clients(
    pair: Pair,
    transports: Both[Transport],
    *,
    timeouts: Timeouts,
    keys: KeyRing,
    redactor: Redactor,
    clock: Clock,
) -> Both[_OrgClient]:
    return Both(
        _OrgClient(OrgAsker(pair.orgs.primary, transports.primary, timeouts, keys, redactor, clock)),
        _OrgClient(OrgAsker(pair.orgs.secondary, transports.secondary, timeouts, keys, redactor, clock)),
    )


async def _require_keys(orgs: Both[_OrgClient]) -> None:
    found = await asyncio.gather(
        *(client.asker.fetch_keys(app_key=True) for client in orgs), return_exceptions=True
    )
    problems = [problem for problem in found if isinstance(problem, BaseException)]
    missing = [problem for problem in problems if isinstance(problem, KeyUnavailable)]
    for problem in problems:
        if not isinstance(problem, KeyUnavailable):
            raise problem
    if missing:
        raise KeyUnavailable(
            "\n".join(problem.message for problem in missing),
            org=missing[0].org if len(missing) == 1 else None,
            next_steps=tuple(step for problem in missing for step in problem.next_steps),
        )


async def _close(orgs: Both[_OrgClient]) -> None:
    for client in orgs:
        await client.asker.transport.aclose()

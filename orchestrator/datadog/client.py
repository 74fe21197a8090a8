"""A pair's two orgs over HTTP: `HttpReader` can only look, `HttpWorld` can write as well.

Each org has its own connections and its own keys, so that no key ever goes to the other org's host.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Self

from orchestrator.errors import KeyUnavailable
from orchestrator.model.org import Pair
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

from .answers import answer_of, identity_of, keys_said, may_pass, sight_of, trace_of
from .asking import OrgAsker
from .pool import open_transports
from .request import PATH, request_of
from .transport import Exchanged, ReadOnly, Transport

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

"""Probes: readings of anything but the HAMR records, which the guards of a playbook go by."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Self, assert_never
from urllib.parse import SplitResult, urljoin, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.errors import PreparationError
from orchestrator.model.guard import (
    Command,
    Http,
    Measured,
    Metric,
    Monitor,
    Probe,
    ProbeReading,
    Unmeasured,
    Value,
)
from orchestrator.model.org import Pair
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.model.status import Both
from orchestrator.model.words import span
from orchestrator.system.keys import KeyRing
from orchestrator.system.programs import (
    Capture,
    NotStarted,
    environment_without_keys,
    run_to_end,
)
from orchestrator.system.redaction import Redactor

from .answers import LONGEST, NoBody, body_of, one_line
from .client import HEADERS, OrgClient
from .connections import Trust, open_page_transport, open_transports
from .org_probes import ask_org
from .transport import Exchanged, Outgoing, ReadOnly, Transport, exchange


class Probes(Struct, eq=False):
    """Reads probes, as model.protocols.Prober asks for it. Its transports can send nothing but GETs (law 2).

    Nothing is opened before it is needed. Any number may be taken at the same time: none waits for another.
    """

    pair: Pair
    timeouts: Timeouts
    keys: KeyRing
    redactor: Redactor
    clock: Clock
    environ: Mapping[str, str]
    """Ours: commands are given it without keys, and the proxy is found there."""
    transports: Both[Transport] | None = None
    """To the orgs; in the place of the network, for tests. Closed with these probes, as the others are."""
    trust: Trust = field(default_factory=Trust)
    pages: dict[str, Transport] = field(default_factory=dict)
    """Connections to each host of a page that was asked, likewise."""

    def __repr__(self) -> str:
        return f"Probes({self.pair.name})"

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """Read one probe. Never raises for what the world does: that is the reading.

        `within` is a deadline in seconds, where that is less than the probe's own; everything counts against it, fetching keys included.
        """
        began = self.clock.monotonic()
        own = probe.kind.timeout.total_seconds()
        allowed = own if within is None else min(own, within)
        try:
            sight = await self._sight(probe, allowed)
        except PreparationError as problem:
            sight = Unmeasured(problem.message)
        monotonic = self.clock.monotonic()
        return ProbeReading(probe.name, self._cleaned(sight), self.clock.now(), monotonic, monotonic - began)

    async def _sight(self, probe: Probe, allowed: float) -> Measured | Unmeasured:
        if allowed <= 0:
            return Unmeasured("no time was left for it")
        match probe.kind:
            case Metric() | Monitor():
                return await ask_org(probe.kind, self._client(probe.kind), allowed)
            case Http():
                return await self._ask_page(probe.kind, allowed)
            case Command():
                return await self._ask_command(probe.name, probe.kind, allowed)
            case _ as never:
                assert_never(never)

    async def _ask_command(self, name: str, command: Command, within: float) -> Measured | Unmeasured:
        """What a program says; its process group is ended when its time is up."""
        output, errors = Capture(), Capture()
        without = environment_without_keys(self.environ, self.redactor, self.pair.key_variables)
        environ = without | {"HAMR_PAIR": self.pair.name, "HAMR_PROBE": name}
        try:
            code = await run_to_end(command.run, environ, output, errors, within=within, grace=GRACE)
        except NotStarted as problem:
            return Unmeasured(str(problem))
        complaint = errors.last_line(self.redactor)
        if code is None:
            return Unmeasured(
                _joined(f"{command.run[0]} did not end within {span(within)}, and was stopped", complaint)
            )
        if code < 0:
            return Unmeasured(_joined(f"{command.run[0]} was killed by signal {-code}", complaint))
        if code not in (_GOOD, _BAD):
            return Unmeasured(_joined(f"exit code {code}", complaint))
        first = output.text(self.redactor).partition("\n")[0].strip()
        value = _number(first)
        said = "" if value is not None else first or (complaint if code == _BAD else "")
        return Measured(value, good=code == _GOOD, detail=_joined(f"exit code {code}", said))

    async def _ask_page(self, page: Http, within: float) -> Measured | Unmeasured:
        """What a page says, within so many seconds, redirects included.

        A redirect within the page's own host is followed, unless it gives up encryption. Any other leaves it unknown:
        what another host says (a login page, a captive portal) is not the page's word.
        """
        url = page.at(self.pair.pages)
        if url is None:
            return Unmeasured(
                f"pairs.yaml gives pair {self.pair.name} no page {page.page}: write it under its pages"
            )
        exchanged = Exchanged()
        try:
            async with asyncio.timeout(within):
                for _ in range(MOST_REDIRECTS + 1):
                    exchanged = Exchanged()
                    get = Outgoing("GET", url, _HEADERS)
                    await exchange(self._reach(url), get, self.timeouts, exchanged)
                    to = _redirect(url, exchanged) if exchanged.status != page.status else None
                    if to is None:
                        return _page_sight(page, exchanged, self.redactor)
                    if isinstance(to, Unmeasured):
                        return to
                    url = to
        except TimeoutError:
            if exchanged.status is not None:
                return Unmeasured(f"the answer did not end within {span(within)}")
            return Unmeasured(f"no {'answer' if exchanged.sent else 'connection'} within {span(within)}")
        return Unmeasured(f"it redirects more than {MOST_REDIRECTS} times")

    def _client(self, kind: Metric | Monitor) -> OrgClient:
        if self.transports is None:
            self.transports = open_transports(self.pair.orgs, self.environ, self.trust)
        return OrgClient(
            self.pair[kind.org],
            ReadOnly(self.transports[kind.org]),
            self.timeouts,
            self.keys,
            self.redactor,
            self.clock,
        )

    def _reach(self, url: str) -> Transport:
        """Connections for one page; each host has its own, opened when it is first asked."""
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self.pages:
            self.pages[host] = open_page_transport(host, self.environ, self.trust)
        return ReadOnly(self.pages[host])

    def _cleaned(self, sight: Measured | Unmeasured) -> Measured | Unmeasured:
        """The same with every text as one short line without keys: readings are shown and journalled (law 17)."""
        if isinstance(sight, Unmeasured):
            return replace(sight, reason=one_line(sight.reason, self.redactor))
        value = one_line(sight.value, self.redactor) if isinstance(sight.value, str) else sight.value
        return replace(sight, value=value, detail=one_line(sight.detail, self.redactor))

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in (*self.pages.values(), *(self.transports or ())):
            await transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


GRACE = 0.1
"""Seconds that a probe's process group has to end by itself: it only asks, and somebody waits for the answer."""

_GOOD, _BAD = 0, 1

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _number(text: str) -> float | None:
    """A finite number, else None."""
    value = float(text) if re.fullmatch(_NUMBER, text) else math.nan
    return value if math.isfinite(value) else None


def _joined(what: str, more: str) -> str:
    return f"{what}: {more}" if more else what


MOST_REDIRECTS = 5

_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)

_HEADERS = {**HEADERS, "Accept": "application/json, */*;q=0.5"}


def _redirect(url: str, exchanged: Exchanged) -> str | Unmeasured | None:
    """Where an answer redirects to: a URL that may be followed, why not, or None where it does not redirect."""
    location = exchanged.headers.get("location")
    if exchanged.status not in _REDIRECTS or not location:
        return None
    try:
        to = urljoin(url, location)
        here, there = urlsplit(url), urlsplit(to)
        same_host = _page_host(here) == _page_host(there)
    except ValueError:
        return Unmeasured(f"answered {exchanged.status} with an address that can't be read")
    if there.scheme not in ("http", "https") or (here.scheme, there.scheme) == ("https", "http"):
        return Unmeasured(f"answered {exchanged.status}, to an address without https, which is not followed")
    if not same_host:
        return Unmeasured(
            f"answered {exchanged.status}, to another host ({_page_host(there) or 'none'}), which is not followed"
        )
    return to


def _page_host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _page_sight(page: Http, exchanged: Exchanged, redactor: Redactor) -> Measured | Unmeasured:
    status = exchanged.status
    if status is None:
        return Unmeasured(exchanged.failure)
    if status != page.status:
        return Measured(good=False, detail=f"answered {status}, wanted {page.status}")
    if exchanged.failure:
        return Unmeasured(f"answered {status}, and then the answer broke off: {exchanged.failure}")
    if page.pointer is None:
        return Measured(detail=f"answered {status}")
    if exchanged.refused:
        return Unmeasured(f"answered {status}, but {exchanged.refused}")
    body = body_of(exchanged, redactor)
    if isinstance(body, NoBody):
        return Unmeasured(f"answered {status}, but the answer can't be used: {body.reason}")
    try:
        return Measured(value_at(body, page.pointer), detail=f"answered {status}")
    except NoValue as problem:
        return Unmeasured(f"answered {status}, but {problem}")


_INDEX = r"0|[1-9][0-9]{0,8}"


class NoValue(Exception):
    """There is no value that a probe could have, with the reason."""


def find(document: JSON, pointer: str) -> JSON:
    """The value at a pointer, the whole document for ""; a NoValue where nothing stands there."""
    found = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")  # in this order: RFC 6901, section 4
        match found:
            case dict() if name in found:
                found = found[name]
            case list() if re.fullmatch(_INDEX, name) and int(name) < len(found):
                found = found[int(name)]
            case _:
                raise NoValue(f"the answer has nothing at {pointer}")
    return found


def value_at(document: JSON, pointer: str) -> Value:
    """The number, text or boolean at a pointer.

    A NoValue where nothing stands there, or something that is no value: null, a list, an object, a text beyond all measure, a number
    that is not finite.
    """
    found = find(document, pointer)
    where = pointer or "its top"
    match found:
        case bool():
            return found
        case int() | float():
            try:
                number = float(found)
            except OverflowError:
                number = math.inf
            if not math.isfinite(number):
                raise NoValue(f"the number at {where} is too large")
            return number
        case str() if len(found) <= LONGEST:
            return found
        case str():
            raise NoValue(f"the text at {where} has {len(found):,} characters; a value has {LONGEST} at most")
        case None:
            raise NoValue(f"the answer has null at {where}")
        case list():
            raise NoValue(f"the answer has a list at {where}, not one value")
        case _:
            raise NoValue(f"the answer has an object at {where}, not one value")

"""The channels of an inventory's `tell`: a signed webhook, and whatever Apprise reaches.

Their addresses are keys: found by reference, known to the redactor before anybody sees them, and never shown.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import sys
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from orchestrator.config.fields import split_url
from orchestrator.datadog.answers import one_line
from orchestrator.datadog.client import HEADERS
from orchestrator.datadog.connections import Trust, open_page_transport
from orchestrator.datadog.transport import Exchanged, Outgoing, Transport, exchange
from orchestrator.errors import HamrError, PreparationError
from orchestrator.model.journal import Head
from orchestrator.model.org import Apprise, Channel, Occasion, Secret, Webhook, is_loopback
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.model.words import NO_APPRISE
from orchestrator.system.keys import KeyRing
from orchestrator.system.programs import Capture, NotStarted, environment_without_keys, run_to_end
from orchestrator.system.redaction import Redactor

from .notice import Alert, Notice, message_text, message_title, notice_json
from .posting import Failed

CHANNEL_PATIENCE = 5.0
"""Seconds that the end of a run waits for what is still to be sent to a channel: its result is shown by then."""

TIMEOUTS = Timeouts(connect=timedelta(seconds=2), read=timedelta(seconds=2), total=timedelta(seconds=2))
"""Of one POST of a webhook, which is made twice at most."""

PAUSE = 0.5
"""Seconds before it is made again."""

APPRISE_WITHIN = 15.0
"""Seconds: a mail server takes its time, and nobody waits for it but the notices behind it."""

LONGEST_ADDRESS = 4096

DELIVERY, TIMESTAMP, SIGNATURE = "X-Hamr-Delivery", "X-Hamr-Timestamp", "X-Hamr-Signature"

_PASSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_CHILD = Path(__file__).with_name("by_apprise.py")
_TYPES = {Alert.INFO: "info", Alert.WARNING: "warning", Alert.ERROR: "failure", Alert.SUCCESS: "success"}


class ChannelServices(Struct, frozen=True, eq=False):
    """What channels are reached with."""

    keys: KeyRing
    redactor: Redactor
    clock: Clock
    environ: Mapping[str, str]
    """Ours: where a proxy is found; programs are given it without keys."""
    hidden: frozenset[str]
    """Environment variables that hold keys."""
    trust: Trust

    def __repr__(self) -> str:
        return "ChannelServices(…)"

    async def resolve(self, channel: Channel) -> dict[str, Secret]:
        """Its address, and what else it needs, by name; what is secret in an address alone is known from here on. Raises KeyUnavailable."""
        found = {
            which: await self.keys.resolve(reference, org=str(channel), which=which)
            for which, reference in channel.keys.items()
        }
        for part in secret_parts(found["address"].reveal()):
            self.redactor.add(Secret(part))
        return found


_TOKEN = re.compile(r"[A-Za-z0-9_.~+-]{12,}")


def secret_parts(address: str) -> set[str]:
    """What must not be shown of an address even apart from the rest: its path and query, a password, any long token."""
    try:
        parts = urlsplit(address)
        password = parts.password
    except ValueError:
        return set(_TOKEN.findall(address))
    is_web = parts.scheme in ("http", "https")
    rest = address.partition("://")[2]
    target = rest[len(parts.netloc) :] if is_web else rest
    found = {target, password or "", unquote(password or ""), *_TOKEN.findall(target)}
    return {part for part in found if part.strip("/")}


def delivery_of(notice: Notice, at: datetime) -> str:
    """The same for one notice however often, and wherever, it is sent; no other notice has it."""
    return hashlib.sha256(f"{notice.run} {at.isoformat()} {notice.title}".encode()).hexdigest()[:32]


def signature_of(secret: Secret, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the timestamp, a dot and the body."""
    key = secret.reveal().encode("utf-8", "surrogateescape")
    return "v1=" + hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class PeopleChannel:
    """A channel of the inventory's `tell`; nothing is opened before it is needed.

    An address that cannot be had, or a machine that lacks something, is a failure like any other.
    """

    patience = CHANNEL_PATIENCE

    def __init__(self, channel: Channel, services: ChannelServices) -> None:
        self.name = channel.name
        self._channel, self._redactor = channel, services.redactor
        self._way: _Webhook | _Apprise
        match channel.via:
            case Webhook():
                self._way = _Webhook(channel, services)
            case Apprise():
                self._way = _Apprise(channel, services)

    def wants(self, notice: Notice) -> bool:
        """Whether it is told of that: of a drill under its own word alone; of a test always."""
        of_drill = notice.about.drill and notice.occasion is not None
        return notice.test or (Occasion.DRILL if of_drill else notice.occasion) in self._channel.on

    async def ready(self) -> Failed | None:
        """Why it could not be told, as far as that is known without telling it anything."""
        return await self._came_of(self._way.address())

    async def deliver(self, notice: Notice, at: datetime, head: Head | None) -> Failed | None:
        """Send a notice."""
        return await self._came_of(self._way.deliver(notice, at, head))

    async def _came_of(self, work: Awaitable[object]) -> Failed | None:
        try:
            came = await work
        except HamrError as error:
            return Failed(one_line(error.message, self._redactor))
        return came if isinstance(came, Failed) else None

    async def aclose(self) -> None:
        """Close its connections."""
        await self._way.aclose()


class _Webhook:
    """A JSON POST, signed, made once more with the same id where that may help. A redirect is not followed."""

    def __init__(self, channel: Channel, services: ChannelServices) -> None:
        self._channel, self._services = channel, services
        self._transport: Transport | None = None

    async def deliver(self, notice: Notice, at: datetime, head: Head | None) -> Failed | None:
        services, delivery = self._services, delivery_of(notice, at)
        url, secret = await self.address()
        document = notice_json(notice, delivery, at, head, services.redactor)
        body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
        exchanged = await self._post(url, secret, delivery, body)
        if _may_pass(exchanged):
            await services.clock.sleep(PAUSE)
            exchanged = await self._post(url, secret, delivery, body, anew=True)
        if exchanged.status is not None and HTTPStatus.OK <= exchanged.status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        # Nothing of its body: it may repeat what it was asked, the address included.
        said = exchanged.failure if exchanged.status is None else f"HTTP {exchanged.status}"
        return Failed(one_line(said, services.redactor))

    async def _post(
        self, url: str, secret: Secret, delivery: str, body: bytes, *, anew: bool = False
    ) -> Exchanged:
        services, exchanged = self._services, Exchanged()
        if self._transport is None and url.startswith("https:"):
            await asyncio.to_thread(services.trust.of_machine)  # tens of milliseconds, not in the run's way
        if self._transport is None:
            self._transport = open_page_transport(url, services.environ, services.trust)
        timestamp = str(int(services.clock.now().timestamp()))
        signature = signature_of(secret, timestamp, body)
        signed = {DELIVERY: delivery, TIMESTAMP: timestamp, SIGNATURE: signature}
        headers = {**HEADERS, "Content-Type": "application/json", **signed}
        post = Outgoing("POST", url, headers, body, anew)
        try:
            async with asyncio.timeout(TIMEOUTS.total.total_seconds()):
                await exchange(self._transport, post, TIMEOUTS, exchanged)
        except TimeoutError:
            exchanged.failure = f"no answer within {TIMEOUTS.total.total_seconds():g} s"
        return exchanged

    async def address(self) -> tuple[str, Secret]:
        """Its URL and secret; a PreparationError where the URL is none that may be used, a KeyUnavailable where one of them cannot be had."""
        found = await self._services.resolve(self._channel)
        url = found["address"].reveal()
        usage = "an https:// URL is wanted (http:// on loopback alone), without a name or password"
        try:
            parts, problem = split_url(url, usage), ""
        except ValueError as error:
            parts, problem = urlsplit(""), str(error)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            problem = f"this URL is not encrypted: {usage}"
        if problem:
            raise PreparationError(f"The address of {self._channel} cannot be used: {problem}.")
        return url, found["secret"]

    async def aclose(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()


def _may_pass(exchanged: Exchanged) -> bool:
    """Whether the same request may fare better: the id says that it is the same."""
    status = exchanged.status
    return status is None or status in _PASSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR


class _Apprise:
    """One address of Apprise's, in a process of its own.

    That library takes a third of a second to load, waits where it likes, and hundreds of services hang on it: in another
    process it can neither slow a run down nor hold it up, and is ended when its time is over. The address goes in through
    a pipe, where nobody else can read it.
    """

    def __init__(self, channel: Channel, services: ChannelServices) -> None:
        self._channel, self._services = channel, services

    async def deliver(self, notice: Notice, _: datetime, head: Head | None) -> Failed | None:
        services = self._services
        address, redactor, output = await self.address(), services.redactor, Capture()
        message = {
            "address": address,
            "title": message_title(notice, redactor),
            "body": message_text(notice, head, redactor),
            "type": _TYPES[notice.alert],
        }
        environ = environment_without_keys(services.environ, redactor, services.hidden)
        if "SSL_CERT_FILE" in environ:  # the library that Apprise uses has a name of its own for it
            environ.setdefault("REQUESTS_CA_BUNDLE", environ["SSL_CERT_FILE"])
        argv = (sys.executable, "-P", os.fspath(_CHILD))
        given = json.dumps(message).encode()
        try:
            code = await run_to_end(
                argv, environ, output, Capture(0), within=APPRISE_WITHIN, grace=0, given=given
            )
        except NotStarted as problem:
            return Failed(one_line(str(problem), redactor))
        if code is None:
            return Failed(
                f"Apprise did not end within {APPRISE_WITHIN:g} s: whether it was sent is not known"
            )
        return None if code == 0 else Failed(one_line(output.last_line(redactor), redactor))

    async def address(self) -> str:
        """Its address; a PreparationError where Apprise is not installed, or no address is so long, a KeyUnavailable where it cannot be had."""
        if find_spec("apprise") is None:
            raise PreparationError(f"{NO_APPRISE}.")
        address = (await self._services.resolve(self._channel))["address"].reveal()
        if len(address) > LONGEST_ADDRESS:
            raise PreparationError(
                f"The address of {self._channel} has more than {LONGEST_ADDRESS} characters."
            )
        return address

    async def aclose(self) -> None:
        """Nothing is open between two notices."""

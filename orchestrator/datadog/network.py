"""Connections by name, where a name server may never answer: nothing that waits for one holds up our end.

asyncio looks names up in threads that it waits for when it ends, and the interpreter waits for them once more: a
program that is done would stay for as long as the resolver likes, deaf to Ctrl-C. The threads here are left behind.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import chain, zip_longest

import httpcore

STAGGER = 0.25
"""Seconds after which a host's next address is tried beside those that have not answered (RFC 8305)."""

MOST_LOOKUPS = 8
"""Lookups of one host that may hang at the same time; beyond them, the youngest is waited for."""


class Network(httpcore.AnyIOBackend):
    """Opens TCP connections for httpcore, by names that are looked up here."""

    def __init__(self) -> None:
        super().__init__()
        self._lookups: dict[tuple[str, int], list[asyncio.Future[list[str]]]] = {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to whichever of a host's addresses answers first.

        Raises:
            ConnectTimeout: none did in time, or the name was not found in time.
            ConnectError: none can be reached, or there is no such name.
        """
        options = None if socket_options is None else list(socket_options)

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            return await super(Network, self).connect_tcp(address, port, None, local_address, options)

        try:
            async with asyncio.timeout(timeout):
                addresses = await self._addresses(host, port)
                if len(addresses) == 1:
                    return await connect(addresses[0])
                return await _first(addresses, connect)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error

    async def _addresses(self, host: str, port: int) -> list[str]:
        with suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        loop = asyncio.get_running_loop()
        lookups = self._lookups.setdefault((host, port), [])
        lookups[:] = [lookup for lookup in lookups if not lookup.done() and lookup.get_loop() is loop]
        if len(lookups) < MOST_LOOKUPS:
            lookups.append(_looked_up(loop, host, port))
        return await asyncio.shield(lookups[-1])


def _looked_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> asyncio.Future[list[str]]:
    """A host's addresses, looked up in a thread that nobody waits for when the program ends."""
    found: asyncio.Future[list[str]] = loop.create_future()
    found.add_done_callback(_look_at)

    def deliver(outcome: list[str] | Exception) -> None:
        if isinstance(outcome, Exception):
            found.set_exception(outcome)
        else:
            found.set_result(outcome)

    def look_up() -> None:
        outcome: list[str] | Exception
        try:
            found_here = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome = _in_turn([str(address[0]) for *_, address in found_here])
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for it
            outcome = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, outcome)

    threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    return found


def _look_at(found: asyncio.Future[list[str]]) -> None:
    """Have nothing logged about a failure that every waiter has given up on."""
    found.exception()


def _in_turn(found: list[str]) -> list[str]:
    """Each address once, the families by turns, beginning with the one that the system prefers."""
    addresses = list(dict.fromkeys(found))
    if not addresses:
        raise OSError("the name has no address")
    preferred = ":" in addresses[0]
    one = [address for address in addresses if (":" in address) is preferred]
    other = [address for address in addresses if (":" in address) is not preferred]
    return [address for address in chain.from_iterable(zip_longest(one, other)) if address is not None]


async def _first(
    addresses: list[str], connect: Callable[[str], Awaitable[httpcore.AsyncNetworkStream]]
) -> httpcore.AsyncNetworkStream:
    """The first connection that stands; the others are given up.

    Raises:
        ConnectError: none came about; the first address's reason.
    """
    waiting = list(addresses)
    trying: list[asyncio.Future[httpcore.AsyncNetworkStream]] = []
    standing: asyncio.Future[httpcore.AsyncNetworkStream] | None = None
    try:
        while standing is None:
            if waiting:
                trying.append(asyncio.ensure_future(connect(waiting.pop(0))))
            pending = [attempt for attempt in trying if not attempt.done()]
            if pending:
                await asyncio.wait(
                    pending, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
            standing = next((one for one in trying if one.done() and one.exception() is None), None)
            if standing is None and not waiting and all(one.done() for one in trying):
                break
    finally:
        await _give_up([attempt for attempt in trying if attempt is not standing])
    return (standing or trying[0]).result()


async def _give_up(attempts: list[asyncio.Future[httpcore.AsyncNetworkStream]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for stream in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(stream, httpcore.AsyncNetworkStream):
            await stream.aclose()

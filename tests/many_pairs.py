"""As many pairs as are wanted, all behind one address: an org is who its keys say. For `hamr status` of all pairs.

`python -m tests.many_pairs PAIRS INVENTORY` serves so many, writes their inventory and says "ready".
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct, field

ROUND_TRIP = 0.05
"""Seconds that every answer of the program takes."""

SIDES = {"primary": "us1", "secondary": "eu1"}


def key(pair: int, role: str, which: str) -> str:
    """An org's API or application key: 32 hexadecimal digits that differ from the first on, as real ones do."""
    number = (pair * 4 + (role == "primary") * 2 + (which == "app")) + 1
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}{pair:016x}"


def uuid(pair: int, role: str) -> str:
    """An org's uuid."""
    return f"{pair:08x}-0000-4000-8000-{1 if role == 'primary' else 2:012x}"


class ManyPairs(Struct):
    """What they show, and what was asked."""

    pairs: int
    latency: float = 0.0
    """Seconds."""
    statuses: dict[int, int] = field(default_factory=dict)
    """What both orgs of a pair show; PASSIVE where nothing is said."""
    answers: dict[int, int] = field(default_factory=dict)
    """HTTP statuses that a pair's orgs answer with, in the place of 200."""
    changed_at: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=3, minutes=7))
    asked: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Method, path, pair and role of every request."""
    connections: int = 0
    at_once: set[int] = field(default_factory=set)
    most_at_once: int = 0
    """How many pairs were being asked at the same time, at most."""
    url: str = ""

    def __post_init__(self) -> None:
        self._orgs = {key(pair, role, "api"): (pair, role) for pair in range(self.pairs) for role in SIDES}

    _orgs: dict[str, tuple[int, str]] = field(default_factory=dict)

    def write_inventory(self, path: Path) -> None:
        """Write the inventory, and every key into a file of its own."""
        folder = path.with_suffix(".keys")
        folder.mkdir()
        lines = ["schema: 1", "pairs:"]
        for pair in range(self.pairs):
            lines += [f"  pair-{pair}:", "    mirrors: false"]
            for role, datacenter in SIDES.items():
                lines += [f"    {role}:", f"      name: {role} {pair}", f"      uuid: {uuid(pair, role)}"]
                lines += [f"      url: {self.url}", f"      datacenter: {datacenter}"]
                for which in ("api", "app"):
                    file = folder / f"{pair}-{role}-{which}"
                    file.write_text(key(pair, role, which))
                    lines.append(f"      {which}_key: {{file: {json.dumps(str(file))}}}")
        path.write_text("\n".join(lines) + "\n")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until its client closes it."""
        self.connections += 1
        while head := await _head(reader):
            request, *lines = head.split("\r\n")
            method, path, _ = request.split(" ")
            headers = {name.lower(): text for name, _, text in (each.partition(": ") for each in lines)}
            pair, role = self._orgs[headers["dd-api-key"]]
            self.asked.append((method, path, pair, role))
            self.at_once.add(pair)
            self.most_at_once = max(self.most_at_once, len(self.at_once))
            await asyncio.sleep(self.latency)
            code, body = self._answer(path, pair, role, headers)
            self.at_once.discard(pair)
            text = json.dumps(body).encode()
            said = (
                f"HTTP/1.1 {code} x\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
            )
            writer.write(said.encode() + text)
        writer.close()

    def _answer(self, path: str, pair: int, role: str, headers: dict[str, str]) -> tuple[int, object]:
        code = self.answers.get(pair, 200)
        if code != 200:
            return code, {"errors": ["as told"]}
        if path == "/api/v2/validate":
            return 200, {
                "data": {"id": uuid(pair, role), "type": "validate_v2", "attributes": {"valid": True}}
            }
        if headers.get("dd-application-key") != key(pair, role, "app"):
            return 403, {"errors": ["this application key is another org's"]}
        peer = "secondary" if role == "primary" else "primary"
        attributes = {
            "hamr_status": self.statuses.get(pair, 2),
            "is_primary": role == "primary",
            "modified_at": self.changed_at.isoformat(),
            "modified_by": "alice@example.com",
            "target_org_datacenter": SIDES[peer],
            "target_org_name": f"{peer} {pair}",
            "target_org_uuid": uuid(pair, peer),
        }
        return 200, {
            "data": {"id": uuid(pair, role), "type": "hamr_org_connections", "attributes": attributes}
        }


async def _head(reader: asyncio.StreamReader) -> str:
    """A request's first lines; "" where there is none any more."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode().strip()
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


@asynccontextmanager
async def served(pairs: ManyPairs) -> AsyncIterator[ManyPairs]:
    """Serve them until the block ends."""
    server = await asyncio.start_server(pairs.serve, "127.0.0.1", 0)
    pairs.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    try:
        yield pairs
    finally:
        server.close()


async def main() -> None:
    """Serve until the program is ended."""
    pairs, inventory = int(sys.argv[1]), Path(sys.argv[2])
    async with served(ManyPairs(pairs, ROUND_TRIP)) as many:
        many.write_inventory(inventory)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

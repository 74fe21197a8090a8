"""A pair of regions on raw sockets that misbehave as told, and the truth about every write that was applied and every record shown."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import IO, Any, Literal, Self

from msgspec import Struct, field
from msgspec.structs import replace

ROLES = ("primary", "secondary")
PEER = {"primary": "secondary", "secondary": "primary"}
UUID = {
    "primary": "3d5e1a70-9b1c-4f7e-8a34-51c2d0e7aa01",
    "secondary": "a9c4f2b8-07d6-4be1-9c6f-2e8b7d3f5502",
}
DATACENTER = {"primary": "us1", "secondary": "eu1"}
ONBOARDING, PASSIVE, FAILOVER, ACTIVE, RECOVERY = 1, 2, 3, 4, 5
LONG_AGO = datetime(2026, 3, 4, 5, 6, 7, 890123, UTC)
YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
HTML = "<html><head><title>Attention</title></head><body><h1>Not what you wanted</h1></body></html>"
STRANGER = "stranger@elsewhere.example"


class Record(Struct, frozen=True):
    """What an org's record says; `version` is unique over the pair, `writer` is who wrote it, whatever `by` says."""

    version: int
    status: int
    by: str | None
    at: datetime
    writer: str

    def __str__(self) -> str:
        return (
            f"v{self.version}: {self.status} by {self.by} at {self.at:%H:%M:%S.%f}, written by {self.writer}"
        )


class Asked(Struct, frozen=True):
    """One request as it came in. `n` counts this method over both orgs, `nth` at this org; both from 1, records only."""

    role: str
    method: str
    path: str
    who: str
    n: int
    nth: int
    began: float
    status: int = 0
    stamp: str = ""


class Request(Struct, frozen=True):
    """A request as it came off the wire; `began` is when its first line was read."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    began: float


class Event(Struct, frozen=True):
    """One line of the truth; `moment` is monotonic, `began` when the request's first bytes were read."""

    kind: Literal["posted", "applied", "shown", "connected"]
    role: str
    who: str
    moment: float
    began: float = 0.0
    record: Record | None = None
    over: Record | None = None
    n: int = 0
    stamp: str = ""


class Answer(Struct):
    """What a request gets; everything left out is as a healthy region does it."""

    code: int = 200
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    apply: bool | float = True
    """A POST: applied before the answer, not at all, or so many seconds after it."""
    drop: Literal["", "close", "reset", "silence", "early"] = ""
    """After applying: no answer but an end, a reset, nothing for ever; or a body that ends early."""
    wait: float = 0.0
    """Seconds between applying and answering."""
    raw: bytes = b""
    """Sent as it is, in place of everything."""
    keep: bool = False
    """Whether the connection stands after `raw`."""
    kind: str = ""
    before: Callable[[], object] | None = None
    """Called before the request is looked at: where a stranger writes between a GET and its POST."""
    after: Callable[[], object] | None = None
    """Called once it was applied, before it is answered."""


Rule = Callable[[Asked], Answer | None]


class Region(Struct):
    """One org's region: its record, its past, and how it misbehaves. Change any field at any time."""

    role: str
    record: Record | None
    past: list[Record] = field(default_factory=list)
    shows: Record | None = None
    """What reads are shown in place of the record: a replica that lags."""
    down: bool = False
    """Every connection is closed at once."""
    hole: bool = False
    """Connections are taken, and nothing is ever answered."""
    edge_404: str = ""
    """Every path answers 404 with this."""
    skew: float = 0.0
    """Seconds that its clock is ahead."""
    date: str | None = None
    """What its Date header says in place of the time; empty: it sends none."""
    drips: bool = False
    """Its answers come a byte at a time, four a second."""
    close_each: bool = False
    """Each connection ends after one answer."""
    idle: float = 0.0
    """A connection that was idle for longer is swallowed."""
    gzip: bool = False
    chunked: bool = False
    tls: ssl.SSLContext | None = None
    greet: Callable[[int, str], float] | None = None
    """Given the number of a connection, how many seconds pass before its handshake or first byte is looked at."""
    url: str = ""
    connections: int = 0


class Pair:
    """Two regions of one pair, and the truth about them. `with Pair() as pair:` serves them on loopback ports."""

    def __init__(
        self,
        *,
        status: int = PASSIVE,
        mirror: float | None = None,
        mirrors: str = "",
        wire: Literal["snake", "pascal"] = "snake",
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        uuids: dict[str, str] | None = None,
    ) -> None:
        self.uuids = uuids or UUID
        self.wire, self.mirror, self.host = wire, mirror, host
        self.mirrors = mirrors or ("false" if mirror is None else "true")
        self.whole_seconds = False
        self.timeless = False
        """Whether every write is dated to the year one."""
        self.author: Callable[[str], str | None] = lambda by: by
        """How the servers show an author that was sent."""
        self.answered_author: Callable[[str], str | None] | None = None
        """How the answer to a POST shows it, where that differs."""
        self.uuid_form: Callable[[str], str] = lambda uuid: uuid
        """How the servers write uuids."""
        self.time_form: Callable[[datetime], str] | None = None
        """How the servers write times, where not as documented."""
        self.mirror_redates = False
        """Whether the mirror's copies carry the time of copying."""
        self.mirror_heals = False
        """Whether the mirror carries a record over even where the other org has a newer one."""
        self.keys_suffix = ""
        """What every accepted key ends with: set it, and the keys were rotated."""
        self.strict = False
        """Whether a POST of a status that no move leads to is refused with 400."""
        self.truth: list[Event] = []
        self.posts: list[Asked] = []
        """Every POST of a record that came in, applied or not."""
        self.rules: list[Rule] = []
        self.changed = threading.Condition(threading.RLock())
        self._counts: dict[tuple[str, str], int] = {}
        self._version = 0
        self._sockets: list[socket.socket] = []
        self._timers: list[threading.Timer] = []
        self._closing = False
        self.regions = {
            role: Region(role, self._new(status, "admin@example.com", LONG_AGO, "start"), tls=tls)
            for role in ROLES
        }

    def __enter__(self) -> Self:
        for region in self.regions.values():
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, 0))
            listener.listen(64)
            self._sockets.append(listener)
            name = f"[{self.host}]" if ":" in self.host else self.host
            region.url = f"{'https' if region.tls else 'http'}://{name}:{listener.getsockname()[1]}"
            threading.Thread(target=self._accept, args=(region, listener), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    # ── what tests say and ask ──────────────────────────────────────────────────────────────────────────

    @property
    def primary(self) -> Region:
        return self.regions["primary"]

    @property
    def secondary(self) -> Region:
        return self.regions["secondary"]

    @property
    def stands(self) -> tuple[int, int]:
        """The statuses of both orgs, primary first; 0 where there is no record."""
        return (
            self.primary.record.status if self.primary.record else 0,
            self.secondary.record.status if self.secondary.record else 0,
        )

    def on(
        self,
        method: str,
        answer: Answer,
        *,
        n: int = 0,
        nth: int = 0,
        times: int = 1,
        role: str = "",
        who: str = "",
        path: str = "/api/v2/hamr",
    ) -> None:
        """Give this answer to the n-th such request over both orgs (or the nth at this org), and to `times` in all."""

        def rule(asked: Asked) -> Answer | None:
            first, count = (n, asked.n) if n else (nth, asked.nth)
            if asked.method != method or (role and asked.role != role) or (who and asked.who != who):
                return None
            if path and asked.path != path:
                return None
            return answer if not first or first <= count < first + times else None

        self.rules.append(rule)

    def next_gets(
        self, answer: Answer, *, times: int = 1, role: str = "", path: str = "/api/v2/hamr"
    ) -> None:
        """Give this answer to the next `times` GETs, counted from now."""
        left = [times]

        def rule(asked: Asked) -> Answer | None:
            if asked.method != "GET" or (role and asked.role != role) or asked.path != path or left[0] <= 0:
                return None
            left[0] -= 1
            return answer

        self.rules.append(rule)

    def stranger(self, role: str, status: int, by: str = STRANGER, at: datetime | None = None) -> Record:
        """Somebody else writes this org (and, where the pair mirrors, both)."""
        return self._apply(role, status, by, who="stranger", began=time.monotonic(), at=at)

    def shown(self, role: str) -> Record:
        """The record that this org has."""
        record = self.regions[role].record
        assert record is not None
        return record

    @staticmethod
    def stopped(process: int) -> bool:
        """Whether this process has been stopped by a signal."""
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def late(self, n: int) -> Record:
        """The n-th POST, which was thought lost, is applied now."""
        asked = self.posts[n - 1]
        return self._apply(asked.role, asked.status, asked.stamp, who=asked.who, began=time.monotonic())

    def count(self, kind: str, who: str = "") -> int:
        with self.changed:
            return sum(1 for e in self.truth if e.kind == kind and (not who or e.who == who))

    def wait_for(self, seen: Callable[[], object], within: float = 20.0) -> None:
        """Until this holds; looked at after every event."""
        end = time.monotonic() + within
        with self.changed:
            while not seen():
                left = end - time.monotonic()
                assert left > 0, f"not within {within} s; the truth is {self.tell()}"
                self.changed.wait(min(left, 0.05))

    def wait_for_rest(self) -> None:
        """Until nothing more is on its way to being applied or mirrored."""
        self.wait_for(lambda: not any(timer.is_alive() for timer in self._timers))

    def wait_for_posts(self, n: int) -> None:
        self.wait_for(lambda: self.count("posted") >= n)

    def tell(self) -> str:
        """The truth, a line each, for people who read a failed test."""
        with self.changed:
            start = self.truth[0].moment if self.truth else 0.0
            return "\n".join(
                f"{e.moment - start:7.3f} {e.kind:9} {e.role:9} {e.who:9} {e.record or e.stamp}"
                for e in self.truth
                if e.kind != "connected"
            )

    # ── the record ──────────────────────────────────────────────────────────────────────────────────────

    def _new(self, status: int, by: str | None, at: datetime, writer: str) -> Record:
        self._version += 1
        return Record(self._version, status, by, at, writer)

    def now(self, role: str) -> datetime:
        if self.timeless:
            return YEAR_ONE
        now = datetime.now(UTC) + timedelta(seconds=self.regions[role].skew)
        return now.replace(microsecond=0) if self.whole_seconds else now

    def _apply(
        self, role: str, status: int, by: str, *, who: str, began: float, at: datetime | None = None
    ) -> Record:
        with self.changed:
            at = at or self.now(role)
            region = self.regions[role]
            record = self._new(status, by, at, who)
            over, region.record = region.record, record
            if over:
                region.past.append(over)
            self._note(Event("applied", role, who, time.monotonic(), began, record, over, stamp=by))
        if self.mirror is not None:
            self._later(self.mirror, lambda: self._mirror(PEER[role], record))
        return record

    def _mirror(self, role: str, record: Record) -> None:
        with self.changed:
            region = self.regions[role]
            if region.record and record.version < region.record.version and not self.mirror_heals:
                return
            if region.record:
                region.past.append(region.record)
            region.record = replace(record, at=self.now(role)) if self.mirror_redates else record
            self.changed.notify_all()

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        if seconds <= 0:
            do()
            return
        timer = threading.Timer(seconds, do)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _note(self, event: Event) -> None:
        with self.changed:
            self.truth.append(event)
            self.changed.notify_all()

    def body(self, role: str, record: Record, author: Callable[[str], str | None] | None = None) -> str:
        """The record in this pair's wire form."""
        peer = PEER[role]
        by = record.by if record.by is None else (author or self.author)(record.by)
        at = self._time(record.at)
        if self.wire == "pascal":
            attributes: dict[str, Any] = {
                "HamrStatus": record.status,
                "IsPrimary": role == "primary",
                "ModifiedAt": at,
                "ModifiedBy": by,
                "OrgDatacenter": DATACENTER[role] + ".prod.dog",
                "TargetOrgDatacenter": DATACENTER[peer] + ".prod.dog",
                "TargetOrgName": f"Attack {peer}",
                "TargetOrgUuid": self.uuid_form(self.uuids[peer]),
            }
        else:
            attributes = {
                "hamr_status": record.status,
                "is_primary": role == "primary",
                "modified_at": at,
                "modified_by": by,
                "target_org_datacenter": DATACENTER[peer],
                "target_org_name": f"Attack {peer}",
                "target_org_uuid": self.uuid_form(self.uuids[peer]),
            }
        return json.dumps(
            {
                "data": {
                    "id": self.uuid_form(self.uuids[role]),
                    "type": "hamr_org_connections",
                    "attributes": attributes,
                }
            }
        )

    def _time(self, at: datetime) -> str:
        if self.time_form:
            return self.time_form(at)
        fine = "seconds" if self.whole_seconds and at.microsecond == 0 else "microseconds"
        bare = at.replace(tzinfo=None)
        return bare.isoformat(" ", fine) if self.wire == "pascal" else bare.isoformat("T", fine) + "Z"

    # ── sockets ─────────────────────────────────────────────────────────────────────────────────────────

    def _accept(self, region: Region, listener: socket.socket) -> None:
        while not self._closing:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            threading.Thread(target=self._serve_quietly, args=(region, connection), daemon=True).start()

    def _serve_quietly(self, region: Region, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            if not self._greet(region, connection):
                return
            if not region.tls:
                self._serve(region, connection)
                return
            with region.tls.wrap_socket(connection, server_side=True) as wrapped:
                self._sockets.append(wrapped)
                self._serve(region, wrapped)

    def _greet(self, region: Region, connection: socket.socket) -> bool:
        with self.changed:
            region.connections += 1
            number = region.connections
            self._note(Event("connected", region.role, "", time.monotonic(), n=number))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if region.down:
            reset(connection)
            return False
        if region.greet:
            time.sleep(region.greet(number, region.role))
        return True

    def _serve(self, region: Region, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            self._requests(region, connection, stream)

    def _requests(self, region: Region, connection: socket.socket, stream: IO[bytes]) -> None:
        last = time.monotonic()
        while line := stream.readline():
            began = time.monotonic()
            method, target = line.decode("latin-1").split()[:2]
            headers: dict[str, str] = {}
            while (header := stream.readline().decode("latin-1").strip()) != "":
                name, _, value = header.partition(":")
                headers[name.strip().lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", "0")))
            request = Request(method, target, headers, body, began)
            if region.hole or (region.idle and began - last > region.idle):
                self._swallow()
                return
            if region.down:
                reset(connection)
                return
            keep = self._answer(region, connection, request)
            last = time.monotonic()
            if not keep or region.close_each:
                return

    def _swallow(self) -> None:
        while not self._closing:
            time.sleep(0.05)

    def _answer(self, region: Region, connection: socket.socket, request: Request) -> bool:
        asked = self._asked(region.role, request)
        answer = (
            next((a for a in (rule(asked) for rule in list(self.rules)) if a is not None), None) or Answer()
        )
        if answer.before:
            answer.before()
        if region.edge_404:
            answer = Answer(404, region.edge_404, apply=False)
        elif not asked.who:
            answer = Answer(401, json.dumps({"errors": ["Unauthorized"]}), apply=False)
        shown: Record | None = None
        if asked.path == "/api/v2/hamr" and asked.method == "POST":
            shown = self._post(asked, answer)
        elif asked.path == "/api/v2/hamr":
            shown = region.shows or region.record
            if shown is None and answer.code == 200:
                answer = Answer(404, json.dumps({"errors": [{"status": "404", "title": "Not Found"}]}))
        if answer.after:
            answer.after()
        time.sleep(answer.wait)
        return self._reply(region, connection, asked, answer, shown)

    def _asked(self, role: str, request: Request) -> Asked:
        path = request.target.partition("?")[0]
        who = self._who(role, path, request.headers)
        posted = request.method == "POST" and path == "/api/v2/hamr"
        status, stamp = self._parse(role, request.body) if posted else (0, "")
        with self.changed:
            over_both, here = (f"{request.method} {path}", ""), (f"{request.method} {path}", role)
            for key in (over_both, here):
                self._counts[key] = self._counts.get(key, 0) + 1
            n, nth = self._counts[over_both], self._counts[here]
        return Asked(role, request.method, path, who, n, nth, request.began, status, stamp)

    def _post(self, asked: Asked, answer: Answer) -> Record | None:
        with self.changed:
            self.posts.append(asked)
            self._note(
                Event(
                    "posted",
                    asked.role,
                    asked.who,
                    time.monotonic(),
                    asked.began,
                    n=asked.n,
                    stamp=asked.stamp,
                )
            )
            if not asked.status or not asked.who:
                return self.regions[asked.role].record
            if answer.apply is True:
                return self._apply(asked.role, asked.status, asked.stamp, who=asked.who, began=asked.began)
            if answer.apply is not False:
                self._later(
                    answer.apply,
                    lambda: self._apply(
                        asked.role, asked.status, asked.stamp, who=asked.who, began=asked.began
                    ),
                )
            return self.regions[asked.role].record

    def _reply(
        self, region: Region, connection: socket.socket, asked: Asked, answer: Answer, shown: Record | None
    ) -> bool:
        if answer.drop == "silence":
            self._swallow()
            return False
        if answer.drop == "reset":
            reset(connection)
            return False
        if answer.drop == "close":
            return False
        if answer.raw:
            connection.sendall(answer.raw)
            return answer.keep
        payload = self._payload(region, asked, answer, shown).encode()
        told = answer.code == 200 and answer.body is None and not answer.drop
        if told and shown is not None and asked.path == "/api/v2/hamr":
            self._note(Event("shown", asked.role, asked.who, time.monotonic(), asked.began, shown))
        whole = self._encoded(region, answer, payload)
        if answer.drop == "early":
            whole = whole[: -len(payload) // 2]
        if not region.drips:
            connection.sendall(whole)
        for byte in whole if region.drips else b"":
            connection.sendall(bytes([byte]))
            time.sleep(0.25)
        return answer.drop != "early"

    def _encoded(self, region: Region, answer: Answer, payload: bytes) -> bytes:
        """Head and body as they go over the wire."""
        date = formatdate(time.time() + region.skew, usegmt=True) if region.date is None else region.date
        kind = answer.kind or ("text/html" if payload.startswith(b"<") else "application/json")
        head = [f"HTTP/1.1 {answer.code} Whatever", f"Content-Type: {kind}"]
        head += [f"Date: {date}"] if date else []
        head += [f"{name}: {value}" for name, value in answer.headers]
        if region.gzip:
            payload = gzip.compress(payload)
            head.append("Content-Encoding: gzip")
        if answer.code == 204:
            payload = b""
        elif region.chunked:
            head.append("Transfer-Encoding: chunked")
            chunks = [payload[i : i + 7] for i in range(0, len(payload), 7)]
            payload = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
        else:
            head.append(f"Content-Length: {len(payload)}")
        return "\r\n".join([*head, "", ""]).encode() + payload

    def _payload(self, region: Region, asked: Asked, answer: Answer, shown: Record | None) -> str:
        if answer.body is not None:
            return answer.body
        if answer.code in {301, 302, 307, 308, 403, 502, 503, 504}:
            return HTML
        if answer.code >= 400:
            return json.dumps({"errors": ["Refused as told"]})
        if asked.path == "/api/v2/hamr":
            author = self.answered_author if asked.method == "POST" else None
            return self.body(asked.role, shown, author) if shown else ""
        if asked.path == "/api/v2/validate":
            attributes = {"valid": True, "api_key_id": "k", "api_key_scopes": []}
            return json.dumps(
                {
                    "data": {
                        "id": self.uuid_form(self.uuids[asked.role]),
                        "type": "validate_v2",
                        "attributes": attributes,
                    }
                }
            )
        if asked.path == "/api/v1/query":
            now = time.time() * 1000
            series = [
                {"pointlist": [[now - 60000, 12.0], [now - 1000, 12.0]], "scope": "*", "expression": "e"}
            ]
            return json.dumps({"status": "ok", "series": series})
        return json.dumps({"status": "ok", "valid": True})

    def _who(self, role: str, path: str, headers: dict[str, str]) -> str:
        """Whose keys these are: every operator has keys of their own, `ROLE-api-WHO` and `ROLE-app-WHO`."""
        api, app = headers.get("dd-api-key", ""), headers.get("dd-application-key", "")
        if path == "/page":
            return "page"
        if not api.startswith(f"{role}-api-") or not api.endswith(self.keys_suffix):
            return ""
        who = api.removeprefix(f"{role}-api-")
        needs_both = "/validate" not in path.replace("validate_keys", "") and "/events" not in path
        if needs_both and app != f"{role}-app-{who}":
            return ""
        return who.removesuffix(self.keys_suffix) if self.keys_suffix else who

    def _parse(self, role: str, body: bytes) -> tuple[int, str]:
        """The status and author of a POST, or 0 where it is not one that the API would take."""
        try:
            data = json.loads(body)["data"]
            attributes = {k.replace("_", "").lower(): v for k, v in data["attributes"].items()}
            good = (
                data["id"].lower() == self.uuids[role]
                and attributes["targetorguuid"].lower() == self.uuids[PEER[role]]
                and attributes["isprimary"] is (role == "primary")
                and attributes["hamrstatus"] in range(1, 6)
            )
        except (ValueError, KeyError, TypeError):
            return 0, ""
        return (attributes["hamrstatus"], attributes["modifiedby"]) if good else (0, "")


def reset(connection: socket.socket) -> None:
    """End a connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def lagging(region: Region, shows: Record) -> Iterator[None]:
    """While this lasts, reads of this region are answered by a replica that has not got further than this record."""
    region.shows = shows
    try:
        yield
    finally:
        region.shows = None


def context(certificate: Path) -> ssl.SSLContext:
    """A server's side of TLS, by a file that holds key and certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made

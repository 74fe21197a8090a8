"""Telling people what a run does, beside the run: what watches it can neither stop it nor hold it up.

An event is posted to one org, POST /api/v1/events, with the API key alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Self

from msgspec import Struct

from orchestrator.datadog.answers import one_line, said_of
from orchestrator.datadog.client import OrgClient
from orchestrator.datadog.transport import Exchanged, Transport
from orchestrator.errors import HamrError
from orchestrator.model.events import Event, NoticeFailed, NoticeSent
from orchestrator.model.journal import Head
from orchestrator.model.org import Pair
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.model.status import Both, Role
from orchestrator.model.words import counted
from orchestrator.system.keys import KeyRing
from orchestrator.system.log import logger
from orchestrator.system.redaction import Redactor

from .notice import About, Notice, body_of, notice_of

EVENTS_PATH = "/api/v1/events"

TIMEOUTS = Timeouts(connect=timedelta(seconds=2), read=timedelta(seconds=3), total=timedelta(seconds=3))
"""Short: an event is worth less than the time that it takes. The total includes fetching the key."""

MOST_AT_ONCE = 4
"""Notices that are on their way at the same time: the last one of a run does not wait for all those before it."""

MOST_WAITING = 32
"""Notices that may wait to be posted; beyond them the oldest is dropped."""

PATIENCE = 2.0
"""Seconds that the end of a run waits for what is still to be posted."""

_NOT_SENT = "there was no time left for it when the run ended, so it was not sent"
_CUT_OFF = "its answer was not there when the run ended: whether it arrived is not known"


class Failed(Struct, frozen=True):
    """An event was not taken, or nobody knows."""

    reason: str
    no_such_place: bool = False
    """404: this API takes no events, and a warning about that helps nobody."""


class Poster:
    """Posts to a pair's orgs, over connections that its run has, too; whoever gave them closes them."""

    def __init__(
        self,
        pair: Pair,
        keys: KeyRing,
        redactor: Redactor,
        clock: Clock,
        transports: Both[Transport],
        *,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self.pair, self.redactor, self.clock = pair, redactor, clock
        self._keys, self._transports, self.timeouts = keys, transports, timeouts

    async def post(self, role: Role, body: Mapping[str, JSON]) -> Failed | None:
        """Post one event, once. None where the org took it; never raises for what the org or the network does."""
        org = self.pair[role]
        content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
        try:
            transport = self._transports[role]
            client = OrgClient(org, transport, self.timeouts, self._keys, self.redactor, self.clock)
            exchanged = await client.ask(
                "POST",
                EVENTS_PATH,
                content=content,
                app_key=False,
                within=self.timeouts.total.total_seconds(),
            )
        except HamrError as error:  # no key
            return Failed(one_line(error.message, self.redactor))
        return self._failed(exchanged)

    def _failed(self, exchanged: Exchanged) -> Failed | None:
        status = exchanged.status
        if status is None:
            return Failed(one_line(exchanged.failure, self.redactor))
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        return Failed(said_of(exchanged, self.redactor), no_such_place=status == HTTPStatus.NOT_FOUND)


class NoNotices:
    """Tells nobody: for a pair whose inventory says `events: false`."""

    def tell(self, event: Event) -> None:
        """Take no note of it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class Notices:
    """Watches one run, and posts what people should know to the org that takes over. Use it as a context manager.

    `tell` only sees to it that a notice is posted: a few at a time, in order, each under a short deadline and with the
    time at which it happened; a failure holds up none of the others. Whatever goes wrong here is logged and, where the
    journal can be written, recorded as `notice.failed`: none of it reaches the run.
    `head` tells the journal's head at the moment when it is asked; `note` appends what came of a notice.
    """

    def __init__(
        self,
        about: About,
        poster: Poster,
        *,
        head: Callable[[], Awaitable[Head]],
        note: Callable[[Event], Awaitable[None]],
    ) -> None:
        self._about = about
        self._poster = poster
        self._head = head
        self._note = note
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._posts: dict[asyncio.Task[None], NoticeFailed | None] = {}
        """What came of each, if it were given up now; None once that is known, and being journalled."""
        self._dropped = 0
        self._warned = False

    def tell(self, event: Event) -> None:
        """Have an org told of an event. Never raises, never waits."""
        try:
            self._about = self._about.after(event)
            notice = notice_of(event, self._about)
        except Exception:  # noqa: BLE001 - an observer's exception would stop the run, and this is not worth it
            logger().exception("nobody could be told of this; the run goes on", event_kind=event.kind)
            return
        if notice is None:
            return
        waiting = [
            post for post, came in self._posts.items() if came is not None and came.reason == _NOT_SENT
        ]
        if len(waiting) >= MOST_WAITING:
            waiting[0].cancel()
            self._posts[waiting[0]] = None
            self._dropped += 1
        post = asyncio.create_task(self._post(notice, self._poster.clock.now()))
        self._posts[post] = NoticeFailed(notice.role, notice.title, _NOT_SENT)
        post.add_done_callback(self._posts.pop)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        given_up = kind is not None and issubclass(kind, asyncio.CancelledError)
        await self.close(0.0 if given_up else PATIENCE)

    async def close(self, within: float = PATIENCE) -> None:
        """Wait for what is still to be posted, and give up after so many seconds. A cancelled caller ends it at once."""
        try:
            if self._posts:
                await asyncio.wait(self._posts, timeout=within)
        finally:
            given_up = [came for came in self._posts.values() if came is not None]
            for post in self._posts:
                post.cancel()
            if self._posts:
                await asyncio.wait(self._posts)
            await self._note_dropped()
            for came in given_up:
                await self._record(self._warn(came))

    async def _post(self, notice: Notice, at: datetime) -> None:
        post = asyncio.current_task()
        assert post is not None  # noqa: S101 - this is one
        async with self._slots:
            await self._note_dropped()
            self._posts[post] = NoticeFailed(notice.role, notice.title, _CUT_OFF)
            came = await self._came_of(notice, at)
            self._posts[post] = None
            await self._record(came)

    async def _came_of(self, notice: Notice, at: datetime) -> Event:
        try:
            head = await self._present_head()
            body = body_of(notice, at, head, self._poster.redactor)
            failed = await self._poster.post(notice.role, body)
        except Exception as error:  # noqa: BLE001 - a mistake in here must not silence all later notices
            logger().exception("an event could not be posted; the run goes on", run=notice.run)
            return NoticeFailed(notice.role, notice.title, f"hamr has a bug: {type(error).__name__}")
        if failed is not None:
            came = NoticeFailed(notice.role, notice.title, failed.reason)
            return self._warn(came, no_such_place=failed.no_such_place)
        return NoticeSent(notice.role, notice.title, "" if head is None else str(head))

    async def _present_head(self) -> Head | None:
        try:
            return await self._head()
        except HamrError as error:
            logger().warning("the journal's head could not be read for an event", error=error.message)
            return None

    async def _note_dropped(self) -> None:
        if self._dropped and self._about.org is not None:
            count, self._dropped = self._dropped, 0
            reason = "dropped: more happened than could be posted meanwhile"
            title = counted(count, "older event")
            await self._record(self._warn(NoticeFailed(self._about.org, title, reason)))

    def _warn(self, came: NoticeFailed, *, no_such_place: bool = False) -> NoticeFailed:
        """Say it: to a person once, the journal has the rest. An API without events is not worth a warning at all."""
        say = logger().info if self._warned or no_such_place else logger().warning
        self._warned = self._warned or not no_such_place
        words = "an event could not be posted to Datadog; the run goes on without it"
        say(words, org=str(self._poster.pair[came.role]), reason=came.reason)
        return came

    async def _record(self, event: Event) -> None:
        """Into the journal where it can be written; elsewhere it is in the log, and that is all."""
        try:
            await self._note(event)
        except Exception as error:  # noqa: BLE001 - what became of an event is worth no run
            logger().warning(
                "what became of an event could not be journalled", kind=event.kind, error=str(error)
            )

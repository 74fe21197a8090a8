"""The observer that tells people what a run does, beside the run: it can neither stop it nor hold it up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Self

from orchestrator.errors import HamrError
from orchestrator.model.events import Event, NoticeFailed, NoticeSent
from orchestrator.model.journal import Head
from orchestrator.model.status import Role
from orchestrator.model.words import counted
from orchestrator.system.log import logger

from .about import About
from .notice import Notice, body_of
from .posting import Failed, Poster
from .words import notice_of

MOST_AT_ONCE = 4
"""Notices that are on their way at the same time: the last one of a run does not wait for all those before it."""

MOST_WAITING = 32
"""Notices that may wait to be posted; beyond them the oldest is dropped."""

PATIENCE = 2.0
"""Seconds that the end of a run waits for what is still to be posted."""

_NOT_SENT = "there was no time left for it when the run ended, so it was not sent"
_CUT_OFF = "its answer was not there when the run ended: whether it arrived is not known"


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

    `tell` only puts a notice into a queue. A task of its own posts them, a few at a time, each under a short deadline
    and with the time at which it happened; after a failure it goes on with the next. Whatever goes wrong here is logged and, where the journal can be
    written, recorded as `notice.failed`: none of it reaches the run.

    Args:
        about: the run, as far as it is known before its first event here.
        poster: how an event gets to an org.
        head: the journal's head, at the moment when it is asked.
        note: appends to the journal what came of a notice.
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
        self._waiting: deque[tuple[Notice, datetime]] = deque()
        self._dropped = 0
        self._posting: dict[asyncio.Task[None], Notice] = {}
        self._answered: set[asyncio.Task[None]] = set()
        """Those of them whose outcome is known, and is being journalled."""
        self._more = asyncio.Event()
        self._closing = False
        self._warned = False
        self._worker: asyncio.Task[None] | None = None

    def tell(self, event: Event) -> None:
        """Queue what is to be told of an event. Never raises, never waits."""
        try:
            self._about = self._about.after(event)
            notice = notice_of(event, self._about)
        except Exception:  # noqa: BLE001 - an observer's exception would stop the run, and this is not worth it
            logger().exception("nobody could be told of this; the run goes on", event_kind=event.kind)
            return
        if notice is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append((notice, self._poster.clock.now()))
        self._more.set()

    async def __aenter__(self) -> Self:
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        given_up = kind is not None and issubclass(kind, asyncio.CancelledError)
        await self.close(0.0 if given_up else PATIENCE)

    async def close(self, within: float = PATIENCE) -> None:
        """Post what is still waiting, and give up after so many seconds. A cancelled caller ends it at once."""
        self._closing = True
        self._more.set()
        worker, self._worker = self._worker, None
        if worker is None:
            return
        try:
            await asyncio.wait({worker}, timeout=within)
        finally:
            worker.cancel()
            for post in self._posting:
                post.cancel()
            await asyncio.wait({worker, *self._posting})
            await self._give_up()
            await self._poster.aclose()

    async def _give_up(self) -> None:
        for notice in [each for post, each in self._posting.items() if post not in self._answered]:
            await self._failed(notice.role, notice.title, Failed(_CUT_OFF))
        self._posting.clear()
        while self._waiting:
            await self._tell_dropped()
            notice, _ = self._waiting.popleft()
            await self._failed(notice.role, notice.title, Failed(_NOT_SENT))

    async def _work(self) -> None:
        while True:
            while self._waiting and len(self._posting) < MOST_AT_ONCE:
                await self._tell_dropped()
                notice, at = self._waiting.popleft()
                self._posting[asyncio.create_task(self._post(notice, at))] = notice
            if self._closing and not self._posting:
                return
            self._more.clear()
            more = asyncio.create_task(self._more.wait())
            try:
                await asyncio.wait({more, *self._posting}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                more.cancel()
            for post in [post for post in self._posting if post.done()]:
                del self._posting[post]
                self._answered.discard(post)

    async def _post(self, notice: Notice, at: datetime) -> None:
        try:
            head = await self._present_head()
            body = body_of(notice, at, head, self._poster.redactor)
            failed = await self._poster.post(notice.role, body)
        except Exception as error:  # noqa: BLE001 - a mistake in here must not silence all later notices
            logger().exception("an event could not be posted; the run goes on", run=notice.run)
            self._has_answered()
            await self._record(
                NoticeFailed(notice.role, notice.title, f"hamr has a bug: {type(error).__name__}")
            )
            return
        self._has_answered()
        if failed is not None:
            await self._failed(notice.role, notice.title, failed)
        else:
            anchor = "" if head is None else str(head)
            await self._record(NoticeSent(notice.role, notice.title, anchor))

    def _has_answered(self) -> None:
        """What became of this task's notice is about to be journalled: nobody else need give it up."""
        posting = asyncio.current_task()
        if posting is not None:
            self._answered.add(posting)

    async def _present_head(self) -> Head | None:
        try:
            return await self._head()
        except HamrError as error:
            logger().warning("the journal's head could not be read for an event", error=error.message)
            return None

    async def _tell_dropped(self) -> None:
        if self._dropped:
            count, self._dropped = self._dropped, 0
            reason = "dropped: more happened than could be posted meanwhile"
            await self._failed(self._waiting[0][0].role, counted(count, "older event"), Failed(reason))

    async def _failed(self, role: Role, title: str, failed: Failed) -> None:
        # A person is warned once; the journal has the rest. An API without events is not worth a warning at all.
        say = logger().info if self._warned or failed.no_such_place else logger().warning
        self._warned = self._warned or not failed.no_such_place
        org = str(self._poster.pair[role])
        say(
            "an event could not be posted to Datadog; the run goes on without it",
            org=org,
            reason=failed.reason,
        )
        await self._record(NoticeFailed(role, title, failed.reason))

    async def _record(self, event: Event) -> None:
        """Into the journal where it can be written; elsewhere it is in the log, and that is all."""
        try:
            await self._note(event)
        except Exception as error:  # noqa: BLE001 - what became of an event is worth no run
            logger().warning(
                "what became of an event could not be journalled", kind=event.kind, error=str(error)
            )

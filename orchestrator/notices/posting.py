"""Telling people what a run does, beside the run: what watches it can neither stop it nor hold it up.

Each channel has a queue of its own. The first one is the org that takes over: an event is posted to it, POST
/api/v1/events, with the API key alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol, Self

from msgspec import Struct, field

from orchestrator.datadog.answers import one_line, said_of
from orchestrator.datadog.client import Call, OrgClient
from orchestrator.datadog.transport import Transport
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

from .notice import About, Notice, event_body, notice_of

EVENTS_PATH = "/api/v1/events"

TIMEOUTS = Timeouts(connect=timedelta(seconds=2), read=timedelta(seconds=3), total=timedelta(seconds=3))
"""Short: an event is worth less than the time that it takes. The total includes fetching the key."""

MOST_AT_ONCE = 4
"""Notices that are on their way over one channel at the same time: the last one of a run does not wait for all those before it."""

MOST_WAITING = 32
"""Notices that may wait to be posted; beyond them the oldest is dropped."""

PATIENCE = 2.0
"""Seconds that the end of a run waits for events that are still to be posted."""

_NOT_SENT = "there was no time left for it when the run ended, so it was not sent"
_CUT_OFF = "its answer was not there when the run ended: whether it arrived is not known"


class Failed(Struct, frozen=True):
    """A notice was not taken, or nobody knows."""

    reason: str
    no_such_place: bool = False
    """404: this API takes no events, and a warning about that helps nobody."""


class Channel(Protocol):
    """A way to tell somebody."""

    name: str
    """What the journal calls it; "" for the events in the org that is told."""
    patience: float
    """Seconds that the end of a run waits for what is still to be sent."""

    def wants(self, notice: Notice) -> bool:
        """Whether it is told of that."""

    async def ready(self) -> Failed | None:
        """Why it could not be told, as far as that is known without telling it anything."""

    async def deliver(self, notice: Notice, at: datetime, head: Head | None) -> Failed | None:
        """Send a notice of what happened then. None where it was taken; bounded, never raises for what the world does."""

    async def aclose(self) -> None:
        """Let go of whatever is open."""


class Poster(Struct, eq=False):
    """Posts to a pair's orgs, over connections that its run has, too; whoever gave them closes them."""

    pair: Pair
    keys: KeyRing
    redactor: Redactor
    clock: Clock
    transports: Both[Transport]
    timeouts: Timeouts = TIMEOUTS

    name = ""
    patience = PATIENCE

    def wants(self, notice: Notice) -> bool:
        """Whether an org is told of that."""
        return notice.role is not None

    async def ready(self) -> Failed | None:
        """Nothing: whether its key is there, and right, is asked of the org itself."""
        return None

    async def deliver(self, notice: Notice, at: datetime, head: Head | None) -> Failed | None:
        """Post a notice to its org."""
        assert notice.role is not None  # noqa: S101 - see `wants`
        return await self.post(notice.role, event_body(notice, at, head, self.redactor))

    async def post(self, role: Role, body: Mapping[str, JSON]) -> Failed | None:
        """Post one event, once. None where the org took it; never raises for what the org or the network does."""
        org = self.pair[role]
        content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
        try:
            transport = self.transports[role]
            client = OrgClient(org, transport, self.timeouts, self.keys, self.redactor, self.clock)
            post = Call("POST", EVENTS_PATH, content, app_key=False)
            exchanged = await client.ask(post, self.timeouts.total.total_seconds())
        except HamrError as error:  # no key
            return Failed(one_line(error.message, self.redactor))
        status = exchanged.status
        if status is None:
            return Failed(one_line(exchanged.failure, self.redactor))
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        return Failed(said_of(exchanged, self.redactor), no_such_place=status == HTTPStatus.NOT_FOUND)

    async def aclose(self) -> None:
        """Nothing: the connections are its run's."""


class Notices:
    """Watches one run, and tells what people should know to whoever wants to know it. Use it as a context manager.

    `tell` only sees to it that a notice is sent, with the time at which it happened: over each channel a few at a time, in
    order. A failure holds up none of the others, and a channel none of the others. Whatever goes wrong here is logged and,
    where the journal can be written, recorded as `notice.failed`: none of it reaches the run.
    """

    def __init__(
        self,
        about: About,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        head: Callable[[], Awaitable[Head]],
        note: Callable[[Event], Awaitable[None]],
    ) -> None:
        """`head` tells the journal's head at the moment when it is asked; `note` appends what came of a notice."""
        self._about = about
        self._clock = clock
        self._queues = [Queue(channel, head, note) for channel in channels]

    def tell(self, event: Event) -> None:
        """Have whoever wants it told of an event. Never raises, never waits."""
        if not self._queues:
            return
        try:
            self._about = self._about.after(event)
            notice = notice_of(event, self._about)
        except Exception:  # noqa: BLE001 - an observer's exception would stop the run, and this is not worth it
            logger().exception("nobody could be told of this; the run goes on", event_kind=event.kind)
            return
        if notice is not None:
            at = self._clock.now()
            for queue in self._queues:
                queue.add(notice, at)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        given_up = kind is not None and issubclass(kind, asyncio.CancelledError)
        await self.close(0.0 if given_up else None)

    async def close(self, within: float | None = None) -> None:
        """Wait for what is still to be sent, and give up when each channel's patience is over, or after so many seconds.

        A cancelled caller ends it at once.
        """
        await asyncio.gather(*(queue.close(within) for queue in self._queues))


class Queue(Struct, eq=False):
    """What is still to be sent over one channel."""

    _channel: Channel
    _head: Callable[[], Awaitable[Head]]
    _note: Callable[[Event], Awaitable[None]]
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))
    _posts: dict[asyncio.Task[None], NoticeFailed | None] = {}
    """What came of each, if it were given up now; None once that is known, and being journalled."""
    _dropped: list[Notice] = []
    _untold: list[NoticeFailed] = []
    """What could not be sent; of the first one a person was warned at once, of the others when all is over."""

    def add(self, notice: Notice, at: datetime) -> None:
        """Have it sent, where the channel wants it. Never waits."""
        if not self._channel.wants(notice):
            return
        waiting = [post for post, came in self._posts.items() if came and came.reason == _NOT_SENT]
        if len(waiting) >= MOST_WAITING:
            waiting[0].cancel()
            self._posts[waiting[0]] = None
            self._dropped.append(notice)
        post = asyncio.create_task(self._post(notice, at))
        self._posts[post] = self._failed(notice, notice.title, _NOT_SENT)
        post.add_done_callback(self._posts.pop)

    async def close(self, within: float | None) -> None:
        """Wait for what is still to be sent, and give up after so many seconds, or when patience is over."""
        try:
            if self._posts:
                await asyncio.wait(self._posts, timeout=self._channel.patience if within is None else within)
        finally:
            given_up = [came for came in self._posts.values() if came is not None]
            for post in self._posts:
                post.cancel()
            if self._posts:
                await asyncio.wait(self._posts)
            await self._note_dropped()
            for came in given_up:
                await self._record(self._warn(came))
            if self._untold[1:]:
                words = f"nor could {len(self._untold) - 1} more be sent: the journal says why"
                logger().warning(words, to=_whom(self._untold[-1]), last=self._untold[-1].title)
            await self._channel.aclose()

    async def _post(self, notice: Notice, at: datetime) -> None:
        post = asyncio.current_task()
        assert post is not None  # noqa: S101 - this is one
        async with self._slots:
            await self._note_dropped()
            self._posts[post] = self._failed(notice, notice.title, _CUT_OFF)
            came = await self._came_of(notice, at)
            self._posts[post] = None
            await self._record(came)

    async def _came_of(self, notice: Notice, at: datetime) -> Event:
        try:
            head = await self._present_head()
            failed = await self._channel.deliver(notice, at, head)
        except Exception as error:  # noqa: BLE001 - a mistake in here must not silence all later notices
            logger().exception("a notice could not be sent; the run goes on", run=notice.run)
            return self._failed(notice, notice.title, f"hamr has a bug: {type(error).__name__}")
        if failed is not None:
            came = self._failed(notice, notice.title, failed.reason)
            return self._warn(came, no_such_place=failed.no_such_place)
        shown = "" if head is None else str(head)
        return NoticeSent(self._role(notice), notice.title, shown, self._channel.name)

    def _failed(self, notice: Notice, title: str, reason: str) -> NoticeFailed:
        return NoticeFailed(self._role(notice), title, reason, self._channel.name)

    def _role(self, notice: Notice) -> Role | None:
        return None if self._channel.name else notice.role

    async def _present_head(self) -> Head | None:
        try:
            return await self._head()
        except HamrError as error:
            logger().warning("the journal's head could not be read for a notice", error=error.message)
            return None

    async def _note_dropped(self) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, []
            reason = "dropped: more happened than could be sent meanwhile"
            title = counted(len(dropped), "older notice")
            await self._record(self._warn(self._failed(dropped[-1], title, reason)))

    def _warn(self, came: NoticeFailed, *, no_such_place: bool = False) -> NoticeFailed:
        """Say it: the first one at once, the rest at the end. An API without events is not worth a warning at all."""
        say = logger().info if self._untold or no_such_place else logger().warning
        if not no_such_place:
            self._untold.append(came)
        say("a notice could not be sent; the run goes on without it", to=_whom(came), reason=came.reason)
        return came

    async def _record(self, event: Event) -> None:
        """Into the journal where it can be written; elsewhere it is in the log, and that is all."""
        try:
            await self._note(event)
        except Exception as error:  # noqa: BLE001 - what became of a notice is worth no run
            logger().warning(
                "what became of a notice could not be journalled", kind=event.kind, error=str(error)
            )


def _whom(came: NoticeFailed) -> str:
    return f"channel {came.channel}" if came.channel else f"the {came.role} org"

"""What is redrawn in place on a terminal: a run as it goes, silence while a pair is looked at, and a pair that is watched."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

from orchestrator.model.events import Event, PairAdopted, RunFinished, RunResumed, RunStarted
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.model.situation import PairStatus
from orchestrator.operations.session import Session
from orchestrator.report.layout import Line, Page, fit, line
from orchestrator.report.live import alike, looks_page, marked, run_page
from orchestrator.report.run_fold import note_event, run_of
from orchestrator.report.run_view import RunView
from orchestrator.report.status import status_page, watched_page

from .console import Stream
from .report_files import playbook_of
from .signals import TICK


def _now() -> datetime:
    return datetime.now(UTC)


class RunFrame:
    """A watcher that shows a run as one frame, which stays there when it has ended; `before` is the run that is taken up again."""

    def __init__(self, stream: Stream, pair: Pair, before: RunView | None = None) -> None:
        self._stream, self._pair = stream, pair
        self._numbers = itertools.count(1 if before is None else before.entries[-1].seq + 1)
        self._run = self._anew() if before is None else before
        self._run.live = True
        self._playbook = _playbook(self._run)
        self._under_way = False
        self._drawn_at = 0.0
        """On the monotonic clock."""

    def _anew(self) -> RunView:
        at = _now()
        return RunView("", self._pair.name, "", at, at, live=True)

    def tell(self, event: Event) -> None:
        """Take note of an event, and draw; the end is printed, so that it stays."""
        if isinstance(event, RunStarted):
            self._run = self._anew()
        note_event(self._run, event, _now(), seq=next(self._numbers), by="")
        if isinstance(event, RunStarted | RunResumed | PairAdopted):
            self._playbook, self._under_way = _playbook(self._run), True
        if isinstance(event, RunFinished) and self._under_way:
            self._stream.end()
            self._stream.page((line(), *self._page(), line()))
            self._under_way = False
        elif time.monotonic() - self._drawn_at >= TICK:
            self.redraw()

    def redraw(self) -> None:
        """Draw the run as it is now, once it has begun and until it has ended."""
        if self._under_way:
            self._drawn_at = time.monotonic()
            self._stream.passing((line(), *self._page()))

    def _page(self) -> Page:
        fit(self._stream.columns)
        return run_page(self._run, self._pair, self._playbook, _now())


def _playbook(run: RunView) -> Playbook | None:
    return None if run.started is None else playbook_of(run.started)


class Silence:
    """A watcher that shows, while a pair is only looked at, which org does not answer, for how long, and what the other said."""

    def __init__(self, stream: Stream, pair: Pair) -> None:
        self._stream, self._pair = stream, pair
        self._run = RunView("", pair.name, "", _now(), _now())

    def tell(self, event: Event) -> None:
        """Take note of who is asked, and who answers."""
        note_event(self._run, event, _now(), seq=0, by="")

    def page(self) -> Page:
        """What is to be said of it now; nothing while everybody answers."""
        return looks_page(self._run.looks, self._pair, _now())

    def redraw(self) -> None:
        """Draw it."""
        fit(self._stream.columns)
        if page := self.page():
            self._stream.passing(page)
        else:
            self._stream.end()


class PairFrame:
    """One pair, looked at every so many seconds, in one place of a terminal: what changed since the look before is marked."""

    def __init__(self, stream: Stream, session: Session, every: float) -> None:
        self._stream, self._session, self._every = stream, session, every
        self._silence = Silence(stream, session.pair)
        self._seen: tuple[PairStatus, RunView | None] | None = None
        self._before: tuple[PairStatus, RunView | None] | None = None
        """The look before the last change."""

    def tell(self, event: Event) -> None:
        """Take note of who is asked, and who answers."""
        self._silence.tell(event)

    def saw(self, standing: PairStatus, store: Store) -> None:
        """A look; and the journal, which says how a run that is under way goes."""
        seen = (standing, _under_way(standing, store))
        as_it_was = None if self._seen is None else self._page(*self._seen, like=standing, whole=True)
        if as_it_was not in (None, self._page(*seen, whole=True)):
            self._before = self._seen
        self._seen = seen
        self.redraw()

    def redraw(self) -> None:
        """Draw it."""
        fit(self._stream.columns)
        self._stream.passing((_again(self._every), *self._silence.page(), line(), *self._marked(whole=False)))

    def leave(self) -> None:
        """Let the last look stand, whole."""
        self._stream.end()
        fit(self._stream.columns)
        self._stream.page(self._marked(whole=True))

    def _marked(self, *, whole: bool) -> Page:
        if self._seen is None:
            return ()
        page = self._page(*self._seen, whole=whole)
        if self._before is None:
            return page
        return marked(page, self._page(*self._before, like=self._seen[0], whole=whole))

    def _page(
        self, standing: PairStatus, run: RunView | None, *, whole: bool, like: PairStatus | None = None
    ) -> Page:
        shown = standing if like is None else alike(standing, like)
        live = () if run is None else run_page(run, standing.pair, _playbook(run), _now())
        playbook = self._session.playbook
        page = status_page(shown, playbook) if whole else watched_page(shown, playbook, beside_run=bool(live))
        return (*live, *((line(),) if live else ()), *page)


def _again(every: float) -> Line:
    return line(f"Looks every {every:g} s; * marks what changed; Ctrl-C ends it.", "dim")


class PageFrame:
    """Pages that are looked at every so many seconds, each in the place of the one before."""

    def __init__(self, stream: Stream, every: float) -> None:
        self._stream, self._every = stream, every
        self._page: Page = ()

    def saw(self, page: Page) -> None:
        """What the next look found."""
        self._page = page
        self.redraw()

    def redraw(self) -> None:
        """Draw it."""
        self._stream.passing((_again(self._every), line(), *self._page))

    def leave(self) -> None:
        """Let the last look stand, whole."""
        self._stream.end()
        self._stream.page(self._page)


def _under_way(standing: PairStatus, store: Store) -> RunView | None:
    """The run that somebody is at, or waits for an answer in, as the journal has it."""
    run, at_work = standing.open_run, standing.under_way
    asks = run.run if run is not None and run.asking else ""
    records = [*store.records(run=asks if at_work is None else at_work.holder.run)] if asks or at_work else []
    return run_of(records) if records else None

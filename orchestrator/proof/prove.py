"""`hamr prove`: all routes of a playbook, in as many processes as there are cores, within one budget."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.config import parse_playbook
from orchestrator.errors import UsageError
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import Explored, Proof, Route, RouteProof
from orchestrator.model.status import Status

from .living import COMMANDS
from .search import Search, routes_of

MORE = 2.0
"""How much more of what is left a route may take than seems fair: what it does not need is left to the others."""

SHORTEST_SLICE = 0.5
"""Seconds that a route gets at least, however many there are."""

GARBAGE = 20_000
"""After so many new things that may hold each other a worker looks for those that nobody else holds."""

TOLD_SECONDS = 0.25
"""After so many it is told how far it is, where nothing else is to be told."""


def chosen_routes(
    playbook: Playbook, goals: Sequence[Status] = (), mirrors: bool | None = None
) -> tuple[Route, ...]:
    """The routes that are asked for.

    Args:
        playbook: whose they are.
        goals: where they are to lead; everywhere where there are none.
        mirrors: whether the pair mirrors; both where that is not known.

    Raises:
        UsageError: there is no such route.
    """
    found = tuple(
        route
        for route in routes_of(playbook)
        if (not goals or route.goal in goals) and mirrors in (None, route.mirrors)
    )
    if not found:
        names = ", ".join(map(str, goals)) or "any of its stops"
        stops = ", ".join(map(str, playbook.stops))
        raise UsageError(f"Playbook {playbook.name} has no way to {names}. Its stops are: {stops}.")
    return found


def prove(
    playbook: Playbook,
    routes: Sequence[Route],
    *,
    faults: int,
    seconds: float,
    workers: int,
    told: Callable[[Sequence[Route], Explored], None] = lambda *_: None,
) -> Proof:
    """Explore every route to so many faults, within so many seconds for all of them together.

    Args:
        playbook: what is proven; its text goes to the processes.
        routes: of it.
        faults: how many events go otherwise at most, in one story.
        seconds: what is left then is counted, and the proof does not hold.
        workers: how many processes share the work.
        told: is told now and then which routes were explored, and how much of all of them.
    """
    began = time.monotonic()
    ends_at = time.time() + seconds
    workers = min(workers, len(routes))
    longest_first = sorted(routes, key=lambda route: -_size(playbook, route))
    sizes = [_size(playbook, route) for route in longest_first]
    shares = [min(1.0, MORE * size * workers / sum(sizes[number:])) for number, size in enumerate(sizes)]
    jobs = [
        _Job(number, playbook.text, playbook.path, route, faults, ends_at, shares[number])
        for number, route in enumerate(longest_first)
    ]
    counts = multiprocessing.RawArray("Q", len(jobs) * _COUNTS)
    done: dict[Route, RouteProof] = {}

    def tell() -> None:
        told(tuple(done), replace(_together(counts), seconds=time.monotonic() - began))

    for found in _all(jobs, workers, counts, tell):
        done[found.route] = found
        tell()
    return Proof(
        playbook.name,
        playbook.digest,
        __version__,
        faults,
        COMMANDS,
        tuple(done[route] for route in routes),
        time.monotonic() - began,
        playbook.path or playbook.name,
    )


def _size(playbook: Playbook, route: Route) -> int:
    """About how long it takes, beside others; what takes longest is begun first, so that the processes end together."""
    return len(playbook.route(route.start, route.goal) or ()) * (1 if route.mirrors else 2)


class _Job(Struct, frozen=True):
    """One route, for whichever process is free."""

    number: int
    text: str
    path: str
    route: Route
    faults: int
    ends_at: float
    """When the budget of all ends, by the wall clock, which processes share."""
    share: float
    """How much it may take of the time that is left when it begins."""


_COUNTS = 3
"""How many numbers tell of a job how far it is: interleavings, states, and what is left."""

_Counts = Any
"""Those of each job, in order, in memory that all processes share."""


def _together(counts: _Counts) -> Explored:
    return Explored(*(sum(counts[number::_COUNTS]) for number in range(_COUNTS)))


def _all(
    jobs: Sequence[_Job], workers: int, counts: _Counts, tell: Callable[[], None]
) -> Iterator[RouteProof]:
    """What comes of each; `tell` is called now and then meanwhile."""
    if workers <= 1:
        for job in jobs:
            yield _explore(job, counts, tell)
        return
    # Whatever ends the block, an interrupt too, ends the processes.
    with multiprocessing.Pool(workers, _begin, (counts,)) as pool:
        found = pool.imap_unordered(_work, jobs)
        for _ in jobs:
            while True:
                try:
                    yield found.next(timeout=TOLD_SECONDS)
                    break
                except multiprocessing.TimeoutError:
                    tell()


_shared: _Counts = None
"""In a process of its own: where it says how far it is."""


def _begin(counts: _Counts) -> None:
    """Ctrl-C is for the process that waits: it ends this one, without a word."""
    global _shared  # noqa: PLW0603 - a pool hands what is shared to its processes when they begin, and in no other way
    _shared = counts
    gc.freeze()  # what is loaded by now stays, and need not be looked through again
    gc.set_threshold(GARBAGE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _work(job: _Job) -> RouteProof:
    return _explore(job, _shared, lambda: None)


def _explore(job: _Job, counts: _Counts, tell: Callable[[], None]) -> RouteProof:
    def passing(explored: Explored) -> None:
        first = job.number * _COUNTS
        counts[first : first + _COUNTS] = (explored.interleavings, explored.states, explored.left)
        tell()

    seconds = max(SHORTEST_SLICE, (job.ends_at - time.time()) * job.share)
    playbook = parse_playbook(job.text, job.path)
    return Search(playbook, job.route, job.faults, seconds, passing=passing).run()

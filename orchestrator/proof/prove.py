"""`hamr prove`: all routes of a playbook, in as many processes as there are cores, within one budget."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from orchestrator import __version__
from orchestrator.config import parse_playbook
from orchestrator.errors import UsageError
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import Proof, Route, RouteProof
from orchestrator.model.status import Status

from .search import COMMANDS, prove_route, routes_of

SHORTEST_SLICE = 0.5
"""Seconds that a route gets at least, however many there are."""


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
        names = ", ".join(map(str, goals))
        raise UsageError(f"playbook {playbook.name} has no way to {names or 'any of its stops'}")
    return found


def prove(
    playbook: Playbook,
    routes: Sequence[Route],
    *,
    faults: int,
    seconds: float,
    workers: int,
    told: Callable[[RouteProof], None] = lambda _: None,
) -> Proof:
    """Explore every route to so many faults, within so many seconds for all of them together.

    Args:
        playbook: what is proven; its text goes to the processes.
        routes: of it.
        faults: how many events go otherwise at most, in one story.
        seconds: what is left then is counted, and the proof does not hold.
        workers: how many processes share the work.
        told: is told each route's result as soon as it is there.
    """
    began = time.monotonic()
    ends_at = time.time() + seconds
    done: dict[Route, RouteProof] = {}
    longest_first = sorted(routes, key=lambda route: -len(playbook.route(route.start, route.goal) or ()))
    jobs = [
        _Job(
            playbook.text,
            playbook.path,
            route,
            faults,
            ends_at,
            (len(routes) - number) / min(workers, len(routes)),
        )
        for number, route in enumerate(longest_first)
    ]
    for found in _all(jobs, min(workers, len(jobs))):
        done[found.route] = found
        told(found)
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


class _Job(Struct, frozen=True):
    """One route, for whichever process is free."""

    text: str
    path: str
    route: Route
    faults: int
    ends_at: float
    """When the budget of all ends, by the wall clock, which processes share."""
    left: float
    """How many such jobs a process still has before it."""


def _all(jobs: Sequence[_Job], workers: int) -> Iterator[RouteProof]:
    if workers <= 1:
        yield from map(_work, jobs)
        return
    # Whatever ends the block, an interrupt too, ends the processes.
    with multiprocessing.Pool(workers, _leave_signals) as pool:
        yield from pool.imap_unordered(_work, jobs)


def _leave_signals() -> None:
    """Ctrl-C is for the process that waits: it ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(job: _Job) -> RouteProof:
    seconds = max(SHORTEST_SLICE, (job.ends_at - time.time()) / max(1.0, job.left))
    return prove_route(parse_playbook(job.text, job.path), job.route, job.faults, seconds)

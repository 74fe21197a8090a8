"""What the journal wants done, compared with the jobs that there are: a worker that was killed leaves its job behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct


class Hint(Struct, frozen=True, order=True):
    """What a job says: bring this pair of this fleet run to its goal."""

    fleet: str
    pair: str


class QueuedJob(Struct, frozen=True):
    """A job as it stands in the queue."""

    id: int
    hint: Hint | None
    """None for what a schedule wants: its time comes again."""
    doing: bool
    """Whether a worker has taken it."""
    worker: int | None = None
    """Which; None where that one is no longer known."""
    heard: bool = True
    """Whether that worker was heard of lately."""


class Sweep(Struct, frozen=True):
    """What is to be mended."""

    lost: tuple[int, ...] = ()
    """Jobs that nobody does any more, though somebody had taken them: each keeps its pair's other jobs waiting."""
    missing: tuple[Hint, ...] = ()
    """What is to be done, and has no job."""


def sweep(wanted: Collection[Hint], jobs: Iterable[QueuedJob], dropped: Collection[int] = ()) -> Sweep:
    """Find what is to be mended.

    Args:
        wanted: the pairs that fleet runs have still to bring to their goals, in the order in which they are to be.
        jobs: all that there are.
        dropped: jobs that this very worker has taken, and is not at.
    """
    lost: list[int] = []
    there: set[Hint] = set()
    for job in jobs:
        if job.doing and (job.worker is None or not job.heard or job.id in dropped):
            lost.append(job.id)
        elif job.hint is not None:
            there.add(job.hint)
    return Sweep(tuple(lost), tuple(hint for hint in wanted if hint not in there))

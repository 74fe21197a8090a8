"""Faults drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from orchestrator.model.plain import JSON
from orchestrator.model.status import Role, Status

from .fault_kinds import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    ConnectionReset,
    Drip,
    FaultKind,
    ForeignWriter,
    RegionDark,
    ServerError,
    Silence,
    Slow,
    StaleRead,
    Throttle,
    TruncatedBody,
    WrongBody,
)
from .faults import Fault

_WRONG: tuple[JSON, ...] = (None, "<html></html>", {"data": []}, {"data": {"id": "x"}})

_DRAWN: tuple[Callable[[Random], FaultKind], ...] = (
    lambda _: ConnectionRefused(),
    lambda random: Slow(round(random.uniform(0.1, 20.0), 1)),
    lambda random: Drip(round(random.uniform(0.01, 0.5), 2)),
    lambda random: Silence(applied=random.random() < 0.5),  # noqa: PLR2004 - as often as not
    lambda _: AnswerLost(),
    lambda random: AppliedLate(round(random.uniform(0.1, 30.0), 1)),
    lambda _: ConnectionReset(),
    lambda random: ClientError(random.choice((400, 401, 403, 404))),
    lambda random: Throttle(reset=random.randint(1, 10)),
    lambda random: ServerError(random.choice((500, 502, 503, 504)), applied=random.random() < 0.5),  # noqa: PLR2004 - as above
    lambda _: TruncatedBody(),
    lambda random: WrongBody(random.choice(_WRONG)),
    lambda random: StaleRead(random.choice((None, 1.0, 5.0))),
    lambda random: ForeignWriter(
        random.choice((Status.PASSIVE, Status.FAILOVER, Status.ACTIVE, Status.RECOVERY)),
        after=random.random() < 0.5,  # noqa: PLR2004 - as above
    ),
    lambda random: RegionDark(round(random.uniform(1.0, 60.0), 1), silent=random.random() < 0.5),  # noqa: PLR2004 - as above
)


def random_faults(seed: int, *, count: int = 3, within: int = 8) -> tuple[Fault, ...]:
    """Faults of any kind, the same for the same seed.

    Args:
        seed: any number.
        count: how many faults.
        within: the highest number of a matching request at which one begins.
    """
    random = Random(seed)  # noqa: S311 - a replayable draw is the point
    return tuple(
        Fault(
            random.choice(_DRAWN)(random),
            at=random.randint(1, within),
            role=random.choice((Role.PRIMARY, Role.SECONDARY)),
            method=random.choice(("GET", "POST", None)),
            times=random.choice((1, 1, 1, 2, 3)),
        )
        for _ in range(count)
    )

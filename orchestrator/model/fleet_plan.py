"""What a fleet would do: each pair's plan in a few words, in waves, and what somebody agrees to who agrees to all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from .approval import Approvable
from .next_step import NextStep
from .plain import plain
from .run import Mode
from .status import Both, Status


class PlannedPair(Struct, frozen=True):
    """What is planned for one pair."""

    pair: str
    stands: str
    """Where it stands, as a label: agreed(PASSIVE); "" where that could not be told."""
    transitions: tuple[str, ...] = ()
    writes: int = 0
    waits: tuple[str, ...] = ()
    """Guards that do not pass yet, and are waited for; people's agreement among them."""
    refused: str = ""
    """Why its run would be refused as things are; "" where it would not."""
    saw: Both[str] | None = None
    """What was seen of each org, in a word; None where the orgs were not asked."""
    dark: Both[bool] = Both(primary=False, secondary=False)
    """Which org could not be reached."""
    next_steps: tuple[NextStep, ...] = ()
    what: Approvable | None = None
    """What its run would do; None where that is nothing, or refused."""


class FleetPlan(Struct, frozen=True):
    """What a fleet would do; nothing of it was sent."""

    fleet: str
    """The id that it gets when it is run."""
    made_at: datetime
    goal: Status
    mode: Mode
    waves: tuple[tuple[str, ...], ...]
    pairs: Mapping[str, PlannedPair]
    left_out: tuple[PlannedPair, ...] = ()
    """Of an emergency: pairs that have lost no org, and are left where they are."""

    @property
    def digest(self) -> str:
        """What it is known by: SHA-256 over the plans of its pairs, and over nothing that each look sees anew."""
        said = [
            [number, pair, "" if (what := self.pairs[pair].what) is None else what.digest]
            for number, wave in enumerate(self.waves, 1)
            for pair in wave
        ]
        return hashlib.sha256(msgspec.json.encode(plain([self.goal, self.mode, said]))).hexdigest()

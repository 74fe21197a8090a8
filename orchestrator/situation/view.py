"""All that a phase is decided on, in one place, and what it says about each org."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.org import Org, Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Change, Reading
from orchestrator.model.run import Attempt
from orchestrator.model.situation import OpenRun, Owed
from orchestrator.model.status import Both, Role, Status

from .wording import says


class View(Struct, frozen=True):
    """Both readings, and what else may explain them."""

    pair: Pair
    readings: Both[Reading]
    playbook: Playbook
    owed: Owed | None
    open_run: OpenRun | None
    goal: Status | None
    given_up: tuple[Attempt, ...] = ()
    """Attempts of ours that nobody has seen in effect, and that may turn up."""

    @property
    def stopped_for(self) -> Change | None:
        """The kind of change that the open run stopped for; None where it stopped for anything else, or there is none."""
        return None if self.open_run is None else self.open_run.stopped_for

    @property
    def set_back(self) -> tuple[Role, Attempt] | None:
        """The org that shows a write of ours which had been given up, and came late; None where none does."""
        for role in Role:
            record = self.readings[role].record
            for attempt in self.given_up:
                if record is not None and attempt.fits(record):
                    return role, attempt
        return None

    def org(self, role: Role) -> Org:
        """An org, as the inventory declares it."""
        return self.pair[role]

    def status(self, role: Role) -> Status | None:
        """What an org shows: a status, ABSENT for a 404, None where it is not known."""
        return self.readings[role].status

    def says(self, role: Role) -> str:
        """What an org said, as the first half of a sentence."""
        return says(self.pair[role], self.readings[role])

    def both_say(self) -> str:
        """What both orgs said."""
        return f"{self.says(Role.PRIMARY)}; {self.says(Role.SECONDARY)}"

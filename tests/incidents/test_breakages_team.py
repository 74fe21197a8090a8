"""Tests of the test, for a team's journal: each rule broken once."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import JournalDamaged, JournalUnavailable
from orchestrator.journal import merge, store
from orchestrator.journal.postgres import PostgresDatabase
from orchestrator.journal.postgres_session import TeamSession
from orchestrator.model.run import Mode
from orchestrator.model.status import Role
from orchestrator.operations.locking import Lock
from orchestrator.operations.recorder import Recorder
from orchestrator.operations.session import Session
from tests.fake_postgres import Trouble

from .draw import Dark, Incident, Life
from .team import Outage, Snag, Team
from .test_breakages import Breakage, Patch, always, each_invariant, no_fence, notice, plain

# -- where to look ----------------------------------------------------------------------------------------------


def _at_commit(trouble: Trouble) -> Any:
    """Something befalls one COMMIT after the other."""

    def aim(incident: Incident) -> Incident:
        return plain(incident, team=Team((Snag(3 + incident.seed, trouble, "COMMIT"),)))

    return aim


def _woken(incident: Incident) -> Incident:
    """Stopped for a minute; somebody at another computer takes the run up meanwhile."""
    lives = (Life(freeze_at_step=60 + 9 * incident.seed, freeze_for=60.0), *(Life(),) * 3)
    return plain(incident, lives=lives, team=Team(elsewhere=True, rescued_at=30.0))


def _gone(trouble: Trouble, after: float = 0.0) -> Any:
    """An emergency whose team's server is gone sooner or later."""

    def aim(incident: Incident) -> Incident:
        dark = (Dark(0.0, Role.PRIMARY, 300.0, silent=True),)
        outage = Outage(after + 0.02 * incident.seed, 600.0, trouble)
        return plain(incident, mode=Mode.EMERGENCY, dark=dark, team=Team((), (outage,), takes=0.01))

    return aim


# -- what is broken ---------------------------------------------------------------------------------------------


def _committed(patch: Patch) -> None:
    patch.setattr(TeamSession, "_was_committed", lambda *_: True)


def _no_refuge(patch: Patch) -> None:
    def stays(_: Session, why: JournalUnavailable | JournalDamaged) -> None:
        raise why

    patch.setattr(Session, "move_journal", stays)


def _reads_in_vain(patch: Patch) -> None:
    async def ask(self: Recorder, call: Any) -> Any:
        return await self.session.calls(call)

    patch.setattr(Recorder, "ask", ask)


def _known_by_kind(patch: Patch) -> None:
    patch.setattr(merge, "_content", lambda record: record.kind.encode())
    patch.setattr(merge, "_want_chain", lambda *_: None)


def _begins_twice(patch: Patch) -> None:
    def move(self: Recorder, why: JournalUnavailable, original: Any = Recorder._move) -> None:
        original(self, why)
        self.session.store.append_all(self._entries)

    patch.setattr(Recorder, "_move", move)


BREAKAGES = (
    Breakage(
        "told-once",
        "a COMMIT without an answer is done again",
        always(TeamSession, "_was_committed", False),
        _at_commit(Trouble.UNANSWERED),
        found=10,
    ),
    Breakage(
        "kept", "a COMMIT without an answer counts as done", _committed, _at_commit(Trouble.UNHEARD), found=18
    ),
    Breakage(
        "told-once",
        "what was given up is told again",
        always(store, "_stands", False),
        _at_commit(Trouble.SWALLOWED_ANSWER),
        found=21,
    ),
    Breakage(
        "told-once", "an emergency begins its journal twice", _begins_twice, _gone(Trouble.SWALLOWED, 2.1)
    ),
    Breakage("intends-locked", "a woken holder goes on", no_fence, _woken, found=9),
    Breakage(
        "ours-is-ours",
        "a woken holder blames whoever took its run up",
        always(Lock, "was_passed_on", False),
        _woken,
        found=8,
    ),
    Breakage("goes-on", "an emergency stays with a team's journal", _no_refuge, _gone(Trouble.REFUSED)),
    Breakage(
        "goes-on",
        "an emergency ends for what it can't read",
        _reads_in_vain,
        _gone(Trouble.SWALLOWED, 2.2),
        found=12,
    ),
    Breakage(
        "unheld",
        "an emergency waits as others do",
        always(PostgresDatabase, "wait_at_most", None),
        _gone(Trouble.SWALLOWED, 2.1),
        found=17,
    ),
    Breakage(
        "merged",
        "what an emergency did alone is left out",
        _known_by_kind,
        _gone(Trouble.READ_ONLY, 2.05),
        found=6,
    ),
)


@each_invariant(BREAKAGES)
def test_the_incidents_notice(breakage: Breakage, monkeypatch: Patch) -> None:
    notice(breakage, monkeypatch)

"""One look at everything that a run would need, of one pair or of all pairs of an inventory at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack

from orchestrator.errors import HamrError
from orchestrator.model.readiness import Check, Group, Readiness
from orchestrator.model.status import Both
from orchestrator.operations.session import Session
from orchestrator.system.programs import find_program

from .answers import Answers, JournalFound, OrgAnswers
from .asking import ask
from .guards import check_guards
from .here import check_here
from .hooks import check_hooks, hook_programs
from .journal import check_journal
from .journals import look_at_journals
from .keys import check_keys
from .orgs import check_orgs, round_trip
from .standing import check_standing


async def examine(sessions: Sequence[Session], *, unopened: HamrError | None = None) -> tuple[Readiness, ...]:
    """How ready each pair is, for a planned run and for an emergency. Reads only; all questions at the same time.

    Args:
        sessions: one for each pair.
        unopened: why the journal could not be opened, where that is so; the sessions' stores are empty then.

    Raises:
        PreparationError: the certificates or the proxy of this machine cannot be used.
    """
    began = [session.clock.monotonic() for session in sessions]
    async with AsyncExitStack() as stack:
        probers = [await stack.enter_async_context(session.prober()) for session in sessions]
        journals, orgs = await asyncio.gather(
            asyncio.to_thread(look_at_journals, sessions, unopened),
            asyncio.gather(*(ask(*both) for both in zip(sessions, probers, strict=True))),
        )
    return tuple(
        _readiness(session, answered, journal, answered.monotonic - start)
        for session, answered, journal, start in zip(sessions, orgs, journals, began, strict=True)
    )


def _readiness(session: Session, orgs: OrgAnswers, journal: JournalFound, seconds: float) -> Readiness:
    programs = hook_programs(session.playbook)
    missing = frozenset(name for name in programs if find_program(name, session.environ) is None)
    answers = Answers(session.pair, session.playbook, session.operator, orgs, journal, missing)
    return Readiness(
        session.pair.name,
        orgs.at,
        session.playbook.name,
        all_checks(answers),
        Both(*(round_trip(reading) for reading in orgs.readings)),
        seconds,
    )


def all_checks(answers: Answers) -> tuple[Check, ...]:
    """Every check, by group. Pure."""
    found: Iterable[Check] = (
        *check_keys(answers),
        *check_standing(answers),
        *check_orgs(answers),
        *check_guards(answers),
        *check_hooks(answers),
        *check_journal(answers),
        *check_here(answers),
    )
    order = {group: number for number, group in enumerate(Group)}
    return tuple(sorted(found, key=lambda check: order[check.group]))

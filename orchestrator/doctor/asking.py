"""Asking both orgs and all probes, everything at the same time, each question under its own deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from msgspec.structs import replace

from orchestrator.datadog import HttpReader
from orchestrator.engine.reader import ask_twice
from orchestrator.errors import KeyUnavailable
from orchestrator.model.guard import ProbeReading
from orchestrator.model.org import KeyReference
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock, Prober
from orchestrator.model.readiness import KeysSaid
from orchestrator.model.reading import Identity, Reading
from orchestrator.model.status import Both, Role
from orchestrator.operations.session import Session
from orchestrator.situation.guard_kinds import depends_on

from .answers import KeyFound, OrgAnswers

WITHIN = 8.0
"""Seconds that a key or an org is given, its probes included: Nagios gives a plugin ten in all.

Programs and pages elsewhere have deadlines of their own.
"""

CONNECT_WITHIN = timedelta(seconds=3)
"""A dead region is told from a slow one after so long, whatever the playbook allows."""


async def ask(session: Session, prober: Prober) -> OrgAnswers:
    """Everything that the world can be asked about a pair. Sends nothing but GETs.

    Raises:
        PreparationError: the certificates or the proxy of this machine cannot be used.
    """
    reader = HttpReader(
        session.pair,
        timeouts=patience(session.playbook.timeouts),
        keys=session.keys,
        redactor=session.redactor,
        clock=session.clock,
        transports=session.transports,
    )
    async with reader:
        keys, accepted, identities, readings, probes = await asyncio.gather(
            _keys(session), _accepted(reader), _identities(reader), _readings(reader, session.clock), _probes(session, prober)
        )  # fmt: skip
    return OrgAnswers(
        keys, accepted, identities, readings, probes, session.clock.now(), session.clock.monotonic()
    )


def patience(timeouts: Timeouts) -> Timeouts:
    """The playbook's bounds of an exchange, with no more than three seconds for connecting."""
    return replace(timeouts, connect=min(timeouts.connect, CONNECT_WITHIN))


async def _keys(session: Session) -> tuple[KeyFound, ...]:
    wanted = [
        (role, which, name, reference)
        for role, org in session.pair.orgs.items()
        for which, name, reference in (
            ("api", "API key", org.api_key),
            ("app", "application key", org.app_key),
        )
    ]
    return tuple(await asyncio.gather(*(_key(session, *one) for one in wanted)))


async def _key(session: Session, role: Role, which: str, name: str, reference: KeyReference) -> KeyFound:
    try:
        async with asyncio.timeout(WITHIN):
            await session.keys.resolve(reference, org=str(session.pair[role]), which=which)
    except KeyUnavailable as error:
        words = session.redactor.clean(error.message)
        return KeyFound(role, name, str(reference), words, error.next_steps)
    except TimeoutError:
        words = f"The {name} of {session.pair[role]} was not there within {WITHIN:g} seconds: {reference}."
        return KeyFound(role, name, str(reference), words)
    return KeyFound(role, name, str(reference))


async def _accepted(reader: HttpReader) -> Both[KeysSaid]:
    return Both(*await asyncio.gather(*(reader.validate_keys(role, within=WITHIN) for role in Role)))


async def _identities(reader: HttpReader) -> Both[Identity]:
    return Both(*await asyncio.gather(*(reader.identify(role, within=WITHIN) for role in Role)))


async def _readings(reader: HttpReader, clock: Clock) -> Both[Reading]:
    return Both(*await asyncio.gather(*(_reading(reader, role, clock) for role in Role)))


async def _reading(reader: HttpReader, role: Role, clock: Clock) -> Reading:
    async def ask(anew: bool, within: float | None) -> Reading:
        return await reader.read(role, within=within, anew=anew)

    return await ask_twice(ask, clock, within=WITHIN)


async def _probes(session: Session, prober: Prober) -> Mapping[str, ProbeReading]:
    """Every probe; one that asks an org gets no more time than the org itself, whose region may be dead."""
    taken = (
        prober.take(probe, within=None if depends_on(probe, session.pair) is None else WITHIN)
        for probe in session.playbook.probes.values()
    )
    return {reading.probe: reading for reading in await asyncio.gather(*taken)}

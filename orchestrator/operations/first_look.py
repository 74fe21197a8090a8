"""One look at one org, before any inventory names it: who it is, and what its HAMR record says of its peer."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.datadog.client import HttpReader
from orchestrator.model.org import Org, Pair
from orchestrator.model.playbook import Timeouts
from orchestrator.model.reading import HamrRecord, Reading
from orchestrator.model.status import Both
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

WITHIN = 8.0
"""Seconds that both questions get: a person waits for them."""


class FirstLook(Struct, frozen=True):
    """What an org said of itself."""

    uuid: str | None
    """The org that its API key belongs to; None where it did not say."""
    reading: Reading

    @property
    def record(self) -> HamrRecord | None:
        """Its HAMR record, where it has one."""
        return self.reading.record


async def look_first(org: Org, environ: Mapping[str, str], redactor: Redactor) -> FirstLook:
    """Who an org is, and its HAMR record: two GETs; a PreparationError where this machine's certificates or proxy can't be used."""
    pair = Pair("", Both(org, replace(org, role=org.role.other)))
    async with HttpReader(
        pair, timeouts=Timeouts(), keys=KeyRing(environ, redactor), redactor=redactor, clock=SystemClock()
    ) as reader:
        identity = await reader.identify(org.role, within=WITHIN)
        return FirstLook(identity.uuid, await reader.read(org.role, within=WITHIN))

"""The situations that guards are judged on: today's, and an emergency's, in which the other org is silent."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model.guard import ProbeReading, Unmeasured
from orchestrator.model.reading import Identity, Unreachable
from orchestrator.model.run import Mode
from orchestrator.model.situation import Situation
from orchestrator.model.status import Role
from orchestrator.situation.guard_kinds import depends_on

from .answers import Answers

AS_IF = "as if its region were dead"


def planned_situation(answers: Answers) -> Situation:
    """What a planned run would judge its guards on, now."""
    history = answers.journal.history
    return Situation(
        pair=answers.pair,
        readings=answers.orgs.readings,
        identities=answers.orgs.identities,
        at=answers.orgs.at,
        monotonic=min(
            reading.monotonic for reading in answers.orgs.readings
        ),  # a run reads anew: never stale
        known_runs=frozenset() if history is None else history.known_runs,
        probes=answers.orgs.probes,
    )


def emergency_situation(answers: Answers, survivor: Role) -> Situation:
    """What an emergency would judge its guards on, if the other org's region were dead: what it has to do without."""
    other = survivor.other
    planned = planned_situation(answers)
    readings, identities = planned.readings, planned.identities
    return replace(
        planned,
        mode=Mode.EMERGENCY,
        survivor=survivor,
        readings=readings.with_(other, replace(readings[other], sight=Unreachable(AS_IF))),
        identities=identities.with_(other, Identity(other, None, AS_IF)),
        probes={name: _without(answers, reading, other) for name, reading in planned.probes.items()},
    )


def _without(answers: Answers, reading: ProbeReading, dead: Role) -> ProbeReading:
    """A probe's answer, if the region that gives it were dead."""
    probe = answers.playbook.probes.get(reading.probe)
    if probe is None or depends_on(probe, answers.pair) is not dead:
        return reading
    return replace(reading, sight=Unmeasured(AS_IF))

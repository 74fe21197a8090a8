"""A fleet's plan: every pair's own plan, made as `hamr plan` makes it, so many at a time. Reads, and cannot write (law 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.datadog.connections import SharedConnections
from orchestrator.engine.evaluator import asks_people
from orchestrator.errors import HamrError, Locked
from orchestrator.model.events import FleetStarted
from orchestrator.model.fleet import FleetPlan, PlannedPair
from orchestrator.model.org import Wave
from orchestrator.model.plan import Plan
from orchestrator.model.reading import Reading, Unreachable
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Both
from orchestrator.operations.approval import asked_by_plan
from orchestrator.operations.plan import make_plan
from orchestrator.operations.preflight import refuse_in_drill, refuse_owing
from orchestrator.operations.session import Session
from orchestrator.operations.status import PAIRS_AT_ONCE, read_org

from .bring import refuse_busy
from .crew import Crew
from .selection import in_waves


async def plan_fleet(crew: Crew, request: RunRequest, waves: Sequence[Wave]) -> FleetPlan:
    """What a fleet would do: what `request` asks of each pair (its own pair does not matter), in these waves.

    In an emergency, the pairs that have lost one org are moved, and the others are left where they are.

    Raises:
        UsageError: the waves don't reach every pair.
        JournalDamaged: one of the journal's newest records does not hold.
    """
    lead = crew.lead
    lead.verify()
    found: dict[str, PlannedPair] = {}

    async def plan_one(pair: str, shared: SharedConnections) -> None:
        found[pair] = await _planned(await crew.on(pair, shared), replace(request, pair=pair))

    await crew.each(crew.prepared, PAIRS_AT_ONCE, plan_one)
    if request.mode is Mode.EMERGENCY:
        await _look_again(crew, found, _doubted(crew, found))
    planned = [found[pair] for pair in crew.prepared]
    moved = planned
    if request.mode is Mode.EMERGENCY:
        moved = [each for each in planned if each.saw is None or any(each.dark)]
    return FleetPlan(
        lead.new_run(),
        crew.clock.now(),
        request.goal,
        request.mode,
        in_waves([each.pair for each in moved], waves),
        {each.pair: each for each in moved},
        tuple(each for each in planned if each not in moved),
    )


def _doubted(crew: Crew, found: Mapping[str, PlannedPair]) -> list[str]:
    """Pairs with an org that gave no answer within an emergency's short time, though its site has answered others.

    Nor is one org's silence alone that of its site.
    """
    silent: dict[str, list[bool]] = {}
    for each in found.values():
        if each.saw is not None:
            for role, dark in each.dark.items():
                silent.setdefault(crew.pair(each.pair)[role].base_url, []).append(dark)
    dark_sites = {site for site, orgs in silent.items() if all(orgs) and len(orgs) > 1}
    return [
        each.pair
        for each in found.values()
        if any(
            dark and crew.pair(each.pair)[role].base_url not in dark_sites for role, dark in each.dark.items()
        )
    ]


async def _look_again(crew: Crew, found: dict[str, PlannedPair], doubted: Sequence[str]) -> None:
    """What is found of these pairs, once their silent orgs had all the time that a planned run gives them: slow is not dark."""

    async def look(pair: str, shared: SharedConnections) -> None:
        session = await crew.on(pair, shared)
        async with session.reader() as reader:
            for role in [role for role, dark in found[pair].dark.items() if dark]:
                reading = await read_org(reader, role, session.clock, within=None)
                saw, dark = found[pair].saw or Both("", ""), isinstance(reading.sight, Unreachable)
                saw, are_dark = saw.with_(role, _seen(reading)), found[pair].dark.with_(role, dark)
                found[pair] = replace(found[pair], saw=saw, dark=are_dark)

    await crew.each(doubted, PAIRS_AT_ONCE, look)


async def _planned(session: Session, request: RunRequest) -> PlannedPair:
    try:
        history = session.history()
        refuse_busy(session, history, request.mode)
        refuse_in_drill(history, request, "")
        refuse_owing(history, request)
        plan = await make_plan(session, request)
    except HamrError as error:
        locked = isinstance(error, Locked)
        return PlannedPair(
            request.pair, "", refused=error.message, locked=locked, next_steps=error.next_steps
        )
    return _in_short(plan)


def _in_short(plan: Plan) -> PlannedPair:
    why = ""
    if plan.refused:
        why = f"{', '.join(plan.stops)} would stop it" if plan.stops else plan.ending
    return PlannedPair(
        plan.request.pair,
        plan.phase,
        tuple(each.name for each in plan.transitions),
        len(plan.writes),
        tuple(dict.fromkeys(guard for each in plan.transitions for guard in (*each.waits, *each.asks))),
        why,
        Both(*(_seen(reading) for reading in plan.readings)),
        Both(*(isinstance(reading.sight, Unreachable) for reading in plan.readings)),
        plan.next_steps if plan.refused else (),
        asked_by_plan(plan, plan.made_at).what if plan.transitions and not plan.refused else None,
    )


def _seen(reading: Reading) -> str:
    return type(reading.sight).__name__.lower() if reading.status is None else str(reading.status)


def start_of(
    plan: FleetPlan, request: RunRequest, crew: Crew, *, at_once: int, stop_after: int | None
) -> FleetStarted:
    """How the journal says that a fleet begins which was planned so."""
    playbook = crew.lead.playbook
    asks = any(asks_people(guard, playbook) for guard in playbook.guards)
    return FleetStarted(
        goal=request.goal,
        mode=request.mode,
        reason=request.reason,
        ref=request.ref,
        since=request.since,
        overrides=dict(request.overrides),
        waves=plan.waves,
        at_once=at_once,
        stop_after=stop_after,
        playbook=playbook.name,
        playbook_text=playbook.text,
        playbook_sha256=playbook.digest,
        version=__version__,
        digest=plan.digest,
        plans=tuple(each.what for each in plan.pairs.values() if each.what is not None) if asks else (),
        orgs={name: crew.pair(name).mark for name in plan.pairs},
    )

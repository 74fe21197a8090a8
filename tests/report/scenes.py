"""The pair, playbook, plan and results that the tests of this folder show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from orchestrator.errors import ExitCode
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.journal import Head
from orchestrator.model.org import CommandKey, EnvironmentKey, FileKey, Org, Pair, Wire
from orchestrator.model.plan import Plan, PlannedTransition, PlannedWrite
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import (
    Exchange,
    HamrRecord,
    Identity,
    Present,
    Reading,
    Request,
    Sight,
    Unreachable,
)
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Objective, Operator, RunOutcome, RunRequest, Step
from orchestrator.model.situation import PairStatus, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.report.layout import Page, plain_text
from orchestrator.situation.next_steps import after_a_look, after_a_plan
from tests.steps import step

P, S = Role.PRIMARY, Role.SECONDARY
NOW = datetime(2026, 5, 28, 16, 40, 0, tzinfo=UTC)
YESTERDAY = datetime(2026, 5, 27, 9, 30, 0, tzinfo=UTC)
RUN = "20260528-163000-k3f9"
UUIDS = Both("550e8400-e29b-41d4-a716-446655440000", "7c9e6679-7425-40de-944b-e07fc1f90ae7")
HASH = "0123456789abcdef" * 4

CANARY = "c4narycanarycanarycanarycanary99"
"""Stands where a key's reference could lead to a key; no page and no document may show it."""

ORGS = Both(
    Org(
        P,
        "Payments",
        UUIDS.primary,
        "https://api.datadoghq.com",
        "us1",
        Wire.AUTO,
        EnvironmentKey("API"),
        FileKey(f"/keys/{CANARY}"),
    ),
    Org(
        S,
        "Payments EU",
        UUIDS.secondary,
        "https://api.datadoghq.eu",
        "eu1",
        Wire.AUTO,
        CommandKey(("echo", CANARY)),
        EnvironmentKey("APP"),
    ),
)
PAIR = Pair("payments", ORGS)

DECLARE = Transition(
    "declare",
    Status.PASSIVE,
    Status.FAILOVER,
    why="The secondary is told that it is about to take over.",
    guards=("settled",),
    survivor=S,
)
ACTIVATE = Transition("activate", Status.FAILOVER, Status.ACTIVE, survivor=S)
ABORT = Transition("abort", Status.FAILOVER, Status.PASSIVE, writes=(S,))
PLAYBOOK = Playbook("regional-failover", (DECLARE, ACTIVATE, ABORT), (Status.PASSIVE, Status.ACTIVE))


def lines(page: Page) -> list[str]:
    """The page's lines, without their styles."""
    return plain_text(page).splitlines()


def words(page: Page) -> str:
    """What the page says, on one line."""
    return " ".join(plain_text(page).split())


def record(role: Role, status: int = 2, by: str = "alice@example.com") -> HamrRecord:
    peer = ORGS[role.other]
    return HamrRecord(
        UUIDS[role], status, role is P, by, YESTERDAY, UUIDS[role.other], peer.name, peer.datacenter
    )


def reading(role: Role, sight: Sight | None = None, seconds: float = 0.052) -> Reading:
    sight = sight or Present(record(role), Status.PASSIVE)
    silent = isinstance(sight, Unreachable)
    exchange = Exchange(seconds) if silent else Exchange(seconds, 200, NOW, "req-1")
    return Reading(role, sight, NOW - timedelta(seconds=3), 5000.0, exchange)


def looked(of: PairStatus, *steps: str) -> PairStatus:
    """With what to type next, as whoever looks at a pair does it; `steps` are the phase's own, where they are given."""
    if steps:
        of = replace(of, phase=replace(of.phase, next_steps=tuple(map(step, steps))))
    return replace(of, next_steps=after_a_look(of))


def standing() -> PairStatus:
    """Both orgs PASSIVE since yesterday, and nothing in the journal that matters."""
    return PairStatus(
        pair=PAIR,
        at=NOW,
        readings=Both(reading(P), reading(S, seconds=0.081)),
        identities=Both(Identity(P, UUIDS.primary), Identity(S, UUIDS.secondary)),
        phase=Phase(
            PhaseName.AGREED,
            "Both orgs show PASSIVE.",
            (step("hamr plan payments --to ACTIVE"),),
            status=Status.PASSIVE,
        ),
        owed=None,
        open_run=None,
        unknown=(),
        holder=None,
        holder_dead=False,
        under_way=None,
        cooling_down_after="",
        cooling_down_for=0.0,
        journal="/home/alice/.local/state/hamr/journal.db",
        head=Head(41, HASH),
    )


LINKED = Verdict("linked", Outcome.PASS, "both orgs are who the inventory says")
SETTLED = Verdict("settled", Outcome.PASS, "nobody changed a record for 5 min")
UNSETTLED = Verdict(
    "settled",
    Outcome.FAIL,
    "Payments EU (secondary) was changed 2 min ago by bob@example.com",
    why="Somebody changed this pair in the last minutes. Ask them.",
)
UNSEEN = Verdict(
    "both_answer",
    Outcome.UNKNOWN,
    "Payments (primary) did not answer",
    why="Going home needs both regions.",
    blind=P,
)
MISLINKED = Verdict("linked", Outcome.FAIL, "the primary's keys are another org's")


def write(role: Role, status: Status, stands: str, condition: str = "") -> PlannedWrite:
    body = {"data": {"id": UUIDS[role], "attributes": {"hamr_status": int(status)}}}
    url = f"{ORGS[role].base_url}/api/v2/hamr"
    return PlannedWrite(
        role,
        ORGS[role].name,
        status,
        Request("POST", url, body),  # type: ignore[arg-type]  # a plain literal is JSON
        stands,
        record(role),
        condition,
    )


def planned_transition(
    transition: Transition, *verdicts: Verdict, refused_by: tuple[str, ...] = ()
) -> PlannedTransition:
    writes = (
        write(S, transition.target, f"midway({transition.name})"),
        write(
            P, transition.target, f"agreed({transition.target})", "only if this pair turns out not to mirror"
        ),
    )
    return PlannedTransition(
        transition.name,
        transition.source,
        transition.target,
        transition.why,
        verdicts,
        refused_by,
        (),
        (),
        writes=writes,
    )


def decided(of: Plan) -> Plan:
    """With what to type next, as whoever makes a plan does it."""
    return replace(of, next_steps=after_a_plan(of))


def plan(*transitions: PlannedTransition) -> Plan:
    """To ACTIVE; without transitions given, declare and activate, with every guard passing."""
    transitions = transitions or (
        planned_transition(DECLARE, LINKED, SETTLED),
        planned_transition(ACTIVATE, replace(LINKED, predicted=True)),
    )
    return Plan(
        run=RUN,
        made_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
        version="1.0.0",
        request=RunRequest("payments", Status.ACTIVE),
        operator=Operator("alice", "laptop"),
        playbook="regional-failover",
        playbook_text="schema: 1\n",
        playbook_sha256="abcdef0123456789" * 4,
        orgs=Both("Payments", "Payments EU"),
        uuids=UUIDS,
        urls=Both("https://api.datadoghq.com", "https://api.datadoghq.eu"),
        readings=Both(reading(P), reading(S)),
        phase="agreed(PASSIVE)",
        sentence="Both orgs show PASSIVE.",
        transitions=transitions,
        ending="pair payments stands at ACTIVE, on both orgs",
        reachable=True,
        before=(Verdict("unknown", Outcome.PASS, "no earlier write's outcome is unknown"),),
        remember=("Traffic has not moved by itself.",),
        objectives={Status.ACTIVE: 900.0, Status.PASSIVE: 14400.0},
    )


def result(end: End = End.DONE, message: str = "pair payments stands at ACTIVE, on both orgs") -> RunResult:
    """A run to ACTIVE that got there."""
    return RunResult(
        run=RUN,
        pair="payments",
        goal=Status.ACTIVE,
        ending=RunOutcome(
            end, message, next_steps=(step(f"hamr show {RUN}"),), sent="4 writes reached the orgs."
        ),
        exit_code=ExitCode.DONE,
        phase="agreed(ACTIVE)",
        steps=(
            Step("declare", Status.PASSIVE, Status.FAILOVER, 2.15, 2),
            Step("activate", Status.FAILOVER, Status.ACTIVE, 75.0, 1),
        ),
        seconds=78.4,
        head=Head(41, HASH),
        objectives=(Objective(Status.ACTIVE, timedelta(minutes=15), timedelta(minutes=6, seconds=12)),),
        remember=("Traffic has not moved by itself.",),
        request=RunRequest("payments", Status.ACTIVE),
    )


def refused(*verdicts: Verdict) -> RunResult:
    """A run that its guards stopped before the first write."""
    said = "; ".join(f"{verdict.guard} {verdict.outcome.value}: {verdict.reason}" for verdict in verdicts)
    return replace(
        result(),
        ending=RunOutcome(
            End.REFUSED,
            f"transition declare (PASSIVE → FAILOVER) was refused: {said}",
            next_steps=(step("hamr status payments"), step(f"hamr show {RUN}")),
            sent="Nothing was sent.",
        ),
        exit_code=ExitCode.REFUSED,
        phase="agreed(PASSIVE)",
        steps=(),
        objectives=(),
        remember=(),
        refused_by=verdicts,
    )

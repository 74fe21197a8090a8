"""Journals of made-up runs, as seconds after the beginning and events, and the reports that are told from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from orchestrator.model import events
from orchestrator.model.events import Event, encode
from orchestrator.model.guard import Measured, Outcome, ProbeReading, Unmeasured, Verdict
from orchestrator.model.journal import Head, Record
from orchestrator.model.plain import timestamp
from orchestrator.model.playbook import Asks, HookOutcome, Playbook, Question, Reply, When
from orchestrator.model.reading import Accepted, Answer, Change, Exchange, Lost, Present, Request, Unreachable
from orchestrator.model.result import Expectation, Leg, LessStrict, Score
from orchestrator.model.run import Attempt, End, Mode, Objective, RunOutcome
from orchestrator.model.status import Both, Role, Status
from orchestrator.report.run_fold import report_of
from orchestrator.report.run_view import ReportView

from .happened import STARTED
from .scenes import HASH, LINKED, NOW, PLAYBOOK, RUN, UNSEEN, UNSETTLED, P, S, reading, record

Told = Sequence[tuple[float, Event]]

DRILL = "20260528-163000-dri2"
HOME = "20260528-163100-hom3"

REMEMBERING = replace(
    PLAYBOOK, remember=("A status moves no traffic.",), objectives={Status.ACTIVE: timedelta(minutes=15)}
)


def playbook_of(_started: events.RunStarted) -> Playbook:
    return REMEMBERING


def journal(
    told: Told, *, run: str = RUN, first: int = 1, by: str = "alice", host: str = "laptop"
) -> list[Record]:
    """Records of these events, so many seconds after NOW."""
    return [
        Record(
            first + place,
            timestamp(NOW + timedelta(seconds=seconds)),
            run,
            "payments",
            event.kind,
            by,
            host,
            encode(event),
            HASH,
            HASH,
        )
        for place, (seconds, event) in enumerate(told)
    ]


def reported(told: Told) -> ReportView:
    records = journal(told)
    return report_of(RUN, records, Head(records[-1].seq, HASH), playbook_of)


def post(
    number: int, role: Role, status: Status, transition: str = "declare", purpose: str = "transition"
) -> events.WriteIntended:
    stamp = f"alice+hamr-{RUN}-{number}@laptop"
    body = {"data": {"attributes": {"hamr_status": int(status)}}}
    request = Request("POST", "https://api.datadoghq.eu/api/v2/hamr", body)  # type: ignore[arg-type]  # a plain literal is JSON
    return events.WriteIntended(
        Attempt(number, role, status, stamp, transition, purpose), request, record(role)
    )


def answered(intended: events.WriteIntended, answer: Answer | None = None) -> events.WriteAnswered:
    return events.WriteAnswered(intended.attempt, answer or Accepted(Exchange(0.05, 200, NOW, "req-7")))


def seen(intended: events.WriteIntended, seconds: float) -> events.WriteConfirmed:
    attempt = intended.attempt
    after = record(attempt.role, int(attempt.status), attempt.stamp)
    return events.WriteConfirmed(attempt.role, attempt.status, after, Change.OURS, attempt.number, seconds)


def both(primary: Status = Status.PASSIVE, secondary: Status = Status.PASSIVE) -> events.SituationRead:
    return events.SituationRead(
        "transition",
        Both(
            reading(P, Present(record(P, int(primary)), primary)),
            reading(S, Present(record(S, int(secondary)), secondary)),
        ),
    )


FIRST, SECOND = post(1, S, Status.FAILOVER), post(2, P, Status.FAILOVER)
THIRD, FOURTH = post(3, S, Status.ACTIVE, "activate"), post(4, P, Status.ACTIVE, "activate")
AGENTS = Verdict("agents", Outcome.PASS, "agents_seen is 12, above 0")
MANUAL = Question(Asks.MANUAL, "integrations", "declare", "Press 'Fail over your integrations'. Done?")


def met(took: float) -> Objective:
    return Objective(Status.ACTIVE, timedelta(minutes=15), timedelta(seconds=took))


def finished(
    end: End, code: int, message: str, seconds: float, *objectives: Objective, open_: bool = False
) -> events.RunFinished:
    ending = RunOutcome(end, message, sent="4 writes were sent and seen by reading back.")
    return events.RunFinished(ending, code, "agreed(ACTIVE)", (), seconds, objectives, resumable=open_)


WHOLE: Told = (
    (0.0, events.LockTaken("ab12")),
    (0.0, STARTED),
    (0.5, both()),
    (
        0.75,
        events.ProbesRead(
            "declare",
            (
                ProbeReading(
                    "agents_seen", Measured(0.0, good=True, detail="at 16:40:00 UTC"), NOW, 0.0, 0.25
                ),
            ),
        ),
    ),
    (0.75, events.WaitBegan("declare", ("agents",), 600.0)),
    (60.75, events.WaitEnded("declare", passed=True, seconds=60.0)),
    (61.0, both()),
    (
        61.0,
        events.ProbesRead(
            "declare",
            (
                ProbeReading("agents_seen", Measured(12.0), NOW, 0.0, 0.1),
                ProbeReading("page", Unmeasured("answered 503"), NOW, 0.0, 0.1),
            ),
        ),
    ),
    (61.0, events.GuardsJudged("declare", (LINKED, UNSETTLED, AGENTS))),
    (61.0, events.GuardOverridden("declare", UNSETTLED, "Bob is with us")),
    (61.0, events.TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER)),
    (61.0, events.HookIntended("declare", When.BEFORE, "stop-sync", "./bin/stop-sync --all")),
    (
        63.0,
        events.HookEnded(
            "declare", When.BEFORE, "stop-sync", HookOutcome.DONE, "", 0, "stopping\nstopped", 2.0
        ),
    ),
    (63.5, FIRST),
    (64.0, answered(FIRST, Lost(Exchange(0.5), "timed out"))),
    (64.5, both(Status.PASSIVE, Status.FAILOVER)),
    (64.5, seen(FIRST, 1.0)),
    (67.5, events.MirrorFound(mirrors=False, seconds=3.0)),
    (67.5, SECOND),
    (67.75, answered(SECOND)),
    (68.0, seen(SECOND, 0.5)),
    (68.0, events.TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 7.0, 2, ("integrations",))),
    (
        68.0,
        events.HookIntended("declare", When.AFTER, "integrations", "Press 'Fail over your integrations'."),
    ),
    (68.0, events.PersonAsked(MANUAL)),
    (98.0, events.PersonAnswered(MANUAL, Reply(yes=True, words="done by Carol"), 30.0)),
    (98.0, events.HookEnded("declare", When.AFTER, "integrations", HookOutcome.DONE, "done by Carol")),
    (98.5, both(Status.FAILOVER, Status.FAILOVER)),
    (98.5, events.GuardsJudged("activate", (LINKED,))),
    (98.5, events.TransitionIntended("activate", Status.FAILOVER, Status.ACTIVE)),
    (98.5, THIRD),
    (98.75, answered(THIRD)),
    (99.0, seen(THIRD, 0.5)),
    (99.0, FOURTH),
    (99.25, answered(FOURTH)),
    (99.5, seen(FOURTH, 0.5)),
    (99.75, events.TransitionMade("activate", Status.FAILOVER, Status.ACTIVE, 1.25, 2)),
    (100.0, finished(End.DONE, 0, "pair payments stands at ACTIVE, on both orgs", 100.0, met(100.0))),
    (100.0, events.LockReleased("ab12")),
)
"""A run in which everything happens once, and that comes to its goal."""

EMERGENCY = replace(STARTED, mode=Mode.EMERGENCY, reason="us1 is down", overrides={})

OWING: Told = (
    (0.0, EMERGENCY),
    (0.25, events.SituationRead("start", Both(reading(P, Unreachable("timed out")), reading(S)))),
    (0.25, events.OrgGivenUp(P, "timed out after 2 s")),
    (0.25, events.GuardsJudged("declare", (LINKED, UNSEEN))),
    (0.25, events.GuardWaived("declare", UNSEEN)),
    (0.25, events.TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER)),
    (0.25, FIRST),
    (0.5, answered(FIRST)),
    (0.75, seen(FIRST, 0.5)),
    (0.75, events.WriteOwed(P, Status.FAILOVER, "not seen in this emergency")),
    (0.75, events.TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 0.5, 1)),
    (0.75, events.GuardsJudged("activate", (LINKED,))),
    (0.75, events.TransitionIntended("activate", Status.FAILOVER, Status.ACTIVE)),
    (0.75, THIRD),
    (1.0, answered(THIRD)),
    (1.25, seen(THIRD, 0.5)),
    (1.25, events.WriteOwed(P, Status.ACTIVE, "not seen in this emergency")),
    (1.25, events.TransitionMade("activate", Status.FAILOVER, Status.ACTIVE, 0.5, 1)),
    (
        1.5,
        finished(
            End.OWING,
            8,
            "Payments EU (secondary) stands at ACTIVE; Payments (primary) is owed ACTIVE",
            1.5,
            met(1500.0),
        ),
    ),
)
"""An emergency that reached its goal too late, and left the primary untold."""

REFUSED: Told = (
    (0.0, replace(STARTED, overrides={})),
    (0.25, both()),
    (0.25, events.GuardsJudged("declare", (LINKED, UNSETTLED, UNSEEN))),
    (0.25, events.TransitionRefused("declare", ("settled", "both_answer"))),
    (0.5, finished(End.REFUSED, 3, "transition declare was refused: settled fail", 0.5)),
)

RESUMED: Told = (
    (0.0, events.LockTaken("ab12")),
    (0.0, STARTED),
    (0.5, both()),
    (0.5, events.GuardsJudged("declare", (LINKED,))),
    (0.5, events.TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER)),
    (0.5, FIRST),
    (7200.0, events.LockTakenOver("cd34", "ab12", "alice on laptop (process 42)")),
    (7200.0, events.RunResumed(Mode.EMERGENCY, "us1 is down, too")),
    (7200.5, both(Status.PASSIVE, Status.FAILOVER)),
    (7200.5, seen(FIRST, 7200.0)),
    (7201.0, SECOND),
    (7202.0, answered(SECOND, Lost(Exchange(1.0), "timed out"))),
    (7210.0, events.WriteUnknown(SECOND.attempt, "60 s of reading did not show it")),
    (
        7210.0,
        finished(
            End.UNKNOWN, 7, "the POST of FAILOVER to Payments (primary) got no answer", 10.0, open_=True
        ),
    ),
)
"""A run whose process died, that somebody took up two hours later, and that ended unknown."""

FOREIGN: Told = (
    (0.0, STARTED),
    (0.5, both()),
    (0.5, events.GuardsJudged("declare", (LINKED,))),
    (0.5, events.TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER)),
    (
        0.5,
        events.ChangeSeen(
            P, Change.FOREIGN, "bob@example.com changed it", record(P, 4, "bob@example.com"), record(P)
        ),
    ),
    (1.0, finished(End.MOVED, 4, "Payments (primary) was changed by bob@example.com", 1.0)),
)

PUT_RIGHT = post(1, P, Status.ACTIVE, transition="", purpose="adopt")

ADOPTED: Told = (
    (0.0, events.LockTaken("ab12")),
    (0.5, both(Status.PASSIVE, Status.ACTIVE)),
    (0.5, events.PairAdopted(S, Status.ACTIVE, "it serves")),
    (1.0, PUT_RIGHT),
    (1.5, answered(PUT_RIGHT)),
    (2.0, seen(PUT_RIGHT, 1.0)),
    (2.0, finished(End.DONE, 0, "pair payments stands at ACTIVE, on both orgs", 2.0)),
)
"""A diverged pair of which a person said which org is right."""


def drill_records(*, scored: bool = True, closed: bool = False) -> list[Record]:
    """A drill out and home, of which one expectation was missed."""
    started = replace(STARTED, drill=DRILL, overrides={})
    out = [
        (seconds, replace(event, drill=DRILL) if isinstance(event, events.RunStarted) else event)
        for seconds, event in WHOLE
    ]
    home: Told = (
        (110.0, replace(started, goal=Status.PASSIVE)),
        (110.5, both(Status.ACTIVE, Status.ACTIVE)),
        (110.5, events.GuardsJudged("recover", (LINKED, UNSETTLED))),
        (110.5, events.TransitionRefused("recover", ("settled",))),
        (111.0, finished(End.REFUSED, 3, "transition recover was refused: settled fail", 1.0)),
    )
    records = journal([(-1.0, events.DrillStarted(Status.ACTIVE, Status.PASSIVE, "dark", 7))], run=DRILL)
    records += journal(out, first=2)
    records += journal(home, run=HOME, first=2 + len(out))
    if scored:
        records += journal([(112.0, events.DrillScored(score(len(out) + 5)))], run=DRILL, first=7 + len(out))
    if closed:
        records += journal([(200.0, events.DrillClosed("all well"))], run=DRILL, first=8 + len(out))
    return records


def score(refused_at: int) -> Score:
    return Score(
        drill=DRILL,
        pair="payments",
        playbook="regional-failover",
        legs=(
            Leg("out", RUN, Status.ACTIVE, 0, "agreed(ACTIVE)", 100.0),
            Leg("home", HOME, Status.PASSIVE, 3, "agreed(ACTIVE)", 1.0),
        ),
        expectations=(
            Expectation("out: exit code 0", held=True, found="exit code 0"),
            Expectation("home: exit code 0", held=False, found="exit code 3", records=(refused_at,)),
        ),
        executed=("transition declare", "transition activate"),
        not_executed=("hook integrations: nobody presses buttons in a drill",),
        less_strict=(LessStrict("settled", "the simulator's records are younger"),),
        scenario="dark",
        seed=7,
    )


def drill(*, scored: bool = True, closed: bool = False) -> ReportView:
    records = drill_records(scored=scored, closed=closed)
    return report_of(DRILL, records, Head(records[-1].seq, HASH), playbook_of)

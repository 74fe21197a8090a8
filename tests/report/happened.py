"""One event of each kind, as a run tells them."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.guard import Measured, Outcome, ProbeReading, Unmeasured, Verdict
from orchestrator.model.journal import Head
from orchestrator.model.playbook import Asks, HookOutcome, Question, Reply, When
from orchestrator.model.readiness import Level
from orchestrator.model.reading import (
    Accepted,
    Change,
    Exchange,
    Lost,
    NotSent,
    Rejected,
    Request,
    Throttled,
    Unreachable,
)
from orchestrator.model.result import Expectation, PairOutcome, Score
from orchestrator.model.run import Approvable, Attempt, End, Mode, RunOutcome, Step
from orchestrator.model.status import Both, Status

from .scenes import LINKED, NOW, RUN, SETTLED, UNSEEN, UNSETTLED, UUIDS, P, S, reading, record

STAMP = f"alice+hamr-{RUN}-1@laptop"
ATTEMPT = Attempt(1, S, Status.FAILOVER, STAMP, "declare")
AGAIN = Attempt(2, S, Status.FAILOVER, STAMP, "declare", "resend")
POST = Request("POST", "https://api.datadoghq.eu/api/v2/hamr", {"data": {"type": "hamr_org_connections"}})
QUICK = Exchange(0.05, 200, None, "req-7")

STARTED = events.RunStarted(
    pair="payments",
    goal=Status.ACTIVE,
    mode=Mode.PLANNED,
    reason="a drill",
    ref="INC-1",
    since=None,
    overrides={"settled": "Bob is with us"},
    playbook="regional-failover",
    playbook_text="schema: 1\n",
    playbook_sha256="abcdef0123456789" * 4,
    orgs=UUIDS,
    urls=Both("https://api.datadoghq.com", "https://api.datadoghq.eu"),
    version="1.0.0",
)
FLEET = events.FleetStarted(
    goal=Status.ACTIVE,
    mode=Mode.PLANNED,
    reason="CHG-77",
    ref="",
    since=None,
    overrides={},
    waves=(("pay-1",), ("pay-2", "web-1")),
    at_once=8,
    stop_after=None,
    playbook="regional-failover",
    playbook_text="schema: 1\n",
    playbook_sha256="abcdef0123456789" * 4,
    version="1.0.0",
    digest="0123456789abcdef" * 4,
)
FINISHED = events.RunFinished(
    RunOutcome(End.DONE, "pair payments stands at ACTIVE, on both orgs"),
    0,
    "agreed(ACTIVE)",
    (Step("declare", Status.PASSIVE, Status.FAILOVER, 2.0, 2),),
    6.2,
)

APPROVABLE = Approvable(
    "payments",
    Both("550e8400-e29b-41d4-a716-446655440000", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    Status.PASSIVE,
    Status.ACTIVE,
    Mode.PLANNED,
    ("declare", "activate"),
    "ab" * 32,
)
QUESTION = Question(Asks.MANUAL, "button", "declare", "Before transition declare, by hand: Press the button.")
SCORE = Score(
    RUN,
    "payments",
    "regional-failover",
    (),
    (
        Expectation("out: exit code 0", True, "exit code 0"),
        Expectation("home: exit code 0", False, "exit code 6"),
    ),
    (),
    (),
)

SAID: tuple[tuple[Event, str], ...] = (
    (STARTED, "Run of pair payments to ACTIVE"),
    (events.RunResumed(Mode.PLANNED), "The run is taken up again"),
    (events.RunResumed(Mode.EMERGENCY, "us1 is down"), "The run is taken up again, now in emergency mode"),
    (events.RunSuperseded("20260528-170000-abcd"), "Closed: run 20260528-170000-abcd took its place"),
    (FINISHED, "Ended: done (exit 0). pair payments stands at ACTIVE, on both orgs"),
    (
        events.RunScheduled(Status.ACTIVE, datetime(2026, 11, 22, 3, 0, tzinfo=UTC), Status.PASSIVE),
        "To ACTIVE at 2026-11-22 03:00:00 UTC, where the pair stands at PASSIVE then",
    ),
    (events.RunCancelled("bob was asked to wait"), "It does not begin: bob was asked to wait"),
    (events.RunAcknowledged("seen"), "Acknowledged: its cooling down is over. seen"),
    (
        events.SituationRead("start", Both(reading(P), reading(S, Unreachable("timed out")))),
        "Read (start): Payments (primary) PASSIVE; Payments EU (secondary) not seen: no answer (timed out)",
    ),
    (
        events.ReadingsTaken(Both(reading(P), None)),
        "Read again: Payments (primary) PASSIVE; Payments EU (secondary) left out",
    ),
    (events.OrgAsked(P, 10.0), "Payments (primary) is asked; it has 10 s to answer"),
    (events.OrgAnswered(reading(P)), "Payments (primary) answers: PASSIVE"),
    (events.GuardsJudged("declare", (LINKED,)), "Transition declare: 1 guard passes"),
    (
        events.GuardsJudged("declare", (LINKED, UNSETTLED, UNSEEN)),
        "Transition declare: 2 of 3 guards did not pass: settled, both_answer",
    ),
    (
        events.GuardsJudged("declare", (LINKED, SETTLED)),
        "Transition declare: all 2 guards pass",
    ),
    (
        events.GuardsJudged("declare", (LINKED, UNSETTLED), binding=False),
        (
            "Transition declare: 1 of 2 guards did not pass: settled (a write of the transition is in effect: only linked and fresh "
            "bind it)"
        ),
    ),
    (
        events.GuardOverridden("declare", UNSETTLED, "Bob is with us"),
        (
            "Transition declare: guard settled is overridden (Payments EU (secondary) was changed 2 min ago by "
            "bob@example.com), because: Bob is with us"
        ),
    ),
    (
        events.GuardWaived("declare", UNSEEN),
        "Transition declare: guard both_answer is waived, blind in this emergency: Payments (primary) did not answer",
    ),
    (
        events.TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER),
        "Transition declare: PASSIVE → FAILOVER",
    ),
    (
        events.TransitionRefused("declare", ("settled", "both_answer")),
        "Transition declare is refused by settled, both_answer; nothing of it was written",
    ),
    (
        events.TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 2.15, 2),
        "Transition declare is made in 2.1 s, with 2 writes: PASSIVE → FAILOVER",
    ),
    (events.WriteIntended(ATTEMPT, POST, record(S)), "Payments EU (secondary) is told FAILOVER (attempt 1)"),
    (
        events.WriteIntended(AGAIN, POST, record(S)),
        "Payments EU (secondary) is told FAILOVER (attempt 2, sent again)",
    ),
    (
        events.WriteAnswered(ATTEMPT, Accepted(QUICK)),
        "Payments EU (secondary) accepted it (200) in 50 ms; now it is read back",
    ),
    (
        events.WriteAnswered(ATTEMPT, Rejected(QUICK, "400 Bad Request: Invalid target org")),
        "Payments EU (secondary) refused it: 400 Bad Request: Invalid target org",
    ),
    (
        events.WriteAnswered(ATTEMPT, Throttled(QUICK, 12.0)),
        "Payments EU (secondary) has not taken it: too many requests (429); wait 12 s",
    ),
    (
        events.WriteAnswered(ATTEMPT, NotSent(QUICK, "connection refused")),
        "Payments EU (secondary) could not be reached, nothing was sent to it: connection refused",
    ),
    (
        events.WriteAnswered(ATTEMPT, Lost(Exchange(10.0), "timed out")),
        "Payments EU (secondary) gave no answer, so reading has to tell what became of it: timed out",
    ),
    (
        events.WriteAnswered(ATTEMPT, Lost(Exchange(0.05, 302), "HTTP 302")),
        "Payments EU (secondary) gave no clear answer, so reading has to tell what became of it: HTTP 302",
    ),
    (
        events.WriteConfirmed(S, Status.FAILOVER, record(S, 3, STAMP), Change.OURS, 1, 0.35),
        "Payments EU (secondary) shows FAILOVER, 350 ms after it was sent",
    ),
    (
        events.WriteConfirmed(P, Status.FAILOVER, record(P, 3, STAMP), Change.ECHO),
        "Payments (primary) shows FAILOVER (an echo of the other org's write)",
    ),
    (
        events.WriteConfirmed(P, Status.FAILOVER, record(P, 3, "api@example.com"), Change.UNPROVEN, 1, 2.0),
        "Payments (primary) shows FAILOVER, 2 s after it was sent (in effect, author unproven: api@example.com)",
    ),
    (
        events.WriteUnknown(ATTEMPT, "60 s of reading did not show it"),
        "FAILOVER to Payments EU (secondary): outcome UNKNOWN. 60 s of reading did not show it",
    ),
    (events.WriteOwed(P, Status.ACTIVE, "not seen"), "Payments (primary) is owed ACTIVE"),
    (
        events.OwedSettled(P, Status.ACTIVE, "delivered"),
        "Payments (primary) was told ACTIVE; nothing is owed any more",
    ),
    (
        events.OwedSettled(P, Status.ACTIVE, "void"),
        "Payments (primary) shows ACTIVE already; nothing is owed any more",
    ),
    (events.MirrorFound(True, 0.4), "This pair mirrors: one write shows on both orgs (found out in 400 ms)"),
    (events.MirrorFound(False, 3.0), "This pair does not mirror: each org is written (found out in 3 s)"),
    (events.NameLearned("api@example.com", S), "Payments EU (secondary) names our writes api@example.com"),
    (events.NameLearned("", S), "Payments EU (secondary) does not say who wrote"),
    (
        events.ChangeSeen(P, Change.FOREIGN, "bob@example.com changed it", record(P, 4), record(P)),
        "Payments (primary) has changed (foreign): bob@example.com changed it",
    ),
    (
        events.OrgGivenUp(P, "timed out after 2 s"),
        "Payments (primary) is left out of this emergency: timed out after 2 s",
    ),
    (
        events.ClockDistrusted(60.0, 1.0, "the clocks disagree"),
        "The clock is not trusted, everything is read again: the clocks disagree",
    ),
    (events.LockTaken("ab12"), "The pair is locked for this run (lock id ab12)"),
    (
        events.LockTakenOver("cd34", "ab12", "bob on laptop (process 42)"),
        "The lock is taken over from bob on laptop (process 42), whose process is gone",
    ),
    (events.LockReleased("ab12"), "The lock is let go"),
    (
        events.JournalMoved("postgresql://db/ops", "It does not answer."),
        "The team's journal postgresql://db/ops is left, its lock and history are not seen: It does not answer.",
    ),
    (
        events.JournalMerged(Head(3, "ab" * 32), 0, (7, 8, 9)),
        f"3 records of another journal, up to its head 3:{'ab' * 32}, were brought in",
    ),
    (
        events.LockBroken("ab12", "bob on laptop", "he is on leave"),
        "The lock of bob on laptop was broken by hand, because: he is on leave",
    ),
    (
        events.PairAdopted(S, Status.ACTIVE, "it serves"),
        "Payments EU (secondary) shows ACTIVE; it was declared right, because: it serves",
    ),
    (
        events.Waiting("Payments (primary) to show FAILOVER", 57.4, P),
        "Waiting for Payments (primary) to show FAILOVER, for up to 57 s",
    ),
    (events.WriteThrottled(P, 12.0), "Payments (primary) asks us to wait 12 s (429); waiting"),
    (
        events.ProbesRead(
            "declare",
            (
                ProbeReading("agents", Measured(12.0, detail="at 03:12:05 UTC"), NOW, 1.0),
                ProbeReading("page", Measured(good=False, detail="answered 503, wanted 200"), NOW, 1.0),
                ProbeReading("traffic", Measured(), NOW, 1.0),
                ProbeReading("state", Measured("Alert"), NOW, 1.0),
                ProbeReading("errors", Unmeasured("no data in the last 5 min"), NOW, 1.0),
            ),
        ),
        (
            "Probes: agents 12 (at 03:12:05 UTC); page bad (answered 503, wanted 200); traffic good; state Alert; "
            "errors is unknown (no data in the last 5 min)"
        ),
    ),
    (
        events.WaitBegan("declare", ("seen", "calm"), 600.0),
        "Transition declare: waiting for seen, calm, for up to 10 min",
    ),
    (
        events.WaitContinued("declare", (Verdict("calm", Outcome.FAIL, "errors is 3, not below 1"),)),
        "Transition declare: still waiting for calm",
    ),
    (events.WaitEnded("declare", True, 90.0), "Transition declare: its guards pass after 1 min 30 s"),
    (events.WaitEnded("declare", False, 600.0), "Transition declare: stopped waiting after 10 min"),
    (
        events.ApprovalAsked("two_people", APPROVABLE),
        f"Guard two_people wants other people to agree: PASSIVE → ACTIVE, digest {APPROVABLE.digest[:12]}…",
    ),
    (
        events.ApprovalOwed("two_people", APPROVABLE),
        "Guard two_people is owed afterwards: the emergency did not wait for other people to agree",
    ),
    (events.RunApproved(APPROVABLE, "we talked"), "Approved: we talked"),
    (events.PersonAsked(QUESTION), "Asked: Before transition declare, by hand: Press the button."),
    (events.PersonAnswered(QUESTION, Reply(True, "pressed"), 42.0), "button: yes (pressed), after 42 s"),
    (events.PersonAnswered(QUESTION, Reply(False), 42.0), "button: no, after 42 s"),
    (events.PersonAnswered(QUESTION, None, 0.0), "button: nobody answered, after 0 s"),
    (
        events.HookIntended("declare", When.BEFORE, "stop-sync", "./bin/stop-sync --now"),
        "Hook stop-sync (before declare): ./bin/stop-sync --now",
    ),
    (
        events.HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.DONE, "", 0, "stopped\n", 2.15),
        "Hook stop-sync done in 2.1 s",
    ),
    (
        events.HookEnded("declare", When.AFTER, "flip", HookOutcome.FAILED, "exit code 3", 3, "", 1.0),
        "Hook flip failed: exit code 3",
    ),
    (
        events.NoticeSent(S, "hamr: payments stands at ACTIVE", "41:0123456789abcdef0123456789abcdef"),
        "Told the secondary org: hamr: payments stands at ACTIVE (journal head 41:0123456789abcdef0…)",
    ),
    (
        events.NoticeFailed(S, "hamr: payments stands at ACTIVE", "403 Forbidden"),
        (
            "Could not tell the secondary org (hamr: payments stands at ACTIVE): 403 Forbidden; it stops nothing"
        ),
    ),
    (
        events.PlaybookProven("regional-failover", "0123456789abcdef", "1.0", 2, 12, 1000, 400),
        "Playbook regional-failover proven: to 2 faults (SHA-256 0123456789ab)",
    ),
    (FLEET, "Fleet of 3 pairs to ACTIVE in 2 waves"),
    (events.FleetResumed(), "The fleet is taken up again"),
    (events.FleetWaveBegan(2), "Wave 2 begins"),
    (
        events.FleetPairEnded(PairOutcome("pay-1", "20260113-172648-k3f9", 3, "settled fails")),
        "pay-1 (exit 3). settled fails",
    ),
    (events.FleetStopAsked("the freeze is on"), "Asked to stop: the freeze is on"),
    (
        events.FleetStopped("wave 2 was not confirmed"),
        "The fleet stopped, and begins nothing new: wave 2 was not confirmed",
    ),
    (events.FleetFinished(3, 2), "The fleet is through (exit 3). 2 pairs arrived"),
    (
        events.DoctorChecked(
            Level.CRITICAL, Level.OK, 46, {"lock": Level.CRITICAL}, Both(0.2, None), 0.3, "p", "0123", "1.0"
        ),
        "Doctor looked: planned run CRITICAL, emergency OK",
    ),
    (
        events.DrillStarted(Status.ACTIVE, Status.PASSIVE, "dark-primary"),
        "Drill: to ACTIVE and home to PASSIVE, scenario dark-primary",
    ),
    (events.DrillScored(SCORE), "Drill scored: 1 of 2 expectations held"),
    (events.DrillClosed("went well"), "Drill closed: went well"),
)
"""Every event, and how it is told."""

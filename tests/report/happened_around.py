"""One event of each kind around a transition's writes, and how it is told."""

from __future__ import annotations

from orchestrator.model.events import (
    DrillClosed,
    DrillScored,
    DrillStarted,
    Event,
    HookEnded,
    HookIntended,
    NoticeFailed,
    NoticeSent,
    PersonAnswered,
    PersonAsked,
    ProbesRead,
    WaitBegan,
    WaitEnded,
)
from orchestrator.model.guard import Measured, ProbeReading, Unmeasured
from orchestrator.model.hook import Asks, HookOutcome, Question, Reply, When
from orchestrator.model.result import Expectation, Score
from orchestrator.model.status import Status

from .scenes import NOW, RUN, S

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

SAID_AROUND: tuple[tuple[Event, str], ...] = (
    (
        ProbesRead(
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
        WaitBegan("declare", ("seen", "calm"), 600.0),
        "Transition declare: waiting for seen, calm, for up to 10 min",
    ),
    (WaitEnded("declare", True, 90.0), "Transition declare: its guards pass after 1 min 30 s"),
    (WaitEnded("declare", False, 600.0), "Transition declare: stopped waiting after 10 min"),
    (PersonAsked(QUESTION), "Asked: Before transition declare, by hand: Press the button."),
    (PersonAnswered(QUESTION, Reply(True, "pressed"), 42.0), "button: yes (pressed), after 42 s"),
    (PersonAnswered(QUESTION, Reply(False), 42.0), "button: no, after 42 s"),
    (PersonAnswered(QUESTION, None, 0.0), "button: nobody answered, after 0 s"),
    (
        HookIntended("declare", When.BEFORE, "stop-sync", "./bin/stop-sync --now"),
        "Hook stop-sync (before declare): ./bin/stop-sync --now",
    ),
    (
        HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.DONE, "", 0, "stopped\n", 2.15),
        "Hook stop-sync done in 2.1 s",
    ),
    (
        HookEnded("declare", When.AFTER, "flip", HookOutcome.FAILED, "exit code 3", 3, "", 1.0),
        "Hook flip failed: exit code 3",
    ),
    (
        NoticeSent(S, "hamr: payments stands at ACTIVE", "41:0123456789abcdef0123456789abcdef"),
        "Told the secondary org: hamr: payments stands at ACTIVE (journal head 41:0123456789abcdef0…)",
    ),
    (
        NoticeFailed(S, "hamr: payments stands at ACTIVE", "403 Forbidden"),
        (
            "Could not tell the secondary org (hamr: payments stands at ACTIVE): 403 Forbidden; it stops nothing"
        ),
    ),
    (
        DrillStarted(Status.ACTIVE, Status.PASSIVE, "dark-primary"),
        "Drill: to ACTIVE and home to PASSIVE, scenario dark-primary",
    ),
    (DrillScored(SCORE), "Drill scored: 1 of 2 expectations held"),
    (DrillClosed("went well"), "Drill closed: went well"),
)
"""Every event around the writes, and how it is told."""

"""A run in which every text that can come from outside tries to be more than a text."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model import events
from orchestrator.model.guard import Measured, Outcome, ProbeReading, Unmeasured, Verdict
from orchestrator.model.journal import Head, Record
from orchestrator.model.playbook import Asks, HookOutcome, Playbook, Question, Reply, When
from orchestrator.model.reading import Accepted, Exchange, Lost, Present, Request, Unreachable
from orchestrator.model.result import Expectation, LessStrict
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.status import Both, Status
from orchestrator.report.run_fold import report_of
from orchestrator.report.run_view import ReportView
from tests.steps import step

from .happened import APPROVABLE, STARTED
from .journals import DRILL, Told, journal, post, score, seen
from .scenes import HASH, NOW, PLAYBOOK, RUN, P, S, reading, record

PARTS = (
    "<script>document.title='RAN'</script>",
    "<img src=x onerror=\"document.title='RAN'\">",
    '"onmouseover="document.title=\'RAN\'" autofocus onfocus=\'document.title="RAN"\'',
    "javascript:document.title='RAN'",
    "</style><style>body{display:none}</style></title><svg onload=\"document.title='RAN'\">",
    "{{ 7*7 }}{% raw %}]]>&lt;&#60;--><!--",
    "https://evil.example/x.png",
    "\u202edetrever\u202c \x1b[31mred\x1b[0m \x00\x07\u2028'\"`",
)

EVIL = " ".join(PARTS)
"""Everything at once."""

SHOWN = "<script>document.title='RAN'</script>"
"""What a reader has to see of it, as text."""


def evil(where: str) -> str:
    """The text, and where it stands, so that a test can say which field was missing."""
    return f"[{where}] {EVIL}"


_VERDICT = Verdict(evil("guard"), Outcome.UNKNOWN, evil("guard reason"), evil("guard why"))
_PASSED = Verdict("linked", Outcome.PASS, evil("passing reason"))
_INTENDED = replace(
    post(1, S, Status.FAILOVER, evil("transition")),
    request=Request("POST", evil("url"), {"data": {evil("body key"): evil("body value")}}),
)
_BROKEN = replace(
    post(2, P, Status.FAILOVER, evil("transition")),
    attempt=Attempt(2, P, Status.FAILOVER, evil("stamp"), evil("transition")),
)
_ASKED = Question(Asks.MANUAL, evil("question subject"), evil("transition"), evil("question"))


_EVENTS: Told = (
    (
        0.0,
        replace(
            STARTED,
            reason=evil("reason"),
            ref=evil("ref"),
            playbook=evil("playbook"),
            playbook_sha256=evil("digest"),
            version=evil("version"),
            plan=evil("plan"),
            overrides={evil("overridden guard"): evil("override reason")},
            orgs=Both(evil("primary uuid"), evil("secondary uuid")),
            urls=Both(evil("primary url"), evil("secondary url")),
        ),
    ),
    (
        0.5,
        events.SituationRead(
            evil("purpose"),
            Both(
                reading(P, Unreachable(evil("unreachable reason"))),
                reading(S, Present(replace(record(S), target_name=evil("primary's name")), Status.PASSIVE)),
            ),
        ),
    ),
    (
        0.5,
        events.RunResumed(
            Mode.EMERGENCY, evil("resume reason"), {evil("resume guard"): evil("resume override")}
        ),
    ),
    (0.5, events.OrgGivenUp(P, evil("given up"))),
    (
        0.75,
        events.ProbesRead(
            evil("transition"),
            (
                ProbeReading(
                    evil("probe"), Measured(evil("probe value"), detail=evil("probe detail")), NOW, 0.0
                ),
                ProbeReading(evil("blind probe"), Unmeasured(evil("probe reason")), NOW, 0.0),
            ),
        ),
    ),
    (0.75, events.WaitBegan(evil("transition"), (evil("waited guard"),), 10.0, (_VERDICT,))),
    (1.0, events.GuardsJudged(evil("transition"), (_PASSED, _VERDICT))),
    (1.0, events.GuardOverridden(evil("transition"), _VERDICT, evil("why overridden"))),
    (1.0, events.TransitionIntended(evil("transition"), Status.PASSIVE, Status.FAILOVER)),
    (1.0, events.HookIntended(evil("transition"), When.BEFORE, evil("hook"), evil("hook command"))),
    (
        1.5,
        events.HookEnded(
            evil("transition"),
            When.BEFORE,
            evil("hook"),
            HookOutcome.FAILED,
            evil("hook reason"),
            1,
            evil("hook output") + "\nnext line",
        ),
    ),
    (1.4, events.ApprovalAsked(evil("guard"), APPROVABLE)),
    (1.4, events.RunApproved(APPROVABLE, evil("approval"))),
    (1.5, events.PersonAsked(_ASKED)),
    (2.0, events.PersonAnswered(_ASKED, Reply(yes=True, words=evil("answer")), 0.5)),
    (2.0, _INTENDED),
    (
        2.5,
        events.WriteAnswered(
            _INTENDED.attempt, Accepted(Exchange(0.5, 200, NOW, evil("request id"), evil("excerpt")))
        ),
    ),
    (
        2.5,
        replace(
            seen(_INTENDED, 0.5),
            record=replace(record(S, 3, evil("modified by")), target_name=evil("primary's name")),
        ),
    ),
    (
        2.5,
        events.TransitionMade(
            evil("transition"), Status.PASSIVE, Status.FAILOVER, 1.5, 1, (evil("owed hook"),)
        ),
    ),
    (2.5, events.GuardsJudged(evil("second transition"), (_VERDICT,))),
    (2.5, events.TransitionRefused(evil("second transition"), (evil("guard"),))),
    (2.5, _BROKEN),
    (
        3.0,
        events.WriteAnswered(
            _BROKEN.attempt, Lost(Exchange(0.5, None, None, None, evil("lost excerpt")), evil("lost reason"))
        ),
    ),
    (3.5, events.WriteUnknown(_BROKEN.attempt, evil("unknown reason"))),
    (3.5, events.WriteOwed(P, Status.FAILOVER, evil("debt reason"))),
    (
        4.0,
        events.RunFinished(
            RunOutcome(End.OWING, evil("message"), P, (step(evil("next step")),), evil("sent")),
            8,
            evil("phase"),
            (),
            4.0,
            resumable=True,
        ),
    ),
)


def hostile_records() -> list[Record]:
    """The run, and around it a drill that is as bad."""
    by, host = evil("operator"), evil("host")
    records = journal(
        [(-1.0, events.DrillStarted(Status.ACTIVE, Status.PASSIVE, evil("scenario"), 7))],
        run=DRILL,
        by=by,
        host=host,
    )
    inside: Told = [
        (seconds, replace(event, drill=DRILL) if isinstance(event, events.RunStarted) else event)
        for seconds, event in _EVENTS
    ]
    records += journal(inside, first=2, by=by, host=host)
    bad = replace(
        score(3),
        legs=(),
        expectations=(Expectation(evil("expectation"), held=False, found=evil("found"), records=(4, 999)),),
        executed=(evil("executed"),),
        not_executed=(evil("not executed"),),
        less_strict=(LessStrict(evil("lax guard"), evil("why lax")),),
        scenario=evil("scored scenario"),
    )
    told: Told = [(5.0, events.DrillScored(bad)), (6.0, events.DrillClosed(evil("notes")))]
    records += journal(told, run=DRILL, first=2 + len(inside), by=by, host=host)
    return [replace(each, pair=evil("pair")) for each in records]


def _begun() -> list[Record]:
    """Before the drill's score, when its run has ended for good, and badly."""
    records = [
        record
        for record in hostile_records()
        if record.kind not in {events.DrillScored.kind, events.DrillClosed.kind}
    ]
    last = records[-1]
    ended = {**last.data, "resumable": False, "ending": {**last.data["ending"], "end": "MOVED"}}  # type: ignore[dict-item]  # an ending is one
    return [*records[:-1], replace(last, data=ended)]


def hostile_drill_begun() -> ReportView:
    """The drill before its score."""
    return report_of(DRILL, _begun(), Head(40, HASH), hostile_playbook)


def hostile_run_stopped() -> ReportView:
    """Its run alone, which can't be taken up again."""
    return report_of(RUN, _begun(), Head(40, HASH), hostile_playbook)


def hostile_playbook(_started: events.RunStarted) -> Playbook:
    """What it says is text from a file."""
    return replace(PLAYBOOK, remember=(evil("remember"),))


def hostile_run() -> ReportView:
    """The run alone."""
    return report_of(RUN, hostile_records(), Head(40, HASH), hostile_playbook, journal=evil("journal"))


def hostile_drill() -> ReportView:
    """The whole drill."""
    return report_of(DRILL, hostile_records(), Head(40, HASH), hostile_playbook)

"""The frame of a run that goes on, from its events and a clock that is set by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.journal import Holder
from orchestrator.model.playbook import Asks, Question, When
from orchestrator.model.reading import Exchange, Present, Unreachable
from orchestrator.model.run import Mode
from orchestrator.model.situation import GuardWait, OpenRun, UnderWay
from orchestrator.model.status import Both, Status
from orchestrator.report.layout import COLUMNS, fit, line, line_text
from orchestrator.report.live import alike, looks_page, marked, run_page
from orchestrator.report.run_fold import note_event, run_of
from orchestrator.report.run_view import RunView
from orchestrator.report.status import status_page

from .journals import OWING, RESUMED, WHOLE, Told, journal
from .scenes import NOW, PAIR, PLAYBOOK, RUN, P, S, lines, reading, record, standing


@pytest.fixture(autouse=True)
def as_wide_as_before() -> Iterator[None]:
    yield
    fit(COLUMNS)


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


UNSWITCHED = Verdict(
    "agents", Outcome.FAIL, "agents_seen is 0, not above 5", "Switch the Agents to the secondary org."
)
WAITS: Told = (
    *WHOLE[:4],
    (0.75, events.WaitBegan("declare", ("agents",), 600.0, (UNSWITCHED,))),
    (30.75, events.WaitContinued("declare", (replace(UNSWITCHED, reason="agents_seen is 2, not above 5"),))),
)


def live(told: Iterable[tuple[float, Event]]) -> RunView:
    """A run that is told as it happens."""
    run = RunView("", "payments", "", NOW, NOW, live=True)
    for number, (seconds, event) in zip(itertools.count(1), told, strict=False):
        note_event(run, event, NOW + later(seconds), seq=number, by="")
    return run


def frame(told: Told, at: float, columns: int = 80) -> list[str]:
    """What a terminal of so many columns shows so many seconds after the beginning."""
    fit(columns)
    return lines(run_page(live(each for each in told if each[0] <= at), PAIR, PLAYBOOK, NOW + later(at)))


SILENT: Told = (
    *WHOLE[:2],
    (0.0, events.OrgAsked(P, 10.0)),
    (0.0, events.OrgAsked(S, 10.0)),
    (0.0, events.OrgAnswered(reading(S))),
)


def test_a_guard_that_is_waited_for_says_why_what_it_shows_and_for_how_long() -> None:
    assert frame(WAITS, 12.0) == [
        "Pair payments to ACTIVE, 12 s so far",
        "  waits for     agents, 9 min 48 s left",
        "    Switch the Agents to the secondary org.",
        "    now: agents_seen is 0, not above 5",
        "                      Payments (primary)  Payments EU (secondary)",
        "  declare → FAILOVER  shows PASSIVE       shows PASSIVE",
        "  activate → ACTIVE   -                   -",
    ]
    assert frame(WAITS, 40.0)[1:4] == [
        "  waits for     agents, 9 min 20 s left",
        "    Switch the Agents to the secondary org.",
        "    now: agents_seen is 2, not above 5",
    ]


def test_a_wait_is_never_cut_off_on_a_narrow_terminal() -> None:
    why = " ".join(["Switch the Agents to the secondary org."] * 30)
    wait = events.WaitBegan("declare", ("agents", "calm"), 600.0, (replace(UNSWITCHED, why=why), UNSWITCHED))
    shown = frame((*WHOLE[:3], (0.75, wait)), 1.0, columns=60)
    assert max(map(len, shown)) <= 60
    said = " ".join(" ".join(shown).split())
    assert f"agents: {why} now: agents_seen is 0, not above 5 agents: Switch" in said


def test_a_write_shows_what_was_sent_and_how_long_its_org_has_been_silent() -> None:
    declare = next(at for at, event in WHOLE if event.kind == "write.intended")
    assert frame(WHOLE, declare + 0.25)[-2:] == [
        "  declare → FAILOVER  shows PASSIVE, not told  FAILOVER sent",
        "  activate → ACTIVE   -                        -",
    ]
    until = [each for each in WHOLE if each[0] <= declare]
    assert frame(until, declare + 4.9)[2:4] == [
        "                      Payments (primary)       Payments EU (secondary)",
        "  declare → FAILOVER  shows PASSIVE, not told  FAILOVER sent, no answer yet, 4",
    ]
    assert frame(until, declare + 4.9)[4].split() == ["of", "10", "s"]


def test_another_process_knows_what_was_sent_and_not_what_was_answered_since() -> None:
    run = run_of(journal([each for each in WHOLE if each[0] <= 63.5]))
    fit(100)
    shown = lines(run_page(run, PAIR, PLAYBOOK, NOW + later(67.5)))
    assert shown[0] == f"Run {RUN} of alice on laptop to ACTIVE, 1 min 7 s so far"
    assert shown[-2] == "  declare → FAILOVER  shows PASSIVE, not told  FAILOVER sent 4 s ago"


def test_what_was_made_and_what_is_under_way_stand_below_each_other() -> None:
    assert frame(WHOLE, 98.5, columns=100)[2:] == [
        "                      Payments (primary)          Payments EU (secondary)",
        "  declare → FAILOVER  FAILOVER seen 500 ms later  FAILOVER seen 1 s later",
        "  activate → ACTIVE   shows FAILOVER, not told    ACTIVE sent",
    ]


def test_the_last_frame_says_how_long_it_took() -> None:
    assert frame(WHOLE, 100.0, columns=100) == [
        "Pair payments to ACTIVE, 1 min 40 s",
        "                      Payments (primary)          Payments EU (secondary)",
        "  declare → FAILOVER  FAILOVER seen 500 ms later  FAILOVER seen 1 s later",
        "  activate → ACTIVE   ACTIVE seen 500 ms later    ACTIVE seen 500 ms later",
    ]


def test_an_emergency_shows_the_org_that_is_left_out() -> None:
    shown = frame(OWING, 0.75, columns=100)
    assert shown[0] == "Pair payments to ACTIVE, in emergency mode, 750 ms so far"
    assert shown[-2] == "  declare → FAILOVER  left out            FAILOVER seen 500 ms later"


def test_a_run_that_is_taken_up_shows_what_was_sent_before_and_counts_from_there() -> None:
    shown = frame(RESUMED, 7200.5, columns=100)
    assert shown[0] == "Pair payments to ACTIVE, in emergency mode, 500 ms so far"
    assert "FAILOVER seen 2 h later" in shown[-2]


def test_silence_is_counted_and_whoever_did_answer_is_named() -> None:
    assert frame(SILENT, 4.2, columns=100)[1:3] == [
        "  silent        Payments (primary): no answer yet, 4 of 10 s",
        "  answered      Payments EU (secondary): PASSIVE, in 52 ms",
    ]
    assert frame(SILENT, 0.5)[1] == "  now           at work"
    assert frame(SILENT, 12.5)[1] == "  silent        Payments (primary): no answer for 12 s"


def test_an_org_that_is_asked_again_after_silence_says_so() -> None:
    silence = reading(P, Unreachable("no answer for 10 s"), seconds=10.0)
    again: Told = (*SILENT, (10.0, events.OrgAnswered(silence)), (10.0, events.OrgAsked(P, 10.0)))
    assert frame(again, 13.0, columns=100)[1] == (
        "  silent        Payments (primary): no answer yet, 3 of 10 s, asked again"
    )
    fit(100)
    assert (
        looks_page(live((*again, (14.0, events.OrgAnswered(reading(P))))).looks, PAIR, NOW + later(20)) == ()
    )


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            events.Waiting("Payments (primary) to show FAILOVER", 60.0, P),
            "  waits for     Payments (primary) to show FAILOVER: 57 s left",
        ),
        (
            events.Waiting("Payments (primary) to show FAILOVER", 2.0, P),
            "  waits for     Payments (primary) to show FAILOVER: its time is up",
        ),
        (events.Waiting("the hooks", 0.0), "  waits for     the hooks"),
        (
            events.WriteThrottled(P, 12.0),
            "  waits for     the primary org, which has too many requests (429): 9 s left",
        ),
        (
            events.HookIntended("declare", When.BEFORE, "stop-sync", "./bin/stop-sync"),
            "  hook          stop-sync, before declare, has run for 3 s",
        ),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Event) else "",
)
def test_what_holds_a_run_up_counts_on_between_two_events(event: Event, said: str) -> None:
    assert frame((*WHOLE[:3], (1.0, event)), 4.0, columns=100)[1] == said


def test_a_question_that_stands_elsewhere_is_shown() -> None:
    until = [each for each in WHOLE if each[0] <= 68.0]
    assert frame(until, 80.0, columns=100)[1] == (
        "  asks          Press 'Fail over your integrations'. Done?"
    )


@pytest.mark.parametrize(
    "left",
    [
        events.PersonAsked(Question(Asks.MANUAL, "call", "declare", "Is it done?")),
        events.HookIntended("declare", When.BEFORE, "stop-sync", "./bin/stop-sync"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_a_run_that_was_taken_up_was_at_before_holds_nobody_up(left: Event) -> None:
    resumed = events.RunResumed(Mode.PLANNED, "", {})
    assert frame((*WHOLE[:3], (1.0, left), (60.0, resumed)), 64.0)[1] == "  now           at work"


def waiting() -> OpenRun:
    wait = GuardWait("activate", ("agents",), NOW - later(60), 600.0, (UNSWITCHED,))
    return OpenRun(RUN, Status.ACTIVE, Status.PASSIVE, "", waiting=wait)


HOLDER = Holder("ab12", "payments", RUN, "bob", "laptop2", 42, "", NOW, NOW)
AT_WORK = UnderWay(HOLDER, Status.ACTIVE, "", "wait.began")


def test_status_says_what_somebody_elses_run_waits_for() -> None:
    shown = lines(
        status_page(replace(standing(), open_run=waiting(), holder=HOLDER, under_way=AT_WORK), PLAYBOOK)
    )
    at = shown.index("  waits for     agents, 9 min left")
    assert shown[at + 1 : at + 3] == [
        "    Switch the Agents to the secondary org.",
        "    now: agents_seen is 0, not above 5",
    ]


@pytest.mark.parametrize("at_work", [None, replace(AT_WORK, holder=replace(HOLDER, run="another"))])
def test_status_does_not_say_that_a_dead_run_waits(at_work: UnderWay | None) -> None:
    of = replace(standing(), open_run=waiting(), holder=HOLDER, under_way=at_work)
    assert "waits for" not in "\n".join(lines(status_page(of, PLAYBOOK)))


def test_status_says_for_how_long_nobody_answered() -> None:
    dark = reading(P, Unreachable("no answer for 10 s"), seconds=10.014)
    shown = lines(status_page(replace(standing(), readings=Both(dark, reading(S))), PLAYBOOK))
    (said,) = [each for each in shown if each.startswith("  answered in")]
    assert "no answer in 10 s" in said
    assert "52 ms" in said


def test_what_changed_between_two_looks_is_marked_and_what_only_grows_older_is_not() -> None:
    before = replace(standing(), holder=HOLDER, under_way=AT_WORK)
    shows = Present(record(S, 3, "bob@example.com"), Status.FAILOVER)
    now = replace(
        before,
        at=NOW + later(2),
        holder=replace(HOLDER, beat_at=NOW + later(2)),
        readings=Both(
            replace(before.readings.primary, exchange=Exchange(0.9, 200)),
            reading(S, shows, seconds=0.3),
        ),
    )
    unchanged = replace(now, readings=before.readings)
    old = status_page(alike(before, unchanged), PLAYBOOK)
    assert marked(status_page(unchanged, PLAYBOOK), old) == status_page(unchanged, PLAYBOOK)
    page = marked(status_page(now, PLAYBOOK), status_page(alike(before, now), PLAYBOOK))
    changed = [" ".join(line_text(spans).split()) for spans in page if line_text(spans).startswith("* ")]
    assert changed == [
        "* status PASSIVE FAILOVER",
        "* changed by alice@example.com bob@example.com",
    ]


def test_a_line_that_was_there_before_is_not_marked() -> None:
    assert marked((line("  a"), line("  b"), line("c")), (line("  a"),)) == (
        line("  a"),
        marked((line("  b"),), ())[0],
        line("c"),
    )
    assert line_text(marked((line("  b"),), ())[0]) == "* b"


def test_every_moment_of_every_run_has_a_frame() -> None:
    for told in (WHOLE, OWING, RESUMED):
        for number in range(1, len(told) + 1):
            run = live(told[:number])
            assert run_page(run, PAIR, PLAYBOOK, NOW + later(told[number - 1][0]))
            assert run_page(run, PAIR, None, NOW + later(told[number - 1][0]))
            assert (
                run.finished is None
                or isinstance(told[number - 1][1], events.RunFinished)
                or number == len(told)
            )

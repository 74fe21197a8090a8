"""Every event has its line, and every hostile text in one is escaped."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model.events import EVENT_TYPES, ChangeSeen, Event, HookEnded, NameLearned, Waiting
from orchestrator.model.playbook import HookOutcome, When
from orchestrator.model.reading import Change, Unrecognised
from orchestrator.model.run import Mode
from orchestrator.model.status import Role
from orchestrator.report.describe import describe_event, event_details, reading_words
from orchestrator.report.layout import STYLES, called, plain_text

from .happened import SAID, STARTED
from .scenes import PAIR, P, reading, record


def who(role: Role) -> str:
    return called(PAIR[role].name, role)


@pytest.mark.parametrize(("event", "said"), SAID, ids=[type(event).__name__ for event, _ in SAID])
def test_an_event_is_told_in_one_line(event: Event, said: str) -> None:
    spans = describe_event(event, who)
    assert plain_text((spans,)) == said + "\n"
    assert {span.style for span in spans} <= STYLES


def test_no_event_is_left_out() -> None:
    assert {type(event) for event, _ in SAID} == set(EVENT_TYPES)


def test_an_emergency_is_said_from_the_start() -> None:
    spans = describe_event(replace(STARTED, mode=Mode.EMERGENCY), who)
    assert plain_text((spans,)) == "Run of pair payments to ACTIVE, in emergency mode\n"


@pytest.mark.parametrize(
    "event",
    [
        NameLearned("\x1b[2J\nfake line" + "x" * 9000, P),
        ChangeSeen(P, Change.FOREIGN, "\x1b[2J\n" + "x" * 9000, None, None),
        Waiting("\x9b1A\r" + "x" * 9000, 3.0),
        replace(STARTED, pair="\x1b]0;owned\x07"),
    ],
)
def test_hostile_texts_stay_on_their_line(event: Event) -> None:
    text = plain_text((describe_event(event, who),))
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    assert len(text) < 600


def test_a_reading_without_a_known_status_is_said_as_what_it_is() -> None:
    assert reading_words(reading(P, Unrecognised(record(P, 9)))).text == "status 9, not known"
    assert reading_words(None).text == "left out"


def test_the_timeline_shows_the_ends_of_what_a_hook_printed() -> None:
    output = "\n".join(f"line {number}" for number in range(1, 11))
    ended = HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.FAILED, "exit code 1", 1, output, 1.0)
    assert plain_text(event_details(ended, indent=2)).splitlines() == [
        "  | line 1",
        "  | line 2",
        "  | line 3",
        "  | … 4 lines …",
        "  | line 8",
        "  | line 9",
        "  | line 10",
    ]

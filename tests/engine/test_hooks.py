"""Hooks: intent first, outcome after; `before` ones stop the transition, `after` ones are owed, and none holds up an emergency."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from orchestrator.model.events import (
    Event,
    HookEnded,
    HookIntended,
    TransitionIntended,
    TransitionMade,
    WriteIntended,
)
from orchestrator.model.playbook import (
    Again,
    Asks,
    HookOutcome,
    InEmergency,
    Program,
    ProgramEnded,
    Reply,
    When,
)
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Status
from tests.steps import typed

from .beside import Beside, FakePrograms, hooked, manual, program
from .fake import Died, P, S, cancelled, made, record, resumed

pytestmark = pytest.mark.anyio


def outcomes(events: list[HookEnded]) -> list[tuple[str, HookOutcome]]:
    return [(event.hook, event.outcome) for event in events]


async def test_law_06_hooks_are_intended_run_and_ended_around_the_writes() -> None:
    beside = Beside()
    b = beside.bench(hooked("declare", before=(program("stop-sync"),), after=(program("flip-dns"),)))
    await b.drive(Status.ACTIVE, End.DONE)
    kinds = [
        event.kind
        for event in b.notes.events
        if isinstance(event, TransitionIntended | HookIntended | HookEnded | WriteIntended | TransitionMade)
    ]
    assert kinds[:9] == [
        "transition.intended",
        "hook.intended",
        "hook.ended",
        "write.intended",
        "write.intended",
        "transition.made",
        "hook.intended",
        "hook.ended",
        "transition.intended",
    ]
    assert beside.programs.about[0] == {
        "HAMR_RUN": "20261122-030000-test",
        "HAMR_PAIR": "payments",
        "HAMR_TRANSITION": "declare",
        "HAMR_FROM": "PASSIVE",
        "HAMR_TO": "FAILOVER",
        "HAMR_HOOK": "stop-sync",
        "HAMR_WHEN": "before",
        "HAMR_MODE": "planned",
    }


async def test_law_03_everything_is_read_again_after_a_before_hook() -> None:
    beside = Beside()
    b = beside.bench(hooked("declare", before=(program("stop-sync"),)))
    beside.programs.on_run = lambda _name: b.world.foreign(S, Status.RECOVERY)
    await b.drive(Status.ACTIVE, End.MOVED)
    assert b.world.posts() == []


async def test_law_14_a_failing_before_hook_stops_the_transition_with_nothing_written() -> None:
    beside = Beside()
    beside.programs.ends["stop-sync"] = [1]
    b = beside.bench(hooked("declare", before=(program("stop-sync"), program("second"))))
    ending = await b.drive(Status.ACTIVE, End.INCOMPLETE)
    assert (
        "hook stop-sync before transition declare (PASSIVE → FAILOVER) ended as failed: exit code 1"
        in ending.message
    )
    assert b.world.posts() == []
    assert beside.programs.run_ == ["stop-sync"]
    assert b.engine.run.state.intended


async def test_law_07_a_resumed_transition_repeats_what_failed_and_not_what_is_done() -> None:
    beside = Beside()
    beside.programs.ends["second"] = [1, 0]
    b = beside.bench(hooked("declare", before=(program("first"), program("second", again=Again.SAFE))))
    await b.drive(Status.ACTIVE, End.INCOMPLETE)
    again = resumed(b)
    await again.drive(Status.ACTIVE, End.DONE)
    assert beside.programs.run_ == ["first", "second", "second"]


@pytest.mark.parametrize(
    ("replies", "end", "runs"),
    [
        ([Reply(True)], End.DONE, ["flip", "flip"]),
        ([Reply(False)], End.INCOMPLETE, ["flip"]),
        ([], End.INCOMPLETE, ["flip"]),
    ],
    ids=["yes", "no", "nobody"],
)
async def test_again_ask_asks_before_it_repeats(replies: list[Reply], end: End, runs: list[str]) -> None:
    beside = Beside()
    beside.programs.ends["flip"] = [1, 0]
    b = beside.bench(hooked("declare", before=(program("flip"),)))
    await b.drive(Status.ACTIVE, End.INCOMPLETE)
    beside.people.replies = replies
    again = resumed(b)
    await again.drive(Status.ACTIVE, end)
    assert [question.asks for question in beside.people.questions] == [Asks.AGAIN]
    assert beside.programs.run_ == runs


async def test_ctrl_c_at_the_question_whether_to_repeat_a_hook_interrupts_the_run() -> None:
    beside = Beside()
    beside.programs.ends["flip"] = [1]
    b = beside.bench(hooked("declare", before=(program("flip"),)))
    await b.drive(Status.ACTIVE, End.INCOMPLETE)
    again = resumed(b)
    beside.people.on_ask = lambda _question: again.engine.ask_to_stop("asked")
    await again.drive(Status.ACTIVE, End.INTERRUPTED)
    assert beside.programs.run_ == ["flip"]


async def test_law_07_a_hook_that_was_cut_off_by_a_crash_is_asked_about() -> None:
    beside = Beside()
    b = beside.bench(hooked("declare", before=(program("flip"),)))
    b.notes.crash_at = lambda event: isinstance(event, HookIntended)
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    assert beside.programs.run_ == []
    again = resumed(b)
    await again.drive(Status.ACTIVE, End.INCOMPLETE)
    assert "nobody knows how it ended" in beside.people.questions[0].text
    assert again.world.posts() == []


async def test_an_after_hook_that_fails_is_owed_and_resume_runs_it() -> None:
    beside = Beside()
    beside.programs.ends["flip"] = [1, 0]
    b = beside.bench(hooked("declare", after=(program("flip", again=Again.SAFE),)))
    ending = await b.drive(Status.ACTIVE, End.OWING, saying="flip (after declare)")
    assert typed(ending.next_steps) == ("hamr resume 20261122-030000-test",)
    assert b.engine.run.state.hooks_owed() == (("declare", "flip"),)
    again = resumed(b)
    assert again.engine.run.state.hooks_owed() == (("declare", "flip"),)
    posts = len(again.world.posts())
    await again.drive(Status.ACTIVE, End.DONE)
    assert len(again.world.posts()) == posts
    assert beside.programs.run_ == ["flip", "flip"]


@pytest.mark.parametrize(("mode", "end"), [(Mode.PLANNED, End.INCOMPLETE), (Mode.EMERGENCY, End.UNKNOWN)])
async def test_law_14_a_run_that_did_not_arrive_says_so_first_and_asks_nothing_about_what_its_hooks_owe(
    mode: Mode, end: End
) -> None:
    beside = Beside()
    beside.programs.ends["flip"] = [1]
    b = beside.bench(hooked("declare", after=(program("flip"),)))
    b.world.script[S] = ["ok", "400"]
    await b.drive(Status.ACTIVE, End.INCOMPLETE)
    again = resumed(b, mode=mode)
    again.world.script[S] = ["400"] if mode is Mode.PLANNED else ["lost"] * 9
    await again.drive(Status.ACTIVE, end)
    asked = [Asks.AGAIN] if mode is Mode.PLANNED else []
    assert [question.asks for question in beside.people.questions] == asked
    assert again.engine.run.state.hooks_owed() == (("declare", "flip"),)


@pytest.mark.parametrize("kind", ["write.confirmed", "transition.made"])
async def test_law_07_after_hooks_survive_a_crash_at_the_end_of_their_transition(kind: str) -> None:
    """Also where the process died after the last write and before it could say that the transition is made."""
    beside = Beside()
    b = beside.bench(hooked("activate", after=(program("flip"),)))
    seen: list[Event] = []

    def last(event: Event) -> bool:
        seen.extend([event] if event.kind == kind else [])
        return event.kind == kind and len(seen) == {"write.confirmed": 4, "transition.made": 2}[kind]

    b.notes.crash_at = last
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    assert beside.programs.run_ == []
    again = resumed(b)
    await again.drive(Status.ACTIVE, End.DONE)
    assert beside.programs.run_ == ["flip"]
    assert [step.transition for step in again.engine.run.state.steps] == ["declare", "activate"]


async def test_a_half_made_transition_does_not_run_its_before_hooks_again() -> None:
    beside = Beside()
    b = beside.bench(hooked("declare", before=(program("stop-sync"),), after=(program("flip"),)))
    b.world.records[S] = record(S, Status.FAILOVER, at=beside.clock.now())
    await b.drive(Status.FAILOVER, End.DONE)
    assert beside.programs.run_ == ["flip"]
    assert outcomes(b.notes.of(HookEnded)) == [
        ("stop-sync", HookOutcome.SKIPPED),
        ("flip", HookOutcome.DONE),
    ]


@pytest.mark.parametrize(
    ("replies", "outcome", "end"),
    [
        ([Reply(True, "done")], HookOutcome.DONE, End.DONE),
        ([], HookOutcome.LEFT_TO_PERSON, End.DONE),
        ([Reply(False)], HookOutcome.NOT_DONE, End.INCOMPLETE),
    ],
    ids=["done", "with --yes it is listed", "not done"],
)
async def test_a_manual_hook_asks_a_person(replies: list[Reply], outcome: HookOutcome, end: End) -> None:
    beside = Beside()
    beside.people.replies = replies
    b = beside.bench(hooked("declare", before=(manual("button"),)))
    await b.drive(Status.ACTIVE, end)
    assert outcomes(b.notes.of(HookEnded)) == [("button", outcome)]
    (question,) = beside.people.questions
    assert question.text == "Before transition declare (PASSIVE → FAILOVER), by hand: Press the button."
    left = ["Press the button."] if outcome is HookOutcome.LEFT_TO_PERSON else []
    assert b.engine.run.state.left_to_person == left


async def test_where_nobody_is_there_no_question_is_put() -> None:
    beside = Beside()
    beside.people.absent = True
    b = beside.bench(hooked("declare", before=(manual("button"),)))
    await b.drive(Status.ACTIVE, End.DONE)
    assert outcomes(b.notes.of(HookEnded)) == [("button", HookOutcome.LEFT_TO_PERSON)]
    assert beside.people.questions == []
    assert not {"person.asked", "person.answered"} & set(b.notes.kinds())


async def test_a_manual_after_hook_that_was_not_done_is_owed() -> None:
    beside = Beside()
    beside.people.replies = [Reply(False, "later")]
    b = beside.bench(hooked("activate", after=(manual("button"),)))
    await b.drive(Status.ACTIVE, End.OWING)


async def test_a_persons_no_stands_until_a_person_says_otherwise() -> None:
    beside = Beside()
    beside.people.replies = [Reply(False, "later")]
    b = beside.bench(hooked("activate", after=(manual("button"),)))
    await b.drive(Status.ACTIVE, End.OWING)
    beside.people.absent = True
    unasked = resumed(b)
    await unasked.drive(Status.ACTIVE, End.OWING)
    assert unasked.engine.run.state.hooks_owed() == (("activate", "button"),)
    beside.people.absent, beside.people.replies = False, [Reply(True)]
    asked = resumed(unasked)
    await asked.drive(Status.ACTIVE, End.DONE)


async def test_law_09_no_hook_stops_an_emergency_and_nobody_is_asked() -> None:
    beside = Beside()
    beside.programs.ends = {"stop-sync": [1], "flip": [1]}
    playbook = hooked(
        "declare",
        before=(program("stop-sync"), manual("button"), program("skipped", emergency=InEmergency.SKIP)),
        after=(program("flip"),),
    )
    b = beside.bench(playbook, mode=Mode.EMERGENCY, dark=P)
    await b.drive(Status.ACTIVE, End.OWING, saying="flip (after declare)")
    assert beside.people.questions == []
    assert outcomes(b.notes.of(HookEnded)) == [
        ("stop-sync", HookOutcome.FAILED),
        ("button", HookOutcome.LEFT_TO_PERSON),
        ("skipped", HookOutcome.SKIPPED),
        ("flip", HookOutcome.FAILED),
    ]


@pytest.mark.parametrize(
    ("replies", "end", "runs"),
    [([Reply(True)], End.DONE, ["flip", "flip"]), ([], End.OWING, ["flip"])],
    ids=["yes", "nobody"],
)
async def test_law_09_a_resumed_emergency_asks_in_the_end_whether_an_owed_hook_may_be_repeated(
    replies: list[Reply], end: End, runs: list[str]
) -> None:
    """Not before its last write; and not never, or the hook would stay owed for ever."""
    beside = Beside()
    beside.programs.ends["flip"] = [1, 0]
    b = beside.bench(hooked("declare", after=(program("flip"),)), mode=Mode.EMERGENCY, dark=P)
    await b.drive(Status.ACTIVE, End.OWING)
    assert beside.people.questions == []
    del b.world.sights[P]
    posts: list[int] = []
    beside.people.on_ask = lambda _question: posts.append(len(b.world.posts()))
    beside.people.replies = replies
    again = resumed(b, mode=Mode.EMERGENCY)
    await again.drive(Status.ACTIVE, end)
    assert beside.programs.run_ == runs
    assert posts == [len(b.world.posts())]
    assert [question.asks for question in beside.people.questions] == [Asks.AGAIN]


@dataclass
class Endless(FakePrograms):
    """Programs that end when a test lets them."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        self.begun.set()
        await self.may_end.wait()
        return await super().run(program, about)


async def test_law_09_an_emergency_writes_while_its_hooks_are_still_under_way() -> None:
    beside = Beside()
    beside.programs = endless = Endless(beside.clock)
    b = beside.bench(hooked("declare", before=(program("stop-sync"),)), mode=Mode.EMERGENCY, dark=P)
    b.notes.on_tell = lambda event: endless.may_end.set() if made("activate")(event) else None
    await b.drive(Status.ACTIVE, End.OWING)
    assert endless.run_ == ["stop-sync"]


async def test_a_run_that_is_given_up_says_that_its_hook_was_cut_off() -> None:
    beside = Beside()
    beside.programs = endless = Endless(beside.clock)
    b = beside.bench(hooked("declare", before=(program("stop-sync"),)))
    await cancelled(b.engine.drive(Status.ACTIVE), endless.begun)
    (ended,) = b.notes.of(HookEnded)
    assert (ended.when, ended.outcome) == (When.BEFORE, HookOutcome.CUT_OFF)
    assert b.world.posts() == []


async def test_ctrl_c_stops_before_the_next_hook() -> None:
    beside = Beside()
    b = beside.bench(hooked("declare", before=(program("first"), program("second"))))
    beside.programs.on_run = lambda _name: b.engine.ask_to_stop("asked")
    await b.drive(Status.ACTIVE, End.INTERRUPTED)
    assert beside.programs.run_ == ["first"]
    assert b.world.posts() == []


async def test_everything_is_read_anew_for_the_next_transition_after_a_slow_after_hook() -> None:
    beside = Beside()
    beside.programs.takes = 30.0
    b = beside.bench(hooked("declare", after=(program("slow"),)))
    at: list[int] = []
    beside.programs.on_run = lambda _name: at.append(len(b.world.log))
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.log[at[0] : at[0] + 2] == ["GET primary", "GET secondary"]

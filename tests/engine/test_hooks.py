"""Hooks: intent first, outcome after; `before` ones stop the transition, `after` ones are owed, and none holds up an emergency."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.engine.context import RunServices
from orchestrator.engine.predicted import NobodyAgreed
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
from orchestrator.model.reading import Unreachable
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Status
from tests.steps import typed

from .beside import Beside, hooked, manual, program, world
from .fake import Died, P, S, bench, record, resumed

pytestmark = pytest.mark.anyio


def outcomes(events: list[HookEnded]) -> list[tuple[str, HookOutcome]]:
    return [(event.hook, event.outcome) for event in events]


async def test_law_06_hooks_are_intended_run_and_ended_around_the_writes() -> None:
    beside = Beside()
    playbook = hooked("declare", before=(program("stop-sync"),), after=(program("flip-dns"),))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.DONE
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
    b = bench(
        world=world(beside), playbook=hooked("declare", before=(program("stop-sync"),)), around=beside.around
    )
    beside.programs.on_run = lambda _name: b.world.foreign(S, Status.RECOVERY)
    ending = await b.engine.drive(Status.ACTIVE)
    assert ending.end is End.MOVED
    assert b.world.posts() == []


async def test_law_14_a_failing_before_hook_stops_the_transition_with_nothing_written() -> None:
    beside = Beside()
    beside.programs.ends["stop-sync"] = [1]
    playbook = hooked("declare", before=(program("stop-sync"), program("second")))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    ending = await b.engine.drive(Status.ACTIVE)
    assert ending.end is End.INCOMPLETE
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
    playbook = hooked("declare", before=(program("first"), program("second", again=Again.SAFE)))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.INCOMPLETE
    again = resumed(b, playbook=playbook, around=beside.around)
    assert (await again.engine.drive(Status.ACTIVE)).end is End.DONE
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
    playbook = hooked("declare", before=(program("flip"),))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.INCOMPLETE
    beside.people.replies = replies
    again = resumed(b, playbook=playbook, around=beside.around)
    assert (await again.engine.drive(Status.ACTIVE)).end is end
    assert [question.asks for question in beside.people.questions] == [Asks.AGAIN]
    assert beside.programs.run_ == runs


async def test_ctrl_c_at_the_question_whether_to_repeat_a_hook_interrupts_the_run() -> None:
    beside = Beside()
    beside.programs.ends["flip"] = [1]
    playbook = hooked("declare", before=(program("flip"),))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.INCOMPLETE
    again = resumed(b, playbook=playbook, around=beside.around)
    beside.people.on_ask = lambda _question: again.engine.ask_to_stop("asked")
    assert (await again.engine.drive(Status.ACTIVE)).end is End.INTERRUPTED
    assert beside.programs.run_ == ["flip"]


async def test_law_07_a_hook_that_was_cut_off_by_a_crash_is_asked_about() -> None:
    beside = Beside()
    playbook = hooked("declare", before=(program("flip"),))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    b.notes.crash_at = lambda event: isinstance(event, HookIntended)
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    assert beside.programs.run_ == []
    again = resumed(b, playbook=playbook, around=beside.around)
    assert (await again.engine.drive(Status.ACTIVE)).end is End.INCOMPLETE
    assert "nobody knows how it ended" in beside.people.questions[0].text
    assert again.world.posts() == []


async def test_an_after_hook_that_fails_is_owed_and_resume_runs_it() -> None:
    beside = Beside()
    beside.programs.ends["flip"] = [1, 0]
    playbook = hooked("declare", after=(program("flip", again=Again.SAFE),))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    ending = await b.engine.drive(Status.ACTIVE)
    assert ending.end is End.OWING
    assert "flip (after declare)" in ending.message
    assert typed(ending.next_steps) == ("hamr resume 20261122-030000-test",)
    assert b.engine.run.state.hooks_owed() == (("declare", "flip"),)
    again = resumed(b, playbook=playbook, around=beside.around)
    assert again.engine.run.state.hooks_owed() == (("declare", "flip"),)
    posts = len(again.world.posts())
    assert (await again.engine.drive(Status.ACTIVE)).end is End.DONE
    assert len(again.world.posts()) == posts
    assert beside.programs.run_ == ["flip", "flip"]


@pytest.mark.parametrize("kind", ["write.confirmed", "transition.made"])
async def test_law_07_after_hooks_survive_a_crash_at_the_end_of_their_transition(kind: str) -> None:
    """Also where the process died after the last write and before it could say that the transition is made."""
    beside = Beside()
    playbook = hooked("activate", after=(program("flip"),))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    seen: list[Event] = []

    def last(event: Event) -> bool:
        seen.extend([event] if event.kind == kind else [])
        return event.kind == kind and len(seen) == {"write.confirmed": 4, "transition.made": 2}[kind]

    b.notes.crash_at = last
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    assert beside.programs.run_ == []
    again = resumed(b, playbook=playbook, around=beside.around)
    assert (await again.engine.drive(Status.ACTIVE)).end is End.DONE
    assert beside.programs.run_ == ["flip"]
    assert [step.transition for step in again.engine.run.state.steps] == ["declare", "activate"]


async def test_a_half_made_transition_does_not_run_its_before_hooks_again() -> None:
    beside = Beside()
    made = world(beside)
    made.records[S] = record(S, Status.FAILOVER, at=beside.clock.now())
    playbook = hooked("declare", before=(program("stop-sync"),), after=(program("flip"),))
    b = bench(world=made, playbook=playbook, around=beside.around)
    assert (await b.engine.drive(Status.FAILOVER)).end is End.DONE
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
    b = bench(
        world=world(beside), playbook=hooked("declare", before=(manual("button"),)), around=beside.around
    )
    assert (await b.engine.drive(Status.ACTIVE)).end is end
    assert outcomes(b.notes.of(HookEnded)) == [("button", outcome)]
    (question,) = beside.people.questions
    assert question.text == "Before transition declare (PASSIVE → FAILOVER), by hand: Press the button."
    left = ["Press the button."] if outcome is HookOutcome.LEFT_TO_PERSON else []
    assert b.engine.run.state.left_to_person == left


async def test_where_nobody_is_there_no_question_is_put() -> None:
    beside = Beside()
    beside.people.absent = True
    b = bench(
        world=world(beside), playbook=hooked("declare", before=(manual("button"),)), around=beside.around
    )
    assert (await b.engine.drive(Status.ACTIVE)).end is End.DONE
    assert outcomes(b.notes.of(HookEnded)) == [("button", HookOutcome.LEFT_TO_PERSON)]
    assert beside.people.questions == []
    assert not {"person.asked", "person.answered"} & set(b.notes.kinds())


async def test_a_manual_after_hook_that_was_not_done_is_owed() -> None:
    beside = Beside()
    beside.people.replies = [Reply(False, "later")]
    b = bench(
        world=world(beside), playbook=hooked("activate", after=(manual("button"),)), around=beside.around
    )
    assert (await b.engine.drive(Status.ACTIVE)).end is End.OWING


async def test_a_persons_no_stands_until_a_person_says_otherwise() -> None:
    beside = Beside()
    beside.people.replies = [Reply(False, "later")]
    playbook = hooked("activate", after=(manual("button"),))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.OWING
    beside.people.absent = True
    unasked = resumed(b, playbook=playbook, around=beside.around)
    assert (await unasked.engine.drive(Status.ACTIVE)).end is End.OWING
    assert unasked.engine.run.state.hooks_owed() == (("activate", "button"),)
    beside.people.absent, beside.people.replies = False, [Reply(True)]
    asked = resumed(unasked, playbook=playbook, around=beside.around)
    assert (await asked.engine.drive(Status.ACTIVE)).end is End.DONE


async def test_law_09_no_hook_stops_an_emergency_and_nobody_is_asked() -> None:
    beside = Beside()
    made = world(beside)
    made.sights[P] = Unreachable("connection refused")
    beside.programs.ends = {"stop-sync": [1], "flip": [1]}
    playbook = hooked(
        "declare",
        before=(program("stop-sync"), manual("button"), program("skipped", emergency=InEmergency.SKIP)),
        after=(program("flip"),),
    )
    b = bench(world=made, mode=Mode.EMERGENCY, playbook=playbook, around=beside.around)
    ending = await b.engine.drive(Status.ACTIVE)
    assert ending.end is End.OWING
    assert "flip (after declare)" in ending.message
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
    made = world(beside)
    made.sights[P] = Unreachable("connection refused")
    beside.programs.ends["flip"] = [1, 0]
    playbook = hooked("declare", after=(program("flip"),))
    b = bench(world=made, mode=Mode.EMERGENCY, playbook=playbook, around=beside.around)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.OWING
    assert beside.people.questions == []
    del made.sights[P]
    posts: list[int] = []
    beside.people.on_ask = lambda _question: posts.append(len(b.world.posts()))
    beside.people.replies = replies
    again = resumed(b, mode=Mode.EMERGENCY, playbook=playbook, around=beside.around)
    assert (await again.engine.drive(Status.ACTIVE)).end is end
    assert beside.programs.run_ == runs
    assert posts == [len(b.world.posts())]
    assert [question.asks for question in beside.people.questions] == [Asks.AGAIN]


class Endless:
    """Programs that end when a test lets them."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def run(self, program: Program, about: object) -> ProgramEnded:
        self.started.append(program.run[0])
        self.begun.set()
        await self.may_end.wait()
        return ProgramEnded(0, "", 0.0)


async def test_law_09_an_emergency_writes_while_its_hooks_are_still_under_way() -> None:
    beside, endless = Beside(), Endless()
    made = world(beside)
    made.sights[P] = Unreachable("connection refused")
    playbook = hooked("declare", before=(program("stop-sync"),))
    around = RunServices(beside.prober, endless, beside.people, NobodyAgreed())
    b = bench(world=made, mode=Mode.EMERGENCY, playbook=playbook, around=around)
    b.notes.on_tell = lambda event: endless.may_end.set() if _last_transition(event) else None
    assert (await b.engine.drive(Status.ACTIVE)).end is End.OWING
    assert endless.started == ["stop-sync"]


def _last_transition(event: Event) -> bool:
    return isinstance(event, TransitionMade) and event.transition == "activate"


async def test_a_run_that_is_given_up_says_that_its_hook_was_cut_off() -> None:
    beside, endless = Beside(), Endless()
    playbook = hooked("declare", before=(program("stop-sync"),))
    b = bench(
        world=world(beside),
        playbook=playbook,
        around=RunServices(beside.prober, endless, beside.people, NobodyAgreed()),
    )
    task = asyncio.create_task(b.engine.drive(Status.ACTIVE))
    await endless.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (ended,) = b.notes.of(HookEnded)
    assert (ended.when, ended.outcome) == (When.BEFORE, HookOutcome.CUT_OFF)
    assert b.world.posts() == []


async def test_ctrl_c_stops_before_the_next_hook() -> None:
    beside = Beside()
    playbook = hooked("declare", before=(program("first"), program("second")))
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    beside.programs.on_run = lambda _name: b.engine.ask_to_stop("asked")
    assert (await b.engine.drive(Status.ACTIVE)).end is End.INTERRUPTED
    assert beside.programs.run_ == ["first"]
    assert b.world.posts() == []


async def test_everything_is_read_anew_for_the_next_transition_after_a_slow_after_hook() -> None:
    beside = Beside()
    beside.programs.takes = 30.0
    b = bench(world=world(beside), playbook=hooked("declare", after=(program("slow"),)), around=beside.around)
    at: list[int] = []
    beside.programs.on_run = lambda _name: at.append(len(b.world.log))
    assert (await b.engine.drive(Status.ACTIVE)).end is End.DONE
    assert b.world.log[at[0] : at[0] + 2] == ["GET primary", "GET secondary"]

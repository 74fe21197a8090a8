"""Faults drawn at random, lives that end anywhere, and what must hold on the wire whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from orchestrator.model.events import Event
from orchestrator.model.org import Mirrors
from orchestrator.model.reading import Absent, Denied, Draft, HamrRecord, Sight, Unreachable, Unreadable
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from orchestrator.situation.link import same_link
from tests.steps import typed

from .fake import Bench, Died, P, S, bench, pair, resumed, started

pytestmark = pytest.mark.anyio

PASSIVE, ACTIVE = Status.PASSIVE, Status.ACTIVE
STRANGER = "bob@example.com"


class Witness(Struct):
    """Stands on the wire: what was read last of each org, and what was wrong with a request when it left."""

    b: Bench
    read: dict[Role, HamrRecord | None] = field(default_factory=dict)
    read_since_post: dict[Role, bool] = field(default_factory=lambda: {P: True, S: True})
    strangers: set[Role] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def watch(self, b: Bench) -> None:
        """Look over the shoulder of a bench."""
        self.b = b
        world, read = b.world, type(b.world).read

        async def reading(role: Role, **how: Any) -> object:
            seen = await read(world, role, **how)
            self._note_stranger(role, seen.record)
            self.read[role] = seen.record or self.read.get(role)
            self.read_since_post[role] = True
            return seen

        world.read = reading  # type: ignore[method-assign,assignment]
        world.before_write = self.before_write

    def _note_stranger(self, role: Role, record: HamrRecord | None) -> None:
        """Somebody else's write in the middle of the run.

        Not one from before it, and none that could be our own under another name (in effect, author unproven).
        """
        before = self.read.get(role)
        if record is None or record.modified_by != STRANGER or before is None:
            return
        sent = {int(intent.attempt.status) for intent in self.b.notes.intents()}
        if before.modified_by != STRANGER and record.status not in sent:
            self.strangers.add(role)

    def before_write(self, draft: Draft) -> None:
        """The request is about to leave."""
        role, stamps = draft.role, [intent.attempt.stamp for intent in self.b.notes.intents()]
        if draft.modified_by not in stamps:
            self.wrong.append(f"no intent for {draft.modified_by}")
        if stamps.count(draft.modified_by) != 1:
            self.wrong.append(f"the stamp {draft.modified_by} was used twice")
        if not self.read_since_post[role]:
            self.wrong.append(f"{role} was written twice without a read between")
        self.read_since_post[role] = False
        for each in self.strangers:
            self.wrong.append(f"{role} was written although {each} was seen to be somebody else's")
        for each in (P, S):
            held = self.read.get(each)
            if each is role and held is not None and not same_link(pair(), each, held):
                self.wrong.append(f"{role} was written although it was mislinked")


ANSWERS = st.sampled_from(
    [
        "ok",
        "ok",
        "ok",
        "lost",
        "lost-applied",
        "lost-late",
        "accepted-never",
        "accepted-late",
        "bodiless",
        "not-sent",
        "429",
        "429-long",
        "429-mute",
        "400",
        "black-hole",
    ]
)
GLITCHES: st.SearchStrategy[Sight | None] = st.sampled_from(
    [None, None, None, None, Unreachable("503"), Unreadable("HTML"), Denied("403"), Absent()]
)


class Story(Struct, frozen=True):
    """One incident."""

    start: Status
    goal: Status
    mode: Mode
    mirrors: Mirrors
    mirrored: bool
    renames: str | None
    whole_seconds: bool
    answers: dict[Role, list[str]]
    glitches: dict[Role, list[Sight | None]]
    late_after: float
    stranger_at: int
    """The GET before which somebody else writes; 0 for nobody."""
    stranger_role: Role
    stranger_status: Status
    deaths: tuple[int, ...]
    """The number of the event at which each life ends."""


ROLES = st.sampled_from([P, S])
STORIES = st.builds(
    Story,
    start=st.sampled_from([PASSIVE, Status.FAILOVER, ACTIVE]),
    goal=st.sampled_from([PASSIVE, ACTIVE]),
    mode=st.sampled_from([Mode.PLANNED, Mode.PLANNED, Mode.EMERGENCY]),
    mirrors=st.sampled_from(list(Mirrors)),
    mirrored=st.booleans(),
    renames=st.sampled_from([None, None, "svc@example.com"]),
    whole_seconds=st.booleans(),
    answers=st.fixed_dictionaries({P: st.lists(ANSWERS, max_size=6), S: st.lists(ANSWERS, max_size=6)}),
    glitches=st.fixed_dictionaries({P: st.lists(GLITCHES, max_size=12), S: st.lists(GLITCHES, max_size=12)}),
    late_after=st.floats(0.5, 30),
    stranger_at=st.sampled_from([0, 0, 0, 1, 2, 3, 5, 8, 13]),
    stranger_role=ROLES,
    stranger_status=st.sampled_from([PASSIVE, Status.FAILOVER, ACTIVE, Status.RECOVERY]),
    deaths=st.lists(st.integers(1, 40), max_size=3).map(tuple),
)


def _stage(story: Story) -> Bench:
    b = bench(story.start, mirrors=story.mirrors, mode=story.mode)
    world = b.world
    world.mirrored, world.renames, world.whole_seconds = story.mirrored, story.renames, story.whole_seconds
    world.script = {role: [*answers] for role, answers in story.answers.items()}
    world.glitches = {role: [*glitches] for role, glitches in story.glitches.items()}
    began = b.clock.monotonic()
    b.clock.on_sleep.append(
        lambda: world.arrive_late() if b.clock.monotonic() - began > story.late_after else None
    )
    reads = [0]

    def stranger(role: Role) -> None:
        reads[0] += 1
        if reads[0] == story.stranger_at:
            world.foreign(story.stranger_role, story.stranger_status, STRANGER)

    world.before_read = stranger
    return b


async def _live(b: Bench, goal: Status, death: int | None) -> End | None:
    """One life of the process; None where it died."""
    count = [0]

    def dies(told: Event) -> bool:
        count[0] += 1
        return count[0] == death

    b.notes.crash_at = dies if death is not None else None
    try:
        owed = b.engine.run.owed_now()
        if owed is not None and b.engine.run.state.mode is Mode.PLANNED:
            return (await b.engine.deliver(owed)).end
        return (await b.engine.drive(goal)).end
    except Died:
        return None
    finally:
        b.notes.crash_at = None


def _truthful(b: Bench, story: Story, end: End | None) -> None:
    shows = {role: None if held is None else Status(held.status) for role, held in b.world.served.items()}
    if end is End.DONE and b.engine.run.state.mode is Mode.PLANNED:
        assert shows[P] is shows[S], "done, and the last reads do not agree"
    if end is End.DONE and b.engine.run.owed_now() is None and not story.deaths:
        assert shows == {P: story.goal, S: story.goal}
    if end is End.OWING:
        owed = b.engine.run.owed_now()
        assert owed is not None
        if not story.deaths:
            assert shows[owed.role.other] is story.goal
    if end is End.REFUSED and not story.deaths and not b.engine.run.state.intended:
        assert b.world.posts() == []


@settings(max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(STORIES)
async def test_whatever_happens_the_wire_is_kept_clean(story: Story) -> None:
    """Laws 3, 4, 5, 6, 7 and 9 at once."""
    b = _stage(story)
    witness = Witness(b)
    witness.watch(b)
    b.notes.tell(started(story.goal, story.mode))
    end = await _live(b, story.goal, story.deaths[0] if story.deaths else None)
    _truthful(b, story, end)
    for death in (*story.deaths[1:], None):
        if end is not None:
            break
        b.clock.advance(30)
        b = resumed(b)
        witness.watch(b)
        end = await _live(b, story.goal, death)
    event(f"ended {end.value if end else 'dead'}")
    note("\n".join(b.world.log))
    assert witness.wrong == []


@settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(STORIES)
async def test_law_15_when_the_faults_are_over_resume_or_a_new_run_reaches_the_goal(story: Story) -> None:
    """Nobody else wrote, so nothing may be left that a person cannot get out of with the commands that are offered."""
    b = _stage(story)
    b.world.before_read = None
    b.notes.tell(started(story.goal, story.mode))
    end = await _live(b, story.goal, story.deaths[0] if story.deaths else None)
    b.world.script, b.world.glitches = {P: [], S: []}, {P: [], S: []}
    b.world.arrive_late()
    for life in range(8):
        if (
            end is End.DONE
            and b.engine.run.owed_now() is None
            and b.world.statuses() == (story.goal, story.goal)
        ):
            return
        b.clock.advance(700)
        b = resumed(b, mode=Mode.PLANNED) if life < 4 else bench(world=b.world, mirrors=story.mirrors)
        end = await _live(b, story.goal, None)
        if end is End.REFUSED:
            phase = b.engine.reader.phase(story.goal)
            truth = next((each for each in typed(phase.next_steps) if "--truth" in each), "")
            if truth:
                adopting = bench(world=b.world, mirrors=story.mirrors)
                await adopting.engine.adopt(S if "secondary" in truth else P, "both teams agree")
    raise AssertionError(f"stuck: {b.world.statuses()}, {end}\n" + "\n".join(b.world.log))

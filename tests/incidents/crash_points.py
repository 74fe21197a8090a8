"""Every crash point: a run is killed before and after each journal operation and each request, and then resumed.

`python -m tests.incidents.crash_points` writes docs/reference/crash-points.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

from msgspec import Struct

from orchestrator.model.guard import Compared, Guard, IfUnknown
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Again, When
from orchestrator.model.run import Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import counted
from orchestrator.simulator import SimulatorConfig

from .around import Deed, Gauge, Says, Shows, Surroundings
from .draw import Dark, Incident, Life, Story
from .incident import Played, play
from .tape import Appended, Asked, Note

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "crash-points.md"


class Route(Struct, frozen=True):
    """A way through a shipped playbook, and on what kind of pair."""

    title: str
    playbook: str
    start: Status
    goal: Status
    mirror: float | None = None
    mirrors: Mirrors = Mirrors.NO
    emergency: bool = False
    around: Surroundings | None = None


_BUSY = Surroundings(
    gauges=(
        Gauge("agents", Role.SECONDARY, Shows.LATER, turns=2.0, takes=0.1),
        Gauge("outside", None, Shows.NO_DATA, takes=0.1),
    ),
    guards=(
        Guard("agents_seen", Compared("agents", above=0.0), within=timedelta(seconds=60)),
        Guard("seen_outside", Compared("outside", above=0.0), if_unknown=IfUnknown.ASK),
    ),
    asks=(("declare", ("agents_seen",)), ("activate", ("seen_outside",))),
    deeds=(
        Deed("stop-sync", "declare", When.BEFORE, takes=0.5, again=Again.SAFE),
        Deed("flip-cname", "declare", When.AFTER, takes=0.5),
        Deed("press-button", "activate", When.BEFORE, manual=True),
        Deed("lift-downtime", "activate", When.AFTER, takes=0.5, again=Again.SAFE),
    ),
    people=(Says(yes=True, after=3.0),),
)
"""One of each: a guard that is waited for, one that a person is asked about, and hooks before and after both transitions."""

ROUTES = (
    Route("Out: regional-failover, PASSIVE to ACTIVE", "regional-failover", Status.PASSIVE, Status.ACTIVE),
    Route("Home: regional-failover, ACTIVE to PASSIVE", "regional-failover", Status.ACTIVE, Status.PASSIVE),
    Route(
        "Out, on a pair that mirrors", "regional-failover", Status.PASSIVE, Status.ACTIVE, 0.2, Mirrors.YES
    ),
    Route(
        "Out, as an emergency: the primary's region is dark, and comes back before somebody resumes",
        "regional-failover",
        Status.PASSIVE,
        Status.ACTIVE,
        emergency=True,
    ),
    Route(
        "Called off: regional-failover, FAILOVER to PASSIVE",
        "regional-failover",
        Status.FAILOVER,
        Status.PASSIVE,
    ),
    Route("Joining: onboarding, ABSENT to PASSIVE", "onboarding", Status.ABSENT, Status.PASSIVE),
    Route(
        "Out, with a guard that is waited for, one that a person is asked about, and hooks around both transitions",
        "failover",
        Status.PASSIVE,
        Status.ACTIVE,
        around=_BUSY,
    ),
)


def incident(route: Route, life: Life) -> Incident:
    """The route's incident, in which one thing befalls the first life of the program."""
    return Incident(
        seed=1,
        config=SimulatorConfig(
            status=Both(route.start, route.start), mirror=route.mirror, latency=Both(0.05, 0.07)
        ),
        mirrors=route.mirrors,
        playbook=route.playbook,
        goal=route.goal,
        mode=Mode.EMERGENCY if route.emergency else Mode.PLANNED,
        faults=(),
        foreign=(),
        dark=(Dark(0.0, Role.PRIMARY, 300.0, silent=False),) if route.emergency else (),
        lives=(life, Life(), Life(), Life()),
        story=Story.ALONE,
        second_at=0.0,
        switches=False,
        wrong_uuid=None,
        settles=False,
        resumes=False,
        around=route.around,
    )


class Point(Struct, frozen=True):
    """A place where a run can be killed."""

    number: int
    """Among the journal's operations, or among the requests; counts from 1."""
    request: bool
    words: str


class Case(Struct, frozen=True):
    """What came of being killed there."""

    played: Played
    killed: bool
    sent: int
    """Writes that people's commands sent afterwards."""

    @property
    def words(self) -> str:
        """For the table."""
        commands = ", ".join(self.played.commands) or "nothing"
        writes = {0: "no write", 1: "1 write"}.get(self.sent, f"{self.sent} writes")
        return f"{commands}: {writes}"


@cache
def points(route: Route) -> tuple[Point, ...]:
    """Everything that an uninterrupted run of a route journals and asks, in order."""
    played = play(incident(route, Life()))
    first = played.lives[0][0]
    return tuple(_points(note for note in played.tape.notes if getattr(note, "process", None) is first))


def _points(notes: Iterator[Note]) -> Iterator[Point]:
    requests = 0
    gathered: list[Appended] = []
    for note in notes:
        if gathered and (not isinstance(note, Appended) or note.operation != gathered[0].operation):
            yield from _transaction(gathered)
            gathered = []
        if isinstance(note, Appended):
            gathered.append(note)
        elif isinstance(note, Asked):
            requests += 1
            what = f"POST {note.status}" if note.posts else "GET" if note.reads else "GET validate"
            yield Point(requests, True, f"**{what}** to the {note.role}")
    if gathered:
        yield from _transaction(gathered)


def _transaction(notes: list[Appended]) -> Iterator[Point]:
    """What was journalled at once: the last of it is why it was journalled just then."""
    *before, last = notes
    words = f"`{last.record.kind}`{_about(last)}"
    if before:
        words += f", with {counted(len(before), 'record')} of what came before it"
    yield Point(last.operation, False, words)


def _about(note: Appended) -> str:
    data = note.record.data
    attempt = data.get("attempt")
    if isinstance(attempt, dict):
        return f" {attempt['status']} to the {str(attempt['role']).lower()}"
    if isinstance(data.get("question"), dict):
        return f" about {data['question']['subject']}"  # type: ignore[index, call-overload]
    for key in ("hook", "transition", "purpose"):
        if isinstance(data.get(key), str):
            return f" {data[key]}"
    return ""


def lives(point: Point) -> dict[str, Life]:
    """The ways of being killed at a point, by what the table calls them."""
    if point.request:
        ways = {"before": Life(request_before=point.number), "after": Life(request_after=point.number)}
        return {**ways, "answered": Life(request_answered=point.number)} if "POST" in point.words else ways
    return {"before": Life(journal_before=point.number), "after": Life(journal_after=point.number)}


@cache
def case(route: Route, life: Life) -> Case:
    """Kill a run there, and let people bring it to its end."""
    played = play(incident(route, life))
    first = played.lives[0][0]
    sent = sum(
        1
        for note in played.tape.notes
        if isinstance(note, Asked) and note.posts and note.process is not first
    )
    return Case(played, first.dead, sent)


def page() -> str:
    """The page: one table for each route."""
    lines = [
        "# Crash points",
        "",
        "Generated by `python -m tests.incidents.crash_points`; a test holds that it is current and that every case ends at",
        "the goal, with every invariant of [what was proven](../explanation/what-was-proven.md): the first route at every",
        "change, the others in `make nightly`.",
        "",
        "A run is killed (as with `kill -9`) before and after each transaction of its journal and each request that it sends. Then",
        "another operator looks with `hamr status` and types what it says. Each cell names the commands that were needed and",
        "how many writes they sent; *nothing* means that the run was already done: the lock of a dead process is in nobody's way.",
        "For a request, *after* is killed when the region has it and no answer is there; for a write, *answered* with the answer",
        "unread. In the last table people say yes to whatever they are asked, and a hook's program goes on when the run that",
        "started it is killed.",
    ]
    for route in ROUTES:
        lines += ["", *section(route)]
    return "\n".join(lines) + "\n"


def section(route: Route) -> list[str]:
    """A route's heading and table."""
    lines = [
        f"## {route.title}",
        "",
        "| what it was about to do | killed before | killed after |",
        "| --- | --- | --- |",
    ]
    for point in points(route):
        words = {name: case(route, life).words for name, life in lives(point).items()}
        after = words["after"]
        if words.get("answered", after) != after:
            after += f"; answered: {words['answered']}"
        lines.append(f"| {point.words} | {words['before']} | {after} |")
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} is current")

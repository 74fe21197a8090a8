"""What must hold of probes, waiting, hooks and questions, whatever happened; the other half of `invariants`.

guards-hold         no transition fires on a probe or guard that did not pass, but by a person's word or an emergency's blindness
fresh-look          all that a transition fires on is at most ten seconds old, and read after the last wait, hook and question
hooks-first         in a planned run no write of a transition before each of its `before` hooks has ended well
asked-again         what may be repeated only when a person says so is started twice only after a yes
done-once           a hook that is done is not started again in its run; every start has its intent before it
after-done          a run that got to its goal has done the `after` hooks of all its transitions, or left them to a person
owed-is-said        a run says which `after` hooks it owes, and is done only where it owes none
unhindered          no hook makes an emergency's write to the survivor later, and no probe longer than it takes
asks-unlocked       nobody holds the lock for a question that stands
intends-locked      nothing is intended without the lock
waits-end           no wait outlasts what its guards may take, and none goes on after Ctrl-C
cools-down          a planned run begins during a cooling down only by name
small-records       no record holds more than a person can read
mirror-found        no run finds out that a pair mirrors which does not
drill-stops         no run of a drill writes over somebody else whom the drill has met: nobody has looked                     (law 3)
second-agrees       what wants a second person's agreement is begun once somebody else has agreed to that very run            (law 8)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from msgspec import Struct

from orchestrator.engine.reader import ASK_AGAIN_AFTER
from orchestrator.simulator import Authors
from orchestrator.simulator.state import SERVER_NAME

from .around import AGREED
from .firing import fresh_look, guards_hold
from .hook_invariants import after_done, asked_again, done_once, hooks_first, owed_is_said, unhindered
from .incident import Played
from .killable import Process
from .tape import Appended, Asked, Happened, Questioned, Told, Woke, Wrote, data_of, kind_of
from .witness import Unclaimed, Version, Writers, holders, seen_by_then, version

LOOK = 45.0
"""Seconds that one look may take: slow probes twice, and both orgs at their time-outs twice."""


# -- questions and the lock -------------------------------------------------------------------------------------


def asks_unlocked(played: Played) -> Iterator[str]:
    standing: set[str] = set()
    for note, holding in holders(played):
        if isinstance(note, Questioned):
            (standing.discard if note.answered else standing.add)(note.process.name)
        if isinstance(note, Happened) and note.what == "end" and note.process is not None:
            standing.discard(note.process.name)
        for who in standing & set(holding.values()):
            yield f"{note.number}: {who} holds the lock, and a person is still being asked"
            standing.discard(who)


def intends_locked(played: Played) -> Iterator[str]:
    for note, holding in holders(played):
        if kind_of(note) in ("transition.intended", "write.intended", "hook.intended") and isinstance(
            note, Appended
        ):
            holder = holding.get(note.machine)
            if holder != note.process.name:
                yield f"{note.number}: {note.process.name} journals {kind_of(note)}, while {holder} holds the lock"


# -- waiting ------------------------------------------------------------------------------------------------------


class Wait(Struct):
    """One process's wait, as it goes on."""

    began: float
    most: float
    woken: int = 0
    interrupted: bool = False


def waits_end(played: Played) -> Iterator[str]:  # noqa: C901 - one branch per kind of note
    waits: dict[Process, Wait] = {}
    full = any(life.disk_full_at for life in played.incident.lives)
    guards = played.scene.playbook.guards
    for note in played.tape.notes:
        process = getattr(note, "process", None)
        if process is None:
            continue
        wait = waits.get(process)
        if kind_of(note, Told) == "wait.began":
            transition = played.scene.playbook.transition(data_of(note, Told)["transition"])
            names = transition.guards if transition is not None else ()
            most = max(
                within.total_seconds() for name in names if (within := guards[name].within) is not None
            )
            waits[process] = Wait(note.at, most)
        elif wait is None:
            continue
        elif kind_of(note, Told) == "wait.ended":
            del waits[process]
            if note.at - wait.began > wait.most + LOOK + process.away:
                yield f"{note.number}: {process.name} waited {note.at - wait.began:.0f} s, and may wait {wait.most:.0f} s"
        elif isinstance(note, Happened) and note.what == "interrupt":
            wait.interrupted = True
        elif isinstance(note, Happened) and note.what == "end" and not process.dead and not full:
            yield f"{note.number}: {process.name} ended in a wait, and does not say so"
        elif isinstance(note, Woke):
            # It may be in the middle of a look: probes of different speeds are begun one after the other.
            if note.at - wait.began > wait.most + LOOK + process.away:
                yield f"{note.number}: {process.name} still waits after {note.at - wait.began:.0f} s, and may wait {wait.most:.0f} s"
            # A look that has begun asks an org that does not answer again, for some seconds.
            wait.woken += wait.interrupted and note.seconds not in ASK_AGAIN_AFTER
            if wait.woken > 1:
                yield f"{note.number}: {process.name} goes on waiting after Ctrl-C"


# -- cooling down, and what is kept -----------------------------------------------------------------------------


def cools_down(played: Played) -> Iterator[str]:  # noqa: C901 - one branch per kind of record
    around = played.incident.around
    if around is None or not around.cool_down or any(life.wall_jump for life in played.incident.lives):
        return
    for machine, records in played.records.items():
        wrote: set[str] = set()
        cooling: tuple[str, datetime] | None = None
        orgs: dict[str, Any] = {}
        for record in records:
            data: Any = record.data
            at = datetime.fromisoformat(record.at)
            match record.kind:
                case "write.intended":
                    wrote.add(record.run)
                case "run.finished" if record.run in wrote:
                    cooling = (record.run, at + timedelta(seconds=around.cool_down))
                case "run.resumed" | "run.acknowledged" if cooling is not None and cooling[0] == record.run:
                    cooling = None
                case "run.started":
                    orgs[record.run] = data["orgs"]
                    if cooling is None or at >= cooling[1]:
                        continue
                    if orgs.get(cooling[0], data["orgs"]) != data["orgs"]:
                        continue  # what the inventory names now has not cooled down from anything
                    if "cool_down" not in data["overrides"] and data["mode"] != "EMERGENCY":
                        yield f"run {record.run} of {machine} began while run {cooling[0]} cooled down"
                case _:
                    pass


def small_records(played: Played) -> Iterator[str]:
    for records in played.records.values():
        for record in records:
            size = len(str(record.data)) if record.kind != "run.started" else 0
            if size > 20_000:
                yield f"record {record.seq} ({record.kind}) holds {size} characters"


def mirror_found(played: Played) -> Iterator[str]:
    """Its other org would never be written; what both showed before is no echo, however the written one's reads lag."""
    for note in played.tape.notes:
        if (
            kind_of(note) == "mirror.found"
            and data_of(note)["mirrors"]
            and played.incident.config.mirror is None
        ):
            yield f"{note.number}: it is found that the pair mirrors"


def drill_stops(played: Played) -> Iterator[str]:
    """A run begins with what is there, since a person has looked; within a drill nobody has, so each run of it stops (law 3).

    Where the server makes moves of its own, who made such a one cannot be told; nor whose a record is that shows what a
    run has sent, since its answer was lost.
    """
    config = played.incident.config
    if (
        not played.incident.drills
        or config.renames_author
        or config.authors is Authors.EMPTY
        or config.advances
    ):
        return
    writers, unclaimed = Writers.of(played), Unclaimed()
    drills: Process | None = None
    began: set[Version] = set()
    for note, journals in seen_by_then(played):
        unclaimed.take(note)
        if kind_of(note) == "drill.started" and isinstance(note, Appended):
            drills = drills or note.process
        elif kind_of(note) == "run.started" and not data_of(note)["drill"]:
            began.clear()  # somebody began with what is there, who has looked
        elif isinstance(note, Wrote) and drills and not note.ours and note.author != SERVER_NAME:
            began.add(version(note.record))
        elif isinstance(note, Asked) and note.posts and note.process is drills:
            truth = note.truth[note.role]
            if truth is None or unclaimed.hides(note.run, truth):
                continue
            what = version(truth)
            if what in began & journals[note.machine].versions[note.role] and not writers.run(what):
                yield f"{note.number}: POST of {note.run} to the {note.role}, over {note.truth[note.role]}"


def second_agrees(played: Played) -> Iterator[str]:
    """Whoever asked for a run does not agree to it themselves, however often it is taken up; what was agreed to is that very run (law 8)."""
    agreed: dict[str, set[str]] = defaultdict(set)
    began: dict[str, str] = {}
    for note in played.tape.notes:
        if not isinstance(note, Appended):
            continue
        run, data = note.record.run, cast("dict[str, Any]", note.record.data)
        if note.record.kind == "run.started":
            began[run] = note.record.by
        elif note.record.kind == "run.approved":
            agreed[run].add(note.record.by)
        elif note.record.kind == "guard.judged":
            passed = any((each["guard"], each["outcome"]) == (AGREED, "PASS") for each in data["verdicts"])
            if passed and not agreed[run] - {began.get(run)}:
                yield f"{note.number}: {run} goes on, and no second person has agreed to it"


AROUND_INVARIANTS: dict[str, Callable[[Played], Iterator[str]]] = {
    "guards-hold": guards_hold,
    "fresh-look": fresh_look,
    "hooks-first": hooks_first,
    "asked-again": asked_again,
    "done-once": done_once,
    "after-done": after_done,
    "owed-is-said": owed_is_said,
    "unhindered": unhindered,
    "asks-unlocked": asks_unlocked,
    "intends-locked": intends_locked,
    "waits-end": waits_end,
    "cools-down": cools_down,
    "small-records": small_records,
    "mirror-found": mirror_found,
    "drill-stops": drill_stops,
    "second-agrees": second_agrees,
}

"""What must hold of readings that are older than what was seen; a part of `attack_invariants`.

above-the-floor     no reading older than one that the journal has makes a write, a "done" or a phase        (laws 3, 4, 15)
newest-is-newest    no reading is called older than what it is itself                                        (law 3)
old-is-nobodys      nobody is blamed for a record of hamr's that was seen before, and is shown by a lagging replica (law 3)
done-is-so          a run that says done is right, as far as any reading could tell                            (law 4)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from orchestrator.errors import ExitCode
from orchestrator.model.run import Stamp
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Role
from orchestrator.proof.keyboard import Returned
from orchestrator.proof.laws import is_older, shows

from .incident import Played
from .killable import Process
from .tape import Answered, Appended, Asked, Happened, Wrote
from .witness import (
    Version,
    Writers,
    in_words,
    last_read,
    records_in,
    same,
    seen_by_then,
    until_finished,
    version,
)

NAMED = ("lag", "older than", "revert", "went back")
"""How a reading is called that is older than one that the journal has."""

_JUDGED = frozenset({PhaseName.AGREED, PhaseName.MIDWAY, PhaseName.BEHIND, PhaseName.DIVERGED})
"""Phases that say what both orgs show."""


class _Read(Struct, frozen=True):
    """The last good reading of an org, by one process."""

    note: Answered
    below: Version | None
    """The newer one that the journal had."""

    @property
    def words(self) -> str:
        return f"{self.note.number} ({self.note.words}), older than what the journal had seen: {in_words(self.below)}"


def above_the_floor(played: Played) -> Iterator[str]:  # noqa: C901, PLR0912 - what was read, sent and said
    config = played.incident.config
    if config.no_times or (config.mirror is not None and any(config.skew)):
        return  # nothing tells what is older
    read: dict[Process, dict[Role, _Read]] = defaultdict(dict)
    looks = dict(played.scene.looks)
    outcomes = dict(played.lives)
    alone = played.incident.hastens or played.incident.attacks.turns
    strange: dict[tuple[Role, Version], set[str]] = defaultdict(set)
    """Which runs have stopped for it, as somebody else's: two regions' clocks do not tell what came last."""
    for note, journals in seen_by_then(played):
        if isinstance(note, Answered) and note.is_good_read:
            asked = note.asked
            newest = journals[asked.machine].newest.get(asked.role)
            read[asked.process][asked.role] = _Read(note, _below(note, newest))
        elif isinstance(note, Appended) and note.record.data.get("accepted"):
            read[note.process].clear()
        elif isinstance(note, Appended) and note.record.data.get("change") == "FOREIGN":
            for role, seen in records_in(note.record.data.get("record")):
                strange[role, seen].add(note.record.run)
        elif isinstance(note, Asked) and note.posts:
            bases = journals[note.machine].bases[note.run]
            for role in (note.role,) if alone else Role:
                if role in bases and strange[role, bases[role]] - {note.run}:
                    continue  # a person was told of it, and has begun a new run with it
                found = read[note.process].get(role)
                if found is not None and found.below is not None:
                    yield f"{note.number}: POST to the {note.role} on reading {found.words}"
        elif isinstance(note, Happened) and note.what == "end" and note.process is not None:
            old = [found for found in read[note.process].values() if found.below is not None]
            outcome, standing = outcomes.get(note.process), looks.get(note.process)
            if old and isinstance(outcome, Returned) and outcome.result.exit_code is ExitCode.DONE:
                yield f"{note.number}: {note.process.name} says done on reading {old[0].words}"
            named = standing is not None and any(word in standing.phase.sentence for word in NAMED)
            if old and standing is not None and standing.phase.name in _JUDGED and not named:
                yield f"{note.number}: status says {standing.phase.label} on reading {old[0].words}"


def newest_is_newest(played: Played) -> Iterator[str]:
    """Where somebody else wrote, or two clocks did, something newer by its time may be known to be old.

    To a journal another one's runs are somebody else: what its own mirror brings over theirs is no newer for its time (law 3). Nor is
    what turns up on an org once a person has said in that run that it has no record: the run goes by that word.
    """
    config = played.incident.config
    crossed = config.mirror is not None and any(config.skew)
    if (
        config.no_times
        or crossed
        or any(isinstance(note, Wrote) and not note.ours for note in played.tape.notes)
        or any(foreign.relinks for foreign in played.incident.foreign)
    ):
        return
    writers = Writers.of(played)
    runs = {name: frozenset(each.run for each in records) for name, records in played.records.items()}
    gone: set[tuple[str, Role]] = set()
    for note, journals in seen_by_then(played):
        if not isinstance(note, Appended):
            continue
        data: Any = note.record.data
        if data.get("accepted") and data["record"] is None:
            gone.add((note.record.run, Role[data["role"]]))
        if data.get("change") in ("STALE", "REVERTED"):
            for role, seen in records_in(data["record"]):
                if (note.record.run, role) in gone:
                    continue
                others = journals[note.machine].versions[role] - {seen}
                if any(writers.strange(other, runs[note.machine]) for other in others):
                    continue
                if seen == journals[note.machine].newest.get(role):
                    yield f"{note.number}: {note.process.name} calls old what is the newest of the {role}: {in_words(seen)}"


def _below(note: Answered, newest: Version | None) -> Version | None:
    """The newer version that the journal had seen; None where there was none, or where the org did go back."""
    truth = note.asked.truth[note.asked.role]
    if newest is None or same(note.record, truth):
        return None
    if note.record is None or is_older(note.record.modified_at, newest[1]):
        return newest
    return None


def old_is_nobodys(played: Played) -> Iterator[str]:
    """A stamp is used once: what carries one, and was there before, is no new write of anybody's, in whatever second it came."""
    outcomes = dict(played.lives)
    for note, journals in seen_by_then(played):
        if not (isinstance(note, Happened) and note.what == "end" and note.process in outcomes):
            continue
        outcome = outcomes[note.process]
        if not isinstance(outcome, Returned) or outcome.result.ending.org is None:
            continue
        ending, read = outcome.result.ending, last_read(played.tape.notes, note.process)
        shown = read.get(outcome.result.ending.org)
        if shown is None or shown.record is None or Stamp.parse(shown.record.modified_by) is None:
            continue
        role, seen = shown.asked.role, journals[shown.asked.machine]
        before = version(shown.record) in seen.versions[role] and seen.newest[role] != version(shown.record)
        lags = before and not same(shown.record, shown.asked.truth[role])
        if lags and "changed by somebody else" in ending.message:
            yield f"{note.process.name} blames somebody for what lags: {ending.message}"


def done_is_so(played: Played) -> Iterator[str]:
    """What is below the floor by its time is read again, and is over as soon as a reading shows what is not older (laws 3 and 4).

    Where one lagging replica shows that after a mirror had put the org back, no reading tells it from a lag that has ended.
    """
    said = {
        (note.process, Role[str(note.record.data["role"])])
        for note in played.tape.notes
        if isinstance(note, Appended) and note.record.data.get("accepted")
    }
    known: dict[Process, dict[Role, set[Version]]] | None = None
    for process, outcome in played.lives:
        if not isinstance(outcome, Returned) or outcome.result.exit_code is not ExitCode.DONE:
            continue
        goal = outcome.result.goal
        last = last_read(until_finished(played, process, outcome.result.run), process)
        for role in Role if goal is not None else ():
            since, truth = played.scene.truths[process.name][role]
            read = last.get(role)
            if shows(truth) is goal or read is None or (process, role) in said:
                continue  # a person may be wrong about what is true
            known = _versions_by_end(played) if known is None else known
            could_be_read = since < read.asked.at - played.incident.config.read_lag
            shown = same(read.record, truth)
            seen = truth is not None and version(truth) in known[process][role]
            if could_be_read and (shown or seen):
                yield f"{process.name} says done at {goal}, and the {role} has shown {shows(truth)} for {read.asked.at - since:.1f} s"


def _versions_by_end(played: Played) -> dict[Process, dict[Role, set[Version]]]:
    """What each process's journal had seen when it ended, and what was not below the floor then, where one clock tells."""
    config = played.incident.config
    crossed = config.mirror is not None and any(config.skew)
    found: dict[Process, dict[Role, set[Version]]] = defaultdict(lambda: defaultdict(set))
    machines: dict[Process, str] = {}
    for note, journals in seen_by_then(played):
        if isinstance(note, Asked):
            machines[note.process] = note.machine
        elif isinstance(note, Happened) and note.what == "end" and note.process in machines:
            seen = journals[machines[note.process]]
            for role, versions in seen.versions.items():
                floor = seen.newest[role][1] if role in seen.newest else None
                found[note.process][role] = {
                    each for each in versions if crossed or not is_older(each[1], floor)
                }
    return found


FLOOR_INVARIANTS: dict[str, Callable[[Played], Iterator[str]]] = {
    "above-the-floor": above_the_floor,
    "newest-is-newest": newest_is_newest,
    "old-is-nobodys": old_is_nobodys,
    "done-is-so": done_is_so,
}

"""What must hold whatever the world does of its own accord; the third part of `invariants`.

never-over-seen     no write over somebody else's record that the journal had seen, until a person says so    (law 3)
alone-binds         no write of a new run that has first read a young stamp of a run that nobody here knows      (laws 7, 12)
own-orgs            no write of a run to an org on which it did not begin                                      (law 10)
leaves-in-time      no write leaves on a reading that was asked for more than five seconds before             (law 6)
late-is-named       an attempt that was given up and may still come is named: at the end, in status, by the next run (law 5)
ours-is-ours        no record that this very run wrote is called somebody else's                              (law 3)
next-accepted       no command that was read as the first thing to type is refused                           (law 15)
leads-on            the first thing to type, typed each time, gets somewhere within three commands         (law 15)
one-bad-answer      one failed reading is no verdict, and no reason to offer an emergency first               (law 21)
emergency-goes-on   after a failover the other region dies: the way home by an emergency is not refused        (law 9)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from orchestrator.errors import ExitCode, Locked
from orchestrator.model.org import Mirrors
from orchestrator.model.run import End, Mode, Stamp
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.proof.keyboard import DONE, Outcome, Raised, Returned
from orchestrator.proof.virtual_time import EPOCH
from orchestrator.simulator import Authors, ClientError, NoAnswer, Redirect, Response, Throttle
from tests.steps import typed

from .incident import Played
from .killable import Process
from .tape import Answered, Appended, Asked, Happened, Note, Wrote, data_of, kind_of
from .typist import Typed, first_next
from .witness import (
    SEND_SECONDS,
    Unclaimed,
    Version,
    Writers,
    attempt_of,
    carried_back,
    in_words,
    is_split,
    last_read,
    looked_old,
    records_in,
    records_of,
    same,
    seen_by_then,
    version,
)

SLACK = 0.05

ALONE = 540.0
"""Seconds for which a stamp is young, with a margin for clocks."""

LATE = 900.0
"""Seconds for which an attempt that was given up may still turn up."""

_UNSEEN = frozenset({PhaseName.HALF_SEEN, PhaseName.DARK, PhaseName.UNREADABLE})


# -- strangers ----------------------------------------------------------------------------------------------------


def never_over_seen(played: Played) -> Iterator[str]:
    """What a run begins with on one org, it begins with on the other, too, once the mirror of the pair has brought it there.

    So does what a person has said is there no more.
    """
    config = played.incident.config
    if config.renames_author or config.authors is Authors.EMPTY:
        return  # nobody can tell strangers from us there
    strangers = any(isinstance(note, Wrote) and not note.ours for note in played.tape.notes)
    if not strangers and len(played.machines) == 1:
        return
    writers = Writers.of(played)
    runs = {name: frozenset(each.run for each in records) for name, records in played.records.items()}
    adoptions = _adoptions(played)
    unclaimed, began = Unclaimed(), dict[str, float]()
    for note, journals in seen_by_then(played):
        if isinstance(note, Asked) and note.posts:
            began.setdefault(note.run, note.at)
        unclaimed.take(note)
        if not (isinstance(note, Asked) and note.posts) or note.run in adoptions:
            continue
        truth = note.truth[note.role]
        if truth is None:
            continue
        seen, what = journals[note.machine], version(truth)
        gone = seen.gone[note.role] | (seen.gone[note.role.other] if config.mirror is not None else set())
        # A move of the server's own is whoever's it moved on from.
        whose = writers.moved.get(what, what)
        if what not in seen.versions[note.role] - gone or not writers.strange(
            whose, runs[note.machine] | {note.run}
        ):
            continue  # or a person has said that it is there no more
        bases = seen.bases[note.run]
        begins = {bases.get(note.role), bases.get(note.role.other) if config.mirror is not None else None}
        if begins & {what, whose} or unclaimed.hides(note.run, truth):
            continue  # a person has begun with it; or it cannot be told from ours, since an answer was lost
        if carried_back(played, truth, began.get(note.run)):
            continue  # a mirror healed it over what that run had written since
        yield f"{note.number}: POST of {note.run} to the {note.role}, over what this journal had seen there: {in_words(what)}"


def alone_binds(played: Played) -> Iterator[str]:  # noqa: C901 - what is known, read, waived and sent
    """A run that was begun anew, and has first read a young stamp of a run that its journal does not know."""
    config = played.incident.config
    if config.no_times or any(abs(seconds) > 3 for seconds in config.skew):
        return  # nothing tells how young it is
    known: dict[str, set[str]] = defaultdict(set)
    young: dict[str, tuple[str, str]] = {}
    waived: set[str] = set()
    looked: set[str] = set()  # a first look that found no record was one, too
    for note in played.tape.notes:
        if isinstance(note, Happened) and note.what in ("restored", "repointed"):
            looked.clear()
        if isinstance(note, Appended):
            run, data = note.record.run, note.record.data
            if note.record.kind == "journal.moved":  # it knows still what it read in the journal that it left
                known[note.machine].update(*(there for there in known.values() if run in there))
            known[note.machine].add(run)
            overrides: Any = data.get("overrides")
            if isinstance(overrides, dict) and "alone" in overrides:
                waived.add(run)
            if note.record.kind == "situation.read" and run not in looked:
                looked.add(run)
                for role, (_, at, author) in records_in(data["readings"]):
                    stamp = Stamp.parse(author)
                    if stamp is None or stamp.run in known[note.machine] or at is None:
                        continue
                    if (EPOCH - at).total_seconds() + note.at < ALONE:
                        young.setdefault(run, (stamp.run, f"{author} on the {role}"))
        elif isinstance(note, Asked) and note.posts and note.run in young and note.run not in waived:
            whose, where = young[note.run]
            if whose not in known[note.machine]:  # by now: it may have been brought in
                yield f"{note.number}: POST of {note.run}, which had first read the young stamp {where}"


def own_orgs(played: Played) -> Iterator[str]:
    """What a run may write is the orgs that it began on, whatever the inventory says by now."""
    began = {
        record.run: {str(uuid) for uuid in _both(record.data["orgs"])}
        for record in records_of(played, "run.started")
    }
    for note in played.tape.notes:
        if isinstance(note, Asked) and note.posts and note.run in began:
            body: Any = note.body
            if body["data"]["id"] not in began[note.run]:
                yield f"{note.number}: POST of {note.run} to org {body['data']['id']}, on which it did not begin"


def _both(data: Any) -> tuple[Any, Any]:
    return data["primary"], data["secondary"]


def _adoptions(played: Played) -> set[str]:
    writes = records_of(played, "write.intended")
    adopted = {record.run for record in writes if attempt_of(record)["purpose"] == "adopt"}
    return adopted | {record.run for record in records_of(played, "pair.adopted")}


def ours_is_ours(played: Played) -> Iterator[str]:  # noqa: C901 - what is not known, and what is
    if played.incident.attacks.restored is not None or is_split(played):
        return  # what it wrote after the copy, or into another journal, it cannot know
    config = played.incident.config
    nameless = config.renames_author or config.authors is Authors.EMPTY
    refused = refused_though_taken(played)
    strange: dict[str, set[Any]] = defaultdict(set)
    strangers = any(isinstance(note, Wrote) and not note.ours for note in played.tape.notes)
    writers = Writers.of(played)
    learned: dict[str, set[Any]] = defaultdict(set)
    newest: dict[str, Status] = {}
    for note, journals in seen_by_then(played):
        if isinstance(note, Appended) and note.record.kind == "name.learned":
            learned[note.record.run].add(note.record.data["name"])
        elif isinstance(note, Appended) and note.record.kind == "write.intended":
            newest[note.record.run] = Status[attempt_of(note.record)["status"]]
        data: Any = data_of(note)
        if kind_of(note) != "change.seen" or not isinstance(note, Appended):
            continue
        if data["change"] != "FOREIGN" or data["record"] is None:
            continue
        record, names = data["record"], learned[note.record.run]
        if nameless and (refused or (strangers and not names)):
            continue  # no answer has told by which name the server calls us: it may be anybody's
        due = Status.of(record["status"]) is newest.get(note.record.run)
        known, strange_by_now = record["modified_by"] in names, strange[note.record.run]
        if nameless and not known and (not due or record["modified_by"] in strange_by_now):
            # A name is learned from an answer alone; under any other, only what was sent last is taken for ours, and not
            # once somebody else's write was met under it.
            strange_by_now.add(record["modified_by"])
            continue
        seen = next((each for each in writers.found if _is(each, record)), None)
        if seen is None or writers.run(seen) != note.record.run:
            continue
        began_with = journals[note.machine].bases[note.record.run].get(Role[str(data["role"])])
        if nameless and not known and began_with is not None and seen[1] == began_with[1]:
            continue  # in the second of what was there another author is somebody else (law 3), as far as no answer has told
        here = any(wrote.role.name == data["role"] for wrote in writers.found[seen])
        if here or played.incident.mirrors is not Mirrors.AUTO:  # else it took a slow mirror for none
            yield f"{note.number}: {note.process.name} calls its own write somebody else's: {data['reason']}"
        else:
            strange_by_now.add(record["modified_by"])  # and then its author for somebody else (law 3)


def refused_though_taken(played: Played) -> bool:
    """Whether a write that was answered with a refusal may be there: by its server, or by the edge of a region gone dark."""
    return any(
        isinstance(fault.kind, ClientError | Redirect | Throttle) and fault.kind.applied
        for fault in played.incident.faults
    ) or any(dark.answers is not None and 400 <= dark.answers < 500 for dark in played.incident.dark)


def _is(seen: Version, record: dict[str, Any]) -> bool:
    if (seen[0], seen[2]) != (record["status"], record["modified_by"]):
        return False
    at = record["modified_at"]
    if seen[1] is None or at is None:
        return seen[1] is None and at is None
    return bool(seen[1].strftime("%Y-%m-%dT%H:%M:%S.%f") == at.rstrip("Z")[:26])


# -- ends ---------------------------------------------------------------------------------------------------------


def leaves_in_time(played: Played) -> Iterator[str]:
    read_at: dict[tuple[Process, Role], float] = {}
    for note in played.tape.notes:
        if isinstance(note, Answered) and note.is_good_read:
            read_at[note.asked.process, note.asked.role] = note.asked.wanted
        elif isinstance(note, Asked) and note.posts:
            wanted = read_at.get((note.process, note.role))
            if wanted is not None and note.seconds - wanted > SEND_SECONDS + SLACK:
                yield (
                    f"{note.number}: POST to the {note.role} leaves {note.seconds - wanted:.1f} s after "
                    "the reading was asked for that it rests on"
                )


# -- attempts that may still come -----------------------------------------------------------------------------------


class _GivenUp(Struct):
    """One attempt that may have reached its org, and was not seen."""

    run: str
    number: int
    stamp: str
    at: float
    owner: str
    machine: str
    """Whose journal knows of it."""


def late_is_named(played: Played) -> Iterator[str]:  # noqa: C901, PLR0912 - the end, status and the next run
    """The next run is whoever starts one (law 5): a merge starts none, though it brings in that another journal's was."""
    if played.incident.attacks.restored is not None:
        return
    attempts: dict[tuple[str, int], _GivenUp] = {}
    finished: dict[str, list[_GivenUp]] = {}
    starts: dict[Process, tuple[str, float]] = {}
    journal: dict[Process, str] = {}
    last: dict[Process, str] = {}
    """The journal that each process has written to last: an emergency may leave the team's, and somebody go on there."""
    outcomes, looks = dict(played.lives), dict(played.scene.looks)
    wrote: dict[Version, set[str]] = defaultdict(set)
    said: dict[tuple[Process, str], float] = {}
    """When each process journalled the end of a run: what whoever took it up has sent since is not for it to say."""
    shown: dict[Process, dict[Role, str]] = defaultdict(dict)
    """By whom the record was that each process read last of each org: what it shows has come."""
    for note in played.tape.notes:
        if isinstance(note, Answered) and note.record is not None:
            shown[note.asked.process][note.asked.role] = note.record.modified_by.lower()
        elif isinstance(note, Wrote):
            wrote[version(note.record)].add(note.author)
        elif isinstance(note, Happened) and note.what == "repointed":
            attempts.clear()  # what may come to other orgs is not this pair's any more
            finished.clear()
        elif isinstance(note, Appended):
            _follow(note, attempts, wrote)
            last[note.process] = note.machine
            if kind_of(note) == "run.started":
                starts[note.process] = (note.record.run, note.at)
                journal[note.process] = note.machine
            elif kind_of(note) == "run.finished":
                said[note.process, note.record.run] = note.at
        elif isinstance(note, Happened) and note.what == "end" and note.process is not None:
            outcome = outcomes[note.process]
            come = [author for author in shown[note.process].values() if author]
            may_come = [
                each
                for each in attempts.values()
                if note.at - each.at < LATE - SLACK and not each.stamp.lower().startswith((*come,))
            ]
            if isinstance(outcome, Returned) and outcome.result.ending.end in (End.DONE, End.OWING):
                here = [each for each in may_come if each.machine == last.get(note.process, each.machine)]
                until = said.get((note.process, outcome.result.run), note.at)
                own = [each for each in here if each.run == outcome.result.run and each.at <= until]
                finished[outcome.result.run] = own
                for each in own:
                    if not _names(outcome, each):
                        yield f"{note.number}: {note.process.name} ends, and does not say that attempt {each.number} may still come"
            owed = [each for run, own in finished.items() for each in own if each in may_come]
            for each in owed:
                standing = looks.get(note.process)
                mine = journal.get(note.process, each.machine) == each.machine == "laptop"
                if (
                    standing is not None
                    and mine
                    and each.stamp not in repr((standing.given_up, standing.unknown))
                ):
                    yield f"{note.number}: status does not say that attempt {each.number} of {each.run} may still come"
                new, began = starts.get(note.process, (each.run, 0.0))
                if (
                    journal.get(note.process) == each.machine
                    and new != each.run
                    and began > each.at
                    and _says(outcome)
                    and not _names(outcome, each)
                ):
                    yield f"{note.number}: run {new} does not say that attempt {each.number} of {each.run} may still come"


def _follow(
    note: Appended, attempts: dict[tuple[str, int], _GivenUp], wrote: dict[Version, set[str]]
) -> None:
    record, data = note.record, note.record.data
    match record.kind:
        case "write.intended":
            attempt = attempt_of(record)
            key = (record.run, attempt["number"])
            attempts[key] = _GivenUp(*key, attempt["stamp"], note.at, note.process.name, note.machine)
        case "write.answered":
            answer: Any = data["answer"]
            if answer["is"] in ("NotSent", "Rejected", "Throttled"):
                attempts.pop((record.run, attempt_of(record)["number"]), None)
        case "write.confirmed":
            number: Any = data["attempt"]
            attempts.pop((record.run, number), None)
        case "situation.read":
            # By who wrote it in truth: a server may show a stamp in lower case, or cut short. A POST comes once.
            came = {author for _, seen in records_in(data["readings"]) for author in wrote[seen]}
            for key in [key for key, each in attempts.items() if each.stamp in came]:
                del attempts[key]  # whatever stands over it by now, or was put right
        case _:
            pass


def _says(outcome: Outcome) -> bool:
    return isinstance(outcome, Returned | Raised)


def _names(outcome: Outcome, attempt: _GivenUp) -> bool:
    words, own = "", False
    if isinstance(outcome, Returned):
        words, own = repr(outcome.result), outcome.result.run == attempt.run
    elif isinstance(outcome, Raised):
        words = f"{outcome.error.message} {typed(outcome.error.next_steps)}"
    number = re.search(rf"attempt {attempt.number}\b", words, re.IGNORECASE)
    return attempt.stamp in words or (number is not None and (own or attempt.run in words))


# -- what is typed next ---------------------------------------------------------------------------------------------


def next_accepted(played: Played) -> Iterator[str]:
    """Of closing a drill, where that takes up a run and stops with it for somebody else, it is asked as of the run's own resume."""
    for command in played.typed:
        began = played.tape.notes[command.number]
        if not command.read or (
            isinstance(began, Happened) and began.what in ("restored", "repointed", "behind")
        ):
            continue  # nobody could know
        if _moved_meanwhile(played, command.number):
            continue  # a mirror brought something between the look and the command
        match command.outcome:
            case Returned(result=result) if result.exit_code is ExitCode.REFUSED:
                yield f"{command.line!r} was the first thing to type, and is refused: {result.ending.message}"
            case Raised(error=error) if error.message.startswith("cool_down: "):
                pass  # at a terminal it is asked, in the one question
            case Raised(error=error) if error.exit_code is ExitCode.INCOMPLETE and _meets(played, command):
                pass
            case Raised(error=error) if error.message != DONE:
                yield f"{command.line!r} was the first thing to type, and is refused: {error.message}"
            case _:
                pass


def _meets(played: Played, command: Typed) -> bool:
    """Whether a run of it has met somebody else, and stopped for them."""
    notes, who = played.tape.notes[command.number :], _who(played, command)
    ends = (data_of(n)["exit_code"] for n in notes if kind_of(n) == "run.finished" and _is_of(n, who))
    return ExitCode.MOVED in ends


def _who(played: Played, command: Typed) -> Process | None:
    notes = played.tape.notes[command.number :]
    return next(note.process for note in notes if isinstance(note, Happened) and note.what == "life")


def _is_of(note: Note, who: Process | None) -> bool:
    return isinstance(note, Appended) and note.process is who


AT_MOST = 3
"""Commands that lead on from any end."""


def leads_on(played: Played) -> Iterator[str]:
    """The first thing to type, typed again and again, gets somewhere within a few commands.

    Not as long as a replica hides what no reading has shown yet, as a move of the server's: that can but be waited for.
    """
    stuck: list[str] = []
    behind = _behind_all_that_was_seen(played)
    for command in played.typed:
        good = isinstance(command.outcome, Returned) and command.outcome.is_good
        acted = isinstance(command.outcome, Raised) and command.outcome.error.message == DONE
        waits = _who(played, command) in behind
        stuck = [] if good or acted or waits or not command.read else [*stuck, command.line]
        if len(stuck) >= AT_MOST:
            yield f"{len(stuck)} commands led nowhere, each the first to type: {stuck}"
            return


def _behind_all_that_was_seen(played: Played) -> set[Process]:
    """Who read last, of an org, what is there no more, while their journal had never seen what is."""
    behind: dict[Process, set[Role]] = defaultdict(set)
    for note, journals in seen_by_then(played):
        if not (isinstance(note, Answered) and note.is_good_read):
            continue
        role, truth = note.asked.role, note.asked.truth[note.asked.role]
        seen = journals[note.asked.machine].versions[role]
        hidden = truth is not None and not same(note.record, truth) and version(truth) not in seen
        (behind[note.asked.process].add if hidden else behind[note.asked.process].discard)(role)
    return {process for process, roles in behind.items() if roles}


def _moved_meanwhile(played: Played, number: int) -> bool:
    """Whether an org's record was another one when a command first read it than when somebody last looked before it.

    Or a lag came to an end while the command read.
    """
    notes = played.tape.notes
    before = next((note for note in reversed(notes[:number]) if isinstance(note, Asked) and note.reads), None)
    after = next((note for note in notes[number:] if isinstance(note, Asked) and note.reads), None)
    if before is None or after is None:
        return False
    looked, read = last_read(notes[:number], before.process), last_read(notes[number:], after.process)
    if before.truth != after.truth:
        return True
    shown = {role: note.record for role, note in looked.items()}
    return any(not same(shown.get(role), note.record) for role, note in read.items())


def one_bad_answer(played: Played) -> Iterator[str]:  # noqa: C901, PLR0912 - what was asked, what was answered, and what was said
    """A connection that was not there in time is a failed reading, too (law 21). What a run ends with rests on what came before: a drill looks again."""
    good: dict[Process, set[Role]] = defaultdict(set)
    since: dict[Process, dict[Role, int]] = defaultdict(lambda: defaultdict(int))
    bad: dict[Process, dict[Role, int]] = defaultdict(lambda: defaultdict(int))
    asked: dict[Process, dict[Role, int]] = defaultdict(lambda: defaultdict(int))
    stayed: dict[Process, bool] = {}
    for note in played.tape.notes:
        if isinstance(note, Appended) and note.record.kind == "run.finished":
            stayed[note.process] = any(times > 1 for times in since[note.process].values())
        elif isinstance(note, Asked) and note.reads:
            asked[note.process][note.role] += 1
            since[note.process][note.role] += 1
        elif isinstance(note, Happened) and note.what == "unconnected" and note.process is not None:
            for count in (asked, since, bad):
                count[note.process][Role(note.words)] += 1
        elif isinstance(note, Answered) and note.asked.reads:
            process, role = note.asked.process, note.asked.role
            if _may_pass(note):
                bad[process][role] += 1
                continue
            good[process].add(role)  # an answer, or no failure that passes
            if note.record is not None or note.absent:
                since[process][role] = 0
    looks, ill = dict(played.scene.looks), _ill(played)
    for process, outcome in played.lives:
        once = {role for role in bad[process] if asked[process][role] == 1 and role not in good[process]}
        standing = looks.get(process)
        if standing is not None and once and standing.phase.name in _UNSEEN:
            yield f"{process.name}: status says {standing.phase.label} after one failed reading"
        first = first_next(standing) if standing is not None else ""
        if isinstance(outcome, Returned):
            result = outcome.result
            first = typed(result.ending.next_steps)[0] if typed(result.ending.next_steps) else ""
            needed = set(Role) if result.mode is Mode.PLANNED else _survivor(played, result.goal)
            if result.ending.end is End.REFUSED and once & needed:
                yield f"{process.name}: refused after one failed reading: {result.ending.message}"
        # It was asked again, for seconds, and stayed so.
        again = any(times > 1 for times in since[process].values())
        if "--emergency" in str(first) and process not in ill and not stayed.get(process, again):
            yield f"{process.name}: {first!r} is the first thing to type, and both regions are well"


def _survivor(played: Played, goal: Status | None) -> set[Role]:
    """The org that an emergency to a goal needs."""
    return {
        transition.survivor
        for transition in played.scene.playbook.transitions
        if transition.target is goal and transition.survivor is not None
    }


def emergency_goes_on(played: Played) -> Iterator[str]:
    """Where the survivor is well and the other region is dark all along, and nobody else has a hand in it."""
    turned = [
        (process, outcome)
        for process, outcome in played.lives
        if played.incident.attacks.turns and process.name.lower().startswith("erin#")
    ]
    for process, outcome in turned:
        match outcome:
            case Returned(result=result) if result.ending.end is End.REFUSED:
                if looked_old(played, process, result.ending):
                    continue  # its survivor's reads lag, and nothing is written on them (law 3)
                alone = {verdict.guard for verdict in result.refused_by} == {"alone"}
                if not (alone and _reads_unknown_stamp(played, process)):
                    yield f"home by an emergency is refused: {result.ending.message}"
            case Raised(error=error) if error.message.startswith("unknown: "):
                pass  # it has to be accepted by name (law 5), and the way on is named
            case Raised(error=error) if not isinstance(error, Locked):
                yield f"home by an emergency is refused: {error.message}"
            case _:
                pass


def _reads_unknown_stamp(played: Played, process: Process) -> bool:
    """Whether an org shows it the stamp of a run of which its journal holds nothing: this emergency left the team's, or the one before did."""
    known: dict[str, set[str]] = defaultdict(set)
    here: set[str] = set()
    for note in played.tape.notes:
        if isinstance(note, Appended):
            if note.record.kind == "journal.merged":  # the file that was brought in is put away
                known = defaultdict(set, {note.machine: known[note.machine]})
            known[note.machine].add(note.record.run)
            if note.process is process:
                here = {*known[note.machine]}
    shown = (note.record for note in last_read(played.tape.notes, process).values())
    stamps = (Stamp.parse(record.modified_by) for record in shown if record is not None)
    return any(stamp is not None and stamp.run not in here for stamp in stamps)


def _may_pass(note: Answered) -> bool:
    """Whether the answer is of a kind that passes."""
    match note.effect:
        case Response(status=status):
            return status in (408, 429) or status >= 500
        case NoAnswer.RESET | NoAnswer.CLOSED | NoAnswer.REFUSED:
            return True
        case _:
            return False


def _ill(played: Played) -> set[Process]:  # noqa: C901 - one branch per kind of note
    """The processes in whose life a region was dark, or failed more than twice."""
    dark: set[str] = {str(each.role) for each in played.incident.dark if each.at <= 0}
    found: set[Process] = set()
    living: set[Process] = set()
    failures: dict[tuple[Process, Role], int] = defaultdict(int)
    lost: dict[tuple[str, Role], int] = defaultdict(int)
    if any("Dark" in type(fault.kind).__name__ for fault in played.incident.faults):
        return {process for process, _ in played.lives}
    for note in played.tape.notes:
        if isinstance(note, Happened):
            if note.what == "dark":
                dark.add(note.words)
                found |= living
            elif note.what == "light":
                dark.discard(note.words)
            elif note.what == "over":
                dark.clear()
            elif note.what == "life" and note.process is not None:
                living.add(note.process)
                if dark:
                    found.add(note.process)
            elif note.what == "end" and note.process is not None:
                living.discard(note.process)
        elif isinstance(note, Answered) and note.record is None and not note.absent:
            asked = note.asked
            failures[asked.process, asked.role] += asked.reads
            lost[asked.run, asked.role] += asked.posts  # an org that fails write after write is not well
            if failures[asked.process, asked.role] > 2 or lost[asked.run, asked.role] > 1:
                found.add(asked.process)
    return found


ATTACK_INVARIANTS: dict[str, Callable[[Played], Iterator[str]]] = {
    "never-over-seen": never_over_seen,
    "alone-binds": alone_binds,
    "own-orgs": own_orgs,
    "leaves-in-time": leaves_in_time,
    "late-is-named": late_is_named,
    "ours-is-ours": ours_is_ours,
    "next-accepted": next_accepted,
    "leads-on": leads_on,
    "one-bad-answer": one_bad_answer,
    "emergency-goes-on": emergency_goes_on,
}

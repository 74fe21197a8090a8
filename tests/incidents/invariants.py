"""What must hold, whatever happened: each with a name, and asked of the requests, the readings and the journal.

ends                no deadlock, no endless loop, no exception that a person should never see
reaches-goal        after the faults are over, people bring it to the goal with a handful of commands
keeps-goal          and there it stays, unless somebody else moves it
intent-first        no write without its intent in the journal before it                                   (laws 3, 6)
same-request        a write's request is the one that its intent says                                      (law 6)
read-between        no two writes to an org without a good read of it between them                         (law 5)
read-before         no write on a reading of that org older than a few seconds                             (laws 3, 6, 18)
never-over-foreign  no write of a run after a read had shown it a foreign change                           (law 3)
never-mislinked     no write to an org that was read as belonging to another pair                          (law 10)
guards-bind         no transition is begun while a guard that binds did not pass, unless waived or overridden     (laws 8, 10)
prefix-named        after each write the pair stands in a phase with a name that leads on                  (law 11)
locked              no write of a run whose process does not hold the lock                                 (law 12)
chain-holds         the journal verifies                                                                   (law 16)
same-story          the journal tells of every write that the regions saw, and of what became of it        (laws 5, 6)
done-is-seen        a run that says done has read the goal on both orgs                                    (law 4)
owed-exactly        a run that says owing says what, and has read that, its goal, on the survivor          (law 9)
clean-hands         a run that says refused or failed has sent nothing                                     (law 5)
few-sends           at most 1 + resend sends of one write in one life                                      (law 5)
prompt-emergency    an emergency does not wait for the dead region                                         (law 9)
no-false-alarm      nobody is told of a foreign write where there was none                                 (law 3)
no-keys             no key in any byte of the journal, nor in any message                                  (law 17)

What stands around a pair has sixteen more: `around_invariants`; what the world does, ten: `attack_invariants`; what is
old, four: `floor_invariants`; a team's journal, five: `team_invariants`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from orchestrator.errors import ExitCode
from orchestrator.model.journal import Verified
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import Mode, Stamp
from orchestrator.model.status import Both, Role, Status
from orchestrator.proof import laws
from orchestrator.proof.keyboard import Returned, closed
from orchestrator.proof.laws import is_older
from orchestrator.simulator import (
    Authors,
    ClientError,
    Redirect,
    Throttle,
)

from .around_invariants import AROUND_INVARIANTS
from .attack_invariants import ATTACK_INVARIANTS, refused_though_taken
from .attacks import Visits
from .draw import NOBODY, Story
from .floor_invariants import FLOOR_INVARIANTS
from .incident import Played
from .killable import Process
from .tape import Answered, Appended, Asked, Happened, kind_of
from .team_invariants import TEAM_INVARIANTS
from .witness import (
    SEND_SECONDS,
    Version,
    Writers,
    attempt_of,
    began_stale,
    carried_back,
    disturbed,
    holders,
    lags,
    last_read,
    looked_old,
    others_wrote,
    records_in,
    records_of,
    same,
    seen_by_then,
    until_finished,
    version,
)

FOREIGN = frozenset({*NOBODY, "someone.else@example.com"})


class Broken(Struct, frozen=True):
    """An invariant that does not hold."""

    invariant: str
    why: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.why}"


def check(played: Played) -> list[Broken]:
    """Every invariant that this incident breaks."""
    return [Broken(name, why) for name, ask in INVARIANTS.items() for why in ask(played)]


# -- the end ----------------------------------------------------------------------------------------------------


def ends(played: Played) -> Iterator[str]:
    if played.stuck:
        yield played.stuck
    yield from played.scene.loop.complaints
    for process, outcome in played.lives:
        yield from (f"{process.name}: {why}" for why in laws.ends(outcome))


def reaches_goal(played: Played) -> Iterator[str]:
    if played.incident.wrong_uuid is not None or played.stuck:
        return
    if not played.closed and not _led_past_it(played):
        where = "nowhere" if played.standing is None else played.standing.phase.label
        yield f"the pair stands at {where} after {played.commands}"


def _led_past_it(played: Played) -> bool:
    """Whether the pair is at peace where the playbook has no way back to the goal: what was offered led past it."""
    standing, status = played.standing, played.standing.phase.status if played.standing is not None else None
    return (
        standing is not None
        and status is not None
        and closed(standing, status)
        and played.scene.playbook.route(status, played.goal) is None
    )


def keeps_goal(played: Played) -> Iterator[str]:
    if not played.closed or not played.incident.settles or played.incident.attacks.visits != Visits():
        return  # what is late may come later still
    writers = Writers.of(played)
    # Where somebody went past the goal, and no transition leads back, it stays there.
    passed = played.scene.playbook.route
    for role, record in played.final.items():
        at = None if record is None else Status.of(record.status)
        if at is None or (at is not played.goal and passed(at, played.goal) is not None):
            wrote = [] if record is None else writers.found.get(version(record), [])
            if (wrote and not any(note.ours for note in wrote)) or _is_hidden(played, role):
                continue
            yield f"the {role} shows {record and Status.of(record.status)} in the end"


def _is_hidden(played: Played, role: Role) -> bool:
    """Whether a replica hid what is there in the end from whoever looked last: by what it showed, nothing was older than seen."""
    hidden = False
    for note, journals in seen_by_then(played):
        if isinstance(note, Answered) and note.is_good_read and note.asked.role is role:
            truth, newest = note.asked.truth[role], journals[note.asked.machine].newest.get(role)
            past = not same(note.record, truth) and same(truth, played.final[role])
            old = newest is not None and (note.record is None or is_older(note.record.modified_at, newest[1]))
            hidden = past and not old
    return hidden


# -- each write -------------------------------------------------------------------------------------------------


def writes(played: Played) -> Iterator[Asked]:
    """Every POST of a record, in order."""
    return (note for note in played.tape.notes if isinstance(note, Asked) and note.posts)


def intent_first(played: Played) -> Iterator[str]:
    known: dict[str, Any] = {}
    for note in played.tape.notes:
        if isinstance(note, Appended):
            known |= laws.intended((note.record,))
        elif isinstance(note, Asked) and note.posts:
            whys = laws.intent_first(note.role, note.status, note.stamp, known)
            yield from (f"{note.number}: {why}" for why in whys)


def same_request(played: Played) -> Iterator[str]:
    bodies: dict[str, object] = {}
    for record in records_of(played, "write.intended"):
        request = record.data["request"]
        bodies[attempt_of(record)["stamp"]] = request["body"] if isinstance(request, dict) else None
    for write in writes(played):
        if write.stamp in bodies and bodies[write.stamp] != write.body:
            yield f"{write.number}: the body that was sent is not the one that was intended"


def read_between(played: Played) -> Iterator[str]:
    unread: dict[tuple[str, Role], int] = {}
    for note in played.tape.notes:
        if isinstance(note, Answered) and note.is_good_read:
            place = (note.asked.machine, note.asked.role)
            if note.asked.number > unread.get(place, -1):
                unread.pop(place, None)
        elif isinstance(note, Asked) and note.posts:
            place = (note.machine, note.role)
            if place in unread:
                yield f"{note.number}: POST to the {note.role} again, not read since {unread[place]}"
            unread[place] = note.number


def read_before(played: Played) -> Iterator[str]:
    wall: dict[tuple[Process, Role], float] = {}
    for note in played.tape.notes:
        if isinstance(note, Answered) and note.is_good_read:
            wall[note.asked.process, note.asked.role] = note.asked.at
        elif isinstance(note, Asked) and note.posts:
            at = wall.get((note.process, note.role))
            if at is None:
                yield f"{note.number}: POST to the {note.role}, which {note.process.name} never read"
            elif note.at - at > SEND_SECONDS + 0.5:
                yield f"{note.number}: POST to the {note.role} on a reading {note.at - at:.1f} s old"


def never_over_foreign(played: Played) -> Iterator[str]:  # noqa: C901, PLR0912, PLR0915 - one branch per kind of note
    """A run's first reading of an org is what it begins with; a life that journalled no reading has seen nothing.

    What a person has said is there no more is not there, to every run: until they say so is as long as law 3 binds.
    """
    warned: dict[tuple[str, str, Role], str] = {}
    by: dict[tuple[str, str, Role], Answered] = {}
    told: dict[Process, int] = defaultdict(int)
    frozen: dict[Process, int] = defaultdict(int)
    kept: dict[tuple[str, str], dict[Role, HamrRecord | None]] = defaultdict(dict)
    seen: dict[Process, dict[Role, HamrRecord | None]] = defaultdict(dict)
    sent: dict[str, list[Status | None]] = defaultdict(list)
    unanswered: dict[str, set[int]] = defaultdict(set)
    heard: dict[str, dict[int, Process]] = defaultdict(dict)
    unsent: dict[str, set[Process]] = defaultdict(set)
    began: dict[str, float] = {}
    on: dict[Process, str] = defaultdict(str)
    alone = played.incident.hastens
    crossed = played.incident.config.mirror is not None and any(played.incident.config.skew)
    for note, journals in seen_by_then(played):
        if isinstance(note, Asked) and note.posts:
            bases, gone = journals[note.machine].bases[note.run], journals[note.machine].gone
            # An emergency goes on without the org that it does not see; what it must not write over is that very org.
            for role in (note.role,) if alone else Role:
                key = (note.machine, note.run, role)
                truth = note.truth[role]
                if truth is not None and (version(truth) == bases.get(role) or version(truth) in gone[role]):
                    continue  # what it began with is there, or what a person said is true, or gone; what came between was old
                # What a process saw and never journalled died with it.
                if key in warned and (
                    by[key].asked.process is note.process or told[by[key].asked.process] > by[key].number
                ):
                    yield f"{note.number}: POST of {note.run} after {warned[note.machine, note.run, role]}"
            unsent[note.run].discard(note.process)
            unanswered[note.run].add(note.number)
            began.setdefault(note.run, note.at)
        elif isinstance(note, Happened) and note.what == "freeze" and note.process is not None:
            if note.process not in told:
                seen.pop(note.process, None)  # what was at the door came too late to be taken in
                frozen[note.process] = note.number
        elif isinstance(note, Answered) and note.asked.posts and note.record is not None:
            heard[note.asked.run][note.asked.number] = note.asked.process
        elif isinstance(note, Appended):
            run = on[note.process] = note.record.run
            if played.incident.team is not None and note.record.kind in ("run.started", "run.resumed"):
                seen.pop(note.process, None)  # where the journal took its time, the look ahead is taken anew
            if note.record.kind in ("change.seen", "situation.read"):
                told[note.process] = note.number
            if note.record.kind == "write.answered":
                # An answer that died with its process, before it was journalled, is a lost one.
                unanswered[run] -= heard[run].keys()
            if note.record.kind == "write.intended":
                # Whether the request left is not known to a later process, where this one dies here.
                sent[run].append(Status[attempt_of(note.record)["status"]])
                unsent[run].add(note.process)
            elif note.record.kind == "write.answered":
                unsent[run].discard(note.process)
            if note.record.kind != "situation.read":
                continue
            for role, record in seen[note.process].items():
                kept[note.machine, note.record.run].setdefault(role, record)
        elif isinstance(note, Answered) and note.is_good_read:
            asked, record = note.asked, note.record
            run = on[asked.process]
            if asked.number < frozen[asked.process]:
                continue
            first = {**seen[asked.process], **kept[asked.machine, run]}
            seen[asked.process].setdefault(asked.role, record)
            if not _is_foreign(played, asked.machine, asked.truth[asked.role]):
                warned.pop(
                    (asked.machine, run, asked.role), None
                )  # it is not there any more: nothing is written over
            if not run or asked.role not in first or not _is_foreign(played, asked.machine, record):
                continue
            said = journals[asked.machine].bases[run].get(asked.role)  # or it began with that
            known = record is not None and (
                version(record) == said or any(same(record, old) for old in first.values())
            )
            if known or carried_back(played, record, began.get(run)):
                continue
            newest = journals[asked.machine].newest.get(asked.role)
            if not crossed and record is not None and newest and is_older(record.modified_at, newest[1]):
                continue  # whoever wrote it, it is old by its org's own clock, and never written over as long as it is shown
            if crossed and not sent[run]:
                continue  # by two clocks its first look may have been old; it begins with the last one before it writes
            open_here = any(heard[run].get(each) is not asked.process for each in unanswered[run])
            nameless = open_here or bool(unsent[run]) or played.incident.config.renames_author
            if record is not None and _passes_for_ours(played, Status.of(record.status), sent[run], nameless):
                continue
            key = (asked.machine, run, asked.role)
            if key not in warned:
                warned[key], by[key] = f"{note.number} had shown {note.words} on the {asked.role}", note


def _passes_for_ours(
    played: Played, status: Status | None, sent: list[Status | None], nameless: bool
) -> bool:
    """Whether somebody else's record looks like what is expected, so that nobody could tell.

    It shows a status that this run sent, while no answer tells by which name (in effect, author unproven), or one to
    which the server moves by itself.
    """
    moved = {
        target for each in sent if each is not None for target in played.scene.playbook.server_moves(each)
    }
    return (nameless and status in sent) or status in (moved - set(sent))


def never_mislinked(played: Played) -> Iterator[str]:
    wrong: dict[tuple[Process, Role], int] = {}
    for note in played.tape.notes:
        if isinstance(note, Answered) and note.asked.reads and note.record is not None:
            role = note.asked.role
            linked = note.record.target_uuid == note.asked.peer
            if linked and played.incident.wrong_uuid is None:
                wrong.pop((note.asked.process, role), None)
            else:
                wrong[note.asked.process, role] = note.number
        elif isinstance(note, Asked) and note.posts:
            if played.incident.wrong_uuid is not None and played.incident.mode is Mode.PLANNED:
                yield f"{note.number}: POST to the {note.role}, and the inventory names another org"
            elif (note.process, note.role) in wrong:
                yield f"{note.number}: POST to the {note.role}, mislinked as read in {wrong[note.process, note.role]}"


def prefix_named(played: Played) -> Iterator[str]:
    """Only where nobody else and nothing late wrote: then every write's prefix is the program's own doing."""
    incident = played.incident
    if disturbed(played) or incident.wrong_uuid is not None:
        return
    behind = bool(incident.dark) or incident.hastens
    behind = behind or any("--emergency" in typed.line for typed in played.typed)
    for note in played.tape.notes:
        if not isinstance(note, Asked):
            continue
        for why in () if behind else laws.prefix_named(played.scene.playbook, _shown(note.truth)):
            yield f"{note.number}: {why}"
            return


def guards_bind(played: Played) -> Iterator[str]:
    """Unknown is not pass: what did not pass is waived or overridden in the journal, by name, or the transition is not begun."""
    for run in {record.run for record in records_of(played)}:
        yield from laws.guards_bind(record for record in records_of(played) if record.run == run)


def locked(played: Played) -> Iterator[str]:
    """Of a write that was intended right before a person broke the lock, it is asked by its intent (`intends-locked`).

    "Still ours" is of one transaction with the intent (law 6), and no lock stops bytes that are about to leave; whoever comes
    next finds that attempt open, and accepts it by name (law 5). Once somebody else holds the pair, it is asked again.
    """
    intended: dict[str, str] = {}
    broken: set[str] = set()
    for note, holding in holders(played):
        if kind_of(note) == "write.intended" and isinstance(note, Appended):
            intended[note.machine] = attempt_of(note.record)["stamp"]
        elif kind_of(note) == "lock.broken" and isinstance(note, Appended) and note.machine in intended:
            broken.add(intended[note.machine])
        elif isinstance(note, Asked) and note.posts:
            whose = note.process.name
            holder = holding.get(note.machine) or (whose if note.stamp in broken else None)
            whys = laws.locked(note.role, note.status, whose, holder)
            yield from (f"{note.number}: {why}" for why in whys)


def own_stamps(played: Played) -> Iterator[str]:
    """Without the operator's name in them: the same person may take a run up."""
    seen: dict[tuple[object, ...], int] = {}
    for write in writes(played):
        stamp = Stamp.parse(write.stamp)
        own = (write.stamp,) if stamp is None else (stamp.run, stamp.attempt, stamp.mark)
        if own in seen:
            yield f"{write.number}: POST as {write.stamp}, as {seen[own]} was"
        seen[own] = write.number


def one_repair(played: Played) -> Iterator[str]:
    """What a late write set back may take two writes to put right: back to where it stood, and on to where it was going."""
    late: dict[str, set[Version]] = defaultdict(set)
    for note in played.tape.notes:
        if not isinstance(note, Appended):
            continue
        run, data = note.record.run, note.record.data
        if data.get("change") == "LATE":
            late[run] |= {seen for _, seen in records_in(data["record"])}
        repairs = kind_of(note) == "write.intended" and attempt_of(note.record)["purpose"] == "repair"
        if repairs and len(late[run]) != 1:
            yield f"{note.number}: a repair of {run}, which has seen {len(late[run])} late writes"


def few_sends(played: Played) -> Iterator[str]:
    limit = 1 + played.scene.playbook.resend
    sends: dict[tuple[object, ...], int] = defaultdict(int)
    purposes = laws.intended(records_of(played))
    ended = {note.asked.number: note for note in played.tape.notes if isinstance(note, Answered)}
    for write in writes(played):
        attempt = purposes.get(write.stamp)
        if attempt is None or attempt["purpose"] == "repair":
            continue
        note = ended.get(write.number)
        words = note.words if note is not None else ""
        if words == "refused" or words.startswith("4"):
            continue
        stamp = Stamp.parse(
            write.stamp
        )  # its mark tells one life from the next: a drill takes its own run up again
        key = (
            write.process,
            write.run,
            stamp and stamp.mark,
            attempt["transition"],
            write.role,
            write.status,
        )
        sends[key] += 1
        if sends[key] == limit + 1:
            yield f"{write.number}: sent {limit + 1} times: {write.status} to the {write.role} in one life"


# -- the two witnesses ------------------------------------------------------------------------------------------


def chain_holds(played: Played) -> Iterator[str]:
    for machine, verification in played.verified.items():
        if not isinstance(verification, Verified):
            yield f"the journal of {machine}: {verification}"


def same_story(played: Played) -> Iterator[str]:  # noqa: C901, PLR0912 - one branch per kind of record
    if played.incident.attacks.restored is not None:
        return  # one of the two has lost its memory
    told: dict[str, dict[str, str]] = {}
    outcomes: set[tuple[str, int]] = set()
    shown: set[str] = set()
    superseded: set[str] = set()
    for record in records_of(played):
        if record.kind in ("situation.read", "change.seen"):  # its stamp in a reading tells, too
            shown |= {what[2] for _, what in records_in(dict(record.data))}
        elif record.kind == "write.intended":
            told[attempt_of(record)["stamp"]] = {"role": attempt_of(record)["role"], "run": record.run}
        elif record.kind in ("write.answered", "write.unknown"):
            outcomes.add((record.run, attempt_of(record)["number"]))
        elif record.kind == "write.confirmed" and isinstance(record.data["attempt"], int):
            outcomes.add((record.run, record.data["attempt"]))
        elif record.kind == "run.superseded":
            superseded.add(record.run)
        elif record.kind == "pair.adopted":  # a person has said what is true, over whatever was open
            superseded |= {attempt["run"] for attempt in told.values()}
    for request in played.regions.requests:
        if request.method != "POST":
            continue
        stamp = request.modified_by
        if stamp not in told:
            yield f"request {request.seq} to the {request.role} carries {stamp!r}, which no intent names"
            continue
        if told[stamp]["role"] != request.role.name:
            yield f"request {request.seq} went to the {request.role}, the intent says {told[stamp]['role']}"
        parsed = Stamp.parse(stamp)
        if not request.applied or parsed is None or parsed.run in superseded or stamp in shown:
            continue
        if played.closed and not disturbed(played) and (parsed.run, parsed.attempt) not in outcomes:
            yield f"nothing in the journal says what became of attempt {parsed.attempt} of {parsed.run}"


# -- what runs say ----------------------------------------------------------------------------------------------


def done_is_seen(played: Played) -> Iterator[str]:
    for process, outcome in played.lives:
        truth = None if disturbed(played) or lags(played) else _truth_at_end(played, process)
        whys = laws.done_is_seen(
            outcome, _last_seen(played, process), None if truth is None else _shown(truth)
        )
        yield from (f"{process.name}: {why}" for why in whys)


def owed_exactly(played: Played) -> Iterator[str]:
    sent = {write.process for write in writes(played)}
    for process, outcome in played.lives:
        if not isinstance(outcome, Returned):
            continue
        result = outcome.result
        if result.exit_code is ExitCode.OWING and result.owed is not None:
            if f"owed {result.owed.status}" not in result.ending.message:
                yield f"{process.name}: the {result.owed.role} is owed {result.owed.status}, and it says: {result.ending.message}"
            if process not in sent:
                continue  # it is owed still, whatever this one could read
        whys = laws.owed_exactly(outcome, _last_seen(played, process))
        yield from (f"{process.name}: {why}" for why in whys)


def clean_hands(played: Played) -> Iterator[str]:
    """A result speaks for its own run; a drill's process has two."""
    sent = {(write.process, run) for write in writes(played) for run in (write.run, None)}
    for process, outcome in played.lives:
        run = outcome.result.run if isinstance(outcome, Returned) else None
        yield from (
            f"{process.name}: {why}" for why in laws.clean_hands(outcome, sent=(process, run) in sent)
        )


def prompt_emergency(played: Played) -> Iterator[str]:
    incident = played.incident
    if (
        incident.mode is not Mode.EMERGENCY
        or incident.story is not Story.ALONE
        or not incident.calm
        or incident.wrong_uuid
        or incident.around is not None  # what stands around it has an invariant of its own
        or incident.team is not None  # so has a team's journal
        or _leaves_late(played)  # law 6: no write leaves on a reading that is older than its connection took
    ):
        return
    if not (incident.dark and incident.dark[0].at == 0 and incident.dark[0].seconds >= 300):
        return
    dead = incident.dark[0].role
    if any(fault.role is not dead for fault in incident.faults) or incident.config.advances:
        return
    life = incident.lives[0]
    if life.freeze_at_step or life.interrupts or life.wall_jump or life.disk_full_at:
        return
    process, outcome = played.lives[0]
    if not isinstance(outcome, Returned):
        return
    # One deadline for the first look; the rest is the survivor's own round trips, and its read lag.
    slow = incident.attacks.slow
    limit = 2.0 + 0.9 + (2 * 1.2 if incident.config.read_lag else 0.0) + (slow.seconds if slow else 0.0)
    if outcome.result.seconds > limit:
        yield f"{process.name} took {outcome.result.seconds:.1f} s with the {dead} dead all along"
    if outcome.result.exit_code is not ExitCode.OWING:
        yield f"{process.name} did not finish: {outcome.result.ending.message}"


def _leaves_late(played: Played) -> bool:
    """Whether the survivor's own connection takes what is left of a reading's time, or each one takes its time.

    The deadline of the dead org was taken from it: both are read beside each other.
    """
    slow = played.incident.attacks.slow
    return slow is not None and (slow.reads_too or slow.seconds > SEND_SECONDS - 2.0)


def no_false_alarm(played: Played) -> Iterator[str]:
    """A reading that is old all the confirm time through is named for what it is, and that is no alarm about anybody (law 3)."""
    if disturbed(played) or played.incident.wrong_uuid is not None:
        return
    if any(
        isinstance(fault.kind, ClientError) and fault.kind.status == 404 for fault in played.incident.faults
    ):
        return  # a region that says that there is no record cannot be told from one whose record was taken away
    if any(dark.answers == 404 for dark in played.incident.dark) and not played.incident.config.edge_page:
        return  # nor can its edge
    config = played.incident.config
    nameless = config.renames_author or config.authors is Authors.EMPTY
    applied = [fault.kind for fault in played.incident.faults if getattr(fault.kind, "applied", False)]
    if nameless and (applied or refused_though_taken(played)):
        return  # only a stamp tells that a write was taken which the server had refused
    if config.advances and any(isinstance(kind, ClientError | Redirect | Throttle) for kind in applied):
        return  # and the server's own move on from it has no stamp
    for process, outcome in played.lives:
        if not isinstance(outcome, Returned):
            continue
        ending, moved = outcome.result.ending, outcome.result.exit_code is ExitCode.MOVED
        blames = "changed by somebody else" in ending.message  # that is an alarm, whatever its code
        old = not blames and (looked_old(played, process, ending) or began_stale(played, process))
        if (blames or moved) and not old and not others_wrote(played, process):
            yield f"{process.name}: {ending.message}"


def no_keys(played: Played) -> Iterator[str]:
    keys = [key for org in played.regions.config.orgs for key in (org.api_key, org.app_key)]
    if played.incident.attacks.repointed_before:
        # A person pastes the one, a hook prints the other: keys of orgs that the process's own inventory does not name.
        keys.remove(played.regions.config.orgs.secondary.app_key)
        keys.remove(played.regions.config.orgs.primary.api_key)
    said = " ".join(note.words for note in played.tape.notes if isinstance(note, Happened))
    for key in keys:
        if key.encode() in played.bytes:
            yield f"{key} stands in a journal"
        if key in said:
            yield f"{key} stands in a message"


INVARIANTS: dict[str, Callable[[Played], Iterator[str]]] = {
    "ends": ends,
    "reaches-goal": reaches_goal,
    "keeps-goal": keeps_goal,
    "intent-first": intent_first,
    "same-request": same_request,
    "read-between": read_between,
    "read-before": read_before,
    "never-over-foreign": never_over_foreign,
    "never-mislinked": never_mislinked,
    "guards-bind": guards_bind,
    "prefix-named": prefix_named,
    "locked": locked,
    "own-stamps": own_stamps,
    "one-repair": one_repair,
    "few-sends": few_sends,
    "chain-holds": chain_holds,
    "same-story": same_story,
    "done-is-seen": done_is_seen,
    "owed-exactly": owed_exactly,
    "clean-hands": clean_hands,
    "prompt-emergency": prompt_emergency,
    "no-false-alarm": no_false_alarm,
    "no-keys": no_keys,
    **AROUND_INVARIANTS,
    **FLOOR_INVARIANTS,
    **ATTACK_INVARIANTS,
    **TEAM_INVARIANTS,
}


# -- reading the witnesses --------------------------------------------------------------------------------------


def _is_foreign(played: Played, machine: str, record: HamrRecord | None) -> bool:
    if record is None:
        return False
    if record.modified_by in FOREIGN:
        return True
    if played.incident.story is not Story.OTHER_JOURNAL:
        return False
    stamp = Stamp.parse(record.modified_by)
    return stamp is not None and stamp.run not in {each.run for each in played.records.get(machine, [])}


def _last_seen(played: Played, process: Process) -> dict[Role, Status | None]:
    outcome = dict(played.lives)[process]
    run = outcome.result.run if isinstance(outcome, Returned) else None
    notes = until_finished(played, process, run)
    return {role: laws.shows(note.record) for role, note in last_read(notes, process).items()}


def _truth_at_end(played: Played, process: Process) -> Both[HamrRecord | None] | None:
    """Both records as they were at the first request after a process ended."""
    ended = next(
        (
            note.number
            for note in played.tape.notes
            if isinstance(note, Happened) and note.what == "end" and note.process is process
        ),
        None,
    )
    if ended is None:
        return None
    return next((note.truth for note in played.tape.notes[ended:] if isinstance(note, Asked)), None)


def _shown(truth: Both[HamrRecord | None]) -> dict[Role, Status | None]:
    return {role: laws.shows(truth[role]) for role in Role}

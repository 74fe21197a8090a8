"""One look at everything that a run would need, of one pair or of all pairs at once, each question under its own deadline.

Both orgs, the probes, and the journal: whether it is there, holds, can be written, and what it says. What was found is kept in it:
how ready a pair was over time, and the one proof that it can be written.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.errors import HamrError, KeyUnavailable
from orchestrator.journal import is_address
from orchestrator.journal.history import certificate_of, event_of
from orchestrator.model import next_step
from orchestrator.model.events import DoctorChecked, MirrorFound
from orchestrator.model.guard import ProbeReading
from orchestrator.model.journal import Entry
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.org import KeyReference, Org
from orchestrator.model.plain import moment
from orchestrator.model.protocols import Prober
from orchestrator.model.readiness import Check, Group, Level, Readiness, worst, worst_first
from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Both, Role
from orchestrator.notices import Channel, trial_of
from orchestrator.operations.session import Session
from orchestrator.operations.sources import Sources
from orchestrator.operations.status import read_org, standing_of
from orchestrator.situation.guard_kinds import depends_on
from orchestrator.system.keys import KEY_NAMES, together
from orchestrator.system.programs import find_program

from .answers import Answers, ChannelFound, JournalFound, KeyFound, Mirrored, OrgAnswers
from .guard_checks import check_channels, check_guards, check_hooks
from .journal_checks import check_here, check_journal
from .org_checks import check_keys, check_orgs, check_status, round_trip

T = TypeVar("T")

WITHIN = 8.0
"""Seconds that a key or an org is given, its probes included: Nagios gives a plugin ten in all.

Programs and pages elsewhere have deadlines of their own.
"""

CONNECT_WITHIN = timedelta(seconds=3)
"""A dead region is told from a slow one after so long, whatever the playbook allows."""


ROOM = 64 * 1024 * 1024
"""Bytes that have to be free on the journal's disk: a run writes far less, and never alone."""


Keep = Callable[[Sequence[Entry]], None]
"""Adds looks to the journal, all in one transaction, or raises a HamrError that says why it could not."""


PATIENCE = 1.0
"""Seconds that opening the journal may wait for others who write, and adding to it as many again: doctor is no slower by more."""


AT_ONCE = 16
"""How many pairs are examined at the same time: each asks a dozen questions, over connections of its own."""


async def examine(
    sessions: Sequence[Session],
    *,
    unopened: HamrError | None = None,
    tell: bool = False,
    keep: Keep | None = None,
) -> tuple[Readiness, ...]:
    """How ready each pair is, for a planned run and for an emergency. AT_ONCE of them after the other, all questions at the same time.

    Sends the orgs nothing but GETs, and writes nothing but what `keep` is given, None where nothing is to be kept. The sessions, one
    for each pair, are all on the same journal; `unopened` is why that could not be opened, where their stores are empty. With `tell`,
    people are sent a test over each of the pairs' channels; to the orgs nothing is sent even then. A PreparationError where the
    certificates or the proxy of this machine cannot be used.
    """
    found: list[Readiness] = []
    for begin in range(0, len(sessions), AT_ONCE):
        part = sessions[begin : begin + AT_ONCE]
        journals, orgs = await asyncio.gather(
            asyncio.to_thread(_look_at_journals, part, unopened),
            asyncio.gather(*(_ask(session, tell=tell) for session in part)),
        )
        if keep is not None:
            journals = await asyncio.to_thread(_keep, keep, part, orgs, journals)
        found += map(_readiness, part, orgs, journals)
    return tuple(found)


def keeper(sources: Sources) -> Keep:
    """Adds to the journal that is named there; where there is none, it is made. A UsageError where the place cannot be right."""

    def keep(looks: Sequence[Entry]) -> None:
        # Opened anew: what a look reads is open for reading only, which works on a journal that can't be written, too.
        with sources.store(writes=True, patience=PATIENCE) as store:
            store.append_all(looks)

    return keep


def _checked(session: Session, readiness: Readiness) -> Entry:
    """One look, as the journal keeps it. It belongs to no run."""
    not_well: dict[str, Level] = {}
    for check in readiness.checks:
        name = check.name if check.role is None else f"{check.role} {check.name}"
        level = worst((check.worst, not_well.get(name)))
        if level is not None and not check.fine and not check.follows:
            not_well[name] = level
    return session.entry(
        "",
        DoctorChecked(
            readiness.planned,
            readiness.emergency,
            len(readiness.checks),
            not_well,
            Both(*(took if took is None else round(took, 4) for took in readiness.round_trips)),
            round(readiness.seconds, 3),
            readiness.playbook,
            session.playbook.digest,
            __version__,
        ),
    )


def _keep(
    keep: Keep, sessions: Sequence[Session], orgs: Sequence[OrgAnswers], journals: Sequence[JournalFound]
) -> tuple[JournalFound, ...]:
    """Add the looks to the journal, where it can be believed; what each says of the journal is that they could be."""
    kept = [replace(journal, kept=journal.problem is None and not journal.unwritable) for journal in journals]
    entries = [
        _checked(session, _readiness(session, asked, journal))
        for session, asked, journal in zip(sessions, orgs, kept, strict=True)
        if journal.kept
    ]
    if not entries:
        return tuple(journals)
    try:
        keep(entries)
    except HamrError as error:
        return tuple(replace(journal, kept=False, unkept=error if journal.kept else None) for journal in kept)
    return tuple(kept)


def _readiness(session: Session, orgs: OrgAnswers, journal: JournalFound) -> Readiness:
    programs = {
        program for transition in session.playbook.transitions for _, _, program in transition.programs()
    }
    missing = frozenset(name for name in programs if find_program(name, session.environ) is None)
    known = journal.history
    standing = None if known is None else standing_of(session, known, orgs.readings, orgs.identities)
    answers = Answers(session.pair, session.playbook, session.operator, orgs, journal, missing, standing)
    round_trips = Both(*(round_trip(reading) for reading in orgs.readings))
    checks = all_checks(answers)
    steps = next_steps(checks, standing)
    return Readiness(
        session.pair.name, orgs.at, session.playbook.name, checks, round_trips, orgs.seconds, steps
    )


_MOVES = frozenset({"plan", "run", "resume", "adopt", "unlock", "drill close"})
"""Verbs that one look at the whole pair decides on (law 15), and not one check."""


def next_steps(checks: Sequence[Check], standing: PairStatus | None) -> tuple[NextStep, ...]:
    """What to type: first what mends keys, then what the pair itself calls for, then the rest; what is worst first.

    Not what a look at the pair says of doctor: it has been asked.
    """
    asked = () if standing is None else (next_step.doctor(standing.pair.name),)
    wanting = [check for check in worst_first(checks) if check.next_steps and not check.follows]
    if standing is None:
        return each_once(step for check in wanting for step in check.next_steps)
    keys = [step for check in wanting if check.group is Group.KEYS for step in check.next_steps]
    moves = standing.next_steps if any(check.group in _OF_THE_PAIR for check in wanting) else ()
    others = [step for check in wanting for step in check.next_steps if step.verb not in _MOVES]
    return each_once(step for step in (*keys, *moves, *others) if step not in asked)


_OF_THE_PAIR = (Group.ORGS, Group.JOURNAL)


def all_checks(answers: Answers) -> tuple[Check, ...]:
    """Every check, by group. Pure."""
    found = (
        *check_keys(answers),
        *check_status(answers),
        *check_orgs(answers),
        *check_guards(answers),
        *check_hooks(answers),
        *check_channels(answers),
        *check_journal(answers),
        *check_here(answers),
    )
    order = list(Group)
    return tuple(
        sorted((_weighed(answers, check) for check in found), key=lambda check: order.index(check.group))
    )


def _weighed(answers: Answers, check: Check) -> Check:
    """A check of one org counts in an emergency where that is a survivor, which does without the other one.

    What cannot be known of a silent org is said in the same words everywhere: the reason stands at its HAMR record.
    """
    role = check.role
    if role is None:
        return check
    if check.planned is Level.UNKNOWN and (silence := answers.silence(role)):
        check = replace(check, sentence=silence, next_steps=(), follows=answers.keyless(role))
    return replace(check, emergency=check.planned if role in answers.survivors else None)


async def _ask(session: Session, *, tell: bool) -> OrgAnswers:
    """Everything that the world can be asked about a pair. Sends the orgs nothing but GETs."""
    began = session.clock.monotonic()
    async with session.prober() as prober, session.reader(connect_within=CONNECT_WITHIN) as reader:
        keys, accepted, identities, readings, probes, channels = await asyncio.gather(
            _keys(session),
            _both(lambda role: reader.validate_keys(role, within=WITHIN)),
            _both(lambda role: reader.identify(role, within=WITHIN)),
            _both(lambda role: read_org(reader, role, session.clock, within=WITHIN)),
            _probes(session, prober),
            asyncio.gather(*(_channel(session, channel, tell=tell) for channel in session.channels())),
        )
    seconds = session.clock.monotonic() - began
    now = session.clock.now()
    return OrgAnswers(keys, accepted, identities, readings, probes, now, seconds, tuple(channels))


async def _channel(session: Session, channel: Channel, *, tell: bool) -> ChannelFound:
    """Whether it could be told, or, with `tell`, whether it takes a test; a key is given WITHIN, as the others are."""
    found = ChannelFound(channel.name, tried=tell)
    try:
        async with asyncio.timeout(None if tell else WITHIN):
            trial, now = trial_of(session.about()), session.clock.now()
            failed = await (channel.deliver(trial, now, None) if tell else channel.ready())
    except TimeoutError:
        return replace(found, problem=f"its address was not there within {WITHIN:g} seconds")
    finally:
        await channel.aclose()
    return found if failed is None else replace(found, problem=session.redactor.clean(failed.reason))


async def _keys(session: Session) -> tuple[KeyFound, ...]:
    looking = (
        _key(session, org, which, reference)
        for org in session.pair.orgs
        for which, reference in org.keys.items()
    )
    found = await asyncio.gather(*looking)
    missing = [error for _, error in found if error is not None]
    said = session.redactor.clean(together(missing).message) if missing else ""
    return tuple(key if error is None else replace(key, problem=said) for key, error in found)


async def _key(
    session: Session, org: Org, which: str, reference: KeyReference
) -> tuple[KeyFound, KeyUnavailable | None]:
    """What was found, and why the key cannot be had, which is said of all that cannot at once."""
    name = KEY_NAMES[which]
    found = KeyFound(org.role, name, str(reference))
    try:
        async with asyncio.timeout(WITHIN):
            await session.keys.resolve(reference, org=str(org), which=which)
    except KeyUnavailable as error:
        return replace(found, next_steps=error.next_steps), error
    except TimeoutError:
        words = f"The {name} of {org} was not there within {WITHIN:g} seconds: {reference}."
        return replace(found, problem=words), None
    return found, None


async def _both(asked: Callable[[Role], Awaitable[T]]) -> Both[T]:
    return Both(*await asyncio.gather(*(asked(role) for role in Role)))


async def _probes(session: Session, prober: Prober) -> Mapping[str, ProbeReading]:
    """Every probe; one that asks an org gets no more time than the org itself, whose region may be dead."""
    taken = (
        prober.take(probe, within=None if depends_on(probe, session.pair) is None else WITHIN)
        for probe in session.playbook.probes.values()
    )
    return {reading.probe: reading for reading in await asyncio.gather(*taken)}


def _look_at_journals(sessions: Sequence[Session], unopened: HamrError | None) -> tuple[JournalFound, ...]:
    """What the journal says of each pair, or why it could not be opened at all. Blocks: meant for a thread of its own."""
    believed: list[object] = []
    found: list[JournalFound] = []
    for session in sessions:
        session.verified = session.verified or any(store is session.store for store in believed)
        found.append(_look_at(session, unopened))
        if found[-1].problem is None:
            believed.append(session.store)
    return tuple(found)


def _look_at(session: Session, unopened: HamrError | None) -> JournalFound:
    pair, place = session.pair.name, session.store.place
    if is_address(place):
        found = JournalFound(place, unopened is None, unopened)
    else:
        found = JournalFound(place, Path(place).exists(), unopened, unwritable(Path(place)))
    if unopened is not None:
        return found
    mirrored: Mirrored | None = None
    try:
        history = session.history_by_name()
        holder = session.store.holder(pair)
        for record in session.store.records(pair=pair, kinds=[MirrorFound.kind]):
            event = event_of(record)
            if isinstance(event, MirrorFound):
                mirrored = Mirrored(event.mirrors, record.run, moment(record.at))
        certificate = certificate_of(session.store, session.pair.name)
        records = session.store.head().seq
    except HamrError as error:
        return replace(found, problem=error)
    return replace(
        found,
        history=history,
        holder=holder,
        holder_dead=holder is not None and session.is_gone(holder),
        mirrored=mirrored,
        certificate=certificate,
        records=records,
    )


def unwritable(
    place: Path,
    access: Callable[[Path, int], bool] = os.access,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> str:
    """Why a run could not write the journal's file, there or not, without trying; "" where nothing speaks against it.

    SQLite keeps its rollback journal beside the file during a transaction, so the folder has to be writable too. `access` and `free`
    (bytes on a folder's disk) are the system's, or what a test puts in their place.
    """
    folder = place.parent.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if not access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} cannot be written"
    beside = [place.with_name(place.name + ending) for ending in ("", "-journal", "-wal", "-shm")]
    for file in beside:
        if file.exists() and not access(file, os.R_OK | os.W_OK):
            return f"{file} cannot be written"
    names = place.stat().st_nlink if place.exists() else 1
    if names > 1:
        return f"{place} has {names} names (hard links), and a journal must have one"
    left = free(folder)
    if left < ROOM:
        return f"the disk of {folder} has {left // (1024 * 1024)} MiB left"
    return ""

"""Where a pair stands, as `hamr status` shows it: both orgs side by side, what the journal says, and what it does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from orchestrator.errors import ExitCode
from orchestrator.model import next_step
from orchestrator.model.journal import Holder
from orchestrator.model.org import Org
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import (
    STOPS_AGAIN,
    Hampered,
    HamrRecord,
    Identity,
    Reading,
    Unreachable,
)
from orchestrator.model.situation import (
    OpenDrill,
    OpenRun,
    PairStatus,
    PhaseName,
    Scheduled,
    Stranger,
    UnderWay,
)
from orchestrator.model.status import Role
from orchestrator.model.words import DOING, age, author, doing, in_mode, no_journal, span, utc

from .documents import attempts_fact, document, fields_fact
from .layout import (
    GAP,
    LABEL,
    LONGEST_NAME,
    Line,
    Page,
    Span,
    beside,
    called,
    copied,
    folded_line,
    labelled,
    line,
    next_commands,
    page_width,
    paragraph,
    shortened,
)
from .to_do import Left, ToDo, left_to_do, to_do_lines
from .verdicts import may_come_late_lines, sight_words, wait_lines


def unjournalled_lines(place: str) -> Page:
    """That there is no journal here; nothing where there is one, and `place` is ""."""
    return labelled("journal says", f"nothing: {no_journal(place)}", "warn") if place else ()


def under_way_lines(run: UnderWay | None) -> Page:
    """Who is at work on the pair just now: leave them to it."""
    if run is None:
        return ()
    who = shortened(f"{run.holder.operator} on {run.holder.host}", 60)
    return labelled("under way", f"{who} is {doing(run)}; leave it", "bad")


def strangers_lines(found: Sequence[Stranger], org: Callable[[Role], str]) -> Page:
    """Whose stamps the orgs carry, and what that means; nothing where there is nobody."""
    return tuple(spans for stranger in found for spans in labelled("at work", _at_work(stranger, org), "bad"))


def _at_work(stranger: Stranger, org: Callable[[Role], str]) -> str:
    ago = "of a time that is not told" if stranger.seconds is None else f"of {span(stranger.seconds)} ago"
    return (
        f"{org(stranger.role)} carries the stamp of run {stranger.run} by {shortened(stranger.who, 120)} {ago}, which "
        "this journal does not know as this pair's: somebody is moving it; ask them"
    )


REASON = 400
"""Characters of why an org was not seen: the variable or file to mend stands at the end of it."""

_BAD = (PhaseName.DIVERGED, PhaseName.MISLINKED, PhaseName.DARK, PhaseName.DENIED, PhaseName.HAMPERED)


def phase_style(phase: PhaseName) -> str:
    """How a phase looks."""
    return "good" if phase is PhaseName.AGREED else "bad" if phase in _BAD else "warn"


def status_code(standing: PairStatus) -> ExitCode:
    """What a script learns from a look: the exit code."""
    if outcome_unknown(standing):
        return ExitCode.UNKNOWN
    return ExitCode.OWING if standing.owed is not None or owes_hooks(standing) else ExitCode.DONE


def outcome_unknown(standing: PairStatus) -> bool:
    """Whether nobody knows what became of a write. One that a living run is waiting for right now is not unknown yet."""
    at_work = standing.holder.run if standing.holder is not None and not standing.holder_dead else None
    return any(run != at_work for run, _ in standing.unknown)


def owes_hooks(standing: PairStatus) -> bool:
    """Whether `after` hooks of its open run did not end well yet."""
    return standing.open_run is not None and bool(standing.open_run.hooks_owed)


def status_page(standing: PairStatus, playbook: Playbook) -> Page:
    """One look at a pair, as wide as the page, and what to type next.

    The playbook says what the open run is in the middle of.
    """
    return (*standing_page(standing, playbook), *next_commands(standing.next_steps))


def standing_page(standing: PairStatus, playbook: Playbook) -> Page:
    """The same without what to type next: before a question, where that is settled."""
    phase = standing.phase
    return (
        *_title(standing, playbook),
        line(),
        *_orgs(standing),
        line(),
        *labelled("phase", phase.label, phase_style(phase.name)),
        *paragraph(shortened(phase.sentence, 1200), indent=2),
        *_journal(standing, playbook),
    )


def watched_page(standing: PairStatus, playbook: Playbook, *, beside_run: bool) -> Page:
    """What changes while a pair is watched, on few lines; `beside_run` where the run that is under way is drawn above it."""
    watching = next_step.watch(standing.pair.name)
    steps = [step for step in standing.next_steps if step != watching.so_that(step.why)]
    page = [*_title(standing, playbook), *labelled("not seen", standing.journal_left or "", "bad")]
    for role, reading in standing.readings.items():
        record, why_not = reading.record, reading.reason or "no record"
        since = record and f"{_changed_at(record, standing.at)}, by {author(record.modified_by)}"
        page += labelled(role.value, f"{sight_words(reading).text}; {since or why_not}", "status")
    return (
        *page,
        *labelled("phase", standing.phase.label, phase_style(standing.phase.name)),
        *_facts(standing, playbook, beside_run=beside_run),
        *next_commands(steps),
    )


def _title(standing: PairStatus, playbook: Playbook) -> Page:
    name = (Span("Pair ", "heading"), Span(shortened(standing.pair.name, 60), "bold"))
    about = f"; playbook {shortened(playbook.name, 50)}, mirrors {standing.pair.mirrors.value}"
    return folded_line((*name, Span(f", {utc(standing.at)}"), Span(about, "dim")), "")


SIDE_BY_SIDE = 90
"""Cells that a page has for both orgs side by side; on a narrower one they stand one below the other."""


def _orgs(standing: PairStatus) -> Page:
    first, second = (_said(standing, role) for role in Role)
    if page_width() < SIDE_BY_SIDE:
        return (*_stacked(first), line(), *_stacked(second))
    width = (page_width() - 2 - LABEL) // 2 - GAP
    most = {"because": REASON // width + 2}
    return tuple(
        spans
        for label, fact in first.items()
        if fact.text or second[label].text
        for spans in beside(label, (fact, second[label]), width=width, most=most.get(label, 3))
    )


def _stacked(said: dict[str, Span]) -> Page:
    """One org in lines of its own: its name and site beside its role, its round trip beside its keys."""
    title = f"{shortened(said['name'].text, LONGEST_NAME)}, {shortened(said['site'].text, 120)}"
    facts = ((label, said[label]) for label in ("status", "because", "changed at", "changed by"))
    keys, answered = said["keys"], said["answered in"].text
    took = "" if answered == "-" else f"; answered in {answered}"
    return (
        *labelled(said[""].text, title, "org"),
        *(spans for label, fact in facts for spans in labelled(label, shortened(fact.text), fact.style)),
        *labelled("keys", f"{keys.text}{took}", keys.style),
    )


def _said(standing: PairStatus, role: Role) -> dict[str, Span]:
    """What is said of one org, by its labels."""
    org, reading = standing.pair[role], standing.readings[role]
    record, why_not = reading.record, reading.reason or ""
    return {
        "": Span(role.value, "heading"),
        "name": Span(org.name, "org"),
        "site": Span(f"{urlsplit(org.base_url).netloc or org.base_url} ({org.datacenter})"),
        "status": sight_words(reading),
        "because": Span(shortened(why_not, REASON), "warn"),
        "changed at": Span(_changed_at(record, standing.at)),
        "changed by": Span("-" if record is None else author(record.modified_by)),
        "keys": _keys(org, standing.identities[role], reading),
        "answered in": Span(_round_trip(reading)),
    }


def _changed_at(record: HamrRecord | None, now: datetime) -> str:
    if record is None:
        return "-"
    if record.modified_at is None:
        return "not told"
    return f"{utc(record.modified_at)}, {age(record.modified_at, now)}"


def _keys(org: Org, identity: Identity, reading: Reading) -> Span:
    """Whose keys they are; a reason that was said already is not said again."""
    if identity.uuid is None:
        if identity.reason and (identity.reason == reading.reason or reading.keyless):
            return Span("not told, for the same reason", "warn")
        reason = f": {identity.reason}" if identity.reason else ""
        return Span(shortened(f"not told{reason}", 120), "warn")
    if identity.uuid.casefold() == org.uuid.casefold():
        return Span("this org's", "good")
    return Span(f"ANOTHER ORG'S: {identity.uuid}", "bad")


def _round_trip(reading: Reading) -> str:
    seconds = reading.exchange.seconds
    if isinstance(reading.sight, Unreachable) and seconds >= 1:
        return f"no answer in {span(seconds)}"
    if reading.exchange.http_status is None or isinstance(reading.sight, Hampered):
        return "-"  # nobody answered, or not the org
    return span(seconds)


def _facts(standing: PairStatus, playbook: Playbook, *, beside_run: bool = False) -> Iterator[Line]:
    """What the journal says; beside a run that is drawn, not once more that it is under way."""
    if not beside_run:
        yield from under_way_lines(standing.under_way)
    for waits in standing.scheduled:
        yield from labelled("scheduled", _scheduled(waits, standing.at), "warn")
    if not beside_run:
        yield from _waits(standing)
    yield from strangers_lines(standing.strangers, partial(_org, standing))
    yield from unjournalled_lines("" if standing.journal_exists else standing.journal)
    yield from may_come_late_lines(standing.given_up, partial(_org, standing))
    for run in standing.elsewhere:
        words = f"run {run} is open on other orgs than the inventory names now: name those again to finish it"
        yield from labelled("other orgs", words, "warn")
    if standing.known_as is not None:
        yield from labelled("other name", standing.known_as.sentence, "bad")
    if standing.open_run is not None and not standing.open_run.under_way:
        yield from labelled("open run", _open_run(standing.open_run, playbook), "warn")
    if standing.open_drill is not None:
        yield from labelled("open drill", _open_drill(standing.open_drill, standing.at), "warn")
    if standing.holder is not None and (standing.under_way is None or standing.holder.is_silent(standing.at)):
        yield from labelled("lock", _lock(standing.holder, standing.at, dead=standing.holder_dead), "warn")
    if run := standing.cooling_down_after:
        words = f"for another {span(standing.cooling_down_for)} after run {run}; hamr ack {run} ends it"
        yield from labelled("cooling down", words, "warn")


def _journal(standing: PairStatus, playbook: Playbook) -> Page:
    page = tuple(_facts(standing, playbook))
    # Where nobody has found anything, that is nothing only of a pair at rest, by a journal that can tell.
    at_rest = not page and standing.phase.name is PhaseName.AGREED and standing.phase.status in playbook.stops
    things, left, head = _left_to_do(standing), standing.left_by_hand, _head(standing)
    done = next_step.acknowledge(left.run).command if left is not None and left.run else ""
    return (
        *((line(),) if page else ()),
        *page,
        *to_do_lines(things, well=at_rest),
        *(((Span("  Done by hand? ", "dim"), Span(done, "command")),) if done else ()),
        *(() if (at_rest and not things) or not head else (line(),)),
        *head,
    )


def _head(standing: PairStatus) -> Page:
    head, left = standing.head, labelled("not seen", standing.journal_left or "", "bad")
    if not standing.journal_exists:
        return left  # that there is none says where it would be
    if page_width() < SIDE_BY_SIDE:  # it would be cut in two; `hamr audit head` has it whole
        short = f", head {head.seq}:{head.hash[:12]}…" if head.seq else ""
        return (*left, *labelled("journal", f"{standing.journal}{short}"))
    return (*left, *labelled("journal", standing.journal), copied("head", str(head)))


def _left_to_do(standing: PairStatus) -> tuple[ToDo, ...]:
    run, left, drill = standing.open_run, standing.left_by_hand, standing.open_drill
    at_work = "" if standing.under_way is None else standing.under_way.holder.run
    if run is not None and run.run == at_work:  # leave it: what it has not done yet is left to nobody
        run = None
    return left_to_do(
        Left(
            standing.pair.name,
            {role: _org(standing, role) for role in Role},
            unknown=[(name, attempt) for name, attempt in standing.unknown if name != at_work],
            open_run="" if run is None else run.run,
            ended=run is None or run.ended or standing.holder_dead,
            asking=run is not None and bool(run.asking),
            overtaken=standing.next_steps if run is not None and run.stopped_for in STOPS_AGAIN else (),
            owed=[] if standing.owed is None else [standing.owed],
            agreed=standing.phase.name is PhaseName.AGREED,
            approvals=standing.approvals_owed,
            hooks_owed=[] if run is None else [(run.run, hook) for hook in run.hooks_owed],
            hooks_failed=() if left is None else left.hooks_failed,
            by_hand=() if left is None else left.by_hand,
            remember=() if left is None else left.remember,
            drill="" if drill is None else drill.drill,
        )
    )


def _org(standing: PairStatus, role: Role) -> str:
    return called(standing.pair[role].name, role)


def _open_run(run: OpenRun, playbook: Playbook) -> str:
    named = playbook.transition(run.transition) or run.transition
    where = f"in transition {named}" if named else "between two transitions"
    asking = f"; it waits for an answer at its terminal: {shortened(run.asking)}" if run.asking else ""
    return f"{run.run}, to {run.goal}, {where}{in_mode(run.mode)}{asking}; hamr show {run.run} tells it"


def _open_drill(drill: OpenDrill, now: datetime) -> str:
    return (
        f"{drill.drill}, to {drill.goal} and home to {drill.home}, begun {age(drill.started_at, now)} by "
        f"{shortened(drill.by, 60)}; until {next_step.close_drill(drill.drill)}, other runs than an emergency's are refused"
    )


def _waits(standing: PairStatus) -> Page:
    """The guards that the run waits for which is under way."""
    run, at_work = standing.open_run, standing.under_way
    if run is None or run.waiting is None or at_work is None or at_work.holder.run != run.run:
        return ()
    return wait_lines(run.waiting.guards, run.waiting.left(standing.at), run.waiting.verdicts)


def _lock(holder: Holder, now: datetime, *, dead: bool) -> str:
    state = "that process is gone" if dead else "that process is not known to be gone"
    return (
        f"held by {shortened(holder.operator, 60)} on {shortened(holder.host, 60)} (process {holder.pid}) "
        f"for run {holder.run}, since {utc(holder.taken_at)}; last heartbeat {age(holder.beat_at, now)}; {state} "
        f"(lock id {holder.lock})"
    )


def _scheduled(run: Scheduled, now: datetime) -> str:
    expected = "" if run.expect is None else f", where the pair stands at {run.expect} then"
    left = span(max(0.0, (run.start_at - now).total_seconds()))
    return (
        f"run {run.run} of {shortened(run.by, 60)} goes to {run.goal} at {utc(run.start_at)} (in {left}){expected}, "
        "unless its process is gone"
    )


def status_json(standing: PairStatus) -> dict[str, JSON]:
    """The same as a document: hamr/status/1."""
    cooling = fields_fact(standing, "after_run=cooling_down_after", "seconds=cooling_down_for")
    fields = {
        **fields_fact(standing, "pair=pair.name", "at", "phase=phase.label", "phase_name=phase.name"),
        **fields_fact(standing, "phase_status=phase.status", "sentence=phase.sentence"),
        "next": standing.next_steps,
        "left_to_do": _left_to_do(standing),
        "orgs": {role: _org_fact(standing, role) for role in Role},
        **fields_fact(standing, "mirrors=pair.mirrors", "owed"),
        "may_come_late": attempts_fact(standing.given_up),
        **fields_fact(standing, "approvals_owed", "open_on_other_orgs=elsewhere"),
        "known_as": standing.known_as and standing.known_as.pair,
        "unknown": attempts_fact(standing.unknown) if standing.journal_exists else None,
        **fields_fact(standing, "open_run", "open_drill", "scheduled"),
        "under_way": standing.under_way and _under_way_fact(standing.under_way),
        "lock": standing.holder and _lock_fact(standing.holder, dead=standing.holder_dead),
        "cooling_down": cooling if standing.cooling_down_after else None,
        **fields_fact(standing, "strangers", "journal", "journal_exists", "journal_left", "head"),
    }
    return document("hamr/status/1", fields)


def _org_fact(standing: PairStatus, role: Role) -> dict[str, object]:
    org, identity = standing.pair[role], standing.identities[role]
    ours = None if identity.uuid is None else identity.uuid.casefold() == org.uuid.casefold()
    return {
        **fields_fact(org, "name", "uuid", "url=base_url", "datacenter"),
        "keys_of": identity.uuid,
        "keys_are_this_orgs": ours,
        "keys_reason": identity.reason,
        "reading": standing.readings[role],
    }


def _under_way_fact(run: UnderWay) -> dict[str, object]:
    return {
        **fields_fact(run.holder, "run", "operator", "host", "since=taken_at"),
        **fields_fact(run, "goal", "transition", "last"),
        "doing": DOING.get(run.last, ""),
    }


def _lock_fact(holder: Holder, *, dead: bool) -> dict[str, object]:
    known = ("id=lock", "run", "operator", "host", "process=pid", "taken_at", "beat_at")
    return {**fields_fact(holder, *known), "holder_is_gone": dead}

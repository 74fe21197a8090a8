"""The guard kinds that a playbook may ask for, what each finds, and three-valued logic over that (Kleene: unknown is neither pass nor fail).

A window is compared as wall-clock time in its own zone, so it opens at nine whether or not summer time is in force: an
hour that the clocks skip is not missed, and one that they repeat counts both times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import assert_never
from urllib.parse import urlsplit

from msgspec import Struct

from orchestrator.model.guard import (
    AllOf,
    AnyOf,
    Approved,
    Command,
    Compared,
    Freeze,
    Guard,
    GuardKind,
    Http,
    Measured,
    Metric,
    Monitor,
    Not,
    Outcome,
    Probe,
    Quiet,
    Reachable,
    Unmeasured,
    Value,
    Window,
)
from orchestrator.model.org import Org, Pair, datacenter_label
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import Absent, Present, Unrecognised
from orchestrator.model.run import Approval, Mode
from orchestrator.model.situation import Situation
from orchestrator.model.status import Role
from orchestrator.model.words import age, ago, author, printable, says, span, value_words

from .link import NotLinked, link_of


class Finding(Struct, frozen=True):
    """An outcome with its reason; a verdict before it is given a guard's name."""

    outcome: Outcome
    reason: str
    blind: Role | None = None
    """The org whose not being seen is the only cause of an unknown; None otherwise."""


def passes(reason: str) -> Finding:
    """A pass."""
    return Finding(Outcome.PASS, reason)


def fails(reason: str) -> Finding:
    """A fail."""
    return Finding(Outcome.FAIL, reason)


def unknown(reason: str, *, blind: Role | None = None) -> Finding:
    """An unknown, blind where an org that was not seen is all that keeps it from being known."""
    return Finding(Outcome.UNKNOWN, reason, blind)


def every(findings: Sequence[Finding]) -> Finding:
    """Fail where one fails, else unknown where one is unknown, else pass; of nothing, pass."""
    return _decided(findings, by=(Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS), empty=Outcome.PASS)


def some(findings: Sequence[Finding]) -> Finding:
    """Pass where one passes, else unknown where one is unknown, else fail; of nothing, fail."""
    return _decided(findings, by=(Outcome.PASS, Outcome.UNKNOWN, Outcome.FAIL), empty=Outcome.FAIL)


def reverse(finding: Finding) -> Finding:
    """Fail for pass, pass for fail; unknown stays unknown, and as blind as it was."""
    turned = {Outcome.PASS: Outcome.FAIL, Outcome.FAIL: Outcome.PASS, Outcome.UNKNOWN: Outcome.UNKNOWN}
    return Finding(turned[finding.outcome], finding.reason, finding.blind)


def _decided(findings: Sequence[Finding], *, by: tuple[Outcome, ...], empty: Outcome) -> Finding:
    outcome = next((one for one in by if any(finding.outcome is one for finding in findings)), empty)
    deciding = [finding for finding in findings if finding.outcome is outcome]
    reason = "; ".join(finding.reason for finding in deciding) or "there is nothing to judge"
    # Waiving the unseen org of an emergency must not waive an unknown that has another cause.
    blind = {finding.blind for finding in deciding}
    return Finding(outcome, reason, blind.pop() if len(blind) == 1 else None)


def is_seen(situation: Situation, role: Role) -> bool:
    """Whether an org said something that a guard can judge: a record, or that it has none.

    Of the org that an emergency does without, only a good record counts (law 9): a status that is not known,
    or a record that does not belong to the pair, is no better than silence.
    """
    reading = situation.readings[role]
    if not is_dispensable(situation, role):
        return isinstance(reading.sight, Present | Absent | Unrecognised)
    if not reading.answered:
        return False
    return not isinstance(link_of(situation.pair, reading, situation.identities[role]), NotLinked)


def is_dispensable(situation: Situation, role: Role) -> bool:
    """Whether this is the org that an emergency does without."""
    return (
        situation.mode is Mode.EMERGENCY and situation.survivor is not None and situation.survivor is not role
    )


def unseen(situation: Situation, role: Role) -> Finding | None:
    """The unknown that an org's not being seen leaves behind, or None where it was seen."""
    if is_seen(situation, role):
        return None
    return unknown(says(situation.pair[role], situation.readings[role]), blind=role)


SKEW = timedelta(seconds=5)
"""How far a server's `modified_at` may lie ahead of its own `Date` without being worth a word: Date has whole seconds."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

END_OF_DAY = time.max
"""What 24:00 is read as: the day's last microsecond, which still belongs to the window."""

LOOK_AHEAD = 370
"""Days for which the next opening is looked for: past that, somebody has to change the playbook anyway."""


def quiet(kind: Quiet, situation: Situation) -> Finding:
    """Has nobody but this run changed either record for so long, by the servers' clock?"""
    return every([unseen(situation, role) or _quiet_half(kind.for_, situation, role) for role in Role])


def reachable(kind: Reachable, situation: Situation) -> Finding:
    """Do the named orgs answer?"""
    return every([_reachable_half(situation, role) for role in kind.orgs])


def located(situation: Situation) -> Finding:
    """Do both records name the datacenters that the inventory names?"""
    return every([unseen(situation, role) or _located_half(situation, role) for role in Role])


def _quiet_half(wanted: timedelta, situation: Situation, role: Role) -> Finding:
    org, reading = situation.pair[role], situation.readings[role]
    record = reading.record
    if record is None:
        return passes(f"{org} has no record that could have been changed")
    if record.modified_by in situation.our_names:
        return passes(f"{org} was changed last by this run")
    who = author(record.modified_by)
    if record.modified_at is None:
        return unknown(
            f"{org} was changed last by {who}, and its record does not tell when; quiet wants {span(wanted)}"
        )
    age = (reading.exchange.server_date or reading.at) - record.modified_at
    ahead = f" (its record is dated {span(-age)} ahead of its clock)" if -age > SKEW else ""
    age = max(age, timedelta(0))  # a change from the future happened just now, at the latest
    said = f"{org} was changed {ago(age)} by {who}{ahead}; quiet wants {span(wanted)}"
    return passes(said) if age >= wanted else fails(said)


def _reachable_half(situation: Situation, role: Role) -> Finding:
    said = says(situation.pair[role], situation.readings[role])
    if is_seen(situation, role):
        return passes(said)
    if is_dispensable(situation, role):
        # That this org is dead is why there is an emergency: it must not be what stops it.
        return unknown(f"{said}; the emergency does without it", blind=role)
    return fails(said)


def _located_half(situation: Situation, role: Role) -> Finding:
    org, peer = situation.pair[role], situation.pair[role.other]
    record = situation.readings[role].record
    if record is None:
        return passes(
            f"{org} has no record yet; the one that is written will name the inventory's datacenters"
        )
    halves = [_placed(org, "its peer", record.target_datacenter, peer)]
    if record.datacenter:
        halves.append(_placed(org, "itself", record.datacenter, org))
    return every(halves)


def _placed(org: Org, whom: str, found: str, meant: Org) -> Finding:
    wanted, label = datacenter_label(meant.datacenter), datacenter_label(found)
    if not wanted:
        return unknown(f"the inventory names no datacenter for {meant}")
    if not label:
        return unknown(
            f"the record of {org} does not say in which datacenter {meant} is; the inventory says {wanted}"
        )
    if label == wanted:
        return passes(f"{org} places {whom} in {wanted}")
    return fails(
        f"{org} places {whom} in {printable(label)}, and the inventory says that {meant} is in {wanted}"
    )


def window(kind: Window, at: datetime) -> Finding:
    """Is it, at that moment, inside the change window and in no freeze?"""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few playbooks have a window

    try:
        zone = ZoneInfo(kind.zone)
    except (KeyError, ValueError, OSError):  # not found; no name of a zone; a folder of zones
        return unknown(f"the time zone {kind.zone} is not known on this machine")
    local = at.astimezone(zone).replace(tzinfo=None)
    now = f"it is {_said(local)} in {kind.zone}"
    freeze = _freeze(kind, local.date())
    if freeze is not None:
        return fails(
            f"{now}, and changes are frozen from {freeze.first} to {freeze.last}{_next(kind, local)}"
        )
    if _is_open(kind, local):
        return passes(f"{now}, inside the window ({_hours(kind)})")
    return fails(f"{now}; the window is {_hours(kind)}{_next(kind, local)}")


def _is_open(kind: Window, local: datetime) -> bool:
    hour, day = local.time(), local.weekday()
    if kind.opens < kind.closes:
        return day in kind.days and kind.opens <= hour and (hour < kind.closes or kind.closes == END_OF_DAY)
    # It spans midnight (or lasts a whole day, where both times are the same) and belongs to the day it opened on.
    if hour >= kind.opens:
        return day in kind.days
    return hour < kind.closes and (day - 1) % 7 in kind.days


def _freeze(kind: Window, day: date) -> Freeze | None:
    return next((freeze for freeze in kind.freezes if freeze.first <= day <= freeze.last), None)


def _next(kind: Window, local: datetime) -> str:
    midnight = datetime.combine(local.date(), datetime.min.time())
    for ahead in range(LOOK_AHEAD):
        for opening in _openings(kind, midnight + timedelta(days=ahead)):
            if opening > local and _freeze(kind, opening.date()) is None:
                return f"; it opens {_said(opening)}"
    return "; it does not open within a year"


def _openings(kind: Window, midnight: datetime) -> list[datetime]:
    """When it opens on a day: at its hour, and at midnight where a freeze ended in the middle of a window."""
    at_its_hour = datetime.combine(midnight.date(), kind.opens)
    thawed = _is_open(kind, midnight) and _freeze(kind, midnight.date() - timedelta(days=1)) is not None
    opens = [midnight] if thawed else []
    return [*opens, at_its_hour] if midnight.weekday() in kind.days else opens


def _hours(kind: Window) -> str:
    days = ", ".join(DAYS[day] for day in sorted(kind.days) if day in range(len(DAYS)))
    if kind.opens == kind.closes:
        return f"{days}, 24 hours from {kind.opens:%H:%M}"
    closes = "24:00" if kind.closes == END_OF_DAY else f"{kind.closes:%H:%M}"
    return f"{days} {kind.opens:%H:%M} to {closes}"


def _said(local: datetime) -> str:
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M}"


def kinds_of(names: Iterable[str], playbook: Playbook) -> Iterator[GuardKind]:
    """What guards ask in the end, those inside them included; each guard once."""
    left, seen = [*names], set[str]()
    while left:
        name = left.pop(0)
        guard = playbook.guards.get(name)
        if guard is None or name in seen:
            continue
        seen.add(name)
        yield guard.kind
        match guard.kind:
            case AllOf(guards=parts) | AnyOf(guards=parts):
                left += parts
            case Not(guard=part):
                left.append(part)
            case _:
                pass


def probes_of(guards: Iterable[str], playbook: Playbook) -> tuple[str, ...]:
    """The probes that guards need, those inside all, any and not included; each once, in order."""
    return tuple(
        dict.fromkeys(kind.probe for kind in kinds_of(guards, playbook) if isinstance(kind, Compared))
    )


def guards_over(probe: str, playbook: Playbook) -> tuple[Guard, ...]:
    """The guards that look at a probe, directly or through others."""
    return tuple(guard for guard in playbook.guards.values() if probe in probes_of((guard.name,), playbook))


def longest_wait(probe: str, playbook: Playbook) -> timedelta:
    """For how long guards over a probe may be waited for."""
    return max((guard.within or timedelta(0) for guard in guards_over(probe, playbook)), default=timedelta(0))


def approved(kind: Approved, situation: Situation) -> Finding:
    """Have so many people agreed to exactly this, none of them whoever runs it?"""
    asker = situation.operator.casefold()
    others = [each for each in situation.approvals if each.operator.casefold() != asker]
    counted = {each.operator.casefold(): each for each in others if situation.at - each.at <= kind.within}
    if len(counted) >= kind.by:
        return passes(f"approved by {_agreed(counted.values(), situation)}")
    wanted = "another person" if kind.by == 1 else f"{kind.by} other people"
    lapsed = {each.operator.casefold(): each for each in others if each.operator.casefold() not in counted}
    have = f"{len(counted)} of them did; more are wanted" if counted else "nobody has yet"
    if lapsed:
        have = f"{len(counted)} of them did; " if counted else ""
        have += (
            f"it counts for {span(kind.within)}, and has lapsed from {_agreed(lapsed.values(), situation)}"
        )
    run = f": they type hamr approve {situation.run}" if situation.waiting and not situation.predicted else ""
    return fails(f"{wanted} must approve exactly this; {have}{run}")


def _agreed(approvals: Iterable[Approval], situation: Situation) -> str:
    return ", ".join(
        f"{each.operator}@{each.host}{f' (role {each.role})' if each.role else ''} {age(each.at, situation.at)}"
        for each in approvals
    )


def transition_probes(transition: Transition, playbook: Playbook) -> tuple[Probe, ...]:
    """The probes that a transition's guards need."""
    return tuple(
        playbook.probes[name] for name in probes_of(transition.guards, playbook) if name in playbook.probes
    )


def depends_on(probe: Probe, pair: Pair) -> Role | None:
    """The org whose region answers a probe: derived from what is asked, never declared; None for none of both."""
    match probe.kind:
        case Metric(org=role) | Monitor(org=role):
            return role
        case Http():
            host = urlsplit(probe.kind.at(pair.pages) or "").netloc
            return next(
                (role for role, org in pair.orgs.items() if urlsplit(org.base_url).netloc == host), None
            )
        case Command():
            return None
        case _ as never:
            assert_never(never)


def compared(kind: Compared, playbook: Playbook, situation: Situation) -> Finding:
    """Is what the probe answered as the guard wants it?

    An answer that is missing is unknown; blind where the probe asks an org that is not seen. A probe that itself says
    "bad" (another status than wanted, exit 1) fails, whatever its value.
    """
    probe, reading = playbook.probes.get(kind.probe), situation.probes.get(kind.probe)
    if probe is None:
        return unknown(f"the playbook {playbook.name} has no probe {kind.probe}")
    if reading is None:
        return unknown(f"{kind.probe} was not read")
    sight = reading.sight
    if isinstance(sight, Unmeasured):
        org = depends_on(probe, situation.pair)
        blind = org if org is not None and not is_seen(situation, org) else None
        return unknown(f"{kind.probe} could not be read: {sight.reason}", blind=blind)
    shown = f"{kind.probe} is {_shown(sight)}"
    if not sight.good:
        return fails(shown)
    compared_with = _comparisons(kind, sight.value)
    if not compared_with:
        return passes(shown)
    if sight.value is None:
        return unknown(f"{kind.probe} answered without a value, and this guard compares one")
    wanted = " and ".join(words for words, _ in compared_with)
    if any(holds is None for _, holds in compared_with):
        return unknown(f"{shown}, which is no number; this guard wants {wanted}")
    missed = [words for words, holds in compared_with if not holds]
    if missed:
        return fails(f"{shown}; wanted {' and '.join(missed)}")
    return passes(f"{shown}, {wanted}")


def _comparisons(kind: Compared, value: Value | None) -> list[tuple[str, bool | None]]:
    """Each that is given, in words, and whether it holds; None where the value is of a kind that can't be compared so."""
    number = value if isinstance(value, float | int) and not isinstance(value, bool) else None
    found: list[tuple[str, bool | None]] = []
    if kind.above is not None:
        found.append((f"above {value_words(kind.above)}", None if number is None else number > kind.above))
    if kind.below is not None:
        found.append((f"below {value_words(kind.below)}", None if number is None else number < kind.below))
    if kind.equals is not None:
        found.append((f"equals {value_words(kind.equals)}", _same(kind.equals, value)))
    if kind.one_of is not None:
        words = ", ".join(value_words(each) for each in kind.one_of)
        found.append((f"one of {words}", any(_same(each, value) for each in kind.one_of)))
    return found


def _same(wanted: Value, value: Value | None) -> bool:
    """Equal, and of the same kind: true is not 1."""
    return isinstance(wanted, bool) == isinstance(value, bool) and wanted == value


def _shown(sight: Measured) -> str:
    said = ("good" if sight.good else "bad") if sight.value is None else value_words(sight.value)
    return f"{said} ({sight.detail})" if sight.detail else said


def assumed_values(playbook: Playbook) -> dict[str, Measured]:
    """For each probe an answer that lets the playbook's guards pass, as far as one answer can."""
    return {name: Measured(_passing(list(_wanted(name, playbook)))) for name in playbook.probes}


def _wanted(probe: str, playbook: Playbook) -> Iterator[Compared]:
    """Each comparison with that probe which ought to hold; one that stands under a `not` ought to fail."""
    negated = {guard.kind.guard for guard in playbook.guards.values() if isinstance(guard.kind, Not)}
    for guard in playbook.guards.values():
        if isinstance(guard.kind, Compared) and guard.kind.probe == probe and guard.name not in negated:
            yield guard.kind


def _passing(comparisons: list[Compared]) -> Value | None:
    """A value for which all of them hold; the one for which most do, where none fits all."""
    candidates = [value for each in comparisons for value in _values_for(each)]
    return max(
        candidates, key=lambda value: sum(_all_hold(each, value) for each in comparisons), default=None
    )


def _values_for(kind: Compared) -> Iterator[Value]:
    if kind.equals is not None:
        yield kind.equals
    yield from kind.one_of or ()
    if kind.above is not None and kind.below is not None:
        yield (kind.above + kind.below) / 2
    if kind.above is not None:
        yield kind.above + 1
    if kind.below is not None:
        yield kind.below - 1


def _all_hold(kind: Compared, value: Value) -> bool:
    return all(holds for _, holds in _comparisons(kind, value))

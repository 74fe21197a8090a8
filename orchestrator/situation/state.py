"""What a run knows: the fold of its events, whether they just happened or were read back from the journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.floor import ACCEPTED, Floor, Floors, raise_floors, under_floor
from orchestrator.model.playbook import SETTLED, HookOutcome, When
from orchestrator.model.reading import (
    Accepted,
    Change,
    HamrRecord,
    Lost,
    NotSent,
    Reading,
    Rejected,
    Throttled,
)
from orchestrator.model.run import Attempt, Mode, Stamp, Step, the_one_that_came
from orchestrator.model.status import Both, Role, Status


class Sent(Struct, frozen=True):
    """One attempt that may have reached the server, and what is known of it."""

    attempt: Attempt
    confirmed: bool = False
    """A reading has shown it."""
    answered: HamrRecord | None = None
    """What a 2xx body showed, where that had the status that was sent, or None."""
    overtaken: bool = False
    """Somebody else was seen to have written since: a record under another name is no sign of it any more."""
    refused: bool = False
    """The server answered that it did not take it (4xx, 429): only its own stamp can show that it did."""
    lost: bool = False
    """It was sent, and what came back does not say whether it was taken."""


class RunState(Struct):
    """What a run knows. Only `apply` changes it."""

    run: str
    mirrors: bool | None = None
    mode: Mode = Mode.PLANNED
    written_as: Mode | None = None
    """The mode of its last write, which it is taken up again in; None where it wrote nothing."""
    started: events.RunStarted | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    """Guard to reason: those that it began with, and those of every time that it was taken up."""
    expected: dict[Role, HamrRecord | None] = field(default_factory=dict)
    """What was last seen and accepted of each org; None where it had no record, no key where it was never seen."""
    earlier: dict[Role, list[HamrRecord | None]] = field(default_factory=lambda: {role: [] for role in Role})
    """Every record seen of each org, the journal's included; None for a reading that found none."""
    base: dict[Role, HamrRecord | None] = field(default_factory=dict)
    """What each org showed when this run began; no key where it was not seen before anything was intended."""
    confirmed: dict[Role, list[HamrRecord]] = field(default_factory=lambda: {role: [] for role in Role})
    """Records that confirmed a write, or a move of the server's, for each org, oldest first."""
    orgs: Both[str] | None = None
    """The orgs' uuids."""
    floors: dict[str, Floor] = field(default_factory=dict)
    """The newest record that the whole journal has seen of each org, this run's looks included."""
    given_up: tuple[Attempt, ...] = ()
    """Attempts of earlier runs that may still come."""
    sent: list[Sent] = field(default_factory=list)
    """Attempts that may have reached the server, oldest first."""
    attempts: int = 0
    names: set[str] = field(default_factory=set)
    """Names learned for our writes on this pair, in this run."""
    dead: set[Role] = field(default_factory=set)
    owed: dict[Role, Status] = field(default_factory=dict)
    """What an org was not told: derived from what was confirmed while it was dead, so no crash can lose it."""
    told_owed: dict[Role, Status] = field(default_factory=dict)
    """What of it was journalled in so many words."""
    set_back: set[Role] = field(default_factory=set)
    """Orgs whose confirmed status a late write of ours took back, and that were not put right yet."""
    reverted: set[Role] = field(default_factory=set)
    """Orgs that a mirror took back to an old record, from which the run went on, and that were not written since."""
    unproven: dict[Role, events.WriteConfirmed] = field(default_factory=dict)
    """What showed our status under another name, since an answer was lost: settled by the next answer.

    Kept when it is written over: who wrote it is told all the same.
    """
    strangers: set[str] = field(default_factory=set)
    """Who made the foreign changes of this run."""
    meddled: set[Role] = field(default_factory=set)
    """Orgs whose record somebody else has changed, or linked elsewhere, in this run."""
    unknown: list[Attempt] = field(default_factory=list)
    """Attempts that ended unknown and were not seen since."""
    transition: events.TransitionIntended | None = None
    """The transition that is under way."""
    steps: list[Step] = field(default_factory=list)
    late: list[HamrRecord] = field(default_factory=list)
    """Writes of ours that took effect late, over a newer one; what a mirror carried over is the same one."""
    intent_dates: dict[int, datetime | None] = field(default_factory=dict)
    """When each attempt was intended, by its org's own clock."""
    recalled: int = 0
    """Attempts up to this number were made by an earlier process of this run."""
    intended: bool = False
    """Whether any write or hook was ever intended: from here on a bug is no longer "nothing was done"."""
    hooks: dict[tuple[str, When, str], HookOutcome | None] = field(default_factory=dict)
    """What became of each hook (transition, side, name) that was begun; None while nobody knows."""
    hooks_due: list[tuple[str, str]] = field(default_factory=list)
    """(transition, `after` hook) of the transitions that were made."""
    approval_owed: bool = False
    """Whether other people have to agree afterwards: as an emergency it did not wait for them."""
    left_to_person: list[str] = field(default_factory=list)
    """What was not done for want of somebody to ask, in the playbook's words."""
    waiting: bool = False
    """Whether it ever waited for guards: then it can be taken up again, though nothing was intended yet."""
    waited: float = 0.0
    """Seconds that it waited for guards."""
    asked: float = 0.0
    """Seconds that it waited for people."""

    @property
    def began(self) -> datetime | None:
        """When this run's first write was intended, by its org's own clock; None where that did not tell."""
        return next(iter(self.intent_dates.values()), None)

    @property
    def keeps_stamps(self) -> bool:
        """Whether this pair's server was seen to keep what we put in modified_by."""
        shown = {record.modified_by for records in self.confirmed.values() for record in records}
        shown |= {sent.answered.modified_by for sent in self.sent if sent.answered is not None}
        return any(sent.attempt.signed(name) for name in shown for sent in self.sent)

    def is_ours(self, modified_by: str) -> bool:
        """Whether an author is one of this run's stamps, or a name learned for them."""
        return modified_by in self.learned() or any(sent.attempt.signed(modified_by) for sent in self.sent)

    def our_names(self) -> frozenset[str]:
        """Every modified_by that this run's writes may carry, and how the orgs have shown them: servers change the case."""
        shown = {record.modified_by for records in self.confirmed.values() for record in records}
        stamps = {sent.attempt.stamp for sent in self.sent}
        stamps |= {name for name in shown if any(sent.attempt.signed(name) for sent in self.sent)}
        return frozenset(stamps | self.names)

    def seen_before(self) -> dict[Role, tuple[HamrRecord, ...]]:
        """Every record that this run has seen of each org until now, the newest first."""
        seen = {role: (*self.earlier[role], self.expected.get(role)) for role in Role}
        return {
            role: tuple(each for each in reversed(records) if each is not None)
            for role, records in seen.items()
        }

    def learned(self) -> set[str]:
        """Names that this server gives us, those of 2xx bodies included: the journal may have filled up before they were learned."""
        answered = {sent.answered.modified_by for sent in self.sent if sent.answered is not None}
        return self.names | {name for name in answered if Stamp.parse(name) is None}

    def told_names(self, role: Role) -> frozenset[str]:
        """How this very org named our writes in its 2xx bodies: from then on another name there is somebody else's."""
        answers = (sent.answered for sent in self.sent if sent.attempt.role is role)
        return frozenset(answer.modified_by for answer in answers if answer is not None)

    def hooks_failed(self) -> tuple[str, ...]:
        """The `before` hooks that did not end well, as "transition/hook": in an emergency their transitions were made all the same."""
        return tuple(
            f"{transition}/{hook}"
            for (transition, when, hook), outcome in self.hooks.items()
            if when is When.BEFORE and outcome not in SETTLED
        )

    def hooks_owed(self) -> tuple[tuple[str, str], ...]:
        """(transition, `after` hook) of what did not end well yet."""
        return tuple(
            (transition, hook)
            for transition, hook in dict.fromkeys(self.hooks_due)
            if self.hooks.get((transition, When.AFTER, hook)) not in SETTLED
        )

    def outstanding(self) -> Attempt | None:
        """The newest attempt, where it may have reached the server and no reading has shown it."""
        taken = [sent for sent in self.sent if not sent.refused]
        return taken[-1].attempt if taken and not taken[-1].confirmed else None

    def may_come_late(self) -> tuple[Attempt, ...]:
        """Attempts that were given up for a later one, which may still reach their org."""
        newest = self.outstanding()
        return tuple(
            sent.attempt
            for sent in self.sent
            if not sent.confirmed and not sent.refused and sent.attempt is not newest
        )

    def wrote(self, role: Role, record: HamrRecord | None) -> bool:
        """Whether that record is on that org by a write of ours, or as an echo of one."""
        return record is not None and any(record.same_version(ours) for ours in self.confirmed[role])

    def is_brought(self, role: Role, record: HamrRecord | None) -> bool:
        """Whether a slow mirror may have brought what the other org showed when this run began, to an org where nothing of ours was seen yet."""
        began = self.base.get(role.other)
        if record is None or began is None or self.mirrors is False or self.confirmed[role]:
            return False
        return record.modified_at is not None and record.same_version(began)

    def attempts_of(self, record: HamrRecord) -> list[Sent]:
        """The attempts that a record may be: it carries their stamp, or was the answer to them, to the microsecond and under no stranger's name."""
        name, at = record.modified_by, record.modified_at
        anybodys = (
            at is None or at.microsecond == 0 or name in self.strangers or Stamp.parse(name) is not None
        )
        return [
            sent
            for sent in self.sent
            if sent.attempt.signed(name)
            or (not anybodys and sent.answered is not None and record.same_version(sent.answered))
        ]

    @property
    def shows_mirror(self) -> bool:
        """Whether an org was seen to have what was sent to the other one alone."""
        return any(
            {sent.attempt.role for sent in self.attempts_of(record)} == {role.other}
            for role, records in self.confirmed.items()
            for record in records
        )

    def told(self, role: Role) -> Status | None:
        """The status that an org was last seen to have from this run, or None."""
        confirmed = self.confirmed[role]
        return Status.of(confirmed[-1].status) if confirmed else None

    def apply(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 - one case per event that teaches something
        """Learn from one event; what is not journalled teaches nothing, since no later process would know of it."""
        if not event.kind:
            return
        if isinstance(event, events.SituationRead):
            self._apply_readings(event)
        raise_floors(self.floors, event)
        match event:
            case events.RunStarted():
                self.started, self.mode, self.orgs = event, event.mode, event.orgs
                self.overrides = dict(event.overrides)
            case events.RunResumed():
                self.mode = event.mode
                self.overrides |= event.overrides
                self.dead.clear()
            case events.ChangeSeen(change=change):
                self._apply_change(event)
                if change in (Change.FOREIGN, Change.MISLINKED):
                    self.meddled.add(event.role)
            case events.TransitionIntended():
                self.transition = event
            case events.TransitionRefused():
                self.transition = None
            case events.TransitionMade():
                self.steps.append(
                    Step(event.transition, event.source, event.target, event.seconds, event.writes)
                )
                self.hooks_due += [(event.transition, hook) for hook in event.after]
                self.transition = None
            case events.HookIntended(transition=transition, when=when, hook=hook):
                self.intended = True
                self.hooks[transition, when, hook] = None
            case events.HookEnded(transition=transition, when=when, hook=hook, outcome=outcome):
                if self.hooks.get((transition, when, hook)) not in SETTLED:  # two processes may have ended it
                    self.hooks[transition, when, hook] = outcome
                if outcome is HookOutcome.LEFT_TO_PERSON:
                    self.left_to_person.append(event.reason)
            case events.WaitBegan():
                self.waiting = True
            case events.WaitEnded(seconds=seconds):
                self.waited += seconds
            case events.PersonAnswered(seconds=seconds):
                self.asked += seconds
            case events.ApprovalOwed():
                self.approval_owed = True
            case events.RunApproved(afterwards=True):
                self.approval_owed = False
            case events.WriteIntended(attempt=attempt):
                self.intended, self.written_as = True, self.mode
                self.intent_dates[attempt.number] = event.server_date
                self.attempts = max(self.attempts, attempt.number)
                self.sent.append(Sent(attempt))
            case events.WriteAnswered(attempt=attempt, answer=answer):
                self._apply_answer(attempt, answer)
            case events.WriteConfirmed():
                self._apply_confirmed(event)
            case events.WriteUnknown(attempt=attempt):
                self.unknown.append(attempt)
            case events.WriteOwed(role=role, status=status):
                self.owed[role] = self.told_owed[role] = status
            case events.OwedSettled(role=role):
                self.owed.pop(role, None)
                self.told_owed.pop(role, None)
            case events.MirrorFound(mirrors=mirrors):
                self.mirrors = mirrors
            case events.NameLearned(name=name):
                self.names.add(name)
                self.unproven = {
                    role: taken for role, taken in self.unproven.items() if taken.record.modified_by != name
                }
            case events.OrgGivenUp(role=role):
                self.dead.add(role)
                if role in self.expected and self.expected[role] is None:
                    # A 404 of a dead region's edge: what was not seen is never expected back.
                    del self.expected[role]
                self._derive_owed(role)

    def _apply_change(self, event: events.ChangeSeen) -> None:
        role, record = event.role, event.record
        if event.change in ACCEPTED or event.accepted:
            self._expect(role, record)
        if event.accepted:
            self.reverted.add(role)
        match event.change:
            case Change.ECHO | Change.SERVER if record is not None:
                self.confirmed[role].append(record)
                self.reverted.discard(role)
                if role.other in self.dead:
                    self._derive_owed(role.other)
            case Change.LATE if record is not None:
                if not any(record.same_version(each) for each in self.late):
                    self.late.append(record)
                unseen = (sent.attempt for sent in self.sent if not sent.confirmed)
                came = the_one_that_came(unseen, role, record)
                if came is not None:
                    self._mark(came.number, confirmed=True)
                told = self.confirmed[role][-1:]
                if told and told[0].status != record.status:
                    self.set_back.add(role)
            case Change.FOREIGN | Change.MISLINKED if record is not None and not self.is_ours(
                record.modified_by
            ):
                self.strangers.add(record.modified_by)
                self._doubt(role, record)
                # What was linked elsewhere is copied nowhere.
                self._overtake(role, by_mirror=self.mirrors is not False and event.change is Change.FOREIGN)

    def _doubt(self, role: Role, record: HamrRecord) -> None:
        """Whose record was taken for a lost attempt's turns out to be somebody else: nothing has shown that attempt."""
        taken = self.unproven.get(role)
        if taken is not None and taken.attempt is not None and taken.record.same_version(record):
            self._mark(taken.attempt, confirmed=False)

    def _overtake(self, role: Role, *, by_mirror: bool) -> None:
        for sent in self.sent:
            if not sent.confirmed and (by_mirror or sent.attempt.role is role):
                self._mark(sent.attempt.number, overtaken=True)

    def _derive_owed(self, role: Role) -> None:
        """A dead org is owed what the other one was told, unless it was last seen there itself."""
        told, shown = self.confirmed[role.other][-1:], self.expected.get(role)
        status = Status.of(told[0].status) if told else None
        if status is not None and (shown is None or shown.status != status):
            self.owed[role] = status

    def _apply_readings(self, event: events.SituationRead) -> None:
        for reading in event.readings:
            if reading is not None and reading.status is not None and not self.is_under_floor(reading):
                role, record = reading.role, reading.record
                if role not in self.expected:
                    self._expect(role, record)
                    if not self.intended:
                        self.base[role] = record

    def is_under_floor(self, reading: Reading) -> bool:
        """Whether an org shows something older than what the journal has seen of it."""
        return (
            self.orgs is not None and under_floor(self.floors, self.orgs[reading.role], reading) is not None
        )

    def _expect(self, role: Role, record: HamrRecord | None) -> None:
        """Accept a record as what is there now; what was there before becomes an earlier reading."""
        if role in self.expected:
            before = self.expected[role]
            if before is None or record is None or not before.same_version(record):
                self.earlier[role].append(before)
        self.expected[role] = record
        self.set_back.discard(role)  # whatever brought it: the run goes on from what is there now

    def _apply_answer(self, attempt: Attempt, answer: object) -> None:
        match answer:
            case Accepted(record=record) if record is not None and record.status == attempt.status:
                if self._may_name_us(attempt, record.modified_by):
                    self._mark(attempt.number, answered=record)
            case NotSent():
                self.sent = [sent for sent in self.sent if sent.attempt.number != attempt.number]
            case Rejected() | Throttled():
                # It says that it did not take it; should it have all the same, the stamp tells.
                self._mark(attempt.number, refused=True)
            case Lost():
                self._mark(attempt.number, lost=True)

    def _may_name_us(self, attempt: Attempt, name: str) -> bool:
        """Not where that org has kept our stamps: then somebody else wrote the status first, and our write changed nothing.

        What it cut where it cut those, or dropped, is ours.
        """

        def is_signed(author: str) -> bool:
            return any(sent.attempt.signed(author) for sent in self.sent)

        kept = [len(each) for each in self.told_names(attempt.role) if is_signed(each)]
        cut = attempt.begins_with(name) and len(name) >= min(kept, default=0)
        return not kept or not name or cut or is_signed(name)

    def _apply_confirmed(self, event: events.WriteConfirmed) -> None:
        self._expect(event.role, event.record)
        if not any(event.record.same_version(old) for old in self.confirmed[event.role]):
            self.confirmed[event.role].append(event.record)
        if event.attempt is not None:
            self._mark(event.attempt, confirmed=True, refused=False)
        self.unknown = [attempt for attempt in self.unknown if attempt.role is not event.role]
        self.reverted.discard(event.role)
        if event.change is Change.UNPROVEN:
            self.unproven[event.role] = event
        if event.role.other in self.dead:
            self._derive_owed(event.role.other)

    def _mark(self, number: int, **changes: Any) -> None:
        self.sent = [
            replace(sent, **changes) if sent.attempt.number == number else sent for sent in self.sent
        ]


def replay(run: str, events: Iterable[Event], floors: Floors, *, mirrors: bool | None = None) -> RunState:
    """A run's state, rebuilt from its journalled events in order.

    `floors` is what the journal had seen of the orgs when it began; what an event means may depend on `mirrors`.
    """
    state = RunState(run, mirrors, floors=dict(floors))
    for event in events:
        state.apply(event)
    state.recalled = state.attempts
    return state

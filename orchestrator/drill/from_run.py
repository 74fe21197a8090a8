"""A scenario from a journalled run: what it met and when, what people did about it, and what came of it as expectations.

The journal is all that is known: what a read or a write came to is played again at the record before it. A second Ctrl-C is
played as the death of its process, which is what it does to a write in flight, and said. What has no counterpart among the
simulator's faults is said by name, and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.config import faults, parse_playbook, shipped_playbooks
from orchestrator.config.scenario import (
    At,
    ComesBack,
    Command,
    Death,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    Meanwhile,
    OrgStatus,
    RegionSettings,
    Returning,
    Scenario,
    ScenarioStep,
    SomebodyWrites,
    Unknown,
)
from orchestrator.errors import DocumentError, ExitCode, UsageError
from orchestrator.journal.history import event_of
from orchestrator.model import events, next_step
from orchestrator.model.guard import Measured, Metric, Monitor, Outcome
from orchestrator.model.journal import Record
from orchestrator.model.playbook import HookOutcome, Playbook
from orchestrator.model.reading import (
    Absent,
    Accepted,
    Change,
    Hampered,
    HamrRecord,
    Lost,
    NotSent,
    Present,
    Reading,
    Rejected,
    Throttled,
    Unreachable,
)
from orchestrator.model.run import Attempt, End, Mode, Stamp
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Role, Status

from .rehearsal import SHORT_WAITS
from .run_parts import (
    LATE,
    TOO_LONG,
    Part,
    StepParts,
    is_silence,
    is_timed,
    lost,
    operator_name,
    passing,
    readings_in,
    show_one_write,
)

MIRROR = timedelta(milliseconds=50)
"""How long a write takes to show on the other org of a pair that mirrors."""

_BEGINNINGS = (events.RunStarted, events.RunResumed, events.PairAdopted)
_OF_OTHERS = re.compile(r"run\.(superseded|acknowledged|approved)|lock\.broken|notice\..*|journal\..*")
"""Kinds that somebody else wrote about the run, or that no rehearsal writes."""

_CONSEQUENCES = ("wait.ended", "transition.refused", "person.answered", "hook.ended", "run.finished")
"""What a run still writes that was stopped."""


_NOT_PLAYED = frozenset({PhaseName.MISLINKED.value, PhaseName.HAMPERED.value})
"""Where a pair of the simulator does not stand: on its own two orgs, with keys that are right."""


class FromRun(Struct, frozen=True):
    """A scenario that was made of a run."""

    scenario: Scenario
    left_out: tuple[str, ...]
    """What the run met and the scenario does not play, each in a sentence."""


def scenario_of_run(run: str, records: Sequence[Record]) -> FromRun:
    """The scenario of a run, from all its records in order; a UsageError where it did not begin."""
    told = [record for record in records if not _OF_OTHERS.fullmatch(record.kind)]
    return _Telling(run, told, [event_of(each) for each in told], [event_of(each) for each in records]).tell()


class _Telling(Struct):
    """A run, while it is made into a scenario."""

    run: str
    records: Sequence[Record]
    told: Sequence[events.Event | None]
    every: Sequence[events.Event | None]
    left_out: dict[str, None] = field(default_factory=dict)
    shown: dict[Role, Status] = field(default_factory=dict)
    """What was read last of each org."""
    told_since: set[Role] = field(default_factory=set)
    """Orgs that were told something after that."""
    dark: set[Role] = field(default_factory=set)
    went_dark: bool = False
    probes: dict[str, float | str | bool | Unknown] = field(default_factory=dict)
    """What each probe said last."""
    owed: OrgStatus | None = None
    strangers: list[HamrRecord] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    """Hooks that did not end well the last time."""
    started: events.RunStarted | None = None
    playbook: Playbook | None = None
    """The one that the run went by; None where its journal has none that this version can read."""

    def tell(self) -> FromRun:
        parts = [*self._parts()]
        if not parts:
            raise UsageError(
                f"Run {self.run} had nothing to do, was killed before it began, or is a plan that was only approved: there is nothing to play.",
                next_steps=(next_step.show(self.run),),
            )
        first = parts[0]
        self.started = next((event for event in self.told if isinstance(event, events.RunStarted)), None)
        self.playbook = self._playbook()
        home, steps = self._start(first)
        for number, part in enumerate(parts):
            self._met(part)
            by = part.records[0].by
            steps += part.parts.before
            steps.append(self._step(part, "" if by == first.records[0].by else operator_name(by), number))
        goal = self._goal(home)
        name = "" if self.started is None else self.started.playbook
        mirrors, reverts = self._mirrors(), self._any_change(Change.REVERTED)
        scenario = Scenario(
            f"run-{self.run}",
            self._summary(first),
            name if name in shipped_playbooks() else "",
            f"run {self.run}",
            goal,
            RegionSettings(
                status=home,
                mirror=(timedelta(0) if reverts else MIRROR) if mirrors else None,
                returning=Returning.REVERT if reverts else Returning.KEEP,
                advances=self._any_change(Change.SERVER),
                renames_author=any(isinstance(event, events.NameLearned) for event in self.told),
            ),
            waits=SHORT_WAITS,
            steps=tuple(steps),
        )
        return FromRun(scenario, tuple(self.left_out))

    def _parts(self) -> Iterator[Part]:
        """What each process did: from the lock that it took until the next one took it, or the end."""
        begins = []
        for index, event in enumerate(self.told):
            if isinstance(event, _BEGINNINGS):
                at = index
                while at > 0 and isinstance(self.told[at - 1], events.LockTaken | events.LockTakenOver):
                    at -= 1
                begins.append(at)
        for start, end in pairwise([*begins, len(self.records)]):
            yield Part(self.records[start:end], self.told[start:end])

    def _summary(self, first: Part) -> str:
        what = next(event for event in first.told if isinstance(event, _BEGINNINGS))
        goal = f" to {what.goal}" if isinstance(what, events.RunStarted) else ""
        return f"Run {self.run} of pair {first.records[0].pair}{goal}, again: what it met, and how it ended."

    # -- the playbook, and where it all began ------------------------------------------------------------------

    def _playbook(self) -> Playbook | None:
        if self.started is None:
            return None
        try:
            return parse_playbook(self.started.playbook_text, f"the playbook of run {self.run}")
        except DocumentError:
            return None

    def _goal(self, home: Status) -> Status:
        if self.started is not None and self.started.goal is not home:
            return self.started.goal
        stops = (Status.ACTIVE, Status.PASSIVE) if self.playbook is None else self.playbook.stops
        return next((stop for stop in stops if stop is not home), Status.ACTIVE)

    def _start(self, first: Part) -> tuple[Status, list[ScenarioStep]]:
        """Where both orgs stand when the drill begins, and what brings them to where the run found them."""
        found = {role: reading for role in Role if (reading := self._found(role)) is not None}
        stops = (Status.PASSIVE, Status.ACTIVE) if self.playbook is None else self.playbook.stops
        statuses = {role: reading.status for role, reading in found.items()}
        home = next((status for status in statuses.values() if status in stops), stops[0])
        judged = (
            each for event in first.told if isinstance(event, events.GuardsJudged) for each in event.verdicts
        )
        alone = next((verdict.outcome for verdict in judged if verdict.guard == "alone"), None)
        prelude = []
        for role, reading in found.items():
            record, status = reading.record, reading.status
            assert status is not None  # noqa: S101 - only those are in it
            young = (
                record is not None
                and Stamp.parse(record.modified_by) is not None
                and alone in (Outcome.FAIL, Outcome.UNKNOWN)
            )
            if status is home and not (young and alone is Outcome.FAIL):
                continue
            if record is None or status is Status.UNSPECIFIED:
                self.left_out[f"the {role} had no record when the run began"] = None
                continue
            if self._mirrors():
                self.left_out["the orgs stood apart when the run began, and mirror"] = None
                continue
            stamp = Stamp.parse(record.modified_by)
            plain = (
                record.modified_by if stamp is None or young else f"{stamp.operator}@{stamp.host or 'host'}"
            )
            writes = SomebodyWrites(role, status, plain or "somebody@example.com")
            prelude.append(ScenarioStep(writes, f"the {role} stands at {status}"))
        return home, prelude

    def _found(self, role: Role) -> Reading | None:
        """How the run found an org: as it was first read, be it after a while in the dark; None where this run wrote it before.

        Where the pair mirrors, it shows after any write of the run what that one wrote.
        """
        either = self._mirrors()
        intents = (
            index
            for index, event in enumerate(self.told)
            if isinstance(event, events.WriteIntended) and (either or event.attempt.role is role)
        )
        readings = readings_in(self.told[: next(intents, None)])
        return next((each for _, each in readings if each.role is role and each.status is not None), None)

    def _mirrors(self) -> bool:
        """Whether a write to one org was seen on the other."""
        return self._any_change(Change.ECHO, Change.REVERTED) or any(
            (isinstance(event, events.MirrorFound) and event.mirrors)
            or (isinstance(event, events.SituationRead) and show_one_write(event.readings, self.run))
            for event in self.told
        )

    def _any_change(self, *changes: Change) -> bool:
        return any(
            isinstance(event, events.ChangeSeen | events.WriteConfirmed) and event.change in changes
            for event in self.told
        )

    # -- what one process met ------------------------------------------------------------------------------------

    def _met(self, part: Part) -> None:  # noqa: C901 - a case for each
        for index, event in enumerate(part.told):
            match event:
                case events.SituationRead(readings=readings):
                    for reading in readings:
                        if reading is not None:
                            self._read(part, index, reading)
                case events.ChangeSeen():
                    self._changed(part, index, event)
                case events.WriteIntended(attempt=attempt):
                    self._wrote(part, index, attempt)
                case events.ProbesRead():
                    self._probed(part, index, event)
                case events.HookEnded(hook=hook, outcome=outcome, code=code):
                    self._hooked(part.parts, hook, outcome, code)
                case events.PersonAnswered(question=question, reply=reply) if reply is not None:
                    part.parts.answers[question.subject] = reply.yes
                case events.WriteOwed() | events.OwedSettled():
                    owes = isinstance(event, events.WriteOwed)
                    self.owed = OrgStatus(event.role, event.status) if owes else None
                case _:
                    pass

    def _wrote(self, part: Part, index: int, attempt: Attempt) -> None:
        self.told_since.add(attempt.role)
        kind = self._fault_of(part, index, attempt)
        if kind is not None:
            sent = [
                event.attempt for event in part.told[: index + 1] if isinstance(event, events.WriteIntended)
            ]
            number = sum(each.role is attempt.role for each in sent)
            part.parts.fails(None, faults.Fault(kind, number, attempt.role, "POST"))

    def _read(self, part: Part, index: int, reading: Reading) -> None:
        role, at = reading.role, part.at(index)
        if reading.status is not None and not isinstance(reading.sight, Absent):
            self.shown[role] = reading.status
            self.told_since.discard(role)
        if isinstance(reading.sight, Present) or (
            isinstance(reading.sight, Absent) and role not in self.shown
        ):
            if role in self.dark:
                self.dark.discard(role)
                part.parts.happens(at, ComesBack(role))
            return
        if role in self.dark:
            return
        match reading.sight:
            case Hampered(reason=reason):
                self.left_out[f"trouble of the machine that ran it ({reason})"] = None
                return
            case _ if self._lasts(part, index, role):
                self.dark.add(role)
                self.went_dark = True
                self._goes_dark(part.parts, at, reading)
            case _:
                part.parts.fails(at, faults.Fault(passing(reading), 1, role, "GET"))

    def _lasts(self, part: Part, index: int, role: Role) -> bool:
        """Whether no later reading of that process has a record of that org."""
        later = readings_in(part.told[index + 1 :])
        return not any(each.role is role and isinstance(each.sight, Present) for _, each in later)

    def _goes_dark(self, parts: StepParts, at: At | None, reading: Reading) -> None:
        role, status = reading.role, reading.exchange.http_status
        if status is None:
            parts.happens(at, GoesDark(role, silent=is_silence(reading.reason or "")))
            return
        page = isinstance(reading.sight, Unreachable)  # with another status it would be a middlebox's
        parts.fails(at, faults.Fault(faults.RegionDark(answers=status, page=page), 1, role))

    def _changed(self, part: Part, index: int, event: events.ChangeSeen) -> None:
        record, role = event.record, event.role
        match event.change:
            case Change.FOREIGN if record is not None:
                status = Status.of(record.status)
                if any(record.same_version(other) for other in self.strangers):
                    return
                self.strangers.append(record)
                if status is None or status is Status.UNSPECIFIED:
                    self.left_out[f"somebody else wrote a status that is not known ({record.status})"] = None
                    return
                seen = self._before_our_own(part, self._first_seen(part, index, role, record), record)
                writes = SomebodyWrites(role, status, record.modified_by or "somebody")
                part.parts.happens(part.at(seen), writes)
            case Change.STALE:
                at = part.at(self._first_seen(part, index, role, record))
                if at is None:
                    self.left_out[f"the {role} showed an older record when the run began"] = None
                else:
                    part.parts.fails(at, faults.Fault(faults.StaleRead(), 1, role, "GET"))
            case Change.MISLINKED:
                self.left_out[f"the {role}'s record was linked otherwise ({event.reason})"] = None
            case Change.REVERTED if not self.went_dark:
                self.left_out[f"the {role}'s record was reverted, and no region had been dark"] = None
            case _:
                pass

    def _first_seen(self, part: Part, index: int, role: Role, record: HamrRecord | None) -> int:
        """Which record of that process is the first reading that shows it."""
        for at, reading in readings_in(part.told[:index]):
            if reading.role is role and record and reading.record and record.same_version(reading.record):
                return at
        return index

    def _before_our_own(self, part: Part, index: int, record: HamrRecord) -> int:
        """The answer to our own write, where that stands right before it and the org dates that write later."""
        event = part.told[index - 1] if index else None
        if not (isinstance(event, events.WriteAnswered) and isinstance(event.answer, Accepted)):
            return index
        ours = event.answer.record
        if ours is None or ours.modified_at is None or record.modified_at is None:
            return index
        return index - 1 if record.modified_at < ours.modified_at else index

    def _fault_of(self, part: Part, index: int, attempt: Attempt) -> faults.FaultKind | None:
        """What went wrong with a write; None where it went well, or its process died."""
        answer, late = part.answer_to(attempt), self._came_late(attempt)
        if answer is None or isinstance(answer, Accepted):
            return faults.AppliedLate(LATE) if late else None
        status, taken = answer.exchange.http_status, self._was_taken(attempt)
        match answer:
            case Throttled(retry_after=seconds):
                too_long = (
                    seconds is not None
                    and self.playbook is not None
                    and seconds >= self.playbook.confirm.within.total_seconds()
                )
                return faults.Throttle(
                    None if seconds is None else TOO_LONG if too_long else 0, applied=taken
                )
            case Rejected():
                return faults.ClientError(status or 400, applied=taken)
            case NotSent():
                if attempt.role not in self.dark:
                    self.dark.add(attempt.role)
                    part.parts.happens(part.at(index), GoesDark(attempt.role))
                return None
            case Lost(reason=reason):
                return lost(status, reason, taken=taken, late=late)

    def _was_taken(self, attempt: Attempt) -> bool:
        """Whether anything shows that the org took it, ever."""
        return any(
            isinstance(event, events.WriteConfirmed) and event.attempt == attempt.number
            for event in self.told
        ) or any(reading.record and attempt.fits(reading.record) for _, reading in readings_in(self.told))

    def _came_late(self, attempt: Attempt) -> bool:
        return any(
            isinstance(event, events.ChangeSeen)
            and event.change is Change.LATE
            and event.record is not None
            and attempt.fits(event.record)
            for event in self.told
        )

    def _probed(self, part: Part, index: int, event: events.ProbesRead) -> None:
        said: dict[str, float | str | bool | Unknown] = {}
        for reading in event.readings:
            probe = None if self.playbook is None else self.playbook.probes.get(reading.probe)
            kind = None if probe is None else probe.kind
            if isinstance(kind, Metric | Monitor) and kind.org in self.dark:
                continue  # it has no answer there, as in the run
            sight = reading.sight
            if not isinstance(sight, Measured):
                said[reading.probe] = Unknown(sight.reason or "no answer")
            elif sight.value is None or (isinstance(sight.value, str) and not sight.value.strip()):
                said[reading.probe] = sight.good
            else:
                said[reading.probe] = sight.value
        new = {name: value for name, value in said.items() if self.probes.get(name) != value}
        self.probes.update(new)
        at, parts = part.at(index), part.parts
        changed = {name: new[name] for name in sorted(new.keys() & parts.probes.keys())}
        parts.probes = {**parts.probes, **{name: new[name] for name in new if name not in parts.probes}}
        if changed and at is not None:
            parts.meanwhile.append(Meanwhile(at.after, None, at.number, probes=changed))

    def _hooked(self, parts: StepParts, hook: str, outcome: HookOutcome, code: int | None) -> None:
        if outcome is HookOutcome.FAILED:
            parts.hooks[hook] = code if code is not None and 0 < code < 256 else 1  # noqa: PLR2004 - an exit code
            self.failing.add(hook)
        elif outcome is HookOutcome.DONE and hook in self.failing:
            self.failing.discard(hook)
            parts.hooks[hook] = 0
        elif outcome is HookOutcome.CUT_OFF:
            self.left_out[f"hook {hook} was cut off"] = None

    # -- what people did, and what came of it ----------------------------------------------------------------------

    def _step(self, part: Part, by: str, number: int) -> ScenarioStep:
        finished = part.finished()
        given_up = part.given_up()
        if given_up is not None:
            self.left_out["the second Ctrl-C, and its exit code: there its process dies"] = None
            finished = None
        if finished is not None and finished.phase in _NOT_PLAYED:
            self.left_out[f"what it ended for, and so how it ended ({finished.ending.message})"] = None
        dies = self._dies(part, given_up) if finished is None else None
        stops = None
        if finished is not None and finished.ending.end is End.INTERRUPTED:
            stops = self._stops(part)
            if finished.exit_code in (ExitCode.TERMINATED, ExitCode.CLOSED_TERMINAL):
                self.left_out[f"the signal that it ended by ({finished.exit_code}): there it is Ctrl-C"] = (
                    None
                )
        part.parts.meanwhile = [
            replace(each, name=f"change {number + 1}.{count}")
            for count, each in enumerate(part.parts.meanwhile, 1)
        ]
        name, expect = "" if number else "the run", self._expect(part, finished)
        return part.parts.step(self._command(part), name, expect, by=by, dies=dies, stops=stops)

    def _command(self, part: Part) -> Command:
        let_go = self._let_go(part)
        began = next(event for event in part.told if isinstance(event, _BEGINNINGS))
        match began:
            case events.RunStarted(goal=goal, mode=mode, reason=reason, overrides=overrides):
                return DoRun(goal, mode is Mode.EMERGENCY, reason, {**let_go, **overrides})
            case events.RunResumed(mode=mode, reason=reason, overrides=overrides):
                switches = mode is Mode.EMERGENCY and not self._was_emergency(part)
                return DoResume(switches, reason, {**let_go, **overrides})
            case events.PairAdopted(truth=truth, reason=reason, overrides=overrides):
                return DoAdopt(truth, reason or "as the journal has it", dict(overrides))

    def _was_emergency(self, part: Part) -> bool:
        """Whether the run was one already when somebody took it up."""
        mode = Mode.PLANNED
        for record, event in zip(self.records, self.told, strict=True):
            if record.seq >= part.records[0].seq:
                break
            if isinstance(event, events.RunStarted | events.RunResumed):
                mode = event.mode
        return mode is Mode.EMERGENCY

    def _let_go(self, part: Part) -> Mapping[str, str]:
        """Guards that passed by the clock or by other people's word: neither is the same when it is played."""
        found: dict[str, str] = {}
        for event in self.every:
            if isinstance(event, events.ApprovalAsked):
                found[event.guard] = "others had agreed, as the journal has it"
        for event in part.told:
            if isinstance(event, events.GuardsJudged) and self.playbook is not None:
                found |= {
                    verdict.guard: "it passed, as the journal has it"
                    for verdict in event.verdicts
                    if verdict.outcome is Outcome.PASS and is_timed(verdict.guard, self.playbook)
                }
        return {guard: why for guard, why in found.items() if guard not in part.refused()}

    def _dies(self, part: Part, end: int | None) -> Death:
        """When its process dies: after its last record, or the last one before `end`; one whose journal failed it let its lock go after that."""
        count = len(part.records[:end])
        while part.records[count - 1].kind == events.LockReleased.kind:
            count -= 1
        at, last = part.after(count), part.told[count - 1]
        sent = isinstance(last, events.HookIntended) or (
            isinstance(last, events.WriteIntended) and self._was_taken(last.attempt)
        )
        return Death(at.after, at.number, sent)

    def _stops(self, part: Part) -> At:
        return part.after(
            max(
                count
                for count, record in enumerate(part.records, 1)
                if record.kind not in _CONSEQUENCES and not record.kind.startswith("lock.")
            )
        )

    def _expect(self, part: Part, finished: events.RunFinished | None) -> Expect:
        attempts = part.attempts()
        late = any(map(self._came_late, attempts))
        taken = tuple(
            OrgStatus(each.role, each.status)
            for each in attempts
            if isinstance(part.answer_to(each), Accepted) or self._was_taken(each)
        )
        expect = Expect(writes=None if late else taken)
        if finished is None:
            return expect
        if finished.phase in _NOT_PLAYED:
            return Expect()
        emergency = any(
            isinstance(each, events.RunStarted) and each.mode is Mode.EMERGENCY for each in part.told
        )
        untold = tuple(role for role in Role if emergency and role not in {each.role for each in attempts})
        agreed = finished.phase.startswith("agreed(")
        known = {role: status for role, status in self.shown.items() if role not in self.told_since}
        return replace(
            expect,
            exit=int(ExitCode.INTERRUPTED) if finished.ending.end is End.INTERRUPTED else finished.exit_code,
            phase=finished.phase or None,
            refused=tuple(sorted(part.refused())) or None,
            no_writes_to=untold,
            owed=self.owed or "nothing",
            statuses={} if agreed else known,
        )

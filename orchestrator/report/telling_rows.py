"""The events of one run → its rows, each with what was judged, waited for, asked, run and sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model.events import (
    Event,
    GuardOverridden,
    GuardsJudged,
    GuardWaived,
    HookEnded,
    HookIntended,
    PersonAnswered,
    PersonAsked,
    ProbesRead,
    RowIntended,
    RowMade,
    RowRefused,
    WaitBegan,
    WaitEnded,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
    WriteUnknown,
)
from orchestrator.model.probe import ProbeReading
from orchestrator.model.status import Status

from .row_story import Asked, HookRun, Judgement, RowStory, Wait, Write


class _Row(Struct):
    """A row that is being told."""

    name: str
    began: datetime
    source: Status | None = None
    target: Status | None = None
    ended: datetime | None = None
    made_seq: int = 0
    refused_by: tuple[str, ...] = ()
    refused_seq: int = 0
    judgements: list[Judgement] = field(default_factory=list)
    probes: dict[str, ProbeReading] = field(default_factory=dict)
    waits: list[Wait] = field(default_factory=list)
    questions: list[Asked] = field(default_factory=list)
    hooks: list[HookRun] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    after: tuple[str, ...] = ()


class RowsTeller(Struct):
    """Takes in one event after the other."""

    rows: list[_Row] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    apart: list[int] = field(default_factory=list)

    def note(self, event: Event, at: datetime, seq: int) -> None:
        """Take in the next event; those that are about no row are passed over."""
        self._note_row(event, at, seq)
        self._note_around(event, at)
        self._note_write(event, at, seq)

    def told(self) -> tuple[tuple[RowStory, ...], tuple[Write, ...]]:
        """The rows in the order in which they began, and the writes that belong to none."""
        rows = tuple(
            RowStory(
                name=row.name,
                began=row.began,
                source=row.source,
                target=row.target,
                ended=row.ended,
                made=bool(row.made_seq),
                refused_by=row.refused_by,
                refused_seq=row.refused_seq,
                made_seq=row.made_seq,
                judgements=tuple(row.judgements),
                probes=tuple(row.probes.values()),
                waits=tuple(row.waits),
                questions=tuple(row.questions),
                hooks=tuple(row.hooks),
                writes=tuple(self.writes[place] for place in row.writes),
                after=row.after,
            )
            for row in self.rows
        )
        return rows, tuple(self.writes[place] for place in self.apart)

    def _row(self, name: str, at: datetime) -> _Row:
        """The row of that name that is under way, or a new one; hooks and answers come after a row is made, too."""
        for row in reversed(self.rows):
            if row.name == name:
                return row
        row = _Row(name, at)
        self.rows.append(row)
        return row

    def _opened(self, name: str, at: datetime) -> _Row:
        """The same, for what begins a row: one that was made before is made anew."""
        row = self._row(name, at)
        if row.made_seq:
            row = _Row(name, at)
            self.rows.append(row)
        return row

    def _note_row(self, event: Event, at: datetime, seq: int) -> None:
        match event:
            case GuardsJudged():
                row = self._opened(event.row, at)
                row.judgements.append(Judgement(seq, at, event.verdicts, event.binding))
            case GuardOverridden(verdict=verdict, reason=reason) if self._judged(event.row):
                row = self._row(event.row, at)
                last = row.judgements[-1]
                overridden = {**last.overridden, verdict.guard: reason}
                row.judgements[-1] = replace(last, overridden=overridden)
            case GuardWaived(verdict=verdict) if self._judged(event.row):
                row = self._row(event.row, at)
                last = row.judgements[-1]
                row.judgements[-1] = replace(last, waived=last.waived | {verdict.guard})
            case RowIntended():
                row = self._opened(event.row, at)
                row.source, row.target = event.source, event.target
                row.refused_by, row.refused_seq = (), 0
            case RowRefused():
                row = self._opened(event.row, at)
                row.refused_by, row.refused_seq, row.ended = event.guards, seq, at
            case RowMade():
                row = self._opened(event.row, at)
                row.source, row.target = event.source, event.target
                row.made_seq, row.ended, row.after = seq, at, event.after
            case _:
                pass

    def _judged(self, name: str) -> bool:
        return any(row.name == name and row.judgements for row in self.rows)

    def _note_around(self, event: Event, at: datetime) -> None:
        match event:
            case ProbesRead(row=name, readings=readings):
                row = self._opened(name, at)
                row.probes |= {reading.probe: reading for reading in readings}
            case WaitBegan(row=name, guards=guards, seconds=seconds):
                self._opened(name, at).waits.append(Wait(at, guards, seconds))
            case WaitEnded(row=name, passed=passed, seconds=seconds):
                row = self._row(name, at)
                if row.waits:
                    row.waits[-1] = replace(row.waits[-1], passed=passed, ended=at, seconds=seconds)
            case PersonAsked(question=question):
                self._row(question.row, at).questions.append(Asked(at, question))
            case PersonAnswered(question=question):
                row = self._row(question.row, at)
                if row.questions:
                    row.questions[-1] = replace(row.questions[-1], answer=event, ended=at)
            case HookIntended():
                row = self._row(event.row, at)
                row.hooks.append(HookRun(at, event.row, event.when, event.hook, event.what))
            case HookEnded():
                self._note_hook_end(event, at)
            case _:
                pass

    def _note_hook_end(self, event: HookEnded, at: datetime) -> None:
        """The end of the hook that was begun, or of one that was not even begun: skipped, left to a person."""
        row = self._row(event.row, at)
        for place in range(len(row.hooks) - 1, -1, -1):
            hook = row.hooks[place]
            if (hook.name, hook.when) == (event.hook, event.when) and hook.ended is None:
                row.hooks[place] = replace(hook, ended=event, ended_at=at)
                return
        row.hooks.append(HookRun(at, event.row, event.when, event.hook, "", event, at))

    def _note_write(self, event: Event, at: datetime, seq: int) -> None:
        match event:
            case WriteIntended(attempt=attempt, request=request):
                self.writes.append(Write(seq, at, attempt, request))
                place = len(self.writes) - 1
                (self._row(attempt.row, at).writes if attempt.row else self.apart).append(place)
            case WriteAnswered(attempt=attempt, answer=answer):
                self._update(attempt.number, lambda write: replace(write, answer=answer, answered_at=at))
            case WriteConfirmed(attempt=number) if number is not None:
                self._update(number, lambda write: replace(write, confirmed=event, confirmed_at=at))
            case WriteUnknown(attempt=attempt, reason=reason):
                self._update(attempt.number, lambda write: replace(write, unknown=reason))
            case _:
                pass

    def _update(self, number: int, change: Callable[[Write], Write]) -> None:
        for place in range(len(self.writes) - 1, -1, -1):
            if self.writes[place].attempt.number == number:
                self.writes[place] = change(self.writes[place])
                return

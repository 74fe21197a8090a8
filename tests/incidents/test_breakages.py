"""Tests of the test: for each law a small deliberate breakage, which the incidents notice within a bounded number of seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.datadog.transport import Departure, TooLate
from orchestrator.engine import check as engine_check
from orchestrator.engine import reader, route
from orchestrator.engine.check import Checker, Seen, WriteConfirmation
from orchestrator.engine.context import Stopped
from orchestrator.engine.evaluator import Decision, Terms
from orchestrator.engine.machine import TransitionExecutor
from orchestrator.engine.reader import PairReader
from orchestrator.engine.writer import Writer
from orchestrator.journal import history, store
from orchestrator.model.events import WriteAnswered, WriteConfirmed, WriteIntended, WriteOwed
from orchestrator.model.guard import Outcome
from orchestrator.model.org import Mirrors
from orchestrator.model.reading import Accepted, Change, Lost
from orchestrator.model.run import Attempt, End, Mode
from orchestrator.model.situation import Comparison, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.operations import driving, holding, run
from orchestrator.operations.locking import Lock
from orchestrator.operations.recorder import Recorder
from orchestrator.simulator import AnswerLost, AppliedLate, ConnectionReset, Fault, Silence
from orchestrator.situation import guards, link
from orchestrator.situation.link import Linked
from orchestrator.situation.state import RunState

from .draw import Dark, Foreign, Incident, Life, Story, bare
from .incident import play
from .invariants import check

Patch = pytest.MonkeyPatch


class Breakage(Struct, frozen=True):
    """One law, broken."""

    noticed_by: str
    """This invariant notices it; nobody minds if others do, too."""
    name: str
    break_it: Callable[[Patch], None]
    aim: Callable[[Incident], Incident] = lambda incident: incident
    """Where to look: turns any incident into one that the law is about."""
    found: int = 0
    """The seed that is looked at first: it noticed when that was written down."""

    def __str__(self) -> str:
        return f"{self.noticed_by}: {self.name}"


WITHIN = 60
"""Seeds."""


def always(of: object, name: str, says: object) -> Callable[[Patch], None]:
    """A breakage: this part always says the same."""
    return lambda patch: patch.setattr(of, name, lambda *_: says)


# -- where to look ----------------------------------------------------------------------------------------------


def plain(incident: Incident, **changes: Any) -> Incident:
    """Out and planned, on separate orgs, with nothing that goes wrong but what is asked for."""
    config = bare(0).config
    config = replace(
        config,
        status=replace(config.status, primary=Status.PASSIVE, secondary=Status.PASSIVE),
        mirror=None,
        renames_author=False,
        strict=False,
        advances=False,
        read_lag=0.0,
    )
    calm: dict[str, Any] = {
        "config": config,
        "mirrors": Mirrors.NO,
        "playbook": "failover",
        "goal": Status.ACTIVE,
        "mode": Mode.PLANNED,
        "faults": (),
        "foreign": (),
        "dark": (),
        "lives": (Life(),) * 4,
        "story": Story.ALONE,
        "switches": False,
        "wrong_uuid": None,
        "around": None,
    }
    return replace(incident, **{**calm, **changes})


def foreign_soon(incident: Incident) -> Incident:
    """Somebody writes the org that comes second, and leaves the status as it was."""
    moment = 0.05 + (incident.seed % 16) * 0.03
    return plain(incident, foreign=(Foreign(moment, Role.PRIMARY, Status.PASSIVE, "terraform"),))


def _foreign_ahead(incident: Incident) -> Incident:
    """Somebody writes the org that comes second, to the very status that it is about to get."""
    moment = 0.05 + (incident.seed % 16) * 0.03
    return plain(incident, foreign=(Foreign(moment, Role.PRIMARY, Status.FAILOVER, "terraform"),))


def _dead_primary(incident: Incident) -> Incident:
    return plain(incident, mode=Mode.EMERGENCY, dark=(Dark(0.0, Role.PRIMARY, 300.0, silent=True),))


def _lost_answers(incident: Incident) -> Incident:
    lost = (AnswerLost(), ConnectionReset(), Silence())[incident.seed % 3]
    return plain(incident, faults=(Fault(lost, method="POST", times=None),))


def _late_twice(incident: Incident) -> Incident:
    """The first attempt to each org takes effect after the next transition was begun."""
    faults = tuple(Fault(AppliedLate(late), at=at, method="POST") for at, late in ((1, 14.8), (3, 8.0)))
    return plain(incident, faults=faults)


def _lagging(incident: Incident) -> Incident:
    calm = plain(incident)
    return replace(calm, config=replace(calm.config, read_lag=0.8))


def killed(incident: Incident) -> Incident:
    return plain(incident, lives=(Life(crash_at_step=60 + incident.seed * 7), Life(), Life(), Life()))


def _killed_and_changed(incident: Incident) -> Incident:
    return replace(killed(incident), foreign=(Foreign(0.7, Role.PRIMARY, Status.PASSIVE, "terraform"),))


def _suspended(incident: Incident) -> Incident:
    return plain(
        incident, lives=(Life(freeze_at_step=40 + incident.seed * 5, freeze_for=900.0), *(Life(),) * 3)
    )


def _suspended_once_intended(incident: Incident) -> Incident:
    return plain(incident, lives=(Life(freeze_at_step=110 + incident.seed, freeze_for=900.0), *(Life(),) * 3))


def _two_at_once(incident: Incident) -> Incident:
    return plain(incident, story=Story.SAME_JOURNAL, second_at=0.02 + (incident.seed % 10) * 0.04)


def _wrong_keys(incident: Incident) -> Incident:
    return plain(incident, wrong_uuid=list(Role)[incident.seed % 2])


def _relinked(incident: Incident) -> Incident:
    moment = 0.05 + (incident.seed % 12) * 0.05
    return plain(
        incident, foreign=(Foreign(moment, Role.PRIMARY, Status.PASSIVE, "terraform", relinks=True),)
    )


# -- what is broken ---------------------------------------------------------------------------------------------


def foreign_is_an_echo(patch: Patch) -> None:
    compare = engine_check.compare  # type: ignore[attr-defined]

    def blind(*arguments: Any) -> Comparison:
        found = compare(*arguments)
        return Comparison(Change.ECHO, found.reason) if found.change is Change.FOREIGN else found

    patch.setattr(engine_check, "compare", blind)


def _any_name_is_ours(patch: Patch) -> None:
    def learned(state: RunState, original: Any = RunState.learned) -> Any:
        found: set[str] = original(state)
        seen = {record.modified_by for records in state.earlier.values() for record in records if record}
        return found | seen | {"terraform"}

    patch.setattr(RunState, "learned", learned)


def _accepted_is_done(patch: Patch) -> None:
    async def wait_for(self: WriteConfirmation, attempt: Attempt, answer: Any, began: float) -> Seen:
        if isinstance(answer, Accepted) and answer.record is not None:
            self.run.tell(
                WriteConfirmed(attempt.role, attempt.status, answer.record, Change.OURS, attempt.number)
            )
            return Seen.YES
        return Seen.NO

    async def until(*_: Any, **__: Any) -> None:
        return None

    patch.setattr(WriteConfirmation, "wait_for", wait_for)
    patch.setattr(WriteConfirmation, "note_peer", lambda *_: None)
    patch.setattr(Writer, "wait_until_converged", until)


def _sent_again_unread(patch: Patch) -> None:
    async def wait_for(
        self: WriteConfirmation,
        attempt: Attempt,
        answer: Any,
        began: float,
        original: Any = WriteConfirmation.wait_for,
    ) -> Seen:
        return Seen.NO if isinstance(answer, Lost) else await original(self, attempt, answer, began)

    async def unchecked(*_: Any, **__: Any) -> bool:
        return False

    patch.setattr(WriteConfirmation, "wait_for", wait_for)
    patch.setattr(Writer, "check", unchecked)


def _sent_again_and_again(patch: Patch) -> None:
    def once_more(
        self: Writer, attempt: Any, flight: Any, resends: int, may: Any = Writer._may_resend
    ) -> None:
        may(self, attempt, flight, resends - 1)

    patch.setattr(Writer, "_may_resend", once_more)


def _intent_last(patch: Patch) -> None:
    async def send(self: Writer, flight: Any) -> Any:
        run = self.run
        number = run.state.attempts + 1
        stamp = str(run.operator.stamp(run.state.run, number))
        attempt = Attempt(number, flight.role, flight.status, stamp, flight.transition, flight.purpose)
        base = run.state.expected.get(flight.role)
        record = link.draft(run.pair, flight.role, base, flight.status, stamp)
        began = run.clock.monotonic()
        answer = await run.world.write(record, within=self.reader.deadline(flight.role))
        run.tell(WriteIntended(attempt, run.world.describe(record), base))
        flight.attempts.append((attempt, answer))
        run.tell(WriteAnswered(attempt, answer))
        return attempt, answer, began

    patch.setattr(Writer, "_send", send)


def always_fresh(patch: Patch) -> None:
    patch.setattr(PairReader, "fresh_enough", lambda self: self.last is not None)
    patch.setattr(PairReader, "leave_by", lambda *_: float("inf"))
    patch.setattr(PairReader, "age", lambda _: 0.0)


def _suspension_unnoticed(patch: Patch) -> None:
    patch.setattr(
        PairReader,
        "age",
        lambda self: self.run.clock.monotonic() - self.read_at[1] if self.read_at else float("inf"),
    )


def _leaves_by_one_clock(patch: Patch) -> None:
    def leave(self: Departure) -> None:
        if self.clock.monotonic() > self.by:
            raise TooLate

    patch.setattr(Departure, "leave", leave)


def _resumed_under_the_same_stamps(patch: Patch) -> None:
    """Nor does anything but its number tell an attempt from one of the process before."""
    _resumed_without_the_journal(patch)
    patch.setattr(driving, "new_mark", lambda _: "")


def _resumed_without_the_journal(patch: Patch) -> None:
    def forgetful(session: Any, history: Any, name: str, original: Any = run._recall) -> RunState:
        found = original(session, history, name)
        return RunState(name, mode=found.mode, started=found.started)

    patch.setattr(run, "_recall", forgetful)


def _owed_is_forgotten(patch: Patch) -> None:
    note, remember = history._note, RunState.apply

    def forget(found: Any, about: Any, event: Any, at: Any) -> None:
        if not isinstance(event, WriteOwed):
            note(found, about, event, at)

    def unmindful(self: RunState, event: Any) -> None:
        remember(self, event)
        self.owed.clear()

    patch.setattr(history, "_note", forget)
    patch.setattr(RunState, "apply", unmindful)


def _anything_is_linked(patch: Patch) -> None:
    from orchestrator.situation import compare as situation_compare
    from orchestrator.situation import phase

    for module in (link, guards, reader):
        patch.setattr(module, "judge_link", lambda *_, **__: Linked())
    patch.setattr(phase, "link_of", lambda *_: Linked())
    patch.setattr(situation_compare, "same_link", lambda *_: True)


def _only_one_side_is_written(patch: Patch) -> None:
    async def with_one(self: TransitionExecutor, transition: Any) -> None:
        await self.writer.write(transition.writes[0], transition.target, transition=transition.name)

    patch.setattr(TransitionExecutor, "_with_both", with_one)


def _no_lock(patch: Patch) -> None:
    async def hold(session: Any, name: str, *, take_over: bool) -> Lock:
        return Lock(session, name, "nobody-asks")

    patch.setattr(holding, "hold", hold)
    patch.setattr(driving, "hold", hold)
    no_fence(patch)


def no_fence(patch: Patch) -> None:
    patch.setattr(Recorder, "_append", _unfenced)
    patch.setattr(Lock, "beat", lambda _: True)


def _unfenced(self: Recorder, batch: Any, append: Any = Recorder._append, **_: Any) -> None:
    """Whether the lock is still ours is not asked."""
    append(self, batch, holding=None)


def _on_after_a_failure(patch: Patch) -> None:
    async def make(
        self: TransitionExecutor, transition: Any, original: Any = TransitionExecutor.make
    ) -> None:
        try:
            await original(self, transition)
        except Stopped as stop:
            if stop.ending.end is End.INTERRUPTED:
                raise

    patch.setattr(TransitionExecutor, "make", make)


def _midway_leads_nowhere(patch: Patch) -> None:
    def enter(run: Any, phase: Any, *arguments: Any, original: Any = route.enter) -> Any:
        if phase.name is PhaseName.MIDWAY:
            phase = replace(phase, name=PhaseName.DIVERGED)
        return original(run, phase, *arguments)

    patch.setattr(route, "enter", enter)


def _unknown_passes(patch: Patch) -> None:
    def decide(_self: Terms, verdicts: Any) -> Decision:
        return Decision(tuple(verdict for verdict in verdicts if verdict.outcome is Outcome.FAIL))

    patch.setattr(Terms, "decide", decide)


def _chain_is_loose(patch: Patch) -> None:
    patch.setattr(store.JournalStore, "verify_newest", lambda *_: None)

    def link_for(entry: Any, *, after: Any, at: str, original: Any = store._link_for) -> Any:
        return replace(original(entry, after=after, at=at), prev="0" * 64)

    patch.setattr(store, "_link_for", link_for)


BREAKAGES = (
    Breakage(
        "never-over-foreign",
        "a foreign record passes for an echo",
        foreign_is_an_echo,
        foreign_soon,
        found=1,
    ),
    Breakage(
        "never-over-foreign", "any name is learned as ours", _any_name_is_ours, _foreign_ahead, found=11
    ),
    Breakage("done-is-seen", "accepted counts as done", _accepted_is_done, _lagging),
    Breakage("read-between", "sent again without reading", _sent_again_unread, _lost_answers),
    Breakage("few-sends", "sent again too often", _sent_again_and_again, _lost_answers, found=1),
    Breakage("intent-first", "the intent is journalled after the request", _intent_last),
    Breakage("read-before", "any reading is fresh", always_fresh, _suspended, found=8),
    Breakage(
        "own-stamps", "resume does not read the journal", _resumed_under_the_same_stamps, killed, found=9
    ),
    Breakage(
        "never-over-foreign",
        "resume does not compare",
        _resumed_without_the_journal,
        _killed_and_changed,
        found=4,
    ),
    Breakage("guards-bind", "unknown passes for pass", _unknown_passes, _dead_primary),
    Breakage(
        "prompt-emergency",
        "an emergency waits for the dead region",
        always(PairReader, "deadline", None),
        _dead_primary,
    ),
    Breakage("done-is-seen", "what is owed is forgotten", _owed_is_forgotten, _dead_primary),
    Breakage("never-mislinked", "wrong keys are good enough", _anything_is_linked, _wrong_keys),
    Breakage("never-mislinked", "any record is linked", _anything_is_linked, _relinked),
    Breakage("prefix-named", "one side is left behind", _only_one_side_is_written, plain),
    Breakage("locked", "nobody asks for the lock", _no_lock, _two_at_once),
    Breakage("done-is-seen", "a failed step is stepped over", _on_after_a_failure, _lost_answers, found=1),
    Breakage("reaches-goal", "a half-made transition leads nowhere", _midway_leads_nowhere, killed, found=9),
    Breakage(
        "one-repair",
        "late writes are put right for ever",
        always(Checker, "limit_late", None),
        _late_twice,
        found=1,
    ),
    Breakage("chain-holds", "records are not chained", _chain_is_loose, plain),
    Breakage("read-before", "a suspension goes unnoticed", _suspension_unnoticed, _suspended, found=8),
    Breakage(
        "read-before",
        "a request leaves by one clock",
        _leaves_by_one_clock,
        _suspended_once_intended,
        found=7,
    ),
)


def each_invariant(breakages: Iterable[Breakage]) -> pytest.MarkDecorator:
    """A test for each; of those that one invariant notices, the first is for every change, and the others nightly."""
    first = {each.noticed_by: each for each in reversed([*breakages])}
    return pytest.mark.parametrize(
        "breakage",
        [
            pytest.param(each, marks=() if first[each.noticed_by] is each else pytest.mark.nightly)
            for each in breakages
        ],
        ids=str,
    )


@each_invariant(BREAKAGES)
def test_the_incidents_notice(breakage: Breakage, monkeypatch: Patch) -> None:
    notice(breakage, monkeypatch)


def notice(breakage: Breakage, monkeypatch: Patch) -> None:
    """Fail where the incidents do not notice a breakage, or where they complain without it."""
    for turn in range(WITHIN):
        aimed = breakage.aim(bare((breakage.found + turn) % WITHIN))
        with monkeypatch.context() as patch:
            breakage.break_it(patch)
            noticed = {broken.invariant for broken in check(play(aimed))}
        if breakage.noticed_by in noticed:
            assert check(play(aimed)) == [], "it is not about what it should be: this is broken without it"
            return
    pytest.fail(f"not noticed by {breakage.noticed_by} in {WITHIN} incidents")

"""Checks of the journal: it holds and could be written, the pair is free, and nothing is left over from earlier runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from shlex import quote

from orchestrator.errors import HamrError
from orchestrator.journal import VERIFY_NEWEST
from orchestrator.journal.history import History
from orchestrator.model.readiness import Check, Group, Level
from orchestrator.model.words import counted, no_journal, span, unlock_command, utc

from .answers import Answers

SILENT_FOR = timedelta(minutes=1)
"""A living holder's heartbeat is never so old: it beats every few seconds."""


def check_journal(answers: Answers) -> Iterator[Check]:
    """The file itself; then the lock, and what earlier runs left behind, where the journal can be believed."""
    found = answers.journal
    if found.problem is not None:
        yield _unusable(answers, found.problem)
    yield _writable(answers)
    if found.history is None:
        return
    yield _holds(answers)
    if found.history.unjournalled:
        return  # what nobody ever wrote down is not known, rather than not so
    yield _lock(answers)
    yield _cooling_down(answers, found.history)
    yield _owed(answers, found.history)
    yield _unknown(answers, found.history)
    yield _open_run(answers, found.history)
    yield _hooks(found.history)
    yield _drills(answers, found.history)


def _unusable(answers: Answers, problem: HamrError) -> Check:
    sentence = (
        f"{problem.message[:1].upper()}{problem.message[1:].rstrip('.')}. "
        "Nothing is sent on such a journal; a run with --journal NEW_FILE sees neither its locks nor its history."
    )
    steps = ("hamr audit verify", f"hamr doctor {quote(answers.pair.name)} --journal NEW_FILE")
    return Check(Group.JOURNAL, "journal", Level.CRITICAL, Level.CRITICAL, sentence, next_steps=steps)


def _writable(answers: Answers) -> Check:
    found = answers.journal
    level = Level.CRITICAL if found.unwritable else Level.OK
    sentence = (
        f"A run could not write {found.place}: {found.unwritable}. What cannot be journalled is not sent."
        if found.unwritable
        else f"Nothing speaks against writing {found.place}."
    )
    steps = (f"hamr doctor {quote(answers.pair.name)} --journal NEW_FILE",) if found.unwritable else ()
    return Check(Group.JOURNAL, "writable", level, level, sentence, next_steps=steps)


def _holds(answers: Answers) -> Check:
    found = answers.journal
    if not found.exists or (found.history is not None and found.history.unjournalled):
        words = no_journal(found.place)
        sentence = f"{words[:1].upper()}{words[1:]}. The first run makes it."
        brief = "no journal here yet: lock, owed and unknown are not known on this machine"
        return Check(Group.JOURNAL, "journal", Level.OK, Level.OK, sentence, brief=brief)
    records = counted(found.records, "record")
    newest = (
        f", of which the newest {VERIFY_NEWEST:,} hold" if found.records > VERIFY_NEWEST else "; all hold"
    )
    sentence = f"{found.place} has {records}{newest}."
    return Check(Group.JOURNAL, "journal", Level.OK, Level.OK, sentence, brief=records)


def _lock(answers: Answers) -> Check:
    holder, pair = answers.journal.holder, quote(answers.pair.name)
    if holder is None:
        return _fine("lock", "Nobody holds the pair.")
    silent = answers.orgs.at - holder.beat_at
    who = f"{holder} holds the pair for run {holder.run}, since {utc(holder.taken_at)}"
    if answers.journal.holder_dead:
        sentence = f"{who}; that process is gone. The next run or resume takes its lock over."
        return _left("lock", Level.WARNING, Level.WARNING, sentence, f"hamr status {pair}")
    if silent > SILENT_FOR:
        sentence = (
            f"{who}, and gave no sign of life for {span(silent)}. Until it lets go, no run starts: "
            "ask them, then break the lock."
        )
        unlock = unlock_command(answers.pair.name, holder)
        return _left("lock", Level.CRITICAL, Level.CRITICAL, sentence, f"hamr show {holder.run}", unlock)
    sentence = f"{who}: a run is under way now."
    return _left("lock", Level.WARNING, Level.WARNING, sentence, f"hamr show {holder.run}")


def _cooling_down(answers: Answers, history: History) -> Check:
    cooling = history.cooling_down(answers.playbook.cool_down, answers.orgs.at)
    if cooling is None:
        return _fine("cooling down", "The pair is not cooling down.")
    run, left = cooling
    sentence = (
        f"The pair cools down for another {span(left)} after run {run.run}: until then a run asks first, "
        "and with --yes is refused."
    )
    return _left("cooling down", Level.WARNING, Level.WARNING, sentence, f"hamr ack {run.run}")


def _owed(answers: Answers, history: History) -> Check:
    owed = history.owed
    if owed is None:
        return _fine("owed", "Neither org is owed a status.")
    sentence = (
        f"{answers.org(owed.role)} is owed {owed.status} since {utc(owed.since)} (emergency run {owed.run}). "
        "A planned run is refused until resume has told it."
    )
    return _left("owed", Level.CRITICAL, Level.WARNING, sentence, f"hamr resume {quote(answers.pair.name)}")


def _unknown(answers: Answers, history: History) -> Check:
    holder = answers.journal.holder
    at_work = holder.run if holder is not None and not answers.journal.holder_dead else None
    open_ones = [(run, attempt) for run, attempt in history.unknown if run != at_work]
    if not open_ones:
        return _fine("unknown", "No write's outcome is unknown.")
    run, attempt = open_ones[0]
    sentence = (
        f"Nobody knows whether {attempt.status} to {answers.org(attempt.role)} took effect, or still will "
        f"(attempt {attempt.number} of run {run}). A new run has to accept that by name."
    )
    return _left(
        "unknown", Level.CRITICAL, Level.CRITICAL, sentence, f"hamr show {run}", f"hamr resume {run}"
    )


def _open_run(answers: Answers, history: History) -> Check:
    run, holder = history.open_run, answers.journal.holder
    at_work = holder is not None and not answers.journal.holder_dead
    if run is None or run.started is None or (at_work and holder is not None and holder.run == run.run):
        return _fine("open run", "No run was left open.")
    sentence = (
        f"Run {run.run} of {run.by} to {run.started.goal} was left open: resume finishes it, "
        "and a new run takes its place only by name."
    )
    return _left("open run", Level.WARNING, Level.WARNING, sentence, f"hamr resume {run.run}")


def _hooks(history: History) -> Check:
    owed = history.hooks_owed
    if not owed:
        return _fine("hooks owed", "No hook is owed.")
    names = ", ".join(hook for _, hook in owed)
    sentence = f"What is done after a transition did not end well yet: {names}. Resume runs it."
    return _left("hooks owed", Level.WARNING, None, sentence, f"hamr resume {owed[0][0]}")


def _drills(answers: Answers, history: History) -> Check:
    drill = history.open_drill
    if drill is None:
        return _fine("drills", "No drill was left open.")
    sentence = (
        f"Drill {drill.drill} of {drill.by}, begun {utc(drill.started_at)}, is open: other planned runs of "
        f"{answers.pair.name} are refused until it is closed. An emergency does not ask about drills."
    )
    close = f"hamr drill close {drill.drill} --notes TEXT"
    return _left("drills", Level.CRITICAL, Level.OK, sentence, close)


def _fine(name: str, sentence: str) -> Check:
    return Check(Group.JOURNAL, name, Level.OK, Level.OK, sentence)


def _left(name: str, planned: Level, emergency: Level | None, sentence: str, *steps: str) -> Check:
    return Check(Group.JOURNAL, name, planned, emergency, sentence, next_steps=steps)

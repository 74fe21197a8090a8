"""Checks of what is on this machine: the journal and what earlier runs left in it, the playbook, and who is at work."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator import __version__
from orchestrator.errors import HamrError, JournalBusy, JournalUnavailable
from orchestrator.journal import VERIFY_NEWEST, is_address
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.journal import Whereabouts
from orchestrator.model.next_step import NextStep
from orchestrator.model.readiness import Check, Group, Level
from orchestrator.model.words import age, capital, counted, doing, no_journal, proof_words, span, utc

from .answers import Answers, JournalFound


def check_journal(answers: Answers) -> Iterator[Check]:
    """The file itself; then the lock, and what earlier runs left behind, where the journal can be believed."""
    found = answers.journal
    if found.problem is not None:
        yield _unusable(answers, found.problem)
    if found.kept or found.unkept is not None or not is_address(found.place):
        yield _writable(answers)
    if found.history is None:
        return
    yield _holds(found, found.history)
    if found.history.unjournalled:
        return  # what nobody ever wrote down is not known, rather than not so
    yield from _other_name(found.history)
    yield _lock(answers)
    yield _cooling_down(answers, found.history)
    yield _owed(answers, found.history)
    yield _unknown(answers, found.history)
    yield from _may_come_late(answers)
    yield _open_run(answers, found.history)
    yield _hooks(found.history)
    yield _drills(answers, found.history)


def _unusable(answers: Answers, problem: HamrError) -> Check:
    if is_address(answers.journal.place) and isinstance(problem, JournalUnavailable):
        sentence = (
            f"{_sentence(problem)} A planned run is refused; an emergency goes on in a journal on this machine, and is merged "
            "later: it sees neither its locks nor its history."
        )
        again = next_step.doctor(answers.pair.name).so_that("look again, once it can be reached")
        return _left("journal", Level.CRITICAL, Level.WARNING, sentence, *problem.next_steps[:-1], again)
    sentence = f"{_sentence(problem)} Nothing is sent on such a journal; a run with --journal NEW_FILE sees neither its locks nor its history."
    elsewhere = next_step.doctor(answers.pair.name).with_options("--journal", "NEW_FILE")
    return _left("journal", Level.CRITICAL, Level.CRITICAL, sentence, next_step.verify(), elsewhere)


def _writable(answers: Answers) -> Check:
    """Whether a run could add to it: by this very look, where that was to be kept, else as far as can be told without trying."""
    found, why = answers.journal, answers.journal.unkept
    if found.kept:
        return _fine("writable", f"{found.place} can be written: this look was kept in it.")
    if isinstance(why, JournalBusy):
        sentence = (
            f"{_sentence(why)} This look was not kept. A run waits longer for its turn, "
            "and sends nothing that it cannot journal: see who writes to it all the time."
        )
        again = next_step.doctor(answers.pair.name).so_that("look again, once the other one is done")
        return _left("writable", Level.WARNING, Level.WARNING, sentence, again)
    if why is not None and is_address(found.place):
        sentence = (
            f"{_sentence(why)} A planned run is refused; an emergency goes on in a journal on this machine."
        )
        return _left("writable", Level.CRITICAL, Level.WARNING, sentence, *why.next_steps[:-1])
    if why is None and not found.unwritable:
        return _fine("writable", f"Nothing speaks against writing {found.place}.")
    said = f"A run could not write {found.place}: {found.unwritable}." if why is None else _sentence(why)
    sentence = f"{said} What cannot be journalled is not sent."
    elsewhere = next_step.doctor(answers.pair.name).with_options("--journal", "NEW_FILE")
    return _left("writable", Level.CRITICAL, Level.CRITICAL, sentence, elsewhere)


def _sentence(error: HamrError) -> str:
    """What an error says, as a sentence that others may follow."""
    return f"{capital(error.message).rstrip('.')}."


def _holds(found: JournalFound, history: History) -> Check:
    if not found.exists or history.unjournalled:
        sentence = f"{capital(no_journal(found.place))}. The first run makes it."
        brief = "no journal of a run here yet: lock, owed and unknown are not known on this machine"
        return _fine("journal", sentence, brief)
    records, all_hold = counted(found.records, "record"), found.records <= VERIFY_NEWEST
    newest = "; all hold" if all_hold else f", of which the newest {VERIFY_NEWEST:,} hold"
    return _fine("journal", f"{found.place} has {records}{newest}.", records)


def _lock(answers: Answers) -> Check:
    holder, pair = answers.journal.holder, answers.pair.name
    if holder is None:
        return _fine("lock", "Nobody holds the pair.")
    show = next_step.show(holder.run)
    who = f"{holder} holds the pair for run {holder.run}, since {utc(holder.taken_at)}"
    if answers.journal.holder_dead:
        sentence = f"{who}; that process is gone. The next run or resume takes its lock over."
        return _left("lock", Level.WARNING, Level.WARNING, sentence, next_step.status(pair))
    at_work = None if answers.standing is None else answers.standing.under_way
    if not holder.is_silent(answers.orgs.at):
        words = f"{holder} holds the pair" if at_work is None else f"{holder} is {doing(at_work)}"
        sentence = f"A run is under way: {words}. Leave it."
        return _left("lock", Level.WARNING, Level.WARNING, sentence, show)
    silent = f"{who}; its last heartbeat was {age(holder.beat_at, answers.orgs.at)}. Until it lets go, no run starts: "
    if at_work is not None and at_work.where is Whereabouts.RUNS:  # whose lock is never broken
        sentence = f"{silent}it was stopped, or hangs, on this very machine. Ask them, or have it go on (kill -CONT {holder.pid})."
        return _left("lock", Level.CRITICAL, Level.CRITICAL, sentence, show)
    sentence = f"{silent}ask them, then break the lock."
    unlock = next_step.unlock(answers.pair.name, holder.lock)
    return _left("lock", Level.CRITICAL, Level.CRITICAL, sentence, show, unlock)


def _other_name(history: History) -> Iterator[Check]:
    """Said only where it is so: most pairs keep their name."""
    known = history.known_as
    if known is not None:
        sentence = f"{capital(known.sentence)}. A run is refused until the pair is called {known.pair} again, or by name."
        yield _left("name", Level.CRITICAL, Level.CRITICAL, sentence, known.last)


def _cooling_down(answers: Answers, history: History) -> Check:
    cooling = history.cooling_down(answers.playbook.cool_down, answers.orgs.at)
    if cooling is None:
        return _fine("cooling down", "The pair is not cooling down.")
    run, left = cooling
    sentence = (
        f"The pair cools down for another {span(left)} after run {run.run}: until then a run asks first, "
        "and with --yes is refused."
    )
    return _left("cooling down", Level.WARNING, Level.WARNING, sentence, next_step.acknowledge(run.run))


def _owed(answers: Answers, history: History) -> Check:
    owed = history.owed
    if owed is None:
        return _fine("owed", "Neither org is owed a status.")
    sentence = (
        f"{answers.pair[owed.role]} is owed {owed.status} since {utc(owed.since)} (emergency run {owed.run}). "
        "A planned run is refused until resume has told it."
    )
    return _left("owed", Level.CRITICAL, Level.WARNING, sentence, next_step.resume(answers.pair.name))


def _unknown(answers: Answers, history: History) -> Check:
    at_work = answers.journal.run_at_work
    open_ones = [(run, attempt) for run, attempt in history.unknown if run != at_work]
    if not open_ones:
        return _fine("unknown", "No write's outcome is unknown.")
    run, attempt = open_ones[0]
    sentence = (
        f"Nobody knows whether {attempt.status} to {answers.pair[attempt.role]} took effect, or still will "
        f"(attempt {attempt.number} of run {run}). A new run has to accept that by name."
    )
    return _left(
        "unknown", Level.CRITICAL, Level.CRITICAL, sentence, next_step.show(run), next_step.resume(run)
    )


def _may_come_late(answers: Answers) -> Iterator[Check]:
    """Said only where it is so, for each: it ends by itself."""
    for run, attempt in () if answers.standing is None else answers.standing.given_up:
        sentence = (
            f"{attempt.status} to {answers.pair[attempt.role]} was given up, and may still take effect "
            f"(attempt {attempt.number} of run {run}): whatever is seen now, it may change."
        )
        look = next_step.look_again(answers.pair.name)
        yield _left("late write", Level.WARNING, Level.WARNING, sentence, look)


def _open_run(answers: Answers, history: History) -> Check:
    run = history.open_run
    if run is None or run.started is None or run.run == answers.journal.run_at_work:
        return _fine("open run", "No run was left open.")
    sentence = (
        f"Run {run.run} of {run.by} to {run.started.goal} was left open: resume finishes it, "
        "and a new run takes its place only by name."
    )
    return _left("open run", Level.WARNING, Level.WARNING, sentence, next_step.resume(run.run))


def _hooks(history: History) -> Check:
    owed = history.hooks_owed
    if not owed:
        return _fine("hooks owed", "No hook is owed.")
    names = ", ".join(hook for _, hook in owed)
    sentence = f"What is done after a transition did not end well yet: {names}. Resume runs it."
    return _left("hooks owed", Level.WARNING, None, sentence, next_step.resume(owed[0][0]))


def _drills(answers: Answers, history: History) -> Check:
    drill = history.open_drill
    if drill is None:
        return _fine("drills", "No drill was left open.")
    sentence = (
        f"Drill {drill.drill} of {drill.by}, begun {utc(drill.started_at)}, is open: other planned runs of "
        f"{answers.pair.name} are refused until it is closed. An emergency does not ask about drills."
    )
    close = next_step.close_drill(drill.drill)
    return _left("drills", Level.CRITICAL, Level.OK, sentence, close)


def _fine(name: str, sentence: str, brief: str = "") -> Check:
    return Check(Group.JOURNAL, name, Level.OK, Level.OK, sentence, brief=brief)


def _left(name: str, planned: Level, emergency: Level | None, sentence: str, *steps: NextStep) -> Check:
    return Check(Group.JOURNAL, name, planned, emergency, sentence, next_steps=steps)


NOBODY = "unknown"
"""The operator's name where the system gives none."""


def check_here(answers: Answers) -> Iterator[Check]:
    """The playbook, its objectives, and the operator."""
    playbook, operator = answers.playbook, answers.operator
    transitions = counted(len(playbook.transitions), "transition")
    where = f" ({playbook.path})" if playbook.path else ""
    loaded = f"Playbook {playbook.name} loads, with {transitions}{where}."
    yield Check(Group.HERE, "playbook", Level.OK, Level.OK, loaded, brief=playbook.name)
    yield _objectives(answers)
    yield from _proof(answers)
    if operator.name == NOBODY:
        sentence = (
            "This machine does not tell who you are: the journal and the records would say unknown. "
            "Set HAMR_OPERATOR, or name yourself with --operator NAME@HOST."
        )
        yield Check(Group.HERE, "operator", Level.WARNING, Level.WARNING, sentence)
        return
    sentence = f"Records and journal would name {operator}."
    yield Check(Group.HERE, "operator", Level.OK, Level.OK, sentence, brief=str(operator))


def _proof(answers: Answers) -> Iterator[Check]:
    """What a certificate in the journal says of this very playbook; nothing where it was never proven."""
    certificate, playbook = answers.journal.certificate, answers.playbook
    if certificate is None:
        return
    words = proof_words(certificate, playbook.digest, __version__)
    if not certificate.changed_since(playbook.digest, __version__):
        sentence = f"Playbook {playbook.name} is {words}, on {counted(certificate.proven.routes, 'route')}."
        yield Check(Group.HERE, "proof", Level.OK, Level.OK, sentence, brief=words)
        return
    options, file = ("--pair", answers.pair.name, "--record"), playbook.path or playbook.name
    again = NextStep("prove", file, options, "prove it as it is now")
    sentence = f"Playbook {certificate.proven.playbook} {words}."
    yield Check(Group.HERE, "proof", Level.WARNING, Level.WARNING, sentence, next_steps=(again,))


def _objectives(answers: Answers) -> Check:
    """A playbook for emergencies should say how long they may take; one that only sets a pair up need not."""
    objectives = answers.playbook.objectives
    if objectives:
        listed = ", ".join(f"{status} within {span(wanted)}" for status, wanted in objectives.items())
        return Check(Group.HERE, "objectives", Level.OK, None, f"Recovery time objectives: {listed}.")
    if not answers.survivors:
        return Check(Group.HERE, "objectives", Level.OK, None, "No recovery time objective is set.")
    sentence = (
        f"The playbook {answers.playbook.name} sets no recovery time objective: no run or drill can miss one. "
        "Set objectives in it."
    )
    return Check(Group.HERE, "objectives", Level.WARNING, None, sentence)

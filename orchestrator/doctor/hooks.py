"""Checks of hooks: are the programs that they run on this machine?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.hook import Hook, InEmergency, Program, When
from orchestrator.model.playbook import Playbook, Row
from orchestrator.model.readiness import Check, Group, Level

from .answers import Answers


def hook_programs(playbook: Playbook) -> frozenset[str]:
    """The programs that a playbook's hooks run, as they are named there."""
    return frozenset(
        hook.what.run[0]
        for row in playbook.rows
        for when in When
        for hook in row.hooks(when)
        if isinstance(hook.what, Program)
    )


def check_hooks(answers: Answers) -> Iterator[Check]:
    """Each hook of each row; what a person does by hand needs nothing here."""
    for row in answers.playbook.rows:
        for when in When:
            for hook in row.hooks(when):
                if isinstance(hook.what, Program):
                    yield _program(answers, row, when, hook, hook.what)


def _program(answers: Answers, row: Row, when: When, hook: Hook, program: Program) -> Check:
    name, argv = f"hook {row.name}/{hook.name}", program.run[0]
    needed = row.survivor is not None and hook.emergency is InEmergency.RUN
    if argv not in answers.missing_programs:
        sentence = f"{argv} is there. It is not run here."
        return Check(Group.HOOKS, name, Level.OK, Level.OK if needed else None, sentence)
    if when is When.BEFORE:
        planned = Level.CRITICAL
        means = f"row {row.name} would stop before its first write"
    else:
        planned = Level.WARNING
        means = f"it would be owed once row {row.name} is made"
    emergency = Level.WARNING if needed else None
    sentence = f"{argv} is not on this machine, or cannot be run: {means}."
    if needed:
        sentence += " An emergency goes on without it."
    return Check(Group.HOOKS, name, planned, emergency, sentence)

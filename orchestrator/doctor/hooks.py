"""Checks of hooks: are the programs that they run on this machine?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.hook import Hook, InEmergency, Program, When
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.readiness import Check, Group, Level

from .answers import Answers


def hook_programs(playbook: Playbook) -> frozenset[str]:
    """The programs that a playbook's hooks run, as they are named there."""
    return frozenset(
        hook.what.run[0]
        for transition in playbook.transitions
        for when in When
        for hook in transition.hooks(when)
        if isinstance(hook.what, Program)
    )


def check_hooks(answers: Answers) -> Iterator[Check]:
    """Each hook of each transition; what a person does by hand needs nothing here."""
    for transition in answers.playbook.transitions:
        for when in When:
            for hook in transition.hooks(when):
                if isinstance(hook.what, Program):
                    yield _program(answers, transition, when, hook, hook.what)


def _program(answers: Answers, transition: Transition, when: When, hook: Hook, program: Program) -> Check:
    name, argv = f"hook {transition.name}/{hook.name}", program.run[0]
    needed = transition.survivor is not None and hook.emergency is InEmergency.RUN
    if argv not in answers.missing_programs:
        sentence = f"{argv} is there. It is not run here."
        return Check(Group.HOOKS, name, Level.OK, Level.OK if needed else None, sentence)
    if when is When.BEFORE:
        planned = Level.CRITICAL
        means = f"transition {transition.name} would stop before its first write"
    else:
        planned = Level.WARNING
        means = f"it would be owed once transition {transition.name} is made"
    emergency = Level.WARNING if needed else None
    sentence = f"{argv} is not on this machine, or cannot be run: {means}."
    if needed:
        sentence += " An emergency goes on without it."
    return Check(Group.HOOKS, name, planned, emergency, sentence)

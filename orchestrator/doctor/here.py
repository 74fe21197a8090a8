"""Checks of what is on this machine beside the journal: the playbook, its objectives, and who is at the keyboard."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.readiness import Check, Group, Level
from orchestrator.model.words import counted, span

from .answers import Answers

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
    if operator.name == NOBODY:
        sentence = (
            "This machine does not tell who you are: the journal and the records would say unknown. "
            "Set HAMR_OPERATOR, or name yourself with --operator NAME@HOST."
        )
        yield Check(Group.HERE, "operator", Level.WARNING, Level.WARNING, sentence)
        return
    sentence = f"Records and journal would name {operator}."
    yield Check(Group.HERE, "operator", Level.OK, Level.OK, sentence, brief=str(operator))


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

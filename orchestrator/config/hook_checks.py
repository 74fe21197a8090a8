"""What must fit together in a transition's hooks: a program or a person, and names that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.hook import When
from orchestrator.model.plain import JSON

from .nodes import Finding, Steps, list_in


def hook_findings(data: dict[str, JSON]) -> Iterator[Finding]:
    """Everything about the hooks that does not fit together."""
    for index, transition in enumerate(list_in(data.get("transitions"))):
        first: dict[str, str] = {}
        for steps, hook in _hooks(("transitions", index), transition):
            yield from _one_doing(steps, hook)
            name, when = hook.get("name"), str(steps[-2])
            if not isinstance(name, str):
                continue
            if (other := first.get(name)) is not None:
                both = f"both {when}" if other == when else f"one {other} and one {when} it"
                yield Finding(
                    (*steps, "name"),
                    f'two hooks of this transition are named "{name}" ({both}): give each a name of its own',
                )
            first.setdefault(name, when)


def _hooks(steps: Steps, transition: JSON) -> Iterator[tuple[Steps, dict[str, JSON]]]:
    for when in When:
        hooks = transition.get(when.value) if isinstance(transition, dict) else None
        for index, hook in enumerate(list_in(hooks)):
            if isinstance(hook, dict):
                yield (*steps, when.value, index), hook


def _one_doing(steps: Steps, hook: dict[str, JSON]) -> Iterator[Finding]:
    if "run" in hook and "manual" in hook:
        yield Finding(
            steps,
            "a hook is a program (run) or something that a person does (manual), not both: make two hooks",
        )
    elif "run" not in hook and "manual" not in hook:
        yield Finding(
            steps,
            "this hook does nothing: give it run: [PROGRAM, ARGUMENT], or manual: and what a person is to do",
        )
    elif "manual" in hook and "timeout" in hook:
        yield Finding(
            (*steps, "timeout"),
            "a person is not timed: timeout is for hooks with run, so leave it out here",
            at_key=True,
        )

"""What is left to do: one list, in a report, at the end of a run and in `status`, the most urgent first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.run import Attempt
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role
from orchestrator.model.words import utc

from .layout import Line, Page, Span, heading, line, paragraph, shortened

_LONGEST = 600
"""Characters of one thing."""


class ToDo(Struct, frozen=True):
    """One thing that is left to do."""

    text: str
    command: str = ""
    """What to type; "" where it is done by hand."""


class Left(Struct, frozen=True):
    """What a run, or all runs of a pair, left behind, as the journal has it."""

    pair: str
    orgs: Mapping[Role, str]
    """What they are called: Payments EU (secondary)."""
    unknown: Sequence[tuple[str, Attempt]] = ()
    """(run, attempt) of every write of which nobody knows what became of it."""
    open_run: str = ""
    """The run that can be taken up, or ""."""
    ended: bool = True
    """Whether its last process said how it ended; it may still go on, where not."""
    asking: bool = False
    """Whether it waits for an answer at its own terminal."""
    overtaken: Sequence[NextStep] = ()
    """What leads on where the open run stopped for somebody else's write, and would, taken up, stop for it again."""
    stopped_for: Sequence[NextStep] = ()
    """What leads on from a run that is over and did not get to its goal; the first is the one to type."""
    owed: Sequence[Owed] = ()
    agreed: bool = False
    """Whether both orgs show the same: then there is nothing to be told, and what was owed is only to be settled."""
    approvals: Sequence[str] = ()
    """Runs that were emergencies without other people's agreement, which they have to give afterwards."""
    hooks_owed: Sequence[tuple[str, str]] = ()
    """(run, "transition/hook") of `after` hooks that did not end well yet."""
    hooks_failed: Sequence[str] = ()
    """`before` hooks that did not end well, of transitions that were made all the same: "transition/hook"."""
    by_hand: Sequence[str] = ()
    """Manual hooks that nobody was asked about, in the playbook's words."""
    remember: Sequence[str] = ()
    """What the playbook wants to be remembered once the pair stands at ACTIVE."""
    drill: str = ""
    """The drill that is to be closed, or ""."""


def left_to_do(left: Left) -> tuple[ToDo, ...]:
    """Everything that a person, or a command, still has to do; each once."""
    things: list[ToDo] = []
    # Whoever finds out, does so of an org: its newest attempt stands for those before.
    newest = {(run, attempt.role): attempt for run, attempt in left.unknown}
    for (run, role), attempt in newest.items():
        text = (
            f"Find out whether {attempt.status} to {left.orgs[role]} took effect, or still will "
            f"(attempt {attempt.number} of run {run})."
        )
        things.append(ToDo(text, next_step.status(left.pair).command))
    if left.open_run and left.overtaken:
        text = f"Settle what somebody else wrote: run {left.open_run} stays open until then."
        things.append(ToDo(text, left.overtaken[0].command))
    elif left.open_run and left.asking:
        text = f"Answer what run {left.open_run} asks at its own terminal; only if nobody is there, take it up here."
        things.append(ToDo(text, next_step.resume(left.open_run).command))
    elif left.open_run:
        text = "Take run {} up again" if left.ended else "See whether run {} still goes on; if not, resume it"
        text = f"{text.format(left.open_run)}: it stays open until then."
        things.append(ToDo(text, next_step.resume(left.open_run).command))
    elif left.stopped_for:
        first, *others = left.stopped_for
        things.append(ToDo("Clear what stopped it, then try again.", first.command))
        things += [ToDo(f"Or: {step.why}.", step.command) for step in others]
    things += [_debt(left, owed) for owed in left.owed]
    for run in left.approvals:
        text = f"Have somebody else agree to run {run}: as an emergency it did not wait for that."
        things.append(ToDo(text, next_step.approve(run, afterwards=True).command))
    for run, hook in left.hooks_owed:
        text = f"Hook {_named(hook)} did not end well; a resumed run tries it again."
        things.append(ToDo(text, next_step.resume(run).command))
    failed = [
        f"hook {_named(hook)} did not end well, and nothing runs it again." for hook in left.hooks_failed
    ]
    things += [ToDo(f"By hand: {text}") for text in (*failed, *left.by_hand)]
    things += [ToDo(text) for text in left.remember]
    if left.drill:
        things.append(ToDo("Close the drill.", next_step.close_drill(left.drill).command))
    return tuple(dict.fromkeys(things))


def _debt(left: Left, owed: Owed) -> ToDo:
    org, since = left.orgs[owed.role], f"since {utc(owed.since)} (run {owed.run})"
    if left.agreed:
        text = f"Settle what {org} was owed {since}: {owed.status}. Both orgs show the same by now."
    else:
        text = f"Tell {org} {owed.status}, as soon as it can be reached: it is owed that {since}."
    settles = left.overtaken[0] if left.overtaken else next_step.resume(left.pair)
    return ToDo(text, settles.command)


def _named(hook: str) -> str:
    """A hook that is known as transition/hook: flip of transition activate."""
    transition, _, name = hook.partition("/")
    return f"{shortened(name, 60)} of transition {shortened(transition, 60)}"


def to_do_lines(things: Sequence[ToDo], *, commands: bool = False, well: bool = False) -> Page:
    """The list, each to be ticked off; without commands where the page ends in what to type next.

    Of an empty list nothing is said, unless all is `well`.
    """
    if not things:
        return (line(), (Span("Left to do: ", "heading"), Span("Nothing.", "good"))) if well else ()
    page: list[Line] = [*heading("Left to do")]
    for thing in things:
        page += paragraph(f"[ ] {shortened(thing.text, _LONGEST)}", indent=2, hanging=4)
        if commands and thing.command:
            page.append((Span("      "), Span(thing.command, "command")))
    return tuple(page)

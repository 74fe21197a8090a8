"""What to type next, as a value: a verb of hamr, what it is about, its options, and a few words on what it is for (law 15)."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from .status import Role, Status

DEFAULT_PLAYBOOK = "regional-failover"
"""The playbook that a command takes when none is named."""

ANY_REASON = "REASON"
"""Stands where the person has to write a reason."""

TEXT = "TEXT"
"""Stands where the person has to think."""

MANY = 8
"""More names than that are not said in one line."""


class NextStep(Struct, frozen=True):
    """One command that leads on; `str` of it is the line to type."""

    verb: str
    """Of hamr: run, drill close; "" where it is another program's, or a line as somebody typed it."""
    subject: str = ""
    """The pair, run, drill or file that it is about; where there is no verb, the whole line."""
    options: tuple[str, ...] = ()
    """Flags and their values, as words: --to, ACTIVE, --emergency."""
    why: str = ""
    """What it is for, in a few words."""

    @property
    def command(self) -> str:
        """The line to type, quoted for a shell."""
        if not self.verb:
            return self.subject
        subject = (self.subject,) if self.subject else ()
        return " ".join(("hamr", self.verb, *map(shlex.quote, (*subject, *self.options))))

    def __str__(self) -> str:
        return self.command

    @property
    def is_emergency(self) -> bool:
        """Whether it goes on with one org alone."""
        return "--emergency" in self.options

    @property
    def begins_anew(self) -> bool:
        """Whether it begins a new run that is no emergency."""
        return self.verb == "run" and not self.is_emergency

    @property
    def goes_over(self) -> dict[str, str]:
        """The guards that it goes over, each with the reason."""
        words = (word.partition("=") for flag, word in pairwise(self.options) if flag == "--override")
        return {guard: reason for guard, _, reason in words}

    def overriding(self, *guards: str, reason: str = ANY_REASON) -> NextStep:
        """The same, going over these guards by name; those that it goes over already once."""
        words = [
            word
            for guard in dict.fromkeys(guards)
            if guard not in self.goes_over
            for word in ("--override", f"{guard}={reason}")
        ]
        return replace(self, options=(*self.options, *words))

    def with_options(self, *words: str, why: str = "") -> NextStep:
        """The same with more options, and with other words on what it is for, where there are some."""
        return replace(self, options=(*self.options, *words), why=why or self.why)

    def as_emergency(self, reason: str = TEXT, *, why: str = "") -> NextStep:
        """The same as an emergency."""
        return self.with_options("--emergency", "--reason", reason, why=why)

    def so_that(self, why: str) -> NextStep:
        """The same with other words on what it is for."""
        return replace(self, why=why)


def each_once(steps: Iterable[NextStep]) -> tuple[NextStep, ...]:
    """The steps, a command that stands there twice where it stood first."""
    found: dict[str, NextStep] = {}
    for step in steps:
        found.setdefault(step.command, step)
    return tuple(found.values())


def shell(line: str, why: str) -> NextStep:
    """A line for a shell: another program's, a flag, or a command of hamr as somebody typed it."""
    return NextStep("", line, why=why)


def _of_one(verb: str, why: str, *options: str) -> Callable[[str], NextStep]:
    """Makes the step of a verb about one pair, run, drill, fleet or file, whose name is all that it is given."""
    return lambda subject: NextStep(verb, subject, options, why)


def _alone(verb: str, why: str) -> Callable[[], NextStep]:
    """Makes the step of a verb that is about nothing by name."""
    return lambda: NextStep(verb, why=why)


# About a pair.
status = _of_one("status", "look at both orgs again")
look_again = _of_one("status", "look again: what was given up may still take effect")
watch = _of_one("status", "look again and again; Ctrl-C ends it", "--watch")
doctor = _of_one("doctor", "find out what is wrong here, and what to do about it")
resume = _of_one("resume", "go on with what was left open")
"""Of a pair: its open run, or what is owed; or a run, by its id."""

# About a run, or a drill.
acknowledge = _of_one("ack", "end the cooling down")
close_drill = _of_one("drill close", "bring the pair home and close the drill", "--notes", TEXT)
again = _of_one("drill from", "make a scenario of it, to be met again in a drill")
cancel = _of_one("cancel", "let that run not begin")
show = _of_one("show", "read what that run did, step by step")
report = _of_one("report", "read its report")

# About a file, or a team's journal.
apply = _of_one("apply", "do exactly what this plan says, or nothing")
graph = _of_one("graph", "see which transitions there are")
lay_out = _of_one("journal init", "lay the journal out, or bring it up to this version")
merge = _of_one("journal merge", "once the team's journal can be reached: bring this run's records in")

# About a fleet.
fleet_report = _of_one("fleet report", "read what became of each pair")
fleet_resume = _of_one("fleet resume", "go on with what is left to do for its pairs")
fleet_stop = _of_one("fleet stop", "let what is under way end its transition, and begin nothing new")

every_status = _alone("status", "see where your pairs stand")
runs = _alone("runs", "see which runs there are")
init = _alone("init", "write an inventory and a playbook to start from")
check = _alone("check", "see what is wrong with the inventory and the playbook")
verify = _alone("audit verify", "see whether the journal is whole")
head = _alone("audit head", "see the journal's newest record and its hash")


def plan(pair: str, goal: Status) -> NextStep:
    """See what would be sent."""
    return NextStep("plan", pair, ("--to", goal.name), f"see what a run to {goal} would send; sends nothing")


def run(pair: str, goal: Status) -> NextStep:
    """Go there."""
    return NextStep("run", pair, ("--to", goal.name), f"go to {goal}")


def adopt(pair: str, truth: Role, reason: str = TEXT) -> NextStep:
    """Declare one org right: the other is written once."""
    why = f"declare the {truth} right: the {truth.other} is written what it shows, once"
    return NextStep("adopt", pair, ("--truth", truth.value, "--reason", reason), why)


def unlock(pair: str, lock: str) -> NextStep:
    """Break a lock, by its id and with a reason."""
    why = "break the lock, once you know that nobody is at work there"
    return NextStep("unlock", pair, ("--lock-id", lock, "--reason", TEXT), why)


def play(scenario: str) -> NextStep:
    """Play a scenario on the simulator."""
    return NextStep("drill run", options=("--scenario", scenario), why="play it on the simulator")


def approve(what: str, *, afterwards: bool = False) -> NextStep:
    """Agree to what somebody else's run does, beforehand or afterwards; `what` is a run or the file of a plan."""
    options = ("--afterwards", "--reason", TEXT) if afterwards else ("--reason", TEXT)
    return NextStep("approve", what, options, "agree to exactly this; whoever asked for it cannot")


def simulate(*options: str) -> NextStep:
    """Two regions on loopback."""
    return NextStep("simulate", options=options, why="start two regions on loopback")


def fleet_status(*options: str) -> NextStep:
    """Where many pairs stand."""
    return NextStep("fleet status", options=options, why="see where these pairs stand")


def fleet_plan(*pairs: str, goal: Status) -> NextStep:
    """See what moving many pairs would do; of all pairs, where the names would fill the screen."""
    named = pairs if len(pairs) <= MANY else ("--all",)
    why = f"see what moving them to {goal} would do; sends nothing"
    return NextStep("fleet plan", options=(*named, "--to", goal.name), why=why)


def fleet_emergency(pairs: Sequence[str], goal: Status) -> NextStep:
    """How those of these pairs would go on that have lost an org."""
    why = "see which of them have lost an org: an emergency moves those alone"
    return fleet_plan(*pairs, goal=goal).as_emergency(why=why)


def override_flag(guard: str) -> str:
    """The flag that overrides a guard: --override settled=REASON."""
    return f"--override {shlex.quote(f'{guard}={ANY_REASON}')}"

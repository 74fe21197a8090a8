"""Playbooks that `hamr check` finds fine, and that are wrong all the same: each with the law that a proof finds it break."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.proof import Event
from orchestrator.model.status import Status

HEAD = """\
schema: 1
name: {name}
stops: [PASSIVE, ACTIVE]
confirm: {{within: 20s, every: 5s}}
"""

WELL = """\
transitions:
  - {name: declare, from: PASSIVE, to: FAILOVER, survivor: secondary}
  - {name: activate, from: FAILOVER, to: ACTIVE, survivor: secondary}
  - {name: abort, from: FAILOVER, to: PASSIVE}
  - {name: recover, from: ACTIVE, to: RECOVERY}
  - {name: settle, from: RECOVERY, to: PASSIVE}
"""

QUERY = "sum:datadog.agent.running{*}"
AGENTS = f'  agents: {{metric: {{org: secondary, query: "{QUERY}"}}}}\n'
IN_PRIMARY = f'  agents_in_primary: {{metric: {{org: primary, query: "{QUERY}"}}}}\n'


def playbook(name: str, middle: str = "", transitions: str = WELL) -> str:
    """The text of one."""
    return HEAD.format(name=name) + middle + transitions


def with_more(transition: str, more: str, transitions: str = WELL) -> str:
    """The transitions, one of them with more to it."""
    return transitions.replace(f"name: {transition},", f"name: {transition}, {more},")


PLANNED_ONLY = WELL.replace(", survivor: secondary", "")
ONE_WAY = PLANNED_ONLY.replace("  - {name: abort, from: FAILOVER, to: PASSIVE}\n", "")


class Broken(Struct, frozen=True):
    """One playbook, and what is to be found."""

    text: str
    law: str
    faults: int
    says: str
    """Words of its story, or of why."""
    to: tuple[Status, ...] = ()
    """Only the ways there are looked at."""
    by: tuple[Event, ...] = ()
    """The faults of its story, where that matters."""


BROKEN = {
    "guards-that-contradict": Broken(
        playbook(
            "guards-that-contradict",
            f"probes:\n{AGENTS}guards:\n  some: {{probe: {{name: agents, above: 0}}}}\n"
            "  none: {probe: {name: agents, below: 0}}\n",
            with_more("declare", "guards: [some, none]"),
        ),
        "reaches",
        0,
        "transition declare (PASSIVE → FAILOVER) was refused",
    ),
    "windows-that-never-meet": Broken(
        playbook(
            "windows-that-never-meet",
            "guards:\n  by_day: {window: {zone: UTC, from: '09:00', until: '17:00'}}\n"
            "  by_night: {window: {zone: UTC, from: '22:00', until: '05:00'}}\n",
            with_more("recover", "guards: [by_day, by_night]"),
        ),
        "reaches",
        0,
        "by_day",
    ),
    "slower-than-its-objective": Broken(
        playbook(
            "slower-than-its-objective",
            f"objectives: {{ACTIVE: 15m}}\nprobes:\n{AGENTS}"
            "guards:\n  telemetry: {probe: {name: agents, above: 0}, within: 30m}\n",
            with_more("activate", "guards: [telemetry]"),
        ),
        "in-time",
        1,
        "ACTIVE is to be reached in 15 min",
        (Status.ACTIVE,),
        (Event.PASSED_LATER,),
    ),
    "two-waits-in-a-row": Broken(
        playbook(
            "two-waits-in-a-row",
            f"objectives: {{ACTIVE: 15m}}\nprobes:\n{AGENTS}{IN_PRIMARY}"
            "guards:\n  one: {probe: {name: agents, above: 0}, within: 10m}\n"
            "  two: {probe: {name: agents_in_primary, above: 0}, within: 10m}\n",
            with_more("declare", "guards: [two]", with_more("activate", "guards: [one]", PLANNED_ONLY)),
        ),
        "in-time",
        2,
        "passed only when its time was nearly up",
        (Status.ACTIVE,),
    ),
    "patient-with-the-dead": Broken(
        playbook("patient-with-the-dead", "objectives: {ACTIVE: 5s}\nemergency: {deadline: 10s}\n"),
        "in-time",
        0,
        "ACTIVE is to be reached in 5 s",
    ),
    "cool-down-on-the-way-home": Broken(
        playbook("cool-down-on-the-way-home", "cool_down: 5h\nobjectives: {PASSIVE: 4h}\n"),
        "in-time",
        0,
        "the way home is held up",
    ),
    "quiet-on-the-way-home": Broken(
        playbook(
            "quiet-on-the-way-home",
            "objectives: {PASSIVE: 1h}\nguards: {settled: {quiet: {for: 2h}}}\n",
            with_more("recover", "guards: [settled]"),
        ),
        "in-time",
        0,
        "the way home is held up",
    ),
    "hook-that-stops-the-way-home": Broken(
        playbook(
            "hook-that-stops-the-way-home",
            transitions=with_more("settle", "before: [{name: resync, run: [./resync], again: safe}]"),
        ),
        "leads-on",
        1,
        "hook resync ended badly, as often as it was run",
        (Status.PASSIVE,),
    ),
    "stop-that-cannot-be-left": Broken(
        playbook(
            "stop-that-cannot-be-left",
            transitions=with_more("activate", "before: [{name: flip, run: [./flip], again: safe}]", ONE_WAY),
        ),
        "leads-on",
        1,
        "hook flip ended badly, as often as it was run",
        (Status.ACTIVE,),
    ),
}

GOOD = playbook("good")

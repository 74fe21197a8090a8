"""Playbooks that `hamr check` finds fine, and that are wrong all the same: each by the law that a proof finds it break."""

from __future__ import annotations

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

FULL = "sum:datadog.agent.running{*}"


def playbook(name: str, middle: str = "", transitions: str = WELL) -> str:
    """The text of one."""
    return HEAD.format(name=name) + middle + transitions


def with_line(transition: str, more: str) -> str:
    """The transitions, one of them with more to it."""
    before, found, after = WELL.partition(f"name: {transition},")
    return f"{before}{found} {more},{after}"


GOOD = playbook("good")

PROBE = f"""\
probes:
  agents: {{metric: {{org: secondary, query: "{FULL}"}}}}
  agents_in_primary: {{metric: {{org: primary, query: "{FULL}"}}}}
  dead_page: {{http: {{url: "http://primary.example/health"}}}}
"""

BROKEN: dict[str, tuple[str, str, int]] = {
    # name: (text, the law, faults to find it)
    "half-a-survivor": (
        playbook(
            "half-a-survivor",
            transitions=WELL.replace("to: ACTIVE, survivor: secondary", "to: ACTIVE"),
        ),
        "emergency-finishes",
        0,
    ),
    "two-survivors": (
        playbook(
            "two-survivors",
            transitions=WELL.replace("to: ACTIVE, survivor: secondary", "to: ACTIVE, survivor: primary"),
        ),
        "emergency-finishes",
        0,
    ),
    "judged-by-the-dead": (
        playbook(
            "judged-by-the-dead",
            PROBE
            + "guards:\n  well: {probe: {name: agents, above: 0}}\n"
            + "  quiet_there: {probe: {name: agents_in_primary, below: 1}}\n"
            + "  either: {any: [well, quiet_there]}\n  neither: {not: either}\n",
            with_line("declare", "guards: [neither]"),
        ),
        "leads-on",
        0,
    ),
    "slower-than-its-objective": (
        playbook(
            "slower-than-its-objective",
            PROBE
            + "objectives: {ACTIVE: 15m}\n"
            + "guards:\n  telemetry: {probe: {name: agents, above: 0}, within: 30m}\n",
            with_line("activate", "guards: [telemetry]"),
        ),
        "in-time",
        1,
    ),
    "two-waits-in-a-row": (
        playbook(
            "two-waits-in-a-row",
            PROBE
            + "objectives: {ACTIVE: 15m}\n"
            + "guards:\n  one: {probe: {name: agents, above: 0}, within: 10m}\n"
            + "  two: {probe: {name: agents_in_primary, above: 0}, within: 10m}\n",
            with_line("declare", "guards: [two]").replace(
                "name: activate,", "name: activate, guards: [one],"
            ),
        ),
        "in-time",
        2,
    ),
    "no-way-back": (
        playbook(
            "no-way-back",
            "",
            with_line("activate", "before: [{name: flip, run: [./flip], again: safe}]").replace(
                "  - {name: abort, from: FAILOVER, to: PASSIVE}\n", ""
            ),
        ),
        "leads-on",
        1,
    ),
    "hook-that-stops-the-way-home": (
        playbook(
            "hook-that-stops-the-way-home",
            "",
            with_line("settle", "before: [{name: resync, run: [./resync], again: safe}]"),
        ),
        "leads-on",
        1,
    ),
    "deadline-longer-than-its-objective": (
        playbook(
            "deadline-longer-than-its-objective", "objectives: {ACTIVE: 20s}\nemergency: {deadline: 10s}\n"
        ),
        "in-time",
        0,
    ),
    "slow-hook-before-its-objective": (
        playbook("slow-mirror", "objectives: {ACTIVE: 100ms}\n"),
        "in-time",
        0,
    ),
    "cool-down-longer-than-the-way-home-may-take": (
        playbook("cool-down", "cool_down: 5h\nobjectives: {PASSIVE: 4h}\n"),
        "in-time",
        0,
    ),
}

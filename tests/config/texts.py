"""Small correct files to make wrong ones from, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.config import parse_inventory, parse_playbook
from orchestrator.errors import DocumentError

INVENTORY = """\
schema: 1
pairs:
  payments:
    primary:
      name: Payments
      uuid: 550e8400-e29b-41d4-a716-446655440000
      site: us1
      api_key: {env: A_KEY}
      app_key: {env: B_KEY}
    secondary:
      name: Payments standby
      uuid: 660e8400-e29b-41d4-a716-446655440000
      site: eu1
      api_key: {env: C_KEY}
      app_key: {env: D_KEY}
"""

PLAYBOOK = """\
schema: 1
name: small
stops: [PASSIVE, ACTIVE]
guards:
  calm:
    quiet: {for: 5m}
transitions:
  - name: out
    from: PASSIVE
    to: ACTIVE
    guards: [calm]
  - name: home
    from: ACTIVE
    to: PASSIVE
"""

AROUND = """\
schema: 1
name: around
stops: [PASSIVE, ACTIVE]
probes:
  agents:
    metric: {org: secondary, query: "sum:agents{*}"}
  intake:
    monitor: {org: primary, id: 42}
  page:
    http: {url: "https://status.example.com/a.json", pointer: /status/indicator}
  moved:
    command: {run: [./bin/moved, payments]}
guards:
  arrived:
    probe: {name: agents, above: 0}
    within: 10m
    unknown: ask
  healthy:
    probe: {name: intake, one_of: [OK, Warn]}
  green:
    probe: {name: page, equals: none}
  gone:
    probe: {name: moved}
transitions:
  - name: out
    from: PASSIVE
    to: ACTIVE
    guards: [arrived, healthy, green, gone]
    before:
      - {name: stop, run: [./bin/stop], timeout: 30s, again: safe, emergency: skip}
    after:
      - {name: press, manual: Press it.}
  - name: home
    from: ACTIVE
    to: PASSIVE
"""


FULL = """\
schema: 1
name: full
summary: Everything at once.
stops: [PASSIVE, ACTIVE]
objectives: {ACTIVE: 15m}
confirm: {within: 90s, every: 500ms}
resend: 0
timeouts: {connect: 1s, read: 2s, total: 4s}
emergency: {deadline: 1500ms}
mirror_wait: 0s
cool_down: 10m
guards:
  calm: {quiet: {for: 5m}, why: Let them finish.}
  seen: {reachable: {}}
  seen_there: {reachable: {org: secondary}}
  placed: {located: {}}
  hours:
    window:
      zone: Europe/Paris
      days: [fri, mon]
      from: 09:00
      until: "17:00"
      freezes: [{from: 2026-12-20, until: 2027-01-02}]
  whole_day: {window: {zone: UTC}}
  until_midnight: {window: {zone: UTC, from: "22:00", until: "24:00"}}
  both: {all: [calm, linked]}
  either: {any: [seen, seen_there, hours, whole_day, until_midnight]}
  busy: {not: calm}
transitions:
  - {name: out, from: PASSIVE, to: ACTIVE, why: Go., guards: [both, either, alone], writes: [primary], survivor: primary, advances: server}
  - {name: home, from: ACTIVE, to: PASSIVE, guards: [busy, placed]}
remember: [One thing., Another.]
"""


def said_of_inventory(text: str) -> list[str]:
    """The problems of an inventory as LINE:COLUMN: MESSAGE, [] where it is right."""
    return _said(parse_inventory, text)


def said_of_playbook(text: str) -> list[str]:
    """The problems of a playbook as LINE:COLUMN: MESSAGE, [] where it is right."""
    return _said(parse_playbook, text)


def _said(parse: Callable[[str, str], object], text: str) -> list[str]:
    try:
        parse(text, "f")
    except DocumentError as error:
        return [str(problem).removeprefix("f:") for problem in error.problems]
    return []

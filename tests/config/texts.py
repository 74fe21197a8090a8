"""Small correct files to make wrong ones from, and what is said about them."""

from __future__ import annotations

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


def said_of_inventory(text: str) -> list[str]:
    """The problems of an inventory as LINE:COLUMN: MESSAGE, [] where it is right."""
    try:
        parse_inventory(text, "f")
    except DocumentError as error:
        return [str(problem).removeprefix("f:") for problem in error.problems]
    return []


def said_of_playbook(text: str) -> list[str]:
    """The problems of a playbook as LINE:COLUMN: MESSAGE, [] where it is right."""
    try:
        parse_playbook(text, "f")
    except DocumentError as error:
        return [str(problem).removeprefix("f:") for problem in error.problems]
    return []

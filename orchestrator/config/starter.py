"""The files that `hamr init` writes to start from: an inventory of one pair, and a playbook of the moves alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from orchestrator.model.org import EnvironmentKey, Org, Pair, Wire, api_url
from orchestrator.model.status import Both, Role

from .fields import Name, Text
from .inventory_form import Datacenter, Site, Url, Uuid

INVENTORY_SCHEMA = "inventory.schema.json"
PLAYBOOK_SCHEMA = "playbook.schema.json"

NO_UUIDS = Both("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
"""What stands for uuids that nobody has told yet."""


def _reader(kind: Any) -> Callable[[str], str]:
    """How a field of an inventory reads one text: the value, or a ValueError that says what is wanted."""
    read: Callable[[str], str] = kind.__metadata__[0].extra["read"]
    return read


pair_name, org_name, org_uuid = _reader(Name), _reader(Text), _reader(Uuid)
datacenter, _site, _url = _reader(Datacenter), _reader(Site), _reader(Url)


def org_address(text: str) -> tuple[str, str | None]:
    """An API's base URL, and its datacenter where the text is a site's name; a ValueError where it is neither that nor a URL."""
    if "://" in text:
        return _url(text), None
    told = _site(text)
    return api_url(told), told


def example_pair(name: str = "payments") -> Pair:
    """A pair of which nothing but its name is known; its keys are looked for in variables that are named after it."""
    title = name[:1].upper() + name[1:]
    primary = _example(name, Role.PRIMARY, title, "us1")
    return Pair(name, Both(primary, _example(name, Role.SECONDARY, f"{title} standby", "eu1")))


def _example(pair: str, role: Role, name: str, datacenter: str) -> Org:
    begin = re.sub(r"[^A-Z0-9]", "_", pair.upper())
    begin = f"{'_' if begin[:1].isdigit() else ''}{begin}_{role.value.upper()}"
    return Org(
        role,
        name,
        NO_UUIDS[role],
        api_url(datacenter),
        datacenter,
        Wire.AUTO,
        EnvironmentKey(f"{begin}_API_KEY"),
        EnvironmentKey(f"{begin}_APP_KEY"),
    )


def schema_line(schema: str) -> str:
    """What tells an editor which schema a file has; the schema stands beside the file."""
    return f"# yaml-language-server: $schema=./{schema}\n"


def starter_inventory(pair: Pair | None = None, *, pages: bool = True) -> str:
    """A commented inventory to start from, which passes `hamr check` as it is; `pages`: with the page that the commented playbook asks."""
    pair = pair or example_pair()
    lines = [
        _said(f"  {pair.name}:", f"the name that you type: hamr status {pair.name}"),
        _said(
            "    mirrors: auto",
            "true: a write to one org shows on both; false: each is written; auto: find out",
        ),
        _said("    drill: false", "true: live drills may use this pair"),
        _said("    events: true", "each run's start, statuses and end are also posted as Datadog events"),
    ]
    if pages:
        lines += [
            _said(
                "    pages:", "pages of your own that the playbook asks by name; no key is ever sent there"
            ),
            "      secondary_from_outside: https://checks.example.com/datadog-eu1   # says 200 while the secondary's region is well",
        ]
    lines += [
        _said("    primary:", "the org that normally serves"),
        *_org(pair.orgs.primary, _EXPLAINED),
        _said("    secondary:", "the org that takes over, in another region"),
        *_org(pair.orgs.secondary, {}),
    ]
    return schema_line(INVENTORY_SCHEMA) + _HEAD + "\n".join(lines) + "\n" + _FOOT


def _org(org: Org, comments: dict[str, str]) -> list[str]:
    sited = org.base_url == api_url(org.datacenter) if org.datacenter else False
    place = {"site": org.datacenter} if sited else {"url": org.base_url, "datacenter": org.datacenter}
    fields = {
        "name": _scalar(org.name),
        "uuid": org.uuid,
        **place,
        **{f"{which}_key": f"{{env: {_variable(org, which)}}}" for which in org.keys},
    }
    return [_said(f"      {key}: {value}", comments.get(key, "")) for key, value in fields.items()]


def _variable(org: Org, which: str) -> str:
    reference = org.keys[which]
    assert isinstance(reference, EnvironmentKey)  # noqa: S101 - as `_example` made it
    return reference.variable


def _scalar(text: str) -> str:
    """A text as YAML has it; in quotes unless it is plain words."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(?: [A-Za-z0-9]+)*", text)
    return (
        text
        if plain and text.lower() not in {"null", "true", "false"}
        else json.dumps(text, ensure_ascii=False)
    )


def _said(text: str, comment: str) -> str:
    return f"{text:<52} # {comment}" if comment else text


_EXPLAINED = {
    "uuid": "data.id of GET /api/v2/validate with its API key",
    "site": "us1, us3, us5, eu1, ap1, ap2, uk1, us1-fed, us2-fed, or datadoghq.eu and the like",
    "api_key": "where the key is found: {env: NAME},",
    "app_key": '{file: PATH} or {command: [op, read, "op://ops/datadog/app"], timeout: 10s}',
}

_HEAD = """\
# The pairs of Datadog orgs that hamr may work on. No key ever stands in this file. Check it with: hamr check
schema: 1

pairs:
"""

_FOOT = """
# Instead of a site, an org may name any address. Its datacenter has to be said then:
#     url: https://datadog-proxy.example.com
#     datacenter: us1
#     ca: corporate-ca.pem               # certificates to trust beside the usual ones, for a TLS inspection on the way
"""

MINIMAL_PLAYBOOK = (
    schema_line(PLAYBOOK_SCHEMA)
    + """\
# The moves of a pair, and the least that has to be asked before them. `hamr init --full` writes the commented one, which
# also asks whether the secondary is well, and has hooks for DNS and Agents.
schema: 1
name: regional-failover
summary: Fail a pair over to its secondary region, and bring it home again.
stops: [PASSIVE, ACTIVE]
probes:   # a status moves no telemetry: these look whether Agents report to the org that takes over
  agents_in_secondary: {metric: {org: secondary, query: "sum:datadog.agent.running{*}", over: 5m, take: last}}
  agents_in_primary: {metric: {org: primary, query: "sum:datadog.agent.running{*}", over: 5m, take: last}}
guards:
  in_secondary: {probe: {name: agents_in_secondary, above: 0}, within: 10m, unknown: ask, why: No Agent reports to the secondary. Switch the Agents or DNS.}
  in_primary: {probe: {name: agents_in_primary, above: 0}, within: 10m, unknown: ask, why: No Agent reports to the primary. Switch the Agents or DNS back.}
  both_answer: {reachable: {org: both}, why: Going home needs both regions. Stay on the secondary until the primary answers.}
transitions:   # a survivor alone is enough in an emergency; the org that takes over is written first
  - {name: enroll, from: ONBOARDING, to: PASSIVE, writes: [primary, secondary]}
  - {name: declare, from: PASSIVE, to: FAILOVER, writes: [secondary, primary], survivor: secondary}
  - {name: activate, from: FAILOVER, to: ACTIVE, guards: [in_secondary], writes: [secondary, primary], survivor: secondary}
  - {name: abort, from: FAILOVER, to: PASSIVE, writes: [secondary, primary], survivor: primary}
  - {name: recover, from: ACTIVE, to: RECOVERY, guards: [both_answer], writes: [primary, secondary], survivor: primary}
  - {name: settle, from: RECOVERY, to: PASSIVE, guards: [in_primary], writes: [primary, secondary], survivor: primary, planned_only: [in_primary]}
"""
)
"""A playbook of the same moves as the shipped one, by the same name, so that it goes before that one where it stands."""

"""The inventory that `hamr init` writes: complete, commented, and full of placeholders."""

from __future__ import annotations

_TEXT = """\
# The pairs of Datadog orgs that hamr may work on. No key ever stands in this file.
# hamr looks for it as --pairs FILE, then $HAMR_PAIRS, then ./pairs.yaml. Check it with: hamr check pairs.yaml
schema: 1

pairs:
  payments:                              # the name that you type: hamr status payments
    mirrors: auto                        # true: a write to one org shows on both; false: each is written; auto: find out
    drill: false                         # true: live drills may use this pair
    events: true                         # each run's start, statuses and end are also posted as Datadog events
    pages:                               # pages of your own that the playbook asks by name; no key is ever sent there
      secondary_from_outside: https://checks.example.com/datadog-eu1   # says 200 while the secondary's region is well
    primary:                             # the org that normally serves
      name: Payments
      uuid: 11111111-1111-4111-8111-111111111111      # the org's uuid: data.id of GET /api/v2/validate with its API key
      site: us1                          # us1, us3, us5, eu1, ap1, ap2, uk1, us1-fed, us2-fed, or datadoghq.eu and the like
      api_key: {env: PAYMENTS_PRIMARY_API_KEY}        # where the key is found: {env: NAME},
      app_key: {env: PAYMENTS_PRIMARY_APP_KEY}        # {file: PATH} or {command: [op, read, "op://ops/datadog/app"], timeout: 10s}
    secondary:                           # the org that takes over, in another region
      name: Payments standby
      uuid: 22222222-2222-4222-8222-222222222222
      site: eu1
      api_key: {env: PAYMENTS_SECONDARY_API_KEY}
      app_key: {env: PAYMENTS_SECONDARY_APP_KEY}      # its owner needs the permission disaster_recovery_status_write

# Instead of a site, an org may name any address. Its datacenter has to be said then:
#     url: https://datadog-proxy.example.com
#     datacenter: us1
#     ca: corporate-ca.pem               # certificates to trust beside the usual ones, for a TLS inspection on the way
#     wire: auto                         # casing of the record's keys: auto (as they were read), snake or pascal
"""


def starter_inventory() -> str:
    """A commented inventory to start from; it passes `hamr check` as it is."""
    return _TEXT

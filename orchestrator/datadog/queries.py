"""Asking an org, with its own keys and by GET alone, for a metric or a monitor."""

from __future__ import annotations

from http import HTTPStatus

from orchestrator.datadog.answers import NoBody, body_of
from orchestrator.datadog.asking import OrgAsker
from orchestrator.datadog.excerpt import excerpt
from orchestrator.datadog.rate_limit import retry_after
from orchestrator.datadog.transport import Exchanged
from orchestrator.errors import KeyUnavailable
from orchestrator.model.probe import Measured, Metric, Monitor, Unmeasured
from orchestrator.model.words import span

from . import metric, monitor

_RIGHTS = {Metric: "timeseries_query", Monitor: "monitors_read"}
"""What the application key must be allowed to [doc]."""


async def ask(kind: Metric | Monitor, asker: OrgAsker, within: float) -> Measured | Unmeasured:
    """What the org says of a metric or a monitor.

    Args:
        kind: what is asked.
        asker: the org's connections and keys.
        within: seconds for everything, fetching keys included.
    """
    path = metric.path_of(kind, asker.clock.now()) if isinstance(kind, Metric) else monitor.path_of(kind)
    try:
        exchanged = await asker.ask("GET", path, content=None, app_key=True, within=within)
    except KeyUnavailable as error:
        return Unmeasured(asker.reason(error))
    refusal = _refusal(kind, exchanged, asker)
    if refusal:
        return Unmeasured(refusal)
    body = body_of(exchanged, asker.redactor)
    if isinstance(body, NoBody):
        return Unmeasured(f"the answer can't be used: {body.reason}")
    return metric.sight_of(kind, body) if isinstance(kind, Metric) else monitor.sight_of(kind, body)


def _refusal(kind: Metric | Monitor, exchanged: Exchanged, asker: OrgAsker) -> str:
    """Why an exchange says nothing of what was asked; "" where its body may."""
    status = exchanged.status
    if status is None:
        return exchanged.failure
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"{status}: the keys lack a right ({_RIGHTS[type(kind)]}) or belong to another site"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(exchanged.headers, asker.clock.now())
        when = "later; the API does not say when" if wait is None else f"in {span(wait)}"
        return f"429: asked too often; try again {when}"
    if status == HTTPStatus.NOT_FOUND and isinstance(kind, Monitor):
        return f"404: {asker.org} has no monitor {kind.id}"
    if status != HTTPStatus.OK:
        words = excerpt(exchanged.body, asker.redactor)
        return f"{status}: {words}" if words else f"the answer was a bare {status}"
    if exchanged.failure:
        return f"the answer broke off: {exchanged.failure}"
    return exchanged.refused

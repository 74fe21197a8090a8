"""A web page: its status, and perhaps one value in it. Never any key, never a cookie, and never another host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

from orchestrator.datadog.answers import NoBody, body_of
from orchestrator.datadog.asking import HEADERS
from orchestrator.datadog.transport import Exchanged, Transport, exchange
from orchestrator.model.playbook import Timeouts
from orchestrator.model.probe import Http, Measured, Unmeasured
from orchestrator.model.words import span
from orchestrator.system.redaction import Redactor

from .pointer import NoValue, value_at

MOST_REDIRECTS = 5

_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)

_HEADERS = {**HEADERS, "Accept": "application/json, */*;q=0.5"}


async def ask(
    page: Http, reach: Callable[[str], Transport], timeouts: Timeouts, redactor: Redactor, within: float
) -> Measured | Unmeasured:
    """What a page says.

    A redirect within the page's own host is followed, unless it gives up encryption. Any other leaves it unknown:
    what another host says (a login page, a captive portal) is not the page's word.

    Args:
        page: what to get, and what is wanted of it.
        reach: the connections by which a URL is got, which send nothing but GETs.
        timeouts: for connecting, and for each wait for data.
        redactor: cleans what is said.
        within: seconds for everything, redirects included.
    """
    exchanged = Exchanged()
    try:
        async with asyncio.timeout(within):
            url = page.url
            for _ in range(MOST_REDIRECTS + 1):
                exchanged = Exchanged()
                await exchange(
                    reach(url), "GET", url, _HEADERS, content=None, timeouts=timeouts, into=exchanged
                )
                to = _redirect(url, exchanged) if exchanged.status != page.status else None
                if to is None:
                    return _sight(page, exchanged, redactor)
                if isinstance(to, Unmeasured):
                    return to
                url = to
    except TimeoutError:
        if exchanged.status is not None:
            return Unmeasured(f"the answer did not end within {span(within)}")
        return Unmeasured(f"no {'answer' if exchanged.sent else 'connection'} within {span(within)}")
    return Unmeasured(f"it redirects more than {MOST_REDIRECTS} times")


def _redirect(url: str, exchanged: Exchanged) -> str | Unmeasured | None:
    """Where an answer redirects to: a URL that may be followed, why not, or None where it does not redirect."""
    location = exchanged.headers.get("location")
    if exchanged.status not in _REDIRECTS or not location:
        return None
    try:
        to = urljoin(url, location)
        here, there = urlsplit(url), urlsplit(to)
        same_host = _host(here) == _host(there)
    except ValueError:
        return Unmeasured(f"answered {exchanged.status} with an address that can't be read")
    if there.scheme not in ("http", "https") or (here.scheme, there.scheme) == ("https", "http"):
        return Unmeasured(f"answered {exchanged.status}, to an address without https, which is not followed")
    if not same_host:
        return Unmeasured(
            f"answered {exchanged.status}, to another host ({_host(there) or 'none'}), which is not followed"
        )
    return to


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _sight(page: Http, exchanged: Exchanged, redactor: Redactor) -> Measured | Unmeasured:
    status = exchanged.status
    if status is None:
        return Unmeasured(exchanged.failure)
    if status != page.status:
        return Measured(good=False, detail=f"answered {status}, wanted {page.status}")
    if exchanged.failure:
        return Unmeasured(f"answered {status}, and then the answer broke off: {exchanged.failure}")
    if page.pointer is None:
        return Measured(detail=f"answered {status}")
    if exchanged.refused:
        return Unmeasured(f"answered {status}, but {exchanged.refused}")
    body = body_of(exchanged, redactor)
    if isinstance(body, NoBody):
        return Unmeasured(f"answered {status}, but the answer can't be used: {body.reason}")
    try:
        return Measured(value_at(body, page.pointer), detail=f"answered {status}")
    except NoValue as problem:
        return Unmeasured(f"answered {status}, but {problem}")

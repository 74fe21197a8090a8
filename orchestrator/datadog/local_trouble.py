"""Trouble of this machine or its network, told from trouble of the org: by what failed, or by who answered.

An untrusted certificate, a proxy that cannot be reached, a sign-in page: none of them says anything of the org, and
each has a remedy here (law 21). Pure.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from msgspec import Struct

from orchestrator.model.reading import Hampered, Trouble

_OUT_OF_DATE = frozenset({9, 10})
_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's numbers of why a certificate does not verify: not valid yet or any more; another host, another address."""
_NO_COMMON_TLS = re.compile(
    "wrong version number|record layer failure|packet length too long|protocol version|unsupported protocol"
)
"""OpenSSL's words where the other side answers in something else than TLS, or in none of the versions that are used here."""


class Way(Struct, frozen=True):
    """How far a request came."""

    host: str
    """Whose API or page is asked."""
    proxy: str
    """The variable that names the proxy on the way; "" where there is none."""
    connected_to: str
    """Host and port of the last connection that was begun; "" for none."""
    tunnelling: bool
    """The proxy was asked for a tunnel, so it is there."""


def trouble_of(error: Exception, why: str, way: Way) -> Hampered | None:
    """What stood in the way of connecting, on this machine or in its network, or None where it may as well be the org; `why` is the error in words."""
    root = _root_of(error)
    at_proxy = bool(way.proxy) and not way.tunnelling
    if isinstance(root, ssl.SSLCertVerificationError):
        return _untrusted(root, _host_of(way.connected_to) if at_proxy else way.host)
    if isinstance(root, socket.gaierror) and not way.proxy:
        return Hampered(
            f"this machine's name servers do not know {way.host}: {root.strerror or why}",
            f"correct its site or url in pairs.yaml, or this machine's name servers (getent hosts {way.host})",
            Trouble.RESOLVER,
        )
    if at_proxy and way.connected_to:
        return Hampered(
            f"the proxy {way.connected_to}, which {way.proxy} names, cannot be reached: {why}",
            f"correct {way.proxy}, or list {way.host} in NO_PROXY where no proxy is needed",
            Trouble.PROXY,
        )
    if isinstance(root, ssl.SSLError) and _NO_COMMON_TLS.search(why):
        return Hampered(
            f"what answers for {way.host} does not speak TLS as Datadog's API does: {why}",
            f"{_REMEDY}; or correct site or url in pairs.yaml",
            Trouble.MIDDLEBOX,
        )
    return None


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> Hampered:
    reason = f"this machine does not trust the certificate of {host}: {error.verify_message.rstrip('.')}"
    if error.verify_code in _OUT_OF_DATE:
        remedy = (
            "compare this machine's clock (date -u) with another's; if it is right, the certificate is "
            f"out of date at {host}, or at whatever stands before it"
        )
    elif error.verify_code in _OTHER_NAME:
        remedy = (
            f"something else answers for {host} (a proxy, a sign-in page), or its site or url in pairs.yaml "
            "is wrong: correct that"
        )
    else:
        remedy = (
            "name the certificate of the authority that signed it (your proxy's or TLS inspection's, mostly) "
            "as ca: FILE in pairs.yaml, or one file with all that you trust in SSL_CERT_FILE"
        )
    return Hampered(reason, remedy, Trouble.TRUST)


_SERVER_SIDE = r"5\d\d\b"


def refused_by_proxy(error: Exception, way: Way) -> Hampered | None:
    """Why the proxy made no tunnel, or None where it may as well be the org that it cannot reach."""
    said = words_of(error)
    # A proxy says 502, 503 or 504 where it is the org that it cannot reach.
    if re.match(_SERVER_SIDE, said):
        return None
    remedy = (
        f"put the proxy's user and password into {way.proxy}"
        if said.startswith("407")
        else f"correct {way.proxy}"
    )
    return Hampered(
        f"the proxy {way.connected_to}, which {way.proxy} names, refused: {said}",
        f"{remedy}, have {way.host} allowed there, or list it in NO_PROXY where no proxy is needed",
        Trouble.PROXY,
    )


LOOKS_LIKE_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,100}<(?:!doctype|html|head|body|\?xml|title)", re.IGNORECASE
)
_MIDDLEBOX_PAGES = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
    }
)
_REMEDY = (
    "sign in to this network, have the API's host allowed by its proxy or inspection, or try another network"
)


def answered_by_another(status: int, headers: Mapping[str, str], body: bytes, said: str) -> Hampered | None:
    """Who answered in the place of the API, where that can be told: it speaks JSON, and never redirects.

    A 5xx is no sign: the API's own edge answers those with HTML, too. Headers have names in lower case; `said` is all of it in a few
    words, clean.
    """
    remedy = _REMEDY
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        reason = f"a proxy answered, not Datadog's API ({said})"
    elif status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        reason = f"this network wants a sign-in first ({said})"
    elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST and "location" in headers:
        _, absolute, rest = headers["location"].partition("://")
        to = _host_of(rest) if absolute else ""
        where = f" to {to}" if re.fullmatch(r"[A-Za-z0-9.-]{1,100}", to) else ""
        reason = f"a proxy or middlebox answered, not Datadog's API, which never redirects ({said}{where})"
        remedy = f"{_REMEDY}; or correct site or url in pairs.yaml"
    elif status in _MIDDLEBOX_PAGES and _is_html(headers, body):
        reason = f"a proxy or middlebox answered, not Datadog's API ({said})"
    else:
        return None
    return Hampered(reason, remedy, Trouble.MIDDLEBOX)


def _is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer is a page: by what it holds, or by what it says it is where that is no JSON."""
    if LOOKS_LIKE_HTML.match(body):
        return True
    says_so = headers.get("content-type", "").lower().startswith("text/html")
    return says_so and not body.lstrip(b" \t\r\n\xef\xbb\xbf").startswith((b"{", b"["))


def _host_of(place: str) -> str:
    try:
        return urlsplit(f"//{place}").hostname or place
    except ValueError:  # [portal: no host at all
        return place


def words_of(error: BaseException) -> str:
    """The words of an error's first cause: those of the operating system, mostly."""
    root = _root_of(error)
    if isinstance(root, OSError) and not isinstance(root, ssl.SSLError) and (root.errno or 0) > 0:
        return os.strerror(root.errno or 0)  # asyncio puts words of its own into strerror
    said = (root.strerror if isinstance(root, OSError) else None) or str(root)
    return re.sub(_MARKS, "", said).rstrip(".") or type(root).__name__


_MARKS = r"^\[(SSL|X509)[^\]]*\] | \(_ssl\.c:\d+\)"
"""What Python puts around OpenSSL's words for those who look into its source."""


def _root_of(error: BaseException) -> BaseException:
    while (cause := _cause(error)) is not None:
        error = cause
    return error


def _cause(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):  # one for each address of a host
        return cast("BaseException", error.exceptions[0])
    told = error.args[0] if error.args else None  # where httpcore keeps it
    return error.__cause__ or (told if isinstance(told, BaseException) else None)

"""Which proxy, if any, stands between this machine and a URL: the variables that curl reads, as curl reads them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct


class Proxy(Struct, frozen=True):
    """A proxy, and the variable that names it. Its URL may hold a password: it is never shown."""

    url: str
    variable: str

    def __repr__(self) -> str:
        return f"Proxy({self.variable})"


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for a URL, or None for a direct connection.

    https:// goes through HTTPS_PROXY, http:// through http_proxy (in lower case alone: a web server sets HTTP_PROXY
    from a header that anybody may send), either else through ALL_PROXY. Names in lower case win over those in upper
    case. A proxy without a scheme is an http:// one. NO_PROXY lists hosts, domains (with or without a leading dot,
    either covering what is below them), addresses and networks, or "*". A loopback address never goes through a proxy.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    own = ("https_proxy", "HTTPS_PROXY") if parts.scheme == "https" else ("http_proxy",)
    variable = _first_set(environ, (*own, "all_proxy", "ALL_PROXY"))
    if variable is None or host == "localhost" or _is_loopback(host):
        return None
    excepted = _first_set(environ, ("no_proxy", "NO_PROXY"))
    listed = "" if excepted is None else environ[excepted]
    if any(_covers(entry.strip().lower(), host) for entry in listed.split(",")):
        return None
    proxy = environ[variable].strip()
    return Proxy(proxy if "://" in proxy else f"http://{proxy}", variable)


def _first_set(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if environ.get(name, "").strip()), None)


def _covers(entry: str, host: str) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        domain = entry.removeprefix("*").lstrip(".").split(":", 1)[0]
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

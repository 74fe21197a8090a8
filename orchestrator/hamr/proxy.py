"""Which proxy, if any, stands between this machine and an API: HTTPS_PROXY, ALL_PROXY and NO_PROXY."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy's URL for a secure URL, or None for a direct connection.

    Names in lower case win over those in upper case. A proxy without a scheme is an http:// one. NO_PROXY lists hosts,
    domains (with or without a leading dot, either covering what is below them), addresses and networks, or "*". A
    loopback address never goes through a proxy.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    proxy = _variable(environ, "https_proxy") or _variable(environ, "all_proxy")
    if not proxy or host == "localhost" or _is_loopback(host):
        return None
    if any(_covers(entry.strip().lower(), host) for entry in _variable(environ, "no_proxy").split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _covers(entry: str, host: str) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        domain = entry.removeprefix("*").lstrip(".").split(":", 1)[0]
        return host == domain or host.endswith(f".{domain}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

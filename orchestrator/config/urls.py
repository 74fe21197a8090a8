"""URLs as people write them: what every one of ours must be, whatever it is for."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_LETTERS = re.compile(r"[!-\[\]-~]+")
"""ASCII without spaces and without the backslash, which programs read differently."""


def split_url(text: str, usage: str) -> SplitResult:
    """The parts of an http or https URL with a usable host and without user info.

    Args:
        text: the URL. Never repeated in a message: people put passwords into URLs.
        usage: what to write instead, as the end of a sentence.

    Raises:
        ValueError: it is no such URL; said in plain words.
    """
    try:
        parts = urlsplit(text) if _LETTERS.fullmatch(text) else None
        port = parts.port if parts is not None else None
    except ValueError:
        parts = port = None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError(f"this is not a usable URL: {usage}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"a URL must not carry a name or password: {usage}")
    if not _is_host(parts.hostname.lower()):
        raise ValueError(f"the host of this URL is not a usable name: {usage}")
    return parts


def _is_host(host: str) -> bool:
    if ":" not in host:
        return re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", host) is not None
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

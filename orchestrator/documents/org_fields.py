"""Types of the fields of an org: who it is, where its API is, and where its keys are found."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from orchestrator.model.org import Mirrors, Wire
from orchestrator.model.sites import SITES, datacenter_label, datacenter_of_site

from .fields import choice, span_of, text_of
from .shapes import leaf
from .urls import is_loopback, split_url
from .wording import did_you_mean, found, looks_like_key, one_of, shown

UUID_PATTERN = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"


def _uuid(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(UUID_PATTERN, text):
        raise ValueError(
            f"expected an org's uuid, such as 550e8400-e29b-41d4-a716-446655440000, found {found(value)}"
        )
    return text.lower()


def _site(value: Any) -> str:
    text = text_of(value)
    datacenter = datacenter_of_site(text)
    if datacenter is None:
        if "/" in text:
            raise ValueError(
                "a site is a name such as eu1 or datadoghq.eu; for an address write url: instead of site:"
            )
        near = did_you_mean(text.removeprefix("app."), [*SITES, *SITES.values()])
        raise ValueError(f"{shown(text)} is not a Datadog site ({one_of(tuple(SITES))}){near}")
    return datacenter


def _datacenter(value: Any) -> str:
    label = datacenter_label(text_of(value))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", label):
        raise ValueError(f"expected a datacenter such as us1 or eu1, found {found(value)}")
    return label


def _url(value: Any) -> str:
    """The base of an API's URL, without a trailing slash. Never repeated in a message: people put passwords into URLs."""
    text = text_of(value)
    usage = "write only scheme, host and port, such as https://api.datadoghq.eu or http://127.0.0.1:9101"
    parts = split_url(text, usage)
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise ValueError(f"a URL must not carry a path, query or fragment: {usage}")
    host, port = (parts.hostname or "").lower(), parts.port
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(
            "plain http would send the keys in clear: use https (http is for 127.0.0.1, ::1 and localhost)"
        )
    shown_host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown_host}" + (f":{port}" if port is not None else "")


def _mirrors(value: Any) -> Mirrors:
    if isinstance(value, bool):
        return Mirrors.YES if value else Mirrors.NO
    if value == "auto":
        return Mirrors.AUTO
    raise ValueError(f"expected true, false or auto, found {found(value)}")


def _variable(value: Any) -> str:
    """Never repeats what it refuses: it may be the key."""
    if not isinstance(value, str) or not re.fullmatch(VARIABLE_PATTERN, value) or looks_like_key(value):
        raise ValueError(
            "expected the name of an environment variable, such as PAYMENTS_API_KEY "
            "(what stands here is not shown, as it may be the key itself)"
        )
    return value


def _argument(value: Any) -> str:
    """Never repeats what it refuses: it may be the key."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("expected text in a command's list: put numbers, true and false in quotes")
    if _KEY_GIVEN.search(value):
        raise ValueError(
            "this looks like a Datadog key: a key never stands in this file, a command's arguments included "
            "(what stands here is not shown); name where the command finds it"
        )
    return value


_KEY_GIVEN = re.compile(
    r"(?:^|[\s=:,'\"])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|dd[a-z]{2,6}_[A-Za-z0-9]{20,})(?:$|[\s,;|'\"])"
)
"""A key as a whole argument, or as a word of one; not the part of a path that only happens to be hexadecimal."""


def _certificates(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"expected the path of a file with certificates (PEM), found {found(value)}")
    return value


def _file_path(value: Any) -> str:
    """Never repeats what it refuses: it may be the key."""
    if not isinstance(value, str) or not value.strip() or "\0" in value or looks_like_key(value):
        raise ValueError("expected the path of a file that holds the key (what stands here is not shown)")
    return value


Uuid = Annotated[str, leaf(_uuid, {"type": "string", "pattern": UUID_PATTERN})]
Site = Annotated[
    str,
    leaf(_site, {"type": "string", "examples": [*SITES, *SITES.values()]}),
]
"""Read as the site's datacenter."""
Datacenter = Annotated[str, leaf(_datacenter, {"type": "string", "examples": [*SITES]})]
Url = Annotated[str, leaf(_url, {"type": "string", "pattern": r"^https?://[^/?#@\s]+/?$"})]
MirrorsChoice = Annotated[Mirrors, leaf(_mirrors, {"enum": [True, False, "auto"]})]
WireName = Annotated[Wire, choice(Wire, "a casing")]
Variable = Annotated[str, leaf(_variable, {"type": "string", "pattern": VARIABLE_PATTERN})]
KeyPath = Annotated[str, leaf(_file_path, {"type": "string", "minLength": 1})]
CertificatePath = Annotated[str, leaf(_certificates, {"type": "string", "minLength": 1})]
KeyTimeout = Annotated[timedelta, span_of(timedelta(seconds=1), timedelta(minutes=10))]
Argument = Annotated[str, leaf(_argument, {"type": "string"})]

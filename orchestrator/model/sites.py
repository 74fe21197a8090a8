"""Datadog's sites: where each region's API is (source: Datadog's API reference and its official clients)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SITES: Mapping[str, str] = MappingProxyType(
    {
        "us1": "datadoghq.com",
        "us3": "us3.datadoghq.com",
        "us5": "us5.datadoghq.com",
        "eu1": "datadoghq.eu",
        "ap1": "ap1.datadoghq.com",
        "ap2": "ap2.datadoghq.com",
        "uk1": "uk1.datadoghq.com",
        "us1-fed": "ddog-gov.com",
        "us2-fed": "us2.ddog-gov.com",
    }
)
"""Datacenter to site. `*.datadoghq.com` is a wildcard name, so a typo would resolve: look sites up, never build them."""


def datacenter_of_site(text: str) -> str | None:
    """The datacenter for a site as people write it (us1, datadoghq.eu, app.datadoghq.com), or None where unknown."""
    name = text.strip().lower().removeprefix("app.").removeprefix("api.")
    if name in SITES:
        return name
    return next((datacenter for datacenter, site in SITES.items() if site == name), None)


def api_url(datacenter: str) -> str:
    """The base URL of a datacenter's API, for a key of SITES: https://api.datadoghq.com."""
    return f"https://api.{SITES[datacenter]}"


def datacenter_label(text: str) -> str:
    """A datacenter's first label in lower case: us5 for us5.prod.dog."""
    return text.strip().lower().split(".", 1)[0]

"""Files of certificates that an inventory names: where they are, and whether they can be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator.model.plain import JSON

from .nodes import Finding, Steps, mapping_in


def absolute(path: str, folder: Path) -> str:
    """A path of an inventory's as an absolute one: a relative one is meant from the inventory's folder."""
    # expanduser leaves a ~ that leads nowhere as it is; Path.expanduser would raise. abspath takes .. out of the path
    # that messages show, without following links, as resolve would.
    return os.path.abspath(folder / os.path.expanduser(path))  # noqa: PTH100, PTH111 - as said above


def certificate_findings(data: dict[str, JSON], folder: Path) -> Iterator[Finding]:
    """Every `ca` that is no file of certificates."""
    for name, pair in mapping_in(data.get("pairs")).items():
        for role in ("primary", "secondary"):
            path = mapping_in(mapping_in(pair).get(role)).get("ca")
            if isinstance(path, str) and path.strip() and "\0" not in path:
                steps: Steps = ("pairs", name, role, "ca")
                yield from _problem(steps, absolute(path, folder))


def _problem(steps: Steps, path: str) -> Iterator[Finding]:
    import ssl  # noqa: PLC0415 - few inventories name certificates, and every command reads one

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        yield Finding(
            steps, f"{path} holds no certificates: it has to be a PEM file (-----BEGIN CERTIFICATE-----)"
        )
    except OSError as error:
        yield Finding(
            steps, f"the certificates in {path} cannot be read: {error.strerror or type(error).__name__}"
        )

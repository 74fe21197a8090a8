"""An extension for the Chaos Toolkit: actions, probes, a tolerance and a control around the Python API.

An experiment names the modules: `orchestrator.integrations.chaos.actions`, `.probes`, `.tolerances`, `.control`. Only `discover`
needs chaoslib, which the extra `[chaos]` installs; docs/howto/chaos-toolkit.md has whole experiments.
"""

from __future__ import annotations

from typing import Any

from orchestrator import __version__

__all__ = ["__version__", "discover"]


def discover(discover_system: bool = True) -> dict[str, Any]:
    """What this extension offers, for `chaos discover`.

    Args:
        discover_system: the toolkit asks for what it finds on this machine, too; there is nothing to find.
    """
    from chaoslib.discovery.discover import (  # type: ignore[import-untyped]  # noqa: PLC0415 - the rest does without
        discover_activities,
        initialize_discovery_result,
    )

    del discover_system
    found: dict[str, Any] = initialize_discovery_result("hamr-orchestrator", __version__, "hamr")
    for kind, module in (("action", "actions"), ("probe", "probes"), ("tolerance", "tolerances")):
        found["activities"] += discover_activities(f"{__name__}.{module}", kind)
    return found

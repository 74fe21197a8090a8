"""A monitor's path, and what its answer means: `GET /api/v1/monitor/{id}` [doc]. Pure."""

from __future__ import annotations

from orchestrator.model.plain import JSON
from orchestrator.model.probe import Measured, Monitor, Unmeasured


def path_of(monitor: Monitor) -> str:
    """Path of the request."""
    return f"/api/v1/monitor/{monitor.id}"


def sight_of(monitor: Monitor, body: JSON) -> Measured | Unmeasured:
    """What an answer of status 200 says: Alert, Ignored, No Data, OK, Skipped, Unknown or Warn [doc], as it stands."""
    state = body.get("overall_state") if isinstance(body, dict) else None
    if not isinstance(state, str) or not state:
        return Unmeasured(f"the answer does not say in which state monitor {monitor.id} is")
    name = body.get("name") if isinstance(body, dict) else None
    return Measured(
        state, detail=f"monitor {monitor.id}" + (f", {name}" if isinstance(name, str) and name else "")
    )

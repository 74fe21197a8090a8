"""`make bench`: prints ratios. Real sockets, real files, real processes; the simulator runs in its own process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from orchestrator.model.status import Status

from .commands import against_a_script, start_up
from .drills import drill_seconds
from .engine import doctor_seconds, plan_seconds, run_seconds, situation_seconds
from .figures import ENVIRONMENT
from .fleet import fleet_speed
from .growth import growth
from .journal import journal
from .proofs import proof_speed
from .readiness import readiness_growth
from .team import team
from .workers import workers


def main() -> None:
    """Measure everything, and print it."""
    print(f"{'what':<58} {'measured':<28}  ratio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ENVIRONMENT["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        run_seconds(folder, Status.PASSIVE, 2)
        run_seconds(folder, Status.ONBOARDING, 3)
        plan_seconds(folder)
        situation_seconds(folder)
        doctor_seconds(folder)
        drill_seconds(folder)
        proof_speed()
        journal(folder)
        team(folder)
        workers(folder)
        growth(folder)
        readiness_growth(folder)
        fleet_speed()
        against_a_script(folder)
        start_up(folder)


if __name__ == "__main__":
    main()

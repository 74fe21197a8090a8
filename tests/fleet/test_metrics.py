"""Metrics: every one has its unit and a page, and what is not known has no sample."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.fleet.metrics import METRICS, registry_of, text_of
from tests.steps import typed

from .looks import CRITICAL, OK, drilled, hours, look, ran, said_of

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "be-ready.md"


def samples(text: bytes) -> dict[str, float]:
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_metrics_of_a_pair_say_what_readiness_shows() -> None:
    found = said_of(
        look(hours(4)),
        look(hours(1), CRITICAL, OK, {"lock": CRITICAL}),
        ran(hours(3), 42.0),
        drilled(hours(2)),
    )
    told = samples(text_of(registry_of([found])))
    assert told['hamr_ready{mode="planned",pair="payments"}'] == 0
    assert told['hamr_ready{mode="emergency",pair="payments"}'] == 1
    assert told['hamr_readiness_level{mode="planned",pair="payments"}'] == 2
    assert told['hamr_not_ready_seconds{mode="planned",pair="payments"}'] == 3600
    assert told['hamr_readiness_window_seconds{pair="payments"}'] == 7 * 86400
    assert told['hamr_doctor_looks{pair="payments"}'] == 2
    assert told['hamr_doctor_last_look_timestamp_seconds{pair="payments"}'] == hours(1).timestamp()
    assert told['hamr_org_round_trip_seconds{org="primary",pair="payments"}'] == 0.2
    assert told['hamr_checks_worse{pair="payments"}'] == 1
    assert told['hamr_last_drill_timestamp_seconds{pair="payments",regions="live"}'] == hours(2).timestamp()
    assert told['hamr_time_to_active_seconds{pair="payments",quantile="0.95",regions="live"}'] == 42
    assert told['hamr_time_to_active_objective_seconds{pair="payments"}'] == 900
    assert not any('regions="simulated"' in name or "proven" in name for name in told)


def test_every_metric_is_on_the_page_and_no_other() -> None:
    rows = re.findall(r"^\| `(hamr_\w+)` \|([^|]*)\|", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    assert documented == {metric.name: metric.labels for metric in METRICS}


def test_where_the_library_is_missing_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError) as caught:
        registry_of([])
    assert typed(caught.value.next_steps) == ("pip install 'hamr-orchestrator[fleet]'",)

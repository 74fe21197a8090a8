"""Readiness for Prometheus: the same facts as `hamr readiness` shows, as gauges. The one place of prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.readiness import NagiosCode, is_ready
from orchestrator.model.readiness_history import ReadinessHistory
from orchestrator.model.run import Mode

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as Metric_

Labels = tuple[str, ...]


class Metric(Struct, frozen=True):
    """A gauge: its name, with its unit, what it says, and what tells its values apart beside the pair."""

    name: str
    help: str
    labels: Labels = ()


METRICS: tuple[Metric, ...] = (
    Metric("hamr_ready", "1 where a run of that mode would work now, 0 where not or nobody knows", ("mode",)),
    Metric("hamr_readiness_level", "0 ok, 1 warning, 2 critical, 3 unknown, as hamr doctor exits", ("mode",)),
    Metric(
        "hamr_readiness_since_timestamp_seconds",
        "Since when it is ready, or is not; or for longer",
        ("mode",),
    ),
    Metric(
        "hamr_not_ready_seconds",
        "How long it was not ready within the window, as far as anybody looked",
        ("mode",),
    ),
    Metric("hamr_readiness_window_seconds", "How long the window is whose looks are counted"),
    Metric("hamr_doctor_looks", "How often doctor looked within the window"),
    Metric("hamr_doctor_last_look_timestamp_seconds", "When doctor looked last"),
    Metric("hamr_doctor_last_look_seconds", "How long its last look took"),
    Metric("hamr_org_round_trip_seconds", "In what time an org answered at the last look", ("org",)),
    Metric("hamr_checks_worse", "How many checks say something worse than before, and are not well yet"),
    Metric("hamr_last_drill_timestamp_seconds", "When the last drill was scored", ("regions",)),
    Metric(
        "hamr_there_and_back_timestamp_seconds",
        "When a drill last proved the way there and back, every expectation held",
        ("regions",),
    ),
    Metric("hamr_time_to_active_seconds", "Within what time runs got to ACTIVE", ("regions", "quantile")),
    Metric("hamr_time_to_active_objective_seconds", "How long a run may take to ACTIVE"),
    Metric("hamr_playbook_proven_timestamp_seconds", "When the playbook was last proven"),
    Metric("hamr_playbook_proven_as_it_is", "1 where that was this very playbook and this hamr, else 0"),
)
"""All of them, each with the label pair; what is not known has no sample."""


def registry_of(found: Iterable[ReadinessHistory]) -> CollectorRegistry:
    """The metrics of these pairs, as prometheus_client serves or writes them; a UsageError where the library is not installed."""
    try:
        from prometheus_client import CollectorRegistry, Gauge  # noqa: PLC0415 - loaded by who wants metrics alone
    except ImportError as error:
        raise UsageError(
            f"Metrics need a library that is not installed: {error}.",
            next_steps=(next_step.shell("pip install 'hamr-orchestrator[fleet]'", "install it"),),
        ) from error
    registry = CollectorRegistry()
    gauges = {
        metric.name: Gauge(metric.name, metric.help, ("pair", *metric.labels), registry=registry)
        for metric in METRICS
    }
    for history in found:
        for name, labels, value in samples_of(history):
            if value is not None:
                gauges[name].labels(history.pair, *labels).set(value)
    return registry


def text_of(registry: CollectorRegistry) -> bytes:
    """The metrics in Prometheus' text format."""
    from prometheus_client import generate_latest  # noqa: PLC0415 - as above

    return generate_latest(registry)


def serve(address: str, read: Callable[[], Iterable[ReadinessHistory]]) -> Callable[[], None]:
    """Serve the metrics to Prometheus at HOST:PORT, or :PORT for every address of this machine; gives what ends that.

    `read` gives the pairs' readiness at each look, in a thread of the server's. A UsageError where the address can't be one, or can't
    be listened on, or the library is not installed.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise UsageError(
            f"--metrics {address[:60]!r}: an address is wanted, such as 127.0.0.1:9464, or :9464 for every address of this "
            "machine."
        )
    registry_of(())  # or says that the library is not there
    from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415 - as above
    from prometheus_client.registry import Collector  # noqa: PLC0415 - as above

    class Readiness(Collector):
        def describe(self) -> Iterable[Metric_]:
            return ()

        def collect(self) -> Iterable[Metric_]:
            return registry_of(read()).collect()

    registry = CollectorRegistry()
    registry.register(Readiness())
    try:
        server, thread = start_http_server(int(port), host or "0.0.0.0", registry)  # noqa: S104 - as was asked for
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"--metrics {address[:60]}: it can't be listened on: {reason}.") from error

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


def samples_of(history: ReadinessHistory) -> Iterator[tuple[str, Labels, float | None]]:
    """Every sample of one pair, by its metric's name, with its labels beside the pair; None where it is not known. Pure."""
    for mode, stands in ((Mode.PLANNED, history.planned), (Mode.EMERGENCY, history.emergency)):
        yield "hamr_ready", (mode.value,), is_ready(stands.level)
        yield "hamr_readiness_level", (mode.value,), NagiosCode[stands.level.name]
        since = None if stands.since is None else stands.since.timestamp()
        yield "hamr_readiness_since_timestamp_seconds", (mode.value,), since
        yield "hamr_not_ready_seconds", (mode.value,), stands.not_ready.total_seconds()
    yield "hamr_readiness_window_seconds", (), (history.at - history.since).total_seconds()
    yield "hamr_doctor_looks", (), history.looks
    if history.last_look is not None:
        yield "hamr_doctor_last_look_timestamp_seconds", (), history.last_look.timestamp()
        yield "hamr_doctor_last_look_seconds", (), history.look_seconds
    for role, took in history.round_trips.items():
        yield "hamr_org_round_trip_seconds", (role.value,), took
    yield "hamr_checks_worse", (), len(history.turned)
    for regions, simulated in (("live", False), ("simulated", True)):
        drill, way = history.last_drill(simulated=simulated), history.last_way(simulated=simulated)
        yield "hamr_last_drill_timestamp_seconds", (regions,), None if drill is None else drill.at.timestamp()
        yield "hamr_there_and_back_timestamp_seconds", (regions,), None if way is None else way.at.timestamp()
        for share in (0.5, 0.95):
            took = history.took(share, simulated=simulated)
            yield "hamr_time_to_active_seconds", (regions, f"{share:g}"), took
    yield "hamr_time_to_active_objective_seconds", (), history.objective
    if history.certificate is not None:
        changed = history.certificate.changed_since(history.playbook_sha256, history.version)
        yield "hamr_playbook_proven_timestamp_seconds", (), history.certificate.at.timestamp()
        yield "hamr_playbook_proven_as_it_is", (), not changed

"""Datadog's own Python client works against the simulator, as it is documented: in snake casing."""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import time

import pytest
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ForbiddenException, NotFoundException
from datadog_api_client.v1.api.events_api import EventsApi
from datadog_api_client.v1.api.metrics_api import MetricsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.model.event_alert_type import EventAlertType
from datadog_api_client.v1.model.event_create_request import EventCreateRequest
from datadog_api_client.v2.api.downtimes_api import DowntimesApi
from datadog_api_client.v2.api.high_availability_multi_region_api import HighAvailabilityMultiRegionApi
from datadog_api_client.v2.model.hamr_org_connection_attributes_request import (
    HamrOrgConnectionAttributesRequest,
)
from datadog_api_client.v2.model.hamr_org_connection_data_request import HamrOrgConnectionDataRequest
from datadog_api_client.v2.model.hamr_org_connection_request import HamrOrgConnectionRequest
from datadog_api_client.v2.model.hamr_org_connection_status import HamrOrgConnectionStatus
from datadog_api_client.v2.model.hamr_org_connection_type import HamrOrgConnectionType

from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import NO_DATA, ServedOrg, Simulation, SimulatorConfig

from .bench import PRIMARY_UUID, SECONDARY_UUID

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:Using unstable operation")]


def _configured(org: ServedOrg, **keys: str) -> Configuration:
    configuration = Configuration(host=org.url)
    configuration.api_key["apiKeyAuth"] = keys.get("api_key", org.api_key)
    configuration.api_key["appKeyAuth"] = keys.get("app_key", org.app_key)
    configuration.unstable_operations["get_hamr_org_connection"] = True
    configuration.unstable_operations["create_hamr_org_connection"] = True
    return configuration


def _there_and_back(org: ServedOrg) -> tuple[int, int, str, str]:
    with ApiClient(_configured(org)) as client:
        api = HighAvailabilityMultiRegionApi(client)
        before = api.get_hamr_org_connection().data
        attributes = HamrOrgConnectionAttributesRequest(
            hamr_status=HamrOrgConnectionStatus(3),
            is_primary=False,
            modified_by="night.shift@example.com",
            target_org_datacenter="us1",
            target_org_name="Simulated Primary",
            target_org_uuid=PRIMARY_UUID,
        )
        data = HamrOrgConnectionDataRequest(
            attributes=attributes, id=SECONDARY_UUID, type=HamrOrgConnectionType("hamr_org_connections")
        )
        api.create_hamr_org_connection(body=HamrOrgConnectionRequest(data=data))
        after = api.get_hamr_org_connection().data
        return (
            before.attributes.hamr_status.value,
            after.attributes.hamr_status.value,
            after.attributes.modified_by,
            after.id,
        )


async def test_the_official_client_reads_writes_and_reads_back() -> None:
    async with Simulation() as sim:
        assert await asyncio.to_thread(_there_and_back, sim.secondary) == (
            2,
            3,
            "night.shift@example.com",
            SECONDARY_UUID,
        )


def _errors(org: ServedOrg) -> tuple[dict[str, object], dict[str, object]]:
    with ApiClient(_configured(org)) as client, pytest.raises(NotFoundException) as absent:
        HighAvailabilityMultiRegionApi(client).get_hamr_org_connection()
    with ApiClient(_configured(org, app_key="wrong")) as client, pytest.raises(ForbiddenException) as denied:
        HighAvailabilityMultiRegionApi(client).get_hamr_org_connection()
    return absent.value.body["errors"][0], denied.value.body["errors"][0]


async def test_the_official_client_raises_its_own_errors() -> None:
    config = SimulatorConfig(status=Both(Status.ABSENT, Status.ABSENT))
    async with Simulation(config) as sim:
        absent, denied = await asyncio.to_thread(_errors, sim.primary)
    assert absent["status"] == "404"
    assert denied["title"] == "Forbidden"


def _observed(org: ServedOrg) -> tuple[object, ...]:
    now = int(time.time())
    event = EventCreateRequest(
        title="payments reached ACTIVE",
        text="journal head 17:ab12",
        tags=["hamr"],
        alert_type=EventAlertType.SUCCESS,
        aggregation_key="hamr-run-1",
    )
    with ApiClient(_configured(org)) as client:
        metrics = MetricsApi(client)
        shown = metrics.query_metrics(_from=now - 60, to=now, query="sum:datadog.agent.running{*}")
        nothing = metrics.query_metrics(_from=now - 60, to=now, query="sum:nobody.reports{*}")
        monitors = MonitorsApi(client)
        with pytest.raises(NotFoundException):
            monitors.get_monitor(43)
        return (
            [point.value[1] for point in shown.series[0].pointlist],
            nothing.series,
            monitors.get_monitor(42).overall_state.value,
            monitors.search_monitors(query="status:Alert").counts.status.value[0].count,
            EventsApi(client).create_event(body=event).event.title,
            DowntimesApi(client).list_downtimes(current_only=True).data,
        )


async def test_the_official_client_asks_for_metrics_and_monitors_and_posts_an_event() -> None:
    config = SimulatorConfig(
        metrics=Both({}, {"sum:datadog.agent.running{*}": [3, None], "sum:nobody.reports{*}": NO_DATA}),
        monitors=Both({}, {42: "Alert", 43: None}),
    )
    async with Simulation(config) as sim:
        assert await asyncio.to_thread(_observed, sim.secondary) == (
            [3.0, None],
            [],
            "Alert",
            1,
            "payments reached ACTIVE",
            [],
        )
        assert [event.aggregation_key for event in sim.events(Role.SECONDARY)] == ["hamr-run-1"]

"""The written inventory is loaded, its keys are fetched, and our own client talks to both regions with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import load_inventory
from orchestrator.config.inventory import pair_named
from orchestrator.datadog import HttpWorld
from orchestrator.model.org import Mirrors, Wire
from orchestrator.model.playbook import Timeouts
from orchestrator.model.reading import Accepted, Draft, Lost, Present
from orchestrator.model.status import Status
from orchestrator.simulator import AnswerLost, Fault, Simulation, SimulatorConfig, write_inventory
from tests.datadog.orgs import client

from .bench import PRIMARY_UUID, SECONDARY_UUID, P, S

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("wire", [Wire.SNAKE, Wire.PASCAL])
async def test_the_inventory_works_as_it_is(tmp_path: Path, wire: Wire) -> None:
    path = tmp_path / "a folder" / "pairs: {two}, 'three'.yaml"
    async with Simulation(
        SimulatorConfig(wire=wire), faults=[Fault(AnswerLost(), at=2, method="POST")]
    ) as sim:
        write_inventory(sim, path)
        pair = pair_named(load_inventory(path), "sim")
        assert pair.mirrors is Mirrors.AUTO
        assert (pair[P].base_url, pair[S].datacenter) == (sim.primary.url, "eu1")
        async with client(HttpWorld, pair, {}, timeouts=Timeouts()) as world:
            assert (await world.identify(S)).uuid == SECONDARY_UUID
            reading = await world.read(S)
            assert isinstance(reading.sight, Present)
            assert (reading.sight.status, reading.sight.record.wire) == (Status.PASSIVE, wire)
            assert reading.exchange.server_date is not None
            assert reading.exchange.request_id == "sim-secondary-000002"
            draft = Draft(
                role=S,
                org_uuid=SECONDARY_UUID,
                status=Status.FAILOVER,
                is_primary=False,
                modified_by="night.shift@example.com",
                target_uuid=PRIMARY_UUID,
                target_name="Simulated Primary",
                target_datacenter="us1",
                wire=wire,
            )
            assert isinstance(await world.write(draft), Accepted)
            assert isinstance(await world.write(draft), Lost)
            record = (await world.read(S)).record
            assert record is not None
            assert (record.status, record.modified_by) == (3, "night.shift@example.com")
            assert record == sim.record(S)

"""Many simulated pairs from one process: an org is who its key says, and each pair is by itself."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from orchestrator.config import load_inventory
from orchestrator.model.status import Role, Status
from orchestrator.simulator import (
    Fault,
    ManySimulations,
    ServerError,
    SimulatorConfig,
    many_configs,
    write_inventory,
)

pytestmark = pytest.mark.anyio

P, S = Role.PRIMARY, Role.SECONDARY


async def asked(many: ManySimulations, number: int, role: Role, at: Role | None = None) -> httpx.Response:
    org = many.configs[number].orgs[role]
    headers = {"DD-API-KEY": org.api_key, "DD-APPLICATION-KEY": org.app_key}
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"{many.url(at or role)}/api/v2/hamr", headers=headers)


async def test_each_pair_has_orgs_and_keys_of_its_own_behind_the_same_two_ports(tmp_path: Path) -> None:
    async with ManySimulations(many_configs(SimulatorConfig(), 3)) as many:
        pairs = tmp_path / "pairs.yaml"
        write_inventory(many, pairs)
        found = load_inventory(pairs).pairs
        many.regions["sim-0002"].foreign_write(P, Status.ACTIVE)
        shown = [
            (await asked(many, number, P)).json()["data"]["attributes"]["hamr_status"] for number in range(3)
        ]
        wrong = await asked(many, 0, P, at=S)
    assert [pair.name for pair in found] == ["sim-0001", "sim-0002", "sim-0003"]
    assert [dict(pair.labels) for pair in found] == [
        {"tier": "gold", "region": "us1"},
        {"tier": "silver", "region": "ap1"},
        {"tier": "silver", "region": "eu1"},
    ]
    assert len({org.uuid for pair in found for org in pair.orgs}) == 6
    assert len({file.read_text() for file in (tmp_path / "pairs-keys").iterdir()}) == 12
    assert shown == [2, 4, 2]
    assert wrong.status_code == 403


async def test_what_goes_wrong_at_one_pair_does_not_at_another() -> None:
    failing = ManySimulations(
        many_configs(SimulatorConfig(), 2), faults=lambda number: [Fault(ServerError(), times=None)][number:]
    )
    async with failing as many:
        assert [(await asked(many, number, P)).status_code for number in range(2)] == [503, 200]


async def test_a_region_that_is_dark_refuses_all_pairs_and_comes_back() -> None:
    async with ManySimulations(many_configs(SimulatorConfig(), 2)) as many:
        many.set_dark(P, True)
        for number in range(2):
            with pytest.raises(httpx.ConnectError):
                await asked(many, number, P)
        assert (await asked(many, 1, S)).status_code == 200
        many.set_dark(P, False)
        assert (await asked(many, 1, P)).status_code == 200

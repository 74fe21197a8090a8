"""The simulator as a program, of one pair and of many: its line of JSON, its inventory, a port that is taken, and our own client."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path

import httpx
import pytest

from orchestrator.config import load_inventory
from orchestrator.config.inventory import pair_named
from orchestrator.datadog import HttpWorld
from orchestrator.errors import ExitCode, PreparationError, UsageError
from orchestrator.model.org import Mirrors, Wire
from orchestrator.model.playbook import Timeouts
from orchestrator.model.reading import Accepted, Draft, Lost, Present
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import (
    AnswerLost,
    Fault,
    ManySimulations,
    ServerError,
    Simulation,
    SimulatorConfig,
    inventory_place,
    inventory_text,
    many_configs,
    print_ready,
    serve,
    write_inventory,
)
from tests.datadog.orgs import client
from tests.steps import typed

from .bench import PRIMARY_UUID, SECONDARY_UUID, P, S

pytestmark = pytest.mark.anyio


async def test_ready_is_one_line_with_all_that_a_client_needs(tmp_path: Path) -> None:
    async with Simulation() as sim:
        line = print_ready(sim, tmp_path / "pairs.yaml")
        assert "\n" not in line
        assert json.loads(line) == {
            "primary": {
                "url": sim.primary.url,
                "org_uuid": "11111111-1111-4111-8111-000000000000",
                "api_key": "simulated-primary-api-key-0000",
                "app_key": "simulated-primary-app-key-0000",
            },
            "secondary": {
                "url": sim.secondary.url,
                "org_uuid": "22222222-2222-4222-8222-000000000000",
                "api_key": "simulated-secondary-api-key-0000",
                "app_key": "simulated-secondary-app-key-0000",
            },
            "inventory": str(tmp_path / "pairs.yaml"),
        }


async def test_the_inventory_names_keys_by_reference_alone_and_only_the_owner_reads_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "sim-pairs.yaml"
    async with Simulation() as sim:
        write_inventory(sim, path)
        write_inventory(sim, path)  # in place of its own
        url = sim.secondary.url
    text = path.read_text()
    assert text.split("    secondary:\n")[1] == (
        "      name: Simulated Secondary\n"
        "      uuid: 22222222-2222-4222-8222-000000000000\n"
        f"      url: {url}\n"
        "      datacenter: eu1\n"
        "      wire: auto\n"
        '      api_key: {file: "sim-pairs-keys/secondary-api-key"}\n'
        '      app_key: {file: "sim-pairs-keys/secondary-app-key"}\n'
    )
    assert text.splitlines()[1:5] == ["schema: 1", "pairs:", "  sim:", "    mirrors: auto"]
    key = path.parent / "sim-pairs-keys" / "secondary-api-key"
    assert key.read_text() == "simulated-secondary-api-key-0000\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert "api-key-0000" not in text


async def test_the_inventory_of_a_simulator_that_serves_is_left_to_it(tmp_path: Path) -> None:
    async with Simulation() as sim:
        write_inventory(sim, inventory_place(tmp_path))
        assert inventory_place(tmp_path) == tmp_path / "sim-pairs.yaml"
    assert inventory_place(tmp_path) == tmp_path / "pairs.yaml"


async def test_somebody_elses_inventory_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pairs.yaml"
    path.write_text("schema: 1\npairs: {}\n")
    async with Simulation() as sim:
        with pytest.raises(UsageError, match="the simulator did not write it"):
            write_inventory(sim, path)
    assert path.read_text() == "schema: 1\npairs: {}\n"
    assert not (tmp_path / "pairs-keys").exists()


async def test_an_inventory_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with Simulation() as sim:
        with pytest.raises(PreparationError, match="cannot be written"):
            write_inventory(sim, tmp_path / "file" / "pairs.yaml")
        assert "file: " in inventory_text(sim)


async def test_serve_announces_once_and_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    lines: list[str] = []
    announced, stop = asyncio.Event(), asyncio.Event()

    def announce(line: str) -> None:
        lines.append(line)
        announced.set()

    task = asyncio.create_task(
        serve(Simulation(), inventory_out=tmp_path / "pairs.yaml", announce=announce, stop=stop)
    )
    await announced.wait()
    ready = json.loads(lines[0])
    async with httpx.AsyncClient(trust_env=False) as client:
        keys = {"DD-API-KEY": ready["primary"]["api_key"], "DD-APPLICATION-KEY": ready["primary"]["app_key"]}
        assert (await client.get(f"{ready['primary']['url']}/api/v2/hamr", headers=keys)).status_code == 200
        stop.set()
        await task
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{ready['primary']['url']}/api/v2/hamr", headers=keys)
    assert len(lines) == 1


async def test_a_taken_port_is_named_and_nothing_stays_open(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lines: list[str] = []
        with pytest.raises(UsageError) as caught:
            await serve(
                Simulation(SimulatorConfig(ports=Both(0, port))),
                inventory_out=tmp_path / "pairs.yaml",
                announce=lines.append,
                stop=asyncio.Event(),
            )
    assert caught.value.exit_code is ExitCode.USAGE
    assert f"Port {port} on 127.0.0.1 is already taken" in caught.value.message
    assert typed(caught.value.next_steps)[0].startswith("hamr simulate --secondary-port 0")
    assert lines == []
    assert not (tmp_path / "pairs.yaml").exists()


async def test_a_port_that_does_not_exist_is_an_error_too() -> None:
    with pytest.raises(UsageError, match="Port 70000"):
        async with Simulation(SimulatorConfig(ports=Both(70000, 0))):
            pass


async def test_a_fixed_port_can_be_had_again_at_once(tmp_path: Path) -> None:
    async with Simulation() as sim:
        url = sim.primary.url
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(url)
    port = int(url.rsplit(":", 1)[1])
    async with Simulation(SimulatorConfig(ports=Both(port, 0))) as again:
        assert again.primary.url == url


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

"""The simulator as a program: its line of JSON, its inventory, and a port that is taken."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path

import httpx
import pytest

from orchestrator.errors import ExitCode, PreparationError, UsageError
from orchestrator.model.status import Both
from orchestrator.simulator import (
    Simulation,
    SimulatorConfig,
    inventory_text,
    print_ready,
    serve,
    write_inventory,
)
from tests.steps import typed

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

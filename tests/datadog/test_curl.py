"""The same request, as a command to paste."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from msgspec.structs import replace

from orchestrator.datadog.curl import curl
from orchestrator.model.org import CommandKey, EnvironmentKey, FileKey, Org
from orchestrator.model.reading import Request

from .orgs import pair_at

ORG: Org = pair_at("https://api.datadoghq.com", "https://api.datadoghq.eu").orgs.primary
GET = Request("GET", "https://api.datadoghq.com/api/v2/hamr", None)


def test_a_post_is_spelled_out() -> None:
    request = Request(
        "POST", "https://api.datadoghq.com/api/v2/hamr", {"data": {"name": "O'Brien & sons $HOME"}}
    )
    assert curl(request, ORG) == (
        "curl --fail-with-body --silent --show-error \\\n"
        "  --max-time 20 \\\n"
        "  --request POST \\\n"
        '  --header "DD-API-KEY: $P_API" \\\n'
        '  --header "DD-APPLICATION-KEY: $P_APP" \\\n'
        "  --header 'Accept: application/json' \\\n"
        "  --header 'Content-Type: application/json' \\\n"
        """  --data '{"data": {"name": "O'"'"'Brien & sons $HOME"}}' \\\n"""
        "  https://api.datadoghq.com/api/v2/hamr"
    )


def test_a_get_has_no_body() -> None:
    assert "--data" not in curl(GET, ORG)
    assert "--request GET" in curl(GET, ORG)


def test_the_ca_of_an_org_goes_along() -> None:
    assert "--cacert '/etc/our ca.pem'" in curl(GET, replace(ORG, ca="/etc/our ca.pem"))
    assert "--cacert" not in curl(GET, ORG)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (EnvironmentKey("PAYMENTS_KEY"), '"DD-API-KEY: $PAYMENTS_KEY"'),
        (EnvironmentKey("payments-key"), '"DD-API-KEY: $(printenv payments-key)"'),
        (FileKey("/run/secrets/a key"), "\"DD-API-KEY: $(cat '/run/secrets/a key')\""),
        (
            CommandKey(("./my op}", "read", "op://x/a b")),
            '"DD-API-KEY: ${PRIMARY_API_KEY:?set it to what ./my?op? prints, as pairs.yaml gives it}"',
        ),
    ],
)
def test_keys_stand_where_the_inventory_has_them(
    reference: EnvironmentKey | FileKey | CommandKey, expected: str
) -> None:
    assert f"--header {expected} \\\n" in curl(GET, replace(ORG, api_key=reference))


@pytest.mark.anyio
async def test_a_shell_reads_the_command_as_it_is_meant() -> None:
    request = Request(
        "POST", "https://api.datadoghq.com/api/v2/hamr?a=1&b=$2", {"name": 'O\'Brien "`$HOME`" \u20ac'}
    )
    org = replace(ORG, app_key=CommandKey(("printf", "%s", "argument")))
    script = f'curl() {{ printf "%s\\0" "$@"; }}\n{curl(request, org)}'
    ran = await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", script],
        capture_output=True,
        check=True,
        env={"P_API": "k1", "PRIMARY_APP_KEY": "it's a key", "PATH": "/bin:/usr/bin"},
    )
    assert ran.stdout.decode().split("\0")[:-1] == [
        "--fail-with-body",
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--request",
        "POST",
        "--header",
        "DD-API-KEY: k1",
        "--header",
        "DD-APPLICATION-KEY: it's a key",
        "--header",
        "Accept: application/json",
        "--header",
        "Content-Type: application/json",
        "--data",
        '{"name": "O\'Brien \\"`$HOME`\\" \\u20ac"}',
        "https://api.datadoghq.com/api/v2/hamr?a=1&b=$2",
    ]


def test_law_17_no_argument_of_a_key_command_is_printed() -> None:
    org = replace(
        ORG, api_key=CommandKey(("vault", "--token=hunter2", "read")), app_key=CommandKey(("op", "hunter2"))
    )
    assert "hunter2" not in curl(GET, org)


@pytest.mark.anyio
async def test_a_key_that_was_not_set_stops_the_command_and_says_what_to_set() -> None:
    org = replace(ORG, app_key=CommandKey(("op", "read")))
    ran = await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", curl(GET, org)],
        capture_output=True,
        check=False,
        env={"P_API": "k1", "PATH": "/bin:/usr/bin"},
    )
    assert ran.returncode != 0
    assert b"PRIMARY_APP_KEY: set it to what op prints, as pairs.yaml gives it" in ran.stderr

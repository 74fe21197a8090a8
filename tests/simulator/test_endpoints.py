"""What a healthy region answers, to whom, and in which form; and that docs/reference/simulator.md names all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.model.org import Wire
from orchestrator.model.plain import JSON
from orchestrator.model.status import Both, Status
from orchestrator.simulator import FaultKind, RateLimit, SimulatorConfig
from orchestrator.simulator.endpoints import ENDPOINTS

from .bench import KEYS, PRIMARY_UUID, SECONDARY_UUID, Bench, P, S, attributes, snake

pytestmark = pytest.mark.anyio


async def test_get_shows_the_record_as_the_reference_has_it() -> None:
    response = await Bench().answer(P)
    assert response.status == 200
    assert dict(response.headers) == {
        "Content-Type": "application/vnd.api+json",
        "Content-Length": str(len(response.body)),
        "Date": "Sun, 22 Nov 2026 03:00:00 GMT",
        "X-Request-Id": "sim-primary-000001",
    }
    assert json.loads(response.body) == {
        "data": {
            "id": PRIMARY_UUID,
            "type": "hamr_org_connections",
            "attributes": {
                "hamr_status": 2,
                "is_primary": True,
                "modified_at": "2026-11-21T03:00:00.250000Z",
                "modified_by": "onboarding@datadog.example",
                "target_org_datacenter": "eu1",
                "target_org_name": "Simulated Secondary",
                "target_org_uuid": SECONDARY_UUID,
            },
        }
    }


async def test_get_shows_the_record_as_it_was_recorded() -> None:
    response = await Bench(SimulatorConfig(wire=Wire.PASCAL)).answer(S)
    assert attributes(response) == {
        "HamrStatus": 2,
        "IsPrimary": False,
        "ModifiedAt": "2026-11-21 03:00:00.250000",
        "ModifiedBy": "onboarding@datadog.example",
        "OrgDatacenter": "eu1.prod.dog",
        "TargetOrgDatacenter": "us1.prod.dog",
        "TargetOrgName": "Simulated Primary",
        "TargetOrgUuid": PRIMARY_UUID,
    }


async def test_post_replaces_the_whole_record_and_the_server_stamps_it() -> None:
    bench = Bench(SimulatorConfig(extra=(("Region_Tier", "gold"),)))
    assert attributes(await bench.answer(P))["Region_Tier"] == "gold"
    response = await bench.post(P, 3, modified_at="1999-01-01T00:00:00Z", note=[1])
    assert response.status == 200
    assert attributes(response) == {
        "hamr_status": 3,
        "is_primary": True,
        "modified_at": "2026-11-22T03:00:00.250000Z",
        "modified_by": "night.shift@example.com",
        "target_org_datacenter": "eu1",
        "target_org_name": "The Other",
        "target_org_uuid": SECONDARY_UUID,
        "note": [1],
    }
    assert attributes(await bench.answer(P)) == attributes(response)


async def test_the_guides_four_pascal_attributes_are_enough() -> None:
    bench = Bench()
    four: JSON = {
        "HamrStatus": 3,
        "IsPrimary": True,
        "ModifiedBy": "night.shift@example.com",
        "TargetOrgUuid": SECONDARY_UUID,
    }
    body: JSON = {"data": {"id": PRIMARY_UUID, "type": "hamr_org_connections", "attributes": four}}
    response = await bench.answer(P, "POST", body=body)
    assert response.status == 200
    assert attributes(response)["target_org_name"] == "Simulated Secondary"
    assert attributes(response)["hamr_status"] == 3


async def test_two_writes_in_one_moment_have_different_times() -> None:
    bench = Bench()
    first = attributes(await bench.post(P, 3))
    second = attributes(await bench.post(P, 3))
    assert first["modified_at"] == "2026-11-22T03:00:00.250000Z"
    assert second["modified_at"] == "2026-11-22T03:00:00.250001Z"


@pytest.mark.parametrize(
    "key",
    [
        "hamr_status",
        "is_primary",
        "modified_by",
        "target_org_datacenter",
        "target_org_name",
        "target_org_uuid",
    ],
)
async def test_every_snake_attribute_is_required(key: str) -> None:
    body = json.loads(json.dumps(snake(P, 3)))
    del body["data"]["attributes"][key]
    response = await Bench().answer(P, "POST", body=body)
    assert response.status == 400
    assert json.loads(response.body) == {
        "errors": [
            {
                "status": "400",
                "title": "Bad Request",
                "detail": f"{key} is required",
                "meta": {},
                "source": {"pointer": f"/data/attributes/{key}"},
            }
        ]
    }


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "the body is not JSON"),
        (b"\xff\xfe", 400, "the body is not JSON"),
        (b"[" * 40_000, 400, "the body is not JSON"),
        (b'"' + b"x" * 70_000 + b'"', 400, "the body is longer than 65536 bytes"),
        (b"[]", 400, "an object is required"),
        ({"data": {"type": "org"}}, 400, "must be hamr_org_connections"),
        ({"data": {"type": "hamr_org_connections"}}, 400, "the org's uuid is required"),
        (snake(S, 3), 403, "the id is not the org that the keys belong to"),
        (
            {"data": {"type": "hamr_org_connections", "id": PRIMARY_UUID, "attributes": []}},
            400,
            "an object is required",
        ),
        (snake(P, 6), 400, "hamr_status must be a number from 0 to 5"),
        (snake(P, 3, hamr_status=True), 400, "hamr_status must be a number from 0 to 5"),
        (snake(P, 3, hamr_status="3"), 400, "hamr_status must be a number from 0 to 5"),
        (snake(P, 3, is_primary=1), 400, "is_primary must be true or false"),
        (snake(P, 3, modified_by=None), 400, "modified_by must be a text"),
        (snake(P, 3, HamrStatus=3), 400, "attributes in both casings"),
    ],
)
async def test_a_body_that_is_wrong_is_refused_and_changes_nothing(
    body: JSON | bytes, status: int, detail: str
) -> None:
    bench = Bench()
    response = await bench.answer(P, "POST", body=body)
    assert (response.status, json.loads(response.body)["errors"][0]["detail"]) == (status, detail)
    assert await bench.status(P) == 2
    assert not any(request.applied for request in bench.regions.requests)


async def test_a_server_may_accept_one_casing_alone() -> None:
    bench = Bench(SimulatorConfig(accepts=frozenset({Wire.PASCAL})))
    response = await bench.post(P, 3)
    assert response.status == 400
    assert json.loads(response.body)["errors"][0]["detail"] == "HamrStatus is required"


async def test_an_org_without_a_connection_is_a_404_until_somebody_posts() -> None:
    bench = Bench(SimulatorConfig(status=Both(Status.ABSENT, Status.ABSENT)))
    response = await bench.answer(P)
    assert response.status == 404
    assert json.loads(response.body)["errors"][0]["status"] == "404"
    assert (await bench.post(P, 1)).status == 200
    assert await bench.status(P) == 1
    assert await bench.status(S) is None


@pytest.mark.parametrize("path", ["/api/v2/hamr", "/api/v2/validate_keys"])
async def test_keys_are_asked_for_and_those_of_the_other_region_are_unknown(path: str) -> None:
    bench = Bench()
    assert await bench.said(P, path=path, keys={}) == (401, {"errors": ["Unauthorized"]})
    half = await bench.answer(P, path=path, keys={"DD-API-KEY": KEYS[P]["DD-API-KEY"]})
    assert half.status == 401
    stranger = await bench.answer(P, path=path, keys=KEYS[S])
    assert stranger.status == 403
    assert json.loads(stranger.body)["errors"][0]["title"] == "Forbidden"
    wrong = {**KEYS[P], "DD-APPLICATION-KEY": "another"}
    assert (await bench.answer(P, path=path, keys=wrong)).status == 403


async def test_validate_names_the_org_that_the_api_key_belongs_to() -> None:
    bench = Bench()
    alone = {"dd-api-key": KEYS[S]["DD-API-KEY"]}
    body = (await bench.said(S, path="/api/v2/validate", keys=alone))[1]
    assert body["data"]["id"] == SECONDARY_UUID
    assert (await bench.answer(P, path="/api/v2/validate", keys=alone)).status == 403
    assert (await bench.answer(P, path="/api/v2/validate", keys={})).status == 401


async def test_the_other_validations_answer_as_documented() -> None:
    bench = Bench()
    assert await bench.said(P, path="/api/v2/validate_keys") == (200, {"status": "ok"})
    assert await bench.said(P, path="/api/v1/validate", keys={"DD-API-KEY": KEYS[P]["DD-API-KEY"]}) == (
        200,
        {"valid": True},
    )
    assert (await bench.answer(P, path="/api/v1/validate", keys={})).status == 403


async def test_unknown_paths_and_methods_are_refused_in_strings() -> None:
    bench = Bench()
    assert await bench.said(P, path="/api/v9/hamr") == (404, {"errors": ["Not found"]})
    assert await bench.said(P, "DELETE") == (405, {"errors": ["Method not allowed"]})


async def test_a_rate_limit_is_told_in_headers_and_opens_again() -> None:
    bench = Bench(SimulatorConfig(rate_limit=RateLimit(2, 30)))
    first = dict((await bench.answer(P)).headers)
    assert {name: first[name] for name in first if name.startswith("X-RateLimit")} == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Period": "30",
        "X-RateLimit-Remaining": "1",
        "X-RateLimit-Reset": "30",
        "X-RateLimit-Name": "hamr",
    }
    await bench.clock.sleep(4.5)
    assert (await bench.answer(P)).status == 200
    third = await bench.post(P, 3)
    assert (third.status, json.loads(third.body)) == (
        429,
        {"errors": ["Rate limit reached. Try again later."]},
    )
    assert dict(third.headers)["X-RateLimit-Reset"] == "26"
    assert dict(third.headers)["X-RateLimit-Remaining"] == "0"
    assert (await bench.answer(S)).status == 200  # each org has its own
    await bench.clock.sleep(25.5)
    assert await bench.status(P) == 2


async def test_a_region_whose_clock_is_ahead_says_so_everywhere() -> None:
    bench = Bench(SimulatorConfig(skew=Both(0.0, 90.0)))
    response = await bench.post(S, 3)
    assert dict(response.headers)["Date"] == "Sun, 22 Nov 2026 03:01:30 GMT"
    assert attributes(response)["modified_at"] == "2026-11-22T03:01:30.250000Z"


async def test_the_log_tells_what_was_asked_and_what_came_of_it() -> None:
    bench = Bench()
    await bench.status(S)
    await bench.post(P, 3)
    told = [(r.seq, r.role, r.method, r.path, r.outcome, r.applied) for r in bench.regions.requests]
    assert told == [
        (1, S, "GET", "/api/v2/hamr", "200", False),
        (2, P, "POST", "/api/v2/hamr", "200", True),
    ]
    assert bench.regions.requests[1].body == snake(P, 3)
    assert "api-key" not in repr(bench.regions.requests)


_PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")


def _first_column(heading: str) -> list[str]:
    section = _PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE)


def test_every_setting_is_documented() -> None:
    assert _first_column("Settings: `SimulatorConfig`") == list(SimulatorConfig.__struct_fields__)


def test_every_fault_is_documented_with_its_fields() -> None:
    real = {
        f"{kind.__name__}({', '.join(name for name in kind.__struct_fields__)})"
        for kind in get_args(FaultKind)
    }
    assert set(_first_column("Faults")) == real


def test_every_endpoint_is_documented() -> None:
    real = {f"{method} {path}" for path, endpoint in ENDPOINTS.items() for method in endpoint.methods}
    assert set(_first_column("What it answers")) == real

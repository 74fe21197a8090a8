"""Events: what an org takes, what it keeps, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.simulator import AnswerLost, Closed, Fault, PostedEvent, ServerError

from .bench import KEYS, START, Bench, P, S

pytestmark = pytest.mark.anyio

PATH = "/api/v1/events"
KEY = {"DD-API-KEY": KEYS[S]["DD-API-KEY"]}
EVENT: dict[str, Any] = {
    "title": "payments reached ACTIVE",
    "text": "journal head 17:ab12",
    "tags": ["hamr", "pair:payments"],
    "alert_type": "success",
    "aggregation_key": "hamr-run-1",
}


async def test_an_event_is_taken_with_the_api_key_alone_and_kept_for_its_org() -> None:
    bench = Bench()
    response = await bench.answer(S, "POST", PATH, keys=KEY, body=EVENT)
    assert response.status == 202
    assert json.loads(response.body) == {
        "status": "ok",
        "event": {
            "id": 1,
            "id_str": "1",
            "title": "payments reached ACTIVE",
            "text": "journal head 17:ab12",
            "tags": ["hamr", "pair:payments"],
            "alert_type": "success",
            "date_happened": 1795316400,
            "url": "https://app.datadoghq.com/event/event?id=1",
        },
    }
    await bench.answer(S, "POST", PATH, keys=KEY, body={"title": "t", "text": "x" * 4000})
    assert bench.regions.events(S) == (
        PostedEvent(
            1,
            START,
            "payments reached ACTIVE",
            "journal head 17:ab12",
            ("hamr", "pair:payments"),
            "success",
            "hamr-run-1",
        ),
        PostedEvent(2, START, "t", "x" * 4000),
    )
    assert bench.regions.events(P) == ()
    assert [(each.path, each.applied) for each in bench.regions.requests] == [(PATH, False), (PATH, False)]


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"title": None}, "title is required, as a text"),
        ({"title": ""}, "title is required, as a text"),
        ({"text": 5}, "text is required, as a text"),
        ({"text": "x" * 4001}, "text is longer than 4000 characters"),
        ({"tags": "hamr"}, "tags must be a list of texts"),
        ({"tags": [1]}, "tags must be a list of texts"),
        ({"alert_type": "fatal"}, "alert_type must be one of info, warning, error, success"),
        ({"aggregation_key": "k" * 101}, "aggregation_key must be a text of at most 100 characters"),
        ({"aggregation_key": 7}, "aggregation_key must be a text of at most 100 characters"),
    ],
)
async def test_an_event_that_is_wrong_is_refused_and_not_kept(changes: dict[str, Any], detail: str) -> None:
    bench = Bench()
    response = await bench.answer(S, "POST", PATH, keys=KEY, body={**EVENT, **changes})
    assert (response.status, json.loads(response.body)) == (400, {"errors": [detail]})
    assert bench.regions.events(S) == ()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body is not JSON"),
        (b"[]", "an object is required"),
        (b'"' + b"x" * 70_000 + b'"', "the body is longer than 65536 bytes"),
    ],
)
async def test_a_body_that_is_no_event_is_refused(body: bytes, detail: str) -> None:
    response = await Bench().answer(S, "POST", PATH, keys=KEY, body=body)
    assert (response.status, json.loads(response.body)) == (400, {"errors": [detail]})


async def test_a_key_is_asked_for_and_reading_is_not_offered() -> None:
    bench = Bench()
    assert (await bench.answer(S, "POST", PATH, keys={}, body=EVENT)).status == 401
    assert (await bench.answer(P, "POST", PATH, keys=KEY, body=EVENT)).status == 403
    assert (await bench.answer(S, path=PATH)).status == 405


async def test_faults_can_lose_an_event_or_only_its_answer() -> None:
    bench = Bench(None, Fault(ServerError(503), path=PATH), Fault(AnswerLost(), path=PATH, at=2))
    assert (await bench.answer(S, "POST", PATH, keys=KEY, body=EVENT)).status == 503
    assert bench.regions.events(S) == ()
    assert await bench.ask(S, "POST", PATH, keys=KEY, body=EVENT) == Closed()
    assert len(bench.regions.events(S)) == 1

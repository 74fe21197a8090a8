"""Records to and from JSON: both casings, odd times, wrong types; and the same request as a command to paste."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orchestrator.datadog.curl import curl
from orchestrator.datadog.wire import decode_record, encode_draft
from orchestrator.model.org import CommandKey, EnvironmentKey, FileKey, Org, Wire
from orchestrator.model.plain import JSON, plain, restore
from orchestrator.model.reading import HamrRecord, Request
from orchestrator.model.status import Role

from .orgs import WRITTEN, draft, pair_at

DOCUMENTED: dict[str, JSON] = {
    "hamr_status": 4,
    "is_primary": True,
    "modified_at": "2026-01-13T17:26:48.830968Z",
    "modified_by": "admin@example.com",
    "target_org_datacenter": "us1",
    "target_org_name": "Production Backup Org",
    "target_org_uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
}
RECORDED: dict[str, JSON] = {
    "HamrStatus": 2,
    "IsPrimary": True,
    "ModifiedAt": "2026-05-28 16:34:21.636477",
    "ModifiedBy": "someone@example.com",
    "OrgDatacenter": "eu1.prod.dog",
    "TargetOrgDatacenter": "us5.prod.dog",
    "TargetOrgName": "Backup US5",
    "TargetOrgUuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
}


def body(attributes: dict[str, JSON]) -> JSON:
    return {
        "data": {
            "id": "550e8400-e29b-41d4-a716-446655440000",
            "type": "hamr_org_connections",
            "attributes": attributes,
        }
    }


def record(attributes: dict[str, JSON]) -> HamrRecord:
    found = decode_record(body(attributes))
    assert isinstance(found, HamrRecord), found
    return found


def reason(value: JSON) -> str:
    found = decode_record(value)
    assert isinstance(found, str)
    return found


def test_the_documented_casing_is_read() -> None:
    assert record(DOCUMENTED) == HamrRecord(
        org_uuid="550e8400-e29b-41d4-a716-446655440000",
        status=4,
        is_primary=True,
        modified_by="admin@example.com",
        modified_at=datetime(2026, 1, 13, 17, 26, 48, 830968, UTC),
        target_uuid="6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        target_name="Production Backup Org",
        target_datacenter="us1",
        datacenter=None,
        wire=Wire.SNAKE,
        extra=(),
    )


def test_the_recorded_casing_is_read() -> None:
    assert record(RECORDED) == HamrRecord(
        org_uuid="550e8400-e29b-41d4-a716-446655440000",
        status=2,
        is_primary=True,
        modified_by="someone@example.com",
        modified_at=datetime(2026, 5, 28, 16, 34, 21, 636477, UTC),
        target_uuid="6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        target_name="Backup US5",
        target_datacenter="us5.prod.dog",
        datacenter="eu1.prod.dog",
        wire=Wire.PASCAL,
        extra=(),
    )


def test_casings_are_read_key_by_key() -> None:
    mixed = record({"HamrStatus": 3, "is_primary": False, "ModifiedBy": "ana"})
    assert (mixed.status, mixed.is_primary, mixed.modified_by, mixed.wire) == (3, False, "ana", Wire.PASCAL)


def test_casings_that_disagree_are_a_reason() -> None:
    assert reason(body({"HamrStatus": 3, "hamr_status": 2})) == "hamr_status and HamrStatus disagree"


def test_what_is_missing_reads_as_unknown() -> None:
    bare = record({"hamr_status": 2, "modified_by": None})
    assert (bare.is_primary, bare.modified_by, bare.modified_at, bare.datacenter) == (None, "", None, None)
    assert (bare.target_uuid, bare.target_name, bare.target_datacenter) == ("", "", "")


def test_unknown_attributes_are_kept() -> None:
    kept = record({**DOCUMENTED, "failover_budget": {"hours": [1, 2.5, None]}, "Zone": "b"})
    assert kept.extra == (("failover_budget", {"hours": [1, 2.5, None]}), ("Zone", "b"))


@pytest.mark.parametrize("number", [6, 17, -1])
def test_an_unknown_status_number_is_kept_for_its_own_reading(number: int) -> None:
    assert record({"hamr_status": number}).status == number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "its hamr_status is true or false, not a whole number"),
        ("2", "its hamr_status is a text, not a whole number"),
        (2.0, "its hamr_status is a number, not a whole number"),
        (None, "its hamr_status is null, not a whole number"),
        ([2], "its hamr_status is a list, not a whole number"),
        ({"value": 2}, "its hamr_status is an object, not a whole number"),
        (10**30, "its hamr_status is out of all bounds"),
    ],
)
def test_a_status_of_the_wrong_type_is_a_reason(value: JSON, expected: str) -> None:
    assert reason(body({"hamr_status": value})) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 'it has no "data" object'),
        ([], 'it has no "data" object'),
        ({"data": []}, 'it has no "data" object'),
        ({"data": {"attributes": {"hamr_status": 2}}}, "it has no id"),
        ({"data": {"id": "", "attributes": {"hamr_status": 2}}}, "it has no id"),
        ({"data": {"id": "u"}}, 'it has no "attributes" object'),
        ({"data": {"id": "u", "attributes": {}}}, "it has no hamr_status"),
        ({"data": {"id": "u", "type": "dashboards"}}, "its type is not hamr_org_connections"),
        (body({"hamr_status": 2, "is_primary": "yes"}), "its is_primary is a text, not true or false"),
        (body({"hamr_status": 2, "TargetOrgUuid": 7}), "its target_org_uuid is a number, not a text"),
        (body({"hamr_status": 2, "modified_by": "\ud800"}), "its modified_by holds half a character"),
        (
            body({"hamr_status": 2, "org_id": 2**60}),
            "its org_id holds a number that cannot be carried over exactly",
        ),
        (
            body({"hamr_status": 2, "load": float("inf")}),
            "its load holds a number that cannot be carried over exactly",
        ),
    ],
)
def test_what_is_no_record_is_a_reason(value: JSON, expected: str) -> None:
    assert reason(value) == expected


def test_an_attribute_nested_without_end_is_a_reason() -> None:
    nested: JSON = 1
    for _ in range(30):
        nested = [nested]
    assert reason(body({"hamr_status": 2, "tree": nested})) == "its tree is nested too deeply"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-13T17:26:48Z", datetime(2026, 1, 13, 17, 26, 48, 0, UTC)),
        ("2026-01-13 17:26:48", datetime(2026, 1, 13, 17, 26, 48, 0, UTC)),
        ("2026-01-13T17:26:48.5Z", datetime(2026, 1, 13, 17, 26, 48, 500000, UTC)),
        ("2026-01-13T17:26:48.830968123Z", datetime(2026, 1, 13, 17, 26, 48, 830968, UTC)),
        ("2026-01-13T18:26:48.830968+01:00", datetime(2026, 1, 13, 17, 26, 48, 830968, UTC)),
        ("2026-01-13 12:26:48-0500", datetime(2026, 1, 13, 17, 26, 48, 0, UTC)),
        ("2026-01-13 17:26:48.830968 +0000 UTC", datetime(2026, 1, 13, 17, 26, 48, 830968, UTC)),
        (" 2026-01-13t17:26:48z ", datetime(2026, 1, 13, 17, 26, 48, 0, UTC)),
        ("2026-02-30T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01 00:00:00", None),
        ("0001-01-01T00:00:00-05:00", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
        ("9999-12-31T23:59:59-01:00", None),
        ("2026-01-13", None),
        ("yesterday", None),
        ("", None),
        (1768325208, None),
    ],
)
def test_times_are_read_as_utc_with_or_without_zone(text: JSON, expected: datetime | None) -> None:
    assert record({"hamr_status": 2, "modified_at": text}).modified_at == expected


@given(st.datetimes(), st.sampled_from(["Z", "", "+14:00", "-12:00"]), st.sampled_from(["T", " "]))
def test_every_time_that_is_read_can_be_journalled_and_read_back(
    at: datetime, zone: str, between: str
) -> None:
    found = record({"hamr_status": 2, "modified_at": at.isoformat(between) + zone})
    assert restore(HamrRecord, json.loads(json.dumps(plain(found)))) == found


def test_snake_writes_exactly_the_six_documented_attributes() -> None:
    assert encode_draft(draft()) == WRITTEN


def test_pascal_carries_the_whole_record_over_and_never_its_time() -> None:
    extra: tuple[tuple[str, JSON], ...] = (("Zone", "b"), ("ModifiedAt", "2026-01-13"), ("modified_at", "x"))
    whole = replace(draft(Role.PRIMARY, Wire.PASCAL), datacenter="eu1.prod.dog", extra=extra)
    assert encode_draft(whole) == {
        "data": {
            "id": "550e8400-e29b-41d4-a716-446655440000",
            "type": "hamr_org_connections",
            "attributes": {
                "HamrStatus": 3,
                "IsPrimary": True,
                "ModifiedBy": "ana+hamr-20261122-031502-k3f9-1@laptop",
                "OrgDatacenter": "eu1.prod.dog",
                "TargetOrgDatacenter": "us1",
                "TargetOrgName": "Payments",
                "TargetOrgUuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                "Zone": "b",
            },
        }
    }


def test_a_snake_record_gets_its_own_datacenter_back_only_where_it_sent_one() -> None:
    read = record({**DOCUMENTED, "org_datacenter": "eu1.prod.dog"})
    written = encode_draft(replace(draft(), datacenter=read.datacenter, extra=read.extra))
    without = encode_draft(replace(draft(), datacenter="eu1.prod.dog"))
    assert '"org_datacenter": "eu1.prod.dog"' in json.dumps(written)
    assert "org_datacenter" not in json.dumps(without).replace("target_org_datacenter", "")


def test_a_draft_without_a_casing_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="SNAKE or PASCAL"):
        encode_draft(draft(wire=Wire.AUTO))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(st.sampled_from([*DOCUMENTED, *RECORDED, "other"]), ANY_JSON | st.integers(0, 6))


@given(ATTRIBUTES | ANY_JSON)
def test_whatever_is_read_is_a_record_that_can_be_journalled_or_a_reason(attributes: JSON) -> None:
    found = decode_record(
        {"data": {"id": "u", "attributes": attributes}} if isinstance(attributes, dict) else attributes
    )
    if isinstance(found, HamrRecord):
        assert restore(HamrRecord, json.loads(json.dumps(plain(found)).encode())) == found
    else:
        assert found


ORG: Org = pair_at("https://api.datadoghq.com", "https://api.datadoghq.eu").orgs.primary
GET = Request("GET", "https://api.datadoghq.com/api/v2/hamr", None)


def test_a_post_is_spelled_out() -> None:
    request = Request(
        "POST", "https://api.datadoghq.com/api/v2/hamr", {"data": {"name": "O'Brien & sons $HOME"}}
    )
    assert curl(request, ORG) == (
        "curl --fail-with-body --silent --show-error --write-out '\\n' \\\n"
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
        "--write-out",
        "\\n",
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

"""What somebody would write in five minutes: PASSIVE to ACTIVE with Datadog's official client, nothing checked.

Per transition: GET, GET, POST, POST, GET, GET, one after the other; no guards, no journal, no lock.
"""

from __future__ import annotations

import json
import sys

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v2.api.high_availability_multi_region_api import HighAvailabilityMultiRegionApi
from datadog_api_client.v2.model.hamr_org_connection_attributes_request import (
    HamrOrgConnectionAttributesRequest,
)
from datadog_api_client.v2.model.hamr_org_connection_data_request import HamrOrgConnectionDataRequest
from datadog_api_client.v2.model.hamr_org_connection_request import HamrOrgConnectionRequest
from datadog_api_client.v2.model.hamr_org_connection_status import HamrOrgConnectionStatus
from datadog_api_client.v2.model.hamr_org_connection_type import HamrOrgConnectionType

FAILOVER, ACTIVE = 3, 4


def api(org: dict[str, str]) -> HighAvailabilityMultiRegionApi:
    configuration = Configuration(host=org["url"])
    configuration.api_key["apiKeyAuth"] = org["api_key"]
    configuration.api_key["appKeyAuth"] = org["app_key"]
    configuration.unstable_operations["get_hamr_org_connection"] = True
    configuration.unstable_operations["create_hamr_org_connection"] = True
    return HighAvailabilityMultiRegionApi(ApiClient(configuration))


def main() -> None:
    ready = json.loads(sys.argv[1])
    apis = {name: api(ready[name]) for name in ("primary", "secondary")}
    for status in (FAILOVER, ACTIVE):
        before = {name: each.get_hamr_org_connection() for name, each in apis.items()}
        for name in ("secondary", "primary"):
            attributes = before[name].data.attributes
            apis[name].create_hamr_org_connection(
                HamrOrgConnectionRequest(
                    data=HamrOrgConnectionDataRequest(
                        id=before[name].data.id,
                        type=HamrOrgConnectionType.HAMR_ORG_CONNECTIONS,
                        attributes=HamrOrgConnectionAttributesRequest(
                            hamr_status=HamrOrgConnectionStatus(status),
                            is_primary=attributes.is_primary,
                            modified_by="script@example.com",
                            target_org_datacenter=attributes.target_org_datacenter,
                            target_org_name=attributes.target_org_name,
                            target_org_uuid=attributes.target_org_uuid,
                        ),
                    )
                )
            )
        for each in apis.values():
            assert int(each.get_hamr_org_connection().data.attributes.hamr_status.value) == status


if __name__ == "__main__":
    main()

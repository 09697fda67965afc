"""A Service of ours: made once, leading where it is told, and gone afterwards."""

from __future__ import annotations

import pytest

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.ownservice import Opened, OwnService
from labgrade.facts.reading import RESOURCES
from labgrade.model import Json
from tests.support.apiserver import ApiServer

RUN = "0a1b2c3d"
SPACE = f"labgrade-{RUN}"


@pytest.fixture
def service(server: ApiServer, api: Api) -> OwnService:
    """On a cluster that gives every Service its addresses."""

    def give(method: str, plural: str, body: Json) -> None:
        if (method, plural) == ("POST", "services"):
            entry = {**body["spec"]["ports"][0], "nodePort": 31000}
            body["spec"] |= {"clusterIP": "10.96.0.50", "ports": [entry]}

    server.reactions.append(give)
    return OwnService(api, RUN)


def found(api: Api, kind: str) -> list[Json]:
    """What there is of ours."""
    return api.get(RESOURCES[kind].path(SPACE)).get("items") or []


def test_it_leads_where_it_is_told(service: OwnService, api: Api) -> None:
    """To an address, without a selector: no Pod needs a label for it."""
    assert service.opened("10.0.1.7", 8080) == Opened("10.96.0.50", 8080, 31000)
    (made,), (behind,) = found(api, "Service"), found(api, "EndpointSlice")
    assert made["spec"]["type"] == "NodePort"
    assert "selector" not in made["spec"]
    assert made["metadata"]["labels"]["labgrade/run"] == RUN
    assert behind["metadata"]["labels"]["kubernetes.io/service-name"] == made["metadata"]["name"]
    assert behind["addressType"] == "IPv4"
    assert behind["endpoints"][0]["addresses"] == ["10.0.1.7"]


def test_it_is_made_once(service: OwnService, server: ApiServer) -> None:
    """A check that is judged again asks the same one."""
    assert service.opened("10.0.1.7", 8080) == service.opened("10.0.1.7", 8080)
    assert server.count("/services", "POST") == 1


def test_an_address_of_the_other_family_is_told_as_such(service: OwnService, api: Api) -> None:
    """Or the API would refuse it."""
    service.opened("fd00::7", 8080)
    assert found(api, "EndpointSlice")[0]["addressType"] == "IPv6"


def test_it_goes_when_it_is_done_with(service: OwnService, api: Api) -> None:
    """And what was never made is not looked for."""
    service.remove()
    service.opened("10.0.1.7", 8080)
    service.remove()
    assert found(api, "Service") == []


def test_a_cluster_that_refuses_it_is_our_error(service: OwnService, server: ApiServer) -> None:
    """With the cluster's own words."""
    server.fault(422, "/services", method="POST", message="no port is left")
    with pytest.raises(ApiError, match="no port is left"):
        service.opened("10.0.1.7", 8080)

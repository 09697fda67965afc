"""Changes that are not made: the server's answer is told, and nothing is stored."""

from __future__ import annotations

import pytest

from labgrade.cluster.api import Api, ApiError
from labgrade.cluster.rehearsal import Rehearsal
from labgrade.facts import ConfigMap, Snapshot
from tests.support.apiserver import ApiServer

CHANGE = {"data": {"rules.txt": "another"}}


@pytest.fixture
def rules(server: ApiServer, api: Api) -> ConfigMap:
    """A ConfigMap."""
    server.put("ConfigMap", "house-rules", "lab", data={"rules.txt": "one"})
    return ConfigMap(Snapshot(api), "lab", "house-rules")


def test_it_asks_for_a_dry_run(server: ApiServer, api: Api, rules: ConfigMap) -> None:
    """Or the change would be made."""
    assert Rehearsal(api).refusal(rules, CHANGE) == ""
    (path,) = [path for method, path in server.requests if method == "PATCH"]
    assert path.endswith("/configmaps/house-rules?dryRun=All")


def test_what_is_invalid_is_told_in_the_servers_words(server: ApiServer, api: Api, rules: ConfigMap) -> None:
    """They name the field."""
    server.fault(422, "house-rules", method="PATCH", message="data: Forbidden: field is immutable")
    assert Rehearsal(api).refusal(rules, CHANGE) == "data: Forbidden: field is immutable"


def test_any_other_refusal_is_no_answer(server: ApiServer, api: Api, rules: ConfigMap) -> None:
    """Whoever may not ask does not know what would become of it."""
    server.fault(403, "house-rules", method="PATCH", message="no rights")
    with pytest.raises(ApiError, match="no rights"):
        Rehearsal(api).refusal(rules, CHANGE)

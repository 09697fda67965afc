"""Facts among thousands of objects: what a reading costs grows with their number, not with its square."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from labgrade.cluster.api import Api
from labgrade.facts import Cluster, Snapshot
from labgrade.grading.settle import on_its_way
from labgrade.model import Json

FEW, MANY = 500, 5000
SLACK = 1.2
"""Over a growth in step with the number."""


class Looked(dict[str, Any]):
    """An object that knows how often it was looked at."""

    looks = 0

    def __getitem__(self, key: str) -> Any:
        self.looks += 1
        return super().__getitem__(key)


class Crowd:
    """An API that knows one Deployment and a crowd of Pods, every other one the Deployment's."""

    def __init__(self, number: int) -> None:
        self.pods = [_pod(index) for index in range(number)]

    def get(self, path: str) -> Json:
        """The list at a path."""
        items = {"pods": self.pods, "replicasets": [_replicaset()]}.get(path.rpartition("/")[2], [])
        return {"metadata": {"resourceVersion": "1"}, "items": items}

    @property
    def cluster(self) -> Cluster:
        """Handles on it, with nothing read yet."""
        return Cluster(Snapshot(cast("Api", self)), "lab")


def _pod(index: int) -> Looked:
    owner = {"controller": True, "kind": "ReplicaSet", "name": "web", "uid": "r" if index % 2 else "other"}
    metadata = {"name": f"web-{index}", "namespace": "lab", "uid": f"{index}", "ownerReferences": [owner]}
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    return Looked(metadata=metadata, spec={}, status={"phase": "Pending", "conditions": conditions})


def _replicaset() -> Json:
    return {"metadata": {"name": "web", "namespace": "lab", "uid": "r", "generation": 1}, "spec": {"replicas": 1}}


def settled(cluster: Cluster) -> None:
    """What patience asks again and again."""
    on_its_way(cluster, datetime.now(UTC))


def judged(cluster: Cluster) -> None:
    """What checks ask."""
    assert len(cluster.replicasets()[0].pods) * 2 == len(cluster.pods())
    assert all(pod.uid for pod in cluster.pods())


def looks(ask: Callable[[Cluster], None], number: int) -> int:
    """How often a first question among so many Pods looks at one of them."""
    crowd = Crowd(number)
    ask(crowd.cluster)
    return sum(pod.looks for pod in crowd.pods)


@pytest.mark.parametrize("ask", [settled, judged])
def test_ten_times_the_pods_cost_ten_times_as_much(ask: Callable[[Cluster], None]) -> None:
    """Each fact finds its object by name; looking through the list for each would cost a hundred times as much."""
    assert 0 < looks(ask, MANY) <= looks(ask, FEW) * MANY / FEW * SLACK

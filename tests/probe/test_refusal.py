"""Who keeps a probe out: a rule of the student's costs points, a want of rights of our own costs nobody any."""

from __future__ import annotations

import pytest

from labgrade.cluster.api import ApiError
from labgrade.errors import Unmet
from labgrade.probe.refusal import kept_out

POD = 'pods "labgrade-0123abcd" is forbidden: '

RULES: dict[str, tuple[int, str]] = {
    "quota": (403, POD + "exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3"),
    "quota of what we do not say": (403, POD + "failed quota: mem: must specify limits.memory for: probe"),
    "Pod Security": (403, POD + 'violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must not set …)'),
    "least": (403, POD + "minimum cpu usage per Container is 100m.  No request is specified"),
    "most": (403, POD + "maximum memory usage per Pod is 1Gi, but limit is 2Gi"),
    "several limits": (403, POD + "[minimum cpu usage per Container is 1, minimum memory usage per Container is 1Gi]"),
    "ratio": (403, POD + "cpu max limit to request ratio per Container is 2, but no request is specified"),
    "policy": (422, POD + "ValidatingAdmissionPolicy 'few' with binding 'few' denied request: no Pods of others"),
    "webhook": (403, 'admission webhook "few.example.org" denied the request: no Pods of others'),
    "webhook that names no code": (400, 'admission webhook "few.example.org" denied the request without explanation'),
}


@pytest.mark.parametrize(("status", "words"), RULES.values(), ids=RULES.keys())
def test_a_rule_of_the_students_is_unmet(status: int, words: str) -> None:
    """In the server's words, in both languages, with what would let the probe in."""
    found = kept_out(ApiError(words, status=status), "lab")
    assert isinstance(found, Unmet)
    assert found.saw.en == f"namespace lab lets no probe in: {words}"
    assert found.saw.fr == f"le namespace lab ne laisse entrer aucune sonde : {words}"
    assert "Pod Security" in found.wanted.en
    assert "Pod Security" in found.wanted.fr
    assert found.try_.en == "kubectl describe quota,limits -n lab"


OTHERS: dict[str, tuple[int, str]] = {
    "no right to create": (
        403,
        'pods is forbidden: User "jo" cannot create resource "pods" in API group "" in the namespace "lab"',
    ),
    "no right to patch": (403, 'pods "web" is forbidden: User "jo" cannot patch resource "pods/ephemeralcontainers"'),
    "no such namespace": (404, 'namespaces "lab" not found'),
    "a namespace that goes": (
        403,
        POD + "unable to create new content because it is being terminated",
    ),
    "invalid": (422, 'Pod "labgrade-0123abcd" is invalid: spec.containers[0].image: Required value'),
    "a webhook that is down": (500, 'failed calling webhook "few.example.org": denied the request? no: timed out'),
}


@pytest.mark.parametrize(("status", "words"), OTHERS.values(), ids=OTHERS.keys())
def test_all_else_is_not_the_students(status: int, words: str) -> None:
    """Our error, which whoever asked raises."""
    assert kept_out(ApiError(words, status=status), "lab") is None

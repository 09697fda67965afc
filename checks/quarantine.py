"""A Pod taken out of service alive, by its labels."""

from __future__ import annotations

from checks.wording import NOTHING, because, pairs, require, states, troubles
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Deployment, Pod, Service
from labgrade.probe import Answer, Prober, http
from labgrade.text import Text

HASH = "pod-template-hash"


def released(cluster: Cluster, deployment: Deployment) -> list[Pod]:
    """Pods that a ReplicaSet of the Deployment once made and that nothing controls any more.

    They are known by `generateName`, which relabelling leaves alone, whichever labels that is done to.
    """
    if not deployment.exists:
        return []
    return [
        pod
        for pod in cluster.pods()
        if pod.controller is None and str(pod.metadata.get("generateName", "")).startswith(f"{deployment.name}-")
    ]


def assert_quarantined(cluster: Cluster, deployment: Deployment) -> None:
    """A Pod of the Deployment runs on without belonging to it, and the Deployment is complete without it."""
    __tracebackhide__ = True
    require(deployment)
    pods = released(cluster, deployment)
    if saw := _not_quarantined(deployment, pods):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"a Pod made by {deployment} runs and belongs to nobody; {deployment} is complete without it",
                fr=f"un Pod créé par {deployment} tourne et n'est à personne ; {deployment} est complet sans lui",
            ),
            try_=f"kubectl get pods -n {cluster.namespace} --show-labels",
            evidence=states([*pods, *deployment.pods]),
        )


def assert_isolated(service: Service, pods: list[Pod], probe: Prober) -> None:
    """The Service sends nothing to these Pods, while each still answers HTTP when it is asked directly.

    The Service itself, asked in the same breath, is the control.
    """
    __tracebackhide__ = True
    behind = {endpoint.ip for endpoint in service.endpoints}
    served = next((pod for pod in pods if pod.ip in behind), None)
    if served or not pods:
        raise Unmet(
            _still_served(service, served),
            wanted=Text(en="it is none of the Service's endpoints", fr="il n'est pas un endpoint du Service"),
            try_=f"kubectl get endpointslices -n {service.namespace}",
            evidence=states(pods),
        )
    port = int(service.ports[0]["port"]) if service.ports else 80
    answers = probe.ask([http(service.cluster_ip, port), *(http(pod.ip) for pod in pods)])
    for fact, answer in zip([service, *pods], answers, strict=True):
        if answer.verdict != "http":
            raise Unmet(
                _silent(fact, answer),
                wanted=Text(
                    en="Pods in quarantine answer like those behind the Service",
                    fr="les Pods en quarantaine répondent, comme ceux qui sont derrière le Service",
                ),
                try_=f"kubectl describe {fact.kind.lower()} {fact.name} -n {fact.namespace}",
                evidence=tuple(f"{answer}" for answer in answers),
            )


def _still_served(service: Service, pod: Pod | None) -> Text:
    if pod is None:
        return Text(en="no Pod is in quarantine", fr="aucun Pod n'est en quarantaine")
    selector = pairs(service.selector)
    return Text(
        en=f"{service} still sends to {pod}, which carries the labels that it selects: {selector}",
        fr=f"{service} envoie encore à {pod}, qui porte les labels qu'il choisit : {selector}",
    )


def _silent(fact: Pod | Service, answer: Answer) -> Text:
    return Text(en=f"{fact} does not answer ({answer.verdict})", fr=f"{fact} ne répond pas ({answer.verdict})")


def _not_quarantined(deployment: Deployment, pods: list[Pod]) -> Text:
    """What speaks against a quarantine; empty when nothing does."""
    if not pods:
        return _nobody_released(deployment)
    if not any(pod.phase == "Running" for pod in pods):
        more = troubles(pods)
        return Text(
            en=f"{pods[0]} is out, but does not run: {pods[0].phase}{more.en}",
            fr=f"{pods[0]} est sorti, mais ne tourne pas : {pods[0].phase}{more.fr}",
        )
    if deployment.ready < max(deployment.replicas, 1):
        count, more = f"{deployment.ready}/{deployment.replicas}", because(deployment)
        return Text(
            en=f"{pods[0]} is out, but {deployment} has {count} Pods ready without it{more.en}",
            fr=f"{pods[0]} est sorti, mais sans lui {deployment} a {count} Pods prêts{more.fr}",
        )
    return NOTHING


def _nobody_released(deployment: Deployment) -> Text:
    for pod in deployment.pods:
        own = {k: v for k, v in pod.labels.items() if k != HASH and deployment.template_labels.get(k) != v}
        if own:
            return Text(
                en=f"{pod} carries {pairs(own)}, which no selector looks at: it still is one of {deployment}",
                fr=f"{pod} porte {pairs(own)}, qu'aucun sélecteur ne regarde : il reste un Pod de {deployment}",
            )
    return Text(
        en=f"all Pods that {deployment} made still belong to it, or are gone",
        fr=f"tous les Pods que {deployment} a créés lui appartiennent encore, ou n'existent plus",
    )

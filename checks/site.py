"""A web site and its database: found by what they run and by what leads to them, whatever their names."""

from __future__ import annotations

from collections.abc import Sequence

from checks.wording import listed, states, troubles
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Deployment, Pod, Service, StatefulSet
from labgrade.model import Json
from labgrade.text import Text

App = Deployment | StatefulSet

DATABASE, WEB = ("mariadb", "mysql"), ("wordpress",)
"""Names of the images, less host, organisation and tag, that they are known by."""

SQL = 3306
HTTP = 80


def database(cluster: Cluster) -> App:
    """What runs the database, whatever its name; Unmet where nothing does."""
    __tracebackhide__ = True
    return running(cluster, DATABASE)


def web(cluster: Cluster) -> App:
    """What runs WordPress, whatever its name; Unmet where nothing does."""
    __tracebackhide__ = True
    return running(cluster, WEB)


def web_pod(cluster: Cluster) -> Pod:
    """A ready Pod of WordPress; Unmet where there is none."""
    __tracebackhide__ = True
    return _ready(web(cluster))


def database_pod(cluster: Cluster) -> Pod:
    """A ready Pod of the database; Unmet where there is none."""
    __tracebackhide__ = True
    return _ready(database(cluster))


def database_service(cluster: Cluster) -> Service:
    """The Service by which the database is found; Unmet where none leads to it."""
    __tracebackhide__ = True
    return service_of(cluster, database_pod(cluster))


def controller(cluster: Cluster, node_port: int) -> Pod:
    """A ready Pod of whatever Ingress controller, in any namespace, has that port of the nodes."""
    __tracebackhide__ = True
    services = [each for each in Service.all(cluster.reading, None) if _opens(each, node_port)]
    for service in services:
        for endpoint in service.endpoints:
            pod = Pod(cluster.reading, service.namespace, endpoint.pod)
            if endpoint.ready and pod.ready:
                return pod
    names = listed(f"{each} in namespace {each.namespace}" for each in services)
    raise Unmet(
        Text(
            en=f"no ready Pod is behind port {node_port} of the nodes; Services with that nodePort: {names.en}",
            fr=f"aucun Pod prêt derrière le port {node_port} des nœuds ; Services avec ce nodePort : {names.fr}",
        ),
        wanted=Text(
            en="an Ingress controller that runs in Pods with addresses of their own, and before them a Service with "
            f"the nodePort {node_port} (behind Cilium's own Ingress there is no Pod: every node answers by itself)",
            fr="un contrôleur d'Ingress qui tourne dans des Pods ayant leurs propres adresses, et devant eux un "
            f"Service avec le nodePort {node_port} (derrière l'Ingress de Cilium, aucun Pod : le nœud répond lui-même)",
        ),
        try_="kubectl get services -A",
    )


def running(cluster: Cluster, images: Sequence[str]) -> App:
    """What runs one of these images; Unmet where nothing does."""
    __tracebackhide__ = True
    every: list[App] = [*cluster.deployments(), *cluster.statefulsets()]
    for app in every:
        if any(short(image) in images for image in app.images.values()):
            return app
    seen = listed(f"{app} ({listed(map(tagged, app.images.values())).en})" for app in every)
    bare = [pod for pod in cluster.pods() if any(short(image) in images for image in pod.images.values())]
    found = f"{bare[0]}" if bare else seen.en
    raise Unmet(
        Text(
            en=f"no Deployment of namespace {cluster.namespace} runs {images[0]}; there is: {found}",
            fr=f"aucun Deployment du namespace {cluster.namespace} n'exécute {images[0]} ; il y a : "
            f"{found if bare else seen.fr}",
        ),
        wanted=Text(en=f"a Deployment of {images[0]}", fr=f"un Deployment de {images[0]}"),
        try_=f"kubectl get deployments -n {cluster.namespace} -o wide",
    )


def _ready(app: App) -> Pod:
    __tracebackhide__ = True
    if found := next((pod for pod in app.pods if pod.ready), None):
        return found
    more = troubles(app.pods)
    raise Unmet(
        Text(en=f"no Pod of {app} is ready{more.en}", fr=f"aucun Pod de {app} n'est prêt{more.fr}"),
        wanted=Text(en="a ready Pod", fr="un Pod prêt"),
        try_=f"kubectl describe pods -n {app.namespace}",
        evidence=states(app.pods),
    )


def service_of(cluster: Cluster, pod: Pod) -> Service:
    """A Service that leads to a ready Pod; Unmet where none does."""
    __tracebackhide__ = True
    for service in cluster.services():
        # A headless one leads to its Pods without naming a port.
        if (service.ports or service.headless) and any(each.ready and each.ip == pod.ip for each in service.endpoints):
            return service
    found = listed(cluster.services())
    raise Unmet(
        Text(
            en=f"no Service leads to {pod}; there is: {found.en}",
            fr=f"aucun Service ne mène à {pod} ; il y a : {found.fr}",
        ),
        wanted=Text(en=f"a Service in front of {pod}", fr=f"un Service devant {pod}"),
        try_=f"kubectl get services,endpointslices -n {cluster.namespace}",
    )


def way_in(service: Service, pod: Pod, port: int) -> tuple[str, int]:
    """Address and port by which a Service is asked for a port of a Pod behind it: the Pod's own where it is headless.

    Else that of its ports which leads there, or bears that number; the first where none does.
    """
    if service.headless:
        return pod.ip, port
    entries = [entry for entry in service.ports if entry.get("protocol", "TCP") == "TCP"] or service.ports
    leading = [entry for entry in entries if _target(entry, pod) == port]
    numbered = [entry for entry in entries if int(entry["port"]) == port]
    return service.cluster_ip, int((leading or numbered or entries)[0]["port"])


def short(image: str) -> str:
    """An image's name, less host, organisation and tag."""
    return image.rpartition("/")[2].partition(":")[0]


def tagged(image: str) -> str:
    """The same with its tag."""
    return image.rpartition("/")[2]


def _target(entry: Json, pod: Pod) -> int | None:
    """The port of a Pod that a Service's port leads to; None for a name that no container of it gives to one."""
    target = entry.get("targetPort") or entry["port"]
    declared = [each for container in pod.containers.values() for each in container.get("ports") or []]
    named = {each.get("name"): int(each["containerPort"]) for each in declared}
    return named.get(target) if isinstance(target, str) else int(target)


def _opens(service: Service, node_port: int) -> bool:
    return any(int(entry.get("nodePort", 0)) == node_port for entry in service.ports)

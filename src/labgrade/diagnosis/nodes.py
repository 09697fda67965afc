"""The cluster's nodes, and the Pods and the storage class that every lab relies on."""

from __future__ import annotations

from collections.abc import Iterator

from labgrade.cluster.target import not_kind
from labgrade.diagnosis.finding import Finding, fine
from labgrade.diagnosis.patient import Patient
from labgrade.facts import DaemonSet, Deployment, Node, Pod, Reading, StorageClass
from labgrade.facts.storage import DEFAULT_CLASS
from labgrade.text import Text
from labgrade.why import why

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
SYSTEM, STORAGE = "kube-system", "local-path-storage"
STANDARD = "standard"
"""The class that kind makes."""

PATCH = (
    "kubectl patch storageclass {} -p "
    '\'{{"metadata":{{"annotations":{{"storageclass.kubernetes.io/is-default-class":"{}"}}}}}}\''
)


def nodes(patient: Patient) -> list[Finding]:
    """Whether kind made them, and whether they are Ready and well."""
    found = patient.cluster.nodes()
    if not found or not all(node.made_by_kind for node in found):
        said = not_kind(patient.access)
        words = Text(
            en=said, fr=f"{patient.access.context} ne mène pas à un cluster kind, et labgrade ne touche à aucun autre"
        )
        return [Finding("trouble", words, do=("labgrade up",))]
    odd = [each for node in found for each in _of_node(node)]
    versions = [f"{node.name}: {node.status.get('nodeInfo', {}).get('kubeletVersion', '?')}" for node in found]
    good = fine(Text(en=f"All {len(found)} nodes are Ready", fr=f"Les {len(found)} nœuds sont Ready"), *versions)
    return odd or [good]


def _of_node(node: Node) -> Iterator[Finding]:
    if not node.ready:
        yield _not_ready(node)
        return
    for kind in PRESSURES:
        if node.condition(kind).get("status") == "True":
            said = node.condition(kind).get("message", "")
            yield Finding(
                "trouble",
                Text(en=f"{node} reports {kind}: {said}", fr=f"{node} signale {kind} : {said}"),
                Text(en="it evicts Pods and takes no new ones", fr="il expulse des Pods et n'en accepte plus"),
                ("docker system df", "df -h") if kind == "DiskPressure" else ("docker stats --no-stream",),
            )
    if node.spec.get("unschedulable"):
        yield Finding(
            "warning",
            Text(
                en=f"{node} is cordoned: it takes no new Pods",
                fr=f"{node} est isolé (cordon) : il n'accepte plus de Pods",
            ),
            do=(f"kubectl uncordon {node.name}",),
        )


def _not_ready(node: Node) -> Finding:
    ready = node.condition("Ready")
    reason, message = str(ready.get("reason", "")), str(ready.get("message", ""))
    said = f"{reason}: {message}" if message else reason
    words = Text(en=f"{node} is not Ready ({said})", fr=f"{node} n'est pas Ready ({said})")
    if "NetworkPluginNotReady" in message or "cni" in message.lower():
        means = Text(
            en="the cluster has no Pod network (CNI) yet", fr="le cluster n'a pas encore de réseau de Pods (CNI)"
        )
        return Finding("trouble", words, means, ("kubectl get pods -n kube-system -o wide",))
    if ready.get("status") == "Unknown":
        means = Text(en="its kubelet is silent: stopped, or too busy", fr="son kubelet se tait : arrêté, ou débordé")
    else:
        means = Text(en="no Pod starts on it", fr="aucun Pod n'y démarre")
    restart = (f"docker restart {node.name}", f"docker exec {node.name} journalctl -u kubelet -n 30 --no-pager")
    return Finding("trouble", words, means, restart)


def system(patient: Patient) -> list[Finding]:
    """CoreDNS, kube-proxy, the volume provisioner, and whatever else runs in their namespaces."""
    reading = patient.cluster.reading
    found = [*_dns(reading), *_proxy(reading), *_provisioner(reading)]
    if found:
        return found
    sick = [pod for pod in (*Pod.all(reading, SYSTEM), *Pod.all(reading, STORAGE)) if _sick(pod)]
    if sick:
        return [_of_pods(sick)]
    return [fine(Text(en="The system's Pods are ready", fr="Les Pods du système sont prêts"))]


def _dns(reading: Reading) -> Iterator[Finding]:
    dns = Deployment(reading, SYSTEM, "coredns")
    means = Text(en="no name is resolved, so no Service is reached by its name", fr="aucun nom n'est résolu")
    if dns.exists and not dns.replicas:
        words = Text(en="CoreDNS is scaled to 0", fr="CoreDNS est réduit à 0 réplica")
        yield Finding("trouble", words, means, ("kubectl scale deployment coredns -n kube-system --replicas=2",))
    elif not dns.ready:
        words = Text(en="No Pod of CoreDNS is ready", fr="Aucun Pod de CoreDNS n'est prêt")
        yield _explained(words, means, dns, SYSTEM)


def _proxy(reading: Reading) -> Iterator[Finding]:
    proxy = DaemonSet(reading, SYSTEM, "kube-proxy")
    wanted, ready = proxy.replicas, proxy.ready
    # Cilium may stand in for it.
    if proxy.exists and ready < wanted:
        words = Text(
            en=f"kube-proxy is ready on {ready} of {wanted} nodes",
            fr=f"kube-proxy est prêt sur {ready} nœuds sur {wanted}",
        )
        means = Text(en="Services do not work from the others", fr="les Services ne marchent pas depuis les autres")
        yield _explained(words, means, proxy, SYSTEM)


def _provisioner(reading: Reading) -> Iterator[Finding]:
    provisioner = Deployment(reading, STORAGE, "local-path-provisioner")
    if provisioner.exists and not provisioner.ready:
        words = Text(
            en="The volume provisioner (local-path-provisioner) is not ready",
            fr="Le fournisseur de volumes (local-path-provisioner) n'est pas prêt",
        )
        means = Text(en="claims stay Pending", fr="les PersistentVolumeClaims restent Pending")
        scaled = not provisioner.replicas
        remedy = f"kubectl scale deployment {provisioner.name} -n {STORAGE} --replicas=1"
        yield Finding("trouble", words, means, (remedy,)) if scaled else _explained(words, means, provisioner, STORAGE)


def _explained(words: Text, means: Text, owner: Deployment | DaemonSet, space: str) -> Finding:
    """With the reason that one of its Pods has."""
    cause = why(owner) or Text(en="", fr="")
    told = Text(f"{words.en}: {cause.en}", f"{words.fr} : {cause.fr}") if cause else words
    name = f"{type(owner).kind.lower()}/{owner.name}"
    return Finding(
        "trouble", told, means, (f"kubectl get pods -n {space} -o wide", f"kubectl rollout restart {name} -n {space}")
    )


def _sick(pod: Pod) -> bool:
    return not pod.ready and pod.phase != "Succeeded" and not pod.terminating


def _of_pods(sick: list[Pod]) -> Finding:
    names = ", ".join(str(pod) for pod in sick)
    cause = why(sick[0]) or Text(en="", fr="")
    words = Text(
        en=f"Not ready: {names}" + (f" ({cause.en})" if cause else ""),
        fr=f"Pas prêts : {names}" + (f" ({cause.fr})" if cause else ""),
    )
    means = Text(
        en="as for a minute after a start; else read why", fr="comme dans la minute d'un démarrage ; sinon, cherchez"
    )
    return Finding("warning", words, means, (f"kubectl describe pod {sick[0].name} -n {sick[0].namespace}",))


def storage(patient: Patient) -> list[Finding]:
    """Whether exactly one class is the default one."""
    classes = patient.cluster.storage_classes()
    default = [each for each in classes if any(each.annotations.get(key) == "true" for key in DEFAULT_CLASS)]
    if len(default) == 1:
        return [fine(Text(en=f"{default[0]} is the default class", fr=f"{default[0]} est la classe par défaut"))]
    if default:
        return [_two(default)]
    name = next((each.name for each in classes if each.name == STANDARD), classes[0].name if classes else "")
    anew = Text(
        en="keep your manifests, then make the cluster anew:", fr="gardez vos manifestes, puis recréez le cluster :"
    )
    return [
        Finding(
            "trouble",
            Text(en="No StorageClass is the default one", fr="Aucune StorageClass n'est celle par défaut"),
            Text(
                en="claims that name no class stay Pending", fr="les PersistentVolumeClaims sans classe restent Pending"
            ),
            (PATCH.format(name, "true"),) if name else (anew, "labgrade down && labgrade up"),
        )
    ]


def _two(default: list[StorageClass]) -> Finding:
    names = ", ".join(each.name for each in default)
    other = next((each.name for each in default if each.name != STANDARD), default[0].name)
    return Finding(
        "warning",
        Text(
            en=f"Several StorageClasses are the default one: {names}",
            fr=f"Plusieurs StorageClasses par défaut : {names}",
        ),
        Text(en="claims that name none get the one made last", fr="sans classe, c'est la plus récente qui est prise"),
        (PATCH.format(other, "false"),),
    )

"""The rules: what in an object is allowed only where a lab asks for it."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from labgrade.cohort.submissions.refusal import shown
from labgrade.model import Json
from labgrade.text import Text

SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage", "default"})
SYSTEMS = ("kube-", "cilium-", "labgrade-", "local-path-")
"""Namespaces that clusters have, and how others of them begin: what is done there is more than a student's own work."""

SAFE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
"""Both as in Kubernetes' Pod Security Standards, level baseline."""

HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")

POD = frozenset({"containers", "initContainers", "ephemeralContainers", "volumes", *HOST_NAMESPACES})
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
"""Keys of a Pod's spec, wherever it stands: in a Pod, in a template, or in a kind that nobody has heard of."""

WHOLE_CLUSTER = {
    "APIService": "it answers for the API server",
    "CertificateSigningRequest": "it asks for a key to the cluster",
    "ClusterRoleBinding": "it gives rights over the whole cluster",
    "FlowSchema": "it decides whom the API server answers",
    "MutatingAdmissionPolicy": "it changes what others create",
    "MutatingAdmissionPolicyBinding": "it changes what others create",
    "MutatingWebhookConfiguration": "it is asked about what others create, and may change it",
    "Node": "it is the cluster's, not the answer's",
    "PriorityLevelConfiguration": "it decides whom the API server answers",
    "ValidatingAdmissionPolicy": "it refuses what others create",
    "ValidatingAdmissionPolicyBinding": "it refuses what others create",
    "ValidatingWebhookConfiguration": "it is asked about what others create, and may refuse it",
}
WHOLE_CLUSTER_FR = {
    "APIService": "il répond à la place du serveur d'API",
    "CertificateSigningRequest": "il demande une clé du cluster",
    "ClusterRoleBinding": "il donne des droits sur tout le cluster",
    "FlowSchema": "il décide à qui répond le serveur d'API",
    "MutatingAdmissionPolicy": "il modifie ce que d'autres créent",
    "MutatingAdmissionPolicyBinding": "il modifie ce que d'autres créent",
    "MutatingWebhookConfiguration": "il est consulté sur ce que d'autres créent, et peut le modifier",
    "Node": "il appartient au cluster, et non à la réponse",
    "PriorityLevelConfiguration": "il décide à qui répond le serveur d'API",
    "ValidatingAdmissionPolicy": "il refuse ce que d'autres créent",
    "ValidatingAdmissionPolicyBinding": "il refuse ce que d'autres créent",
    "ValidatingWebhookConfiguration": "il est consulté sur ce que d'autres créent, et peut le refuser",
}
"""Kinds that reach beyond what is graded, and why."""

WRITING = frozenset({"*", "create", "update", "patch"})
GUARDS = frozenset({"*", "namespaces", "nodes"})
MORE_RIGHTS = frozenset({"escalate", "bind", "impersonate"})
"""With one of the first on one of the second, or of their subresources, or with one of the third, all other rights
can be had."""
EVERY_VERB = frozenset({"roles", "clusterroles", "users", "groups", "userextras", "uids"})
"""What `*` alone gives those of the third on."""

ROLES = frozenset({"admin", "edit", "view"})
"""Cluster roles that any namespace may use: none of them reaches out of it."""
OWN_ROLES = frozenset({*ROLES, "cluster-admin", "kindnet", "cilium", "cilium-operator", "local-path-provisioner-role"})
RIGHTS = frozenset({"Role", "ClusterRole", "RoleBinding"})

LOCAL_PATH = "rancher.io/local-path"

POD_SECURITY = "pod-security.kubernetes.io/"

REACHES_NODE = Text("it reaches the machine that grades", "cela atteint la machine qui note")
BEYOND = Text("it reaches beyond what is graded", "cela dépasse ce qui est noté")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is allowed only where the lab asks for it."""

    rule: str
    """What else a lab allows that asks for this once."""
    what: str
    """The words of it, such as `hostPath /etc`."""
    why: Text
    detail: str = ""
    """Where the rule alone is not enough: the path of a hostPath."""
    in_pod: bool = False
    """Whether it is about what Pods do."""


@dataclass(frozen=True, slots=True)
class Around:
    """What an object may speak of, besides itself."""

    namespace: str
    """The lab's own."""
    namespaces: frozenset[str] = frozenset()
    """Others: of the same submission, and of the lab."""
    roles: frozenset[str] = frozenset()
    """Cluster roles of the same submission that say themselves what they allow."""


def around(objects: Iterable[Json], namespace: str) -> Around:
    """What objects that are applied together may speak of."""
    each = list(objects)
    made = {_name(one) for one in each if one.get("kind") == "Namespace"}
    roles = {_name(one) for one in each if one.get("kind") == "ClusterRole" and _mappings(one.get("rules"))}
    return Around(namespace, frozenset(made - {""}), frozenset(roles))


def _name(each: Json) -> str:
    return str(mapping(each.get("metadata")).get("name") or "")


def namespaces(objects: Iterable[Json]) -> frozenset[str]:
    """Every namespace that objects are in, or make."""
    found = {str(mapping(each.get("metadata")).get("namespace") or "") for each in objects}
    return frozenset(found - {""}) | around(objects, "").namespaces


def findings(each: Json, beside: Around) -> Iterator[Finding]:
    """What in an object is allowed only where a lab asks for it."""
    kind = str(each.get("kind", ""))
    metadata = mapping(each.get("metadata"))
    if kind in WHOLE_CLUSTER:
        yield Finding(kind, kind, Text(WHOLE_CLUSTER[kind], WHOLE_CLUSTER_FR[kind]))
    yield from _about_namespaces(kind, metadata, beside)
    if kind in RIGHTS:
        yield from _about_rights(each, metadata)
        yield from _about_roles(kind, each, beside)
    if kind == "CustomResourceDefinition" and mapping(mapping(each.get("spec")).get("conversion")).get("webhook"):
        why = Text("the API server would ask a webhook", "le serveur d'API consulterait un webhook")
        yield Finding("webhooks", "conversion webhook", why)
    if kind == "PersistentVolume":
        spec = mapping(each.get("spec"))
        for source in ("hostPath", "local"):
            if isinstance(spec.get(source), dict):
                yield _host_path(source, spec[source].get("path"))
    if kind == "StorageClass" and each.get("parameters") and each.get("provisioner") == LOCAL_PATH:
        words = json.dumps(each["parameters"], sort_keys=True)
        why = Text("they choose folders of the node", "ils choisissent des dossiers du nœud")
        yield Finding(f"parameters {words}", f"parameters {shown(words)}", why)
    for spec in _pods(each):
        for finding in _about_pod(spec):
            yield replace(finding, in_pod=True)


def _about_namespaces(kind: str, metadata: Json, beside: Around) -> Iterator[Finding]:
    name = str(metadata.get("name") or "") if kind == "Namespace" else ""
    where = str(metadata.get("namespace") or "")
    for each in {name, where} - {"", beside.namespace}:
        if each in SYSTEM or each.startswith(SYSTEMS) or each not in beside.namespaces:
            yield Finding(f"namespace {each}", f"namespace {shown(each)}", BEYOND)
    labels = mapping(metadata.get("labels")) if kind == "Namespace" else {}
    if any(str(label).startswith(POD_SECURITY) for label in labels):
        why = Text("it decides what Pods may do to the node", "il décide de ce que les Pods peuvent faire au nœud")
        yield Finding("pod-security", f"label {POD_SECURITY}…", why)


def _about_rights(each: Json, metadata: Json) -> Iterator[Finding]:
    why = Text("with it every right can be had", "il permet d'avoir tous les droits")
    for rule in _mappings(each.get("rules")):
        verbs, resources = ({str(word) for word in _list(rule.get(key))} for key in ("verbs", "resources"))
        guards = {each for each in resources if each.partition("/")[0] in GUARDS}
        guards |= resources & EVERY_VERB if "*" in verbs else set()
        if verbs & WRITING and guards:
            words = f'verbs "{shown(min(verbs & WRITING))}" on resources "{shown(min(guards))}"'
            yield Finding("cluster-admin", words, why)
        elif verbs & MORE_RIGHTS:
            yield Finding("cluster-admin", f'verb "{min(verbs & MORE_RIGHTS)}"', why)
    for label in mapping(metadata.get("labels")):
        if str(label).startswith("rbac.authorization.k8s.io/aggregate-to-"):
            yield Finding("cluster-admin", f"label {shown(str(label))}", BEYOND)


def _about_roles(kind: str, each: Json, beside: Around) -> Iterator[Finding]:
    name = _name(each)
    if kind == "ClusterRole" and (name in OWN_ROLES or ":" in name):
        why = Text("it is the cluster's, not the answer's", "il appartient au cluster, et non à la réponse")
        yield Finding("cluster-admin", f"ClusterRole {shown(name)}", why)
    if each.get("aggregationRule"):
        why = Text("it takes over what others allow", "il reprend ce que d'autres permettent")
        yield Finding("cluster-admin", "aggregationRule", why)
    role = mapping(each.get("roleRef"))
    named = str(role.get("name"))
    if kind == "RoleBinding" and role.get("kind") != "Role" and named not in ROLES | beside.roles:
        why = Text("it gives rights that no answer needs", "il donne des droits dont aucune réponse n'a besoin")
        yield Finding("cluster-admin", f"ClusterRole {shown(named)}", why)


def _about_pod(spec: Json) -> Iterator[Finding]:
    for key in HOST_NAMESPACES:
        if spec.get(key) is True:  # a word is refused by the API server, and may be a ConfigMap's
            yield Finding(key, key, REACHES_NODE)
    for volume in _mappings(spec.get("volumes")):
        if isinstance(volume.get("hostPath"), dict):
            yield _host_path("hostPath", volume["hostPath"].get("path"))
    security = mapping(spec.get("securityContext"))
    for sysctl in _mappings(security.get("sysctls")):
        if sysctl.get("name") not in SAFE_SYSCTLS:
            yield Finding("sysctls", f"sysctl {shown(str(sysctl.get('name')))}", REACHES_NODE)
    if mapping(security.get("windowsOptions")).get("hostProcess"):
        yield Finding("privileged", "hostProcess", REACHES_NODE)
    for key in CONTAINERS:
        for container in _mappings(spec.get(key)):
            yield from _about_container(container)


def _about_container(container: Json) -> Iterator[Finding]:
    security = mapping(container.get("securityContext"))
    if security.get("privileged"):
        yield Finding("privileged", "privileged", REACHES_NODE)
    if mapping(security.get("windowsOptions")).get("hostProcess"):
        yield Finding("privileged", "hostProcess", REACHES_NODE)
    for added in _list(mapping(security.get("capabilities")).get("add")):
        name = str(added).upper().removeprefix("CAP_")
        if name not in SAFE_CAPABILITIES:
            yield Finding("capabilities", f"capability {shown(name)}", REACHES_NODE)
    if security.get("procMount") not in (None, "Default"):
        yield Finding("procMount", f"procMount {shown(str(security['procMount']))}", REACHES_NODE)
    for port in _mappings(container.get("ports")):
        if port.get("hostPort"):
            why = Text("it takes a port of the node's", "il prend un port du nœud")
            yield Finding("hostPort", f"hostPort {shown(str(port['hostPort']))}", why)


def _host_path(source: str, path: Any) -> Finding:
    words = str(path or "")
    return Finding("hostPath", f"{source} {shown(words)}", REACHES_NODE, detail=_normal(words))


def _normal(path: str) -> str:
    # Of two slashes in front POSIX keeps both, and nodes do not care.
    return posixpath.normpath(f"/{path.lstrip('/')}")


def _pods(value: Any) -> Iterator[Json]:
    """Every mapping that says what Pods do, however deep. Aliases have been bounded where this was read."""
    if isinstance(value, dict):
        if POD & value.keys():
            yield value
        for each in value.values():
            yield from _pods(each)
    elif isinstance(value, list):
        for each in value:
            yield from _pods(each)


def mapping(value: Any) -> Json:
    """The value where it is a mapping, else an empty one: students write anything anywhere."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _mappings(value: Any) -> list[Json]:
    return [each for each in _list(value) if isinstance(each, dict)]

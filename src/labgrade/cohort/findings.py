"""The rules: what in an object is allowed only where a lab asks for it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from labgrade.cohort.refusal import shown
from labgrade.model import Json
from labgrade.text import Text

SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage", "default"})
"""Namespaces that every cluster has; what is done there concerns more than a student's own work."""

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
GUARDS = frozenset({"*", "namespaces", "nodes/proxy"})
MORE_RIGHTS = frozenset({"escalate", "bind", "impersonate"})
"""With one of the first on one of the second, or with one of the third, all other rights can be had."""

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


def findings(each: Json, namespace: str) -> Iterator[Finding]:
    """What in an object is allowed only where a lab asks for it; `namespace` is the lab's own."""
    kind = str(each.get("kind", ""))
    metadata = mapping(each.get("metadata"))
    if kind in WHOLE_CLUSTER:
        yield Finding(kind, kind, Text(WHOLE_CLUSTER[kind], WHOLE_CLUSTER_FR[kind]))
    yield from _about_namespaces(kind, metadata, namespace)
    if kind in {"RoleBinding", "ClusterRole", "Role"}:
        yield from _about_rights(each, metadata)
    if kind == "CustomResourceDefinition" and mapping(mapping(each.get("spec")).get("conversion")).get("webhook"):
        why = Text("the API server would ask a webhook", "le serveur d'API consulterait un webhook")
        yield Finding("webhooks", "conversion webhook", why)
    if kind == "PersistentVolume":
        spec = mapping(each.get("spec"))
        for source in ("hostPath", "local"):
            if isinstance(spec.get(source), dict):
                yield _host_path(source, spec[source].get("path"))
    for spec in _pods(each):
        yield from _about_pod(spec)


def _about_namespaces(kind: str, metadata: Json, namespace: str) -> Iterator[Finding]:
    where = str(metadata.get("namespace") or "")
    if where in SYSTEM and where != namespace:
        yield Finding(f"namespace {where}", f"namespace {where}", BEYOND)
    if kind == "Namespace":
        name = str(metadata.get("name") or "")
        if name in SYSTEM and name != namespace:
            yield Finding(f"namespace {name}", f"namespace {name}", BEYOND)
        if any(str(label).startswith(POD_SECURITY) for label in mapping(metadata.get("labels"))):
            why = Text("it decides what Pods may do to the node", "il décide de ce que les Pods peuvent faire au nœud")
            yield Finding("pod-security", f"label {POD_SECURITY}…", why)


def _about_rights(each: Json, metadata: Json) -> Iterator[Finding]:
    why = Text("with it every right can be had", "il permet d'avoir tous les droits")
    if mapping(each.get("roleRef")).get("name") == "cluster-admin":
        yield Finding("cluster-admin", "cluster-admin", why)
    for rule in _mappings(each.get("rules")):
        verbs, resources = ({str(word) for word in _list(rule.get(key))} for key in ("verbs", "resources"))
        if verbs & WRITING and resources & GUARDS:
            words = f'verbs "{shown(min(verbs & WRITING))}" on resources "{shown(min(resources & GUARDS))}"'
            yield Finding("cluster-admin", words, why)
        elif verbs & MORE_RIGHTS:
            yield Finding("cluster-admin", f'verb "{min(verbs & MORE_RIGHTS)}"', why)
    for label in mapping(metadata.get("labels")):
        if str(label).startswith("rbac.authorization.k8s.io/aggregate-to-"):
            yield Finding("cluster-admin", f"label {shown(str(label))}", BEYOND)


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

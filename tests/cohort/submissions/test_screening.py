"""What a submission may not bring onto a practice cluster, unless the lab's own answer does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labgrade import course
from labgrade.cohort.model import BySubmission
from labgrade.cohort.submissions import clusterwishes, handed, screening
from labgrade.cohort.submissions.handed import Refused
from labgrade.cohort.task import Submission
from labgrade.model import Json, Lab

ORDINARY, VOLUMES, STATIC, CLUSTER = (
    "b01-deployment-labels",
    "e01-volumes",
    "e02-pv-pvc-static",
    "a01-kind-cluster",
)
BY_KUBECONFIG = ("d01-cilium", "d04-hubble", "z01-tp6-wordpress")

COURSE = course.find(None)


def lab(name: str) -> Lab:
    """A lab of the course."""
    return COURSE.lab(name)


def handed_in(*objects: Json, name: str = "10-mine.yaml", **more: str) -> Submission:
    """A submission of these objects, and of other files, with `_` for `.` in their names."""
    files = {name: b"".join(b"---\n" + json.dumps(each).encode() + b"\n" for each in objects)} if objects else {}
    return Submission(files | {key.replace("_", "."): words.encode() for key, words in more.items()}, "sha256:0")


def reasons(submission: Submission, name: str = ORDINARY) -> str:
    """Why it is refused; empty where it is not."""
    try:
        screening.screen(submission, lab(name))
    except Refused as error:
        return str(error)
    return ""


def pod(**spec: Any) -> Json:
    """A Pod."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "mine"}, "spec": {"containers": [{}], **spec}}


def contained(key: str = "containers", **security: Any) -> Json:
    """A Pod whose one container of that sort has such a security context."""
    return pod(**{key: [{"name": "c", "securityContext": security}]})


def host_path(path: str) -> Json:
    """A Pod with a folder of its node."""
    return pod(volumes=[{"name": "v", "hostPath": {"path": path}}])


def volume(path: str, source: str = "hostPath") -> Json:
    """A PersistentVolume that is a folder of a node."""
    return {"kind": "PersistentVolume", "metadata": {"name": "mine"}, "spec": {source: {"path": path}}}


def thing(kind: str, namespace: str = "", **more: Any) -> Json:
    """An object."""
    return {"kind": kind, "metadata": {"name": "mine", **({"namespace": namespace} if namespace else {})}, **more}


@pytest.mark.parametrize(
    ("each", "words"),
    [
        (contained(privileged=True), "pod/mine: privileged:"),
        (contained("initContainers", privileged=True), "privileged"),
        (contained("ephemeralContainers", privileged=True), "privileged"),
        (contained(windowsOptions={"hostProcess": True}), "hostProcess"),
        (pod(securityContext={"windowsOptions": {"hostProcess": True}}), "hostProcess"),
        (contained(capabilities={"add": ["CHOWN", "SYS_ADMIN"]}), "capability SYS_ADMIN"),
        (contained(capabilities={"add": ["cap_net_admin"]}), "capability NET_ADMIN"),
        (contained(capabilities={"add": ["ALL"]}), "capability ALL"),
        (contained(procMount="Unmasked"), "procMount Unmasked"),
        (pod(hostNetwork=True), "pod/mine: hostNetwork:"),
        (pod(hostPID=True), "hostPID"),
        (pod(hostIPC=True), "hostIPC"),
        (pod(containers=[{"ports": [{"containerPort": 80, "hostPort": 80}]}]), "hostPort 80"),
        (pod(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}), "sysctl kernel.msgmax"),
        (host_path("/data"), "hostPath /data"),
        (volume("/data"), "persistentvolume/mine: hostPath /data"),
        (volume("/data", "local"), "local /data"),
        (thing("MutatingWebhookConfiguration"), "mutatingwebhookconfiguration/mine: MutatingWebhookConfiguration"),
        (thing("ValidatingWebhookConfiguration"), "may refuse it"),
        (thing("ValidatingAdmissionPolicy"), "ValidatingAdmissionPolicy"),
        (thing("MutatingAdmissionPolicyBinding"), "MutatingAdmissionPolicyBinding"),
        (thing("APIService"), "answers for the API server"),
        (thing("CertificateSigningRequest"), "a key to the cluster"),
        (thing("CustomResourceDefinition", spec={"conversion": {"webhook": {"a": 1}}}), "conversion webhook"),
        (thing("ClusterRoleBinding", roleRef={"name": "view"}), "rights over the whole cluster"),
        (thing("RoleBinding", roleRef={"name": "cluster-admin"}), "rolebinding/mine: ClusterRole cluster-admin"),
        (
            thing("RoleBinding", roleRef={"kind": "ClusterRole", "name": "system:controller:job-controller"}),
            "no answer",
        ),
        (thing("ClusterRole", aggregationRule={"clusterRoleSelectors": [{}]}), "aggregationRule"),
        ({"kind": "ClusterRole", "metadata": {"name": "system:node"}}, "ClusterRole system:node: it is the cluster's"),
        ({"kind": "ClusterRole", "metadata": {"name": "view"}, "rules": [{"verbs": ["get"]}]}, "it is the cluster's"),
        (thing("Role", rules=[{"verbs": ["patch"], "resources": ["namespaces/finalize"]}]), '"namespaces/finalize"'),
        (thing("Role", rules=[{"verbs": ["update"], "resources": ["*/status"]}]), '"*/status"'),
        (thing("Role", rules=[{"verbs": ["create"], "resources": ["nodes/proxy"]}]), '"nodes/proxy"'),
        (thing("Role", rules=[{"verbs": ["*"], "resources": ["roles"]}]), 'verbs "*" on resources "roles"'),
        (
            thing("StorageClass", provisioner="rancher.io/local-path", parameters={"pathPattern": "../../etc"}),
            'storageclass/mine: parameters {"pathPattern": "../../etc"}',
        ),
        (thing("ConfigMap", "elsewhere"), "configmap/mine: namespace elsewhere"),
        (thing("ConfigMap", "cilium-secrets"), "namespace cilium-secrets"),
        ({"kind": "Namespace", "metadata": {"name": "cilium-secrets"}}, "namespace cilium-secrets"),
        (thing("Role", rules=[{"verbs": ["*"], "resources": ["*"]}]), 'verbs "*" on resources "*"'),
        (thing("Role", rules=[{"verbs": ["get", "patch"], "resources": ["namespaces"]}]), 'verbs "patch" on resources'),
        (thing("Role", rules=[{"verbs": ["escalate"], "resources": ["roles"]}]), 'verb "escalate"'),
        (thing("ClusterRole", rules=[{"verbs": ["get", "*"], "resources": ["*"]}]), 'verbs "*"'),
        (
            {"kind": "ClusterRole", "metadata": {"labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}},
            "aggregate-to-view",
        ),
        (thing("Node"), "node/mine: Node:"),
        (thing("FlowSchema"), "FlowSchema"),
        (thing("ConfigMap", "kube-system"), "configmap/mine: namespace kube-system"),
        (thing("Pod", "default"), "namespace default"),
        (thing("Lease", "kube-node-lease"), "namespace kube-node-lease"),
        (thing("ConfigMap", "local-path-storage"), "namespace local-path-storage"),
        ({"kind": "Namespace", "metadata": {"name": "kube-public"}}, "namespace kube-public"),
        (
            {"kind": "Namespace", "metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
            "label pod-security.kubernetes.io",
        ),
    ],
)
def test_what_no_ordinary_lab_asks_for(each: Json, words: str) -> None:
    """File, object, what it is, why, and what to do."""
    found = reasons(handed_in(each))
    assert words in found
    assert found.startswith("10-mine.yaml: ")
    assert found.endswith("leave it out")


@pytest.mark.parametrize(
    "each",
    [
        pod(nodeName="lab-0", tolerations=[{"operator": "Exists"}], volumes=[{"name": "v", "emptyDir": {}}]),
        contained(allowPrivilegeEscalation=True, privileged=False, runAsUser=0, procMount="Default"),
        contained(capabilities={"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}),
        pod(hostNetwork=False, hostPID=False),
        pod(securityContext={"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}),
        thing("Role", rules=[{"verbs": ["get"], "resources": ["*"]}]),
        thing("Role", rules=[{"verbs": ["*"], "resources": ["pods"]}]),
        thing("Role", rules=[{"verbs": ["patch"], "resources": ["deployments/status"]}]),
        thing("RoleBinding", roleRef={"kind": "ClusterRole", "name": "view"}),
        thing("RoleBinding", roleRef={"kind": "Role", "name": "mine"}),
        thing("Namespace"),
        thing("ConfigMap", "b01", data={"hostNetwork": "true", "x": "privileged: true"}),
        thing("StorageClass", provisioner="rancher.io/local-path"),
        thing("StorageClass", provisioner="example.com/disks", parameters={"type": "fast"}),
        thing("CustomResourceDefinition", spec={"conversion": {"strategy": "None"}}),
        {"kind": "Pod", "metadata": "nonsense", "spec": ["nonsense"]},
        {"kind": ["nonsense"], "spec": {"containers": "x", "volumes": 3, "securityContext": []}},
    ],
)
def test_what_is_nobodys_harm(each: Json) -> None:
    """Wrong or not, it is graded."""
    assert reasons(handed_in(each)) == ""


def test_what_the_submission_makes_itself() -> None:
    """Its own namespaces and cluster roles, whichever comes first; a role that says nothing might be another's."""
    inside = thing("ConfigMap", "elsewhere")
    assert reasons(handed_in(inside, {"kind": "Namespace", "metadata": {"name": "elsewhere"}})) == ""
    binding = thing("RoleBinding", roleRef={"kind": "ClusterRole", "name": "mine"})
    assert reasons(handed_in(binding, thing("ClusterRole", rules=[{"verbs": ["get"], "resources": ["pods"]}]))) == ""
    assert "ClusterRole mine" in reasons(handed_in(binding, thing("ClusterRole")))


def test_a_list_of_any_kind_is_taken_apart() -> None:
    """As kubectl does, whatever it calls itself."""
    for kind in ("List", "Bundle", "ConfigMap", None):
        found = reasons(handed_in({"kind": kind, "items": [thing("ClusterRoleBinding")]}))
        assert "clusterrolebinding/mine" in found


TEMPLATE: Json = {"spec": {"containers": [{"name": "c", "securityContext": {"privileged": True}}]}}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Pod", TEMPLATE["spec"]),
        *[
            (kind, {"template": TEMPLATE})
            for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")
        ],
        ("CronJob", {"jobTemplate": {"spec": {"template": TEMPLATE}}}),
        ("SomethingNew", {"groups": [{"template": TEMPLATE}]}),
    ],
)
def test_every_kind_that_makes_pods_is_looked_into(kind: str, spec: Json) -> None:
    """Also those that nobody has heard of, within lists within lists."""
    each = {"kind": kind, "metadata": {"name": "mine"}, "spec": spec}
    assert f"{kind.lower()}/mine: privileged" in reasons(handed_in(each))
    nested = {"kind": "List", "items": [{"kind": f"{kind}List", "items": [each]}]}
    assert f"{kind.lower()}/mine: privileged" in reasons(handed_in(nested))


def test_a_pod_template_stands_beside_its_spec() -> None:
    """It has no spec of its own."""
    assert "podtemplate/mine: privileged" in reasons(handed_in(thing("PodTemplate", template=TEMPLATE)))


def test_everything_is_told_at_once_and_made_harmless() -> None:
    """With the file that it is in, though that has a name like this."""
    evil = pod(hostNetwork=True, hostPID=True) | {"metadata": {"name": "\x1b[31m\n" + "x" * 500}}
    found = reasons(handed_in(evil, thing("Node")))
    assert found.count("leave it out") == 3
    assert "\x1b" not in found
    assert "\n" not in found
    assert "x" * 200 not in found


# What a lab asks for


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/data", True),
        ("/data/deeper", True),
        ("//data", True),
        ("/srv/mine", True),
        ("/mnt/data", True),
        ("/", False),
        ("/..", False),
        ("/data/..", False),
        ("", False),
        ("/etc", False),
        ("//etc/kubernetes", False),
        ("/data/../etc", False),
        ("/etcetera", False),
        ("/database", False),
        ("/var", False),
        ("/var/mine", False),
        ("/tmp/mine", False),
        ("/opt", False),
        ("/var/lib/kubelet", False),
        ("/run/containerd/containerd.sock", False),
        ("/proc/1/root", False),
        ("/opt/cni/bin", False),
        ("/var/local-path-provisioner", False),
    ],
)
@pytest.mark.parametrize("make", [host_path, volume])
@pytest.mark.parametrize("name", [VOLUMES, STATIC])
def test_where_a_lab_asks_for_folders_of_the_node(name: str, make: Any, path: str, *, allowed: bool) -> None:
    """Those that are for data."""
    assert (reasons(handed_in(make(path)), name) == "") == allowed


def test_folders_within_one_another_are_refused() -> None:
    """A Pod could leave a link in the outer one, which the inner one would follow."""
    found = reasons(handed_in(host_path("/data"), volume("/data/link")), VOLUMES)
    assert "hostPath /data/link lies within hostPath /data" in found
    assert reasons(handed_in(host_path("/data"), volume("/data")), VOLUMES) == ""


@pytest.mark.parametrize("kind", ["Role", "ClusterRole", "RoleBinding"])
def test_no_rights_where_the_api_server_does_not_guard_the_nodes(kind: str) -> None:
    """Who may make Pods there may make any."""
    each = thing(kind, rules=[{"verbs": ["create"], "resources": ["pods"]}])
    each |= {"roleRef": {"kind": "Role", "name": "mine"}} if kind == "RoleBinding" else {}
    assert f"{kind}: with it Pods could be made" in reasons(handed_in(each), VOLUMES)
    assert reasons(handed_in(each), STATIC) == ""
    assert reasons(handed_in(thing("ServiceAccount")), VOLUMES) == ""


def test_parameters_that_the_reference_answer_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those very ones, and no others."""
    ask = screening._asked  # pyright: ignore[reportPrivateUsage]
    rules = frozenset({'parameters {"nodePath": "/data"}'})
    monkeypatch.setattr(screening, "_asked", lambda lab: replace(ask(lab), rules=rules))  # pyright: ignore
    for path, allowed in (("/data", True), ("/etc", False)):
        each = thing("StorageClass", provisioner="rancher.io/local-path", parameters={"nodePath": path})
        assert (reasons(handed_in(each)) == "") == allowed


def test_one_thing_that_a_lab_asks_for_allows_no_other() -> None:
    """A volume is no reason to be privileged."""
    assert "privileged" in reasons(handed_in(contained(privileged=True)), VOLUMES)


def test_scripts_only_where_the_reference_answer_has_one() -> None:
    """And a cluster only where the lab is about one."""
    assert reasons(handed_in(pod(), steps_sh="true"), ORDINARY) == ""
    assert "steps.sh: e01-volumes takes none" in reasons(handed_in(pod(), steps_sh="true"), VOLUMES)
    assert "cluster.sh: " in reasons(handed_in(pod(), cluster_sh="true"), ORDINARY)
    assert "kind.yaml: " in reasons(handed_in(pod(), kind_yaml="kind: Cluster"), ORDINARY)
    assert "cluster.sh: " in reasons(handed_in(pod(), cluster_sh="true"), CLUSTER)


@pytest.mark.parametrize("name", [each for each in COURSE.names() if each not in BY_KUBECONFIG])
def test_every_reference_answer_is_a_submission(name: str) -> None:
    """What earns everything is refused nothing."""
    found = handed.read(BySubmission(lab(name).folder / "solution"), lab(name), several=False)
    assert screening.gradable(lab(name)) is None
    assert reasons(found, name) == ""


@pytest.mark.parametrize("name", BY_KUBECONFIG)
def test_labs_that_need_programs_of_the_students_machine_are_graded_otherwise(name: str) -> None:
    """It is said at once, whatever was handed in."""
    reason = screening.gradable(lab(name))
    assert reason
    assert reason.fr
    assert reasons(handed_in(pod()), name) == reason.en


def test_steps_where_the_api_server_does_not_guard_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the Pods that they make."""
    monkeypatch.setattr(screening, "asks_for_host", lambda _: True)  # pyright: ignore[reportUnknownLambdaType]
    reason = screening.gradable(lab(ORDINARY))
    assert reason
    assert "steps beside them" in reason.en
    assert reason.fr
    assert screening.gradable(lab(VOLUMES)) is None


@pytest.mark.parametrize(
    ("submission", "spoilt"),
    [
        (handed_in(pod()), False),
        (handed_in(thing("StorageClass")), False),
        (handed_in(pod(), steps_sh="true"), False),
        (handed_in(host_path("/data")), True),
        (handed_in(volume("/data", "local")), True),
        (handed_in(contained(privileged=True)), True),
        (handed_in(pod(hostPID=True)), True),
    ],
)
def test_what_may_stay_on_the_nodes_spoils_them(submission: Submission, *, spoilt: bool) -> None:
    """Nobody sees it there."""
    assert screening.spoils(submission) == spoilt


@pytest.mark.parametrize(("name", "asks"), [(ORDINARY, False), (VOLUMES, True), (STATIC, False), (CLUSTER, False)])
def test_labs_that_need_the_host(name: str, *, asks: bool) -> None:
    """In their Pods: a PersistentVolume is none. The others' namespaces can be guarded by the API server."""
    assert screening.asks_for_host(lab(name)) == asks


# Clusters


def configured(**more: Any) -> Submission:
    """A kind configuration like that of the reference answer, with something else."""
    config: Json = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [{"role": "control-plane"}]}
    return handed_in(kind_yaml=json.dumps(config | more))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"name": "mine"},
        {"nodes": [{"role": "control-plane"}, *[{"role": "worker", "labels": {"a": "b"}}] * 3]},
        {"networking": {"disableDefaultCNI": True, "podSubnet": "10.1.0.0/16", "kubeProxyMode": "none"}},
        {"networking": {"ipFamily": "dual", "serviceSubnet": "10.2.0.0/16,fd00::/112", "dnsSearch": ["a.example.com"]}},
        {"nodes": [{"role": "worker", "labels": {"topology.kubernetes.io/zone": "zone-a", "A_b.c": ""}}]},
        {"nodes": None, "networking": None, "name": None},
    ],
)
def test_clusters_of_every_usual_shape(more: Json) -> None:
    """Right or wrong, they are made and graded."""
    assert reasons(configured(**more), CLUSTER) == ""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"nodes": [{"role": "control-plane", "image": "evil:1"}]}, "nodes.0.image"),
        ({"nodes": [{"extraMounts": [{"hostPath": "/", "containerPath": "/host"}]}]}, "nodes.0.extraMounts"),
        ({"nodes": [{"extraPortMappings": [{"hostPort": 22}]}]}, "nodes.0.extraPortMappings"),
        ({"nodes": [{"kubeadmConfigPatches": ["x"]}]}, "nodes.0.kubeadmConfigPatches"),
        ({"nodes": [{"role": "worker"}] * 20}, "20 nodes, and at most 4"),
        ({"nodes": "many"}, "nodes is no list"),
        ({"networking": {"apiServerAddress": "0.0.0.0"}}, "networking.apiServerAddress"),
        ({"networking": 3}, "networking is no mapping"),
        ({"networking": {"podSubnet": "10.1.0.0/16\nx: y"}}, "networking.podSubnet"),
        ({"networking": {"serviceSubnet": 3}}, "networking.serviceSubnet"),
        ({"networking": {"ipFamily": ["ipv4"]}}, "networking.ipFamily"),
        ({"networking": {"kubeProxyMode": "x y"}}, "networking.kubeProxyMode"),
        ({"networking": {"disableDefaultCNI": "yes"}}, "networking.disableDefaultCNI"),
        ({"networking": {"dnsSearch": ["--privileged"]}}, "networking.dnsSearch"),
        ({"nodes": [{"role": {"a": "b"}}]}, "nodes.0.role"),
        ({"nodes": [{"labels": {"a": 'x"\n    - name: "anonymous-auth"'}}]}, "nodes.0.labels.a"),
        ({"nodes": [{"labels": {"a,b": "x"}}]}, "nodes.0.labels.a,b"),
        ({"nodes": [{"labels": {"a": 3}}]}, "nodes.0.labels.a"),
        ({"nodes": [{"labels": ["a"]}]}, "nodes.0.labels"),
        ({"name": "--x"}, "name"),
        ({"containerdConfigPatches": ["x"]}, "containerdConfigPatches"),
        ({"kubeadmConfigPatches": ["x"]}, "kubeadmConfigPatches"),
        ({"kind": "Pod"}, "kind is 'Pod', and Cluster is expected"),
        ({"apiVersion": "v1"}, "apiVersion is 'v1'"),
    ],
)
def test_clusters_that_reach_the_machine_under_them(more: Json, words: str) -> None:
    """By file and key."""
    found = reasons(configured(**more), CLUSTER)
    assert found.startswith("kind.yaml: ")
    assert words in found


@pytest.mark.parametrize(
    "content", ["[", "just words", "a: &a [*a]\nkind: *a", "a: !!python/object:os.x {}", "a: !!timestamp x"]
)
def test_what_is_no_configuration(content: str) -> None:
    """There is no cluster to grade, which is said before one is made."""
    assert reasons(handed_in(kind_yaml=content), CLUSTER).startswith("kind.yaml: ")


def test_what_the_reference_answer_mounts_may_be_mounted(tmp_path: Path) -> None:
    """Entry by entry, and nothing else."""
    mount = {"hostPath": "/tmp/kind-data", "containerPath": "/mnt/data"}
    reference: Json = {"nodes": [{"extraMounts": [mount]}, {"role": "worker"}]}
    head = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
    same = json.dumps(head | {"nodes": [{"role": "worker", "extraMounts": [mount]}]}).encode()
    assert clusterwishes.unwanted(same, reference) == []
    other = json.dumps(head | {"nodes": [{"extraMounts": [mount, {**mount, "hostPath": str(tmp_path)}]}]}).encode()
    assert [each.en.partition(":")[0] for each in clusterwishes.unwanted(other, reference)] == ["nodes.0.extraMounts"]

"""Recorded states in short: objects as the API has them, answers as a probe brings them, hands without a cluster."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from labgrade.cluster.disturb import Disturb
from labgrade.cluster.remote import Completed
from labgrade.errors import HarnessError
from labgrade.facts import Cluster, Fact, Node, Pod, Reading, Workload, pairs
from labgrade.model import Json
from labgrade.probe import Answer, Network, Prober, Question, Sources, Verdict
from labgrade.probe.enforcement import Enforcement

T = TypeVar("T")
NAMESPACE = "lab"


def made(kind: str, name: str, **parts: Any) -> Json:
    """An object with the least that it needs; `labels`, `annotations` and `owner` go into its metadata."""
    metadata: Json = {"name": name, "namespace": NAMESPACE, "uid": parts.pop("uid", f"{kind}-{name}")}
    metadata |= {key: parts.pop(key) for key in ("labels", "annotations", "generation") if key in parts}
    metadata |= parts.pop("metadata", {})
    if owner := parts.pop("owner", None):
        kind_of, name_of = owner
        uid = f"{kind_of}-{name_of}"
        metadata["ownerReferences"] = [{"kind": kind_of, "name": name_of, "uid": uid, "controller": True}]
    return {"kind": kind, "metadata": metadata, **parts}


def pod(name: str, *, ip: str = "10.0.0.1", ready: bool = True, spec: Json | None = None, **parts: Any) -> Json:
    """A running Pod."""
    status = {
        "phase": parts.pop("phase", "Running"),
        "podIP": ip,
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
    }
    return made("Pod", name, spec=spec or {}, status=status, **parts)


def template(labels: Mapping[str, str], image: str = "nginx:1.26", **spec: Any) -> Json:
    """A Pod template with one container."""
    return {"metadata": {"labels": dict(labels)}, "spec": {"containers": [{"name": "nginx", "image": image}], **spec}}


def deployment(name: str, *, replicas: int, image: str, revision: int, **status: int) -> Json:
    """A Deployment whose Pods are labelled `app: <name>`; all of them up to date and available unless told."""
    spec: Json = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": template({"app": name}, image),
    }
    counts = {"updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas} | status
    return made(
        "Deployment",
        name,
        generation=2,
        annotations={"deployment.kubernetes.io/revision": str(revision)},
        spec=spec,
        status={"observedGeneration": 2} | counts,
    )


def revision(owner: str, number: int, *, image: str, ready: int, history: str = "", **parts: Any) -> Json:
    """A ReplicaSet of a Deployment."""
    annotations = {"deployment.kubernetes.io/revision": str(number)}
    if history:
        annotations["deployment.kubernetes.io/revision-history"] = history
    return made(
        "ReplicaSet",
        parts.pop("name", f"{owner}-{number}"),
        owner=("Deployment", owner),
        annotations=annotations,
        spec={"replicas": ready, "template": template({"app": owner}, image)},
        status={"readyReplicas": ready},
    )


def service(name: str, *, selector: Mapping[str, str], ip: str = "10.96.0.1", port: int = 80, **entry: Any) -> Json:
    """A ClusterIP Service, or with `ip="None"` a headless one."""
    ports = [{"port": port, **entry}]
    return made(
        "Service", name, spec={"clusterIP": ip, "selector": dict(selector), "ports": ports, "type": "ClusterIP"}
    )


def endpoints(of: str, *ips: str) -> Json:
    """The EndpointSlice of a Service."""
    return made(
        "EndpointSlice",
        f"{of}-abcde",
        labels={"kubernetes.io/service-name": of},
        endpoints=[{"addresses": [ip], "conditions": {"ready": True}} for ip in ips],
    )


def claim(name: str, *, phase: str = "Bound", storage_class: str = "standard", **parts: Any) -> Json:
    """A PersistentVolumeClaim."""
    spec = {"storageClassName": storage_class, "volumeName": f"pv-{name}" if phase == "Bound" else ""}
    return made("PersistentVolumeClaim", name, spec=spec, status={"phase": phase}, **parts)


class World(Reading):
    """A state that can change: what a Recorded is, less its being for ever."""

    def __init__(self, *objects: Json) -> None:
        self.objects = list(objects)

    def items(self, kind: str, namespace: str | None) -> Sequence[Json]:
        """The objects of a kind."""
        return [
            found
            for found in self.objects
            if found["kind"] == kind and namespace in (None, found["metadata"].get("namespace"))
        ]

    def log(self, _pod: str, _container: str, _run: str, /, **_: bool) -> str:
        """Nobody writes anything here."""
        return ""

    @property
    def cluster(self) -> Cluster:
        """Handles on it."""
        return Cluster(self, NAMESPACE)

    def remove(self, fact: Fact) -> None:
        """Takes an object away."""
        self.objects.remove(fact.raw)


Place = tuple[str, str]
"""A directory as a Pod's containers see it, and where it is on this machine."""


class Hands:
    """Disturbs a World; `then` plays the controller that reacts to it, this machine the containers of its Pods."""

    def __init__(
        self, world: World, then: Callable[[World], None], place: Callable[[Pod], Place] = lambda _: ("", "")
    ) -> None:
        self.world, self.then, self.place, self.done = world, then, place, list[str]()
        self.environment: dict[str, str] = {}
        self.undoing: list[Callable[[], object]] = []

    def delete(self, fact: Fact) -> None:
        """Removes the object, then lets the controller react."""
        self.done.append(f"delete {fact}")
        self.world.remove(fact)
        self.then(self.world)

    def restart(self, pod: Pod, container: str) -> None:
        """Lets the kubelet react."""
        self.done.append(f"restart {container} of {pod}")
        self.then(self.world)

    def cordon(self, node: Node) -> None:
        """Marks the node."""
        self.done.append(f"cordon {node}")
        node.raw["spec"]["unschedulable"] = True

    def scale(self, workload: Workload, replicas: int) -> None:
        """Sets the size, removes the Pods beyond it, and lets the controller react to one that grows."""
        self.done.append(f"scale {workload} {replicas}")
        grows = replicas > workload.replicas
        workload.raw["spec"]["replicas"] = replicas
        for pod in workload.pods[replicas:]:
            self.world.remove(pod)
        if grows:
            self.then(self.world)

    def exec(self, pod: Pod, container: str, command: Sequence[str], *, undo: Sequence[str] = ()) -> Completed:
        """Runs a command on this machine; FOLDER is where the Pod's directory is."""
        if undo:
            self.undoing.append(lambda: self.exec(pod, container, undo))
        there, here = self.place(pod)
        words = [word.replace(there, here) if there else word for word in command]
        environment = os.environ | self.environment | {"FOLDER": here}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        said = done.stdout.replace(here, there) if here else done.stdout
        return Completed(done.returncode, said, done.stderr)

    def restore(self) -> list[str]:
        """Scales back, and takes away what was written."""
        self.done.append("restore")
        for undo in self.undoing:
            undo()
        self.then(self.world)
        return []

    def remove_from(self, node: Node, path: str) -> None:
        """Keeps in mind what was asked for."""
        self.done.append(f"remove {path.rpartition('/')[0]} from {node}")

    def now(self) -> datetime:
        """By this machine's clock."""
        return datetime.now(UTC)

    def eventually(self, judge: Callable[[], T], **_: float) -> T:
        """Judges once: this world does not change by itself."""
        return judge()

    @property
    def hands(self) -> Disturb:
        """Itself, as checks know it."""
        return cast(Disturb, self)


Told = Callable[[str, Question], Answer]
"""From the name of a source and a question to the answer that is laid down for it."""


class Canned:
    """A source whose answers are laid down."""

    def __init__(self, name: str, told: Told) -> None:
        self.name, self.ip, self.node, self._told = name, f"ip-of-{name}", name, told

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """What was laid down."""
        return [self._told(self.name, question) for question in questions]

    def remove(self) -> None:
        """Nothing."""


class NobodyToAsk:
    """An API of a cluster that has no Hubble, nor anything else."""

    def get(self, path: str, **_: str) -> Json:
        """Nothing."""
        raise HarnessError(f"nobody answers for {path}")


class CannedSources:
    """All sources, each known by a name: `own`, `node/two`, `host/two`, `app=web`, `in lab`, `pod/web-1`, `outside`."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._made: dict[str, Canned] = {}
        self.api = NobodyToAsk()

    def own(self, node: str = "", bearing: Mapping[str, str] | None = None) -> Canned:
        """A Pod of ours."""
        return self._once(pairs(bearing or {}) or (f"node/{node}" if node else "own"))

    def host(self, node: str) -> Canned:
        """A node."""
        return self._once(f"host/{node}")

    def within(self, namespace: str) -> Canned:
        """A Pod of ours among the student's."""
        return self._once(f"in {namespace}")

    def borrowed(self, pod: Pod) -> Canned:
        """A student's Pod."""
        return self._once(repr(pod))

    def outside(self) -> Canned:
        """The machine that labgrade runs on."""
        return self._once("outside")

    def _once(self, name: str) -> Canned:
        return self._made.setdefault(name, Canned(name, self._told))


class CannedEnforcement:
    """A Pod network of which it is laid down what it does with policies."""

    def __init__(self, network: Network) -> None:
        self._network: Network = network

    def require(self) -> None:
        """What was laid down."""
        if self._network != "enforces":
            raise HarnessError(f"this cluster's Pod network {self._network} policies")

    def in_force(self) -> bool:
        """At once."""
        return True


def traffic(told: Told, *, network: Network = "enforces", before: Callable[[], int] = lambda: 0) -> Prober:
    """A prober whose every answer is laid down, by who asks and what."""
    return Prober(cast(Sources, CannedSources(told)), cast(Enforcement, CannedEnforcement(network)), before)


def prober(answers: Mapping[str, Answer], *, before: Callable[[], int] = lambda: 0) -> Prober:
    """The same where it does not matter who asks: answers by the question's words."""
    return traffic(lambda _, question: answers[question.words], before=before)


def answer(words: str, verdict: Verdict, *addresses: str) -> Answer:
    """One answer."""
    return Answer(words, "pod/probe", verdict, 0.01, status=200 if verdict == "http" else 0, addresses=addresses)


def web(ip: str, verdict: Verdict = "http", port: int = 80) -> dict[str, Answer]:
    """The answer of an address to a GET request."""
    words = f"http://{ip}:{port}/"
    return {words: answer(words, verdict)}

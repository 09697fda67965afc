"""The programs that labgrade runs: kind and kubectl."""

from __future__ import annotations

import json
import re
import shutil

from labgrade.diagnosis.asking import Reply
from labgrade.diagnosis.finding import Finding, fine, remark
from labgrade.diagnosis.patient import Patient
from labgrade.text import Text

LEAST_KIND = (0, 24)
"""Before, kind's Pod network lets every packet through, whatever a NetworkPolicy says."""

KIND_PAGE = "https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
KUBECTL_PAGE = "https://kubernetes.io/docs/tasks/tools/"
CLIENT = ("kubectl", "version", "--client", "--output=json")
SKEW = 1
"""So many minor versions may lie between kubectl and the API server, says Kubernetes' version skew policy."""


def kind(patient: Patient) -> list[Finding]:
    """Whether kind is there, and new enough."""
    reply = patient.ask("kind", "version")
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)\S*", reply.out)
    if not reply.good or not found:
        return [_unusable("kind", reply, patient, KIND_PAGE)]
    if (int(found[1]), int(found[2])) < LEAST_KIND:
        least = ".".join(map(str, LEAST_KIND))
        return [
            Finding(
                "trouble",
                Text(en=f"kind {found[0]} is too old", fr=f"kind {found[0]} est trop ancien"),
                Text(
                    en=f"before {least}, its clusters ignore NetworkPolicies, and their Kubernetes is old",
                    fr=f"avant la {least}, ses clusters ignorent les NetworkPolicies, et leur Kubernetes est vieux",
                ),
                _install(patient, "kind", KIND_PAGE),
                (reply.path or "",),
            )
        ]
    return [fine(Text(en=f"kind {found[0]}", fr=f"kind {found[0]}"), f"{reply.path}: {reply.out.strip()}")]


def kubectl(patient: Patient) -> list[Finding]:
    """Whether kubectl is there, for labgrade and for the person."""
    reply = patient.ask(*CLIENT)
    version = client_version(reply)
    if version is None:
        return [_unusable("kubectl", reply, patient, KUBECTL_PAGE)]
    words = f"kubectl {version[0]}.{version[1]}"
    found = [fine(Text(words, words), f"{reply.path}")]
    if reply.path and not shutil.which("kubectl", path=patient.environment.get("PATH")):
        own = Text(
            en=f"kubectl is not on your PATH; this one works: {reply.path}",
            fr=f"kubectl n'est pas dans votre PATH ; celui-ci convient : {reply.path}",
        )
        found.append(remark(own, f'export PATH="$PATH:{reply.path.rpartition("/")[0]}"'))
    return found


def skew(patient: Patient) -> list[Finding]:
    """Whether kubectl and the cluster understand each other."""
    client = client_version(patient.ask(*CLIENT))
    server = patient.version
    if client is None or client[0] != server[0] or abs(client[1] - server[1]) <= SKEW:
        return []
    return [
        Finding(
            "warning",
            Text(
                en=f"kubectl is of version {_dotted(client)}, the cluster of {_dotted(server)}",
                fr=f"kubectl est en version {_dotted(client)}, le cluster en {_dotted(server)}",
            ),
            Text(
                en="more than one minor version apart, what you type may be misunderstood",
                fr="au-delà d'une version mineure d'écart, vos commandes peuvent être mal comprises",
            ),
            _install(patient, "kubectl", KUBECTL_PAGE),
        )
    ]


def client_version(reply: Reply) -> tuple[int, int] | None:
    """Major and minor version of a kubectl; None where it did not say."""
    try:
        found = json.loads(reply.out)["clientVersion"]
        return int(found["major"]), int("".join(filter(str.isdigit, found["minor"])))
    except (ValueError, LookupError, TypeError):
        return None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _unusable(name: str, reply: Reply, patient: Patient, page: str) -> Finding:
    words = Text(en=f"{name} is not installed", fr=f"{name} n'est pas installé")
    if reply.hung:
        words = Text(en=f"{name} does not answer: it hangs", fr=f"{name} ne répond pas : il est bloqué")
    elif reply.path:
        words = Text(en=f"{name} does not work", fr=f"{name} ne fonctionne pas")
    means = Text(en="labgrade makes and reaches clusters with it", fr="labgrade crée et joint les clusters avec lui")
    details = (f"{reply.path}: {reply.last_words}",) if reply.path else ()
    return Finding("trouble", words, means, _install(patient, name, page), details)


def _install(patient: Patient, name: str, page: str) -> tuple[Text | str, ...]:
    ways: tuple[Text | str, ...] = (Text(en=f"install the newest: {page}", fr=f"installez le plus récent : {page}"),)
    if patient.machine.system == "macos":
        return (f"brew install {'kubernetes-cli' if name == 'kubectl' else name}", *ways)
    return ways

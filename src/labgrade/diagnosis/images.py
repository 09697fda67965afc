"""The images that a lab and the probe will need, as far as nodes tell which ones they have."""

from __future__ import annotations

from labgrade import course
from labgrade.diagnosis.finding import Finding, fine, remark
from labgrade.diagnosis.patient import Patient
from labgrade.errors import HarnessError, UsageError
from labgrade.facts import Node, image_name
from labgrade.probe import program
from labgrade.text import Text

LISTED = 50
"""A node names the largest images only, so many at most: of a full list, nobody knows what it leaves out."""


def images(patient: Patient) -> list[Finding]:
    """Which of them are not on every node yet."""
    nodes = [node for node in patient.cluster.nodes() if not node.spec.get("unschedulable")]
    wanted = {image_name(program.on_nodes(nodes).image), *_of_labs(patient)}
    missing = {image: lacking for image in sorted(wanted) if (lacking := [n.name for n in nodes if _lacks(n, image)])}
    if not missing:
        return [
            fine(
                Text(en="The labs' images are on the nodes", fr="Les images des TP sont sur les nœuds"), *sorted(wanted)
            )
        ]
    names = ", ".join(image.removeprefix("docker.io/").removeprefix("library/") for image in missing)
    words = Text(en=f"Not on every node yet: {names}", fr=f"Pas encore sur tous les nœuds : {names}")
    if patient.engine is None or not patient.engine.engine.node_image:
        later = Text(
            en="they are pulled when first used; without internet, load them beforehand",
            fr="elles seront téléchargées au premier usage ; sans internet, chargez-les d'avance",
        )
        return [remark(words, later, *_load(patient, [*missing][:1]))]
    means = Text(
        en="this engine pulls nothing, so the labs that use them do not run here",
        fr="ce moteur ne télécharge rien : les TP qui s'en servent ne tournent pas ici",
    )
    return [Finding("warning", words, means, (*_newer(), "labgrade down && labgrade up"))]


def _newer() -> tuple[Text | str, ...]:
    checkout = Text(
        en="in the checkout of labgrade, make the newest node image; then the cluster anew (keep your manifests):",
        fr="dans le dépôt de labgrade, refaites l'image des nœuds ; puis recréez le cluster (gardez vos manifestes) :",
    )
    return checkout, "make engine"


def _load(patient: Patient, some: list[str]) -> list[str]:
    name = patient.cluster_name or "NAME"
    return [f"docker pull {image} && kind load docker-image --name {name} {image}" for image in some]


def _of_labs(patient: Patient) -> set[str]:
    try:
        return {image_name(image) for lab in course.find(patient.course).labs() for image in lab.images}
    except (HarnessError, UsageError):
        return set()  # told where the installation is looked at


def _lacks(node: Node, image: str) -> bool:
    listed = node.status.get("images") or []
    return bool(listed) and len(listed) < LISTED and image not in {image_name(name) for name in node.image_names}

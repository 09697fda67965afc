"""Images that cannot be pulled: a wrong name, a wrong tag and a silent registry, told apart."""

from __future__ import annotations

import difflib
import re
from typing import Literal

from labgrade.facts import Node, Pod, image_name
from labgrade.model import Json
from labgrade.text import Text
from labgrade.why.said import brief, events, if_readable

Refusal = Literal["limit", "platform", "name", "silent", "tag", ""]

SIGNS: tuple[tuple[Refusal, re.Pattern[str]], ...] = (
    ("limit", re.compile(r"toomanyrequests|too many requests|rate limit", re.IGNORECASE)),
    ("platform", re.compile(r"no match for platform|no matching manifest", re.IGNORECASE)),
    # Docker Hub does not say whether a name is unknown or somebody's secret.
    (
        "name",
        re.compile(
            r"does not exist|access denied|insufficient_scope|name unknown|unauthorized|forbidden|denied", re.IGNORECASE
        ),
    ),
    (
        "silent",
        re.compile(
            r"dial tcp|no such host|i/o timeout|connection re(fused|set)|misbehaving|TLS handshake|x509|deadline|"
            r"proxyconnect|unreachable|\bEOF\b|unexpected status.*: 5\d\d|HTTP response to HTTPS",
            re.IGNORECASE,
        ),
    ),
    ("tag", re.compile(r"not ?found|manifest unknown", re.IGNORECASE)),
)
"""What a message of the runtime means, the most particular sign first."""


def short(image: str) -> str:
    """An image as a manifest would name it: `docker.io/library/nginx:1.26` is `nginx:1.26`."""
    return image_name(image).removeprefix("docker.io/library/").removeprefix("docker.io/")


def refusal(message: str) -> Refusal:
    """What the runtime complains of; empty where its words are not known."""
    for kind, words in SIGNS:
        if words.search(message):
            return kind
    return ""


def why_not_pulled(pod: Pod, container: str, waiting: Json) -> Text:
    """Why the image of a container cannot be pulled."""
    image = str(pod.spec_of(container).get("image", ""))
    where = Text(en=f"{pod}, container {container}", fr=f"{pod}, conteneur {container}")
    reason, (message, _) = waiting.get("reason", ""), pulls(pod, container, waiting)
    meant = _nearest(pod, image)
    if reason == "InvalidImageName":
        return Text(
            en=f"{where.en}: {image} is not how an image can be called, so it cannot be pulled{meant.en}",
            fr=f"{where.fr} : une image ne peut pas s'appeler {image}, elle ne peut pas être téléchargée{meant.fr}",
        )
    if reason == "ErrImageNeverPull":
        return Text(
            en=f"{where.en}: the image {image} is not on {_node(pod)}, and imagePullPolicy is Never{meant.en}",
            fr=f"{where.fr} : l'image {image} n'est pas sur {_node(pod)}, et imagePullPolicy vaut Never{meant.fr}",
        )
    cause = _cause(pod, image, message or reason)
    return Text(
        en=f"{where.en}: the image {image} cannot be pulled: {cause.en}{meant.en}",
        fr=f"{where.fr} : l'image {image} ne peut pas être téléchargée : {cause.fr}{meant.fr}",
    )


def _cause(pod: Pod, image: str, message: str) -> Text:
    host, _, rest = image_name(image).partition("/")
    name, _, tag = rest.rpartition(":")
    name = name.removeprefix("library/")
    match refusal(message):
        case "limit":
            return Text(
                en=f"{host} lets nobody here pull more for some hours (rate limit)",
                fr=f"{host} n'accepte plus de téléchargement d'ici pendant quelques heures (limite de débit)",
            )
        case "platform":
            return Text(
                en=f"it does not exist for the processor of {_node(pod)}",
                fr=f"elle n'existe pas pour le processeur de {_node(pod)}",
            )
        case "name":
            return Text(
                en=f"{host} has no {name}, or keeps it private",
                fr=f"{host} n'a pas de {name}, ou le garde privé",
            )
        case "tag":
            return Text(en=f"{host} has no tag {tag} of {name}", fr=f"{host} n'a pas de tag {tag} pour {name}")
        case "silent":
            return Text(
                en=f"it is not on {_node(pod)}, and the registry {host} cannot be reached from there",
                fr=f"elle n'est pas sur {_node(pod)}, et le registre {host} est injoignable de là",
            )
        case _:
            return Text(brief(message), brief(message))


def pulls(pod: Pod, container: str, waiting: Json) -> tuple[str, int]:
    """What the runtime said of pulling a container's image, and how often; older kubelets say it only in an event."""
    image, message = pod.spec_of(container).get("image", ""), str(waiting.get("message", ""))
    failed = [event for event in events(pod, "Failed") if event.message.startswith(f'Failed to pull image "{image}"')]
    last = failed[-1].message if failed else ""
    return message if refusal(message) else last or message, sum(event.count for event in failed)


def _node(pod: Pod) -> str:
    return f"node/{pod.node}"


def _nearest(pod: Pod, image: str) -> Text:
    """The image that may have been meant, of those that the nodes have or other Pods run, to follow a sentence."""
    nodes = if_readable(lambda: Node.all(pod.reading, None))
    others = [name for other in Pod.all(pod.reading, pod.namespace) if other.ready for name in other.images.values()]
    known = {short(name) for node in nodes for name in node.image_names if "@" not in name} | {*map(short, others)}
    found = difflib.get_close_matches(short(image), sorted(known - {short(image)}), n=1, cutoff=0.75)
    return Text(en=f"; did you mean {found[0]}?", fr=f" ; vouliez-vous dire {found[0]} ?") if found else Text("", "")

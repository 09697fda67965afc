"""A WordPress and its database: available, with their data in claims, and answering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checks.mounts import described, place
from checks.site import (
    DATABASE,
    HTTP,
    SQL,
    WEB,
    App,
    controller,
    database_pod,
    running,
    service_of,
    short,
    tagged,
    way_in,
    web_pod,
)
from checks.wording import NOTHING, because, listed, states
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod, image_name
from labgrade.probe import Answer, Prober, Question, dns, http, tcp
from labgrade.text import Text, following
from labgrade.why.gates import closed_gate

FINE = (200, 301, 302)
"""What a site answers that works: its page, or the way to it; a new WordPress sends everybody to be set up."""

PART_CREDIT = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """What one of the two is to run, and where its data is to lie."""

    image: str
    directory: str


def assert_apps(cluster: Cluster, asked: Mapping[str, Asked]) -> None:
    """Each of these runs its image, available, with a claim where its data is; each earns its part.

    The keys are those of DATABASE and WEB that the lab names.
    """
    __tracebackhide__ = True
    wrong: list[Text] = []
    apps: list[App] = []
    for name, wanted in asked.items():
        try:
            app = running(cluster, DATABASE if name in DATABASE else WEB)
        except Unmet as error:
            wrong.append(error.saw)
            continue
        apps.append(app)
        if saw := _not_as_asked(app, wanted):
            wrong.append(saw)
    if not wrong:
        return
    images = listed(each.image for each in asked.values())
    places = listed(each.directory for each in asked.values())
    raise Unmet(
        Text(en="; ".join(each.en for each in wrong), fr=" ; ".join(each.fr for each in wrong)),
        wanted=Text(
            en=f"{images.en}, each available, with a claim at {places.en}",
            fr=f"{images.fr}, disponibles, avec un PVC sur {places.fr}",
        ),
        try_=f"kubectl get deployments,pods -n {cluster.namespace} -o wide",
        credit=1 - len(wrong) / len(asked),
        evidence=states(pod for app in apps for pod in app.pods),
    )


def assert_answers(cluster: Cluster, probe: Prober, *, host: str, node_port: int) -> None:
    """The site answers through its Service, and by its host name through whatever listens on that port of the nodes.

    The Service is asked as that controller's own Pod: others may be kept out; where it is headless, the Pod behind it.
    Each way earns its half.
    """
    __tracebackhide__ = True
    site, door = web_pod(cluster), controller(cluster, node_port)
    service = service_of(cluster, site)
    node = next((node for node in cluster.nodes() if node.control_plane and node.ready), None)
    inside = probe.as_pod(door)
    address, port = way_in(service, site, HTTP)
    through = inside.ask([http(address, port, headers={"Host": host})])[0]
    entered = probe.http(node.ip if node else "", node_port, headers={"Host": host})
    wrong = [
        (way, answer)
        for way, answer in ((f"{service}", through), (f"{host} on port {node_port} of the nodes", entered))
        if not is_wordpress(answer)
    ]
    if not wrong:
        return
    way, answer = wrong[0]
    more = following(_cause(cluster, probe, site, door, answer))
    raise Unmet(
        Text(
            en=f"{way} does not answer as a WordPress does: {answer.seen}{more.en}",
            fr=f"{way} ne répond pas comme un WordPress : {answer.seen}{more.fr}",
        ),
        wanted=Text(
            en="200, or a redirection to the page that sets it up", fr="200, ou une redirection vers l'installation"
        ),
        try_=f"curl -i -H 'Host: {host}' http://localhost/",
        credit=PART_CREDIT if len(wrong) == 1 else 0,
        evidence=(f"{through}", f"{entered}"),
    )


def is_wordpress(answer: Answer) -> bool:
    """Whether that is what WordPress answers: nginx's welcome is a 200, too."""
    signs = (answer.headers.get("location", ""), answer.headers.get("link", ""), answer.body)
    known = "x-redirect-by" in answer.headers or any("wp-" in sign for sign in signs)
    return answer.status in FINE and known


def _not_as_asked(app: App, wanted: Asked) -> Text:
    """What is wrong with one of the two; empty when nothing is."""
    images = DATABASE if short(image_name(wanted.image)) in DATABASE else WEB
    name, image = next((name, image) for name, image in app.images.items() if short(image) in images)
    if image != image_name(wanted.image):
        return Text(en=f"{app} runs {tagged(image)}", fr=f"{app} exécute {tagged(image)}")
    # A Pod of an older revision may have no container of that name.
    owner = next((pod for pod in app.pods if name in pod.containers), app)
    containers = (app.template.get("spec") or {}).get("containers") or []
    container = owner.containers[name] if isinstance(owner, Pod) else next(c for c in containers if c["name"] == name)
    found = place(owner, container, wanted.directory)
    if found is None or found.kind != "persistentVolumeClaim":
        what = described(owner, container, wanted.directory)
        return Text(en=f"{app}: {what.en}", fr=f"{app} : {what.fr}")
    return _unavailable(app)


def _unavailable(app: App) -> Text:
    """Why not all Pods of the current template are there; empty when they are."""
    if app.observed >= app.generation and app.replicas and app.updated >= app.replicas and app.ready >= app.replicas:
        return NOTHING
    more = because(app)
    return Text(
        en=f"{app}: {app.ready} of {app.replicas} Pods are ready{more.en}",
        fr=f"{app} : {app.ready} Pods prêts sur {app.replicas}{more.fr}",
    )


def _cause(cluster: Cluster, probe: Prober, site: Pod, door: Pod, answer: Answer) -> Text | None:
    """What keeps the site from answering, as far as can be tried: the way to it, or its own way to the database."""
    if answer.verdict == "dropped" or answer.status in {502, 503, 504}:
        return closed_gate(cluster, door, site, HTTP)
    if answer.status != 500:
        return None
    base = database_pod(cluster)
    name = f"{service_of(cluster, base).name}.{cluster.namespace}.svc.cluster.local."
    questions: list[Question] = [dns(name), tcp(base.ip, SQL)]
    named, reached = probe.as_pod(site).ask(questions)
    if not named.addresses:
        return Text(
            en=f"{site} does not find its database by name ({named.seen})",
            fr=f"{site} ne trouve pas sa base de données par son nom ({named.seen})",
        )
    if not reached.connected:
        gate = following(closed_gate(cluster, site, base, SQL))
        return Text(
            en=f"{site} does not reach {base}:{SQL} ({reached.seen}){gate.en}",
            fr=f"{site} n'atteint pas {base}:{SQL} ({reached.seen}){gate.fr}",
        )
    return Text(
        en="WordPress reaches its database, which does not let it in, or has no such database",
        fr="WordPress joint sa base de données, qui ne le laisse pas entrer, ou n'a pas cette base",
    )

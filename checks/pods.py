"""What the containers of one Pod have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checks.wording import listed, require, short, states, troubles
from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Pod, image_name
from labgrade.probe import Prober
from labgrade.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host

    Inside = Callable[..., Host]

ASK = r"printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 127.0.0.1 80"
"""HTTP by hand: nc is in every busybox, and works in those whose wget does not."""


ENDED = re.compile("container not found|not running|stopped")
"""How kubectl and the container runtime say that there is nothing to run a command in."""


def assert_shared_network(pod: Pod, inside: Inside, probe: Prober, *, server: str, client: str) -> None:
    """The container with the image `client` gets a page on localhost from the one with the image `server`.

    The same page, asked for at the Pod's address, is the control.
    """
    __tracebackhide__ = True
    require(pod)
    _, asker = _container(pod, server), _container(pod, client)
    if not pod.ready:
        more = troubles([pod])
        raise Unmet(
            Text(en=f"{pod} is not ready{more.en}", fr=f"{pod} n'est pas prêt{more.fr}"),
            wanted=Text(en="both containers run", fr="les deux conteneurs tournent"),
            try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
            evidence=states([pod]),
        )
    control, said = probe.http(pod.ip), _ask(pod, asker, inside)
    if control.verdict == "http" and re.match(r"HTTP/1\.[01] \d{3}", said):
        return
    raise Unmet(
        Text(
            en=f"container {asker} of {pod} gets no page on localhost: {said}",
            fr=f"le conteneur {asker} de {pod} n'obtient pas de page sur localhost : {said}",
        ),
        wanted=Text(en=f"port 80 of {short(server)} answers there", fr=f"le port 80 de {short(server)} y répond"),
        try_=f"kubectl logs {pod.name} -n {pod.namespace} --all-containers",
        evidence=(f"{control}", f"{asker}: {said}"),
    )


def _ask(pod: Pod, container: str, inside: Inside) -> str:
    """What comes back on localhost, or in its place what the command complains of."""
    try:
        answer = inside(pod, container).run(ASK)
    except HarnessError as error:
        # A container that ends at once counts as ready for the moment after each of its starts.
        if ENDED.search(f"{error}"):
            return "the container has ended"
        raise
    return answer.stdout[:200] or answer.stderr.strip() or f"exit code {answer.rc}"


def _container(pod: Pod, image: str) -> str:
    """Name of the container with this image."""
    __tracebackhide__ = True
    for name, found in pod.images.items():
        if found == image_name(image):
            return name
    has = listed(f"{name} ({short(found)})" for name, found in pod.images.items())
    raise Unmet(
        Text(en=f"{pod} has these containers: {has.en}", fr=f"{pod} a ces conteneurs : {has.fr}"),
        wanted=Text(en=f"one of them with {short(image)}", fr=f"l'un d'eux avec {short(image)}"),
        try_=f"kubectl get pod {pod.name} -n {pod.namespace} -o jsonpath='{{.spec.containers[*].image}}'",
    )

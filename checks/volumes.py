"""Volumes of the basic kinds: what is mounted where, and who sees what."""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from checks.contents import require_ready, same_files
from checks.mounts import Place, described, place
from checks.pods import ENDED
from checks.wording import NOTHING, listed, require, states, troubles
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.ended import in_container
from labgrade.cluster.sentinels import file_in
from labgrade.errors import Unmet
from labgrade.facts import Configuration, Deployment, Fact, Node, Pod
from labgrade.text import Text

if TYPE_CHECKING:
    from testinfra.host import Host

    from checks.pods import Inside

OTHER_TYPE_CREDIT = 0.5
"""Earned by the right folder at the right place, by a volume that does not ask for a folder that is there."""


def assert_host_path(pod: Pod, *, path: str, kind: str, at: str) -> None:
    """A container mounts the node's folder `path` at `at`, by a hostPath volume whose type is `kind`."""
    __tracebackhide__ = True
    require(pod)
    found = next((found for _, found in _places(pod, at) if found), None)
    host = found.volume.get("hostPath") or {} if found and not found.inner else {}
    right = posixpath.normpath(str(host.get("path") or "?")) == path
    if right and host.get("type") == kind:
        return
    if right:
        saw = Text(
            en=f"the hostPath volume of {pod} has the type {host.get('type') or 'none'}",
            fr=f"le volume hostPath de {pod} est de type {host.get('type') or 'aucun'}",
        )
    else:
        words, lying = _nearest(pod, at), host.get("path")
        saw = Text(
            en=f"{pod}: {words.en}" + (f", {lying}" if lying else ""),
            fr=f"{pod} : {words.fr}" + (f", {lying}" if lying else ""),
        )
    raise Unmet(
        saw,
        wanted=Text(
            en=f"the node's folder {path} at {at}, by a hostPath of type {kind}",
            fr=f"le dossier {path} du nœud sur {at}, par un hostPath de type {kind}",
        ),
        try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
        credit=OTHER_TYPE_CREDIT if right else 0,
    )


def assert_shares_with_node(pod: Pod, on_node: Callable[[Node], Host], disturb: Disturb, *, path: str, at: str) -> None:
    """What the node writes into a file of its folder `path`, the Pod reads at `at`.

    The file is made by the Pod first: so its removal is noted down before it is there.
    """
    __tracebackhide__ = True
    require(pod)
    disturb.eventually(lambda: require_ready(pod))
    sentinel, token = file_in(pod, at), secrets.token_hex(16)
    written, node, file = sentinel.put(disturb, pod), Node(pod.reading, None, pod.node), f"{path}/{sentinel.name}"
    done = on_node(node).run("test -f %s && printf %s > %s", file, token, file)
    look = ["cat", f"{at}/{sentinel.name}"]
    read = in_container(pod, written.container, lambda: disturb.exec(pod, written.container, look), ended=ENDED)
    if done.rc == 0 and read.stdout == token:
        return
    raise Unmet(
        Text(
            en=f"{at} in {pod} is not {path} of {node}: a file in the one does not lie in the other",
            fr=f"{at} dans {pod} n'est pas {path} de {node} : un fichier dans l'un n'est pas dans l'autre",
        ),
        wanted=Text(
            en=f"one folder, seen from the node {node.name} and from {pod}",
            fr=f"un seul dossier, vu du nœud {node.name} et de {pod}",
        ),
        try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
        evidence=(f"{written}", f"{node} on {file}: exit code {done.rc}, {done.stderr.strip()[:200]}"),
    )


def assert_shared(
    deployment: Deployment, disturb: Disturb, *, writer: tuple[str, str], reader: tuple[str, str]
) -> None:
    """What one container of the Deployment's only Pod writes, another one reads; each is a name and a directory."""
    __tracebackhide__ = True
    pod = disturb.eventually(lambda: running(deployment))
    _require_containers(pod, [writer[0], reader[0]])
    sentinel = file_in(deployment, writer[1], container=writer[0])
    written = sentinel.put(disturb, pod)
    path = f"{reader[1]}/{sentinel.name}"
    look = ["sh", "-c", 'test ! -e "$0" || cat "$0"', path]
    read = in_container(pod, reader[0], lambda: disturb.exec(pod, reader[0], look), ended=ENDED)
    if read.stdout == written.token:
        return
    words = [described(pod, pod.containers[name], directory) for name, directory in (writer, reader)]
    raise Unmet(
        Text(
            en=f"container {reader[0]} does not see what {writer[0]} writes: {words[0].en}; {words[1].en}",
            fr=f"le conteneur {reader[0]} ne voit pas ce que {writer[0]} écrit : {words[0].fr} ; {words[1].fr}",
        ),
        wanted=Text(en="one volume, mounted in both containers", fr="un seul volume, monté dans les deux conteneurs"),
        try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
        evidence=(f"{written}", f"{reader[0]}: {path}: {read.stderr.strip()[:200] or 'no such file'}"),
    )


def assert_shows(pod: Pod, inside: Inside, shown: Sequence[tuple[Configuration, str]]) -> None:
    """Each ConfigMap or Secret is to be seen whole in its directory, a file a key; each of them earns its part.

    Contents are compared without being read.
    """
    __tracebackhide__ = True
    require(pod)
    for config, _ in shown:
        require(config)
    require_ready(pod)
    missing = [words for config, directory in shown if (words := _not_shown(pod, inside, config, directory))]
    if not missing:
        return
    raise Unmet(
        Text(en="; ".join(words.en for words in missing), fr=" ; ".join(words.fr for words in missing)),
        wanted=Text(
            en="; ".join(f"each key of {config} as a file in {directory}" for config, directory in shown),
            fr=" ; ".join(f"chaque clé de {config} comme un fichier dans {directory}" for config, directory in shown),
        ),
        try_=f"kubectl describe pod {pod.name} -n {pod.namespace}",
        credit=1 - len(missing) / len(shown),
    )


def running(deployment: Deployment) -> Pod:
    """The only Pod of a Deployment, ready."""
    __tracebackhide__ = True
    require(deployment, instead=_lookalikes(deployment))
    pods = deployment.pods
    if len(pods) != 1:
        more = troubles(pods)
        raise Unmet(
            Text(
                en=f"{deployment} has this many Pods: {len(pods)}{more.en}",
                fr=f"nombre de Pods de {deployment} : {len(pods)}{more.fr}",
            ),
            wanted=Text(en="one Pod", fr="un seul Pod"),
            try_=f"kubectl describe deployment {deployment.name} -n {deployment.namespace}",
            evidence=states(pods),
        )
    require_ready(pods[0])
    return pods[0]


def _lookalikes(deployment: Deployment) -> list[Fact]:
    """What students make in its place: Deployments by another name, Pods of its name without one."""
    there = Pod.all(deployment.reading, deployment.namespace)
    bare = [pod for pod in there if pod.controller is None and pod.name.startswith(deployment.name)]
    return [*Deployment.all(deployment.reading, deployment.namespace), *bare]


def _require_containers(pod: Pod, names: Sequence[str]) -> None:
    __tracebackhide__ = True
    if set(names) <= pod.containers.keys():
        return
    has = listed(pod.containers)
    raise Unmet(
        Text(en=f"{pod} has these containers: {has.en}", fr=f"{pod} a ces conteneurs : {has.fr}"),
        wanted=listed(names),
        try_=f"kubectl get pod {pod.name} -n {pod.namespace} -o jsonpath='{{.spec.containers[*].name}}'",
    )


def _not_shown(pod: Pod, inside: Inside, config: Configuration, directory: str) -> Text:
    """Which keys are not to be seen in a directory; empty when all are. Only a volume counts."""
    container = next((name for name, found in _places(pod, directory) if found), "")
    if not container:
        return _nearest(pod, directory)
    found = same_files(inside, pod, container, directory, config.values)
    absent = listed(sorted(config.values.keys() - found.keys()))
    other = listed(sorted(key for key, same in found.items() if not same))
    if not config.values or absent.en != "none":
        return Text(
            en=f"{directory} shows, of {config}, not: {absent.en}",
            fr=f"{directory} ne montre pas, de {config} : {absent.fr}",
        )
    if other.en != "none":
        return Text(
            en=f"{directory} shows something else than what {config} has as: {other.en}",
            fr=f"{directory} montre autre chose que ce que {config} a comme : {other.fr}",
        )
    return NOTHING


def _places(pod: Pod, path: str) -> list[tuple[str, Place | None]]:
    return [(name, place(pod, container, path)) for name, container in pod.containers.items()]


def _nearest(pod: Pod, path: str) -> Text:
    """What is at a path, in the words of the container that has something there, else of the first one."""
    chosen = next((name for name, found in _places(pod, path) if found), next(iter(pod.containers)))
    return described(pod, pod.containers[chosen], path)

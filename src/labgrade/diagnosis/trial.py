"""What other runs left in the cluster, and whether a Pod starts in it and finds its way."""

from __future__ import annotations

from contextlib import suppress

from labgrade.cluster import lease
from labgrade.cluster.api import ApiError
from labgrade.cluster.lease import DURATION_SECONDS, Lease
from labgrade.cluster.ours import RECORDS_NAMESPACE, OwnNamespace
from labgrade.diagnosis.finding import Finding, fine, remark
from labgrade.diagnosis.patient import Patient
from labgrade.errors import HarnessError
from labgrade.facts import Pod, Snapshot
from labgrade.facts.base import moment
from labgrade.facts.reading import RESOURCES
from labgrade.patience import until
from labgrade.probe import Answer, ProbePod, dns, program, tcp
from labgrade.probe.image import VARIABLE
from labgrade.runid import OURS, new_run
from labgrade.text import Text
from labgrade.why import why

NAME = "doctor"
START_SECONDS = 20.0
API_SERVICE = "kubernetes.default.svc.cluster.local."
MANAGED = "app.kubernetes.io/managed-by=labgrade"
JOURNAL = "labgrade-journal-"


def leftovers(patient: Patient) -> list[Finding]:
    """What a killed run did not clear away: restores that are open, and namespaces."""
    records = patient.api.get(RESOURCES["ConfigMap"].path(RECORDS_NAMESPACE), labelSelector=MANAGED)
    names = [each["metadata"]["name"] for each in records.get("items") or []]
    open_ones = [name.removeprefix(JOURNAL) for name in names if name.startswith(JOURNAL)]
    if _busy(patient):
        return []  # what is there may belong to whoever is at work
    spaces = patient.api.get(RESOURCES["Namespace"].path(), labelSelector=MANAGED).get("items") or []
    left = [each["metadata"]["name"] for each in spaces if "deletionTimestamp" not in each["metadata"]]
    left = [name for name in left if OURS.fullmatch(name)]
    found = [_unrestored(space) for space in open_ones]
    if left:
        said = ", ".join(left)
        words = Text(en=f"A killed run left: {said}", fr=f"Une exécution tuée a laissé : {said}")
        found.append(
            remark(words, Text(en="the next `labgrade check` removes it", fr="le prochain `labgrade check` l'enlève"))
        )
    return found


def _unrestored(space: str) -> Finding:
    return Finding(
        "warning",
        Text(
            en=f"A killed run did not restore what it had disturbed in namespace {space}",
            fr=f"Une exécution tuée n'a pas remis en place ce qu'elle avait perturbé dans le namespace {space}",
        ),
        Text(
            en="the next check of that lab restores it before it grades",
            fr="le prochain check de ce TP le remet en place avant d'évaluer",
        ),
        (f"labgrade check LAB --namespace {space}",),
    )


def _busy(patient: Patient) -> bool:
    """Whether somebody grades this cluster, or did so a moment ago."""
    held = patient.api.find(RESOURCES["Lease"].path(RECORDS_NAMESPACE, lease.NAME))
    renewed = moment((held or {}).get("spec", {}).get("renewTime"))
    return renewed is not None and (patient.api.now() - renewed).total_seconds() < DURATION_SECONDS


def trial(patient: Patient) -> list[Finding]:
    """Starts a Pod of ours, asks DNS and a Service from it, and removes it."""
    run = new_run()
    claim = Lease(patient.api, run)
    try:
        claim.acquire()
    except ApiError as error:
        return [_not_allowed(error)]
    except HarnessError as error:
        busy = Text(en=f"No Pod was tried: {error}", fr=f"Aucun Pod n'a été essayé : {error}")
        return [remark(busy)]
    patient.undo.callback(_quietly, claim.release)
    home = OwnNamespace(patient.api, run)
    patient.undo.callback(_quietly, home.remove)
    probe = ProbePod(patient.api, run, program.on_nodes(patient.cluster.nodes()), home, name=NAME)
    patient.undo.callback(_quietly, probe.remove)

    def pod() -> Pod:
        return Pod(Snapshot(patient.api), probe.namespace, NAME)

    until(lambda: pod().ready or _hopeless(pod()), seconds=START_SECONDS, every=0.2)
    if not pod().ready:
        return [_not_started(patient, pod())]
    try:
        name, way = probe.ask([dns(API_SERVICE), tcp(API_SERVICE.rstrip("."), 443)])
    except HarnessError as error:
        words = Text(
            en=f"In a Pod, nothing could be tried: {error}", fr=f"Dans un Pod, rien n'a pu être essayé : {error}"
        )
        return [Finding("trouble", words, do=("kubectl get pods -n kube-system -o wide",))]
    return [judged(name, way)]


def judged(name: Answer, way: Answer) -> Finding:
    """What the answers from inside a Pod mean: to a question of DNS, and to a connection to a Service by name."""
    if not name.connected:
        words = Text(en="In a Pod, names are not resolved", fr="Dans un Pod, les noms ne sont pas résolus")
        remedy = "kubectl rollout restart deployment coredns -n kube-system"
    elif not way.connected:
        words = Text(en="From a Pod, a Service is not reached", fr="Depuis un Pod, un Service n'est pas joignable")
        remedy = "kubectl rollout restart daemonset kube-proxy -n kube-system"
    else:
        words = Text(
            en="A Pod starts, resolves names and reaches a Service",
            fr="Un Pod démarre, résout les noms et joint un Service",
        )
        return fine(words, str(name), str(way))
    means = Text(en="no lab about Services can pass", fr="aucun TP sur les Services ne peut réussir")
    again = Text(en="wait a moment, then: labgrade doctor", fr="attendez un instant, puis : labgrade doctor")
    return Finding("trouble", words, means, (remedy, again), (str(name), str(way)))


def _hopeless(pod: Pod) -> bool:
    waiting = [(status.get("state") or {}).get("waiting") or {} for status in pod.container_statuses]
    return any(each.get("reason") in ("ImagePullBackOff", "InvalidImageName") for each in waiting)


def _not_started(patient: Patient, pod: Pod) -> Finding:
    cause = why(pod) or Text(
        en=f"not Ready within {START_SECONDS:.0f} s, phase {pod.phase or 'none'}",
        fr=f"pas Ready en {START_SECONDS:.0f} s, phase {pod.phase or 'aucune'}",
    )
    words = Text(en=f"A Pod of ours does not start: {cause.en}", fr=f"Un Pod à nous ne démarre pas : {cause.fr}")
    means = Text(
        en="checks that send traffic end in `error`; the others are graded",
        fr="les vérifications qui envoient du trafic finissent « non évaluées » ; les autres sont faites",
    )
    image, name = next(iter(pod.images.values()), "IMAGE"), patient.cluster_name or "NAME"
    other = Text(en="or name another image that has /probe:", fr="ou désignez une autre image qui contient /probe :")
    load = (f"docker pull {image} && kind load docker-image --name {name} {image}", other, f"export {VARIABLE}=IMAGE")
    look = ("kubectl get events -A --sort-by=.lastTimestamp | tail",)
    return Finding("trouble", words, means, load if _hopeless(pod) else look)


def _not_allowed(error: ApiError) -> Finding:
    words = Text(en=f"This account may not grade: {error}", fr=f"Ce compte n'a pas le droit d'évaluer : {error}")
    means = Text(en="labgrade writes a Lease and starts a Pod", fr="labgrade écrit un Lease et démarre un Pod")
    return Finding("trouble", words, means, ("kind export kubeconfig --name NAME",))


def _quietly(action: object) -> None:
    # Nothing is lost: the Lease expires, and the next run removes what this one left.
    with suppress(HarnessError):
        assert callable(action)
        action()

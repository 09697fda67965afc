"""Visits to a Service from inside the cluster: by which name they find it, and which Pods they end at."""

from __future__ import annotations

from checks.names import DOMAIN
from checks.services import not_answered, without_port
from checks.wording import NOTHING, listed
from labgrade.errors import Unmet
from labgrade.facts import Service
from labgrade.probe import Answer, Prober, dns, http
from labgrade.text import Text

VISITS = 16
"""With three Pods, one of them gets all of so many visits once in fourteen million times."""


def assert_reached_by_name(service: Service, probe: Prober, *, port: int) -> None:
    """From another namespace the Service answers under its full name, and its short name does not lead there.

    The full name, asked in the same breath, is the control for the short one.
    """
    __tracebackhide__ = True
    if saw := without_port(service, port):
        raise Unmet(
            saw,
            wanted=f"port: {port}",
            try_=f"kubectl get service {service.name} -n {service.namespace}",
        )
    # Where a visitor has its own namespace put behind a short name. The search domains that a node adds are left
    # out: they lead out of the cluster, where anything may be answered, or nothing.
    abroad = next(name for name in ("default", "kube-public") if name != service.namespace)
    name = f"{service.name}.{service.namespace}.{DOMAIN}"
    full, short = probe.ask([http(name, port), dns(f"{service.name}.{abroad}.{DOMAIN}")])
    if full.verdict != "http":
        saw = not_answered(service, port, full)
    elif service.cluster_ip in short.addresses:
        saw = Text(
            en=f"in namespace {abroad} the short name leads to {service} too",
            fr=f"dans le namespace {abroad}, le nom court mène aussi à {service}",
        )
    else:
        return
    whole = f"http://{name.rstrip('.')}:{port}/"
    raise Unmet(
        saw,
        wanted=Text(
            en=f"an HTTP answer from {whole}, and none under the short name",
            fr=f"une réponse HTTP de {whole}, et aucune sous le nom court",
        ),
        try_=f"kubectl describe service {service.name} -n {service.namespace}",
        evidence=(f"{full}", f"{short}"),
    )


def assert_spread(service: Service, probe: Prober, *, port: int) -> None:
    """Visits to the Service, each on a connection of its own, end at two Pods at least.

    The Pods must answer with their own names.
    """
    __tracebackhide__ = True
    answers = [] if _one_for_all(service) else probe.ask([http(service.cluster_ip, port)] * VISITS)
    if saw := _one_for_all(service) or _not_spread(answers, _behind(service)):
        raise Unmet(
            saw,
            wanted=Text(
                en=f"{VISITS} visits are spread over several Pods",
                fr=f"{VISITS} visites se répartissent sur plusieurs Pods",
            ),
            try_=f"kubectl get service {service.name} -n {service.namespace} -o yaml",
            evidence=tuple(f"{answer.verdict}: {answer.body.strip()[:80]}" for answer in answers),
        )


def _behind(service: Service) -> set[str]:
    """Names of the ready Pods that it leads to."""
    return {endpoint.pod for endpoint in service.endpoints if endpoint.ready}


def _one_for_all(service: Service) -> Text:
    """What keeps visits together, as the Service's own spec has it; empty when nothing does."""
    if service.spec.get("sessionAffinity") == "ClientIP":
        return Text(
            en=f"{service} sends a visitor to the same Pod again and again: sessionAffinity is ClientIP",
            fr=f"{service} renvoie toujours un visiteur au même Pod : sessionAffinity vaut ClientIP",
        )
    if len(_behind(service)) < 2:
        found = listed(_behind(service))
        return Text(
            en=f"{service} has nothing to choose from; ready Pods behind it: {found.en}",
            fr=f"{service} n'a pas le choix ; Pods prêts derrière lui : {found.fr}",
        )
    return NOTHING


def _not_spread(answers: list[Answer], behind: set[str]) -> Text:
    """Why the answers do not show two Pods; empty when they do."""
    said = {answer.body.strip() for answer in answers if answer.verdict == "http"}
    reached = sorted(said & behind)
    if len(reached) > 1:
        return NOTHING
    if not said:
        verdicts = listed(sorted({answer.verdict for answer in answers}))
        return Text(
            en=f"none of {VISITS} visits is answered ({verdicts.en})",
            fr=f"aucune des {VISITS} visites n'obtient de réponse ({verdicts.fr})",
        )
    if not reached:
        return Text(
            en=f"the answers do not say which Pod they come from: {min(said)[:40]!r}",
            fr=f"les réponses ne disent pas de quel Pod elles viennent : {min(said)[:40]!r}",
        )
    return Text(
        en=f"{VISITS} visits, and all that were answered were by pod/{reached[0]}",
        fr=f"{VISITS} visites, et toutes celles qui ont eu une réponse l'ont eue de pod/{reached[0]}",
    )

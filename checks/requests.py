"""Requests that are answered or refused one by one: by an HTTP status, which says more than silence does.

Silence (dropped) is what a policy on addresses and ports leaves. A rule on requests lets the connection open and
answers for the server: 403. The server itself must answer otherwise, or its answer would pass for a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checks.httprules import Way
from checks.l7 import pods_of
from checks.traffic import Wish, assert_flows, server
from labgrade.errors import Unmet
from labgrade.facts import Cluster, Pod, pairs, policies_on
from labgrade.probe import Answer, Prober, Question, http
from labgrade.text import Text
from labgrade.why.policies import explained

FINE, FORBIDDEN = 200, 403


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the status with which it is to be answered."""

    method: str
    path: str
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def to(self, pod: Pod, port: int) -> Question:
        """The same, put to a Pod."""
        return http(pod.ip, port, self.path, method=self.method)


def assert_answered(
    cluster: Cluster, probe: Prober, request: Request, way: Way, *, beside: Sequence[Request] = ()
) -> None:
    """The source's request is answered with its status, and the server itself would have answered 200.

    `beside`: the requests of the lab's other checks, asked along with it, so that all of them cost one pass.
    """
    __tracebackhide__ = True
    client, server = pods_of(cluster, way.source)[0], pods_of(cluster, way.to)[0]
    sources = {"client": probe.as_pod(client), "itself": probe.as_pod(server)}
    flows = {
        (who, str(each)): (source, each.to(server, way.port))
        for each in (request, *beside)
        for who, source in sources.items()
    }
    own = {cell: flow for cell, flow in flows.items() if cell[1] == str(request)}
    answers = probe.cells(own, beside=flows)
    answer, control = answers["client", str(request)], answers["itself", str(request)]
    probe.asked += [str(answer), str(control)]
    _require_served(request, server, way, control)
    if answer.status == request.status:
        # What became of it before the policies were in force says nothing of them.
        probe.in_force()
        (answer,) = sources["client"].ask([request.to(server, way.port)])
    if answer.status == request.status:
        return
    raise Unmet(
        _saw(request, client, answer),
        wanted=_wanted(request),
        try_=f"kubectl get ciliumnetworkpolicies -n {cluster.namespace} -o yaml",
        evidence=(str(answer), str(control), *_policies(cluster, client, server)),
    )


def assert_strangers_kept_out(cluster: Cluster, probe: Prober, way: Way) -> None:
    """Whoever is not the source is met with silence: another Pod of the lab's namespace, and a namesake elsewhere."""
    __tracebackhide__ = True
    target = server(probe, pods_of(cluster, way.to)[0], way.port)
    strangers = {
        "a Pod without labels": probe.within(cluster.namespace),
        f"{pairs(way.source)} of another namespace": probe.bearing(way.source),
    }
    assert_flows(cluster, probe, [Wish(who, source, target, reaches=False) for who, source in strangers.items()])


def _require_served(request: Request, server: Pod, way: Way, control: Answer) -> None:
    __tracebackhide__ = True
    if control.status == FINE:
        return
    raise Unmet(
        Text(
            en=f"{server} itself does not answer {request} on port {way.port} with {FINE}: {control.seen}",
            fr=f"{server} ne répond pas lui-même {FINE} à {request} sur le port {way.port} : {control.seen}",
        ),
        wanted=Text(
            en="a server that answers: otherwise nothing shows who refuses",
            fr="un serveur qui répond : sinon, rien ne montre qui refuse",
        ),
        try_=f"kubectl describe pod {server.name} -n {server.namespace}",
        evidence=(str(control),),
    )


def _saw(request: Request, client: Pod, answer: Answer) -> Text:
    if answer.verdict == "dropped":
        return Text(
            en=f"{request} by {client} is met with silence (dropped): a rule on addresses or ports keeps it out,"
            " none on requests is reached",
            fr=f"{request} par {client} ne rencontre que le silence (dropped) : une règle sur les adresses ou les ports"
            " l'arrête, aucune règle sur les requêtes n'est atteinte",
        )
    if answer.status == FINE:
        return Text(
            en=f"{request} by {client} is let through: http {FINE}", fr=f"{request} par {client} passe : http {FINE}"
        )
    if answer.status == FORBIDDEN:
        return Text(
            en=f"{request} by {client} is refused: http {FORBIDDEN}, so no rule on requests allows it",
            fr=f"{request} par {client} est refusé : http {FORBIDDEN}, donc aucune règle ne l'autorise",
        )
    return Text(
        en=f"{request} by {client} is neither served nor refused: {answer.seen}",
        fr=f"{request} par {client} n'est ni servi ni refusé : {answer.seen}",
    )


def _wanted(request: Request) -> Text:
    if request.status == FINE:
        return Text(en=f"the server's own answer, http {FINE}", fr=f"la réponse du serveur lui-même, http {FINE}")
    return Text(
        en=f"a refusal that speaks: the connection opens, and the answer is http {request.status}",
        fr=f"un refus qui parle : la connexion s'ouvre, et la réponse est http {request.status}",
    )


def _policies(cluster: Cluster, client: Pod, server: Pod) -> tuple[str, ...]:
    return tuple(
        f"{side} {pod}: {explained(policy).en}"
        for side, pod in (("from", client), ("to", server))
        for policy in policies_on(cluster, pod)
    )

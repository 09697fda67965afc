"""Who reaches whom: connected where it should be, and where not, dropped beside a control that shows why.

A server that does not answer is no server that is kept from answering: every refusal is asked for by address, and the
server is reached from inside its own Pod in the same breath.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from labgrade.errors import HarnessError, Unmet
from labgrade.facts import Cluster, Pod, policies_on
from labgrade.probe import Answer, Cell, Prober, Question, Table, tcp
from labgrade.text import Text, following
from labgrade.why.gates import closed_gate
from labgrade.why.policies import explained

CONTROL = "itself"
"""The row of the servers' own Pods, in which everything must connect."""


@dataclass(frozen=True, slots=True)
class Server:
    """Somebody who is to be reached, or not."""

    name: str
    """As a table's column shows it."""
    host: str
    port: int
    itself: Prober
    """Asks from inside the very Pod that serves."""

    @property
    def question(self) -> Question:
        """Whether it is reached."""
        return tcp(self.host, self.port)

    @property
    def pod(self) -> Pod | None:
        """The student's Pod that serves; None where it is one of ours."""
        return self.itself.pod


def server(probe: Prober, pod: Pod, port: int) -> Server:
    """A port of a student's Pod, by its address."""
    return Server(f"{pod}:{port}", pod.ip, port, probe.as_pod(pod))


@dataclass(frozen=True, slots=True)
class Wish:
    """One flow and what must become of it."""

    who: str
    """As a table's row shows it."""
    source: Prober
    server: Server
    reaches: bool

    @property
    def cell(self) -> Cell:
        """Its place in a table."""
        return self.who, self.server.name


def assert_flows(cluster: Cluster, probe: Prober, wishes: Sequence[Wish], *, beside: Sequence[Wish] = ()) -> None:
    """Exactly the flows that are to be allowed connect; all others are dropped, and stay so.

    Asked at once, each server also from inside its own Pod. `beside`: the wishes of the lab's other checks, asked
    along with these, so that all of them cost one pass. Unmet carries the table; HarnessError where a cluster that
    the student did not build ignores policies, or a server of ours does not listen.
    """
    __tracebackhide__ = True
    flows, others = flows_of(wishes), flows_of(beside)
    probe.in_force()  # else a way that a new policy is about to close would still count as open
    answers = probe.cells(flows, beside=others)
    for each in _servers(wishes):
        _require_listening(each, answers[CONTROL, each.name])
    allowed = {wish.cell for wish in wishes if wish.reaches}
    if not _table(wishes, answers).differences(allowed):
        closed = {wish.cell for wish in wishes if not wish.reaches}
        later = {wish.cell: others[wish.cell] for wish in beside if not wish.reaches}
        answers |= probe.stays_blocked({cell: flows[cell] for cell in closed}, beside=later)
    table = _table(wishes, answers)
    wrong = [wish for wish in wishes if wish.cell in table.differences(allowed)]
    if not wrong:
        probe.asked.append(table.seen() if len(wishes) > 1 else f"{answers[wishes[0].cell]}")
        return
    if any(not wish.reaches for wish in wrong):
        probe.require_enforcement()
    first = wrong[0]
    raise Unmet(
        _saw(cluster, first, answers[first.cell], more=len(wrong) - 1),
        wanted=_wanted(first),
        try_=_try(cluster, first),
        evidence=(
            *([table.drawn(allowed)] if len(wishes) > 1 else []),
            *_evidence(cluster, first, answers[first.cell]),
        ),
    )


def assert_table(
    cluster: Cluster,
    probe: Prober,
    rows: Mapping[str, Prober],
    servers: Sequence[Server],
    *,
    allowed: Collection[Cell],
) -> None:
    """The whole truth table: exactly the `allowed` cells (row, server's name) connect, all others are dropped."""
    __tracebackhide__ = True
    assert_flows(
        cluster,
        probe,
        [Wish(row, source, each, (row, each.name) in allowed) for row, source in rows.items() for each in servers],
    )


def assert_reaches(cluster: Cluster, probe: Prober, who: str, source: Prober, target: Server) -> None:
    """The flow connects."""
    __tracebackhide__ = True
    assert_flows(cluster, probe, [Wish(who, source, target, reaches=True)])


def assert_blocked(cluster: Cluster, probe: Prober, who: str, source: Prober, target: Server) -> None:
    """The flow is dropped, although somebody listens there, and stays so."""
    __tracebackhide__ = True
    assert_flows(cluster, probe, [Wish(who, source, target, reaches=False)])


def flows_of(wishes: Sequence[Wish]) -> dict[Cell, tuple[Prober, Question]]:
    """What is asked for these wishes: the flows themselves, and every server from its own Pod."""
    asked = {wish.cell: (wish.source, wish.server.question) for wish in wishes}
    return {**asked, **{(CONTROL, each.name): (each.itself, each.question) for each in _servers(wishes)}}


def _servers(wishes: Sequence[Wish]) -> list[Server]:
    """Each of them once."""
    return list({wish.server.name: wish.server for wish in wishes}.values())


def _table(wishes: Sequence[Wish], answers: Mapping[Cell, Answer]) -> Table:
    return Table({wish.cell: answers[wish.cell] for wish in wishes})


def _require_listening(each: Server, answer: Answer) -> None:
    __tracebackhide__ = True
    if answer.connected:
        return
    if each.pod is None:
        # A Pod that has just started may not have listened yet.
        if (again := each.itself.ask([each.question])[0]).connected:
            return
        raise HarnessError(f"a server of labgrade's own, {each.name}, does not answer itself: {again.seen}")
    raise Unmet(
        Text(
            en=f"nobody listens on {each.name}, not even for its own Pod: {answer.seen}",
            fr=f"personne n'écoute sur {each.name}, même pour son propre Pod : {answer.seen}",
        ),
        wanted=Text(
            en="a server that answers: silence in front of no server shows no policy",
            fr="un serveur qui répond : le silence devant un serveur absent ne montre aucune politique",
        ),
        try_=f"kubectl describe pod {each.pod.name} -n {each.pod.namespace}",
        evidence=(f"{answer}",),
    )


def _saw(cluster: Cluster, wish: Wish, answer: Answer, *, more: int) -> Text:
    others = Text(en=f" ({more} more in the table)", fr=f" ({more} de plus dans le tableau)") if more else Text("", "")
    if not wish.reaches and answer.connected:
        return Text(
            en=f"{wish.who} reaches {wish.server.name}{others.en}",
            fr=f"{wish.who} atteint {wish.server.name}{others.fr}",
        )
    if wish.reaches:
        cause = following(_closed_gate(cluster, wish) if answer.verdict == "dropped" else None)
        return Text(
            en=f"{wish.who} does not reach {wish.server.name}: {answer.seen}{others.en}{cause.en}",
            fr=f"{wish.who} n'atteint pas {wish.server.name} : {answer.seen}{others.fr}{cause.fr}",
        )
    return Text(
        en=f"{wish.who} is not dropped on its way to {wish.server.name}, but {answer.seen}{others.en}",
        fr=f"{wish.who} vers {wish.server.name} : pas de silence (dropped), mais {answer.seen}{others.fr}",
    )


def _closed_gate(cluster: Cluster, wish: Wish) -> Text | None:
    source, target = wish.source.pod, wish.server.pod
    return closed_gate(cluster, source, target, wish.server.port) if source and target else None


def _wanted(wish: Wish) -> Text:
    if wish.reaches:
        return Text(
            en="the connection opens: the source may go out to it, and the server may let it in",
            fr="la connexion s'ouvre : la source a le droit de sortir, et le serveur celui de la laisser entrer",
        )
    return Text(
        en="the packets are dropped, in silence (a policy never refuses)",
        fr="les paquets sont jetés, en silence (une politique ne refuse jamais)",
    )


def _try(cluster: Cluster, wish: Wish) -> str:
    pod = wish.server.pod
    return f"kubectl describe networkpolicies -n {pod.namespace if pod else cluster.namespace}"


def _evidence(cluster: Cluster, wish: Wish, answer: Answer) -> tuple[str, ...]:
    """What explains one flow: who asked, the policies on either side, and what Hubble noted where there is one."""
    lines = [f"{answer}"]
    for side, pod in (("from", wish.source.pod), ("to", wish.server.pod)):
        if pod is not None:
            policies = policies_on(cluster, pod)
            lines += [f"{side} {pod}: {explained(policy).en}" for policy in policies]
            lines += [] if policies else [f"{side} {pod}: no policy selects it"]
    return (*lines, *wish.source.noted(wish.server.host, wish.server.port))

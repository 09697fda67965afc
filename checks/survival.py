"""Data that outlives what wrote it: written, the Pod disturbed, read again."""

from __future__ import annotations

from collections.abc import Sequence

from checks.mounts import Place, place
from checks.wording import NOTHING, listed, states, troubles
from labgrade.cluster.disturb import Disturb
from labgrade.cluster.drills import LAYER, Drill, deletes_claims, pods_deleted, pods_of, scaled_to_zero
from labgrade.cluster.sentinels import FileIn, Sentinel, Subject, Written, file_in
from labgrade.errors import Unmet
from labgrade.facts import Node, PersistentVolumeClaim, Pod, StatefulSet
from labgrade.facts.placing import volumes_of
from labgrade.text import Text

SHARED_CREDIT = 0.4
"""Earned where data survives, but in a volume that is not the Pod's own."""

RETURN_SECONDS = 45.0
"""What was ready before gets so long from its start to be so again: a database looks through its files first."""

Storage = dict[str, tuple[str, str]]
"""Claim name to the claim's UID and volume: what must be the same afterwards."""


def assert_survives(what: Sentinel | Sequence[Sentinel], drill: Drill, disturb: Disturb) -> list[Written]:
    """Everything written is there again after the drill, in Pods that are provably others (or restarted).

    Where a volume is known to end with its Pod, or a claim would, nothing is disturbed: the data would be lost.
    """
    __tracebackhide__ = True
    sentinels = list(what) if isinstance(what, Sequence) else [what]
    written = _written(sentinels, disturb)
    _require_kept(written, drill)
    return _outlived(written, drill, disturb, _subjects(sentinels))


def assert_lost(what: Sentinel, drill: Drill, disturb: Disturb) -> None:
    """What was written is gone after the drill: the volume is as short-lived as the lab asks."""
    __tracebackhide__ = True
    written = _written([what], disturb)
    _drilled(written, drill, disturb, _subjects([what]))
    for each in written:
        if any(each.sentinel.found(disturb, heir, each) for heir in each.heirs):
            raise Unmet(
                Text(
                    en=f"{each.sentinel.what.en} is still under {each.directory} {drill.done.en}",
                    fr=f"{each.sentinel.what.fr} est encore sous {each.directory} {drill.done.fr}",
                ),
                wanted=Text(en="data that goes with its Pod", fr="des données qui partent avec leur Pod"),
                try_=f"kubectl describe pod {each.heirs[0].name} -n {each.pod.namespace}",
                evidence=(f"{each}",),
            )


def assert_data_survives(statefulset: StatefulSet, disturb: Disturb, *, directory: str) -> None:
    """What ordinal 1 wrote is there once its Pod was deleted and replaced, and it is not in ordinal 0."""
    __tracebackhide__ = True
    pod, other = statefulset.pod(1), statefulset.pod(0)
    for written in assert_survives(file_in(pod, directory), pods_deleted, disturb):
        if written.sentinel.found(disturb, other, written):
            shared = listed(sorted({*pod.claims.values()} & {*other.claims.values()}))
            raise Unmet(
                Text(
                    en=f"what {pod} wrote survives, but {other} has it too; claims in common: {shared.en}",
                    fr=f"ce que {pod} a écrit survit, mais {other} l'a aussi ; PVC en commun : {shared.fr}",
                ),
                wanted=Text(en="a volume for each Pod", fr="un volume par Pod"),
                try_=f"kubectl get persistentvolumeclaims -n {pod.namespace}",
                credit=SHARED_CREDIT,
                evidence=(f"{written}",),
            )


def _subjects(sentinels: Sequence[Sentinel]) -> list[Subject]:
    return list(dict.fromkeys(each.subject for each in sentinels))


def _written(sentinels: Sequence[Sentinel], disturb: Disturb) -> list[Written]:
    """All of them, each by way of its subject's first Pod."""
    __tracebackhide__ = True
    for subject in _subjects(sentinels):
        disturb.eventually(lambda subject=subject: _require_running(subject))
    return [each.put(disturb, pods_of(each.subject)[0]) for each in sentinels]


def _require_running(subject: Subject) -> None:
    __tracebackhide__ = True
    pods = pods_of(subject)
    if not pods or not all(pod.ready for pod in pods):
        more = troubles(pods)
        raise Unmet(
            Text(
                en=f"{subject} has no ready Pod to try this with{more.en}",
                fr=f"{subject} n'a pas de Pod prêt avec qui l'essayer{more.fr}",
            ),
            wanted=Text(en="a Pod that is ready", fr="un Pod prêt"),
            try_=f"kubectl describe pods -n {subject.namespace}",
            evidence=states(pods),
        )


def _require_kept(written: Sequence[Written], drill: Drill) -> None:
    """What is known to be lost is not tried."""
    __tracebackhide__ = True
    for each in written:
        if lost := _short_lived(each, drill):
            raise Unmet(
                Text(en=f"{lost.en}; it was not tried", fr=f"{lost.fr} ; on n'a pas essayé"),
                wanted=Text(
                    en=f"{each.directory} on a volume of a claim that stays",
                    fr=f"{each.directory} sur un volume dont le PVC reste",
                ),
                try_=f"kubectl describe pod {each.pod.name} -n {each.pod.namespace}",
                evidence=(f"{each}",),
            )


def _short_lived(written: Written, drill: Drill) -> Text:
    """Why the data would not outlive the drill; nothing where it could."""
    pod, kind = written.pod, _kind(_under(written.pod, written.container, written.directory))
    if kind == LAYER and kind in drill.ends:
        places = listed(at for volume in pod.claims for at in pod.mounts(volume).values())
        return Text(
            en=f"nothing is mounted over {written.directory} of {pod}, claims are at: {places.en}",
            fr=f"rien n'est monté sur {written.directory} de {pod}, des PVC le sont sur : {places.fr}",
        )
    if kind in drill.ends:
        return Text(
            en=f"{written.directory} of {pod} is a volume of type {kind}, which ends with its Pod",
            fr=f"{written.directory} de {pod} est un volume de type {kind}, qui disparaît avec son Pod",
        )
    going = [claim for each in pods_of(written.sentinel.subject) for claim in _claims(each) if claim.terminating]
    if going and not drill.same_pod:
        return Text(
            en=f"{going[0]} is being deleted, and goes when no Pod uses it any more",
            fr=f"{going[0]} est en cours de suppression, et part dès que plus aucun Pod ne l'utilise",
        )
    if drill is scaled_to_zero and deletes_claims(written.sentinel.subject):
        return Text(
            en=f"{written.sentinel.subject} deletes the claims of Pods that it scales away (whenScaled)",
            fr=f"{written.sentinel.subject} supprime les PVC des Pods qu'il retire (whenScaled)",
        )
    return NOTHING


def _outlived(written: Sequence[Written], drill: Drill, disturb: Disturb, subjects: Sequence[Subject]) -> list[Written]:
    __tracebackhide__ = True
    storage = {each.pod.name: _storage(each.pod) for each in written}
    under = {each.pod.name: _under(each.pod, each.container, each.directory) for each in written}
    on_node = {each.pod.name: _on_node(each) for each in written}
    evidence = _drilled(written, drill, disturb, subjects)
    for each in written:
        for heir in each.heirs:
            if each.sentinel.found(disturb, heir, each):
                continue
            if heir.node != each.node and on_node[each.pod.name]:
                # The journal only reaches what its Pods see.
                disturb.remove_from(Node(heir.reading, None, each.node), on_node[each.pod.name])
            raise Unmet(
                _lost(each, heir, drill, storage[each.pod.name], under[each.pod.name]),
                wanted=Text(en="the same claim and the same data", fr="le même PVC et les mêmes données"),
                try_=f"kubectl describe pod {heir.name} -n {heir.namespace}",
                evidence=(*evidence, f"before: {storage[each.pod.name]}", f"now: {_storage(heir)}"),
            )
    return list(written)


def _drilled(
    written: Sequence[Written], drill: Drill, disturb: Disturb, subjects: Sequence[Subject]
) -> tuple[str, ...]:
    """Disturbs, waits until all are back, and says by which UIDs that is known."""
    __tracebackhide__ = True
    before = {subject: {pod.uid: _restarts(pod) for pod in pods_of(subject)} for subject in subjects}
    sizes = {subject: len(found) for subject, found in before.items()}
    drill.run(disturb, subjects, written)
    for subject in subjects:
        disturb.eventually(
            lambda subject=subject: _require_back(subject, drill, before[subject], sizes[subject], written),
            starting=RETURN_SECONDS,
        )
    return tuple(
        f"{subject}: UID {', '.join(before[subject])}, then {', '.join(pod.uid for pod in pods_of(subject))}"
        for subject in subjects
    )


def _require_back(
    subject: Subject, drill: Drill, before: dict[str, int], size: int, written: Sequence[Written]
) -> None:
    """As many Pods as before are ready, and none of them is what it was."""
    __tracebackhide__ = True
    pods = [pod for pod in pods_of(subject) if pod.exists]
    ended = {each.pod.name for each in written if each.sentinel.subject == subject}
    if drill.same_pod:
        again = all(pod.uid in before for pod in pods) and all(
            _restarts(pod) > before[pod.uid] for pod in pods if pod.name in ended
        )
    else:
        again = not any(pod.uid in before for pod in pods)
    if again and len(pods) >= size and all(pod.ready for pod in pods):
        return
    more = troubles(pods)
    raise Unmet(
        Text(
            en=f"{subject} did not come back ready {drill.done.en}{more.en}",
            fr=f"{subject} n'est pas revenu prêt {drill.done.fr}{more.fr}",
        ),
        wanted=Text(en="it comes back by itself", fr="il revient de lui-même"),
        try_=f"kubectl describe pods -n {subject.namespace}",
        evidence=states(pods),
    )


def _lost(written: Written, heir: Pod, drill: Drill, before: Storage, under: Place | None) -> Text:
    """Why what was written is not there any more."""
    what, directory, now = written.sentinel.what, written.directory, _storage(heir)
    start = Text(
        en=f"{what.en} is not under {directory} of {heir} {drill.done.en}: ",
        fr=f"{what.fr} n'est pas sous {directory} de {heir} {drill.done.fr} : ",
    )
    there = _under(heir, written.container, directory)
    if now != before:
        cause = Text(
            en=f"the claim is another one (before: {_named(before)}; now: {_named(now)})",
            fr=f"le PVC est un autre (avant : {_named(before)} ; maintenant : {_named(now)})",
        )
    elif there != under:
        cause = Text(
            en=f"the mount is another one (now: {_kind(there)})",
            fr=f"le montage est un autre (désormais : {_kind(there)})",
        )
    elif heir.node != written.node and _on_a_node(heir, under):
        cause = Text(
            en=f"it lies on {written.node}, while the Pod is on {heir.node} now",
            fr=f"il se trouve sur {written.node}, alors que le Pod est désormais sur {heir.node}",
        )
    elif _kind(under) in drill.ends:
        cause = Text(en=f"a volume of type {_kind(under)}", fr=f"un volume de type {_kind(under)}")
    else:
        cause = Text(
            en="claim, volume and mount are the same, so it was never flushed to them, or was cleared at the start",
            fr="PVC, volume et montage sont les mêmes : ce n'y a jamais été enregistré, ou le démarrage l'a effacé",
        )
    return Text(en=start.en + cause.en, fr=start.fr + cause.fr)


def _claims(pod: Pod) -> list[PersistentVolumeClaim]:
    return [PersistentVolumeClaim(pod.reading, pod.namespace, name) for name in pod.claims.values()]


def _storage(pod: Pod) -> Storage:
    return {claim.name: (claim.uid, claim.volume) for claim in _claims(pod)}


def _named(storage: Storage) -> str:
    return ", ".join(f"{name} on {volume}" for name, (_, volume) in storage.items()) or "-"


def _on_node(written: Written) -> str:
    """Where a file lies on its node; empty for what is no file, or lies in no directory of a node."""
    under = _under(written.pod, written.container, written.directory)
    if under is None or not isinstance(written.sentinel, FileIn):
        return ""
    claim = (under.volume.get("persistentVolumeClaim") or {}).get("claimName")
    folders = [each.folder for each in volumes_of(written.pod) if each.claim == (written.pod.namespace, claim)]
    root = next(filter(None, [(under.volume.get("hostPath") or {}).get("path"), *folders]), "")
    return "/".join(filter(None, (root.rstrip("/"), under.inner, written.sentinel.name))) if root else ""


def _on_a_node(pod: Pod, under: Place | None) -> bool:
    """Whether it is a directory of the node that its Pod is on."""
    return _kind(under) == "hostPath" or any(volume.folder for volume in volumes_of(pod))


def _restarts(pod: Pod) -> int:
    return sum(int(status.get("restartCount", 0)) for status in pod.container_statuses)


def _under(pod: Pod, container: str, directory: str) -> Place | None:
    """What holds a directory of a container; None for the container's own file system."""
    return place(pod, pod.spec_of(container), directory)


def _kind(under: Place | None) -> str:
    """The type of volume that it is."""
    return under.kind if under else LAYER

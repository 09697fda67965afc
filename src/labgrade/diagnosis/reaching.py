"""The way to the cluster's API: whether it answers us, and whether its clock and ours agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from labgrade import course, kubeconfig
from labgrade.cluster.target import practice_kubeconfig
from labgrade.diagnosis.finding import NOTHING, Finding, fine
from labgrade.diagnosis.machine import Machine
from labgrade.diagnosis.patient import Patient
from labgrade.diagnosis.practice import up
from labgrade.errors import HarnessError, UsageError
from labgrade.text import Text

ANSWER_SECONDS = 4.0
SKEW_SECONDS = 60


def api(patient: Patient) -> list[Finding]:
    """Whether the API server answers us, and is new enough for the labs."""
    end = kubeconfig.expired(patient.access, datetime.now(UTC))
    if end:
        return [_expired(patient, Text(en=f"on {end:%Y-%m-%d}", fr=f"le {end:%Y-%m-%d}"))]
    try:
        patient.api.text("/readyz", seconds=ANSWER_SECONDS)
        version = patient.version
    except HarnessError as error:
        return [_unanswered(patient, error)]
    words = f"{version[0]}.{version[1]}"
    answers = Text(en=f"Its API answers: Kubernetes {words}", fr=f"Son API répond : Kubernetes {words}")
    return [fine(answers, patient.access.server), *_too_old(patient, version)]


def _unanswered(patient: Patient, error: HarnessError) -> Finding:
    cause, status = str(error.__cause__ or ""), getattr(error, "status", None)
    if "certificate has expired" in cause:
        return _expired(patient, NOTHING)
    if "not yet valid" in cause:
        words = Text(en="Its certificate is not valid yet", fr="Son certificat n'est pas encore valide")
        means = Text(en="this machine's clock is slow", fr="l'horloge de cette machine retarde")
        return Finding("trouble", words, means, _set_clock(patient.machine), (cause,))
    if status in (401, 403):
        words = Text(en="Its API does not let us in", fr="Son API ne nous laisse pas entrer")
        means = Text(
            en="the kubeconfig is of a cluster made before this one, or of an account without rights",
            fr="le kubeconfig est celui d'un cluster antérieur, ou d'un compte sans droits",
        )
        return Finding("trouble", words, means, (_fresh(patient),), (str(error),))
    if "CERTIFICATE_VERIFY_FAILED" in cause:
        words = Text(en="Another cluster answers at its address", fr="Un autre cluster répond à son adresse")
        means = Text(en="the kubeconfig is of an earlier one", fr="le kubeconfig est celui d'un cluster antérieur")
        return Finding("trouble", words, means, (_fresh(patient),), (str(error), cause))
    node = f"{patient.cluster_name}-control-plane"
    wait = Text(en="after a start, give it a minute; else:", fr="après un démarrage, laissez-lui une minute ; sinon :")
    return Finding(
        "trouble",
        _silence(patient.access.server, cause, status),
        Text(en="nothing in it can be looked at", fr="rien n'y peut être regardé"),
        (wait, f"docker restart {node}") if patient.cluster_name else (),
        (str(error), cause),
    )


def _silence(server: str, cause: str, status: int | None) -> Text:
    """How an API server does not answer."""
    if status:
        return Text(en="Its API server is not ready", fr="Son API n'est pas prête")
    if "timed out" in cause.lower() or "timeout" in cause.lower():
        return Text(
            en=f"Its API does not answer within {ANSWER_SECONDS:.0f} s: it hangs",
            fr=f"Son API ne répond pas en {ANSWER_SECONDS:.0f} s : elle est bloquée",
        )
    if "refused" in cause:
        return Text(en=f"Nothing answers at {server}", fr=f"Rien ne répond à {server}")
    return Text(
        en="Its API breaks off connections: it is starting, or has stopped",
        fr="Son API coupe les connexions : elle démarre, ou s'est arrêtée",
    )


def _expired(patient: Patient, when: Text) -> Finding:
    return Finding(
        "trouble",
        Text(
            en=f"The certificate of {patient.access.context} has expired {when.en}".rstrip(),
            fr=f"Le certificat de {patient.access.context} a expiré {when.fr}".rstrip(),
        ),
        Text(
            en="kind's certificates last a year, and the cluster lets nobody in without",
            fr="les certificats de kind durent un an, et sans eux le cluster n'accepte personne",
        ),
        (
            _fresh(patient),
            Text(
                en="if that does not help, keep your manifests, then:",
                fr="si cela ne suffit pas, gardez vos manifestes, puis :",
            ),
            "labgrade down && labgrade up",
        ),
    )


def _fresh(patient: Patient) -> str:
    """The command that fetches a kubeconfig anew."""
    if patient.kubeconfig is None and practice_kubeconfig(patient.cluster_name).is_file():
        return up(patient.cluster_name)
    return f"kind export kubeconfig --name {patient.cluster_name or 'NAME'}"


def _too_old(patient: Patient, version: tuple[int, int]) -> Iterator[Finding]:
    try:
        labs = course.find(patient.course).labs()
    except (HarnessError, UsageError):
        return  # told where the installation is looked at
    asking = [lab for lab in labs if lab.kubernetes > version]
    if asking:
        names = ", ".join(lab.id for lab in asking)
        newer = Text(
            en="update kind, keep your manifests, then:", fr="mettez kind à jour, gardez vos manifestes, puis :"
        )
        least = ".".join(map(str, max(lab.kubernetes for lab in asking)))
        yield Finding(
            "warning",
            Text(en=f"Some labs need Kubernetes {least}: {names}", fr=f"Des TP demandent Kubernetes {least} : {names}"),
            Text(en="they are not graded on this cluster", fr="ils ne sont pas évalués sur ce cluster"),
            (newer, "labgrade down && labgrade up"),
        )


def clock(patient: Patient) -> list[Finding]:
    """Whether this machine's clock and the cluster's agree."""
    patient.api.get("/version")
    ahead = patient.api.offset_seconds
    if abs(ahead) <= SKEW_SECONDS:
        return []
    minutes = f"{abs(ahead) / 60:.0f}"
    en, fr = ("ahead of", "avance sur") if ahead > 0 else ("behind", "retarde sur")
    return [
        Finding(
            "warning",
            Text(
                en=f"The cluster's clock is {minutes} minutes {en} this machine's",
                fr=f"L'horloge du cluster {fr} celle de cette machine de {minutes} minutes",
            ),
            Text(
                en="labgrade goes by the cluster's; but certificates and ages look wrong, as after a laptop's sleep",
                fr="labgrade suit celle du cluster ; mais certificats et âges paraissent faux, comme après une veille",
            ),
            _set_clock(patient.machine),
        )
    ]


def _set_clock(machine: Machine) -> tuple[Text | str, ...]:
    match machine.system:
        case "linux":
            return ("sudo timedatectl set-ntp true",)
        case "wsl":
            return "sudo hwclock -s", Text(
                en="or in PowerShell: wsl --shutdown", fr="ou dans PowerShell : wsl --shutdown"
            )
        case _:
            return (Text(en="quit Docker Desktop and start it again", fr="quittez Docker Desktop et relancez-le"),)

"""Memory, disk and the kernel's limits."""

from __future__ import annotations

import shutil
from pathlib import Path

import platformdirs

from labgrade.diagnosis.finding import Finding, fine
from labgrade.diagnosis.machine import wslconfig
from labgrade.diagnosis.patient import Patient
from labgrade.text import Text

GIB = 1024**3
LITTLE_MEMORY, TOO_LITTLE_MEMORY = 4_000_000_000, 2_000_000_000
"""A machine sold with 4 GB shows a little less than 4 GiB. Measured, three idle nodes take 0.8 to 1.2 GB."""

LITTLE_LEFT = 1_000_000_000
LITTLE_DISK, TOO_LITTLE_DISK = 10_000_000_000, 2_000_000_000
"""Of the 10: a node image is 1 to 1.5 GB, and each node keeps the labs' images a second time."""

LIMITS = {"fs.inotify.max_user_instances": 512, "fs.inotify.max_user_watches": 524288}
"""What kind's page of known issues asks for; with the usual 128 instances a second cluster does not come up."""

KNOWN_ISSUE = "https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files"
SLOW = Text(
    en="a cluster of three nodes and a lab's Pods need 4 GB: with less, Pods are killed or everything is slow",
    fr="un cluster de trois nœuds et les Pods d'un TP demandent 4 Go : avec moins, des Pods sont tués ou tout rame",
)
FULL = Text(
    en="images do not fit any more, and Pods and volumes fail with `no space left on device`",
    fr="les images ne tiennent plus, et Pods et volumes échouent avec `no space left on device`",
)


def memory(patient: Patient) -> list[Finding]:
    """What the engine has, or without an engine this machine; and what others leave of it."""
    info = patient.engine.info if patient.engine else {}
    local = patient.machine.memory()
    total = int(info.get("MemTotal") or (info.get("host") or {}).get("memTotal") or local.get("MemTotal", 0))
    if not total:
        return []
    if total < LITTLE_MEMORY:
        words = Text(en=f"Only {_gb(total)} GB of memory", fr=f"Seulement {_gb(total, ',')} Go de mémoire")
        return [Finding("trouble" if total < TOO_LITTLE_MEMORY else "warning", words, SLOW, _more_memory(patient))]
    left = local.get("MemAvailable", total)
    if left < LITTLE_LEFT and not patient.is_remote_desktop:
        words = Text(
            en=f"Other programs leave only {_gb(left)} of {_gb(total)} GB of memory",
            fr=f"D'autres programmes ne laissent que {_gb(left, ',')} Go de mémoire sur {_gb(total, ',')}",
        )
        close = Text(en="close some (a browser, an IDE)", fr="fermez-en (un navigateur, un IDE)")
        return [Finding("warning", words, SLOW, (close, "free -h"))]
    return [
        fine(Text(en=f"{_gb(total)} GB of memory", fr=f"{_gb(total, ',')} Go de mémoire"), f"{left} bytes available")
    ]


def _more_memory(patient: Patient) -> tuple[Text | str, ...]:
    if patient.machine.system == "wsl":
        return (wslconfig("memory=6GB"),)
    if patient.is_remote_desktop:
        return (
            Text(
                en="Docker Desktop: Settings > Resources > Memory", fr="Docker Desktop : Settings > Resources > Memory"
            ),
        )
    return (
        Text(
            en="close other programs, or use a machine with more memory",
            fr="fermez d'autres programmes, ou prenez une machine qui en a plus",
        ),
    )


def disk(patient: Patient) -> list[Finding]:
    """Where the engine keeps images and nodes, if that is here, and where labgrade keeps its cache."""
    root = str(patient.engine.info.get("DockerRootDir", "")) if patient.engine else ""
    places = [platformdirs.user_cache_path("labgrade")]
    if root and not patient.is_remote_desktop:
        places.insert(0, Path(root))
    space = {place: _free(place) for place in places}
    place, left = min(space.items(), key=lambda each: each[1])
    if left >= LITTLE_DISK:
        return [
            fine(Text(en=f"{_gb(left)} GB of disk are free", fr=f"{_gb(left, ',')} Go de disque libres"), str(place))
        ]
    words = Text(
        en=f"Only {_gb(left)} GB of disk are free at {place}",
        fr=f"Seulement {_gb(left, ',')} Go de disque libres sous {place}",
    )
    do = (
        "docker system df",
        "docker image prune",
        Text(
            en="removes images that no container uses any more", fr="supprime les images qu'aucun conteneur n'utilise"
        ),
    )
    return [Finding("trouble" if left < TOO_LITTLE_DISK else "warning", words, FULL, do)]


def _free(place: Path) -> int:
    """Free bytes where the place is or would be."""
    there = next(each for each in (place, *place.parents) if each.exists())
    try:
        return shutil.disk_usage(there).free
    except PermissionError:
        return shutil.disk_usage(there.anchor).free


def kernel(patient: Patient) -> list[Finding]:
    """Limits of the kernel that the nodes share, where that is this machine's; and its cgroups."""
    found = [] if patient.is_remote_desktop and patient.machine.system != "wsl" else _limits(patient)
    return [*found, *_cgroups(patient)] or [
        fine(Text(en="Kernel limits are wide enough", fr="Les limites du noyau conviennent"))
    ]


def _limits(patient: Patient) -> list[Finding]:
    values = {name: patient.machine.number(f"proc/sys/{name.replace('.', '/')}") for name in LIMITS}
    low = {name: value for name, value in values.items() if value is not None and value < LIMITS[name]}
    if not low:
        return []
    said = ", ".join(f"{name} = {value}" for name, value in low.items())
    settings = " ".join(f"{name}={LIMITS[name]}" for name in low)
    return [
        Finding(
            "warning",
            Text(
                en=f"The kernel lets few files be watched: {said}",
                fr=f"Le noyau laisse surveiller peu de fichiers : {said}",
            ),
            Text(
                en=f"nodes or kube-proxy fail with `too many open files` ({KNOWN_ISSUE})",
                fr=f"nœuds ou kube-proxy échouent avec `too many open files` ({KNOWN_ISSUE})",
            ),
            (
                f"sudo sysctl {settings}",
                Text(en="and to keep it after a restart:", fr="et pour que cela dure :"),
                f"printf '%s\\n' {settings} | sudo tee /etc/sysctl.d/99-kind.conf",
            ),
        )
    ]


def _cgroups(patient: Patient) -> list[Finding]:
    asked = patient.engine
    if asked is None or str(asked.info.get("CgroupVersion", "2")) != "1":
        return []
    if any("failCgroupV1: false" in patch for patch in asked.engine.kubeadm_patches):
        return []
    boot = Text(
        en="boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
        fr="démarrez avec systemd.unified_cgroup_hierarchy=1 sur la ligne de commande du noyau",
    )
    return [
        Finding(
            "warning",
            Text(en="The engine uses cgroup v1", fr="Le moteur utilise cgroup v1"),
            Text(
                en="nodes of Kubernetes 1.35 and later do not start on it",
                fr="les nœuds de Kubernetes 1.35 et suivants n'y démarrent pas",
            ),
            (wslconfig("kernelCommandLine=cgroup_no_v1=all") if patient.machine.system == "wsl" else boot,),
        )
    ]


def _gb(size: int, comma: str = ".") -> str:
    return f"{size / 1e9:.1f}".replace(".", comma)

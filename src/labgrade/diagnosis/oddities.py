"""A container engine that answers, and what may be odd about it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from labgrade.diagnosis.asking import ask
from labgrade.diagnosis.finding import NOTHING, Finding, fine
from labgrade.diagnosis.patient import Asked
from labgrade.text import Text

ENGINE_PAGE = "https://docs.docker.com/engine/install/"
ROOTLESS_PAGE = "https://kind.sigs.k8s.io/docs/user/rootless/"
TOLD = ("OperatingSystem", "KernelVersion", "Architecture", "NCPU", "Driver", "CgroupVersion")
"""Of `docker info`, for bug reports."""


def answering(asked: Asked) -> list[Finding]:
    """Which engine it is; in the place of that, why labgrade may not do with it."""
    info, env = asked.info, asked.engine.environment
    address = bare(ask(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], env).out.strip())
    version = str(info.get("ServerVersion") or (info.get("version") or {}).get("Version", "?"))
    details = (
        f"{asked.reply.path} at {address or '?'}",
        ", ".join(f"{key} {info[key]}" for key in TOLD if key in info),
    )
    checks = (_remote(address), _podman(asked, address), _windows(asked), _rootless(asked))
    odd = [each for each in checks if each]
    whose = Text(en=" (labgrade's own)", fr=" (celui de labgrade)") if asked.engine.node_image else NOTHING
    good = fine(
        Text(en=f"Docker {version} answers{whose.en}", fr=f"Docker {version} répond{whose.fr}"),
        *details,
    )
    return odd or [good]


def _remote(address: str) -> Finding | None:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme not in ("tcp", "ssh", "http", "https") or host in ("localhost", "::1") or host.startswith("127."):
        return None
    run_there = Text(en=f"or run labgrade on {host}", fr=f"ou lancez labgrade sur {host}")
    return Finding(
        "trouble",
        Text(
            en=f"The container engine is that of another machine, {host}",
            fr=f"Le moteur de conteneurs est celui d'une autre machine, {host}",
        ),
        Text(
            en="kind's clusters listen on 127.0.0.1 of that machine only: nothing here can reach them",
            fr="les clusters de kind n'écoutent que sur 127.0.0.1 de cette machine-là : rien ici ne peut les joindre",
        ),
        ("unset DOCKER_HOST DOCKER_CONTEXT; docker context use default", run_there),
    )


def _podman(asked: Asked, address: str) -> Finding | None:
    if "host" not in asked.info and "podman" not in address:
        return None
    return Finding(
        "warning",
        Text(en="Podman answers in the place of Docker", fr="Podman répond à la place de Docker"),
        Text(
            en="labgrade is tested with Docker alone; kind has its own rules for Podman",
            fr="labgrade n'est testé qu'avec Docker ; kind a ses propres règles pour Podman",
        ),
        (
            Text(en=f"install Docker: {ENGINE_PAGE}", fr=f"installez Docker : {ENGINE_PAGE}"),
            Text(en=f"or read {ROOTLESS_PAGE}", fr=f"ou lisez {ROOTLESS_PAGE}"),
        ),
    )


def _windows(asked: Asked) -> Finding | None:
    if asked.info.get("OSType", "linux") != "windows":
        return None
    return Finding(
        "trouble",
        Text(en="Docker runs Windows containers", fr="Docker fait tourner des conteneurs Windows"),
        Text(en="kind needs Linux containers", fr="kind a besoin de conteneurs Linux"),
        (
            Text(
                en="Docker Desktop's menu: Switch to Linux containers",
                fr="menu de Docker Desktop : Switch to Linux containers",
            ),
        ),
    )


def _rootless(asked: Asked) -> Finding | None:
    info = asked.info
    rootless = any("rootless" in str(each) for each in info.get("SecurityOptions") or [])
    missing = [key for key in ("MemoryLimit", "PidsLimit", "CPUShares") if info.get(key) is False]
    if not rootless or not missing:
        return None
    return Finding(
        "trouble",
        Text(
            en=f"Docker runs without root and may not limit what containers use ({', '.join(missing)})",
            fr=f"Docker tourne sans root et ne peut pas limiter les conteneurs ({', '.join(missing)})",
        ),
        Text(en="kind refuses to make a cluster so", fr="kind refuse alors de créer un cluster"),
        (
            Text(
                en=f"cgroup v2 with Delegate=yes: {ROOTLESS_PAGE}", fr=f"cgroup v2 avec Delegate=yes : {ROOTLESS_PAGE}"
            ),
        ),
    )


def bare(address: str) -> str:
    """An address without a password that somebody may have put into it."""
    return re.sub(r"//[^/@]*:[^/@]*@", "//", address)

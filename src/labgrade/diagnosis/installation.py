"""labgrade itself, and what its environment does to it."""

from __future__ import annotations

import locale
import platform
from importlib.metadata import version
from urllib.parse import urlsplit

from labgrade import course
from labgrade.diagnosis.finding import Finding, fine, remark
from labgrade.diagnosis.patient import Patient
from labgrade.errors import HarnessError, UsageError
from labgrade.text import Text

LOOPBACK = ("127.", "localhost", "[::1]", "::1")


def installation(patient: Patient) -> list[Finding]:
    """Whether the tool is whole, and its course can be read."""
    try:
        found = course.find(patient.course)
        names = found.names()
    except (HarnessError, UsageError) as error:
        return [
            Finding(
                "trouble",
                Text(en=str(error), fr=f"L'installation ou le cours est inutilisable : {error}"),
                Text(en="there are no labs to grade", fr="il n'y a aucun TP à évaluer"),
                ("uv tool install --reinstall labgrade",) if patient.course is None else (),
            )
        ]
    broken = [_trouble(found, name) for name in names]
    said = f"labgrade {version('labgrade')}, Python {platform.python_version()}"
    whole = fine(
        Text(en=f"{said}, {len(names)} labs", fr=f"{said}, {len(names)} TP"),
        f"{platform.platform()}",
        f"{found.folder}",
    )
    return [whole, *(each for each in broken if each)]


def _trouble(found: course.Course, name: str) -> Finding | None:
    try:
        found.lab(name)
    except UsageError as error:
        return Finding(
            "warning",
            Text(en=f"The lab {name} cannot be read", fr=f"Le TP {name} est illisible"),
            Text(en="this one lab cannot be graded", fr="ce TP-là ne peut pas être évalué"),
            (f"labgrade lint {name}",),
            (str(error),),
        )
    return None


def proxies(patient: Patient) -> list[Finding]:
    """What proxy variables do: kind takes them into the nodes, and curl asks a proxy even for 127.0.0.1."""
    env = {name.upper(): value for name, value in patient.environment.items() if value}
    name = next((each for each in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") if each in env), None)
    if name is None:
        return []
    host = urlsplit(env[name] if "//" in env[name] else f"//{env[name]}").hostname or "?"
    if host.startswith(LOOPBACK):
        return [
            Finding(
                "warning",
                Text(
                    en=f"{name} names a proxy on this machine itself ({host})",
                    fr=f"{name} désigne un proxy sur cette machine même ({host})",
                ),
                Text(
                    en="kind hands it to the nodes, where that address is the node: no image can be pulled there",
                    fr="kind le transmet aux nœuds, où cette adresse est le nœud lui-même : aucune image n'y arrive",
                ),
                (f"unset {name} {name.lower()}", Text(en="then make the cluster anew", fr="puis recréez le cluster")),
            )
        ]
    if any(each.strip().startswith(LOOPBACK) for each in env.get("NO_PROXY", "").split(",")):
        return [
            fine(Text(en=f"{name} is set, and NO_PROXY spares this machine", fr=f"{name} et NO_PROXY sont en place"))
        ]
    return [
        Finding(
            "warning",
            Text(
                en=f"{name} is set, but NO_PROXY does not spare 127.0.0.1",
                fr=f"{name} est en place, mais NO_PROXY n'épargne pas 127.0.0.1",
            ),
            Text(
                en="labgrade and kubectl do without the proxy; curl to a NodePort or a port-forward does not",
                fr="labgrade et kubectl se passent du proxy ; curl vers un NodePort ou un port-forward, non",
            ),
            ("export NO_PROXY=localhost,127.0.0.1; export no_proxy=$NO_PROXY",),
            (f"{name}: {host}",),
        )
    ]


def speech(patient: Patient) -> list[Finding]:
    """Whether the terminal's encoding has labgrade's marks and French letters."""
    try:
        "✔ é".encode(patient.encoding)
    except (UnicodeEncodeError, LookupError):
        names = ", ".join(name for name in (patient.encoding, locale.getlocale()[0]) if name)
        words = Text(
            en=f"This terminal's locale is not UTF-8 ({names}): marks are shown as + x *, letters without accents",
            fr=f"La locale de ce terminal n'est pas UTF-8 ({names}) : les signes deviennent + x *, sans accents",
        )
        return [remark(words, "export LC_ALL=C.UTF-8")]
    return []

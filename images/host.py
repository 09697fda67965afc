"""What this machine must have, and whether it needs this part at all."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from images import gobuild
from images.engine import answers
from images.places import Places
from images.trouble import Trouble, call

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
COMMANDS = ("apt-get", "apt-cache", "dpkg-deb", "tar", "chroot")


def other_engine(places: Places, environment: Mapping[str, str] = os.environ) -> str | None:
    """The address of a Docker engine that is not ours and answers; LABGRADE_ENGINE=own hides it."""
    if environment.get("LABGRADE_ENGINE") == "own":
        return None
    address = environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if address == places.docker_host:
        return None
    if answers(address):
        return address
    # What is not a socket here (tcp, ssh, a context) only Docker's own client can ask.
    remote = not address.startswith("unix://") or "DOCKER_CONTEXT" in environment
    client = shutil.which("docker")
    if remote and client is not None:
        asked = subprocess.run([client, "version"], capture_output=True, check=False, timeout=30)
        return address if asked.returncode == 0 else None
    return None


def missing() -> str | None:
    """Why no engine can be built here, as a sentence that says what to do; None when nothing is missing."""
    if platform.system() != "Linux":
        return f"Clusters without a registry need Linux, and this is {platform.system()}; install Docker instead."
    if os.geteuid() != 0:
        return "Starting an engine needs root; run the same command with sudo, or install Docker."
    if lacking := [name for name in COMMANDS if shutil.which(name) is None]:
        return f"This is not Debian or a child of it: there is no {lacking[0]}; install Docker instead."
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        return "This kernel has no overlay file system, which images are unpacked on; use another machine."
    try:
        gobuild.version()
    except Trouble as trouble:
        return str(trouble)
    return None


def release(text: str) -> str:
    """The codename in the text of /etc/os-release.

    Raises Trouble when it names none.
    """
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME" and value.strip('"'):
            return value.strip('"')
    raise Trouble("/etc/os-release names no VERSION_CODENAME; only released Debian versions are known here.")


def certificates() -> str | None:
    """Install what Go needs to trust a module proxy; a sentence when something had to be installed."""
    if CERTIFICATES.exists():
        return None
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    call(["apt-get", "-qq", "update"])
    call(["apt-get", "-qq", "-y", "--no-install-recommends", "install", "ca-certificates"], env=quiet)
    return "installed ca-certificates by apt-get: without it Go trusts no module proxy"

"""Where artefacts and engine state live on this machine."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

# sockaddr_un holds 108 bytes; the longest socket below exec_root is
# containerd's debug socket, 35 characters deeper.
LONGEST_RUN_PATH = 108 - 1 - 35


@dataclass(frozen=True)
class Places:
    """The folders of this part, all under one user's cache directory."""

    cache: Path
    engine: Path

    @property
    def contract(self) -> Path:
        """The one file that the rest of labgrade reads."""
        return self.engine / "engine.json"

    @property
    def run(self) -> Path:
        """A folder for sockets, with a path short enough to bind one in."""
        inside = self.engine / "run"
        if len(str(inside)) <= LONGEST_RUN_PATH:
            return inside
        digest = hashlib.sha256(str(self.engine).encode()).hexdigest()[:8]
        return Path("/run") / f"labgrade-{digest}"

    @property
    def socket(self) -> Path:
        """The engine's API socket."""
        return self.run / "docker.sock"

    @property
    def docker_host(self) -> str:
        """The engine's address as DOCKER_HOST wants it."""
        return f"unix://{self.socket}"


def of_this_user() -> Places:
    """The places under XDG_CACHE_HOME, or ~/.cache where that is unset, empty or relative."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return Places(cache=home / "labgrade" / "images", engine=home / "labgrade" / "engine")

"""kind, docker and kubectl that write down what they are told."""

from __future__ import annotations

import os
from pathlib import Path


class Tools:
    """They lie in a folder and do nothing else; `there` are the clusters that exist."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.there = folder, folder / "log", folder / "there"
        self.log.touch()
        self.there.touch()
        (folder / "version").write_text("29.0.1 linux/amd64\n")
        (folder / "bin").mkdir()
        script = f"""#!/bin/sh
            echo "$(basename "$0") $*" >> {self.log}
            case "$*" in
                "get clusters") cat {self.there};;
                "delete cluster --name "*) sed -i "/^$4\\$/d" {self.there};;
                "get nodes --name "*) echo lab-control-plane lab-worker;;
                "get nodes -o name") cat {folder}/joined 2>/dev/null;;
                "get nodes -o jsonpath="*) echo kind://docker/lab/lab-control-plane;;
                "get kubeconfig"*) cat {folder}/given 2>/dev/null || echo "apiVersion: v1";;
                *"--config -"*) cat > {folder}/config; cat {folder}/refusal >&2 2>/dev/null && exit 1;;
                "version --format "*) cat {folder}/version;;
            esac
            true
            """
        for name in ("kind", "docker", "kubectl"):
            (folder / "bin" / name).write_text(script)
            (folder / "bin" / name).chmod(0o755)
        self.environment = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.defpath}"}

    def found(self, *_: object) -> dict[str, str]:
        """What an engine's `tools` would find: these."""
        return self.environment

    @property
    def told(self) -> list[str]:
        """What they were told, without places on this machine."""
        return self.log.read_text().replace(str(self.folder), "").splitlines()

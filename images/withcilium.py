"""What the second node image holds beside all of the first: Cilium's images."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from images import archive, cilium, compose, node
from images.archive import Image
from images.compose import Kitchen
from images.debian import Archive, Wanted
from images.progress import Progress
from images.recipes import all_recipes

CODE = (archive, compose, cilium)


class WithCilium:
    """Cilium's programs and images, with the caches of one user."""

    def __init__(self, cache: Path, debian: Archive, progress: Progress) -> None:
        self.debian, self.progress = debian, progress
        self.go = cilium.Builder(cache)
        self.kitchen = Kitchen(cache, debian, self.go.folder, self.go.copy)
        self.recipes = all_recipes(cilium.RECIPES)

    @property
    def wanted(self) -> list[Wanted]:
        """Every set of Debian packages."""
        return list(dict.fromkeys(wanted for recipe in self.recipes for wanted in self.kitchen.wants(recipe)))

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be fetched or compiled."""
        return self.go.done and all(self.debian.known(wanted) is not None for wanted in self.wanted)

    def compile(self) -> None:
        """Fetch the modules and compile the programs, unless they are there.

        Raises Trouble with the compiler's last lines.
        """
        if self.go.done:
            return
        with self.progress.step("Cilium's Go modules", about=30):
            self.go.download()
        with self.progress.step("Cilium's Go programs", about=300, sign=self.go.sign):
            self.go.build()

    def fetch(self) -> None:
        """Fetch the Debian packages and make the layers that need no program.

        Raises Trouble when the mirror does not answer.
        """
        with self.progress.step("Cilium's Debian packages", about=20):
            for wanted in self.wanted:
                self.debian.fetch(wanted)
        with self.progress.step("Cilium's image layers", about=20):
            for recipe in self.recipes:
                self.kitchen.prepare(recipe)

    def images(self) -> list[Image]:
        """The images, their layers on disk; `complete` must be true."""
        return [self.kitchen.image(recipe) for recipe in self.recipes]

    def node_image(self, plain: str) -> str | None:
        """The second node image's name, beside the first's; None while it cannot be known."""
        if not self.complete:
            return None
        debs = [asdict(deb) for wanted in self.wanted for deb in self.debian.fetch(wanted)]
        texts = [Path(str(module.__file__)) for module in CODE] + sorted(cilium.RECIPES.rglob("*.yaml"))
        parts = [plain, self.go.folder.name, str(debs), *(path.read_text(encoding="utf-8") for path in texts)]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return f"docker.io/kindest/node:{node.VERSION}-cilium-{digest[:12]}"

    def announced(self, node_image: str | None) -> dict[str, Any]:
        """What engine.json says of it; `node_image` is None where it must be made first."""
        return {
            "version": cilium.VERSION,
            "node_image": node_image,
            "chart": str(self.go.copy / cilium.CHART),
            "values": cilium.VALUES,
        }

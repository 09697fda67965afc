"""What the second node image holds beside all of the first: Cilium's images, and an Ingress controller."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from images import archive, cilium, compose, edited, node, traefik
from images.archive import Image
from images.compose import Kitchen
from images.debian import Archive, Wanted
from images.progress import Progress
from images.recipes import Recipe, all_recipes

CODE = (archive, compose, cilium, edited, traefik)


class WithCilium:
    """Cilium's and Traefik's programs and images, with the caches of one user."""

    def __init__(self, cache: Path, debian: Archive, progress: Progress) -> None:
        self.debian, self.progress = debian, progress
        self.go, self.ingress = cilium.Builder(cache), traefik.Builder(cache)
        self.kitchens = (
            (Kitchen(cache, debian, self.go.folder, self.go.copy), all_recipes(cilium.RECIPES)),
            (Kitchen(cache, debian, self.ingress.folder), all_recipes(traefik.RECIPES)),
        )

    @property
    def recipes(self) -> list[Recipe]:
        """Every recipe whose image the first node image does not have."""
        return [recipe for _, recipes in self.kitchens for recipe in recipes]

    @property
    def wanted(self) -> list[Wanted]:
        """Every set of Debian packages."""
        sets = [kitchen.wants(recipe) for kitchen, recipes in self.kitchens for recipe in recipes]
        return list(dict.fromkeys(wanted for one in sets for wanted in one))

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be fetched or compiled."""
        made = self.go.done and self.ingress.done
        return made and all(self.debian.known(wanted) is not None for wanted in self.wanted)

    def compile(self) -> None:
        """Fetch the modules and compile the programs, unless they are there.

        Raises Trouble with the compiler's last lines.
        """
        for name, go, seconds in (("Cilium", self.go, 300), ("Traefik", self.ingress, 150)):
            if not go.done:
                with self.progress.step(f"{name}'s Go modules", about=30):
                    go.download()
                with self.progress.step(f"{name}'s Go programs", about=seconds, sign=go.sign):
                    go.build()

    def cancel(self) -> None:
        """End a build that another thread waits for."""
        self.go.cancel()
        self.ingress.cancel()

    def fetch(self) -> None:
        """Fetch the Debian packages and make the layers that need no program.

        Raises Trouble when the mirror does not answer.
        """
        with self.progress.step("Cilium's Debian packages", about=20):
            for wanted in self.wanted:
                self.debian.fetch(wanted)
        with self.progress.step("Cilium's image layers", about=20):
            for kitchen, recipes in self.kitchens:
                for recipe in recipes:
                    kitchen.prepare(recipe)

    def images(self) -> list[Image]:
        """The images, their layers on disk; `complete` must be true."""
        return [kitchen.image(recipe) for kitchen, recipes in self.kitchens for recipe in recipes]

    def node_image(self, plain: str) -> str | None:
        """The second node image's name, beside the first's; None while it cannot be known."""
        if not self.complete:
            return None
        debs = [asdict(deb) for wanted in self.wanted for deb in self.debian.fetch(wanted)]
        texts = [Path(str(module.__file__)) for module in CODE]
        texts += [path for folder in (cilium.RECIPES, traefik.RECIPES) for path in sorted(folder.rglob("*.yaml"))]
        programs = [self.go.folder.name, self.ingress.folder.name]
        parts = [plain, *programs, str(debs), *(path.read_text(encoding="utf-8") for path in texts)]
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

"""Traefik is built from an edited copy of its module, and lies in the second node image only."""

from pathlib import Path

from images import traefik
from images.aptsources import Source
from images.debian import Archive
from images.progress import Progress
from images.recipes import all_recipes
from images.withcilium import WithCilium


def test_the_pinned_module_is_the_version_of_the_image() -> None:
    """go.mod, go.sum and the recipe's tags speak of one version, so that the tags stay true."""
    pinned = f"{traefik.PATH} v{traefik.VERSION}"
    assert f"require {pinned}\n" in (traefik.SOURCE / "go.mod").read_text()
    assert f"{pinned} h1:" in (traefik.SOURCE / "go.sum").read_text()
    (recipe,) = all_recipes(traefik.RECIPES)
    assert recipe.tags == (f"docker.io/library/traefik:v{traefik.VERSION}",)
    assert set(recipe.go.values()) == set(traefik.NAMES)


def test_nothing_dear_is_pinned() -> None:
    """What the edits leave out is in go.sum by its go.mod at most: nobody fetches its code."""
    fetched = [line for line in (traefik.SOURCE / "go.sum").read_text().splitlines() if "/go.mod h1:" not in line]
    for dear in ("aws-sdk-go-v2", "azure-sdk-for-go", "huaweicloud-sdk-go-v3", "oci-go-sdk"):
        assert not [line for line in fetched if dear in line]


def test_it_costs_the_first_node_image_nothing(tmp_path: Path) -> None:
    """Its recipe is among those of the second, each of which has programs of its own."""
    debian = Archive(tmp_path, Source("file:/absent", ("bookworm",), ("main",)))
    second = WithCilium(tmp_path, debian, Progress())
    tags = {tag for recipe in second.recipes for tag in recipe.tags}
    assert f"docker.io/library/traefik:v{traefik.VERSION}" in tags
    assert not tags & {tag for recipe in all_recipes() for tag in recipe.tags}
    assert second.go.folder != second.ingress.folder
    assert not second.complete

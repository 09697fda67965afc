"""Recipes are read with care: a mistake is named with its file, its key and the nearest right answer."""

from pathlib import Path

import pytest

from images.debian import Wanted
from images.recipes import Recipe, all_recipes, read
from images.trouble import Misuse


def complaint(tmp_path: Path, text: str) -> str:
    """What is said of a recipe with that text."""
    path = tmp_path / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Misuse) as raised:
        read(path)
    return str(raised.value)


def test_a_recipe_is_read(tmp_path: Path) -> None:
    """Packages, files and tags arrive as they were written."""
    path = tmp_path / "shop.yaml"
    (tmp_path / "shop.conf").write_text("x", encoding="utf-8")
    path.write_text(
        "tags: [shop:1]\nlabs: [shop:1]\ndebian: {suite: trixie, packages: [nginx]}\n"
        "copies: {/etc/shop.conf: shop.conf}\ncommand: [shop]\n",
        encoding="utf-8",
    )
    recipe = read(path)
    assert isinstance(recipe, Recipe)
    assert recipe.debian is not None
    assert (recipe.name, recipe.debian.suite, recipe.debian.packages) == ("shop", "trixie", ("nginx",))
    assert recipe.copies == {"/etc/shop.conf": tmp_path / "shop.conf"}


def test_parts_of_packages_are_packages_of_their_own(tmp_path: Path) -> None:
    """They come without what they depend on, each with the paths that are taken out of it."""
    path = tmp_path / "shop.yaml"
    path.write_text("tags: [shop:1]\ndebian: {suite: trixie, packages: [nginx], parts: {llvm: [usr/bin/llc]}}\n")
    recipe = read(path)
    assert recipe.parts == Wanted("trixie", ("llvm",), alone=True)
    assert recipe.taken == {"llvm": ("usr/bin/llc",)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tags: [", "shop.yaml is not YAML"),
        ("- a", "shop.yaml must hold keys and values."),
        ("about: none", "shop.yaml needs `tags`"),
        ("tags: [a:1]\nentripoint: [a]", "Did you mean `entrypoint`?"),
        ("tags: a:1", "`tags` must be a list"),
        ("tags: [a:1]\nlabs: [b:1]", "labs names b:1, which is not among its tags."),
        ("tags: [a:1]\ndebian: {packages: [curl]}", "debian needs `suite`"),
        ("tags: [a:1]\ndebian: {suit: trixie}", "Did you mean `suite`?"),
        ("tags: [a:1]\nlinks: {bin/a: b}", "bin/a must be an absolute path inside the image."),
        ("tags: [a:1]\nmodule: {bin/a: b}", "bin/a must be an absolute path inside the image."),
        ("tags: [a:1]\nowners: {/home/a: 1}", "owners names /home/a, which is not among its directories."),
        ("tags: [a:1]\ncopies: {/a: absent.conf}", "copies names absent.conf, which is not there."),
    ],
)
def test_a_wrong_recipe_is_explained(tmp_path: Path, text: str, said: str) -> None:
    """The sentence says what is wrong and, where it can, what was meant."""
    assert said in complaint(tmp_path, text)


def test_no_two_recipes_make_one_tag(tmp_path: Path) -> None:
    """A tag that two files make is refused with both their names."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("tags: [shop:1]\n", encoding="utf-8")
    with pytest.raises(Misuse, match=r"Both a\.yaml and b\.yaml make shop:1"):
        all_recipes(tmp_path)


def test_our_own_recipes_are_well_formed() -> None:
    """Every recipe of the project reads, and the labs find two versions of nginx."""
    labs = [tag for recipe in all_recipes() for tag in recipe.labs]
    assert len([tag for tag in labs if tag.startswith("docker.io/library/nginx:")]) == 2

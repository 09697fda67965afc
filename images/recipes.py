"""What an image is made of: one YAML file for each image."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from images.debian import Wanted
from images.trouble import Misuse

FOLDER = Path(__file__).with_name("recipes")
KEYS = {
    "about": str,
    "tags": list,
    "labs": list,
    "debian": dict,
    "applets": bool,
    "go": dict,
    "module": dict,
    "files": dict,
    "scripts": dict,
    "copies": dict,
    "links": dict,
    "directories": list,
    "owners": dict,
    "entrypoint": list,
    "command": list,
    "env": dict,
    "workdir": str,
    "user": str,
}
DEBIAN_KEYS = {"suite": str, "packages": list, "alone": bool, "drop": list, "parts": dict}


@dataclass(frozen=True)
class Recipe:
    """One image; every path in it is absolute, as seen inside the image."""

    name: str
    tags: tuple[str, ...]
    labs: tuple[str, ...]
    debian: Wanted | None
    drop: tuple[str, ...]
    parts: Wanted | None
    """Packages without what they depend on; only what `taken` names by prefix is taken out of them."""
    taken: Mapping[str, tuple[str, ...]]
    applets: bool
    go: Mapping[str, str]
    module: Mapping[str, str]
    """Files and folders of the Go module that the recipe's programs come from."""
    files: Mapping[str, str]
    scripts: Mapping[str, str]
    copies: Mapping[str, Path]
    links: Mapping[str, str]
    directories: tuple[str, ...]
    owners: Mapping[str, int]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str
    user: str


def all_recipes(folder: Path = FOLDER) -> list[Recipe]:
    """Every recipe of a folder, by name.

    Raises Misuse when one cannot be read or two make the same tag.
    """
    recipes = [read(path) for path in sorted(folder.glob("*.yaml"))]
    makers: dict[str, str] = {}
    for recipe in recipes:
        for tag in recipe.tags:
            if tag in makers:
                raise Misuse(f"Both {makers[tag]}.yaml and {recipe.name}.yaml make {tag}.")
            makers[tag] = recipe.name
    return recipes


def read(path: Path) -> Recipe:
    """One recipe.

    Raises Misuse with the file, the key and the nearest right answer.
    """
    try:
        raw: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise Misuse(f"{path.name} is not YAML: {error}") from error
    whole = _checked(raw, KEYS, path.name)
    debian = _checked(whole.get("debian", {}), DEBIAN_KEYS, f"{path.name}: debian")
    if not whole.get("tags"):
        raise Misuse(f"{path.name} needs `tags`, the names under which the image is known.")
    _must_be_absolute(whole, path.name)
    if stray := sorted(set(whole.get("owners", {})) - set(whole.get("directories", []))):
        raise Misuse(f"{path.name}: owners names {stray[0]}, which is not among its directories.")
    labs = tuple(whole.get("labs", []))
    if unknown := sorted(set(labs) - set(whole["tags"])):
        raise Misuse(f"{path.name}: labs names {unknown[0]}, which is not among its tags.")
    parts: dict[str, list[str]] = debian.get("parts", {})
    return Recipe(
        name=path.stem,
        tags=tuple(whole["tags"]),
        labs=labs,
        debian=_wanted(debian, path.name) if debian else None,
        drop=tuple(debian.get("drop", [])),
        parts=Wanted(debian["suite"], tuple(parts), alone=True) if parts else None,
        taken={package: tuple(paths) for package, paths in parts.items()},
        applets=whole.get("applets", False),
        go=whole.get("go", {}),
        module=whole.get("module", {}),
        files=whole.get("files", {}),
        scripts=whole.get("scripts", {}),
        copies={into: _beside(path, name) for into, name in whole.get("copies", {}).items()},
        links=whole.get("links", {}),
        directories=tuple(whole.get("directories", [])),
        owners=whole.get("owners", {}),
        entrypoint=tuple(whole.get("entrypoint", [])),
        command=tuple(whole.get("command", [])),
        env=whole.get("env", {}),
        workdir=whole.get("workdir", ""),
        user=whole.get("user", ""),
    )


def _checked(raw: object, keys: Mapping[str, type], where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Misuse(f"{where} must hold keys and values.")
    whole = cast(dict[str, Any], raw)
    for key, value in whole.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else f" Known are {', '.join(keys)}."
            raise Misuse(f"{where}: key `{key}` is not known.{hint}")
        if not isinstance(value, keys[key]):
            raise Misuse(f"{where}: `{key}` must be a {keys[key].__name__}, not {value!r}.")
    return whole


def _must_be_absolute(whole: Mapping[str, Any], where: str) -> None:
    keys = ("go", "module", "files", "scripts", "copies", "links", "directories", "owners")
    paths = [p for key in keys for p in whole.get(key, ())]
    for path in paths:
        if not str(path).startswith("/"):
            raise Misuse(f"{where}: {path} must be an absolute path inside the image.")


def _wanted(debian: Mapping[str, Any], where: str) -> Wanted:
    for key in ("suite", "packages"):
        if key not in debian:
            raise Misuse(f"{where}: debian needs `{key}`.")
    return Wanted(debian["suite"], tuple(debian["packages"]), alone=debian.get("alone", False))


def _beside(path: Path, name: str) -> Path:
    found = path.parent / name
    if not found.is_file():
        raise Misuse(f"{path.name}: copies names {name}, which is not there.")
    return found

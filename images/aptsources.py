"""Which Debian mirror this machine uses, read from its own apt sources."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from images.trouble import Trouble

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Source:
    """One archive that apt knows: where it is, what it holds, whose signature it bears."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = KEYRING

    def line(self, suite: str) -> str:
        """A one-line source for the main component of a suite on the same mirror."""
        return f"deb [signed-by={self.signed_by}] {self.uri} {suite} main\n"


def mirror(etc_apt: Path, codename: str) -> Source:
    """The mirror of the distribution itself; third parties, updates and security are passed over.

    Raises Trouble when no source names the release.
    """
    for source in sources(etc_apt):
        if codename in source.suites and "main" in source.components:
            return source
    raise Trouble(
        f"No apt source in {etc_apt} offers Debian {codename} main. "
        f"Add the mirror that this host installs from, then run `apt-get update`."
    )


def sources(etc_apt: Path) -> Iterator[Source]:
    """Every enabled binary source, in the order in which apt reads them."""
    parts = etc_apt / "sources.list.d"
    folder = sorted(parts.iterdir()) if parts.is_dir() else []
    for path in [etc_apt / "sources.list", *folder]:
        if path.suffix == ".list" and path.is_file():
            yield from one_line(path.read_text(encoding="utf-8"))
        elif path.suffix == ".sources" and path.is_file():
            yield from deb822(path.read_text(encoding="utf-8"))


def one_line(text: str) -> Iterator[Source]:
    """Sources of a classic sources.list."""
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        found = re.fullmatch(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+\S+)*)", line)
        if found is None:
            continue
        options = dict(part.split("=", 1) for part in (found[1] or "").split() if "=" in part)
        yield Source(found[2], (found[3],), tuple(found[4].split()), options.get("signed-by", KEYRING))


def deb822(text: str) -> Iterator[Source]:
    """Sources of a .sources file; a key given inline falls back to Debian's keyring."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields = _fields(paragraph)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        suites, components = tuple(fields.get("suites", "").split()), tuple(fields.get("components", "").split())
        key = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            yield Source(uri, suites, components, key if key.startswith("/") else KEYRING)


def _fields(paragraph: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields

"""The course: which one grades, which labs it has, and the digest that says exactly what judged."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from labgrade.course.rubric import read_lab
from labgrade.course.yamlfile import nearest
from labgrade.errors import UsageError
from labgrade.home import home
from labgrade.model import Lab

JUDGES = ("labs", "checks", "fixtures", "conftest.py")
"""What decides about points; the digest is taken over these."""


@dataclass(frozen=True, slots=True)
class Course:
    """A folder with labs/, checks/, fixtures/ and a conftest.py."""

    folder: Path

    def lab(self, name: str) -> Lab:
        """The lab of that name; UsageError with the nearest name where there is none."""
        names = self.names()
        if name not in names:
            raise UsageError(f"there is no lab {name!r}{nearest(name, names)}")
        return read_lab(self.folder / "labs" / name)

    def names(self) -> list[str]:
        """The labs' names, sorted."""
        return sorted(path.parent.name for path in (self.folder / "labs").glob("*/lab.yaml"))

    def labs(self) -> list[Lab]:
        """All labs, by name."""
        return [self.lab(name) for name in self.names()]

    def digest(self) -> str:
        """SHA-256 over every file that judges: name and content, in order."""
        digest = hashlib.sha256()
        for path in sorted(self._judges()):
            digest.update(f"{path.relative_to(self.folder).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
        return f"sha256:{digest.hexdigest()}"

    def _judges(self) -> list[Path]:
        found = [path for name in JUDGES for path in (self.folder / name, *(self.folder / name).rglob("*"))]
        return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def find(folder: str | None) -> Course:
    """The course that grades: `folder`, else LABGRADE_COURSE, else the one that came with the tool.

    Never the working directory's unasked: that one is the student's. UsageError where it is no course.
    """
    chosen = folder or os.environ.get("LABGRADE_COURSE")
    path = Path(chosen).resolve() if chosen else home()
    for name in ("labs", "conftest.py", "pyproject.toml"):
        if not (path / name).exists():
            raise UsageError(f"{path} is not a course: it has no {name}")
    return Course(path)

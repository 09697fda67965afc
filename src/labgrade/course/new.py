"""A new lab: a whole one, which grades already, with blanks where its author has something to say."""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from pathlib import Path

import labgrade
from labgrade.course.library import Course
from labgrade.course.lint.folders import EXAMPLE, NAME
from labgrade.errors import UsageError

SKELETON = Path(__file__).parent / "skeleton" / "labs" / "x00-words"
COMPILED = shutil.ignore_patterns("__pycache__")
"""What installers add to it."""

LONGEST = 50
"""Characters of a name; it becomes a folder, and a part of other names."""


def make(course: Course, name: str) -> Path:
    """Makes the lab's folder in a course and returns it.

    UsageError where the name is taken or of another form, and where the course is an installed copy.
    """
    if Path(labgrade.__file__).resolve().parent in course.folder.resolve().parents:
        raise UsageError(
            "the course that is installed with labgrade is no place to write in: get a checkout of labgrade, "
            "and add --course DIR with its folder"
        )
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        form = f"a letter, two digits, and words, {LONGEST} characters at most, as in {EXAMPLE}"
        raise UsageError(f"{name!r} is no name for a lab: {form}; did you mean {nearest_name(name)!r}?")
    folder = course.folder / "labs" / name
    if folder.exists():
        raise UsageError(f"{folder} is there already, and was left as it is")
    try:
        _copy(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror or error}") from error
    return folder


def _copy(folder: Path) -> None:
    """Makes the folder in one go: a lab is there as a whole, or not at all."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as beside:
        made = Path(shutil.copytree(SKELETON, Path(beside) / folder.name, ignore=COMPILED))
        for path in made.rglob("*.*"):
            if path.is_file():
                words = path.read_text(encoding="utf-8").replace(SKELETON.name, folder.name)
                path.write_text(words.replace("x00", folder.name[:3]), encoding="utf-8")
        made.rename(folder)


def nearest_name(name: str) -> str:
    """The name in the form that labs' names have: `B1 Pods & Services` as `b01-pods-services`."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = "-".join(re.findall(r"[a-z0-9]+", letters))
    found = re.fullmatch(r"([a-z])-?(\d{1,2})(?!\d)-?(.*)", plain)
    start, rest = (f"{found[1]}{int(found[2]):02}", found[3]) if found else ("x01", plain)
    return f"{start}-{rest or 'words'}"[:LONGEST].rstrip("-")

"""A lab as its author left it, read as far as it can be, with all that was wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labgrade.course.rubric import lab_in, mistake_in
from labgrade.course.yamlfile import FileError, YamlFile
from labgrade.model import Lab, Mistake

LEFT_BEHIND = frozenset({"__pycache__", ".pytest_cache", ".DS_Store"})
"""What programs leave in a folder, and nobody means."""

BESIDE_LABS = frozenset({"README.md", ".gitkeep"})
"""What may stand in labs/ beside the labs."""

RUBRIC, SUITE = "lab.yaml", "test_lab.py"
HANDOUTS = ("README.md", "README.fr.md")
"""In English and in French."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A lab, or what is there of one."""

    folder: Path
    rubric: YamlFile | None
    """lab.yaml; None: it is no YAML at all."""
    lab: Lab | None
    """What lab.yaml says; where it is wrong, with blanks in place of what it should say."""
    mistakes: tuple[Mistake, ...]
    complaints: tuple[FileError, ...]
    """What the readers of lab.yaml and of each mistake.yaml refuse."""

    @property
    def mistake_folders(self) -> list[Path]:
        """The folders in mistakes/, by name."""
        return [path for path in entries(self.folder / "mistakes") if path.is_dir()]

    @property
    def answers(self) -> list[Path]:
        """The folders that hold answers, whole or in part; those that are there."""
        found = [self.folder / "starter", self.folder / "solution", *self.mistake_folders]
        return [path for path in found if path.is_dir()]


def read(folder: Path) -> Draft:
    """The lab in `folder`; never fails."""
    complaints: list[FileError] = []
    rubric: YamlFile | None = None
    lab: Lab | None = None
    try:
        rubric = YamlFile(folder / RUBRIC, complaints)
        lab = lab_in(rubric)
    except FileError as error:
        complaints.append(error)
    draft = Draft(folder, rubric, lab, (), ())
    mistakes = tuple(_mistakes(draft, lab, complaints)) if lab else ()
    return Draft(folder, rubric, lab, mistakes, tuple(complaints))


def _mistakes(draft: Draft, lab: Lab, complaints: list[FileError]) -> Iterator[Mistake]:
    for path in draft.mistake_folders:
        try:
            yield mistake_in(YamlFile(path / "mistake.yaml", complaints), lab)
        except FileError as error:
            complaints.append(error)


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, less what programs leave behind; nothing where there is no such folder."""
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.name not in LEFT_BEHIND)
    return []


def words(path: Path) -> str:
    """A file's text, line ends as they are; FileError where it cannot be read or is none."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise FileError(path, 0, "is missing") from error
    except OSError as error:
        raise FileError(path, 0, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(path, 0, f"is no text in UTF-8: {error.reason} at byte {error.start}") from error

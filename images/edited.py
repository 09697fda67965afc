"""Programs that are built from a copy of a Go module in which a few places are changed."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from images import gobuild
from images.trouble import Trouble


@dataclass(frozen=True)
class Edit:
    """A change of one place in a file of the module."""

    file: str
    old: str
    new: str


class Builder(gobuild.Builder):
    """The build of a module's programs, from a copy of the module at `path` in which `edits` are made."""

    def __init__(
        self, cache: Path, module: gobuild.Module, *, path: str, edits: Sequence[Edit], without: Sequence[str]
    ) -> None:
        super().__init__(cache, module)
        self.path, self.edits, self.without = path, tuple(edits), tuple(without)
        key = hashlib.sha256(f"{self.folder.name}{self.edits}".encode()).hexdigest()[:16]
        self.folder = self.folder.with_name(key)
        self.laid_out = cache / module.source.name / key

    @property
    def copy(self) -> Path:
        """The copy of the module, edited."""
        return self.laid_out / "module"

    @property
    def done(self) -> bool:
        """Whether the programs and the copy are there."""
        return self.copy.is_dir() and super().done

    def flags(self) -> Sequence[str]:
        """What go is told beside the packages: to build from the copy."""
        return (*super().flags(), f"-modfile={self.laid_out / 'go.mod'}")

    def download(self) -> None:
        """Fetch the modules, and lay the copy out.

        Raises Trouble when the module is not as the edits expect it.
        """
        if not self.copy.is_dir():
            self._lay_out(self.module_folder(self.path))
        super().download()

    def _lay_out(self, module: Path) -> None:
        half = self.laid_out.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        left_out = shutil.ignore_patterns(*self.without)
        shutil.copytree(module, half / "module", ignore=left_out, copy_function=shutil.copyfile)
        edit(half / "module", self.edits, of=self.path)
        pinned = (self.module.source / "go.mod").read_text(encoding="utf-8")
        replaced = f"{pinned}\nreplace {self.path} => {self.copy}\n"
        (half / "go.mod").write_text(replaced, encoding="utf-8")
        shutil.copyfile(self.module.source / "go.sum", half / "go.sum")
        shutil.rmtree(self.laid_out, ignore_errors=True)
        half.replace(self.laid_out)


def edit(folder: Path, edits: Sequence[Edit], *, of: str) -> None:
    """Change files of a folder, a copy of the module `of`.

    Raises Trouble when a text is not there exactly once.
    """
    for each in edits:
        path = folder / each.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if text.count(each.old) != 1:
            raise Trouble(f"{of}: {each.file} is not what its edits expect: {each.old.strip()} is not there once.")
        path.chmod(0o644)
        path.write_text(text.replace(each.old, each.new), encoding="utf-8")

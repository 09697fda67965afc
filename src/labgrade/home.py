"""Where the files lie that belong to the tool but are not Python: its course and its report template."""

from __future__ import annotations

from pathlib import Path

from labgrade.errors import HarnessError

LANDMARKS = ("labs", "conftest.py", "reports/templates")
"""What a folder must hold to be the tool's home."""


def home(package: Path | None = None) -> Path:
    """The checkout that holds this package, else the copy of it that was installed with the package.

    Never the working directory. `package` is the folder of `labgrade` itself unless a test says otherwise.
    HarnessError where neither is whole: the installation is broken.
    """
    package = package or Path(__file__).resolve().parent
    # The checkout first: an editable install may leave a stale copy beside it.
    places = (package.parents[1], package / "_course")
    for place in places:
        if all((place / name).exists() for name in LANDMARKS):
            return place
    raise HarnessError(
        "this installation of labgrade is incomplete: "
        + " and ".join(str(place) for place in places)
        + f" lack one of {', '.join(LANDMARKS)}; install it again"
    )

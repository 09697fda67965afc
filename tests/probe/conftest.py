"""The probe program in both of its languages, and servers for it to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import asking
from tests.support.asking import Program, Servers


@pytest.fixture(scope="session", params=["python", "go"])
def program(request: pytest.FixtureRequest) -> Program:
    """The program, in one language after the other."""
    if request.param == "python":
        return Program(asking.python())
    if not asking.has_go():
        pytest.skip("there is no Go here to compile the probe with")
    return Program(asking.go())


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Servers on loopback."""
    found = Servers()
    yield found
    found.close()

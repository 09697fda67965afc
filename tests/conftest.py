"""What tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labgrade.cluster.api import Api
from tests.support.apiserver import ApiServer


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """A Kubernetes API on loopback."""
    with ApiServer() as running:
        yield running


@pytest.fixture
def api(server: ApiServer, tmp_path: Path) -> Api:
    """The engine's connection to it."""
    folder = tmp_path / "private"
    folder.mkdir()
    return Api(server.access, folder)

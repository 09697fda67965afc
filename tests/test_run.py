"""Programs that we run: which of them hear Ctrl-C with us."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labgrade.engine import Engine
from labgrade.providers import ClusterSpec, kind
from labgrade.run import output

GROUP = [sys.executable, "-c", "import os; print(os.getpgrp())"]


def test_ctrl_c_reaches_a_program_unless_it_is_apart() -> None:
    """The terminal sends it to our process group."""
    assert int(output(GROUP, os.environ, seconds=30)) == os.getpgrp()
    assert int(output(GROUP, os.environ, seconds=30, apart=True)) != os.getpgrp()


def test_a_cluster_made_in_the_background_is_made_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its end is seen to by whoever waits for the thread; in the foreground, Ctrl-C ends kind itself."""
    apart: list[bool] = []

    def told(command: list[str], *_: object, **more: bool) -> str:
        if "create" in command:
            apart.append(more["apart"])
        return ""

    monkeypatch.setattr(kind, "output", told)

    def make() -> None:
        kind._create(ClusterSpec("lab", tmp_path / "kubeconfig"), Engine({}), {})  # pyright: ignore[reportPrivateUsage] - the rest needs an engine

    make()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(make).result()
    assert apart == [False, True]

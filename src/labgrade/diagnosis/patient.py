"""Who is looked at: this machine and the cluster that a command here would use. Each thing is asked once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from labgrade import engine
from labgrade.cluster import target
from labgrade.cluster.api import Api
from labgrade.diagnosis.asking import Reply, ask
from labgrade.diagnosis.machine import Machine, here
from labgrade.engine import Engine
from labgrade.facts import Cluster, Snapshot
from labgrade.kubeconfig import Access
from labgrade.model import Json

INFO = ["docker", "info", "--format", "{{json .}}"]


@dataclass(frozen=True, slots=True)
class Asked:
    """An engine, and what it said of itself."""

    engine: Engine
    reply: Reply

    @property
    def info(self) -> Json:
        """Of `docker info`; empty where nothing answered."""
        try:
            found = json.loads(self.reply.out)
        except ValueError:
            return {}
        # Older clients end well although no server answered.
        return found if self.reply.good and isinstance(found, dict) and not found.get("ServerErrors") else {}


@dataclass(eq=False)
class Patient:
    """A context manager: on leaving, what check-ups put into the cluster or onto the disk is removed."""

    kubeconfig: str | None = None
    context: str | None = None
    course: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    machine: Machine = field(default_factory=here)
    encoding: str = "utf-8"
    """Of the terminal."""
    undo: ExitStack = field(default_factory=ExitStack)
    """What has to be undone on leaving."""
    _replies: dict[tuple[str, ...], Reply] = field(default_factory=dict[tuple[str, ...], Reply])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo.close()

    @cached_property
    def engines(self) -> list[Asked]:
        """The engines that a command here would try, in that order, up to the first that answers."""
        found: list[Asked] = []
        for each in engine.candidates(self.environment):
            found.append(Asked(each, ask(INFO, each.environment)))
            if found[-1].info:
                break
        return found

    @property
    def engine(self) -> Asked | None:
        """The engine that answers, if one does."""
        return next((each for each in self.engines if each.info), None)

    @property
    def is_remote_desktop(self) -> bool:
        """Whether the engine runs in a virtual machine with a memory, a disk and a kernel of its own."""
        system = str(self.engine.info.get("OperatingSystem", "")) if self.engine else ""
        return self.machine.system in ("macos", "other") or "Desktop" in system

    @cached_property
    def tools(self) -> dict[str, str]:
        """The environment in which `labgrade up` finds docker and kind."""
        return self.engine.engine.environment if self.engine else engine.tools(self.environment)

    @cached_property
    def shell(self) -> dict[str, str]:
        """The environment in which the other commands, and the person, find kubectl."""
        return engine.tools(self.environment)

    def ask(self, *words: str) -> Reply:
        """What a program replies, asked once."""
        if words not in self._replies:
            self._replies[words] = ask([*words], self.shell if words[0] == "kubectl" else self.tools)
        return self._replies[words]

    @cached_property
    def access(self) -> Access:
        """The cluster that is meant; UsageError where none is, or where it is not one that we use."""
        return target.resolve(self.kubeconfig, self.context)

    @property
    def cluster_name(self) -> str:
        """What kind calls it; empty where its context does not tell."""
        return self.access.context.removeprefix("kind-") if self.access.context.startswith("kind-") else ""

    @cached_property
    def api(self) -> Api:
        """The connection to it."""
        folder = self.undo.enter_context(tempfile.TemporaryDirectory(prefix="labgrade-"))
        return Api(self.access, Path(folder))

    @cached_property
    def cluster(self) -> Cluster:
        """What it shows, read once; namespaced things are those of kube-system."""
        return Cluster(Snapshot(self.api), "kube-system")

    @cached_property
    def version(self) -> tuple[int, int]:
        """Major and minor version of its API server."""
        found = self.api.get("/version")
        return int(found["major"]), int("".join(filter(str.isdigit, str(found["minor"]))))

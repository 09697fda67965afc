"""A lab's namespace on a cluster: made, filled with an answer, emptied; all through kubectl."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labgrade import engine, kubeconfig
from labgrade.kubeconfig import Access
from labgrade.run import output

REQUEST_SECONDS = 60.0
DELETE_SECONDS = 180.0

UNTOUCHED = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
"""What every namespace holds by itself."""

WORK = "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims,networkpolicies,ingresses"


@dataclass(frozen=True, slots=True)
class Workspace:
    """kubectl's view of one namespace."""

    namespace: str
    environment: dict[str, str]
    """For kubectl, and for an answer's steps: KUBECONFIG whose default namespace this is, PATH, NAMESPACE."""

    def work(self) -> list[str]:
        """What lies in the namespace, as `kind/name`, beyond what every namespace holds; empty where it is none."""
        words = self.kubectl("get", WORK, "--ignore-not-found", "-o", "json")
        items = json.loads(words).get("items", []) if words.strip() else []
        names = {f"{item['kind'].lower()}/{item['metadata']['name']}" for item in items}
        return sorted(names - UNTOUCHED)

    def there(self, names: Iterable[str]) -> list[str]:
        """Of these cluster-scoped objects, as `kind/name`, those that the cluster has."""
        wanted = list(names)
        if not wanted:
            return []
        words = self.kubectl("get", *wanted, "--ignore-not-found", "-o", "json")
        found = json.loads(words) if words.strip() else {}
        # One object alone comes without a list around it.
        items = found.get("items", [found] if found else [])
        return sorted(f"{item['kind'].lower()}/{item['metadata']['name']}" for item in items)

    def create(self) -> None:
        """Makes the namespace where it is missing."""
        if not self.kubectl("get", "namespace", self.namespace, "--ignore-not-found", "-o", "name").strip():
            self.kubectl("create", "namespace", self.namespace)

    def remove(self, *more: str) -> None:
        """Deletes the namespace with all in it and these cluster-scoped objects, and waits until they are gone."""
        for name in (f"namespace/{self.namespace}", *more):
            self.kubectl("delete", name, "--ignore-not-found", seconds=DELETE_SECONDS)

    def abandon(self) -> None:
        """Deletes the namespace without waiting."""
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")

    def kubectl(self, *words: str, seconds: float = REQUEST_SECONDS, stdin: str | None = None) -> str:
        """What kubectl prints; HarnessError with its words where it fails."""
        return output(["kubectl", *words], self.environment, seconds=seconds, stdin=stdin)


@contextmanager
def opened(access: Access, namespace: str) -> Generator[Workspace]:
    """The workspace that an access and a namespace mean; its kubeconfig is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        path = kubeconfig.write(access, Path(folder))
        environment = kubeconfig.child_environment(path, engine.tools(os.environ)) | {"NAMESPACE": namespace}
        output(
            ["kubectl", "config", "set-context", "grader", f"--namespace={namespace}"],
            environment,
            seconds=REQUEST_SECONDS,
        )
        yield Workspace(namespace, environment)

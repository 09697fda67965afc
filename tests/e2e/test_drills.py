"""Persistence drills on real Pods and volumes: each way to lose data, and what a run of ours leaves behind."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from labgrade.cluster import target, workspace
from labgrade.cluster.journal import of_all
from labgrade.cluster.workspace import Workspace
from labgrade.home import home
from labgrade.model import FULL_GRADE, Json
from labgrade.patience import until
from labgrade.runid import new_run
from tests.support.course import check, write_course

from .conftest import Practice, kill_hard

SUITE = """
import pytest
from checks.survival import assert_lost, assert_survives
from labgrade.cluster.drills import containers_restarted, moved, pods_deleted, scaled_to_zero
from labgrade.cluster.sentinels import file_in, row_in
"""
DRILL = """
def test_{id}(cluster, disturb):
    {assertion}({what}(cluster.deployment("{on}"){more}), {drill}, disturb)
"""


@dataclass(frozen=True)
class Try:
    """A drill on a Deployment, and what its failure must say; None: it passes."""

    on: str
    says: str | None
    drill: str = "pods_deleted"
    what: str = "file_in"
    assertion: str = "assert_survives"

    @property
    def id(self) -> str:
        """The check's id."""
        return f"{self.on.replace('-', '_')}_{self.drill}"

    @property
    def code(self) -> str:
        """The check's function."""
        more = ', "/data"' if self.what == "file_in" else ""
        return DRILL.format(
            id=self.id, assertion=self.assertion, what=self.what, on=self.on, more=more, drill=self.drill
        )


FILES = (
    Try("kept", None),
    Try("kept", None, "scaled_to_zero"),
    Try("kept", None, "containers_restarted"),
    # Its volume is made where its Pod is, and keeps it there: it is deleted without a cordon.
    Try("kept", None, "moved"),
    Try("emptied", "is a volume of type emptyDir, which ends with its Pod; it was not tried"),
    Try("emptied", None, "containers_restarted"),
    Try("beside", "nothing is mounted over /data of pod/beside-"),
    Try("beside", "nothing is mounted over /data", "containers_restarted"),
    Try("cleared", "claim, volume and mount are the same, so it was never flushed to them, or was cleared"),
    Try("read-only", "cannot write a file in /data: "),
    Try("full", "No space left on device"),
    Try("leaving", "persistentvolumeclaim/leaving is being deleted, and goes when no Pod uses it any more"),
    Try("on-node", "while the Pod is on", "moved"),
    Try("crashing", "deployment/crashing has no ready Pod to try this with"),
    Try("nobody", "nobody-makes-volumes, and nobody in this cluster"),
)
ROWS = (
    Try("stranded", "did not come back ready after its Pod was deleted"),
    Try("database", None, what="row_in"),
    Try("changed", "refuses the credentials of its own environment: ERROR 1045", what="row_in"),
    Try("twice", "deployment/twice has no ready Pod to try this with", what="row_in"),
)


def mounted(volume: Json, *, at: str = "/data", read_only: bool = False) -> Json:
    """A Pod spec with one volume, whose container does nothing."""
    mount = {"name": "data", "mountPath": at, "readOnly": read_only}
    container = {"name": "app", "image": "busybox:1.36", "command": ["sleep", "3600"], "volumeMounts": [mount]}
    return {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": [{"name": "data"} | volume]}


def of_claim(name: str) -> Json:
    """The volume of a claim."""
    return {"persistentVolumeClaim": {"claimName": name}}


def running(spec: Json, *command: str) -> Json:
    """The same with another command."""
    return spec | {"containers": [spec["containers"][0] | {"command": list(command)}]}


def database(claim: str) -> Json:
    """A MariaDB whose password comes from a Secret of the same name as its claim."""
    secret = {"secretKeyRef": {"name": claim, "key": "password"}}
    container = {
        "name": "mariadb",
        "image": "mariadb:12.0.2",
        "env": [{"name": "MARIADB_ROOT_PASSWORD", "valueFrom": secret}],
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
        "readinessProbe": {"tcpSocket": {"port": 3306}, "periodSeconds": 1},
    }
    return {"containers": [container], "volumes": [{"name": "data"} | of_claim(claim)]}


def deployment(name: str, spec: Json, replicas: int = 1) -> Json:
    """A Deployment that never runs two Pods of different revisions."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {"replicas": replicas, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": body | {"template": template},
    }


def claim(name: str, storage_class: str = "standard") -> Json:
    """A claim of 64 MiB."""
    size = {"resources": {"requests": {"storage": "64Mi"}}, "accessModes": ["ReadWriteOnce"]}
    body = size | {"storageClassName": storage_class}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": body}


def secret(name: str, password: str) -> Json:
    """A Secret with a password."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"password": password}}


class Stage:
    """A namespace on the practice cluster, and a course whose one lab drills what is in it."""

    def __init__(self, practice: Practice, place: Workspace, folder: Path, tries: tuple[Try, ...]) -> None:
        self.practice, self.place, self.out, self.tries = practice, place, folder / "out", tries
        self.course = write_course(folder / "course")
        shutil.copytree(home() / "checks", self.course / "checks", ignore=shutil.ignore_patterns("__pycache__"))
        lab = self.course / "labs" / "drills"
        lab.mkdir(parents=True)
        points = FULL_GRADE / len(tries)
        checks = "".join(check(each.id, points, "disturbs: {en: It, fr: Le}") for each in tries)
        head = "title: {en: Drills, fr: Exercices}\nnamespace: drills\ntimeout: 60\nchecks:\n"
        (lab / "lab.yaml").write_text(head + checks)
        (lab / "test_lab.py").write_text(SUITE + "".join(each.code for each in tries))

    @property
    def words(self) -> list[str]:
        """The command that grades it."""
        where = ["--kubeconfig", str(self.practice.kubeconfig), "--namespace", self.place.namespace]
        return ["check", "drills", "--course", str(self.course), *where, "--out", str(self.out), "--yes"]

    def put(self, *objects: Json) -> None:
        """Applies objects."""
        self.place.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects), seconds=60)

    def kubectl(self, *words: str) -> str:
        """What kubectl says in the namespace."""
        return self.place.kubectl(*words, seconds=60)

    def ready(self, *deployments: str) -> None:
        """Waits until they are."""
        for name in deployments:
            self.place.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s", seconds=130)

    @property
    def outcomes(self) -> dict[str, Any]:
        """By check id."""
        found = json.loads((self.out / "result.json").read_text())["outcomes"]
        return {outcome["id"]: outcome for outcome in found}

    def files(self, deployment: str) -> list[str]:
        """What lies in /data of a Deployment's Pod."""
        return self.kubectl("exec", f"deployment/{deployment}", "--", "ls", "/data").split()

    def differences(self) -> dict[str, str]:
        """What was found otherwise than it should, by check."""
        found: dict[str, str] = {}
        for each in self.tries:
            outcome = self.outcomes[each.id]
            state, saw = outcome["state"], outcome["saw"]["en"]
            if (state, each.says) != ("passed", None) and not (state == "failed" and each.says and each.says in saw):
                found[each.id] = f"{state}: {saw}"
        return found


@pytest.fixture
def stage(practice: Practice, tmp_path: Path) -> Generator[Callable[..., Stage]]:
    """`stage(tries)`: a namespace and a course of their own."""
    with workspace.opened(target.resolve(str(practice.kubeconfig), None), f"drills-{new_run()}") as place:
        place.create()
        try:
            yield lambda *tries: Stage(practice, place, tmp_path, tries)
        finally:
            place.remove()
            # A Pod that never came back keeps an entry open until the next run, which is somebody else's here.
            for journal in of_all(practice.api(tmp_path / "api"), new_run()):
                assert journal.restore() == []


def test_each_way_to_lose_a_file_is_told_from_the_others(stage: Callable[..., Stage]) -> None:
    """On real volumes; what was written, cordoned and scaled is as it was, and nothing of the student's is lost."""
    here = stage(*FILES)
    full = running(mounted({"emptyDir": {"medium": "Memory", "sizeLimit": "64Ki"}}), *fill())
    claims = ("kept", "beside", "cleared", "leaving")
    here.put(
        *(claim(name) for name in claims),
        claim("nobody", here.place.namespace),
        nobody(here.place.namespace),
        deployment("kept", mounted(of_claim("kept"))),
        deployment("emptied", mounted({"emptyDir": {}})),
        deployment("beside", mounted(of_claim("beside"), at="/dta")),
        deployment("cleared", cleared()),
        deployment("read-only", mounted({"configMap": {"name": "kube-root-ca.crt"}})),
        deployment("full", full),
        deployment("leaving", mounted(of_claim("leaving"))),
        deployment("on-node", mounted({"hostPath": {"path": f"/var/{new_run()}", "type": "DirectoryOrCreate"}})),
        deployment("crashing", running(mounted({"emptyDir": {}}), "false")),
        deployment("nobody", mounted(of_claim("nobody"))),
    )
    here.ready("kept", "emptied", "beside", "cleared", "read-only", "full", "leaving", "on-node")
    here.kubectl("delete", "persistentvolumeclaim/leaving", "--wait=false")
    try:
        done = here.practice.labgrade(*here.words)
    finally:
        here.kubectl("delete", f"storageclass/{here.place.namespace}", "--ignore-not-found")
    assert done.returncode == 1, done.stdout + done.stderr
    assert here.differences() == {}
    assert here.files("kept") == here.files("leaving") == []
    assert here.kubectl("get", "persistentvolumeclaim/leaving", "-o", "jsonpath={.status.phase}") == "Bound"
    assert "unschedulable" not in here.kubectl("get", "nodes", "-o", "yaml")
    assert "configmap/labgrade-journal" not in here.kubectl("get", "configmaps", "-n", "kube-system", "-o", "name")


def fill() -> tuple[str, ...]:
    """Fills the volume, then idles."""
    return ("sh", "-c", "dd if=/dev/zero of=/data/fill bs=4k; sleep 3600")


def cleared() -> Json:
    """A Pod that empties its volume whenever it starts."""
    spec = mounted(of_claim("cleared"))
    return running(spec, "sh", "-c", "rm -f /data/*; sleep 3600")


def nobody(name: str) -> Json:
    """A class that leaves its volumes to a driver that is not there."""
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    return kind | {"provisioner": "nobody-makes-volumes"}


def test_rows_of_a_real_database(stage: Callable[..., Stage]) -> None:
    """By its own client; a Secret changed later is not the database's password, and two servers want one volume.

    Beside them, a volume whose node takes no Pod any more.
    """
    here = stage(*ROWS)
    node = next(name for name in here.kubectl("get", "nodes", "-o", "name").split() if "worker" in name)
    there = {"nodeSelector": {"kubernetes.io/hostname": node.rpartition("/")[2]}}
    here.put(claim("stranded"), deployment("stranded", mounted(of_claim("stranded")) | there))
    here.ready("stranded")
    here.kubectl("cordon", node)
    try:
        _judge_rows(here)
    finally:
        here.kubectl("uncordon", node)


def _judge_rows(here: Stage) -> None:
    names = ("database", "changed", "twice")
    here.put(
        *(secret(name, "first") for name in names),
        *(claim(name) for name in names),
        deployment("database", database("database")),
        deployment("changed", database("changed")),
        deployment("twice", database("twice"), replicas=2),
    )
    here.ready("database", "changed")
    here.put(secret("changed", "second"))
    here.kubectl("rollout", "restart", "deployment/changed")
    here.ready("changed")
    done = here.practice.labgrade(*here.words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert here.differences() == {}
    whole = (here.out / "result.json").read_text() + (here.out / "labgrade.log").read_text() + done.stdout
    assert not {"first", "second"} & set(whole.replace('"', " ").split())
    left = ("sh", "-c", 'MYSQL_PWD=first mariadb -N -e "SHOW DATABASES"')
    assert "labgrade" not in here.kubectl("exec", "deployment/database", "--", *left)


@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_a_run_that_ends_amid_a_drill_leaves_nothing(stage: Callable[..., Stage], how: str) -> None:
    """Scaled to zero it is scaled back, and the file is gone: at once, or by the next run after kill -9."""
    here = stage(Try("kept", None, "scaled_to_zero"))
    # A Pod that takes its time to go, so that there is an amid.
    slow = mounted(of_claim("kept")) | {"terminationGracePeriodSeconds": 10}
    here.put(claim("kept"), deployment("kept", slow))
    here.ready("kept")
    process = here.practice.started(*here.words)
    scaled = lambda: here.kubectl("get", "deployment/kept", "-o", "jsonpath={.spec.replicas}") == "0"  # noqa: E731
    assert until(scaled, seconds=90, every=0.02), "the check never scaled"
    if how == "killed":
        kill_hard(process)
    else:
        process.send_signal(signal.SIGINT)
        assert ended(process) == 130
    done = here.practice.labgrade(*here.words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert here.kubectl("get", "deployment/kept", "-o", "jsonpath={.spec.replicas}") == "1"
    assert here.files("kept") == []


def ended(process: subprocess.Popen[str]) -> int:
    """Its exit code, once it has ended."""
    process.communicate(timeout=60)
    return process.returncode

"""What students hand in, on a real cluster: applied, its steps run in a node as nobody, and graded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from labgrade.cohort.model import BySubmission
from labgrade.cohort.submissions import applying, handed, innode, screening
from labgrade.cohort.submissions.bounded import Ended
from labgrade.cohort.task import Submission
from labgrade.text import Text
from tests.e2e.conftest import Practice, Work

LAB = pytest.mark.parametrize("work", ["b01-deployment-labels"], indirect=True)

PRIVILEGED = """{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evil"}, "spec": {"hostPID": true,
"containers": [{"name": "evil", "image": "busybox:1.36", "securityContext": {"privileged": true}}]}}"""

CURIOUS = f"""
echo "user $(id -u) in $NAMESPACE"
cat /etc/kubernetes/admin.conf 2>&1 && echo WRONG || true
touch /etc/evil 2>&1 && echo WRONG || true
mount -t tmpfs none /mnt 2>&1 && echo WRONG || true
kubectl get secrets --namespace kube-system 2>&1 && echo WRONG || true
kubectl create clusterrolebinding evil --clusterrole=cluster-admin --user=evil 2>&1 && echo WRONG || true
kubectl label namespace "$NAMESPACE" pod-security.kubernetes.io/enforce- 2>&1 && echo WRONG || true
kubectl apply -f - <<'END' 2>&1 && echo WRONG || true
{PRIVILEGED}
END
kubectl label nodes --all --overwrite labgrade.test/steps=run >/dev/null
kubectl create configmap mine --from-literal=a=b >/dev/null
kubectl get configmap mine -o name
exit 7
"""


def put(work: Work, submission: Submission, *, said: list[bytes] | None = None) -> tuple[Text, ...]:
    """Applies a submission in the test's namespace; what its steps say is added to `said`."""
    lab = replace(work.lab, namespace=work.place.namespace)
    screening.screen(submission, lab)
    run = innode.in_node(work.practice.name)

    def in_node(command: Sequence[str], *, stdin: bytes, seconds: float) -> Ended:
        ended = run(command, stdin=stdin, seconds=seconds)
        (said if said is not None else []).append(ended.said)
        return ended

    return applying.apply(submission, lab, work.out.parent / "answer", work.place.environment, in_node)


@LAB
def test_the_reference_answer_as_a_submission_earns_everything(work: Work) -> None:
    """Its steps too, though they run in a node and with few rights."""
    submission = handed.read(BySubmission(work.lab.folder / "solution"), work.lab, several=False)
    assert put(work, submission) == ()
    done = work.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert work.result["grade"] == 20


@LAB
def test_what_the_cluster_does_not_take_and_what_steps_may_not_do(work: Work) -> None:
    """The rest is applied, and the trainer is told."""
    crowd = """
apiVersion: example.com/v1
kind: Crowd
metadata: {name: mine}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crowds.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: crowds, kind: Crowd}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
    wrong = "apiVersion: v1\nkind: Service\nmetadata: {name: wrong}\nspec: {ports: [{port: 99999}]}\n"
    files = {"10-crowd.yaml": crowd, "20-wrong.yaml": wrong, "steps.sh": CURIOUS}
    said: list[bytes] = []
    try:
        submission = Submission({name: words.encode() for name, words in files.items()}, "sha256:0")
        notes = put(work, submission, said=said)
        assert work.place.kubectl("get", "crowds", "-o", "name").strip() == "crowd.example.com/mine"
    finally:
        work.place.kubectl("delete", "customresourcedefinition/crowds.example.com", "--ignore-not-found")
        work.place.kubectl("label", "nodes", "--all", "labgrade.test/steps-")
    assert [note.en.partition(" ")[0] for note in notes] == ["20-wrong.yaml", "steps.sh"]
    assert "99999" in notes[0].en
    assert "failed with exit code 7" in notes[1].en
    assert "configmap/mine" in notes[1].en
    assert b"violates PodSecurity" in said[0]
    assert said[0].count(b"orbidden") >= 4
    assert b"WRONG" not in said[0]
    left = work.place.kubectl("get", "clusterrole,clusterrolebinding,role,serviceaccount,pod", "-A", "-o", "name")
    assert "labgrade-steps" not in left
    assert "evil" not in left


def test_steps_run_as_nobody_and_end_with_all_that_they_started(practice: Practice) -> None:
    """In the node itself, whether their time is over or not."""
    run = innode.in_node(practice.name)
    config = {"kind": "Config"}
    curious = innode.steps(CURIOUS.encode(), "b01", config, run, seconds=20)
    assert b"user 65534 in b01" in curious.said
    assert b"WRONG" not in curious.said
    for script, code in (
        ("trap '' TERM; (setsid sleep 77777 &); sleep 77777", None),
        ("(setsid sleep 77777 &); exit 3", 3),
    ):
        ended = innode.steps(script.encode(), "b01", config, run, seconds=2)
        assert ended.code == code
    bomb = innode.steps(b"for i in $(seq 450); do sleep 77777 & done", "b01", config, run, seconds=5)
    assert b"Resource temporarily unavailable" in bomb.said
    left = run(["sh", "-c", "grep -l 7777[7] /proc/*/cmdline"], stdin=b"", seconds=20).said
    assert b"cmdline" not in left


LITTER = b"""
for place in $(find / -xdev -type d -perm -0002 2>/dev/null) /tmp /var/tmp /dev/shm /run /run/lock /home /etc /usr; do
    echo left > "$place/labgrade-litter" && echo "wrote $place" || true
done 2>/dev/null
"""


def test_steps_leave_no_file_on_the_node(practice: Practice) -> None:
    """Wherever nobody may write: what they see there is theirs alone."""
    run = innode.in_node(practice.name)
    ended = innode.steps(LITTER, "b01", {"kind": "Config"}, run, seconds=30)
    assert ended.code == 0
    assert set(ended.said.split(b"\n")) == {b"wrote /tmp", b"wrote /home", b""}
    left = run(["find", "/", "-name", "labgrade-litter", "-not", "-path", "/proc/*"], stdin=b"", seconds=60)
    assert left.said == b""
    assert b"labgrade on" not in run(["mount"], stdin=b"", seconds=20).said

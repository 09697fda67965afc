"""What lint says of a lab: all that is wrong with it at once, with file and line; and of a good one nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from labgrade.course.library import Course, find
from labgrade.course.lint import lint
from labgrade.course.lint.texts import BLANK
from labgrade.course.new import make
from labgrade.errors import UsageError
from tests.support.course import write_course

LAB = "a01-pods"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course with one lab that is fine: a new one, its blanks filled in."""
    course = Course(write_course(tmp_path / "course"))
    fill(make(course, LAB))
    return course


def fill(folder: Path) -> None:
    """Fills the blanks of a lab in."""
    for path in folder.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace(BLANK, "Filled:"))


def said(course: Course, *names: str) -> list[str]:
    """The findings, files as from the lab's folder."""
    return [str(each).replace(f"{course.folder}/labs/{LAB}", ".") for each in lint(course, names).findings]


def change(course: Course, file: str, old: str, new: str) -> None:
    """Replaces words that stand once in a file of the lab."""
    path = course.folder / "labs" / LAB / file
    words = path.read_text()
    assert words.count(old) == 1, words
    path.write_bytes(words.replace(old, new).encode())


def put(course: Course, file: str, words: str | bytes) -> None:
    """Writes a file of the lab."""
    path = course.folder / "labs" / LAB / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(words if isinstance(words, bytes) else words.encode())


def test_a_good_lab(course: Course) -> None:
    """Nothing is found, and what was looked at is counted."""
    report = lint(course)
    assert said(course) == []
    assert (len(report.drafts), report.checks, report.mistakes) == (1, 1, 1)


def test_our_own_course_is_fine() -> None:
    """Every lab that we ship."""
    assert [str(each) for each in lint(find(None)).findings] == []


CHANGED = [
    ("lab.yaml", "namespace: a01", "namespce: a01", "./lab.yaml:8: namespce is not known; did you mean 'namespace'?"),
    ("lab.yaml", "points: 20", "points: 19", "./lab.yaml:11: checks add up to 19 points, but to 20 they must"),
    ("lab.yaml", "    hint:", "    hnit:", "./lab.yaml:12: checks.example.hint is missing"),
    ("lab.yaml", "  fr: >-\n    Filled: de quoi", "  de: >-\n    Filled: de quoi", "./lab.yaml:1: title.fr is missing"),
    ("lab.yaml", "images: []", "images: [nginx]", "./lab.yaml:9: images.0 is 'nginx', but a pinned image is expected"),
    (
        "lab.yaml",
        "images: []",
        "unproven: {hubble-ui: {cases: [other-prot]}}",
        "./lab.yaml:9: unproven.hubble-ui.cases.0 names 'other-prot', which is not known; did you mean 'other-port'?",
    ),
    ("lab.yaml", "images: []", "cni: flannel", "./lab.yaml:9: cni is 'flannel', which is not known"),
    (
        "lab.yaml",
        "  example:",
        "  exampel:",
        "./lab.yaml:12: checks.exampel has no function test_exampel in test_lab.py",
    ),
    ("lab.yaml", "title:\n  en", "title: [\n  en", "./lab.yaml:2: not YAML"),
    (
        "test_lab.py",
        "def test_example(",
        "def test_exampel(",
        "./test_lab.py:11: test_exampel has no check in lab.yaml",
    ),
    ("test_lab.py", "def test_example(", "def test_example(:", "./test_lab.py:11: is no Python"),
    ("test_lab.py", "def test_example(", "async def test_example(", "./test_lab.py:11: test_example is async"),
    (
        "README.fr.md",
        "`example`, port 80",
        "`exemple`, port 80",
        "./README.fr.md:22: `exemple` stands in no table of README.md",
    ),
    (
        "README.fr.md",
        "`example`, port 80",
        "`exemple`, port 80",
        "./README.md:22: `example` stands in no table of README.fr.md",
    ),
    ("README.md", "| Service | `example`, port 80 |", "", "./README.md: has no table of the names"),
    (
        "README.md",
        "- an editor",
        "- `nginx:1.26`",
        "./README.md:10: the image `nginx:1.26` is not named in README.fr.md",
    ),
    ("solution/10-service.yaml", "apiVersion: v1\n", "", "./solution/10-service.yaml:1: apiVersion is missing"),
    ("solution/10-service.yaml", "kind: Service", "kind:", "./solution/10-service.yaml:1: kind is missing"),
    ("solution/10-service.yaml", "spec:", "spec: [", "./solution/10-service.yaml:7: not YAML"),
    (
        "solution/10-service.yaml",
        "  name: example",
        "  name: example\n  namespace: a01",
        "./solution/10-service.yaml:5: metadata.namespace is given",
    ),
    (
        "mistakes/other-port/mistake.yaml",
        "failed: [example]",
        "failed: [exampel]",
        "./mistakes/other-port/mistake.yaml:3: failed.0 names 'exampel', which is not known; did you mean 'example'?",
    ),
    ("mistakes/other-port/10-service.yaml", "8080", "0x50", "./mistakes/other-port: is the solution"),
]


@pytest.mark.parametrize(("file", "old", "new", "wanted"), CHANGED)
def test_a_change_for_the_worse(course: Course, file: str, old: str, new: str, wanted: str) -> None:
    """It is found, with the file and the line."""
    change(course, file, old, new)
    assert any(found.startswith(wanted) for found in said(course)), said(course)


ADDED: list[tuple[str, str | bytes, str]] = [
    ("notes.txt", "", "./notes.txt: belongs to no lab"),
    ("REDAME.md", "", "./REDAME.md: belongs to no lab; did you mean 'README.md'?"),
    ("starter/notes.txt", "", "./starter/notes.txt: is neither a numbered manifest"),
    ("starter/mistake.yaml", "", "./starter/mistake.yaml: belongs into a folder of mistakes/"),
    ("starter/10-a.yaml/b", "", "./starter/10-a.yaml: is no file"),
    ("starter/10-a.yaml", "# nothing\n", "./starter/10-a.yaml: holds no object"),
    ("starter/10-a.yaml", b"\xff", "./starter/10-a.yaml: is no text in UTF-8"),
    ("starter/10-a.yaml", "a: &loop\n  b: *loop\n", "./starter/10-a.yaml:1: apiVersion is missing"),
    ("mistakes/notes.txt", "", "./mistakes/notes.txt: lies beside the mistakes"),
    ("mistakes/empty/.gitkeep", "", "./mistakes/empty/mistake.yaml: cannot be read: No such file"),
    ("solution/steps.sh", "if true; then\n", "./solution/steps.sh:2: bash says: syntax error"),
    ("solution/cluster.sh", "if true; then\n", "./solution/cluster.sh:2: bash says: syntax error"),
    ("solution/cluster.sh", "true\n", "./solution/cluster.sh: is for a cluster of the lab's own, and no starter/kind"),
    ("solution/steps.sh", "true\r\n", "./solution/steps.sh:1: ends its lines as Windows does"),
    ("README.fr.md", " \n", "./README.fr.md: is empty"),
    ("README.md", b"\xff", "./README.md: is no text in UTF-8"),
    (
        "test_lab.py",
        "def test_example():\n    'Says nothing.'\n    ...\n",
        "./test_lab.py:1: test_example asks nothing",
    ),
    (
        "test_lab.py",
        2 * "def test_example():\n    assert False\n",
        "./test_lab.py:3: test_example stands here a second",
    ),
    ("test_lab.py", "\0", "./test_lab.py: is no Python"),
    ("README.md", f"# {BLANK} the title\n", f"./README.md:1: a blank is left: # {BLANK} the title"),
]


@pytest.mark.parametrize(("file", "words", "wanted"), ADDED)
def test_a_file_that_does_not_belong(course: Course, file: str, words: str | bytes, wanted: str) -> None:
    """Whatever lies there, the answer is a place and a sentence."""
    put(course, file, words)
    assert any(found.startswith(wanted) for found in said(course)), said(course)


@pytest.mark.parametrize(
    "name", ["lab.yaml", "test_lab.py", "README.md", "README.fr.md", "starter", "solution", "mistakes"]
)
def test_what_every_lab_has(course: Course, name: str) -> None:
    """What is missing is named, and so is a folder in the place of a file and the other way round."""
    path = course.folder / "labs" / LAB / name
    kept = path.rename(course.folder / "kept")
    assert any(found.startswith(f"./{name}: ") for found in said(course)), said(course)
    path.mkdir() if kept.is_file() else path.touch()
    assert any(found.startswith(f"./{name}: ") for found in said(course)), said(course)


@pytest.mark.parametrize("name", ["solution", "mistakes"])
def test_a_lab_without_proof(course: Course, name: str) -> None:
    """An empty folder shows nothing."""
    folder = course.folder / "labs" / LAB / name
    shutil.rmtree(folder)
    folder.mkdir()
    assert any(found.startswith(f"./{name}: is empty") for found in said(course))


def test_a_check_that_never_fails(course: Course) -> None:
    """Every check needs a mistake that loses it: what cannot fail judges nothing. An optional one may be skipped."""
    change(course, "lab.yaml", "points: 20", "points: 12")
    rubric = course.folder / "labs" / LAB / "lab.yaml"
    check = "points: 8\n    title: {en: More, fr: Plus}\n    hint: {en: Is it?, fr: Est-ce ?}\n"
    rubric.write_text(f"{rubric.read_text()}  more:\n    {check}")
    suite = rubric.parent / "test_lab.py"
    suite.write_text(f"{suite.read_text()}\n\ndef test_more() -> None:\n    assert False\n")
    assert said(course) == ["./lab.yaml:24: checks.more is in `failed` of no mistake: nothing shows that it can fail"]
    rubric.write_text(f"{rubric.read_text()}    optional: more-of-it\n")
    assert said(course) == []


IMAGE = "docker.io/library/nginx:1.26@sha256:" + 64 * "0"
POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: {}\n"


def test_images_that_the_lab_does_not_list(course: Course) -> None:
    """They are not on the nodes; however they are written, and but for mistakes, which may mean it."""
    change(course, "lab.yaml", "images: []", f"images: ['{IMAGE}']")
    put(course, "starter/10-pod.yaml", POD.format("nginx:1.26") + "---\n" + POD.format("docker.io/library/nginx:1.26"))
    put(course, "mistakes/other-port/20-pod.yaml", POD.format("nginx:1,26"))
    assert said(course) == []
    put(course, "solution/20-pod.yaml", POD.format("nginx:1.27"))
    (found,) = said(course)
    assert found.startswith("./solution/20-pod.yaml:5: spec.containers.0.image 'nginx:1.27' is not among the images")
    assert "did you mean 'docker.io/library/nginx:1.26'?" in found


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("Which Pods are there?", False),
        ("What does `kubectl get pods` say of it?", False),
        ("`kubectl get pods --show-labels`", True),
        ("Deployment web", True),
        ("nginx:1.26 -> nginx:1.27", True),
    ],
)
def test_the_same_text_in_both_languages(course: Course, text: str, *, fine: bool) -> None:
    """Nobody has translated it, unless it is names and commands."""
    change(course, "lab.yaml", "minutes: 30", f"minutes: 30\n#{text}")
    path = course.folder / "labs" / LAB / "lab.yaml"
    path.write_text(
        re.sub(r"(title:\n  en: )>-\n.*(\n  fr: )>-\n.*", rf'\1"{text}"\2"{text}"', path.read_text(), count=1)
    )
    assert said(course) == (
        []
        if fine
        else ["./lab.yaml:1: title is the same in French and in English; names and commands alone stand in backticks"]
    )


@pytest.mark.parametrize("name", ["pods", "a1-pods", "A01-pods", "a01_pods", "a01"])
def test_the_name_of_a_lab(course: Course, name: str) -> None:
    """Names that sort, and can be typed."""
    (course.folder / "labs" / LAB).rename(course.folder / "labs" / name)
    (found,) = said(course)
    assert "is named unlike a lab: a letter, two digits, and words, as in b01-deployment-labels" in found


def test_two_labs_in_one_namespace(course: Course) -> None:
    """Each would find the other's work; on clusters of their own they would not."""
    other = course.folder / "labs" / "a01-other"
    shutil.copytree(course.folder / "labs" / LAB, other)
    assert [found.partition(": ")[2] for found in said(course)] == [
        "namespace is 'a01', which is the namespace of a01-pods already",
        "namespace is 'a01', which is the namespace of a01-other already",
    ]
    rubric = other / "lab.yaml"
    rubric.write_text(f"cluster: own\n{rubric.read_text()}")
    (other / "starter" / "kind.yaml").write_text("apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n")
    assert said(course) == []


def test_all_of_it_at_once_and_in_order(course: Course) -> None:
    """One run is enough to mend everything: several findings in one file, by line, and in many files."""
    change(course, "lab.yaml", "namespace: a01", "namespace: A01")
    change(course, "lab.yaml", "points: 20", "points: none")
    change(course, "lab.yaml", "minutes: 30", "minuets: 30")
    change(course, "lab.yaml", "    hint:", "    needs: [x, y]\n    hnit:")
    put(course, "mistakes/other-port/mistake.yaml", "failed: [example, x]\nblocked: [y, example]\nearned: {z: 1}\n")
    put(course, "solution/steps.sh", "fi\n")
    put(course, "starter/x", "")
    places = [found.split(" ")[0] for found in said(course)]
    assert places == [
        *(f"./lab.yaml:{line}:" for line in (6, 8, 12, 13, 19, 19, 20)),
        "./mistakes/other-port/mistake.yaml:1:",  # about
        "./mistakes/other-port/mistake.yaml:1:",  # x
        "./mistakes/other-port/mistake.yaml:2:",  # y
        "./mistakes/other-port/mistake.yaml:3:",  # z
        "./solution/steps.sh:1:",
        "./starter/x:",
    ], said(course)


def test_what_only_follows_is_not_said(course: Course) -> None:
    """A check whose points are no number is one finding, not two: the sum is beyond judging."""
    change(course, "lab.yaml", "points: 20", "points: none")
    assert said(course) == ["./lab.yaml:13: checks.example.points is 'none', but a number is expected"]


def test_some_labs_only(course: Course) -> None:
    """The others are left in peace; a name that there is not is answered with the nearest."""
    put(course, "../b01-broken/lab.yaml", "")
    assert said(course, LAB) == []
    assert said(course) != []
    with pytest.raises(UsageError, match="there is no lab 'a01-pdos'; did you mean 'a01-pods'"):
        lint(course, ["a01-pdos"])


def test_what_lies_beside_the_labs(course: Course) -> None:
    """A folder is a lab that lacks everything, a file a stray; and a course without labs has none to praise."""
    put(course, "../notes.txt", "")
    (course.folder / "labs" / "c01-begun").mkdir()
    found = " ".join(said(course))
    assert "labs/notes.txt: lies beside the labs" in found
    assert "c01-begun/lab.yaml: cannot be read" in found
    shutil.rmtree(course.folder / "labs")
    (course.folder / "labs").mkdir()
    with pytest.raises(UsageError, match="holds no lab"):
        lint(course)


@pytest.mark.parametrize("words", [None, b"\xff\0", b"["], ids=["gone", "no-text", "no-yaml"])
def test_nothing_in_a_lab_makes_lint_fail(course: Course, words: bytes | None) -> None:
    """Each file in turn is gone, no text, or no YAML; there is always an answer, and only then."""
    for path in sorted((course.folder / "labs" / LAB).rglob("*.*")):
        if path.is_file() and path.name != ".gitkeep":
            before = path.read_bytes()
            path.unlink() if words is None else path.write_bytes(words)
            assert said(course), path
            path.write_bytes(before)
    assert said(course) == []

"""The rubric: a good lab.yaml arrives whole, a bad one is refused with file, line, key and the right answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from labgrade.course.library import find
from labgrade.course.rubric import mistakes, read_lab, read_mistake
from labgrade.errors import UsageError
from labgrade.model import Lab, Unproven

GOOD = """\
title: {en: Web, fr: Toile}
namespace: b01
checks:
  there:
    points: 12
    title: {en: It is there, fr: Il est là}
    hint: {en: Is it?, fr: Est-il là ?}
  served:
    points: 5.5
    title: {en: It answers, fr: Il répond}
    hint: {en: Does it?, fr: Répond-il ?}
    needs: [there]
  healed:
    points: 2.5
    title: {en: It heals, fr: Il guérit}
    hint: {en: Does it?, fr: Guérit-il ?}
    disturbs: {en: deletes a Pod, fr: supprime un Pod}
    optional: metrics
"""
LAST = "    points: 2.5\n"


def lab_of(folder: Path, words: str) -> Lab:
    """The lab with that lab.yaml."""
    lab = folder / "b01-web"
    (lab / "solution").mkdir(parents=True)
    (lab / "solution" / "10-web.yaml").touch()
    (lab / "lab.yaml").write_text(words)
    return read_lab(lab)


def test_a_good_lab_arrives_whole(tmp_path: Path) -> None:
    """All that the file says is there, defaults where it says nothing."""
    lab = lab_of(tmp_path, GOOD)
    assert (lab.id, lab.namespace, lab.timeout) == ("b01-web", "b01", 60)
    assert [(check.id, check.points) for check in lab.checks] == [("there", 12), ("served", 5.5), ("healed", 2.5)]
    assert lab.check("served").needs == ("there",)
    healed = lab.check("healed")
    assert healed.disturbs is not None
    assert (healed.disturbs.fr, healed.optional) == ("supprime un Pod", "metrics")


def test_what_a_lab_needs_of_cluster_and_machine(tmp_path: Path) -> None:
    """The Pod network, and what cannot be proven without a component; by default nothing of either."""
    plain = lab_of(tmp_path / "plain", GOOD)
    assert (plain.cni, plain.unproven) == ("default", ())
    (tmp_path / "b01-web" / "mistakes" / "late").mkdir(parents=True)
    declared = "{hubble-ui: {checks: [served]}, cilium-envoy: {cases: [solution, late], checks: [there]}}"
    lab = lab_of(tmp_path, f"cni: cilium\nunproven: {declared}\n{GOOD}")
    assert lab.cni == "cilium"
    assert lab.unproven == (
        Unproven("hubble-ui", checks=("served",)),
        Unproven("cilium-envoy", checks=("there",), cases=("solution", "late")),
    )


def unproven(words: str) -> str:
    """What stands in the place of the namespace's line, with `unproven` below."""
    return f"namespace: b01\nunproven: {words}"


ENVOY = "unproven.cilium-envoy"

WRONG = [
    ("title: {en: Web, fr: Toile}", "title: Web", ":1: title is 'Web', but a mapping is expected"),
    ("title: {en: Web, fr: Toile}", "title: {en: Web}", ":1: title.fr is missing: every text stands in French"),
    ("title: {en: Web, fr: Toile}", "title: {en: Web, fr: ' '}", ":1: title.fr is missing"),
    ("title: {en: Web, fr: Toile}", "title: {en: Web, fr: T, de: N}", ":1: title.de is not known"),
    ("title: {en: Web, fr: Toile}", "", ": title is missing"),
    ("namespace: b01", "namespce: b01", ":2: namespce is not known; did you mean 'namespace'?"),
    ("namespace: b01", "namespace: B_01", ":2: namespace is 'B_01', which Kubernetes does not allow"),
    ("namespace: b01", f"namespace: {64 * 'b'}", ":2: namespace is 'bbb"),
    ("namespace: b01", "namespace: 7", ":2: namespace is 7, but a string is expected"),
    ("namespace: b01", "namespace: b01\ntimeout: 0", ":3: timeout is 0, but a number above 0 is expected"),
    ("namespace: b01", "namespace: b01\ntimeout: .nan", ":3: timeout is nan, but a number above 0 is expected"),
    ("namespace: b01", "namespace: b01\nminutes: soon", ":3: minutes is 'soon', but a number is expected"),
    ("namespace: b01", "namespace: b01\nkubernetes: 1.30", ":3: kubernetes is 1.3, but a string is expected"),
    (
        "namespace: b01",
        'namespace: b01\nkubernetes: "1.9"',
        ":3: kubernetes is '1.9', but labgrade grades 1.29 and later",
    ),
    ("namespace: b01", "namespace: b01\nkubernetes: new", ":3: kubernetes is 'new', but a version like \"1.29\""),
    (
        "namespace: b01",
        "namespace: b01\ncni: cillium",
        ":3: cni is 'cillium', which is not known; did you mean 'cil",
    ),
    ("namespace: b01", "namespace: b01\ncni: [cilium]", ":3: cni is ['cilium'], but a string is expected"),
    ("namespace: b01", unproven("[cilium-envoy]"), ":3: unproven is ['cilium-envoy'], but a mapping is expected"),
    ("namespace: b01", unproven("{envoy: {cases: [solution]}}"), ":3: unproven.envoy is not known; did you mean 'cil"),
    ("namespace: b01", unproven("{cilium-envoy: [there]}"), f":3: {ENVOY} is ['there'], but a mapping is expected"),
    ("namespace: b01", unproven("{cilium-envoy: {}}"), f":3: {ENVOY} names neither `checks` nor `cases`"),
    ("namespace: b01", unproven("{cilium-envoy: {check: [there]}}"), f":3: {ENVOY}.check is not known; did you mean"),
    (
        "namespace: b01",
        unproven("{cilium-envoy: {checks: [ther]}}"),
        f":3: {ENVOY}.checks.0 names 'ther', which is not known; did you mean 'there'?",
    ),
    (
        "namespace: b01",
        unproven("{cilium-envoy: {cases: [solutions]}}"),
        f":3: {ENVOY}.cases.0 names 'solutions', which is not known; did you mean 'solution'? (known: s",
    ),
    ("namespace: b01", "namespace: b01\nimages: nginx", ":3: images is 'nginx', but a list is expected"),
    ("namespace: b01", "namespace: b01\nimages: [1.26]", ":3: images.0 is 1.26, but a string is expected"),
    (LAST, "    points: 3\n", ":3: checks add up to 20.5 points, but to 20 they must"),
    (LAST, "    points: -2.5\n", ":14: checks.healed.points is -2.5, but a number above 0 is expected"),
    (LAST, "    points: .nan\n", ":14: checks.healed.points is nan, but a number above 0 is expected"),
    (LAST, "    points: true\n", ":14: checks.healed.points is True, but a number is expected"),
    (LAST, "    points: '2.5'\n", ":14: checks.healed.points is '2.5', but a number is expected"),
    (LAST, "    ponits: 2.5\n", ":14: checks.healed.ponits is not known; did you mean 'points'?"),
    (LAST, "", ":13: checks.healed.points is missing"),
    ("needs: [there]", "needs: [their]", ":12: checks.served.needs.0 names 'their', which is not known; did you mean"),
    ("needs: [there]", "needs: [healed]", ":12: checks.served.needs.0 names 'healed', which is not known"),
    ("needs: [there]", "needs: [served]", ":12: checks.served.needs.0 names 'served', which is not known"),
    ("needs: [there]", "needs: there", ":12: checks.served.needs is 'there', but a list is expected"),
    ("  served:\n", "  there:\n", ":8: checks.there stands here a second time"),
    ("  served:\n", "  is-served:\n", ":8: checks.is-served is 'is-served', which cannot follow `test_`"),
    ("  served:\n", "  7:\n", "checks.7 is 7, which cannot follow `test_`"),
    ("  served:\n", "  on:\n", "checks.True is True, which cannot follow `test_`"),
    ("optional: metrics", "optional: true", ":18: checks.healed.optional is True, but a string is expected"),
    ("disturbs: {en: deletes a Pod, fr: supprime un Pod}", "disturbs: yes", ":17: checks.healed.disturbs is True"),
    (GOOD[GOOD.index("  there:") :], "  - there\n", ":3: checks is ['there'], but a mapping is expected"),
    (GOOD[GOOD.index("    points: 12") : GOOD.index("  served:")], "    12\n", ":4: checks.there is 12, but a mapping"),
]


@pytest.mark.parametrize(("good", "bad", "said"), WRONG)
def test_a_wrong_rubric_is_refused(tmp_path: Path, good: str, bad: str, said: str) -> None:
    """The complaint names file, line, key, what was found and, where there is one, the nearest right answer."""
    assert GOOD.count(good) == 1
    with pytest.raises(UsageError) as raised:
        lab_of(tmp_path, GOOD.replace(good, bad))
    assert said in str(raised.value).removeprefix(f"{tmp_path}/b01-web/lab.yaml")


def test_an_observing_check_cannot_need_a_disturbing_one(tmp_path: Path) -> None:
    """It runs before; its prerequisite would never have an outcome."""
    words = GOOD.replace("    points: 12\n", "    points: 12\n    disturbs: {en: deletes, fr: supprime}\n")
    with pytest.raises(UsageError, match=r":13: checks\.served\.needs\.0 names 'there', which disturbs"):
        lab_of(tmp_path, words)


def test_a_disturbing_check_may_need_any_earlier_one(tmp_path: Path) -> None:
    """Those that look run first, those that disturb in the rubric's order."""
    words = GOOD.replace("    points: 5.5\n", "    points: 5.5\n    disturbs: {en: deletes, fr: supprime}\n")
    words = words.replace(LAST, f"{LAST}    needs: [there, served]\n")
    assert lab_of(tmp_path, words).check("healed").needs == ("there", "served")


MISTAKE = "about: One Pod is missing\nfailed: [there]\nblocked: [served]\nwithout: [10-web.yaml]\nearned: {there: 3}\n"


def mistake_of(folder: Path, words: str) -> Lab:
    """A good lab with that mistake."""
    lab = lab_of(folder, GOOD)
    mistake = lab.folder / "mistakes" / "too-few"
    mistake.mkdir(parents=True)
    (mistake / "mistake.yaml").write_text(words)
    return lab


def test_a_good_mistake_arrives_whole(tmp_path: Path) -> None:
    """Name, what fails, what is blocked, and what a failed check still earns."""
    (found,) = mistakes(mistake_of(tmp_path, MISTAKE))
    assert (found.name, found.failed, found.blocked) == ("too-few", ("there",), ("served",))
    assert found.earned == {"there": 3.0}


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("about: One Pod is missing\n", "", ": about is missing"),
        ("about: ", "abuot: ", ":1: abuot is not known; did you mean 'about'?"),
        ("failed: [there]", "failed: [their]", ":2: failed.0 names 'their', which is not known; did you mean 'there'?"),
        ("failed: [there]", "failed: []", ":2: failed is empty: a mistake must lose something"),
        ("failed: [there]\n", "", "failed is empty: a mistake must lose something"),
        ("[served]", "[there]", ":3: blocked holds 'there', which is in `failed` already"),
        ("10-web.yaml", "10-wbe.yaml", ":4: without.0 names '10-wbe.yaml', which is not known; did you mean"),
        ("there: 3", "their: 3", ":5: earned.their is not known; did you mean 'there'?"),
        ("there: 3", "served: 3", ":5: earned.served is not in `failed`"),
        ("there: 3", "there: 12", ":5: earned.there is 12, but a failed check earns less than its 12"),
        ("there: 3", "there: -1", ":5: earned.there is -1, but a number above 0 is expected"),
    ],
)
def test_a_wrong_mistake_is_refused(tmp_path: Path, good: str, bad: str, said: str) -> None:
    """A proof against expectations that name no check of the lab would prove nothing."""
    assert MISTAKE.count(good) == 1
    lab = mistake_of(tmp_path, MISTAKE.replace(good, bad))
    with pytest.raises(UsageError) as raised:
        mistakes(lab)
    assert said in str(raised.value).removeprefix(f"{lab.folder}/mistakes/too-few/mistake.yaml")


def test_a_mistake_of_a_lab_without_a_solution_is_refused_in_words(tmp_path: Path) -> None:
    """A folder that is missing is no traceback."""
    lab = mistake_of(tmp_path, MISTAKE)
    (lab.folder / "solution" / "10-web.yaml").unlink()
    (lab.folder / "solution").rmdir()
    with pytest.raises(UsageError, match=r"without\.0 names '10-web\.yaml', which is not known"):
        read_mistake(lab.folder / "mistakes" / "too-few", lab)


def test_the_course_itself_is_right() -> None:
    """Every lab and mistake that we ship is readable."""
    for lab in find(None).labs():
        assert mistakes(lab)


def in_cluster_lab(folder: Path, cluster: str, *makers: str) -> Lab:
    """The lab with that `cluster`, and with a kind.yaml in these answers."""
    for maker in makers:
        (folder / "b01-web" / maker).mkdir(parents=True, exist_ok=True)
        (folder / "b01-web" / maker / "kind.yaml").touch()
    (folder / "b01-web").mkdir(exist_ok=True)
    (folder / "b01-web" / "lab.yaml").write_text(GOOD + cluster)
    return read_lab(folder / "b01-web")


def test_a_lab_may_have_a_cluster_of_its_own(tmp_path: Path) -> None:
    """Its name is in the rubric, what it is made from in the answers."""
    assert in_cluster_lab(tmp_path, "cluster: b01\n", "starter", "solution").cluster == "b01"
    assert lab_of(tmp_path / "other", GOOD).cluster is None


@pytest.mark.parametrize(
    ("cluster", "makers", "said"),
    [
        ("cluster: B_01\n", ["starter"], "cluster is 'B_01': kind allows lower-case letters, digits"),
        ("cluster: 7\n", ["starter"], "cluster is 7, but a string is expected"),
        ("cluster: b01\n", [], "cluster is 'b01', but no starter/kind.yaml describes it"),
        ("cluster: b01\n", ["solution"], "cluster is 'b01', but no starter/kind.yaml describes it"),
        ("", ["starter"], "cluster is missing: starter/kind.yaml describes a cluster, and this is its name"),
        ("", ["solution"], "cluster is missing: solution/kind.yaml describes a cluster"),
    ],
)
def test_a_cluster_without_a_name_or_a_name_without_a_cluster(
    tmp_path: Path, cluster: str, makers: list[str], said: str
) -> None:
    """Either alone is refused: nobody could begin such a lab."""
    with pytest.raises(UsageError) as raised:
        in_cluster_lab(tmp_path, cluster, *makers)
    assert said in str(raised.value)

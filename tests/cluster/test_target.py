"""Which cluster is meant: what was said, else the lab's own, else the practice cluster, else the user's current one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labgrade.cluster import target
from labgrade.errors import UsageError
from tests.support.apiserver import ApiServer


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's kubeconfig, which is not there yet; nothing of this machine's user is looked at."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "own"


def put(path: Path, server: ApiServer, *names: str) -> Path:
    """A kubeconfig of these kind clusters, the last one current; which file it was shows in the token."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = json.loads(server.kubeconfig(path.parent).read_text())
    contexts = [f"kind-{name}" for name in names]
    made["users"][0]["user"]["token"] = path.name
    made["contexts"] = [{"name": name, "context": made["contexts"][0]["context"]} for name in contexts]
    path.write_text(json.dumps(made | {"current-context": contexts[-1]}))
    return path


def found(file: Path | None = None, context: str | None = None, cluster: str | None = None) -> tuple[str | None, str]:
    """File and context that are meant."""
    access = target.resolve(str(file) if file else None, context, cluster)
    return access.token, access.context


def test_without_a_word_the_practice_cluster_else_the_current_one(own: Path, server: ApiServer) -> None:
    """Never silently another one."""
    with pytest.raises(UsageError, match="there is no practice cluster"):
        found()
    put(own, server, "two", "mine")
    assert found() == ("own", "kind-mine")
    put(target.practice_kubeconfig(), server, "labgrade")
    assert found() == ("labgrade.kubeconfig", "kind-labgrade")


def test_a_lab_about_a_cluster_is_graded_on_that_cluster(own: Path, server: ApiServer) -> None:
    """Whatever the current context is, and whether or not there is a practice cluster."""
    put(target.practice_kubeconfig(), server, "labgrade")
    put(target.practice_kubeconfig("a01"), server, "a01")
    assert found(cluster="a01") == ("a01.kubeconfig", "kind-a01")
    put(own, server, "mine")
    assert found(cluster="a01") == ("a01.kubeconfig", "kind-a01")
    # kind itself writes only here: the student made the cluster anew.
    put(own, server, "a01", "mine")
    assert found(cluster="a01") == ("own", "kind-a01")


def test_a_lab_whose_cluster_is_not_there_says_what_to_type(own: Path, server: ApiServer) -> None:
    """Both ways to make it."""
    put(own, server, "mine")
    with pytest.raises(UsageError) as raised:
        found(cluster="a01")
    assert "there is no context kind-a01" in str(raised.value)
    assert "kind create cluster --name a01 --config FILE" in str(raised.value)
    assert "labgrade up --name a01 --config FILE" in str(raised.value)


def test_what_was_said_counts_for_such_a_lab_too(own: Path, server: ApiServer, tmp_path: Path) -> None:
    """A file, a context, or both."""
    put(own, server, "a01", "mine")
    other = put(tmp_path / "other", server, "theirs")
    assert found(other, cluster="a01") == ("other", "kind-theirs")
    assert found(context="kind-mine", cluster="a01") == ("own", "kind-mine")
    assert found(other, "kind-theirs", "a01") == ("other", "kind-theirs")

"""The judges of credentials, on recorded states: what is off is said, and never a value."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from checks.secrets import assert_decodes, assert_only_from_secret, in_clear
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.insides import inside
from tests.checks.states import World, deployment, made, pod, revision

PASSWORD = "thyme-and-patience"
WANTED = {"username": b"waiter", "password": PASSWORD.encode()}
BASIC = "kubernetes.io/basic-auth"


def encoded(words: str) -> str:
    """As `data` has it."""
    return base64.b64encode(words.encode()).decode()


def till(username: str = "waiter", password: str = PASSWORD, kind: str = BASIC, **parts: Any) -> Json:
    """The Secret."""
    data = {"username": encoded(username), "password": encoded(password)}
    return made("Secret", "till", **({"type": kind, "data": data} | parts))


def decodes(*objects: Json) -> None:
    """Judges it."""
    assert_decodes(World(*objects).cluster.secret("till"), kind=BASIC, values=WANTED)


def test_a_secret_as_asked_is_met() -> None:
    """Of the type, and to the byte."""
    decodes(till())


@pytest.mark.parametrize(
    ("secret", "saw", "credit"),
    [
        (till(kind="Opaque"), "secret/till: its type is Opaque$", 2 / 3),
        (till(password=f"{PASSWORD}\n"), "password has white space around it", 2 / 3),
        (till(password=encoded(PASSWORD)), "password was encoded twice", 2 / 3),
        (till(password=encoded(f"{PASSWORD}\n")), "password was encoded twice", 2 / 3),
        (till(encoded("waiter"), encoded(PASSWORD)), "username was encoded twice.*; password was encoded twice", 1 / 3),
        (till(password="pepper"), "password is another value", 2 / 3),
        (till(data={"username": encoded("waiter")}), "it has no key password", 2 / 3),
        (till("x", "y", "Opaque"), "its type is Opaque; username is another value.*; password is another", 0),
        (made("ConfigMap", "till"), "there is no secret/till", 0),
    ],
    ids=["type", "newline", "twice", "twice with newline", "both twice", "another", "missing", "nothing right", "none"],
)
def test_each_value_and_the_type_earn_their_part(secret: Json, saw: str, credit: float) -> None:
    """What is off is named, and no value is said."""
    with pytest.raises(Unmet, match=saw) as unmet:
        decodes(secret)
    assert unmet.value.credit == pytest.approx(credit)
    said = f"{unmet.value.saw}{unmet.value.wanted}{unmet.value.try_}{unmet.value.evidence}"
    assert not any(word in said for word in (PASSWORD, encoded(PASSWORD), "pepper"))


FROM_SECRET: Json = {"name": "TILL_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "till", "key": "password"}}}
FROM_MENU: Json = {"name": "TILL_PASSWORD", "valueFrom": {"configMapKeyRef": {"name": "menu", "key": "password"}}}
LITERAL: Json = {"name": "TILL_PASSWORD", "value": PASSWORD}


def credential(env: list[Json], *objects: Json, **container: Any) -> None:
    """Judges the container's password."""
    spec = {"containers": [{"name": "web", "env": env, **container}]}
    bistro = deployment("bistro", replicas=1, image="nginx:1.26", revision=1)
    bistro["spec"]["template"] = {"metadata": {}, "spec": spec}
    cluster = World(
        till(),
        bistro,
        revision("bistro", 1, image="nginx:1.26", ready=1),
        pod("bistro-1-a", owner=("ReplicaSet", "bistro-1"), spec=spec),
        *objects,
    ).cluster
    secret = cluster.secret("till")
    assert_only_from_secret(
        cluster, cluster.deployment("bistro"), inside({}), name="TILL_PASSWORD", secret=secret, key="password"
    )


@pytest.fixture(autouse=True)
def _has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the container's environment says."""
    monkeypatch.setenv("TILL_PASSWORD", PASSWORD)


def test_a_password_that_only_the_secret_has_is_met() -> None:
    """Named by the container, and what the Secret says now."""
    credential([FROM_SECRET], made("ConfigMap", "menu", data={"menu.txt": "thyme"}))


@pytest.mark.parametrize(
    ("env", "objects", "container", "saw"),
    [
        ([LITERAL], [], {}, "also stands in: deployment/bistro, container web, env TILL_PASSWORD$"),
        ([FROM_MENU], [made("ConfigMap", "menu", data={"password": PASSWORD})], {}, "in: configmap/menu, password$"),
        (
            [FROM_SECRET],
            [made("ConfigMap", "menu", data={"x": f"pw={encoded(PASSWORD)}"})],
            {},
            "in: configmap/menu, x",
        ),
        ([FROM_SECRET], [], {"args": [f"--password={PASSWORD}"]}, "container web, args$"),
        ([FROM_SECRET], [], {"command": ["sh", "-c", f"login {PASSWORD}"]}, "container web, command$"),
        (
            [FROM_SECRET],
            [],
            {"livenessProbe": {"exec": {"command": ["ping", f"-p{PASSWORD}"]}}},
            "container web, livenessProbe$",
        ),
        (
            [FROM_SECRET],
            [],
            {"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", f"login {PASSWORD}"]}}}},
            r"container web, lifecycle\.postStart$",
        ),
        (
            [FROM_SECRET],
            [],
            {"lifecycle": {"preStop": {"exec": {"command": ["logout", PASSWORD]}}, "postStart": {"sleep": {}}}},
            r"container web, lifecycle\.preStop$",
        ),
        ([], [], {}, "TILL_PASSWORD in pod/bistro-1-a is not set"),
        (
            [{"name": "TILL_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "till", "key": "username"}}}],
            [],
            {},
            "is secret/till, key username",
        ),
    ],
    ids=[
        "literal",
        "in a map",
        "in base64",
        "in args",
        "in a command",
        "in a probe",
        "after the start",
        "before the stop",
        "not set",
        "another key",
    ],
)
def test_a_password_that_stands_elsewhere_is_unmet(
    env: list[Json], objects: list[Json], container: Json, saw: str
) -> None:
    """Its place is named, and it is not."""
    with pytest.raises(Unmet, match=saw) as unmet:
        credential(env, *objects, **container)
    assert PASSWORD not in f"{unmet.value.saw}{unmet.value.wanted}{unmet.value.try_}{unmet.value.evidence}"


def test_a_password_that_is_older_than_the_secret_is_unmet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable stays what it was."""
    monkeypatch.setenv("TILL_PASSWORD", "pepper")
    with pytest.raises(Unmet, match="as old as its container"):
        credential([FROM_SECRET])


def test_a_short_value_must_be_found_whole() -> None:
    """It is a part of many words; and no value at all is a part of all of them."""
    menu = made("ConfigMap", "menu", data={"menu.txt": "soup and more soup", "day": " soup\n", "night": ""})
    cluster = World(menu).cluster
    assert in_clear(cluster, [b"soup"]) == ["configmap/menu, day"]
    assert in_clear(cluster, [b"", b"\n"]) == []


def test_what_apply_notes_down_is_not_told_twice() -> None:
    """It repeats what is said elsewhere already."""
    note = {"kubectl.kubernetes.io/last-applied-configuration": PASSWORD, "note": PASSWORD}
    cluster = World(pod("bare", annotations=note, spec={"containers": []})).cluster
    assert in_clear(cluster, [PASSWORD.encode()]) == ["pod/bare, annotation note"]

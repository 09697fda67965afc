"""Judges of where passwords come from, on recorded states; what a Secret keeps is never told."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from checks.credentials import assert_only_from_secret
from labgrade.errors import Unmet
from labgrade.model import Json
from tests.checks.states import World, made

PASSWORD = "correct-horse"
SECRET = made("Secret", "mysql-pass", data={"password": base64.b64encode(PASSWORD.encode()).decode()})
REFERENCE: Json = {"valueFrom": {"secretKeyRef": {"name": "mysql-pass", "key": "password"}}}


def variable(name: str, value: str | None = None) -> Json:
    """An environment variable, from the Secret unless it has a value."""
    return {"name": name, **(REFERENCE if value is None else {"value": value})}


def app(name: str, *env: Json, volumes: list[Json] | None = None, **container: Any) -> Json:
    """A Deployment with one container."""
    made_of = {"name": "main", "image": "mariadb:12.0.2", "env": list(env), **container}
    return made("Deployment", name, spec={"template": {"spec": {"containers": [made_of], "volumes": volumes or []}}})


BASE = app("base", variable("MARIADB_ROOT_PASSWORD"), variable("MARIADB_USER", "wordpress"))
SITE = app("site", variable("WORDPRESS_DB_PASSWORD"), variable("WORDPRESS_DB_NAME", "wordpress"))


def judged(*others: Json) -> None:
    """The two as they should be, `others` in place of what has the same name."""
    taken = {each["metadata"]["name"] for each in others}
    world = World(*(each for each in (SECRET, BASE, SITE) if each["metadata"]["name"] not in taken), *others)
    assert_only_from_secret(world.cluster, [world.cluster.deployment("base"), world.cluster.deployment("site")])


FILE: Json = {"volumeMounts": [{"name": "pass", "mountPath": "/run/pass"}]}
EMPTY: list[Json] = [{"name": "pass", "emptyDir": {}}]
FROM_SECRET = [{"name": "pass", "secret": {"secretName": "mysql-pass"}}]


@pytest.mark.parametrize(
    "base",
    [
        BASE,
        app("base", envFrom=[{"secretRef": {"name": "mysql-pass"}}]),
        app("base", variable("MARIADB_PASSWORD_FILE", "/run/pass/password"), volumes=FROM_SECRET, **FILE),
        app("base", variable("MARIADB_PASSWORD"), variable("MARIADB_RANDOM_ROOT_PASSWORD", "yes")),
    ],
)
def test_passwords_from_a_secret_are_met(base: Json) -> None:
    """By reference, all at once, or by a file; that root's is made up is no password in clear."""
    judged(base)


def test_a_weak_password_may_be_a_word_that_stands_elsewhere() -> None:
    """The name of the database is no secret, whatever the password is."""
    weak = made("Secret", "mysql-pass", data={"password": base64.b64encode(b"wordpress").decode()})
    judged(weak, made("ConfigMap", "settings", data={"db_name": "wordpress", "DATABASE": "wordpress"}))


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (app("base", variable("MYSQL_ROOT_PASSWORD", "x")), "MYSQL_ROOT_PASSWORD of container main does not come from"),
        (
            app("base", {"name": "MYSQL_PASSWORD", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}),
            "MYSQL_PASSWORD of container main does not come from a Secret",
        ),
        (app("base", variable("MYSQL_PASSWORD_FILE", "/run/pass")), "MYSQL_PASSWORD_FILE of container main does not"),
        (
            app(
                "base",
                variable("MYSQL_PASSWORD_FILE", "/run/pass/a"),
                volumes=[{"name": "pass", "emptyDir": {}}],
                **FILE,
            ),
            "MYSQL_PASSWORD_FILE of container main does not",
        ),
        (app("base"), "deployment/base is given no password"),
        (
            app("base", variable("MYSQL_PASSWORD"), args=[f"--init={PASSWORD}!"]),
            "what a Secret keeps stands in clear in args of container main",
        ),
        (
            app("base", variable("MYSQL_PASSWORD"), variable("EXTRA", f"pass={PASSWORD}")),
            "what a Secret keeps stands in clear in EXTRA",
        ),
    ],
)
def test_a_password_from_elsewhere_costs_half(base: Json, words: str) -> None:
    """Of one of two workloads; and it is not repeated."""
    with pytest.raises(Unmet, match=words) as caught:
        judged(base)
    assert caught.value.credit == 0.5
    assert PASSWORD not in f"{vars(caught.value)} {caught.value}"


def test_a_password_in_a_config_map_is_found() -> None:
    """Also where nobody uses it; which one it is stays unsaid."""
    with pytest.raises(Unmet, match=r"stands in clear in configmap/settings, key notes$") as caught:
        judged(made("ConfigMap", "settings", data={"notes": f"remember {PASSWORD}"}))
    assert caught.value.credit == 0
    assert PASSWORD not in f"{vars(caught.value)} {caught.value}"

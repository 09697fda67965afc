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


def secret(name: str, **values: str) -> Json:
    """A Secret, its values in base64."""
    return made("Secret", name, data={key: base64.b64encode(value.encode()).decode() for key, value in values.items()})


SECRET = secret("mysql-pass", password=PASSWORD)
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


def words_in(action: str, *words: str) -> Json:
    """A container's probe or hook that runs a command."""
    run: Json = {"exec": {"command": list(words)}}
    return {action: run} if action.endswith("Probe") else {"lifecycle": {action: run}}


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
        app("base", variable("DB_PASS"), variable("MARIADB_ROOT_PASSWORD", "$(DB_PASS)")),
        app("base", variable("A"), variable("B", "$(A)"), variable("MARIADB_ROOT_PASSWORD", "$(B)")),
        app(
            "base",
            variable("MARIADB_ROOT_PASSWORD", "$(pass_word)"),
            envFrom=[{"prefix": "pass_", "secretRef": {"name": "words"}}],
        ),
        app("base", envFrom=[{"prefix": "MARIADB_PASSWORD_", "secretRef": {"name": "words"}}]),
        app("base", envFrom=[{"configMapRef": {"name": "files"}}], volumes=FROM_SECRET, **FILE),
        app(
            "base",
            {
                "name": "MARIADB_PASSWORD_FILE",
                "valueFrom": {"configMapKeyRef": {"name": "files", "key": "MARIADB_PASSWORD_FILE"}},
            },
            volumes=FROM_SECRET,
            **FILE,
        ),
        app("base", variable("MARIADB_PASSWORD"), envFrom=[{"configMapRef": {"name": "clear"}}]),
        app("base", variable("MARIADB_PASSWORD"), **words_in("preStop", "mariadb-admin", "shutdown")),
    ],
)
def test_passwords_from_a_secret_are_met(base: Json) -> None:
    """By reference, taken over, all at once, or by a file; what is made up or replaced is no password in clear."""
    judged(
        base,
        secret("words", word="battery-staple"),
        made("ConfigMap", "files", data={"MARIADB_PASSWORD_FILE": "/run/pass/password"}),
        made("ConfigMap", "clear", data={"MARIADB_PASSWORD": "to-be-replaced", "MARIADB_DATABASE": "wordpress"}),
    )


@pytest.mark.parametrize(
    ("password", "key", "words"),
    [
        ("wordpress", "db_name", "wordpress"),
        ("wordpress", "DATABASE", "wordpress"),
        ("wordpress", "init.sql", "CREATE DATABASE wordpress;"),
        ("wordpress", "site", "title: All about wordpress, and more"),
        ("wordpress", "site.env", "TITLE=wordpress\nDB_USER=wordpress"),
        ("wordpress", "site", "url=http://wordpress.local backend=wordpress:80"),
        ("word", "notes", "wordpress=words word-press"),
        ("word", "MY_PASSWORDS", "none, take my word"),
        ("wordpress", "config", "host:wordpress-db -p wordpress --port=wordpresses"),
    ],
)
def test_a_weak_password_may_be_a_word_that_stands_elsewhere(password: str, key: str, words: str) -> None:
    """The name of the database is no secret, whatever the password is."""
    judged(secret("mysql-pass", password=password), made("ConfigMap", "settings", data={key: words}))


def test_a_weak_password_may_be_a_word_of_the_manifest() -> None:
    """Addresses and titles may well have it."""
    env = [
        variable("MARIADB_PASSWORD"),
        variable("HOME_PAGE", "http://wordpress.local"),
        variable("TITLE", "wordpress"),
    ]
    judged(secret("mysql-pass", password="wordpress"), app("base", *env, args=["wait-for", "wordpress"]))


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
        (app("base", envFrom=[{"secretRef": {"name": "other"}}]), "deployment/base is given no password"),
        (app("base", envFrom=[{"secretRef": {"name": "none"}}]), "deployment/base is given no password"),
        (
            app("base", envFrom=[{"prefix": "MARIADB_", "configMapRef": {"name": "settings"}}]),
            "MARIADB_ROOT_PASSWORD of container main does not come from a Secret",
        ),
        (
            app("base", envFrom=[{"prefix": "PASSWORD_", "configMapRef": {"name": "plain"}}]),
            "PASSWORD_x of container main does not come from a Secret",
        ),
        (
            app("base", variable("MYSQL_PASSWORD", "$(DB_PASS)"), variable("DB_PASS")),
            "MYSQL_PASSWORD of container main does not come from a Secret",
        ),
        (
            app("base", variable("DB_PASS", "x"), variable("MYSQL_PASSWORD", "$(DB_PASS)")),
            "MYSQL_PASSWORD of container main does not come from a Secret",
        ),
        (
            app("base", variable("DB_PASS"), variable("MYSQL_PASSWORD", "$(DB_PASS)!")),
            "MYSQL_PASSWORD of container main does not come from a Secret",
        ),
        *(
            (
                app(
                    "base",
                    variable("MYSQL_PASSWORD"),
                    **words_in(action, "mysqladmin", "ping", "-uroot", f"-p{PASSWORD}"),
                ),
                f"what a Secret keeps stands in clear in {where} of container main",
            )
            for action, where in (
                ("startupProbe", "startupProbe"),
                ("readinessProbe", "readinessProbe"),
                ("livenessProbe", "livenessProbe"),
                ("postStart", r"lifecycle\.postStart"),
                ("preStop", r"lifecycle\.preStop"),
            )
        ),
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
        judged(
            base,
            secret("other", user="somebody"),
            made("ConfigMap", "settings", data={"ROOT_PASSWORD": "battery"}),
            made("ConfigMap", "plain", data={"x": "y"}),
        )
    assert caught.value.credit == 0.5
    assert PASSWORD not in f"{vars(caught.value)} {caught.value}"


@pytest.mark.parametrize("said", ["-pmysql", "--password=mysql", "mysqladmin -uroot -p'mysql' ping", "root:mysql@base"])
def test_a_weak_password_that_is_handed_over_costs_half(said: str) -> None:
    """Where an option or an address gives it, it is no word by chance."""
    base = app("base", variable("MYSQL_PASSWORD"), command=["sh", "-c", said])
    with pytest.raises(Unmet, match="stands in clear in command of container main") as caught:
        judged(secret("mysql-pass", password="mysql"), base)
    assert caught.value.credit == 0.5


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("notes", "{}"),
        ("my.cnf", "[client]\nuser = root\npassword = {}\n"),
        ("settings.yaml", 'root: "{}"'),
        ("run.sh", "mariadb -uroot -p{} wordpress"),
        ("init.sql", "CREATE USER wordpress IDENTIFIED BY '{}';"),
        ("wp-config.php", "define( 'DB_PASSWORD', '{}' );"),
        ("url", "mysql://user:{}@base/wordpress"),
        ("PASSWORD_HINT", "Remember: it is {}"),
    ],
)
@pytest.mark.parametrize("password", [PASSWORD, "wordpress-drum-7"])
def test_a_password_in_a_config_map_alone_costs_half(password: str, key: str, words: str) -> None:
    """Also where nobody uses it; which one it is stays unsaid."""
    with pytest.raises(Unmet, match=f"stands in clear in configmap/settings, key {key}$") as caught:
        judged(
            secret("mysql-pass", password=password), made("ConfigMap", "settings", data={key: words.format(password)})
        )
    assert caught.value.credit == 0.5
    assert password not in f"{vars(caught.value)} {caught.value}"

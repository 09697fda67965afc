"""The entrypoint of MariaDB's image reads its settings as the public image does, and never leaves half a database."""

import os
import subprocess
from pathlib import Path

import pytest

from images import recipes

SCRIPT = recipes.FOLDER / "mariadb" / "docker-entrypoint.sh"
SERVER = """#!/bin/sh
case "$*" in
*--help*) echo "datadir $HERE/data/" ;;
*--bootstrap*) /bin/cat >"$HERE/sql"; [ ! -e "$HERE/broken" ] && mkdir "${2#--datadir=}/mysql" ;;
*) echo "serves: $*" ;;
esac
"""
TABLES = ("system_tables", "performance_tables", "system_tables_data", "sys_schema")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A place in which the script finds a server that only notes what it is told."""
    for folder in ("bin", "data", "tables"):
        (tmp_path / folder).mkdir()
    for name in (*(f"mariadb_{table}.sql" for table in TABLES), "maria_add_gis_sp_bootstrap.sql"):
        (tmp_path / "tables" / name).touch()
    text = SCRIPT.read_text().replace("/usr/share/mariadb", f"{tmp_path}/tables")
    for name, content in {"entrypoint": text, "mariadbd": SERVER, "id": "#!/bin/sh\necho 999\n"}.items():
        (tmp_path / "bin" / name).write_text(content)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def started(here: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a container with these variables comes to."""
    path = f"{here}/bin:{os.environ['PATH']}"
    command = [here / "bin/entrypoint", *(words or ("mariadbd",))]
    return subprocess.run(command, env={"PATH": path, "HERE": str(here)} | variables, capture_output=True, text=True)


def sql(here: Path) -> str:
    """What the server was told while its data directory was filled."""
    return (here / "sql").read_text()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "Set one of MARIADB_ROOT_PASSWORD"),
        ({"MARIADB_ROOT_PASSWORD": ""}, "Set one of MARIADB_ROOT_PASSWORD"),
        ({"MARIADB_ROOT_PASSWORD": "a", "MARIADB_ROOT_PASSWORD_FILE": "/b"}, "both set"),
        ({"MYSQL_ROOT_PASSWORD_FILE": "/absent"}, "MYSQL_ROOT_PASSWORD_FILE names /absent, which cannot be read."),
        ({"MARIADB_ROOT_PASSWORD": "a", "MYSQL_USER": "wp"}, "MARIADB_USER is set without MARIADB_PASSWORD"),
        ({"MARIADB_ROOT_PASSWORD": "a", "MARIADB_USER": "root", "MARIADB_PASSWORD": "b"}, "may not be root"),
    ],
)
def test_settings_that_cannot_be_meant_end_it(here: Path, variables: dict[str, str], said: str) -> None:
    """With exit code 1, a sentence, and nothing written."""
    done = started(here, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert not list((here / "data").iterdir())


@pytest.mark.parametrize("prefix", ["MARIADB", "MYSQL"])
def test_root_a_database_and_its_user_are_made(here: Path, prefix: str) -> None:
    """From either spelling; a quote in a password stays in it, and an underscore in a grant is no wildcard."""
    given = {"ROOT_PASSWORD": "it's", "DATABASE": "word_press", "USER": "wp", "PASSWORD": "pw"}
    done = started(here, **{f"{prefix}_{name}": value for name, value in given.items()})
    assert (done.returncode, done.stdout) == (0, "serves: \n")
    lines = sql(here).splitlines()
    assert "ALTER USER root@localhost IDENTIFIED BY 'it''s';" in lines
    assert "CREATE USER root@'%' IDENTIFIED BY 'it''s';" in lines
    assert "CREATE DATABASE IF NOT EXISTS `word_press`;" in lines
    assert "CREATE USER 'wp'@'%' IDENTIFIED BY 'pw';" in lines
    assert r"GRANT ALL ON `word\_press`.* TO 'wp'@'%';" in lines


def test_a_password_comes_from_a_file(here: Path) -> None:
    """As a mounted Secret gives it, without the line's end."""
    (here / "secret").write_text("from-a-file\n")
    started(here, MARIADB_ROOT_PASSWORD_FILE=str(here / "secret"), MARIADB_ROOT_HOST="localhost")
    assert "ALTER USER root@localhost IDENTIFIED BY 'from-a-file';" in sql(here)
    assert "CREATE USER root@" not in sql(here)


def test_a_random_password_is_told(here: Path) -> None:
    """In the log, and it is the one that is set."""
    said = started(here, MARIADB_RANDOM_ROOT_PASSWORD="yes").stderr
    password = said.split("GENERATED ROOT PASSWORD: ")[1].split("\n")[0]
    assert len(password) > 20
    assert f"ALTER USER root@localhost IDENTIFIED BY '{password}';" in sql(here)


def test_a_database_that_is_there_is_left_alone(here: Path) -> None:
    """Whatever the environment says, nothing is asked and nothing filled; flags alone are the server's."""
    (here / "data/mysql").mkdir()
    done = started(here, "--port=3307")
    assert (done.returncode, done.stdout) == (0, "serves: --port=3307\n")
    assert not (here / "sql").exists()


def test_a_filling_that_fails_is_done_again(here: Path) -> None:
    """A server never starts on half a database, which would have no password."""
    (here / "broken").touch()
    first = started(here, MARIADB_ROOT_PASSWORD="a")
    assert (first.returncode, first.stdout) == (1, "")
    assert not (here / "data/mysql").exists()
    (here / "broken").unlink()
    second = started(here, MARIADB_ROOT_PASSWORD="a")
    assert second.returncode == 0
    assert sorted(path.name for path in (here / "data").iterdir()) == [".my-healthcheck.cnf", "mysql"]


def test_another_command_is_simply_run(here: Path) -> None:
    """As with `command: [sleep]` in a Pod."""
    assert started(here, "echo", "hello").stdout == "hello\n"

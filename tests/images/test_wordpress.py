"""The entrypoint of WordPress's image fills an empty volume once, and the configuration reads the environment."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from images import recipes

FOLDER = recipes.FOLDER / "wordpress"
RECIPE = recipes.read(recipes.FOLDER / "wordpress.yaml")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A place with WordPress to copy and a web server that only says that it runs."""
    for folder in ("bin", "src/wordpress/wp-includes", "certificates/mozilla", "html", "tmp"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "elsewhere.js").write_text("of another package")
    (tmp_path / "src/wordpress/index.php").write_text("<?php")
    (tmp_path / "src/wordpress/wp-includes/lodash.js").symlink_to(tmp_path / "elsewhere.js")
    (tmp_path / "src/wordpress-config.php").write_text((FOLDER / "wp-config.php").read_text())
    (tmp_path / "certificates/mozilla/a.crt").write_text("a certificate\n")
    text = (FOLDER / "docker-entrypoint.sh").read_text().replace("/usr/src", f"{tmp_path}/src")
    text = text.replace("/usr/share/ca-certificates", f"{tmp_path}/certificates").replace(">/tmp", f">{tmp_path}/tmp")
    programs = {"entrypoint": text, "apache2-foreground": "#!/bin/sh\necho serves\n", "id": "#!/bin/sh\necho 33\n"}
    for name, content in programs.items():
        (tmp_path / "bin" / name).write_text(content)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def started(here: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a container with these variables comes to."""
    env = {"PATH": f"{here}/bin:{os.environ['PATH']}"} | variables
    command = [here / "bin/entrypoint", "apache2-foreground"]
    return subprocess.run(command, cwd=here / "html", env=env, capture_output=True, text=True, check=True)


def test_an_empty_folder_is_filled(here: Path) -> None:
    """With files, not with links that lead out of the volume; then the web server takes over."""
    assert started(here, WORDPRESS_DB_HOST="mariadb").stdout == "serves\n"
    assert (here / "html/index.php").is_file()
    copied = here / "html/wp-includes/lodash.js"
    assert not copied.is_symlink()
    assert copied.read_text() == "of another package"


def test_what_is_there_is_kept(here: Path) -> None:
    """A WordPress on the volume is not written over, and its configuration neither."""
    (here / "html/index.php").write_text("mine")
    (here / "html/wp-config.php").write_text("mine too")
    started(here, WORDPRESS_DB_HOST="mariadb")
    assert (here / "html/index.php").read_text() == "mine"
    assert (here / "html/wp-config.php").read_text() == "mine too"
    assert not (here / "html/wp-includes").exists()


def test_no_configuration_without_variables(here: Path) -> None:
    """Then WordPress itself asks for the database, in the browser."""
    started(here)
    assert not (here / "html/wp-config.php").exists()


def test_each_configuration_has_a_secret_of_its_own(here: Path) -> None:
    """Of letters and digits only, so that it cannot end the text around it."""
    secrets = set[str]()
    for _ in range(2):
        (here / "html/wp-config.php").unlink(missing_ok=True)
        started(here, WORDPRESS_DB_HOST="mariadb")
        text = (here / "html/wp-config.php").read_text()
        found = re.search(r"hash_hmac\('sha256', \$name, '(\w{40,})'\)", text)
        assert found
        secrets.add(found[1])
    assert len(secrets) == 2


def test_the_configuration_reads_the_public_images_variables() -> None:
    """Those that students' manifests name, each also as a file."""
    text = (FOLDER / "wp-config.php").read_text()
    named = {f"DB_{name}" for name in ("HOST", "USER", "PASSWORD", "NAME", "CHARSET", "COLLATE")}
    for name in named | {"TABLE_PREFIX", "DEBUG", "CONFIG_EXTRA"}:
        assert f"environment('WORDPRESS_{name}'" in text
    assert "getenv($name . '_FILE')" in text


def test_every_extension_comes_with_a_package() -> None:
    """PHP would warn at each request of one that is not there; opcache comes with the module for Apache."""
    assert RECIPE.debian is not None
    bundled = {"opcache", "pdo", "ctype", "exif", "fileinfo", "iconv", "phar", "posix", "sockets", "tokenizer"}
    brought = {
        "curl": {"curl"},
        "mbstring": {"mbstring"},
        "mysql": {"mysqlnd", "mysqli", "pdo_mysql"},
        "xml": {"dom", "simplexml", "xml", "xmlreader", "xmlwriter"},
    }
    listed = set(re.findall(r"extension = (\w+)\.so", (FOLDER / "php.ini").read_text()))
    known = {name.removeprefix("php8.4-") for name in RECIPE.debian.packages if name.startswith("php8.4-")}
    assert listed == bundled.union(*(brought[name] for name in known))

"""The mirror comes from the machine's own apt sources, whatever else they hold."""

from pathlib import Path

import pytest

from images.aptsources import KEYRING, deb822, mirror, one_line
from images.trouble import Trouble

DEB822 = """\
# the distribution
Types: deb deb-src
# a comment between fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/etc/key.gpg] http://third.example/apt stable main
deb http://mirror.example/debian bookworm main contrib # trailing words
"""


def test_a_deb822_file_is_read() -> None:
    """Continued fields, comments, inline keys and switched-off sources are told apart."""
    first, second = deb822(DEB822)
    assert first.suites == ("bookworm", "bookworm-updates")
    assert first.components == ("main", "contrib")
    assert first.signed_by == "/usr/share/keyrings/debian.gpg"
    assert (second.suites, second.signed_by) == (("bookworm-security",), KEYRING)


def test_a_classic_list_is_read() -> None:
    """Options, comments and source packages of a sources.list are told apart."""
    third, debian = one_line(ONE_LINE)
    assert (third.uri, third.signed_by) == ("http://third.example/apt", "/etc/key.gpg")
    assert (debian.uri, debian.components) == ("http://mirror.example/debian", ("main", "contrib"))


def test_the_distribution_is_found_among_third_parties(tmp_path: Path) -> None:
    """Third parties come first in the folder, and files that apt would not read are not read."""
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "a.list").write_text("deb http://third.example/apt stable main\n", encoding="utf-8")
    (parts / "b.sources.disabled").write_text(DEB822.replace("mirror.example", "wrong.example"), encoding="utf-8")
    (parts / "debian.sources").write_text(DEB822, encoding="utf-8")
    found = mirror(tmp_path, "bookworm")
    assert found.uri == "http://mirror.example/debian"
    assert (
        found.line("forky")
        == "deb [signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian forky main\n"
    )


def test_a_machine_without_the_distribution_is_told(tmp_path: Path) -> None:
    """The sentence names the release and the folder."""
    (tmp_path / "sources.list").write_text("deb http://third.example/apt stable main\n", encoding="utf-8")
    with pytest.raises(Trouble, match="Debian bookworm main"):
        mirror(tmp_path, "bookworm")

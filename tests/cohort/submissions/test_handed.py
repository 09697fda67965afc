"""Submissions: what is read of a folder, a zip file and a revision, and what is refused, by name."""

from __future__ import annotations

import errno
import io
import os
import socket
import stat
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from labgrade import course
from labgrade.cohort.model import BySubmission
from labgrade.cohort.submissions import documents, handed, listing
from labgrade.cohort.submissions.handed import Refused
from labgrade.cohort.submissions.unpacking import Entry
from labgrade.cohort.task import Submission
from labgrade.errors import HarnessError, UsageError
from labgrade.model import Lab

POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


@pytest.fixture(scope="module")
def lab() -> Lab:
    """Any lab will do: only its name matters here."""
    return course.find(None).lab("b01-deployment-labels")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty submission."""
    path = tmp_path / "alice"
    path.mkdir()
    return path


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files and the folders that they need."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip file, with exactly these names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def read(path: Path, lab: Lab, *, several: bool = False, revision: str | None = None) -> Submission:
    """The submission at a path."""
    return handed.read(BySubmission(path, revision), lab, several=several)


def refusal(path: Path, lab: Lab, *, several: bool = False, revision: str | None = None) -> Refused:
    """Why the submission at a path is refused; in both languages."""
    with pytest.raises(Refused) as caught:
        read(path, lab, several=several, revision=revision)
    assert caught.value.why.fr
    assert caught.value.why.en == str(caught.value)
    return caught.value


def git(folder: Path, *words: str, stdin: bytes = b"", **more: str) -> str:
    """What git prints in that repository, with nobody's configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.c",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.c",
        "GIT_COMMITTER_DATE": "2026-02-03T10:20:30+0100",
        **more,
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env=environment, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def committed(folder: Path, files: Mapping[str, bytes]) -> str:
    """The commit of these files in a repository there."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    put(folder, files)
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "-q", "-m", "answer")
    return git(folder, "rev-parse", "HEAD")


FILES = {
    "README.md": b"# mine",
    "steps.sh": b"true\n",
    "service.yaml": POD,
    "9-first.yml": POD,
    "sub/10-second.yaml": POD,
    "100-third.yaml": POD,
    "kind.yaml": b"kind: Cluster\n",
    "kustomization.yaml": b"resources: [/etc/passwd]\n",
    "screenshot.png": b"\x89PNG",
    ".gitkeep": b"",
    ".github/workflows/ci.yaml": b"on: push\n",
}
ORDER = ["kind.yaml", "9-first.yml", "sub/10-second.yaml", "100-third.yaml", "service.yaml", "steps.sh"]


def test_a_folder_is_read_in_the_order_in_which_it_is_applied(folder: Path, lab: Lab) -> None:
    """By leading number, then by name, steps last; what is no answer is named, and what is a tool's is not."""
    put(folder, FILES)
    found = read(folder, lab)
    assert list(found.files) == ORDER
    assert found.files["9-first.yml"] == POD
    assert sorted(found.ignored) == ["README.md", "kustomization.yaml", "screenshot.png"]
    assert found.submitted == ""


def test_folder_zip_and_revision_are_the_same_submission(folder: Path, lab: Lab, tmp_path: Path) -> None:
    """The digest tells what was handed in, not how."""
    put(folder, FILES)
    archive = zipped(tmp_path / "a.zip", FILES)
    inside = zipped(tmp_path / "b.zip", {f"repo-main/{name}": content for name, content in FILES.items()})
    committed(tmp_path / "repo", FILES)
    revision = read(tmp_path / "repo", lab, revision="main")
    found = [read(folder, lab), read(archive, lab), read(inside, lab), revision]
    assert len({each.digest for each in found}) == 1
    assert [list(each.files) for each in found] == [ORDER] * 4
    assert revision.submitted == "2026-02-03T09:20:30Z"
    put(folder, {"9-first.yml": POD + b"#"})
    assert read(folder, lab).digest != found[0].digest


def test_a_bare_repository_and_any_kind_of_revision(lab: Lab, tmp_path: Path) -> None:
    """Tags, branches, commits, and what leads to one."""
    commit = committed(tmp_path / "repo", {"1-a.yaml": POD})
    git(tmp_path / "repo", "tag", "-a", "v1", "-m", "handed in")
    git(tmp_path / "repo", "clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    for path in (tmp_path / "repo", tmp_path / "bare.git"):
        for revision in (commit, commit[:10], "main", "v1", "HEAD"):
            assert list(read(path, lab, revision=revision).files) == ["1-a.yaml"]


@pytest.mark.parametrize("several", [False, True])
def test_a_folder_of_the_labs_name_is_the_answer(folder: Path, lab: Lab, tmp_path: Path, *, several: bool) -> None:
    """What lies beside it is another lab's, whatever it is."""
    files = {f"{lab.id}/10-a.yaml": POD, "d02/20-b.yaml": POD, "d02/huge.yaml": b"#" * (2 << 20)}
    put(folder, files)
    (folder / "d02/link").symlink_to("/etc/passwd")
    committed(tmp_path / "repo", files)
    sources = [(folder, None), (zipped(tmp_path / "a.zip", files), None), (tmp_path / "repo", "main")]
    for path, revision in sources:
        assert list(read(path, lab, several=several, revision=revision).files) == ["10-a.yaml"]


def test_with_several_labs_each_needs_its_folder(folder: Path, lab: Lab, tmp_path: Path) -> None:
    """An answer to another lab is not taken for one to this."""
    files = {"d02/10-a.yaml": POD}
    put(folder, files)
    committed(tmp_path / "repo", files)
    for path, revision in ((folder, None), (zipped(tmp_path / "a.zip", files), None), (tmp_path / "repo", "main")):
        assert f"no folder {lab.id}" in str(refusal(path, lab, several=True, revision=revision))


def test_a_folder_of_the_labs_name_within_one_that_was_packed(lab: Lab, tmp_path: Path) -> None:
    """As code hosts and file managers pack them, with what macOS adds."""
    files = {f"repo-main/{lab.id}/1-a.yaml": POD, "repo-main/README.md": b"", "__MACOSX/repo-main/._1-a.yaml": b"\0"}
    assert list(read(zipped(tmp_path / "a.zip", files), lab, several=True).files) == ["1-a.yaml"]
    alone = zipped(tmp_path / "b.zip", {f"{lab.id}/1-a.yaml": POD})
    assert list(read(alone, lab, several=True).files) == ["1-a.yaml"]


def test_what_is_no_yaml_is_the_students_answer(folder: Path, lab: Lab) -> None:
    """It is not refused: it is wrong."""
    put(folder, {"1-a.yaml": b"kind: [\n"})
    assert list(read(folder, lab).files) == ["1-a.yaml"]


def test_nothing_to_apply_is_refused_with_what_was_there(folder: Path, lab: Lab) -> None:
    """It is more likely a wrong path than an answer."""
    assert "holds no answer" in str(refusal(folder, lab))
    put(folder, {"report.pdf": b"", "deployment.txt": POD})
    assert "only deployment.txt, report.pdf" in str(refusal(folder, lab))


def test_a_path_where_nothing_is(lab: Lab, tmp_path: Path) -> None:
    """The roster is wrong, which is the trainer's to mend: the path is named."""
    for path, revision in ((tmp_path / "nobody", None), (tmp_path / "a.zip", None), (tmp_path / "nobody", "main")):
        with pytest.raises(UsageError, match=str(path)) as caught:
            read(path, lab, revision=revision)
        assert not isinstance(caught.value, Refused)


# Folders


def test_links_are_never_followed(folder: Path, lab: Lab, tmp_path: Path) -> None:
    """Neither to files nor to folders, dangling or not; not even where the answer itself is one."""
    put(tmp_path / "elsewhere", {"10-a.yaml": POD})
    put(folder, {"10-a.yaml": POD})
    (folder / "20-b.yaml").symlink_to(tmp_path / "elsewhere/10-a.yaml")
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    (folder / "README.md").symlink_to("nowhere")
    words = str(refusal(folder, lab))
    for name in ("20-b.yaml", "sub", "README.md"):
        assert f"{name}: is a link" in words
    whole = tmp_path / "whole"
    whole.symlink_to(tmp_path / "elsewhere")
    assert "whole: is a link" in str(refusal(whole, lab))
    outer = tmp_path / "outer"
    outer.mkdir()
    (outer / lab.id).symlink_to(tmp_path / "elsewhere")
    for several in (False, True):
        assert f"{lab.id}: is a link" in str(refusal(outer, lab, several=several))
    archive = tmp_path / "link.zip"
    archive.symlink_to(zipped(tmp_path / "real.zip", {"1-a.yaml": POD}))
    assert "link.zip: is a link" in str(refusal(archive, lab))


def test_a_link_that_appears_while_we_look_is_not_followed(
    folder: Path, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between listing and reading."""
    put(folder, {"sub/10-a.yaml": POD})
    put(tmp_path / "elsewhere", {"10-a.yaml": b"secret: x\n"})
    listed = handed.taken

    def swapped(entries: tuple[object, ...]) -> object:
        (folder / "sub").rename(tmp_path / "gone")
        (folder / "sub").symlink_to(tmp_path / "elsewhere")
        return listed(entries)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(handed, "taken", swapped)
    assert "sub/10-a.yaml: cannot be read" in str(refusal(folder, lab))


def test_hard_links_pipes_and_sockets_are_refused(folder: Path, lab: Lab, tmp_path: Path) -> None:
    """And nobody waits for a pipe."""
    put(tmp_path, {"solution.yaml": POD})
    os.link(tmp_path / "solution.yaml", folder / "10-a.yaml")
    os.mkfifo(folder / "20-b.yaml")
    with socket.socket(socket.AF_UNIX) as door:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path may not be long
        door.bind("30-c.yaml")
        os.chdir(here)
        words = str(refusal(folder, lab))
    assert "10-a.yaml: is also linked" in words
    assert "20-b.yaml: is no regular file" in words
    assert "30-c.yaml: is no regular file" in words


def test_a_repository_of_its_own_is_not_read_but_for_its_hooks(folder: Path, lab: Lab) -> None:
    """Git's samples are everywhere, and are none."""
    put(folder, {"10-a.yaml": POD, ".git/config": b"[core]\n", ".git/objects/pack/x": b"#" * (20 << 20)})
    put(folder, {".git/hooks/pre-commit.sample": b"#!/bin/sh\n", ".git/x.yaml": POD})
    found = read(folder, lab)
    assert (list(found.files), found.ignored) == (["10-a.yaml"], ())
    put(folder, {".git/hooks/post-checkout": b"#!/bin/sh\n"})
    assert ".git/hooks/post-checkout: is a git hook" in str(refusal(folder, lab))


def test_gigantic_files_are_refused_without_being_read(folder: Path, lab: Lab) -> None:
    """A terabyte of nothing takes no time."""
    put(folder, {"10-a.yaml": POD, "20-b.yaml": b"", "film.mp4": b""})
    os.truncate(folder / "20-b.yaml", 1 << 40)
    os.truncate(folder / "film.mp4", 1 << 40)
    words = str(refusal(folder, lab))
    assert "20-b.yaml: is larger than 1 MiB" in words
    assert "film.mp4: is larger than 16 MiB" in words


@pytest.mark.parametrize(("count", "words"), [(1, "1-a.yaml: is larger than 1 MiB"), (9, "larger than 8 MiB in all")])
def test_files_that_are_larger_than_they_were_listed(count: int, words: str) -> None:
    """They are read no further than they may be large."""
    largest = 1 << 20 if count > 1 else 1 << 40

    def content(most: int) -> bytes:
        assert most <= (1 << 20) + 1
        return b"#" * min(most, largest)

    with pytest.raises(Refused, match=words):
        listing.taken([Entry(f"{number}-a.yaml", 10, "file", content) for number in range(1, count + 1)])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({f"{n}-a.yaml": b"#" * (1 << 20) for n in range(9)}, "larger than 8 MiB in all"),
        ({f"{n}-a.yaml": POD for n in range(201)}, "201 files"),
        ({"1-a.yaml": POD, **{f"{n}.txt": b"" for n in range(1001)}}, "1002 files"),
        ({f"{n}.txt": b"#" * (1 << 20) for n in range(17)} | {"1-a.yaml": POD}, "beside the answer"),
        ({"1-a.yaml": b"---\n".join([POD] * 501)}, "501 objects"),
        ({"A.yaml": POD, "a.yaml": POD}, "A.yaml and a.yaml: differ only in case"),
        ({"1-\u00e9.yaml": POD, "1-e\u0301.yaml": POD}, "differ only in case"),
        ({"1-a.yaml": b"a: caf\xe9\n"}, "1-a.yaml: is no text in UTF-8"),
        ({"1-a.yaml": "a: b\n".encode("utf-16")}, "1-a.yaml: is no text in UTF-8"),
        ({"1-a.yaml": b"a: " + b"[" * 200 + b"]" * 200}, "1-a.yaml: is larger than it looks"),
        ({f"{n}-a.yaml": b"a: [" + b"1," * 90_000 + b"1]" for n in range(5)}, "3-a.yaml: is larger than it looks"),
        ({"hooks/pre-receive": b""}, "hooks/pre-receive: is a git hook"),
        ({"/".join(["d"] * 20) + "/1-a.yaml": POD}, "16 folders deep"),
        ({"1-\x1b[31m.yaml": POD}, r"1-\x1b[31m.yaml: the path has characters"),
    ],
    ids=str.split(
        "bytes files others other-bytes objects case accents latin-1 utf-16 depth values hook folders escape"
    ),
)
def test_too_much_and_too_odd(folder: Path, lab: Lab, files: dict[str, bytes], words: str) -> None:
    """Each by name, or by what there is too much of."""
    put(folder, files)
    assert words in str(refusal(folder, lab))


def test_a_name_that_is_no_utf_8(folder: Path, lab: Lab) -> None:
    """It cannot be told apart from others everywhere."""
    (folder / os.fsdecode(b"1-\xff.yaml")).write_bytes(POD)
    assert r"1-\udcff.yaml: the path has characters" in str(refusal(folder, lab))


def test_all_that_is_wrong_is_told_and_no_more_than_fits(folder: Path, lab: Lab) -> None:
    """A student mends it in one go."""
    for number in range(20):
        (folder / f"{number:02}-a.yaml").symlink_to("/etc/passwd")
    words = str(refusal(folder, lab))
    assert words.count("is a link") == 12
    assert words.endswith("and 8 more")


def test_the_first_file_that_is_too_much_is_the_last_that_is_read(
    folder: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others would take as long."""
    put(folder, {f"{number}-a.yaml": b"a: [" + b"1," * 200_000 + b"1]" for number in range(8)})
    asked: list[bytes] = []
    really = documents.read

    def counted(content: bytes) -> documents.Read:
        asked.append(content)
        return really(content)

    monkeypatch.setattr(documents, "read", counted)
    refusal(folder, lab)
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["1-a.yaml", "sub"])
def test_what_we_may_not_look_at(folder: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A folder whose names can be read and no more; root never meets one."""
    put(folder, {"1-a.yaml": POD, "sub/2-b.yaml": POD})
    stat_of = os.stat

    def denied(path: object, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        if path == name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat_of(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", denied)
    assert f"{name}: cannot be read (Permission denied)" in str(refusal(folder, lab))


def test_the_labs_folder_that_we_may_not_open(folder: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor list."""
    put(folder, {f"{lab.id}/1-a.yaml": POD})
    opened = os.open

    def denied(path: object, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == lab.id:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, mode, dir_fd=dir_fd)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", denied)
        assert f"{lab.id}: cannot be read (Permission denied)" in str(refusal(folder, lab))

    def unlisted(_: object) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", unlisted)
    assert ".: cannot be read (Permission denied)" in str(refusal(folder, lab))


# Zip files


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_can_only_be_unpacked_as_a_whole_is_not_unpacked(lab: Lab, tmp_path: Path, method: int) -> None:
    """A kilobyte of such a file may be gigabytes."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("1-a.yaml", POD)
    assert "1-a.yaml: is packed in an unusual way" in str(refusal(tmp_path / "a.zip", lab))


def test_a_zip_file_with_any_fault_is_refused(lab: Lab, tmp_path: Path) -> None:
    """Wherever its bytes are others: in what it holds, in its directory, in its sizes and offsets."""
    whole = zipped(tmp_path / "a.zip", {"1-\u00e9.yaml": POD * 5, "2-b.yaml": POD}).read_bytes()
    faults = Random(7)
    refused = 0
    for _ in range(1500):
        content = bytearray(whole)
        for _ in range(faults.randint(1, 6)):
            content[faults.randrange(len(content))] = faults.randrange(256)
        (tmp_path / "b.zip").write_bytes(content)
        try:
            read(tmp_path / "b.zip", lab)
        except Refused:
            refused += 1
    assert refused > 500


def entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    """An entry of a Unix archive."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("../1-a.yaml", 0, "../1-a.yaml: the path leads out"),
        ("sub/../../1-a.yaml", 0, "the path leads out"),
        ("/etc/cron.d/1-a.yaml", 0, "/etc/cron.d/1-a.yaml: the path leads out"),
        ("C:/1-a.yaml", 0, "C:/1-a.yaml: the path leads out"),
        ("..\\1-a.yaml", 0, "the path leads out"),
        ("sub//1-a.yaml", 0, "is no usual path"),
        ("./1-a.yaml", 0, "is no usual path"),
        ("x" * 600 + ".yaml", 0, "is no usual path"),
        ("1-a.yaml", stat.S_IFLNK | 0o777, "1-a.yaml: is a link"),
        ("sub/", stat.S_IFLNK | 0o777, "sub: is a link"),
        ("1-a.yaml", stat.S_IFIFO | 0o644, "1-a.yaml: is no regular file"),
        ("1-a.yaml", stat.S_IFBLK | 0o644, "1-a.yaml: is no regular file"),
        (".git/hooks/post-merge", 0o100755, ".git/hooks/post-merge: is a git hook"),
        ("repo/.git/hooks/post-merge", 0o100755, "is a git hook"),
    ],
)
def test_entries_of_a_zip_file_that_are_refused(lab: Lab, tmp_path: Path, name: str, mode: int, words: str) -> None:
    """By what the archive says of them: nothing is unpacked."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry(name, mode), "/etc/passwd")
        archive.writestr("2-b.yaml", POD)
    assert words in str(refusal(path, lab))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.zip"]


def test_a_zip_file_with_a_nul_in_a_name(lab: Lab, tmp_path: Path) -> None:
    """Python's reader cuts the name off there; what was written is what counts."""
    content = zipped(tmp_path / "a.zip", {"1-a.yamlX.png": POD}).read_bytes()
    path = tmp_path / "b.zip"
    path.write_bytes(content.replace(b"1-a.yamlX.png", b"1-a.yaml\0.png"))
    assert r"1-a.yaml\x00.png: the path has characters" in str(refusal(path, lab))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_twice_in_a_zip_file(lab: Lab, tmp_path: Path) -> None:
    """Readers differ in which of the two counts."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1-a.yaml", POD)
        archive.writestr("1-a.yaml", b"kind: Other\n")
    assert "1-a.yaml: is there twice" in str(refusal(path, lab))


def test_zip_bombs(lab: Lab, tmp_path: Path) -> None:
    """Declared sizes are believed as little as those who declare them."""
    large = zipped(tmp_path / "a.zip", {"1-a.yaml": b" " * (64 << 20)})
    assert "1-a.yaml: is larger than 1 MiB" in str(refusal(large, lab))
    content = bytearray(large.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + offset
        content[at : at + 4] = (1000).to_bytes(4, "little")
    lying = tmp_path / "b.zip"
    lying.write_bytes(content)
    assert "1-a.yaml: cannot be read" in str(refusal(lying, lab))


def test_a_zip_file_within_one_is_not_opened(lab: Lab, tmp_path: Path) -> None:
    """Nor is there any depth to it."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("2-b.yaml", POD)
    found = read(zipped(tmp_path / "a.zip", {"1-a.yaml": POD, "b.zip": inner.getvalue()}), lab)
    assert (list(found.files), found.ignored) == (["1-a.yaml"], ("b.zip",))


def test_a_zip_file_with_a_password(lab: Lab, tmp_path: Path) -> None:
    """Nobody is asked for one."""
    content = bytearray(zipped(tmp_path / "a.zip", {"1-a.yaml": POD}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    (tmp_path / "b.zip").write_bytes(content)
    assert "1-a.yaml: is encrypted" in str(refusal(tmp_path / "b.zip", lab))


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_zip_file(lab: Lab, tmp_path: Path, content: bytes) -> None:
    """Whatever it is called."""
    (tmp_path / "a.zip").write_bytes(content)
    assert "no zip file" in str(refusal(tmp_path / "a.zip", lab))


def test_a_zip_file_that_was_cut_off_or_changed(lab: Lab, tmp_path: Path) -> None:
    """Uploads break."""
    content = zipped(tmp_path / "a.zip", {"1-a.yaml": os.urandom(2000).hex().encode()}).read_bytes()
    (tmp_path / "b.zip").write_bytes(content[: len(content) // 2])
    assert "no zip file" in str(refusal(tmp_path / "b.zip", lab))
    (tmp_path / "c.zip").write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    assert "1-a.yaml: cannot be read" in str(refusal(tmp_path / "c.zip", lab))


def test_too_many_entries_are_counted_before_they_are_listed(lab: Lab, tmp_path: Path) -> None:
    """A directory of a million entries is as large as it gets."""
    (tmp_path / "a.zip").write_bytes(b"PK\x01\x02" * 30_000)
    assert "more than 20000 files" in str(refusal(tmp_path / "a.zip", lab))
    (tmp_path / "b.zip").write_bytes(b"")
    os.truncate(tmp_path / "b.zip", 1 << 40)
    assert "b.zip: is larger than 32 MiB" in str(refusal(tmp_path / "b.zip", lab))


def test_names_of_programs_that_do_not_say_how_they_write_them(lab: Lab, tmp_path: Path) -> None:
    """UTF-8 without the flag for it is what macOS writes."""
    name = "1-d\u00e9ploiement.yaml"
    content = zipped(tmp_path / "a.zip", {name: POD}).read_bytes()
    data = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        data[data.index(signature) + offset] &= ~0x08
    (tmp_path / "b.zip").write_bytes(data)
    assert list(read(tmp_path / "b.zip", lab).files) == [name]


# Git


@pytest.mark.parametrize("revision", ["-h", "--output=x", "", "a\nb", "x" * 300])
def test_what_is_no_revision(lab: Lab, tmp_path: Path, revision: str) -> None:
    """Least of all an option."""
    committed(tmp_path / "repo", {"1-a.yaml": POD})
    with pytest.raises(UsageError, match="is no revision of a git repository"):
        read(tmp_path / "repo", lab, revision=revision)


@pytest.mark.parametrize("revision", ["mian", "0" * 40, "main:1-a.yaml"])
def test_a_revision_that_is_not_there(lab: Lab, tmp_path: Path, revision: str) -> None:
    """With what to type to see those that are."""
    committed(tmp_path / "repo", {"1-a.yaml": POD})
    with pytest.raises(UsageError, match=r"no revision.*branch --all"):
        read(tmp_path / "repo", lab, revision=revision)


def test_what_is_no_repository_even_within_one(lab: Lab, tmp_path: Path) -> None:
    """The trainer's own, around all submissions, is nobody's answer."""
    committed(tmp_path / "repo", {"1-a.yaml": POD, "alice/1-a.yaml": POD})
    with pytest.raises(UsageError, match="is no git repository"):
        read(tmp_path / "repo/alice", lab, revision="main")


@pytest.mark.parametrize("where", ["file", "link", "commondir"])
def test_a_repository_that_leads_to_another(lab: Lab, tmp_path: Path, where: str) -> None:
    """One student's folder must not show another's work."""
    committed(tmp_path / "bob", {"1-a.yaml": POD})
    alice = tmp_path / "alice"
    committed(alice, {"2-b.yaml": POD})
    if where == "commondir":
        (alice / ".git/commondir").write_text(str(tmp_path / "bob/.git"))
    else:
        (alice / ".git").rename(tmp_path / "gone")
        if where == "file":
            (alice / ".git").write_text(f"gitdir: {tmp_path / 'bob/.git'}\n")
        else:
            (alice / ".git").symlink_to(tmp_path / "bob/.git")
    with pytest.raises(UsageError, match="leads to another folder"):
        read(alice, lab, revision="main")


def test_links_and_submodules_in_a_revision(lab: Lab, tmp_path: Path) -> None:
    """Nothing is checked out, and nothing is fetched."""
    repo = tmp_path / "repo"
    commit = committed(repo, {"1-a.yaml": POD})
    (repo / "2-b.yaml").symlink_to("/etc/passwd")
    git(repo, "add", "2-b.yaml")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    git(repo, "commit", "-q", "-m", "more")
    words = str(refusal(repo, lab, revision="main"))
    assert "2-b.yaml: is a link" in words
    assert "module: is a submodule" in words


@pytest.mark.parametrize("name", ["..", ".git", "sub\\x"])
def test_trees_that_git_itself_would_not_write(lab: Lab, tmp_path: Path, name: str) -> None:
    """They can be made all the same."""
    repo = tmp_path / "repo"
    committed(repo, {"1-a.yaml": POD})
    blob = git(repo, "hash-object", "-w", "--stdin", stdin=POD)
    hooks = git(repo, "mktree", stdin=f"100755 blob {blob}\tpost-checkout\n".encode())
    inner = git(repo, "mktree", stdin=f"100644 blob {blob}\t1-a.yaml\n040000 tree {hooks}\thooks\n".encode())
    raw = b"40000 " + name.encode() + b"\0" + bytes.fromhex(inner)
    outer = git(repo, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)
    commit = git(repo, "commit-tree", outer, "-m", "odd")
    words = str(refusal(repo, lab, revision=commit))
    assert ("is a git hook" if name == ".git" else "the path leads out") in words


def test_a_repository_runs_nothing(lab: Lab, tmp_path: Path) -> None:
    """Neither its hooks nor what its configuration names; and what is missing is not fetched from anywhere."""
    repo, trap = tmp_path / "repo", tmp_path / "sprung"
    command = f"touch {trap}; false"
    committed(repo, {"1-a.yaml": POD, ".gitattributes": b"*.yaml filter=evil diff=evil\n", "2-b.yaml": POD + b"#"})
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        put(repo, {f".git/hooks/{name}": f"#!/bin/sh\n{command}\n".encode()})
        (repo / f".git/hooks/{name}").chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "filter.evil.smudge", "diff.evil.textconv"):
        git(repo, "config", key, command)
    git(repo, "config", "alias.ls-tree", f"!{command}")
    git(repo, "config", "remote.origin.url", f"ext::sh -c '{command}'")
    git(repo, "config", "remote.origin.promisor", "true")
    git(repo, "config", "protocol.ext.allow", "always")
    git(repo, "config", "extensions.partialClone", "origin")
    assert list(read(repo, lab, revision="main").files) == ["1-a.yaml", "2-b.yaml"]
    blob = git(repo, "rev-parse", "main:2-b.yaml")
    (repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageError):
        read(repo, lab, revision="main")
    assert not trap.exists()


def test_the_trainers_own_configuration_and_variables_do_not_matter(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does another repository that the shell stands in."""
    committed(tmp_path / "repo", {"1-a.yaml": POD})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.nonsense")
    assert list(read(tmp_path / "repo", lab, revision="main").files) == ["1-a.yaml"]


def test_a_git_that_hangs_is_ours(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's grade is lost to a slow disk, and nobody waits for ever."""
    committed(tmp_path / "repo", {"1-a.yaml": POD})
    put(tmp_path / "bin", {"git": b"#!/bin/sh\nexec sleep 30\n"})
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr("labgrade.cohort.submissions.revision.SECONDS", 0.3)
    with pytest.raises(HarnessError, match="did not end within"):
        read(tmp_path / "repo", lab, revision="main")

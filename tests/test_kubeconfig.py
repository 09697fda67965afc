"""Kubeconfigs: the good ones arrive whole, the hostile ones in tests/hostile are refused by name."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from labgrade.errors import HarnessError, UsageError
from labgrade.kubeconfig import Access, child_environment, contexts, expired, quoted, read, write

HOSTILE = sorted((Path(__file__).parent / "hostile").glob("*.yaml"))
SERVER = "https://127.0.0.1:6443"

# Made for these tests with openssl, an Ed25519 key each; no cluster has ever trusted them.
CA = """\
-----BEGIN CERTIFICATE-----
MIIBWjCCAQygAwIBAgIUOiz9GIVLid+6fGplwKB8cuEo3S8wBQYDK2VwMBsxGTAX
BgNVBAMMEGxhYmdyYWRlIHRlc3QgQ0EwIBcNMjYxMTIxMDcwNjUwWhgPMjEyNjEw
MjgwNzA2NTBaMBsxGTAXBgNVBAMMEGxhYmdyYWRlIHRlc3QgQ0EwKjAFBgMrZXAD
IQCDwUVns8PQE+Y0vA4BePog/JlktEJtVUYowUb87JoaeqNgMF4wHQYDVR0OBBYE
FItMfmJXdOcr1MKFvt90wuVnPC67MB8GA1UdIwQYMBaAFItMfmJXdOcr1MKFvt90
wuVnPC67MA8GA1UdEwEB/wQFMAMBAf8wCwYDVR0PBAQDAgIEMAUGAytlcANBAIx8
mQaBKNNQsiDSk73ci4u8LSSxDTUAWnZE7SI+iIMWX5kdfYmYHXO+/RP0cKcg9GYF
Cfcm+lPDXpB/SsWzTQY=
-----END CERTIFICATE-----
"""
CERT = """\
-----BEGIN CERTIFICATE-----
MIIBSjCB/aADAgECAhQNc6wRWsDN7BEif/HjQ0C1Vh6/SzAFBgMrZXAwGzEZMBcG
A1UEAwwQbGFiZ3JhZGUgdGVzdCBDQTAgFw0yNDAxMDEwMDAwMDBaGA8yMDk5MDEw
MTAwMDAwMFowHzEdMBsGA1UEAwwUbGFiZ3JhZGUgdGVzdCBjbGllbnQwKjAFBgMr
ZXADIQDubQdBBo814UcxtYNrAfN70OtVuCUZdIZqzN8wC4p2A6NNMEswCQYDVR0T
BAIwADAdBgNVHQ4EFgQUpXEIf9B6jxsfe5LvlXTqz9f4YJMwHwYDVR0jBBgwFoAU
i0x+Yld05yvUwoW+33TC5Wc8LrswBQYDK2VwA0EAi0cRR2/OE0npndQBxocNZGRM
cd272+mEPhQeierJeUg24TD28sgp98LYhNprfdImXWS4rFv8kGXhUhS7BGC4Cg==
-----END CERTIFICATE-----
"""
EXPIRED = """\
-----BEGIN CERTIFICATE-----
MIIBSDCB+6ADAgECAhR/8UBZ3MzUEdD39uhZDas/rLIBkTAFBgMrZXAwGzEZMBcG
A1UEAwwQbGFiZ3JhZGUgdGVzdCBDQTAeFw0yNDAxMDEwMDAwMDBaFw0yNDAyMDEw
MDAwMDBaMB8xHTAbBgNVBAMMFGxhYmdyYWRlIHRlc3QgY2xpZW50MCowBQYDK2Vw
AyEA7m0HQQaPNeFHMbWDawHze9DrVbglGXSGaszfMAuKdgOjTTBLMAkGA1UdEwQC
MAAwHQYDVR0OBBYEFKVxCH/Qeo8bH3uS75V06s/X+GCTMB8GA1UdIwQYMBaAFItM
fmJXdOcr1MKFvt90wuVnPC67MAUGAytlcANBAFs0QCjT0SJ/AQhQ+Rgb1kzKxrUt
oXjIx5d8BID6Fszg09wxkAppmpQW4zVoanGddHm7j/iXgeH/1mQlQcU2Bw0=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIN5JvWWvBovdd0crkBlc9fA/UyBhDpDLwN8BLpujmLQ+
-----END PRIVATE KEY-----
"""

Kubeconfig = Callable[..., Path]


def inline(pem: str) -> str:
    """PEM as a kubeconfig holds it."""
    return base64.b64encode(pem.encode()).decode()


def config(**changes: Any) -> dict[str, Any]:
    """What `kind get kubeconfig --name lab` prints; `changes` replace keys of its cluster or its user."""
    cluster: dict[str, Any] = {"certificate-authority-data": inline(CA), "server": SERVER}
    user: dict[str, Any] = {"client-certificate-data": inline(CERT), "client-key-data": inline(KEY)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kind-lab", "cluster": cluster | changes.get("cluster", {})}],
        "users": [{"name": "kind-lab", "user": changes.get("user", user)}],
        "contexts": [{"name": "kind-lab", "context": {"cluster": "kind-lab", "user": "kind-lab"}}],
        "current-context": "kind-lab",
        "preferences": {},
    }


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Kubeconfig:
    """Writes a kubeconfig: text, bytes or data."""

    def written(content: str | bytes | dict[str, Any]) -> Path:
        file = tmp_path / "student.yaml"
        text = yaml.safe_dump(content) if isinstance(content, dict) else content
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return written


def refusal(file: Path, **how: Any) -> str:
    """The complaint about `file`."""
    with pytest.raises(UsageError) as caught:
        read(file, **how)
    return str(caught.value)


# Hooks cannot be removed, so there is one, and it writes down only while a list is there.
_heard: list[list[str]] = []
_WATCHED = {"open", "os.exec", "os.posix_spawn", "os.system", "socket.connect", "subprocess.Popen"}


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if _heard and event in _WATCHED:
        _heard[-1].append(f"{event} {args[0]}")


sys.addaudithook(_hear)


@pytest.fixture
def deeds() -> Iterator[list[str]]:
    """What Python opens, runs and connects to while the test runs."""
    _heard.append([])
    yield _heard[-1]
    _heard.pop()


@pytest.mark.parametrize("file", HOSTILE, ids=lambda file: file.stem)
def test_a_hostile_file_is_refused_by_name(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deeds: list[str]
) -> None:
    """What is wrong is said, then why and what to type; nothing is run, read or shown raw."""
    monkeypatch.setenv("LABGRADE_CANARY", str(tmp_path / "canary"))
    word = file.read_text().splitlines()[0].removeprefix("# refused: ")
    deeds.clear()
    message = refusal(file)
    assert set(deeds) == {f"open {file}"}
    first, why, remedy = message.split("\n")
    assert first.startswith(f"{file}: ")
    # Without its path, since the file is named after what is wrong with it.
    assert word in first.removeprefix(f"{file}: ")
    assert ("unknown key" in first) is ("unknown key" in word)
    assert why.startswith("  why     ")
    assert remedy.startswith("  try     ")
    assert message.replace("\n", "").isprintable()
    assert "s3cr3t" not in message
    assert not (tmp_path / "canary").exists()


def test_the_hostile_files_are_there() -> None:
    """An empty corpus would prove nothing."""
    assert len(HOSTILE) > 90


def test_the_canary_can_sing(tmp_path: Path) -> None:
    """The command in the corpus leaves its mark when it is run, so a missing mark means something."""
    content = yaml.safe_load((Path(__file__).parent / "hostile" / "exec.yaml").read_text())
    plugin = content["users"][0]["user"]["exec"]
    mark = tmp_path / "canary"
    subprocess.run([plugin["command"], *plugin["args"]], env={**os.environ, "LABGRADE_CANARY": str(mark)}, check=True)
    assert mark.exists()


def test_a_kind_kubeconfig_is_read_whole(kubeconfig: Kubeconfig) -> None:
    """What kind writes is what a student hands in, and nothing of it is lost."""
    access = read(kubeconfig(config()))
    assert access == Access(
        server=SERVER, ca=CA.encode(), cert=CERT.encode(), key=KEY.encode(), token=None, context="kind-lab"
    )


@pytest.mark.parametrize(
    ("user", "has_cert"),
    [
        ({"token": "abc.def-1_2~+/="}, False),
        ({"token": "abc", "client-certificate-data": inline(CERT), "client-key-data": inline(KEY)}, True),
        ({"token": "abc", "client-certificate-data": None, "exec": None, "username": ""}, False),
    ],
    ids=["token", "both", "empty-keys"],
)
def test_tokens_are_credentials_too(kubeconfig: Kubeconfig, user: dict[str, Any], *, has_cert: bool) -> None:
    """A token alone or beside a certificate is fine, and keys that say nothing are as if they were absent."""
    access = read(kubeconfig(config(user=user)))
    assert access.token == user["token"]
    assert (access.cert is not None) is has_cert


@pytest.mark.parametrize(
    "server",
    [
        "https://127.0.0.1:43711",
        "https://127.8.9.10:6443",
        "https://localhost:6443",
        "https://localhost",
        "https://[::1]:6443",
        "https://[0:0:0:0:0:0:0:1]:6443",
        "https://LocalHost:6443/",
    ],
)
def test_this_machine_is_always_allowed(kubeconfig: Kubeconfig, server: str) -> None:
    """Every way to write this machine's own address is one."""
    access = read(kubeconfig(config(cluster={"server": server})))
    assert access.server == server.lower().rstrip("/")


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        ("https://lab.example.org:6443", ["lab.example.org"]),
        ("https://lab.example.org:6443", [" Lab.Example.ORG "]),
        ("https://10.0.0.7:6443", ["10.0.0.8", "10.0.0.7"]),
        ("https://[fd00::7]:6443", ["fd00:0::7"]),
        ("https://[fd00:0::7]:6443", ["[fd00::7]"]),
    ],
)
def test_other_machines_must_be_allowed(kubeconfig: Kubeconfig, server: str, allowed: list[str]) -> None:
    """A host is connected to when the grader has named it, and only then."""
    file = kubeconfig(config(cluster={"server": server}))
    assert read(file, allowed_hosts=allowed).server == server
    assert "LABGRADE_ALLOWED_HOSTS" in refusal(file, allowed_hosts=["", "example.org", "10.0.0.70"])


def test_an_unknown_context_gets_the_nearest(kubeconfig: Kubeconfig) -> None:
    """Whoever mistypes a context is shown the one that was meant, and the others."""
    content = config()
    content["contexts"].append({"name": "prod", "context": {"cluster": "x", "user": "y"}})
    message = refusal(kubeconfig(content), context="kind-lba")
    assert "has no context for the context 'kind-lba'" in message
    assert "the contexts in it are 'kind-lab', 'prod'" in message
    assert "--context 'kind-lab'" in message


def test_contexts_are_listed_without_being_judged(kubeconfig: Kubeconfig) -> None:
    """The list is for messages and choices, so one context that would be refused must not hide the others."""
    content = config(user={"exec": {"command": "aws"}})
    content["contexts"].insert(0, {"name": "first", "context": {}})
    found = contexts(kubeconfig(content))
    assert found.names == ("first", "kind-lab")
    assert found.current == "kind-lab"


def test_a_file_without_contexts_lists_none(kubeconfig: Kubeconfig) -> None:
    """An empty kubeconfig, as kubectl leaves it behind, is no error for the list."""
    empty = "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: ''\nkind: Config\nusers: null\n"
    found = contexts(kubeconfig(empty))
    assert found.names == ()
    assert found.current is None


def test_other_contexts_do_not_matter(kubeconfig: Kubeconfig, tmp_path: Path) -> None:
    """A cloud's exec in the same file is neither a reason to refuse nor copied."""
    content = config()
    content["users"].append({"name": "cloud", "user": {"exec": {"command": "aws"}}})
    content["clusters"].append({"name": "cloud", "cluster": {"server": "https://eks.example.org"}})
    content["contexts"].append({"name": "cloud", "context": {"cluster": "cloud", "user": "cloud"}})
    file = kubeconfig(content)
    text = write(read(file), tmp_path / "ours").read_text()
    assert "aws" not in text
    assert "eks" not in text
    assert "cluster 'cloud' has the server" in refusal(file, context="cloud")


def test_what_says_nothing_is_let_pass(kubeconfig: Kubeconfig) -> None:
    """Extensions, namespaces, compression and verified TLS are common, harmless, and not taken over."""
    content = config(
        cluster={
            "insecure-skip-tls-verify": False,
            "disable-compression": True,
            "extensions": [{"name": "cluster_info", "extension": {"provider": "minikube.sigs.k8s.io"}}],
        }
    )
    content["contexts"][0]["context"]["namespace"] = "kube-system"
    content["contexts"][0]["context"]["extensions"] = [{"name": "context_info", "extension": {"a": 1}}]
    assert read(kubeconfig(content)).server == SERVER


TEXT = yaml.safe_dump(config())


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode(),
        json.dumps(config()).encode(),
    ],
    ids=["bom", "powershell", "crlf", "json"],
)
def test_other_ways_to_write_it_down_are_read(kubeconfig: Kubeconfig, content: bytes) -> None:
    """What an editor or a shell on Windows makes of the file is still the same kubeconfig."""
    assert read(kubeconfig(content)).ca == CA.encode()


def test_pem_is_put_together_anew(kubeconfig: Kubeconfig) -> None:
    """Line ends are ours, several authorities stay several, a curve's name before a key is dropped."""
    curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    odd = (CA + CA).replace("\n", "\r\n")
    user = {"client-certificate-data": inline(CERT), "client-key-data": inline(curve + KEY)}
    access = read(kubeconfig(config(cluster={"certificate-authority-data": inline(odd)}, user=user)))
    assert access.ca == (CA + CA).encode()
    assert access.key == KEY.encode()


def test_a_symlink_is_followed(kubeconfig: Kubeconfig, tmp_path: Path) -> None:
    """Home folders are full of them."""
    link = tmp_path / "link"
    link.symlink_to(kubeconfig(config()))
    assert read(link).server == SERVER


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "is not text"),
        (b"\xff\xfe\xfd", "is not text"),
        (b"a: \x00", "is not text"),
        (b"a: " + b"b" * (1 << 20), "is larger than 1 MiB"),
        (b"a: [" + b"1," * 60_000 + b"]", "has too many entries"),
        (b"%YAML " + b"9" * 5000 + b".1\n--- a", "is not YAML"),
    ],
    ids=["empty", "elf", "encoding", "nul", "large", "wide", "directive"],
)
def test_what_is_no_kubeconfig_at_all(kubeconfig: Kubeconfig, content: bytes, word: str) -> None:
    """A wrong file handed in by mistake gets a sentence, never a traceback."""
    assert word in refusal(kubeconfig(content)).split("\n")[0]


def test_missing_files_and_folders(tmp_path: Path) -> None:
    """What is not there, or is a folder, is said to be so."""
    assert "does not exist" in refusal(tmp_path / "none.yaml")
    assert "is a directory" in refusal(tmp_path)
    assert "cannot be read" in refusal(tmp_path / "nul\0.yaml")


def test_a_file_that_may_not_be_read(kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's file is our user's mistake, not ours."""

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    file = kubeconfig(config())
    monkeypatch.setattr(os, "open", denied)
    assert "cannot be read\n  why     Permission denied" in refusal(file)


@pytest.mark.timeout(10)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_never_waited_for(tmp_path: Path) -> None:
    """A named pipe that nobody writes to must not hold up a cohort."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    assert "is not a regular file" in refusal(pipe)
    assert "is not a regular file" in refusal(Path(os.devnull))


@pytest.mark.timeout(60)
def test_a_bomb_needs_no_memory(kubeconfig: Kubeconfig) -> None:
    """Billions of laughs are refused at the first anchor."""
    bomb = (Path(__file__).parent / "hostile" / "billion-laughs.yaml").read_text()
    tracemalloc.start()
    try:
        refusal(kubeconfig(bomb))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.timeout(60)
def test_long_blanks_in_pem_are_not_searched_for_ever(kubeconfig: Kubeconfig) -> None:
    """Half a megabyte of nothing between BEGIN and no END costs no more than reading it."""
    endless = inline("-----BEGIN CERTIFICATE-----" + "\n" * 500_000)
    assert "has no PEM" in refusal(kubeconfig(config(cluster={"certificate-authority-data": endless})))


def test_complaints_survive_odd_file_names(tmp_path: Path) -> None:
    """A file name, too, comes from elsewhere and could clear the screen."""
    assert "\x1b" not in refusal(tmp_path / "\x1b[2J.yaml")


def test_quoted_names_are_harmless() -> None:
    """Escapes, line ends, turned writing and great length are shown, not obeyed."""
    assert quoted("kind-lab") == "'kind-lab'"
    assert quoted("\x1b[31m\n\u202e") == r"'\x1b[31m\n\u202e'"
    assert len(quoted("x" * 100_000)) < 100


def test_credentials_are_not_shown(kubeconfig: Kubeconfig) -> None:
    """An Access in a log or a traceback gives nothing away."""
    shown = repr(read(kubeconfig(config(user={"token": "s3cr3t"}))))
    assert "s3cr3t" not in shown
    assert "BEGIN" not in shown


def test_a_traceback_does_not_quote_the_file() -> None:
    """PyYAML's own complaint shows the line, and the line may hold a token."""
    with pytest.raises(UsageError) as caught:
        read(Path(__file__).parent / "hostile" / "secret-in-broken-line.yaml")
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("user", [{"token": "abc"}, None], ids=["token", "certificate"])
def test_what_is_written_reads_back(kubeconfig: Kubeconfig, tmp_path: Path, user: dict[str, str] | None) -> None:
    """The file for children says the same as the one it was made from, under a name of ours."""
    access = read(kubeconfig(config(user=user) if user else config()))
    ours = write(access, tmp_path / "ours")
    again = read(ours)
    assert (again.server, again.ca, again.cert) == (access.server, access.ca, access.cert)
    assert (again.key, again.token) == (access.key, access.token)
    assert again.context == "grader"
    assert contexts(ours).names == ("grader",)


def test_a_hostile_context_name_is_not_written(kubeconfig: Kubeconfig, tmp_path: Path) -> None:
    """What is shell to testinfra stays out of every command line, since children see only our own name."""
    content = config()
    name = '$(touch "$LABGRADE_CANARY")`id`\n\x1b[2J'
    content["contexts"][0]["name"] = content["current-context"] = name
    access = read(kubeconfig(content))
    assert access.context == name
    assert "touch" not in write(access, tmp_path / "ours").read_text()


def test_only_the_owner_may_read_it(kubeconfig: Kubeconfig, tmp_path: Path) -> None:
    """Whatever the umask, and also where a looser file or a link stood in its place."""
    access = read(kubeconfig(config()))
    ours = tmp_path / "ours"
    ours.mkdir()
    (tmp_path / "elsewhere").write_text("untouched")
    (ours / "kubeconfig.yaml").symlink_to(tmp_path / "elsewhere")
    before = os.umask(0)
    try:
        written = write(access, ours)
    finally:
        os.umask(before)
    assert stat.S_IMODE(written.lstat().st_mode) == 0o600
    assert (tmp_path / "elsewhere").read_text() == "untouched"
    assert [file.name for file in ours.iterdir()] == ["kubeconfig.yaml"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_reads_what_we_write(kubeconfig: Kubeconfig, tmp_path: Path) -> None:
    """The file is one by kubectl's own judgement."""
    ours = write(read(kubeconfig(config())), tmp_path)
    shown = subprocess.run(
        ["kubectl", "config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"],
        env=child_environment(ours, os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == SERVER


def test_openssl_takes_the_pair(kubeconfig: Kubeconfig, tmp_path: Path) -> None:
    """Certificate and key as rebuilt are what Python's TLS loads for a connection."""
    access = read(kubeconfig(config()))
    assert access.cert
    assert access.key
    pair = tmp_path / "pair.pem"
    pair.write_bytes(access.cert + access.key)
    ssl.create_default_context(cadata=access.ca.decode()).load_cert_chain(pair)


def test_children_see_only_our_kubeconfig(tmp_path: Path) -> None:
    """Proxies, kubectl's preferences, editors and diffs of the caller do not reach the children."""
    proxies = dict.fromkeys(("HTTP_PROXY", "https_proxy", "All_Proxy", "ALL_PROXY"), "http://proxy")
    kubectl = {
        "KUBECTL_EXTERNAL_DIFF": "sh",
        "KUBE_EDITOR": "sh",
        "KUBERC": "/home/me/kuberc",
        "KUBECONFIG": "x:y",
    }
    base = {"PATH": "/bin", "HOME": "/home/me"}
    assert child_environment(tmp_path / "k.yaml", base | proxies | kubectl) == {
        **base,
        "KUBECONFIG": str(tmp_path / "k.yaml"),
        "KUBERC": "off",
        "KUBECTL_KUBERC": "false",
    }


def test_a_path_that_reads_as_a_list_is_refused() -> None:
    """KUBECONFIG is a list, and a second entry in it would be a file that nobody wrote."""
    with pytest.raises(HarnessError, match="list"):
        child_environment(Path(f"/tmp/a{os.pathsep}b.yaml"), {})


NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pem", "ended"),
    [
        (EXPIRED, datetime(2024, 2, 1, tzinfo=UTC)),
        (CERT, None),
        (EXPIRED + CERT, datetime(2024, 2, 1, tzinfo=UTC)),
    ],
    ids=["expired", "valid", "chain"],
)
def test_an_expired_certificate_is_known(pem: str, ended: datetime | None) -> None:
    """The date is told before the API server answers a puzzling "Unauthorized"."""
    access = Access(server=SERVER, ca=b"", cert=pem.encode(), key=b"", token=None, context="x")
    assert expired(access, NOW) == ended
    assert expired(access, datetime(2199, 1, 1, tzinfo=UTC)) == (ended or datetime(2099, 1, 1, tzinfo=UTC))


def test_a_token_does_not_expire_here() -> None:
    """Without a certificate there is no date to tell."""
    access = Access(server=SERVER, ca=b"", cert=None, key=None, token="x", context="x")
    assert expired(access, NOW) is None


def test_a_date_that_cannot_be_read_is_unknown() -> None:
    """Any cut or changed certificate has no date rather than a wrong one or a traceback."""
    der = base64.b64decode("".join(EXPIRED.split("\n")[1:-2]))
    endless = der[:1] + b"\x80" + der[4:]
    for broken in [endless, *(der[:cut] for cut in range(100))]:
        body = base64.b64encode(broken)
        pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"
        access = Access(server=SERVER, ca=b"", cert=pem, key=b"", token=None, context="x")
        assert expired(access, NOW) is None

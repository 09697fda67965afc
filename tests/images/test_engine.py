"""Where the engine's files lie, what others read of it, and how it is told from a stranger."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from images import contract, host, processes
from images.engine import Engine, answers
from images.places import Places, of_this_user
from images.recipes import all_recipes
from images.teardown import mounts_below
from images.trouble import Trouble


def places(tmp_path: Path) -> Places:
    """The places of an engine in a folder of the test."""
    return Places(cache=tmp_path / "images", engine=tmp_path / "engine")


def test_the_contract_holds_what_others_need(tmp_path: Path) -> None:
    """engine.json names address, tools, node images, the labs' images, the patch and what is missing, no more."""
    here = places(tmp_path)
    here.engine.mkdir()
    second = {"node_image": None, "chart": "/chart"}
    whole = contract.contents(here, tmp_path / "bin", "docker.io/kindest/node:v1-abc", all_recipes(), second)
    contract.write(here, whole)
    read = json.loads(here.contract.read_text(encoding="utf-8"))
    assert list(read) == ["schema", "docker_host", "path", "node_image", "images", "kubeadm_patches", "lacks", "cilium"]
    assert read["schema"] == "labgrade/engine/v1"
    assert read["docker_host"] == f"unix://{here.socket}"
    assert "docker.io/library/busybox:1.36" in read["images"]
    assert "failCgroupV1: false" in read["kubeadm_patches"][0]
    assert "cilium-envoy" in read["lacks"]
    assert read["cilium"] | second == read["cilium"]
    assert read["cilium"]["prepare"][1:] == ["-m", "images", "cilium"]
    assert (Path(read["cilium"]["cwd"]) / "images/__main__.py").is_file()
    assert [path.name for path in here.engine.iterdir()] == ["engine.json"]


def test_the_node_images_of_earlier_builds_go(tmp_path: Path) -> None:
    """All but the named ones, with Cilium or without; images of other names stay."""
    here = places(tmp_path)
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/log\n'
        'case "$*" in *"kindest/node") printf "v1-old\\nv1-new\\nv1-cilium-new\\nv1-cilium-old\\n";; esac\n'
    )
    docker.chmod(0o755)
    Engine(here, tmp_path).keep_only("docker.io/kindest/node:v1-new", "docker.io/kindest/node:v1-cilium-new")
    removed = [line.split()[-1] for line in (tmp_path / "log").read_text().splitlines() if " rmi " in line]
    assert removed == ["kindest/node:v1-old", "kindest/node:v1-cilium-old"]


def test_a_deep_cache_gets_a_short_socket(tmp_path: Path) -> None:
    """Sockets lie inside the engine's folder where that is short enough for the kernel, else below /run."""
    assert Places(tmp_path, Path("/c/engine")).run == Path("/c/engine/run")
    deep = Places(tmp_path, Path("/c") / ("x" * 90) / "engine")
    assert deep.run.parent == Path("/run")
    assert deep.run != Places(tmp_path, Path("/d") / ("x" * 90) / "engine").run


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME counts only as an absolute path, as its specification says."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert of_this_user().engine == tmp_path / ".cache/labgrade/engine"


def test_a_running_process_is_recognised(tmp_path: Path) -> None:
    """A note of a process that runs is believed."""
    processes.record(tmp_path / "note", os.getpid())
    found = processes.recorded(tmp_path / "note")
    assert found is not None
    assert found.pid == os.getpid()


@pytest.mark.parametrize("text", ["", "{}", "{", '{"pid": 1, "began": null}', f'{{"pid": {os.getpid()}, "began": 1}}'])
def test_a_stale_note_is_not_believed(tmp_path: Path, text: str) -> None:
    """A damaged note, or one whose process id has gone to another process since, names nobody."""
    (tmp_path / "note").write_text(text, encoding="ascii")
    assert processes.recorded(tmp_path / "note") is None
    assert processes.recorded(tmp_path / "absent") is None


def test_a_process_is_ended_and_stays_so(tmp_path: Path) -> None:
    """Ending waits for the end, and a second time does nothing."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        processes.record(tmp_path / "note", child.pid)
        found = processes.recorded(tmp_path / "note")
        assert found is not None
        processes.end([found], patience=10)
        assert child.wait(5) != 0
        processes.end([found], patience=10)
    assert processes.recorded(tmp_path / "note") is None


def test_only_our_own_programs_are_ours(tmp_path: Path) -> None:
    """A process counts when its program lies in our folder, not when it merely names the folder."""
    tools = tmp_path / "tools"
    tools.mkdir()
    program = tools / "dockerd"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with (
        subprocess.Popen([program, "60"]) as ours,
        subprocess.Popen(["/bin/sh", "-c", f"sleep 60 # {tools}/dockerd"]) as other,
    ):
        found = [process.pid for process in processes.running(tools, ["dockerd"])]
        ours.kill()
        other.kill()
    assert found == [ours.pid]


def test_a_socket_that_nobody_serves_does_not_answer(tmp_path: Path) -> None:
    """A stale socket file, and none, are no engine."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(path))
    assert not answers(f"unix://{path}")
    assert not answers(f"unix://{tmp_path / 'absent'}")


def test_an_engine_of_the_user_is_preferred(tmp_path: Path) -> None:
    """A Docker engine that answers is used, unless the user asks for ours by name."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        address = f"unix://{path}"
        assert host.other_engine(places(tmp_path), {"DOCKER_HOST": address}) == address
        assert host.other_engine(places(tmp_path), {"DOCKER_HOST": address, "LABGRADE_ENGINE": "own"}) is None
        thread.join()


def serve(server: socket.socket) -> None:
    """Answer one ping as Docker does."""
    line, _ = server.accept()
    with line:
        line.recv(1000)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")


def test_the_release_is_read() -> None:
    """The codename is found with and without quotes, and its absence is said."""
    assert host.release('NAME="Debian"\nVERSION_CODENAME=bookworm\n') == "bookworm"
    assert host.release('VERSION_CODENAME="trixie"\n') == "trixie"
    with pytest.raises(Trouble, match="VERSION_CODENAME"):
        host.release("NAME=Debian\n")


def test_inner_mounts_go_first() -> None:
    """Mounts below the engine's folder are listed from the inside out, with spaces decoded; its neighbours are not."""
    text = "\n".join(f"1 2 0:1 / {point} rw - tmpfs tmpfs rw" for point in ("/e/run", "/e/run/a\\040b", "/engine", "/"))
    assert mounts_below(Path("/e"), text) == ["/e/run/a b", "/e/run"]

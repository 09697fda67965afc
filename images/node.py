"""The node image: Debian with systemd, kind's own files, Kubernetes, and every image preloaded."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from images.archive import Image, save
from images.debian import Wanted
from images.trouble import Trouble, call

VERSION = "v1.36.3"
DEBIAN = Wanted(
    "bookworm",
    (
        *("systemd", "systemd-sysv", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool"),
        *("util-linux", "mount", "kmod", "libseccomp2", "pigz", "e2fsprogs", "bash", "ca-certificates"),
        *("curl", "jq", "procps", "socat", "hostname", "findutils"),
    ),
    essential=True,
)
ESSENTIAL = Wanted("bookworm", (), essential=True)
RUNTIME = Wanted("forky", ("containerd", "containernetworking-plugins"), alone=True)
RUNC = Wanted("bookworm", ("runc",), alone=True)
SERVICES = ("kubelet.service", "containerd.service", "undo-mount-hacks.service")
PLUGINS = ("bridge", "host-local", "loopback", "portmap", "ptp")
MANIFEST = Path(__file__).with_name("node") / "default-cni.yaml"


def kind_settings(module: Path) -> dict[str, str]:
    """The string constants of kind's storage set-up: image names and the manifest that uses them."""
    text = (module / "pkg/build/nodeimage/const_storage.go").read_text(encoding="utf-8")
    known = dict(re.findall(r'^const (\w+) = "([^"]+)"$', text, re.MULTILINE))
    found = re.search(r"^const defaultStorageManifest = `(.*?)`\n\s*$", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise Trouble("kind's module holds no storage manifest where its version 0.33 has it.")
    known["manifest"] = re.sub(r"` \+ (\w+) \+ `", lambda name: known[name[1]], found[1])
    return known


def furnish_root(root: Path) -> None:
    """Make systemd in a Debian root start nothing that a container cannot have."""
    wants = root / "lib/systemd/system"
    (wants / "sysinit.target.wants/systemd-tmpfiles-setup.service").unlink(missing_ok=True)
    unwanted = [
        *wants.glob("multi-user.target.wants/*"),
        *(root / "etc/systemd/system").glob("*.wants/*"),
        *wants.glob("local-fs.target.wants/*"),
        *wants.glob("sockets.target.wants/*udev*"),
        *wants.glob("sockets.target.wants/*initctl*"),
        *wants.glob("basic.target.wants/*"),
    ]
    for link in unwanted:
        link.unlink()
    with (root / "etc/systemd/journald.conf").open("a", encoding="ascii") as settings:
        settings.write("ReadKMsg=no\n")
    mask = root / "etc/systemd/system/systemd-binfmt.service"
    mask.unlink(missing_ok=True)
    mask.symlink_to("/dev/null")


def kind_files(module: Path, root: Path) -> None:
    """Copy the files that kind's own base image adds to Debian."""
    source = module / "images/base/files"
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        name = path.relative_to(source)
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if "bin" in name.parts else 0o644)
    configuration = root / "etc/containerd/config.toml"
    text = configuration.read_text(encoding="utf-8")
    # Such hosts lack CAP_SYS_RESOURCE: lowering a score fails, and with it every Pod of the control plane.
    relaxed = text.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
    if relaxed == text:
        raise Trouble("kind's containerd configuration has no restrict_oom_score_adj any more.")
    configuration.write_text(relaxed, encoding="utf-8")


def services(root: Path) -> None:
    """Enable kind's services, as `systemctl enable` does."""
    units = root / "etc/systemd/system"
    for name in SERVICES:
        text = (units / name).read_text(encoding="utf-8")
        for target in " ".join(re.findall(r"^WantedBy=(.+)$", text, re.MULTILINE)).split():
            folder = units / f"{target}.wants"
            folder.mkdir(exist_ok=True)
            (folder / name).symlink_to(f"/etc/systemd/system/{name}")


def programs(debian: Path, binaries: Path, root: Path) -> None:
    """Container runtime, CNI plugins and Kubernetes; `debian` holds the unpacked packages."""
    for name in ("containerd", "containerd-shim-runc-v2", "ctr"):
        _install(debian / "usr/bin" / name, root / "usr/local/bin" / name)
    _install(debian / "usr/sbin/runc", root / "usr/local/sbin/runc")
    for name in PLUGINS:
        _install(debian / "usr/lib/cni" / name, root / "opt/cni/bin" / name)
    _install(binaries / "k8s-node", root / "usr/bin/k8s-node")
    for name in ("kubeadm", "kubectl", "kubelet"):
        (root / "usr/bin" / name).symlink_to("k8s-node")


def settings(module: Path, debian: Path, root: Path) -> None:
    """What kind writes while it makes a node image: version, manifests, the runtime's basic specification."""
    (root / "kind/manifests").mkdir(parents=True)
    (root / "etc/kubernetes/manifests").mkdir(parents=True)
    (root / "kind/version").write_text(VERSION, encoding="ascii")
    shutil.copyfile(MANIFEST, root / "kind/manifests/default-cni.yaml")
    (root / "kind/manifests/default-storage.yaml").write_text(kind_settings(module)["manifest"], encoding="utf-8")
    specification = json.loads(call([debian / "usr/bin/ctr", "oci", "spec"]))
    specification.setdefault("hooks", {}).setdefault("createContainer", []).append(
        {"path": "/kind/bin/mount-product-files.sh"}
    )
    specification["process"].pop("rlimits", None)
    (root / "etc/containerd/cri-base.json").write_text(json.dumps(specification, indent=1), encoding="utf-8")


def preload(images: Sequence[Image], debian: Path, root: Path, state: Path) -> None:
    """Unpack images into the store that the node's containerd will find.

    Raises Trouble with containerd's own words when one cannot be imported.
    """
    with _containerd(debian, root / "var/lib/containerd", state) as ctr:
        command = [*ctr, "-n", "k8s.io", "images", "import", "--local", "--discard-unpacked-layers"]
        command += ["--no-unpack=false", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as load:
            assert load.stdin is not None
            save(images, load.stdin)
            load.stdin.close()
        if load.returncode != 0:
            raise Trouble(f"containerd did not take the images; its log is {state / 'log'}.")
        # Unpacked layers are only thrown away when something is collected, which the last removal waits for.
        tag = f"{images[0].tags[0]}"
        call([*ctr, "-n", "k8s.io", "images", "tag", tag, "labgrade/none:v1"])
        call([*ctr, "-n", "k8s.io", "images", "rm", "--sync", "labgrade/none:v1"])
    shutil.rmtree(root / "var/lib/containerd/tmpmounts", ignore_errors=True)


@contextmanager
def _containerd(debian: Path, store: Path, state: Path) -> Generator[list[str]]:
    """A containerd over `store` that only imports, and the ctr command that speaks to it."""
    state.mkdir(parents=True)
    unneeded = [f"io.containerd.{name}" for name in ("grpc.v1.cri", "cri.v1.images", "cri.v1.runtime")]
    configuration = state / "config.toml"
    configuration.write_text(
        f'version = 3\nroot = "{store}"\nstate = "{state}"\ndisabled_plugins = {json.dumps(unneeded)}\n'
        f'[grpc]\n  address = "{state}/c.sock"\n',
        encoding="utf-8",
    )
    ctr = [str(debian / "usr/bin/ctr"), "-a", f"{state}/c.sock"]
    with (state / "log").open("wb") as log:
        daemon = subprocess.Popen([debian / "usr/bin/containerd", "-c", configuration], stdout=log, stderr=log)
    try:
        for _ in range(60):
            if subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.25)
        yield ctr
    finally:
        daemon.terminate()
        daemon.wait(20)


def _install(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)

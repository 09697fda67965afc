"""python -m images up | cilium | run -- CMD... | down | probe | csi"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from images import csi, host, locks, places, probe, teardown
from images.build import Build
from images.engine import Engine
from images.places import Places
from images.progress import Progress
from images.trouble import Misuse, Trouble

GOOD, MISUSE, BROKEN = 0, 2, 3
FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main(words: Sequence[str]) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m images", description="A Docker engine and kind node image of our own."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="make what is missing and start the engine")
    commands.add_parser("cilium", help="up, with the second node image, which holds Cilium's images too")
    run = commands.add_parser("run", help="up, then a command; ends the engine afterwards if it started it")
    run.add_argument("words", nargs="+", metavar="CMD", help="the command and its arguments, after --")
    commands.add_parser("down", help="end the engine and remove all it left; the cache stays")
    commands.add_parser("probe", help="the probe's image as archives, for wheels and for other engines; needs Go")
    commands.add_parser("csi", help="a CSI driver that has volumes grow and takes snapshots, to install; needs Go")
    given = parser.parse_args(words)
    here, progress = places.of_this_user(), Progress()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        match given.command:
            case "up":
                return _up(here, progress)
            case "cilium":
                return _cilium(here, progress)
            case "probe":
                return _probe(progress)
            case "csi":
                return _csi(here, progress)
            case "run":
                return _run(here, progress, given.words)
            case _:
                return _down(here, progress)
    except Misuse as trouble:
        print(trouble, file=sys.stderr)
        return MISUSE
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("Interrupted; what was made so far is kept.", file=sys.stderr)
        return 128 + signal.SIGINT


def _up(here: Places, progress: Progress) -> int:
    if (address := host.other_engine(here)) is not None:
        progress.say(f"a Docker engine answers at {address}: nothing to do here")
        return GOOD
    _raise_if_missing()
    with locks.alone(here, progress):
        Build(here, progress).up()
        (here.engine / "ends-with-its-users").unlink(missing_ok=True)
    progress.say(f"the engine is up; {here.contract} says how to reach it")
    return GOOD


def _cilium(here: Places, progress: Progress) -> int:
    if (address := host.other_engine(here)) is not None:
        progress.say(f"a Docker engine answers at {address}, which pulls Cilium itself: nothing to do here")
        return GOOD
    _raise_if_missing()
    with locks.alone(here, progress):
        started_it = not _already_up(here)
        Build(here, progress).up(with_cilium=True)
        if started_it:  # else it ends with those who use it, as before
            (here.engine / "ends-with-its-users").unlink(missing_ok=True)
    progress.say("the node image with Cilium is there")
    return GOOD


def _probe(progress: Progress) -> int:
    for architecture in probe.ARCHITECTURES:
        with progress.step(f"the probe's image for {architecture}", about=30):
            probe.make(architecture)
    return GOOD


def _csi(here: Places, progress: Progress) -> int:
    kit = csi.made(here, progress)
    print(f"kind load image-archive {kit.archive} --name NAME && kubectl apply -f {kit.manifests}")
    return GOOD


def _run(here: Places, progress: Progress, words: Sequence[str]) -> int:
    if (address := host.other_engine(here)) is not None:
        progress.say(f"a Docker engine answers at {address}: running the command with it")
        return _child(words, os.environ)
    _raise_if_missing()
    users = locks.Users(here)
    started_it = False
    try:
        with locks.alone(here, progress):
            build = Build(here, progress)
            started_it = not _already_up(here)
            users.enter(started_it=started_it)
            engine = build.up()
        return _child(words, engine.environment)
    finally:
        with locks.alone(here, progress):
            if users.leave():
                teardown.down(here, progress)


def _down(here: Places, progress: Progress) -> int:
    if os.geteuid() != 0:
        raise Trouble("Ending an engine needs root, as starting it did; run the same command with sudo.")
    with locks.alone(here, progress):
        teardown.down(here, progress)
    return GOOD


def _raise_if_missing() -> None:
    if (sentence := host.missing()) is not None:
        raise Trouble(sentence)


def _already_up(here: Places) -> bool:
    return here.socket.exists() and Engine(here, here.cache).answers()


def _terminated(number: int, _: FrameType | None) -> None:
    """Leave as after an error, so that whatever was started is ended."""
    raise SystemExit(128 + number)


def _child(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the user's command in our terminal; signals sent to us alone reach it, Ctrl-C it gets by itself."""
    try:
        child = subprocess.Popen(words, env=environment)
    except OSError as error:
        raise Misuse(f"{words[0]} cannot be run: {error.strerror}.") from error

    def forward(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    old = {number: signal.signal(number, forward) for number in FORWARDED}
    old[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = child.wait()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

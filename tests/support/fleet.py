"""Real Dask schedulers and workers as processes on loopback, with TLS, each of which can be killed or frozen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.cohort.workers.scheduler import Certificates
from labgrade.patience import until

PEM = Path(__file__).parent / "pem"
CERTIFICATES = Certificates(PEM / "dask.pem", PEM / "dask.pem", PEM / "dask-key.pem")
STANDIN = Path(__file__).parent / "standin.py"
SECONDS = 30


@dataclass
class Fleet:
    """A scheduler and its workers; or workers of one that is there, at `address`."""

    folder: Path
    course: Path
    preload: Path | None = STANDIN
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def scheduler(self, *more: str) -> subprocess.Popen[bytes]:
        """Starts it; `address` is where it listens."""
        file = self.folder / "scheduler.json"
        words = ("--host", "tls://127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        process = self._start("scheduler", *words, "--dashboard-address", "127.0.0.1:0", *more)
        assert until(lambda: file.exists() and file.read_text().endswith("}"), seconds=SECONDS), self.words()
        self.address = json.loads(file.read_text())["address"]
        return process

    def worker(self, *more: str, course: Path | None = None, threads: int = 4) -> subprocess.Popen[bytes]:
        """Starts one without a nanny: what is killed stays dead."""
        words = ("--no-nanny", "--host", "127.0.0.1", "--nthreads", str(threads), "--memory-limit", "0")
        preload = ("--preload", str(self.preload)) if self.preload else ()
        local = ("--no-dashboard", "--local-directory", str(self.folder), *preload)
        return self._start("worker", self.address, *words, *local, *more, course=course)

    def _start(self, kind: str, *words: str, course: Path | None = None) -> subprocess.Popen[bytes]:
        tls = ("--tls-ca-file", str(PEM / "dask.pem"), "--tls-cert", str(PEM / "dask.pem"))
        key = ("--tls-key", str(PEM / "dask-key.pem"))
        environment = {
            **os.environ,
            "LABGRADE_COURSE": str(course or self.course),
            "STANDIN_RECORD": str(self.folder / "record"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        with (self.folder / "words").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, *tls, *key],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def words(self) -> str:
        """What they all printed."""
        return (self.folder / "words").read_text(errors="replace")

    def record(self, what: str) -> list[tuple[str, int]]:
        """What the stand-ins kept of one kind: whom, and in which process."""
        file = self.folder / "record"
        lines = [line.split(" ") for line in (file.read_text() if file.exists() else "").splitlines()]
        return [(whom, int(pid)) for kind, whom, pid in lines if kind == what]

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends every process by its id, and those that are frozen too."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


def freeze(process: subprocess.Popen[bytes]) -> None:
    """It neither answers nor ends."""
    process.send_signal(signal.SIGSTOP)

"""The way to a Dask scheduler: where it may be, who it must be, and one sentence where it cannot be reached."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from labgrade.cohort.workers import worker
from labgrade.cohort.workers.extra import Client, FatalCommClosedError, Security
from labgrade.errors import HarnessError, UsageError

PORT = 8786
CONNECT_SECONDS = 8.0
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files; None: as Dask's own configuration has it."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    """None beside a `cert`: the key is in that file too."""


def checked(address: str) -> str:
    """The address, if credentials may travel there; UsageError with what to type instead."""
    scheme, there, rest = address.partition("://")
    if not there:
        scheme, rest = "", address
    parts = urlsplit(f"//{rest}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.path or parts.username:
        raise UsageError(f"--scheduler {address}: this is no address; write tls://HOST:{PORT}")
    better = f"{_in_url(host)}:{port or PORT}"
    if port is None or scheme not in ("tls", "tcp"):
        raise UsageError(f"--scheduler {address}: an address has a scheme, a host and a port: tls://{better}")
    if scheme == "tcp" and not loopback(address):
        raise UsageError(
            f"--scheduler {address}: what students handed in and the keys to their clusters would travel unencrypted; "
            f"start the scheduler with certificates and write tls://{better}"
        )
    return address


def loopback(address: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def connected(address: str, certificates: Certificates) -> Client:
    """A client of the scheduler there, for this event loop.

    UsageError where the files are wrong; HarnessError where the scheduler is not reached, not trusted, does not trust
    us, or is of another version than this machine; within some 15 seconds.
    """
    security = _security(address, certificates)
    _quiet()
    client = Client(address, security=security, asynchronous=True, set_as_default=False, timeout=CONNECT_SECONDS)
    try:
        async with asyncio.timeout(CONNECT_SECONDS + 1):
            await cast("Any", client)
        async with asyncio.timeout(ANSWER_SECONDS):
            await _alike(address, client)
    except (OSError, ImportError, ValueError, AssertionError, MemoryError) as error:
        # What is no scheduler at all may say what Dask takes for the length of a message of many gigabytes.
        await left(client)
        raise HarnessError(_why(address, error)) from error
    except BaseException:
        await left(client)
        raise
    return client


async def left(client: Client) -> None:
    """The scheduler forgets the client and its tasks."""
    leaving: Any = client.close(timeout=2)
    # Where the scheduler has gone before, Dask raises again whatever its lost connection did.
    with suppress(Exception):
        await leaving


async def workers(client: Client) -> dict[str, dict[str, Any]]:
    """What the scheduler knows of its workers, by address; OSError where it is not reached."""
    there: Any = client.scheduler
    identity = await there.identity(n_workers=-1)
    return identity["workers"]


async def run(client: Client, function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """What the function gives on each of `workers`, by address, or raises there."""
    running: Any = client.run(function, *arguments, **more)
    return await running


def _security(address: str, certificates: Certificates) -> Security | None:
    given = {
        "tls_ca_file": certificates.ca,
        "tls_client_cert": certificates.cert,
        "tls_client_key": certificates.key,
    }
    for option, path in zip(("--tls-ca", "--tls-cert", "--tls-key"), given.values(), strict=True):
        if path is not None and not path.is_file():
            raise UsageError(f"{option} {path}: there is no such file")
    if not address.startswith("tls:"):
        return None
    security = Security(require_encryption=True, **{name: str(path) for name, path in given.items() if path})
    if not security.tls_ca_file or not security.tls_client_cert:
        raise UsageError(
            f"--scheduler {address}: TLS needs an authority and a certificate of it; give --tls-ca, --tls-cert and "
            "--tls-key, or put them into Dask's configuration under distributed.comm.tls"
        )
    try:
        security.get_connection_args("client")
    except (ssl.SSLError, OSError) as error:
        names = ", ".join(str(path) for path in (security.tls_ca_file, security.tls_client_cert) if path)
        raise UsageError(f"these are no certificates with their key: {names} ({error})") from error
    return security


def _quiet() -> None:
    """What Dask would print of itself would tear the screen; what matters of it is told as a sentence."""
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"distributed\.")


def _why(address: str, error: BaseException) -> str:
    """One sentence."""
    causes = list(_causes(error))
    words = " ".join(str(cause) for cause in causes)
    if "WRONG_VERSION_NUMBER" in words or "cannot convert to SSL" in words:  # it answered a greeting, or spoke first
        return f"what answers at {address} does not speak TLS: start the scheduler with --tls-ca-file and its kin"
    if any(isinstance(cause, FatalCommClosedError | ssl.SSLError) for cause in causes) or "SSL" in words:
        return (
            f"the scheduler at {address} and this machine do not accept each other's certificates: "
            "--tls-ca must be the authority of both, and no certificate may have expired"
        )
    last = str(causes[-1]).splitlines() or ["what is there says nothing that Dask would say"]
    return f"no Dask scheduler answers at {address}: {last[0]}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__


async def _alike(address: str, client: Client) -> None:
    """HarnessError where the scheduler is of another version than we are."""
    there: Any = client.scheduler
    found = (await there.versions(packages=[]))["packages"].get("distributed")
    ours = worker.versions()["distributed"]
    if found != ours:
        raise HarnessError(
            f"the scheduler at {address} is Dask {found}, and this machine has {ours}: install the same "
            "labgrade[dask] on every machine"
        )
    try:
        asking: Any = client.run_on_scheduler(worker.versions)
        theirs = await asking
    except Exception as error:  # whatever its Python says of a module that it lacks
        raise HarnessError(f"the scheduler at {address} cannot use labgrade there: {_first_line(error)}") from error
    if theirs["labgrade"] != worker.versions()["labgrade"]:
        raise HarnessError(
            f"the scheduler at {address} has labgrade {theirs['labgrade']}, and this machine has "
            f"{worker.versions()['labgrade']}: install the same on every machine"
        )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

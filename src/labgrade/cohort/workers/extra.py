"""What we use of Dask, which is an optional part of the installation."""

from __future__ import annotations

from labgrade.errors import UsageError

try:
    from distributed import Client, Security, Worker, WorkerPlugin
    from distributed.client import FutureCancelledError
    from distributed.comm.core import FatalCommClosedError
except ImportError as error:
    raise UsageError(
        f'--scheduler needs Dask, and {error.name or "it"} is not installed: pip install "labgrade[dask]"'
    ) from error

__all__ = ["Client", "FatalCommClosedError", "FutureCancelledError", "Security", "Worker", "WorkerPlugin"]

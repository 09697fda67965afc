"""An id for every run."""

from __future__ import annotations

import secrets


def new_run() -> str:
    """Eight random hex digits: what a run made is known by them, and nobody can forge them beforehand."""
    return secrets.token_hex(4)

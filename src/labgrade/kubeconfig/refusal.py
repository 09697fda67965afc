"""How a kubeconfig is refused: what was found and where, why that is not used, and what to type instead."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from labgrade.errors import UsageError

FRESH = "kind get kubeconfig --name NAME > FILE"
INLINE = "kubectl config view --raw --minify --flatten --context NAME > FILE"
_LONGEST = 80
_MOST = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A kubeconfig and, if it is about one, the entry in it."""

    file: Path
    entry: str = ""

    def refusal(self, found: str, why: str, instead: str = FRESH) -> UsageError:
        """The error to raise: the place and `found` in the first line, then the reason and the remedy."""
        entry = f"{self.entry} " if self.entry else ""
        return UsageError(f"{_path(self.file)}: {entry}{found}\n  why     {why}\n  try     {instead}")

    def unknown(self, found: str, name: str, known: Collection[str]) -> UsageError:
        """Likewise for a name that is not there: the nearest one that is, and the others."""
        names = [*known][:_MOST]
        listed = ", ".join(quoted(each) for each in names) + (", …" if len(known) > _MOST else "")
        # Long names cost difflib seconds, and nobody means one of them by a typing mistake.
        candidates = [each for each in known if len(each) <= _LONGEST][:1000]
        close = difflib.get_close_matches(name[:_LONGEST], candidates, n=1, cutoff=0.5)
        instead = f"--context {quoted(close[0])}" if close else "--context with one of those"
        return self.refusal(found, f"the contexts in it are {listed}", instead)


def quoted(name: str) -> str:
    """A name from a kubeconfig for people to read: in quotes, cut if long, without terminal escapes."""
    return repr(name) if len(name) <= _LONGEST else f"{name[:_LONGEST]!r}…"


def _path(file: Path) -> str:
    return str(file) if str(file).isprintable() else repr(str(file))


_RUNS = "a kubeconfig from elsewhere must not run a program on the grader's machine"
_FILES = "a kubeconfig from elsewhere must not choose which of the grader's files are read and sent away"
_WEAK = "a kind cluster never needs it, and the password would be sent along with every request"
_AS = "the work is graded as the user whom the certificate or the token names, not as somebody else"

USER_REFUSED: dict[str, tuple[str, str]] = {
    "exec": (f"it names a program that makes the credentials, and {_RUNS}", FRESH),
    "auth-provider": (f"it can name a program that makes the credentials, and {_RUNS}", FRESH),
    "client-certificate": (f"it is a file path: {_FILES}", INLINE),
    "client-key": (f"it is a file path: {_FILES}", INLINE),
    "tokenFile": (f"it is a file path: {_FILES}", INLINE),
    "username": (_WEAK, FRESH),
    "password": (_WEAK, FRESH),
    "as": (_AS, FRESH),
    "as-uid": (_AS, FRESH),
    "as-groups": (_AS, FRESH),
    "as-user-extra": (_AS, FRESH),
}
"""Keys of a user that are understood and not used."""

CLUSTER_REFUSED: dict[str, tuple[str, str]] = {
    "certificate-authority": (f"it is a file path: {_FILES}", INLINE),
    "proxy-url": ("all that is said to the cluster would pass through a machine that the file chose", FRESH),
    "insecure-skip-tls-verify": ("anybody could pose as the cluster and be graded instead of it", FRESH),
    "tls-server-name": ("the cluster must prove to be the host that `server` names, not another one", FRESH),
}
"""Likewise of a cluster; `insecure-skip-tls-verify: false` says nothing and is let pass."""

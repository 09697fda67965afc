"""A probe that a cluster keeps out: for a rule that its student made, or for want of rights of our own."""

from __future__ import annotations

import re

from labgrade.cluster.api import ApiError
from labgrade.errors import Unmet
from labgrade.text import Text

RULES = re.compile(
    r"exceeded quota|failed quota|violates PodSecurity|denied the request|denied request"
    r"|(minimum|maximum) \S+ usage|max limit to request ratio|\bmust specify\b"
)
"""What quotas, limit ranges, Pod Security and admission policies say; a refusal for want of rights says otherwise."""


def kept_out(error: ApiError, namespace: str) -> Unmet | None:
    """The student's failure, where a rule in their namespace refused a probe; None for every other error.

    The rule is as much a part of the answer as a policy is: it keeps others out, too.
    """
    # A webhook that names no code of its own is passed on as 400.
    if error.status not in (400, 403, 422) or not RULES.search(str(error)):
        return None
    return Unmet(
        Text(
            en=f"namespace {namespace} lets no probe in: {error}",
            fr=f"le namespace {namespace} ne laisse entrer aucune sonde : {error}",
        ),
        wanted=Text(
            en="room for one small Pod that meets Pod Security level restricted, without requests or limits",
            fr="de la place pour un petit Pod conforme au niveau de Pod Security restricted, sans requests ni limits",
        ),
        try_=f"kubectl describe quota,limits -n {namespace}",
    )

"""Whom to ask about which kind of object."""

from __future__ import annotations

from labgrade.facts import Fact, PersistentVolumeClaim, Pod, Service, Workload
from labgrade.text import Text
from labgrade.why.claims import why_unbound
from labgrade.why.pods import why_not_ready
from labgrade.why.services import why_leads_nowhere
from labgrade.why.workloads import why_incomplete


def why(fact: Fact) -> Text | None:
    """What keeps this object from being as it should be; None where it is, or nothing tells.

    Pods, workloads, Services and claims are known. Never raises HarnessError for what it could not read besides.
    """
    match fact:
        case _ if not fact.exists:
            return None
        case Pod():
            return why_not_ready(fact)
        case Workload():
            return why_incomplete(fact)
        case Service():
            return why_leads_nowhere(fact)
        case PersistentVolumeClaim():
            return why_unbound(fact)
        case _:
            return None

"""Traffic, tried for real: questions, who asks them from where, and verdicts that tell silence from refusal."""

from labgrade.probe.answer import Answer, Question, Verdict, dns, http, tcp, udp
from labgrade.probe.enforcement import Network
from labgrade.probe.pod import OTHER_PORT, PORT, ProbePod
from labgrade.probe.prober import Flows, Prober
from labgrade.probe.sources import Sources
from labgrade.probe.table import Cell, Table

__all__ = [
    "OTHER_PORT",
    "PORT",
    "Answer",
    "Cell",
    "Flows",
    "Network",
    "ProbePod",
    "Prober",
    "Question",
    "Sources",
    "Table",
    "Verdict",
    "dns",
    "http",
    "tcp",
    "udp",
]

"""Traffic, tried for real: questions, the Pod that asks them, and verdicts that tell silence from refusal."""

from labgrade.probe.answer import Answer, Question, Verdict, dns, http, tcp
from labgrade.probe.pod import PORT, ProbePod
from labgrade.probe.prober import Prober

__all__ = ["PORT", "Answer", "ProbePod", "Prober", "Question", "Verdict", "dns", "http", "tcp"]
